"""Formulas: the value and the gradient of an expression of parameters, and its minimum."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Optional, Union

import numpy as np

from ._arrays import FLOAT64, Views
from ._build import Graph, get_parameter, infos, set_parameter
from ._errors import check, raise_failure
from ._library import NULL, c_text, ffi, lib
from ._symbols import Node
from .optimizers import Optimizer, Trainer, as_optimizer


class Formula:
    """A scalar expression made into a float64 model without inputs."""

    def __init__(self, node: Node) -> None:
        graph = Graph((), (node,), FLOAT64, 0)
        self.handle = graph.handle
        self.parameters = sorted(graph.parameters, key=lambda parameter: parameter.order)
        self.names = [graph.parameters[parameter] for parameter in self.parameters]
        shape = infos("output", self.handle)[0].shape
        if shape not in ((), (1,)):
            raise ValueError(f"the expression must be a single number; it has shape {shape}: take cr.sum or cr.mean")
        self.value = np.zeros(shape)
        pointer = ffi.new("chainrule_context **")
        check(lib.chainrule_context_create(self.handle, pointer))
        self.context = ffi.gc(pointer[0], lib.chainrule_context_free)

    def write(self) -> None:
        """Copies the Parameter objects' values into the model."""
        for parameter, name in zip(self.parameters, self.names):
            set_parameter(self.handle, name, parameter.value)

    def read(self) -> None:
        """Copies the model's values into the Parameter objects, in place."""
        for parameter, name in zip(self.parameters, self.names):
            get_parameter(self.handle, name, parameter.value)

    def evaluate(self) -> tuple[float, list[np.ndarray]]:
        """The value, and the gradients in the order of the parameters."""
        self.write()
        check(lib.chainrule_context_zero_gradients(self.context))
        check(lib.chainrule_context_forward(self.context, NULL, 0))
        check(lib.chainrule_context_output(self.context, 0, Views([self.value]).pointer))
        check(lib.chainrule_context_backward(self.context, NULL))
        gradients = []
        for parameter, name in zip(self.parameters, self.names):
            gradient = np.empty(parameter.value.shape)
            check(lib.chainrule_context_gradient(self.context, name.encode(), Views([gradient]).pointer))
            gradients.append(gradient)
        return float(self.value.item()), gradients


def _formula(f: Any) -> Formula:
    """The formula of an expression, made once."""
    if not isinstance(f, Node):
        raise TypeError(f"expected an expression of cr.Parameter; got {type(f).__name__}")
    if f._formula is None:
        f._formula = Formula(f)
    return f._formula  # type: ignore[no-any-return]


def value_and_grad(f: Node) -> tuple[float, list[np.ndarray]]:
    """The value of a scalar expression, and its gradient in each cr.Parameter that it contains, in the
    order in which the parameters were made; computed in float64 at the parameters' present values."""
    return _formula(f).evaluate()


def minimize(
    f: Node,
    optimizer: Union[str, Optimizer],
    steps: int,
    callback: Optional[Callable[[int, float], Optional[bool]]] = None,
) -> np.ndarray:
    """Changes the values of the parameters in ``f``, in place, by ``steps`` updates of the optimizer.

    Returns the values of ``f`` before each update. ``callback(step, value)`` is called after each, when
    the parameters have moved; returning True ends the descent. Should ``f`` become NaN or infinite,
    NonFiniteError comes and the parameters keep their last values.
    """
    formula = _formula(f)
    optimizer = as_optimizer(optimizer)
    formula.write()
    pointer = ffi.new("chainrule_trainer **")
    check(lib.chainrule_trainer_create(formula.handle, b"none", c_text(optimizer.text), pointer))
    trainer = Trainer(ffi.gc(pointer[0], lib.chainrule_trainer_free))
    optimizer.attach(trainer)
    values = np.empty(max(0, steps))
    loss = ffi.new("double *")
    done = 0
    try:
        while done < len(values):
            status = lib.chainrule_trainer_step(trainer.handle, NULL, NULL, NULL, loss)
            if status:
                raise_failure(status)
            values[done] = loss[0]
            done += 1
            if callback is not None:
                formula.read()
                if callback(done - 1, loss[0]) is True:
                    break
    finally:
        formula.read()
    return values[:done]
