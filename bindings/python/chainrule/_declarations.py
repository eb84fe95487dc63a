"""Turns Include/chainrule.h into the cffi module ``_chainrule_cffi``.

The C declarations are written once, in the header. Parsing them takes cffi 60 ms, too long for an
import; so setup.py does it when it builds the wheel, and packs the result, which imports in 2 ms.
In a source checkout the first import does it. Nothing here imports NumPy or the library.
"""

from __future__ import annotations

import os
import re
import tempfile


def declarations(header: str) -> str:
    """The part of the header that cffi understands: types, functions and integer constants."""
    text = re.sub(r"/\*.*?\*/", "", header, flags=re.S)
    text = re.sub(r"#ifdef __cplusplus.*?#endif", "", text, flags=re.S)
    text = re.sub(r"static inline .*?\n}\n", "", text, flags=re.S)
    kept = []
    for line in text.splitlines():
        is_constant = re.match(r"#define\s+CHAINRULE_\w+\s+\d+\s*$", line)
        if line.strip() and (is_constant or not line.startswith("#")):
            kept.append(line.rstrip())
    return "\n".join(kept) + "\n"


def version(header: str) -> str:
    """ "0.1.0", from the header's three version constants."""
    numbers = dict(re.findall(r"#define\s+CHAINRULE_VERSION_(\w+)\s+(\d+)", header))
    return ".".join(numbers[part] for part in ("MAJOR", "MINOR", "PATCH"))


def write_module(header_path: str, module_path: str) -> None:
    """Writes the cffi module (out-of-line ABI mode: plain Python, no compiler needed) in one move,
    so that two processes doing it at once don't disturb each other."""
    import cffi

    with open(header_path, encoding="utf-8") as file:
        text = declarations(file.read())
    ffi = cffi.FFI()
    ffi.cdef(text)
    ffi.set_source("chainrule._chainrule_cffi", None, compiler_verbose=0)
    handle, temporary = tempfile.mkstemp(suffix=".py", dir=os.path.dirname(module_path))
    os.close(handle)
    try:
        ffi.emit_python_code(temporary)
        os.chmod(temporary, 0o644)
        os.replace(temporary, module_path)
    except BaseException:
        os.unlink(temporary)
        raise
