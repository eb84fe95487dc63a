"""Every layer and operation of the catalog beside PyTorch: forward and backward pass of one node.

    python catalog.py [--elements 1024,65536,1048576] [--threads 1] [--kinds conv2d,lstm,...] [--out FILE]

The models are the oracle's cases (Tests/Oracle/cases), the largest for each kind, with as many samples as make its
inputs hold so many elements. Kinds that only come together with others (max_unpool2d with its pooling) are measured
with them, those whose PyTorch side is made for one number of samples with that one. Ratios are PyTorch's time over
Chainrule's, medians of turns of two processes; the slowest come first. Each kind of the catalog has a time or a reason.
--out: all of it as JSON.
"""

import argparse
import functools
import importlib
import json
import math
import multiprocessing
import os
import pathlib
import statistics
import sys
import time

import torch

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "Tests" / "Oracle"))
sys.path.append(str(ROOT / "bindings" / "python"))  # where the package is not installed
os.environ.setdefault("CHAINRULE_THREADS", "1")

from chainrule._arrays import Views  # noqa: E402
from chainrule._errors import check  # noqa: E402
from chainrule._library import ffi, lib  # noqa: E402

HOLDERS = {"input", "parameter", "constant"}  # nodes that hold values
TURN = 0.004  # seconds that a turn lasts at least
LONG = 0.05  # seconds of a call from which three turns are enough


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
            words = kind.encode(), attributes.encode()
            check(lib.chainrule_model_add_node(self.model, *words, nodes, len(sources), ffi.NULL))
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


class Modules:
    """PyTorch's modules as its users have them: a case builds one in each call, and gives it the weights of the call;
    here it is built and given them once, and then only called."""

    def __init__(self, case):
        self.built = []
        self.case = case
        self._keep(case.compute, set())

    def _keep(self, function, seen):
        code = getattr(function, "__code__", None)
        if code is None or function in seen:
            return
        seen.add(function)
        for name, cell in zip(code.co_freevars, function.__closure__ or ()):
            if name == "make" and not hasattr(cell.cell_contents, "cache_info"):
                cell.cell_contents = functools.cache(cell.cell_contents)
            elif callable(cell.cell_contents):
                self._keep(cell.cell_contents, seen)

    def _call(self, own, state, args, kwargs=None):
        if own not in self.built:
            with torch.no_grad():
                for name, value in [*own.named_parameters(), *own.named_buffers()]:
                    if name in state:
                        value.copy_(state[name])
            own.to = own.train = lambda *_: own  # it is trained, in float32
            self.built.append(own)
        return own(*(args if isinstance(args, tuple) else (args,)), **(kwargs or {}))

    def compute(self, inputs, values):
        theirs, torch.func.functional_call = torch.func.functional_call, self._call
        try:
            return self.case.compute(inputs, values)
        finally:
            torch.func.functional_call = theirs

    def parameters(self):
        return [value for own in self.built for value in own.parameters()]


def shape_of(value):
    return tuple(value.shape) if isinstance(value, torch.Tensor) else tuple(value)


def inputs_of(case, elements):
    """Inputs of a case with as many samples as make so many elements; with its own if elements is 0."""
    whole = ["batched=false" in attributes for kind, _, attributes in case.nodes if kind == "input"]
    shapes = [shape_of(value) for value in case.inputs]
    batched = [shape for shape, all_of_it in zip(shapes, whole) if not all_of_it]
    times = 1
    if elements:
        if not batched or len({shape[0] for shape in batched if shape}) != 1 or batched[0][0] == 0:
            raise ValueError("no samples")
        times = max(1, round(elements / max(1, sum(math.prod(shape) for shape in batched))))
    inputs = []
    for value, shape, all_of_it in zip(case.inputs, shapes, whole):
        if not isinstance(value, torch.Tensor):
            value = torch.rand(shape) + 0.05 if case.positive else (torch.rand(shape) * 2 - 1) * case.spread
        if case.values is not None:
            value = torch.tensor(case.values, dtype=torch.float32).reshape(shape)
        inputs.append(value.clone() if all_of_it else value.repeat((times,) + (1,) * (len(shape) - 1)))
    return inputs


def timed(body):
    body()
    repeats, begin = 0, time.perf_counter()
    while time.perf_counter() - begin < TURN:
        body()
        repeats += 1
    return (time.perf_counter() - begin) / repeats


def body_of(case, elements, library):
    """Prepares a case and returns one pass of it, by PyTorch or by Chainrule."""
    torch.manual_seed(0)
    inputs = inputs_of(case, elements)
    parameters = {
        name: value if isinstance(value, torch.Tensor) else torch.rand(value) * 2 - 1
        for name, value in case.parameters.items()
    }
    buffers = {name: value.float() if value.dtype.is_floating_point else value for name, value in case.buffers.items()}
    leaves = [value.requires_grad_(True) if value.dtype == torch.float32 else value for value in inputs]
    values = {**{name: value.requires_grad_(True) for name, value in parameters.items()}, **buffers}
    modules = Modules(case)
    seeds = [torch.rand(output.shape) for output in modules.compute(leaves, values)]
    if library == "chainrule":
        node, given, slopes = Node(case, parameters), views(inputs), views([seed.float() for seed in seeds])
        return lambda: node.run(given.pointer, slopes.pointer)
    all_leaves = [*leaves, *values.values(), *modules.parameters()]

    def theirs():
        for leaf in all_leaves:
            leaf.grad = None
        outputs = modules.compute(leaves, values)
        pairs = [(output, seed) for output, seed in zip(outputs, seeds) if output.requires_grad]
        if pairs:
            torch.autograd.backward(*map(list, zip(*pairs)))

    return theirs


def worker(library, threads, pipe):
    """One library in a process of its own: what it is asked for are cases to prepare, and turns."""
    torch.set_num_threads(threads if library == "torch" else 1)
    check(lib.chainrule_set_num_threads(threads))
    cases, body = largest_cases(), None
    pipe.send(sorted(cases))
    while request := pipe.recv():
        if request == "turn":
            pipe.send(timed(body))
            continue
        kind, elements = request
        try:
            body = body_of(cases[kind], elements, library)
            body()
            pipe.send("")
        except Exception as error:  # a case whose PyTorch side is made for its number of samples
            pipe.send((str(error).splitlines() or [type(error).__name__])[0][:90])


class Pair:
    """Both libraries, each in its process: threads of one that still wait for work would disturb the other's."""

    def __init__(self, threads):
        self.pause = 0.006 if threads > 1 else 0  # so long OpenMP's threads spin behind a parallel region
        self.pipes = []
        context = multiprocessing.get_context("spawn")
        for library in ("torch", "chainrule"):
            own, other = context.Pipe()
            context.Process(target=worker, args=(library, threads, other), daemon=True).start()
            self.pipes.append(own)
        self.kinds = [pipe.recv() for pipe in self.pipes][0]

    def ask(self, pipe, request):
        pipe.send(request)
        return pipe.recv()

    def measure(self, kind, elements, turns):
        """Seconds of a pass of PyTorch and of Chainrule, medians of the turns; raises where one can't."""
        for pipe in self.pipes:
            if reason := self.ask(pipe, (kind, elements)):
                raise ValueError(reason)
        samples = [[] for _ in self.pipes]
        while len(samples[0]) < turns:
            for pipe, values in zip(self.pipes, samples):
                time.sleep(self.pause)
                values.append(self.ask(pipe, "turn"))
            if len(samples[0]) == 3 and max(map(max, samples)) > LONG:
                break
        return [statistics.median(values) for values in samples]

    def end(self):
        for pipe in self.pipes:
            pipe.send(None)


def catalog():
    """All kinds of layers and operations."""
    kinds = []
    while (kind := lib.chainrule_catalog_kind(lib.CHAINRULE_LAYERS, len(kinds))) != ffi.NULL:
        kinds.append(ffi.string(kind).decode())
    return kinds


def largest_cases():
    """For each kind its largest case by itself, or else the first where it is one of several nodes."""
    best, together = {}, {}
    folder = ROOT / "Tests" / "Oracle" / "cases"
    for name in sorted(path.stem for path in folder.glob("*.py") if not path.stem.startswith("_")):
        module = importlib.import_module(f"cases.{name}")
        if not hasattr(module, "cases") or hasattr(module, "LOSSES"):
            continue
        for case in module.cases():
            own = [kind for kind, _, _ in case.nodes if kind not in HOLDERS]
            if len(own) != 1:
                for kind in own:
                    together.setdefault(kind, case)
                continue
            size = sum(math.prod(shape[1:]) for shape in map(shape_of, case.inputs) if shape)
            if own[0] not in best or size > best[own[0]][0]:
                best[own[0]] = (size, case)
    return {**together, **{kind: case for kind, (_, case) in best.items()}}


def rows_of(pair, kind, options):
    """A row for each size, or one with the case's own number of samples (0) where others fail; and why they fail."""
    rows, reason = [], ""
    for elements in [*options.elements, 0]:
        if elements == 0 and rows:
            break
        try:
            theirs, ours = pair.measure(kind, elements, options.turns)
        except ValueError as error:
            reason = str(error)
            continue
        rows.append({"kind": kind, "elements": elements, "threads": options.threads, "theirs": theirs, "ours": ours})
    return rows, reason


def numbers(text):
    return [int(word) for word in text.split(",")]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--elements", type=numbers, default=[65536])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--kinds", default="")
    parser.add_argument("--every", type=int, default=1, help="only each so manieth kind")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--out", type=pathlib.Path)
    options = parser.parse_args()
    wanted = set(filter(None, options.kinds.split(",")))
    pair, rows, left = Pair(options.threads), [], {}
    kinds = [kind for kind in catalog() if not wanted or kind in wanted][:: options.every]
    for kind in kinds:
        if kind in HOLDERS:
            left[kind] = "holds values: there is nothing to compute"
        elif kind not in pair.kinds:
            left[kind] = "no case in Tests/Oracle/cases"
        else:
            found, reason = rows_of(pair, kind, options)
            rows += found
            if not found:
                left[kind] = reason
    pair.end()
    print(f"{'kind':32} {'elements':>8} threads    PyTorch  Chainrule  ratio")
    for row in sorted(rows, key=lambda row: row["theirs"] / row["ours"]):
        print(f"{row['kind']:32} {row['elements']:8} {row['threads']:7} {row['theirs'] * 1e6:8.1f}us "
              f"{row['ours'] * 1e6:8.1f}us {row['theirs'] / row['ours']:6.2f}")
    ratios = [row["theirs"] / row["ours"] for row in rows]
    print(f"{len(ratios)} figures of {len(kinds) - len(left)} kinds, {sum(ratio < 1 for ratio in ratios)} slower than "
          f"PyTorch, geometric mean {math.exp(sum(map(math.log, ratios)) / max(1, len(ratios))):.2f}x")
    for kind, reason in left.items():
        print(f"not measured: {kind} ({reason})")
    if options.out:
        result = {"rows": rows, "left": left, "kinds": len(kinds), "all_kinds": len(catalog())}
        options.out.write_text(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
