"""What a call from Python costs with a network of three parameters, and what an import costs. Not a test.

python Tests/Python/overhead.py
"""

import statistics
import subprocess
import sys
import time

import numpy as np

import chainrule as cr


def microseconds(function, calls=20000, rounds=7):
    best = []
    for _ in range(rounds):
        started = time.perf_counter()
        for _ in range(calls):
            function()
        best.append((time.perf_counter() - started) / calls * 1e6)
    return min(best)


def main():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(4, 2)).astype("f4"), rng.normal(size=(4, 1)).astype("f4")
    model = cr.Sequential(cr.Linear(2, 1), seed=0)
    model.compile("mse", "sgd lr=0.001")
    batch = model.prepare(x, y)
    prepared = model.prepare_predict(x)
    wide = x.astype("f8")
    for name, function in (
        ("an empty function", lambda: None),
        ("train_on_batch(prepared)", lambda: model.train_on_batch(batch)),
        ("train_on_batch(x, y)", lambda: model.train_on_batch(x, y)),
        ("prepare_predict(x)()", prepared),
        ("predict(x)", lambda: model.predict(x)),
        ("predict(x float64)", lambda: model.predict(wide)),
    ):
        print(f"{name:36}{microseconds(function):8.2f} us")
    print(f"{'fit, 1 epoch of 1 batch':36}{microseconds(lambda: model.fit(x, y, verbose=0), 200):8.2f} us")

    program = "import time, numpy; t = time.perf_counter(); import chainrule; print(time.perf_counter() - t)"
    times = [
        float(subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout)
        for _ in range(15)
    ]
    print(f"{'import, over NumPy':36}{statistics.median(times) * 1e3:8.2f} ms")


if __name__ == "__main__":
    main()
