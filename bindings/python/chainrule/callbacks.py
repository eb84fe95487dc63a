"""What runs during fit besides the training: callbacks and early stopping."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Optional

import numpy as np

if TYPE_CHECKING:
    from .model import Model


class Callback:
    """Base class for callbacks, for convenience: any object with some of these methods serves, and so
    does a plain function, which is called as ``on_epoch_end``.

    ``batch`` and ``epoch`` count from 0. ``logs`` has the loss, and at the end of an epoch every series of
    the history. Returning True (or setting ``model.stop_training``) ends the training. Callbacks run on
    the thread that called fit; an exception in one ends the training and comes out of fit.
    """

    model: Optional[Model] = None

    def set_model(self, model: Model) -> None:
        """Called before the training begins."""
        self.model = model

    def on_batch_end(self, batch: int, logs: dict[str, float]) -> Optional[bool]:
        """After each update; ``logs["loss"]`` is the batch's loss before it."""
        return None

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> Optional[bool]:
        """After each epoch, the validation included."""
        return None


class EarlyStopping:
    """Stops the training after ``patience`` epochs without improvement by more than ``min_delta`` of the
    series ``monitor`` (default: "val_loss", or "loss" without validation data), and goes back to the
    weights of the best epoch."""

    def __init__(
        self,
        patience: int = 3,
        min_delta: float = 0.0,
        monitor: Optional[str] = None,
        restore_best_weights: bool = True,
    ) -> None:
        if patience < 1:
            raise ValueError(f"patience must be at least 1 epoch; got {patience}")
        if not min_delta >= 0:
            raise ValueError(f"min_delta must be at least 0; got {min_delta}")
        self.patience = patience
        self.min_delta = min_delta
        self.monitor = monitor
        self.restore_best_weights = restore_best_weights

    def __repr__(self) -> str:
        return (
            f"EarlyStopping(patience={self.patience}, min_delta={self.min_delta}, monitor={self.monitor!r}, "
            f"restore_best_weights={self.restore_best_weights})"
        )


class CallbackList:
    """The callbacks of one fit, sorted by what they want to see."""

    def __init__(self, callbacks: Any, model: Model) -> None:
        if callbacks is None:
            callbacks = ()
        elif not isinstance(callbacks, Iterable):
            callbacks = (callbacks,)
        self.model = model
        self.early_stopping: Optional[EarlyStopping] = None
        self.on_batch: list[Any] = []
        self.on_epoch: list[Any] = []
        for callback in callbacks:
            self._add(callback)

    def _add(self, callback: Any) -> None:
        if isinstance(callback, EarlyStopping):
            if self.early_stopping is not None:
                raise ValueError("callbacks has two EarlyStopping; one is all that fit can obey")
            self.early_stopping = callback
            return
        if isinstance(callback, type):
            raise TypeError(f"callbacks has the class {callback.__name__}; make an object of it")
        if hasattr(callback, "set_model"):
            callback.set_model(self.model)
        on_batch = getattr(callback, "on_batch_end", None)
        on_epoch = getattr(callback, "on_epoch_end", None)
        if on_batch is None and on_epoch is None:
            if not callable(callback):
                raise TypeError(f"a callback must be a function or have on_epoch_end or on_batch_end; got {callback!r}")
            on_epoch = callback
        if on_batch is not None and getattr(type(callback), "on_batch_end", None) is not Callback.on_batch_end:
            self.on_batch.append(on_batch)
        if on_epoch is not None and getattr(type(callback), "on_epoch_end", None) is not Callback.on_epoch_end:
            self.on_epoch.append(on_epoch)

    def __bool__(self) -> bool:
        return bool(self.on_batch or self.on_epoch)

    def batch_end(self, batch: int, logs: dict[str, float]) -> bool:
        """Runs the callbacks; True if the training is to stop."""
        return self._run(self.on_batch, batch, logs)

    def epoch_end(self, epoch: int, logs: dict[str, float]) -> bool:
        """Runs the callbacks; True if the training is to stop."""
        return self._run(self.on_epoch, epoch, logs)

    def _run(self, callbacks: list[Any], index: int, logs: dict[str, float]) -> bool:
        stop = False
        for callback in callbacks:
            answer = callback(index, logs)
            stop |= isinstance(answer, (bool, np.bool_)) and bool(answer)
        return stop or bool(self.model.stop_training)
