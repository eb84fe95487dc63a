"""Training with a loss that is a Python function: the library's fit loop, written in Python.

Forward, backward and update are the library's; the order of samples, early stopping and the history
follow the rules of chainrule_trainer_fit.
"""

from __future__ import annotations

import math
from typing import Any, Optional

import numpy as np

from . import _metrics
from ._arrays import as_array, as_list, as_real
from ._errors import Error, NonFiniteError, ShapeError, make_error
from ._progress import make_progress
from .callbacks import CallbackList, EarlyStopping
from .history import History

LARGER_IS_BETTER = ("accuracy", "r2")


class CustomTraining:
    """The training state of a model compiled with a function as its loss."""

    def __init__(self, model: Any, loss: Any, optimizer: Any, metrics: tuple[str, ...], seed: Optional[int]) -> None:
        _metrics.check_names(metrics)
        if metrics and len(model._outputs) != 1:
            raise ValueError("metrics with a Python loss need a model with one output")
        self.loss = loss
        self.optimizer = optimizer
        self.metrics = metrics
        self.seed = model.seed if seed is None else seed
        self.epochs_done = 0

    def step(self, model: Any, x: Any, y: Any, weight: Any = None) -> float:
        """One update; the loss before it."""
        return self._step(model, x, y, weight)[0]

    def _step(self, model: Any, x: Any, y: Any, weight: Any) -> tuple[float, Any]:
        prediction = model.forward(x, training=True)
        value, gradient = self._call(prediction, y, weight)
        if not math.isfinite(value):
            raise make_error(NonFiniteError, f"the loss became {value}; the weights are those before this batch")
        model.zero_grad()
        model.backward(gradient)
        self.optimizer.step(model)
        return value, prediction

    def _call(self, prediction: Any, y: Any, weight: Any) -> tuple[float, Any]:
        first = prediction[0] if isinstance(prediction, tuple) else prediction
        _refuse_empty(len(first) if first.ndim else 1)
        answer = self.loss(prediction, y) if weight is None else self.loss(prediction, y, weight)
        if not isinstance(answer, tuple) or len(answer) != 2:
            raise TypeError(f"the loss function must return (loss, gradient in the prediction); got {answer!r}")
        return float(answer[0]), answer[1]

    def evaluate(self, model: Any, x: Any, y: Any, weight: Any = None) -> dict[str, float]:
        """Loss and metrics over all samples at once."""
        prediction = model.predict(x)
        target = _targets(y, len(model._outputs))
        weight = None if weight is None else as_real(weight, "sample_weight", model._dtype)
        value, _ = self._call(prediction, target, weight)
        return {"loss": value, **_metrics.measure(self.metrics, prediction, target, weight)}

    def fit(
        self,
        model: Any,
        x: Any,
        y: Any,
        sample_weight: Any,
        validation_data: Any,
        request: Any,
        callbacks: Any,
        verbose: int,
    ) -> History:
        """What ``model.fit`` does, for a loss of one's own."""
        if request.resume:
            raise ValueError("resume needs a loss of the library; this model's is a Python function")
        data = _Data(model, x, y, sample_weight)
        held_out = None
        if validation_data is not None:
            held_out = _Data(model, validation_data[0], validation_data[1], None)
        elif request.validation_split:
            data, held_out = data.split(request.validation_split)
        listeners = CallbackList(callbacks, model)
        work = float(request.batch_size) * sum(info.size for info in model._parameters)
        progress = make_progress(verbose, request.epochs, work)
        history = History({})
        best = _Best(listeners.early_stopping, held_out is not None)
        model.stop_training = False
        try:
            for epoch in range(request.epochs):
                logs = self._epoch(model, data, request, epoch, listeners, progress)
                if logs is None:  # a callback ended it among the batches
                    history.stop_reason = "callback"
                    break
                if held_out is not None:
                    values = self.evaluate(model, held_out.x, held_out.y, held_out.weight)
                    logs.update({f"val_{name}": value for name, value in values.items()})
                history.append(logs)
                progress.epoch(epoch, request.epochs, logs)
                if best.update(epoch, logs, model):
                    history.stop_reason = "early_stopping"
                    break
                if listeners.epoch_end(epoch, logs):
                    history.stop_reason = "callback"
                    break
        except KeyboardInterrupt:
            history.stop_reason = "interrupted"
        except Error as error:
            error.history = history
            raise
        finally:
            progress.close()
            history.best_epoch = best.epoch
            model.history = history
            best.restore(model)
        return history

    def _epoch(
        self, model: Any, data: "_Data", request: Any, epoch: int, listeners: CallbackList, progress: Any
    ) -> Optional[dict[str, float]]:
        """Trains on all samples once; None if a callback ended it before."""
        order = np.arange(data.count)
        if request.shuffle:
            np.random.default_rng((self.seed, self.epochs_done)).shuffle(order)
        self.epochs_done += 1
        size = max(1, min(request.batch_size, data.count))
        stop = data.count - data.count % size if request.drop_last else data.count
        batches = -(-stop // size)
        total, shares, predictions = 0.0, 0.0, []
        for batch in range(batches):
            rows = order[batch * size : min(stop, (batch + 1) * size)]
            x, y, weight = data.take(rows)
            loss, prediction = self._step(model, x, y, weight)
            share = len(rows) if weight is None else float(np.sum(weight))
            total, shares = total + loss * share, shares + share
            if self.metrics:
                predictions.append(prediction)
            if progress.watches_batches:
                progress.batch(epoch, request.epochs, batch, batches, loss)
            if listeners.on_batch and listeners.batch_end(batch, {"loss": loss}):
                return None
        logs = {"loss": total / shares if shares else 0.0}
        if self.metrics:
            _, target, weight = data.take(order[:stop])
            logs.update(_metrics.measure(self.metrics, np.concatenate(predictions), target, weight))
        return logs


class _Data:
    """Inputs, targets and weights with the same number of samples."""

    def __init__(self, model: Any, x: Any, y: Any, weight: Any) -> None:
        self.several_x, self.several_y = len(model._inputs) > 1, len(model._outputs) > 1
        inputs = model._as_inputs(x)
        self.x: Any = inputs if self.several_x else inputs[0]
        self.y = _targets(y, len(model._outputs))
        self.weight = None if weight is None else as_real(weight, "sample_weight", model._dtype)
        counts = {len(array) for array in [*inputs, *(self.y if self.several_y else [self.y])]}
        counts |= set() if self.weight is None else {len(self.weight)}
        if len(counts) != 1:
            raise ValueError(f"x, y and sample_weight must have as many samples as each other; got {sorted(counts)}")
        self.count = counts.pop()
        _refuse_empty(self.count)

    def take(self, rows: Any) -> tuple[Any, Any, Any]:
        """Some of the samples."""
        x = [array[rows] for array in self.x] if self.several_x else self.x[rows]
        y = [array[rows] for array in self.y] if self.several_y else self.y[rows]
        return x, y, None if self.weight is None else self.weight[rows]

    def split(self, share: float) -> tuple["_Data", "_Data"]:
        """The samples without a share from their end, and that share."""
        held = int(math.floor(self.count * share + 0.5)) if 0 <= share < 1 else 0
        if not 0 < held < self.count:
            raise ValueError(f"validation_split must leave samples on both sides of {self.count}; got {share}")
        first = self.count - held
        return self._part(slice(0, first)), self._part(slice(first, self.count))

    def _part(self, rows: slice) -> "_Data":
        part = object.__new__(_Data)
        part.several_x, part.several_y = self.several_x, self.several_y
        part.x, part.y, part.weight = self.take(rows)
        part.count = len(range(self.count)[rows])
        return part


class _Best:
    """Early stopping: the best epoch so far and its weights."""

    def __init__(self, stopping: Optional[EarlyStopping], has_validation: bool) -> None:
        self.stopping = stopping
        self.monitor = (stopping and stopping.monitor) or ("val_loss" if has_validation else "loss")
        self.sign = -1.0 if self.monitor.replace("val_", "", 1) in LARGER_IS_BETTER else 1.0
        self.value = math.inf
        self.epoch: Optional[int] = None
        self.weights: Any = None
        self.waited = 0

    def update(self, epoch: int, logs: dict[str, float], model: Any) -> bool:
        """Takes note of an epoch; True if the training is to stop."""
        if self.monitor not in logs:
            raise KeyError(f"EarlyStopping monitors {self.monitor!r}; the history has {', '.join(logs)}")
        value = self.sign * logs[self.monitor]
        if value < self.value - (self.stopping.min_delta if self.stopping else 0.0):
            self.value, self.epoch, self.waited = value, epoch, 0
            if self.stopping and self.stopping.restore_best_weights:
                self.weights = model.state_dict()
            return False
        self.waited += 1
        return self.stopping is not None and self.waited >= self.stopping.patience

    def restore(self, model: Any) -> None:
        """Back to the best epoch's weights."""
        if self.weights is not None:
            model.load_state_dict(self.weights)


def _refuse_empty(count: int) -> None:
    """The error of the library's own losses."""
    if count == 0:
        sentence = "the batch: expected 1 sample or more, got 0"
        raise make_error(ShapeError, sentence, status="CHAINRULE_SHAPE", expected="1 sample or more", got="0")


def _targets(y: Any, count: int) -> Any:
    values = [as_array(value, "y") for value in as_list(y, count, "targets")]
    return values if count > 1 else values[0]
