"""The predicting face of a model. ``predict`` is called in hot loops: its first lines are the path for an array that
the library can read in place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Optional, Union

import numpy as np

from ._arrays import Views, as_labels, as_list, as_real, check_in_place
from ._build import TensorInfo
from ._calls import address, predict, predict_array
from ._errors import check
from ._library import lib

Arrays = Union[np.ndarray, tuple[np.ndarray, ...]]


class Inference:
    """What a model offers for computing outputs."""

    _handle: Any
    _dtype: np.dtype
    _inputs: list[TensorInfo]
    _outputs: list[TensorInfo]
    _address: Any
    #: The shape of a sample of the only output, where each sample of the only input makes one; None for other models.
    _direct_tail: Optional[tuple[int, ...]]

    def predict(self, x: Any = None) -> Any:
        """The model's output for inputs ``x`` [batch, ...]: a new array [batch, ...] of the model's dtype,
        or a tuple of them. A model with several inputs takes a list of arrays.

        Any number of threads may predict on one model at once. Raises ValueError where a shape doesn't
        fit, TypeError for numbers that would be changed by conversion, BusyError during another thread's
        training.
        """
        if self._direct_tail is not None:
            result = predict_array(self._address, x, self._direct_tail, self._dtype)
            if result is not None:
                return result
        arrays = self._as_inputs(x)
        results = self._new_outputs(arrays)
        check(lib.chainrule_model_predict(self._handle, Views(arrays).pointer, Views(results).pointer))
        return results[0] if len(results) == 1 else tuple(results)

    def prepare_predict(self, x: Any, *, reuse: bool = True) -> Callable[[], Any]:
        """A function without arguments that predicts for these very arrays, whatever they hold by then:
        0.2 us over the library's own time. Unless ``reuse`` is false it writes into one array (or tuple
        of arrays), which it returns each time. Raises TypeError for what would have to be converted first,
        such as lists and integers: it would not see what is written there."""
        arrays = self._as_inputs(x)
        check_in_place(arrays, as_list(x, len(self._inputs), "inputs"), "x")
        inputs = Views(arrays)
        results = self._new_outputs(arrays)
        outputs = Views(results)
        model, source, target = self._address, address(inputs.pointer), address(outputs.pointer)
        answer = results[0] if len(results) == 1 else tuple(results)

        def run(predict: Any = predict, keep: Any = (self, inputs, outputs)) -> Any:
            return predict(model, source, target, answer)

        run()

        def run_copying() -> Any:
            run()
            return answer.copy() if isinstance(answer, np.ndarray) else tuple(array.copy() for array in answer)

        return run if reuse else run_copying

    def _find_direct_tail(self) -> None:
        shapes = [info.shape for info in (*self._inputs, *self._outputs)]
        batched = len(self._inputs) == 1 == len(self._outputs) and all(shape[:1] == (-1,) for shape in shapes)
        is_plain = batched and min(shapes[1][1:], default=0) >= 0 and self._outputs[0].dtype == self._dtype
        self._direct_tail = shapes[1][1:] if is_plain else None

    def _as_inputs(self, x: Any, name: str = "x") -> list[np.ndarray]:
        values = as_list(x, len(self._inputs), "inputs")
        names = [name] if len(values) == 1 else [f"{name}[{index}]" for index in range(len(values))]
        return [
            as_real(value, what, self._dtype) if info.dtype.kind == "f" else as_labels(value, what, "whole numbers")
            for value, what, info in zip(values, names, self._inputs)
        ]

    def _new_outputs(self, inputs: list[np.ndarray]) -> list[np.ndarray]:
        batch = 0
        for array, info in zip(inputs, self._inputs):
            if info.shape and info.shape[0] < 0:
                batch = array.shape[0] if array.ndim else 0
                break
        return [np.empty([batch if size < 0 else size for size in info.shape], info.dtype) for info in self._outputs]
