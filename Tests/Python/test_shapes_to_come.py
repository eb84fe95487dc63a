"""Sequential without a shape: it is that of the first array."""

import copy
import pickle

import numpy as np
import pytest

import chainrule as cr


def convolutional(**options):
    return cr.Sequential(
        cr.Conv2d(2, 4, 3, padding=1), cr.ReLU(), cr.MaxPool2d(2), cr.Flatten(), cr.Linear(None, 3), **options
    )


def test_the_first_array_tells_the_shape(rng):
    x = rng.normal(size=(5, 2, 6, 8)).astype("f4")
    model, told = convolutional(seed=3), convolutional(seed=3, input_shape=(2, 6, 8))
    assert "not known yet" in repr(model) and isinstance(model, cr.Sequential)
    assert np.array_equal(model.predict(x), told.predict(x))
    assert type(model) is cr.Sequential and repr(model) == repr(told)
    assert all(np.array_equal(told.state_dict()[name], values) for name, values in model.state_dict().items())
    with pytest.raises(ValueError, match="shape"):
        model.predict(x[:, :, :5])


@pytest.mark.parametrize("method", ["fit", "evaluate", "train_on_batch", "prepare", "forward", "prepare_predict"])
def test_every_method_that_takes_an_array(method, rng):
    x, y = rng.normal(size=(8, 2, 4, 4)).astype("f4"), np.arange(8) % 3
    models = [convolutional(seed=1), convolutional(seed=1, input_shape=(2, 4, 4))]
    results = []
    for model in models:
        model.compile("cross_entropy", cr.Adam(lr=0.01), metrics=["accuracy"], seed=5)
        arguments = (x, y) if method not in ("forward", "prepare_predict") else (x,)
        results.append(getattr(model, method)(*arguments, **({"verbose": 0} if method == "fit" else {})))
        assert model.optimizer is not None and model.metrics == ("accuracy",)
    if method == "prepare_predict":
        results = [result() for result in results]
    if method == "fit":
        results = [result["loss"] for result in results]
    if method != "prepare":
        np.testing.assert_array_equal(*results)
    assert np.array_equal(models[0].predict(x), models[1].predict(x))


def test_before_it_is_known(rng):
    model = convolutional()
    for call in (model.summary, model.state_dict, lambda: model.save("nothing"), lambda: model.parameter_count,
                 lambda: pickle.dumps(model), lambda: model.load_state_dict({}), model.backward):  # fmt: skip
        with pytest.raises(cr.StateError, match="shape is not known yet"):
            call()
    with pytest.raises(AttributeError):
        model.nothing
    with pytest.raises(ValueError, match="first dimension"):
        model.predict(3.0)
    # What does not fit leaves it waiting.
    with pytest.raises(ValueError, match="in_channels"):
        model.predict(np.zeros((1, 3, 6, 6)))
    model.compile("no_such_loss", "sgd")
    with pytest.raises(ValueError, match="no_such_loss"):
        model.fit(np.zeros((4, 2, 6, 6)), np.zeros(4, "i4"), verbose=0)
    assert "not known yet" in repr(model)
    model.compile("cross_entropy", "sgd")
    model.fit(np.zeros((4, 2, 6, 6)), np.zeros(4, "i4"), verbose=0)
    assert model.input_shapes == [(-1, 2, 6, 6)]
    assert np.array_equal(copy.deepcopy(model).predict(np.ones((1, 2, 6, 6))), model.predict(np.ones((1, 2, 6, 6))))
    with pytest.raises(TypeError, match="dtype"):
        convolutional(dtype="int8")
    with pytest.raises(ValueError, match="seed"):
        convolutional(seed=-1)


def test_recurrent_embedded_and_subclassed(rng):
    x = rng.normal(size=(3, 5, 4))
    assert cr.Sequential(cr.LSTM(4, 6), cr.Linear(6, 2), dtype="float64").predict(x).shape == (3, 5, 2)
    words = cr.Sequential(cr.Embedding(10, 4), cr.Flatten(), cr.Linear(None, 2))
    assert words.predict(np.array([[1, 2, 3], [4, 5, 6]])).shape == (2, 2)

    class Own(cr.Sequential):
        def twice(self, x):
            return 2 * self.predict(x)

    own = Own(cr.Flatten(), cr.Linear(None, 1))
    assert own.twice(x).shape == (3, 1) and type(own) is Own
