"""Layers of one's own, in NumPy."""

import numpy as np
import pytest

import chainrule as cr


class Square(cr.CustomLayer):
    """factor x^2."""

    kind = "test_python_square"
    options = {"factor": 2.0, "mode": "plain"}

    @staticmethod
    def forward(x, *, training, factor, mode):
        assert mode == "plain"
        return factor * x * x

    @staticmethod
    def backward(gradient, output, x, *, factor, mode):
        return 2 * factor * x * gradient


class Outer(cr.CustomLayer):
    """The outer product of two vectors."""

    kind = "test_python_outer"
    inputs = ("left", "right")
    least_inputs = 2

    @staticmethod
    def output_shape(left, right):
        return (left[0], left[1], right[1])

    @staticmethod
    def forward(left, right, *, training):
        return left[:, :, None] * right[:, None, :]

    @staticmethod
    def backward(gradient, output, left, right):
        return (gradient * right[:, None, :]).sum(2), (gradient * left[:, :, None]).sum(1)


class Wrong(cr.CustomLayer):
    kind = "test_python_wrong"

    @staticmethod
    def forward(x, *, training):
        return x * x

    @staticmethod
    def backward(gradient, output, x):
        return gradient * x  # half of it


class Failing(cr.CustomLayer):
    kind = "test_python_failing"

    @staticmethod
    def forward(x, *, training):
        raise RuntimeError("the layer has had enough")


def test_it_trains_and_is_saved(tmp_path):
    x = np.random.default_rng(0).random((64, 3), dtype=np.float32) - 0.5
    y = (x**2).sum(1, keepdims=True)
    model = cr.Sequential(cr.Linear(3, 6), Square(factor=0.5), cr.Linear(6, 1), seed=1)
    model.compile(loss="mse", optimizer=cr.Adam(lr=0.02))
    history = model.fit(x, y, epochs=60, batch_size=16, verbose=0)
    assert history["loss"][-1] < history["loss"][0] / 20
    model.save(tmp_path / "own.safetensors")
    assert np.array_equal(cr.load(tmp_path / "own.safetensors").predict(x), model.predict(x))


def test_its_gradients():
    x = np.random.default_rng(1).random((4, 3))
    assert cr.check_gradients(cr.Sequential(cr.Linear(3, 5), Square(), dtype="float64"), x) < 1e-7
    a, b = cr.Input((2,)), cr.Input((3,))
    model = cr.Model([a, b], cr.Flatten()(Outer()(a, b)), dtype="float64")
    left, right = np.ones((4, 2)), np.arange(12.0).reshape(4, 3)
    assert np.array_equal(model.predict([left, right]).reshape(4, 2, 3), left[:, :, None] * right[:, None, :])
    assert cr.check_gradients(model, [left, right]) < 1e-7
    with pytest.raises(cr.DataError, match="differences"):
        cr.check_gradients(cr.Sequential(cr.Linear(3, 5), Wrong(), dtype="float64"), x)
    with pytest.raises(cr.Error, match="float64"):
        cr.check_gradients(cr.Sequential(cr.Linear(3, 5)), x)


def test_errors(capsys):
    with pytest.raises(TypeError, match="factor, mode"):
        Square(colour=1)
    with pytest.raises(cr.Error, match="free"):
        type("Again", (cr.CustomLayer,), {"kind": "linear"})
    model = cr.Sequential(cr.Linear(3, 5), Failing())
    with pytest.raises(cr.CallbackError, match="layer"):
        model.predict(np.zeros((2, 3), np.float32))
