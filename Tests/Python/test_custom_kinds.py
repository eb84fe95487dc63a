"""Losses, metrics and optimizers of one's own: classes with a kind, functions and objects."""

import copy
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr


class Huber(cr.CustomLoss):
    """The huber loss in NumPy."""

    kind = "test_python_huber"
    options = {"delta": 1.0}

    @staticmethod
    def forward(prediction, target, *, delta):
        size = np.abs(prediction - target)
        return np.where(size < delta, 0.5 * size**2, delta * (size - 0.5 * delta)).mean(axis=1)

    @staticmethod
    def backward(prediction, target, *, delta):
        return np.clip(prediction - target, -delta, delta) / prediction.shape[1]


class Power(cr.CustomLoss):
    """A power of the error, of operations."""

    kind = "test_python_power"
    options = {"power": 2.0}

    @staticmethod
    def forward(prediction, target, *, power):
        return (prediction - target) ** power


class CrossEntropy(cr.CustomLoss):
    """Cross entropy of labels, of operations."""

    kind = "test_python_cross_entropy"
    labels = True

    @staticmethod
    def forward(prediction, target):
        scores = prediction - cr.logsumexp(prediction, dim=1, keepdim=True)
        return -cr.take_along_axis(scores, cr.unsqueeze(target, dim=1), dim=1).reshape(())


class Failing(cr.CustomLoss):
    kind = "test_python_failing_loss"

    @staticmethod
    def forward(prediction, target):
        raise RuntimeError("the loss has had enough")

    @staticmethod
    def backward(prediction, target):
        return np.zeros(3)


class Adam(cr.CustomOptimizer):
    """Adam in NumPy."""

    kind = "test_python_adam"
    options = {"lr": 0.01, "beta1": 0.9, "beta2": 0.999}
    state = 2

    @staticmethod
    def update(parameter, gradient, state, step, lr, *, beta1, beta2):
        mean, square = state
        mean[...] = beta1 * mean + (1 - beta1) * gradient
        square[...] = beta2 * square + (1 - beta2) * gradient**2
        parameter -= lr / (1 - beta1**step) * mean / (np.sqrt(square / (1 - beta2**step)) + 1e-8)


class Sudden(cr.CustomOptimizer):
    kind = "test_python_sudden"
    options = {"how": "raise"}

    @staticmethod
    def update(parameter, gradient, state, step, lr, *, how):
        parameter += 1
        if how == "raise":
            raise RuntimeError("the optimizer has had enough")
        if how == "infinite":
            parameter.flat[-1] = np.inf
        if how == "gradient":
            gradient[...] = 0


class MeanError:
    """A metric that sees batches."""

    larger_is_better = False
    name = "error"

    def __init__(self):
        self.sum = self.count = 0.0

    def update(self, y_true, y_pred, sample_weight=None):
        weight = np.ones(len(y_true)) if sample_weight is None else sample_weight
        self.sum += float(weight @ np.abs(y_true - y_pred).mean(axis=1))
        self.count += float(weight.sum())

    def result(self):
        return self.sum / self.count


def by_name(prediction, target):
    return (prediction - target) ** 2


def mean_error(y_true, y_pred, sample_weight=None):
    return np.average(np.abs(y_true - y_pred).mean(axis=1), weights=sample_weight)


@pytest.fixture
def data(rng):
    x = rng.normal(size=(300, 3))
    return x, np.tanh(x @ rng.normal(size=(3, 2))) + 1


def make(loss="mse", optimizer="adam lr=0.05", metrics=(), dtype="float64", **settings):
    model = cr.Sequential(cr.Linear(3, 8), cr.Tanh(), cr.Linear(8, 2), dtype=dtype, seed=1)
    model.compile(loss, optimizer, metrics, **settings)
    return model


PAIRS = [
    (Huber(delta=0.3), "huber delta=0.3"),
    ("test_python_huber factor=2", "huber factor=2"),
    (Power(), "mse"),
    (Power(reduction="sum"), "mse reduction=sum"),
    (lambda p, t: (p - t) ** 2, "mse"),
    (lambda y_pred, y_true: cr.mean(abs(y_pred - y_true)), "l1"),
    (lambda p, t: abs(p - t).sum(), "l1 reduction=sum"),
]


@pytest.mark.parametrize("own,library", PAIRS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_losses_train_as_the_librarys(data, rng, own, library, dtype):
    x, y = data
    weight = rng.uniform(0.5, 2, size=len(x))
    models = [make(loss, dtype=dtype, metrics=["mae", "r2"]) for loss in (own, library)]
    histories = [model.fit(x, y, epochs=4, sample_weight=weight, validation_split=0.2, verbose=0) for model in models]
    for name in histories[1]:
        np.testing.assert_allclose(histories[0][name], histories[1][name], rtol=1e-9 if dtype == "float64" else 1e-3, err_msg=name)
    assert models[0].train_on_batch(x, y) == pytest.approx(models[1].train_on_batch(x, y), rel=1e-3)


def test_losses_by_themselves(data):
    x, y = data
    for own, library in ((Huber(delta=0.5), cr.HuberLoss(delta=0.5)), (Power(factor=3), cr.MSELoss(factor=3))):
        for first, second in zip(own(x[:, :2], y), library(x[:, :2], y)):
            np.testing.assert_allclose(first, second, rtol=1e-12)
    class Wrong(Huber):
        kind = "test_python_wrong_huber"

        @staticmethod
        def backward(prediction, target, *, delta):
            return 2 * Huber.backward(prediction, target, delta=delta)

    for loss in (Huber(), Power(), cr.MSELoss()):
        assert cr.check_gradients(loss, x[:, :2], target=y) < 1e-7
    with pytest.raises(cr.DataError, match="differences"):
        cr.check_gradients(Wrong(), x[:, :2], target=y)
    assert repr(pickle.loads(pickle.dumps(Huber(delta=0.5)))) == repr(Huber(delta=0.5))


def test_labels(blobs):
    x, y = blobs
    models = []
    for loss in (CrossEntropy(), "cross_entropy"):
        models.append(cr.Sequential(cr.Linear(4, 3), dtype="float64", seed=0))
        models[-1].compile(loss, "sgd lr=0.1", ["accuracy"])
        models[-1].fit(x, y, epochs=5, verbose=0)
    assert models[0].evaluate(x, y) == pytest.approx(models[1].evaluate(x, y), rel=1e-10)


def test_checkpoints_and_pickles(data, tmp_path):
    x, y = data
    composed = make(lambda p, t: cr.log(1 + (p - t) ** 2), Adam(), [mean_error], schedule=cr.LambdaLR(lambda epoch: 0.5**epoch))
    models = [make(Huber(), Adam(clip_norm=0.5)), make(Power(), Adam(ema_decay=0.9))]
    for model in models:
        model.fit(x, y, epochs=2, verbose=0)
        model.save_checkpoint(tmp_path / "own")
        again = cr.load_checkpoint(tmp_path / "own")
        for one in (model, again):
            one.fit(x, y, epochs=4, resume=True, verbose=0)
        assert all(np.array_equal(again.state_dict()[name], values) for name, values in model.state_dict().items())
    composed.fit(x, y, epochs=2, verbose=0)
    copy.deepcopy(composed)  # and gone again: what it shares stays
    twin = copy.deepcopy(composed)
    for model in (composed, twin):
        model.fit(x, y, epochs=4, resume=True, verbose=0)
    assert composed.history["loss"] == twin.history["loss"] and set(twin.history) == {"loss", "mean_error"}
    path = tmp_path / "process"
    path.write_bytes(pickle.dumps(make(by_name, metrics=[mean_error])))
    code = f"import pickle, sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import numpy as np\n"
    code += f"model = pickle.loads(open({str(path)!r}, 'rb').read())\nprint(model.evaluate(np.ones((4, 3)), np.ones((4, 2)))['loss'])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    here = make(by_name).evaluate(np.ones((4, 3)), np.ones((4, 2)))["loss"]
    assert float(result.stdout) == here


def test_a_function_that_has_gone(data, tmp_path):
    model = make(lambda p, t: (p - t) ** 2)
    model.save_checkpoint(tmp_path / "gone")
    path = tmp_path / "gone"
    del model
    with pytest.raises(cr.CallbackError) as caught:
        cr.load_checkpoint(path)
    assert "not in this process" in str(caught.value.__cause__)


@pytest.mark.parametrize("more", ["", "clip_norm=0.1", "clip_value=0.01", "accumulate=2", "l2=0.1", "ema_decay=0.8"])
def test_optimizers_train_as_the_librarys(data, more):
    x, y = data
    own, library = make(optimizer=f"test_python_adam {more}"), make(optimizer=f"adam lr=0.01 {more}")
    for model in (own, library):
        model.fit(x, y, epochs=3, verbose=0)
    for name, values in library.state_dict().items():
        np.testing.assert_allclose(own.state_dict()[name], values, atol=1e-12)


def test_an_optimizer_in_a_loop_of_ones_own(data):
    x, y = data
    model, optimizer = make(), Adam(lr=0.05)
    loss = cr.MSELoss()
    for _ in range(200):
        value, gradient = loss(model.forward(x, training=True), y)
        model.zero_grad()
        model.backward(gradient)
        optimizer.step(model)
    assert value < 0.05 and optimizer.lr == 0.05
    model.compile("mse", "test_python_adam; 0.* sgd lr=0.1; *.bias frozen=true")
    before = model.state_dict()
    model.train_on_batch(x, y)
    after = model.state_dict()
    assert [np.array_equal(before[name], after[name]) for name in before] == [False, True, False, True]


def test_an_update_that_fails_is_taken_back(data):
    x, y = data
    for how, kind, cause in (("raise", cr.CallbackError, RuntimeError), ("infinite", cr.NonFiniteError, type(None)),
                             ("gradient", cr.CallbackError, ValueError)):  # fmt: skip
        model = make(optimizer=Sudden(how=how))
        before = model.state_dict()
        for call in (lambda: model.train_on_batch(x, y), lambda: model.fit(x, y, verbose=0)):
            with pytest.raises(kind) as caught:
                call()
            assert isinstance(caught.value.__cause__, cause)
            assert all(np.array_equal(before[name], values) for name, values in model.state_dict().items())


def test_metrics(data, rng):
    x, y = data
    weight = rng.uniform(0.5, 2, size=len(x))
    given = ["mae", mean_error, MeanError(), lambda t, p, sample_weight=None: float(len(t))]
    model = make(metrics=given)
    history = model.fit(x, y, epochs=3, validation_split=0.25, sample_weight=weight, verbose=0)
    assert set(history) == {f"{part}{name}" for part in ("", "val_") for name in ("loss", "mae", "mean_error", "error", "lambda")}
    for part in ("", "val_"):
        np.testing.assert_allclose(history[part + "mean_error"], history[part + "mae"], rtol=1e-12)
        np.testing.assert_allclose(history[part + "error"], history[part + "mae"], rtol=1e-12)
    assert history["lambda"] == [225.0] * 3 and history["val_lambda"] == [75.0] * 3
    values = model.evaluate(x, y)
    assert values["mean_error"] == pytest.approx(values["mae"], rel=1e-12)
    assert values["mean_error"] == pytest.approx(mean_error(y, model.predict(x)))
    assert given[2].count == 0  # each set has a copy


def test_metrics_with_a_numpy_loss(data):
    x, y = data
    model = make(lambda p, t: (float(np.mean((p - t) ** 2)), 2 * (p - t) / p.size), metrics=["mae", mean_error, MeanError()])
    history = model.fit(x, y, epochs=2, verbose=0)
    np.testing.assert_allclose(history["mean_error"], history["mae"], rtol=1e-12)
    np.testing.assert_allclose(history["error"], history["mae"], rtol=1e-12)


def test_early_stopping_looks_the_right_way(data):
    x, y = data

    class Score(MeanError):
        name = "score"
        larger_is_better = True

    stopping = cr.EarlyStopping(patience=2, monitor="score")
    history = make(metrics=[Score()]).fit(x, y, epochs=30, callbacks=[stopping], verbose=0)
    assert history.best_epoch == 0 and history.epochs == 3


def test_errors(data):
    x, y = data
    with pytest.raises(TypeError, match="delta, reduction, factor"):
        Huber(colour=1)
    with pytest.raises(TypeError, match="lr, beta1, beta2, clip_norm"):
        Adam(colour=1)
    for base, kind in ((cr.CustomLoss, "mse"), (cr.CustomOptimizer, "sgd"), (cr.CustomLoss, "test_python_huber")):
        with pytest.raises(cr.ArgumentError, match="free"):
            type("Again", (base,), {"kind": kind, "backward": None})
    for call in (lambda: make(Failing()).fit(x, y, verbose=0), lambda: make(Failing()).evaluate(x, y), lambda: Failing()(y, y)):
        with pytest.raises(cr.CallbackError, match="test_python_failing_loss") as caught:
            call()
        assert "had enough" in str(caught.value.__cause__)
    with pytest.raises(cr.Error):
        make("test_python_huber delta=wide").train_on_batch(x, y)
    with pytest.raises(cr.ShapeError, match="losses"):
        make(lambda p, t: ((p - t) ** 2).mean(0).sum())
    with pytest.raises(cr.CallbackError) as caught:
        make(metrics=[lambda t, p: 1 / 0]).evaluate(x, y)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    with pytest.raises(TypeError, match="functions of"):
        make(metrics=[3])
    with pytest.raises(cr.AttributeTextError, match="again"):
        make(metrics=[mean_error, mean_error])


def test_a_class_defined_anew_takes_its_place(data):
    x, y = data

    def define(factor):
        class Anew(cr.CustomLoss):
            kind = "test_python_anew"

            @staticmethod
            def forward(prediction, target):
                return factor * (prediction - target) ** 2

        return Anew()

    first = define(1)(x[:, :2], y)[0]
    assert define(2)(x[:, :2], y)[0] == pytest.approx(2 * first)
