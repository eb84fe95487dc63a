"""Attention whose weights are an output too."""

import torch

from . import Layer, batches
from .attention import some_mask, some_padding, source, told

KIND = "multihead_attention_with_weights"


def attention(name, attributes, size, heads, query, key=None, value=None, masks=(), outputs=(0, 1), average=True, causal=False, **options):
    """`masks`: (role, tensor, whether batched). `outputs`: which of output and weights."""
    make = lambda: torch.nn.MultiheadAttention(size, heads, batch_first=True, **options)
    nodes, inputs, given = [source(query)], [query], ["query"]
    for role, shape in (("key", key), ("value", value)):
        if shape:
            nodes.append(source(shape))
            inputs.append(shape)
            given.append(role)
    for role, tensor, batched in masks:
        nodes.append(source(tensor.shape, batched))
        inputs.append(tensor)
        given.append(role)
    text = f"embed_dim={size} num_heads={heads} {attributes} average_attn_weights={str(average).lower()} inputs={','.join(given)}"
    nodes.append((KIND, list(range(len(inputs))), " ".join(text.split())))
    generator = torch.Generator().manual_seed(5)
    parameters = {f"0.{key}": torch.rand(value.shape, generator=generator) - 0.5 for key, value in make().named_parameters()}

    def run(x, p):
        own = make().to(x[0].dtype)
        (q, k, v), mask, padding = told(dict(zip(given, x)), causal)
        both = torch.func.functional_call(
            own, {key[2:]: value for key, value in p.items()}, (q, k, v),
            {"key_padding_mask": padding, "attn_mask": mask, "need_weights": True, "average_attn_weights": average})
        return [both[i] for i in outputs]

    return Layer(f"{KIND}-{name}", nodes, inputs, run, parameters, outputs=[len(inputs) + i for i in outputs])


def cases():
    yield attention("plain", "", 6, 2, (3, 5, 6))
    yield attention("heads", "", 6, 3, (2, 4, 6), average=False)
    yield attention("output-only", "", 6, 2, (3, 5, 6), outputs=(0,))
    yield attention("weights-only", "", 6, 2, (3, 5, 6), outputs=(1,))
    yield attention("memory", "dropout=0 batch_first=true", 6, 3, (2, 3, 6), key=(2, 7, 6), value=(2, 7, 6))
    yield attention("sizes", "kdim=5 vdim=3", 6, 2, (2, 3, 6), key=(2, 4, 5), value=(2, 4, 3), kdim=5, vdim=3)
    yield attention("no-bias", "bias=false", 8, 4, (2, 5, 8), bias=False, average=False)
    yield attention("causal", "is_causal=true", 6, 2, (2, 5, 6), causal=True)
    yield attention("mask", "", 6, 2, (2, 5, 6), masks=[("attn_mask", some_mask(5, 5), False)])
    yield attention("padding", "", 6, 2, (3, 5, 6), masks=[("key_padding_mask", some_padding(3, 5), True)], average=False)
    yield attention("everything", "add_bias_kv=true add_zero_attn=true is_causal=true", 6, 2, (2, 5, 6), causal=True,
                    masks=[("key_padding_mask", some_padding(2, 5), True), ("attn_mask", some_mask(5, 5), False)],
                    add_bias_kv=True, add_zero_attn=True, average=False)
    yield attention("added", "add_bias_kv=true", 6, 2, (3, 5, 6), add_bias_kv=True)
    yield attention("zero", "add_zero_attn=true", 6, 2, (3, 5, 6), key=(3, 4, 6), add_zero_attn=True)
    yield from batches(KIND, lambda n, name: attention(name, "", 2, 1, (n, 2, 2)))
