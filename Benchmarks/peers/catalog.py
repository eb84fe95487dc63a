"""Every layer and operation of the catalog beside PyTorch: forward and backward pass of one node, one thread.

    python catalog.py [--elements 65536] [--kinds conv2d,lstm,...]

The models are the oracle's cases (Tests/Oracle/cases), the largest for each kind, with as many samples as make its
inputs hold so many elements. Ratios are PyTorch's time over Chainrule's, medians of turns; the slowest come first.
"""

import argparse
import importlib
import math
import os
import pathlib
import statistics
import sys
import time

import torch

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "Tests" / "Oracle"), str(ROOT / "bindings" / "python")]
os.environ.setdefault("CHAINRULE_THREADS", "1")
torch.set_num_threads(1)

from chainrule._arrays import Views  # noqa: E402
from chainrule._errors import check  # noqa: E402
from chainrule._library import ffi, lib  # noqa: E402


def views(tensors):
    """The tensors' memory as the library's arrays."""
    return Views([tensor.detach().numpy() for tensor in tensors])


class Node:
    """A case as a model of ours, with a context."""

    def __init__(self, case, parameters):
        pointer = ffi.new("chainrule_model **")
        check(lib.chainrule_model_create(ffi.NULL, pointer))
        self.model = ffi.gc(pointer[0], lib.chainrule_model_free)
        for kind, sources, attributes in case.nodes:
            nodes = ffi.new("int32_t[]", list(sources) or [0])
            check(lib.chainrule_model_add_node(self.model, kind.encode(), attributes.encode(), nodes, len(sources), ffi.NULL))
        if case.outputs:
            check(lib.chainrule_model_set_outputs(self.model, ffi.new("int32_t[]", case.outputs), len(case.outputs)))
        for name, value in parameters.items():
            check(lib.chainrule_model_set_parameter(self.model, name.encode(), views([value]).pointer))
        pointer = ffi.new("chainrule_context **")
        check(lib.chainrule_context_create(self.model, pointer))
        self.context = ffi.gc(pointer[0], lib.chainrule_context_free)

    def run(self, inputs, seeds):
        check(lib.chainrule_context_forward(self.context, inputs, 1))
        check(lib.chainrule_context_zero_gradients(self.context))
        check(lib.chainrule_context_backward(self.context, seeds))


def shape_of(value):
    return tuple(value.shape) if isinstance(value, torch.Tensor) else tuple(value)


def enlarge(case, elements):
    """Inputs of a case with more samples, or nothing if it has no samples."""
    if any("batched=false" in attributes for kind, _, attributes in case.nodes if kind == "input"):
        return None
    shapes = [shape_of(value) for value in case.inputs]
    if not shapes or len({shape[0] for shape in shapes if shape}) != 1 or shapes[0][0] == 0:
        return None
    times = max(1, round(elements / max(1, sum(math.prod(shape) for shape in shapes))))
    inputs = []
    for value, shape in zip(case.inputs, shapes):
        if not isinstance(value, torch.Tensor):
            value = torch.rand(shape) + 0.05 if case.positive else (torch.rand(shape) * 2 - 1) * case.spread
        if case.values is not None:
            value = torch.tensor(case.values, dtype=torch.float32).reshape(shape)
        inputs.append(value.repeat((times,) + (1,) * (len(shape) - 1)))
    return inputs


def measure(case, elements, turns=7):
    inputs = enlarge(case, elements)
    if inputs is None:
        return None
    parameters = {name: value if isinstance(value, torch.Tensor) else torch.rand(value) * 2 - 1 for name, value in case.parameters.items()}
    buffers = {name: value.float() if value.dtype.is_floating_point else value for name, value in case.buffers.items()}
    leaves = [value.requires_grad_(True) if value.dtype == torch.float32 else value for value in inputs]
    trained = {name: value.requires_grad_(True) for name, value in parameters.items()}

    def theirs():
        for leaf in [*leaves, *trained.values()]:
            leaf.grad = None
        outputs = case.compute(leaves, {**trained, **buffers})
        pairs = [(output, seed) for output, seed in zip(outputs, seeds) if output.requires_grad]
        if pairs:
            torch.autograd.backward(*map(list, zip(*pairs)))

    seeds = [torch.rand(output.shape) for output in case.compute(leaves, {**trained, **buffers})]
    node = Node(case, parameters)
    given, slopes = views(inputs), views([seed.float() for seed in seeds])
    samples = {theirs: [], node.run: []}

    def timed(body, *arguments):
        body(*arguments)
        repeats, begin = 0, time.perf_counter()
        while time.perf_counter() - begin < 0.01:
            body(*arguments)
            repeats += 1
        return (time.perf_counter() - begin) / repeats

    for _ in range(turns):
        samples[theirs].append(timed(theirs))
        samples[node.run].append(timed(node.run, given.pointer, slopes.pointer))
    return statistics.median(samples[theirs]), statistics.median(samples[node.run])


def largest_cases(kinds):
    best = {}
    folder = ROOT / "Tests" / "Oracle" / "cases"
    for name in sorted(path.stem for path in folder.glob("*.py") if not path.stem.startswith("_")):
        module = importlib.import_module(f"cases.{name}")
        if not hasattr(module, "cases") or hasattr(module, "LOSSES"):
            continue
        for case in module.cases():
            own = [kind for kind, _, _ in case.nodes if kind not in ("input", "parameter", "constant")]
            if len(own) != 1:
                continue
            kind = own[0]
            size = sum(math.prod(shape[1:]) for shape in map(shape_of, case.inputs) if shape)
            if (not kinds or kind in kinds) and (kind not in best or size > best[kind][0]):
                best[kind] = (size, case)
    return {kind: case for kind, (_, case) in best.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--elements", type=int, default=65536)
    parser.add_argument("--kinds", default="")
    options = parser.parse_args()
    rows, left = [], []
    for kind, case in largest_cases(set(filter(None, options.kinds.split(",")))).items():
        try:
            times = measure(case, options.elements)
        except Exception as error:  # a case whose PyTorch side is made for its number of samples
            times, reason = None, str(error).splitlines()[0][:90]
        else:
            reason = "no samples"
        if times:
            rows.append((times[0] / times[1], kind, times, case.name))
        else:
            left.append(f"{kind} ({reason})")
    print(f"{'kind':32} {'PyTorch':>10} {'Chainrule':>10}  ratio  case")
    for ratio, kind, (theirs, ours), name in sorted(rows):
        print(f"{kind:32} {theirs * 1e6:8.1f}us {ours * 1e6:8.1f}us {ratio:6.2f}  {name}")
    print(f"{len(rows)} kinds, {sum(ratio < 1 for ratio, *_ in rows)} slower than PyTorch, "
          f"geometric mean {math.exp(sum(math.log(row[0]) for row in rows) / max(1, len(rows))):.2f}x")
    if left:
        print("not measured: " + ", ".join(left))


if __name__ == "__main__":
    main()
