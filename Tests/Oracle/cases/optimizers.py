"""Optimizers: their text, the same in PyTorch; the published formulas for those that PyTorch lacks.

Groups of parameters: a list of dicts of options, each with "names".
"""

import torch


class Lion(torch.optim.Optimizer):
    """Chen et al. 2023, algorithm 2."""

    def __init__(self, params, lr=1e-4, betas=(0.9, 0.99), weight_decay=0.0, maximize=False, foreach=None):
        super().__init__(params, dict(lr=lr, betas=betas, weight_decay=weight_decay, maximize=maximize))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            (beta1, beta2), lr = group["betas"], group["lr"]
            for p in group["params"]:
                g = -p.grad if group["maximize"] else p.grad
                m = self.state[p].setdefault("m", torch.zeros_like(p))
                p.mul_(1 - lr * group["weight_decay"])
                p.sub_(lr * torch.sign(beta1 * m + (1 - beta1) * g))
                m.mul_(beta2).add_(g, alpha=1 - beta2)


class LAMB(torch.optim.Optimizer):
    """You et al. 2020, algorithm 2."""

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-6, weight_decay=0.01, maximize=False, foreach=None):
        super().__init__(params, dict(lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, maximize=maximize))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            (beta1, beta2), lr = group["betas"], group["lr"]
            for p in group["params"]:
                g = -p.grad if group["maximize"] else p.grad
                state = self.state[p]
                if not state:
                    state.update(t=0, m=torch.zeros_like(p), v=torch.zeros_like(p))
                state["t"] += 1
                m, v, t = state["m"], state["v"], state["t"]
                m.mul_(beta1).add_(g, alpha=1 - beta1)
                v.mul_(beta2).addcmul_(g, g, value=1 - beta2)
                r = m / (1 - beta1**t) / ((v / (1 - beta2**t)).sqrt() + group["eps"]) + group["weight_decay"] * p
                norms = p.norm(), r.norm()
                p.sub_(lr * (norms[0] / norms[1] if norms[0] > 0 and norms[1] > 0 else 1.0) * r)


class Muon(torch.optim.Muon):
    """PyTorch's own, without its detour over bfloat16."""

    def __init__(self, params, foreach=None, **options):
        super().__init__(params, **options)

    def step(self):
        narrow = torch.Tensor.bfloat16
        torch.Tensor.bfloat16 = lambda tensor: tensor.clone()
        try:
            super().step()
        finally:
            torch.Tensor.bfloat16 = narrow


class Together:
    """Several optimizers, each for parameters of its own."""

    def __init__(self, *parts):
        self.parts = parts

    def zero_grad(self):
        for part in self.parts:
            part.zero_grad()

    def step(self):
        for part in self.parts:
            part.step()


MATRICES, VECTORS = ["0.weight", "2.weight"], ["0.bias", "2.bias"]


def muon(**options):
    def make(named, foreach):
        return Together(Muon([named[name] for name in MATRICES], **options),
                        torch.optim.AdamW([named[name] for name in VECTORS], lr=0.02, foreach=False))
    return make


def groups(kind, *parts, **options):
    def make(named, foreach):
        lists = [dict({k: v for k, v in part.items() if k != "names"}, params=[named[n] for n in part["names"]]) for part in parts]
        return kind(lists, foreach=False, **options)
    return make


def lbfgs(**options):
    def make(named, foreach):
        return torch.optim.LBFGS(list(named.values()), **options)
    return make


O = torch.optim
OPTIMIZERS = [
    ("sgd lr=0.1", O.SGD, dict(lr=0.1)),
    ("sgd", O.SGD, dict()),
    ("sgd lr=0.1 momentum=0.9", O.SGD, dict(lr=0.1, momentum=0.9)),
    ("sgd lr=0.1 momentum=0.9 dampening=0.3", O.SGD, dict(lr=0.1, momentum=0.9, dampening=0.3)),
    ("sgd lr=0.1 momentum=0.8 nesterov=true", O.SGD, dict(lr=0.1, momentum=0.8, nesterov=True)),
    ("sgd lr=0.1 weight_decay=0.2", O.SGD, dict(lr=0.1, weight_decay=0.2)),
    ("sgd lr=0.1 momentum=0.9 nesterov=true weight_decay=0.05", O.SGD,
     dict(lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.05)),
    ("sgd lr=0.01 maximize=true", O.SGD, dict(lr=0.01, maximize=True)),
    ("sgd lr=0.01 momentum=0.5 weight_decay=0.3 maximize=true", O.SGD,
     dict(lr=0.01, momentum=0.5, weight_decay=0.3, maximize=True)),
    ("adam", O.Adam, dict()),
    ("adam lr=0.02 betas=0.7,0.95", O.Adam, dict(lr=0.02, betas=(0.7, 0.95))),
    ("adam lr=0.02 eps=0.1", O.Adam, dict(lr=0.02, eps=0.1)),
    ("adam lr=0.02 weight_decay=0.1", O.Adam, dict(lr=0.02, weight_decay=0.1)),
    ("adam lr=0.02 betas=0.9,0.5 amsgrad=true", O.Adam, dict(lr=0.02, betas=(0.9, 0.5), amsgrad=True)),
    ("adam lr=0.02 weight_decay=0.2 decoupled_weight_decay=true maximize=true", O.Adam,
     dict(lr=0.02, weight_decay=0.2, decoupled_weight_decay=True, maximize=True)),
    ("adamw lr=0.02", O.AdamW, dict(lr=0.02)),
    ("adamw lr=0.02 weight_decay=0.3 betas=0.8,0.9 eps=1e-6", O.AdamW,
     dict(lr=0.02, weight_decay=0.3, betas=(0.8, 0.9), eps=1e-6)),
    ("adamw lr=0.05 betas=0.9,0.6 amsgrad=true maximize=true", O.AdamW,
     dict(lr=0.05, betas=(0.9, 0.6), amsgrad=True, maximize=True)),
    ("nadam", O.NAdam, dict()),
    ("nadam lr=0.02 betas=0.8,0.9 eps=1e-4 weight_decay=0.1 momentum_decay=0.1", O.NAdam,
     dict(lr=0.02, betas=(0.8, 0.9), eps=1e-4, weight_decay=0.1, momentum_decay=0.1)),
    ("nadam lr=0.02 weight_decay=0.2 decoupled_weight_decay=true maximize=true", O.NAdam,
     dict(lr=0.02, weight_decay=0.2, decoupled_weight_decay=True, maximize=True)),
    ("radam", O.RAdam, dict()),
    ("radam lr=0.02 betas=0.8,0.9 eps=1e-4 weight_decay=0.1", O.RAdam,
     dict(lr=0.02, betas=(0.8, 0.9), eps=1e-4, weight_decay=0.1)),
    ("radam lr=0.02 weight_decay=0.2 decoupled_weight_decay=true maximize=true", O.RAdam,
     dict(lr=0.02, weight_decay=0.2, decoupled_weight_decay=True, maximize=True)),
    ("adamax", O.Adamax, dict()),
    ("adamax lr=0.02 betas=0.8,0.7 eps=1e-3 weight_decay=0.1 maximize=true", O.Adamax,
     dict(lr=0.02, betas=(0.8, 0.7), eps=1e-3, weight_decay=0.1, maximize=True)),
    ("adagrad", O.Adagrad, dict()),
    ("adagrad lr=0.1 lr_decay=0.1 weight_decay=0.1 initial_accumulator_value=0.5 eps=1e-3", O.Adagrad,
     dict(lr=0.1, lr_decay=0.1, weight_decay=0.1, initial_accumulator_value=0.5, eps=1e-3)),
    ("adagrad lr=0.1 maximize=true", O.Adagrad, dict(lr=0.1, maximize=True)),
    ("adadelta", O.Adadelta, dict()),
    ("adadelta lr=0.5 rho=0.7 eps=1e-3 weight_decay=0.1 maximize=true", O.Adadelta,
     dict(lr=0.5, rho=0.7, eps=1e-3, weight_decay=0.1, maximize=True)),
    ("rmsprop", O.RMSprop, dict()),
    ("rmsprop lr=0.01 alpha=0.8 eps=1e-3", O.RMSprop, dict(lr=0.01, alpha=0.8, eps=1e-3)),
    ("rmsprop lr=0.01 momentum=0.9", O.RMSprop, dict(lr=0.01, momentum=0.9)),
    ("rmsprop lr=0.01 weight_decay=0.1", O.RMSprop, dict(lr=0.01, weight_decay=0.1)),
    ("rmsprop lr=0.01 alpha=0.9 eps=0.01 centered=true", O.RMSprop, dict(lr=0.01, alpha=0.9, eps=0.01, centered=True)),
    ("rmsprop lr=0.005 alpha=0.9 eps=0.01 centered=true momentum=0.7 maximize=true", O.RMSprop,
     dict(lr=0.005, alpha=0.9, eps=0.01, centered=True, momentum=0.7, maximize=True)),
    ("rprop", O.Rprop, dict()),
    ("rprop lr=0.1 etas=0.3,1.5 step_sizes=0.01,0.2", O.Rprop, dict(lr=0.1, etas=(0.3, 1.5), step_sizes=(0.01, 0.2))),
    ("rprop lr=0.02 maximize=true", O.Rprop, dict(lr=0.02, maximize=True)),
    ("asgd", O.ASGD, dict()),
    ("asgd lr=0.1 lambd=0.05 alpha=0.6 t0=3 weight_decay=0.1", O.ASGD,
     dict(lr=0.1, lambd=0.05, alpha=0.6, t0=3, weight_decay=0.1)),
    ("asgd lr=0.02 maximize=true", O.ASGD, dict(lr=0.02, maximize=True)),
    ("adafactor", O.Adafactor, dict()),
    ("adafactor lr=0.5 beta2_decay=-0.5 eps=none,0.01 d=1.5 weight_decay=0.05", O.Adafactor,
     dict(lr=0.5, beta2_decay=-0.5, eps=(None, 0.01), d=1.5, weight_decay=0.05)),
    ("adafactor lr=0.05 eps=0.02,0.5 maximize=true", O.Adafactor, dict(lr=0.05, eps=(0.02, 0.5), maximize=True)),
    ("lion", Lion, dict()),
    ("lion lr=0.01 betas=0.7,0.8 weight_decay=0.2 maximize=true", Lion,
     dict(lr=0.01, betas=(0.7, 0.8), weight_decay=0.2, maximize=True)),
    ("lamb", LAMB, dict()),
    ("lamb lr=0.02 betas=0.8,0.9 eps=1e-3 weight_decay=0.2", LAMB,
     dict(lr=0.02, betas=(0.8, 0.9), eps=1e-3, weight_decay=0.2)),
    ("lamb lr=0.02 maximize=true", LAMB, dict(lr=0.02, maximize=True)),
    ("muon; *.bias adamw lr=0.02", muon(), None),
    ("muon lr=0.05 weight_decay=0.3 momentum=0.8 nesterov=false eps=0.5 adjust_lr_fn=match_rms_adamw; *.bias adamw lr=0.02",
     muon(lr=0.05, weight_decay=0.3, momentum=0.8, nesterov=False, eps=0.5, adjust_lr_fn="match_rms_adamw"), None),
    ("muon lr=0.05 ns_coefficients=2,-1.5,0.5 ns_steps=12; *.bias adamw lr=0.02",
     muon(lr=0.05, ns_coefficients=(2, -1.5, 0.5), ns_steps=12), None),
    ("muon lr=0.05 ns_steps=0; *.bias adamw lr=0.02", muon(lr=0.05, ns_steps=0), None),
    ("sgd lr=0.1 clip_norm=0.5", O.SGD, dict(lr=0.1)),
    ("sgd lr=0.1 clip_norm=100", O.SGD, dict(lr=0.1)),
    ("sgd lr=0.1 clip_value=0.05", O.SGD, dict(lr=0.1)),
    ("adam lr=0.02 clip_norm=0.1", O.Adam, dict(lr=0.02)),
    ("adafactor lr=0.5 clip_norm=0.5", O.Adafactor, dict(lr=0.5)),
    ("lamb lr=0.05 clip_value=0.05 clip_norm=0.4", LAMB, dict(lr=0.05)),
    # Groups
    ("adamw lr=0.02 weight_decay=0.3; *.bias weight_decay=0",
     groups(O.AdamW, dict(names=MATRICES), dict(names=VECTORS, weight_decay=0), lr=0.02, weight_decay=0.3), None),
    ("sgd lr=0.1 momentum=0.9; 0.* lr=0.01 momentum=0.5; *.bias weight_decay=0.2",
     groups(O.SGD, dict(names=["2.weight"]), dict(names=["0.weight"], lr=0.01, momentum=0.5),
            dict(names=["0.bias"], lr=0.01, momentum=0.5, weight_decay=0.2), dict(names=["2.bias"], weight_decay=0.2),
            lr=0.1, momentum=0.9), None),
    ("adam lr=0.02 clip_norm=0.3; 2.weight,?.bias frozen=true", groups(O.Adam, dict(names=["0.weight"]), lr=0.02), None),
    ("adam lr=0.02; 0.* frozen=true", groups(O.Adam, dict(names=["2.weight", "2.bias"]), lr=0.02), None),
    ("adagrad lr=0; 2.* lr=0.1", groups(O.Adagrad, dict(names=["2.weight", "2.bias"]), lr=0.1), None),
    ("adafactor lr=0.3; *.bias lr=0.02 maximize=true",
     groups(O.Adafactor, dict(names=MATRICES), dict(names=VECTORS, lr=0.02, maximize=True), lr=0.3), None),
    ("lbfgs lr=0.3 max_iter=2 history_size=3", lbfgs(lr=0.3, max_iter=2, history_size=3), None),
    ("lbfgs lr=0.5 max_iter=2 line_search_fn=strong_wolfe", lbfgs(lr=0.5, max_iter=2, line_search_fn="strong_wolfe"), None),
    ("lbfgs max_iter=4 max_eval=3 tolerance_grad=0.01 tolerance_change=1e-4 history_size=5 line_search_fn=strong_wolfe",
     lbfgs(max_iter=4, max_eval=3, tolerance_grad=0.01, tolerance_change=1e-4, history_size=5, line_search_fn="strong_wolfe"), None),
]
