"""The library's catalog as Python data: what there is, with attributes, inputs, outputs and parameters.

The functions take ffi and lib, since setup.py asks a library that is not installed yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Optional


@dataclass(frozen=True)
class Attribute:
    """One attribute of a kind: ``type`` is integer, number, boolean, integers, numbers, word or text."""

    name: str
    type: str
    default: Optional[str]
    required: bool
    minimum: float
    maximum: float
    words: tuple[str, ...]
    documentation: str


@dataclass(frozen=True)
class Entry:
    """One kind. ``class_name`` is "" for an operation; ``most_inputs`` is None for any number."""

    kind: str
    class_name: str
    documentation: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    least_inputs: int
    most_inputs: Optional[int]
    keeps_shape: bool
    attributes: tuple[Attribute, ...]
    parameters: tuple[tuple[str, str], ...]
    #: By the host program, not the library.
    registered: bool = False


def _text(ffi: Any, pointer: Any) -> str:
    return str(ffi.string(pointer).decode())


def _words(text: str, separator: str) -> tuple[str, ...]:
    return tuple(text.split(separator)) if text else ()


def _must(ffi: Any, lib: Any, status: int) -> None:
    if status != 0:
        raise RuntimeError(_text(ffi, lib.chainrule_last_error().message))


def _attribute(ffi: Any, lib: Any, group: int, kind: bytes, index: int) -> Attribute:
    info = ffi.new("chainrule_attribute_info *", {"struct_size": ffi.sizeof("chainrule_attribute_info")})
    _must(ffi, lib, lib.chainrule_catalog_attribute(group, kind, index, info))
    default = None if info.default_text == ffi.NULL else _text(ffi, info.default_text)
    return Attribute(
        _text(ffi, info.name), _text(ffi, info.type), default, bool(info.required), info.minimum, info.maximum,
        _words(_text(ffi, info.words), "|"), _text(ffi, info.documentation),
    )  # fmt: skip


def _entry(ffi: Any, lib: Any, group: int, kind: bytes) -> Entry:
    info = ffi.new("chainrule_entry_info *", {"struct_size": ffi.sizeof("chainrule_entry_info")})
    _must(ffi, lib, lib.chainrule_catalog_entry(group, kind, info))
    parameters = []
    for index in range(info.parameter_count):
        name, shape = ffi.new("char const **"), ffi.new("char const **")
        _must(ffi, lib, lib.chainrule_catalog_parameter(kind, index, name, shape))
        parameters.append((_text(ffi, name[0]), _text(ffi, shape[0])))
    return Entry(
        kind.decode(), _text(ffi, info.class_name), _text(ffi, info.documentation),
        _words(_text(ffi, info.inputs), ","), _words(_text(ffi, info.outputs), ","), info.least_inputs,
        None if info.most_inputs == 2**31 - 1 else info.most_inputs, bool(info.keeps_shape),
        tuple(_attribute(ffi, lib, group, kind, index) for index in range(info.attribute_count)), tuple(parameters),
        bool(info.registered),
    )  # fmt: skip


def entry_of(ffi: Any, lib: Any, group: int, kind: str) -> Entry:
    """One kind of a group."""
    return _entry(ffi, lib, group, kind.encode())


def entries(ffi: Any, lib: Any, group: int) -> list[Entry]:
    """The library's own kinds of a group (lib.CHAINRULE_LAYERS, ...), in the catalog's order."""
    found: list[Entry] = []
    while True:
        kind = lib.chainrule_catalog_kind(group, len(found))
        if kind == ffi.NULL:
            return found
        entry = _entry(ffi, lib, group, ffi.string(kind))
        if entry.registered:
            return found
        found.append(entry)
