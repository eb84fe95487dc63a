"""rnn, lstm, gru and their cells: every attribute, first and final states, sequences of different lengths."""

import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from . import Layer, batches

STACKS = {"rnn": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}
CELLS = {"rnn_cell": torch.nn.RNNCell, "lstm_cell": torch.nn.LSTMCell, "gru_cell": torch.nn.GRUCell}


def words(options):
    """Python's arguments as attributes."""
    return " ".join(f"{key}={str(value).lower()}" for key, value in options.items())


def finished(name, nodes, inputs, make, call, outputs, **more):
    """A case of one node, whose parameters are those of the module that `make` gives."""
    parameters = {f"0.{key}": tuple(value.shape) for key, value in make().named_parameters()}

    def run(x, p, training=True):
        own = make().to(x[0].dtype)
        own.train(training)
        state = {key[2:]: value for key, value in p.items()}
        return call(lambda *args: torch.func.functional_call(own, state, args), x)

    # With dropout=1 training has nothing random; inference is something else then.
    if "dropout=1" in nodes[-1][2]:
        more["evaluate"] = lambda x, p: run(x, p, False)
    return Layer(name, nodes, inputs, run, parameters, outputs=outputs, **more)


def stack(name, kind, features, hidden, batch=4, time=5, states=(), lengths=None, only=None, text="", **options):
    """states: which of h_0 and c_0 are given. only: which of the outputs are looked at."""
    layers, directions = options.get("num_layers", 1), 2 if options.get("bidirectional") else 1
    size = options.get("proj_size") or hidden
    inputs, nodes, roles = [(batch, time, features)], [("input", [], f"shape={time},{features}")], ["input"]
    for role in states:
        shape = (batch, layers * directions, size if role == "h_0" else hidden)
        inputs.append(shape)
        nodes.append(("input", [], f"shape={shape[1]},{shape[2]}"))
        roles.append(role)
    if lengths:
        inputs.append(torch.tensor(lengths))
        nodes.append(("input", [], "shape= dtype=integer"))
        roles.append("lengths")
    attributes = words({"hidden_size": hidden, **options})
    if roles != (["input", "h_0", "c_0", "lengths"] if kind == "lstm" else ["input", "h_0", "lengths"])[:len(roles)]:
        attributes += " inputs=" + ",".join(roles)
    nodes.append((kind, list(range(len(roles))), (attributes + " " + text).strip()))

    def call(net, x):
        given = dict(zip(roles, x))
        first = {role: given[role].transpose(0, 1) for role in states}
        zeros = lambda width: torch.zeros(layers * directions, batch, width, dtype=x[0].dtype)
        hx = None
        if first:
            hx = first.get("h_0", zeros(size))
            if kind == "lstm":
                hx = (hx, first.get("c_0", zeros(hidden)))
        sequence = x[0]
        if lengths:
            sequence = pack_padded_sequence(sequence, x[-1], batch_first=True, enforce_sorted=False)
        output, last = net(sequence, hx)
        if lengths:
            output, _ = pad_packed_sequence(output, batch_first=True, total_length=time)
        found = [output] + [value.transpose(0, 1) for value in (last if kind == "lstm" else (last,))]
        return found if only is None else [found[i] for i in only]

    outputs = list(range(len(roles), len(roles) + (3 if kind == "lstm" else 2)))
    if only is not None:
        outputs = [outputs[i] for i in only]
    return finished(name, nodes, inputs, lambda: STACKS[kind](features, hidden, batch_first=True, **options), call, outputs)


def cell(name, kind, features, hidden, batch=4, states=(), only=None, text="", **options):
    roles = ["input", *states]
    inputs = [(batch, features)] + [(batch, hidden) for _ in states]
    nodes = [("input", [], f"shape={shape[1]}") for shape in inputs]
    attributes = words({"hidden_size": hidden, **options})
    if roles == ["input", "c_0"]:
        attributes += " inputs=input,c_0"
    nodes.append((kind, list(range(len(roles))), (attributes + " " + text).strip()))

    def call(net, x):
        given = dict(zip(roles, x))
        hx = given.get("h_0")
        if states and kind == "lstm_cell":
            zeros = torch.zeros(batch, hidden, dtype=x[0].dtype)
            hx = (given.get("h_0", zeros), given.get("c_0", zeros))
        found = net(x[0], hx)
        found = list(found) if kind == "lstm_cell" else [found]
        return found if only is None else [found[i] for i in only]

    outputs = list(range(len(roles), len(roles) + (2 if kind == "lstm_cell" else 1)))
    if only is not None:
        outputs = [outputs[i] for i in only]
    return finished(name, nodes, inputs, lambda: CELLS[kind](features, hidden, **options), call, outputs)


def stacks():
    for kind in STACKS:
        own = ("h_0", "c_0") if kind == "lstm" else ("h_0",)
        yield stack(kind, kind, 3, 5)
        yield stack(kind + "-checked", kind, 3, 2, batch=2, time=3, text="input_size=3 batch_first=true")
        yield stack(kind + "-wide", kind, 2, 17, batch=2, time=3)
        yield stack(kind + "-one-hidden", kind, 2, 1, batch=5)
        yield stack(kind + "-one-step", kind, 3, 4, time=1)
        yield stack(kind + "-long", kind, 2, 3, batch=2, time=23)
        yield stack(kind + "-no-bias", kind, 2, 4, bias=False)
        yield stack(kind + "-layers", kind, 2, 3, num_layers=3)
        yield stack(kind + "-no-dropout", kind, 2, 3, batch=2, num_layers=2, dropout=0.0)
        yield stack(kind + "-all-dropped", kind, 3, 4, batch=2, time=3, num_layers=2, dropout=1.0)
        yield stack(kind + "-both-ways", kind, 2, 4, bidirectional=True)
        yield stack(kind + "-all", kind, 2, 3, batch=3, num_layers=2, bidirectional=True, states=own)
        yield stack(kind + "-all-no-bias", kind, 2, 3, batch=2, num_layers=2, bidirectional=True, states=own, bias=False)
        yield stack(kind + "-states", kind, 3, 5, states=own)
        yield stack(kind + "-lengths", kind, 3, 5, lengths=[2, 5, 1, 4])
        yield stack(kind + "-lengths-both-ways", kind, 2, 4, lengths=[2, 5, 1, 4], bidirectional=True)
        yield stack(kind + "-lengths-all", kind, 2, 3, lengths=[3, 1, 5, 2, 5], batch=5, bidirectional=True, num_layers=2, states=own)
        yield stack(kind + "-output-only", kind, 2, 3, batch=2, only=[0])
        yield stack(kind + "-states-only", kind, 2, 4, only=[1, 2] if kind == "lstm" else [1], bidirectional=True)
        yield stack(kind + "-states-only-lengths", kind, 2, 3, only=[1], num_layers=2, lengths=[5, 2, 3, 4])
    for function in ("tanh", "relu"):
        yield stack("rnn-" + function, "rnn", 3, 5, nonlinearity=function)
        yield stack(f"rnn-{function}-all", "rnn", 2, 3, batch=3, nonlinearity=function, num_layers=2, bidirectional=True,
                    states=("h_0",), lengths=[4, 5, 2])
    yield stack("lstm-h_0-only", "lstm", 3, 5, states=("h_0",))
    yield stack("lstm-c_0-only", "lstm", 3, 5, states=("c_0",), lengths=[5, 3, 2, 4])
    yield stack("lstm-projection", "lstm", 3, 5, proj_size=2)
    yield stack("lstm-projection-wide", "lstm", 2, 18, batch=2, time=2, proj_size=17)
    yield stack("lstm-projection-one", "lstm", 3, 5, proj_size=1, bias=False)
    yield stack("lstm-projection-layers", "lstm", 3, 5, proj_size=3, num_layers=2)
    yield stack("lstm-projection-all", "lstm", 2, 3, batch=3, proj_size=2, num_layers=2, bidirectional=True, states=("h_0", "c_0"))
    yield stack("lstm-projection-lengths", "lstm", 3, 4, batch=3, proj_size=2, bidirectional=True, states=("h_0", "c_0"),
                lengths=[2, 5, 4])
    yield stack("lstm-projection-states-only", "lstm", 3, 4, batch=3, proj_size=2, only=[1])


def cells():
    for kind in CELLS:
        own = ("h_0", "c_0") if kind == "lstm_cell" else ("h_0",)
        yield cell(kind, kind, 3, 5)
        yield cell(kind + "-checked", kind, 3, 2, batch=2, text="input_size=3")
        yield cell(kind + "-states", kind, 3, 5, states=own)
        yield cell(kind + "-wide", kind, 2, 17, batch=2, states=own)
        yield cell(kind + "-no-bias", kind, 3, 5, states=own, bias=False)
    for function in ("tanh", "relu"):
        yield cell("rnn_cell-" + function, "rnn_cell", 3, 5, states=("h_0",), nonlinearity=function)
    yield cell("lstm_cell-h_0-only", "lstm_cell", 3, 5, states=("h_0",))
    yield cell("lstm_cell-c_0-only", "lstm_cell", 3, 5, states=("c_0",))
    yield cell("lstm_cell-c_1-only", "lstm_cell", 3, 5, states=("h_0", "c_0"), only=[1])


def together():
    # A tanh before, whose derivative must not be taken before both directions have brought theirs; the last
    # output by h_n; and a cell used twice is a loop written out.
    nodes = [("input", [], "shape=4,3"), ("linear", [0], "out_features=5"), ("tanh", [1], ""),
             ("lstm", [2], "hidden_size=4 bidirectional=true"), ("flatten", [4], ""), ("linear", [6], "out_features=2")]
    names = ["weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"]
    names += [name + "_reverse" for name in names]
    net = torch.nn.LSTM(5, 4, batch_first=True, bidirectional=True)
    parameters = {"0.weight": (5, 3), "0.bias": (5,), "4.weight": (2, 8), "4.bias": (2,)}
    parameters.update({"2." + name: tuple(getattr(net, name).shape) for name in names})

    def compute(x, p):
        own = torch.nn.LSTM(5, 4, batch_first=True, bidirectional=True).to(x[0].dtype)
        h = torch.tanh(torch.nn.functional.linear(x[0], p["0.weight"], p["0.bias"]))
        _, (last, _) = torch.func.functional_call(own, {name: p["2." + name] for name in names}, (h,))
        return [torch.nn.functional.linear(last.transpose(0, 1).flatten(1), p["4.weight"], p["4.bias"])]

    yield Layer("lstm-between", nodes, [(3, 4, 3)], compute, parameters, outputs=[7])

    # Larger than one piece, one tile and one block of k.
    yield stack("lstm-large", "lstm", 3, 18, batch=29, time=2, only=[1])


def every_batch():
    for kind in STACKS:
        yield from batches(kind, lambda n, name, k=kind: stack(name, k, 2, 3, batch=n, time=3))
        yield from batches(kind + "-both-ways", lambda n, name, k=kind: stack(name, k, 2, 3, batch=n, time=2, bidirectional=True, only=[1]))
    for kind in CELLS:
        yield from batches(kind, lambda n, name, k=kind: cell(name, k, 2, 3, batch=n))


def cases():
    for family in (stacks, cells, together, every_batch):
        yield from family()
