"""Optimizers of one's own, computed with NumPy."""

from __future__ import annotations

from typing import Any

from ._catalog import entry_of
from ._host import array_of, arrays_of, options_of, owner_of, register
from ._library import ffi, lib
from ._text import phrase
from .optimizers import Optimizer


class CustomOptimizer(Optimizer):
    """An optimizer whose update is a static function of NumPy arrays::

        class Momentum(cr.CustomOptimizer):
            kind = "my_momentum"
            options = {"lr": 0.01, "momentum": 0.9}
            state = 1

            @staticmethod
            def update(parameter, gradient, state, step, lr, *, momentum):
                velocity = state[0]
                velocity *= momentum
                velocity += gradient
                parameter -= lr * velocity

        model.compile(loss="mse", optimizer=Momentum(lr=0.1, clip_norm=1.0))

    ``kind`` is the word in the library's catalog, free until then; ``options`` are attributes with their defaults,
    "lr" among them or 0.001. ``update`` changes ``parameter`` in place, once for each parameter and step (counted from
    1); ``state`` is a list of so many arrays of its shape, zeros at first and kept in checkpoints. The arrays are views
    of the library's memory, valid during the call. Clipping, groups of parameters, averages of weights and so on are
    the library's: an instance takes them as every optimizer does (``help(cr.SGD)``). A step that raises, or leaves a
    NaN or infinity, is taken back.
    """

    kind = ""
    options: dict[str, Any] = {}
    state = 0

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        if "kind" in cls.__dict__:
            _register(cls)

    def __init__(self, **options: Any) -> None:
        known = [attribute.name for attribute in entry_of(ffi, lib, lib.CHAINRULE_OPTIMIZERS, self.kind).attributes]
        for option in options:
            if option not in known:
                raise TypeError(f"{type(self).__name__} has no option {option!r}; it has {', '.join(known)}")
        super().__init__(phrase(self.kind, options))

    @staticmethod
    def update(parameter: Any, gradient: Any, state: Any, step: int, lr: float, **options: Any) -> None:
        """Changes the parameter in place."""
        raise NotImplementedError


def _register(cls: type[CustomOptimizer]) -> None:
    kind, count = cls.kind, cls.state

    def update(user: Any, text: Any, step: int, lr: float, parameter: Any, gradient: Any, state: Any) -> None:
        slope: Any = array_of(gradient[0])
        slope.flags.writeable = False
        owner_of("optimizer", kind).update(
            array_of(parameter[0]), slope, arrays_of(state, count), step, lr, **options_of(text)
        )

    register("optimizer", kind, cls, cls.options, {"update": update}, state_count=count)
