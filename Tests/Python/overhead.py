"""What a call from Python costs beyond the library's own time, and what an import costs. Not a test.

python Tests/Python/overhead.py
"""

import statistics
import subprocess
import sys
import time

import numpy as np

import chainrule as cr
from chainrule._library import NULL, ffi, lib


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
    output = ffi.new("chainrule_array *")
    from chainrule._arrays import fill

    result = np.empty((4, 1), "f4")
    fill(output, result)
    step, predict = lib.chainrule_trainer_step, lib.chainrule_model_predict
    trainer, handle = model._trainer, model._handle
    bare_step = microseconds(lambda: step(trainer, batch.x, batch.y, NULL, batch.loss))
    bare_predict = microseconds(lambda: predict(handle, batch.x, output))
    empty = microseconds(lambda: None)
    print(f"{'C step alone':36}{bare_step - empty:8.2f} us")
    for name, function in (
        ("train_on_batch(prepared)", lambda: model.train_on_batch(batch)),
        ("train_on_batch(x, y)", lambda: model.train_on_batch(x, y)),
    ):
        print(f"{name:36}{microseconds(function) - bare_step:8.2f} us more")
    print(f"{'C predict alone':36}{bare_predict - empty:8.2f} us")
    wide = x.astype("f8")
    for name, function in (
        ("prepare_predict(x)()", prepared),
        ("predict(x)", lambda: model.predict(x)),
        ("predict(x float64)", lambda: model.predict(wide)),
    ):
        print(f"{name:36}{microseconds(function) - bare_predict:8.2f} us more")
    print(f"{'fit, 1 epoch of 1 batch':36}{microseconds(lambda: model.fit(x, y, verbose=0), 200):8.2f} us")

    program = "import time, numpy; t = time.perf_counter(); import chainrule; print(time.perf_counter() - t)"
    times = [
        float(subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout)
        for _ in range(15)
    ]
    print(f"{'import, over NumPy':36}{statistics.median(times) * 1e3:8.2f} ms")


if __name__ == "__main__":
    main()
