"""Convolutions and transposed convolutions of one to three dimensions, unfold and fold."""

import torch
import torch.nn.functional as F

from . import Layer, batches, module, one, sample

CONV = {1: torch.nn.Conv1d, 2: torch.nn.Conv2d, 3: torch.nn.Conv3d}
TRANSPOSE = {1: torch.nn.ConvTranspose1d, 2: torch.nn.ConvTranspose2d, 3: torch.nn.ConvTranspose3d}
PLAIN = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}


def text(value):
    return ",".join(map(str, value)) if isinstance(value, (tuple, list)) else str(value).lower() if isinstance(value, bool) else str(value)


def words(out_channels, options):
    return " ".join([f"out_channels={out_channels}"] + [f"{key}={text(value)}" for key, value in options.items()])


def convolution(name, shape, out_channels, transposed=False, **options):
    """A module of torch.nn with the same arguments."""
    rank = len(shape) - 2
    make = (TRANSPOSE if transposed else CONV)[rank]
    kind = f"conv_transpose{rank}d" if transposed else f"conv{rank}d"
    layer = module(name, kind, words(out_channels, options), lambda: make(shape[1], out_channels, **options), shape)
    layer.evaluate = None  # the same in inference
    return layer


def uneven(name, shape, out_channels, padding, mode="zeros", **options):
    """Padding before and behind each dimension, which torch.nn's convolutions don't have: pad, then convolve."""
    rank = len(shape) - 2
    around = [number for axis in reversed(range(rank)) for number in padding[2 * axis:2 * axis + 2]]
    kernel = (out_channels, shape[1], *options["kernel_size"])
    rest = {key: value for key, value in options.items() if key != "kernel_size"}

    def compute(x, p):
        padded = F.pad(x[0], around) if mode == "zeros" else F.pad(x[0], around, mode=mode)
        return [PLAIN[rank](padded, p["0.weight"], p["0.bias"], **rest)]

    nodes = [("input", [], f"shape={sample(shape)}"),
             (f"conv{rank}d", [0], words(out_channels, {**options, "padding": padding, "padding_mode": mode}))]
    return Layer(name, nodes, [shape], compute, {"0.weight": kernel, "0.bias": (out_channels,)})


def cut(name, shape, out_channels, padding, **options):
    """A transposed convolution of which another number of elements is cut off on each side."""
    kernel = (shape[1], out_channels, *options["kernel_size"])
    rest = {key: value for key, value in options.items() if key != "kernel_size"}

    def compute(x, p):
        whole = F.conv_transpose2d(x[0], p["0.weight"], p["0.bias"], **rest)
        top, bottom, left, right = padding
        return [whole[:, :, top:whole.shape[2] - bottom, left:whole.shape[3] - right]]

    nodes = [("input", [], f"shape={sample(shape)}"), ("conv_transpose2d", [0], words(out_channels, {**options, "padding": padding}))]
    return Layer(name, nodes, [shape], compute, {"0.weight": kernel, "0.bias": (out_channels,)})


def plain():
    c = convolution
    yield c("conv1d", (2, 3, 11), 4, kernel_size=3)
    yield c("conv1d-all", (2, 4, 19), 6, kernel_size=4, stride=3, padding=5, dilation=2, groups=2)
    yield c("conv1d-no-bias", (2, 3, 9), 2, kernel_size=2, bias=False)
    yield c("conv1d-kernel-of-one", (2, 5, 7), 3, kernel_size=1)
    yield c("conv1d-same-even", (2, 3, 8), 2, kernel_size=4, padding="same", dilation=3)
    yield c("conv1d-wide", (1, 2, 99), 3, kernel_size=7, padding=3)
    yield c("conv1d-far-padding", (2, 2, 3), 2, kernel_size=2, padding=6, stride=2)
    yield c("conv2d", (2, 2, 6, 7), 5, kernel_size=3)
    yield c("conv2d-padded", (2, 2, 6, 7), 5, kernel_size=3, padding=1)
    yield c("conv2d-uneven-kernel", (2, 2, 6, 7), 4, kernel_size=(2, 5), padding=(1, 2))
    yield c("conv2d-strided", (1, 3, 9, 8), 4, kernel_size=3, stride=2, padding=1)
    yield c("conv2d-uneven-stride", (1, 3, 9, 11), 4, kernel_size=(3, 4), stride=(3, 2), padding=(0, 2), dilation=(2, 1))
    yield c("conv2d-dilated", (1, 2, 9, 10), 3, kernel_size=3, dilation=(2, 3), padding=2)
    yield c("conv2d-groups", (2, 6, 4, 5), 6, kernel_size=3, groups=3, padding=1)
    yield c("conv2d-groups-strided", (1, 4, 7, 7), 6, kernel_size=3, groups=2, stride=2)
    yield c("conv2d-depthwise", (2, 5, 4, 5), 5, kernel_size=3, groups=5, padding=1)
    yield c("conv2d-depthwise-strided", (2, 3, 9, 9), 3, kernel_size=3, groups=3, stride=2, padding=1, bias=False)
    yield c("conv2d-depthwise-many", (2, 3, 6, 7), 6, kernel_size=(3, 2), groups=3, padding=1, dilation=2)
    yield c("conv2d-depthwise-wide", (1, 2, 3, 37), 2, kernel_size=5, groups=2, padding=2)
    yield c("conv2d-depthwise-reflect", (2, 3, 6, 7), 3, kernel_size=3, groups=3, padding=2, padding_mode="reflect")
    yield c("conv2d-pointwise", (3, 6, 3, 5), 4, kernel_size=1)
    yield c("conv2d-pointwise-groups", (2, 6, 4, 4), 4, kernel_size=1, groups=2)
    yield c("conv2d-pointwise-strided", (2, 5, 7, 7), 4, kernel_size=1, stride=2)
    yield c("conv2d-pointwise-padded", (1, 3, 4, 4), 4, kernel_size=1, padding=2)
    yield c("conv2d-whole", (5, 4, 3, 2), 7, kernel_size=(3, 2))
    yield c("conv2d-one-position", (3, 5, 1, 1), 4, kernel_size=1)
    yield c("conv2d-same", (2, 3, 6, 7), 4, kernel_size=(3, 4), padding="same")
    yield c("conv2d-valid", (2, 3, 6, 7), 4, kernel_size=3, padding="valid", stride=2)
    yield c("conv2d-larger", (1, 18, 2, 17), 13, kernel_size=(1, 3), padding=1)
    yield c("conv2d-deep", (1, 60, 1, 3), 2, kernel_size=3, padding=1)
    yield c("conv3d", (1, 2, 3, 4, 5), 3, kernel_size=3, padding=1)
    yield c("conv3d-all", (1, 4, 5, 6, 7), 2, kernel_size=(2, 3, 1), stride=(2, 1, 3), padding=(1, 2, 0), dilation=(1, 2, 1), groups=2)
    yield c("conv3d-no-bias", (1, 2, 3, 4, 3), 2, kernel_size=2, bias=False)
    yield c("conv3d-depthwise", (1, 3, 4, 4, 5), 3, kernel_size=3, groups=3, padding=1)
    yield c("conv3d-same", (1, 2, 3, 4, 4), 2, kernel_size=(2, 3, 2), padding="same")


def modes():
    for mode in ("reflect", "replicate", "circular"):
        yield convolution(f"conv1d-{mode}", (2, 2, 7), 3, kernel_size=3, padding=2, padding_mode=mode)
        yield convolution(f"conv2d-{mode}", (2, 2, 5, 6), 3, kernel_size=3, padding=(1, 3), padding_mode=mode)
        yield convolution(f"conv2d-{mode}-strided", (1, 2, 6, 7), 3, kernel_size=3, padding=2, stride=(2, 3), padding_mode=mode)
        yield convolution(f"conv2d-{mode}-same", (1, 2, 6, 7), 3, kernel_size=(3, 4), padding="same", dilation=2, padding_mode=mode)
        yield convolution(f"conv3d-{mode}", (1, 2, 3, 4, 4), 2, kernel_size=2, padding=1, padding_mode=mode)
        yield uneven(f"conv2d-{mode}-uneven", (2, 2, 5, 6), 3, (2, 0, 1, 3), mode, kernel_size=(3, 2))
    yield convolution("conv2d-replicate-far", (1, 1, 2, 3), 2, kernel_size=2, padding=7, stride=3, padding_mode="replicate")


def asymmetric():
    yield uneven("conv1d-uneven", (2, 3, 8), 4, (3, 0), kernel_size=(4,))
    yield uneven("conv1d-causal", (2, 3, 8), 4, (4, 0), kernel_size=(3,), dilation=2)
    yield uneven("conv2d-uneven", (2, 3, 5, 6), 4, (0, 1, 2, 3), kernel_size=(3, 2))
    yield uneven("conv2d-uneven-strided", (2, 3, 5, 6), 4, (1, 2, 3, 0), kernel_size=(3, 2), stride=2)
    yield uneven("conv3d-uneven", (1, 2, 3, 4, 3), 2, (0, 1, 2, 0, 1, 1), kernel_size=(2, 2, 3))


def transposed():
    def c(name, shape, out_channels, **options):
        return convolution(name, shape, out_channels, transposed=True, **options)

    yield c("conv_transpose1d", (2, 3, 7), 4, kernel_size=3)
    yield c("conv_transpose1d-all", (2, 4, 5), 6, kernel_size=4, stride=3, padding=2, output_padding=2, groups=2, dilation=2,
            padding_mode="zeros")
    yield c("conv_transpose1d-no-bias", (2, 3, 5), 2, kernel_size=2, bias=False)
    yield c("conv_transpose2d", (2, 3, 4, 5), 4, kernel_size=3)
    yield c("conv_transpose2d-padded", (2, 3, 4, 5), 4, kernel_size=3, padding=1)
    yield c("conv_transpose2d-strided", (1, 3, 4, 5), 4, kernel_size=4, stride=2, padding=1)
    yield c("conv_transpose2d-more", (1, 3, 4, 5), 4, kernel_size=3, stride=(3, 2), padding=(2, 1), output_padding=(2, 1))
    yield c("conv_transpose2d-dilated", (1, 2, 4, 4), 3, kernel_size=(2, 3), dilation=(3, 2), stride=2, output_padding=1)
    yield c("conv_transpose2d-groups", (2, 6, 3, 4), 4, kernel_size=3, groups=2, padding=1)
    yield c("conv_transpose2d-groups-strided", (2, 6, 2, 3), 6, kernel_size=3, groups=3, stride=2, bias=False)
    yield c("conv_transpose2d-depthwise", (2, 3, 4, 5), 3, kernel_size=3, groups=3, stride=2, padding=1, output_padding=1)
    yield c("conv_transpose2d-from-one", (3, 5, 1, 1), 4, kernel_size=3)
    yield c("conv_transpose2d-from-one-bare", (3, 5, 1, 1), 4, kernel_size=(2, 3), bias=False)
    yield c("conv_transpose2d-pointwise", (2, 5, 3, 4), 3, kernel_size=1)
    yield c("conv_transpose2d-apart", (2, 3, 3, 3), 2, kernel_size=1, stride=2, output_padding=1, padding_mode="zeros")
    yield c("conv_transpose2d-larger", (1, 17, 2, 3), 13, kernel_size=2, stride=2, padding=1)
    yield c("conv_transpose3d", (1, 2, 3, 3, 4), 3, kernel_size=2)
    yield c("conv_transpose3d-all", (1, 4, 2, 3, 3), 2, kernel_size=(2, 3, 2), stride=(2, 1, 3), padding=(1, 0, 1),
            output_padding=(1, 0, 2), groups=2, dilation=(1, 2, 1), padding_mode="zeros")
    yield c("conv_transpose3d-no-bias", (1, 2, 2, 3, 3), 2, kernel_size=2, stride=2, bias=False)
    yield cut("conv_transpose2d-uneven", (2, 3, 4, 4), 3, (0, 1, 2, 3), kernel_size=(3, 3), stride=2)
    yield cut("conv_transpose2d-uneven-dense", (2, 3, 4, 4), 3, (2, 0, 0, 1), kernel_size=(3, 2))


def columns():
    def unfold(name, shape, **options):
        return one(name, "unfold", " ".join(f"{k}={text(v)}" for k, v in options.items()), lambda x: F.unfold(x, **options), shape=shape)

    def fold(name, shape, **options):
        return one(name, "fold", " ".join(f"{k}={text(v)}" for k, v in options.items()), lambda x: F.fold(x, **options), shape=shape)

    yield unfold("unfold", (2, 3, 5, 6), kernel_size=3)
    yield unfold("unfold-all", (2, 3, 8, 9), kernel_size=(2, 3), dilation=(3, 2), padding=(1, 2), stride=(2, 3))
    yield unfold("unfold-wide", (1, 1, 2, 45), kernel_size=2, padding=1)
    yield unfold("unfold-whole", (2, 2, 3, 4), kernel_size=(3, 4))
    around = lambda x: F.unfold(F.pad(x, (2, 0, 0, 1)), 2)
    yield one("unfold-uneven", "unfold", "kernel_size=2 padding=0,1,2,0", around, shape=(2, 2, 3, 4))
    yield fold("fold", (2, 18, 12), output_size=(5, 6), kernel_size=3)
    yield fold("fold-all", (2, 12, 12), output_size=(8, 9), kernel_size=(2, 3), dilation=(3, 2), padding=(1, 2), stride=(2, 3))
    yield fold("fold-apart", (2, 4, 9), output_size=6, kernel_size=2, stride=2)
    yield fold("fold-wide", (1, 4, 123), output_size=(2, 40), kernel_size=2, padding=1)
    nodes = [("input", [], "shape=2,5,4 batched=false"), ("unfold", [0], "kernel_size=2"), ("fold", [1], "output_size=5,4 kernel_size=2")]
    yield Layer("unfold-one-image", nodes, [(2, 5, 4)], lambda x, p: [F.fold(F.unfold(x[0], 2), (5, 4), 2)])


def graphs():
    nodes = [("input", [], "shape=2,8,7 batched=false"), ("conv2d", [0], "out_channels=3 kernel_size=3 in_channels=2"),
             ("conv_transpose2d", [1], "out_channels=2 kernel_size=2 stride=2")]
    parameters = {"0.weight": (3, 2, 3, 3), "0.bias": (3,), "1.weight": (3, 2, 2, 2), "1.bias": (2,)}
    yield Layer("convolution-of-one-image", nodes, [(2, 8, 7)], lambda x, p: [F.conv_transpose2d(
        F.conv2d(x[0], p["0.weight"], p["0.bias"]), p["1.weight"], p["1.bias"], 2)], parameters)

    # Functions behind a convolution become part of it, derivatives part of its gradient.
    nodes = [("input", [], "shape=2,9,8"), ("conv2d", [0], "out_channels=6 kernel_size=3 padding=1"), ("relu", [1], ""),
             ("conv2d", [2], "out_channels=4 kernel_size=3 groups=2"), ("tanh", [3], ""),
             ("conv2d", [4], "out_channels=3 kernel_size=1"), ("sigmoid", [5], ""),
             ("conv_transpose2d", [6], "out_channels=2 kernel_size=3"), ("relu", [7], "")]

    def deep(x, p):
        h = F.relu(F.conv2d(x[0], p["0.weight"], p["0.bias"], padding=1))
        h = torch.tanh(F.conv2d(h, p["2.weight"], p["2.bias"], groups=2))
        h = torch.sigmoid(F.conv2d(h, p["4.weight"], p["4.bias"]))
        return [F.relu(F.conv_transpose2d(h, p["6.weight"], p["6.bias"]))]

    parameters = {"0.weight": (6, 2, 3, 3), "0.bias": (6,), "2.weight": (4, 3, 3, 3), "2.bias": (4,),
                  "4.weight": (3, 4, 1, 1), "4.bias": (3,), "6.weight": (3, 2, 3, 3), "6.bias": (2,)}
    yield Layer("convolutions", nodes, [(2, 2, 9, 8)], deep, parameters)

    nodes = [("input", [], "shape=1,10,10"), ("conv2d", [0], "out_channels=3 kernel_size=3"), ("relu", [1], ""),
             ("conv2d", [2], "out_channels=4 kernel_size=3 stride=2"), ("flatten", [3], ""), ("linear", [4], "out_features=5")]

    def network(x, p):
        h = F.conv2d(F.relu(F.conv2d(x[0], p["0.weight"], p["0.bias"])), p["2.weight"], p["2.bias"], stride=2)
        return [F.linear(h.flatten(1), p["4.weight"], p["4.bias"])]

    parameters = {"0.weight": (3, 1, 3, 3), "0.bias": (3,), "2.weight": (4, 3, 3, 3), "2.bias": (4,),
                  "4.weight": (5, 36), "4.bias": (5,)}
    yield Layer("convolutional-network", nodes, [(3, 1, 10, 10)], network, parameters)


def every_batch():
    sizes = {1: (2, 4), 2: (1, 3, 3), 3: (1, 2, 2, 2)}
    small = {1: (2, 3), 2: (1, 2, 2), 3: (1, 1, 2, 1)}
    for rank in (1, 2, 3):
        for transposed in (False, True):
            yield from batches(
                f"conv_transpose{rank}d" if transposed else f"conv{rank}d",
                lambda n, name, r=rank, t=transposed: convolution(name, (n, *(small if t else sizes)[r]), 1 if t else 2, t, kernel_size=2, stride=1 + (n == 3)))
    yield from batches("unfold", lambda n, name: one(name, "unfold", "kernel_size=2", lambda x: F.unfold(x, 2), shape=(n, 1, 2, 3)))
    yield from batches("fold", lambda n, name: one(
        name, "fold", "output_size=2,3 kernel_size=2", lambda x: F.fold(x, (2, 3), 2), shape=(n, 4, 2)))


def winograd():
    yield convolution("conv2d-winograd", (1, 16, 11, 15), 17, kernel_size=3, padding=1)


def cases():
    for family in (plain, modes, asymmetric, transposed, columns, graphs, every_batch, winograd):
        yield from family()
