"""Exceptions: which they are and what they say."""

import os
import pickle
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule._errors import _CLASSES


def test_each_status_has_its_class():
    assert sorted(_CLASSES) == list(range(1, 16))
    assert len(set(_CLASSES.values())) == 15
    expected = {
        cr.ArgumentError: ValueError, cr.ShapeError: ValueError, cr.DtypeError: TypeError,
        cr.AttributeTextError: ValueError, cr.StateError: RuntimeError, cr.NotFoundError: KeyError,
        cr.DataError: ValueError, cr.NonFiniteError: ArithmeticError, cr.FileError: OSError,
        cr.FormatError: ValueError, cr.OutOfMemoryError: MemoryError, cr.BusyError: RuntimeError,
    }  # fmt: skip
    for kind, builtin in expected.items():
        assert issubclass(kind, builtin) and issubclass(kind, cr.Error)


def test_the_message_is_the_librarys():
    model = cr.Sequential(cr.Linear(4, 2))
    with pytest.raises(cr.ShapeError) as caught:
        model.predict(np.zeros((3, 5), np.float32))
    error = caught.value
    assert error.status == "CHAINRULE_SHAPE"
    assert "4" in error.expected and "5" in error.got and error.got in str(error)
    assert isinstance(error, ValueError)
    twin = pickle.loads(pickle.dumps(error))
    assert str(twin) == str(error) and twin.got == error.got


def test_a_layer_that_does_not_fit_is_named():
    with pytest.raises(ValueError) as caught:
        cr.Sequential(cr.Linear(4, 8), cr.ReLU(), cr.Linear(9, 2))
    assert "9" in str(caught.value) and "8" in str(caught.value)
    with pytest.raises(ValueError, match="middle"):
        cr.Sequential(cr.Linear(4, 8), cr.Linear(9, 2, name="middle"))


@pytest.mark.parametrize(
    "make",
    [
        lambda: cr.Linear(4, 0), lambda: cr.Linear(4, -1), lambda: cr.Linear(4, 2**62), lambda: cr.Linear(4, 2.5),
        lambda: cr.Linear(4, 4, weight_init="wild"), lambda: cr.Linear(4, 4, weight_init="uniform(1"),
        lambda: cr.Dropout(1.5), lambda: cr.Dropout(-0.1), lambda: cr.GELU("exactly"), lambda: cr.Softmax(7),
        lambda: cr.Reshape((3,)), lambda: cr.Reshape((-1, -1)), lambda: cr.Flatten(5), lambda: cr.Dropout(float("nan")),
        lambda: cr.ELU(float("inf")),
    ],
)  # fmt: skip
def test_bad_attributes(make):
    with pytest.raises(ValueError):
        cr.Sequential(make(), input_shape=(4,))


def test_errors_leave_no_trace():
    model = cr.Sequential(cr.Linear(4, 2))
    x = np.ones((3, 4), np.float32)
    expected = model.predict(x)
    for _ in range(100):
        for bad in (np.zeros((3, 5), "f4"), np.zeros(4, "f4"), "text", None):
            with pytest.raises((ValueError, TypeError)):
                model.predict(bad)
        assert np.array_equal(model.predict(x), expected)


def test_more_memory_than_there_is():
    program = """
        import resource
        import numpy as np
        import chainrule as cr

        resource.setrlimit(resource.RLIMIT_AS, (2**33, 2**33))  # whatever the system would promise
        small = cr.Sequential(cr.Linear(2, 1))
        try:
            cr.Sequential(cr.Linear(2**21, 2**21)).predict(np.ones((1, 2**21), "f4"))
        except MemoryError as error:
            assert isinstance(error, cr.OutOfMemoryError) and "bytes asked for" in str(error), error
            assert small.predict(np.ones((1, 2))).shape == (1, 1)
            print("refused")
    """
    environment = {**os.environ, "PYTHONPATH": str(Path(cr.__file__).parents[1])}
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, env=environment
    )
    assert result.stdout == "refused\n", result.stderr


def test_key_errors_read_as_sentences():
    error = cr.NotFoundError("no such thing")
    assert str(error) == "no such thing"
