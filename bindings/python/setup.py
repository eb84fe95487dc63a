"""Builds the wheel: the Swift library and the cffi module made from its header go into the package.

A small module of C (chainrule/_direct.c) makes calls quick; a machine without a C compiler or Python's headers gets a
wheel without it, which does the same.

The library is the file named by CHAINRULE_LIBRARY; else what `swift build -c release` makes in the
repository (an up-to-date build is taken as it is).
"""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from setuptools import Distribution, Extension, setup
from setuptools.command.build_py import build_py

try:
    from setuptools.command.bdist_wheel import bdist_wheel
except ImportError:  # setuptools before 70.1
    from wheel.bdist_wheel import bdist_wheel

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
HEADER = ROOT / "Include" / "chainrule.h"


def declarations_module():
    """chainrule/_declarations.py, without importing the package (which needs the library)."""
    spec = importlib.util.spec_from_file_location("declarations", HERE / "chainrule" / "_declarations.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def newest_source():
    """When the library's sources were last changed."""
    files = [ROOT / "Package.swift", HEADER]
    for folder in (ROOT / "Sources").rglob("*"):
        files.append(folder)
    return max(file.stat().st_mtime for file in files if file.is_file())


def find_swift():
    """The Swift compiler's driver: in PATH, or where the Makefile would find it; None if nowhere."""
    script = ROOT / "scripts" / "find_swift.sh"
    if shutil.which("swift") or not script.exists():
        return shutil.which("swift")
    return subprocess.run([script], stdout=subprocess.PIPE, text=True).stdout.strip() or None


def library():
    """The library to pack, built if need be."""
    named = os.environ.get("CHAINRULE_LIBRARY")
    if named:
        if not Path(named).is_file():
            sys.exit(f"CHAINRULE_LIBRARY names {named}, which is not a file")
        return Path(named)
    built = ROOT / ".build" / "release" / "libchainrule.so"
    if built.exists() and built.stat().st_mtime >= newest_source():
        return built
    swift = find_swift()
    if swift is None:
        sys.exit(
            "libchainrule.so must be built, and there is no swift. Install Swift 6.3 or newer "
            "(swift.org/install), or name a built library in CHAINRULE_LIBRARY."
        )
    subprocess.run([swift, "build", "-c", "release"], cwd=ROOT, check=True)
    return built


def platform_tag(path):
    """manylinux with the glibc that the library needs (2.34 at least), if it needs only what manylinux
    promises; else this machine's own tag."""
    machine = os.uname().machine
    readelf = shutil.which("readelf") or shutil.which("llvm-readelf")
    if readelf is None:
        return f"linux_{machine}"
    text = subprocess.run([readelf, "-V", "-d", path], capture_output=True, text=True, check=True).stdout
    newest = {"GLIBC": (2, 34), "GLIBCXX": (3, 4, 29), "CXXABI": (1, 3, 13), "GCC": (7, 0, 0)}
    limits = dict(newest)
    for name, version in re.findall(r"Name: (GLIBC|GLIBCXX|CXXABI|GCC)_([\d.]+)", text):
        newest[name] = max(newest[name], tuple(map(int, version.split("."))))
    if "GLIBC_ABI_DT_RELR" in text:  # packed relocations
        newest["GLIBC"] = max(newest["GLIBC"], (2, 36))
    needed = set(re.findall(r"\(NEEDED\).*\[(.+)\]", text))
    allowed = {"libc.so.6", "libm.so.6", "libgcc_s.so.1", "libstdc++.so.6", "ld-linux-x86-64.so.2"}
    glibc = newest.pop("GLIBC")
    if not needed <= allowed or any(newest[name] > limits[name] for name in newest):
        return f"linux_{machine}"
    return f"manylinux_{glibc[0]}_{glibc[1]}_{machine}"


def write_generated(package):
    """The classes of the catalog, told by the library that was just packed, in a process of its own: the
    package in the making is imported from where it is built."""
    code = (
        "import sys, types, importlib; path = sys.argv[1];"
        "package = types.ModuleType('chainrule'); package.__path__ = [path]; sys.modules['chainrule'] = package;"
        "ffi = importlib.import_module('chainrule._chainrule_cffi').ffi;"
        "generate = importlib.import_module('chainrule._generate');"
        "generate.write_module(ffi, ffi.dlopen(path + '/libchainrule.so'), path + '/_generated.py')"
    )
    subprocess.run([sys.executable, "-c", code, str(package.resolve())], check=True)


class BuildPackage(build_py):
    """Adds the library, stripped, and the generated modules."""

    def run(self):
        if self.editable_mode:  # the checkout serves itself, see chainrule/_library.py
            super().run()
            return
        shutil.rmtree(self.build_lib, ignore_errors=True)  # or modules of long ago would go along
        super().run()
        target = Path(self.build_lib) / "chainrule"
        packed = target / "libchainrule.so"
        shutil.copyfile(library(), packed)
        packed.chmod(0o755)
        if shutil.which("strip"):
            subprocess.run(["strip", "--strip-unneeded", packed], check=True)
        declarations_module().write_module(str(HEADER), str(target / "_chainrule_cffi.py"))
        write_generated(target)


class BuildWheel(bdist_wheel):
    """One wheel for all Python versions: the library knows nothing of Python, and the module of C only what stays."""

    def finalize_options(self):
        super().finalize_options()
        self.root_is_pure = False

    def get_tag(self):
        packed = Path(self.bdist_dir or "") / "chainrule" / "libchainrule.so"
        platform = platform_tag(packed) if packed.exists() else f"linux_{os.uname().machine}"  # none if editable
        return "py3", "none", platform


class BinaryDistribution(Distribution):
    """Says that the wheel is for one platform."""

    def has_ext_modules(self):
        return True


if not HEADER.exists():
    sys.exit(f"{HEADER} is missing: install from the repository, pip install ./bindings/python")

setup(
    version=declarations_module().version(HEADER.read_text(encoding="utf-8")),
    cmdclass={"build_py": BuildPackage, "bdist_wheel": BuildWheel},
    distclass=BinaryDistribution,
    ext_modules=[
        Extension(
            "chainrule._direct",
            ["chainrule/_direct.c"],
            include_dirs=[str(HEADER.parent)],
            extra_compile_args=["-O2", "-g0"],
            py_limited_api=True,
            optional=True,
        )
    ],
)
