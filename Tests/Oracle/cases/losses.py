"""Losses: values and gradients in every prediction, for each reduction, with and without sample weights."""

import itertools
import math

import torch
import torch.nn.functional as F

LOSSES = True


class Loss:
    """A loss's text, what it takes, and the function that computes it in PyTorch.

    predictions, targets    tensors; whole numbers are labels
    weight                  one number for each sample, or None
    compute                 (predictions, targets, weight) to the loss, predictions and weight in the type at hand
    kinks                   the gradient is not the slope, or jumps somewhere near
    each                    the same to the losses before they are reduced, where these are compared too
    """

    def __init__(self, text, predictions, targets, weight, compute, kinks=False, each=None):
        self.text, self.predictions, self.targets, self.weight, self.compute = text, predictions, targets, weight, compute
        self.kinks, self.each = kinks, each


def draw(shape, generator, spread=2.0, low=None):
    values = torch.rand(shape, generator=generator, dtype=torch.float32)
    return (values * 2 - 1) * spread if low is None else values * (spread - low) + low


def along(weight, each):
    """A number for each sample, as it meets the losses [batch, ...]."""
    return weight.reshape([-1] + [1] * (each.dim() - 1))


def reduced(each, weight, reduction, factor=1.0, divisor=None):
    """Losses [batch, ...] (a mean over elements is in them) to one number, by Chainrule's definitions.

    divisor: what each element counts in the mean; 1 without it."""
    w = torch.ones(each.shape[0], dtype=each.dtype) if weight is None else weight
    spread = along(w, each)
    total = (each * spread).sum()
    if reduction == "mean":
        counts = spread * (torch.ones_like(each) if divisor is None else divisor)
        total = total / counts.expand_as(each).sum()
    if reduction == "batchmean":
        total = total / w.sum()
    return total * factor


REDUCTIONS = ("mean", "sum", "batchmean")
WAYS = [(reduction, weighted) for weighted in (False, True) for reduction in REDUCTIONS]
met = {}


def ways_of(text):
    """A kind's first case comes with every reduction, with and without weights; the next ones take turns."""
    kind = text.split()[0]
    met[kind] = met.get(kind, -1) + 1
    return WAYS if met[kind] == 0 else [WAYS[met[kind] % len(WAYS)]]


def every_way(text, predictions, targets, each, generator, divisor=None, check=None, **more):
    """The loss with each reduction, with and without weights. `each` gives the losses of samples (or their
    elements); `check`, PyTorch's own function with reduction=, must agree where it has the case."""
    rows = predictions[0].shape[0]
    weight = draw((rows,), generator, 2.0, low=0.1)
    for reduction, weighted in ways_of(text):
        w = weight if weighted else None
        factor = 0.5 if reduction == "sum" and weighted else 1.0
        words = text + ("" if reduction == "mean" else f" reduction={reduction}") + ("" if factor == 1 else " factor=0.5")

        def compute(p, t, w, reduction=reduction, factor=factor):
            value = reduced(each(p, t), w, reduction, factor, divisor(p, t) if divisor else None)
            if check is not None and w is None and reduction != "batchmean":
                own = check(p, t, reduction)
                assert torch.allclose(own * factor, value, rtol=1e-5 if value.dtype == torch.float32 else 1e-12), text
            return value

        def unreduced(p, t, w, factor=factor):
            losses = each(p, t)
            return (losses if w is None else losses * along(w, losses)) * factor

        yield Loss(words, predictions, targets, w, compute, each=unreduced if reduction == "sum" else None, **more)


def elementwise(generator):
    """(text, PyTorch's function, prediction, target)"""
    def real(shape, spread=2.0, low=None):
        return draw(shape, generator, spread, low)

    def signs(shape):
        return torch.randint(0, 2, shape, generator=generator).float() * 2 - 1

    def log_cosh(p, t, reduction):
        d = p - t
        value = d.abs() + torch.log1p(torch.exp(-2 * d.abs())) - math.log(2)
        return {"none": value, "mean": value.mean(), "sum": value.sum()}[reduction]

    shapes = ((6, 3), (6,), (6, 2, 3), (3, 37), (64, 2), (1, 5))
    for shape in shapes:
        yield "mse", F.mse_loss, real(shape), real(shape)
        yield "l1", F.l1_loss, real(shape), real(shape)
    for shape in shapes[:4]:
        yield "huber", F.huber_loss, real(shape), real(shape)
        yield "smooth_l1", F.smooth_l1_loss, real(shape), real(shape)
        yield "bce_with_logits", F.binary_cross_entropy_with_logits, real(shape, 4), real(shape, 1, 0)
        yield "bce", F.binary_cross_entropy, real(shape, 0.95, 0.05), real(shape, 1, 0)
        yield "log_cosh", log_cosh, real(shape), real(shape)
    shape = (5, 19)
    yield "huber delta=0.3", lambda p, t, reduction: F.huber_loss(p, t, reduction, 0.3), real(shape), real(shape)
    yield "smooth_l1 beta=0.3", lambda p, t, reduction: F.smooth_l1_loss(p, t, reduction=reduction, beta=0.3), real(shape), real(shape)
    yield "smooth_l1 beta=0", lambda p, t, reduction: F.smooth_l1_loss(p, t, reduction=reduction, beta=0), real(shape), real(shape)
    logs = torch.log_softmax(real(shape), -1)
    share = torch.softmax(real(shape), -1)
    share[0, 3] = 0
    yield "kl_div", F.kl_div, logs, share
    yield ("kl_div log_target=true", lambda p, t, reduction: F.kl_div(p, t, reduction=reduction, log_target=True), logs,
           torch.log_softmax(real(shape), -1))
    counts = torch.randint(0, 6, shape, generator=generator).float()
    for log_input, full in itertools.product((True, False), repeat=2):
        yield ("poisson_nll" + ("" if log_input else " log_input=false") + (" full=true eps=1e-6" if full else ""),
               lambda p, t, reduction, i=log_input, f=full: F.poisson_nll_loss(
                   p, t, i, f, eps=1e-6 if f else 1e-8, reduction=reduction),
               real(shape) if log_input else real(shape, 3, 0.2), counts)
    for margin in (1.0, 0.4):
        yield ("hinge_embedding" + ("" if margin == 1 else " margin=0.4"),
               lambda p, t, reduction, m=margin: F.hinge_embedding_loss(p, t, margin=m, reduction=reduction), real(shape), signs(shape))
    yield "soft_margin", F.soft_margin_loss, real(shape, 4), signs(shape)
    weight = torch.tensor([0.5, 1.0, 2.0, 4.0])
    for last in ((5, 4), (5, 3, 4)):
        yield ("bce_with_logits weight=0.5,1,2,4", lambda p, t, reduction: F.binary_cross_entropy_with_logits(
            p, t, weight.to(p.dtype), reduction=reduction), real(last), real(last, 1, 0))
        yield ("bce_with_logits pos_weight=0.5,1,2,4", lambda p, t, reduction: F.binary_cross_entropy_with_logits(
            p, t, pos_weight=weight.to(p.dtype), reduction=reduction), real(last), real(last, 1, 0))
        yield ("bce_with_logits pos_weight=3 weight=0.5,1,2,4", lambda p, t, reduction: F.binary_cross_entropy_with_logits(
            p, t, weight.to(p.dtype), pos_weight=torch.tensor([3.0], dtype=p.dtype), reduction=reduction), real(last), real(last, 1, 0))
        yield ("bce weight=0.5,1,2,4", lambda p, t, reduction: F.binary_cross_entropy(
            p, t, weight.to(p.dtype), reduction=reduction), real(last, 0.95, 0.05), real(last, 1, 0))


def sigmoid_focal(p, t, alpha, gamma):
    """torchvision.ops.sigmoid_focal_loss, without its reduction."""
    probability = torch.sigmoid(p)
    entropy = F.binary_cross_entropy_with_logits(p, t, reduction="none")
    right = probability * t + (1 - probability) * (1 - t)
    loss = entropy * (1 - right) ** gamma
    return (alpha * t + (1 - alpha) * (1 - t)) * loss if alpha >= 0 else loss


def pinball(p, t, quantiles):
    q = torch.tensor(quantiles, dtype=p.dtype)
    d = (t if len(quantiles) == 1 else t.expand_as(p)) - p
    return torch.maximum(q * d, (q - 1) * d)


def by_formula(generator):
    """Elementwise losses that PyTorch lacks: (text, function, prediction, target)"""
    shape = (6, 21)
    logits = draw(shape, generator, 4.0)
    yes = torch.randint(0, 2, shape, generator=generator).float()
    yield "focal", lambda p, t: sigmoid_focal(p, t, 0.25, 2), logits, yes
    yield "focal alpha=0.6 gamma=1.5", lambda p, t: sigmoid_focal(p, t, 0.6, 1.5), logits, draw(shape, generator, 0.9, 0.1)
    yield "focal alpha=-1 gamma=0 activation=sigmoid", lambda p, t: sigmoid_focal(p, t, -1, 0), logits, yes
    x = draw(shape, generator)
    yield "quantile", lambda p, t: pinball(p, t, [0.5]), x, draw(shape, generator)
    yield "quantile q=0.9", lambda p, t: pinball(p, t, [0.9]), x, draw(shape, generator)
    yield "quantile q=0.1,0.5,0.9", lambda p, t: pinball(p, t, [0.1, 0.5, 0.9]), draw((6, 3), generator), draw((6, 1), generator)
    yield ("quantile q=0.1,0.5,0.9", lambda p, t: pinball(p, t, [0.1, 0.5, 0.9]), draw((6, 4, 3), generator),
           draw((6, 4, 1), generator))


def elements(generator):
    for text, function, p, t in elementwise(generator):
        yield from every_way(
            text, [p], [t], lambda p, t, f=function: f(p[0], t[0], reduction="none"), generator,
            check=lambda p, t, reduction, f=function: f(p[0], t[0], reduction=reduction))
    for text, function, p, t in by_formula(generator):
        yield from every_way(text, [p], [t], lambda p, t, f=function: f(p[0], t[0]), generator)
    # Logarithms at their limit of -100; the gradient there is PyTorch's, not the slope.
    p, t = torch.tensor([[0.0, 1.0, 0.5, 1.0]]), torch.tensor([[1.0, 0.0, 0.3, 1.0]])
    yield Loss("bce", [p], [t], None, lambda p, t, w: F.binary_cross_entropy(p[0], t[0]), kinks=True)


CLASS_WEIGHT = [0.5, 1.0, 2.0, 4.0]


def labels_of(shape, classes, generator, kind, ignored=None):
    labels = torch.randint(0, classes, shape, generator=generator)
    if ignored is not None:
        labels.view(-1)[::4] = ignored
    return labels.to(kind)


def classes(generator):
    number = 0
    for shape in ((6, 4), (3, 4, 5), (1, 4, 2, 3), (64, 4)):
        for smoothing, balanced, ignored in itertools.product((0.0, 0.1), (False, True), (None, -100, 2)):
            if shape[0] == 64 and (smoothing or ignored == 2):
                continue
            number += 1
            kind = (torch.int32, torch.int64)[number % 2]
            options = (f" label_smoothing={smoothing}" if smoothing else "") + (f" ignore_index={ignored}" if ignored == 2 else "")
            name = "class_weights" if number % 5 == 0 else "weight"
            options += f" {name}=0.5,1,2,4" if balanced else ""
            labels = labels_of((shape[0],) + shape[2:], 4, generator, kind, ignored)
            skipped = -100 if ignored is None else ignored

            def weight(p, b=balanced):
                return torch.tensor(CLASS_WEIGHT, dtype=p.dtype) if b else None

            def each(p, t, s=smoothing, k=skipped, weight=weight):
                return F.cross_entropy(p[0], t[0].long(), weight(p[0]), label_smoothing=s, reduction="none", ignore_index=k)

            def counts(p, t, k=skipped, weight=weight):
                known = t[0].long().clamp(0, 3)
                return (weight(p[0])[known] if weight(p[0]) is not None else torch.ones_like(known).to(p[0].dtype)) * (t[0] != k)

            def check(p, t, reduction, s=smoothing, k=skipped, weight=weight):
                return F.cross_entropy(p[0], t[0].long(), weight(p[0]), label_smoothing=s, reduction=reduction, ignore_index=k)

            logits = draw(shape, generator, 3.0)
            yield from every_way("cross_entropy" + options, [logits], [labels], each, generator, counts, check)
            if smoothing:
                continue

            def likelihood(p, t, k=skipped, weight=weight, reduction="none"):
                return F.nll_loss(p[0], t[0].long(), weight(p[0]), reduction=reduction, ignore_index=k)

            yield from every_way(
                ("nll" + options).replace("class_weights", "weight"), [torch.log_softmax(logits, 1)], [labels], likelihood,
                generator, counts, lambda p, t, reduction, f=likelihood: f(p, t, reduction=reduction))

            def focal(p, t, k=skipped, weight=weight, gamma=2 if not balanced else 0.5):
                known = t[0].long().clamp(0, 3)
                logs = torch.log_softmax(p[0], 1).gather(1, known.unsqueeze(1)).squeeze(1)
                value = -(1 - logs.exp()) ** gamma * logs * (t[0] != k)
                return value if weight(p[0]) is None else value * weight(p[0])[known]

            words = "focal activation=softmax" + (f" ignore_index={ignored}" if ignored == 2 else "")
            words += " gamma=0.5 alpha=0.5,1,2,4" if balanced else ""
            yield from every_way(words, [logits], [labels], focal, generator,
                                 lambda p, t, k=skipped: (t[0] != k).to(p[0].dtype))
    for shape in ((6, 4), (3, 4, 5), (2, 4, 2, 3)):
        for smoothing, balanced in itertools.product((0.0, 0.1), (False, True)):
            text = "cross_entropy" + (f" label_smoothing={smoothing}" if smoothing else "") + (" weight=0.5,1,2,4" if balanced else "")

            def dense(p, t, s=smoothing, b=balanced, reduction="none"):
                weight = torch.tensor(CLASS_WEIGHT, dtype=p[0].dtype) if b else None
                return F.cross_entropy(p[0], t[0], weight, label_smoothing=s, reduction=reduction)

            share = torch.softmax(draw(shape, generator), 1)
            yield from every_way(text, [draw(shape, generator, 3.0)], [share], dense, generator,
                                 check=lambda p, t, reduction, f=dense: f(p, t, reduction=reduction))


def margins(generator):
    for shape in ((6, 5), (1, 3), (64, 3), (3, 21)):
        x = draw(shape, generator)
        count = shape[1]
        labels = labels_of(shape[:1], count, generator, torch.int64 if count % 2 else torch.int32)
        weight = [0.5 + 0.25 * i for i in range(count)]
        for p, margin, balanced in ((1, 1.0, False), (2, 0.4, True), (1, 0.3, True), (2, 1.0, False)):
            text = "multi_margin" + (f" p={p}" if p == 2 else "") + (f" margin={margin}" if margin != 1 else "")
            text += " weight=" + ",".join(map(str, weight)) if balanced else ""

            def multi(x, t, p=p, m=margin, b=balanced, weight=weight, reduction="none"):
                return F.multi_margin_loss(x[0], t[0].long(), p, m, torch.tensor(weight, dtype=x[0].dtype) if b else None,
                                           reduction=reduction)

            yield from every_way(text, [x], [labels], multi, generator,
                                 check=lambda x, t, reduction, f=multi: f(x, t, reduction=reduction))
        several = torch.full(shape, -1, dtype=torch.int64 if count % 2 else torch.int32)
        for row in range(shape[0]):
            chosen = torch.randperm(count, generator=generator)[: row % (count + 1)]
            several[row, : len(chosen)] = chosen
            if 0 < len(chosen) < count - 1:
                several[row, len(chosen) + 1] = 0  # behind the first -1: not read

        def multilabel(x, t, reduction="none"):
            return F.multilabel_margin_loss(x[0], t[0].long(), reduction=reduction)

        yield from every_way("multilabel_margin", [x], [several], multilabel, generator,
                             check=lambda x, t, reduction: multilabel(x, t, reduction))
        yes = torch.randint(0, 2, shape, generator=generator).float()
        for balanced in (False, True):
            text = "multilabel_soft_margin" + (" weight=" + ",".join(map(str, weight)) if balanced else "")

            def soft(x, t, b=balanced, weight=weight, reduction="none"):
                return F.multilabel_soft_margin_loss(
                    x[0], t[0], torch.tensor(weight, dtype=x[0].dtype) if b else None, reduction=reduction)

            yield from every_way(text, [x], [yes], soft, generator, check=lambda x, t, reduction, f=soft: f(x, t, reduction=reduction))


def pairs(generator):
    for shape in ((6, 5), (1, 3), (64, 2), (3, 19), (4, 2, 3)):
        x, y = draw(shape, generator), draw(shape, generator)
        signs = torch.randint(0, 2, shape, generator=generator).float() * 2 - 1
        for margin in (0.0, 0.7):
            text = "margin_ranking" + (f" margin={margin}" if margin else "")

            def ranking(p, t, m=margin, reduction="none"):
                return F.margin_ranking_loss(p[0], p[1], t[0], m, reduction=reduction)

            yield from every_way(text, [x, y], [signs], ranking, generator,
                                 check=lambda p, t, reduction, f=ranking: f(p, t, reduction=reduction))
            if len(shape) == 2:
                text = "cosine_embedding" + (" margin=0.2" if margin else "")

                def cosine(p, t, m=0.2 if margin else 0.0, reduction="none"):
                    return F.cosine_embedding_loss(p[0], p[1], t[0], m, reduction=reduction)

                yield from every_way(text, [x, y], [signs[:, 0].contiguous()], cosine, generator,
                                     check=lambda p, t, reduction, f=cosine: f(p, t, reduction=reduction))
        for full, narrow in itertools.product((False, True), repeat=2):
            variance = draw(shape[:-1] + (1,) if narrow else shape, generator, 2.0, low=0.1)
            text = "gaussian_nll" + (" full=true" if full else "") + (" eps=0.01" if narrow else "")

            def gaussian(p, t, full=full, eps=0.01 if narrow else 1e-6, reduction="none"):
                return F.gaussian_nll_loss(p[0], t[0], p[1], full, eps, reduction=reduction)

            yield from every_way(text, [x, variance], [draw(shape, generator)], gaussian, generator,
                                 check=lambda p, t, reduction, f=gaussian: f(p, t, reduction=reduction))
        third = draw(shape, generator)
        for text, options in (("", {}), (" margin=0.5 p=1", {"margin": 0.5, "p": 1}), (" p=3 swap=true", {"p": 3, "swap": True}),
                              (" p=1.5 eps=0.01 swap=true margin=4", {"p": 1.5, "eps": 0.01, "swap": True, "margin": 4.0})):
            def triplet(p, t, options=options, reduction="none"):
                return F.triplet_margin_loss(p[0], p[1], p[2], reduction=reduction, **options)

            yield from every_way("triplet_margin" + text, [x, y, third], [], triplet, generator,
                                 check=lambda p, t, reduction, f=triplet: f(p, t, reduction=reduction))
        probabilities, true = draw(shape, generator, 0.9, 0.1), torch.randint(0, 2, shape, generator=generator).float()
        for smooth in (1.0, 0.25):
            def dice(p, t, s=smooth):
                p, t = p[0].flatten(1), t[0].flatten(1)
                return 1 - (2 * (p * t).sum(1) + s) / (p.sum(1) + t.sum(1) + s)

            yield from every_way("dice" + (f" smooth={smooth}" if smooth != 1 else ""), [probabilities], [true], dice, generator)
    # The smallest variance: the gradient is PyTorch's, not the slope.
    yield Loss("gaussian_nll eps=0.5", [draw((3, 2), generator), draw((3, 2), generator, 0.4, 0.1)], [draw((3, 2), generator)], None,
               lambda p, t, w: F.gaussian_nll_loss(p[0], t[0], p[1], eps=0.5), kinks=True)


def connectionist(x, t, blank):
    """The loss of each sample, by the recursion of Graves et al. written out: F.ctc_loss's gradient is that in
    the logits of a log_softmax before it, this one's in the log-probabilities."""
    losses = []
    nothing = torch.tensor(-1e30, dtype=x.dtype)
    for sample in range(x.shape[0]):
        labels = t[0][sample, : int(t[2][sample])].tolist()
        states = [blank]
        for label in labels:
            states += [label, blank]
        time = int(t[1][sample])
        if time == 0:
            losses.append(x.sum() * 0 + (0.0 if not labels else math.inf))
            continue
        alpha = [x[sample, 0, states[s]] if s < 2 else nothing for s in range(len(states))]
        for now in range(1, time):
            following = []
            for s, label in enumerate(states):
                ways = alpha[max(s - 1, 0): s + 1]
                if s > 1 and label != blank and label != states[s - 2]:
                    ways = ways + [alpha[s - 2]]
                following.append(torch.logsumexp(torch.stack(ways), 0) + x[sample, now, label])
            alpha = following
        losses.append(-torch.logsumexp(torch.stack(alpha[-2:]), 0))
    return torch.stack(losses)


def sequences(generator):
    for batch, time, count, longest in ((1, 4, 3, 2), (3, 7, 5, 3), (4, 21, 4, 9), (64, 3, 3, 1)):
        logs = torch.log_softmax(draw((batch, time, count), generator), -1)
        for blank, kind in ((0, torch.int32), (count - 1, torch.int64)):
            target_lengths = torch.randint(0, min(longest, time // 2) + 1, (batch,), generator=generator)
            input_lengths = torch.maximum(torch.randint(1, time + 1, (batch,), generator=generator), 2 * target_lengths)
            target_lengths[0], input_lengths[0] = min(longest, time // 2), time
            labels = torch.randint(0, count - 1, (batch, longest), generator=generator)
            labels = labels + (labels >= blank).long()
            if longest > 2:
                labels[0, 1] = labels[0, 0]  # one label twice in a row: a blank must be between
            padded = labels.clone()
            for row in range(batch):
                padded[row, target_lengths[row]:] = -1  # not read

            def per_label(p, t, w, reduction, blank=blank):
                divisor = t[2].clamp(1).to(p[0].dtype) if reduction == "mean" else 1
                own = connectionist(p[0], t, blank) / divisor
                value = reduced(own, w, reduction)
                if w is None and reduction != "batchmean":
                    close = 1e-5 if value.dtype == torch.float32 else 1e-10
                    theirs = F.ctc_loss(p[0].transpose(0, 1), t[0].long().clamp(0), t[1].long(), t[2].long(), blank, reduction)
                    assert torch.allclose(theirs, value, rtol=close), "ctc"
                return value

            weight = draw((batch,), generator, 2.0, low=0.1)
            for reduction, weighted in WAYS[: 6 if batch < 64 else 1]:
                text = "ctc" + (f" blank={blank}" if blank else "") + ("" if reduction == "mean" else f" reduction={reduction}")
                factor = 2 if reduction == "batchmean" else 1
                yield Loss(text + (" factor=2" if factor == 2 else ""), [logs],
                           [padded.to(kind), input_lengths.to(kind), target_lengths.to(kind)], weight if weighted else None,
                           lambda p, t, w, r=reduction, f=per_label, by=factor: f(p, t, w, r) * by)
    # Four labels don't fit into three times: that sample counts 0.
    logs = torch.log_softmax(draw((3, 5, 4), generator), -1)
    labels = torch.tensor([[1, 2, 3, 1], [1, 2, 2, 0], [3, 3, 0, 0]], dtype=torch.int32)
    lengths = [torch.tensor([3, 4, 5], dtype=torch.int32), torch.tensor([4, 3, 2], dtype=torch.int32)]

    def left_out(p, t, w):
        own = connectionist(p[0], t, 0)
        own = torch.where(own > 1e20, torch.zeros_like(own), own)
        value = (own / t[2].clamp(1)).mean()
        theirs = F.ctc_loss(p[0].transpose(0, 1), t[0].long(), t[1].long(), t[2].long(), 0, zero_infinity=True)
        assert torch.allclose(theirs, value, rtol=1e-5), "ctc zero_infinity"
        return value

    yield Loss("ctc zero_infinity=true", [logs], [labels] + lengths, None, left_out)


def cases(generator):
    met.clear()
    yield from elements(generator)
    yield from classes(generator)
    yield from margins(generator)
    yield from pairs(generator)
    yield from sequences(generator)
