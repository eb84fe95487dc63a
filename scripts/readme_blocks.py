#!/usr/bin/env python3
"""Runs the programs in a Markdown file: every ```c, ```cpp or ```python block that has the line
<!-- run --> right above it. They run in the order of the page, in one folder, so that a later one may
load what an earlier one saved; examples/ is there too. Prints "ok" and "not ok" lines.

    readme_blocks.py README.md

CHAINRULE_STAGE is the prefix under which the library is installed (build/stage).
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STAGE = Path(os.environ.get("CHAINRULE_STAGE", ROOT / "build" / "stage"))
FOLDER = ROOT / "build" / "readme"
BLOCK = re.compile(r"^<!-- run -->\n+```(c|cpp|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def linking():
    """The words that the README tells its readers to link with, and where the library lies."""
    path = f"{STAGE / 'lib' / 'pkgconfig'}:{os.environ.get('PKG_CONFIG_PATH', '')}"
    command = ["pkg-config", "--cflags", "--libs", "chainrule"]
    words = subprocess.run(command, env={**os.environ, "PKG_CONFIG_PATH": path}, check=True, capture_output=True)
    return [*words.stdout.decode().split(), "-lm", f"-Wl,-rpath,{STAGE / 'lib'}"]


def commands(language, source):
    """What a reader would type to run the block."""
    program = source.with_suffix("")
    if language == "python":
        return [[sys.executable, source]]
    compiler = ["cc"] if language == "c" else ["c++", "-std=c++17"]
    return [[*compiler, "-Wall", "-Wextra", source, "-o", program, *linking()], [program]]


def main():
    text = Path(sys.argv[1]).read_text(encoding="utf-8")
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    (FOLDER / "examples").symlink_to(ROOT / "examples")
    (FOLDER / "build").symlink_to(ROOT / "build")
    failed = 0
    for match in BLOCK.finditer(text):
        language, code = match.groups()
        line = text.count("\n", 0, match.start(2)) + 1
        name = f"{Path(sys.argv[1]).name} line {line} ({language})"
        source = FOLDER / f"line{line}.{'py' if language == 'python' else language}"
        source.write_text(code, encoding="utf-8")
        for command in commands(language, source):
            done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, timeout=120)
            print("".join(f"# {part}\n" for part in (done.stdout + done.stderr).splitlines()), end="")
            if done.returncode != 0:
                failed += 1
                print(f"not ok {name}: exit status {done.returncode}")
                break
        else:
            print(f"ok {name}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
