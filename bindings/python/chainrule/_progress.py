"""What fit shows: a bar (tqdm, when installed) or one line for each epoch."""

from __future__ import annotations

import sys
import time
from typing import Any


class Silent:
    """verbose=0."""

    watches_batches = False

    def batch(self, epoch: int, epochs: int, batch: int, batches: int, loss: float) -> None:
        """After each batch, where watches_batches says so."""

    def epoch(self, epoch: int, epochs: int, logs: dict[str, float]) -> None:
        """After each epoch."""

    def close(self) -> None:
        """After the training, whatever ended it."""


class Lines(Silent):
    """One line for each epoch: the epoch, every series, and the seconds it took."""

    def __init__(self) -> None:
        self._began = time.perf_counter()

    def epoch(self, epoch: int, epochs: int, logs: dict[str, float]) -> None:
        now = time.perf_counter()
        values = "  ".join(f"{name} {value:.4f}" for name, value in logs.items())
        print(f"epoch {epoch + 1}/{epochs}  {values}  {now - self._began:.2f} s", flush=True)
        self._began = now


class Bar(Silent):
    """A bar that counts epochs, and parts of them where the batches are worth watching."""

    def __init__(self, tqdm: Any, epochs: int, watches_batches: bool) -> None:
        self.watches_batches = watches_batches
        self._bar = tqdm(total=epochs, unit="epoch", file=sys.stderr, dynamic_ncols=True)
        self._drawn = time.perf_counter()

    def _draw(self, done: float) -> None:
        now = time.perf_counter()
        if now - self._drawn > 0.1:
            self._bar.n = done
            self._bar.refresh()
            self._drawn = now

    def batch(self, epoch: int, epochs: int, batch: int, batches: int, loss: float) -> None:
        self._draw(round(epoch + (batch + 1) / batches, 2))

    def epoch(self, epoch: int, epochs: int, logs: dict[str, float]) -> None:
        self._bar.set_postfix({name: f"{value:.4f}" for name, value in logs.items()}, refresh=False)
        self._draw(epoch + 1)
        self._bar.n = epoch + 1

    def close(self) -> None:
        self._bar.refresh()
        self._bar.close()


def make_progress(verbose: int, epochs: int, batch_work: float) -> Silent:
    """verbose 0: nothing; 1: a bar, or lines without tqdm; 2: lines. ``batch_work`` is the number of
    multiplications in a batch: a callback after each costs half a microsecond, so small ones have none."""
    if not verbose:
        return Silent()
    if verbose == 1:
        try:
            from tqdm.auto import tqdm
        except ImportError:
            return Lines()
        return Bar(tqdm, epochs, batch_work > 1e6)
    return Lines()
