#!/usr/bin/env python3
"""Runs the programs in a Markdown file: every ```c, ```cpp or ```python block. Each has the line <!-- run -->
right above it, which says that it is whole. They run in the order of the page, in one folder, so that a later
one may load what an earlier one saved; examples/ is there too. C is compiled with the line of the page that
says how, after the line that says where a library under $HOME/.local is found. Prints "ok" and "not ok" lines.

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
HOME = FOLDER / "home"
BLOCK = re.compile(r"^(<!-- run -->\n+)?```(c|cpp|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SETTING = re.compile(r"^    (export PKG_CONFIG_PATH=\$HOME/\.local/.*)$", re.MULTILINE)
LINKING = re.compile(r"^    (cc program\.c .*)$", re.MULTILINE)


def command(language, source, text):
    """What a reader would type to run the block: the page's own words, for C."""
    if language == "python":
        return [sys.executable, source]
    setting, linking = SETTING.search(text), LINKING.search(text)
    if not setting or not linking:
        raise ValueError("the page needs the lines 'export PKG_CONFIG_PATH=$HOME/.local/...' and 'cc program.c ...'")
    shutil.copyfile(source, FOLDER / f"program.{language}")
    compile_line = linking[1] if language == "c" else linking[1].replace("cc program.c", "c++ -std=c++17 program.cpp")
    return ["sh", "-ec", f"{setting[1]}\n{compile_line}\n./program"]


def main():
    text = Path(sys.argv[1]).read_text(encoding="utf-8")
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    (FOLDER / "examples").symlink_to(ROOT / "examples")
    (FOLDER / "build").symlink_to(ROOT / "build")
    HOME.mkdir()
    (HOME / ".local").symlink_to(STAGE)
    failed = 0
    for match in BLOCK.finditer(text):
        marked, language, code = match.groups()
        line = text.count("\n", 0, match.start(3))
        name = f"{Path(sys.argv[1]).name} line {line} ({language})"
        if not marked:
            failed += 1
            print(f"not ok {name}: no line <!-- run --> above it")
            continue
        source = FOLDER / f"line{line}.{'py' if language == 'python' else language}"
        source.write_text(code, encoding="utf-8")
        done = subprocess.run(
            command(language, source, text), cwd=FOLDER, capture_output=True, text=True, timeout=120,
            env={**os.environ, "HOME": str(HOME)},
        )  # fmt: skip
        print("".join(f"# {part}\n" for part in (done.stdout + done.stderr).splitlines()), end="")
        failed += done.returncode != 0
        print(f"ok {name}" if done.returncode == 0 else f"not ok {name}: exit status {done.returncode}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
