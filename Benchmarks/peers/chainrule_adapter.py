"""Chainrule as a contender of the peers' benchmark, through its Python package as a user calls it: batches
prepared before the clock runs, one call a step."""

import numpy as np

NAME = "chainrule"


def supports(w):
    """None, or why this workload can't be run."""
    try:
        import chainrule as cr
    except ImportError:
        return "not installed"
    needed = {"maxpool": "MaxPool2d"}
    missing = [needed[kind] for kind, *_ in w.layers if kind in needed and not hasattr(cr, needed[kind])]
    return f"no {missing[0]}" if missing else None


def start(threads):
    global cr
    import chainrule as cr

    cr.set_num_threads(threads)
    return {"chainrule": cr.__version__}


NAMES = {
    "dense": {"weight": "W", "bias": "b"},
    "conv": {"weight": "W", "bias": "b"},
    "bn": {"weight": "gamma", "bias": "beta"},
    "lstm": {"weight_ih_l0": "Wx", "weight_hh_l0": "Wh", "bias_ih_l0": "bx", "bias_hh_l0": "bh"},
    "encoder": {
        "self_attn.in_proj_weight": "qkv_W", "self_attn.in_proj_bias": "qkv_b", "self_attn.out_proj.weight": "proj_W",
        "self_attn.out_proj.bias": "proj_b", "linear1.weight": "ff1_W", "linear1.bias": "ff1_b", "linear2.weight": "ff2_W",
        "linear2.bias": "ff2_b", "norm1.weight": "ln1_g", "norm1.bias": "ln1_b", "norm2.weight": "ln2_g", "norm2.bias": "ln2_b",
    },
}  # fmt: skip


def encoder(d, heads, ff, name):
    return cr.TransformerEncoderLayer(d, heads, ff, dropout=0.0, activation="gelu", norm_first=True, name=name)


LAYERS = {
    "dense": lambda name, *a: cr.Linear(*a, name=name),
    "relu": lambda name: cr.ReLU(),
    "tanh": lambda name: cr.Tanh(),
    "flatten": lambda name: cr.Flatten(),
    "conv": lambda name, i, o, k, pad: cr.Conv2d(i, o, k, padding=pad, name=name),
    "bn": lambda name, c: cr.BatchNorm2d(c, name=name),
    "maxpool": lambda name, size: cr.MaxPool2d(size),
    "gap": lambda name: lambda x: cr.mean(x, (2, 3)),
    "lstm": lambda name, i, h: lambda x: cr.LSTM(i, h, name=name)(x)[0],
    "last": lambda name: lambda x: x[:, -1],
    "meanpool": lambda name: lambda x: cr.mean(x, 1),
    "encoder": lambda name, d, heads, ff: encoder(d, heads, ff, name),
}


def build(w, params):
    source = cr.Input(w.in_shape)
    node, state = source, {}
    for index, ((kind, *sizes), p) in enumerate(zip(w.layers, params)):
        name = f"layer{index}"
        node = LAYERS[kind](name, *sizes)(node)
        state.update({f"{name}.{own}": p[theirs] for own, theirs in NAMES.get(kind, {}).items()})
    model = cr.Model(source, node)
    model.load_state_dict({**model.state_dict(), **state})
    return model


def compiled(w, params):
    model = build(w, params)
    name, lr, *rest = w.optimizer
    optimizer = cr.Adam(lr=lr) if name == "adam" else cr.SGD(lr=lr, momentum=rest[0])
    model.compile(loss="mse" if w.loss == "mse" else "cross_entropy", optimizer=optimizer)
    return model


def train(w, params, data):
    model = compiled(w, params)
    batches = [model.prepare(x, y) for x, y in data]
    step = model.train_on_batch
    return lambda i: step(batches[i])


def infer(w, params, xs):
    model = build(w, params)
    calls = [model.prepare_predict(x) for x in xs]
    return lambda i: np.asarray(calls[i]())
