"""Linear layers, shapes, activations, operations on arrays, and graphs of them."""

import torch
import torch.nn.functional as F

from . import Layer, batches, one, two


def linear(name, shape, out_features, bias=True):
    nodes = [("input", [], "shape=" + ",".join(str(size) for size in shape[1:])),
             ("linear", [0], f"out_features={out_features}" + ("" if bias else " bias=false"))]
    parameters = {"0.weight": (out_features, shape[-1])}
    if bias:
        parameters["0.bias"] = (out_features,)
    return Layer(name, nodes, [shape], lambda x, p: [F.linear(x[0], p["0.weight"], p.get("0.bias"))], parameters)


ACTIVATIONS = [
    ("relu", "", F.relu),
    ("leaky_relu", "", F.leaky_relu),
    ("leaky_relu", "negative_slope=0.2", lambda x: F.leaky_relu(x, 0.2)),
    ("elu", "", F.elu),
    ("elu", "alpha=0.5", lambda x: F.elu(x, 0.5)),
    ("selu", "", F.selu),
    ("gelu", "", F.gelu),
    ("gelu", "approximate=tanh", lambda x: F.gelu(x, approximate="tanh")),
    ("silu", "", F.silu),
    ("sigmoid", "", torch.sigmoid),
    ("tanh", "", torch.tanh),
    ("softplus", "", F.softplus),
    ("softplus", "beta=2 threshold=5", lambda x: F.softplus(x, 2, 5)),
    ("hardtanh", "", F.hardtanh),
    ("hardtanh", "min_val=-0.5 max_val=2", lambda x: F.hardtanh(x, -0.5, 2)),
]


def activations():
    for kind, attributes, compute in ACTIVATIONS:
        name = kind + ("-" + attributes.replace(" ", "-").replace("=", "-") if attributes else "")
        yield one(name, kind, attributes, compute, spread=3)
        yield one(name + "-wide", kind, attributes, compute, shape=(3, 37), spread=80)
    yield one("relu-at-zero", "relu", "", F.relu, shape=(1, 3), values=[0.0, -0.0, 1.0], kinks=True)
    yield one("abs-at-zero", "abs", "", torch.abs, shape=(1, 3), values=[0.0, -1.0, 1.0], kinks=True)


def shapes():
    yield linear("linear", (5, 7), 3)
    yield linear("linear-no-bias", (5, 7), 3, bias=False)
    yield linear("linear-one-sample", (1, 64), 33)
    yield linear("linear-one-output", (17, 5), 1)
    yield linear("linear-rank-3", (3, 4, 6), 5)
    yield linear("linear-larger", (33, 47), 29)
    yield one("identity", "identity", "", lambda x: x)
    yield one("dropout-of-nothing", "dropout", "p=0", lambda x: x)
    yield one("flatten", "flatten", "", lambda x: x.flatten(1), shape=(2, 3, 4, 2))
    yield one("flatten-middle", "flatten", "start_dim=1 end_dim=2", lambda x: x.flatten(1, 2), shape=(2, 3, 4, 2))
    yield one("reshape", "reshape", "shape=4,3", lambda x: x.reshape(-1, 4, 3), shape=(2, 12))
    yield one("reshape-inferred", "reshape", "shape=2,-1,2", lambda x: x.reshape(x.shape[0], 2, -1, 2), shape=(3, 3, 4))
    yield one("softmax", "softmax", "", lambda x: F.softmax(x, -1), spread=4)
    yield one("softmax-middle", "softmax", "dim=1", lambda x: F.softmax(x, 1), shape=(3, 4, 5), spread=4)
    yield one("log_softmax", "log_softmax", "", lambda x: F.log_softmax(x, -1), spread=4)
    yield one("log_softmax-wide", "log_softmax", "dim=-2", lambda x: F.log_softmax(x, -2), shape=(2, 5, 3), spread=60)
    yield one("transpose", "transpose", "dim0=1 dim1=2", lambda x: x.transpose(1, 2), shape=(2, 3, 4))
    yield one("transpose-negative", "transpose", "dim0=-1 dim1=-3", lambda x: x.transpose(-1, -3), shape=(2, 3, 4, 2))
    yield one("slice", "slice", "dim=1 start=1 end=5", lambda x: x[:, 1:5])
    yield one("slice-step", "slice", "dim=1 start=1 step=3", lambda x: x[:, 1::3])
    yield one("slice-negative", "slice", "dim=-1 start=-4 end=-1", lambda x: x[..., -4:-1], shape=(2, 3, 6))
    yield one("slice-index", "slice", "dim=1 index=2", lambda x: x[:, 2], shape=(2, 3, 4))
    yield one("slice-index-negative", "slice", "dim=2 index=-4", lambda x: x[..., -4], shape=(2, 3, 4))
    yield two("concat", "concat", "dim=1", (4, 3), (4, 5), lambda a, b: torch.cat([a, b], 1))
    yield two("concat-last", "concat", "dim=-1", (2, 3, 1), (2, 3, 4), lambda a, b: torch.cat([a, b], -1))


def operations():
    yield one("neg", "neg", "", torch.neg)
    yield one("exp", "exp", "", torch.exp, spread=5)
    yield one("log", "log", "", torch.log, spread=9, positive=True)
    yield one("sqrt", "sqrt", "", torch.sqrt, spread=9, positive=True)
    yield one("sin", "sin", "", torch.sin, spread=20)
    yield one("cos", "cos", "", torch.cos, spread=20)
    yield one("abs", "abs", "", torch.abs)
    for kind, compute in (("add", torch.add), ("sub", torch.sub), ("mul", torch.mul), ("div", torch.div),
                          ("maximum", torch.maximum), ("pow", torch.pow)):
        positive = kind in ("div", "pow")
        yield two(kind, kind, "", (5, 7), (5, 7), compute, positive=positive)
        yield two(kind + "-broadcast", kind, "", (2, 3, 1), (2, 1, 4), compute, positive=positive)
        number = 0.25 if kind == "maximum" else 2.5
        apply = (lambda x, c=compute, n=number: c(x, torch.tensor(n, dtype=x.dtype)))
        yield one(kind + "-number", kind, f"value={number}", apply, positive=positive)
        shape = (4,) if kind != "mul" else (3, 1)
        nodes = [("input", [], "shape=3,4"),
                 ("parameter", [], "name=p shape=" + ",".join(str(size) for size in shape)),
                 (kind, [0, 1], "")]
        yield Layer(kind + "-parameter", nodes, [(2, 3, 4)], lambda x, p, c=compute: [c(x[0], p["p"])], {"p": shape},
                    positive=positive)
    yield one("pow-square", "pow", "value=2", lambda x: x ** 2)
    yield one("pow-cube", "pow", "value=3", lambda x: x ** 3)
    yield one("pow-inverse", "pow", "value=-1", lambda x: x ** -1, positive=True)
    for name in ("sum", "mean"):
        compute = getattr(torch, name)
        yield one(name, name, "dim=1", lambda x, c=compute: c(x, 1), shape=(3, 4, 5))
        yield one(name + "-keepdim", name, "dim=-1 keepdim=true", lambda x, c=compute: c(x, -1, keepdim=True), shape=(3, 4, 5))
        yield one(name + "-two", name, "dim=1,2", lambda x, c=compute: c(x, (1, 2)), shape=(3, 4, 5))
        yield one(name + "-batch", name, "dim=0", lambda x, c=compute: c(x, 0), shape=(3, 4))
        yield one(name + "-all", name, "", lambda x, c=compute: c(x), shape=(3, 4))
    yield two("matmul-batched", "matmul", "", (3, 4, 5), (3, 5, 2), torch.matmul)
    yield two("matmul-vector", "matmul", "", (3, 4, 5), (3, 5, 1), torch.matmul)
    nodes = [("input", [], "shape=5"), ("parameter", [], "shape=5,3 name=p"), ("matmul", [0, 1], "")]
    yield Layer("matmul-parameter", nodes, [(4, 5)], lambda x, p: [x[0] @ p["p"]], {"p": (5, 3)})
    nodes = [("input", [], "shape=2,4,5"), ("parameter", [], "shape=5,3 name=p"), ("matmul", [0, 1], "")]
    yield Layer("matmul-broadcast", nodes, [(3, 2, 4, 5)], lambda x, p: [x[0] @ p["p"]], {"p": (5, 3)})
    nodes = [("input", [], "shape=4,5"), ("parameter", [], "shape=5 name=p"), ("matmul", [0, 1], "")]
    yield Layer("matmul-matrix-vector", nodes, [(3, 4, 5)], lambda x, p: [x[0] @ p["p"]], {"p": (5,)})
    nodes = [("parameter", [], "shape=5 name=a"), ("parameter", [], "shape=5 name=b"), ("matmul", [0, 1], "")]
    yield Layer("matmul-dot", nodes, [], lambda x, p: [p["a"] @ p["b"]], {"a": (5,), "b": (5,)})
    nodes = [("parameter", [], "shape=3 name=p value=1,2,0.5"), ("mul", [0, 0], "")]
    yield Layer("parameter", nodes, [], lambda x, p: [p["p"] * p["p"]], {"p": (3,)})
    nodes = [("input", [], "shape=3,4 batched=false"), ("constant", [], "shape=4 value=0.5,-1,2,0.25"), ("mul", [0, 1], "")]
    yield Layer("constant", nodes, [(3, 4)],
                lambda x, p: [x[0] * torch.tensor([0.5, -1, 2, 0.25], dtype=x[0].dtype)])


def graphs():
    nodes = [("input", [], "shape=6"), ("linear", [0], "out_features=6"), ("tanh", [1], ""), ("add", [2, 0], ""),
             ("linear", [3], "out_features=4")]

    def residual(x, p):
        h = torch.tanh(F.linear(x[0], p["0.weight"], p["0.bias"])) + x[0]
        return [F.linear(h, p["3.weight"], p["3.bias"])]

    parameters = {"0.weight": (6, 6), "0.bias": (6,), "3.weight": (4, 6), "3.bias": (4,)}
    yield Layer("residual", nodes, [(5, 6)], residual, parameters)

    nodes = [("input", [], "shape=3"), ("input", [], "shape=3"), ("linear", [0], "out_features=3 name=shared"),
             ("mul", [2, 1], ""), ("concat", [2, 3, 0], "dim=1"), ("sigmoid", [3], ""), ("mul", [2, 2], "")]

    def several(x, p):
        h = F.linear(x[0], p["shared.weight"], p["shared.bias"])
        m = h * x[1]
        return [torch.cat([h, m, x[0]], 1), torch.sigmoid(m), h * h]

    yield Layer("several", nodes, [(4, 3), (4, 3)], several, {"shared.weight": (3, 3), "shared.bias": (3,)},
                outputs=[4, 5, 6])

    nodes = [("input", [], "shape=8"), ("linear", [0], "out_features=16"), ("relu", [1], ""),
             ("linear", [2], "out_features=16"), ("gelu", [3], ""), ("linear", [4], "out_features=5"),
             ("log_softmax", [5], "")]

    def deep(x, p):
        h = F.relu(F.linear(x[0], p["0.weight"], p["0.bias"]))
        h = F.gelu(F.linear(h, p["2.weight"], p["2.bias"]))
        return [F.log_softmax(F.linear(h, p["4.weight"], p["4.bias"]), -1)]

    parameters = {"0.weight": (16, 8), "0.bias": (16,), "2.weight": (16, 16), "2.bias": (16,),
                  "4.weight": (5, 16), "4.bias": (5,)}
    yield Layer("deep", nodes, [(9, 8)], deep, parameters)


def every_batch():
    for kind, attributes, compute in ACTIVATIONS:
        if not attributes:
            yield from batches(kind, lambda n, name, k=kind, c=compute: one(name, k, "", c, shape=(n, 3)))
    yield from batches("linear", lambda n, name: linear(name, (n, 5), 4))
    yield from batches("identity", lambda n, name: one(name, "identity", "", lambda x: x, shape=(n, 3)))
    yield from batches("dropout", lambda n, name: one(name, "dropout", "p=0", lambda x: x, shape=(n, 3)))
    yield from batches("flatten", lambda n, name: one(name, "flatten", "", lambda x: x.flatten(1), shape=(n, 2, 2)))
    yield from batches("reshape", lambda n, name: one(name, "reshape", "shape=2,2", lambda x: x.reshape(-1, 2, 2), shape=(n, 4)))
    yield from batches("softmax", lambda n, name: one(name, "softmax", "", lambda x: F.softmax(x, -1), shape=(n, 4)))
    yield from batches("log_softmax", lambda n, name: one(name, "log_softmax", "", lambda x: F.log_softmax(x, -1), shape=(n, 4)))
    yield from batches("transpose", lambda n, name: one(name, "transpose", "dim0=1 dim1=2", lambda x: x.transpose(1, 2), shape=(n, 2, 3)))
    yield from batches("slice", lambda n, name: one(name, "slice", "dim=1 start=1 end=3", lambda x: x[:, 1:3], shape=(n, 4)))
    yield from batches("concat", lambda n, name: two(name, "concat", "dim=1", (n, 2), (n, 3), lambda a, b: torch.cat([a, b], 1)))
    yield from batches("matmul", lambda n, name: two(name, "matmul", "", (n, 2, 3), (n, 3, 2), torch.matmul))
    for kind, compute in (("neg", torch.neg), ("exp", torch.exp), ("sin", torch.sin), ("cos", torch.cos), ("abs", torch.abs),
                          ("log", torch.log), ("sqrt", torch.sqrt)):
        yield from batches(kind, lambda n, name, k=kind, c=compute: one(name, k, "", c, shape=(n, 3), positive=True))
    for kind, compute in (("add", torch.add), ("sub", torch.sub), ("mul", torch.mul), ("div", torch.div),
                          ("maximum", torch.maximum), ("pow", torch.pow)):
        yield from batches(kind, lambda n, name, k=kind, c=compute: two(name, k, "", (n, 3), (n, 3), c, positive=True))
    for kind, compute in (("sum", torch.sum), ("mean", torch.mean)):
        yield from batches(kind, lambda n, name, k=kind, c=compute: one(name, k, "dim=1", lambda x, c=c: c(x, 1), shape=(n, 3)))


def cases():
    for family in (activations, shapes, operations, graphs, every_batch):
        yield from family()
