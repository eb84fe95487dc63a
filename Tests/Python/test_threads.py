"""Threads: any number predict; where two meet on one trainer, one gets BusyError and nothing breaks."""

import multiprocessing
import os
import sys
import threading
import time

import numpy as np
import pytest

import chainrule as cr


def together(*functions):
    """Runs functions at once; returns what they raised."""
    raised, barrier = [], threading.Barrier(len(functions))

    def run(function):
        barrier.wait()
        try:
            function()
        except BaseException as error:
            raised.append(error)

    threads = [threading.Thread(target=run, args=(function,)) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
        assert not thread.is_alive()
    return raised


@pytest.fixture
def model():
    model = cr.Sequential(cr.Linear(16, 32), cr.Tanh(), cr.Linear(32, 4), seed=2)
    model.compile("mse", "sgd lr=0.001")
    return model


def test_predicting_at_once(model, rng):
    batches = [rng.normal(size=(rows, 16)).astype("f4") for rows in (1, 3, 3, 200)]
    expected = [model.predict(batch) for batch in batches]

    def work(start):
        for turn in range(300):
            index = (start + turn) % len(batches)
            assert np.array_equal(model.predict(batches[index]), expected[index])

    assert together(*[lambda start=start: work(start) for start in range(4)]) == []


def test_each_thread_has_its_own_activations(model, rng):
    def work(seed):
        x = np.random.default_rng(seed).normal(size=(5, 16)).astype("f4")
        alone = cr.Sequential(cr.Linear(16, 32), cr.Tanh(), cr.Linear(32, 4), seed=2)
        alone.forward(x)
        expected = alone.backward(np.ones((5, 4), "f4"))
        for _ in range(100):
            model.forward(x)
            assert np.array_equal(model.backward(np.ones((5, 4), "f4")), expected)

    assert together(*[lambda seed=seed: work(seed) for seed in range(3)]) == []


def test_two_on_one_trainer(model, rng):
    x, y = rng.normal(size=(64, 16)).astype("f4"), rng.normal(size=(64, 4)).astype("f4")
    steps = []

    def work():
        for _ in range(500):
            try:
                assert np.isfinite(model.train_on_batch(x, y))
                steps.append(1)
            except cr.BusyError:
                pass

    assert together(work, work) == []
    assert len(steps) >= 500
    assert np.isfinite(model.predict(x)).all()


def test_predicting_and_saving_while_training(model, rng, tmp_path):
    x, y = rng.normal(size=(512, 16)).astype("f4"), rng.normal(size=(512, 4)).astype("f4")
    done = threading.Event()
    busy = []

    def train():
        model.fit(x, y, epochs=30, verbose=0)
        done.set()

    def use():
        while not done.is_set():
            try:
                assert np.isfinite(model.predict(x[:8])).all()
                model.save(tmp_path / "model")
                assert np.isfinite(cr.load(tmp_path / "model").predict(x[:8])).all()
            except cr.BusyError:
                busy.append(1)

    assert together(train, use) == []


def test_fit_off_the_main_thread(model, rng):
    x, y = rng.normal(size=(64, 16)).astype("f4"), rng.normal(size=(64, 4)).astype("f4")
    idents, histories = [], []

    def work():
        callback = lambda epoch, logs: idents.append(threading.get_ident())  # noqa: E731
        histories.append(model.fit(x, y, epochs=3, verbose=0, callbacks=[callback]))
        idents.append(threading.get_ident())

    assert together(work) == []
    assert histories[0].epochs == 3 and len(set(idents)) == 1


@pytest.mark.parametrize("how", ["fit", "train_on_batch", "predict"])
def test_other_threads_run_meanwhile(how):
    """The calls into the library give Python's lock away: another thread counts while this one computes."""
    model = cr.Sequential(cr.Linear(1000, 1000), cr.Tanh(), cr.Linear(1000, 1000))
    model.compile("mse", "sgd lr=0.001")
    x = np.zeros((4000, 1000), "f4")
    call = {
        "fit": lambda: model.fit(x, x, batch_size=4000, verbose=0),
        "train_on_batch": lambda: model.train_on_batch(x, x),
        "predict": lambda: model.predict(x),
    }[how]
    count, done = [0], threading.Event()

    def tick():
        while not done.is_set():
            count[0] += 1
            time.sleep(0)

    counter = threading.Thread(target=tick)
    switch = sys.getswitchinterval()
    sys.setswitchinterval(60)  # a thread that holds the lock keeps it: counting means that it was given away
    counter.start()
    try:
        call()
        before = count[0]
        call()
        assert count[0] - before > 100
    finally:
        sys.setswitchinterval(switch)
        done.set()
        counter.join()


def test_errors_belong_to_the_thread(model):
    def work(columns):
        for _ in range(200):
            with pytest.raises(ValueError, match=str(columns)):
                model.predict(np.zeros((1, columns), "f4"))

    assert together(*[lambda columns=columns: work(columns) for columns in (17, 23, 31)]) == []


def test_after_fork(model, rng):
    x, y = rng.normal(size=(256, 16)).astype("f4"), rng.normal(size=(256, 4)).astype("f4")
    model.fit(x, y, epochs=2, verbose=0)
    expected = model.predict(x)
    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()

    def child():
        queue.put(bool(np.array_equal(model.predict(x), expected)))
        queue.put(model.fit(x, y, epochs=1, verbose=0).epochs == 1)
        os._exit(0)

    process = context.Process(target=child)
    process.start()
    process.join(60)
    assert process.exitcode == 0 and queue.get() and queue.get()


def test_number_of_threads():
    before = cr.get_num_threads()
    try:
        cr.set_num_threads(1)
        assert cr.get_num_threads() == 1
        for bad in (0, -1, 257):
            with pytest.raises(ValueError):
                cr.set_num_threads(bad)
        for bad in ("2", 1.5, None, 2**40):
            with pytest.raises((TypeError, OverflowError)):
                cr.set_num_threads(bad)
        assert cr.get_num_threads() == 1
    finally:
        cr.set_num_threads(before)
