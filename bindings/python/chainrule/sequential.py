"""Sequential: layers one after the other."""

from __future__ import annotations

from typing import Any, Optional

from ._build import add_model, add_node, create_model, dtype_of, set_outputs
from ._layer import Layer
from ._symbols import Input
from ._text import shape_tuple
from .model import Model


class Sequential(Model):
    """Layers one after the other: ``Sequential(cr.Linear(64, 64), cr.ReLU(), cr.Linear(64, 10), seed=0)``.

    The shape of one sample is the first Linear's in_features, or given by a ``cr.Input`` standing first,
    or by ``input_shape``. Parameters are named as in PyTorch: "0.weight", "2.weight". A model may stand for a
    layer; its present values are copied.
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
        if source is None:
            source = Input(shape_tuple(input_shape, "input_shape") if input_shape is not None else infer_shape(items))
        self.layers: list[Any] = items
        handle = create_model(dtype_of(dtype), seed)
        add_node(handle, source.kind, source.attributes, (), source.name)
        last = 0
        for layer in items:
            if isinstance(layer, Model):
                last = add_model(handle, layer._handle, [last], None, len(layer._outputs))[0]
            else:
                last = add_node(handle, layer.kind, layer.attributes, [last], layer.name)
        set_outputs(handle, [last])
        self._adopt(handle, seed)


def infer_shape(layers: list[Any]) -> tuple[int, ...]:
    """The input's shape, from the first layer that knows it."""
    for layer in layers:
        if isinstance(layer, Model):
            return tuple(layer.input_shapes[0][1:])
        if layer.input_shape is not None:
            return tuple(layer.input_shape)
        if not layer.keeps_shape:
            break
    raise ValueError(f"the input's shape cannot be known from {layers[0]!r}; give input_shape=..., or a cr.Input first")
