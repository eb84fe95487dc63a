"""The losses. Each is called with a prediction and a target and returns the loss and its gradient."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Optional

import numpy as np

from ._arrays import FLOAT64, Views, as_array, as_labels, as_real
from ._errors import check
from ._library import NULL, c_text, ffi, lib
from ._text import phrase


class Loss:
    """A loss, from the library's text: ``Loss("huber delta=2")``. The subclasses name the arguments."""

    def __init__(self, text: str) -> None:
        self.text = text
        handle = ffi.new("chainrule_loss **")
        check(lib.chainrule_loss_create(c_text(text), handle))
        self._handle = ffi.gc(handle[0], lib.chainrule_loss_free)

    def __call__(self, prediction: Any, target: Any, sample_weight: Any = None) -> tuple[float, np.ndarray]:
        """The mean loss of a batch, and its gradient in the prediction: an array of the prediction's
        shape and type. ``sample_weight`` has one number for each sample."""
        predicted = as_real(prediction, "prediction", FLOAT64)
        weights = [] if sample_weight is None else [as_real(sample_weight, "sample_weight", predicted.dtype)]
        gradient = np.empty(predicted.shape, predicted.dtype)
        views = Views([predicted, self.as_target(target, "target", predicted.dtype), gradient] + weights)
        value = ffi.new("double *")
        array = views.pointer
        check(
            lib.chainrule_loss_evaluate(
                self._handle, array, array + 1, array + 3 if weights else NULL, value, array + 2
            )
        )
        return value[0], gradient

    def as_target(self, target: Any, what: str, dtype: np.dtype) -> np.ndarray:
        """The target as the library takes it: real numbers, or for cross-entropy integer labels."""
        return as_target(self.text, target, what, dtype)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.text!r})"

    def __getstate__(self) -> dict[str, Any]:
        return {"text": self.text}

    def __setstate__(self, state: dict[str, Any]) -> None:
        Loss.__init__(self, state["text"])


class MSELoss(Loss):
    """The mean of (prediction - target)^2 over all elements."""

    def __init__(self) -> None:
        super().__init__("mse")


class L1Loss(Loss):
    """The mean of |prediction - target| over all elements."""

    def __init__(self) -> None:
        super().__init__("l1")


class HuberLoss(Loss):
    """Quadratic up to an error of delta, linear beyond; the mean over all elements."""

    def __init__(self, delta: float = 1.0) -> None:
        super().__init__(phrase("huber", {"delta": delta}))


class CrossEntropyLoss(Loss):
    """The negative log-likelihood of the softmax of logits [batch, classes].

    Targets are integer labels [batch], or probabilities [batch, classes]. ``weight`` has one number for
    each class; the mean is then weighted, as in PyTorch.
    """

    def __init__(self, weight: Optional[Sequence[float]] = None, label_smoothing: float = 0.0) -> None:
        weights = None if weight is None else np.asarray(weight, dtype=np.float64).tolist()
        super().__init__(phrase("cross_entropy", {"label_smoothing": label_smoothing, "class_weights": weights}))


class BCEWithLogitsLoss(Loss):
    """Binary cross-entropy of the sigmoid of logits, with targets from 0 to 1 of the logits' shape."""

    def __init__(self) -> None:
        super().__init__("bce_with_logits")


def as_target(text: str, target: Any, what: str, dtype: np.dtype) -> np.ndarray:
    """A target for the loss of this text. Cross-entropy takes integers as labels and real numbers as
    probabilities; the others take real numbers, and integers as far as they are exact."""
    if text.split(" ", 1)[0] == "cross_entropy":
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
    return as_real(target, what, dtype)


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
