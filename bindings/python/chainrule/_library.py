"""Finds libchainrule.so, loads it, and gives the two names everything else uses: ffi and lib."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

_PACKAGE = os.path.dirname(os.path.abspath(__file__))
_CHECKOUT = os.path.normpath(os.path.join(_PACKAGE, "..", "..", ".."))


def _in_checkout() -> bool:
    return os.path.exists(os.path.join(os.path.dirname(_PACKAGE), "setup.py")) and os.path.exists(
        os.path.join(_CHECKOUT, "Include", "chainrule.h")
    )


def _load_ffi() -> Any:
    """The generated module; made anew in a source checkout whose header has changed."""
    if _in_checkout():
        header = os.path.join(_CHECKOUT, "Include", "chainrule.h")
        generated = os.path.join(_PACKAGE, "_chainrule_cffi.py")
        if not os.path.exists(generated) or os.path.getmtime(generated) < os.path.getmtime(header):
            from ._declarations import write_module

            write_module(header, generated)
    return import_module("chainrule._chainrule_cffi").ffi


def library_path() -> str:
    """Where the library is: CHAINRULE_LIBRARY, or in the package, or built in the source checkout."""
    named = os.environ.get("CHAINRULE_LIBRARY")
    if named:
        return named
    candidates = [os.path.join(_PACKAGE, "libchainrule.so")]
    if _in_checkout():
        built = [
            os.path.join(_CHECKOUT, ".build", "release", "libchainrule.so"),
            os.path.join(_CHECKOUT, "build", "libchainrule.so"),
            os.path.join(_CHECKOUT, "build", "lib", "libchainrule.so"),
        ]
        candidates += sorted(filter(os.path.exists, built), key=os.path.getmtime, reverse=True)
    for path in candidates:
        if os.path.exists(path):
            return path
    raise ImportError(
        "libchainrule.so was not found in "
        + _PACKAGE
        + ". Build it (swift build -c release), install the package (pip install ./bindings/python), "
        "or name the file in the environment variable CHAINRULE_LIBRARY."
    )


def _load() -> tuple[Any, Any]:
    ffi = _load_ffi()
    path = library_path()
    try:
        library = ffi.dlopen(path)
        version = ffi.string(library.chainrule_version()).decode()
    except (OSError, AttributeError) as error:
        raise ImportError(f"{path} could not be loaded: {error}") from error
    expected = f"{library.CHAINRULE_VERSION_MAJOR}.{library.CHAINRULE_VERSION_MINOR}."
    if not version.startswith(expected):
        raise ImportError(f"{path} is version {version}; this package needs {expected}x")
    _keep_generated(ffi, library, path)
    return ffi, library


def _keep_generated(ffi: Any, library: Any, path: str) -> None:
    """In a source checkout, makes the module of layers anew when the library is newer."""
    if not _in_checkout():
        return
    generated = os.path.join(_PACKAGE, "_generated.py")
    sources = [path, os.path.join(_PACKAGE, "_generate.py")]
    if os.path.exists(generated) and os.path.getmtime(generated) >= max(map(os.path.getmtime, sources)):
        return
    from ._generate import write_module

    write_module(ffi, library, generated)


ffi, lib = _load()
NULL = ffi.NULL


def text(function: Any, *arguments: Any) -> str:
    """Calls a function of the library that writes text into a buffer, and returns the text."""
    from ._errors import check

    length = ffi.new("size_t *")
    check(function(*arguments, NULL, 0, length))
    buffer = ffi.new("char[]", length[0] + 1)
    check(function(*arguments, buffer, length[0] + 1, length))
    return str(ffi.string(buffer).decode())


def c_text(value: str) -> bytes:
    """A text as the library takes it."""
    if not isinstance(value, str):
        raise TypeError(f"expected a text; got {type(value).__name__}")
    if "\0" in value:
        raise ValueError(f"a text cannot hold a zero character; got {value!r}")
    return value.encode()
