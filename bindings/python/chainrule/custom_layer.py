"""Layers of one's own, computed with NumPy."""

from __future__ import annotations

from typing import Any, Optional

import numpy as np

from ._arrays import Views
from ._errors import check
from ._host import array_of, arrays_of, options_of, owner_of, put, register
from ._layer import Layer
from ._library import NULL, ffi, lib
from .losses import Loss


class CustomLayer(Layer):
    """A layer whose value, derivative and shape are static functions of NumPy arrays::

        class Scale(cr.CustomLayer):
            kind = "my_scale"
            options = {"factor": 2.0}

            @staticmethod
            def forward(x, *, training, factor):
                return factor * x

            @staticmethod
            def backward(gradient, output, x, *, factor):
                return factor * gradient

        model = cr.Sequential(cr.Linear(4, 4), Scale(factor=3.0))

    ``kind`` is the word in the library's catalog, free until then. ``options`` are attributes with their
    defaults: numbers, truth values and words. ``inputs`` names the inputs (at most 4); ``forward`` and
    ``backward`` are given one array for each. ``backward`` returns the gradient in the input, or a tuple of
    them. ``output_shape(*shapes, **options)`` says the output's shape from those of the inputs, -1 being the
    batch; without it the output has the first input's shape. Models with such layers are saved and loaded
    where the class is known. ``cr.check_gradients`` tells whether the derivative is right. An exception in a
    function is the cause (``__cause__``) of the error that the call raises.
    """

    options: dict[str, Any] = {}
    #: A sample's result depends on other samples.
    mixes_samples = False

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        if "kind" in cls.__dict__:
            _register(cls)

    def __init__(self, *, name: Optional[str] = None, **options: Any) -> None:
        for option in options:
            if option not in self.options:
                known = ", ".join(self.options) or "none"
                raise TypeError(f"{type(self).__name__} has no option {option!r}; it has {known}")
        super().__init__(name=name, **options)

    @staticmethod
    def forward(*inputs: Any, **options: Any) -> Any:
        """The output for these inputs."""
        raise NotImplementedError

    @staticmethod
    def backward(gradient: Any, output: Any, *inputs: Any, **options: Any) -> Any:
        """The gradients in the inputs, from that in the output."""
        raise NotImplementedError


def _register(cls: type[CustomLayer]) -> None:
    kind = cls.kind

    def output_shape(user: Any, text: Any, inputs: Any, size: int, output: Any) -> None:
        shapes = [tuple(inputs[i].shape[0 : inputs[i].rank]) for i in range(size)]
        shape = owner_of("layer", kind).output_shape(*shapes, **options_of(text))
        output.rank = len(shape)
        output.shape[0 : len(shape)] = [int(extent) for extent in shape]

    def forward(user: Any, text: Any, inputs: Any, size: int, output: Any, training: int) -> None:
        own = owner_of("layer", kind)
        value = own.forward(*arrays_of(inputs, size), training=bool(training), **options_of(text))
        put(output[0], value, f"{own.__name__}.forward")

    def backward(user: Any, text: Any, inputs: Any, size: int, output: Any, gradient: Any, results: Any) -> None:
        own = owner_of("layer", kind)
        found = own.backward(array_of(gradient[0]), array_of(output[0]), *arrays_of(inputs, size), **options_of(text))
        values = found if isinstance(found, (tuple, list)) else (found,)
        if len(values) != size:
            raise ValueError(f"{own.__name__}.backward must return {size} gradients; got {len(values)}")
        for i, value in enumerate(values):
            if results[i].data != NULL:
                put(results[i], np.zeros(()) if value is None else value, f"{own.__name__}.backward")

    functions: dict[str, Any] = {"forward": forward, "backward": backward}
    if hasattr(cls, "output_shape"):
        functions["output_shape"] = output_shape
    count = len(cls.inputs)
    register(
        "layer", kind, cls, cls.options, functions, least_inputs=min(cls.least_inputs, count), most_inputs=count,
        mixes_samples=int(cls.mixes_samples),
    )  # fmt: skip


def check_gradients(model: Any, x: Any = None, tolerance: float = 1e-6, *, target: Any = None) -> float:
    """Compares a float64 model's gradients with central differences, for every number of its parameters and
    inputs; or those of a loss, ``check_gradients(loss, prediction, target=y)``, for every number of its predictions.
    Returns the largest error, relative to the largest gradient of its array; raises DataError, naming the place, when
    it is above ``tolerance``."""
    worst = ffi.new("double *")
    if isinstance(model, Loss):
        predictions, targets = model._arrays(x, target)
        views = [Views(predictions), Views(targets)]
        check(lib.chainrule_check_loss_gradients(model._handle, views[0].pointer, views[1].pointer, tolerance, worst))
        return float(worst[0])
    inputs = Views(model._as_inputs(x))
    check(lib.chainrule_check_gradients(model._handle, inputs.pointer, tolerance, worst))
    return float(worst[0])
