"""What all optimizers have. The optimizers themselves are in ``_generated``, made from the library's catalog.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from ._errors import check
from ._library import c_text, ffi, lib

if TYPE_CHECKING:
    from .model import Model


class Trainer:
    """A compiled model's chainrule_trainer, as its optimizer sees it."""

    __slots__ = ("handle", "__weakref__")

    def __init__(self, handle: Any) -> None:
        self.handle = handle


class Optimizer:
    """An optimizer, from the library's text: ``Optimizer("adam lr=0.001 clip_norm=1")``. The subclasses
    name the arguments.

    Given to ``model.compile`` it says how the model trains; ``step(model)`` serves those who write the
    loop themselves. ``clip_norm`` limits the norm of all gradients together, ``clip_value`` each element. By
    itself an optimizer is pickled with its settings alone: its running means of gradients begin anew.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        handle = ffi.new("chainrule_optimizer **")
        check(lib.chainrule_optimizer_create(c_text(text), handle))
        self._handle = ffi.gc(handle[0], lib.chainrule_optimizer_free)
        self._trainers: weakref.WeakSet[Trainer] = weakref.WeakSet()

    @property
    def lr(self) -> float:
        """The learning rate; setting it holds at once for the models compiled with this optimizer."""
        value = ffi.new("double *")
        check(lib.chainrule_optimizer_get_lr(self._handle, value))
        return float(value[0])

    @lr.setter
    def lr(self, value: float) -> None:
        check(lib.chainrule_optimizer_set_lr(self._handle, value))
        for trainer in self._trainers:
            check(lib.chainrule_trainer_set_lr(trainer.handle, value))

    def step(self, model: Model) -> None:
        """Changes the model's parameters along ``model.gradients()``. The first call ties the optimizer
        to the model. NonFiniteError leaves the parameters as they were."""
        status = lib.chainrule_optimizer_step(self._handle, model._context())
        if status:
            check(status)

    def attach(self, trainer: Trainer) -> None:
        """Gives a new trainer this learning rate, now and whenever it changes."""
        check(lib.chainrule_trainer_set_lr(trainer.handle, self.lr))
        self._trainers.add(trainer)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.text!r})"

    def __getstate__(self) -> dict[str, Any]:
        return {"text": self.text, "lr": self.lr}

    def __setstate__(self, state: dict[str, Any]) -> None:
        Optimizer.__init__(self, state["text"])
        self.lr = state["lr"]


def as_optimizer(value: Any) -> Optimizer:
    """An optimizer as it is, or one of a text."""
    if isinstance(value, Optimizer):
        return value
    if isinstance(value, str):
        return Optimizer(value)
    raise TypeError(f"optimizer must be a cr.Optimizer or a text such as 'adam lr=0.001'; got {value!r}")
