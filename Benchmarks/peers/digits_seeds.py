"""Accuracy on held-out digits over ten seeds, Chainrule and PyTorch with the same settings (64-64-10, relu,
Adam, batch 32, 20 epochs, the last fifth held out): means and standard deviations.

    python digits_seeds.py [FILE]     (all of it as JSON)
"""

import json
import pathlib
import sys

import numpy as np
import torch

import chainrule as cr

SEEDS, EPOCHS, BATCH = range(10), 20, 32


def chainrule(x, y, x_test, y_test, seed):
    model = cr.Sequential(cr.Linear(64, 64), cr.ReLU(), cr.Linear(64, 10), seed=seed)
    model.compile(loss="cross_entropy", optimizer=cr.Adam(lr=1e-3))
    model.fit(x, y, epochs=EPOCHS, batch_size=BATCH, verbose=0)
    return (model.predict(x_test).argmax(1) == y_test).mean()


def pytorch(x, y, x_test, y_test, seed):
    torch.manual_seed(seed)
    model = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    x, y = torch.from_numpy(x), torch.from_numpy(y)
    for _ in range(EPOCHS):
        order = torch.randperm(len(x))
        for i in range(0, len(x), BATCH):
            k = order[i : i + BATCH]
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(x[k]), y[k]).backward()
            optimizer.step()
    with torch.no_grad():
        return (model(torch.from_numpy(x_test)).argmax(1).numpy() == y_test).mean()


rows = {}
data = np.loadtxt("examples/data/digits.csv", delimiter=",", skiprows=1)
x, y = (data[:, :64] / 16).astype(np.float32), data[:, 64].astype(np.int64)
cut = len(x) * 4 // 5
for name, run in (("chainrule", chainrule), ("pytorch", pytorch)):
    values = [100 * run(x[:cut], y[:cut], x[cut:], y[cut:], seed) for seed in SEEDS]
    rows[name] = {"mean": np.mean(values), "deviation": np.std(values, ddof=1), "worst": min(values)}
    rows[name]["seeds"] = len(values)
    print(f"{name:10} mean {np.mean(values):.2f} %  deviation {np.std(values, ddof=1):.2f}  worst {min(values):.2f}")
if sys.argv[1:]:
    pathlib.Path(sys.argv[1]).write_text(json.dumps(rows, indent=1, default=float) + "\n")
