"""An autoencoder: 64 pixels of a handwritten digit through 8 numbers and back. Draws digits it had never seen
above what it makes of them.

    autoencoder.py [data folder] [folder for the picture]
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
CODE = 8


def main():
    table = np.loadtxt(DATA / "digits.csv", delimiter=",", skiprows=1, dtype=np.float32)
    x = table[:, :64] / 16
    held = len(x) // 5
    train, test = x[:-held], x[-held:]

    encoder = cr.Sequential(cr.Linear(64, 48), cr.GELU(), cr.Linear(48, CODE), seed=1)
    decoder = cr.Sequential(cr.Linear(CODE, 48), cr.GELU(), cr.Linear(48, 64), cr.Sigmoid(), seed=2)
    model = cr.Sequential(encoder, decoder)
    model.compile(loss="mse", optimizer=cr.AdamW(lr=2e-3))
    for part in range(5):
        history = model.fit(train, train, epochs=30, batch_size=64, verbose=0)
        print(f"epoch {30 * (part + 1):3}: mean squared error {history['loss'][-1]:.4f}")

    error = float(((model.predict(test) - test) ** 2).mean())
    # The best that a linear code of as many numbers can do.
    mean = train.mean(0)
    axes_of_data = np.linalg.svd(train - mean, full_matrices=False)[2][:CODE]
    linear = float((((test - mean) @ axes_of_data.T @ axes_of_data + mean - test) ** 2).mean())
    print(f"held-out digits: error {error:.4f}; {CODE} principal components: {linear:.4f}")

    figure, axes = plt.subplots(2, 10, figsize=(10, 2.4))
    for column, image in enumerate(test[:10]):
        for row, pixels in enumerate((image, model.predict(image[None])[0])):
            axes[row, column].imshow(pixels.reshape(8, 8), cmap="gray_r", vmin=0, vmax=1)
            axes[row, column].axis("off")
    axes[0, 0].set_title("digits it had never seen", loc="left", fontsize=10)
    axes[1, 0].set_title(f"the same from {CODE} numbers", loc="left", fontsize=10)
    OUTPUT.mkdir(parents=True, exist_ok=True)
    path = OUTPUT / "autoencoder_python.png"
    figure.savefig(path, dpi=120, bbox_inches="tight")
    print(f"picture: {path}")
    learned = error < 0.85 * linear
    print(f"result: reconstruction error against principal components | {100 * error / linear:.0f} % | under 85 % | "
          + ("learned" if learned else "NOT LEARNED"))
    sys.exit(not learned)


main()
