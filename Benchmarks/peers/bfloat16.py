"""Products of bfloat16 beside those of float32 (model.compute), and PyTorch's the same way where it is installed: accuracy
on held-out digits over some seeds, and times of products, training steps and predictions.

    python bfloat16.py [--threads 1] [--seeds 5] [--rounds 15] [--without-torch]

Everything is timed in turns; each figure is the median of the rounds, a round being as many calls as take 20 ms.
"""

import argparse
import statistics
import time

import numpy as np

import chainrule as cr

WORDS = ("float32", "bfloat16")
NETWORKS = {"mnist-wide": ((784, 512, 512, 10), 128), "mlp-1024": ((784, 1024, 1024, 10), 256),
            "big-mlp": ((1024, 2048, 2048, 1024, 10), 512)}


def layers(kind, sizes):
    for i in range(len(sizes) - 1):
        yield kind.Linear(sizes[i], sizes[i + 1])
        if i < len(sizes) - 2:
            yield kind.ReLU()


def medians(calls, rounds):
    """Seconds of each call."""
    counts = {}
    for name, call in calls.items():
        call()
        start = time.perf_counter()
        call()
        counts[name] = max(1, int(0.02 / (time.perf_counter() - start)))
    times = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            start = time.perf_counter()
            for _ in range(counts[name]):
                call()
            times[name].append((time.perf_counter() - start) / counts[name])
    return {name: statistics.median(values) for name, values in times.items()}


def line(what, seconds, operations=0):
    cells = []
    for name, value in seconds.items():
        rate = f" {operations / value / 1e9:6.1f} GFLOP/s" if operations else ""
        cells.append(f"{name} {value * 1e3:8.3f} ms{rate}")
    ratios = [f"{library} {seconds[library + ' float32'] / seconds[library + ' bfloat16']:.2f}x"
              for library in ("chainrule", "torch") if library + " float32" in seconds]
    print(f"{what:22} {'   '.join(cells)}   bfloat16 is {', '.join(ratios)}", flush=True)


def accuracy(seeds):
    data = np.loadtxt("examples/data/digits.csv", delimiter=",", skiprows=1)
    x, y = (data[:, :64] / 16).astype(np.float32), data[:, 64].astype(np.int64)
    cut = len(x) * 4 // 5
    for sizes in ((64, 64, 10), (64, 256, 256, 10)):
        for word in WORDS:
            found = []
            for seed in range(seeds):
                model = cr.Sequential(*layers(cr, sizes), seed=seed)
                model.compile("cross_entropy", cr.Adam(lr=1e-3), compute=word)
                model.fit(x[:cut], y[:cut], epochs=20, batch_size=32, verbose=0)
                found.append(100 * (model.predict(x[cut:]).argmax(1) == y[cut:]).mean())
            print(f"digits {'-'.join(map(str, sizes)):14} {word:9} mean {np.mean(found):.2f} %  deviation "
                  f"{np.std(found, ddof=1):.2f}  worst {min(found):.2f}", flush=True)


def chainrule_calls(rng, sizes, batch):
    x = rng.normal(size=(batch, sizes[0])).astype(np.float32)
    y = rng.integers(0, sizes[-1], batch)
    steps, predictions, single = {}, {}, {}
    for word in WORDS:
        model = cr.Sequential(*layers(cr, sizes), seed=0)
        model.compile("cross_entropy", cr.Adam(lr=1e-3), compute=word)
        prepared = model.prepare(x, y)
        steps[f"chainrule {word}"] = lambda model=model, prepared=prepared: model.train_on_batch(prepared)
        other = cr.Sequential(*layers(cr, sizes), seed=0)
        other.compute = word
        predictions[f"chainrule {word}"] = other.prepare_predict(x)
        single[f"chainrule {word}"] = other.prepare_predict(x[:1])
    return steps, predictions, single


def torch_calls(torch, rng, sizes, batch):
    x = torch.from_numpy(rng.normal(size=(batch, sizes[0])).astype(np.float32))
    y = torch.from_numpy(rng.integers(0, sizes[-1], batch))
    steps, predictions, single = {}, {}, {}
    for word in WORDS:
        model = torch.nn.Sequential(*layers(torch.nn, sizes))
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

        def context(word=word):
            return torch.autocast("cpu", dtype=torch.bfloat16, enabled=word == "bfloat16")

        def step(model=model, optimizer=optimizer, context=context):
            optimizer.zero_grad()
            with context():
                loss = torch.nn.functional.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()

        def predict(x, model=model, context=context):
            with torch.no_grad(), context():
                return model(x)

        steps[f"torch {word}"] = step
        predictions[f"torch {word}"] = lambda predict=predict: predict(x)
        single[f"torch {word}"] = lambda predict=predict: predict(x[:1])
    return steps, predictions, single


def product_calls(rng, size, torch):
    a, b = (rng.normal(size=(size, size)).astype(np.float32) for _ in range(2))
    calls = {}
    for word in WORDS:
        nodes = [cr.Input(a.shape, batched=False), cr.Input(b.shape, batched=False)]
        model = cr.Model(nodes, nodes[0] @ nodes[1])
        model.compute = word
        calls[f"chainrule {word}"] = model.prepare_predict([a, b])
        if torch:
            dtype = torch.float32 if word == "float32" else torch.bfloat16
            x, y = torch.from_numpy(a).to(dtype), torch.from_numpy(b).to(dtype)
            calls[f"torch {word}"] = lambda x=x, y=y: x @ y
    return calls


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--without-torch", action="store_true")
    arguments = parser.parse_args()
    torch = None
    if not arguments.without_torch:
        try:
            import torch

            torch.set_num_threads(arguments.threads)
        except ImportError:
            pass
    cr.set_num_threads(arguments.threads)
    rng = np.random.default_rng(0)
    print(f"{cr.cpu_level()}, {arguments.threads} thread(s); PyTorch's operands of bare products are bfloat16 already")
    if arguments.seeds > 1:
        accuracy(arguments.seeds)
    for size in (512, 1024):
        line(f"product {size}", medians(product_calls(rng, size, torch), arguments.rounds), 2 * size**3)
    for name, (sizes, batch) in NETWORKS.items():
        found = chainrule_calls(rng, sizes, batch)
        if torch:
            found = [{**own, **others} for own, others in zip(found, torch_calls(torch, rng, sizes, batch))]
        for what, calls in zip(("step", f"predict {batch}", "predict 1"), found):
            line(f"{name} {what}", medians(calls, arguments.rounds))


main()
