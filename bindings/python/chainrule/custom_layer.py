"""Layers of one's own, computed with NumPy."""

from __future__ import annotations

import ast
import sys
from typing import Any, Optional

import numpy as np

from ._arrays import TYPES, Views
from ._errors import check
from ._layer import Layer
from ._library import NULL, c_text, ffi, lib
from ._text import attribute_text

_kept: list[Any] = []  # what the library calls lives as long as the process


def _array(view: Any) -> Optional[np.ndarray]:
    """A chainrule_array's memory as an array; None where there is none."""
    if view.data == NULL:
        return None
    shape = tuple(view.shape[0 : view.rank])
    dtype = TYPES[view.dtype]
    count = int(np.prod(shape, dtype=np.int64))
    memory = np.frombuffer(ffi.buffer(view.data, max(count, 1) * dtype.itemsize), dtype)
    return memory[:count].reshape(shape)


def _options(text: Any) -> dict[str, Any]:
    """The attributes with the types they had in Python."""
    found: dict[str, Any] = {}
    for word in ffi.string(text).decode().split():
        name, value = word.split("=", 1)
        try:
            found[name] = ast.literal_eval({"true": "True", "false": "False"}.get(value, value))
        except (SyntaxError, ValueError):
            found[name] = value
    return found


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
    where the class is known. ``cr.check_gradients`` tells whether the derivative is right.
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
    count = len(cls.inputs)

    def report(error: BaseException) -> int:
        sys.unraisablehook(_Unraisable(error, cls))
        return 1

    def output_shape(user: Any, text: Any, inputs: Any, size: int, output: Any) -> int:
        try:
            shapes = [tuple(inputs[i].shape[0 : inputs[i].rank]) for i in range(size)]
            shape = cls.output_shape(*shapes, **_options(text))  # type: ignore[attr-defined]
            output.rank = len(shape)
            output.shape[0 : len(shape)] = [int(extent) for extent in shape]
            return 0
        except Exception as error:
            return report(error)

    def forward(user: Any, text: Any, inputs: Any, size: int, output: Any, training: int) -> int:
        try:
            arrays = [_array(inputs[i]) for i in range(size)]
            _put(output, cls.forward(*arrays, training=bool(training), **_options(text)), "forward", cls)
            return 0
        except Exception as error:
            return report(error)

    def backward(user: Any, text: Any, inputs: Any, size: int, output: Any, gradient: Any, results: Any) -> int:
        try:
            arrays = [_array(inputs[i]) for i in range(size)]
            found = cls.backward(_array(gradient), _array(output), *arrays, **_options(text))
            values = found if isinstance(found, (tuple, list)) else (found,)
            if len(values) != size:
                raise ValueError(f"{cls.__name__}.backward must return {size} gradients; got {len(values)}")
            for i, value in enumerate(values):
                if results[i].data != NULL:
                    _put(results + i, np.zeros(()) if value is None else value, "backward", cls)
            return 0
        except Exception as error:
            return report(error)

    definition = ffi.new("chainrule_layer_definition *")
    definition.struct_size = ffi.sizeof("chainrule_layer_definition")
    attributes = ffi.new("char[]", c_text(attribute_text(cls.options)))
    documentation = ffi.new("char[]", c_text((cls.__doc__ or "").strip().split("\n")[0]))
    definition.attributes = attributes
    definition.documentation = documentation
    definition.least_inputs = min(cls.least_inputs, count)
    definition.most_inputs = count
    definition.mixes_samples = int(cls.mixes_samples)
    types = {field: kind.type for field, kind in ffi.typeof("chainrule_layer_definition").fields}
    callbacks = [ffi.callback(types["forward"], forward), ffi.callback(types["backward"], backward)]
    definition.forward, definition.backward = callbacks
    if hasattr(cls, "output_shape"):
        callbacks.append(ffi.callback(types["output_shape"], output_shape))
        definition.output_shape = callbacks[-1]
    check(lib.chainrule_register_layer(c_text(cls.kind), definition))
    _kept.append((cls, callbacks, attributes, documentation))


def _put(view: Any, value: Any, what: str, cls: type) -> None:
    target = _array(view[0])
    array = np.asarray(value)
    if target is None:
        return
    if array.shape != target.shape and array.shape != ():
        raise ValueError(f"{cls.__name__}.{what} must return an array of shape {target.shape}; got {array.shape}")
    target[...] = array


class _Unraisable:
    """What sys.unraisablehook is told."""

    def __init__(self, error: BaseException, owner: Any) -> None:
        self.exc_type = type(error)
        self.exc_value: Optional[BaseException] = error
        self.exc_traceback = error.__traceback__
        self.err_msg: Optional[str] = "Exception in a layer's function"
        self.object = owner


def check_gradients(model: Any, x: Any = None, tolerance: float = 1e-6) -> float:
    """Compares a float64 model's gradients with central differences, for every number of its parameters and
    inputs. Returns the largest error, relative to the largest gradient of its array; raises DataError, naming
    the place, when it is above ``tolerance``."""
    worst = ffi.new("double *")
    views = Views(model._as_inputs(x))
    check(lib.chainrule_check_gradients(model._handle, views.pointer, tolerance, worst))
    return float(worst[0])
