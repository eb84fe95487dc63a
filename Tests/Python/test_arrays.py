"""What goes in: strides, dtypes, lists, DLPack; and what is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from layouts import views

import chainrule as cr


@pytest.fixture(scope="module")
def identity32():
    return cr.Sequential(cr.Identity(), input_shape=(4, 3))


@pytest.fixture(scope="module")
def identity64():
    return cr.Sequential(cr.Identity(), input_shape=(4, 3), dtype="float64")


@given(st.data(), st.integers(0, 5), st.sampled_from(["float32", "float64", ">f4", "<f2", "uint8", "int64", "bool"]))
def test_any_layout_reads_as_numpy_reads_it(identity32, identity64, data, batch, dtype):
    """One model after the other sees all shapes and layouts: what was remembered of one must not serve another."""
    array = data.draw(views((batch, 4, 3), dtype))
    for model in (identity32, identity64):
        output = model.predict(array)
        assert output.dtype == model.dtype and output.flags.c_contiguous
        assert np.array_equal(output, array.astype(model.dtype))
        if len(array):  # the loop refuses an empty batch: it has no gradient
            assert np.array_equal(model.forward(array), output)


@given(hnp.arrays(np.float64, (2, 4, 3), elements=st.floats(-1e30, 1e30)))
def test_float64_goes_into_float32_models_rounded(identity32, array):
    assert np.array_equal(identity32.predict(array), array.astype(np.float32))


def test_broadcast_views_and_read_only(identity32):
    row = np.broadcast_to(np.arange(3, dtype=np.float32), (5, 4, 3))
    assert np.array_equal(identity32.predict(row), row)
    fixed = np.ones((2, 4, 3), np.float32)
    fixed.flags.writeable = False
    for _ in range(3):
        assert np.array_equal(identity32.predict(fixed), fixed)


def test_misaligned(identity32):
    raw = bytearray(4 * 24 + 1)
    array = np.frombuffer(raw, np.float32, 24, offset=1).reshape(2, 4, 3)
    array[...] = np.arange(24).reshape(2, 4, 3)
    assert not array.flags.aligned
    aligned = np.array(array)
    for _ in range(3):
        assert np.array_equal(identity32.predict(aligned), aligned)
        assert np.array_equal(identity32.predict(array), aligned)


def test_fields_of_records(identity32):
    records = np.zeros((2, 4, 3), dtype=[("flag", "u1"), ("value", "<f4")])
    records["value"] = np.arange(24).reshape(2, 4, 3)
    assert np.array_equal(identity32.predict(records["value"]), records["value"])


def test_lists_and_scalars(identity32):
    nested = np.arange(12).reshape(1, 4, 3)
    assert np.array_equal(identity32.predict(nested.tolist()), nested)
    assert np.array_equal(identity32.predict((nested / 2).tolist()), nested / 2)
    with pytest.raises(ValueError):
        identity32.predict([[1, 2], [3]])


class Tensor:
    """Speaks DLPack and nothing else."""

    def __init__(self, array):
        self.array = array

    def __dlpack__(self, **arguments):
        return self.array.__dlpack__(**arguments)

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()


def test_dlpack(identity32, rng):
    array = rng.normal(size=(2, 4, 3)).astype(np.float32)
    assert np.array_equal(identity32.predict(Tensor(array)), array)
    strided = rng.normal(size=(2, 4, 6)).astype(np.float32)[:, :, ::2]
    assert np.array_equal(identity32.predict(Tensor(strided)), strided)
    integers = np.arange(24).reshape(2, 4, 3)
    assert np.array_equal(identity32.predict(Tensor(integers)), integers)
    out = np.from_dlpack(identity32.predict(array))
    assert np.array_equal(out, array)

    class Elsewhere(Tensor):
        def __dlpack__(self, **arguments):
            raise BufferError("on the GPU")

    with pytest.raises(TypeError, match="CPU memory"):
        identity32.predict(Elsewhere(array))


def test_what_dlpack_cannot_say_goes_through_array(identity32, rng):
    array = rng.normal(size=(2, 4, 3)).astype(np.float32)

    class Neither:
        """As a tensor on a GPU: it speaks DLPack, but not to NumPy."""

        def __dlpack__(self, **arguments):
            raise BufferError("no such type in DLPack")

        def __dlpack_device__(self):
            return (1, 0)

        def __array__(self, dtype=None, copy=None):
            raise TypeError("nor here")

    class Both(Neither):
        def __array__(self, dtype=None, copy=None):
            return array

    class NoDevice:
        __dlpack__ = Neither.__dlpack__

        def __array__(self, dtype=None, copy=None):
            return array

    for value in (Both(), NoDevice()):
        assert np.array_equal(identity32.predict(value), array)
    with pytest.raises(TypeError, match="no such type in DLPack"):
        identity32.predict(Neither())


def test_dlpack_labels(blobs):
    x, y = blobs
    model = cr.Sequential(cr.Linear(4, 3))
    model.compile("cross_entropy", "sgd lr=0.1")
    first = model.train_on_batch(Tensor(x), Tensor(y))
    other = cr.Sequential(cr.Linear(4, 3))
    other.compile("cross_entropy", "sgd lr=0.1")
    assert first == other.train_on_batch(x, y)


@pytest.mark.parametrize(
    "bad",
    [
        np.zeros((1, 4, 3), complex),
        np.zeros((1, 4, 3), object),
        np.full((1, 4, 3), "1"),
        np.zeros((1, 4, 3), "datetime64[s]"),
        np.zeros((1, 4, 3), np.longdouble),
        np.full((1, 4, 3), 2**24 + 1),
        np.full((1, 4, 3), -(2**24) - 1),
        np.full((1, 4, 3), 2**63, np.uint64),
        np.ma.masked_array(np.zeros((1, 4, 3)), mask=True),
        None,
        "text",
        object(),
    ],
    ids=lambda value: str(getattr(value, "dtype", value))[:12],
)
def test_lossy_or_not_numbers(identity32, bad):
    with pytest.raises(TypeError):
        identity32.predict(bad)


def test_exact_integers_up_to_the_limit(identity32, identity64):
    array = np.full((1, 4, 3), 2**24)
    assert np.array_equal(identity32.predict(array), array)
    assert np.array_equal(identity64.predict(array + 1), array + 1)
    with pytest.raises(TypeError, match="exactly"):
        identity64.predict(np.full((1, 4, 3), 2**53 + 1))


@pytest.mark.parametrize("shape", [(4, 3), (2, 3, 4), (2, 4), (2, 4, 3, 1), (), (12,), (2, 4, 0)], ids=str)
def test_wrong_shapes(identity32, shape):
    with pytest.raises(ValueError):
        identity32.predict(np.zeros(shape, np.float32))
    with pytest.raises(ValueError):
        identity32.predict(np.zeros((1,) * 9, np.float32))


def test_empty_batch(identity32):
    assert identity32.predict(np.zeros((0, 4, 3), np.float32)).shape == (0, 4, 3)


def test_contiguous_inputs_are_used_in_place_by_prepared_calls(identity32, rng):
    x = rng.normal(size=(2, 4, 3)).astype(np.float32)
    run = identity32.prepare_predict(x)
    first = run()
    assert np.array_equal(first, x)
    x[...] = 5
    assert run() is first and np.all(first == 5)
    fresh = identity32.prepare_predict(x, reuse=False)
    assert fresh() is not fresh()


def test_what_must_be_converted_is_not_prepared(identity32, blobs):
    x = np.zeros((2, 4, 3), np.float32)
    misaligned = np.frombuffer(bytearray(4 * 24 + 1), np.float32, 24, offset=1).reshape(2, 4, 3)
    for bad in (x.tolist(), x.astype(int), x.astype("f2"), x.astype(">f4"), misaligned):
        with pytest.raises(TypeError, match="in place.*got"):
            identity32.prepare_predict(bad)
    strided, shared = np.zeros((2, 4, 6), np.float32)[:, :, ::2], Tensor(x)
    for good in (x, x.astype("f8"), strided, shared, x[:0]):
        assert identity32.prepare_predict(good)().shape == np.shape(getattr(good, "array", good))
    x, y = blobs
    model = cr.Sequential(cr.Linear(4, 3))
    model.compile("cross_entropy", "sgd lr=0.1")
    for bad_x, bad_y, bad_weight in (
        (x.tolist(), y, None), (x.astype("f2"), y, None), (x, y.tolist(), None), (x, y.astype("u1"), None),
        (x, y, np.ones(150, int)), (x, y, [1.0] * 150),
    ):  # fmt: skip
        with pytest.raises(TypeError, match="in place.*got"):
            model.prepare(bad_x, bad_y, bad_weight)
    for good_x in (x, x.astype("f8"), np.asfortranarray(x), Tensor(x)):
        model.train_on_batch(model.prepare(good_x, y.astype("i4"), np.ones(150)))
    model.compile("mse", "sgd lr=0.1")
    with pytest.raises(TypeError, match="in place"):
        model.prepare(x, np.zeros((150, 3), int))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("prepared", [True, False])
def test_training_reads_the_callers_memory(dtype, prepared, rng, monkeypatch):
    """Nothing is copied: every step sees what the arrays hold by then."""
    x, y = rng.normal(size=(6, 2)).astype(dtype), rng.normal(size=(6, 1)).astype(dtype)
    model = cr.Sequential(cr.Linear(2, 1), dtype=dtype)
    model.compile("mse", "sgd lr=0")
    batch = model.prepare(x, y)
    assert batch.x[0].data == cr._library.ffi.from_buffer(x) and not batch.x[0].strided
    assert batch.y[0].data == cr._library.ffi.from_buffer(y) and not batch.y[0].strided
    for change in (lambda: None, lambda: None, lambda: x.fill(2), lambda: y.fill(-3), lambda: x.fill(0.5)):
        change()
        loss = model.train_on_batch(batch) if prepared else model.train_on_batch(x, y)
        np.testing.assert_allclose(loss, np.mean((model.predict(x) - y) ** 2, dtype="f8"), rtol=1e-5)


def test_many_shapes_and_types_in_turn(identity32):
    for _ in range(2):
        for batch in range(1, 80):
            for dtype in (np.float32, np.float64):
                x = np.full((batch, 4, 3), batch, dtype)
                assert np.array_equal(identity32.predict(x), x)
                assert np.array_equal(identity32.predict(x), x)


def test_fast_path_notices_other_layouts(identity32, rng):
    x = rng.normal(size=(4, 4, 3)).astype(np.float32)
    identity32.predict(x)
    turned = np.asfortranarray(x)
    assert np.array_equal(identity32.predict(turned), x)
    assert np.array_equal(identity32.predict(x[::-1]), x[::-1])
    assert np.array_equal(identity32.predict(x), x)


def test_labels(blobs):
    x, y = blobs
    losses = set()
    for dtype in ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"):
        model = cr.Sequential(cr.Linear(4, 3))
        model.compile("cross_entropy", "sgd lr=0.1")
        losses.add(model.train_on_batch(x, y.astype(dtype)))
        losses.add(model.evaluate(x, y.astype(dtype))["loss"] * 0 + min(losses))
    assert len(losses) == 1
    strided = np.repeat(y, 2)[::2]
    assert cr.CrossEntropyLoss()(x[:, :3], strided)[0] == cr.CrossEntropyLoss()(x[:, :3], y)[0]
    for bad in (y.astype(float), y.astype(np.float32), y > 0, y.astype(complex), y.astype(str)):
        with pytest.raises(TypeError, match="integer|real"):
            model.train_on_batch(x, bad)
    for bad in (y + 1, y - 1, y + 2**40):
        with pytest.raises(ValueError):
            model.train_on_batch(x, bad)
