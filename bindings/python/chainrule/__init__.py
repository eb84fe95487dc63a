"""Chainrule: neural networks inside your program.

    import chainrule as cr
    model = cr.Sequential(cr.Linear(64, 64), cr.ReLU(), cr.Linear(64, 10), seed=0)
    model.compile(loss="cross_entropy", optimizer=cr.Adam(lr=1e-3), metrics=["accuracy"])
    history = model.fit(x, y, epochs=20, validation_split=0.1)

Layers and parameters have PyTorch's names, training has Keras's. The arithmetic is that of
libchainrule.so; arrays are NumPy's, and anything else that NumPy or DLPack understands.
"""

from __future__ import annotations

from . import _library  # first: in a source checkout it makes the module of the catalog
from . import layers
from ._batch import Batch
from ._errors import (
    ArgumentError,
    AttributeTextError,
    BusyError,
    CallbackError,
    CancelledError,
    DataError,
    DtypeError,
    Error,
    FileError,
    FormatError,
    InternalError,
    MissingFileError,
    NonFiniteError,
    NotFoundError,
    OutOfMemoryError,
    ShapeError,
    StateError,
)
from ._layer import Layer
from ._functions import abs, concat, cos, exp, log, matmul, maximum, mean, sin, sqrt, sum, transpose
from ._generated import *  # noqa: F403  (each layer, loss, optimizer, schedule and operation of the catalog)
from ._generated import __all__ as _from_catalog
from ._metrics import confusion_matrix
from ._settings import __version__, cpu_level, describe, get_num_threads, set_num_threads
from ._symbols import Constant, Input, Node, Parameter
from .callbacks import Callback, EarlyStopping
from .custom_layer import CustomLayer, check_gradients
from .custom_loss import CustomLoss
from .custom_optimizer import CustomOptimizer
from .formula import minimize, value_and_grad
from .history import History
from .losses import Loss
from .model import Model, load, load_checkpoint
from .optimizers import Optimizer
from .schedules import LambdaLR, Schedule, SequentialLR
from .sequential import Sequential

__all__ = [
    "abs",
    "ArgumentError",
    "AttributeTextError",
    "Batch",
    "BusyError",
    "Callback",
    "CallbackError",
    "CancelledError",
    "concat",
    "check_gradients",
    "confusion_matrix",
    "Constant",
    "CustomLayer",
    "CustomLoss",
    "CustomOptimizer",
    "cos",
    "cpu_level",
    "DataError",
    "describe",
    "DtypeError",
    "EarlyStopping",
    "Error",
    "exp",
    "FileError",
    "FormatError",
    "get_num_threads",
    "History",
    "Input",
    "InternalError",
    "Layer",
    "LambdaLR",
    "layers",
    "load",
    "load_checkpoint",
    "log",
    "Loss",
    "matmul",
    "maximum",
    "mean",
    "minimize",
    "MissingFileError",
    "Model",
    "Node",
    "NonFiniteError",
    "NotFoundError",
    "Optimizer",
    "OutOfMemoryError",
    "Parameter",
    "Schedule",
    "Sequential",
    "SequentialLR",
    "set_num_threads",
    "ShapeError",
    "sin",
    "sqrt",
    "StateError",
    "sum",
    "transpose",
    "value_and_grad",
    "__version__",
]
__all__ += [name for name in _from_catalog if name not in __all__]
