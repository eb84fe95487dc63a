"""Slices with negative steps. PyTorch has none: it takes the indices that Python's slices mean."""

import torch

from . import one

STEPS = (
    ("reversed", None, None, -1), ("backwards", 5, 1, -1), ("two", None, 0, -2), ("beyond", 99, -99, -3), ("from-end", -2, -5, -1),
    ("to-first", 2, None, -2), ("one", -1, -99, -50),
)


def cases():
    for name, start, end, step in STEPS:
        given = "".join(f" {word}={number}" for word, number in (("start", start), ("end", end), ("step", step)) if number is not None)
        chosen = torch.tensor(list(range(7))[start:end:step])
        for dim, shape in ((1, (5, 7)), (2, (2, 3, 7)), (-2, (2, 7, 4))):
            yield one(f"slice-{name}-{dim}", "slice", f"dim={dim}{given}", lambda x, d=dim, c=chosen: x.index_select(d, c), shape=shape)
    yield one("slice-reversed-64", "slice", "dim=1 step=-1", lambda x: x.flip(1), shape=(64, 37))
