"""Chainrule as a contender of the peers' benchmark, through its Python package as a user calls it: batches
prepared before the clock runs, one call a step."""

import numpy as np

NAME = "chainrule"
ACTIVATIONS = {"relu": "ReLU", "tanh": "Tanh"}


def supports(w):
    """None, or why this workload can't be run."""
    try:
        import chainrule  # noqa: F401
    except ImportError:
        return "not installed"
    if w.kind != "mlp":
        return "layers of a later release"
    return None


def start(threads):
    global cr
    import chainrule as cr

    cr.set_num_threads(threads)
    return {"chainrule": cr.__version__}


def build(w, params):
    layers, state = [], {}
    for index, ((kind, *sizes), p) in enumerate(zip(w.layers, params)):
        if kind == "dense":
            layers.append(cr.Linear(*sizes))
            state[f"{index}.weight"], state[f"{index}.bias"] = p["W"], p["b"]
        else:
            layers.append(getattr(cr, ACTIVATIONS[kind])())
    model = cr.Sequential(*layers)
    model.load_state_dict(state)
    return model


def train(w, params, data):
    model = build(w, params)
    name, lr, *rest = w.optimizer
    optimizer = cr.Adam(lr=lr) if name == "adam" else cr.SGD(lr=lr, momentum=rest[0])
    model.compile(loss="mse" if w.loss == "mse" else "cross_entropy", optimizer=optimizer)
    batches = [model.prepare(x, y) for x, y in data]
    step = model.train_on_batch
    return lambda i: step(batches[i])


def infer(w, params, xs):
    model = build(w, params)
    calls = [model.prepare_predict(x) for x in xs]
    return lambda i: np.asarray(calls[i]())
