"""A loss written in NumPy: in fit, and in a loop of one's own."""

import numpy as np
import pytest

import chainrule as cr


def squared_error(prediction, target, weight=None):
    error = prediction - target
    if weight is None:
        return np.mean(error**2), 2 * error / error.size
    share = (weight / weight.sum())[:, None] / error.shape[1]
    return np.sum(share * error**2), 2 * share * error


@pytest.fixture
def data(rng):
    x = rng.normal(size=(60, 3))
    return x, x @ rng.normal(size=(3, 2)) + 1


def make(loss, seed=1, metrics=("mae", "mse", "r2"), optimizer="adam lr=0.05"):
    model = cr.Sequential(cr.Linear(3, 8), cr.Tanh(), cr.Linear(8, 2), dtype="float64", seed=seed)
    model.compile(loss, optimizer, metrics)
    return model


@pytest.mark.parametrize("weighted", [False, True])
def test_a_python_loss_trains_as_the_librarys_own(data, rng, weighted):
    x, y = data
    weight = rng.uniform(0.5, 2, size=60) if weighted else None
    settings = {"epochs": 4, "batch_size": 25, "shuffle": False, "verbose": 0, "sample_weight": weight}
    settings["validation_split"] = 0.2
    ours, theirs = make(squared_error), make("mse")
    first, second = ours.fit(x, y, **settings), theirs.fit(x, y, **settings)
    if weighted:  # what is held out is evaluated with its weights here as there
        assert set(first) == set(second)
    for name in second:
        np.testing.assert_allclose(first[name], second[name], rtol=1e-9, err_msg=name)
    for name, values in theirs.state_dict().items():
        np.testing.assert_allclose(ours.state_dict()[name], values, rtol=1e-8)
    assert first.best_epoch == second.best_epoch
    assert ours.evaluate(x, y, weight) == pytest.approx(theirs.evaluate(x, y, weight), rel=1e-9)


def test_early_stopping_as_the_librarys_own(data):
    x, y = data
    noise = np.random.default_rng(3).normal(size=y.shape)
    histories = []
    for loss in (squared_error, "mse"):
        model = make(loss)
        stopping = cr.EarlyStopping(patience=3, monitor="val_r2")
        history = model.fit(x, noise, epochs=400, shuffle=False, validation_split=0.3, callbacks=[stopping], verbose=0)
        histories.append((history.epochs, history.best_epoch, history.stop_reason))
        assert model.evaluate(x[-18:], noise[-18:])["r2"] == pytest.approx(max(history["val_r2"]))
    assert histories[0] == histories[1] and histories[0][2] == "early_stopping"


def test_shuffling_depends_on_the_seed_alone(data):
    runs = [make(squared_error, seed=seed).fit(*data, epochs=3, verbose=0)["loss"] for seed in (1, 1, 2)]
    assert runs[0] == runs[1] != runs[2]
    model = make(squared_error)
    orders = []

    def spy(prediction, target):
        orders.append(target[:, 0].tolist())
        return squared_error(prediction, target)

    model.compile(spy, "sgd lr=0.0")
    model.fit(*data, epochs=2, batch_size=60, verbose=0)
    assert orders[0] != orders[1] and sorted(orders[0]) == sorted(orders[1])


def test_single_batches_and_labels(blobs):
    x, y = blobs

    def cross_entropy(logits, labels):
        e = np.exp(logits - logits.max(axis=1, keepdims=True))
        p = e / e.sum(axis=1, keepdims=True)
        rows = np.arange(len(labels))
        loss = -np.log(p[rows, labels]).mean()
        p[rows, labels] -= 1
        return loss, p / len(labels)

    model = cr.Sequential(cr.Linear(4, 3))
    model.compile(cross_entropy, cr.Adam(lr=0.05), metrics=["accuracy"])
    first = model.train_on_batch(x, y)
    history = model.fit(x, y, epochs=30, verbose=0)
    assert history["accuracy"][-1] > 0.95 and model.train_on_batch(x, y) < 0.3 * first
    assert model.evaluate(x, y)["accuracy"] == np.mean(model.predict(x).argmax(1) == y)


def test_a_loop_of_ones_own(data):
    x, y = data
    model = cr.Sequential(cr.Linear(3, 2), seed=0)
    optimizer = cr.SGD(lr=0.1)
    for _ in range(300):
        y_hat = model.forward(x, training=True)
        loss, dy = squared_error(y_hat, y)
        model.zero_grad()
        dx = model.backward(dy)
        optimizer.step(model)
    assert loss < 1e-6 and dx.shape == x.shape and dx.dtype == np.float32
    assert set(model.gradients()) == {"0.weight", "0.bias"}


def test_gradients_add_up_until_zero_grad(data):
    x, y = data
    model = make("mse")
    model.forward(x)
    model.backward(y)
    once = model.gradients()
    with pytest.raises(cr.StateError):
        model.backward(y)  # a forward pass serves one backward pass
    model.forward(x)
    model.backward(y)
    for name, values in model.gradients().items():
        np.testing.assert_allclose(values, 2 * once[name], rtol=1e-12)
    model.zero_grad()
    assert all(np.all(values == 0) for values in model.gradients().values())


def test_order_of_calls(data):
    x, y = data
    model = make("mse")
    with pytest.raises(cr.StateError):
        model.backward(y)
    with pytest.raises(ValueError):
        model.forward(x[:, :2])
    with pytest.raises(cr.StateError):
        model.backward(y)
    model.forward(x)
    for bad in (y[:5], y[:, :1]):
        with pytest.raises(ValueError):
            model.backward(bad)
    with pytest.raises(TypeError):
        model.backward("gradient")
    assert model.backward().shape == x.shape


def test_what_needs_a_loss_of_the_library(data, tmp_path):
    model = make(squared_error)
    for call in (
        lambda: model.save_checkpoint(tmp_path / "checkpoint"), lambda: model.memory(32), lambda: model.prepare(*data),
    ):  # fmt: skip
        with pytest.raises(cr.StateError, match="Python function"):
            call()
    assert not list(tmp_path.iterdir())


def test_no_samples_are_refused_as_by_the_librarys_own(data):
    x, y = data
    for loss in (squared_error, "mse"):
        model = make(loss)
        before = model.state_dict()
        for call in (
            lambda: model.fit(x[:0], y[:0], verbose=0), lambda: model.evaluate(x[:0], y[:0]),
            lambda: model.train_on_batch(x[:0], y[:0]),
            lambda: model.fit(x, y, validation_data=(x[:0], y[:0]), verbose=0),
        ):  # fmt: skip
            with pytest.raises(cr.ShapeError, match="expected 1 sample or more, got 0"):
                call()
        if loss is squared_error:  # which looks at all data before the first step
            assert all(np.array_equal(before[name], values) for name, values in model.state_dict().items())


def test_what_a_loss_may_not_return(data):
    for bad in (lambda p, t: 3.0, lambda p, t: None, lambda p, t: (1.0, p, p)):
        with pytest.raises(TypeError, match="must return"):
            make(bad).train_on_batch(*data)
    with pytest.raises(ValueError):
        make(lambda p, t: (1.0, p[:1])).train_on_batch(*data)
    with pytest.raises(cr.NonFiniteError):
        make(lambda p, t: (float("nan"), p)).fit(*data, verbose=0)
    with pytest.raises(cr.NonFiniteError):
        make(lambda p, t: (1.0, p * np.inf)).fit(*data, verbose=0)

    def broken(prediction, target):
        raise ZeroDivisionError("in the loss")

    with pytest.raises(ZeroDivisionError):
        make(broken).fit(*data, verbose=0)
    model = make(squared_error)
    with pytest.raises(ValueError):
        model.fit(data[0], data[1][:5], verbose=0)
    with pytest.raises(ValueError):
        model.fit(*data, resume=True, verbose=0)
    with pytest.raises(cr.StateError):
        model.prepare(*data)
    with pytest.raises(ValueError):
        make(squared_error, metrics=["beauty"])
    with pytest.raises(ValueError):
        model.fit(*data, validation_split=1.5, verbose=0)
