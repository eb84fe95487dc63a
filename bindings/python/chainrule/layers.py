"""The layers, under PyTorch's names and with its defaults.

A layer is a description: its weights are drawn when a model is made of it. Called on a symbolic node
it gives the node of its result. Shapes below leave out the batch, which comes first.
"""

from __future__ import annotations

from typing import Any, Optional, Union

from ._symbols import Node
from ._text import shape_tuple


class Layer:
    """What all layers have: a kind of the catalog, attributes, and perhaps a name."""

    kind = ""
    has_parameters = False
    keeps_shape = True

    def __init__(self, *, name: Optional[str] = None, **attributes: Any) -> None:
        self.attributes = {key: value for key, value in attributes.items() if value is not None}
        self.name = name

    @property
    def input_shape(self) -> Optional[tuple[int, ...]]:
        """The shape of one sample, where the layer knows it."""
        return None

    def __call__(self, node: Node) -> Node:
        if not isinstance(node, Node):
            raise TypeError(
                f"{type(self).__name__} is called on symbolic nodes (cr.Input, or what a layer returned); got "
                f"{type(node).__name__}. To compute with arrays, make a model and call model.predict."
            )
        return Node(self.kind, self.attributes, (node,), self.name, self)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{key}={value!r}' for key, value in self.attributes.items())})"


class Linear(Layer):
    """x W^T + b over the last dimension: [..., in_features] to [..., out_features].

    Parameters "weight" [out_features, in_features] and "bias" [out_features]. Initializers are words:
    "xavier_uniform", "he_normal", "uniform(-1,1)", "zeros", ...; the default is PyTorch's.
    """

    kind = "linear"
    has_parameters = True
    keeps_shape = False

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        weight_init: Optional[str] = None,
        bias_init: Optional[str] = None,
        name: Optional[str] = None,
    ) -> None:
        super().__init__(
            name=name,
            in_features=in_features,
            out_features=out_features,
            bias=bias,
            weight_init=weight_init,
            bias_init=bias_init,
        )

    @property
    def input_shape(self) -> Optional[tuple[int, ...]]:
        return (self.attributes["in_features"],)


class Identity(Layer):
    """x."""

    kind = "identity"


class Flatten(Layer):
    """Dimensions start_dim to end_dim as one; dimension 0 is the batch."""

    kind = "flatten"
    keeps_shape = False

    def __init__(self, start_dim: int = 1, end_dim: int = -1, *, name: Optional[str] = None) -> None:
        super().__init__(name=name, start_dim=start_dim, end_dim=end_dim)


class Reshape(Layer):
    """The same numbers in another shape, given without the batch; one size may be -1."""

    kind = "reshape"
    keeps_shape = False

    def __init__(self, shape: Union[int, tuple[int, ...]], *, name: Optional[str] = None) -> None:
        super().__init__(name=name, shape=shape_tuple(shape, "shape"))


class Dropout(Layer):
    """In training, zero with probability p and x / (1 - p) otherwise; else x."""

    kind = "dropout"

    def __init__(self, p: float = 0.5, *, name: Optional[str] = None) -> None:
        super().__init__(name=name, p=p)


class ReLU(Layer):
    """max(x, 0)."""

    kind = "relu"


class LeakyReLU(Layer):
    """x where positive, negative_slope * x elsewhere."""

    kind = "leaky_relu"

    def __init__(self, negative_slope: float = 0.01, *, name: Optional[str] = None) -> None:
        super().__init__(name=name, negative_slope=negative_slope)


class ELU(Layer):
    """x where positive, alpha (exp(x) - 1) elsewhere."""

    kind = "elu"

    def __init__(self, alpha: float = 1.0, *, name: Optional[str] = None) -> None:
        super().__init__(name=name, alpha=alpha)


class SELU(Layer):
    """ELU scaled so that activations normalise themselves."""

    kind = "selu"


class GELU(Layer):
    """x Phi(x), with the normal distribution Phi; approximate="tanh" for its approximation."""

    kind = "gelu"

    def __init__(self, approximate: str = "none", *, name: Optional[str] = None) -> None:
        super().__init__(name=name, approximate=approximate)


class SiLU(Layer):
    """x sigmoid(x)."""

    kind = "silu"


class Sigmoid(Layer):
    """1 / (1 + exp(-x))."""

    kind = "sigmoid"


class Tanh(Layer):
    """The hyperbolic tangent."""

    kind = "tanh"


class Softplus(Layer):
    """log(1 + exp(beta x)) / beta; x itself where beta x is above threshold."""

    kind = "softplus"

    def __init__(self, beta: float = 1.0, threshold: float = 20.0, *, name: Optional[str] = None) -> None:
        super().__init__(name=name, beta=beta, threshold=threshold)


class Hardtanh(Layer):
    """x, limited to the range from min_val to max_val."""

    kind = "hardtanh"

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0, *, name: Optional[str] = None) -> None:
        super().__init__(name=name, min_val=min_val, max_val=max_val)


class Softmax(Layer):
    """exp(x) / sum(exp(x)) along a dimension."""

    kind = "softmax"

    def __init__(self, dim: int = -1, *, name: Optional[str] = None) -> None:
        super().__init__(name=name, dim=dim)


class LogSoftmax(Layer):
    """x - log(sum(exp(x))) along a dimension. cr.CrossEntropyLoss wants logits, not this."""

    kind = "log_softmax"

    def __init__(self, dim: int = -1, *, name: Optional[str] = None) -> None:
        super().__init__(name=name, dim=dim)
