"""The exceptions, one for each status of the library, each also the Python exception it resembles.

``except ValueError`` catches bad shapes and values, ``except chainrule.Error`` everything that the
library reports. The message is the library's own sentence: function, argument, expected, got.
"""

from __future__ import annotations

import threading
from typing import Any, NoReturn, Optional

from ._library import ffi, lib


class Error(Exception):
    """What the library reports. ``status`` is the name of the status ("CHAINRULE_SHAPE"), ``node`` the
    layer concerned; ``expected`` and ``got`` are empty where they do not apply. ``history`` is what fit
    had recorded before it failed."""

    status: str = ""
    node: str = ""
    expected: str = ""
    got: str = ""
    history: Any = None

    def __str__(self) -> str:  # KeyError would show the message in quotes
        return str(self.args[0]) if self.args else ""


class ArgumentError(Error, ValueError):
    """A number out of its range, a missing argument."""


class ShapeError(Error, ValueError):
    """An array whose rank or size does not fit."""


class DtypeError(Error, TypeError):
    """An element type that does not fit."""


class AttributeTextError(Error, ValueError):
    """An unknown layer, loss, optimizer or metric; an unknown or ill-typed attribute."""


class StateError(Error, RuntimeError):
    """Not now: training before compile, backward before forward."""


class NotFoundError(Error, KeyError):
    """No parameter, metric or series of this name."""


class DataError(Error, ValueError):
    """Bad data: a label out of range, a negative sample weight."""


class NonFiniteError(Error, ArithmeticError):
    """The loss or a gradient became NaN or infinite; the last finite weights are kept."""


class FileError(Error, OSError):
    """The operating system refused a file. ``filename`` is its name, ``errno`` the system's number for the
    reason where the system gave one."""

    def __reduce__(self) -> Any:  # OSError keeps these two outside of __dict__
        return type(self), self.args, {**self.__dict__, "errno": self.errno, "filename": self.filename}


class MissingFileError(FileError, FileNotFoundError):
    """There is no such file."""


class FormatError(Error, ValueError):
    """A file that is truncated, damaged or of another format."""


class OutOfMemoryError(Error, MemoryError):
    """There is not enough memory."""


class CancelledError(Error):
    """The training was cancelled."""


class BusyError(Error, RuntimeError):
    """Another thread is changing this model."""


class CallbackError(Error):
    """A callback failed (its own exception is what fit raises)."""


class InternalError(Error):
    """A defect of the library; please report it."""


_CLASSES: dict[int, type[Error]] = {
    lib.CHAINRULE_INVALID_ARGUMENT: ArgumentError,
    lib.CHAINRULE_SHAPE: ShapeError,
    lib.CHAINRULE_DTYPE: DtypeError,
    lib.CHAINRULE_ATTRIBUTE: AttributeTextError,
    lib.CHAINRULE_STATE: StateError,
    lib.CHAINRULE_NOT_FOUND: NotFoundError,
    lib.CHAINRULE_VALUE: DataError,
    lib.CHAINRULE_NON_FINITE: NonFiniteError,
    lib.CHAINRULE_IO: FileError,
    lib.CHAINRULE_FORMAT: FormatError,
    lib.CHAINRULE_OUT_OF_MEMORY: OutOfMemoryError,
    lib.CHAINRULE_CANCELLED: CancelledError,
    lib.CHAINRULE_BUSY: BusyError,
    lib.CHAINRULE_CALLBACK: CallbackError,
    lib.CHAINRULE_INTERNAL: InternalError,
}


class _Kept(threading.local):
    exception: Optional[BaseException] = None


_kept = _Kept()


def keep_exception(error: BaseException) -> None:
    """Takes note of an exception in a function that the library has called: the call's error is because of it."""
    _kept.exception = error


def failure(status: int) -> Error:
    """The exception for a status that the library has just returned on this thread."""
    details = lib.chainrule_last_error()
    error = make_error(
        _CLASSES.get(status, InternalError),
        ffi.string(details.message).decode("utf-8", "replace"),
        status=ffi.string(lib.chainrule_status_name(status)).decode(),
        node=ffi.string(details.node).decode("utf-8", "replace"),
        expected=ffi.string(details.expected).decode("utf-8", "replace"),
        got=ffi.string(details.got).decode("utf-8", "replace"),
    )
    error.__cause__, _kept.exception = _kept.exception, None
    return error


def make_error(kind: type[Error], message: str, **details: str) -> Error:
    """An exception of this class; also for failures that the Python side finds itself."""
    error = kind(message)
    for name, value in details.items():
        setattr(error, name, value)
    return error


def raise_failure(status: int) -> NoReturn:
    """Raises the exception for a status that is not CHAINRULE_OK."""
    raise failure(status)


def check(status: int) -> None:
    """Raises unless the status is CHAINRULE_OK."""
    if status:
        raise failure(status)
