"""From what the caller has (NumPy, DLPack, lists) to what the library takes (chainrule_array).

Real arrays go through as they are, float32 or float64, contiguous or strided: the library reads them
in place. Only what it cannot read is converted, and only where no number changes.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, Optional

import numpy as np

from ._library import NULL, ffi

FLOAT32 = np.dtype(np.float32)
FLOAT64 = np.dtype(np.float64)
INT32 = np.dtype(np.int32)
INT64 = np.dtype(np.int64)
CODES: dict[np.dtype, int] = {FLOAT32: 1, FLOAT64: 2, INT32: 3, INT64: 4}
TYPES: dict[int, np.dtype] = {code: dtype for dtype, code in CODES.items()}
MAX_RANK = 8

_from_buffer = ffi.from_buffer
_ARRAYS = ffi.typeof("chainrule_array[]")


def as_array(value: Any, what: str) -> np.ndarray:
    """Anything that NumPy or DLPack understands, as an array; without a copy where possible."""
    masked = sys.modules.get("numpy.ma")  # whoever has a masked array has imported it, which takes 10 ms
    if masked is not None and isinstance(value, masked.MaskedArray):
        raise TypeError(f"{what} is a masked array; fill it first (array.filled())")
    if isinstance(value, np.ndarray):
        return value
    if hasattr(value, "__dlpack__"):
        try:
            return np.from_dlpack(value)
        except (BufferError, RuntimeError, TypeError, ValueError, AssertionError, AttributeError) as error:
            array = _through_array_method(value)  # what DLPack cannot say, such as a type of its own
            if array is not None:
                return array
            raise TypeError(
                f"{what} is a {type(value).__module__}.{type(value).__name__} that NumPy cannot read through "
                f"DLPack: {error} (it must be in CPU memory and need no gradient)"
            ) from error
    try:
        return np.asarray(value)
    except ValueError as error:  # a ragged list
        raise ValueError(f"{what} is not an array: {error}") from None


def _through_array_method(value: Any) -> Optional[np.ndarray]:
    """What the object's own __array__ gives; None if there is none, or it cannot either."""
    if not hasattr(value, "__array__"):
        return None
    try:
        return np.asarray(value)
    except Exception:  # the caller reports why DLPack failed
        return None


def check_in_place(arrays: Sequence[np.ndarray], values: Sequence[Any], what: str) -> None:
    """Raises TypeError unless the library will read the caller's own memory: what a prepared call needs,
    which is to see what is written there later."""
    for array, value in zip(arrays, values):
        if array is not value and array.size and not np.may_share_memory(array, as_array(value, what)):
            given = f"{value.dtype} array" if isinstance(value, np.ndarray) else type(value).__name__
            raise TypeError(
                f"{what} must be readable in place: an aligned array of float32 or float64 (labels: int32 or int64) "
                f"in this machine's byte order; got {given}. Convert it first, and prepare the result"
            )


def as_real(value: Any, what: str, dtype: np.dtype) -> np.ndarray:
    """An array of float32 or float64. Whole numbers are converted to the model's dtype if it can hold
    them exactly; anything that would lose something raises TypeError."""
    array = as_array(value, what)
    kind = array.dtype.kind
    if kind == "f":
        if array.dtype.itemsize > 8:
            raise TypeError(f"{what} is {array.dtype}; convert it to float64 yourself, it loses digits")
        if array.dtype.itemsize == 2:
            array = array.astype(FLOAT32)  # exact
    elif kind in "iub":
        limit = 2**24 if dtype == FLOAT32 else 2**53
        if array.dtype.itemsize >= 4 and array.size and max(int(array.max()), -int(array.min())) > limit:
            raise TypeError(
                f"{what} holds whole numbers beyond {limit}, which {dtype} cannot hold exactly; "
                "convert it to a floating-point type yourself"
            )
        array = array.astype(dtype)
    else:
        raise TypeError(f"{what} must hold real numbers; got {array.dtype}")
    return _readable(array, what)


def as_labels(value: Any, what: str, contents: str = "class labels") -> np.ndarray:
    """An array of int32 or int64."""
    array = as_array(value, what)
    if array.dtype.kind not in "iu":
        raise TypeError(f"{what} must hold {contents} of an integer type; got {array.dtype}")
    if array.dtype.kind == "u" and array.dtype.itemsize == 8:
        if array.size and int(array.max()) > 2**63 - 1:
            raise TypeError(f"{what} holds labels beyond 2**63, which int64 cannot hold")
        array = array.astype(INT64)
    elif array.dtype.kind == "u" and array.dtype.itemsize == 4:
        array = array.astype(INT64)
    elif array.dtype.itemsize < 4:
        array = array.astype(INT32)
    return _readable(array, what)


def _readable(array: np.ndarray, what: str) -> np.ndarray:
    """Native byte order, aligned, at most eight dimensions, no subclass."""
    if array.ndim > MAX_RANK:
        raise ValueError(f"{what} has {array.ndim} dimensions; at most {MAX_RANK} are allowed")
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    if not array.flags.aligned or any(stride % array.itemsize for stride in array.strides):
        array = array.copy()
    return array


def fill(view: Any, array: np.ndarray) -> None:
    """Points a chainrule_array at an array's memory. The array must outlive every use of the view."""
    rank = array.ndim
    view.dtype = CODES[array.dtype]
    view.rank = rank
    if rank:
        view.shape[0:rank] = array.shape
    if array.flags.c_contiguous:
        view.strided = 0
        view.data = _from_buffer(array)
    else:
        view.strided = 1
        view.strides[0:rank] = array.strides
        view.data = ffi.cast("void *", array.__array_interface__["data"][0])


class Views:
    """C array of chainrule_array over NumPy arrays, which it keeps alive. ``pointer`` is NULL for none."""

    __slots__ = ("arrays", "pointer")

    def __init__(self, arrays: Sequence[np.ndarray]) -> None:
        self.arrays = tuple(arrays)
        self.pointer = ffi.new(_ARRAYS, len(self.arrays)) if self.arrays else NULL
        for index, array in enumerate(self.arrays):
            fill(self.pointer[index], array)


def as_list(value: Any, count: int, what: str) -> list[Any]:
    """One value for each of a model's ``count`` inputs or outputs: the value itself where there is one,
    a sequence of that many where there are several."""
    if count == 1:
        return [value]
    if count == 0:
        if value is None:
            return []
        raise ValueError(f"the model takes no {what}; got {type(value).__name__}")
    if not isinstance(value, (list, tuple)):
        raise TypeError(f"the model has {count} {what}: give a list of {count} arrays; got {type(value).__name__}")
    if len(value) != count:
        raise ValueError(f"the model has {count} {what}; got {len(value)} arrays")
    return list(value)
