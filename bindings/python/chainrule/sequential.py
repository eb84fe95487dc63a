"""Sequential: layers one after the other."""

from __future__ import annotations

from typing import Any, Optional

from ._arrays import as_array
from ._build import add_model, add_node, check_seed, create_model, dtype_of, set_outputs
from ._errors import StateError
from ._layer import Layer
from ._symbols import Input
from ._text import shape_tuple
from .model import Model


class Sequential(Model):
    """Layers one after the other: ``Sequential(cr.Linear(64, 64), cr.ReLU(), cr.Linear(64, 10), seed=0)``.

    The shape of one sample is the first Linear's in_features, or given by a ``cr.Input`` standing first,
    or by ``input_shape``; otherwise it is that of the first array given to fit, predict, forward and the like,
    and until then the model has no parameters. Parameters are named as in PyTorch: "0.weight", "2.weight". A
    model may stand for a layer; its present values are copied.
    """

    _own_attributes = ("layers",)

    def __init__(self, *layers: Any, input_shape: Any = None, seed: int = 0, dtype: Any = "float32") -> None:
        items = list(layers[0]) if len(layers) == 1 and isinstance(layers[0], (list, tuple)) else list(layers)
        source: Optional[Input] = None
        if items and isinstance(items[0], Input):
            source = items.pop(0)
            if input_shape is not None:
                raise ValueError("give the input's shape once: by cr.Input or by input_shape")
        for item in items:
            if not isinstance(item, (Layer, Model)):
                what = f"the class {item.__name__}" if isinstance(item, type) else repr(item)
                raise TypeError(f"Sequential takes layers such as cr.Linear(64, 10); got {what}")
        if not items:
            raise ValueError("Sequential needs at least one layer")
        owners = [id(layer) for layer in items if isinstance(layer, Layer) and layer.has_parameters]
        if len(set(owners)) != len(owners):
            raise ValueError("a layer with parameters stands twice in Sequential, and layers cannot share weights")
        self.layers: list[Any] = items
        if source is None:
            shape = shape_tuple(input_shape, "input_shape") if input_shape is not None else infer_shape(items)
            if shape is None:
                self._dtype, self.seed = dtype_of(dtype), check_seed(seed)
                self.__class__ = without_shape(type(self))
                return
            source = Input(shape)
        self._build(source, dtype, seed)

    def _build(self, source: Input, dtype: Any, seed: int) -> None:
        handle = create_model(dtype_of(dtype), seed)
        add_node(handle, source.kind, source.attributes, (), source.name)
        last = 0
        for layer in self.layers:
            if isinstance(layer, Model):
                last = add_model(handle, layer._handle, [last], None, len(layer._outputs))[0]
            else:
                last = add_node(handle, layer.kind, layer.attributes, [last], layer.name)
        set_outputs(handle, [last])
        self._adopt(handle, seed)


def infer_shape(layers: list[Any]) -> Optional[tuple[int, ...]]:
    """The input's shape, from the first layer that knows it; None if there is none before the shape changes."""
    for layer in layers:
        if isinstance(layer, Model):
            return tuple(layer.input_shapes[0][1:])
        if layer.input_shape is not None:
            return tuple(layer.input_shape)
        if not layer.keeps_shape:
            break
    return None


class WithoutShape:
    """What a Sequential is until it has seen an array. Its methods that take one build it and go on; compile
    waits until then. (A class in front of its own, so that a built model pays nothing for it.)"""

    _built_class: Any = None
    _compiled: Any = None
    #: What a built model has.
    _missing = ("_handle", "_inputs", "_outputs", "_parameters", "_address", "_direct_tail", "_contexts")

    def __getattr__(self, name: str) -> Any:
        if name in WithoutShape._missing:
            raise StateError(
                "the input's shape is not known yet: call fit, predict or forward first, or give input_shape=... or a "
                "cr.Input to Sequential"
            )
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {len(self.layers)} layers, input's shape not known yet>"

    def compile(self, *arguments: Any, **named: Any) -> None:
        """As of a built model, when the first array comes."""
        self._compiled = (arguments, named)

    def _see(self, x: Any) -> Any:
        """Builds the model for samples like those in x."""
        array = as_array(x[0] if type(x) in (list, tuple) and len(x) == 1 and hasattr(x[0], "shape") else x, "x")
        if array.ndim < 1:
            raise ValueError(f"x must have a first dimension for samples; got shape {array.shape}")
        whole = array.dtype.kind in "iu" and self.layers[0].kind in ("embedding", "embedding_bag", "one_hot")
        waiting, compiled = type(self), self._compiled
        self.__class__ = waiting._built_class
        try:
            self._build(Input(array.shape[1:], dtype="integer" if whole else "real"), self._dtype, self.seed)
            self.__dict__.pop("_compiled", None)
            if compiled is not None:
                self.compile(*compiled[0], **compiled[1])
        except BaseException:
            for name in WithoutShape._missing:
                self.__dict__.pop(name, None)
            self.__class__, self._compiled = waiting, compiled
            raise
        return self


def _seeing(name: str) -> Any:
    def method(self: Any, x: Any = None, *arguments: Any, **named: Any) -> Any:
        return getattr(self._see(x), name)(x, *arguments, **named)

    method.__name__, method.__doc__ = name, getattr(Model, name).__doc__
    return method


for _name in ("fit", "evaluate", "predict", "prepare_predict", "forward", "train_on_batch", "prepare"):
    setattr(WithoutShape, _name, _seeing(_name))
_classes: dict[type, type] = {}


def without_shape(own: type) -> type:
    """The class, with WithoutShape in front."""
    if own not in _classes:
        _classes[own] = type(own.__name__, (WithoutShape, own), {"__module__": own.__module__, "_built_class": own})
    return _classes[own]
