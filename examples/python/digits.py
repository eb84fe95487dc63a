"""Handwritten digits in Python: first the network that examples/c/digits.c saved, which must predict
the same bits here; then one trained here, with its curves and a page of digits with its answers.

    digits.py [data folder] [folder of c/digits and for the pictures]
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


def read_digits():
    """Images as numbers from 0 to 1 and their digits; the first of every five is held out, as in c/digits.c."""
    table = np.loadtxt(DATA / "digits.csv", delimiter=",", skiprows=1)
    images, digits = (table[:, :64] / 16).astype(np.float32), table[:, 64].astype(np.int32)
    held_out = np.arange(len(table)) % 5 == 0
    return images[~held_out], digits[~held_out], images[held_out], digits[held_out]


def same_bits_as_c(images):
    """Whether the file that C saved predicts here what it predicted there; None without the file."""
    saved, scores = OUTPUT / "digits.safetensors", OUTPUT / "digits_scores.f32"
    if not (saved.exists() and scores.exists()):
        print(f"{saved} is missing: run examples/c/digits first")
        return None
    model = cr.load(str(saved))
    print(model.summary())
    return model.predict(images).tobytes() == scores.read_bytes()


def draw_page(path, images, digits, answers):
    """Sixty held-out digits, those answered wrongly first, each with the answer above it."""
    order = np.argsort(answers == digits, kind="stable")[:60]
    figure, axes = plt.subplots(5, 12, figsize=(12, 6.2))
    for axis, i in zip(axes.flat, order):
        right = answers[i] == digits[i]
        axis.imshow(images[i].reshape(8, 8), cmap="gray_r", vmin=0, vmax=1)
        axis.set_title(
            f"{answers[i]}" if right else f"{answers[i]}, not {digits[i]}",
            color="black" if right else "red",
            fontsize=11,
        )
        axis.set_axis_off()
    wrong = int(np.sum(answers != digits))
    figure.suptitle(f"Held-out digits with the network's answers ({wrong} of {len(digits)} wrong, in red)")
    figure.tight_layout()
    figure.savefig(path, dpi=100)
    print(f"picture: {path}")


def show(epoch, logs):
    """Every fifth epoch in a line."""
    if epoch % 5 == 0:
        print(f"epoch {epoch + 1:2}  " + "  ".join(f"{name} {value:.4f}" for name, value in logs.items()))


def main():
    x, y, x_test, y_test = read_digits()
    same = same_bits_as_c(x_test)
    if same is not None:
        print("the network saved by C predicts", "the same bits here" if same else "OTHER BITS here")

    model = cr.Sequential(cr.Linear(64, 256), cr.ReLU(), cr.Dropout(0.3), cr.Linear(256, 10), seed=0)
    model.compile(loss=cr.CrossEntropyLoss(label_smoothing=0.1), optimizer=cr.Adam(lr=2e-3), metrics=["accuracy"])
    stopping = cr.EarlyStopping(patience=10)
    history = model.fit(x, y, epochs=50, validation_split=0.1, callbacks=[stopping, show], verbose=0)
    print(f"trained {len(history['loss'])} epochs, loss {history['loss'][0]:.4f} to {history['loss'][-1]:.4f}")
    OUTPUT.mkdir(parents=True, exist_ok=True)
    history.plot(OUTPUT / "digits_curves.png", title="Training on handwritten digits")
    print(f"picture: {OUTPUT / 'digits_curves.png'}")

    answers = model.predict(x_test).argmax(axis=1)
    share = 100 * np.mean(answers == y_test)
    draw_page(OUTPUT / "digits_page.png", x_test, y_test, answers)

    enough = same is True and share >= 97
    print(
        f"result: held-out digits right, and the same bits as C | {share:.1f} %, {'same' if same else 'NOT THE SAME'}"
        f" | at least 97 %, same | {'learned' if enough else 'NOT LEARNED'}"
    )
    return 0 if enough else 1


if __name__ == "__main__":
    sys.exit(main())
