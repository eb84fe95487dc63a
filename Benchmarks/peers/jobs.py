"""Whole small training jobs (digits, diabetes, a 60,000-sample epoch, online with batch 1) through `fit`,
beside the peers' own programs: their first fit and the shortest of some more ("again"), interleaved.

    python jobs.py --peers DIRECTORY [--threads 1,2] [--contenders chainrule,jax,torch] [--jobs digits] [--out FILE]

--out: all of it as JSON.
"""

import argparse
import importlib.util
import json
import os
import pathlib
import subprocess
import sys
import time


def use_chainrule(threads):
    import chainrule as cr

    cr.set_num_threads(threads)

    def fit(x, y, sizes, batch, epochs, optimizer, lr, shuffle):
        layers = []
        for a, b in zip(sizes, sizes[1:]):
            layers += [cr.Linear(a, b), cr.ReLU()]
        model = cr.Sequential(*layers[:-1], seed=0)
        regression = y.ndim == 2
        model.compile(
            loss="mse" if regression else "cross_entropy",
            optimizer=cr.Adam(lr=lr) if optimizer == "adam" else cr.SGD(lr=lr),
        )
        model.fit(x, y, epochs=epochs, batch_size=batch, shuffle=shuffle, verbose=0)
        out = model.predict(x)
        return float(((out - y) ** 2).mean() if regression else (out.argmax(1) == y).mean())

    return fit


def load(peers):
    """The peers' endtoend.py with Chainrule as one more contender."""
    sys.path.insert(0, str(peers))
    spec = importlib.util.spec_from_file_location("endtoend", peers / "endtoend.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.use_chainrule = use_chainrule
    return module


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", type=pathlib.Path, required=True)
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--contenders", default="chainrule,jax,torch,sklearn")
    parser.add_argument("--jobs", default="")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--out", type=pathlib.Path)
    parser.add_argument("--worker", nargs=4, metavar=("JOB", "CONTENDER", "CPUS", "START"))
    args = parser.parse_args()
    endtoend = load(args.peers.resolve())
    if args.worker:
        job, contender, cpus, start = args.worker
        endtoend.T_START = time.monotonic() - float(start)
        endtoend.worker(job, contender, [int(c) for c in cpus.split(",")])
        return
    endtoend.make_data()
    cpus = sorted(os.sched_getaffinity(0))
    print(f"{'job':9} {'threads':7} {'contender':10} {'again':>10} {'first':>10}  against chainrule's again")
    worst, rows = None, []
    for job in filter(None, args.jobs.split(",")) if args.jobs else endtoend.JOBS:
        for threads in (int(t) for t in args.threads.split(",")):
            best = {}
            for _ in range(args.rounds):
                for contender in args.contenders.split(","):
                    run = subprocess.run(
                        [sys.executable, __file__, "--peers", str(args.peers.resolve()), "--worker", job, contender,
                         ",".join(map(str, cpus[-threads:])), str(time.monotonic())],
                        capture_output=True, text=True, cwd=args.peers)
                    try:
                        result = json.loads(run.stdout.strip().splitlines()[-1])
                    except (IndexError, ValueError):
                        print(run.stderr[-500:], file=sys.stderr)
                        continue
                    old = best.setdefault(contender, result)
                    for key in ("first_s", "again_s"):
                        old[key] = min(old[key], result[key])
            own = best.get("chainrule", {}).get("again_s")
            for contender, result in best.items():
                rows.append(result)
                ratio = result["again_s"] / own if own else float("nan")
                if contender != "chainrule" and (worst is None or ratio < worst[0]):
                    worst = (ratio, job, threads, contender)
                print(f"{job:9} {threads:7} {contender:10} {result['again_s'] * 1e3:8.1f}ms {result['first_s'] * 1e3:8.1f}ms"
                      f"  {ratio:6.2f}x  {result['measure']} {result['quality']:.4f}", flush=True)
    if args.out:
        args.out.write_text(json.dumps(rows, indent=1) + "\n")
    if worst:
        print(f"worst {worst[0]:.2f}x ({worst[1]}, {worst[2]} threads, {worst[3]})")


if __name__ == "__main__":
    main()
