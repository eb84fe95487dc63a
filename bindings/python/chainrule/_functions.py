"""Functions of symbolic nodes, under NumPy's names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Union

from ._symbols import Node, as_node, binary, is_number, reduction


def exp(x: Any) -> Node:
    """e to the power of x, for each element."""
    return Node("exp", {}, (as_node(x),))


def log(x: Any) -> Node:
    """The natural logarithm of each element."""
    return Node("log", {}, (as_node(x),))


def sqrt(x: Any) -> Node:
    """The square root of each element."""
    return Node("sqrt", {}, (as_node(x),))


def sin(x: Any) -> Node:
    """The sine of each element, in radians."""
    return Node("sin", {}, (as_node(x),))


def cos(x: Any) -> Node:
    """The cosine of each element, in radians."""
    return Node("cos", {}, (as_node(x),))


def abs(x: Any) -> Node:
    """The absolute value of each element."""
    return Node("abs", {}, (as_node(x),))


def maximum(x: Any, y: Any) -> Node:
    """The larger of two elements, with broadcasting."""
    if is_number(x):
        x, y = y, x
    return binary("maximum", x, y)


def sum(x: Any, dim: Union[int, tuple[int, ...], None] = None, keepdim: bool = False) -> Node:
    """The sum over a dimension, several, or (None) all."""
    return reduction("sum", x, dim, keepdim)


def mean(x: Any, dim: Union[int, tuple[int, ...], None] = None, keepdim: bool = False) -> Node:
    """The mean over a dimension, several, or (None) all."""
    return reduction("mean", x, dim, keepdim)


def transpose(x: Any, dim0: int, dim1: int) -> Node:
    """Two dimensions exchanged."""
    return as_node(x).transpose(dim0, dim1)


def concat(nodes: Sequence[Any], dim: int = 0) -> Node:
    """Nodes joined along a dimension, in which alone their shapes may differ."""
    if not nodes:
        raise ValueError("concat needs at least one node")
    return Node("concat", {"dim": dim}, tuple(as_node(node) for node in nodes))


def matmul(x: Any, y: Any) -> Node:
    """The matrix product, by NumPy's rules for vectors and batches."""
    return Node("matmul", {}, (as_node(x), as_node(y)))
