"""Ctrl-C: fit ends after the current batch, and the model and its history are usable."""

import _thread
import os
import signal
import subprocess
import sys
import textwrap
import time
import types
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr

PREAMBLE = """
import os, signal, sys, time, threading
import numpy as np
import chainrule as cr
x = np.random.default_rng(0).normal(size=(4096, 64)).astype("f4")
y = (x[:, 0] > 0).astype(np.int64)
model = cr.Sequential(cr.Linear(64, 64), cr.ReLU(), cr.Linear(64, 2))
model.compile("cross_entropy", "adam", metrics=["accuracy"])
def squared_error(p, t):
    return float(np.mean((p - t[:, None]) ** 2)), 2 * (p - t[:, None]) / p.size
print("ready", flush=True)
started = time.perf_counter()
"""
CHECKS = """
seconds = time.perf_counter() - started
assert history.stop_reason == "interrupted", history.stop_reason
assert history.epochs == len(history["loss"]) if history.epochs else True
assert np.isfinite(model.predict(x)).all()
assert model.fit(x, y, epochs=1, verbose=0).stop_reason == "completed"
print("done", seconds, flush=True)
"""


def run(body, signals=1, delay=0.7):
    """Starts the program, waits for "ready", interrupts it, returns its output."""
    environment = dict(os.environ)
    environment["PYTHONPATH"] = os.pathsep.join([str(Path(cr.__file__).parents[1]), environment.get("PYTHONPATH", "")])
    program = subprocess.Popen(
        [sys.executable, "-c", PREAMBLE + textwrap.dedent(body)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
    )  # fmt: skip
    try:
        assert program.stdout.readline() == "ready\n", program.stderr.read()
        for _ in range(signals):
            time.sleep(delay)
            program.send_signal(signal.SIGINT)
        output, errors = program.communicate(timeout=60)
    finally:
        program.kill()
    assert program.returncode == 0, errors
    return output


@pytest.mark.parametrize(
    "arguments",
    [
        "",
        "callbacks=[lambda epoch, logs: None], ",
        "callbacks=[type('C', (), {'on_batch_end': lambda self, batch, logs: None})()], ",
        "callbacks=[lambda epoch, logs: time.sleep(0.2)], ",
        "validation_split=0.5, ",
    ],
    ids=["plain", "epoch callback", "batch callback", "sleeping callback", "validation"],
)
def test_fit_returns_its_history(arguments):
    output = run(f"history = model.fit(x, y, {arguments}epochs=10**7, verbose=0)" + CHECKS)
    assert float(output.split()[1]) < 5


@pytest.mark.parametrize("when", ["before", "after"])
def test_just_when_the_helper_thread_starts(when, monkeypatch):
    started = []

    def start_new_thread(function, arguments):
        started.append(when)
        if len(started) > 1 or when == "after":
            _thread.start_new_thread(function, arguments)
        if len(started) == 1:
            raise KeyboardInterrupt

    stand_in = types.SimpleNamespace(allocate_lock=_thread.allocate_lock, start_new_thread=start_new_thread)
    monkeypatch.setattr(cr._fit, "_thread", stand_in)
    x = np.random.default_rng(0).normal(size=(256, 8)).astype("f4")
    model = cr.Sequential(cr.Linear(8, 8))
    model.compile("mse", "sgd lr=0.01")
    history = model.fit(x, x, epochs=10**7, verbose=0)
    assert history.stop_reason == "interrupted" and len(started) == 2
    assert model.fit(x, x, epochs=3, verbose=0).epochs == 3
    assert model.history.stop_reason == "completed"


@pytest.mark.parametrize("loss", ["cross_entropy", "squared_error"])
def test_the_best_weights_come_back(loss):
    run(
        f"""
        model.compile({loss if loss == "squared_error" else repr(loss)}, "sgd lr=0.5")
        stopping = cr.EarlyStopping(patience=10**6)
        history = model.fit(x, y, epochs=10**7, validation_split=0.5, callbacks=[stopping], verbose=0)
        assert history.stop_reason == "interrupted" and history.epochs > 1
        assert history["val_loss"][history.best_epoch] == min(history["val_loss"])
        np.testing.assert_allclose(model.evaluate(x[2048:], y[2048:])["loss"], min(history["val_loss"]), rtol=1e-6)
        print("done", 0)
        """
    )


def test_a_bar_is_no_hindrance():
    run("history = model.fit(x, y, epochs=10**7, verbose=1)" + CHECKS)


def test_a_python_loss():
    run("model.compile(squared_error, 'adam')\nhistory = model.fit(x, y, epochs=10**7, verbose=0)" + CHECKS)


def test_twice_in_a_row():
    run(
        """
        first = model.fit(x, y, epochs=10**7, verbose=0)
        assert first.stop_reason == "interrupted"
        history = model.fit(x, y, epochs=10**7, verbose=0, callbacks=[lambda epoch, logs: None])
        """.replace("        ", "")
        + CHECKS,
        signals=2,
    )


def test_on_another_thread_the_main_one_is_interrupted():
    run(
        """
        result = []
        thread = threading.Thread(target=lambda: result.append(model.fit(x, y, epochs=10**7, verbose=0)))
        thread.start()
        try:
            while True:
                time.sleep(1)
        except KeyboardInterrupt:
            model.stop_training = True
        thread.join()
        assert result[0].stop_reason == "callback"
        print("done", 0)
        """
    )


def test_the_users_own_handler_is_left_alone():
    run(
        """
        hits = []
        signal.signal(signal.SIGINT, lambda number, frame: (hits.append(1), setattr(model, "stop_training", True)))
        history = model.fit(x, y, epochs=10**7, verbose=0)
        assert hits == [1] and history.stop_reason == "callback"
        print("done", 0)
        """
    )


def test_no_call_for_each_epoch_where_interrupts_are_ignored(monkeypatch):
    """As in what a shell runs in the background: a call into Python takes longer than a short epoch."""
    from chainrule import _fit

    calls = []
    monkeypatch.setattr(_fit._Run, "_on_epoch", lambda self, user, progress: calls.append(1) or 0)
    old = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        model = cr.Sequential(cr.Linear(2, 1), seed=0)
        model.compile("mse", "sgd lr=0.1")
        history = model.fit(np.ones((4, 2)), np.ones((4, 1)), epochs=20, verbose=0)
    finally:
        signal.signal(signal.SIGINT, old)
    assert len(history["loss"]) == 20 and not calls
