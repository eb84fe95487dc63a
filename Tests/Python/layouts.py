"""Arrays of drawn shapes and memory layouts: steps, reversals, gaps and transpositions."""

import numpy as np
from hypothesis import strategies as st


def shapes(min_rank=0, max_rank=8, min_side=0, max_side=4):
    """Shapes of at most a few hundred elements."""
    sides = st.lists(st.integers(min_side, max_side), min_size=min_rank, max_size=max_rank)
    return sides.map(tuple).filter(lambda shape: np.prod(shape, dtype=int) <= 400)


@st.composite
def views(draw, shape, dtype, values=None):
    """An array of this shape and type seen through some layout. It holds ``values`` if they are given, else
    0, 1, 2, ... up to 99."""
    rank = len(shape)
    axes = draw(st.permutations(range(rank)))  # of the memory, outermost first
    steps = [draw(st.sampled_from([1, 2, 3, -1, -2])) for _ in range(rank)]
    offsets = [draw(st.integers(0, 2)) for _ in range(rank)]
    base = np.full([offsets[axis] + shape[axis] * abs(steps[axis]) for axis in axes], 77, dtype)
    array = base.transpose(np.argsort(axes)) if rank else base
    for axis in range(rank):
        part = [slice(None)] * rank
        part[axis] = slice(offsets[axis], offsets[axis] + shape[axis] * abs(steps[axis]))
        array = array[tuple(part)]
        part[axis] = slice(None, None, steps[axis])
        array = array[tuple(part)]
    assert array.shape == tuple(shape)
    array[...] = np.arange(array.size).reshape(shape) % 100 if values is None else values
    return array
