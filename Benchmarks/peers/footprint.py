"""What the package weighs beside NumPy: the library's size, the time of an import, the memory after training
the digits (64-64-10, 20 epochs). Every number comes from processes of their own, with and without Chainrule
in turns; medians, and in brackets the middle half.

    python footprint.py [--runs 20] [--out FILE]     (CHAINRULE_LIBRARY names the library; needs NumPy and cffi)

--out: all of it as JSON.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "examples", "data", "digits.csv")
CLOCK = "import time; start = time.perf_counter(); import numpy as np; {}; print(1e3 * (time.perf_counter() - start))"
MEMORY = """
import numpy as np
data = np.loadtxt({data!r}, delimiter=",", skiprows=1)
x, y = (data[:, :64] / 16).astype(np.float32), data[:, 64].astype(np.int64)
{training}
print(next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmRSS")) / 1024)
"""
TRAINING = """
import chainrule as cr
model = cr.Sequential(cr.Linear(64, 64), cr.ReLU(), cr.Linear(64, 10), seed=0)
model.compile(loss="cross_entropy", optimizer=cr.Adam(lr=1e-3))
model.fit(x, y, epochs=20, batch_size=32, verbose=0)
"""


def measure(program):
    """The number that a process of its own prints. Byte code is kept, as pip keeps it."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    run = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, env=environment)
    return float(run.stdout)


def compare(what, unit, without, with_chainrule, runs):
    """Prints both medians and their difference, and returns them."""
    for program in (without, with_chainrule):  # fills the disk's cache, and writes byte code
        measure(program)
    pairs = [(measure(without), measure(with_chainrule)) for _ in range(runs)]
    base, whole = (statistics.median(values) for values in zip(*pairs))
    low, _, high = statistics.quantiles([after - before for before, after in pairs], n=4)
    print(f"{what}: {whole - base:.1f} {unit} [{low:.1f} to {high:.1f}] over NumPy's {base:.1f} {unit}")
    return {"numpy": base, "with_chainrule": whole, "low": low, "high": high, "unit": unit}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--out", type=pathlib.Path)
    args = parser.parse_args()
    runs = max(2, args.runs)

    from chainrule._library import library_path

    path = os.path.realpath(library_path())
    print(f"library, stripped: {os.path.getsize(path) / 1e6:.2f} MB ({path})")
    imported = compare("import chainrule", "ms", CLOCK.format("pass"), CLOCK.format("import chainrule"), runs)
    without, with_chainrule = (MEMORY.format(data=DATA, training=part) for part in ("", TRAINING))
    resident = compare("resident memory after training the digits", "MiB", without, with_chainrule, runs)
    if args.out:
        rows = {"library_mb": os.path.getsize(path) / 1e6, "import": imported, "digits_memory": resident}
        args.out.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
