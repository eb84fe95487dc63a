"""Attention, multi-head attention, transformers and positions. Training is compared without dropout."""

import math

import torch
import torch.nn.functional as F

from . import Layer, batches, sample

INFINITY = float("inf")


def source(shape, batched=True):
    return ("input", [], f"shape={sample(shape)}" if batched else "shape=" + ",".join(map(str, shape)) + " batched=false")


def told(found, causal):
    """Query, key and value, the mask and the padding of inputs by role, as torch.nn.MultiheadAttention takes them."""
    q, k = found["query"], found.get("key", found["query"])
    v = found.get("value", k)
    mask, padding = found.get("attn_mask"), found.get("key_padding_mask")
    if padding is not None:
        padding = torch.zeros(padding.shape, dtype=q.dtype).masked_fill(padding != 0, -INFINITY)
    if causal:
        above = torch.zeros(q.shape[1], k.shape[1], dtype=q.dtype).masked_fill(
            torch.ones(q.shape[1], k.shape[1], dtype=torch.bool).triu(1), -INFINITY)
        mask = above if mask is None else mask + above
    return (q, k, v), mask, padding


def some_mask(*shape):
    """Numbers, and -inf here and there; never in a row's first place."""
    generator = torch.Generator().manual_seed(3)
    mask = torch.rand(shape, generator=generator) * 2 - 1
    hidden = torch.rand(shape, generator=generator) < 0.3
    hidden[..., 0] = False
    return mask.masked_fill(hidden, -INFINITY)


def some_padding(batch, keys, dtype=torch.float32):
    """1 for ignored keys; the first one never is."""
    generator = torch.Generator().manual_seed(4)
    padding = torch.rand((batch, keys), generator=generator) < 0.4
    padding[:, 0] = False
    return padding.to(dtype)


def product(name, query, key, value=None, attributes="", mask=None, mask_batched=False, scale=None, causal=False, **more):
    value = value or key
    nodes = [source(query), source(key), source(value)]
    inputs = [query, key, value]
    if mask is not None:
        nodes.append(source(mask.shape, mask_batched))
        inputs.append(mask)
    nodes.append(("scaled_dot_product_attention", list(range(len(inputs))), attributes))

    def run(x, p):
        scores = x[0] @ x[1].transpose(-1, -2) * (1 / math.sqrt(query[-1]) if scale is None else scale)
        if mask is None:
            return [F.scaled_dot_product_attention(*x, is_causal=causal, scale=scale)]
        if not causal:
            return [F.scaled_dot_product_attention(*x, scale=scale)]
        above = torch.ones(query[-2], key[-2], dtype=torch.bool).triu(1)
        return [torch.softmax((scores + x[3]).masked_fill(above, -INFINITY), -1) @ x[2]]

    return Layer(name, nodes, inputs, run, **more)


def products():
    kind = "attention"
    yield product(kind, (2, 3, 5, 7), (2, 3, 6, 7))
    yield product(kind + "-value-size", (1, 2, 5, 7), (1, 2, 6, 7), (1, 2, 6, 4))
    yield product(kind + "-no-heads", (3, 5, 6), (3, 4, 6))
    yield product(kind + "-two-keys", (2, 2, 3, 4), (2, 2, 2, 4))
    yield product(kind + "-one-query", (2, 2, 1, 4), (2, 2, 9, 4))
    yield product(kind + "-scale", (2, 2, 4, 5), (2, 2, 4, 5), attributes="scale=0.7", scale=0.7)
    yield product(kind + "-causal", (2, 2, 5, 3), (2, 2, 5, 3), attributes="is_causal=true", causal=True)
    yield product(kind + "-causal-fewer-keys", (2, 2, 7, 3), (2, 2, 4, 3), attributes="is_causal=true", causal=True)
    yield product(kind + "-causal-more-keys", (2, 2, 3, 3), (2, 2, 6, 3), attributes="is_causal=true", causal=True)
    yield product(kind + "-dropout-of-nothing", (2, 2, 4, 3), (2, 2, 4, 3), attributes="dropout_p=0")
    # Blocks of 128 keys and of 128 (causal: 64) queries, their edges, and more than one of each.
    yield product(kind + "-blocks", (1, 1, 131, 1), (1, 1, 259, 1))
    yield product(kind + "-blocks-causal", (1, 1, 133, 2), (1, 1, 133, 2), attributes="is_causal=true", causal=True)
    yield product(kind + "-blocks-large-scores", (1, 1, 9, 2), (1, 1, 140, 2), spread=9)
    yield product(kind + "-wide", (1, 1, 1, 515), (1, 1, 2, 515), (1, 1, 2, 3))
    yield product(kind + "-wide-values", (1, 1, 2, 2), (1, 1, 2, 2), (1, 1, 2, 260))
    yield product(kind + "-mask", (2, 3, 5, 4), (2, 3, 6, 4), mask=some_mask(5, 6))
    yield product(kind + "-mask-batch", (2, 3, 5, 4), (2, 3, 6, 4), mask=some_mask(2, 1, 5, 6), mask_batched=True)
    yield product(kind + "-mask-full", (2, 3, 5, 4), (2, 3, 6, 4), mask=some_mask(2, 3, 5, 6), mask_batched=True)
    yield product(kind + "-mask-heads", (2, 3, 5, 4), (2, 3, 6, 4), mask=some_mask(3, 5, 6))
    yield product(kind + "-mask-columns", (2, 3, 5, 4), (2, 3, 6, 4), mask=torch.linspace(-1, 1, 6)[None])
    yield product(kind + "-mask-no-heads", (3, 5, 4), (3, 6, 4), mask=some_mask(3, 5, 6), mask_batched=True)
    yield product(kind + "-mask-causal", (2, 2, 5, 4), (2, 2, 5, 4), attributes="is_causal=true", mask=some_mask(5, 5), causal=True)
    yield product(kind + "-mask-blocks", (1, 1, 5, 1), (1, 1, 133, 1), mask=some_mask(5, 133))
    hidden = some_mask(4, 5)
    hidden[2] = -INFINITY
    yield product(kind + "-mask-whole-row", (2, 2, 4, 3), (2, 2, 5, 3), mask=hidden)
    yield from batches(kind, lambda n, name: product(name, (n, 1, 2, 2), (n, 1, 2, 2)))


def multihead(name, attributes, size, heads, query, key=None, value=None, roles="", same=False, masks=(), compute=None, **options):
    """`masks`: (role, tensor, whether batched)."""
    causal = options.pop("causal", False)
    make = lambda: torch.nn.MultiheadAttention(size, heads, batch_first=True, **options)
    nodes, inputs, given = [source(query)], [query], ["query"]
    for role, shape in (("key", key), ("value", value)):
        if shape:
            nodes.append(source(shape))
            inputs.append(shape)
            given.append(role)
    for role, tensor, batched in masks:
        dtype = "" if tensor.dtype.is_floating_point else " dtype=integer"
        kind, sources, text = source(tensor.shape, batched)
        nodes.append((kind, sources, text + dtype))
        inputs.append(tensor)
        given.append(role)
    places = list(range(len(inputs)))
    if same:
        places = [0, 0, 0] + places[1:]
        given = ["query", "key", "value"] + given[1:]
    text = f"embed_dim={size} num_heads={heads} {attributes} inputs={','.join(given)}"
    nodes.append(("multihead_attention", places, " ".join(text.split())))
    net = make()
    generator = torch.Generator().manual_seed(5)
    parameters = {f"0.{key}": torch.rand(value.shape, generator=generator) - 0.5 for key, value in net.named_parameters()}

    def run(x, p):
        own = make().to(x[0].dtype)
        (q, k, v), mask, padding = told(dict(zip(given, [x[i] for i in places])), causal)
        if mask is not None and mask.dim() == 4:
            mask = mask.expand(q.shape[0], heads, q.shape[1], k.shape[1]).reshape(-1, q.shape[1], k.shape[1])
        if mask is not None and mask.dim() == 3 and mask.shape[0] == heads and q.shape[0] > 1:
            mask = mask.repeat(q.shape[0], 1, 1)
        return [torch.func.functional_call(
            own, {key[2:]: value for key, value in p.items()}, (q, k, v),
            {"key_padding_mask": padding, "attn_mask": mask, "need_weights": False})[0]]

    return Layer(name, nodes, inputs, run, parameters)


def multiheads():
    kind = "multihead"
    yield multihead(kind, "", 6, 2, (3, 5, 6))
    yield multihead(kind + "-batch-first", "batch_first=true dropout=0", 6, 3, (2, 4, 6))
    yield multihead(kind + "-same-thrice", "", 6, 2, (3, 5, 6), same=True)
    yield multihead(kind + "-memory", "", 6, 3, (2, 3, 6), key=(2, 7, 6))
    yield multihead(kind + "-memory-value", "", 6, 3, (2, 3, 6), key=(2, 7, 6), value=(2, 7, 6))
    yield multihead(kind + "-sizes", "kdim=5 vdim=3", 6, 2, (2, 3, 6), key=(2, 4, 5), value=(2, 4, 3), kdim=5, vdim=3)
    yield multihead(kind + "-sizes-one-memory", "kdim=5 vdim=5", 6, 2, (2, 3, 6), key=(2, 4, 5), kdim=5, vdim=5)
    yield multihead(kind + "-vdim", "vdim=4", 6, 1, (2, 3, 6), key=(2, 4, 6), value=(2, 4, 4), vdim=4)
    yield multihead(kind + "-no-bias", "bias=false", 8, 4, (2, 5, 8), bias=False)
    yield multihead(kind + "-causal", "is_causal=true", 6, 2, (2, 5, 6), causal=True)
    yield multihead(kind + "-mask", "", 6, 2, (2, 5, 6), masks=[("attn_mask", some_mask(5, 5), False)])
    yield multihead(kind + "-mask-heads", "", 6, 2, (3, 4, 6), masks=[("attn_mask", some_mask(2, 4, 4), False)])
    yield multihead(kind + "-mask-full", "", 6, 2, (2, 4, 6), masks=[("attn_mask", some_mask(2, 2, 4, 4), True)])
    yield multihead(kind + "-padding", "", 6, 2, (3, 5, 6), masks=[("key_padding_mask", some_padding(3, 5), True)])
    yield multihead(kind + "-padding-whole", "", 6, 2, (3, 5, 6), masks=[("key_padding_mask", some_padding(3, 5, torch.int64), True)])
    yield multihead(kind + "-everything", "is_causal=true", 6, 2, (2, 5, 6), key=(2, 6, 6), causal=True,
                    masks=[("key_padding_mask", some_padding(2, 6), True), ("attn_mask", some_mask(5, 6), False)])
    yield multihead(kind + "-added", "add_bias_kv=true", 6, 2, (3, 5, 6), add_bias_kv=True)
    yield multihead(kind + "-zero", "add_zero_attn=true", 6, 2, (3, 5, 6), key=(3, 4, 6), add_zero_attn=True)
    yield multihead(kind + "-added-everything", "add_bias_kv=true add_zero_attn=true is_causal=true", 6, 2, (2, 5, 6), causal=True,
                    masks=[("key_padding_mask", some_padding(2, 5), True), ("attn_mask", some_mask(5, 5), False)],
                    add_bias_kv=True, add_zero_attn=True)
    yield multihead(kind + "-added-sizes", "add_bias_kv=true kdim=3 vdim=4 bias=false", 6, 2, (2, 3, 6), key=(2, 4, 3), value=(2, 4, 4),
                    add_bias_kv=True, kdim=3, vdim=4, bias=False)
    yield multihead(kind + "-blocks", "is_causal=true", 2, 1, (1, 135, 2), causal=True)
    yield from batches(kind, lambda n, name: multihead(name, "", 2, 1, (n, 2, 2)))


def composite(name, kind, attributes, make, shapes, call=None, masks=()):
    """A torch.nn module of several inputs; `call` says how its masks are given."""
    nodes, inputs, roles = [], [], []
    for role, shape in shapes:
        nodes.append(source(shape))
        inputs.append(shape)
        roles.append(role)
    for role, tensor, batched in masks:
        nodes.append(source(tensor.shape, batched))
        inputs.append(tensor)
        roles.append(role)
    nodes.append((kind, list(range(len(inputs))), f"{attributes} dropout=0 batch_first=true inputs={','.join(roles)}"))
    net = make()
    generator = torch.Generator().manual_seed(6)
    parameters = {f"0.{key}": torch.rand(value.shape, generator=generator) - 0.5 for key, value in net.named_parameters()}

    def run(x, p, training=True):
        own = make().to(x[0].dtype)
        own.train(training)
        named = dict(zip(roles, x))
        for role in roles:
            if "padding" in role:
                named[role] = torch.zeros_like(named[role]).masked_fill(named[role] != 0, -INFINITY)
        arguments = [named.pop(role) for role, _ in shapes]
        named.update(call(x[0].dtype) if call else {})
        return [torch.func.functional_call(own, {key[2:]: value for key, value in p.items()}, tuple(arguments), named)]

    return Layer(name, nodes, inputs, run, parameters)


def causal(size, role):
    return lambda dtype: {role: torch.zeros(size, size, dtype=dtype).masked_fill(torch.ones(size, size, dtype=torch.bool).triu(1), -INFINITY)}


def encoder_layer(**options):
    return torch.nn.TransformerEncoderLayer(6, 2, options.pop("dim_feedforward", 9), dropout=0.0, batch_first=True, **options)


def decoder_layer(**options):
    return torch.nn.TransformerDecoderLayer(6, 2, options.pop("dim_feedforward", 9), dropout=0.0, batch_first=True, **options)


def transformers():
    size = "d_model=6 nhead=2 dim_feedforward=9"
    kind = "transformer_encoder_layer"
    src = [("src", (3, 5, 6))]
    yield composite(kind, kind, size, encoder_layer, src)
    yield composite(kind + "-gelu-first", kind, size + " activation=gelu norm_first=true layer_norm_eps=0.001",
                    lambda: encoder_layer(activation="gelu", norm_first=True, layer_norm_eps=1e-3), src)
    yield composite(kind + "-no-bias", kind, size + " bias=false activation=gelu", lambda: encoder_layer(activation="gelu", bias=False), src)
    yield composite(kind + "-causal", kind, size + " is_causal=true activation=gelu", lambda: encoder_layer(activation="gelu"), src, causal(5, "src_mask"))
    yield composite(kind + "-masks", kind, size + " activation=gelu", lambda: encoder_layer(activation="gelu"), src,
                    masks=[("src_mask", some_mask(5, 5), False), ("src_key_padding_mask", some_padding(3, 5), True)])
    yield from batches(kind, lambda n, name: composite(name, kind, "d_model=3 nhead=1 dim_feedforward=5 activation=gelu",
                                                       lambda: torch.nn.TransformerEncoderLayer(3, 1, 5, 0.0, "gelu", batch_first=True), [("src", (n, 2, 3))]))
    kind = "transformer_decoder_layer"
    both = [("tgt", (3, 4, 6)), ("memory", (3, 5, 6))]
    yield composite(kind, kind, size, decoder_layer, both)
    yield composite(kind + "-gelu-first", kind, size + " activation=gelu norm_first=true layer_norm_eps=0.001",
                    lambda: decoder_layer(activation="gelu", norm_first=True, layer_norm_eps=1e-3), both)
    yield composite(kind + "-no-bias", kind, size + " bias=false activation=gelu", lambda: decoder_layer(activation="gelu", bias=False), both)
    yield composite(kind + "-causal", kind, size + " tgt_is_causal=true memory_is_causal=false activation=gelu", lambda: decoder_layer(activation="gelu"),
                    both, causal(4, "tgt_mask"))
    yield composite(kind + "-masks", kind, size + " activation=gelu", lambda: decoder_layer(activation="gelu"), both,
                    masks=[("tgt_mask", some_mask(4, 4), False), ("memory_mask", some_mask(4, 5), False),
                           ("tgt_key_padding_mask", some_padding(3, 4), True), ("memory_key_padding_mask", some_padding(3, 5), True)])
    yield from batches(kind, lambda n, name: composite(
        name, kind, "d_model=3 nhead=1 dim_feedforward=5 activation=gelu",
        lambda: torch.nn.TransformerDecoderLayer(3, 1, 5, 0.0, "gelu", batch_first=True), [("tgt", (n, 2, 3)), ("memory", (n, 2, 3))]))


def stacks():
    def encoder(norm=False, size=4, inner=5, layers=2, heads=2, **options):
        layer = torch.nn.TransformerEncoderLayer(size, heads, inner, 0.0, "gelu", batch_first=True, **options)
        return torch.nn.TransformerEncoder(layer, layers, torch.nn.LayerNorm(size) if norm else None, enable_nested_tensor=False)

    def decoder(norm=False, size=4, inner=5, layers=2, heads=2, **options):
        layer = torch.nn.TransformerDecoderLayer(size, heads, inner, 0.0, "gelu", batch_first=True, **options)
        return torch.nn.TransformerDecoder(layer, layers, torch.nn.LayerNorm(size) if norm else None)

    text = "d_model=4 nhead=2 dim_feedforward=5 activation=gelu"
    kind = "transformer_encoder"
    src, both = [("src", (2, 5, 4))], [("tgt", (2, 4, 4)), ("memory", (2, 5, 4))]
    yield composite(kind, kind, "num_layers=2 " + text, encoder, src)
    yield composite(kind + "-norm", kind, f"num_layers=2 {text} norm=true norm_first=true layer_norm_eps=0.001 bias=true",
                    lambda: encoder(True, norm_first=True, layer_norm_eps=1e-3).apply(same_eps), src)
    yield composite(kind + "-masks", kind, "num_layers=1 " + text, lambda: encoder(layers=1), src,
                    masks=[("mask", some_mask(5, 5), False), ("src_key_padding_mask", some_padding(2, 5), True)])
    yield composite(kind + "-causal", kind, "num_layers=1 is_causal=true " + text, lambda: encoder(layers=1), src, causal(5, "mask"))
    yield from batches(kind, lambda n, name: composite(name, kind, "num_layers=1 d_model=3 nhead=1 dim_feedforward=4 activation=gelu",
                                                       lambda: encoder(False, 3, 4, 1, 1), [("src", (n, 2, 3))]))
    kind = "transformer_decoder"
    yield composite(kind, kind, "num_layers=2 " + text, decoder, both)
    yield composite(kind + "-norm", kind, f"num_layers=2 {text} norm=true norm_first=true layer_norm_eps=0.001 bias=true memory_is_causal=false",
                    lambda: decoder(True, norm_first=True, layer_norm_eps=1e-3).apply(same_eps), both)
    yield composite(kind + "-causal", kind, "num_layers=1 tgt_is_causal=true " + text, lambda: decoder(layers=1), both, causal(4, "tgt_mask"))
    yield composite(kind + "-masks", kind, "num_layers=1 " + text, lambda: decoder(layers=1), both, masks=[("memory_key_padding_mask", some_padding(2, 5), True)])
    yield from batches(kind, lambda n, name: composite(name, kind, "num_layers=1 d_model=3 nhead=1 dim_feedforward=4 activation=gelu",
                                                       lambda: decoder(False, 3, 4, 1, 1), [("tgt", (n, 2, 3)), ("memory", (n, 2, 3))]))
    kind = "transformer"

    def whole(size=4, inner=5, layers=(2, 1), heads=2, **options):
        return torch.nn.Transformer(size, heads, *layers, inner, 0.0, batch_first=True, **options)

    yield composite(kind, kind, "d_model=4 nhead=2 num_encoder_layers=2 num_decoder_layers=1 dim_feedforward=5 bias=true memory_is_causal=false",
                    whole, [("src", (2, 5, 4)), ("tgt", (2, 4, 4))])
    yield composite(kind + "-causal", kind, "d_model=4 nhead=2 num_encoder_layers=1 num_decoder_layers=1 dim_feedforward=5 activation=gelu "
                    "norm_first=true layer_norm_eps=0.001 tgt_is_causal=true src_is_causal=true",
                    lambda: whole(layers=(1, 1), activation="gelu", norm_first=True, layer_norm_eps=1e-3), [("src", (2, 4, 4)), ("tgt", (2, 4, 4))],
                    lambda dtype: {**causal(4, "tgt_mask")(dtype), **causal(4, "src_mask")(dtype)})
    yield composite(kind + "-masks", kind, "d_model=6 nhead=2 num_encoder_layers=1 num_decoder_layers=1 dim_feedforward=5 activation=gelu",
                    lambda: whole(6, 5, (1, 1), activation="gelu"), [("src", (2, 5, 6)), ("tgt", (2, 4, 6))],
                    masks=[("src_mask", some_mask(5, 5), False), ("memory_mask", some_mask(4, 5), False),
                           ("tgt_key_padding_mask", some_padding(2, 4), True)])
    yield from batches(kind, lambda n, name: composite(
        name, kind, "d_model=3 nhead=1 num_encoder_layers=1 num_decoder_layers=1 dim_feedforward=4 activation=gelu",
        lambda: whole(3, 4, (1, 1), 1, activation="gelu"), [("src", (n, 2, 3)), ("tgt", (n, 2, 3))]))


def same_eps(module):
    if isinstance(module, torch.nn.LayerNorm):
        module.eps = 1e-3


def positions():
    def sinusoidal(x):
        time, size = x.shape[-2:]
        angles = torch.arange(time, dtype=torch.float64)[:, None] / 10000 ** (torch.arange(size, dtype=torch.float64) // 2 * 2 / size)
        return x + torch.where(torch.arange(size) % 2 == 0, angles.sin(), angles.cos()).to(x.dtype)

    def rotary(x, base=10000.0, interleaved=False):
        time, size = x.shape[-2:]
        angles = torch.arange(time, dtype=torch.float64)[:, None] * base ** (-torch.arange(0, size, 2, dtype=torch.float64) / size)
        sine, cosine = angles.sin().to(x.dtype), angles.cos().to(x.dtype)
        a, b = (x[..., 0::2], x[..., 1::2]) if interleaved else (x[..., :size // 2], x[..., size // 2:])
        y = a * cosine - b * sine, a * sine + b * cosine
        return torch.stack(y, -1).flatten(-2) if interleaved else torch.cat(y, -1)

    def one(name, kind, attributes, compute, shape):
        return Layer(name, [source(shape), (kind, [0], attributes)], [shape], lambda x, p: [compute(x[0])])

    yield one("sinusoidal", "sinusoidal_positions", "", sinusoidal, (3, 5, 8))
    yield one("sinusoidal-odd", "sinusoidal_positions", "max_len=7", sinusoidal, (2, 3, 7, 5))
    yield one("rotary", "rotary_embedding", "", rotary, (3, 5, 8))
    yield one("rotary-heads", "rotary_embedding", "base=500", lambda x: rotary(x, 500.0), (1, 2, 3, 38))
    yield one("rotary-interleaved", "rotary_embedding", "interleaved=true", lambda x: rotary(x, interleaved=True), (2, 3, 4, 6))
    yield one("rotary-interleaved-base", "rotary_embedding", "interleaved=true base=100", lambda x: rotary(x, 100.0, True), (2, 5, 2))
    yield from batches("sinusoidal", lambda n, name: one(name, "sinusoidal_positions", "", sinusoidal, (n, 2, 3)))
    yield from batches("rotary", lambda n, name: one(name, "rotary_embedding", "", rotary, (n, 2, 4)))


def cases():
    yield from products()
    yield from multiheads()
    yield from transformers()
    yield from stacks()
    yield from positions()
