"""Symbolic nodes: what layers and operators return when a graph or a formula is written down.

A node holds no numbers of its own and never changes: it says what is computed from which nodes.
``Model`` and ``value_and_grad`` turn nodes into a model of the library.
"""

from __future__ import annotations

import numbers
from typing import Any, NoReturn, Optional, Union

import numpy as np

from ._arrays import FLOAT64, as_array, as_real
from ._text import shape_tuple


class Node:
    """What an operation or a layer computes from other nodes.

    Nodes are combined with + - * / ** @, unary -, abs(), slices (``p[0]``, ``p[1:3]``, ``h[:, 2:4]``),
    the methods below and the functions ``cr.exp``, ``cr.log`` and so on. Shapes broadcast as in NumPy,
    and dimension 0 is the batch wherever an input has one.
    """

    __slots__ = ("kind", "attributes", "inputs", "name", "layer", "_formula", "__weakref__")
    __array_ufunc__ = None  # NumPy leaves array + node to __radd__
    __iter__ = None  # or iterating would slice for ever

    def __init__(
        self,
        kind: str,
        attributes: Optional[dict[str, Any]] = None,
        inputs: tuple["Node", ...] = (),
        name: Optional[str] = None,
        layer: Any = None,
    ) -> None:
        self.kind = kind
        self.attributes = attributes or {}
        self.inputs = inputs
        self.name = name
        self.layer = layer
        self._formula: Any = None

    def __add__(self, other: Any) -> "Node":
        return binary("add", self, other)

    def __radd__(self, other: Any) -> "Node":
        return binary("add", self, other)

    def __sub__(self, other: Any) -> "Node":
        return binary("sub", self, other)

    def __rsub__(self, other: Any) -> "Node":
        if is_number(other):
            return binary("add", -self, other)
        return binary("sub", as_node(other), self)

    def __mul__(self, other: Any) -> "Node":
        return binary("mul", self, other)

    def __rmul__(self, other: Any) -> "Node":
        return binary("mul", self, other)

    def __truediv__(self, other: Any) -> "Node":
        return binary("div", self, other)

    def __rtruediv__(self, other: Any) -> "Node":
        return binary("div", as_node(other), self)

    def __pow__(self, other: Any) -> "Node":
        return binary("pow", self, other)

    def __rpow__(self, other: Any) -> "Node":
        return binary("pow", as_node(other), self)

    def __matmul__(self, other: Any) -> "Node":
        return Node("matmul", {}, (self, as_node(other)))

    def __rmatmul__(self, other: Any) -> "Node":
        return Node("matmul", {}, (as_node(other), self))

    def __neg__(self) -> "Node":
        return Node("neg", {}, (self,))

    def __pos__(self) -> "Node":
        return self

    def __abs__(self) -> "Node":
        return Node("abs", {}, (self,))

    def __getitem__(self, index: Any) -> "Node":
        return _index(self, index)

    def __bool__(self) -> NoReturn:
        raise TypeError("a symbolic node has no value yet, so it is neither true nor false")

    def __float__(self) -> NoReturn:
        raise TypeError("a symbolic node has no value yet; cr.value_and_grad computes it")

    def __repr__(self) -> str:
        label = f" {self.name!r}" if self.name else ""
        return f"<{type(self).__name__} {self.kind}{label} of {len(self.inputs)} nodes>"

    def sum(self, dim: Union[int, tuple[int, ...], None] = None, keepdim: bool = False) -> "Node":
        """The sum over a dimension, several, or (None) all."""
        return reduction("sum", self, dim, keepdim)

    def mean(self, dim: Union[int, tuple[int, ...], None] = None, keepdim: bool = False) -> "Node":
        """The mean over a dimension, several, or (None) all."""
        return reduction("mean", self, dim, keepdim)

    def reshape(self, *shape: Any) -> "Node":
        """The same numbers in another shape, given without the batch; one size may be -1."""
        sizes = shape[0] if len(shape) == 1 else shape
        return Node("reshape", {"shape": shape_tuple(sizes, "shape")}, (self,))

    def transpose(self, dim0: int, dim1: int) -> "Node":
        """Two dimensions exchanged."""
        return Node("transpose", {"dim0": dim0, "dim1": dim1}, (self,))

    @property
    def T(self) -> "Node":
        """The last two dimensions exchanged."""
        return self.transpose(-2, -1)


class Output(Node):
    """A further output of a kind that has several."""

    __slots__ = ("index",)

    def __init__(self, node: Node, index: int) -> None:
        super().__init__("output", {}, (node,))
        self.index = index


def apply(
    kind: str,
    attributes: dict[str, Any],
    roles: tuple[str, ...],
    inputs: tuple[Any, ...],
    outputs: tuple[str, ...] = ("output",),
    name: Optional[str] = None,
    layer: Any = None,
) -> Any:
    """What a kind of the catalog computes from some inputs, of which those that are None are left out: a node,
    or a tuple of them where it has several outputs. No roles: any number of equal inputs."""
    attributes = {key: value for key, value in attributes.items() if value is not None}
    given = [(role, value) for role, value in zip(roles, inputs) if value is not None]
    if roles and [role for role, _ in given] != list(roles[: len(given)]):
        attributes["inputs"] = ",".join(role for role, _ in given)
    values = [value for _, value in given] if roles else list(inputs)
    node = Node(kind, attributes, tuple(as_node(value) for value in values), name, layer)
    if len(outputs) == 1:
        return node
    return (node, *(Output(node, index) for index in range(1, len(outputs))))


class NestedModel(Node):
    """A model called on nodes; its ``layer`` is the model. Further outputs are ``Output`` nodes."""

    __slots__ = ()

    def __init__(self, model: Any, inputs: tuple[Any, ...]) -> None:
        super().__init__("model", {}, tuple(as_node(value) for value in inputs), layer=model)


class Input(Node):
    """A model's input of this shape. ``batched`` says that its first dimension, which is not part of
    ``shape``, is the batch; without it the array is taken whole. ``dtype`` is "real", or "integer" (an
    integer NumPy type will do) for whole numbers: indices, lengths."""

    __slots__ = ()

    def __init__(self, shape: Any, *, batched: bool = True, name: Optional[str] = None, dtype: Any = "real") -> None:
        attributes: dict[str, Any] = {"shape": shape_tuple(shape, "shape")}
        if holds_integers(dtype):
            attributes["dtype"] = "integer"
        if not batched:
            attributes["batched"] = False
        super().__init__("input", attributes, name=name)


class Parameter(Node):
    """Numbers that minimising or training changes, starting from ``values`` (a number or an array).

    ``value`` is a float64 array of them; ``cr.minimize`` changes it in place. A ``Model`` copies the
    values when it is made, and from then on its own copy is in ``model.state_dict()``.
    """

    __slots__ = ("_value", "order")
    _made = 0

    def __init__(self, values: Any, *, name: Optional[str] = None) -> None:
        array = as_real(values, "values", FLOAT64)
        self._value: np.ndarray = np.array(array, dtype=FLOAT64, order="C", copy=True, subok=False)
        Parameter._made += 1
        self.order = Parameter._made
        super().__init__("parameter", {"shape": self._value.shape}, name=name)

    @property
    def value(self) -> np.ndarray:
        """The present values; setting it copies new ones of the same shape in."""
        return self._value

    @value.setter
    def value(self, values: Any) -> None:
        array = as_real(values, "values", FLOAT64)
        if array.shape != self._value.shape:
            raise ValueError(f"value must have shape {self._value.shape}; got {array.shape}")
        self._value[...] = array

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return np.array(self._value, dtype=dtype)

    def __repr__(self) -> str:
        return f"Parameter({self._value.tolist()!r})"


class Constant(Node):
    """Fixed numbers in a graph. Numbers and arrays among operands become constants by themselves."""

    __slots__ = ("value",)

    def __init__(self, values: Any, *, name: Optional[str] = None) -> None:
        array = as_real(values, "values", FLOAT64)
        self.value: np.ndarray = np.array(array, dtype=FLOAT64, order="C", copy=True, subok=False)
        super().__init__("constant", {"shape": self.value.shape}, name=name)


def holds_integers(dtype: Any) -> bool:
    """Whether an input's dtype means whole numbers: "real", "integer", or a NumPy type."""
    if dtype in ("real", "integer"):
        return bool(dtype == "integer")
    try:
        kind = np.dtype(dtype).kind
    except TypeError:
        kind = ""
    if kind not in ("i", "u", "f"):
        raise TypeError(f'dtype must be "real", "integer" or a NumPy type of one of them; got {dtype!r}')
    return kind in ("i", "u")


def is_number(value: Any) -> bool:
    """Whether an operand can be written into an attribute: a real number, not an array."""
    return isinstance(value, numbers.Real)


def as_node(value: Any) -> Node:
    """A node as it is, anything else as a constant."""
    if isinstance(value, Node):
        return value
    if callable(value) and not hasattr(value, "__array__"):
        raise TypeError(f"expected a symbolic node, a number or an array; got {value!r}")
    return Constant(as_array(value, "operand"))


def binary(kind: str, left: Any, right: Any) -> Node:
    """An operation on two operands; a number on the right becomes an attribute."""
    if is_number(right):
        return Node(kind, {"value": float(right)}, (as_node(left),))
    return Node(kind, {}, (as_node(left), as_node(right)))


def reduction(kind: str, node: Any, dim: Any, keepdim: bool) -> Node:
    """A sum or mean over dimensions."""
    attributes: dict[str, Any] = {}
    if dim is not None:
        attributes["dim"] = shape_tuple(dim, "dim")
    if keepdim:
        attributes["keepdim"] = True
    return Node(kind, attributes, (as_node(node),))


def _index(node: Node, index: Any) -> Node:
    """Whole numbers and slices, one dimension after the other. The library knows the shapes, and refuses a
    whole number beyond the dimension's ends when the model is made."""
    dim = 0
    for item in index if isinstance(index, tuple) else (index,):
        if isinstance(item, numbers.Integral) and not isinstance(item, bool):
            node = Node("slice", {"dim": dim, "index": int(item)}, (node,))  # without the dimension
            continue
        if not isinstance(item, slice):
            raise TypeError(f"a symbolic node is indexed with whole numbers and slices; got {item!r}")
        if item != slice(None):
            attributes = {"dim": dim, "start": item.start, "end": item.stop, "step": item.step}
            node = Node("slice", attributes, (node,))
        dim += 1
    return node
