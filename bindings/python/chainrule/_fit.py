"""Training through the library's own loop: options in, callbacks out, Ctrl-C.

Python handles signals only on its main thread and only between its own instructions. Without callbacks
of the user the library's loop therefore runs on a helper thread while the main thread waits in short
naps, and Ctrl-C cancels it. Callbacks of the user belong on the thread that called fit (drawing windows
work nowhere else), so then the loop runs there, and Python looks for signals after each batch.
"""

from __future__ import annotations

import _thread
import signal
import threading
from typing import Any, NamedTuple, Optional

from ._arrays import Views
from ._errors import Error, check, failure
from ._library import c_text, ffi, lib
from ._progress import Silent, make_progress
from .callbacks import CallbackList
from .history import History, read_history


class Request(NamedTuple):
    """The plain numbers given to fit."""

    epochs: int
    batch_size: int
    validation_split: float
    shuffle: bool
    drop_last: bool
    resume: bool


def fit(
    model: Any,
    x: Any,
    y: Any,
    sample_weight: Any,
    validation_data: Optional[tuple[Any, Any]],
    request: Request,
    callbacks: Any,
    verbose: int,
) -> History:
    """What ``model.fit`` does, for a loss of the library."""
    batch = model._as_batch(x, y, sample_weight)
    listeners = CallbackList(callbacks, model)
    options, keep = _options(model, batch, request, validation_data, listeners)
    work = float(request.batch_size) * sum(info.size for info in model._parameters)
    run = _Run(model, batch, options, keep, listeners, make_progress(verbose, request.epochs, work))
    try:
        return run.run()
    finally:
        run.progress.close()


def _options(
    model: Any, batch: Any, request: Request, validation_data: Optional[tuple[Any, Any]], listeners: CallbackList
) -> tuple[Any, list[Any]]:
    options = ffi.new("chainrule_fit_options *")
    options.struct_size = ffi.sizeof("chainrule_fit_options")
    options.epochs = request.epochs
    options.batch_size = request.batch_size
    options.shuffle = lib.CHAINRULE_SHUFFLE_ON if request.shuffle else lib.CHAINRULE_SHUFFLE_OFF
    options.drop_last = bool(request.drop_last)
    options.sample_weight = batch.weight
    options.validation_split = request.validation_split
    options.resume = bool(request.resume)
    keep: list[Any] = []
    if validation_data is not None:
        if not isinstance(validation_data, (tuple, list)) or len(validation_data) != 2:
            raise TypeError("validation_data must be a pair (x, y)")
        keep = [
            Views(model._as_inputs(validation_data[0], "validation x")),
            Views(model._as_targets(validation_data[1], "validation y")),
        ]
        options.validation_x = keep[0].pointer
        options.validation_y = keep[1].pointer
    stopping = listeners.early_stopping
    if stopping is not None:
        options.patience = stopping.patience
        options.min_delta = stopping.min_delta
        options.restore_best = bool(stopping.restore_best_weights)
        if stopping.monitor is not None:
            keep.append(ffi.new("char[]", c_text(stopping.monitor)))
            options.monitor = keep[-1]
    return options, keep


class _Run:
    """One call of chainrule_trainer_fit."""

    def __init__(
        self, model: Any, batch: Any, options: Any, keep: Any, listeners: CallbackList, progress: Silent
    ) -> None:
        self.model = model
        self.batch = batch
        self.options = options
        self.keep = keep  # what the options point to
        self.listeners = listeners
        self.progress = progress
        self.history = ffi.new("chainrule_history **")
        self.raised: list[BaseException] = []
        self.names: list[str] = []
        self.stopped = False
        self.interrupted = False
        self.finished_early = False
        self.watches_epochs = True

    def run(self) -> History:
        on_main_thread = threading.current_thread() is threading.main_thread()
        interruptible = on_main_thread and callable(signal.getsignal(signal.SIGINT))
        watching = bool(self.listeners) and interruptible
        callback = "chainrule_callback"
        on_epoch = ffi.callback(callback, self._on_epoch, error=lib.CHAINRULE_FAIL, onerror=self._on_error)
        on_batch = ffi.callback(callback, self._on_batch, error=lib.CHAINRULE_FAIL, onerror=self._on_error)
        # Also where Ctrl-C is ignored, as in what a shell runs in the background: it is the quicker way.
        on_helper_thread = on_main_thread and not self.listeners
        # A call into Python from the helper thread costs more than a short epoch, so there is none when
        # nobody looks; stop_training is then seen by the thread that waits for the helper.
        self.watches_epochs = (
            not on_helper_thread
            or bool(self.listeners)
            or type(self.progress) is not Silent
            or bool(self.options.resume)
        )
        if self.watches_epochs:
            self.options.on_epoch = on_epoch
        if watching or self.listeners.on_batch or self.progress.watches_batches:
            self.options.on_batch = on_batch
        self.model.stop_training = False
        if on_helper_thread:
            error = self._on_helper_thread((on_epoch, on_batch))
        else:
            error = self._call()
        return self._result(error)

    def _call(self) -> Optional[Error]:
        """The C call. Errors belong to the thread, so they are read here."""
        try:
            status = lib.chainrule_trainer_fit(
                self.model._trainer, self.batch.x, self.batch.y, self.options, self.history
            )
            error = failure(status) if status else None
            if error is not None and isinstance(error.__cause__, KeyboardInterrupt):  # in a function of one's own
                self.interrupted = True
            return error
        except KeyboardInterrupt:  # came while the call returned
            self.interrupted = True
            return None

    def _on_helper_thread(self, callbacks: Any) -> Optional[Error]:
        outcome: list[Optional[Error]] = []
        begun = _thread.allocate_lock()
        finished = _thread.allocate_lock()
        finished.acquire()

        def work(keep: Any = callbacks) -> None:  # what the library calls and reads lives as long as this
            if not begun.acquire(blocking=False):
                return
            error = None
            try:
                error = self._call()
            except BaseException as exception:
                self.raised.append(exception)
            outcome.append(error)
            finished.release()

        started = False
        while True:  # Ctrl-C may come anywhere in here, and fit must not return while the helper runs
            try:
                if not started:
                    _thread.start_new_thread(work, ())
                    started = True  # or it is started again, to no effect
                while not outcome:  # and not the lock's word for it: it may be acquired just when Ctrl-C comes
                    finished.acquire(timeout=0.05)
                    self.stopped = self.stopped or bool(self.model.stop_training)
                    if self.interrupted or self.stopped:  # again and again: the call may not have begun yet
                        lib.chainrule_trainer_cancel(self.model._trainer)
                return outcome[0]
            except KeyboardInterrupt:
                self.interrupted = True

    def _on_batch(self, user: Any, progress: Any) -> int:
        if self.progress.watches_batches:
            self.progress.batch(progress.epoch, progress.epochs, progress.batch, progress.batches, progress.loss)
        if self.listeners.on_batch and self.listeners.batch_end(progress.batch, {"loss": progress.loss}):
            self.stopped = True
        return self._answer()

    def _on_epoch(self, user: Any, progress: Any) -> int:
        count = progress.value_count
        if len(self.names) != count:
            self.names = [ffi.string(name).decode() for name in progress.value_names[0:count]]
        logs = dict(zip(self.names, progress.values[0:count]))
        self.progress.epoch(progress.epoch, progress.epochs, logs)
        if self.listeners.on_epoch and self.listeners.epoch_end(progress.epoch, logs):
            self.stopped = True
        self.finished_early = progress.epoch + 1 < progress.epochs
        return self._answer()

    def _answer(self) -> int:
        self.stopped = self.stopped or bool(self.model.stop_training)
        return lib.CHAINRULE_STOP if self.stopped else lib.CHAINRULE_CONTINUE  # type: ignore[no-any-return]

    def _on_error(self, kind: Any, error: BaseException, traceback: Any) -> None:
        self.raised.append(error)

    def _result(self, error: Optional[Error]) -> History:
        pointer = self.history[0]
        try:
            exception: Optional[BaseException] = self.raised[0] if self.raised else error
            cancelled = error is not None and error.status in ("CHAINRULE_CANCELLED", "CHAINRULE_CALLBACK")
            if isinstance(exception, KeyboardInterrupt) or (self.interrupted and not self.raised):
                reason = "interrupted"
                exception = None if error is None or cancelled else error
            elif self.stopped:
                reason = "callback"
                exception = None if cancelled and not self.raised else exception
            elif error is not None and error.status == "CHAINRULE_CANCELLED" and not self.raised:
                reason, exception = "interrupted", None
            else:
                if not self.watches_epochs and error is None:
                    epochs = ffi.new("size_t *")
                    check(lib.chainrule_history_epochs(pointer, epochs))
                    self.finished_early = epochs[0] < self.options.epochs
                reason = "early_stopping" if self.finished_early else "completed"
            history = read_history(pointer, reason)
        finally:
            lib.chainrule_history_free(pointer)
        self.model.history = history
        if exception is not None:
            if isinstance(exception, Error):
                exception.history = history
            raise exception
        return history
