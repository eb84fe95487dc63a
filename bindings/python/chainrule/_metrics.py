"""Metrics: their names, and the library's own in NumPy for models whose loss is a Python function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Optional

import numpy as np

from ._arrays import FLOAT64, Views, as_array, as_labels, as_real
from ._errors import AttributeTextError, check, make_error
from ._library import lib
from .custom_metric import OwnMetric, as_own_metric

Weight = Optional[np.ndarray]


def _columns(array: np.ndarray) -> np.ndarray:
    return np.asarray(array, dtype=np.float64).reshape(len(array), -1)


def accuracy(prediction: np.ndarray, target: np.ndarray, weight: Weight = None) -> float:
    """The share of samples whose largest output is at the label, or at the target's largest; for a single
    output, which is on the target's side of one half."""
    if target.dtype.kind in "iu" and target.ndim == prediction.ndim - 1 and _columns(prediction).shape[1] > 1:
        right = _columns(prediction).argmax(axis=1) == target
    elif _columns(prediction).shape[1] > 1:
        right = _columns(prediction).argmax(axis=1) == _columns(target).argmax(axis=1)
    else:
        right = ((_columns(prediction) > 0.5) == (_columns(target) > 0.5))[:, 0]
    return float(np.average(right, weights=weight))


def mse(prediction: np.ndarray, target: np.ndarray, weight: Weight = None) -> float:
    """The mean of squared errors."""
    errors = np.square(_columns(prediction) - _columns(target))
    return float(np.average(errors.mean(axis=1), weights=weight))


def mae(prediction: np.ndarray, target: np.ndarray, weight: Weight = None) -> float:
    """The mean of absolute errors."""
    errors = np.abs(_columns(prediction) - _columns(target))
    return float(np.average(errors.mean(axis=1), weights=weight))


def r2(prediction: np.ndarray, target: np.ndarray, weight: Weight = None) -> float:
    """One minus the squared errors over the squared distances from the mean, averaged over columns; a
    column without variance counts 1 if it is met exactly, else 0."""
    wanted = _columns(target)
    scale = np.ones(len(wanted)) if weight is None else np.asarray(weight, dtype=np.float64)
    residual = scale @ np.square(_columns(prediction) - wanted)
    spread = scale @ np.square(wanted - np.average(wanted, axis=0, weights=scale))
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.where(spread > 0, 1 - residual / spread, residual == 0).mean())


METRICS: dict[str, Callable[[np.ndarray, np.ndarray, Weight], float]] = {
    "accuracy": accuracy,
    "mse": mse,
    "mae": mae,
    "r2": r2,
}


def measure(names: tuple[str, ...], prediction: np.ndarray, target: np.ndarray, weight: Weight) -> dict[str, float]:
    """The named metrics over these samples."""
    values = {}
    for name in names:
        if isinstance(name, OwnMetric):
            values[name.series] = name.over(prediction, target, weight)
        else:
            values[name] = METRICS[name](prediction, target, weight)
    return values


def check_names(names: tuple[str, ...]) -> None:
    """Raises ValueError for a metric that doesn't exist."""
    for name in names:
        if name not in METRICS and not isinstance(name, OwnMetric):
            sentence = f"there is no metric {name!r} with a Python loss, only {', '.join(METRICS)}"
            raise make_error(AttributeTextError, f"{sentence}; the others need a loss of the library")


def metric_names(metrics: Any) -> tuple[str, ...]:
    """Metrics given as a text or a list, each with its attributes: ("accuracy", "top_k k=5"); functions and
    objects become texts that name them."""
    names: list[str] = []
    for item in metrics if isinstance(metrics, (list, tuple)) else [metrics]:
        own = as_own_metric(item)
        if own is not None:
            names.append(own)
            continue
        if not isinstance(item, str):
            raise TypeError(f"metrics are names such as 'accuracy' or 'top_k k=5', functions of (y_true, y_pred), or objects with update and result; got {item!r}")
        for word in item.split():
            if "=" in word and names:
                names[-1] += " " + word
            else:
                names.append(word)
    return tuple(names)


def series_names(names: tuple[str, ...]) -> list[str]:
    """What the library calls their series: as their attribute name= says, or the kind, with its attributes where it
    comes more than once."""
    kinds = [name.split()[0] for name in names]
    series = []
    for kind, name in zip(kinds, names):
        given = [word[5:] for word in name.split() if word.startswith("name=")]
        series.append(given[0] if given else kind if kinds.count(kind) == 1 else "_".join(name.split()))
    return series


def confusion_matrix(prediction: Any, target: Any, sample_weight: Any = None) -> np.ndarray:
    """How often (or with how much weight) each class, a row, was taken for each class, a column.

    ``prediction``: scores [n, classes], of which the largest counts, or classes [n]. ``target``: labels [n], or
    [n, classes] like the scores.
    """
    predicted, actual = (_scores_or_classes(array, name) for array, name in ((prediction, "prediction"), (target, "target")))
    classes = max((array.shape[1] if array.ndim == 2 else int(array.max(initial=-1)) + 1 for array in (predicted, actual)))
    matrix = np.zeros((max(classes, 1), max(classes, 1)))
    weights = [] if sample_weight is None else [as_real(sample_weight, "sample_weight", FLOAT64)]
    views = [Views(arrays) for arrays in ([predicted], [actual], weights, [matrix])]
    check(lib.chainrule_confusion_matrix(*(view.pointer for view in views)))
    return matrix if weights else matrix.astype(np.int64)


def _scores_or_classes(value: Any, name: str) -> np.ndarray:
    array = as_array(value, name)
    return as_real(array, name, FLOAT64) if array.ndim == 2 else as_labels(array, name, "classes [n] or scores [n, classes]")
