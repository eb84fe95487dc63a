"""The descent of linear regression, drawn: the line turning into place over the points, and the same
steps on the surface of the loss. Body-mass index against disease progression in 442 patients.

    linear_regression.py [data folder] [folder for the picture]
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
STEPS = 80


def descend(x, y):
    """Gradient descent from weight 0 and bias 0; returns (weight, bias, loss) of every step."""
    model = cr.Sequential(cr.Linear(1, 1), seed=0)
    model.load_state_dict({"0.weight": np.zeros((1, 1), np.float32), "0.bias": np.zeros(1, np.float32)})
    loss_function, optimizer = cr.MSELoss(), cr.SGD(lr=0.08)
    path = []
    for _ in range(STEPS):
        prediction = model.forward(x, training=True)
        loss, gradient = loss_function(prediction, y)
        state = model.state_dict()
        path.append((state["0.weight"].item(), state["0.bias"].item(), float(loss)))
        model.zero_grad()
        model.backward(gradient)
        optimizer.step(model)
    return np.array(path)


def draw(path, bmi, scaled, progression, steps):
    figure, (left, right) = plt.subplots(1, 2, figsize=(13, 5.6))
    low, high = bmi.argmin(), bmi.argmax()

    left.scatter(bmi, progression, s=12, alpha=0.5, color="tab:blue", label="patients")
    for number in (0, 1, 2, 4, 8, 16):
        weight, bias, _ = steps[number]
        left.plot(
            bmi[[low, high]],
            weight * scaled[[low, high]] + bias,
            color=plt.cm.autumn_r(0.25 + number / 32),
            label=f"after {number} step{'' if number == 1 else 's'}",
        )
    weight, bias, _ = steps[-1]
    left.plot(
        bmi[[low, high]], weight * scaled[[low, high]] + bias, color="red", lw=3, label=f"after {len(steps) - 1} steps"
    )
    left.set_xlabel("body-mass index (kg/m²)")
    left.set_ylabel("disease progression after one year (score)")
    left.set_title("The line turns into place")
    left.legend(fontsize=9, loc="upper left")

    weights, biases = np.meshgrid(np.linspace(-45, 140, 120), np.linspace(-15, 320, 120))
    errors = progression[:, None, None] - weights * scaled[:, None, None] - biases
    surface = right.contourf(weights, biases, np.mean(errors**2, axis=0), levels=24, cmap="Blues_r")
    figure.colorbar(surface, ax=right, label="mean squared error (score²)")
    right.plot(steps[:, 0], steps[:, 1], "o-", color="red", ms=4, label="the steps")
    right.plot(*steps[-1, :2], "*", color="gold", mec="black", ms=16, label="the end")
    right.set_xlabel("weight (score for one standard deviation of the index)")
    right.set_ylabel("bias (score)")
    right.set_title("The same steps on the surface of the loss")
    right.legend(loc="upper left")

    figure.tight_layout()
    figure.savefig(path, dpi=100)
    print(f"picture: {path}")


def main():
    table = np.loadtxt(DATA / "diabetes.csv", delimiter=",", skiprows=1)
    bmi, progression = table[:, 2], table[:, 10]
    scaled = (bmi - bmi.mean()) / bmi.std()
    steps = descend(scaled.astype(np.float32)[:, None], progression.astype(np.float32)[:, None])
    for number in (0, 1, 2, 4, 8, 16, 32, STEPS - 1):
        print(f"step {number:2d}   mean squared error {steps[number, 2]:10.3f}")

    slope = steps[-1, 0] / bmi.std()
    intercept = steps[-1, 1] - slope * bmi.mean()
    exact = np.polyfit(bmi, progression, 1)
    print(f"learned         progression = {slope:.4f} * bmi {intercept:+.4f}")
    print(f"least squares   progression = {exact[0]:.4f} * bmi {exact[1]:+.4f}")

    OUTPUT.mkdir(parents=True, exist_ok=True)
    draw(OUTPUT / "linear_regression_descent.png", bmi, scaled, progression, steps)
    error = max(abs(slope - exact[0]), abs(intercept - exact[1]))
    enough = error < 0.01
    print(
        f"result: slope and intercept against least squares | {error:.1e} | within 0.01 | "
        f"{'learned' if enough else 'NOT LEARNED'}"
    )
    return 0 if enough else 1


if __name__ == "__main__":
    sys.exit(main())
