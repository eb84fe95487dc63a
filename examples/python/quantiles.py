"""Bands instead of a line: a network learns the 10 %, 50 % and 90 % quantiles of disease progression from the
body-mass index and the blood pressure of 442 patients, and the picture shows the band over the points.

    quantiles.py [data folder] [folder for the picture]
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
QUANTILES = (0.1, 0.5, 0.9)


def load():
    """Body-mass index and blood pressure, scaled, and the progression; patients in a fixed random order."""
    names = (DATA / "diabetes.csv").read_text().splitlines()[0].split(",")
    table = np.loadtxt(DATA / "diabetes.csv", delimiter=",", skiprows=1, dtype=np.float32)
    table = table[np.random.default_rng(0).permutation(len(table))]
    features = table[:, [names.index("bmi"), names.index("blood_pressure")]]
    return features, table[:, -1:]


def main():
    features, progression = load()
    centre, spread = features.mean(0), features.std(0)
    low, high = progression.mean(), progression.std()
    x, y = (features - centre) / spread, (progression - low) / high
    held = len(x) // 5

    model = cr.Sequential(cr.Linear(2, 16), cr.Tanh(), cr.Linear(16, len(QUANTILES)), seed=4)
    model.compile(loss=cr.QuantileLoss(q=QUANTILES), optimizer=cr.AdamW(lr=0.01, weight_decay=0.1))
    for part in range(4):
        history = model.fit(x[held:], y[held:], epochs=50, batch_size=32, verbose=0)
        print(f"epoch {50 * (part + 1):3}: quantile loss {history['loss'][-1]:.4f}")

    bands = model.predict(x[:held])
    under = [(y[:held, 0] < bands[:, i]).mean() for i in range(3)]
    inside = under[2] - under[0]
    print("share of held-out patients under each quantile:", ", ".join(f"{100 * share:.0f} %" for share in under))

    grid = np.linspace(features[:, 0].min(), features[:, 0].max(), 100, dtype=np.float32)
    line = np.stack([(grid - centre[0]) / spread[0], np.zeros_like(grid)], 1)
    curves = model.predict(line) * high + low
    figure, axes = plt.subplots(figsize=(7, 4.5))
    axes.scatter(features[:, 0], progression[:, 0], s=12, color="0.55", label="442 patients")
    axes.fill_between(grid, curves[:, 0], curves[:, 2], color="tab:red", alpha=0.2, label="10 % to 90 %")
    axes.plot(grid, curves[:, 1], color="tab:red", label="median")
    axes.set_xlabel("body-mass index (kg/m$^2$), at the mean blood pressure")
    axes.set_ylabel("disease progression after a year")
    axes.set_title("Quantiles that a network found")
    axes.legend()
    OUTPUT.mkdir(parents=True, exist_ok=True)
    path = OUTPUT / "quantiles_python.png"
    figure.savefig(path, dpi=120, bbox_inches="tight")
    print(f"picture: {path}")
    learned = 0.65 <= inside <= 0.92 and under[0] < under[1] < under[2]
    print(f"result: held-out patients between the 10 % and 90 % quantiles | {100 * inside:.0f} % | 65 to 92 % | "
          + ("learned" if learned else "NOT LEARNED"))
    sys.exit(not learned)


main()
