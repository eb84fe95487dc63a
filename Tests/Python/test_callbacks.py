"""Callbacks: what they see, how they stop, where they run, what their exceptions do."""

import contextlib
import threading

import numpy as np
import pytest

import chainrule as cr


@pytest.fixture
def model():
    model = cr.Sequential(cr.Linear(4, 8), cr.ReLU(), cr.Linear(8, 3))
    model.compile("cross_entropy", cr.Adam(lr=0.01), metrics=["accuracy"])
    return model


def absolute_error(prediction, target):
    error = prediction - np.eye(3, dtype="f4")[target]
    return np.abs(error).mean(), np.sign(error) / error.size


@pytest.fixture(params=["library", "python"])
def either(request, model):
    """A model with a loss of the library, and one with a Python function."""
    if request.param == "python":
        model.compile(absolute_error, cr.Adam(lr=0.01), metrics=["accuracy"])
    return model


def test_functions_and_objects(either, blobs):
    epochs, batches = [], []

    class Recorder:
        def on_epoch_end(self, epoch, logs):
            epochs.append((epoch, dict(logs)))

        def on_batch_end(self, batch, logs):
            batches.append((batch, logs["loss"]))

    names = []
    history = either.fit(
        *blobs, epochs=3, batch_size=50, validation_split=0.2, verbose=0,
        callbacks=[Recorder(), lambda epoch, logs: names.append(sorted(logs))],
    )  # fmt: skip
    assert [epoch for epoch, _ in epochs] == [0, 1, 2] and [batch for batch, _ in batches] == [0, 1, 2] * 3
    assert names == [["accuracy", "loss", "val_accuracy", "val_loss"]] * 3
    for name in history:
        assert history[name] == [logs[name] for _, logs in epochs]
    assert all(isinstance(loss, float) for _, loss in batches)


def test_stopping(either, blobs):
    history = either.fit(*blobs, epochs=9, verbose=0, callbacks=[lambda epoch, logs: epoch == 2])
    assert history.epochs == 3 and history.stop_reason == "callback"

    class Impatient(cr.Callback):
        def on_epoch_end(self, epoch, logs):
            self.model.stop_training = True

    history = either.fit(*blobs, epochs=9, verbose=0, callbacks=[Impatient()])
    assert history.epochs == 1 and history.stop_reason == "callback"

    seen = []

    class AfterTwoBatches:
        def on_batch_end(self, batch, logs):
            seen.append(batch)
            return batch == 1

    history = either.fit(*blobs, epochs=9, verbose=0, callbacks=[AfterTwoBatches()])
    assert seen == [0, 1] and history.epochs == 0 and history.stop_reason == "callback"
    assert either.fit(*blobs, epochs=2, verbose=0).stop_reason == "completed"
    history = either.fit(*blobs, epochs=2, verbose=0, callbacks=[lambda epoch, logs: {"truthy": 1}])
    assert history.epochs == 2  # only True stops


@pytest.mark.parametrize("error", [RuntimeError("enough"), SystemExit(3), MemoryError()], ids=repr)
def test_an_exception_comes_out_of_fit(either, blobs, error):
    x, y = blobs

    def fail(epoch, logs):
        if epoch == 1:
            raise error

    with pytest.raises(type(error)) as caught:
        either.fit(x, y, epochs=5, verbose=0, callbacks=[fail])
    assert caught.value is error
    assert either.history.epochs == 2
    assert either.fit(x, y, epochs=1, verbose=0).epochs == 1

    class FailingBatch:
        def on_batch_end(self, batch, logs):
            raise error

    with pytest.raises(type(error)):
        either.fit(x, y, epochs=5, verbose=0, callbacks=[FailingBatch()])
    assert either.evaluate(x, y)["loss"] > 0


@pytest.mark.parametrize("ending", ["stop", "exception", "interrupt", "not finite"])
def test_the_best_weights_come_back_however_fit_ends(either, blobs, ending):
    x, y = blobs
    either.compile(either._loss, cr.SGD(lr=0.05))

    def worsen_and_end(epoch, logs):
        if epoch == 4:
            either.optimizer.lr = 50
        if epoch == 6 and ending == "stop":
            return True
        if epoch == 6 and ending == "exception":
            raise ZeroDivisionError
        if epoch == 6 and ending == "interrupt":
            raise KeyboardInterrupt
        if epoch == 6:
            poisoned[:] = np.nan

    poisoned = x.copy()
    errors = {"exception": ZeroDivisionError, "not finite": (cr.NonFiniteError, ValueError)}
    with pytest.raises(errors[ending]) if ending in errors else contextlib.nullcontext():
        either.fit(
            poisoned, y, epochs=20, validation_data=(x, y), verbose=0,
            callbacks=[cr.EarlyStopping(patience=99), worsen_and_end],
        )  # fmt: skip
    history = either.history
    assert history.epochs == 7 and history.best_epoch < 6
    np.testing.assert_allclose(either.evaluate(x, y)["loss"], min(history["val_loss"]), rtol=1e-6)


def test_the_best_weights_come_back_when_another_thread_stops_fit(either, blobs):
    """Without callbacks, where nobody but the waiting thread sees stop_training."""
    x, y = blobs
    y = np.random.default_rng(1).permutation(y)  # nothing to learn: the loss goes up and down
    either.compile(either._loss, cr.SGD(lr=0.5))
    stop = threading.Timer(0.3, lambda: setattr(either, "stop_training", True))
    stop.start()
    stopping = cr.EarlyStopping(patience=10**6)
    history = either.fit(
        x, y, epochs=10**6, batch_size=10, validation_data=(x, y), verbose=0, callbacks=[stopping]
    )  # fmt: skip
    stop.join()
    assert history.stop_reason == "callback"
    np.testing.assert_allclose(either.evaluate(x, y)["loss"], min(history["val_loss"]), rtol=1e-6)


def test_they_run_on_the_calling_thread(either, blobs):
    threads = set()
    either.fit(*blobs, verbose=0, callbacks=[lambda epoch, logs: threads.add(threading.get_ident())])
    assert threads == {threading.get_ident()}


def test_the_model_may_be_used_in_them(model, blobs, tmp_path):
    x, y = blobs
    seen = []

    def use(epoch, logs):
        seen.append(model.predict(x[:2]).shape)
        model.save(tmp_path / "model.safetensors")
        model.optimizer.lr *= 0.5
        model.state_dict()

    model.fit(x, y, epochs=3, verbose=0, callbacks=[use])
    assert seen == [(2, 3)] * 3 and model.optimizer.lr == pytest.approx(0.01 / 8)
    assert np.array_equal(cr.load(tmp_path / "model.safetensors").predict(x), model.predict(x))


def test_training_within_training_is_refused(model, blobs):
    x, y = blobs
    with pytest.raises(cr.BusyError):
        model.fit(x, y, verbose=0, callbacks=[lambda epoch, logs: model.fit(x, y, verbose=0)])
    with pytest.raises(cr.BusyError):
        model.fit(x, y, verbose=0, callbacks=[lambda epoch, logs: model.train_on_batch(x, y)])
    assert model.fit(x, y, verbose=0).epochs == 1


def test_what_is_not_a_callback(model, blobs):
    for bad in ([3], [cr.Callback], ["text"], [object()]):
        with pytest.raises(TypeError):
            model.fit(*blobs, verbose=0, callbacks=bad)
    model.fit(*blobs, verbose=0, callbacks=[])
    model.fit(*blobs, verbose=0, callbacks=[cr.Callback()])
    model.fit(*blobs, verbose=0, callbacks=())
