"""All measurements, one part after another, and the report of them.

    python bench.py [--quick] [--only catalog,jobs] [--write]

Each part leaves a JSON file in build/benchmarks/results (quick ones in build/benchmarks/quick); the report is made of
the newest of each, so one part can be measured again by itself. A part that fails is noted in the report, and the
others go on. --write puts the report and its pictures into Benchmarks/; otherwise they are in build/benchmarks. --only
report: only the report, from what has been measured. Needs nothing but Python 3.11; the parts need what they measure.

PEERS names the folder with the peers' benchmark (../shared/peers), PEERS_PYTHON a Python with their libraries.
"""

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time
import traceback

import document
from parts import PARTS, Missing

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "benchmarks"


class Bench:
    """What the parts share: where things are, and how a program is run."""

    def __init__(self, quick):
        self.root, self.build, self.quick = ROOT, BUILD, quick
        self.results = BUILD / ("quick" if quick else "results")
        self.python = os.environ.get("PEERS_PYTHON") or sys.executable
        self.threads = [1, 2] if len(os.sched_getaffinity(0)) > 1 else [1]
        self.cpus = sorted(os.sched_getaffinity(0))
        peers = pathlib.Path(os.environ.get("PEERS") or ROOT / ".." / "shared" / "peers")
        self.peers_source = peers.resolve() if (peers / "run.py").is_file() else None
        self.log = None
        git = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True)
        self.commit = git.stdout.strip() or "unknown"

    def peers(self):
        """A copy of the peers' benchmark that may be written to; what it keeps (.cache) stays."""
        if not self.peers_source:
            raise Missing("the peers' benchmark is not there (PEERS names its folder)")
        work = self.build / "peers"
        for source in self.peers_source.rglob("*"):
            target = work / source.relative_to(self.peers_source)
            if source.is_file() and (not target.exists() or source.read_bytes() != target.read_bytes()):
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, target)
        return work

    def needs(self, *modules):
        """Modules that the other libraries' Python must have."""
        for module in modules:
            run = subprocess.run([self.python, "-c", f"import {module}"], capture_output=True, text=True)
            if run.returncode != 0:
                raise Missing(f"{self.python} has no {module} (PEERS_PYTHON names another Python)")

    def run(self, *command, cwd=None, limit=900, cpus=None, environment=(), accept=(0,)):
        """Runs a program; all that it prints is in the log, its output is returned."""
        words = list(map(str, command))
        if cpus:
            words = ["taskset", "-c", ",".join(map(str, cpus)), *words]
        print("$", *words, file=self.log, flush=True)
        run = subprocess.run(
            words,
            cwd=cwd or self.root,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
            timeout=limit,
            env={**os.environ, **dict(environment)},
        )
        self.log.write(run.stdout)
        if run.returncode not in accept:
            raise RuntimeError(f"{pathlib.Path(words[0]).name}: exit status {run.returncode}, see {self.log.name}")
        return run.stdout

    def script(self, name, *arguments, **more):
        """A program of Benchmarks/peers that writes JSON: what it writes."""
        out = self.build / "part.json"
        out.unlink(missing_ok=True)
        self.run(
            self.python, "-W", "ignore", self.root / "Benchmarks" / "peers" / name, *arguments, "--out", out, **more
        )
        return json.loads(out.read_text())

    def compile(self, name, *flags):
        """A program of Benchmarks/c, compiled."""
        program = self.build / name
        self.run(
            os.environ.get("CC", "cc"), "-O2", "-IInclude", f"Benchmarks/c/{name}.c", "-o", program, "-Lbuild", *flags
        )
        return program

    def on(self, threads):
        """As many CPUs, the last ones: the system's own work tends to be on the first."""
        return self.cpus[-threads:]


def measure(bench, name):
    """One part: its result, or why there is none, in a file."""
    start = time.time()
    result = {
        "part": name,
        "date": time.strftime("%Y-%m-%d %H:%M", time.gmtime()),
        "quick": bench.quick,
        "commit": bench.commit,
    }
    (bench.build / "logs").mkdir(parents=True, exist_ok=True)
    with open(bench.build / "logs" / f"{name}.log", "w") as bench.log:
        try:
            result["data"] = PARTS[name](bench)
        except Missing as error:
            result["missing"] = str(error)
        except Exception as error:  # whatever fails, the other parts go on
            traceback.print_exc(file=bench.log)
            result["failed"] = f"{type(error).__name__}: {error}"[:300]
    result["seconds"] = round(time.time() - start)
    bench.results.mkdir(parents=True, exist_ok=True)
    path = bench.results / f"{name}.json"
    if "data" in result or not path.exists() or "data" not in json.loads(path.read_text()):
        path.write_text(json.dumps(result, indent=1) + "\n")
    else:  # an older measurement is better than none, but the report says so
        old = json.loads(path.read_text())
        path.write_text(json.dumps({**old, "again": result.get("failed") or result["missing"]}, indent=1) + "\n")
    print(f"{name:13} {result['seconds']:4} s  {result.get('failed') or result.get('missing') or 'done'}", flush=True)


def write_quote(text):
    """The README's words about speed: what stands between its two marks."""
    path = ROOT / "README.md"
    before, begin, rest = path.read_text().partition("<!-- make bench WRITE=1 writes this -->\n")
    _, end, after = rest.partition("<!-- to here -->")
    if text and begin and end:
        path.write_text(before + begin + text + "\n" + end + after)


def write_report(bench, write):
    folder = ROOT / "Benchmarks" if write and not bench.quick else bench.results
    files = [bench.results / f"{name}.json" for name in PARTS]
    results = {path.stem: json.loads(path.read_text()) for path in files if path.exists()}
    pictures = []
    try:
        import plots

        pictures = plots.draw(results, folder / "plots")
    except ImportError as error:
        print(f"no pictures: {error}")
    text = document.report(results, pictures)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "RESULTS.md"
    path.write_text(text)
    if folder == ROOT / "Benchmarks":
        write_quote(document.quote(results))
    print(f"the report is {path.relative_to(ROOT)}")
    if not write and not bench.quick:
        print("make bench ONLY=report WRITE=1 puts it into Benchmarks/, with its pictures")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", default="", help=",".join(PARTS) + "; report: nothing is measured")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    wanted = [name for name in options.only.split(",") if name not in ("", "report")]
    if unknown := set(wanted) - set(PARTS):
        parser.error(f"no part {', '.join(unknown)}; there are {', '.join(PARTS)}, report")
    bench = Bench(options.quick)
    for name in PARTS:
        if name in wanted or not options.only:
            measure(bench, name)
    write_report(bench, options.write)


if __name__ == "__main__":
    main()
