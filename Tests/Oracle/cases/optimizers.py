"""Optimizers: their text, the same in PyTorch."""

import torch

OPTIMIZERS = [
    ("sgd lr=0.1", torch.optim.SGD, dict(lr=0.1)),
    ("sgd", torch.optim.SGD, dict(lr=0.01)),
    ("sgd lr=0.1 momentum=0.9", torch.optim.SGD, dict(lr=0.1, momentum=0.9)),
    ("sgd lr=0.1 momentum=0.9 dampening=0.3", torch.optim.SGD, dict(lr=0.1, momentum=0.9, dampening=0.3)),
    ("sgd lr=0.1 momentum=0.8 nesterov=true", torch.optim.SGD, dict(lr=0.1, momentum=0.8, nesterov=True)),
    ("sgd lr=0.1 weight_decay=0.2", torch.optim.SGD, dict(lr=0.1, weight_decay=0.2)),
    ("sgd lr=0.1 momentum=0.9 nesterov=true weight_decay=0.05", torch.optim.SGD,
     dict(lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.05)),
    ("adam", torch.optim.Adam, dict(lr=0.001)),
    ("adam lr=0.02 betas=0.7,0.95", torch.optim.Adam, dict(lr=0.02, betas=(0.7, 0.95))),
    ("adam lr=0.02 eps=0.1", torch.optim.Adam, dict(lr=0.02, eps=0.1)),
    ("adam lr=0.02 weight_decay=0.1", torch.optim.Adam, dict(lr=0.02, weight_decay=0.1)),
    ("adamw lr=0.02", torch.optim.AdamW, dict(lr=0.02, weight_decay=0.01)),
    ("adamw lr=0.02 weight_decay=0.3 betas=0.8,0.9 eps=1e-6", torch.optim.AdamW,
     dict(lr=0.02, weight_decay=0.3, betas=(0.8, 0.9), eps=1e-6)),
    ("rmsprop", torch.optim.RMSprop, dict(lr=0.01)),
    ("rmsprop lr=0.01 alpha=0.8 eps=1e-3", torch.optim.RMSprop, dict(lr=0.01, alpha=0.8, eps=1e-3)),
    ("rmsprop lr=0.01 momentum=0.9", torch.optim.RMSprop, dict(lr=0.01, momentum=0.9)),
    ("rmsprop lr=0.01 weight_decay=0.1", torch.optim.RMSprop, dict(lr=0.01, weight_decay=0.1)),
    ("sgd lr=0.1 clip_norm=0.5", torch.optim.SGD, dict(lr=0.1)),
    ("sgd lr=0.1 clip_norm=100", torch.optim.SGD, dict(lr=0.1)),
    ("sgd lr=0.1 clip_value=0.05", torch.optim.SGD, dict(lr=0.1)),
    ("adam lr=0.02 clip_norm=0.1", torch.optim.Adam, dict(lr=0.02)),
]
