"""What a training step of a workload has to do at least: FLOPs of its products (the peers' `workloads.py` counts them)
and bytes that move; and how long that takes at the machine's measured limits.

Bytes of a step, all float32, with P parameters, batch B, input of I numbers and A numbers that the layers keep:
    optimizer   the peers' optimizer_bytes: parameters, gradients and moments read, parameters and moments written
    weights     4 P for the forward pass, 4 P for the backward pass, 4 P for writing the gradients
    activations 4 B (2 I + 5 A): the input is read by the forward and the backward pass; a kept number is written once
                and read twice, its gradient written once and read once
A (`kept`) are each layer's outputs; functions of elements that a product can apply on its way are not counted.
The limit is the longer of FLOPs at the FMA peak and bytes at the bandwidth (STREAM's triad) of the smallest cache level
that holds what the step touches: 4 P (2 + moments) and the activations.
"""

import functools
import importlib.util
import math
import sys

LEVELS = ("L1", "L2", "L3", "DRAM")


@functools.cache
def module(work):
    """The peers' workloads.py. It needs NumPy."""
    spec = importlib.util.spec_from_file_location("peers_workloads", work / "workloads.py")
    found = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = found
    spec.loader.exec_module(found)
    return found


def workloads(work):
    return {w.name: w for w in module(work).WORKLOADS}


def kept(w):
    """Numbers of one sample that the layers hand on or keep for the backward pass."""
    shape, total = w.in_shape, 0
    for kind, *a in w.layers:
        if kind == "dense":
            shape = (a[1],)
        elif kind == "conv":
            _, channels, size, padding = a
            shape = (channels, shape[1] + 2 * padding - size + 1, shape[2] + 2 * padding - size + 1)
        elif kind == "maxpool":
            shape = (shape[0], shape[1] // 2, shape[2] // 2)
        elif kind == "gap":
            shape = (shape[0],)
        elif kind in ("last", "meanpool"):
            shape = (shape[1],)
        elif kind == "flatten":
            shape = (math.prod(shape),)
        if kind in ("dense", "conv", "maxpool", "gap", "last", "meanpool", "bn"):
            total += math.prod(shape)
        elif kind == "lstm":  # gates, cell and output
            shape = (shape[0], a[1])
            total += shape[0] * 6 * a[1]
        elif (
            kind == "encoder"
        ):  # two norms, query, key and value, attention, two sums; the wide layer before and after gelu
            total += shape[0] * (8 * a[0] + 2 * a[2])
    return total


def describe(work, name):
    w, of = workloads(work)[name], module(work)
    parameters, batch, inputs = of.n_params(w), w.batch, math.prod(w.in_shape)
    optimizer = of.optimizer_bytes(w)
    activations = 4 * batch * (2 * inputs + 5 * kept(w))
    moments = 2 if w.optimizer[0] == "adam" else 1 if w.optimizer[2] else 0
    return {
        "parameters": parameters,
        "batch": batch,
        "infer_batch": w.infer_batch,
        "kind": w.kind,
        "flops": sum(of.flops(w, batch)),
        "optimizer_bytes": optimizer,
        "weight_bytes": 12 * parameters,
        "activation_bytes": activations,
        "bytes": optimizer + 12 * parameters + activations,
        "touched": 4 * (parameters * (2 + moments) + batch * (inputs + 2 * kept(w))),
    }


def level_of(workload, cache_kb, threads):
    """The smallest level that holds what a step touches; L1 and L2 are each core's own."""
    for level in LEVELS[:-1]:
        size = cache_kb.get(level, 0) * 1024 * (threads if level != "L3" else 1)
        if workload["touched"] <= size:
            return level
    return "DRAM"


def bandwidths(peaks):
    """GB/s of the triad by level and threads."""
    return {(row["level"], row["threads"]): row["best"] for row in peaks["bandwidth_gbs"] if row["kernel"] == "triad"}


def limit(workload, threads, fma_peak, peaks, cache_kb):
    """Microseconds that the step takes at least, what limits it, and the level."""
    level = level_of(workload, cache_kb, threads)
    compute = workload["flops"] / (fma_peak[str(threads)] * 1e3)
    move = workload["bytes"] / (bandwidths(peaks)[level, threads] * 1e3)
    return max(compute, move), "FMA" if compute >= move else level, level
