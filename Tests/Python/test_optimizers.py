"""The optimizers against PyTorch's rules, written in NumPy; clipping; the learning rate."""

import copy
import inspect
import pickle

import numpy as np
import pytest

import chainrule as cr


def sgd(lr=1e-3, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False):
    velocity = None

    def update(w, g, step):
        nonlocal velocity
        g = g + weight_decay * w
        if momentum:
            velocity = g if velocity is None else momentum * velocity + (1 - dampening) * g
            g = g + momentum * velocity if nesterov else velocity
        return w - lr * g

    return update


def adam(lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, decoupled=False):
    m = v = 0.0

    def update(w, g, step):
        nonlocal m, v
        if decoupled:
            w = w * (1 - lr * weight_decay)
        else:
            g = g + weight_decay * w
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g * g
        return w - lr * (m / (1 - betas[0] ** step)) / (np.sqrt(v / (1 - betas[1] ** step)) + eps)

    return update


def rmsprop(lr=0.01, alpha=0.99, eps=1e-8, weight_decay=0.0, momentum=0.0):
    square = velocity = 0.0

    def update(w, g, step):
        nonlocal square, velocity
        g = g + weight_decay * w
        square = alpha * square + (1 - alpha) * g * g
        g = g / (np.sqrt(square) + eps)
        velocity = momentum * velocity + g
        return w - lr * velocity

    return update


def clipped(rule, norm=None, value=None):
    def update(w, g, step):
        if norm is not None:
            g = g * min(1.0, norm / (np.sqrt((g * g).sum()) + 1e-6))
        if value is not None:
            g = np.clip(g, -value, value)
        return rule(w, g, step)

    return update


CASES = [
    (lambda: cr.SGD(lr=0.1), lambda: sgd(0.1)),
    (lambda: cr.SGD(), lambda: sgd()),
    (lambda: cr.SGD(0.1, momentum=0.9), lambda: sgd(0.1, 0.9)),
    (lambda: cr.SGD(0.1, 0.9, 0.5, 0.01), lambda: sgd(0.1, 0.9, 0.5, 0.01)),
    (lambda: cr.SGD(0.1, 0.9, nesterov=True), lambda: sgd(0.1, 0.9, nesterov=True)),
    (lambda: cr.Adam(), lambda: adam()),
    (lambda: cr.Adam(0.1, (0.8, 0.9), 1e-3, 0.1), lambda: adam(0.1, (0.8, 0.9), 1e-3, 0.1)),
    (lambda: cr.AdamW(lr=0.1), lambda: adam(0.1, weight_decay=0.01, decoupled=True)),
    (lambda: cr.AdamW(lr=0.1, weight_decay=0.2), lambda: adam(0.1, weight_decay=0.2, decoupled=True)),
    (lambda: cr.RMSprop(), lambda: rmsprop()),
    (lambda: cr.RMSprop(0.05, 0.9, 1e-4, 0.1, 0.5), lambda: rmsprop(0.05, 0.9, 1e-4, 0.1, 0.5)),
    (lambda: cr.SGD(0.1, clip_norm=0.5), lambda: clipped(sgd(0.1), norm=0.5)),
    (lambda: cr.SGD(0.1, clip_value=0.2), lambda: clipped(sgd(0.1), value=0.2)),
    (lambda: cr.Optimizer("sgd lr=0.1 momentum=0.5"), lambda: sgd(0.1, 0.5)),
]


@pytest.mark.parametrize("make, make_rule", CASES, ids=[make().text for make, _ in CASES])
def test_against_the_rule(make, make_rule):
    """f = sum(c (w - t)^4), whose gradients change much along the way; three roads to the same update."""
    start = np.array([1.5, -2.0, 0.3])
    target, scale = np.array([0.5, 0.5, -0.5]), np.array([1.0, 0.2, 3.0])

    rule, w = make_rule(), start.copy()
    for step in range(1, 21):
        w = rule(w, 4 * scale * (w - target) ** 3, step)

    p = cr.Parameter(start)
    cr.minimize(cr.sum(scale * (p - target) ** 4), make(), 20)
    np.testing.assert_allclose(p.value, w, rtol=1e-10)

    node = cr.Parameter(start, name="w")
    model = cr.Model([], cr.sum(scale * (node - target) ** 4), dtype="float64")
    optimizer = make()
    for _ in range(20):
        model.zero_grad()
        model.forward(training=True)
        model.backward()
        optimizer.step(model)
    np.testing.assert_allclose(model.state_dict()["w"], w, rtol=1e-10)


def test_learning_rate():
    optimizer = cr.Adam(lr=0.25)
    assert optimizer.lr == 0.25
    optimizer.lr = 0.125
    assert optimizer.lr == 0.125
    assert cr.Optimizer("adam").lr == 0.001
    with pytest.raises(ValueError):
        optimizer.lr = -1
    with pytest.raises((ValueError, TypeError)):
        optimizer.lr = float("nan")
    with pytest.raises(TypeError):
        optimizer.lr = "fast"
    assert optimizer.lr == 0.125


def test_setting_the_rate_reaches_compiled_models(rng):
    x, y = rng.normal(size=(8, 2)).astype("f4"), rng.normal(size=(8, 1)).astype("f4")
    optimizer = cr.SGD(lr=0.5)
    optimizer.lr = 0.0
    model = cr.Sequential(cr.Linear(2, 1))
    model.compile("mse", optimizer)
    before = model.state_dict()["0.weight"]
    model.train_on_batch(x, y)
    assert np.array_equal(before, model.state_dict()["0.weight"])
    model.optimizer.lr = 0.1
    model.train_on_batch(x, y)
    assert not np.array_equal(before, model.state_dict()["0.weight"])


def test_copies():
    optimizer = cr.Adam(lr=0.1, clip_norm=2)
    optimizer.lr = 0.3
    for twin in (pickle.loads(pickle.dumps(optimizer)), copy.deepcopy(optimizer)):
        assert twin.lr == 0.3 and twin.text == optimizer.text and type(twin) is cr.Adam
    assert "adam" in repr(optimizer)


def test_bad_settings():
    for make in (
        lambda: cr.Adam(lr=-1),
        lambda: cr.Adam(betas=(1.5, 0.9)),
        lambda: cr.SGD(momentum=-0.1),
        lambda: cr.SGD(0.1, clip_norm=-1),
        lambda: cr.RMSprop(eps=-1),
        lambda: cr.Optimizer("sgd lr=fast"),
        lambda: cr.Optimizer("sgd speed=1"),
        lambda: cr.Optimizer("walk"),
        lambda: cr.Optimizer(""),
    ):
        with pytest.raises(ValueError):
            make()
    with pytest.raises(TypeError):
        cr.Adam(lr=None or object())


def test_one_optimizer_steps_one_model():
    optimizer = cr.SGD(lr=0.1)
    first, second = (cr.Sequential(cr.Linear(2, 1)) for _ in range(2))
    x = np.ones((1, 2), "f4")
    for model in (first, second):
        model.forward(x)
        model.backward()
    optimizer.step(first)
    with pytest.raises(cr.Error):
        optimizer.step(second)
    optimizer.step(first)


@pytest.mark.parametrize("optimizer", [cr.SGD, cr.Adam, cr.Adagrad, cr.LBFGS])
def test_only_attributes_of_pytorch_are_positional(optimizer):
    parameters = inspect.signature(optimizer).parameters.values()
    keywords = {item.name for item in parameters if item.kind is item.KEYWORD_ONLY}
    assert keywords >= {"clip_norm", "accumulate", "l2", "max_norm", "non_negative"}
    positional = inspect.signature(cr.Embedding).parameters["max_norm"]  # PyTorch's fourth
    assert positional.kind is positional.POSITIONAL_OR_KEYWORD
