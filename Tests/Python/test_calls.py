"""The calls of hot loops: the compiled module and cffi do the same, whatever they are given."""

import subprocess
import sys

import numpy as np
import pytest

import chainrule as cr
from chainrule import _calls

# What a program sees of steps and predictions, results and errors, one line each.
PROGRAM = """
import numpy as np, sys, threading
if "without" in sys.argv:
    sys.modules["chainrule._direct"] = None
import chainrule as cr
from chainrule import _calls
assert (_calls._direct is None) == ("without" in sys.argv)

def show(name, call):
    try:
        value = call()
    except Exception as error:
        print(name, type(error).__name__, error)
        return
    print(name, type(value).__name__, getattr(value, "dtype", ""), np.asarray(value).tolist())

rng = np.random.default_rng(0)
x, y = rng.normal(size=(6, 3)), rng.normal(size=(6, 2))
arrays = {
    "float32": x.astype("f4"), "float64": x, "float16": x.astype("f2"), "int32": (9 * x).astype("i4"), "int64": (9 * x).astype("i8"),
    "uint8": np.ones((6, 3), "u1"), "bool": x > 0, "big_endian": x.astype(">f4"), "fortran": np.asfortranarray(x), "reversed": x[::-1],
    "wide": np.ones((6, 6))[:, ::2], "masked": np.ma.masked_array(x), "complex": x * 1j, "list": x.tolist(), "None": None,
    "one_row": x[:1], "no_rows": x[:0], "vector": x[0], "number": np.float32(1), "zero_rank": np.array(1.0), "four_columns": np.ones((6, 4)),
    "nine_dimensions": np.ones((1,) * 9), "matrix": np.matrix(x), "unaligned": np.frombuffer(b"x" + x.tobytes(), "f8", offset=1).reshape(6, 3),
    "read_only": np.frombuffer(x.tobytes()).reshape(6, 3), "not_finite": np.full((6, 3), np.nan), "strings": np.full((6, 3), "a"),
}
for dtype in ("float32", "float64"):
    model = cr.Sequential(cr.Linear(3, 4), cr.Tanh(), cr.Linear(4, 2), seed=1, dtype=dtype)
    show("not compiled", lambda: model.train_on_batch(x, y))
    model.compile("mse", "sgd lr=0.1")
    for name, array in arrays.items():
        show(f"predict {name}", lambda: model.predict(array))
        show(f"step {name}", lambda: model.train_on_batch(array, y))
        show(f"target {name}", lambda: model.train_on_batch(x, array))
        show(f"prepared {name}", lambda: model.prepare_predict(array)())
    show("weighted", lambda: model.train_on_batch(x, y, np.arange(6)))
    batch = model.prepare(x, y)
    show("batch", lambda: model.train_on_batch(batch))
    both = np.zeros((2, 6, 3))
    two = cr.Input(3), cr.Input(3)
    pair = cr.Model(list(two), two[0] * two[1])
    pair.compile("mse", "sgd lr=0.1")
    for name, value in (("list", [x, x]), ("array", x), ("stacked", both)):
        show(f"two inputs, {name}", lambda: pair.predict(value))
        show(f"two inputs, step, {name}", lambda: pair.train_on_batch(value, x))
    show("another model's batch", lambda: pair.train_on_batch(batch))
    whole = cr.Input((6, 3), batched=False)
    show("not batched", lambda: cr.Model(whole, cr.sum(whole)).predict(x))
    labels = cr.Sequential(cr.Linear(3, 4), seed=0, dtype=dtype)
    labels.compile("cross_entropy", "adam")
    for kind in ("i4", "i8", "u1", "f4", "f8"):
        show(f"labels {kind}", lambda: labels.train_on_batch(x, np.arange(6).astype(kind) % 4))
    show("label out of range", lambda: labels.train_on_batch(x, np.full(6, 4)))
    model.compile(lambda p, t: (float(((p - t) ** 2).mean()), 2 * (p - t) / p.size), "sgd lr=0.1")
    show("a loss of Python", lambda: model.train_on_batch(x, y))
    show("a loss of Python, batch", lambda: model.train_on_batch(batch))
"""


@pytest.mark.skipif(sys.version_info < (3, 10), reason="the module needs Python 3.10")
def test_both_ways_give_the_same():
    seen = {}
    for way in ("with", "without"):
        run = subprocess.run([sys.executable, "-W", "ignore", "-c", PROGRAM, way], capture_output=True, text=True)
        assert run.returncode == 0, run.stderr
        seen[way] = run.stdout.splitlines()
    assert len(seen["with"]) > 250
    assert seen["with"] == seen["without"]


def test_the_module_was_built():
    """It is optional for a machine without a C compiler; where tests run, there is one."""
    assert _calls._direct is not None


def test_the_module_refuses_what_is_no_address():
    model = cr.Sequential(cr.Linear(2, 1))
    x = np.zeros((3, 2), "f4")
    address, tail = model._address, model._direct_tail
    for bad in (
        lambda: _calls.step(),
        lambda: _calls.step(1, 2, 3),
        lambda: _calls.step("0", (0, 0, 0)),
        lambda: _calls.step(0, [0, 0, 0]),
        lambda: _calls.step(0, (0, 0)),
        lambda: _calls.step(0, (0, 0, "0")),
        lambda: _calls.predict(0, 0, 0),
        lambda: _calls.predict(None, 0, 0, None),
        lambda: _calls.step_arrays(0, x),
        lambda: _calls.step_arrays(1.5, x, x),
        lambda: _calls.predict_array(address, x, tail),
        lambda: _calls.predict_array(address, x, [1], x.dtype),
        lambda: _calls.predict_array(address, x, ("a",), x.dtype),
        lambda: _calls.predict_array(address, x, tail, "no dtype"),
    ):
        with pytest.raises((TypeError, IndexError, SystemError)):
            bad()
    for call in (lambda: _calls.step(0, (0, 0, 0)), lambda: _calls.predict(0, 0, 0, None)):
        with pytest.raises(cr.Error, match="NULL"):
            call()
    assert _calls.predict_array(0, x, tail, x.dtype) is None


def test_threads_share_a_model(rng):
    """Arrays of one model in many threads: no call sees another's."""
    import concurrent.futures

    model = cr.Sequential(cr.Linear(3, 4), cr.Tanh(), cr.Linear(4, 2), seed=1)
    inputs = [rng.normal(size=(1 + index % 7, 3)).astype("f4") for index in range(200)]
    expected = [model.predict(x) for x in inputs]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for result, right in zip(pool.map(model.predict, inputs * 5), expected * 5):
            np.testing.assert_array_equal(result, right)
