"""The calls of hot loops, a step and a prediction: through the compiled module ``_direct`` where installation could
build it, else through cffi. Handles and arrays are given as ``address`` says."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np

from ._errors import raise_failure
from ._library import ffi, lib

_direct: Any
try:
    _direct = import_module("chainrule._direct")
except ImportError:
    _direct = None

if _direct is not None:

    def address(pointer: Any) -> Any:
        """Where a handle or an array of the library lies, as the functions here take it; false for NULL."""
        return int(ffi.cast("uintptr_t", pointer))

    _direct.connect(
        address(lib.chainrule_trainer_step), address(lib.chainrule_model_predict), raise_failure, np.ndarray, np.empty
    )
    step = _direct.step
    step_arrays = _direct.step_arrays
    predict = _direct.predict
    predict_array = _direct.predict_array
else:
    _step = lib.chainrule_trainer_step
    _predict = lib.chainrule_model_predict
    _double = ffi.typeof("double *")

    def address(pointer: Any) -> Any:
        """The pointer itself: what cffi takes."""
        return pointer

    def step(trainer: Any, batch: tuple[Any, Any, Any]) -> float:
        """One update; the loss before it."""
        loss = ffi.new(_double)
        status = _step(trainer, *batch, loss)
        if status:
            raise_failure(status)
        return loss[0]  # type: ignore[no-any-return]

    def step_arrays(trainer: Any, x: Any, y: Any) -> None:
        """The same for two NumPy arrays that the library can read in place; None for all that it refuses."""

    def predict(model: Any, inputs: Any, outputs: Any, answer: Any) -> Any:
        """Fills the outputs, and returns ``answer``."""
        status = _predict(model, inputs, outputs)
        if status:
            raise_failure(status)
        return answer

    def predict_array(model: Any, x: Any, tail: tuple[int, ...], dtype: Any) -> None:
        """A new array [batch, *tail] for an array that the library can read in place; None for all that it refuses."""
