"""Models that are graphs: residual connections, several inputs and outputs, shared nodes."""

import numpy as np
import pytest

import chainrule as cr


def test_residual(rng):
    a = cr.Input((8,))
    h = cr.ReLU()(cr.Linear(8, 8)(a))
    model = cr.Model(a, cr.Linear(8, 1)(h + a), seed=1)
    x = rng.normal(size=(5, 8)).astype("f4")
    w = list(model.state_dict().values())
    hidden = np.maximum(x @ w[0].T + w[1], 0)
    np.testing.assert_allclose(model.predict(x), (hidden + x) @ w[2].T + w[3], rtol=1e-5, atol=1e-6)
    assert model.input_shapes == [(-1, 8)] and model.output_shapes == [(-1, 1)]
    model.forward(x, training=True)
    dx = model.backward(np.ones((5, 1), "f4"))
    inner = ((hidden > 0) * w[2]) @ w[0] + w[2]
    np.testing.assert_allclose(dx, inner, rtol=1e-5, atol=1e-6)


def test_several_inputs_and_outputs(rng):
    a, b = cr.Input((3,), name="a"), cr.Input((2,), name="b")
    joined = cr.concat([a, b], dim=1)
    total = joined.sum(dim=1, keepdim=True)
    model = cr.Model([a, b], [total, a * 2])
    x, z = rng.normal(size=(4, 3)).astype("f4"), rng.normal(size=(4, 2)).astype("f4")
    first, second = model.predict([x, z])
    np.testing.assert_allclose(first, np.c_[x, z].sum(1, keepdims=True), rtol=1e-5)
    np.testing.assert_array_equal(second, 2 * x)
    outputs = model.forward((x, z))
    assert len(outputs) == 2
    da, db = model.backward([np.ones((4, 1), "f4"), np.ones((4, 3), "f4")])
    assert np.all(da == 3) and np.all(db == 1)
    with pytest.raises(TypeError, match="2 inputs"):
        model.predict(x)
    with pytest.raises(ValueError, match="2 inputs"):
        model.predict([x])
    with pytest.raises(ValueError):
        model.predict([x, z[:2]])


def test_two_losses(rng):
    a = cr.Input((4,))
    trunk = cr.Tanh()(cr.Linear(4, 8)(a))
    model = cr.Model(a, [cr.Linear(8, 3, name="kind")(trunk), cr.Linear(8, 1, name="size")(trunk)])
    model.compile(["cross_entropy", cr.MSELoss()], cr.Adam(lr=0.05), metrics=["accuracy"])
    x = rng.normal(size=(64, 4)).astype("f4")
    kind, size = x[:, :3].argmax(1), x.sum(1, keepdims=True)
    history = model.fit(x, [kind, size], epochs=60, verbose=0)
    assert history["loss"][-1] < 0.3 * history["loss"][0]
    result = model.evaluate(x, [kind, size])
    assert set(result) == {"loss", "kind_accuracy", "size_accuracy"} and result["kind_accuracy"] > 0.9
    with pytest.raises(TypeError):
        model.train_on_batch(x, kind)
    with pytest.raises(ValueError):
        model.compile(["mse", "mse", "mse"], "sgd")


def test_shared_nodes_and_parameters(rng):
    a = cr.Input((3,))
    w = cr.Parameter(rng.normal(size=(3, 3)), name="w")
    h = cr.Tanh()(a @ w)
    model = cr.Model(a, h @ w + h, dtype="float64")
    assert list(model.state_dict()) == ["w"]
    x = rng.normal(size=(2, 3))
    t = np.tanh(x @ w.value)
    np.testing.assert_allclose(model.predict(x), t @ w.value + t, rtol=1e-12)
    model.forward(x)
    model.backward(np.ones((2, 3)))
    dt = np.ones((2, 3)) @ w.value.T + 1
    expected = t.T @ np.ones((2, 3)) + x.T @ (dt * (1 - t * t))
    np.testing.assert_allclose(model.gradients()["w"], expected, rtol=1e-10)


def test_constants_are_kept_and_not_trained(rng):
    a = cr.Input((3,))
    big = rng.normal(size=(3, 50))
    model = cr.Model(a, cr.Linear(50, 1)(a @ big))
    infos = model.state_dict()
    assert any(np.array_equal(values, big.astype("f4")) for values in infos.values())
    assert model.parameter_count == 51
    model.compile("mse", "sgd lr=0.01")
    model.train_on_batch(np.ones((2, 3), "f4"), np.ones((2, 1), "f4"))
    assert any(np.array_equal(values, big.astype("f4")) for values in model.state_dict().values())
    model.forward(np.ones((2, 3), "f4"))
    model.backward()
    assert len(model.gradients()) == 2


def test_whole_inputs():
    a = cr.Input((2, 3), batched=False)
    model = cr.Model(a, cr.sum(a * a))
    assert model.output_shapes == [()]
    x = np.arange(6, dtype="f4").reshape(2, 3)
    assert model.predict(x) == 55 and model.predict(x).shape == ()
    model.forward(x)
    assert np.array_equal(model.backward(), 2 * x)


def test_what_is_not_a_graph():
    a, b = cr.Input((2,)), cr.Input((2,))
    layer = cr.Linear(2, 2)
    with pytest.raises(ValueError, match="twice"):
        cr.Model(a, layer(layer(a)))
    with pytest.raises(ValueError, match="not among"):
        cr.Model(a, a + b)
    with pytest.raises(TypeError):
        cr.Model(cr.ReLU()(a), a)
    with pytest.raises(TypeError):
        cr.Model(a, "output")
    with pytest.raises(ValueError):
        cr.Model(a, [])
    with pytest.raises(ValueError):
        cr.Model([a, a], a)
    with pytest.raises(ValueError):
        cr.Model(a, cr.Linear(3, 1)(a))
    with pytest.raises(ValueError):
        cr.Model([cr.Input((2,)), b], b + cr.Input((2,)))
    with pytest.raises((ValueError, TypeError)):
        cr.Model(a, a + np.ones(3))


def test_sequential_finds_its_input():
    assert cr.Sequential(cr.ReLU(), cr.Linear(5, 2)).input_shapes == [(-1, 5)]
    assert cr.Sequential(cr.Input((7, 5)), cr.Linear(5, 2)).input_shapes == [(-1, 7, 5)]
    assert cr.Sequential(cr.Flatten(), cr.Linear(6, 2), input_shape=(2, 3)).output_shapes == [(-1, 2)]
    assert cr.Sequential([cr.Linear(5, 2), cr.ReLU()]).output_shapes == [(-1, 2)]
    assert cr.Sequential(cr.ReLU(), input_shape=3).input_shapes == [(-1, 3)]
    with pytest.raises(ValueError):
        cr.Sequential()
    for bad in ((cr.ReLU,), ("relu",), (cr.Linear(2, 2), cr.Input((2,)))):
        with pytest.raises(TypeError):
            cr.Sequential(*bad)
    twice = cr.Linear(2, 2)
    with pytest.raises(ValueError, match="twice"):
        cr.Sequential(twice, twice)
    relu = cr.ReLU()
    assert cr.Sequential(cr.Linear(2, 2), relu, cr.Linear(2, 2), relu).output_shapes == [(-1, 2)]
    for shape in ((-1,), (2.5,), "ab", (2**62, 2**62)):
        with pytest.raises((ValueError, TypeError)):
            cr.Sequential(cr.ReLU(), input_shape=shape)


def test_names_follow_pytorch():
    model = cr.Sequential(cr.Linear(4, 8), cr.ReLU(), cr.Dropout(0.1), cr.Linear(8, 2, bias=False))
    assert list(model.state_dict()) == ["0.weight", "0.bias", "3.weight"]
    model = cr.Sequential(cr.Input((4,)), cr.Linear(4, 8, name="hidden"), cr.ReLU(), cr.Linear(8, 2))
    assert list(model.state_dict()) == ["hidden.weight", "hidden.bias", "2.weight", "2.bias"]
    for name in ("", "two words", "a=b\n", "a\0b"):
        with pytest.raises(ValueError):
            cr.Sequential(cr.Linear(4, 8, name=name))
    with pytest.raises(ValueError):
        cr.Sequential(cr.Linear(4, 4, name="same"), cr.Linear(4, 4, name="same"))


def test_summary_and_repr():
    model = cr.Sequential(cr.Linear(4, 8), cr.ReLU(), cr.Linear(8, 2))
    summary = model.summary()
    assert "linear" in summary and "relu" in summary and str(model.parameter_count) in summary
    assert repr(model) == "<Sequential (-1, 4) to (-1, 2), 58 parameters>"
    assert model.dtype == np.float32 and cr.Sequential(cr.Linear(2, 2), dtype=np.float64).dtype == np.float64
    for dtype in ("float16", "int32", "text", 3):
        with pytest.raises(TypeError):
            cr.Sequential(cr.Linear(2, 2), dtype=dtype)
    for seed in (-1, 2**64):
        with pytest.raises(ValueError):
            cr.Sequential(cr.Linear(2, 2), seed=seed)
    with pytest.raises(TypeError):
        cr.Sequential(cr.Linear(2, 2), seed=1.5)
    cr.Sequential(cr.Linear(2, 2), seed=np.uint64(2**64 - 1))


def test_a_model_called_on_nodes(rng):
    a, b = cr.Input((4,)), cr.Input((3,))
    h = cr.ReLU()(cr.Linear(4, 5)(a))
    two = cr.Model([a, b], [h, cr.Linear(3, 5)(b)], seed=3)
    x, y = cr.Input((4,)), cr.Input((3,))
    first, second = two(x * 2, y)
    model = cr.Model([x, y], cr.Linear(5, 1)(first - second), seed=5)
    u, v = rng.normal(size=(6, 4)).astype("f4"), rng.normal(size=(6, 3)).astype("f4")
    one, other = two.predict([2 * u, v])
    last = [values for name, values in model.state_dict().items()][-2:]
    weight, bias = sorted(last, key=lambda values: -values.ndim)
    np.testing.assert_allclose(model.predict([u, v]), (one - other) @ weight.T + bias, rtol=1e-5, atol=1e-6)
    with pytest.raises(TypeError, match="takes 2 inputs; got 1"):
        two(x)
    with pytest.raises(TypeError, match="predict"):
        two(u, v)
    with pytest.raises(ValueError, match="called twice"):
        cr.Model([x, y], two(x, y)[0] + two(x, y)[1])


def test_describe_names_the_group_of_a_kind():
    assert cr.describe("layers")["embedding"].startswith("embedding")
    with pytest.raises(ValueError, match=r'describe\("layers"\)\["embedding"\]'):
        cr.describe("embedding")
    with pytest.raises(ValueError, match="got 'nothing'$"):
        cr.describe("nothing")
