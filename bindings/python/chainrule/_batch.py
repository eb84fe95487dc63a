"""A batch that is used again and again: its arrays are described for the library once."""

from __future__ import annotations

from ._arrays import Views
from ._calls import address


class Batch:
    """A batch whose arrays have been checked and described for the library once (``model.prepare``).
    It looks at the arrays themselves: what is written into them later is what trains."""

    __slots__ = ("x", "y", "weight", "addresses", "counts", "_keep")

    def __init__(self, x: Views, y: Views, weight: Views) -> None:
        self.x = x.pointer
        self.y = y.pointer
        self.weight = weight.pointer
        self.addresses = (address(x.pointer), address(y.pointer), address(weight.pointer))
        #: Of inputs and targets.
        self.counts = (len(x.arrays), len(y.arrays))
        self._keep = (x, y, weight)
