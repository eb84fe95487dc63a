"""Norms, embeddings, and dropout with nothing dropped (what it drops is looked at in Tests/ABI/noise.c)."""

import torch
import torch.nn.functional as F

from . import Layer, batches, module, one, parametrized, sample

nn = torch.nn


def tracked(name, kind, attributes, make, shape, **more):
    """A norm with running statistics: what it keeps after one training step, too, from statistics that say something."""
    case = module(name, kind, attributes, make, shape, **more)
    for key, value in case.buffers.items():
        if key.endswith("running_mean"):
            case.buffers[key] = torch.linspace(-0.5, 0.75, value.numel()).reshape(value.shape)
        if key.endswith("running_var"):
            case.buffers[key] = torch.linspace(0.5, 2, value.numel()).reshape(value.shape)
        if key.endswith("num_batches_tracked"):
            case.buffers[key] = torch.tensor(3)

    def state(x, p):
        net = make().to(x[0].dtype)
        net.load_state_dict({key[2:]: value for key, value in p.items()})
        net.train()
        net(x[0])
        return {f"0.{key}": value for key, value in net.named_buffers()}

    if case.buffers:
        case.state = state
    return case


BATCH_NORMS = [("batch_norm", nn.BatchNorm1d, 1), ("batch_norm1d", nn.BatchNorm1d, 1), ("batch_norm2d", nn.BatchNorm2d, 2),
               ("batch_norm3d", nn.BatchNorm3d, 3)]
INSTANCE_NORMS = [("instance_norm1d", nn.InstanceNorm1d, 1), ("instance_norm2d", nn.InstanceNorm2d, 2),
                  ("instance_norm3d", nn.InstanceNorm3d, 3)]
SIZES = {1: (7,), 2: (3, 5), 3: (2, 1, 7)}
CHANNELS = {1: 5, 2: 3, 3: 2}


def channel_norms():
    for group, is_batch in ((BATCH_NORMS, True), (INSTANCE_NORMS, False)):
        for kind, made, dimensions in group:
            size = SIZES[dimensions]
            on = "" if is_batch else "affine=true track_running_stats=true "
            options = {} if is_batch else {"affine": True, "track_running_stats": True}
            for text, changed in (("", {}), ("eps=0.1", {"eps": 0.1}), ("momentum=0.25", {"momentum": 0.25}),
                                  ("momentum=none", {"momentum": None}), ("affine=false", {"affine": False}),
                                  ("track_running_stats=false", {"track_running_stats": False}),
                                  ("affine=false track_running_stats=false", {"affine": False, "track_running_stats": False})):
                every = {**options, **changed}
                words = " ".join(f"{key}={str(value).lower()}" for key, value in every.items())
                name = kind + ("-" + text.replace(" ", "-").replace("=", "-") if text else "")
                yield tracked(name, kind, words, lambda m=made, e=every, c=CHANNELS[dimensions]: m(c, **e), (2, CHANNELS[dimensions]) + size)
            small = (1,) * (dimensions - 1) + (2,)
            yield from batches(kind, lambda n, name: tracked(name, kind, "num_features=2 " + on, lambda: made(2, **options), (n, 2) + small))
            # Far from zero: the mean must come off before anything is squared.
            far = [50 + 5 * ((37 * i) % 101) / 101 for i in range(2 * 3 * torch.Size(size).numel())]
            yield tracked(kind + "-far", kind, on, lambda: made(3, **options), (2, 3) + size, values=far)
    for kind, name in (("batch_norm", "rows"), ("batch_norm1d", "rows")):
        yield tracked(f"{kind}-{name}", kind, "", lambda: nn.BatchNorm1d(19), (7, 19))
        yield tracked(f"{kind}-{name}-few", kind, "", lambda: nn.BatchNorm1d(5), (2, 5))
        yield tracked(f"{kind}-{name}-bare", kind, "affine=false track_running_stats=false",
                      lambda: nn.BatchNorm1d(3, affine=False, track_running_stats=False), (40, 3))
        yield tracked(f"{kind}-{name}-average", kind, "momentum=none", lambda: nn.BatchNorm1d(3, momentum=None), (4, 3))
    yield tracked("batch_norm-2d", "batch_norm", "", lambda: nn.BatchNorm2d(3), (2, 3, 4, 5))
    yield tracked("batch_norm2d-long", "batch_norm2d", "", lambda: nn.BatchNorm2d(1), (2, 1, 7, 11))
    yield tracked("instance_norm2d-long", "instance_norm2d", "affine=true", lambda: nn.InstanceNorm2d(1, affine=True), (2, 1, 7, 11))


def row_norms():
    for kind, made, choices in (
        ("layer_norm", nn.LayerNorm,
         ({}, {"eps": 0.1}, {"elementwise_affine": False}, {"bias": False}, {"eps": 0.01, "elementwise_affine": False, "bias": False})),
        ("rms_norm", nn.RMSNorm, ({}, {"eps": 0.1}, {"elementwise_affine": False}, {"eps": 0.01, "elementwise_affine": False})),
    ):
        for shape, normalized in (((5, 7), (7,)), ((3, 33), (33,)), ((1, 3, 5, 4), (5, 4)), ((3, 2, 3), (2, 3))):
            for chosen in choices if len(normalized) == 1 else choices[:1]:
                words = "normalized_shape=" + ",".join(map(str, normalized))
                words += "".join(f" {key}={str(value).lower()}" for key, value in chosen.items())
                name = f"{kind}-{'x'.join(map(str, shape))}-{len(normalized)}" + "".join(f"-{k}-{v}" for k, v in chosen.items())
                yield module(name, kind, words, lambda m=made, n=normalized, c=chosen: m(n, **c), shape)
        yield module(kind + "-many-rows", kind, "normalized_shape=3", lambda m=made: m(3), (40, 3))
        yield from batches(kind, lambda n, name: module(name, kind, "normalized_shape=3", lambda: made(3), (n, 3)))
    yield module("rms_norm-one-number", "rms_norm", "normalized_shape=1 eps=0.5", lambda: nn.RMSNorm(1, eps=0.5), (1, 1))
    far = [50 + 5 * ((37 * i) % 101) / 101 for i in range(3 * 65)]
    yield module("layer_norm-far", "layer_norm", "normalized_shape=65", lambda: nn.LayerNorm(65), (3, 65), values=far)


def group_norms():
    for shape, groups in (((2, 4, 5), 2), ((2, 6, 3), 3), ((2, 6, 3), 6), ((2, 6, 3), 1), ((2, 4, 1, 7), 2), ((5, 6), 3), ((5, 6), 2),
                          ((2, 38), 2), ((1, 4, 2, 1, 3), 2)):
        for chosen in ({}, {"eps": 0.1}, {"affine": False}, {"eps": 0.01, "affine": False})[:4 if groups == 2 else 1]:
            words = f"num_groups={groups} num_channels={shape[1]}" + "".join(f" {k}={str(v).lower()}" for k, v in chosen.items())
            name = f"group_norm-{'x'.join(map(str, shape))}-{groups}" + "".join(f"-{k}-{v}" for k, v in chosen.items())
            yield module(name, "group_norm", words, lambda g=groups, c=shape[1], o=chosen: nn.GroupNorm(g, c, **o), shape)
    yield from batches("group_norm", lambda n, name: module(name, "group_norm", "num_groups=1", lambda: nn.GroupNorm(1, 2), (n, 2, 2)))


def response_norms():
    for text, options in (("size=5", (5,)), ("size=2 alpha=0.5", (2, 0.5)), ("size=3 alpha=0.1 beta=0.5", (3, 0.1, 0.5)),
                          ("size=4 alpha=1 beta=2 k=2.5", (4, 1, 2, 2.5)), ("size=1 alpha=2", (1, 2)), ("size=20 alpha=1", (20, 1))):
        for shape in ((2, 7, 3), (2, 3, 1, 5)):
            yield one(f"local_response_norm-{text.replace(' ', '-').replace('=', '-')}-{len(shape)}", "local_response_norm", text,
                      lambda x, o=options: F.local_response_norm(x, *o), shape=shape, spread=2)
    yield from batches("local_response_norm",
                       lambda n, name: one(name, "local_response_norm", "size=3", lambda x: F.local_response_norm(x, 3), shape=(n, 3, 1)))


def weight_node(name, kind, attributes, wrap, shape, rows, count, before=False):
    """linear with a weight from `kind`, against PyTorch's parametrization of Linear."""
    nodes = [("input", [], f"shape={shape[1]}"),
             (kind, [], f"name=0.parametrizations.weight shape={shape[0]},{shape[1]} {attributes}"),
             ("linear", [0, 1], f"name=0 out_features={shape[0]}")]
    torch.manual_seed(rows)
    return parametrized(name, nodes, (count, shape[1]), lambda: wrap(nn.Linear(shape[1], shape[0])))


def whole_weight(name, kind, attributes, shape, compute, parameters, **more):
    """The weight alone, of any rank: an input of its shape times it."""
    nodes = [("input", [], f"shape={sample((1,) + shape)}"),
             (kind, [], f"name=w shape={sample((1,) + shape)} {attributes}"), ("mul", [0, 1], "")]
    return Layer(name, nodes, [(2,) + shape], lambda x, p: [x[0] * compute(p)], parameters, **more)


def weights():
    from torch.nn.utils.parametrizations import spectral_norm, weight_norm
    yield weight_node("weight_norm", "weight_norm", "", weight_norm, (5, 7), 1, 4)
    yield weight_node("weight_norm-dim", "weight_norm", "dim=1", lambda m: weight_norm(m, dim=1), (5, 7), 2, 4)
    yield weight_node("weight_norm-all", "weight_norm", "dim=-1", lambda m: weight_norm(m, dim=None), (5, 7), 3, 4)
    yield from batches("weight_norm", lambda n, name: weight_node(name, "weight_norm", "", weight_norm, (2, 3), 4, n))
    for dim in (0, 1, 2, -1):
        shape = (4, 3, 5)
        lengths = tuple(size if i == dim else 1 for i, size in enumerate(shape)) if dim >= 0 else ()
        yield whole_weight(f"weight_norm-rank-3-{dim}", "weight_norm", f"dim={dim}", shape,
                           lambda p, d=dim: torch._weight_norm(p["w.original1"], p["w.original0"], d),
                           {"w.original0": lengths, "w.original1": shape})
    yield weight_node("spectral_norm", "spectral_norm", "", spectral_norm, (5, 7), 5, 4)
    yield weight_node("spectral_norm-dim", "spectral_norm", "dim=1", lambda m: spectral_norm(m, dim=1), (5, 7), 6, 4)
    yield weight_node("spectral_norm-steps", "spectral_norm", "n_power_iterations=4", lambda m: spectral_norm(m, n_power_iterations=4),
                      (11, 17), 7, 4)
    yield weight_node("spectral_norm-eps", "spectral_norm", "eps=0.5", lambda m: spectral_norm(m, eps=0.5), (5, 7), 8, 4)
    yield from batches("spectral_norm", lambda n, name: weight_node(name, "spectral_norm", "", spectral_norm, (2, 3), 9, n))

    # A weight of more dimensions, as a convolution's.
    def spectral(p, dim, training=True):
        w, u, v = p["w.original"], p["w.0._u"], p["w.0._v"]
        matrix = w.permute(dim, *(d for d in range(w.dim()) if d != dim)).flatten(1)
        if training:
            with torch.no_grad():
                u = F.normalize(torch.mv(matrix, v), dim=0)
                v = F.normalize(torch.mv(matrix.t(), u), dim=0)
        return w / torch.dot(u, torch.mv(matrix, v))

    for dim in (0, 1, 2):
        shape = (3, 4, 5)
        rest = 60 // shape[dim]
        u, v = F.normalize(torch.arange(1.0, shape[dim] + 1), dim=0), F.normalize(torch.cos(torch.arange(float(rest))), dim=0)
        yield whole_weight(f"spectral_norm-rank-3-{dim}", "spectral_norm", f"dim={dim}", shape, lambda p, d=dim: spectral(p, d),
                           {"w.original": shape}, buffers={"w.0._u": u, "w.0._v": v}, kinks=True,
                           evaluate=lambda x, p, d=dim: [x[0] * spectral(p, d, False)])
    # linear whose weight and bias are inputs: here parameters, which two layers share.
    nodes = [("input", [], "shape=5"), ("parameter", [], "name=w shape=5,5"), ("parameter", [], "name=b shape=5"),
             ("linear", [0, 1, 2], "out_features=5"), ("tanh", [3], ""), ("linear", [4, 1], "out_features=5 bias=false"),
             ("linear", [5, 2], "out_features=5 inputs=input,bias name=last")]
    yield Layer("linear-shared", nodes, [(6, 5)],
                lambda x, p: [F.linear(F.linear(torch.tanh(F.linear(x[0], p["w"], p["b"])), p["w"]), p["last.weight"], p["b"])],
                {"w": (5, 5), "b": (5,), "last.weight": (5, 5)})


def whole(shape, rows, seed=1):
    return torch.randint(rows, shape, generator=torch.Generator().manual_seed(seed))


def index_input(tensor, batched=True):
    shape = ",".join(map(str, tensor.shape[1 if batched else 0:]))
    return ("input", [], f"shape={shape} dtype=integer" + ("" if batched else " batched=false"))


def embedding(name, indices, rows, columns, max_norm=None, **options):
    words = f"num_embeddings={rows} embedding_dim={columns}" + (f" max_norm={max_norm}" if max_norm else "")
    words += "".join(f" {key}={str(value).lower()}" for key, value in options.items())
    nodes = [index_input(indices), ("embedding", [0], words)]

    def compute(x, p):
        # Renormalised outside, as F.embedding would change the parameter in place.
        weight = p["0.weight"]
        if max_norm:
            with torch.no_grad():
                changed = weight.clone()
                torch.embedding_renorm_(changed, x[0], max_norm, options.get("norm_type", 2.0))
            weight = weight + (changed - weight).detach()
        return [F.embedding(x[0], weight, padding_idx=options.get("padding_idx"), scale_grad_by_freq=options.get("scale_grad_by_freq", False))]

    def state(x, p):
        weight = p["0.weight"].detach().clone()
        torch.embedding_renorm_(weight, x[0], max_norm, options.get("norm_type", 2.0))
        return {"0.weight": weight}

    return Layer(name, nodes, [indices], compute, {"0.weight": (rows, columns)}, kinks=bool(max_norm or options),
                 state=state if max_norm else None)


def embeddings():
    yield embedding("embedding", whole((4, 3), 7), 7, 5)
    yield embedding("embedding-flat", whole((9,), 5), 5, 17)
    yield embedding("embedding-rank-3", whole((2, 3, 4), 6), 6, 3)
    yield embedding("embedding-wide", whole((3, 2), 4), 4, 35)
    yield embedding("embedding-one-column", whole((30,), 3), 3, 1)
    yield embedding("embedding-padding", whole((4, 5), 4), 4, 3, padding_idx=2)
    yield embedding("embedding-padding-negative", whole((4, 5), 4), 4, 3, padding_idx=-1)
    yield embedding("embedding-frequency", whole((6, 5), 4), 4, 3, scale_grad_by_freq=True)
    yield embedding("embedding-frequency-padding", whole((6, 5), 4), 4, 3, scale_grad_by_freq=True, padding_idx=0)
    yield embedding("embedding-max_norm", whole((4, 3), 9), 9, 5, max_norm=1.0)
    yield embedding("embedding-max_norm-1", whole((4, 3), 9), 9, 19, max_norm=2.5, norm_type=1.0)
    yield embedding("embedding-max_norm-3", whole((4, 3), 9), 9, 19, max_norm=0.75, norm_type=3.0)
    yield embedding("embedding-max_norm-half", whole((4, 3), 9), 9, 3, max_norm=3.0, norm_type=0.5, padding_idx=1, scale_grad_by_freq=True)
    yield from batches("embedding", lambda n, name: embedding(name, whole((n, 2), 5), 5, 3))
    # A table that is used twice, and an index that comes from another branch.
    indices = whole((3, 4), 5)
    nodes = [index_input(indices), ("embedding", [0], "num_embeddings=5 embedding_dim=4"), ("linear", [1], "out_features=2")]
    yield Layer("embedding-linear", nodes, [indices],
                lambda x, p: [F.linear(F.embedding(x[0], p["0.weight"]), p["1.weight"], p["1.bias"])],
                {"0.weight": (5, 4), "1.weight": (2, 4), "1.bias": (2,)})


def bag(name, indices, rows, columns, offsets=None, weights=None, batched_offsets=True, **options):
    words = f"num_embeddings={rows} embedding_dim={columns}" + "".join(f" {key}={str(value).lower()}" for key, value in options.items())
    nodes, inputs, roles = [index_input(indices, offsets is None)], [indices], ["input"]
    if offsets is not None:
        nodes.append(index_input(offsets, batched_offsets))
        inputs.append(offsets)
        roles.append("offsets")
    if weights is not None:
        nodes.append(("input", [], f"shape={sample(weights) if offsets is None else weights[0]}" + ("" if offsets is None else " batched=false")))
        inputs.append(weights)
        roles.append("per_sample_weights")
    sources = list(range(len(inputs)))
    nodes.append(("embedding_bag", sources, words + " inputs=" + ",".join(roles)))
    max_norm, norm_type = options.get("max_norm"), options.get("norm_type", 2.0)
    # PyTorch 2.13 divides by the frequency of another row than the gradient's; what its documentation says is
    # done here outside.
    by_frequency = options.get("scale_grad_by_freq")
    others = {key: value for key, value in options.items() if key not in ("max_norm", "norm_type", "scale_grad_by_freq", "sparse")}

    def compute(x, p):
        weight = p["0.weight"]
        if by_frequency:
            share = 1 / torch.bincount(x[0].flatten(), minlength=rows).clamp(1).to(weight.dtype).unsqueeze(1)
            weight = (weight * (1 - share)).detach() + weight * share
        if max_norm:
            with torch.no_grad():
                changed = weight.clone()
                torch.embedding_renorm_(changed, x[0].flatten(), max_norm, norm_type)
            weight = weight + (changed - weight).detach()
        return [F.embedding_bag(x[0], weight, x[1] if offsets is not None else None,
                                per_sample_weights=x[-1] if weights is not None else None, **others)]

    def state(x, p):
        weight = p["0.weight"].detach().clone()
        torch.embedding_renorm_(weight, x[0].flatten(), max_norm, norm_type)
        return {"0.weight": weight}

    return Layer(name, nodes, inputs, compute, {"0.weight": (rows, columns)},
                 kinks=bool(max_norm or options.get("scale_grad_by_freq") or "padding_idx" in options or options.get("mode") == "max"),
                 state=state if max_norm else None)


def bags():
    offsets = torch.tensor([0, 3, 3, 8])
    for mode in ("sum", "mean", "max"):
        yield bag(f"embedding_bag-{mode}", whole((4, 3), 7), 7, 5, mode=mode)
        yield bag(f"embedding_bag-{mode}-wide", whole((3, 6), 7), 7, 37, mode=mode)
        yield bag(f"embedding_bag-{mode}-offsets", whole((11,), 7), 7, 5, offsets, mode=mode)
        yield bag(f"embedding_bag-{mode}-whole-offsets", whole((11,), 7), 7, 5, offsets, batched_offsets=False, mode=mode)
        yield bag(f"embedding_bag-{mode}-last", whole((11,), 7), 7, 5, torch.tensor([0, 3, 3, 8, 11]), batched_offsets=False, mode=mode,
                  include_last_offset=True)
        yield bag(f"embedding_bag-{mode}-padding", whole((5, 4), 3), 3, 4, mode=mode, padding_idx=1)
        yield bag(f"embedding_bag-{mode}-padding-offsets", whole((11,), 3), 3, 4, offsets, mode=mode, padding_idx=0)
        yield bag(f"embedding_bag-{mode}-max_norm", whole((5, 4), 6), 6, 4, mode=mode, max_norm=0.9)
        yield bag(f"embedding_bag-{mode}-max_norm-1", whole((11,), 6), 6, 4, offsets, mode=mode, max_norm=1.5, norm_type=1.0)
        if mode != "max":
            yield bag(f"embedding_bag-{mode}-frequency", whole((5, 4), 3), 3, 4, mode=mode, scale_grad_by_freq=True)
    yield bag("embedding_bag-weights", whole((4, 3), 7), 7, 5, weights=(4, 3), mode="sum")
    yield bag("embedding_bag-weights-offsets", whole((11,), 7), 7, 19, offsets, weights=(11,), mode="sum")
    yield bag("embedding_bag-weights-padding", whole((4, 5), 3), 3, 5, weights=(4, 5), mode="sum", padding_idx=2)
    yield bag("embedding_bag-weights-max_norm", whole((4, 5), 6), 6, 5, weights=(4, 5), mode="sum", max_norm=0.8)
    yield from batches("embedding_bag", lambda n, name: bag(name, whole((n, 3), 5), 5, 2))


def quiet():
    """Dropout that drops nothing."""
    shapes = {"dropout1d": (4, 3, 5), "dropout2d": (4, 3, 2, 5), "dropout3d": (4, 3, 2, 2, 3), "alpha_dropout": (4, 7),
              "feature_alpha_dropout": (4, 3, 5), "gaussian_noise": (4, 7), "gaussian_dropout": (4, 7)}
    for kind, shape in shapes.items():
        word = {"gaussian_noise": "stddev", "gaussian_dropout": "rate"}.get(kind, "p")
        yield one(f"{kind}-of-nothing", kind, f"{word}=0", lambda x: x, shape=shape)
        yield from batches(kind, lambda n, name: one(name, kind, f"{word}=0", lambda x: x, shape=(n, 2, 1, 1, 1)[:len(shape)]))


def sparse_tables():
    """The gradient is the same; how a trainer's steps take it, Tests/ABI/sparse.c looks at."""
    yield embedding("embedding-sparse", whole((4, 3), 7), 7, 5, sparse=True)
    yield bag("embedding_bag-sparse", whole((4, 3), 7), 7, 5, mode="sum", sparse=True)


def cases():
    for family in (channel_norms, row_norms, group_norms, response_norms, weights, embeddings, bags, quiet, sparse_tables):
        yield from family()
