"""What all layers have. The layers themselves are in ``_generated``, made from the library's catalog.

A layer is a description: its weights are drawn when a model is made of it. Called on symbolic nodes it gives
the node of its result, or one for each of its outputs. Shapes leave out the batch, which comes first.
"""

from __future__ import annotations

from typing import Any, Optional

from ._symbols import Node, apply


class Layer:
    """A kind of the catalog, attributes, and perhaps a name."""

    kind = ""
    #: What its inputs and outputs are; inputs behind the first ``least_inputs`` may be left out.
    inputs: tuple[str, ...] = ("input",)
    outputs: tuple[str, ...] = ("output",)
    least_inputs = 1
    has_parameters = False
    keeps_shape = True
    #: What attributes are when they are not given; these are left out of the text.
    defaults: dict[str, Any] = {}

    def __init__(self, *, name: Optional[str] = None, **attributes: Any) -> None:
        self.attributes = {
            key: value for key, value in attributes.items() if value is not None and not self._is_default(key, value)
        }
        self.name = name

    def _is_default(self, name: str, value: Any) -> bool:
        known = self.defaults.get(name)
        return known is not None and type(value) is type(known) and bool(value == known)

    @property
    def input_shape(self) -> Optional[tuple[int, ...]]:
        """The shape of one sample, where the layer knows it."""
        size = self.attributes.get("in_features")
        return None if size is None or self.inputs != ("input",) else (size,)

    def __call__(self, *nodes: Any, **named: Any) -> Any:
        values: list[Any] = list(nodes)
        if self.inputs:
            if len(nodes) > len(self.inputs):
                raise TypeError(
                    f"{type(self).__name__} takes at most {len(self.inputs)} inputs "
                    f"({', '.join(self.inputs)}); got {len(nodes)}"
                )
            values += [None] * (len(self.inputs) - len(nodes))
            for role, node in named.items():
                if role not in self.inputs:
                    raise TypeError(f"{type(self).__name__} has no input {role!r}; it has {', '.join(self.inputs)}")
                place = self.inputs.index(role)
                if values[place] is not None:
                    raise TypeError(f"{type(self).__name__} got its input {role!r} twice")
                values[place] = node
            for place in range(self.least_inputs):
                if values[place] is None:
                    raise TypeError(f"{type(self).__name__} needs its input {self.inputs[place]!r}")
        for node in values:
            if node is not None and not isinstance(node, Node):
                raise TypeError(
                    f"{type(self).__name__} is called on symbolic nodes (cr.Input, or what a layer returned); got "
                    f"{type(node).__name__}. To compute with arrays, make a model and call model.predict."
                )
        return apply(self.kind, self.attributes, self.inputs, tuple(values), self.outputs, self.name, self)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{key}={value!r}' for key, value in self.attributes.items())})"
