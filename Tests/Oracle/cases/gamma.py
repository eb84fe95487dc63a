"""lgamma, whose gradient is digamma."""

import torch

from . import batches, one


def cases():
    yield one("lgamma", "lgamma", "", torch.lgamma, shape=(5, 37), spread=3.0, positive=True)
    yield one("lgamma-large", "lgamma", "", torch.lgamma, shape=(3, 19), spread=80.0, positive=True)
    # Between the poles at -1, -2, ..., and on both sides of 0.
    negative = [-0.3, -0.75, -1.2, -1.5, -1.75, -2.25, -2.6, -3.4, -5.5, -9.3, -20.4, -0.001, 0.001, 0.02]
    yield one("lgamma-negative", "lgamma", "", torch.lgamma, shape=(2, 7), values=negative)
    yield from batches("lgamma", lambda n, name: one(name, "lgamma", "", torch.lgamma, shape=(n, 3), positive=True))
