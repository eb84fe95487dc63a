"""A loss of one's own, written in NumPy: three outputs learn the 10th, 50th and 90th percentile of the
disease progression for every body-mass index. The library needs only the loss's gradient in the
prediction.

    custom_loss.py [data folder] [folder for the picture]
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
PERCENTILES = np.array([0.1, 0.5, 0.9], np.float32)


def pinball_loss(prediction, target):
    """Too low costs p for each unit, too high 1 - p: the cheapest prediction is the p-th quantile.
    Returns the mean and its gradient in the prediction, [samples, percentiles] like it."""
    error = target - prediction
    loss = np.maximum(PERCENTILES * error, (PERCENTILES - 1) * error)
    gradient = np.where(error > 0, -PERCENTILES, 1 - PERCENTILES)
    return loss.mean(), (gradient / gradient.size).astype(np.float32)


def draw(path, bmi, progression, curves):
    order = np.argsort(bmi)
    figure, axis = plt.subplots(figsize=(9, 6))
    axis.scatter(bmi, progression, s=12, alpha=0.5, color="tab:blue", label="patients")
    axis.fill_between(
        bmi[order], curves[order, 0], curves[order, 2], color="red", alpha=0.12, label="four patients of five"
    )
    for column, style in enumerate(("--", "-", "--")):
        label = f"{100 * PERCENTILES[column]:.0f}th percentile"
        axis.plot(bmi[order], curves[order, column], style, color="red", lw=2, label=label)
    axis.set_xlabel("body-mass index (kg/m²)")
    axis.set_ylabel("disease progression after one year (score)")
    axis.set_title("A loss written in NumPy: percentiles of the disease progression")
    axis.legend(loc="upper left")
    figure.tight_layout()
    figure.savefig(path, dpi=100)
    print(f"picture: {path}")


def main():
    table = np.loadtxt(DATA / "diabetes.csv", delimiter=",", skiprows=1)
    bmi, progression = table[:, 2], table[:, 10]
    x = ((bmi - bmi.mean()) / bmi.std()).astype(np.float32)[:, None]
    y = (progression / 100).astype(np.float32)[:, None]

    model = cr.Sequential(cr.Linear(1, 8), cr.Tanh(), cr.Linear(8, 3), seed=1)
    optimizer = cr.Adam(lr=0.01)
    for step in range(1, 2001):
        prediction = model.forward(x, training=True)
        loss, gradient = pinball_loss(prediction, y)
        model.zero_grad()
        model.backward(gradient)
        optimizer.step(model)
        if step == 1 or step % 400 == 0:
            print(f"step {step:4d}   pinball loss {loss:.5f}")

    curves = 100 * model.predict(x)
    below = 100 * np.mean(progression[:, None] < curves, axis=0)
    print("patients under the 10th, 50th and 90th percentile: " + ", ".join(f"{share:.1f} %" for share in below))

    OUTPUT.mkdir(parents=True, exist_ok=True)
    draw(OUTPUT / "custom_loss.png", bmi, progression, curves)
    inside = below[2] - below[0]
    enough = 76 <= inside <= 84
    print(
        f"result: patients between the 10th and 90th percentile | {inside:.1f} % | 76 to 84 % | "
        f"{'learned' if enough else 'NOT LEARNED'}"
    )
    return 0 if enough else 1


if __name__ == "__main__":
    sys.exit(main())
