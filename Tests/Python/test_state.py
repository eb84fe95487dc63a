"""Parameters, files, pickling: state dicts as PyTorch writes them, without PyTorch."""

import copy
import errno
import json
import os
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr

TYPES = {"float32": "F32", "float64": "F64"}


def write_safetensors(path, tensors, metadata=None):
    """The format in ten lines: a length, a JSON header, the bytes."""
    header, offset = ({"__metadata__": metadata} if metadata else {}), 0
    for name, array in tensors.items():
        header[name] = {
            "dtype": TYPES[str(array.dtype)],
            "shape": list(array.shape),
            "data_offsets": [offset, offset + array.nbytes],
        }
        offset += array.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    Path(path).write_bytes(struct.pack("<Q", len(text)) + text + b"".join(a.tobytes() for a in tensors.values()))


def read_safetensors(path):
    data = Path(path).read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + length])
    body = data[8 + length :]
    tensors = {}
    for name, entry in header.items():
        if name != "__metadata__":
            dtype = {"F32": "f4", "F64": "f8", "I64": "i8"}[entry["dtype"]]
            tensors[name] = np.frombuffer(body[slice(*entry["data_offsets"])], dtype).reshape(entry["shape"])
    return tensors


def mlp(seed=0, dtype="float32"):
    return cr.Sequential(cr.Linear(4, 8), cr.ReLU(), cr.Linear(8, 3), seed=seed, dtype=dtype)


def pytorch_state(rng):
    """What torch.nn.Sequential(Linear(4, 8), ReLU(), Linear(8, 3)).state_dict() holds."""
    shapes = {"0.weight": (8, 4), "0.bias": (8,), "2.weight": (3, 8), "2.bias": (3,)}
    return {name: rng.normal(size=shape).astype("f4") for name, shape in shapes.items()}


def pytorch_forward(state, x):
    h = np.maximum(x @ state["0.weight"].T + state["0.bias"], 0)
    return h @ state["2.weight"].T + state["2.bias"]


def test_a_pytorch_state_dict(rng, tmp_path):
    state, x = pytorch_state(rng), rng.normal(size=(5, 4)).astype("f4")
    model = mlp()
    assert model.load_state_dict(state) == ([], [])
    np.testing.assert_allclose(model.predict(x), pytorch_forward(state, x), rtol=1e-5, atol=1e-5)
    assert all(np.array_equal(state[name], values) for name, values in model.state_dict().items())
    other = mlp(1)
    write_safetensors(tmp_path / "torch.safetensors", state, {"format": "pt"})
    other.load_weights(tmp_path / "torch.safetensors")
    assert np.array_equal(other.predict(x), model.predict(x))


def test_what_the_safetensors_library_writes_and_reads(rng, tmp_path):
    numpy_files = pytest.importorskip("safetensors.numpy")
    state, x = pytorch_state(rng), rng.normal(size=(5, 4)).astype("f4")
    for number, variant in enumerate((state, {name: values.astype("f8") for name, values in state.items()})):
        path = tmp_path / f"{number}.safetensors"
        numpy_files.save_file(variant, path, metadata={"format": "pt", "note": "\u00e9\n\"quoted\""})
        model = mlp()
        model.load_weights(path)
        assert all(np.array_equal(state[name], values) for name, values in model.state_dict().items())
        np.testing.assert_allclose(model.predict(x), pytorch_forward(state, x), rtol=1e-5, atol=1e-5)
        model.save(path)
        again = numpy_files.load_file(path)
        assert set(again) == set(state) and all(np.array_equal(again[name], state[name]) for name in state)


def test_state_dicts_are_copies_and_checked(rng):
    model = mlp()
    model.state_dict()["0.weight"][:] = 0
    assert np.any(model.state_dict()["0.weight"])
    before, state = model.state_dict(), pytorch_state(rng)
    missing = {name: values for name, values in state.items() if name != "2.bias"}
    for bad, error in (
        (missing, KeyError),
        ({**state, "9.weight": state["0.weight"]}, KeyError),
        ({**state, "0.bias": np.zeros(7)}, ValueError),
        ({**state, "0.bias": np.zeros((8, 1))}, ValueError),
        ({**state, "0.bias": "text"}, TypeError),
        ({}, KeyError),
    ):
        with pytest.raises(error):
            model.load_state_dict(bad)
        assert all(np.array_equal(before[name], values) for name, values in model.state_dict().items())
    keys = model.load_state_dict({**missing, "9.weight": 1}, strict=False)
    assert keys.missing == ["2.bias"] and keys.unexpected == ["9.weight"]
    assert np.array_equal(model.state_dict()["0.bias"], state["0.bias"])
    assert np.array_equal(model.state_dict()["2.bias"], before["2.bias"])
    model.load_state_dict({name: np.asfortranarray(values, dtype="f8") for name, values in state.items()})
    assert np.array_equal(model.state_dict()["2.weight"], state["2.weight"])

    class Tensor:
        """A PyTorch parameter, as far as it matters."""

        def __init__(self, array):
            self.array = array

        def detach(self):
            return self.array

    model.load_state_dict({name: Tensor(values + 1) for name, values in state.items()})
    assert np.array_equal(model.state_dict()["2.weight"], state["2.weight"] + 1)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_save_and_load(rng, tmp_path, dtype):
    x = rng.normal(size=(5, 4)).astype(dtype)
    model = mlp(3, dtype)
    path = tmp_path / "модель.safetensors"
    for target in (path, str(path), os.fsencode(path)):
        model.save(target)
        twin = cr.load(target)
        assert type(twin) is cr.Model and twin.dtype == dtype
        assert np.array_equal(twin.predict(x), model.predict(x))
    tensors = read_safetensors(path)
    assert all(np.array_equal(tensors[name], values) for name, values in model.state_dict().items())
    twin.compile("cross_entropy", "adam")
    twin.fit(x, np.zeros(5, int), verbose=0)
    assert "linear" in twin.summary()


def test_graphs_come_back_from_files(rng, tmp_path):
    a, b = cr.Input((3,), name="a"), cr.Input((3,), name="b")
    p = cr.Parameter(rng.normal(size=3), name="p")
    h = cr.Linear(3, 3)(a) * p + b * np.array([1.0, 2.0, 3.0])
    model = cr.Model([a, b], [cr.Softmax()(h), cr.exp(h[:, :2]).sum(dim=1)])
    model.save(tmp_path / "graph")
    inputs = [rng.normal(size=(4, 3)).astype("f4") for _ in range(2)]
    for one, other in zip(model.predict(inputs), cr.load(tmp_path / "graph").predict(inputs)):
        assert np.array_equal(one, other)


def test_weights_files_that_do_not_fit(rng, tmp_path):
    state, model = pytorch_state(rng), mlp()
    before, path = model.state_dict(), tmp_path / "file"

    def unchanged():
        return all(np.array_equal(before[name], values) for name, values in model.state_dict().items())

    partial = {"0.weight": state["0.weight"], "extra": state["0.bias"]}
    write_safetensors(path, partial)
    with pytest.raises((KeyError, ValueError)):
        model.load_weights(path)
    assert unchanged()
    model.load_weights(path, strict=False)
    assert np.array_equal(model.state_dict()["0.weight"], state["0.weight"])
    model.load_state_dict(before)
    write_safetensors(path, {**state, "0.bias": np.zeros(7, "f4")})
    with pytest.raises(ValueError):
        model.load_weights(path)
    assert unchanged()
    with pytest.raises((ValueError, cr.FormatError)):
        cr.load(path)  # weights alone are no model


def test_bad_files(tmp_path):
    model = mlp()
    good = tmp_path / "good"
    model.save(good)
    data = good.read_bytes()
    bad = tmp_path / "bad"
    for content in (b"", b"x", data[:20], data[:-1], b"\xff" * 200, data[:8] + b"[" + data[9:]):
        bad.write_bytes(content)
        with pytest.raises(cr.FormatError) as caught:
            cr.load(bad)
        assert isinstance(caught.value, ValueError)
        with pytest.raises(cr.FormatError):
            model.load_weights(bad)
    with pytest.raises(FileNotFoundError):
        cr.load(tmp_path / "nothing")
    with pytest.raises(FileNotFoundError):
        model.load_weights(tmp_path / "nothing")
    with pytest.raises(FileNotFoundError):
        model.save(tmp_path / "no folder" / "file")
    with pytest.raises(OSError) as caught:
        model.save(tmp_path)
    assert isinstance(caught.value, cr.Error)
    with pytest.raises(OSError):
        model.save("/proc/chainrule")
    with pytest.raises((OSError, ValueError)):
        cr.load(tmp_path)
    with pytest.raises(ValueError):
        model.save("a\0b")
    with pytest.raises(TypeError):
        model.save(3)
    assert sorted(item.name for item in tmp_path.iterdir()) == ["bad", "good"]  # nothing left lying about


def test_file_errors_say_which_file_and_why(tmp_path):
    model = mlp()
    for call, path in (
        (cr.load, tmp_path / "nothing"), (cr.load_checkpoint, tmp_path / "nothing"),
        (model.load_weights, tmp_path / "nothing"), (model.save, tmp_path / "no folder" / "file"),
    ):  # fmt: skip
        with pytest.raises(FileNotFoundError) as caught:
            call(path)
        assert caught.value.filename == str(path) and caught.value.errno == errno.ENOENT
        assert caught.value.status == "CHAINRULE_IO" and str(path) in str(caught.value)
        twin = pickle.loads(pickle.dumps(caught.value))
        assert twin.filename == str(path) and twin.errno == errno.ENOENT and str(twin) == str(caught.value)
    with pytest.raises(OSError) as caught:
        model.save(tmp_path)
    assert caught.value.filename == str(tmp_path)


def test_bytes_behind_the_last_tensor(tmp_path):
    """The safetensors format forbids them: the file is damaged, or two were joined."""
    path = tmp_path / "file"
    mlp().save(path)
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(cr.FormatError):
        cr.load(path)
    with pytest.raises(cr.FormatError):
        mlp().load_weights(path)


def test_pickle_and_deepcopy(rng):
    x = rng.normal(size=(8, 4)).astype("f4")
    model = mlp(5)
    for twin in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model), copy.copy(model)):
        assert type(twin) is cr.Sequential and repr(twin.layers) == repr(model.layers)
        assert np.array_equal(twin.predict(x), model.predict(x))
        with pytest.raises(cr.StateError):
            twin.train_on_batch(x, np.zeros(8, int))
        twin.load_state_dict({name: values * 0 for name, values in twin.state_dict().items()})
    assert np.any(model.predict(x))


def test_training_goes_on_after_pickling(rng):
    x, y = rng.normal(size=(64, 4)).astype("f4"), rng.integers(0, 3, size=64)
    model = cr.Sequential(cr.Linear(4, 8), cr.Dropout(0.3), cr.ReLU(), cr.Linear(8, 3))
    model.compile("cross_entropy", cr.Adam(lr=0.01), metrics=["accuracy"])
    model.fit(x, y, epochs=2, verbose=0)
    model.optimizer.lr = 0.02
    twin = pickle.loads(pickle.dumps(model))
    assert twin.optimizer.lr == 0.02 and dict(twin.history) == dict(model.history)
    first, second = (each.fit(x, y, epochs=2, verbose=0) for each in (model, twin))
    assert dict(first) == dict(second)
    assert np.array_equal(model.predict(x), twin.predict(x))
    assert model.evaluate(x, y) == twin.evaluate(x, y)
    twin.optimizer.lr = 0.5
    assert model.optimizer.lr == 0.02


def squared_error(prediction, target):
    return float(np.mean((prediction - target) ** 2)), 2 * (prediction - target) / target.size


def test_a_python_loss_is_pickled_by_name(rng):
    x, y = rng.normal(size=(8, 4)).astype("f4"), rng.normal(size=(8, 3)).astype("f4")
    model = mlp()
    model.compile(squared_error, "sgd lr=0.1", metrics=["mae"], seed=11)
    model.fit(x, y, epochs=2, batch_size=3, verbose=0)
    for twin in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        original = copy.deepcopy(model)
        assert twin.train_on_batch(x, y) == original.train_on_batch(x, y)
        # The samples come in the order that they would have come in without the pause.
        first, second = (each.fit(x, y, epochs=2, batch_size=3, verbose=0) for each in (original, twin))
        assert dict(first) == dict(second)
        assert np.array_equal(twin.predict(x), original.predict(x))


def test_checkpoints(rng, tmp_path):
    x, y = rng.normal(size=(64, 4)).astype("f4"), rng.integers(0, 3, size=64)

    def make():
        model = cr.Sequential(cr.Linear(4, 8), cr.Dropout(0.3), cr.Linear(8, 3))
        model.compile("cross_entropy", "adam lr=0.01", metrics=["accuracy"])
        return model

    whole = make()
    whole.fit(x, y, epochs=6, verbose=0)
    part = make()
    part.fit(x, y, epochs=2, verbose=0)
    part.save_checkpoint(tmp_path / "checkpoint")
    again = cr.load_checkpoint(tmp_path / "checkpoint")
    assert again.metrics == ("accuracy",) and again.optimizer.lr == 0.01
    history = again.fit(x, y, epochs=6, resume=True, verbose=0)
    assert history.epochs == 4
    assert np.array_equal(again.predict(x), whole.predict(x))
    with pytest.raises(FileNotFoundError):
        cr.load_checkpoint(tmp_path / "nothing")
    with pytest.raises(cr.StateError):
        mlp().save_checkpoint(tmp_path / "x")


def test_initialize():
    model = mlp(1)
    first = model.state_dict()["0.weight"]
    model.initialize(2)
    assert not np.array_equal(first, model.state_dict()["0.weight"])
    model.initialize(1)
    assert np.array_equal(first, model.state_dict()["0.weight"])
