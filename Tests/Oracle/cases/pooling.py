"""Pools of every kind, upsampling, padding, and pixels from channels."""

import torch
import torch.nn as nn
import torch.nn.functional as F

from . import Layer, batches, one


def text(value):
    if isinstance(value, (tuple, list)):
        return ",".join("none" if number is None else str(number) for number in value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def words(options):
    return " ".join(f"{key}={text(value)}" for key, value in options.items() if value is not None)


def module(name, kind, make, shape, more=None, **options):
    """A class of torch.nn with the same arguments."""
    return one(name, kind, words(options), lambda x: make(**options)(x), shape, **(more or {}))


MAX = {1: nn.MaxPool1d, 2: nn.MaxPool2d, 3: nn.MaxPool3d}
AVG = {1: nn.AvgPool1d, 2: nn.AvgPool2d, 3: nn.AvgPool3d}
LP = {1: nn.LPPool1d, 2: nn.LPPool2d, 3: nn.LPPool3d}
ADAPTIVE_MAX = {1: nn.AdaptiveMaxPool1d, 2: nn.AdaptiveMaxPool2d, 3: nn.AdaptiveMaxPool3d}
ADAPTIVE_AVG = {1: nn.AdaptiveAvgPool1d, 2: nn.AdaptiveAvgPool2d, 3: nn.AdaptiveAvgPool3d}


def pool(name, family, shape, **options):
    rank = len(shape) - 2
    table = {"max_pool": MAX, "avg_pool": AVG, "lp_pool": LP, "adaptive_max_pool": ADAPTIVE_MAX, "adaptive_avg_pool": ADAPTIVE_AVG}
    return module(name, f"{family}{rank}d", table[family][rank], shape, **options)


IMAGES = {1: (2, 2, 13), 2: (1, 2, 5, 7), 3: (1, 1, 5, 4, 5)}
SMALL = {1: (1, 3), 2: (1, 3, 2), 3: (1, 2, 2, 2)}


def windows():
    for rank, shape in IMAGES.items():
        for family in ("max_pool", "avg_pool"):
            def p(name, shape=shape, **options):
                return pool(f"{family}{rank}d-{name}", family, shape, **options)
            yield p("plain", kernel_size=2)
            yield p("three", kernel_size=3)
            yield p("overlapping", kernel_size=3, stride=1)
            yield p("strided", kernel_size=3, stride=2, padding=1)
            yield p("ceil", kernel_size=2, ceil_mode=True)
            yield p("ceil-strided", kernel_size=2, stride=3, ceil_mode=True)
            yield p("ceil-padded", kernel_size=3, stride=2, padding=1, ceil_mode=True)
            yield p("gaps", kernel_size=1, stride=3)
            yield p("wide", shape=(1, 1) + (2,) * (rank - 1) + (53,), kernel_size=2)
            yield p("wide-overlapping", shape=(1, 1) + (3,) * (rank - 1) + (41,), kernel_size=3, stride=1, padding=1)
            yield p("one-window", shape=shape[:2] + (3,) * rank, kernel_size=3)
            if family == "max_pool":
                yield p("dilated", kernel_size=2, dilation=2)
                yield p("dilated-all", kernel_size=3, stride=2, padding=1, dilation=2, ceil_mode=True)
            else:
                yield p("without-padding", kernel_size=3, stride=2, padding=1, count_include_pad=False)
                yield p("without-padding-ceil", kernel_size=4, stride=3, padding=2, count_include_pad=False, ceil_mode=True)
                if rank > 1:
                    yield p("divisor", kernel_size=3, padding=1, divisor_override=5)
                    yield p("divisor-negative", kernel_size=2, divisor_override=-2)
                    yield p("divisor-ceil", kernel_size=3, stride=2, padding=1, divisor_override=7, ceil_mode=True, count_include_pad=False)
    yield pool("max_pool2d-uneven", "max_pool", (1, 2, 9, 11), kernel_size=(3, 2), stride=(2, 1), padding=(1, 0), dilation=(1, 3))
    yield pool("max_pool3d-uneven", "max_pool", (1, 1, 6, 7, 8), kernel_size=(1, 2, 3), stride=(2, 1, 2), padding=(0, 1, 1), dilation=(3, 2, 1))
    yield pool("avg_pool2d-uneven", "avg_pool", (1, 2, 9, 11), kernel_size=(3, 4), stride=(2, 1), padding=(1, 2))
    yield pool("avg_pool3d-uneven", "avg_pool", (1, 1, 6, 7, 8), kernel_size=(1, 2, 3), stride=(2, 1, 2), padding=(0, 1, 1))
    yield pool("max_pool3d-flat", "max_pool", (1, 2, 2, 4, 5), kernel_size=(1, 2, 2))
    yield pool("avg_pool3d-flat", "avg_pool", (1, 2, 2, 4, 5), kernel_size=(1, 2, 2))
    # Equal elements: the first one takes the gradient.
    ties = torch.tensor([1., 1, 0, 2, 2, 2, -1, -1, 1, 1, 2, 0, 2, 2, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0, 3]).reshape(1, 1, 5, 5)
    for size, stride in ((2, 2), (2, 1), (3, 2)):
        nodes = [("input", [], "shape=1,5,5"), ("max_pool2d", [0], f"kernel_size={size} stride={stride}")]
        yield Layer(f"max_pool2d-ties-{size}-{stride}", nodes, [ties], lambda x, p, s=size, t=stride: [F.max_pool2d(x[0], s, t)], kinks=True)


def adaptive():
    for rank, shape in IMAGES.items():
        for family in ("adaptive_max_pool", "adaptive_avg_pool"):
            for size in (1, 2, 5, 8)[:5 - rank]:
                yield pool(f"{family}{rank}d-{size}", family, shape, output_size=size)
            mixed = (3, None, 2)[:rank] if rank > 1 else 13
            yield pool(f"{family}{rank}d-mixed", family, shape, output_size=mixed)
        rest = tuple(range(2, 2 + rank))
        for count in (1, 3, 64)[:5 - rank]:
            own = (count,) + SMALL[rank]
            yield one(f"global_avg_pool-{rank}-{count}", "global_avg_pool", "", lambda x, rest=rest: x.mean(rest, keepdim=True), own)
            yield one(f"global_max_pool-{rank}-{count}", "global_max_pool", "", lambda x, rest=rest: x.amax(rest, keepdim=True), own)


def powers():
    for rank, shape in IMAGES.items():
        def p(name, positive=True, **options):
            return module(f"lp_pool{rank}d-{name}", f"lp_pool{rank}d", LP[rank], shape, {"positive": positive}, **options)
        yield p("two", positive=False, norm_type=2, kernel_size=2)
        yield p("three", norm_type=3, kernel_size=3, stride=2)
        yield p("ceil", norm_type=1.5, kernel_size=2, stride=2, ceil_mode=True)


def upsampling():
    f = {1: "linear", 2: "bilinear", 3: "trilinear"}
    small = {1: (1, 2, 5), 2: (1, 2, 4, 5), 3: (1, 1, 3, 4, 3)}
    for rank, shape in small.items():
        def u(name, shape=shape, **options):
            return module(f"upsample{rank}-{name}", "upsample", nn.Upsample, shape, **options)
        modes = ["nearest", "nearest-exact", f[rank]] + (["bicubic"] if rank == 2 else [])
        sizes = {1: 12, 2: (7, 13), 3: (4, 5, 3)}[rank]
        for mode in modes:
            yield u(f"{mode}-size", size=sizes, mode=mode)
            yield u(f"{mode}-smaller", size=2, mode=mode)
            yield u(f"{mode}-twice", scale_factor=2, mode=mode)
            yield u(f"{mode}-factor", scale_factor=1.7, mode=mode)
            yield u(f"{mode}-half", scale_factor=0.6, mode=mode)
            yield u(f"{mode}-recomputed", scale_factor=1.7, mode=mode, recompute_scale_factor=True)
            if not mode.startswith("nearest"):
                yield u(f"{mode}-aligned", size=sizes, mode=mode, align_corners=True)
                yield u(f"{mode}-aligned-one", size=1, mode=mode, align_corners=True)
                yield u(f"{mode}-aligned-factor", scale_factor=2.3, mode=mode, align_corners=True)
                yield u(f"{mode}-aligned-smaller", size=2, mode=mode, align_corners=True)
        yield u("same", size=shape[2:] if rank > 1 else shape[2])
    yield module("upsample-factors", "upsample", nn.Upsample, (2, 2, 4, 5), scale_factor=(1.5, 3.0), mode="bilinear")
    yield module("upsample-one-axis", "upsample", nn.Upsample, (2, 2, 4, 5), size=(4, 9), mode="bilinear")
    yield module("upsample-wide", "upsample", nn.Upsample, (1, 1, 3, 37), size=(5, 37), mode="bilinear")


def padding():
    def p(name, shape, pad, **options):
        arguments = {"mode": options.get("mode", "constant")}
        if "value" in options:
            arguments["value"] = options["value"]
        return one(f"pad-{name}", "pad", words({"padding": pad, **options}), lambda x: F.pad(x, pad, **arguments), shape)
    yield p("last", (2, 3, 5), (1, 2))
    yield p("two", (2, 3, 5), (1, 2, 0, 3))
    yield p("value", (2, 3, 5), (1, 2, 3, 0), value=-1.5)
    yield p("negative", (2, 3, 5), (-1, 2, 1, -2), value=0.5)
    yield p("four", (1, 2, 3, 2, 3), (1, 0, 0, 1, 2, 1, 1, 1), value=2)
    yield p("none", (2, 5), (0, 0))
    yield p("wide", (1, 1, 3, 33), (4, 5, 1, 1))
    for mode in ("reflect", "replicate", "circular"):
        yield p(f"{mode}1", (2, 3, 5), (2, 4), mode=mode)
        yield p(f"{mode}2", (2, 3, 4, 5), (2, 1, 3, 0), mode=mode)
        yield p(f"{mode}3", (1, 1, 3, 4, 5), (2, 1, 3, 0, 1, 2), mode=mode)
        yield p(f"{mode}-edge", (1, 1, 4, 5), (4, 4, 3, 3), mode=mode)
    for rank, shape in {1: (1, 2, 5), 2: (1, 1, 4, 5), 3: (1, 1, 3, 3, 4)}.items():
        for name in ("Zero", "Constant", "Reflection", "Replication", "Circular"):
            make = getattr(nn, f"{name}Pad{rank}d")
            extra = {"value": 2.5} if name == "Constant" else {}
            kind = f"{name.lower()}_pad{rank}d"
            yield module(f"{kind}-one", kind, make, shape, padding=1, **extra)
            yield module(f"{kind}-sides", kind, make, shape, padding=(1, 2, 0, 1, 2, 1)[:2 * rank], **extra)


def channels():
    yield module("pixel_shuffle", "pixel_shuffle", nn.PixelShuffle, (2, 8, 3, 5), upscale_factor=2)
    yield module("pixel_shuffle-three", "pixel_shuffle", nn.PixelShuffle, (1, 9, 2, 3), upscale_factor=3)
    yield module("pixel_unshuffle", "pixel_unshuffle", nn.PixelUnshuffle, (2, 2, 4, 6), downscale_factor=2)
    yield module("pixel_unshuffle-three", "pixel_unshuffle", nn.PixelUnshuffle, (1, 2, 3, 9), downscale_factor=3)
    yield module("channel_shuffle", "channel_shuffle", nn.ChannelShuffle, (2, 6, 2, 3), groups=3)
    yield module("channel_shuffle-two", "channel_shuffle", nn.ChannelShuffle, (1, 6, 5), groups=2)


def counts():
    for rank, sample in SMALL.items():
        for family, options in (
            ("max_pool", {"kernel_size": 2}), ("avg_pool", {"kernel_size": 2}), ("adaptive_max_pool", {"output_size": 2}),
            ("adaptive_avg_pool", {"output_size": 2}), ("lp_pool", {"norm_type": 2, "kernel_size": 2}),
        ):
            yield from batches(f"{family}{rank}d", lambda n, name: pool(name, family, (n,) + sample, **options))
        for name in ("Zero", "Constant", "Reflection", "Replication", "Circular"):
            kind = f"{name.lower()}_pad{rank}d"
            extra = {"value": 2.5} if name == "Constant" else {}
            yield from batches(kind, lambda n, case: module(
                case, kind, getattr(nn, f"{name}Pad{rank}d"), (n, 1) + (1,) * (rank - 1) + (2,), padding=(0, 1) + (0, 0) * (rank - 1), **extra))
    yield from batches("upsample", lambda n, name: module(name, "upsample", nn.Upsample, (n, 1, 1, 2), scale_factor=2, mode="bilinear"))
    yield from batches("pad", lambda n, name: one(name, "pad", "padding=1,1", lambda x: F.pad(x, (1, 1)), (n, 2)))
    yield from batches("pixel_shuffle", lambda n, name: module(name, "pixel_shuffle", nn.PixelShuffle, (n, 4, 1, 1), upscale_factor=2))
    yield from batches("pixel_unshuffle", lambda n, name: module(name, "pixel_unshuffle", nn.PixelUnshuffle, (n, 1, 2, 2), downscale_factor=2))
    yield from batches("channel_shuffle", lambda n, name: module(name, "channel_shuffle", nn.ChannelShuffle, (n, 4, 1), groups=2))


def cases():
    yield from windows()
    yield from adaptive()
    yield from powers()
    yield from upsampling()
    yield from padding()
    yield from channels()
    yield from counts()
