"""What all schedules of the learning rate have. Most are in ``_generated``, made from the library's catalog, under
PyTorch's names: ``model.compile(..., schedule=cr.CosineAnnealingLR(T_max=10))``. The rate that they begin with is the
optimizer's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Union

from ._host import Held, options_of, register_free
from ._text import phrase


class Schedule:
    """A schedule, from the library's text: ``Schedule("cosine T_max=10 per=step warmup=500")``. The subclasses name
    the arguments. ``per`` says what is counted: "step" updates, "epoch" epochs. ``warmup``: over so many updates the
    rate grows linearly first."""

    #: Functions that the text names.
    _held: tuple[Held, ...] = ()

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.text!r})"

    def __reduce__(self) -> Any:
        return _restored, (type(self), self.text, self._held)


def _restored(cls: type[Schedule], text: str, held: tuple[Held, ...]) -> Schedule:
    schedule = cls.__new__(cls)
    Schedule.__init__(schedule, text)
    schedule._held = held
    return schedule


class SequentialLR(Schedule):
    """Schedules that follow each other: the next one takes over at each milestone, counted in the first one's steps or
    epochs, and begins with the whole rate. ``per`` and ``warmup`` stand in the first one only."""

    def __init__(self, schedules: Sequence[Union[str, Schedule]], milestones: Sequence[int]) -> None:
        if len(schedules) != len(milestones) + 1:
            raise ValueError(f"SequentialLR takes a milestone between each two schedules; got {len(schedules)} and {len(milestones)}")
        parts = [as_schedule(schedule) for schedule in schedules]
        texts = [parts[0].text] if parts else []
        texts += [f"{part.text} from={int(milestone)}" for part, milestone in zip(parts[1:], milestones)]
        super().__init__("; ".join(texts))
        self._held = tuple(held for part in parts for held in part._held)


class LambdaLR(Schedule):
    """The rate times what a function makes of the number of epochs (or steps): ``LambdaLR(lambda epoch: 0.95**epoch)``."""

    def __init__(self, lr_lambda: Callable[[int], float], *, per: str = "epoch", warmup: int = 0) -> None:
        self._begin(Held(lr_lambda), "factor", per, warmup)

    def _begin(self, held: Held, mode: str, per: str, warmup: int) -> None:
        Schedule.__init__(
            self, phrase(_word(), {"function": held.key, "mode": mode, "per": per, "warmup": warmup}, {"warmup": 0}))
        self._held = (held,)


class _Function(LambdaLR):
    """A function of the epoch and the first rate."""

    def __init__(self, function: Callable[..., float]) -> None:
        self._begin(Held(function), "rate", "epoch", 0)


def _rate(user: Any, text: Any, first: float, count: int, monitored: float, lr: Any) -> None:
    options = options_of(text)
    function = Held.find(options["function"])
    lr[0] = first * float(function(count)) if options["mode"] == "factor" else float(function(count, first))


class _Functions:
    """A Python function of the number of epochs or steps"""

    word = ""


def _word() -> str:
    if not _Functions.word:
        options = {"function": "none", "mode": "factor"}
        _Functions.word = register_free("schedule", "python_schedule", _Functions, options, {"rate": _rate})
    return _Functions.word


def as_schedule(value: Any) -> Schedule:
    """A schedule as it is, one of a text, or a function of the epoch and the first rate."""
    if isinstance(value, Schedule):
        return value
    if isinstance(value, str):
        return Schedule(value)
    if callable(value):
        return _Function(value)
    raise TypeError(f"schedule must be a cr.Schedule, a text such as 'cosine T_max=10', or a function; got {value!r}")
