"""Models: a graph of layers and operations with its parameters."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any, Union

import numpy as np

from ._build import Graph, dtype_of, infos
from ._calls import address
from ._errors import check
from ._inference import Inference
from ._library import NULL, c_text, ffi, lib, text
from ._loop import Loop
from ._state import (
    Path,
    State,
    check_file,
    deserialize,
    file_name,
    folder_of,
    load_model,
    load_trainer,
    metadata,
    trainer_bytes,
    trainer_from_bytes,
)
from ._symbols import NestedModel, Node, Output
from ._training import Training


class Model(Inference, Training, Loop, State):
    """A model from symbolic nodes: ``Model(a, cr.Linear(8, 1)(h + a))``.

    ``inputs`` and ``outputs`` are nodes, or lists of them; predict and fit then take and give lists of
    arrays in this order. The initial weights are drawn with ``seed``; everything is computed in ``dtype``,
    "float32" or "float64". Models can be pickled and deep-copied, training state included; of an optimizer
    that works for a Python loss, the settings come along but not the running means of its gradients.
    """

    seed: int = 0
    _own_attributes: tuple[str, ...] = ()

    def __init__(
        self,
        inputs: Union[Node, Sequence[Node]],
        outputs: Union[Node, Sequence[Node]],
        *,
        seed: int = 0,
        dtype: Any = "float32",
    ) -> None:
        sources = [inputs] if isinstance(inputs, Node) else list(inputs)
        results = [outputs] if isinstance(outputs, Node) else list(outputs)
        for node in results:
            if not isinstance(node, Node):
                raise TypeError(f"a model's outputs are symbolic nodes; got {node!r}")
        if not results:
            raise ValueError("a model needs at least one output")
        self._adopt(Graph(sources, results, dtype_of(dtype), seed).handle, seed)

    def _adopt(self, handle: Any, seed: int) -> None:
        self._handle = handle
        self.seed = seed
        self._inputs = infos("input", handle)
        self._outputs = infos("output", handle)
        self._parameters = infos("parameter", handle)
        dtypes = [info.dtype for info in (*self._parameters, *self._outputs, *self._inputs) if info.dtype.kind == "f"]
        self._dtype = dtypes[0] if dtypes else np.dtype(np.float32)
        self._address = address(handle)
        self._find_direct_tail()
        self._contexts = threading.local()

    has_parameters = True

    def __call__(self, *nodes: Any) -> Any:
        """The model as a layer of another one: called on symbolic nodes, one for each of its inputs, it gives the
        node of its output, or a tuple of them. Its present values are copied when the other model is made."""
        if not nodes or not all(isinstance(node, Node) for node in nodes):
            raise TypeError("a model is called on symbolic nodes; model.predict(x) and model.forward(x) take arrays")
        if len(nodes) != len(self._inputs):
            raise TypeError(f"{self!r} takes {len(self._inputs)} inputs; got {len(nodes)}")
        first = NestedModel(self, nodes)
        if len(self._outputs) == 1:
            return first
        return (first, *(Output(first, index) for index in range(1, len(self._outputs))))

    @property
    def dtype(self) -> np.dtype:
        """float32 or float64: of the parameters, the arithmetic and the outputs."""
        return self._dtype

    @property
    def compute(self) -> str:
        """In which numbers matrices are multiplied: "float32", or "bfloat16", of 8 significant bits. With the latter
        both operands of each product of Linear, Bilinear, matmul and the projections of attention are rounded, and
        sums, parameters, gradients and all else stay float32, as with PyTorch's autocast and Keras's mixed_bfloat16. It
        holds for training and prediction, is saved with the model, and may be set at any time (of a loaded model too)
        but during fit. Up to twice as fast in large products on CPUs with AVX-512 BF16; the same bits on others."""
        word = ffi.new("const char **")
        check(lib.chainrule_model_get_compute(self._handle, word))
        return str(ffi.string(word[0]).decode())

    @compute.setter
    def compute(self, word: str) -> None:
        check(lib.chainrule_model_set_compute(self._handle, c_text(word)))

    @property
    def input_shapes(self) -> list[tuple[int, ...]]:
        """One shape for each input; -1 stands for the batch."""
        return [info.shape for info in self._inputs]

    @property
    def output_shapes(self) -> list[tuple[int, ...]]:
        """One shape for each output; -1 stands for the batch."""
        return [info.shape for info in self._outputs]

    @property
    def parameter_count(self) -> int:
        """How many numbers training changes."""
        return sum(info.size for info in self._parameters if info.trainable)

    def summary(self) -> str:
        """A table of the layers with output shapes and numbers of parameters."""
        return text(lib.chainrule_model_summary, self._handle)

    def __repr__(self) -> str:
        inputs = ", ".join(map(str, self.input_shapes))
        outputs = ", ".join(map(str, self.output_shapes))
        return f"<{type(self).__name__} {inputs} to {outputs}, {self.parameter_count} parameters>"

    def save_checkpoint(self, path: Path) -> None:
        """Writes the model with its training state: ``cr.load_checkpoint`` and ``fit(..., resume=True)``
        then go on, to the same bits as without the pause."""
        self._require_library_loss("save_checkpoint")
        check_file(lib.chainrule_trainer_save(self._trainer, file_name(path)), path, folder_of(path))

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = {
            "seed": self.seed,
            "compiled": None,
            "history": self.history,
            "attributes": {name: value for name, value in self.__dict__.items() if name in self._own_attributes},
        }
        if self._trainer != NULL:
            state["checkpoint"] = trainer_bytes(self._trainer)
        else:
            state["model"] = self._serialize()
        if self.optimizer is not None:
            state["compiled"] = (self._loss, self.optimizer, self.metrics)
            state["schedule"] = self._schedule
        if self._custom is not None:
            state["shuffling"] = (self._custom.seed, self._custom.epochs_done)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        trainer = None
        if "checkpoint" in state:
            handle, trainer = trainer_from_bytes(state["checkpoint"])
        else:
            handle = deserialize(state["model"])
        self._adopt(handle, state["seed"])
        self.__dict__.update(state["attributes"])
        self.history = state["history"]
        if trainer is not None:
            self._adopt_trainer(trainer, *state["compiled"])
            self._schedule = state["schedule"]
        elif state["compiled"] is not None:
            self.compile(*state["compiled"])
        if self._custom is not None:
            self._custom.seed, self._custom.epochs_done = state["shuffling"]


def load(path: Path) -> Model:
    """A model from a file that ``model.save`` (or C's chainrule_model_save) wrote."""
    model = Model.__new__(Model)
    model._adopt(load_model(path), int(metadata(path).get("chainrule_seed", 0)))
    return model


def load_checkpoint(path: Path) -> Model:
    """A compiled model with its training state, from a file that ``model.save_checkpoint`` (or C's
    chainrule_trainer_save) wrote."""
    handle, trainer = load_trainer(path)
    texts = metadata(path)
    model = Model.__new__(Model)
    model._adopt(handle, int(texts.get("chainrule_seed", 0)))
    names = ("chainrule_loss", "chainrule_optimizer", "chainrule_metrics")
    model._adopt_trainer(trainer, *(texts.get(name, "") for name in names))
    return model
