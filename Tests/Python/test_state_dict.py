"""State dicts that PyTorch wrote (Tests/Oracle/state_dicts), loaded by name: a multilayer perceptron, a
convolutional network, an LSTM, a transformer encoder, normalised weights. Where PyTorch is installed, its own modules too."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
from test_state import read_safetensors

import chainrule as cr

ORACLE = Path(__file__).resolve().parents[1] / "Oracle"
FOLDER = ORACLE / "state_dicts"
NAMES = ["mlp", "cnn", "lstm", "transformer", "normalised"]


def tensor(words):
    """An array from "rank sizes... values..."."""
    rank = int(words[0])
    return np.array(words[1 + rank :], "f8").reshape([int(size) for size in words[1 : 1 + rank]])


def expected(name):
    """The input, and PyTorch's output for it."""
    blocks = (FOLDER / "values.txt").read_text().split("case ")
    lines = next(block for block in blocks if block.split("\n")[0] == name).splitlines()
    x = next(line.split()[1:] for line in lines if line.startswith("input "))
    y = next(line.split()[4:] for line in lines if line.startswith("expect "))
    return tensor(x).astype("f4"), tensor(y)  # inputs are float32 numbers, in nine digits


def network(name, dtype="float32"):
    if name == "mlp":
        layers = [cr.Linear(5, 7), cr.Tanh(), cr.Linear(7, 6, bias=False), cr.ReLU(), cr.Linear(6, 3)]
        return cr.Sequential(*layers, dtype=dtype)
    if name == "cnn":
        return cr.Sequential(
            cr.Input((2, 10, 10)), cr.Conv2d(2, 6, 3, padding=1), cr.BatchNorm2d(6), cr.ReLU(), cr.MaxPool2d(2),
            cr.Conv2d(6, 8, 3, stride=2, groups=2, bias=False), cr.BatchNorm2d(8), cr.ReLU(), cr.Flatten(), cr.Linear(32, 4),
            dtype=dtype,
        )
    if name == "lstm":
        x = cr.Input((7, 6))
        output, _, _ = cr.LSTM(6, 8, num_layers=2, bidirectional=True, batch_first=True, name="lstm")(x)
        return cr.Model(x, cr.Linear(16, 3, name="fc")(output), dtype=dtype)
    if name == "normalised":
        x = cr.Input((2, 6, 6))
        first = cr.weight_norm((4, 2, 3, 3), name="0.parametrizations.weight")
        second = cr.spectral_norm((3, 4, 2, 2), name="2.parametrizations.weight")
        h = cr.ReLU(name="1")(cr.Conv2d(2, 4, 3, name="0")(x, weight=first))
        h = cr.Conv2d(4, 3, 2, name="2")(h, weight=second)
        return cr.Model(x, cr.Linear(27, 2, name="4")(cr.Flatten(name="3")(h)), dtype=dtype)
    encoder = cr.TransformerEncoder(
        2, 16, 4, dim_feedforward=24, activation="gelu", batch_first=True, norm=True, name="encoder"
    )
    return cr.Sequential(
        cr.Input((6, 5)), cr.Linear(5, 16, name="project"), encoder, cr.Linear(16, 3, name="head"), dtype=dtype
    )


@pytest.mark.parametrize("dtype, tolerance", [("float32", 3e-6), ("float64", 1e-12)])
@pytest.mark.parametrize("name", NAMES)
def test_a_state_dict_of_pytorch(name, dtype, tolerance):
    x, y = expected(name)
    model = network(name, dtype)
    model.load_weights(FOLDER / f"{name}.safetensors")
    np.testing.assert_allclose(model.predict(x), y, rtol=tolerance, atol=tolerance)
    other = network(name, dtype)
    state = read_safetensors(FOLDER / f"{name}.safetensors")
    assert other.load_state_dict(state) == ([], [])
    assert np.array_equal(other.predict(x), model.predict(x))
    kept = other.state_dict()
    assert set(kept) == set(state) and all(np.array_equal(kept[key], state[key]) for key in state)


@pytest.mark.parametrize("name", NAMES)
def test_modules_of_pytorch(name, rng):
    """Both ways, with tensors: what PyTorch holds into the model, what the model holds into PyTorch's module."""
    if importlib.util.find_spec("torch") is None:
        return  # the files above hold the same
    import torch

    sys.path.insert(0, str(ORACLE))
    from make_state_dict import networks

    module, shape = next((module, shape) for known, module, _, shape in networks() if known == name)
    module.eval()
    x = rng.normal(size=shape).astype("f4")
    model = network(name)
    model.load_state_dict(module.state_dict())
    with torch.no_grad():
        np.testing.assert_allclose(model.predict(x), module(torch.tensor(x)).numpy(), rtol=1e-5, atol=1e-5)
    fresh = network(name)
    module.load_state_dict({key: torch.tensor(values) for key, values in fresh.state_dict().items()})
    with torch.no_grad():
        np.testing.assert_allclose(fresh.predict(x), module(torch.tensor(x)).numpy(), rtol=1e-5, atol=1e-5)
