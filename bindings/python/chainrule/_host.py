"""What layers, losses, metrics, schedules and optimizers of one's own share: functions that the library calls,
its arrays as NumPy's, and exceptions on their way through it."""

from __future__ import annotations

import ast
import os
import weakref
from collections.abc import Callable, Mapping
from typing import Any, Optional

import numpy as np

from ._arrays import TYPES
from ._errors import ArgumentError, check, keep_exception
from ._library import NULL, c_text, ffi, lib
from ._text import attribute_text

_kept: list[Any] = []  # what the library calls lives as long as the process
_owners: dict[tuple[str, str], Any] = {}


def array_of(view: Any) -> Optional[np.ndarray]:
    """A chainrule_array's memory as an array; None where there is none."""
    if view.data == NULL:
        return None
    shape = tuple(view.shape[0 : view.rank])
    dtype = TYPES[view.dtype]
    count = int(np.prod(shape, dtype=np.int64))
    memory = ffi.buffer(view.data, max(count, 1) * dtype.itemsize)
    strides = tuple(view.strides[0 : view.rank]) if view.strided else None
    array: np.ndarray = np.ndarray(shape, dtype, memory, 0, strides)
    return array


def arrays_of(views: Any, count: int) -> list[Any]:
    """Several of them; some may be None."""
    return [] if views == NULL else [array_of(views[index]) for index in range(count)]


def put(view: Any, value: Any, what: str) -> None:
    """Copies what a function has returned to where the library wants it."""
    target = array_of(view)
    array = np.asarray(value)
    if target is None:
        return
    if array.shape != target.shape and array.shape != ():
        raise ValueError(f"{what} must return an array of shape {target.shape}; got {array.shape}")
    target[...] = array


def options_of(text: Any) -> dict[str, Any]:
    """The attributes with the types they had in Python."""
    found: dict[str, Any] = {}
    for word in ffi.string(text).decode().split():
        name, value = word.split("=", 1)
        try:
            found[name] = ast.literal_eval({"true": "True", "false": "False"}.get(value, value))
        except (SyntaxError, ValueError):
            found[name] = value
    return found


def documentation(owner: Any) -> str:
    """The first line of its docstring."""
    return (owner.__doc__ or "").strip().split("\n")[0].rstrip(".")


def register(
    group: str,
    kind: str,
    owner: Any,
    options: Mapping[str, Any],
    functions: Mapping[str, Callable[..., None]],
    **numbers: int,
) -> None:
    """Registers a kind of a group ("loss"). ``functions`` answer the library's calls, with the arguments behind
    ``user``; an exception refuses the call, which then raises it as the cause of its own error.

    A class that is defined anew under the same name and with the same options, as when a notebook's cell runs
    again, takes its predecessor's place: the functions ask ``owner_of``.
    """
    structure = f"chainrule_{group}_definition"
    signature = (getattr(owner, "__module__", ""), getattr(owner, "__qualname__", ""), dict(options), numbers, set(functions))
    known = _owners.get((group, kind))
    if known is not None and known[1] == signature:
        _owners[group, kind] = (owner, signature)
        return
    definition = ffi.new(f"{structure} *")
    definition.struct_size = ffi.sizeof(structure)
    texts = [ffi.new("char[]", c_text(attribute_text(options))), ffi.new("char[]", c_text(documentation(owner)))]
    definition.attributes, definition.documentation = texts
    for name, number in numbers.items():
        setattr(definition, name, number)
    types = {field: member.type for field, member in ffi.typeof(structure).fields}
    callbacks = []
    for name, function in functions.items():
        callbacks.append(_callback(types[name], function))
        setattr(definition, name, callbacks[-1])
    check(getattr(lib, f"chainrule_register_{group}")(c_text(kind), definition))
    _kept.append((callbacks, texts))
    _owners[group, kind] = (owner, signature)


def owner_of(group: str, kind: str) -> Any:
    """The class that a kind was registered with last; None if it is not Python's."""
    known = _owners.get((group, kind))
    return None if known is None else known[0]


def _callback(kind: Any, function: Callable[..., None]) -> Any:
    answers = kind.result.kind != "void"

    def call(*arguments: Any) -> Any:
        try:
            function(*arguments)
        except BaseException as error:
            keep_exception(error)
            return 1 if answers else None
        return 0 if answers else None

    return ffi.callback(kind, call, **({"error": 1} if answers else {}))


def register_free(
    group: str,
    kind: str,
    owner: Any,
    options: Mapping[str, Any],
    functions: Mapping[str, Callable[..., None]],
    **numbers: int,
) -> str:
    """Registers the package's own kind for bare functions, under another word where this one is taken (a second
    interpreter in the process). Returns the word."""
    for number in range(1, 100):
        word = kind if number == 1 else f"{kind}_{number}"
        try:
            register(group, word, owner, options, functions, **numbers)
            return word
        except ArgumentError:
            continue
    raise RuntimeError(f"no word is free for {kind}")


class Held:
    """A function or object that a text of the library names: ``function=NAME``. It is there as long as somebody
    has the Held, and under the same name in pickles."""

    _all: "weakref.WeakValueDictionary[str, Held]" = weakref.WeakValueDictionary()
    _count = 0

    def __init__(self, value: Any, key: Optional[str] = None) -> None:
        self.value = value
        if key is None:
            Held._count += 1
            name = "".join(letter for letter in name_of(value) if letter.isalnum() or letter == "_")
            key = f"{name}-{Held._count}-{os.urandom(4).hex()}"  # unlike any of another process
        self.key = key
        Held._all[key] = self

    def __reduce__(self) -> Any:
        return Held.again, (self.value, self.key)

    @staticmethod
    def again(value: Any, key: str) -> "Held":
        """The one of this name, if it is here still."""
        return Held._all.get(key) or Held(value, key)

    @staticmethod
    def find(key: str) -> Any:
        """The value of a name."""
        held = Held._all.get(key)
        if held is None:
            raise LookupError(
                f"the Python function {key!r} is not in this process: files hold its name alone. Give it a class of "
                "its own with a kind (cr.CustomLoss), or load a pickle"
            )
        return held.value


def name_of(value: Any) -> str:
    """What a function or object is called."""
    name = getattr(value, "name", None) or getattr(value, "__name__", None) or type(value).__name__
    return str(name)
