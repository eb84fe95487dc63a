"""Every layer of the catalog: output and gradient against NumPy, in float64 and float32."""

import inspect

import numpy as np
import pytest
from conftest import own_kinds
from formulas import LAYERS, numeric_gradient, softplus

import chainrule as cr

CASES = [
    (cr.Identity(), LAYERS["identity"]),
    (cr.ReLU(), LAYERS["relu"]),
    (cr.LeakyReLU(), LAYERS["leaky_relu"]),
    (cr.LeakyReLU(0.3), lambda x: LAYERS["leaky_relu"](x, 0.3)),
    (cr.ELU(), LAYERS["elu"]),
    (cr.ELU(alpha=2.5), lambda x: LAYERS["elu"](x, 2.5)),
    (cr.SELU(), LAYERS["selu"]),
    (cr.GELU(), LAYERS["gelu"]),
    (cr.GELU(approximate="tanh"), LAYERS["gelu_tanh"]),
    (cr.SiLU(), LAYERS["silu"]),
    (cr.Sigmoid(), LAYERS["sigmoid"]),
    (cr.Tanh(), LAYERS["tanh"]),
    (cr.Softplus(), LAYERS["softplus"]),
    (cr.Softplus(beta=3, threshold=2), lambda x: softplus(x, 3, 2)),
    (cr.Hardtanh(), LAYERS["hardtanh"]),
    (cr.Hardtanh(-0.5, 2), lambda x: LAYERS["hardtanh"](x, -0.5, 2)),
    (cr.Softmax(), LAYERS["softmax"]),
    (cr.LogSoftmax(), LAYERS["log_softmax"]),
    (cr.LogSoftmax(dim=1), lambda x: LAYERS["log_softmax"](x, 1)),
]


@pytest.mark.parametrize("layer, formula", CASES, ids=[repr(layer) for layer, _ in CASES])
@pytest.mark.parametrize("dtype, tolerance", [("float64", 1e-12), ("float32", 3e-6)])
def test_activation(layer, formula, dtype, tolerance, rng):
    model = cr.Sequential(layer, input_shape=(3, 5), dtype=dtype)
    x = (2 * rng.normal(size=(4, 3, 5))).astype(dtype)
    upstream = rng.normal(size=x.shape).astype(dtype)
    expected = formula(x.astype(np.float64))
    for output in (model.predict(x), model.forward(x), model.forward(x, training=True)):
        assert output.dtype == dtype
        np.testing.assert_allclose(output, expected, rtol=tolerance, atol=tolerance)
    gradient = model.backward(upstream)
    expected = numeric_gradient(formula, x, upstream.astype(np.float64))
    np.testing.assert_allclose(gradient, expected, rtol=max(tolerance, 1e-6), atol=max(tolerance, 1e-7))


@pytest.mark.parametrize("shape", [(6,), (2, 6), (3, 2, 6)])
@pytest.mark.parametrize("bias", [True, False])
def test_linear(shape, bias, rng):
    model = cr.Sequential(cr.Linear(6, 4, bias=bias), input_shape=shape, dtype="float64", seed=3)
    x = rng.normal(size=(5, *shape))
    upstream = rng.normal(size=(5, *shape[:-1], 4))
    state = model.state_dict()
    assert list(state) == (["0.weight", "0.bias"] if bias else ["0.weight"])
    weight, offset = state["0.weight"], state.get("0.bias", 0.0)
    assert weight.shape == (4, 6)
    np.testing.assert_allclose(model.forward(x, training=True), x @ weight.T + offset, rtol=1e-12)
    dx = model.backward(upstream)
    np.testing.assert_allclose(dx, upstream @ weight, rtol=1e-12)
    gradients = model.gradients()
    rows, columns = x.reshape(-1, 6), upstream.reshape(-1, 4)
    np.testing.assert_allclose(gradients["0.weight"], columns.T @ rows, rtol=1e-12)
    if bias:
        np.testing.assert_allclose(gradients["0.bias"], columns.sum(axis=0), rtol=1e-12)


def test_linear_starts_within_pytorch_bounds():
    state = cr.Sequential(cr.Linear(100, 50), seed=1).state_dict()
    for values in state.values():
        assert np.abs(values).max() <= 0.1 and np.abs(values).max() > 0.09
    again = cr.Sequential(cr.Linear(100, 50), seed=1).state_dict()
    other = cr.Sequential(cr.Linear(100, 50), seed=2).state_dict()
    assert np.array_equal(state["0.weight"], again["0.weight"])
    assert not np.array_equal(state["0.weight"], other["0.weight"])


@pytest.mark.parametrize(
    "words, check",
    [
        ("zeros", lambda w: np.all(w == 0)),
        ("ones", lambda w: np.all(w == 1)),
        ("constant(0.25)", lambda w: np.all(w == 0.25)),
        ("uniform(2,3)", lambda w: w.min() >= 2 and w.max() <= 3 and w.std() > 0.2),
        ("normal(1,0.1)", lambda w: abs(w.mean() - 1) < 0.01 and abs(w.std() - 0.1) < 0.01),
        ("xavier_uniform", lambda w: 0.95 * np.sqrt(6 / 200) < np.abs(w).max() <= np.sqrt(6 / 200)),
        ("xavier_normal", lambda w: abs(w.std() - np.sqrt(2 / 200)) < 0.005),
        ("he_uniform", lambda w: 0.95 * np.sqrt(6 / 100) < np.abs(w).max() <= np.sqrt(6 / 100)),
        ("he_normal", lambda w: abs(w.std() - np.sqrt(2 / 100)) < 0.01),
    ],
)
def test_initializers(words, check):
    assert check(cr.Sequential(cr.Linear(100, 100, weight_init=words)).state_dict()["0.weight"])


def test_flatten_and_reshape(rng):
    x = rng.normal(size=(2, 3, 4, 5)).astype(np.float32)
    model = cr.Sequential(cr.Flatten(), input_shape=(3, 4, 5))
    assert model.output_shapes == [(-1, 60)]
    assert np.array_equal(model.predict(x), x.reshape(2, 60))
    model = cr.Sequential(cr.Flatten(2, 3), input_shape=(3, 4, 5))
    assert np.array_equal(model.predict(x), x.reshape(2, 3, 20))
    model = cr.Sequential(cr.Reshape((5, -1)), input_shape=(3, 4, 5))
    assert np.array_equal(model.predict(x), x.reshape(2, 5, 12))
    model.forward(x)
    assert model.backward(np.ones((2, 5, 12), np.float32)).shape == x.shape


def test_dropout_scales_what_it_keeps():
    model = cr.Sequential(cr.Dropout(0.25), input_shape=(1000,))
    x = np.ones((20, 1000), np.float32)
    assert np.array_equal(model.predict(x), x)
    assert np.array_equal(model.forward(x), x)
    first = model.forward(x, training=True)
    dx = model.backward(np.ones_like(x))
    np.testing.assert_allclose(np.unique(first), [0, 4 / 3], rtol=1e-6)
    assert abs((first == 0).mean() - 0.25) < 0.02
    assert np.array_equal(dx, first)  # the same mask
    assert not np.array_equal(first, model.forward(x, training=True))


def test_every_kind_has_a_class_or_a_function():
    classes = {value.kind for _, value in inspect.getmembers(cr.layers, inspect.isclass) if issubclass(value, cr.Layer)}
    # Written by hand: nodes, and what operators and indexing make.
    by_hand = {"input", "parameter", "constant", "add", "sub", "mul", "div", "pow", "neg", "slice", "reshape"}
    for kind in set(own_kinds("layers")) - classes - by_hand:
        assert callable(getattr(cr, kind)) and getattr(cr, kind).__doc__, kind
    assert "out_features" in cr.describe("layers")["linear"]
    with pytest.raises(ValueError, match="group"):
        cr.describe("colours")


def test_generated_classes_read_well():
    assert str(inspect.signature(cr.Linear)).startswith("(in_features: 'Optional[int]', out_features: 'int', bias: 'bool' = True, *")
    assert "out_features: size of the last dimension of the output (1 or more)" in cr.Linear.__doc__
    assert "weight [out_features, in_features]" in cr.Linear.__doc__
    for _, value in inspect.getmembers(cr.layers, inspect.isclass):
        assert value.__doc__ and max(map(len, value.__doc__.splitlines())) < 120, value


def test_models_as_layers():
    inner = cr.Sequential(cr.Linear(3, 3), cr.Tanh(), seed=1)
    model = cr.Sequential(cr.Linear(4, 3), inner, cr.Linear(3, 2), seed=2)
    assert list(model.state_dict()) == ["0.weight", "0.bias", "1.0.weight", "1.0.bias", "2.weight", "2.bias"]
    assert np.array_equal(model.state_dict()["1.0.weight"], inner.state_dict()["0.weight"])
    x = np.random.default_rng(0).random((5, 4), dtype=np.float32)
    state = model.state_dict()
    first = x @ state["0.weight"].T + state["0.bias"]
    assert np.allclose(model.predict(x), inner.predict(first) @ state["2.weight"].T + state["2.bias"], atol=1e-6)
    inner.load_state_dict({name: value * 0 for name, value in inner.state_dict().items()})
    assert model.state_dict()["1.0.weight"].any()  # a copy
    with pytest.raises(cr.Error, match="batch, 5"):
        cr.Sequential(cr.Linear(4, 5), inner)


def test_layer_repr_and_misuse():
    assert repr(cr.Linear(2, 3)) == "Linear(in_features=2, out_features=3)"
    assert repr(cr.ReLU()) == "ReLU()"
    with pytest.raises(TypeError, match="model.predict"):
        cr.ReLU()(np.zeros((2, 2)))
