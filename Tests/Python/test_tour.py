"""The whole face in one go: the program that the package was designed from."""

import numpy as np
import pytest

import chainrule as cr


def test_the_tour(digits, tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    x, y = digits

    model = cr.Sequential(cr.Linear(64, 64), cr.ReLU(), cr.Linear(64, 10), seed=0)
    model.compile(loss="cross_entropy", optimizer=cr.Adam(lr=1e-3), metrics=["accuracy"])
    history = model.fit(
        x, y, epochs=20, batch_size=32, validation_split=0.1, callbacks=[cr.EarlyStopping(patience=3)], verbose=1
    )
    assert history["val_accuracy"][-1] > 0.9
    history.plot("curves.png")
    assert (tmp_path / "curves.png").stat().st_size > 10000
    scores = model.predict(x)
    assert set(model.evaluate(x, y)) == {"loss", "accuracy"} and model.train_on_batch(x, y) < 0.5
    assert len(model.summary().splitlines()) > 4
    d = model.state_dict()
    model.load_state_dict(d)
    model.save("digits.safetensors")
    scores = model.predict(x)
    model = cr.load("digits.safetensors")
    assert np.array_equal(model.predict(x), scores)

    # one level down
    optimizer = cr.SGD(lr=0.1)
    y_hat = model.forward(x, training=True)
    loss, dy = cr.CrossEntropyLoss()(y_hat, y)
    dx = model.backward(dy)
    assert dx.shape == x.shape and model.gradients()["0.weight"].shape == (64, 64)
    optimizer.step(model)
    model.zero_grad()
    assert cr.CrossEntropyLoss()(model.predict(x), y)[0] < loss

    # a graph
    a = cr.Input((8,))
    h = cr.ReLU()(cr.Linear(8, 8)(a))
    model = cr.Model(a, cr.Linear(8, 1)(h + a))
    assert model.predict(np.ones((2, 8))).shape == (2, 1)

    # a formula
    p = cr.Parameter([-1.2, 1.0])
    f = (1 - p[0]) ** 2 + 100 * (p[1] - p[0] ** 2) ** 2
    value, (gradient,) = cr.value_and_grad(f)
    np.testing.assert_allclose([value, *gradient], [24.2, -215.6, -88.0])
    cr.minimize(f, optimizer=cr.Adam(lr=0.02), steps=2000)
    assert cr.value_and_grad(f)[0] < 1e-3

    threads = cr.get_num_threads()
    cr.set_num_threads(2)
    assert cr.cpu_level() in ("baseline", "avx2", "avx512") and cr.__version__
    cr.set_num_threads(threads)
