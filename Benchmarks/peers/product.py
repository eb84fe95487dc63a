"""The matrix product beside the BLAS libraries of the other Python libraries, by the protocol of the peers'
gemm.py, with Chainrule's `matmul` node as one more library.

    python product.py --peers DIRECTORY [--threads 1,2] [--libs chainrule,xla,...] [--sizes 512,1024] [--rounds 3]
                                          [--layers] [--out FILE]

Each library has a process of its own. Shape by shape they take turns, the others stopped meanwhile, so that all meet the
same quiet and busy minutes of a virtual machine; the table has the medians of the rounds, as a fraction of
the FMA peak of the same run and as a ratio to the best other library. --layers: also the three products (fwd, dX, dW)
of each layer of the peers' networks of perceptrons. --out: all of it as JSON.
"""

import argparse
import importlib.util
import json
import os
import pathlib
import signal
import statistics
import subprocess
import sys
import tempfile


def load_gemm(peers):
    """The peers' gemm.py with Chainrule as one more library."""
    sys.path.insert(0, str(peers))
    spec = importlib.util.spec_from_file_location("gemm", peers / "gemm.py")
    gemm = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(gemm)
    others = gemm.load

    def load(lib, threads):
        if lib != "chainrule":
            return others(lib, threads)
        import chainrule as cr
        import numpy as np

        cr.set_num_threads(threads)

        def make(m, n, k, ta, tb):
            a, b, c = gemm.operands(m, n, k, ta, tb)
            x, y = cr.Input(a.shape, batched=False), cr.Input(b.shape, batched=False)
            model = cr.Model([x, y], (x.T if ta else x) @ (y.T if tb else y))
            call = model.prepare_predict([a, b])
            return (lambda i: call()), np.asarray(call())

        return cr.__version__, make

    gemm.load = load
    return gemm


def work(gemm, lib, cpus):
    """A library's process: measures the shapes that it is told the numbers of, one JSON line for each."""
    os.sched_setaffinity(0, cpus)
    shapes = gemm.shapes()
    version, make = gemm.load(lib, len(cpus))
    print(json.dumps({"version": version}), flush=True)
    functions = {}
    for line in sys.stdin:
        index = int(line)
        _, m, n, k, ta, tb = shapes[index]
        if index not in functions:
            call, c = make(m, n, k, ta, tb)
            call(0)
            a, b, _ = gemm.operands(m, n, k, ta, tb)
            exact = (a.T if ta else a) @ (b.T if tb else b)
            assert abs(gemm.np.asarray(c) - exact).max() < 1e-3 * k**0.5, shapes[index][0]
            functions[index] = call
        found = gemm.measure(functions[index], min_s=0.1, min_n=7, warm_s=0.03, tries=2)
        print(json.dumps({"gflops": 2 * m * n * k / found["median_us"] * 1e-3}), flush=True)


class Library:
    """The process of a library; stopped but for its turns, so that no pool of threads spins beside another's."""

    def __init__(self, args, lib, cpus, environment):
        command = [sys.executable, __file__, "--peers", str(args.peers.resolve()), "--sizes", args.sizes]
        command += ["--layers"] * args.layers + ["--worker", lib, ",".join(map(str, cpus))]
        # A file: nobody reads a pipe meanwhile, and one that is full would stop the process.
        self.errors = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, text=True)
        self.answer()

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            self.errors.seek(0)
            raise RuntimeError(self.errors.read()[-300:])
        self.process.send_signal(signal.SIGSTOP)
        return json.loads(line)

    def measure(self, index):
        self.process.send_signal(signal.SIGCONT)
        self.process.stdin.write(f"{index}\n")
        self.process.stdin.flush()
        return self.answer()["gflops"]

    def end(self):
        self.process.send_signal(signal.SIGCONT)
        self.process.kill()
        self.process.wait()


def table(args, gemm, threads):
    """All libraries in turns: a row for each shape, with medians of the rounds, in GFLOP/s, and the FMA peak."""
    cpus = [gemm.quietest_cpu()] if threads == 1 else sorted(os.sched_getaffinity(0))[:threads]
    environment = dict(os.environ)
    for name in ("OMP", "MKL", "OPENBLAS", "BLIS"):
        environment[f"{name}_NUM_THREADS"] = str(threads)
    libraries, peak = {}, 0.0
    shapes = gemm.shapes()
    rates = [{} for _ in shapes]

    def attempt(lib, body):
        try:
            return body()
        except (RuntimeError, OSError, ValueError, KeyError) as error:
            print(f"{lib}: {error}", file=sys.stderr)
            if lib in libraries:
                libraries.pop(lib).end()

    for lib in args.libs.split(","):
        made = attempt(lib, lambda lib=lib: Library(args, lib, cpus, environment))
        if made:
            libraries[lib] = made
    for turn in range(args.rounds):
        gemm.wait_quiet(cpus, 20)
        found = gemm.peaks(cpus, "fma")["fma_gflops"]
        peak = max([peak] + [x["best"] for x in found if x["threads"] == threads])
        for index, rate in enumerate(rates):
            order = list(libraries)
            first = turn % max(1, len(order))
            for lib in order[first:] + order[:first]:
                value = attempt(lib, lambda lib=lib, index=index: libraries[lib].measure(index))
                if value:
                    rate.setdefault(lib, []).append(value)
    for library in libraries.values():
        library.end()
    return peak, [
        {"shape": shape, "m": m, "n": n, "k": k, "threads": threads,
         "gflops": {lib: statistics.median(values) for lib, values in rate.items()}}
        for (shape, m, n, k, *_), rate in zip(shapes, rates)
    ]  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", type=pathlib.Path, required=True)
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--libs", default="chainrule,xla,mkl,openblas,openblas-deb+")
    parser.add_argument("--sizes", default="512,1024")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--layers", action="store_true")
    parser.add_argument("--out", type=pathlib.Path)
    parser.add_argument("--worker", nargs=2)
    args = parser.parse_args()
    gemm = load_gemm(args.peers.resolve())
    layers = [shape for shape in gemm.shapes() if "->" in shape[0]] if args.layers else []
    squares = [(f"square {n}", n, n, n, 0, 0) for n in map(int, args.sizes.split(","))]
    gemm.shapes = lambda: squares + layers
    if args.worker:
        work(gemm, args.worker[0], [int(cpu) for cpu in args.worker[1].split(",")])
        return
    result = {"peak": {}, "rows": []}
    for threads in map(int, args.threads.split(",")):
        peak, rows = table(args, gemm, threads)
        result["peak"][threads] = peak
        result["rows"] += rows
        print(f"{threads} thread(s), FMA peak {peak:.1f} GFLOP/s")
        for row in rows:
            others = dict(row["gflops"])
            own = others.pop("chainrule", None)
            best = max(others, key=others.get, default=None)
            if own is not None and best is not None:
                cells = "  ".join(f"{lib} {rate:.1f}" for lib, rate in others.items())
                print(f"{row['shape']:28} chainrule {own:.1f} ({100 * own / peak:.1f} % of peak, "
                      f"{own / others[best]:.2f}x {best})  {cells}", flush=True)
    if args.out:
        args.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
