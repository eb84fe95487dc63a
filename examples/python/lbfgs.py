"""L-BFGS beside Adam. The ten measurements of diabetes.csv explain the progression of the disease in a straight
line; two of them (total cholesterol and ldl) say nearly the same, and so the loss is a narrow valley. Adam has to
walk along it, whatever its learning rate; L-BFGS, which learns the valley's shape from its own steps, does not.
How far each is above the lowest loss there is, that of least squares, shows in the picture.

    lbfgs.py [data folder] [folder for the picture]
"""

import sys
from pathlib import Path

import chainrule as cr
import matplotlib
import numpy as np

matplotlib.use("Agg")
import matplotlib.pyplot as plt

HERE = Path(__file__).resolve().parent
DATA = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE.parent / "data"
OUTPUT = Path(sys.argv[2]) if len(sys.argv) > 2 else Path("build/demo")
STEPS = 500  # of Adam
ITERATIONS = 24  # of L-BFGS
REACHED = 1e-9  # above the lowest loss


def load():
    """Measurements and progression, each with mean 0 and standard deviation 1, in double precision."""
    table = np.loadtxt(DATA / "diabetes.csv", delimiter=",", skiprows=1)
    table = (table - table.mean(axis=0)) / table.std(axis=0)
    return table[:, :10], table[:, 10:]


def build_model():
    return cr.Sequential(cr.Linear(10, 1, weight_init="zeros", bias_init="zeros"), dtype="float64")


def adam(x, y, lr):
    """The loss before each step, and after the last."""
    model = build_model()
    model.compile("mse", cr.Adam(lr=lr))
    losses = [model.train_on_batch(x, y) for _ in range(STEPS)]
    return np.array([*losses, model.evaluate(x, y)["loss"]])


def lbfgs(x, y):
    """The loss after 0, 1, 2, ... iterations. All of a batch's iterations are one step of the library, so each
    number takes a run of its own."""
    losses = [np.mean(y**2)]
    for iterations in range(1, ITERATIONS + 1):
        model = build_model()
        optimizer = cr.LBFGS(
            max_iter=iterations,
            max_eval=1000,
            tolerance_grad=1e-12,
            tolerance_change=1e-15,
            line_search_fn="strong_wolfe",
        )
        model.compile("mse", optimizer)
        model.train_on_batch(x, y)
        losses.append(model.evaluate(x, y)["loss"])
    return np.array(losses)


def first_below(excess):
    """After how many steps the loss is at the lowest but for REACHED, and stays so; None if it never is."""
    above = np.flatnonzero(excess >= REACHED)
    return int(above[-1]) + 1 if above[-1] + 1 < len(excess) else None


def draw(path, adams, search):
    figure, axis = plt.subplots(figsize=(9, 5.6))
    for (rate, excess), color in zip(adams.items(), ("#9ec5e8", "#4f8fc9", "#1d4f86")):
        axis.plot(np.arange(1, len(excess)), np.maximum(excess[1:], 1e-16), color=color, label=f"Adam, lr={rate}")
    axis.plot(np.arange(1, len(search)), np.maximum(search[1:], 1e-16), "o-", ms=4, color="red", label="L-BFGS")
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_xlabel("steps of Adam, iterations of L-BFGS (each looks at all 442 patients about once)")
    axis.set_ylabel("mean squared error above that of least squares (variances)")
    axis.set_title("The way to the bottom of a narrow valley")
    axis.legend()
    axis.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(path, dpi=100)
    print(f"picture: {path}")


def main():
    x, y = load()
    with_bias = np.c_[x, np.ones(len(x))]
    lowest = np.mean((with_bias @ np.linalg.lstsq(with_bias, y, rcond=None)[0] - y) ** 2)
    print(f"the lowest mean squared error there is: {lowest:.6f} of the progression's variance")

    adams = {rate: adam(x, y, rate) - lowest for rate in (0.01, 0.03, 0.1)}
    search = lbfgs(x, y) - lowest
    for rate, excess in adams.items():
        early, late = excess[ITERATIONS], excess[-1]
        print(f"Adam, lr={rate:<4}  above it by {early:.1e} after {ITERATIONS} steps, {late:.1e} after {STEPS}")
    print(f"L-BFGS         above it by {search[-1]:.1e} after {ITERATIONS} iterations")

    OUTPUT.mkdir(parents=True, exist_ok=True)
    draw(OUTPUT / "lbfgs_python.png", adams, search)
    fastest = min(first_below(excess) or STEPS for excess in adams.values())
    iterations = first_below(search)
    enough = iterations is not None and iterations * 10 < fastest
    print(
        f"result: L-BFGS's iterations to least squares, against Adam's steps | {iterations} to {fastest} | "
        f"under a tenth | {'learned' if enough else 'NOT LEARNED'}"
    )
    return 0 if enough else 1


if __name__ == "__main__":
    sys.exit(main())
