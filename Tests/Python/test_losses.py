"""The losses against NumPy: value, gradient, weights, what is refused."""

import numpy as np
import pytest
from conftest import own_kinds
from formulas import numeric_gradient, softmax

import chainrule as cr


def mean(values, weight):
    if weight is None:
        return values.mean()
    weight = weight.reshape(-1, *([1] * (values.ndim - 1)))
    return (values * weight).sum() / (np.broadcast_to(weight, values.shape)).sum()


def huber(error, delta):
    size = np.abs(error)
    return np.where(size <= delta, 0.5 * error**2, delta * (size - 0.5 * delta))


ELEMENTWISE = [
    (cr.MSELoss(), lambda p, t: (p - t) ** 2),
    (cr.L1Loss(), lambda p, t: np.abs(p - t)),
    (cr.HuberLoss(), lambda p, t: huber(p - t, 1.0)),
    (cr.HuberLoss(delta=0.3), lambda p, t: huber(p - t, 0.3)),
    (cr.BCEWithLogitsLoss(), lambda p, t: np.maximum(p, 0) - p * t + np.log1p(np.exp(-np.abs(p)))),
]


@pytest.mark.parametrize("loss, formula", ELEMENTWISE, ids=[loss.text for loss, _ in ELEMENTWISE])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_elementwise(loss, formula, weighted, dtype, rng):
    prediction = rng.normal(size=(6, 3)).astype(dtype)
    target = rng.uniform(size=(6, 3)).astype(dtype)
    weight = rng.uniform(0.5, 2, size=6).astype(dtype) if weighted else None
    value, gradient = loss(prediction, target, weight)
    tolerance = 1e-12 if dtype == "float64" else 2e-6

    def reference(p):
        return mean(formula(p, target.astype(float)), weight)

    np.testing.assert_allclose(value, reference(prediction.astype(float)), rtol=tolerance)
    assert gradient.dtype == dtype and gradient.shape == prediction.shape
    expected = numeric_gradient(reference, prediction, 1.0)
    np.testing.assert_allclose(gradient, expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("class_weight", [None, [0.5, 1.0, 2.0, 3.0]])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("labels", ["int32", "int64", "probabilities"])
def test_cross_entropy(smoothing, class_weight, weighted, labels, rng):
    logits = rng.normal(size=(8, 4))
    classes = np.ones(4) if class_weight is None else np.array(class_weight)
    sample = rng.uniform(0.5, 2, size=8) if weighted else np.ones(8)
    if labels == "probabilities":
        target = softmax(rng.normal(size=(8, 4)))
        probabilities = target
    else:
        target = rng.integers(0, 4, size=8).astype(labels)
        probabilities = np.eye(4)[target]
    smooth = probabilities * (1 - smoothing) + smoothing / 4

    def reference(z):
        per_sample = -(smooth * classes * np.log(softmax(z))).sum(axis=1)
        if labels == "probabilities":
            return (sample * per_sample).sum() / sample.sum()
        return (sample * per_sample).sum() / (sample * classes[target]).sum()

    loss = cr.CrossEntropyLoss(weight=class_weight, label_smoothing=smoothing)
    value, gradient = loss(logits, target, sample if weighted else None)
    np.testing.assert_allclose(value, reference(logits), rtol=1e-12)
    np.testing.assert_allclose(gradient, numeric_gradient(reference, logits, 1.0), rtol=1e-6, atol=1e-9)


def test_huge_logits_stay_finite():
    logits = np.array([[1000.0, -1000.0], [-1000.0, 1000.0]])
    value, gradient = cr.CrossEntropyLoss()(logits, np.array([0, 1]))
    assert value == 0 and np.all(gradient == 0)
    value, gradient = cr.BCEWithLogitsLoss()(logits, np.array([[1.0, 0.0], [0.0, 1.0]]))
    assert value == 0 and np.all(gradient == 0)


def test_strided_predictions_and_integer_targets(rng):
    prediction = rng.normal(size=(3, 6)).T[::2]
    target = np.arange(9).reshape(3, 3)
    value, gradient = cr.MSELoss()(prediction, target)
    np.testing.assert_allclose(value, np.mean((prediction - target) ** 2))
    np.testing.assert_allclose(gradient, 2 * (prediction - target) / 9)


@pytest.mark.parametrize(
    "arguments, error",
    [
        ((np.zeros((2, 3)), np.zeros((3, 2))), ValueError),
        ((np.zeros((2, 3)), np.zeros(2)), ValueError),
        ((np.zeros((2, 3)), np.zeros((2, 3)), np.ones(3)), ValueError),
        ((np.zeros((2, 3)), None), TypeError),
        (("a", np.zeros((2, 3))), TypeError),
    ],
)
def test_refused(arguments, error):
    with pytest.raises(error):
        cr.MSELoss()(*arguments)


def test_bad_settings():
    with pytest.raises(ValueError):
        cr.HuberLoss(delta=-1)
    with pytest.raises(ValueError):
        cr.CrossEntropyLoss(label_smoothing=2)
    with pytest.raises(ValueError, match="nonsense"):
        cr.Loss("nonsense")
    with pytest.raises(ValueError):
        cr.Loss("mse\0x")
    with pytest.raises(ValueError):
        cr.CrossEntropyLoss()(np.zeros((2, 3)), np.array([0, 3]))
    with pytest.raises(TypeError, match="integer class labels"):
        cr.CrossEntropyLoss()(np.zeros((2, 3)), np.array([0.0, 1.0]))


def test_not_a_number_stays_one():
    value, gradient = cr.MSELoss()(np.array([[1.0, np.nan]]), np.zeros((1, 2)))
    assert np.isnan(value) and np.isnan(gradient[0, 1])


def test_several_predictions(rng):
    anchor, positive, negative = rng.normal(size=(3, 5, 4))
    loss = cr.Loss("triplet_margin margin=2 p=2")

    def reference(a, p, n):
        near = np.sqrt(((a - p + 1e-6) ** 2).sum(axis=1))
        far = np.sqrt(((a - n + 1e-6) ** 2).sum(axis=1))
        return np.maximum(0, 2 + near - far).mean()

    value, gradients = loss((anchor, positive, negative))
    np.testing.assert_allclose(value, reference(anchor, positive, negative), rtol=1e-12)
    assert isinstance(gradients, tuple) and [g.shape for g in gradients] == [(5, 4)] * 3
    numeric = numeric_gradient(lambda a: reference(a, positive, negative), anchor, 1.0)
    np.testing.assert_allclose(gradients[0], numeric, rtol=1e-5, atol=1e-8)
    numeric = numeric_gradient(lambda n: reference(anchor, positive, n), negative, 1.0)
    np.testing.assert_allclose(gradients[2], numeric, rtol=1e-5, atol=1e-8)
    for wrong, error in ((anchor, TypeError), ((anchor, positive), ValueError)):
        with pytest.raises(error):
            loss(wrong)
    with pytest.raises(TypeError, match="no target"):
        loss((anchor, positive, negative), np.zeros(5))


def test_ctc(rng):
    logits = rng.normal(size=(2, 4, 3))
    logs = np.log(softmax(logits))
    loss = cr.Loss("ctc")
    value, gradient = loss(logs, (np.array([[1, 2], [2, -1]]), np.array([4, 4]), np.array([2, 1])))
    assert gradient.shape == logs.shape and value > 0
    # All ways of four times that say 2 alone.
    ways = [(i, j) for i in range(4) for j in range(i + 1, 5)]
    total = sum(np.exp(sum(logs[1, t, 2 if i <= t < j else 0] for t in range(4))) for i, j in ways)
    alone, _ = loss(logs[1:], (np.array([[2]]), np.array([4], dtype=np.int32), np.array([1])))
    np.testing.assert_allclose(alone, -np.log(total), rtol=1e-12)
    with pytest.raises(ValueError, match="blank"):
        loss(logs, (np.array([[1, 0], [2, -1]]), np.array([4, 4]), np.array([2, 1])))
    with pytest.raises(TypeError):
        loss(logs, (np.array([[1.0, 2.0], [2.0, 1.0]]), np.array([4, 4]), np.array([2, 1])))
    with pytest.raises(TypeError, match="3 targets"):
        loss(logs, np.array([[1, 2], [2, 1]]))


@pytest.mark.parametrize("reduction, divisor", [("mean", 18), ("sum", 1), ("batchmean", 6)])
def test_reductions(reduction, divisor, rng):
    prediction, target = rng.normal(size=(2, 6, 3))
    value, gradient = cr.Loss(f"mse reduction={reduction} factor=0.5")(prediction, target)
    np.testing.assert_allclose(value, 0.5 * ((prediction - target) ** 2).sum() / divisor)
    np.testing.assert_allclose(gradient, (prediction - target) / divisor)
    with pytest.raises(ValueError, match="batchmean"):
        cr.Loss("mse reduction=all")


def test_losses_by_themselves(rng):
    prediction, target = rng.normal(size=(2, 6, 3)).astype(np.float32)
    weight = rng.uniform(size=6).astype(np.float32)
    each, gradient = cr.MSELoss(reduction="none")(prediction, target, weight)
    assert each.dtype == np.float32
    np.testing.assert_allclose(each, (prediction - target) ** 2 * weight[:, None], rtol=1e-6)
    np.testing.assert_array_equal(gradient, cr.MSELoss(reduction="sum")(prediction, target, weight)[1])
    labels = np.array([0, 2, -100, 1, 1, 0])
    each, _ = cr.CrossEntropyLoss(reduction="none")(prediction, labels)
    assert each.shape == (6,) and each[2] == 0
    np.testing.assert_allclose(each.sum(), cr.CrossEntropyLoss(reduction="sum")(prediction, labels)[0], rtol=1e-6)
    with pytest.raises(ValueError, match="training"):
        cr.Sequential(cr.Linear(3, 3)).compile(loss=cr.MSELoss(reduction="none"), optimizer="adam")


def test_targets_of_several_losses(rng):
    a = cr.Input((4,))
    spread = cr.Softplus()(cr.Linear(4, 2)(a))
    model = cr.Model(a, [cr.Linear(4, 2)(a), spread, cr.Linear(4, 3)(a)], seed=1)
    model.compile(loss="gaussian_nll; cross_entropy factor=0.1", optimizer="adam lr=0.05", metrics=["mae"])
    samples = rng.normal(size=(32, 4))
    y = [samples[:, :2] * 2, (samples[:, 2] > 0).astype(np.int64)]
    history = model.fit(samples, y, epochs=20)
    assert history["loss"][-1] < history["loss"][0]
    with pytest.raises(ValueError):
        model.fit(samples, y[:1], epochs=1)


def test_every_loss_says_what_it_takes():
    for kind, text in ((kind, cr.describe("losses")[kind]) for kind in own_kinds("losses")):
        if kind != "none":
            assert "; predictions: " in text and "; targets: " in text and "factor=" in text


def test_where_the_classes_are():
    model = cr.Sequential(cr.Linear(3, 10), input_shape=(8, 3))
    model.compile("cross_entropy", "sgd")
    with pytest.raises(ValueError, match=r"expected \[4, 10\], since dimension 1 of the prediction \[batch, 8, 10\]"):
        model.train_on_batch(np.zeros((4, 8, 3), "f4"), np.zeros((4, 8), "i4"))
