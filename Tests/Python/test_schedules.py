"""Schedules: classes with PyTorch's names, texts, sequences and functions give the same rates."""

import pickle

import numpy as np
import pytest

import chainrule as cr
from chainrule._catalog import entries
from chainrule._library import ffi, lib

PAIRS = [
    (cr.ConstantLR(factor=0.5, total_iters=3), "constant factor=0.5 total_iters=3"),
    (cr.LinearLR(total_iters=4), "linear total_iters=4"),
    (cr.StepLR(2, 0.5), "step step_size=2 gamma=0.5"),
    (cr.MultiStepLR([2, 5]), "multi_step milestones=2,5"),
    (cr.ExponentialLR(0.9), "exponential gamma=0.9"),
    (cr.PolynomialLR(total_iters=6, power=2), "polynomial total_iters=6 power=2"),
    (cr.CosineAnnealingLR(T_max=10), "cosine T_max=10"),
    (cr.CosineAnnealingLR(10, 0.01, per="step", warmup=3), "cosine T_max=10 eta_min=0.01 per=step warmup=3"),
    (cr.CosineAnnealingWarmRestarts(3, 2), "cosine_warm_restarts T_0=3 T_mult=2"),
    (cr.OneCycleLR(max_lr=0.2, total_steps=20), "one_cycle max_lr=0.2 total_steps=20"),
    (cr.CyclicLR(base_lr=0.01, max_lr=0.2, step_size_up=3), "cyclic base_lr=0.01 max_lr=0.2 step_size_up=3"),
    (cr.ReduceLROnPlateau(patience=0, threshold=10.0), "plateau patience=0 threshold=10"),
    (
        cr.SequentialLR([cr.LinearLR(total_iters=3, warmup=2), cr.StepLR(2), "exponential gamma=0.8"], [3, 6]),
        "linear total_iters=3 warmup=2; step step_size=2 from=3; exponential gamma=0.8 from=6",
    ),
    (cr.LambdaLR(lambda epoch: 0.9**epoch), "exponential gamma=0.9"),
    (cr.LambdaLR(lambda step: 0.9**step, per="step", warmup=4), "exponential gamma=0.9 per=step warmup=4"),
    (lambda epoch, lr: lr * 0.9**epoch, "exponential gamma=0.9"),
    (cr.SequentialLR([cr.LambdaLR(lambda e: 0.5**e), cr.StepLR(1, 0.1)], [2]), "exponential gamma=0.5; step step_size=1 gamma=0.1 from=2"),
    (cr.Schedule("cosine T_max=5"), "cosine T_max=5"),
]


def rates(schedule):
    model = cr.Sequential(cr.Linear(2, 1), seed=0)
    model.compile("mse", "sgd lr=0.1", schedule=schedule)
    x = np.ones((6, 2), np.float32)
    seen = []
    model.fit(x, x[:, :1], epochs=8, batch_size=3, verbose=0, callbacks=[lambda epoch, logs: seen.append(lr_of(model))])
    return seen


def lr_of(model):
    value = ffi.new("double *")
    assert lib.chainrule_trainer_get_lr(model._trainer, value) == 0
    return value[0]


@pytest.mark.parametrize("own,text", PAIRS, ids=[text for _, text in PAIRS])
def test_both_forms(own, text):
    np.testing.assert_allclose(rates(own), rates(text), rtol=1e-14)
    if isinstance(own, cr.Schedule) and "lambda" not in repr(own):
        assert repr(pickle.loads(pickle.dumps(own))) == repr(own)


def test_each_of_the_catalog_has_a_class():
    listed = {entry.class_name for entry in entries(ffi, lib, lib.CHAINRULE_SCHEDULES)}
    tried = {type(own).__name__ for own, _ in PAIRS}
    assert listed and listed <= tried
    assert all(issubclass(getattr(cr, name), cr.Schedule) and getattr(cr, name).__doc__ for name in listed)


def test_a_function_is_asked_with_whole_numbers():
    asked = []

    def schedule(epoch, lr):
        asked.append((epoch, lr))
        return lr / (1 + epoch)

    assert rates(schedule) == pytest.approx([0.1 / (1 + epoch) for epoch in range(1, 9)])
    assert asked[:3] == [(0, 0.1), (1, 0.1), (2, 0.1)]


def test_errors():
    with pytest.raises(ValueError, match="milestone"):
        cr.SequentialLR([cr.StepLR(2)], [3])
    with pytest.raises(TypeError, match="schedule must be"):
        rates(3)
    with pytest.raises(cr.AttributeTextError, match="T_max"):
        rates(cr.CosineAnnealingLR(T_max=0))
    with pytest.raises(cr.AttributeTextError, match="per"):
        rates(cr.StepLR(2, per="hour"))
    with pytest.raises(cr.CallbackError, match="rate") as caught:
        rates(lambda epoch, lr: 1 / 0)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    with pytest.raises(cr.CallbackError, match="finite"):
        rates(lambda epoch, lr: -1.0)

    def later(epoch, lr):
        if epoch == 2:
            raise RuntimeError("no more")
        return lr

    with pytest.raises(cr.CallbackError) as caught:
        rates(later)
    assert "no more" in str(caught.value.__cause__) and caught.value.history.epochs == 2
