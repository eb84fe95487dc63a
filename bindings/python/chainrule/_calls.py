"""The calls of hot loops, a step and a prediction: through the compiled module ``_direct`` where installation could
build it, else through cffi. Handles and arrays are given as addresses, which ``address`` tells."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np

from ._errors import check, raise_failure
from ._library import ffi, lib

_direct: Any
try:
    _direct = import_module("chainrule._direct")
except ImportError:
    _direct = None


def address(pointer: Any) -> int:
    """Where a handle or an array of the library lies; 0 for NULL."""
    return int(ffi.cast("uintptr_t", pointer))


if _direct is not None:
    _direct.connect(
        address(lib.chainrule_trainer_step), address(lib.chainrule_model_predict), raise_failure, np.ndarray, np.empty
    )
    step = _direct.step
    step_arrays = _direct.step_arrays
    predict = _direct.predict
    predict_array = _direct.predict_array
else:

    def step(trainer: int, batch: tuple[int, int, int]) -> float:
        """One update; the loss before it."""
        loss = ffi.new("double *")
        arrays = [ffi.cast("chainrule_array *", array) for array in batch]
        check(lib.chainrule_trainer_step(ffi.cast("chainrule_trainer *", trainer), *arrays, loss))
        return float(loss[0])

    def step_arrays(trainer: int, x: Any, y: Any) -> None:
        """The same for two NumPy arrays that the library can read in place; None for all that it refuses."""

    def predict(model: int, inputs: int, outputs: int, answer: Any) -> Any:
        """Fills the outputs, and returns ``answer``."""
        arrays = [ffi.cast("chainrule_array *", array) for array in (inputs, outputs)]
        check(lib.chainrule_model_predict(ffi.cast("chainrule_model *", model), *arrays))
        return answer

    def predict_array(model: int, x: Any, tail: tuple[int, ...], dtype: Any) -> None:
        """A new array [batch, *tail] for an array that the library can read in place; None for all that it refuses."""
