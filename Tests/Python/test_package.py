"""The package itself: declarations, types, import time, the wheel in an environment of its own."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from conftest import own_kinds

import chainrule as cr
from chainrule import _declarations
from chainrule._library import ffi, lib, library_path

ROOT = Path(__file__).resolve().parents[2]
PLACE = "./bindings/python"
PACKAGE = ROOT / "bindings" / "python"
HEADER = (ROOT / "Include" / "chainrule.h").read_text()


def test_every_declared_function_is_there():
    text = _declarations.declarations(HEADER)
    assert "inline" not in text and "extern" not in text and "chainrule_trainer_fit(" in text
    names = re.findall(r"(chainrule_\w+)\(", text)
    assert len(names) > 60
    for name in names:
        assert getattr(lib, name) is not None


def test_version_and_level():
    assert cr.__version__ == _declarations.version(HEADER)
    assert cr.cpu_level() in ("baseline", "avx2", "avx512")
    assert lib.CHAINRULE_MAX_RANK == 8 and lib.CHAINRULE_FAIL == 2
    assert ffi.sizeof("chainrule_array") == 8 + 4 + 4 + 64 + 8 + 64


def test_all_names_are_there():
    assert len(set(cr.__all__)) == len(cr.__all__)
    for name in cr.__all__:
        assert hasattr(cr, name)
        if callable(getattr(cr, name)):
            assert getattr(cr, name).__doc__, name


def test_public_methods_are_documented_and_typed():
    for kind in (cr.Model, cr.Sequential, cr.Node, cr.Loss, cr.Optimizer, cr.History, cr.Callback):
        for name in dir(kind):
            method = getattr(kind, name)
            if (
                name.startswith("_")
                or not callable(method)
                or not getattr(method, "__module__", "").startswith("chainrule")
            ):
                continue
            assert method.__doc__, f"{kind.__name__}.{name}"
            assert "return" in method.__annotations__, f"{kind.__name__}.{name}"


def test_types(tmp_path):
    if importlib.util.find_spec("mypy") is None:
        pytest.skip("mypy is not installed")
    # The installed package: it has the modules that are made from the header and the catalog.
    command = [sys.executable, "-m", "mypy", "--config-file", str(PACKAGE / "pyproject.toml"), "--cache-dir", os.devnull]
    result = subprocess.run([*command, "-p", "chainrule"], cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr


def test_heavy_modules_are_left_for_later():
    heavy = ("matplotlib", "tqdm", "pycparser", "tempfile")
    code = f"import sys, chainrule; print(*[name for name in {heavy} if name in sys.modules])"
    environment = {**os.environ, "PYTHONPATH": str(Path(cr.__file__).parents[1])}
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert result.stdout.strip() == ""


def test_a_missing_library_is_explained():
    for value, words in (("/nowhere/libchainrule.so", "could not be loaded"), ("/etc/passwd", "could not be loaded")):
        environment = {**os.environ, "CHAINRULE_LIBRARY": value, "PYTHONPATH": str(Path(cr.__file__).parents[1])}
        result = subprocess.run(
            [sys.executable, "-c", "import chainrule"], capture_output=True, text=True, env=environment
        )
        assert result.returncode == 1 and "ImportError" in result.stderr and words in result.stderr


def test_the_readme_runs():
    text = (PACKAGE / "README.md").read_text()
    code = "\n".join(block.split("```")[0] for block in text.split("```python\n")[1:])
    environment = {**os.environ, "PYTHONPATH": str(Path(cr.__file__).parents[1])}
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        result = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, env=environment, cwd=folder
        )
    assert result.returncode == 0, result.stderr


def test_the_table_in_the_readme_is_the_catalog():
    rows = re.findall(r"^\| (\w+) \| (.*) \|$", (ROOT / "README.md").read_text(), re.MULTILINE)
    named = {title: re.findall(r"`(\w+)`", text) for title, text in rows}
    named["layers"] += named.pop("operations")
    for group in ("layers", "losses", "optimizers", "schedules", "initializers", "metrics"):
        assert sorted(named[group]) == sorted(own_kinds(group)), group


def make_wheel(folder, prepare=lambda source: None, **environment):
    """pip's output, and the wheel if there is one, from a copy of the repository: the checkout stays as it is."""
    for module in ("setuptools", "wheel", "pip"):
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is not installed")
    source = folder / "repository"
    (source / "bindings").mkdir(parents=True)
    shutil.copytree(ROOT / "Include", source / "Include")
    ignore = shutil.ignore_patterns("build", "*.egg-info", "__pycache__", "_chainrule_cffi.py", "*.so")
    shutil.copytree(PACKAGE, source / "bindings" / "python", ignore=ignore)
    prepare(source)
    inherited = {name: value for name, value in os.environ.items() if name != "CHAINRULE_LIBRARY"}
    inherited["PATH"] = f"{source / 'compiler'}:{inherited['PATH']}"
    result = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-w", str(folder), PLACE],
        cwd=source, capture_output=True, text=True, env={**inherited, **environment},
    )  # fmt: skip
    wheels = list(folder.glob("*.whl"))
    assert bool(wheels) == (result.returncode == 0), result.stdout + result.stderr
    return result.stdout + result.stderr, wheels[0] if wheels else None


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    output, path = make_wheel(tmp_path_factory.mktemp("wheel"), CHAINRULE_LIBRARY=library_path())
    assert path, output
    return path


def pretend_to_build(source, swift):
    """Sources, and a compiler that is this shell script."""
    (source / "Package.swift").write_text("// as it were")
    (source / "Sources").mkdir()
    compiler = source / "compiler" / "swift"
    compiler.parent.mkdir()
    compiler.write_text("#!/bin/sh\n" + swift)
    compiler.chmod(0o755)


def test_the_wheel_takes_what_swift_has_built(tmp_path):
    """Without CHAINRULE_LIBRARY: a build newer than the sources is packed as it is."""

    def built(source):
        pretend_to_build(source, "exit 1")
        (source / ".build" / "release").mkdir(parents=True)
        shutil.copyfile(library_path(), source / ".build" / "release" / "libchainrule.so")

    output, path = make_wheel(tmp_path, built)
    assert path, output
    assert "chainrule/libchainrule.so" in zipfile.ZipFile(path).namelist()


def test_the_wheel_has_swift_build_what_is_missing_or_old(tmp_path):
    def old(source):
        built = ".build/release/libchainrule.so"
        pretend_to_build(source, f'[ "$*" = "build -c release" ] && cp "{library_path()}" {built}')
        (source / ".build" / "release").mkdir(parents=True)
        (source / built).write_text("old")
        os.utime(source / built, (1, 1))

    output, path = make_wheel(tmp_path, old)
    assert path, output
    assert zipfile.ZipFile(path).getinfo("chainrule/libchainrule.so").file_size > 1e6


def test_the_wheel_is_one_for_all_pythons(wheel):
    # The platform is that of the glibc that the library needs: 2.36 reads packed relocations.
    assert re.fullmatch(rf"chainrule-{re.escape(cr.__version__)}-py3-none-manylinux_2_3[46]_x86_64.whl", wheel.name)
    names = zipfile.ZipFile(wheel).namelist()
    for name in ("libchainrule.so", "_direct.abi3.so", "_chainrule_cffi.py", "py.typed", "__init__.py"):
        assert f"chainrule/{name}" in names
    assert wheel.stat().st_size < 8e6
    metadata = zipfile.ZipFile(wheel).read(f"chainrule-{cr.__version__}.dist-info/METADATA").decode()
    needed = [line for line in metadata.splitlines() if line.startswith("Requires-Dist") and "extra" not in line]
    assert len(needed) == 2


def test_the_wheel_without_a_c_compiler(tmp_path):
    output, path = make_wheel(tmp_path, CHAINRULE_LIBRARY=library_path(), CC="false")
    assert path, output
    assert not [name for name in zipfile.ZipFile(path).namelist() if "_direct" in name and name.endswith(".so")]


def test_the_wheel_in_an_environment_of_its_own(wheel, tmp_path):
    import venv

    venv.create(tmp_path / "venv", with_pip=False)
    python = tmp_path / "venv" / "bin" / "python"
    code = "import sysconfig; print(sysconfig.get_paths()['purelib'])"
    packages = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", packages, str(wheel)],
        check=True, capture_output=True,
    )  # fmt: skip
    # NumPy and cffi come from this environment: nothing is downloaded.
    import _cffi_backend
    import numpy

    folders = {str(Path(numpy.__file__).parents[1]), str(Path(_cffi_backend.__file__).parent)}
    (Path(packages) / "borrowed.pth").write_text("\n".join(folders))
    program = (
        "import chainrule as cr, numpy as np, sys\n"
        "assert cr.__file__.startswith(sys.prefix), cr.__file__\n"
        "from chainrule._library import library_path\n"
        "assert library_path().startswith(sys.prefix)\n"
        "model = cr.Sequential(cr.Linear(2, 1))\n"
        "model.compile('mse', 'sgd')\n"
        "print(model.train_on_batch(np.ones((3, 2), 'f4'), np.ones((3, 1), 'f4')))\n"
    )
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("CHAINRULE", "PYTHON"))}
    result = subprocess.run([python, "-c", program], capture_output=True, text=True, env=environment, cwd=tmp_path)
    assert result.returncode == 0 and float(result.stdout) >= 0, result.stderr
