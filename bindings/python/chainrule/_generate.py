"""Writes ``_generated.py``: a class for each layer, loss, optimizer and schedule of the library's catalog, and a
function for each operation, as plain Python with signatures and docstrings, so that help() and type checkers
see them and importing takes little time. setup.py does it when it builds the wheel; in a source checkout the
first import with a newer library does.
"""

from __future__ import annotations

import os
import tempfile
import textwrap
from dataclasses import replace
from typing import Any, Optional

from ._catalog import Attribute, Entry, entries

#: Operations that have classes or functions of their own, written by hand.
BY_HAND = {
    "input", "parameter", "constant", "exp", "log", "sqrt", "sin", "cos", "abs", "maximum", "sum", "mean", "transpose",
    "concat", "matmul", "slice", "reshape", "add", "sub", "mul", "div", "pow", "neg",
}  # fmt: skip
#: Attributes that PyTorch's constructors do not have.
KEYWORD_ONLY = {
    "Optimizer": (
        "clip_norm", "clip_value", "ema_decay", "accumulate", "swa_start", "swa_freq", "frozen", "l1", "l2", "orthogonal",
        "max_norm", "non_negative", "unit_norm",
    ),
    "Schedule": ("per", "warmup"),
}  # fmt: skip

TYPES = {
    "integer": "int",
    "number": "float",
    "boolean": "bool",
    "integers": "Integers",
    "numbers": "Numbers",
    "word": "str",
    "text": "Text",
}

HEADER = '''"""Made from the library's catalog by _generate.py; see there. Not to be changed by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Optional, Union

from ._layer import Layer
from ._symbols import Node, apply, binary, is_number
from ._text import phrase
from .losses import Loss
from .optimizers import Optimizer
from .schedules import Schedule

Integers = Union[int, Sequence[int]]
Numbers = Union[float, Sequence[float]]
Text = Union[str, int, float, Sequence[int], Sequence[float]]
'''


def _number(text: str) -> str:
    return repr(int(text)) if text.lstrip("-").isdigit() else repr(float(text))


def _literal(attribute: Attribute) -> Optional[str]:
    """The default as Python would write it; None: there is none."""
    text = attribute.default
    if text is None:
        return None if attribute.required else "None"
    if attribute.type == "boolean":
        return "True" if text == "true" else "False"
    if attribute.type == "integer":
        return text
    if attribute.type == "number":
        return repr(float(text))
    if attribute.type in ("integers", "numbers"):
        parts = [_number(part) for part in text.split(",")] if text else []
        return "None" if not parts else parts[0] if len(parts) == 1 else f"({', '.join(parts)})"
    if attribute.type == "text" and text.lstrip("-").replace(".", "", 1).isdigit():
        return _number(text)
    return repr(text)


def _is_keyword_only(attribute: Attribute, base: str) -> bool:
    return attribute.name.endswith("_init") or attribute.name in KEYWORD_ONLY.get(base, ())


def _annotation(attribute: Attribute, literal: Optional[str]) -> str:
    kind = TYPES[attribute.type]
    return f"Optional[{kind}]" if literal == "None" else kind


def _arguments(attributes: tuple[Attribute, ...], extra: str = "", base: str = "") -> list[str]:
    """The parameters of a signature, in the catalog's order; one with a default before one without loses it."""
    positional = [item for item in attributes if not _is_keyword_only(item, base)]
    needed = max((place for place, item in enumerate(positional) if _literal(item) is None), default=-1)
    lines = []
    for place, item in enumerate(positional):
        literal = _literal(item)
        shown = f" = {literal}" if literal is not None and place > needed else ""
        lines.append(f"{item.name}: {_annotation(item, literal)}{shown}")
    keywords = [f"{item.name}: {_annotation(item, _literal(item))} = {_literal(item)}"
                for item in attributes if _is_keyword_only(item, base)]
    keywords += [extra] if extra else []
    return lines + (["*"] + keywords if keywords else [])


def _wrapped(text: str, indent: str) -> str:
    return textwrap.fill(text, 108, initial_indent=indent, subsequent_indent=indent + "    ").lstrip()


def _limits(attribute: Attribute) -> str:
    if attribute.words:
        return " (" + ", ".join(attribute.words) + ")"
    low, high = attribute.minimum, attribute.maximum
    if attribute.type not in ("integer", "number") or (abs(low) > 1e15 and abs(high) > 1e15):
        return ""
    if abs(high) > 1e12:
        return f" ({low:g} or more)" if 1e-300 < abs(low) or low == 0 else " (above 0)"
    return f" ({low:g} to {high:g})"


def _docstring(entry: Entry, indent: str, takes_inputs: bool) -> list[str]:
    """What the catalog says of an entry, as a docstring's lines."""
    text = entry.documentation
    if text[:2].isalpha() and text[:1].islower() and not text.startswith("lr ") and text.split(" ")[0].rstrip(",").isalpha():
        text = text[0].upper() + text[1:]  # a word; formulas stay as they are
    lines = [text.rstrip(".") + "."]
    if entry.attributes:
        lines.append("")
        lines += [f"{item.name}: {item.documentation}{_limits(item)}" for item in entry.attributes]
    if takes_inputs and (len(entry.inputs) > 1 or len(entry.outputs) > 1):
        optional = entry.inputs[entry.least_inputs:]
        inputs = ", ".join(entry.inputs[: entry.least_inputs]) + ("; optional: " + ", ".join(optional) if optional else "")
        lines += ["", f"Inputs: {inputs}. Outputs: {', '.join(entry.outputs)}."]
    if entry.parameters:
        lines += ["", "Parameters: " + ", ".join(f"{name} {shape}" for name, shape in entry.parameters) + "."]
    lines = [line.replace("\\", "\\\\").replace('"""', "'''") for line in lines]
    shown = [indent + '"""' + _wrapped(lines[0], indent)]
    shown += [(indent + _wrapped(line, indent)) if line else "" for line in lines[1:]]
    if len(shown) == 1 and len(shown[0]) < 105:
        return [shown[0] + '"""']
    return shown + [indent + '"""']


def _signature(head: str, arguments: list[str], tail: str) -> list[str]:
    line = f"{head}({', '.join(arguments)}){tail}"
    if len(line) <= 118:
        return [line]
    indent = " " * (len(head) - len(head.lstrip()) + 4)
    return [head + "("] + [f"{indent}{argument}," for argument in arguments] + [" " * (len(indent) - 4) + ")" + tail]


def _layer(entry: Entry) -> list[str]:
    lines = ["", "", f"class {entry.class_name}(Layer):"] + _docstring(entry, "    ", True)
    lines += ["", f"    kind = {entry.kind!r}"]
    if entry.inputs != ("input",):
        lines.append(f"    inputs = {entry.inputs!r}")
        lines.append(f"    least_inputs = {entry.least_inputs}")
    if entry.outputs != ("output",):
        lines.append(f"    outputs = {entry.outputs!r}")
    if entry.parameters:
        lines.append("    has_parameters = True")
    if not entry.keeps_shape:
        lines.append("    keeps_shape = False")
    if not entry.attributes:
        return lines
    literals = [(item.name, _literal(item)) for item in entry.attributes]
    defaults = ", ".join(f"{name!r}: {literal}" for name, literal in literals if literal not in (None, "None"))
    if defaults:
        lines.append(f"    defaults = {{{defaults}}}")
    arguments = ["self"] + _arguments(entry.attributes, "name: Optional[str] = None")
    lines += [""] + _signature("    def __init__", arguments, " -> None:")
    values = ["name=name"] + [f"{item.name}={item.name}" for item in entry.attributes]
    return lines + _signature("        super().__init__", values, "")


def _text_class(entry: Entry, base: str) -> list[str]:
    """A loss, optimizer or schedule: its constructor makes the library's text."""
    # A word of Python's own; SequentialLR writes it.
    entry = replace(entry, attributes=tuple(item for item in entry.attributes if item.name != "from"))
    lines = ["", "", f"class {entry.class_name}({base}):"] + _docstring(entry, "    ", False)
    lines += [""] + _signature("    def __init__", ["self"] + _arguments(entry.attributes, base=base), " -> None:")
    literals = [(item.name, _literal(item)) for item in entry.attributes]
    defaults = ", ".join(f"{name!r}: {literal}" for name, literal in literals if literal not in (None, "None"))
    lines.append("        values = {")
    lines += [f"            {item.name!r}: {item.name}," for item in entry.attributes]
    lines += ["        }", f"        super().__init__(phrase({entry.kind!r}, values, {{{defaults}}}))"]
    return lines


def _function(entry: Entry) -> list[str]:
    names = list(entry.inputs)
    attributes = tuple(item for item in entry.attributes if item.name != "value" or entry.most_inputs != 2)
    is_binary = len(attributes) < len(entry.attributes)
    if is_binary:
        inputs = [f"{name}: Any" for name in names]
    elif entry.most_inputs == 0:
        inputs = []
    elif entry.most_inputs is None or not names:
        names, inputs = ["inputs"], ["inputs: Sequence[Any]"]
    else:
        inputs = [f"{name}: Any" for name in names[: entry.least_inputs]]
    optional = [] if is_binary or names == ["inputs"] else names[entry.least_inputs:]
    arguments = inputs + [f"{name}: Any = None" for name in optional]
    arguments += (["*"] if optional and attributes else []) + [item for item in _arguments(attributes) if not optional or item != "*"]
    if entry.parameters:  # and the first part of their names
        arguments += (["*"] if "*" not in arguments else []) + ["name: Optional[str] = None"]
    result = "Node" if len(entry.outputs) == 1 else "tuple[Node, ...]"
    lines = ["", ""] + _signature(f"def {entry.kind}", arguments, f" -> {result}:") + _docstring(entry, "    ", True)
    if is_binary:
        return lines + [f"    return binary({entry.kind!r}, {', '.join(names)})"]
    if optional and any(item.name == "value" for item in attributes):
        # A number in place of the last input is an attribute.
        lines += [f"    if is_number({optional[-1]}):", f"        value, {optional[-1]} = float({optional[-1]}), None"]
    values = "{" + ", ".join(f"{item.name!r}: {item.name}" for item in attributes) + "}"
    if entry.parameters:
        given = "".join(f"{name}, " for name in names)
        call = f"apply({entry.kind!r}, {values}, {entry.inputs!r}, ({given}), {entry.outputs!r}, name)"
    elif names == ["inputs"]:
        call = f"apply({entry.kind!r}, {values}, (), tuple(inputs), {entry.outputs!r})"
    else:
        given = ", ".join(names) + ","
        call = f"apply({entry.kind!r}, {values}, {entry.inputs!r}, ({given}), {entry.outputs!r})"
    return lines + [f"    result: {result} = {call}", "    return result"]


def source(ffi: Any, lib: Any) -> str:
    """The module's text."""
    lines = [HEADER.rstrip()]
    names = []
    for entry in entries(ffi, lib, lib.CHAINRULE_LAYERS):
        if entry.kind in BY_HAND and not entry.class_name:
            continue
        lines += _layer(entry) if entry.class_name else _function(entry)
        names.append(entry.class_name or entry.kind)
    bases = {"Loss": lib.CHAINRULE_LOSSES, "Optimizer": lib.CHAINRULE_OPTIMIZERS, "Schedule": lib.CHAINRULE_SCHEDULES}
    for base, group in bases.items():
        for entry in entries(ffi, lib, group):
            if entry.class_name:
                lines += _text_class(entry, base)
                names.append(entry.class_name)
    lines += ["", "", "__all__ = ["] + [f"    {name!r}," for name in sorted(names)] + ["]"]
    return "\n".join(lines) + "\n"


def write_module(ffi: Any, lib: Any, path: str) -> None:
    """Writes the module in one move, so that two processes doing it at once don't disturb each other."""
    text = source(ffi, lib)
    handle, temporary = tempfile.mkstemp(suffix=".py", dir=os.path.dirname(path))
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
