"""Strided arrays train, evaluate and measure as their contiguous copies do, to the same bits."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from layouts import shapes, views

import chainrule as cr

TYPES = ["float32", "float64"]
INPUT_TYPES = [*TYPES, ">f4", "<f2", "int8", "uint8", "int16", "int32", "int64", "bool"]


@given(st.data(), shapes(), st.sampled_from(INPUT_TYPES), st.sampled_from(TYPES))
def test_whole_inputs_of_any_rank(data, shape, input_type, model_type):
    a = cr.Input(shape, batched=False)
    model = cr.Model(a, cr.Identity()(a), dtype=model_type)
    array = data.draw(views(shape, input_type))
    output = model.predict(array)
    assert output.dtype == model_type and output.flags.c_contiguous and output.shape == shape
    assert np.array_equal(output, array.astype(model_type))
    assert np.array_equal(model.forward(array), output)


@given(st.data(), shapes(min_rank=1), st.sampled_from(INPUT_TYPES), st.sampled_from(TYPES))
def test_batches_of_any_rank(data, shape, input_type, model_type):
    model = cr.Sequential(cr.Identity(), input_shape=shape[1:], dtype=model_type)
    array = data.draw(views(shape, input_type))
    output = model.predict(array)
    assert output.dtype == model_type and output.shape == shape
    assert np.array_equal(output, array.astype(model_type))


@st.composite
def batches(draw):
    """Inputs, targets and sample weights (or None) of some sizes, types and layouts."""
    rows, columns, outputs = draw(st.integers(1, 40)), draw(st.integers(1, 20)), draw(st.integers(1, 6))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    x = draw(views((rows, columns), draw(st.sampled_from(TYPES)), rng.normal(size=(rows, columns))))
    if draw(st.booleans()):
        labels = rng.integers(0, outputs, size=rows)
        y, loss = draw(views((rows,), draw(st.sampled_from(["int32", "int64", "uint8"])), labels)), "cross_entropy"
    else:
        values = rng.uniform(size=(rows, outputs))
        y = draw(views((rows, outputs), draw(st.sampled_from(TYPES)), values))
        loss = draw(st.sampled_from(["mse", "l1", "huber", "bce_with_logits"]))
    weight = None
    if draw(st.booleans()):
        weight = draw(views((rows,), draw(st.sampled_from(TYPES)), rng.uniform(0.5, 2, size=rows)))
    return x, y, weight, loss, outputs


def copies(*arrays):
    return [None if array is None else np.array(array, order="C") for array in arrays]


@given(batches(), st.sampled_from(TYPES))
def test_training_on_views(batch, model_type):
    x, y, weight, loss, outputs = batch
    results = []
    for arrays in ((x, y, weight), copies(x, y, weight)):
        model = cr.Sequential(cr.Linear(x.shape[1], outputs), dtype=model_type, seed=3)
        model.compile(loss, "adam lr=0.1", metrics=["mse"] if y.ndim == 2 else ["accuracy"])
        numbers = [model.train_on_batch(*arrays) for _ in range(3)]  # the second time it is a shape seen before
        numbers += model.evaluate(*arrays).values()
        history = model.fit(*arrays[:2], sample_weight=arrays[2], epochs=2, batch_size=16, verbose=0)
        numbers += history["loss"]
        results.append((numbers, [values.tobytes() for values in model.state_dict().values()]))
    assert results[0] == results[1]


@given(batches())
def test_losses_of_views(batch):
    prediction, y, weight, loss, _ = batch
    if y.ndim == 2:
        prediction = prediction[:, np.arange(y.shape[1]) % prediction.shape[1]].T.copy().T
    else:
        y = y % prediction.shape[1]
    function = cr.Loss(loss)
    value, gradient = function(prediction, y, weight)
    plain = copies(prediction, y, weight)
    again, plain_gradient = function(*plain)
    assert value == again and gradient.flags.c_contiguous
    assert gradient.dtype == prediction.dtype and np.array_equal(gradient, plain_gradient)


def test_nine_dimensions_are_refused():
    a = cr.Input((1,) * 9, batched=False)
    with pytest.raises(ValueError, match="at most 8, got 9"):
        cr.Model(a, a * 2)
