"""What fit recorded, and the picture of it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Optional, Union

from ._errors import check
from ._library import NULL, ffi, lib


class History(Mapping[str, "list[float]"]):
    """One number for each epoch and series: ``history["val_loss"]`` is a list.

    ``stop_reason`` says why the training ended: "completed", "early_stopping", "callback" or
    "interrupted" (Ctrl-C). ``best_epoch`` counts from 0; None before the first epoch's end.
    """

    def __init__(
        self, series: Mapping[str, Sequence[float]], stop_reason: str = "completed", best_epoch: Optional[int] = None
    ) -> None:
        self._series = {name: list(values) for name, values in series.items()}
        self.stop_reason = stop_reason
        self.best_epoch = best_epoch

    def __getitem__(self, name: str) -> list[float]:
        try:
            return self._series[name]
        except KeyError:
            raise KeyError(f"{name!r}; the history has {', '.join(self._series) or 'nothing'}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._series)

    def __len__(self) -> int:
        return len(self._series)

    def append(self, values: Mapping[str, float]) -> None:
        """Adds an epoch."""
        for name, value in values.items():
            self._series.setdefault(name, []).append(float(value))

    @property
    def epochs(self) -> int:
        """How many epochs were finished."""
        return max(map(len, self._series.values()), default=0)

    def __repr__(self) -> str:
        last = ", ".join(f"{name}={values[-1]:.4g}" for name, values in self._series.items() if values)
        return f"History({self.epochs} epochs, {self.stop_reason}; {last})"

    def plot(self, path: Union[str, os.PathLike[str], None] = None, title: str = "") -> Any:
        """Draws the curves, the loss above and each metric below it, training and validation together,
        and writes them to ``path`` (the ending says as what). Returns the matplotlib figure."""
        try:
            from matplotlib.backends.backend_agg import FigureCanvasAgg
            from matplotlib.figure import Figure
            from matplotlib.ticker import MaxNLocator
        except ImportError as error:
            raise ImportError("history.plot draws with matplotlib: pip install matplotlib") from error

        panels: dict[str, list[str]] = {}
        for name in self._series:
            panels.setdefault(name[4:] if name.startswith("val_") else name, []).append(name)
        if not panels:
            raise ValueError("there is nothing to plot: no epoch was finished")
        figure = Figure(figsize=(7, 0.6 + 2.9 * len(panels)), layout="constrained")
        FigureCanvasAgg(figure)
        rows = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
        for axes, (metric, names) in zip(rows, panels.items()):
            for name in names:
                values = self._series[name]
                epochs = range(1, len(values) + 1)
                label = "validation" if name.startswith("val_") else "training"
                axes.plot(epochs, values, label=label, marker="o" if len(values) < 30 else None, markersize=3)
            if self.best_epoch is not None and self.stop_reason == "early_stopping":
                axes.axvline(self.best_epoch + 1, color="gray", linestyle=":", label="best epoch")
            axes.set_ylabel(metric)
            axes.grid(alpha=0.3)
            axes.legend()
        rows[-1].set_xlabel("epoch")
        rows[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
        if title:
            figure.suptitle(title)
        if path is not None:
            figure.savefig(path, dpi=150)
        return figure


def read_history(handle: Any, stop_reason: str) -> History:
    """Copies a chainrule_history (NULL: nothing was recorded)."""
    series: dict[str, list[float]] = {}
    best = None
    if handle != NULL:
        count = ffi.new("size_t *")
        check(lib.chainrule_history_epochs(handle, count))
        epochs = count[0]
        values = ffi.new("double[]", max(epochs, 1))
        index = 0
        while True:
            name = lib.chainrule_history_name(handle, index)
            if name == NULL:
                break
            check(lib.chainrule_history_values(handle, name, values, epochs, count))
            series[ffi.string(name).decode()] = list(values[0 : min(count[0], epochs)])
            index += 1
        if epochs:
            check(lib.chainrule_history_best_epoch(handle, count))
            best = int(count[0])
    return History(series, stop_reason, best)
