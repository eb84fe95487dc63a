"""Every operation on symbolic nodes: value and gradient against NumPy, with broadcasting."""

import numpy as np
import pytest
from formulas import numeric_gradient
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import chainrule as cr

UNARY = {
    "neg": (lambda n: -n, lambda x: -x),
    "exp": (cr.exp, np.exp),
    "log": (cr.log, np.log),
    "sqrt": (cr.sqrt, np.sqrt),
    "sin": (cr.sin, np.sin),
    "cos": (cr.cos, np.cos),
    "abs": (abs, np.abs),
    "cr.abs": (cr.abs, np.abs),
    "x + 2": (lambda n: n + 2, lambda x: x + 2),
    "2 + x": (lambda n: 2 + n, lambda x: 2 + x),
    "x - 2": (lambda n: n - 2, lambda x: x - 2),
    "2 - x": (lambda n: 2 - n, lambda x: 2 - x),
    "x * 3": (lambda n: n * 3, lambda x: x * 3),
    "3 * x": (lambda n: 3 * n, lambda x: 3 * x),
    "x / 3": (lambda n: n / 3, lambda x: x / 3),
    "3 / x": (lambda n: 3 / n, lambda x: 3 / x),
    "x ** 2": (lambda n: n**2, lambda x: x**2),
    "x ** -0.5": (lambda n: n**-0.5, lambda x: x**-0.5),
    "2 ** x": (lambda n: 2**n, lambda x: 2**x),
    "maximum(x, 1)": (lambda n: cr.maximum(n, 1), lambda x: np.maximum(x, 1)),
    "maximum(1, x)": (lambda n: cr.maximum(1, n), lambda x: np.maximum(x, 1)),
    "+x": (lambda n: +n, lambda x: x),
    "array + x": (lambda n: np.arange(4.0) + n, lambda x: np.arange(4.0) + x),
    "x * array": (lambda n: n * np.arange(4.0), lambda x: np.arange(4.0) * x),
    "array - x": (lambda n: np.ones((3, 1)) - n, lambda x: 1 - x),
    "sum": (cr.sum, np.sum),
    "sum dim": (lambda n: n.sum(1), lambda x: x.sum(1)),
    "sum dims": (lambda n: n.sum((0, 1), keepdim=True), lambda x: x.sum((0, 1), keepdims=True)),
    "mean": (cr.mean, np.mean),
    "mean dim": (lambda n: n.mean(-1, keepdim=True), lambda x: x.mean(-1, keepdims=True)),
    "T": (lambda n: n.T, lambda x: x.T),
    "transpose": (lambda n: cr.transpose(n, 0, 1), lambda x: x.T),
    "concat": (
        lambda n: cr.concat([n, 2 * n, np.ones((2, 4))], dim=0),
        lambda x: np.concatenate([x, 2 * x, np.ones((2, 4))]),
    ),
    "concat 1": (lambda n: cr.concat([n, n], dim=1), lambda x: np.concatenate([x, x], axis=1)),
    "x[1]": (lambda n: n[1], lambda x: x[1]),
    "x[-1]": (lambda n: n[-1], lambda x: x[-1]),
    "x[1, 2]": (lambda n: n[1, 2], lambda x: x[1, 2]),
    "x[:, 2]": (lambda n: n[:, 2], lambda x: x[:, 2]),
    "x[:, 1:3]": (lambda n: n[:, 1:3], lambda x: x[:, 1:3]),
    "x[1:]": (lambda n: n[1:], lambda x: x[1:]),
    "x[:, -2:]": (lambda n: n[:, -2:], lambda x: x[:, -2:]),
    "x[:, ::2]": (lambda n: n[:, ::2], lambda x: x[:, ::2]),
    "x @ array": (lambda n: n @ np.arange(8.0).reshape(4, 2), lambda x: x @ np.arange(8.0).reshape(4, 2)),
    "array @ x": (lambda n: np.arange(6.0).reshape(2, 3) @ n, lambda x: np.arange(6.0).reshape(2, 3) @ x),
    "x @ vector": (lambda n: n @ np.arange(4.0), lambda x: x @ np.arange(4.0)),
    "vector @ x": (lambda n: np.arange(3.0) @ n, lambda x: np.arange(3.0) @ x),
    "x @ x.T": (lambda n: cr.matmul(n, n.T), lambda x: x @ x.T),
}


def value_and_gradients(build, *arrays, upstream):
    """sum(upstream * f(arrays)) as a formula, its value and gradients."""
    parameters = [cr.Parameter(array) for array in arrays]
    return cr.value_and_grad(cr.sum(build(*parameters) * upstream))


@pytest.mark.parametrize("name", UNARY)
def test_unary(name, rng):
    build, formula = UNARY[name]
    x = rng.uniform(0.5, 2.0, size=(3, 4))
    upstream = rng.normal(size=np.shape(formula(x)))
    value, (gradient,) = value_and_gradients(build, x, upstream=upstream)
    np.testing.assert_allclose(value, np.sum(upstream * formula(x)), rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(gradient, numeric_gradient(formula, x, upstream), rtol=2e-7, atol=1e-8)


BINARY = {
    "add": (lambda a, b: a + b, np.add),
    "sub": (lambda a, b: a - b, np.subtract),
    "mul": (lambda a, b: a * b, np.multiply),
    "div": (lambda a, b: a / b, np.divide),
    "pow": (lambda a, b: a**b, np.power),
    "maximum": (cr.maximum, np.maximum),
}


@pytest.mark.parametrize("name", BINARY)
@given(shapes=hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=3, max_side=3), seed=st.integers(0, 99))
def test_binary_broadcasts_as_numpy(name, shapes, seed):
    build, formula = BINARY[name]
    rng = np.random.default_rng(seed)
    a, b = (rng.uniform(0.5, 2.0, size=shape) for shape in shapes.input_shapes)
    upstream = rng.normal(size=shapes.result_shape)
    value, (da, db) = value_and_gradients(build, a, b, upstream=upstream)
    np.testing.assert_allclose(value, np.sum(upstream * formula(a, b)), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(da, numeric_gradient(lambda a: formula(a, b), a, upstream), rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(db, numeric_gradient(lambda b: formula(a, b), b, upstream), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(
    "left, right",
    [
        ((3,), (3,)),
        ((2, 3), (3, 4)),
        ((5, 2, 3), (3, 4)),
        ((5, 2, 3), (5, 3, 4)),
        ((3,), (5, 3, 2)),
        ((1, 2, 3), (4, 3, 1)),
    ],
)
def test_matmul(left, right, rng):
    a, b = rng.normal(size=left), rng.normal(size=right)
    upstream = rng.normal(size=(a @ b).shape)
    value, (da, db) = value_and_gradients(cr.matmul, a, b, upstream=upstream)
    np.testing.assert_allclose(value, np.sum(upstream * (a @ b)), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(da, numeric_gradient(lambda a: a @ b, a, upstream), rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(db, numeric_gradient(lambda b: a @ b, b, upstream), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(
    "shape, index",
    [
        ((2,), 2), ((2,), -3), ((2,), 2**40), ((2,), -(2**63)), ((0,), 0), ((3, 2), (0, 2)),
        ((3, 2), (slice(None), -3)), ((1, 2, 3), (slice(0, 1), 1, 3)),
    ],
    ids=str,
)  # fmt: skip
def test_an_index_beyond_the_end_is_refused(shape, index):
    p = cr.Parameter(np.ones(shape))
    with pytest.raises(IndexError):
        p.value[index]
    with pytest.raises(ValueError, match="index"):
        cr.value_and_grad(cr.sum(p[index]))


def test_slices_are_cut_at_the_ends():
    p = cr.Parameter([1.0, 2.0, 3.0])
    for part in (slice(1, 99), slice(-99, 2), slice(5, 9), slice(99, None, -1), slice(1, -99, -1), slice(0, 2, -1)):
        assert cr.value_and_grad(cr.sum(p[part]))[0] == p.value[part].sum()


@pytest.mark.parametrize(
    "index",
    [
        slice(None, None, -1), (slice(None), slice(None, None, -2)), (slice(None, None, -1), slice(3, 0, -1), 1),
        slice(2, None, -1), slice(None, 1, -1), slice(-1, -3, -1), (slice(1, 1, -1), 0), slice(None, None, -(2**40)),
    ],
    ids=str,
)  # fmt: skip
def test_slices_with_negative_steps(index, rng):
    values = rng.normal(size=(4, 5, 3))
    p = cr.Parameter(values)
    part = p[index]
    upstream = rng.normal(size=values[index].shape)
    value, (gradient,) = cr.value_and_grad(cr.sum(part * upstream))
    np.testing.assert_allclose(value, (values[index] * upstream).sum(), rtol=1e-12, atol=1e-12)
    expected = np.zeros(values.shape)
    expected[index] = upstream
    np.testing.assert_array_equal(gradient, expected)
    with pytest.raises(ValueError, match="step"):
        cr.value_and_grad(cr.sum(p[::0]))


def test_an_index_of_samples():
    a = cr.Input((3, 4))
    x = np.arange(24, dtype="f4").reshape(2, 3, 4)
    for index in ((slice(None), 1), (slice(None), -1, 2), (slice(None), slice(1, 3), 0)):
        assert np.array_equal(cr.Model(a, cr.exp(a[index])).predict(np.log(x + 1)).round(), (x + 1)[index])
    with pytest.raises(ValueError, match="batch"):
        cr.Model(a, a[0])


def test_misuse_of_nodes():
    p = cr.Parameter([1.0, 2.0])
    with pytest.raises(TypeError):
        list(p)
    with pytest.raises(TypeError, match="neither true nor false"):
        bool(p)
    with pytest.raises(TypeError, match="whole numbers and slices"):
        p["a"]
    with pytest.raises(TypeError):
        p + "text"
    with pytest.raises(TypeError):
        p + 1j
    with pytest.raises(ValueError):
        cr.concat([])
    with pytest.raises(ValueError):
        cr.value_and_grad(cr.sum(p + np.ones(3)))


def test_a_long_chain_needs_no_recursion():
    p = cr.Parameter(1.0)
    f = p
    for _ in range(3000):
        f = f + 0.001
    value, (gradient,) = cr.value_and_grad(f)
    assert abs(value - 4) < 1e-9 and gradient == 1
