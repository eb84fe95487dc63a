"""Max pools with indices, and what puts their elements back."""

import torch
import torch.nn.functional as F

from . import Layer, one
from .pooling import words

POOL = {1: F.max_pool1d_with_indices, 2: F.max_pool2d_with_indices, 3: F.max_pool3d_with_indices}
UNPOOL = {1: F.max_unpool1d, 2: F.max_unpool2d, 3: F.max_unpool3d}
IMAGES = {1: (2, 2, 13), 2: (1, 2, 6, 9), 3: (1, 2, 5, 4, 6)}
SMALL = {1: (1, 4), 2: (1, 4, 4), 3: (1, 2, 4, 2)}


def sizes(shape):
    return ",".join(map(str, shape[1:]))


def pool(name, shape, tensor=None, **options):
    """Both outputs; indices have no gradient."""
    rank = len(shape) - 2
    kind = f"max_pool{rank}d_with_indices"
    nodes = [("input", [], f"shape={sizes(shape)}"), (kind, [0], words(options))]
    return Layer(f"{kind}-{name}", nodes, [shape if tensor is None else tensor], lambda x, p: list(POOL[rank](x[0], **options)), outputs=[1, 2],
                 kinks=tensor is not None)


def both(name, shape, output_size=None, **options):
    """Pooled, squared, and put back."""
    rank = len(shape) - 2
    window = {key: value for key, value in options.items() if key in ("kernel_size", "stride", "padding")}
    back = {**window, "output_size": output_size}
    nodes = [
        ("input", [], f"shape={sizes(shape)}"), (f"max_pool{rank}d_with_indices", [0], words(options)), ("square", [1], ""),
        (f"max_unpool{rank}d", [3, 2], words(back)),
    ]

    def compute(x, p):
        y, indices = POOL[rank](x[0], **options)
        size = None if output_size is None else shape[:2] + tuple(output_size)
        return [UNPOOL[rank](y * y, indices, window["kernel_size"], window.get("stride"), window.get("padding", 0), size)]

    # Windows that overlap choose some elements twice, and PyTorch hands each choice the whole gradient.
    return Layer(f"max_unpool{rank}d-{name}", nodes, [shape], compute, kinks=window.get("stride", 3) == 2)


def cases():
    for rank, shape in IMAGES.items():
        yield pool("plain", shape, kernel_size=2)
        yield pool("overlapping", shape, kernel_size=3, stride=1, padding=1)
        yield pool("all", shape, kernel_size=2, stride=2, padding=1, dilation=2, ceil_mode=True)
        yield pool("wide", (1, 1) + (3,) * (rank - 1) + (53,), kernel_size=2)
        yield both("plain", shape, kernel_size=2, output_size=shape[2:])
        yield both("strided", shape[:2] + (9,) * rank, kernel_size=3, stride=2)
        yield both("padded", shape[:2] + (7,) * rank, kernel_size=3, stride=3, padding=1)
        yield both("sized", shape[:2] + (8,) * rank, kernel_size=3, stride=2, output_size=(8,) * rank)
        for count in (1, 3, 64):
            yield both(f"batch-{count}", (count,) + SMALL[rank], kernel_size=2)
    yield both("uneven", (1, 2, 8, 9), kernel_size=(2, 3), stride=(3, 3), padding=(1, 0), output_size=(8, 9))
    # Equal elements: the first one; NaN: the last one. Several windows with one largest element write it once.
    ties = torch.tensor([1., 1, 0, 2, 2, 2, -1, -1, 1, 1, 2, 0, 2, 2, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0, 3]).reshape(1, 1, 5, 5)
    yield pool("ties", (1, 1, 5, 5), ties, kernel_size=2, stride=1)
    indices = torch.tensor([[[3, 0, 3, 7, 3]], [[1, 2, 3, 4, 5]], [[0, 0, 0, 9, 9]]])
    nodes = [("input", [], "shape=1,5"), ("input", [], "shape=1,5 dtype=integer"), ("max_unpool1d", [0, 1], "kernel_size=2")]
    yield Layer("max_unpool1d-several", nodes, [(3, 1, 5), indices], lambda x, p: [F.max_unpool1d(x[0], x[1], 2)], kinks=True)
