"""Activation checkpointing: the bytes that training plans and the time of a step, all kept beside the number of
segments that takes the least memory.

    python checkpointing.py --peers DIRECTORY [--workloads big-mlp,lstm,transformer] [--threads 1] [--out FILE]

Both in turns in one process; medians of the turns.
"""

import argparse
import importlib.util
import json
import pathlib
import statistics
import sys
import time

import chainrule as cr
from chainrule._errors import check
from chainrule._library import lib

MIB = 2.0**20


def load_adapter():
    path = pathlib.Path(__file__).with_name("chainrule_adapter.py")
    spec = importlib.util.spec_from_file_location("chainrule_adapter", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def measure(adapter, w, params, data, turns):
    """For 0 segments and for the best number: what training plans, in MiB, and milliseconds of a step."""
    models = {}
    for segments in (0, -1):
        models[segments] = adapter.compiled(w, params)
        check(lib.chainrule_trainer_set_checkpoint_segments(models[segments]._trainer, segments))
    batches = {segments: model.prepare(*data) for segments, model in models.items()}
    times = {segments: [] for segments in models}
    for turn in range(turns + 1):
        for segments, model in models.items():
            start = time.perf_counter()
            for _ in range(3):
                model.train_on_batch(batches[segments])
            if turn:  # the first warms up
                times[segments].append((time.perf_counter() - start) / 3)
    return [
        {"activations": model.memory(w.batch)["activations"] / MIB, "total": model.memory(w.batch)["total"] / MIB,
         "ms": statistics.median(times[segments]) * 1e3}
        for segments, model in models.items()
    ]  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", type=pathlib.Path, required=True)
    parser.add_argument("--workloads", default="big-mlp,lenet,conv-block,lstm,transformer")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--out", type=pathlib.Path)
    args = parser.parse_args()
    sys.path.insert(0, str(args.peers.resolve()))
    from workloads import BY_NAME, init_params, train_data

    adapter, rows = load_adapter(), []
    adapter.start(args.threads)
    cr.set_num_threads(args.threads)
    for name in args.workloads.split(","):
        w = BY_NAME[name]
        kept, best = measure(adapter, w, init_params(w), train_data(w)[0], args.turns)
        rows.append({"workload": name, "threads": args.threads, "kept": kept, "segments": best})
        print(f"{name:12} activations {kept['activations']:8.1f} -> {best['activations']:8.1f} MiB, "
              f"all {kept['total']:8.1f} -> {best['total']:8.1f} MiB, "
              f"step {kept['ms']:8.2f} -> {best['ms']:8.2f} ms", flush=True)
    if args.out:
        args.out.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
