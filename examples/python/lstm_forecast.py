"""A forecast: carbon dioxide in the air over Mauna Loa, month by month from 1964 to 2001. An LSTM reads three
years and says the next twelve months. It learns from the years up to 1991 and is tried on the ten years behind
them, against two simple forecasts: what it was a year before (the seasonal-naive one), and that plus the growth
of the last year.

    lstm_forecast.py [data folder] [folder for the picture]
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
PAST, AHEAD, LAST_YEAR_TO_LEARN = 36, 12, 1991


def make_windows(year, month, co2):
    """For each month with enough before and behind it: its place, what came before, and what came.

    The network sees changes, not levels, which it has never met before: from month to month what came, and
    from the last month it knows what is to come. The season is a point on a circle.
    """
    angle = 2 * np.pi * month / 12
    features = np.stack([np.diff(co2, prepend=co2[0]), np.sin(angle), np.cos(angle)], axis=1).astype(np.float32)
    first = np.arange(PAST + 1, len(co2) - AHEAD + 1)
    past = np.stack([features[i - PAST : i] for i in first])
    ahead = np.stack([co2[i : i + AHEAD] - co2[i - 1] for i in first]).astype(np.float32)
    return first, past, ahead


def build_network():
    """The last state says enough: no need of the states of all months, nor of the cell."""
    months = cr.Input((PAST, 3))
    _, last_state, _ = cr.LSTM(3, 24)(months)
    return cr.Model(months, cr.Linear(24, AHEAD)(cr.Flatten()(last_state)), seed=0)


def show(epoch, logs):
    if epoch % 20 == 0:
        print(f"epoch {epoch + 1:3}   mean squared error {logs['loss']:.4f}")


def draw(path, time, co2, first, january, forecast, errors):
    figure, (left, right) = plt.subplots(1, 2, figsize=(14, 5.6), width_ratios=(2, 1))
    left.plot(time, co2, lw=3, color="#88aacc", label="came")
    for number, i in enumerate(np.flatnonzero(january)):
        label = "forecast on 1 January for the year" if number == 0 else None
        left.plot(time[first[i] : first[i] + AHEAD], forecast[i], "o-", ms=3, lw=1.2, color="red", label=label)
    left.set_xlim(1989, 2002)
    left.set_ylim(349, 375)
    left.set_xlabel("year")
    left.set_ylabel("carbon dioxide (parts per million)")
    left.set_title("Carbon dioxide over Mauna Loa: forecasts for a year, and what came")
    left.legend(loc="upper left")
    for name, error in errors.items():
        right.plot(np.arange(1, AHEAD + 1), error, "o-", ms=4, label=name)
    right.set_ylim(0)
    right.set_xlabel("months ahead")
    right.set_ylabel("mean error (parts per million)")
    right.set_title("How far forecasts are off, 1992 to 2001")
    right.legend(loc="upper left", bbox_to_anchor=(0.02, 0.88))
    figure.tight_layout()
    figure.savefig(path, dpi=100)
    print(f"picture: {path}")


def main():
    year, month, co2 = np.loadtxt(DATA / "co2.csv", delimiter=",", skiprows=1, unpack=True)
    first, past, ahead = make_windows(year, month, co2)
    learn = year[first + AHEAD - 1] <= LAST_YEAR_TO_LEARN
    held_out = year[first] > LAST_YEAR_TO_LEARN
    print(f"{len(co2)} months; {learn.sum()} windows to learn from, {held_out.sum()} held out")

    model = build_network()
    print(model.summary())
    model.compile(loss="mse", optimizer=cr.AdamW(lr=3e-3, weight_decay=0.05))
    model.fit(past[learn], ahead[learn], epochs=100, batch_size=16, callbacks=[show], verbose=0)

    first = first[held_out]
    forecast = co2[first - 1, None] + model.predict(past[held_out])
    place = first[:, None] + np.arange(AHEAD)
    growth = co2[first - 1] - co2[first - 13]
    forecasts = {
        "LSTM": forecast,
        "seasonal-naive": co2[place - 12],
        "with the last year's growth": co2[place - 12] + growth[:, None],
    }
    errors = {name: np.abs(values - co2[place]).mean(axis=0) for name, values in forecasts.items()}
    print("mean errors in parts per million, by months ahead")
    for name, error in errors.items():
        print(f"{name:28}" + "".join(f"{error[k]:7.2f}" for k in (0, 2, 5, 8, 11)) + f"   all {error.mean():.2f}")

    OUTPUT.mkdir(parents=True, exist_ok=True)
    time = year + (month - 0.5) / 12
    draw(OUTPUT / "lstm_forecast_python.png", time, co2, first, month[first] == 1, forecast, errors)
    own, naive, growing = (error.mean() for error in errors.values())
    enough = own < 0.4 * naive and own < growing
    print(
        f"result: a year's forecast, error against the seasonal-naive one | {100 * own / naive:.1f} % | under 40 % | "
        f"{'learned' if enough else 'NOT LEARNED'}"
    )
    return 0 if enough else 1


if __name__ == "__main__":
    sys.exit(main())
