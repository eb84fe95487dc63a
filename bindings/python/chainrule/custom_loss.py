"""Losses of one's own: computed with NumPy, or composed of operations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Optional

from ._build import Graph, add_model, infos
from ._host import Held, arrays_of, options_of, owner_of, put, register, register_free
from ._library import NULL, lib
from ._symbols import Input, Node
from ._text import phrase
from .losses import TARGETS, Loss


class CustomLoss(Loss):
    """A loss whose value is a static function, composed of operations::

        class Cauchy(cr.CustomLoss):
            kind = "my_cauchy"
            options = {"scale": 1.0}

            @staticmethod
            def forward(prediction, target, *, scale):
                return cr.log(1 + ((prediction - target) / scale) ** 2)

        model.compile(loss=Cauchy(scale=0.5), optimizer="adam")
        model.compile(loss="my_cauchy scale=0.5 reduction=sum", optimizer="adam")

    or, with a second function for the gradient, computed with NumPy::

            @staticmethod
            def forward(prediction, target, *, scale):
                return np.log(1 + ((prediction - target) / scale) ** 2).mean(axis=1)

            @staticmethod
            def backward(prediction, target, *, scale):
                error = prediction - target
                return 2 * error / (scale**2 + error**2) / error.shape[1]

    ``kind`` is the word in the library's catalog, free until then; ``options`` are attributes with their defaults.
    ``forward`` returns a loss for each sample of the batch (composed: or for each element, of which the mean is
    taken); samples must not depend on each other. ``backward`` returns the gradient of each sample's loss in its
    prediction. Reductions and sample weights are the library's: an instance takes ``reduction`` and ``factor`` as
    every loss does. ``predictions`` and ``targets`` say how many there are (both functions are given all of them,
    predictions first; ``backward`` then returns a tuple). Targets have the prediction's shape; with
    ``labels = True`` they are whole numbers, one for each row of classes: the prediction's shape without its
    dimension 1. ``cr.check_gradients(loss, prediction, target=y)`` tells whether ``backward`` is right. Checkpoints with such a loss are loaded where the class is known.
    """

    kind = ""
    options: dict[str, Any] = {}
    predictions = 1
    targets = 1
    labels = False

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        if "kind" in cls.__dict__:
            kind = cls.kind
            functions = _functions(cls, lambda: owner_of("loss", kind))
            register("loss", kind, cls, cls.options, functions, predictions=cls.predictions, targets=cls.targets)
            TARGETS[cls.kind] = "labels" if cls.labels else "numbers"

    def __init__(self, *, reduction: Optional[str] = None, factor: Optional[float] = None, **options: Any) -> None:
        for option in options:
            if option not in self.options:
                known = ", ".join([*self.options, "reduction", "factor"])
                raise TypeError(f"{type(self).__name__} has no option {option!r}; it has {known}")
        super().__init__(phrase(self.kind, {**options, "reduction": reduction, "factor": factor}))

    @staticmethod
    def forward(*arrays: Any, **options: Any) -> Any:
        """The loss of each sample, from predictions and targets."""
        raise NotImplementedError


def _functions(cls: Any, find: Callable[[], Any]) -> dict[str, Any]:
    """What the library calls; the class is looked up each time."""

    def target_shapes(user: Any, text: Any, predictions: Any, size: int, targets: Any, count: int) -> None:
        shape = tuple(predictions[0].shape[0 : predictions[0].rank])
        if len(shape) < 2:
            raise ValueError(f"{find().__name__} takes labels, for predictions [batch, classes, ...]; got {shape}")
        for index in range(count):
            targets[index].dtype = lib.CHAINRULE_INT32
            targets[index].rank = len(shape) - 1
            targets[index].shape[0 : len(shape) - 1] = [shape[0], *shape[2:]]

    def evaluate(
        user: Any, text: Any, predictions: Any, size: int, targets: Any, count: int, losses: Any, gradients: Any
    ) -> None:
        own = find()
        arrays = [*arrays_of(predictions, size), *arrays_of(targets, count)]
        options = options_of(text)
        put(losses[0], own.forward(*arrays, **options), f"{own.__name__}.forward")
        if gradients == NULL:
            return
        found = own.backward(*arrays, **options)
        values = found if isinstance(found, (tuple, list)) else (found,)
        if len(values) != size:
            raise ValueError(f"{own.__name__}.backward must return {size} gradients; got {len(values)}")
        for index, value in enumerate(values):
            put(gradients[index], value, f"{own.__name__}.backward")

    def compose(
        user: Any, text: Any, model: Any, predictions: Any, size: int, targets: Any, count: int, losses: Any
    ) -> None:
        inputs = [Input(info.shape[1:], dtype=info.dtype) for info in infos("input", model)]
        node = find().forward(*inputs, **options_of(text))
        if not isinstance(node, Node):
            raise TypeError(f"a loss without backward returns a symbolic node; got {type(node).__name__}")
        dtype = infos("input", model)[0].dtype
        numbers = [*predictions[0:size], *(targets[0:count] if count else [])]
        losses[0] = add_model(model, Graph(inputs, [node], dtype, 0).handle, numbers, "composed", 1)[0]

    functions: dict[str, Any] = {"evaluate": evaluate} if hasattr(cls, "backward") else {"compose": compose}
    if cls.labels:
        functions["target_shapes"] = target_shapes
    return functions


class _Functions:
    """A Python function, composed of operations"""

    labels = False
    word = ""

    @staticmethod
    def forward(prediction: Any, target: Any, *, function: str) -> Any:
        return _without_reduction(Held.find(function)(prediction, target))[0]


class ComposedLoss(Loss):
    """A function of symbolic nodes as a loss."""

    def __init__(self, held: Held, reduction: str) -> None:
        if not _Functions.word:
            _Functions.word = register_free(
                "loss", "python_loss", _Functions, {"function": "none"}, _functions(_Functions, lambda: _Functions),
                predictions=1, targets=1,
            )  # fmt: skip
            TARGETS[_Functions.word] = "numbers"
        self.held, self.reduction = held, reduction
        super().__init__(phrase(_Functions.word, {"function": held.key, "reduction": reduction}))

    def __reduce__(self) -> Any:
        return ComposedLoss, (self.held, self.reduction)

    def __repr__(self) -> str:
        return f"ComposedLoss({self.held.value!r})"


def _without_reduction(node: Any) -> tuple[Any, str]:
    """A mean or sum over everything at the end is the reduction: the library makes it, with sample weights."""
    if isinstance(node, Node) and node.kind in ("mean", "sum") and not node.attributes.get("dim"):
        return node.inputs[0], node.kind
    return node, "mean"


def composed(function: Any, shapes: list[tuple[int, ...]]) -> Optional[ComposedLoss]:
    """A function as a loss composed of operations; None if it wants arrays, and returns (loss, gradient)."""
    if len(shapes) != 1 or not shapes[0] or shapes[0][0] != -1:
        return None
    prediction, target = Input(shapes[0][1:]), Input(shapes[0][1:])
    try:
        node, reduction = _without_reduction(function(prediction, target))
    except Exception:  # it wants arrays; if not, it will say so again when it gets some
        return None
    return ComposedLoss(Held(function), reduction) if isinstance(node, Node) else None
