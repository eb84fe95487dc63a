"""What the tests share: the package (installed, or from the checkout), data, settings."""

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(Path(__file__).resolve().parent))
try:
    import chainrule  # noqa: F401
except ModuleNotFoundError:
    sys.path.insert(0, str(ROOT / "bindings" / "python"))
    import chainrule  # noqa: F401

settings.register_profile(
    "chainrule", deadline=None, max_examples=60, derandomize=True, suppress_health_check=list(HealthCheck)
)
settings.load_profile("chainrule")


@pytest.fixture
def rng():
    return np.random.default_rng(7)


@pytest.fixture
def blobs(rng):
    """Three clouds of points in four dimensions: x float32 [150, 4], labels int64 [150]."""
    centers = np.array([[2, 0, 0, 1], [0, 2, 0, -1], [0, 0, 2, 0]], dtype=np.float32)
    labels = np.arange(150) % 3
    x = centers[labels] + 0.4 * rng.normal(size=(150, 4))
    return x.astype(np.float32), labels.astype(np.int64)


def own_kinds(group):
    """The library's own kinds of "layers", "losses" and so on, without those that tests have registered."""
    from chainrule._catalog import entries
    from chainrule._library import ffi, lib

    return [entry.kind for entry in entries(ffi, lib, getattr(lib, f"CHAINRULE_{group.upper()}"))]


def table(name):
    """The numbers of examples/data/NAME, float64."""
    return np.loadtxt(ROOT / "examples" / "data" / name, delimiter=",", skiprows=1)


@pytest.fixture
def iris():
    """Normalised measurements float32 [150, 4], species int64 [150], in a mixed order."""
    numbers = table("iris.csv")
    numbers = numbers[np.random.default_rng(0).permutation(len(numbers))]
    x = numbers[:, :4]
    return ((x - x.mean(0)) / x.std(0)).astype(np.float32), numbers[:, 4].astype(np.int64)


@pytest.fixture
def digits():
    """Images float32 [1797, 64] from 0 to 1, digits int64 [1797]."""
    numbers = table("digits.csv")
    return (numbers[:, :64] / 16).astype(np.float32), numbers[:, 64].astype(np.int64)
