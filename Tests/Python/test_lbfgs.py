"""L-BFGS: a formula's minimum, least squares on the diabetes data, and what it can't do."""

import pathlib

import numpy as np
import pytest

import chainrule as cr

DATA = pathlib.Path(__file__).resolve().parents[2] / "examples" / "data"


def test_rosenbrock():
    p = cr.Parameter([-1.2, 1.0])
    f = (1 - p[0]) ** 2 + 100 * (p[1] - p[0] ** 2) ** 2
    losses = cr.minimize(f, optimizer=cr.LBFGS(max_iter=10, tolerance_change=0, line_search_fn="strong_wolfe"), steps=10)
    assert np.all(np.diff(losses) <= 0)
    value, (gradient,) = cr.value_and_grad(f)
    assert value < 1e-12 and np.abs(gradient).max() < 1e-4


def test_least_squares():
    table = np.loadtxt(DATA / "diabetes.csv", delimiter=",", skiprows=1)
    x, y = table[:, :-1], table[:, -1:]
    x = (x - x.mean(0)) / x.std(0)
    model = cr.Sequential(cr.Linear(10, 1), dtype="float64", seed=1)
    model.compile(loss="mse", optimizer=cr.LBFGS(tolerance_change=0, line_search_fn="strong_wolfe"))
    model.fit(x, y, epochs=4, batch_size=len(x), verbose=0)
    solution, *_ = np.linalg.lstsq(np.c_[x, np.ones(len(x))], y, rcond=None)
    state = model.state_dict()
    found = np.append(state["0.weight"].ravel(), state["0.bias"])
    np.testing.assert_allclose(found, solution.ravel(), rtol=1e-6, atol=1e-6)


def test_gradients_alone_are_refused():
    model = cr.Sequential(cr.Linear(2, 1))
    model.forward(np.ones((1, 2), "f4"))
    model.backward()
    before = model.state_dict()["0.weight"]
    with pytest.raises(cr.Error, match="lbfgs"):
        cr.LBFGS().step(model)
    np.testing.assert_array_equal(before, model.state_dict()["0.weight"])


def test_what_does_not_go_with_it():
    for options in ({"clip_norm": 1}, {"accumulate": 2}, {"l2": 0.1}, {"history_size": 0}, {"line_search_fn": "wolfe"}):
        with pytest.raises(ValueError, match="lbfgs"):
            cr.LBFGS(**options)
