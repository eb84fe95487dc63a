"""What all losses have. The losses themselves are in ``_generated``, made from the library's catalog; each is
called with a prediction and a target and returns the loss and its gradient.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Optional

import numpy as np

from ._arrays import FLOAT64, Views, as_array, as_labels, as_real
from ._errors import check
from ._library import NULL, c_text, ffi, lib
from ._library import text as library_text
from ._text import phrase


#: What the targets of losses of one's own hold, by kind.
TARGETS: dict[str, str] = {}


class Loss:
    """A loss, from the library's text: ``Loss("huber delta=2")``. The subclasses name the arguments."""

    def __init__(self, text: str) -> None:
        self.text = text
        handle = ffi.new("chainrule_loss **")
        check(lib.chainrule_loss_create(c_text(text), handle))
        self._handle = ffi.gc(handle[0], lib.chainrule_loss_free)
        counts = ffi.new("size_t[2]")
        check(lib.chainrule_loss_counts(self._handle, counts, counts + 1))
        self._prediction_count = int(counts[0])
        self._targets = target_roles(text)

    def __call__(self, prediction: Any, target: Any = None, sample_weight: Any = None) -> tuple[Any, Any]:
        """The loss of a batch, and its gradient in the prediction: an array of the prediction's shape and
        type. A loss of several predictions or targets takes tuples of them and returns a tuple of gradients.
        ``sample_weight`` has one number for each sample. With ``reduction="none"`` an array of the losses of
        elements, labels or samples comes in place of one number, and the gradient of their sum."""
        predicted, targets = self._arrays(prediction, target)
        dtype = predicted[0].dtype
        weights = [] if sample_weight is None else [as_real(sample_weight, "sample_weight", dtype)]
        gradients = [np.empty(array.shape, dtype) for array in predicted]
        given = [Views(arrays) for arrays in (predicted, targets, weights)]
        slopes = Views(gradients)
        arguments = [self._handle, *(view.pointer for view in given)]
        value: Any
        if "reduction=none" in self.text.split():
            shape = ffi.new("chainrule_array *")
            check(lib.chainrule_loss_values(*arguments, shape, NULL))
            value = np.empty(tuple(shape.shape[0 : shape.rank]), dtype)
            check(lib.chainrule_loss_values(*arguments, Views([value]).pointer, slopes.pointer))
        else:
            number = ffi.new("double *")
            check(lib.chainrule_loss_evaluate(*arguments, number, slopes.pointer))
            value = number[0]
        return value, gradients[0] if len(gradients) == 1 else tuple(gradients)

    def _arrays(self, prediction: Any, target: Any) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Predictions and targets as the library takes them."""
        predicted = self._predictions(prediction)
        targets = [
            as_target_of(kind, value, name, predicted[0].dtype)
            for (name, kind), value in zip(self._targets, as_tuple(target, len(self._targets), "target"))
        ]
        return predicted, targets

    def _predictions(self, prediction: Any) -> list[np.ndarray]:
        values = as_tuple(prediction, self._prediction_count, "prediction")
        first = as_real(values[0], "prediction", FLOAT64)
        return [first] + [as_real(value, "prediction", first.dtype) for value in values[1:]]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.text!r})"

    def __getstate__(self) -> dict[str, Any]:
        return {"text": self.text}

    def __setstate__(self, state: dict[str, Any]) -> None:
        Loss.__init__(self, state["text"])


@lru_cache(maxsize=64)  # asked for in every step that has to convert something
def target_roles(text: str) -> list[tuple[str, str]]:
    """The targets of the loss of this text: their names, and what they hold, "numbers", "labels", or either."""
    kind = text.split()[0]
    if kind == "none":
        return []
    if kind == "focal":
        return [("target", "labels" if "activation=softmax" in text.split() else "numbers")]
    words = library_text(lib.chainrule_catalog_describe, lib.CHAINRULE_LOSSES, c_text(kind)).rsplit("; targets: ", 1)[1]
    if words == "none":
        return []
    roles = [word.partition(" (") for word in words.split(", ")]
    return [(name, TARGETS.get(kind) or holds.rstrip(")") or "numbers") for name, _, holds in roles]


def as_tuple(value: Any, count: int, what: str) -> tuple[Any, ...]:
    """What a loss takes of predictions or targets: one, or a tuple of several."""
    if count == 1:
        return (value,)
    if count == 0:
        if value is not None:
            raise TypeError(f"this loss takes no {what}; got {type(value).__name__}")
        return ()
    if not isinstance(value, (tuple, list)):
        raise TypeError(f"this loss takes {count} {what}s: give a tuple of them; got {type(value).__name__}")
    if len(value) != count:
        raise ValueError(f"this loss takes {count} {what}s; got {len(value)}")
    return tuple(value)


def as_target_of(kind: str, target: Any, what: str, dtype: np.dtype) -> np.ndarray:
    """A target as the library takes it: integers as labels, real numbers, and integers in their place as
    far as they are exact. Where both are possible, integers are labels and real numbers probabilities."""
    if kind == "labels":
        return as_labels(target, what)
    if kind == "numbers":
        return as_real(target, what, dtype)
    array = as_array(target, what)
    if array.dtype.kind in "iu":
        return as_labels(array, what)
    array = as_real(array, what, dtype)
    if array.ndim < 2:
        raise TypeError(
            f"{what} must hold integer class labels, or probabilities of the logits' shape; got "
            f"{array.dtype} of shape {array.shape}. Convert labels with {what}.astype(numpy.int64)"
        )
    return array


def loss_texts(loss: Any) -> tuple[str, ...]:
    """One text for each output."""
    if loss is None:
        return ("none",)
    if isinstance(loss, (list, tuple)):
        return tuple(text for item in loss for text in loss_texts(item))
    if isinstance(loss, Loss):
        return (loss.text,)
    if isinstance(loss, str):
        return tuple(text.strip() for text in loss.split(";"))
    raise TypeError(f"loss must be a text, a cr.Loss, a list of them, or a function; got {loss!r}")
