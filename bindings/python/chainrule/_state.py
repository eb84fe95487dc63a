"""A model's parameters: reading and writing them, files, pickling."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from typing import Any, NamedTuple, Optional, Union

import numpy as np

from ._arrays import as_array, as_real
from ._build import TensorInfo, check_seed, get_parameter, own_model, set_parameter
from ._errors import FileError, MissingFileError, check, failure
from ._library import ffi, lib

Path = Union[str, bytes, "os.PathLike[str]", "os.PathLike[bytes]"]


class Keys(NamedTuple):
    """Names that a state dict lacks, and names that the model doesn't know."""

    missing: list[str]
    unexpected: list[str]


class State:
    """What a model offers around its parameters."""

    _handle: Any
    _dtype: np.dtype
    _parameters: list[TensorInfo]

    def state_dict(self) -> dict[str, np.ndarray]:
        """Copies of all parameters and constants, under PyTorch's names and shapes."""
        copies = {}
        for info in self._parameters:
            values = np.empty(info.shape, info.dtype)
            get_parameter(self._handle, info.name, values)
            copies[info.name] = values
        return copies

    def load_state_dict(self, state: Mapping[str, Any], strict: bool = True) -> Keys:
        """Copies arrays (or tensors in CPU memory) into the parameters of the same names. Nothing is
        changed if a shape doesn't fit, or if ``strict`` and the names differ (KeyError)."""
        known = {info.name: info for info in self._parameters}
        missing = [name for name in known if name not in state]
        unexpected = [name for name in state if name not in known]
        if strict and (missing or unexpected):
            raise KeyError(f"the state dict lacks {missing or 'nothing'} and has unexpected {unexpected or 'nothing'}")
        values = {}
        for name, value in state.items():
            if name not in known:
                continue
            if hasattr(value, "detach"):  # a PyTorch parameter, which wants a gradient
                value = value.detach()
            array = as_real(as_array(value, name), name, self._dtype)
            if array.shape != known[name].shape:
                raise ValueError(f"{name} must have shape {known[name].shape}; got {array.shape}")
            values[name] = array
        for name, array in values.items():
            set_parameter(self._handle, name, array)
        return Keys(missing, unexpected)

    def initialize(self, seed: int = 0) -> None:
        """Draws all initial weights anew."""
        check(lib.chainrule_model_initialize(self._handle, check_seed(seed)))

    def save(self, path: Path) -> None:
        """Writes one safetensors file with the parameters and the model's description. The old file
        survives any failure (OSError)."""
        check_file(lib.chainrule_model_save(self._handle, file_name(path)), path, folder_of(path))

    def load_weights(self, path: Path, strict: bool = True) -> None:
        """Reads parameters from any safetensors file with tensors of the right names and shapes, such as
        a PyTorch state dict. Unless ``strict``, other names may be missing or left over."""
        check_file(lib.chainrule_model_load_parameters(self._handle, file_name(path), 1 if strict else 0), path)

    def _serialize(self) -> bytes:
        length = ffi.new("size_t *")
        check(lib.chainrule_model_serialize(self._handle, ffi.NULL, 0, length))
        buffer = bytearray(length[0])
        check(lib.chainrule_model_serialize(self._handle, ffi.from_buffer(buffer), len(buffer), length))
        return bytes(buffer)


def file_name(path: Path) -> bytes:
    """A path as the library takes it."""
    name = os.fsencode(path)
    if b"\0" in name:
        raise ValueError(f"a path cannot hold a zero byte; got {path!r}")
    return name


def check_file(status: int, path: Path, needed: Optional[Path] = None) -> None:
    """As check, with the file's name in the error; FileNotFoundError where the file (or the folder
    ``needed`` instead) isn't there."""
    if status:
        error = failure(status)
        if isinstance(error, FileError):
            if not os.path.exists(path if needed is None else needed):
                missing = MissingFileError(str(error))
                missing.__dict__.update(error.__dict__)
                error = missing
            error.filename = os.fspath(path)
            # The library hands the system's reason on as the system's own text.
            error.errno = next((number for number in errno.errorcode if os.strerror(number) == error.got), None)
        raise error


def folder_of(path: Path) -> bytes:
    """The folder that a file is to be written into."""
    return os.path.dirname(os.path.abspath(os.fsencode(path)))


def load_model(path: Path) -> Any:
    """The handle of a model read from a file."""
    pointer = ffi.new("chainrule_model **")
    check_file(lib.chainrule_model_load(file_name(path), pointer), path)
    return own_model(pointer)


def metadata(path: Path) -> dict[str, str]:
    """The texts in the header of a safetensors file (that the library has already accepted)."""
    import json

    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        return dict(json.loads(file.read(length)).get("__metadata__", {}))


def deserialize(data: bytes) -> Any:
    """The handle of a model read from the bytes of such a file."""
    pointer = ffi.new("chainrule_model **")
    check(lib.chainrule_model_deserialize(ffi.from_buffer(data), len(data), pointer))
    return own_model(pointer)


def trainer_bytes(trainer: Any) -> bytes:
    """A trainer's checkpoint (model, optimizer state, random state, position) as bytes."""
    import tempfile  # 5 ms, and seldom needed

    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "checkpoint")
        check_file(lib.chainrule_trainer_save(trainer, file_name(path)), path, folder)
        with open(path, "rb") as file:
            return file.read()


def load_trainer(path: Path) -> tuple[Any, Any]:
    """The handles of a model and its trainer, read from a checkpoint."""
    model = ffi.new("chainrule_model **")
    trainer = ffi.new("chainrule_trainer **")
    check_file(lib.chainrule_trainer_load(file_name(path), model, trainer), path)
    return own_model(model), ffi.gc(trainer[0], lib.chainrule_trainer_free)


def trainer_from_bytes(data: bytes) -> tuple[Any, Any]:
    """The same from the bytes of a checkpoint."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "checkpoint")
        with open(path, "wb") as file:
            file.write(data)
        return load_trainer(path)
