"""compile, fit, evaluate, single updates: what they compute, record and refuse."""

import numpy as np
import pytest

import chainrule as cr


def classifier(seed=0, **settings):
    model = cr.Sequential(cr.Linear(4, 16), cr.ReLU(), cr.Linear(16, 3), seed=seed)
    model.compile(loss="cross_entropy", optimizer=cr.Adam(lr=1e-2), metrics=["accuracy"], **settings)
    return model


def test_iris_is_learned(iris):
    x, y = iris
    model = classifier()
    history = model.fit(x, y, epochs=30, batch_size=16, validation_split=0.2, verbose=0)
    assert set(history) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    assert history.epochs == 30 and all(len(values) == 30 for values in history.values())
    assert history["val_accuracy"][-1] > 0.9 and history["loss"][-1] < 0.3 * history["loss"][0]
    assert history.stop_reason == "completed" and model.history is history
    result = model.evaluate(x, y)
    assert result["accuracy"] == np.mean(model.predict(x).argmax(axis=1) == y)
    np.testing.assert_allclose(result["loss"], cr.CrossEntropyLoss()(model.predict(x), y)[0], rtol=1e-5)


def test_digits_as_in_the_readme(digits):
    x, y = digits
    model = cr.Sequential(cr.Linear(64, 64), cr.ReLU(), cr.Linear(64, 10), seed=0)
    model.compile(loss="cross_entropy", optimizer=cr.Adam(lr=1e-3), metrics=["accuracy"])
    history = model.fit(
        x, y, epochs=20, batch_size=32, validation_split=0.1, callbacks=[cr.EarlyStopping(patience=3)], verbose=0
    )
    assert max(history["val_accuracy"]) > 0.93


def test_linear_regression_agrees_with_least_squares(rng):
    x = rng.normal(size=(100, 3))
    y = x @ np.array([[1.0], [-2.0], [0.5]]) + 0.7 + 0.1 * rng.normal(size=(100, 1))
    model = cr.Sequential(cr.Linear(3, 1), dtype="float64")
    model.compile("mse", cr.SGD(lr=0.1), metrics="r2 mae mse")
    model.fit(x, y, epochs=300, batch_size=100, verbose=0)
    exact = np.linalg.lstsq(np.c_[x, np.ones(100)], y, rcond=None)[0][:, 0]
    state = model.state_dict()
    np.testing.assert_allclose(np.r_[state["0.weight"][0], state["0.bias"]], exact, atol=1e-6)
    error = model.predict(x) - y
    result = model.evaluate(x, y)
    assert list(result) == ["loss", "r2", "mae", "mse"]
    np.testing.assert_allclose(result["mse"], np.mean(error**2), rtol=1e-9)
    np.testing.assert_allclose(result["mae"], np.mean(np.abs(error)), rtol=1e-9)
    np.testing.assert_allclose(result["r2"], 1 - np.sum(error**2) / np.sum((y - y.mean()) ** 2), rtol=1e-9)


def test_the_first_steps_by_hand(rng):
    x, y = rng.normal(size=(6, 2)), rng.normal(size=(6, 1))
    model = cr.Sequential(cr.Linear(2, 1), dtype="float64", seed=4)
    model.compile("mse", "sgd lr=0.1")
    w, b = model.state_dict()["0.weight"], model.state_dict()["0.bias"]
    for _ in range(5):
        error = x @ w.T + b - y
        loss = model.train_on_batch(x, y)
        np.testing.assert_allclose(loss, np.mean(error**2), rtol=1e-12)
        w, b = w - 0.1 * (2 / 6) * error.T @ x, b - 0.1 * (2 / 6) * error.sum(axis=0)
        np.testing.assert_allclose(model.state_dict()["0.weight"], w, rtol=1e-10)
        np.testing.assert_allclose(model.state_dict()["0.bias"], b, rtol=1e-10)


def test_three_roads_to_one_update(blobs):
    """train_on_batch, a prepared batch, and the loop written out give the same bits."""
    x, y = blobs
    models = [classifier(seed=5) for _ in range(3)]
    batch = models[1].prepare(x, y)
    optimizer, loss_function = cr.Adam(lr=1e-2), cr.CrossEntropyLoss()
    for _ in range(10):
        first = models[0].train_on_batch(x, y)
        second = models[1].train_on_batch(batch)
        prediction = models[2].forward(x, training=True)
        third, gradient = loss_function(prediction, y)
        models[2].zero_grad()
        models[2].backward(gradient)
        optimizer.step(models[2])
        assert first == second == pytest.approx(third, rel=1e-6)
    states = [model.state_dict() for model in models]
    for name in states[0]:
        assert np.array_equal(states[0][name], states[1][name])
        np.testing.assert_allclose(states[0][name], states[2][name], rtol=1e-4, atol=1e-6)


def test_input_types_do_not_matter(blobs):
    x, y = blobs
    reference = classifier().fit(x, y, epochs=3, verbose=0)
    strided = np.repeat(x, 2, axis=0)[::2]
    for variant, labels in (
        (np.asfortranarray(x), y),
        (strided, np.repeat(y, 3)[::3]),
        (x.astype("f8"), y.astype("i4")),
        (x.astype(">f4"), y.astype("u1")),
        (x.tolist(), y.tolist()),
    ):
        assert dict(classifier().fit(variant, labels, epochs=3, verbose=0)) == dict(reference)


def test_seeds_and_threads_give_the_same_bits(digits):
    x, y = digits
    weights = []
    threads = cr.get_num_threads()
    try:
        for count in (1, 2, 2):
            cr.set_num_threads(count)
            model = cr.Sequential(cr.Linear(64, 32), cr.Dropout(0.2), cr.ReLU(), cr.Linear(32, 10), seed=3)
            model.compile("cross_entropy", "adam lr=0.01")
            model.fit(x, y, epochs=2, verbose=0)
            weights.append(model.state_dict()["0.weight"].tobytes())
    finally:
        cr.set_num_threads(threads)
    assert weights[0] == weights[1] == weights[2]
    other = cr.Sequential(cr.Linear(64, 32), cr.Dropout(0.2), cr.ReLU(), cr.Linear(32, 10), seed=3)
    other.compile("cross_entropy", "adam lr=0.01", seed=9)
    other.fit(x, y, epochs=2, verbose=0)
    assert other.state_dict()["0.weight"].tobytes() != weights[0]


def test_validation_data_and_weights(blobs):
    x, y = blobs
    model = classifier()
    weight = np.where(y == 0, 1.0, 0.0)
    history = model.fit(x, y, epochs=20, sample_weight=weight, validation_data=(x[:30], y[:30]), verbose=0)
    assert set(history) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    assert np.all(model.predict(x).argmax(axis=1) == 0)  # only class 0 counted
    assert model.evaluate(x, y, sample_weight=weight)["accuracy"] == 1
    assert model.evaluate(x, y)["accuracy"] == pytest.approx(1 / 3)
    with pytest.raises(TypeError, match="pair"):
        model.fit(x, y, validation_data=x, verbose=0)
    with pytest.raises(ValueError):
        model.fit(x, y, sample_weight=weight[:5], verbose=0)
    with pytest.raises(ValueError):
        model.fit(x, y, sample_weight=-weight - 1, verbose=0)


def test_order_and_batches(blobs):
    x, y = blobs
    seen = []

    class Watch(cr.Callback):
        def on_batch_end(self, batch, logs):
            seen.append(batch)

    model = classifier()
    model.fit(x, y, epochs=2, batch_size=40, callbacks=[Watch()], verbose=0)
    assert seen == [0, 1, 2, 3] * 2
    seen.clear()
    model.fit(x, y, epochs=1, batch_size=40, drop_last=True, callbacks=Watch(), verbose=0)
    assert seen == [0, 1, 2]
    seen.clear()
    model.fit(x, y, epochs=1, batch_size=1000, callbacks=Watch(), verbose=0)
    assert seen == [0]
    first, second = classifier(), classifier()
    first.fit(x, y, shuffle=False, verbose=0)
    for start in range(0, 150, 32):
        second.train_on_batch(x[start : start + 32], y[start : start + 32])
    assert np.array_equal(first.state_dict()["0.weight"], second.state_dict()["0.weight"])


def test_early_stopping_goes_back_to_the_best(iris):
    x, y = iris
    model = classifier()
    stopping = cr.EarlyStopping(patience=2, monitor="val_accuracy")
    history = model.fit(x, y, epochs=500, validation_split=0.3, callbacks=[stopping], verbose=0)
    assert history.stop_reason == "early_stopping" and history.epochs < 500
    assert history.best_epoch == int(np.argmax(history["val_accuracy"]))
    assert history.epochs == history.best_epoch + 1 + 2
    held_out = model.evaluate(x[-45:], y[-45:])
    assert held_out["accuracy"] == max(history["val_accuracy"])

    history = classifier().fit(x, y, epochs=50, callbacks=[cr.EarlyStopping(min_delta=1e9, patience=4)], verbose=0)
    assert history.epochs == 5 and history.best_epoch == 0
    with pytest.raises(KeyError):
        model.fit(x, y, callbacks=[cr.EarlyStopping(monitor="beauty")], verbose=0)
    with pytest.raises(ValueError, match="two"):
        model.fit(x, y, callbacks=[stopping, stopping], verbose=0)
    for settings in ({"patience": 0}, {"min_delta": -1}, {"min_delta": float("nan")}):
        with pytest.raises(ValueError):
            cr.EarlyStopping(**settings)


def test_losses_as_texts_and_objects(rng):
    x, y = rng.normal(size=(32, 3)).astype("f4"), rng.uniform(size=(32, 1)).astype("f4")
    for loss in ("mse", cr.MSELoss(), "l1", cr.HuberLoss(delta=0.5), "bce_with_logits", cr.Loss("huber delta=2")):
        model = cr.Sequential(cr.Linear(3, 1))
        model.compile(loss, "adam lr=0.05")
        history = model.fit(x, y, epochs=20, verbose=0)
        assert history["loss"][-1] < history["loss"][0]
    probabilities = np.eye(3, dtype="f4")[rng.integers(0, 3, size=32)]
    model = cr.Sequential(cr.Linear(3, 3))
    model.compile(cr.CrossEntropyLoss(label_smoothing=0.1), "adam", metrics=["accuracy"])
    by_probabilities = model.evaluate(x, probabilities)
    assert by_probabilities == pytest.approx(model.evaluate(x, probabilities.argmax(1)))


def test_minimising_the_output_itself():
    p = cr.Parameter([3.0, -4.0], name="p")
    model = cr.Model([], cr.sum(p * p))
    model.compile(None, "sgd lr=0.25")
    assert model.train_on_batch() == 25
    history = model.fit(epochs=20, verbose=0)
    assert history["loss"][0] == 6.25 and history["loss"][-1] < 1e-4
    assert model.predict().shape == ()
    with pytest.raises(ValueError):
        model.train_on_batch(np.ones(3))
    with pytest.raises(ValueError):
        model.fit(None, np.ones(3), verbose=0)


def test_not_finite_keeps_the_weights(rng):
    x, y = rng.normal(size=(64, 3)).astype("f4"), rng.normal(size=(64, 1)).astype("f4")
    model = cr.Sequential(cr.Linear(3, 1))
    model.compile("mse", cr.SGD(lr=1e20))
    with pytest.raises(cr.NonFiniteError) as caught:
        model.fit(x, y, epochs=50, batch_size=8, verbose=0)
    assert isinstance(caught.value, ArithmeticError) and caught.value.history is model.history
    assert all(np.isfinite(values).all() for values in model.state_dict().values())
    for bad in (np.nan, np.inf):
        poisoned = x.copy()
        poisoned[3, 1] = bad
        with pytest.raises((ValueError, cr.NonFiniteError)):
            model.train_on_batch(poisoned, y)
        with pytest.raises((ValueError, cr.NonFiniteError)):
            model.fit(poisoned, y, verbose=0)


def test_use_before_compile(blobs):
    x, y = blobs
    model = cr.Sequential(cr.Linear(4, 3))
    for call in (model.fit, model.evaluate, model.train_on_batch, model.prepare):
        with pytest.raises(cr.StateError, match="compile"):
            call(x, y)
    with pytest.raises(cr.StateError):
        model.memory(32)
    with pytest.raises(cr.StateError):
        model.train_on_batch(classifier().prepare(x, y))


@pytest.mark.parametrize(
    "settings",
    [
        {"epochs": -1}, {"batch_size": 0}, {"batch_size": -3}, {"validation_split": 1.0}, {"validation_split": -0.1},
        {"validation_split": float("nan")}, {"epochs": 2**70}, {"validation_split": 1e-9},
    ],
    ids=str,
)  # fmt: skip
def test_bad_settings(blobs, settings):
    x, y = blobs
    model = classifier()
    before = model.state_dict()
    with pytest.raises((ValueError, OverflowError)):
        model.fit(x, y, verbose=0, **settings)
    assert all(np.array_equal(before[name], values) for name, values in model.state_dict().items())


def test_bad_data(blobs):
    x, y = blobs
    model = classifier()
    for bad_x, bad_y in ((x, y[:-1]), (x[:, :3], y), (x, x), (x, None), (None, y), (x[:0], y[:0]), (x, y[:, None])):
        for call in (lambda *a: model.fit(*a, verbose=0), model.train_on_batch, model.evaluate):
            with pytest.raises((ValueError, TypeError)):
                call(bad_x, bad_y)
    for arguments in (("mse", "sgd", ["beauty"]), ("nonsense", "sgd"), ("mse", "walk"), (["mse"] * 2, "sgd")):
        with pytest.raises(ValueError):
            model.compile(*arguments)
    for arguments in (("mse", 3), (3, "sgd"), ("mse", "sgd", [3])):
        with pytest.raises(TypeError):
            model.compile(*arguments)
    assert model.evaluate(x, y)["accuracy"] >= 0  # still compiled as before


def test_memory_is_known_before_training():
    model = classifier()
    memory = model.memory(32)
    assert set(memory) == {"parameters", "gradients", "optimizer", "activations", "total", "checkpointing_saves"}
    assert memory["checkpointing_saves"] == 0
    assert memory["parameters"] >= 4 * model.parameter_count
    assert memory["total"] >= memory["parameters"] + memory["activations"]
    with pytest.raises(ValueError):
        model.memory(-1)


def deep(segments, seed=0):
    layers = []
    for _ in range(8):
        layers += [cr.Linear(64, 64), cr.BatchNorm1d(64), cr.ReLU(), cr.Dropout(0.2)]
    model = cr.Sequential(*layers, cr.Linear(64, 3), seed=seed)
    model.compile("cross_entropy", "adamw lr=1e-2 clip_norm=1", checkpoint_segments=segments)
    return model


def test_checkpoint_segments_change_no_bit(rng, tmp_path):
    x = rng.normal(size=(256, 64)).astype(np.float32)
    y = rng.integers(0, 3, 256)
    models = [deep(segments) for segments in (0, 2, 3, "auto", np.int64(9))]
    for model in models:
        model.fit(x, y, epochs=2, batch_size=100, verbose=0)
    plain, *others = models
    for model in others:
        assert model.history["loss"] == plain.history["loss"]
        for name, value in plain.state_dict().items():
            np.testing.assert_array_equal(value, model.state_dict()[name])
        assert model.memory(1000)["checkpointing_saves"] > 0
    memories = [model.memory(10000) for model in models]
    for memory in memories:
        assert memory["activations"] + memory["checkpointing_saves"] == memories[0]["activations"]
    assert memories[3]["activations"] <= min(memory["activations"] for memory in memories[:3])
    assert memories[3]["activations"] < 0.5 * memories[0]["activations"]
    # Kept in checkpoints.
    others[0].save_checkpoint(tmp_path / "checkpoint")
    loaded = cr.load_checkpoint(tmp_path / "checkpoint")
    assert loaded.memory(1000) == others[0].memory(1000)


@pytest.mark.parametrize("segments", [-1, 10001, 2**70, 1.5, "all", True, None], ids=str)
def test_checkpoint_segments_that_are_none(segments):
    with pytest.raises((TypeError, ValueError), match="checkpoint_segments"):
        classifier(checkpoint_segments=segments)
    with pytest.raises(ValueError, match="checkpoint_segments"):
        model = cr.Sequential(cr.Linear(4, 3))
        model.compile(lambda y_pred, y_true: (np.mean(y_pred), np.ones_like(y_pred)), "sgd", checkpoint_segments=2)


def test_metrics_with_attributes():
    random = np.random.default_rng(3)
    x = random.normal(size=(50, 4)).astype(np.float32)
    y = random.integers(0, 4, 50)
    model = cr.Sequential(cr.Linear(4, 4), seed=0)
    model.compile("cross_entropy", "sgd", metrics=["accuracy", "top_k k=1", "top_k k=3", "f1 average=micro"])
    assert model.metrics == ("accuracy", "top_k k=1", "top_k k=3", "f1 average=micro")
    result = model.evaluate(x, y)
    assert set(result) == {"loss", "accuracy", "top_k_k=1", "top_k_k=3", "f1"}
    assert result["accuracy"] == result["top_k_k=1"] == pytest.approx(result["f1"]) and result["top_k_k=3"] > 0.5
    history = model.fit(x, y, epochs=1, verbose=0)
    assert set(history) == set(result)
    model.compile("cross_entropy", "sgd", metrics="accuracy top_k k=3 kappa weights=linear")
    assert set(model.evaluate(x, y)) == {"loss", "accuracy", "top_k", "kappa"}
    with pytest.raises(cr.ArgumentError, match="average"):
        model.compile("cross_entropy", "sgd", metrics="f1")
    with pytest.raises(cr.AttributeTextError, match="need a loss of the library"):
        model.compile(lambda prediction, target: (0.0, 0 * prediction), "sgd", metrics="top_k k=2")
    matrix = cr.confusion_matrix(model.predict(x), y)
    assert matrix.shape == (4, 4) and matrix.sum() == 50
    assert np.trace(matrix) == np.sum(model.predict(x).argmax(1) == y)
    assert cr.confusion_matrix([0, 1, 1], [0, 1, 0], [1, 2, 0.5]).tolist() == [[1, 0.5], [0, 2]]
    with pytest.raises(ValueError, match="a class from 0 to 1"):
        cr.confusion_matrix([0, -1], [0, 1])
