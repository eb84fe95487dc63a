"""From symbolic nodes to a model of the library."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Optional

import numpy as np

from ._arrays import CODES, TYPES, Views
from ._errors import check
from ._library import NULL, ffi, lib
from ._symbols import Constant, Input, NestedModel, Node, Output, Parameter
from ._text import attribute_text


def dtype_of(value: Any) -> np.dtype:
    """float32 or float64, given as a name, a NumPy type or a dtype."""
    try:
        dtype: np.dtype = np.dtype(value)
    except TypeError:
        raise TypeError(f'dtype must be "float32" or "float64"; got {value!r}') from None
    if dtype.kind != "f" or dtype not in CODES:
        raise TypeError(f'dtype must be "float32" or "float64"; got {value!r}')
    return dtype


def own_model(pointer: Any) -> Any:
    """The handle in a chainrule_model**, freed with the Python object."""
    return ffi.gc(pointer[0], lib.chainrule_model_free)


def create_model(dtype: np.dtype, seed: int) -> Any:
    """An empty model."""
    options = ffi.new("chainrule_model_options *")
    options.struct_size = ffi.sizeof("chainrule_model_options")
    options.dtype = CODES[dtype]
    options.seed = check_seed(seed)
    pointer = ffi.new("chainrule_model **")
    check(lib.chainrule_model_create(options, pointer))
    return own_model(pointer)


def check_seed(seed: int) -> int:
    """A whole number from 0 to 2**64 - 1."""
    value = int(np.asarray(seed).astype(object)) if isinstance(seed, np.generic) else seed
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"seed must be a whole number; got {seed!r}")
    if not 0 <= value < 2**64:
        raise ValueError(f"seed must be from 0 to 2**64 - 1; got {seed}")
    return value


def add_node(
    handle: Any,
    kind: str,
    attributes: dict[str, Any],
    inputs: Optional[Sequence[int]] = None,
    name: Optional[str] = None,
) -> int:
    """Adds a node; without ``inputs`` it takes the node added last. Returns its number."""
    text = attribute_text({**attributes, "name": name}).encode()
    number = ffi.new("chainrule_node *")
    if inputs is None:
        check(lib.chainrule_model_add(handle, kind.encode(), text, number))
    else:
        numbers = ffi.new("chainrule_node[]", list(inputs)) if inputs else NULL
        check(lib.chainrule_model_add_node(handle, kind.encode(), text, numbers, len(inputs), number))
    return int(number[0])


def add_model(handle: Any, other: Any, inputs: Sequence[int], name: Optional[str], outputs: int) -> list[int]:
    """Adds another model as a layer. Returns the numbers of its outputs."""
    numbers = ffi.new("chainrule_node[]", list(inputs)) if inputs else NULL
    added = ffi.new("chainrule_node[]", max(outputs, 1))
    text = NULL if name is None else ffi.new("char[]", name.encode())
    check(lib.chainrule_model_add_model(handle, other, text, numbers, len(inputs), added))
    return list(added[0:outputs])


def set_outputs(handle: Any, numbers: Sequence[int]) -> None:
    """Makes these nodes the model's outputs."""
    check(lib.chainrule_model_set_outputs(handle, ffi.new("chainrule_node[]", list(numbers)), len(numbers)))


def in_order(outputs: Sequence[Node]) -> list[Node]:
    """All nodes that the outputs need, each after its inputs (without recursion: chains may be long)."""
    order: list[Node] = []
    seen: set[int] = set()
    stack: list[tuple[Node, bool]] = [(node, False) for node in reversed(outputs)]
    while stack:
        node, inputs_done = stack.pop()
        if inputs_done:
            order.append(node)
        elif id(node) not in seen:
            seen.add(id(node))
            stack.append((node, True))
            stack.extend((source, False) for source in reversed(node.inputs) if id(source) not in seen)
    return order


class Graph:
    """A model made of nodes: its handle, and the names that its Parameter nodes have in it."""

    def __init__(self, inputs: Sequence[Node], outputs: Sequence[Node], dtype: np.dtype, seed: int) -> None:
        self.handle = create_model(dtype, seed)
        self.parameters: dict[Parameter, str] = {}
        self._numbers: dict[int, int] = {}
        self._outputs_of: dict[int, list[int]] = {}
        self._values: list[tuple[str, np.ndarray]] = []
        layers: set[int] = set()
        for node in inputs:
            if not isinstance(node, Input):
                raise TypeError(f"a model's inputs are cr.Input nodes; got {node!r}")
            if id(node) in self._numbers:
                raise ValueError("a node stands twice among the model's inputs")
            self._numbers[id(node)] = add_node(self.handle, node.kind, node.attributes, (), node.name)
        for node in in_order(outputs):
            if id(node) in self._numbers:
                continue
            if isinstance(node, Input):
                raise ValueError(f"the outputs depend on {node!r}, which is not among the model's inputs")
            if node.layer is not None and node.layer.has_parameters:
                if id(node.layer) in layers:
                    raise ValueError(
                        f"{node.layer!r} is called twice in one model, and layers cannot share weights; make a "
                        "layer of its own for each place, or share a cr.Parameter"
                    )
                layers.add(id(node.layer))
            self._add(node)
        numbers = [self._numbers[id(node)] for node in outputs]
        set_outputs(self.handle, numbers)
        for name, values in self._values:  # now that all nodes are there: a model that has values is closed
            set_parameter(self.handle, name, values)

    def _add(self, node: Node) -> None:
        sources = [self._numbers[id(source)] for source in node.inputs]
        if isinstance(node, Output):
            first = node.inputs[0]
            nested = self._outputs_of.get(id(first))
            self._numbers[id(node)] = sources[0] + node.index if nested is None else nested[node.index]
            return
        if isinstance(node, NestedModel):
            numbers = add_model(self.handle, node.layer._handle, sources, node.name, len(node.layer._outputs))
            self._outputs_of[id(node)] = numbers
            self._numbers[id(node)] = numbers[0]
            return
        if not isinstance(node, (Parameter, Constant)):
            self._numbers[id(node)] = add_node(self.handle, node.kind, node.attributes, sources, node.name)
            return
        attributes = dict(node.attributes)
        if isinstance(node, Constant):
            attributes["value"] = 0  # the values follow, in full precision and at any size
        index = parameter_count(self.handle)
        self._numbers[id(node)] = add_node(self.handle, node.kind, attributes, sources, node.name)
        name = TensorInfo(lib.chainrule_model_parameter_info, self.handle, index).name
        self._values.append((name, node.value))
        if isinstance(node, Parameter):
            self.parameters[node] = name


class TensorInfo:
    """What an input, output or parameter is; -1 in ``shape`` stands for the batch."""

    __slots__ = ("name", "dtype", "shape", "trainable")

    def __init__(self, function: Any, handle: Any, index: int) -> None:
        info = ffi.new("chainrule_tensor_info *")
        info.struct_size = ffi.sizeof("chainrule_tensor_info")
        check(function(handle, index, info))
        self.name: str = ffi.string(info.name).decode()
        self.dtype = TYPES[info.dtype]
        self.shape: tuple[int, ...] = tuple(info.shape[0 : info.rank])
        self.trainable = bool(info.trainable)

    @property
    def size(self) -> int:
        """The number of elements (of one sample, where there is a batch)."""
        return math.prod(size for size in self.shape if size >= 0)


def infos(kind: str, handle: Any) -> list[TensorInfo]:
    """All inputs, outputs or parameters of a model (kind "input", "output", "parameter")."""
    count = ffi.new("size_t *")
    check(getattr(lib, f"chainrule_model_{kind}_count")(handle, count))
    function = getattr(lib, f"chainrule_model_{kind}_info")
    return [TensorInfo(function, handle, index) for index in range(count[0])]


def parameter_count(handle: Any) -> int:
    """How many parameters and constants a model has."""
    count = ffi.new("size_t *")
    check(lib.chainrule_model_parameter_count(handle, count))
    return int(count[0])


def set_parameter(handle: Any, name: str, values: np.ndarray) -> None:
    """Copies values into a parameter or constant."""
    check(lib.chainrule_model_set_parameter(handle, name.encode(), Views([values]).pointer))


def get_parameter(handle: Any, name: str, values: np.ndarray) -> None:
    """Copies a parameter or constant into values."""
    check(lib.chainrule_model_get_parameter(handle, name.encode(), Views([values]).pointer))
