"""The cases of make_oracle.py: what Chainrule is told to do, and the same in PyTorch. A family of layers is a
module with a function `cases()` that yields objects of the class below; its values go to values/<module>.txt.
"""

import torch


class Layer:
    """A small model, its inputs, and the function that computes its outputs in PyTorch.

    nodes       as chainrule_model_add_node takes them: (kind, input nodes, attributes). A kind with several
                outputs takes as many numbers.
    inputs      shapes, filled with random numbers; or tensors (whole numbers become an integer input)
    compute     (inputs, parameters by name) to the list of outputs, as in training
    parameters  name to shape, or to a tensor; trained, their gradients are compared
    buffers     name to tensor: what the model keeps and does not train
    outputs     nodes that are the model's outputs; the last one without it
    evaluate    the outputs in inference, where they differ from `compute`; False: not compared
    state       (inputs, parameters and buffers by name) to the buffers after one training step
    kinks       the gradient jumps somewhere near: not compared with differences
    """

    def __init__(self, name, nodes, inputs, compute, parameters=(), spread=1.0, positive=False, values=None, outputs=None,
                 buffers=(), evaluate=None, state=None, kinks=False):
        self.name, self.nodes, self.inputs, self.compute = name, nodes, inputs, compute
        self.parameters, self.buffers = dict(parameters), dict(buffers)
        self.spread, self.positive, self.values, self.outputs = spread, positive, values, outputs
        self.evaluate, self.state, self.kinks = evaluate, state, kinks


def sample(shape):
    """The sizes of one sample as an attribute."""
    return ",".join(str(size) for size in shape[1:])


def one(name, kind, attributes, compute, shape=(5, 7), **more):
    """One input, one node without parameters."""
    nodes = [("input", [], f"shape={sample(shape)}"), (kind, [0], attributes)]
    return Layer(name, nodes, [shape], lambda x, p: [compute(x[0])], **more)


def two(name, kind, attributes, first, second, compute, **more):
    """Two inputs, one node. Shapes include the batch."""
    nodes = [("input", [], f"shape={sample(shape)}") for shape in (first, second)]
    nodes.append((kind, [0, 1], attributes))
    return Layer(name, nodes, [first, second], lambda x, p: [compute(x[0], x[1])], **more)


def module(name, kind, attributes, make, shape, prefix="0", **more):
    """One input and one node that is a torch.nn.Module, made by `make`, with parameters of the same names."""
    net = make()
    parameters = {f"{prefix}.{key}": tuple(value.shape) for key, value in net.named_parameters()}
    buffers = {f"{prefix}.{key}": value.clone() for key, value in net.named_buffers()}

    def run(x, p, training=True):
        own = make().to(x[0].dtype)
        own.train(training)
        state = {key[len(prefix) + 1:]: value for key, value in p.items()}
        result = torch.func.functional_call(own, state, tuple(x))
        return list(result) if isinstance(result, tuple) else [result]

    nodes = [("input", [], f"shape={sample(shape)}"), (kind, [0], attributes)]
    return Layer(name, nodes, [shape], run, parameters, buffers=buffers,
                 evaluate=(lambda x, p: run(x, p, False)), **more)


def parametrized(name, nodes, shape, make):
    """One input and a module "0" of PyTorch whose weight is under a parametrization, with the names of its state dict."""
    net = make()
    parameters = {f"0.{key}": value.detach().clone() for key, value in net.named_parameters()}
    buffers = {f"0.{key}": value.clone() for key, value in net.named_buffers()}

    def loaded(x, p):
        return make().to(x[0].dtype), {key[2:]: value for key, value in p.items()}

    def run(x, p, training=True):
        own, values = loaded(x, p)
        own.train(training)
        return [torch.func.functional_call(own, values, (x[0],))]

    def state(x, p):
        own, values = loaded(x, p)
        own.load_state_dict(values)
        own.train()
        own(x[0])
        return {f"0.{key}": value for key, value in own.named_buffers()}

    return Layer(name, nodes, [shape], run, parameters, buffers=buffers, evaluate=lambda x, p: run(x, p, False),
                 state=state if buffers else None, kinks=bool(buffers))


def batches(name, make):
    """The same with 1, 3 and 64 samples."""
    for count in (1, 3, 64):
        yield make(count, f"{name}-batch-{count}")
