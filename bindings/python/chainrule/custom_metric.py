"""Metrics of one's own: functions of the whole set, and objects that see it batch after batch."""

from __future__ import annotations

import copy
from typing import Any, Optional

import numpy as np

from ._host import Held, array_of, name_of, options_of, register_free
from ._library import NULL, ffi
from ._text import phrase


class OwnMetric(str):
    """A function or object as the text of a metric, which names it."""

    held: Held
    series: str

    def over(self, prediction: Any, target: Any, weight: Any) -> float:
        """Its value over these samples."""
        run = _Run(self.held.value)
        run.update(target, prediction, weight)
        return run.result()

    def __reduce__(self) -> Any:
        return _of_held, (self.held,)


class _Run:
    """A metric on its way through a set: an object's copy, or the batches that a function will be given."""

    def __init__(self, metric: Any) -> None:
        self.metric = copy.deepcopy(metric) if hasattr(metric, "update") else metric
        self.batches: list[tuple[Any, ...]] = []

    def update(self, target: Any, prediction: Any, weight: Any) -> None:
        if hasattr(self.metric, "update"):
            self.metric.update(target, prediction, **({} if weight is None else {"sample_weight": weight}))
        else:
            arrays = (target, prediction) if weight is None else (target, prediction, weight)
            self.batches.append(tuple(np.array(array) for array in arrays))

    def result(self) -> float:
        if hasattr(self.metric, "update"):
            return float(self.metric.result())
        target, prediction, *weight = (np.concatenate(arrays) for arrays in zip(*self.batches))
        return float(self.metric(target, prediction, **({"sample_weight": weight[0]} if weight else {})))


def as_own_metric(value: Any) -> Optional[OwnMetric]:
    """The text of a function or object; None for anything else."""
    if isinstance(value, OwnMetric):
        return value
    if callable(value) or (hasattr(value, "update") and hasattr(value, "result")):
        return _of_held(Held(value))
    return None


def _of_held(held: Held) -> OwnMetric:
    series = "".join(letter if letter.isalnum() else "_" for letter in name_of(held.value)).strip("_") or "metric"
    word = _word(bool(getattr(held.value, "larger_is_better", False)))
    text = OwnMetric(phrase(word, {"function": held.key, "name": series}))
    text.held, text.series = held, series
    return text


class _Functions:
    """A Python function or object"""

    words: dict[bool, str] = {}


def _word(larger_is_better: bool) -> str:
    if larger_is_better not in _Functions.words:
        kind = "python_score" if larger_is_better else "python_metric"
        functions: dict[str, Any] = {"begin": _begin, "update": _update, "result": _result, "end": _end}
        _Functions.words[larger_is_better] = register_free(
            "metric", kind, _Functions, {"function": "none"}, functions, larger_is_better=int(larger_is_better))
    return _Functions.words[larger_is_better]


_running: dict[Any, Any] = {}  # handles that the library has, so that they live


def _begin(user: Any, text: Any, state: Any) -> None:
    handle = ffi.new_handle(_Run(Held.find(options_of(text)["function"])))
    _running[handle] = handle
    state[0] = handle


def _update(state: Any, prediction: Any, target: Any, weight: Any) -> None:
    run = ffi.from_handle(state)
    run.update(array_of(target[0]), array_of(prediction[0]), None if weight == NULL else array_of(weight[0]))


def _result(state: Any, value: Any) -> None:
    value[0] = ffi.from_handle(state).result()


def _end(state: Any) -> None:
    _running.pop(state, None)
