"""The layers, under PyTorch's names and with its defaults: ``chainrule.layers.Linear`` is ``chainrule.Linear``."""

from __future__ import annotations

from . import _generated
from ._layer import Layer

_classes = {
    name: getattr(_generated, name)
    for name in _generated.__all__
    if isinstance(getattr(_generated, name), type) and issubclass(getattr(_generated, name), Layer)
}
globals().update(_classes)
__all__ = ["Layer", *sorted(_classes)]
