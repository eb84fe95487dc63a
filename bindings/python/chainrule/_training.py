"""The training face of a model: compile, fit, evaluate, single updates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NoReturn, Optional, Union

import numpy as np

from . import _fit
from ._arrays import Views, as_list, as_real, check_in_place
from ._batch import Batch
from ._build import TensorInfo, check_seed
from ._calls import address, step, step_arrays
from ._custom_loss import CustomTraining
from ._errors import StateError, check, make_error
from ._library import NULL, c_text, ffi, lib
from ._metrics import metric_names, series_names
from .custom_loss import composed
from .history import History
from .losses import Loss, as_target_of, loss_texts, target_roles
from .optimizers import Optimizer, Trainer, as_optimizer
from .schedules import Schedule, as_schedule

#: Inputs and targets of most models: those whose arrays go to the library without a detour.
ONE_AND_ONE = (1, 1)

LossLike = Union[str, Loss, Callable[..., Any], Sequence[Union[str, Loss]], None]


def check_segments(segments: Union[int, str]) -> int:
    """The library's number for ``checkpoint_segments``."""
    if segments == "auto":
        return -1
    if isinstance(segments, bool) or not isinstance(segments, (int, np.integer)):
        raise TypeError(f'checkpoint_segments is a number of segments or "auto"; got {segments!r}')
    if not 0 <= segments <= 10000:
        raise ValueError(f'checkpoint_segments must be 0 to 10000, or "auto"; got {segments}')
    return int(segments)


def _target_count(trainer: Any) -> int:
    count = ffi.new("size_t *")
    check(lib.chainrule_trainer_target_count(trainer, count))
    return int(count[0])


class Training:
    """What a model offers for training."""

    _handle: Any
    _dtype: np.dtype
    _inputs: list[TensorInfo]
    _outputs: list[TensorInfo]
    _as_inputs: Any
    _trainer: Any = NULL
    _trainer_owner: Optional[Trainer] = None
    _custom: Optional[CustomTraining] = None
    _losses: Sequence[str] = ()
    _loss: LossLike = None
    #: Kept for the functions that it may name.
    _schedule: Optional[Schedule] = None
    output_shapes: Any
    compute: Any
    _trainer_address: Any = None
    #: How many inputs and targets a step takes; (-1, -1) of a model that has no trainer.
    _counts: tuple[int, int] = (-1, -1)
    optimizer: Optional[Optimizer] = None
    metrics: tuple[str, ...] = ()
    history: Optional[History] = None
    stop_training: bool = False

    def compile(
        self,
        loss: LossLike,
        optimizer: Union[str, Optimizer],
        metrics: Union[str, Sequence[Any]] = (),
        *,
        seed: Optional[int] = None,
        schedule: Union[str, Schedule, Callable[[int, float], float], None] = None,
        checkpoint_segments: Union[int, str] = 0,
        compute: Optional[str] = None,
    ) -> None:
        """Says how the model is trained, and forgets any earlier training state.

        ``loss`` is a text ("cross_entropy label_smoothing=0.1"), a cr.Loss, one of them for each output,
        "none" (or None) to minimise the single scalar output itself, or a function of the prediction and the
        target. One that composes operations, ``lambda y_pred, y_true: cr.log(1 + (y_pred - y_true) ** 2)``, is
        called with symbolic nodes and returns one: a loss for each sample or element, of which the library takes
        the mean with sample weights. One that computes with NumPy (and gets the sample weights too, if there are
        any) returns the loss and its gradient in the prediction; with it there are fewer metrics, no schedule and
        no checkpoints, which a cr.CustomLoss has.

        ``metrics``: names with their attributes, such as ["accuracy", "top_k k=5", "f1 average=macro"];
        cr.describe("metrics") lists them. Beside them functions ``f(y_true, y_pred)`` (with ``sample_weight=`` if
        there are any) that return a number for the whole set, as scikit-learn's do, and objects with
        ``update(y_true, y_pred)`` for each batch and ``result()``, of which each set has a copy; ``name`` and
        ``larger_is_better`` are read from either. ``seed`` is of dropout and shuffling; the default is the
        model's. ``schedule`` sets the learning rate from step to step: cr.CosineAnnealingLR(T_max=100, per="step",
        warmup=500), its text "cosine T_max=100 per=step warmup=500", or a function of the number of epochs and the
        first rate that returns the rate. ``compute`` sets ``model.compute``: "bfloat16" rounds the operands of matrix
        products, forward and backward; None leaves it as it is.

        ``checkpoint_segments``: activation checkpointing, as torch.utils.checkpoint.checkpoint_sequential does it.
        The model is cut into about so many parts, of which only what crosses the borders is kept for the backward
        pass; the rest is computed once more. Less memory (``memory(batch_size)["checkpointing_saves"]`` says how
        much) for a third more time or so, and the same bits. "auto" takes the number that needs the least memory;
        0 keeps everything.
        """
        segments = check_segments(checkpoint_segments)
        optimizer = as_optimizer(optimizer)
        names = metric_names(metrics)
        if callable(loss) and not isinstance(loss, Loss):
            loss = composed(loss, self.output_shapes) or loss
        if callable(loss) and not isinstance(loss, Loss):
            if schedule is not None:
                raise ValueError("a schedule needs a loss of the library; this one is a Python function")
            if segments != 0:
                raise ValueError("checkpoint_segments need a loss of the library; this one is a Python function")
            custom = CustomTraining(self, loss, optimizer, names, seed)
            if compute is not None:
                self.compute = compute
            self._adopt_training(loss, optimizer, names, (), custom, None)
            return
        texts = loss_texts(loss)
        pointer = ffi.new("chainrule_trainer **")
        check(lib.chainrule_trainer_create(self._handle, c_text(";".join(texts)), c_text(optimizer.text), pointer))
        owner = Trainer(ffi.gc(pointer[0], lib.chainrule_trainer_free))
        check(lib.chainrule_trainer_set_metrics(owner.handle, c_text(" ".join(names))))
        if seed is not None:
            check(lib.chainrule_trainer_set_seed(owner.handle, check_seed(seed)))
        check(lib.chainrule_trainer_set_checkpoint_segments(owner.handle, segments))
        optimizer.attach(owner)
        if schedule is not None:
            schedule = as_schedule(schedule)
            check(lib.chainrule_trainer_set_schedule(owner.handle, c_text(schedule.text)))
        if compute is not None:
            self.compute = compute
        self._adopt_training(loss, optimizer, names, texts, None, owner)
        self._schedule = schedule

    def _adopt_training(
        self,
        loss: LossLike,
        optimizer: Optimizer,
        metrics: tuple[str, ...],
        texts: Sequence[str],
        custom: Optional[CustomTraining],
        owner: Optional[Trainer],
    ) -> None:
        self._loss, self.optimizer, self.metrics, self._losses, self._custom = loss, optimizer, metrics, texts, custom
        self._schedule = None
        self._trainer_owner = owner
        self._trainer = NULL if owner is None else owner.handle
        self._trainer_address = address(self._trainer)
        self._counts = (-1, -1) if owner is None else (len(self._inputs), _target_count(owner.handle))

    def _adopt_trainer(self, handle: Any, loss: LossLike, optimizer: Any, metrics: Any) -> None:
        """Takes over a trainer that was read from a checkpoint."""
        optimizer = as_optimizer(optimizer)
        names = metric_names(metrics)
        check(lib.chainrule_trainer_set_metrics(handle, c_text(" ".join(names))))
        lr = ffi.new("double *")
        check(lib.chainrule_trainer_get_lr(handle, lr))
        optimizer.lr = lr[0]
        owner = Trainer(handle)
        optimizer.attach(owner)
        self._adopt_training(loss, optimizer, names, loss_texts(loss), None, owner)

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        *,
        epochs: int = 1,
        batch_size: int = 32,
        validation_split: float = 0.0,
        validation_data: Optional[tuple[Any, Any]] = None,
        callbacks: Any = None,
        verbose: int = 1,
        shuffle: bool = True,
        sample_weight: Any = None,
        drop_last: bool = False,
        resume: bool = False,
    ) -> History:
        """Trains on all samples of ``x`` and ``y``, ``epochs`` times, and returns what was recorded (also
        in ``model.history``).

        ``validation_split``: this share, from the end of the data, is held out. ``callbacks``: functions
        ``f(epoch, logs)``, cr.Callback objects, one cr.EarlyStopping. ``verbose``: 0 nothing, 1 a bar, 2
        lines. Ctrl-C ends the training after the current batch; the history then says "interrupted".
        NonFiniteError (its ``history`` has the epochs before) leaves the last finite weights. ``resume``
        goes on where a checkpoint or an interruption left off, with ``epochs`` counted from the first.
        """
        self._require_compiled()
        for name, number in (("epochs", epochs), ("batch_size", batch_size)):
            if number < 1:  # the library would take 0 for its default
                raise ValueError(f"{name} must be at least 1; got {number}")
        request = _fit.Request(
            epochs=epochs,
            batch_size=batch_size,
            validation_split=validation_split,
            shuffle=shuffle,
            drop_last=drop_last,
            resume=resume,
        )
        run = _fit.fit if self._custom is None else self._custom.fit
        return run(self, x, y, sample_weight, validation_data, request, callbacks, verbose)

    def evaluate(self, x: Any = None, y: Any = None, sample_weight: Any = None) -> dict[str, float]:
        """The loss and the metrics over all samples: {"loss": ..., "accuracy": ...}; with several outputs
        each metric of each, under "output_metric". A kind of metric that is measured more than once has its
        attributes in its names: "top_k_k=2", "top_k_k=5"."""
        self._require_compiled()
        if self._custom is not None:
            return self._custom.evaluate(self, x, y, sample_weight)
        batch = self._as_batch(x, y, sample_weight)
        series = series_names(self.metrics)
        names = ["loss", *series]
        if len(self._outputs) > 1:
            names = ["loss", *(f"{info.name}_{metric}" for info in self._outputs for metric in series)]
        values = ffi.new("double[]", len(names))
        check(
            lib.chainrule_trainer_evaluate(
                self._trainer, batch.x, batch.y, batch.weight, values, len(names), ffi.new("size_t *")
            )
        )
        return dict(zip(names, values))

    def train_on_batch(self, x: Any = None, y: Any = None, sample_weight: Any = None) -> float:
        """One update on one batch, or on a Batch made by ``prepare``. Returns the batch's loss before it.
        NonFiniteError leaves the parameters as they were."""
        if type(x) is Batch:
            if x.counts != self._counts:
                self._refuse_batch(x)
            return step(self._trainer_address, x.addresses)  # type: ignore[no-any-return]
        if self._counts == ONE_AND_ONE and sample_weight is None:
            loss = step_arrays(self._trainer_address, x, y)
            if loss is not None:
                return loss  # type: ignore[no-any-return]
        self._require_compiled()
        if self._custom is not None:
            return self._custom.step(self, x, y, sample_weight)
        return self.train_on_batch(self._as_batch(x, y, sample_weight))

    def _refuse_batch(self, batch: Batch) -> NoReturn:
        self._require_library_loss("a prepared batch")
        raise ValueError(
            f"the batch was prepared for another model, of {batch.counts[0]} inputs and {batch.counts[1]} targets; "
            f"this one takes {self._counts[0]} and {self._counts[1]}"
        )

    def prepare(self, x: Any = None, y: Any = None, sample_weight: Any = None) -> Batch:
        """A batch ready for ``train_on_batch``, which then costs 0.2 us over the library's own time. It
        trains on what the arrays hold by then; TypeError for what would have to be converted first, such as
        lists and integers that are no labels."""
        self._require_library_loss("prepare")
        batch = self._as_batch(x, y, sample_weight)
        xs, ys, weights = batch._keep
        check_in_place(xs.arrays, as_list(x, len(xs.arrays), "inputs"), "x")
        check_in_place(ys.arrays, as_list(y, len(ys.arrays), "targets"), "y")
        check_in_place(weights.arrays, [sample_weight], "sample_weight")
        return batch

    def _as_batch(self, x: Any, y: Any, sample_weight: Any) -> Batch:
        """The same of anything that can be converted."""
        self._require_compiled()
        weights = [] if sample_weight is None else [as_real(sample_weight, "sample_weight", self._dtype)]
        return Batch(Views(self._as_inputs(x)), Views(self._as_targets(y)), Views(weights))

    def _as_targets(self, y: Any, name: str = "y") -> list[np.ndarray]:
        if tuple(self._losses) == ("none",):
            return [as_real(value, name, self._dtype) for value in as_list(y, 0, "targets")]
        kinds = [kind for text in self._losses for _, kind in target_roles(text)]
        values = as_list(y, len(kinds), "targets")
        names = [name] if len(values) == 1 else [f"{name}[{index}]" for index in range(len(values))]
        return [as_target_of(kind, value, label, self._dtype) for kind, value, label in zip(kinds, values, names)]

    def memory(self, batch_size: int) -> dict[str, int]:
        """Bytes that training with this batch size takes: parameters, gradients, optimizer, activations,
        total; and checkpointing_saves, how much larger activations would be with 0 checkpoint_segments."""
        self._require_library_loss("memory")
        memory = ffi.new("chainrule_memory *")
        memory.struct_size = ffi.sizeof("chainrule_memory")
        check(lib.chainrule_trainer_memory(self._trainer, batch_size, memory))
        names = ("parameters", "gradients", "optimizer", "activations", "total", "checkpointing_saves")
        return {name: int(getattr(memory, name)) for name in names}

    def _require_compiled(self) -> None:
        if self._trainer == NULL and self._custom is None:
            raise make_error(StateError, "the model is not compiled: call model.compile(loss, optimizer) first")

    def _require_library_loss(self, what: str) -> None:
        self._require_compiled()
        if self._custom is not None:
            raise make_error(StateError, f"{what} needs a loss of the library; this model's is a Python function")
