"""Resident memory while training the peers' workloads, Chainrule beside PyTorch, each in a process of its own; and
beside the bytes that Chainrule plans before the first step.

    python memory.py --peers DIRECTORY [--workloads iris,lstm] [--threads 1] [--out FILE]

All in MiB. total: the peak over a process that has imported NumPy and made the same data. growth: the peak over the
same after the library's import. planned: what `Model.memory` says. private: what training adds to anonymous memory (so
without the library's own pages) once a tiny network has been trained, which is to be compared with planned. Memory that
was freed goes back to the system before both readings: what the process had left over would hide what training takes.
"""

import argparse
import ctypes
import gc
import importlib
import importlib.util
import json
import os
import pathlib
import subprocess
import sys
import time

MIB = 2.0**20
CONTENDERS = ("chainrule", "torch")


def status(*names):
    """Lines of /proc/self/status, in MiB."""
    with open("/proc/self/status") as file:
        found = dict(line.split(":") for line in file)
    return [int(found[name].split()[0]) / 1024 for name in names]


def private():
    """Anonymous memory in use, in MiB, by a reading that walks the pages: the sums in status are allowed to be off."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    with open("/proc/self/smaps_rollup") as file:
        (line,) = [line for line in file if line.startswith("Anonymous:")]
    return int(line.split()[1]) / 1024


def contender(name):
    if name == "torch":
        return importlib.import_module("contenders.torch_eager")
    path = pathlib.Path(__file__).with_name("chainrule_adapter.py")
    spec = importlib.util.spec_from_file_location("chainrule_adapter", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(step, batches):
    """Each batch once, and more for half a second."""
    end, i = time.monotonic() + 0.5, 0
    while i < batches + 2 or time.monotonic() < end:
        float(step(i % batches))
        i += 1


def worker(args):
    from workloads import BY_NAME, init_params, train_data

    name, workload = args.worker
    w, tiny = BY_NAME[workload], BY_NAME["xor"]
    params, data = init_params(w), train_data(w)[:4]
    little = init_params(tiny), train_data(tiny)[:2]
    (before,) = status("VmRSS")
    module = contender(name)
    module.supports(w)
    module.start(args.threads)
    (imported,) = status("VmRSS")
    run(module.train(tiny, *little), 2)
    warm = private()
    step = module.train(w, params, data)
    run(step, len(data))
    (peak,) = status("VmHWM")
    anonymous = private()
    row = {"workload": workload, "contender": name, "threads": args.threads, "numpy": before, "total": peak - before,
           "growth": peak - imported, "private": anonymous - warm}  # fmt: skip
    if name == "chainrule":
        row["planned"] = module.compiled(w, params).memory(w.batch)["total"] / MIB
    print(json.dumps(row))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", type=pathlib.Path, required=True)
    parser.add_argument("--workloads", default="")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=pathlib.Path)
    parser.add_argument("--worker", nargs=2)
    args = parser.parse_args()
    sys.path.insert(0, str(args.peers.resolve()))
    if args.worker:
        worker(args)
        return
    from workloads import WORKLOADS

    rows = []
    for workload in filter(None, args.workloads.split(",")) if args.workloads else [w.name for w in WORKLOADS]:
        for name in CONTENDERS:
            command = [sys.executable, __file__, "--peers", str(args.peers), "--threads", str(args.threads)]
            environment = {**os.environ, "OMP_NUM_THREADS": str(args.threads)}
            command += ["--worker", name, workload]
            done = subprocess.run(command, capture_output=True, text=True, env=environment)
            try:
                rows.append(json.loads(done.stdout.strip().splitlines()[-1]))
            except (IndexError, ValueError):
                print(f"{workload} {name}: {done.stderr[-300:]}", file=sys.stderr)
                continue
            row = rows[-1]
            planned = f"  planned {row['planned']:.2f}" if "planned" in row else ""
            print(f"{workload:12} {name:10} total {row['total']:8.2f}  growth {row['growth']:8.2f}  private "
                  f"{row['private']:8.2f}{planned}", flush=True)
    if args.out:
        args.out.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
