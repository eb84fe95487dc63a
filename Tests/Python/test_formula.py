"""Gradient descent on formulas: cr.value_and_grad and cr.minimize."""

import numpy as np
import pytest

import chainrule as cr


def rosenbrock(p):
    return (1 - p[0]) ** 2 + 100 * (p[1] - p[0] ** 2) ** 2


def test_rosenbrock_value_and_gradient():
    p = cr.Parameter([-1.2, 1.0])
    value, (gradient,) = cr.value_and_grad(rosenbrock(p))
    x, y = -1.2, 1.0
    assert isinstance(value, float)
    np.testing.assert_allclose(value, (1 - x) ** 2 + 100 * (y - x * x) ** 2, rtol=1e-14)
    np.testing.assert_allclose(gradient, [-2 * (1 - x) - 400 * x * (y - x * x), 200 * (y - x * x)], rtol=1e-13)


def test_value_and_grad_follows_the_parameters():
    p = cr.Parameter([1.0, 1.0])
    f = rosenbrock(p)
    assert cr.value_and_grad(f)[0] == 0
    p.value = [0.0, 0.0]
    assert cr.value_and_grad(f)[0] == 1
    p.value[0] = 2.0
    assert cr.value_and_grad(f)[0] == 1 + 100 * 16


def test_minimize_finds_the_valley():
    p = cr.Parameter([-1.2, 1.0])
    array = p.value
    f = rosenbrock(p)
    values = cr.minimize(f, optimizer=cr.Adam(lr=0.02), steps=2000)
    assert values.shape == (2000,) and values[0] == pytest.approx(24.2) and values[-1] < 1e-3
    assert array is p.value  # changed in place
    np.testing.assert_allclose(p.value, [1, 1], atol=0.1)
    # Adam would dance about the minimum at that rate.
    cr.minimize(f, optimizer=cr.LBFGS(line_search_fn="strong_wolfe"), steps=10)
    np.testing.assert_allclose(p.value, [1, 1], atol=1e-6)
    assert np.array_equal(np.asarray(p), p.value)


def test_gradients_come_in_the_order_of_making():
    a, b = cr.Parameter(2.0, name="a"), cr.Parameter([1.0, 3.0], name="b")
    value, gradients = cr.value_and_grad(cr.sum(b * b) * a)
    assert value == 20
    assert [gradient.shape for gradient in gradients] == [(), (2,)]
    np.testing.assert_allclose(gradients[0], 10)
    np.testing.assert_allclose(gradients[1], [4, 12])


def test_least_squares(rng):
    x, noise = rng.normal(size=(50, 3)), 0.01 * rng.normal(size=50)
    y = x @ np.array([1.0, -2.0, 0.5]) + 0.3 + noise
    w, b = cr.Parameter(np.zeros(3)), cr.Parameter(0.0)
    error = cr.Constant(x) @ w + b - y
    cr.minimize(cr.mean(error**2), optimizer="sgd lr=0.1 momentum=0.9", steps=500)
    exact = np.linalg.lstsq(np.c_[x, np.ones(50)], y, rcond=None)[0]
    np.testing.assert_allclose(np.r_[w.value, b.value], exact, atol=1e-8)


def test_callback_sees_moving_parameters_and_stops():
    p = cr.Parameter(4.0)
    path = []
    optimizer = cr.SGD(lr=0.25)

    def follow(step, value):
        path.append((step, value, float(p.value)))
        if step == 1:
            optimizer.lr = 0.5
        return step == 2

    values = cr.minimize(p * p, optimizer, 100, follow)
    assert path == [(0, 16.0, 2.0), (1, 4.0, 1.0), (2, 1.0, 0.0)]
    assert values.tolist() == [16, 4, 1]


def test_an_exception_in_the_callback_comes_out_and_the_values_stay():
    p = cr.Parameter(4.0)

    def fail(step, value):
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        cr.minimize(p * p, cr.SGD(lr=0.25), 10, fail)
    assert p.value == 2.0


def test_what_is_not_a_formula():
    p = cr.Parameter([1.0, 2.0])
    with pytest.raises(ValueError, match="single number"):
        cr.value_and_grad(p * 2)
    with pytest.raises(TypeError, match="cr.Parameter"):
        cr.value_and_grad(3.0)
    with pytest.raises(ValueError, match="not among"):
        cr.value_and_grad(cr.sum(cr.Input((2,)) * p))
    with pytest.raises(ValueError, match="shape"):
        p.value = [1.0]
    with pytest.raises(TypeError):
        cr.Parameter(["a"])
    with pytest.raises(TypeError):
        cr.Parameter([1j])


def test_not_finite_keeps_the_last_values():
    p = cr.Parameter(1.0)
    with pytest.raises(cr.NonFiniteError):
        cr.minimize(cr.log(p - 2), cr.SGD(lr=0.1), 5)
    assert p.value == 1.0


def test_mutating_the_source_array_does_nothing():
    source = np.array([1.0, 2.0])
    p = cr.Parameter(source)
    source[:] = 0
    assert p.value.tolist() == [1, 2]
