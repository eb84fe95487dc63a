"""A residual network (He, Zhang, Ren and Sun 2016) on 8 x 8 images of handwritten digits: each block adds what
it found to what came in, so that the gradient has a short way back. A network that is no chain is written as
symbolic nodes: layers are called on nodes, and nodes can be added.

    residual.py [data folder] [folder for the picture]
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
EPOCHS = 10


def convolution(x, channels_in, channels, size, stride=1):
    """A convolution with batch normalisation, whose bias takes the place of the convolution's."""
    layer = cr.Conv2d(channels_in, channels, size, stride=stride, padding=size // 2, bias=False)
    return cr.BatchNorm2d(channels)(layer(x))


def block(x, channels_in, channels, stride=1):
    """Two convolutions, added to what came in; where they change its shape, so does a 1 x 1 convolution."""
    found = cr.ReLU()(convolution(x, channels_in, channels, 3, stride))
    found = convolution(found, channels, channels, 3)
    if channels != channels_in or stride != 1:
        x = convolution(x, channels_in, channels, 1, stride)
    return cr.ReLU()(found + x)


def build_network():
    image = cr.Input((1, 8, 8), name="image")  # channels, rows, columns
    x = cr.ReLU()(convolution(image, 1, 16, 3))
    x = block(x, 16, 16)
    x = block(x, 16, 32, stride=2)  # 4 x 4 from here on
    x = block(x, 32, 32)
    scores = cr.Linear(32, 10)(cr.Flatten()(cr.GlobalAvgPool()(x)))
    return cr.Model(image, scores, seed=0)


def draw(path, matrix):
    """How often each digit was taken for which."""
    figure, axis = plt.subplots(figsize=(7.4, 6.4))
    shown = axis.imshow(matrix, cmap="Blues")
    for (digit, answer), count in np.ndenumerate(matrix):
        if count:
            color = "white" if count > matrix.max() / 2 else "black"
            axis.text(answer, digit, f"{count:.0f}", ha="center", va="center", color=color)
    axis.set_xticks(range(10))
    axis.set_yticks(range(10))
    axis.set_xlabel("the network's answer")
    axis.set_ylabel("the digit that was written")
    axis.set_title(f"{matrix.sum():.0f} held-out digits, and what the residual network took them for")
    figure.colorbar(shown, label="images")
    figure.tight_layout()
    figure.savefig(path, dpi=100)
    print(f"picture: {path}")


def show(epoch, logs):
    print(f"epoch {epoch + 1:2}  " + "  ".join(f"{name} {value:.4f}" for name, value in logs.items()))


def main():
    table = np.loadtxt(DATA / "digits.csv", delimiter=",", skiprows=1)
    x, y = (table[:, :64] / 16).astype(np.float32).reshape(-1, 1, 8, 8), table[:, 64].astype(np.int32)
    held_out = np.arange(len(table)) % 5 == 0  # the first of every five
    test = x[held_out], y[held_out]

    model = build_network()
    print(model.summary())
    optimizer = cr.AdamW(lr=5e-3, weight_decay=0.05)
    model.compile("cross_entropy", optimizer, metrics=["accuracy"], schedule=f"cosine T_max={EPOCHS}")
    model.fit(x[~held_out], y[~held_out], epochs=EPOCHS, validation_data=test, callbacks=[show], verbose=0)

    matrix = cr.confusion_matrix(model.predict(test[0]), test[1])
    share = 100 * np.trace(matrix) / matrix.sum()
    OUTPUT.mkdir(parents=True, exist_ok=True)
    draw(OUTPUT / "residual_python.png", matrix)
    enough = share >= 98
    print(
        f"result: held-out digits right | {share:.1f} % | at least 98 % | {'learned' if enough else 'NOT LEARNED'}"
    )
    return 0 if enough else 1


if __name__ == "__main__":
    sys.exit(main())
