"""Writes values/*.txt: what PyTorch computes, for Tests/ABI/oracle.c to compare with.

    python make_oracle.py            (needs torch; the values are committed, so nobody else does)

All inputs are numbers of float32, so that both precisions start from the same ones. Expected values are
float64. Beside each stands how far PyTorch's own float32 result is from it (the largest absolute
difference in the tensor): Chainrule in float32 may be off by a few times that.

The format is one line a fact; tensors are "rank sizes... values...":

    case NAME / add KIND INPUTS ATTRIBUTES / outputs IDS / input TENSOR / parameter NAME TENSOR
    seed TENSOR (gradient in an output) / expect output|input|parameter|value|gradient|after ... / end
"""

import os
import sys

import torch

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import oracle_cases as cases

HERE = os.path.dirname(os.path.abspath(__file__))
torch.set_num_threads(1)


def numbers(tensor, exact):
    flat = tensor.detach().reshape(-1).tolist()
    if tensor.dtype.is_floating_point:
        return " ".join(repr(float(v)) if exact else f"{v:.9g}" for v in flat)
    return " ".join(str(v) for v in flat)


def tensor_text(tensor, exact=False):
    return " ".join([str(tensor.dim())] + [str(size) for size in tensor.shape] + [numbers(tensor, exact)]).rstrip()


def expectation(exact, narrow):
    """The float64 tensor with PyTorch's float32 error in front."""
    error = (exact.detach() - narrow.detach().double()).abs().max().item() if exact.numel() else 0.0
    return f"{error:.3g} {tensor_text(exact, exact=True)}"


def draw(shape, generator, spread=1.0, positive=False):
    values = torch.rand(shape, generator=generator, dtype=torch.float32)
    return values * spread + 0.05 if positive else (values * 2 - 1) * spread


def as_leaf(tensor, dtype):
    return tensor.to(dtype).clone().requires_grad_(True)


def layer_case(case, generator):
    inputs = [draw(shape, generator, case.spread, case.positive) for shape in case.inputs]
    if case.values is not None:
        inputs = [torch.tensor(case.values).reshape(case.inputs[0])]
    parameters = {name: draw(shape, generator, 1.0, case.positive) for name, shape in case.parameters.items()}
    runs, seeds = [], None
    for dtype in (torch.float64, torch.float32):
        x = [as_leaf(value, dtype) for value in inputs]
        p = {name: as_leaf(value, dtype) for name, value in parameters.items()}
        y = case.compute(x, p)
        if seeds is None:
            seeds = [draw(tuple(output.shape), generator) for output in y]
        torch.autograd.backward(y, [seed.to(dtype) for seed in seeds])
        runs.append((x, p, y))
    (x64, p64, y64), (x32, p32, y32) = runs
    lines = [f"case {case.name}"]
    for kind, sources, attributes in case.nodes:
        lines.append(f"add {kind} {','.join(map(str, sources)) or '-'} {attributes}".rstrip())
    if case.outputs:
        lines.append("outputs " + ",".join(map(str, case.outputs)))
    lines += [f"input {tensor_text(value)}" for value in inputs]
    lines += [f"parameter {name} {tensor_text(value)}" for name, value in parameters.items()]
    lines += [f"seed {tensor_text(value)}" for value in seeds]
    lines += [f"expect output {i} {expectation(y64[i], y32[i])}" for i in range(len(y64))]
    lines += [f"expect input {i} {expectation(x64[i].grad, x32[i].grad)}" for i in range(len(x64))]
    lines += [f"expect parameter {name} {expectation(p64[name].grad, p32[name].grad)}" for name in p64]
    return lines + ["end"]


def weighted(per_sample, weight, divisor=None):
    return (per_sample * weight).sum() / (weight if divisor is None else divisor).sum()


def loss_cases(generator):
    """(text, prediction, target, sample weight or None, function of prediction, target and weight)"""
    F = torch.nn.functional
    rows, classes = 6, 4
    weight = draw((rows,), generator, 2.0, positive=True)
    for text, function, options in (("mse", F.mse_loss, {}), ("l1", F.l1_loss, {}), ("huber", F.huber_loss, {}),
                                    ("huber delta=0.3", F.huber_loss, {"delta": 0.3})):
        for shape in ((rows, 3), (rows,), (rows, 2, 3)):
            p, t = draw(shape, generator, 2.0), draw(shape, generator, 2.0)
            for w in (None, weight):
                def compute(p, t, w, f=function, o=options):
                    if w is None:
                        return f(p, t, **o)
                    return weighted(f(p, t, reduction="none", **o).reshape(rows, -1).mean(1), w)
                yield text, p, t, w, compute
    p, t = draw((rows, 3), generator, 4.0), torch.rand((rows, 3), generator=generator)
    for w in (None, weight):
        def compute(p, t, w):
            if w is None:
                return F.binary_cross_entropy_with_logits(p, t)
            return weighted(F.binary_cross_entropy_with_logits(p, t, reduction="none").mean(1), w)
        yield "bce_with_logits", p, t, w, compute
    logits = draw((rows, classes), generator, 3.0)
    labels = torch.tensor([0, 3, 1, 1, 2, 3])
    class_weight = torch.tensor([0.5, 1.0, 2.0, 4.0])
    class_text = " class_weights=0.5,1,2,4"
    for smoothing in (0, 0.1):
        for balanced in (False, True):
            text = "cross_entropy" + (f" label_smoothing={smoothing}" if smoothing else "")
            text += class_text if balanced else ""
            for kind in (torch.int32, torch.int64):
                for w in (None, weight):
                    def compute(p, t, w, s=smoothing, b=balanced):
                        c = class_weight.to(p.dtype) if b else None
                        if w is None:
                            return F.cross_entropy(p, t.long(), weight=c, label_smoothing=s)
                        each = F.cross_entropy(p, t.long(), weight=c, label_smoothing=s, reduction="none")
                        return weighted(each, w, w * c[t.long()] if b else None)
                    yield text, logits, labels.to(kind), w, compute
            share = torch.softmax(draw((rows, classes), generator, 2.0), -1)
            for w in (None,) if balanced else (None, weight):
                def compute(p, t, w, s=smoothing, b=balanced):
                    c = class_weight.to(p.dtype) if b else None
                    if w is None:
                        return F.cross_entropy(p, t, weight=c, label_smoothing=s)
                    return weighted(F.cross_entropy(p, t, label_smoothing=s, reduction="none"), w)
                yield text, logits, share, w, compute


def loss_case(number, text, p, t, w, compute):
    results = []
    for dtype in (torch.float64, torch.float32):
        leaf = as_leaf(p, dtype)
        target = t.to(dtype) if t.dtype.is_floating_point else t
        value = compute(leaf, target, None if w is None else w.to(dtype))
        value.backward()
        results.append((value, leaf.grad))
    (value64, gradient64), (value32, gradient32) = results
    kind = {torch.float32: "real", torch.int32: "int32", torch.int64: "int64"}[t.dtype]
    lines = [f"case {text.replace(' ', '-')}-{number}", f"loss {text}", f"prediction {tensor_text(p)}",
             f"target {kind} {tensor_text(t)}"]
    if w is not None:
        lines.append(f"weight {tensor_text(w)}")
    lines.append(f"expect value - {expectation(value64, value32)}")
    lines.append(f"expect gradient - {expectation(gradient64, gradient32)}")
    return lines + ["end"]


def optimizer_case(text, kind, options, generator):
    shapes = {"0.weight": (5, 4), "0.bias": (5,), "2.weight": (3, 5), "2.bias": (3,)}
    start = {name: draw(shape, generator) for name, shape in shapes.items()}
    x, t = draw((6, 4), generator), draw((6, 3), generator, 2.0)
    clip_norm = [float(word.split("=")[1]) for word in text.split() if word.startswith("clip_norm")]
    clip_value = [float(word.split("=")[1]) for word in text.split() if word.startswith("clip_value")]
    results = []
    for dtype in (torch.float64, torch.float32):
        p = {name: as_leaf(value, dtype) for name, value in start.items()}
        optimizer = kind(list(p.values()), foreach=False, **options)
        for _ in range(10):
            optimizer.zero_grad()
            F = torch.nn.functional
            h = torch.tanh(F.linear(x.to(dtype), p["0.weight"], p["0.bias"]))
            F.mse_loss(F.linear(h, p["2.weight"], p["2.bias"]), t.to(dtype)).backward()
            if clip_norm:
                torch.nn.utils.clip_grad_norm_(list(p.values()), clip_norm[0])
            if clip_value:
                torch.nn.utils.clip_grad_value_(list(p.values()), clip_value[0])
            optimizer.step()
        results.append(p)
    lines = [f"case {text.replace(' ', '-')}", f"optimizer {text}", "add input - shape=4",
             "add linear 0 out_features=5", "add tanh 1", "add linear 2 out_features=3", "loss mse", "steps 10",
             f"input {tensor_text(x)}", f"target real {tensor_text(t)}"]
    lines += [f"parameter {name} {tensor_text(value)}" for name, value in start.items()]
    lines += [f"expect after {name} {expectation(results[0][name], results[1][name])}" for name in start]
    return lines + ["end"]


def write(name, blocks):
    header = f"# PyTorch {torch.__version__}, by make_oracle.py"
    path = os.path.join(HERE, "values", name + ".txt")
    with open(path, "w") as file:
        file.write("\n".join([header] + [line for block in blocks for line in block]) + "\n")
    print(f"{path}: {len(blocks)} cases, {os.path.getsize(path)} bytes")


def main():
    generator = torch.Generator().manual_seed(20260101)
    os.makedirs(os.path.join(HERE, "values"), exist_ok=True)
    write("layers", [layer_case(case, generator) for case in cases.all_layers()])
    write("losses", [loss_case(i, *case) for i, case in enumerate(loss_cases(generator))])
    write("optimizers", [optimizer_case(*case, generator) for case in cases.OPTIMIZERS])


if __name__ == "__main__":
    main()
