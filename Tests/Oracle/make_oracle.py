"""Writes values/*.txt: what PyTorch computes, for Tests/ABI/oracle.c to compare with.

    python make_oracle.py [FAMILY]...  (needs torch; the values are committed, so nobody else does)

A family is a module of cases/; without one, all are made. What a family's numbers are depends on it alone.

All inputs are numbers of float32, so that both precisions start from the same ones. Expected values are
float64. Beside each stands how far PyTorch's own float32 result is from it (the largest absolute
difference in the tensor, for layers over a few draws of the inputs): Chainrule in float32 may be off by a few times that.

The format is one line a fact; tensors are "rank sizes... values...":

    case NAME / add KIND INPUTS ATTRIBUTES / outputs IDS / input TENSOR / indices TENSOR / end
    parameter NAME TENSOR / buffer NAME TENSOR / seed TENSOR (gradient in an output)
    expect output|evaluation|input|parameter|state|value|gradient|losses|after ... / kinks / training
    loss TEXT / prediction TENSOR / target real|int32|int64 TENSOR / weight TENSOR
"""

import importlib
import os
import sys
import zlib

import torch

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
HERE = os.path.dirname(os.path.abspath(__file__))
torch.set_num_threads(1)


def numbers(tensor, exact):
    flat = tensor.detach().reshape(-1).tolist()
    if tensor.dtype == torch.bool:
        return " ".join(str(int(v)) for v in flat)
    if tensor.dtype.is_floating_point:
        return " ".join(repr(float(v)) if exact else f"{v:.9g}" for v in flat)
    return " ".join(str(v) for v in flat)


def tensor_text(tensor, exact=False):
    return " ".join([str(tensor.dim())] + [str(size) for size in tensor.shape] + [numbers(tensor, exact)]).rstrip()


def expectation(exact, narrow):
    """The float64 tensor with PyTorch's float32 error in front."""
    exact, narrow = exact.detach().double(), narrow.detach().double()
    gap = (exact - narrow).abs()
    error = gap[gap.isfinite()].max().item() if gap.isfinite().any() else 0.0
    return f"{error:.3g} {tensor_text(exact, exact=True)}"


def draw(shape, generator, spread=1.0, positive=False):
    values = torch.rand(shape, generator=generator, dtype=torch.float32)
    return values * spread + 0.05 if positive else (values * 2 - 1) * spread


def as_leaf(tensor, dtype):
    return tensor.to(dtype).clone().requires_grad_(True)


def given(value, case, generator):
    """An input or parameter of a case: a tensor as it is, or random numbers of a shape."""
    if isinstance(value, torch.Tensor):
        return value
    return draw(value, generator, case.spread, case.positive)


def drawn(case, generator):
    """Inputs and parameters of a case."""
    inputs = [given(value, case, generator) for value in case.inputs]
    if case.values is not None:
        inputs = [torch.tensor(case.values).reshape(case.inputs[0])]
    return inputs, {name: value if isinstance(value, torch.Tensor) else draw(value, generator, 1.0, case.positive)
                    for name, value in case.parameters.items()}


def computed(case, inputs, parameters, seeds, dtype):
    """What is expected, by kind and name."""
    x = [as_leaf(value, dtype) if value.dtype.is_floating_point else value for value in inputs]
    p = {name: as_leaf(value, dtype) for name, value in parameters.items()}
    kept = {name: value.to(dtype) if value.dtype.is_floating_point else value.clone() for name, value in case.buffers.items()}

    def everything():
        return {**p, **{name: value.clone() for name, value in kept.items()}}

    y = case.compute(x, everything())
    if not seeds:
        return y
    reached = [(output, seed.to(dtype)) for output, seed in zip(y, seeds) if output.requires_grad]
    if reached:
        torch.autograd.backward(*map(list, zip(*reached)))
    with torch.no_grad():
        after = case.state(x, everything()) if case.state else {}
        other = case.evaluate(x, everything()) if case.evaluate else []
    found = {("output", str(i)): value for i, value in enumerate(y)}
    found.update({("evaluation", str(i)): value for i, value in enumerate(other)})
    found.update({("input", str(i)): value.grad for i, value in enumerate(x)
                  if value.dtype.is_floating_point and value.grad is not None})
    found.update({("parameter", name): value.grad for name, value in p.items() if value.grad is not None})
    found.update({("state", name): value for name, value in after.items()})
    return found


def difference(exact, narrow):
    """The largest difference, and the largest number."""
    exact, narrow = exact.detach().double(), narrow.detach().double()
    gap = (exact - narrow).abs()
    finite = gap.isfinite()
    return (gap[finite].max().item(), exact[finite].abs().max().item()) if finite.any() else (0.0, 0.0)


def layer_case(case, generator):
    inputs, parameters = drawn(case, generator)
    seeds = [draw(tuple(output.shape), generator) for output in computed(case, inputs, parameters, None, torch.float32)]
    exact = computed(case, inputs, parameters, seeds, torch.float64)
    narrow = computed(case, inputs, parameters, seeds, torch.float32)
    errors = {key: difference(exact[key], narrow[key]) for key in exact}
    # One draw's error may be small by luck, as small as 0 for a single number: a few more tell its size.
    others = torch.Generator().manual_seed(7)
    for _ in range(5):
        more = (*drawn(case, others), [draw(tuple(seed.shape), others) for seed in seeds])
        wide, short = (computed(case, *more, dtype) for dtype in (torch.float64, torch.float32))
        for key in exact:
            error, largest = difference(wide[key], short[key])
            if largest > 0 and errors[key][1] > 0:
                errors[key] = (max(errors[key][0], error / largest * errors[key][1]), errors[key][1])
    lines = [f"case {case.name}"]
    for kind, sources, attributes in case.nodes:
        lines.append(f"add {kind} {','.join(map(str, sources)) or '-'} {attributes}".rstrip())
    if case.outputs:
        lines.append("outputs " + ",".join(map(str, case.outputs)))
    if case.kinks:
        lines.append("kinks")
    if case.evaluate is False:
        lines.append("training")
    lines += [f"{'input' if value.dtype.is_floating_point else 'indices'} {tensor_text(value)}" for value in inputs]
    lines += [f"parameter {name} {tensor_text(value)}" for name, value in parameters.items()]
    lines += [f"buffer {name} {tensor_text(value)}" for name, value in case.buffers.items()]
    lines += [f"seed {tensor_text(value)}" for value in seeds]
    lines += [f"expect {kind} {name} {errors[kind, name][0]:.3g} {tensor_text(value, exact=True)}"
              for (kind, name), value in exact.items()]
    return lines + ["end"]


def loss_case(number, case):
    results = []
    for dtype in (torch.float64, torch.float32):
        leaves = [as_leaf(value, dtype) for value in case.predictions]
        targets = [value.to(dtype) if value.dtype.is_floating_point else value for value in case.targets]
        value = case.compute(leaves, targets, None if case.weight is None else case.weight.to(dtype))
        value.backward()
        found = {"value -": value, **{f"gradient {index}": leaf.grad for index, leaf in enumerate(leaves)}}
        if case.each:
            with torch.no_grad():
                found["losses -"] = case.each(leaves, targets, None if case.weight is None else case.weight.to(dtype))
        results.append(found)
    kinds = {torch.float32: "real", torch.int32: "int32", torch.int64: "int64"}
    lines = [f"case {case.text.replace(' ', '-')[:80]}-{number}", f"loss {case.text}"]
    lines += [f"prediction {tensor_text(value)}" for value in case.predictions]
    lines += [f"target {kinds[value.dtype]} {tensor_text(value)}" for value in case.targets]
    if case.weight is not None:
        lines.append(f"weight {tensor_text(case.weight)}")
    if case.kinks:
        lines.append("kinks")
    lines += [f"expect {what} {expectation(exact, results[1][what])}" for what, exact in results[0].items()]
    return lines + ["end"]


def trained_tensors(optimizer):
    return [p for group in optimizer.param_groups for p in group["params"]]


def optimizer_case(text, kind, options, generator):
    shapes = {"0.weight": (5, 4), "0.bias": (5,), "2.weight": (3, 5), "2.bias": (3,)}
    start = {name: draw(shape, generator) for name, shape in shapes.items()}
    x, t = draw((6, 4), generator), draw((6, 3), generator, 2.0)
    clip_norm = [float(word.split("=")[1]) for word in text.split(";")[0].split() if word.startswith("clip_norm")]
    clip_value = [float(word.split("=")[1]) for word in text.split(";")[0].split() if word.startswith("clip_value")]
    results = []
    for dtype in (torch.float64, torch.float32):
        # Numbers that some optimizers keep from step to step (ASGD's rate, NAdam's product) are of this type.
        torch.set_default_dtype(dtype)
        p = {name: as_leaf(value, dtype) for name, value in start.items()}
        trained = p if options is None else list(p.values())
        optimizer = kind(trained, foreach=False, **(options or {}))

        def evaluate():
            optimizer.zero_grad()
            F = torch.nn.functional
            h = torch.tanh(F.linear(x.to(dtype), p["0.weight"], p["0.bias"]))
            loss = F.mse_loss(F.linear(h, p["2.weight"], p["2.bias"]), t.to(dtype))
            loss.backward()
            return loss

        for _ in range(10):
            if isinstance(optimizer, torch.optim.LBFGS):
                optimizer.step(evaluate)
                continue
            evaluate()
            if clip_norm:
                torch.nn.utils.clip_grad_norm_(trained_tensors(optimizer), clip_norm[0])
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


OPTIMIZERS = "optimizers"


def blocks(family):
    generator = torch.Generator().manual_seed(zlib.crc32(family.encode()))
    torch.manual_seed(generator.initial_seed())  # for modules that draw their own numbers
    cases = importlib.import_module(f"cases.{family}")
    if hasattr(cases, "LOSSES"):
        return [loss_case(i, case) for i, case in enumerate(cases.cases(generator))]
    if family == OPTIMIZERS:
        return [optimizer_case(*case, generator) for case in cases.OPTIMIZERS]
    return [layer_case(case, generator) for case in cases.cases()]


def main():
    found = sorted(name[:-3] for name in os.listdir(os.path.join(HERE, "cases")) if name.endswith(".py") and name[0] != "_")
    os.makedirs(os.path.join(HERE, "values"), exist_ok=True)
    for family in sys.argv[1:] or found:
        write(family, blocks(family))


if __name__ == "__main__":
    main()
