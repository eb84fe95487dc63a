"""Writes schedule_values.txt: the learning rates of torch.optim.lr_scheduler, for Tests/ABI/schedules.c.

    python schedule_values.py  (needs torch; the values are committed, so nobody else does)

A case is four lines: the schedule's text, the rate it begins with, the values that plateau sees, and the
rates before the first and after each of 30 steps (or epochs).
"""

import os
import random

import torch
from torch.optim import lr_scheduler as S

STEPS = 30


def warm(steps, inner):
    """A linear warm-up in PyTorch's words."""
    return lambda o: S.SequentialLR(o, [S.LinearLR(o, start_factor=1 / (steps + 1), total_iters=steps), inner(o)], [steps])


CASES = [
    ("constant", 0.1, S.ConstantLR, {}),
    ("constant factor=0.25 total_iters=7", 0.3, S.ConstantLR, dict(factor=0.25, total_iters=7)),
    ("linear", 0.1, S.LinearLR, {}),
    ("linear start_factor=0.5 end_factor=0.1 total_iters=11", 0.1, S.LinearLR,
     dict(start_factor=0.5, end_factor=0.1, total_iters=11)),
    ("step step_size=4", 0.1, S.StepLR, dict(step_size=4)),
    ("step step_size=3 gamma=0.7 per=step", 0.1, S.StepLR, dict(step_size=3, gamma=0.7)),
    ("multi_step milestones=3,10,11", 0.1, S.MultiStepLR, dict(milestones=[3, 10, 11])),
    ("multi_step milestones=5,20,5 gamma=0.5", 0.1, S.MultiStepLR, dict(milestones=[5, 20, 5], gamma=0.5)),
    ("exponential gamma=0.9", 0.1, S.ExponentialLR, dict(gamma=0.9)),
    ("polynomial", 0.1, S.PolynomialLR, {}),
    ("polynomial total_iters=21 power=2.5", 0.1, S.PolynomialLR, dict(total_iters=21, power=2.5)),
    ("cosine T_max=30", 0.1, S.CosineAnnealingLR, dict(T_max=30)),
    ("cosine T_max=7 eta_min=0.01 per=step", 0.1, S.CosineAnnealingLR, dict(T_max=7, eta_min=0.01)),
    ("cosine_warm_restarts T_0=4", 0.1, S.CosineAnnealingWarmRestarts, dict(T_0=4)),
    ("cosine_warm_restarts T_0=3 T_mult=2 eta_min=0.02", 0.1, S.CosineAnnealingWarmRestarts,
     dict(T_0=3, T_mult=2, eta_min=0.02)),
    ("one_cycle max_lr=0.5 total_steps=31", 0.1, S.OneCycleLR, dict(max_lr=0.5, total_steps=31)),
    ("one_cycle max_lr=0.5 epochs=6 steps_per_epoch=6 pct_start=0.4 anneal_strategy=linear div_factor=10 final_div_factor=50",
     0.1, S.OneCycleLR, dict(max_lr=0.5, epochs=6, steps_per_epoch=6, pct_start=0.4, anneal_strategy="linear", div_factor=10,
                             final_div_factor=50)),
    ("one_cycle max_lr=0.5 total_steps=31 three_phase=true per=epoch", 0.1, S.OneCycleLR,
     dict(max_lr=0.5, total_steps=31, three_phase=True)),
    ("cyclic base_lr=0.01 max_lr=0.2 step_size_up=5", 0.1, S.CyclicLR, dict(base_lr=0.01, max_lr=0.2, step_size_up=5)),
    ("cyclic base_lr=0.01 max_lr=0.2 step_size_up=3 step_size_down=6 mode=triangular2", 0.1, S.CyclicLR,
     dict(base_lr=0.01, max_lr=0.2, step_size_up=3, step_size_down=6, mode="triangular2")),
    ("cyclic base_lr=0.01 max_lr=0.2 step_size_up=4 mode=exp_range gamma=0.95", 0.1, S.CyclicLR,
     dict(base_lr=0.01, max_lr=0.2, step_size_up=4, mode="exp_range", gamma=0.95)),
    ("plateau patience=2", 0.1, S.ReduceLROnPlateau, dict(patience=2)),
    ("plateau mode=max factor=0.5 patience=1 threshold=0.05 threshold_mode=abs cooldown=2 min_lr=0.004", 0.1,
     S.ReduceLROnPlateau, dict(mode="max", factor=0.5, patience=1, threshold=0.05, threshold_mode="abs", cooldown=2, min_lr=0.004)),
    ("plateau factor=0.9 patience=0 threshold=0.3 eps=0.003", 0.1, S.ReduceLROnPlateau,
     dict(factor=0.9, patience=0, threshold=0.3, eps=0.003)),
    ("plateau mode=max patience=0 threshold=0.1 threshold_mode=rel factor=0.6", 0.1, S.ReduceLROnPlateau,
     dict(mode="max", patience=0, threshold=0.1, threshold_mode="rel", factor=0.6)),
    ("linear total_iters=4; step step_size=5 gamma=0.5 from=6; cosine T_max=9 from=18", 0.1,
     lambda o: S.SequentialLR(o, [S.LinearLR(o, total_iters=4), S.StepLR(o, 5, 0.5), S.CosineAnnealingLR(o, 9)], [6, 18]), {}),
    ("cosine T_max=20 per=step warmup=5", 0.1, warm(5, lambda o: S.CosineAnnealingLR(o, 20)), {}),
    ("constant factor=1 per=step warmup=8", 0.1, warm(8, lambda o: S.ConstantLR(o, 1.0)), {}),
]


def main():
    torch.set_default_dtype(torch.float64)
    numbers = random.Random(3)
    lines = [f"# PyTorch {torch.__version__}, by schedule_values.py"]
    for text, base, kind, options in CASES:
        options = dict(options)
        if kind in (S.OneCycleLR, S.CyclicLR):
            options["cycle_momentum"] = False
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=base)
        schedule = kind(optimizer, **options)
        seen = [1 / (1 + t // 3) + numbers.uniform(-0.1, 0.1) for t in range(STEPS)]
        if "mode=max" in text:
            seen = [1 - value for value in seen]
        rates = [optimizer.param_groups[0]["lr"]]
        for t in range(STEPS):
            optimizer.step()
            if kind is S.ReduceLROnPlateau:
                schedule.step(seen[t])
            else:
                schedule.step()
            rates.append(optimizer.param_groups[0]["lr"])
        lines += [text, repr(base), " ".join(map(repr, seen)), " ".join(map(repr, rates))]
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "schedule_values.txt")
    with open(path, "w") as file:
        file.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
