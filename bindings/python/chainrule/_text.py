"""Attributes as the library reads them: "out_features=10 bias=true shape=3,28,28"."""

from __future__ import annotations

import numbers
from collections.abc import Iterable, Mapping
from typing import Any, Optional

import numpy as np


def value_text(value: Any) -> str:
    """One attribute's value: a number, a truth value, a word, or a list of them."""
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if isinstance(value, numbers.Integral):
        return str(int(value))
    if isinstance(value, numbers.Real):
        return repr(float(value))  # the shortest text that reads back as the same number
    if isinstance(value, str):
        if not value or any(character.isspace() or ord(character) < 32 for character in value):
            raise ValueError(f"an attribute must be a word without spaces; got {value!r}")
        return value
    if isinstance(value, Iterable):
        return ",".join(value_text(item) for item in value)
    raise TypeError(f"an attribute must be a number, a word or a list of them; got {type(value).__name__}")


def attribute_text(attributes: Mapping[str, Any]) -> str:
    """All attributes; those that are None are left out, and the library's defaults hold."""
    return " ".join(f"{name}={value_text(value)}" for name, value in attributes.items() if value is not None)


def phrase(kind: str, attributes: Mapping[str, Any], defaults: Optional[Mapping[str, Any]] = None) -> str:
    """A kind with its attributes, but for those that are as by default: "adam lr=0.001"."""
    if defaults:
        same = [name for name, value in defaults.items() if type(attributes[name]) is type(value) and attributes[name] == value]
        attributes = {name: value for name, value in attributes.items() if name not in same}
    return f"{kind} {attribute_text(attributes)}".strip()


def shape_tuple(shape: Any, what: str) -> tuple[int, ...]:
    """A shape given as a number or a sequence of numbers."""
    if isinstance(shape, numbers.Integral):
        return (int(shape),)
    try:
        sizes = tuple(shape)
    except TypeError:
        raise TypeError(f"{what} must be a whole number or a tuple of them; got {shape!r}") from None
    for size in sizes:
        if not isinstance(size, numbers.Integral) or isinstance(size, bool):
            raise TypeError(f"{what} must be a tuple of whole numbers; got {shape!r}")
    return tuple(int(size) for size in sizes)
