"""Metrics: their names, and the library's own in NumPy for models whose loss is a Python function."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Optional, Union

import numpy as np

from ._errors import AttributeTextError, make_error

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
    return {name: METRICS[name](prediction, target, weight) for name in names}


def check_names(names: tuple[str, ...]) -> None:
    """Raises ValueError for a metric that doesn't exist."""
    for name in names:
        if name not in METRICS:
            raise make_error(AttributeTextError, f"unknown metric {name!r}; there are {', '.join(METRICS)}")


def metric_names(metrics: Union[str, Sequence[str]]) -> tuple[str, ...]:
    """Metrics given as a text or a list."""
    names = tuple(metrics.split() if isinstance(metrics, str) else metrics)
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"metrics are names such as 'accuracy'; got {name!r}")
    return names
