"""Matrix products of bfloat16: what it is in Python, that digits are learned with it, the same bits at every level."""

import copy
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest

import chainrule as cr


def rounded(x):
    """To bfloat16, ties to even (of finite, normal numbers)."""
    bits = np.ascontiguousarray(x, np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000).view(np.float32)


def network(seed=0, **settings):
    model = cr.Sequential(cr.Linear(64, 64), cr.ReLU(), cr.Linear(64, 10), seed=seed)
    model.compile("cross_entropy", cr.Adam(lr=3e-3), metrics=["accuracy"], **settings)
    return model


def test_words(tmp_path):
    model = network(compute="bfloat16")
    assert model.compute == "bfloat16" and network().compute == "float32"
    with pytest.raises(ValueError, match="float32, bfloat16"):
        model.compute = "float16"
    with pytest.raises(ValueError, match="float32, bfloat16"):
        network(compute="half")
    with pytest.raises(TypeError):
        model.compute = 16
    model.save(tmp_path / "model")
    assert cr.load(tmp_path / "model").compute == "bfloat16"
    assert pickle.loads(pickle.dumps(model)).compute == copy.deepcopy(model).compute == "bfloat16"
    model.compile("cross_entropy", "adam")
    assert model.compute == "bfloat16"
    wide = cr.Sequential(cr.Linear(4, 4), dtype="float64")
    with pytest.raises(TypeError, match="float64"):
        wide.compute = "bfloat16"
    late = cr.Sequential(cr.Flatten(), cr.Linear(3, 4), seed=1)
    late.compile("mse", "sgd", compute="bfloat16")
    late.fit(np.ones((8, 3), np.float32), np.ones((8, 4), np.float32), epochs=1, verbose=0)
    assert late.compute == "bfloat16"


def test_operands_are_rounded(rng):
    model = cr.Sequential(cr.Linear(50, 40, bias=False), seed=2)
    x = rng.normal(size=(30, 50)).astype(np.float32)
    exact, weight = model.predict(x), model.state_dict()["0.weight"]
    model.compute = "bfloat16"
    got = model.predict(x)
    np.testing.assert_allclose(got, rounded(x).astype(np.float64) @ rounded(weight).T.astype(np.float64), rtol=1e-5, atol=1e-6)
    assert np.any(got != exact)
    np.testing.assert_allclose(got, exact, rtol=0.02, atol=0.02)
    model.compute = "float32"
    np.testing.assert_array_equal(model.predict(x), exact)


def test_digits_are_learned_as_well(digits):
    x, y = digits
    best = {}
    for compute in ("float32", "bfloat16"):
        scores = []
        for seed in range(3):
            model = network(seed, compute=compute)
            model.fit(x[:1400], y[:1400], epochs=20, batch_size=32, verbose=0)
            scores.append(model.evaluate(x[1400:], y[1400:])["accuracy"])
        best[compute] = np.mean(scores)
    assert best["float32"] > 0.9
    assert best["bfloat16"] > best["float32"] - 0.005


def test_loss_in_python(digits):
    x, y = digits
    model = cr.Sequential(cr.Linear(64, 10), seed=0)

    def loss(prediction, target):
        return float(np.mean((prediction - target) ** 2)), 2 * (prediction - target) / prediction.size

    model.compile(loss, "sgd", compute="bfloat16")
    assert model.compute == "bfloat16"
    target = np.eye(10, dtype=np.float32)[y]
    assert model.train_on_batch(x[:100], target[:100]) > model.train_on_batch(x[:100], target[:100])


PROGRAM = """
import hashlib, sys
import numpy as np
import chainrule as cr
cr.set_num_threads(int(sys.argv[1]))
rng = np.random.default_rng(0)
x = rng.normal(size=(129, 301)).astype(np.float32)
y = rng.integers(0, 10, 129)
model = cr.Sequential(cr.Linear(301, 515), cr.GELU(), cr.Linear(515, 77), cr.ReLU(), cr.Linear(77, 10), seed=3)
model.compile("cross_entropy", "adam", compute="bfloat16")
for _ in range(5):
    model.train_on_batch(x, y)
state = b"".join(value.tobytes() for value in model.state_dict().values())
print(hashlib.sha256(state + model.predict(x).tobytes() + model.predict(x[:1]).tobytes()).hexdigest())
"""


def test_same_bits_at_every_level():
    levels = {"baseline": [], "avx2": ["avx2"], "avx512": ["avx2", "avx512"]}[cr.cpu_level()]
    seen = set()
    for level in [*levels, None]:  # None: with AVX-512 BF16, where the CPU has it
        environment = {name: value for name, value in os.environ.items() if name != "CHAINRULE_CPU"}
        if level is not None:
            environment["CHAINRULE_CPU"] = level
        for threads in "12":
            run = subprocess.run([sys.executable, "-c", PROGRAM, threads], env=environment, capture_output=True, text=True)
            assert run.returncode == 0, run.stderr
            seen.add(run.stdout)
    assert len(seen) == 1
