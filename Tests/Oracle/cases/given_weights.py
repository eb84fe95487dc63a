"""Convolutions whose weight or bias is another node: a normalised weight, one that layers share, one that is computed."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.nn.utils.parametrizations import spectral_norm, weight_norm

from . import Layer, parametrized

SPACE = {1: (7,), 2: (4, 5), 3: (3, 2, 4)}


def normalised(name, kind, module, norm, wrap, shape, attributes, count=3):
    """A convolution of PyTorch under a parametrization, with the names of its state dict."""
    weight = ",".join(str(size) for size in module().weight.shape)
    nodes = [("input", [], "shape=" + ",".join(map(str, shape))), (norm, [], f"name=0.parametrizations.weight shape={weight}"),
             (kind, [0, 1], f"name=0 {attributes}")]
    torch.manual_seed(len(name))
    return parametrized(name, nodes, (count,) + shape, lambda: wrap(module()))


def shared(kind, function, rank):
    """One weight and bias for two convolutions, and a weight that is computed."""
    nodes = [
        ("input", [], "shape=" + ",".join(map(str, (4,) + SPACE[rank]))), ("parameter", [], "name=w shape=" + ",".join(map(str, (4, 4) + (3,) * rank))),
        ("parameter", [], "name=b shape=4"), (kind, [0, 1, 2], "out_channels=4 kernel_size=3 padding=1"), ("tanh", [3], ""), ("tanh", [1], ""),
        (kind, [4, 5], "out_channels=4 kernel_size=3 padding=1 bias=false"), (kind, [6, 2], "out_channels=4 kernel_size=1 inputs=input,bias name=last"),
    ]

    def run(x, p):
        hidden = torch.tanh(function(x[0], p["w"], p["b"], padding=1))
        return [function(function(hidden, torch.tanh(p["w"]), padding=1), p["last.weight"], p["b"])]

    return Layer(f"{kind}-shared", nodes, [(2, 4) + SPACE[rank]], run,
                 {"w": (4, 4) + (3,) * rank, "b": (4,), "last.weight": (4, 4) + (1,) * rank})


def cases():
    convolutions = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
    transposed = {1: nn.ConvTranspose1d, 2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}
    functions = {1: (F.conv1d, F.conv_transpose1d), 2: (F.conv2d, F.conv_transpose2d), 3: (F.conv3d, F.conv_transpose3d)}
    for rank, space in SPACE.items():
        for family, table in (("conv", convolutions), ("conv_transpose", transposed)):
            kind = f"{family}{rank}d"
            for norm, wrap in (("weight_norm", weight_norm), ("spectral_norm", spectral_norm)):
                more = "" if norm == "weight_norm" or family == "conv" else " dim=1"  # PyTorch's choice for transposed ones
                case = normalised(f"{kind}-{norm}", kind, lambda m=table[rank]: m(2, 4, 3, stride=2, padding=1), norm, wrap, (2,) + space,
                                  "out_channels=4 kernel_size=3 stride=2 padding=1")
                case.nodes[1] = (norm, [], case.nodes[1][2] + more)
                yield case
            yield shared(kind, functions[rank][family != "conv"], rank)
    yield normalised("conv2d-weight_norm-groups", "conv2d", lambda: nn.Conv2d(4, 6, (2, 3), groups=2, bias=False, padding_mode="circular", padding=1),
                     "weight_norm", weight_norm, (4, 5, 6), "out_channels=6 kernel_size=2,3 groups=2 bias=false padding_mode=circular padding=1")
