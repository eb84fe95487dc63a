"""Elementwise operations, comparisons, reductions, indexing, shapes, einsum, and the activations and distances."""

import math

import torch
import torch.nn.functional as F

from . import Layer, batches, module, one, sample, two

INF, NAN = math.inf, math.nan


def named(kind, attributes):
    return kind + ("-" + attributes.replace(" ", "-").replace("=", "-").replace(",", ".") if attributes else "")


def hardsigmoid(x):
    """PyTorch's own gradient has 1/6 in float32 even for float64, and celu's has 1/alpha so."""
    return (x + 3).clamp(0, 6) / 6


# kind, attributes, the same in PyTorch, how the inputs are drawn
UNARY = [
    ("tan", "", torch.tan, {"spread": 1.4}), ("asin", "", torch.asin, {"spread": 0.98}), ("acos", "", torch.acos, {"spread": 0.98}),
    ("atan", "", torch.atan, {"spread": 5}), ("sinh", "", torch.sinh, {"spread": 4}), ("cosh", "", torch.cosh, {"spread": 4}),
    ("asinh", "", torch.asinh, {"spread": 5}), ("acosh", "", torch.acosh, {"positive": True, "spread": 4, "add": 1}),
    ("atanh", "", torch.atanh, {"spread": 0.97}), ("exp2", "", torch.exp2, {"spread": 6}), ("expm1", "", torch.expm1, {"spread": 3}),
    ("log2", "", torch.log2, {"positive": True, "spread": 9}), ("log10", "", torch.log10, {"positive": True, "spread": 9}),
    ("log1p", "", torch.log1p, {"positive": True, "spread": 3}), ("rsqrt", "", torch.rsqrt, {"positive": True, "spread": 3}),
    ("square", "", torch.square, {}), ("reciprocal", "", torch.reciprocal, {"positive": True}), ("erf", "", torch.erf, {"spread": 3}),
    ("erfc", "", torch.erfc, {"spread": 4}), ("frac", "", torch.frac, {"spread": 4, "kinks": True}),
    ("sign", "", torch.sign, {"kinks": True}), ("floor", "", torch.floor, {"spread": 4, "kinks": True}),
    ("ceil", "", torch.ceil, {"spread": 4, "kinks": True}), ("round", "", torch.round, {"spread": 4, "kinks": True}),
    ("round", "decimals=1", lambda x: torch.round(x, decimals=1), {"spread": 4, "kinks": True}),
    ("round", "decimals=-1", lambda x: torch.round(x, decimals=-1), {"spread": 70, "kinks": True}),
    ("trunc", "", torch.trunc, {"spread": 4, "kinks": True}),
    ("clip", "min=-0.5 max=0.25", lambda x: x.clamp(-0.5, 0.25), {"kinks": True}),
    ("clip", "min=0.1", lambda x: x.clamp(min=0.1), {"kinks": True}), ("clip", "max=0.1", lambda x: x.clamp(max=0.1), {"kinks": True}),
    ("isnan", "", torch.isnan, {}), ("isinf", "", torch.isinf, {}), ("isfinite", "", torch.isfinite, {}),
    ("logical_not", "", torch.logical_not, {}),
    ("relu6", "", F.relu6, {"spread": 9}), ("hardsigmoid", "", hardsigmoid, {"spread": 5}), ("hardswish", "", F.hardswish, {"spread": 5}),
    ("mish", "", F.mish, {"spread": 4}), ("celu", "", F.celu, {"spread": 3}), ("celu", "alpha=0.4", lambda x: torch.where(x > 0, x, 0.4 * torch.expm1(x / 0.4)), {"spread": 3}),
    ("threshold", "threshold=0.2 value=-3", lambda x: F.threshold(x, 0.2, -3), {}),
    ("hardshrink", "", F.hardshrink, {}), ("hardshrink", "lambd=0.2", lambda x: F.hardshrink(x, 0.2), {}),
    ("softshrink", "", F.softshrink, {}), ("softshrink", "lambd=0.2", lambda x: F.softshrink(x, 0.2), {}),
    ("tanhshrink", "", F.tanhshrink, {"spread": 3}), ("softsign", "", F.softsign, {"spread": 3}),
    ("log_sigmoid", "", F.logsigmoid, {"spread": 3}),
    ("softmin", "", lambda x: F.softmin(x, -1), {"spread": 3}), ("softmin", "dim=1", lambda x: F.softmin(x, 1), {"spread": 3, "shape": (3, 4, 5)}),
    ("glu", "", F.glu, {"shape": (3, 10)}), ("glu", "dim=1", lambda x: F.glu(x, 1), {"shape": (2, 6, 3)}),
    ("reglu", "dim=-1", lambda x: x.chunk(2, -1)[0] * F.relu(x.chunk(2, -1)[1]), {"shape": (3, 10)}),
    ("geglu", "dim=-1", lambda x: x.chunk(2, -1)[0] * F.gelu(x.chunk(2, -1)[1]), {"shape": (3, 10)}),
    ("swiglu", "dim=-1", lambda x: x.chunk(2, -1)[0] * F.silu(x.chunk(2, -1)[1]), {"shape": (3, 10)}),
]

# Where PyTorch's answer is a number or infinity; x with the kinks in it.
SPECIAL = {
    "sign": [NAN, 0.0, -0.0, 2.0, INF, -INF], "hardswish": [-3.0, 3.0, INF, -3.1], "hardsigmoid": [-3.1, 3.1, INF, -INF, NAN],
    "relu6": [0.0, 6.0, INF, -INF], "mish": [60.0, -60.0, 0.0], "celu": [0.0, -INF, INF],
    "threshold threshold=0.2 value=-3": [0.2, INF, -INF, NAN], "hardshrink": [0.5, -0.5, INF, -INF, NAN],
    "softshrink": [0.5, -0.5, INF, -INF, NAN], "tanhshrink": [0.0, INF, -INF], "softsign": [0.0, 1e30, -1e30],
    "log_sigmoid": [0.0, INF, -INF, 700.0, -700.0], "clip min=-1 max=1": [-1.0, 1.0, 2.0, INF, -INF, NAN],
    "clip min=1 max=-1": [0.0, 2.0, -2.0], "round": [0.5, 1.5, -0.5, -2.5, INF, -INF, 8388609.0], "floor": [-0.0, 0.5, -0.5, INF, 3.0],
    "ceil": [-0.0, 0.5, -0.5, -INF, 3.0], "trunc": [-0.7, 0.7, INF, 16777217.0], "frac": [1.5, -1.5, 0.0],
    "isnan": [NAN, INF, -INF, 0.0, 1.0], "isinf": [NAN, INF, -INF, 0.0, 1.0], "isfinite": [NAN, INF, -INF, 0.0, 1.0],
    "logical_not": [NAN, INF, -0.0, 0.0, 1.0], "tan": [0.0, -0.0, 1e6, INF], "asin": [1.0, -1.0, 0.0, 1.5], "acos": [1.0, -1.0, 0.0, 1.5],
    "atan": [INF, -INF, 0.0, 1e30], "sinh": [0.0, 80.0, -80.0, INF, -INF], "cosh": [0.0, 80.0, INF, -INF],
    "asinh": [INF, -INF, 0.0, 1e19], "acosh": [1.0, INF, 1e19, 0.5], "atanh": [1.0, -1.0, 0.0, 0.99999994],
    "exp2": [-INF, INF, 0.0, 3.0, -1.0, 120.0], "log2": [8.0, 0.0, -1.0, INF, 1e-37], "log10": [1000.0, 0.0, -1.0, INF],
    "log1p": [-1.0, 0.0, INF, -2.0], "rsqrt": [0.0, INF, -1.0, 4.0], "erfc": [INF, -INF, 0.0, 9.0, -3.0], "reciprocal": [0.0, INF, -INF],
    "expm1": [-INF, INF, 0.0],
}


def unary():
    for kind, attributes, compute, how in UNARY:
        how = dict(how)
        add = how.pop("add", 0)
        shape = how.pop("shape", (1, 19))
        if add:
            def make(name, shape, k=kind, c=compute, a=add, h=how):
                nodes = [("input", [], f"shape={sample(shape)}"), ("add", [0], f"value={a}"), (k, [1], "")]
                return Layer(name, nodes, [shape], lambda x, p: [c(x[0] + a)], **h)
        else:
            def make(name, shape, k=kind, c=compute, t=attributes, h=how):
                return one(name, k, t, c, shape=shape, **h)
        yield make(named(kind, attributes), shape)
        if "=" not in attributes or kind in ("threshold", "reglu", "geglu", "swiglu") or attributes == "min=0.1":
            yield from batches(kind, lambda n, name, m=make, k=kind: m(name, (n, 2 if "glu" in k or k == "softmin" else 1)))
    for text, values in SPECIAL.items():
        kind, _, attributes = text.partition(" ")
        compute = next(c for k, _, c, _ in UNARY if k == kind)
        if kind == "clip":
            low, high = (float(word.split("=")[1]) for word in attributes.split())
            compute = lambda x, low=low, high=high: x.clamp(low, high)
        yield one("special-" + named(kind, attributes), kind, attributes, compute, shape=(1, len(values)), values=values, kinks=True)
    nodes = [("input", [], "shape=4,3,2"), ("softmax2d", [0], "")]
    yield Layer("softmax2d", nodes, [(2, 4, 3, 2)], lambda x, p: [torch.nn.Softmax2d()(x[0])], spread=3)
    yield from batches("softmax2d", lambda n, name: one(name, "softmax2d", "", torch.nn.Softmax2d(), shape=(n, 2, 1, 1)))


BINARY = [
    ("minimum", torch.minimum, {"kinks": True}), ("atan2", torch.atan2, {}), ("hypot", torch.hypot, {}),
    ("logaddexp", torch.logaddexp, {"spread": 5}), ("fmod", torch.fmod, {"positive": True, "spread": 3, "kinks": True}),
    ("remainder", torch.remainder, {"kinks": True}), ("floor_divide", torch.floor_divide, {}),
    ("eq", torch.eq, {}), ("ne", torch.ne, {}), ("lt", torch.lt, {}), ("le", torch.le, {}), ("gt", torch.gt, {}), ("ge", torch.ge, {}),
    ("logical_and", torch.logical_and, {}), ("logical_or", torch.logical_or, {}), ("logical_xor", torch.logical_xor, {}),
]
FLAT = ("floor_divide", "eq", "ne", "lt", "le", "gt", "ge", "logical_and", "logical_or", "logical_xor")


def binary():
    for kind, function, how in BINARY:
        if kind in FLAT:
            compute = lambda a, b, f=function: f(a.detach(), b.detach())
        else:
            compute = function
        yield two(kind, kind, "", (1, 19), (1, 19), compute, **how)
        yield two(kind + "-broadcast", kind, "", (1, 3, 1), (1, 1, 9), compute, **how)
        number = (lambda x, c=compute: c(x, torch.tensor(0.75, dtype=x.dtype)))
        yield one(kind + "-number", kind, "value=0.75", number, **how)
        yield from batches(kind, lambda n, name, k=kind, c=compute, h=how: two(name, k, "", (n, 1), (n, 1), c, **h))
        grid = [NAN, 0.0, 1.0, 2.0, 1.0] if kind in FLAT and kind != "floor_divide" else [0.0, 1.0, 2.0, 1.0, -3.0]
        a = torch.tensor([grid])
        b = torch.tensor([[1.0, 0.0, 2.0, 3.0, 1.0]])
        if kind == "hypot":
            b = b + 1
        if kind in ("fmod", "remainder", "floor_divide"):
            a = torch.tensor([[5.0, -5.0, 1e30, 1.0, -1.0, -7.5, 5.0, 0.0, 5.5]])
            b = torch.tensor([[3.0, 3.0, 0.3, INF, INF, 2.5, -3.0, 2.0, 0.0]])
            if kind == "floor_divide":
                a, b = torch.cat([a[:, :2], a[:, 3:]], 1), torch.cat([b[:, :2], b[:, 3:]], 1)
        if kind == "atan2":
            a = torch.tensor([[0.0, 0.0, -0.0, 1.0, 0.0, 1e-30, 1e30]])
            b = torch.tensor([[0.0, -0.0, -1.0, 0.0, -2.0, -1.0, 1e-5]])
        if kind == "logaddexp":
            a = torch.tensor([[1.0, INF, -INF, -800.0]])
            b = torch.tensor([[800.0, -INF, 2.0, 1.0]])
        nodes = [("input", [], f"shape={a.shape[1]}")] * 2 + [(kind, [0, 1], "")]
        yield Layer("special-" + kind, nodes, [a, b], lambda x, p, c=compute: [c(x[0], x[1])], kinks=True)
    condition = (torch.arange(15).reshape(3, 5) % 3 == 0).float()
    nodes = [("input", [], "shape=5"), ("input", [], "shape=5"), ("input", [], "shape=5"), ("where", [0, 1, 2], "")]
    yield Layer("where", nodes, [condition, (3, 5), (3, 5)], lambda x, p: [torch.where(x[0] != 0, x[1], x[2])])
    nodes = [("input", [], "shape=1,5"), ("input", [], "shape=4,1"), ("parameter", [], "shape=4,5 name=p"), ("where", [0, 1, 2], "")]
    yield Layer("where-broadcast", nodes, [condition.reshape(3, 1, 5), (3, 4, 1)],
                lambda x, p: [torch.where(x[0] != 0, x[1], p["p"])], {"p": (4, 5)})
    nodes = [("input", [], "shape=5"), ("input", [], "shape=5"), ("where", [1, 0], "value=-2.5 inputs=input,condition")]
    yield Layer("where-number", nodes, [condition, (3, 5)],
                lambda x, p: [torch.where(x[0] != 0, x[1], torch.tensor(-2.5, dtype=x[1].dtype))])
    nan = torch.tensor([[NAN, 1.0, INF, 2.0]])
    nodes = [("input", [], "shape=4"), ("input", [], "shape=4"), ("isfinite", [0], ""), ("where", [2, 0, 1], "")]
    yield Layer("where-not-nan", nodes, [nan, (1, 4)], lambda x, p: [torch.where(x[0].isfinite(), x[0], x[1])], kinks=True)
    nodes = [("input", [], "shape=2"), ("input", [], "shape=2"), ("gt", [0], "value=0"), ("where", [2, 0, 1], "")]
    yield from batches("where", lambda n, name: Layer(name, nodes, [(n, 2), (n, 2)], lambda x, p: [torch.where(x[0] > 0, x[0], x[1])], kinks=True))
    nodes3 = [("input", [], "shape=1")] * 3 + [("lerp", [0, 1, 2], "")]
    yield from batches("lerp", lambda n, name: Layer(name, nodes3, [(n, 1)] * 3, lambda x, p: [torch.lerp(x[0], x[1], x[2])]))
    nodes2 = [("input", [], "shape=3")] * 2 + [("lerp", [0, 1], "value=0.3")]
    yield Layer("lerp-number", nodes2, [(4, 3)] * 2, lambda x, p: [torch.lerp(x[0], x[1], 0.3)])


def reductions():
    forms = [("dim=1", (3, 4, 5)), ("dim=-1 keepdim=true", (3, 4, 19)), ("dim=1,2", (3, 4, 5)), ("dim=1,3", (2, 3, 4, 5)), ("dim=0", (3, 17)),
             ("", (3, 4)), ("dim=0,2 keepdim=true", (2, 3, 18)), ("dim=2", (2, 3, 1))]

    def read(attributes):
        words = dict(word.split("=") for word in attributes.split())
        dims = tuple(int(v) for v in words["dim"].split(",")) if "dim" in words else None
        return dims, words.get("keepdim") == "true"

    def product(x, dims, keep):
        dims = tuple(range(x.dim())) if dims is None else tuple(d % x.dim() for d in dims)
        for d in sorted(dims, reverse=True):
            x = x.prod(d, keepdim=keep)
        return x

    def folded(function):
        def run(x, dims, keep):
            dims = tuple(range(x.dim())) if dims is None else dims
            return function(x, dims, keep)
        return run

    def answered(function, combine):
        def run(x, dims, keep):
            y = (x.detach() != 0).to(x.dtype)
            return combine(y, tuple(range(x.dim())) if dims is None else dims, keep)
        return run

    functions = {
        "max": folded(lambda x, d, k: x.amax(d, k)), "min": folded(lambda x, d, k: x.amin(d, k)), "prod": product,
        "logsumexp": folded(lambda x, d, k: x.logsumexp(d, k)), "var": folded(lambda x, d, k: x.var(d, keepdim=k)),
        "std": folded(lambda x, d, k: x.std(d, keepdim=k)), "norm": folded(lambda x, d, k: torch.linalg.vector_norm(x, 2, d, k)),
        "any": answered(torch.any, lambda x, d, k: x.amax(d, k)), "all": answered(torch.all, lambda x, d, k: x.amin(d, k)),
    }
    for kind, function in functions.items():
        for attributes, shape in forms:
            if kind in ("var", "std") and shape == (2, 3, 1):
                continue
            dims, keep = read(attributes)
            yield one(named(kind, attributes), kind, attributes, lambda x, f=function, d=dims, k=keep: f(x, d, k), shape=shape)
        yield from batches(kind, lambda n, name, k=kind, f=function: one(name, k, "dim=1", lambda x: f(x, (1,), False), shape=(n, 2)))
    for kind, function in (("var", torch.var), ("std", torch.std)):
        for correction in (0, 2):
            yield one(f"{kind}-correction-{correction}", kind, f"dim=1 correction={correction}",
                      lambda x, f=function, c=correction: f(x, 1, correction=c), shape=(3, 5, 2))
    yield one("std-of-equals", "std", "dim=1", lambda x: x.std(1), shape=(2, 3), values=[1.0, 1.0, 1.0, 1.0, 0.0, 2.0], kinks=True)
    for p in (0, 0.5, 1, 1.5, 2, 3, INF, -INF):
        yield one(f"norm-p-{p}", "norm", f"p={p} dim=1", lambda x, p=p: torch.linalg.vector_norm(x, p, 1), shape=(3, 5, 2), kinks=p in (0, INF, -INF))
        yield one(f"norm-p-{p}-special", "norm", f"p={p} dim=1", lambda x, p=p: torch.linalg.vector_norm(x, p, 1), shape=(3, 3),
                  values=[0.0, 0.0, 0.0, 1.0, -2.0, 0.0, 2.0, -2.0, 1.0], kinks=True)
    yield one("norm-inf-apart", "norm", "p=inf dim=1,3", lambda x: torch.linalg.vector_norm(x, INF, (1, 3)), shape=(2, 3, 4, 5), kinks=True)
    yield one("max-ties", "max", "dim=1", lambda x: x.amax(1), shape=(2, 3), values=[1.0, 3.0, 3.0, 2.0, 2.0, 2.0], kinks=True)
    yield one("min-ties", "min", "", lambda x: x.amin((0, 1)), shape=(2, 3), values=[1.0, 3.0, 1.0, 5.0, 1.0, 2.0], kinks=True)
    yield one("max-infinite", "max", "dim=1", lambda x: x.amax(1), shape=(2, 3), values=[-INF, -INF, -INF, 1.0, INF, 2.0], kinks=True)
    yield one("prod-zeros", "prod", "dim=1", lambda x: x.prod(1), shape=(3, 3), values=[1.0, 0.0, 3.0, 0.0, 0.0, 2.0, 2.0, 3.0, 4.0], kinks=True)
    yield one("prod-zeros-across", "prod", "dim=1", lambda x: x.prod(1), shape=(1, 3, 2), values=[1.0, 0.0, 0.0, 0.0, 2.0, 5.0], kinks=True)
    yield one("logsumexp-wide", "logsumexp", "dim=-1", lambda x: x.logsumexp(-1), shape=(3, 40), spread=90)
    yield one("any-zeros", "any", "dim=1", lambda x: (x != 0).any(1), shape=(2, 3), values=[0.0, 0.0, 0.0, 0.0, NAN, 1.0], kinks=True)
    yield one("all-zeros", "all", "dim=1", lambda x: (x != 0).all(1), shape=(2, 3), values=[0.0, 1.0, 2.0, -1.0, NAN, 1.0], kinks=True)
    for kind, function in (("argmax", torch.argmax), ("argmin", torch.argmin)):
        for attributes, shape in (("dim=1", (3, 4, 5)), ("dim=-1 keepdim=true", (3, 4, 19)), ("", (3, 4)), ("dim=0", (3, 17)), ("keepdim=true", (2, 3))):
            dims, keep = read(attributes)
            dim = None if dims is None else dims[0]
            yield one(named(kind, attributes), kind, attributes, lambda x, f=function, d=dim, k=keep: f(x, d, k), shape=shape)
        yield one(kind + "-special", kind, "dim=1", lambda x, f=function: f(x, 1), shape=(3, 5),
                  values=[1.0, 3.0, 3.0, NAN, NAN, 1.0, 1.0, 2.0, 2.0, 2.0, -INF, -INF, INF, INF, 0.0])
        yield from batches(kind, lambda n, name, k=kind, f=function: one(name, k, "dim=1", lambda x: f(x, 1), shape=(n, 2)))
    for kind, function in (("cumsum", torch.cumsum), ("cumprod", torch.cumprod)):
        for dim, shape in ((1, (3, 4, 5)), (-1, (3, 19)), (0, (3, 4))):
            yield one(f"{kind}-{dim}", kind, f"dim={dim}", lambda x, f=function, d=dim: f(x, d), shape=shape, spread=1.5)
        yield from batches(kind, lambda n, name, k=kind, f=function: one(name, k, "dim=1", lambda x: f(x, 1), shape=(n, 2)))
    yield one("cumprod-zeros", "cumprod", "dim=1", lambda x: x.cumprod(1), shape=(4, 5),
              values=[1.0, 0.0, 3.0, 0.0, 2.0, 2.0, 3.0, 4.0, 5.0, 6.0, 0.0, 2.0, 3.0, 4.0, 5.0, 2.0, 3.0, 4.0, 5.0, 0.0])
    for kind, function in (("cummax", torch.cummax), ("cummin", torch.cummin)):
        for dim, shape in ((1, (3, 4, 5)), (-1, (3, 9)), (0, (3, 4))):
            yield several(f"{kind}-{dim}", kind, f"dim={dim}", lambda x, f=function, d=dim: list(f(x, d)), shape)
        yield several(kind + "-special", kind, "dim=1", lambda x, f=function: list(f(x, 1)), (2, 5),
                      values=[1.0, 3.0, 3.0, NAN, 2.0, 2.0, 2.0, -INF, INF, 1.0])
        yield from batches(kind, lambda n, name, k=kind, f=function: several(name, k, "dim=1", lambda x: list(f(x, 1)), (n, 2)))


def several(name, kind, attributes, compute, shape, **more):
    """A kind with the outputs values and indices."""
    nodes = [("input", [], f"shape={sample(shape)}"), (kind, [0], attributes)]
    return Layer(name, nodes, [shape], lambda x, p: compute(x[0]), outputs=[1, 2], kinks=True, **more)


def indexing():
    g = torch.Generator().manual_seed(3)

    def whole(shape, limit):
        return torch.randint(0, limit, shape, generator=g)

    def indexed(name, kind, attributes, shape, index, compute, **more):
        text = f"shape={sample(index.shape)} dtype=integer" if index.dim() > 1 or more.pop("batched", False) else f"shape={index.shape[0]} dtype=integer batched=false"
        nodes = [("input", [], f"shape={sample(shape)}"), ("input", [], text), (kind, [0, 1], attributes)]
        return Layer(name, nodes, [shape, index], lambda x, p: [compute(x[0], x[1].long())], **more)

    for dim, shape, size in ((1, (3, 4, 5), (3, 7, 5)), (2, (3, 4, 5), (3, 3, 9)), (-1, (2, 18), (2, 40)), (1, (1, 5, 33), (1, 3, 20)), (0, (4, 5), (4, 3))):
        index = whole(size, shape[dim])
        yield indexed(f"gather-{dim}-{len(shape)}-{size[-1]}", "gather", f"dim={dim}", shape, index, lambda x, i, d=dim: torch.gather(x, d, i))
    yield from batches("gather", lambda n, name: indexed(name, "gather", "dim=1", (n, 3), whole((n, 2), 3), lambda x, i: x.gather(1, i)))
    for dim, shape, size in ((1, (3, 4, 5), (3, 7, 1)), (2, (3, 1, 5), (3, 3, 2)), (-1, (3, 4, 2), (3, 1, 3)), (1, (1, 4, 20), (1, 2, 1))):
        index = whole(size, shape[dim])
        yield indexed(f"take_along_axis-{dim}-{size[-1]}", "take_along_axis", f"dim={dim}", shape, index,
                      lambda x, i, d=dim: torch.take_along_dim(x, i, d))
    yield from batches("take_along_axis", lambda n, name: indexed(name, "take_along_axis", "dim=1", (n, 2, 1), whole((n, 1, 1), 2),
                                                                  lambda x, i: torch.take_along_dim(x, i, 1)))
    for dim, shape, count in ((1, (3, 4, 17), 6), (2, (3, 4, 5), 7), (-1, (3, 5), 2), (0, (4, 5), 6), (1, (2, 3, 2, 8), 5)):
        index = whole((count,), shape[dim])
        yield indexed(f"index_select-{dim}-{shape[-1]}", "index_select", f"dim={dim}", shape, index,
                      lambda x, i, d=dim: torch.index_select(x, d, i))
    yield from batches("index_select", lambda n, name: indexed(name, "index_select", "dim=1", (n, 4), torch.tensor([2, 0, 2]),
                                                               lambda x, i: x.index_select(1, i)))
    nodes = [("parameter", [], "shape=7,19 name=p"), ("input", [], "shape= dtype=integer"), ("index_select", [0, 1], "dim=0")]
    yield Layer("index_select-rows", nodes, [whole((20,), 7)], lambda x, p: [p["p"].index_select(0, x[0].long())], {"p": (7, 19)})

    def scattered(name, kind, attributes, shape, index, source, compute, **more):
        nodes = [("input", [], f"shape={sample(shape)}"), ("input", [], f"shape={sample(index.shape)} dtype=integer")]
        inputs = [shape, index]
        if source:
            nodes.append(("input", [], f"shape={sample(source)}"))
            inputs.append(source)
        nodes.append((kind, list(range(len(nodes))), attributes))
        return Layer(name, nodes, inputs, lambda x, p: [compute(x[0], x[1].long(), x[2] if source else None)], **more)

    def inside(source, index):
        """The part of the source that has indices; PyTorch's gradient wants no more."""
        return source[tuple(slice(0, size) for size in index.shape)]

    def apart(shape, size, dim):
        """Indices without repetition along dim."""
        order = torch.rand(tuple(shape[i] if i == dim % len(shape) else size[i] for i in range(len(shape))), generator=g).argsort(dim)
        return order.narrow(dim, 0, size[dim]).contiguous()

    for dim, shape, size, source in ((1, (3, 9, 5), (3, 4, 5), (3, 4, 5)), (2, (2, 3, 20), (2, 2, 7), (2, 2, 9)), (-1, (2, 18), (2, 10), (2, 12)), (0, (4, 5), (4, 3), (4, 3))):
        index = apart(shape, size, dim)
        yield scattered(f"scatter-{dim}-{shape[-1]}", "scatter", f"dim={dim}", shape, index, source, lambda x, i, s, d=dim: x.scatter(d, i, inside(s, i)))
        repeated = whole(size, shape[dim])
        yield scattered(f"scatter_add-{dim}-{shape[-1]}", "scatter_add", f"dim={dim}", shape, repeated, source,
                        lambda x, i, s, d=dim: x.scatter_add(d, i, inside(s, i)))
    index = apart((3, 6), (3, 4), 1)
    yield scattered("scatter-number", "scatter", "dim=1 value=2.5", (3, 6), index, None, lambda x, i, s: x.scatter(1, i, 2.5))
    index = whole((3, 8), 6)
    yield scattered("scatter_add-number", "scatter_add", "dim=1 value=2.5", (3, 6), index, None,
                    lambda x, i, s: x.scatter_add(1, i, torch.full(i.shape, 2.5, dtype=x.dtype)))
    yield from batches("scatter", lambda n, name: scattered(name, "scatter", "dim=1", (n, 3), apart((n, 3), (n, 2), 1), (n, 2), lambda x, i, s: x.scatter(1, i, s)))
    yield from batches("scatter_add", lambda n, name: scattered(name, "scatter_add", "dim=1", (n, 2), whole((n, 3), 2), (n, 3), lambda x, i, s: x.scatter_add(1, i, s)))

    def hot(name, index, classes):
        nodes = [("input", [], f"shape={sample(index.shape)} dtype=integer"), ("one_hot", [0], f"num_classes={classes}")]
        return Layer(name, nodes, [index], lambda x, p: [F.one_hot(x[0].long(), classes).to(torch.float64)])

    yield hot("one_hot", whole((3, 4), 6), 6)
    yield hot("one_hot-wide", whole((5,), 40), 40)
    yield from batches("one_hot", lambda n, name: hot(name, whole((n,), 3), 3))

    for descending in (False, True):
        word = str(descending).lower()
        for dim, shape in ((1, (3, 5, 4)), (-1, (3, 37)), (0, (7, 3))):
            yield several(f"sort-{dim}-{word}", "sort", f"dim={dim} descending={word}",
                          lambda x, d=dim, w=descending: list(torch.sort(x, dim=d, descending=w, stable=True)), shape)
            yield one(f"argsort-{dim}-{word}", "argsort", f"dim={dim} descending={word}",
                      lambda x, d=dim, w=descending: torch.argsort(x, dim=d, descending=w, stable=True), shape=shape)
        values = [2.0, NAN, 1.0, 2.0, -INF, 2.0, 0.0, -0.0, INF, NAN, NAN, 0.0]
        yield several(f"sort-special-{word}", "sort", f"descending={word}",
                      lambda x, w=descending: list(torch.sort(x, dim=-1, descending=w, stable=True)), (1, 12), values=values)
        for dim, shape, k in ((1, (3, 5, 4), 2), (-1, (3, 37), 5), (1, (2, 3), 3)):
            yield several(f"topk-{dim}-{k}-{word}", "topk", f"k={k} dim={dim} largest={word} sorted=true",
                          lambda x, d=dim, k=k, w=descending: list(torch.topk(x, k, d, w)), shape)
    yield several("topk-special", "topk", "k=2", lambda x: list(torch.topk(x, 2)), (1, 5), values=[2.0, NAN, 1.0, 2.5, -INF])
    yield from batches("sort", lambda n, name: several(name, "sort", "", lambda x: list(torch.sort(x, stable=True)), (n, 2)))
    yield from batches("argsort", lambda n, name: one(name, "argsort", "", lambda x: torch.argsort(x, stable=True), shape=(n, 2)))
    yield from batches("topk", lambda n, name: several(name, "topk", "k=2", lambda x: list(torch.topk(x, 2)), (n, 3)))


def shapes():
    SHAPES = [
        ("squeeze", "", lambda x: x.reshape(x.shape[0], 3, 2), (2, 1, 3, 1, 2)), ("squeeze", "dim=1,-2", lambda x: x.squeeze((1, -2)), (2, 1, 3, 1, 1)),
        ("squeeze", "dim=2", lambda x: x.squeeze(2), (2, 1, 3)),
        ("unsqueeze", "dim=1", lambda x: x.unsqueeze(1), (2, 3)), ("unsqueeze", "dim=-1", lambda x: x.unsqueeze(-1), (2, 3)),
        ("expand", "size=-1,4,3", lambda x: x.expand(-1, 4, 3), (2, 1, 3)), ("expand", "size=-1,-1,17", lambda x: x.expand(-1, -1, 17), (2, 3, 1)),
        ("permute", "dims=0,3,1,2", lambda x: x.permute(0, 3, 1, 2), (2, 3, 4, 5)), ("permute", "dims=0,-1,1", lambda x: x.permute(0, -1, 1), (2, 3, 17)),
        ("flip", "dims=1", lambda x: x.flip(1), (3, 5)), ("flip", "dims=0,-1", lambda x: x.flip((0, -1)), (3, 2, 5)),
        ("flip", "dims=1,2", lambda x: x.flip((1, 2)), (2, 3, 4)),
        ("roll", "shifts=2 dims=1", lambda x: x.roll(2, 1), (3, 5)), ("roll", "shifts=-1,7 dims=2,1", lambda x: x.roll((-1, 7), (2, 1)), (2, 3, 4)),
        ("roll", "shifts=4", lambda x: x.roll(4), (3, 5)),
        ("tile", "dims=2", lambda x: x.tile(2), (3, 4)), ("tile", "dims=1,2,3", lambda x: x.tile(1, 2, 3), (2, 3, 4)),
        ("tile", "dims=3,1", lambda x: x.tile(3, 1), (2, 2, 3, 2)),
        ("repeat", "sizes=1,3", lambda x: x.repeat(1, 3), (2, 5)), ("repeat", "sizes=1,2,3", lambda x: x.repeat(1, 2, 3), (2, 3, 2)),
        ("repeat_interleave", "repeats=3 dim=1", lambda x: x.repeat_interleave(3, 1), (2, 3, 2)),
        ("repeat_interleave", "repeats=2 dim=-1", lambda x: x.repeat_interleave(2, -1), (2, 3)),
        ("triu", "", torch.triu, (2, 4, 5)), ("triu", "diagonal=2", lambda x: x.triu(2), (2, 5, 4)), ("triu", "diagonal=-1", lambda x: x.triu(-1), (2, 3, 18)),
        ("tril", "", torch.tril, (2, 4, 5)), ("tril", "diagonal=1", lambda x: x.tril(1), (2, 5, 4)), ("tril", "diagonal=-2", lambda x: x.tril(-2), (2, 2, 4, 4)),
        ("diagonal", "", lambda x: x.diagonal(0, -2, -1), (2, 4, 5)), ("diagonal", "offset=1", lambda x: x.diagonal(1, -2, -1), (2, 4, 5)),
        ("diagonal", "offset=-2 dim1=1 dim2=3", lambda x: x.diagonal(-2, 1, 3), (2, 5, 3, 4)),
        ("diagonal", "offset=1 dim1=2 dim2=1", lambda x: x.diagonal(1, 2, 1), (2, 3, 4)),
        ("chunk", "chunks=3 dim=1 index=2", lambda x: x.chunk(3, 1)[2], (2, 7)), ("chunk", "chunks=2 dim=-1", lambda x: x.chunk(2, -1)[0], (2, 3, 5)),
        ("split", "split_size_or_sections=3 dim=1 index=2", lambda x: x.split(3, 1)[2], (2, 7)),
        ("split", "split_size_or_sections=2,0,3 dim=2 index=2", lambda x: x.split([2, 0, 3], 2)[2], (2, 2, 5)),
    ]
    for kind, attributes, compute, shape in SHAPES:
        yield one(named(kind, attributes), kind, attributes, compute, shape=shape)
    for kind, attributes, compute, shape in (
            ("squeeze", "", lambda x: x.squeeze(1), (1, 2)), ("unsqueeze", "dim=1", lambda x: x.unsqueeze(1), (2,)),
            ("expand", "size=-1,2", lambda x: x.expand(-1, 2), (1,)), ("permute", "dims=0,2,1", lambda x: x.permute(0, 2, 1), (2, 1)),
            ("flip", "dims=1", lambda x: x.flip(1), (2,)), ("roll", "shifts=1 dims=0", lambda x: x.roll(1, 0), (2,)),
            ("tile", "dims=2", lambda x: x.tile(2), (2,)), ("repeat", "sizes=1,2", lambda x: x.repeat(1, 2), (2,)),
            ("repeat_interleave", "repeats=2 dim=1", lambda x: x.repeat_interleave(2, 1), (2,)), ("triu", "", torch.triu, (1, 2)),
            ("tril", "", torch.tril, (1, 2)), ("diagonal", "", lambda x: x.diagonal(0, -2, -1), (1, 2)),
            ("chunk", "chunks=2 index=1", lambda x: x.chunk(2, 1)[1], (3,)),
            ("split", "split_size_or_sections=2", lambda x: x.split(2, 1)[0], (3,))):
        yield from batches(kind, lambda n, name, k=kind, a=attributes, c=compute, s=shape: one(name, k, a, c, shape=(n,) + s))
    for dim in (1, -1, 2):
        nodes = [("input", [], "shape=3")] * 3 + [("stack", [0, 1, 2], f"dim={dim}")]
        yield Layer(f"stack-{dim}", nodes, [(2, 3)] * 3, lambda x, p, d=dim: [torch.stack(x, d)])
    stacked = [("input", [], "shape=1")] * 2 + [("stack", [0, 1], "")]
    yield from batches("stack", lambda n, name: Layer(name, stacked, [(n, 1)] * 2, lambda x, p: [torch.stack(x, 1)]))
    # Without a batch, new dimensions may stand in front.
    whole = [("input", [], "shape=3,1 batched=false")]
    for kind, attributes, compute in (("expand", "size=2,3,4", lambda x: x.expand(2, 3, 4)), ("tile", "dims=2,1,3", lambda x: x.tile(2, 1, 3)),
                                      ("repeat", "sizes=2,2,1,3", lambda x: x.repeat(2, 2, 1, 3)), ("unsqueeze", "dim=0", lambda x: x.unsqueeze(0)),
                                      ("permute", "dims=1,0", lambda x: x.permute(1, 0)), ("flip", "dims=0,1", lambda x: x.flip((0, 1))),
                                      ("expand", "size=3,0", lambda x: x.expand(3, 0)), ("tile", "dims=0,2", lambda x: x.tile(0, 2))):
        yield Layer("whole-" + named(kind, attributes), whole + [(kind, [0], attributes)], [(3, 1)], lambda x, p, c=compute: [c(x[0])])
    # Whole numbers go through.
    index = torch.arange(12).reshape(2, 3, 2)
    for kind, attributes, compute in (("permute", "dims=0,2,1", lambda x: x.permute(0, 2, 1)), ("flip", "dims=1", lambda x: x.flip(1)),
                                      ("tile", "dims=1,2,1", lambda x: x.tile(1, 2, 1)), ("roll", "shifts=1 dims=1", lambda x: x.roll(1, 1)),
                                      ("expand", "size=-1,3,2", lambda x: x.expand(-1, 3, 2)), ("squeeze", "", lambda x: x),
                                      ("diagonal", "", lambda x: x.diagonal(0, -2, -1)), ("chunk", "chunks=2 dim=2 index=1", lambda x: x.chunk(2, 2)[1])):
        nodes = [("input", [], "shape=3,2 dtype=integer"), (kind, [0], attributes)]
        yield Layer("integers-" + kind, nodes, [index], lambda x, p, c=compute: [c(x[0])])


def einsums():
    EQUATIONS = [
        ("bij,bjk->bik", [(3, 2, 4), (3, 4, 5)]), ("bi,bj->bij", [(3, 2), (3, 4)]), ("bi,bi->b", [(3, 5), (3, 5)]), ("bi->b", [(3, 5)]),
        ("bij->bji", [(3, 2, 4)]), ("bii->bi", [(3, 4, 4)]), ("bii->b", [(3, 4, 4)]), ("bqhd,bkhd->bhqk", [(2, 3, 2, 4), (2, 5, 2, 4)]),
        ("bhqk,bkhd->bqhd", [(2, 2, 3, 5), (2, 5, 2, 4)]), ("bi,bj->ij", [(3, 2), (3, 4)]), ("bij,bij->ij", [(3, 2, 4), (3, 2, 4)]),
        ("bi,bij,bj->b", [(3, 2), (3, 2, 4), (3, 4)]), ("b...i,bi->b...", [(3, 2, 4, 5), (3, 5)]), ("bij,bjk", [(3, 2, 4), (3, 4, 5)]),
        ("...i,...i->...", [(3, 2, 4), (3, 2, 4)]), ("b...->b", [(3, 2, 4)]), ("bijj,bkj->bik", [(2, 3, 4, 4), (2, 5, 4)]),
    ]
    for number, (equation, shapes_) in enumerate(EQUATIONS):
        nodes = [("input", [], f"shape={sample(shape)}") for shape in shapes_] + [("einsum", list(range(len(shapes_))), f"equation={equation}")]
        yield Layer(f"einsum-{number}", nodes, shapes_, lambda x, p, e=equation: [torch.einsum(e, *x)])
    for number, (equation, shape, weight) in enumerate((("bi,oi->bo", (3, 5), (4, 5)), ("bti,io->bto", (3, 2, 5), (5, 4)), ("bthi,hio->btho", (3, 2, 2, 5), (2, 5, 4)),
                                                        ("bi,oij,bj->bo", (3, 2), (4, 2, 2)))):
        inputs = [shape] if equation.count(",") == 1 else [shape, shape]
        nodes = [("input", [], f"shape={sample(s)}") for s in inputs] + [("parameter", [], f"shape={','.join(map(str, weight))} name=p")]
        order = [0, len(inputs)] + list(range(1, len(inputs)))
        nodes.append(("einsum", order, f"equation={equation}"))
        yield Layer(f"einsum-parameter-{number}", nodes, inputs, lambda x, p, e=equation: [torch.einsum(e, x[0], p["p"], *x[1:])], {"p": weight})
    products = [("input", [], "shape=2"), ("input", [], "shape=2"), ("einsum", [0, 1], "equation=bi,bi->b")]
    yield from batches("einsum", lambda n, name: Layer(name, products, [(n, 2), (n, 2)], lambda x, p: [torch.einsum("bi,bi->b", *x)]))


def layers():
    nn = torch.nn
    yield module("prelu-module", "prelu", "", lambda: nn.PReLU(), (2, 3, 3))
    yield module("prelu-channels", "prelu", "num_parameters=4 init=0.1", lambda: nn.PReLU(4, 0.1), (3, 4, 5))
    yield module("prelu-features", "prelu", "num_parameters=19", lambda: nn.PReLU(19), (5, 19))
    yield module("prelu-images", "prelu", "num_parameters=2", lambda: nn.PReLU(2), (2, 2, 3, 5))
    yield from batches("prelu", lambda n, name: module(name, "prelu", "num_parameters=2", lambda: nn.PReLU(2), (n, 2)))
    yield one("rrelu-fixed", "rrelu", "lower=0.2 upper=0.2", lambda x: F.rrelu(x, 0.2, 0.2, True))
    yield from batches("rrelu", lambda n, name: one(name, "rrelu", "lower=0.25 upper=0.25", lambda x: F.rrelu(x, 0.25, 0.25, True), shape=(n, 2)))

    def bilinear(name, first, second, out, attributes="", bias=True):
        nodes = [("input", [], f"shape={sample(first)}"), ("input", [], f"shape={sample(second)}"),
                 ("bilinear", [0, 1], f"out_features={out} in1_features={first[-1]} in2_features={second[-1]}{attributes}")]
        parameters = {"0.weight": (out, first[-1], second[-1])}
        if bias:
            parameters["0.bias"] = (out,)
        return Layer(name, nodes, [first, second], lambda x, p: [F.bilinear(x[0], x[1], p["0.weight"], p.get("0.bias"))], parameters)

    yield bilinear("bilinear", (5, 4), (5, 3), 6)
    yield bilinear("bilinear-no-bias", (3, 7), (3, 5), 2, " bias=false", bias=False)
    yield bilinear("bilinear-rank-3", (2, 3, 4), (2, 3, 5), 3)
    yield bilinear("bilinear-one", (4, 1), (4, 1), 1)
    yield from batches("bilinear", lambda n, name: bilinear(name, (n, 2), (n, 1), 2))
    for attributes, dim, eps, first, second in (("", 1, 1e-8, (3, 5), (3, 5)), ("dim=-1 eps=0.001", -1, 1e-3, (2, 3, 5), (2, 1, 5)), ("dim=1", 1, 1e-8, (2, 4, 3), (2, 4, 3))):
        yield two(f"cosine_similarity-{dim}-{len(first)}", "cosine_similarity", attributes, first, second,
                  lambda a, b, d=dim, e=eps: F.cosine_similarity(a, b, d, e))
    yield from batches("cosine_similarity", lambda n, name: two(name, "cosine_similarity", "", (n, 2), (n, 2), F.cosine_similarity))
    for attributes, options in (("", {}), ("p=1 eps=0.001", {"p": 1, "eps": 1e-3}), ("p=3 keepdim=true", {"p": 3, "keepdim": True}), ("p=inf", {"p": INF})):
        yield two(named("pairwise_distance", attributes), "pairwise_distance", attributes, (3, 2, 5), (3, 2, 5),
                  lambda a, b, o=options: F.pairwise_distance(a, b, **o), kinks="inf" in attributes)
    yield from batches("pairwise_distance", lambda n, name: two(name, "pairwise_distance", "", (n, 2), (n, 2), F.pairwise_distance))


def cases():
    for family in (unary, binary, reductions, indexing, shapes, einsums, layers):
        yield from family()
