"""One level down: forward, backward, gradients, for those who write the training loop themselves."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from ._arrays import Views, as_list, as_real
from ._build import TensorInfo
from ._errors import StateError, check, make_error
from ._library import NULL, ffi, lib


class Loop:
    """What a model offers for loops of one's own. Each thread has activations and gradients of its own."""

    _handle: Any
    _dtype: np.dtype
    _inputs: list[TensorInfo]
    _outputs: list[TensorInfo]
    _parameters: list[TensorInfo]
    _contexts: threading.local
    _as_inputs: Any
    _new_outputs: Any

    def _context(self) -> Any:
        try:
            return self._contexts.handle
        except AttributeError:
            pointer = ffi.new("chainrule_context **")
            check(lib.chainrule_context_create(self._handle, pointer))
            self._contexts.handle = ffi.gc(pointer[0], lib.chainrule_context_free)
            self._contexts.shapes = None
            return self._contexts.handle

    def forward(self, x: Any = None, training: bool = False) -> Any:
        """The model's output for inputs ``x``, as from predict, keeping what backward needs. With
        ``training`` dropout is active."""
        context = self._context()
        arrays = self._as_inputs(x)
        self._contexts.shapes = None
        check(lib.chainrule_context_forward(context, Views(arrays).pointer, 1 if training else 0))
        results = self._new_outputs(arrays)
        for index, result in enumerate(results):
            check(lib.chainrule_context_output(context, index, Views([result]).pointer))
        self._contexts.shapes = [array.shape for array in arrays]
        return results[0] if len(results) == 1 else tuple(results)

    def backward(self, output_gradient: Any = None) -> Any:
        """From the gradient of the loss in the output of the last forward pass (None: ones) to those in
        the parameters, which are added to what is there (``gradients()``), and in the input, which is
        returned: an array of the input's shape, a tuple for several inputs, None for none or one of whole numbers."""
        context = self._context()
        shapes = self._contexts.shapes
        if shapes is None:
            raise make_error(StateError, "backward needs a forward pass on this thread before it")
        pointer = NULL
        if output_gradient is not None:
            values = as_list(output_gradient, len(self._outputs), "outputs")
            views = Views([as_real(value, "output_gradient", self._dtype) for value in values])
            pointer = views.pointer
        check(lib.chainrule_context_backward(context, pointer))
        results: list[Any] = []
        for index, (shape, info) in enumerate(zip(shapes, self._inputs)):
            result = np.empty(shape, self._dtype) if info.dtype.kind == "f" else None
            if result is not None:
                check(lib.chainrule_context_input_gradient(context, index, Views([result]).pointer))
            results.append(result)
        if not results:
            return None
        return results[0] if len(results) == 1 else tuple(results)

    def gradients(self) -> dict[str, np.ndarray]:
        """Copies of the gradients in the trainable parameters, summed since the last zero_grad."""
        context = self._context()
        copies = {}
        for info in self._parameters:
            if info.trainable:
                values = np.empty(info.shape, info.dtype)
                check(lib.chainrule_context_gradient(context, info.name.encode(), Views([values]).pointer))
                copies[info.name] = values
        return copies

    def zero_grad(self) -> None:
        """Sets all gradients to zero."""
        check(lib.chainrule_context_zero_gradients(self._context()))
