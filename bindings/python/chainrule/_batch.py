"""A batch that is used again and again: its arrays are described for the library once."""

from __future__ import annotations

from ._arrays import Views
from ._library import ffi


class Batch:
    """A batch whose arrays have been checked and described for the library once (``model.prepare``).
    It looks at the arrays themselves: what is written into them later is what trains."""

    __slots__ = ("x", "y", "weight", "loss", "_keep")

    def __init__(self, x: Views, y: Views, weight: Views) -> None:
        self.x = x.pointer
        self.y = y.pointer
        self.weight = weight.pointer
        self.loss = ffi.new("double *")
        self._keep = (x, y, weight)
