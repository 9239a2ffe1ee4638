"""How far a search is: cells done, the best so far, and how long the rest may take."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from chainrule.search.cells import Outcome

__all__ = ["Progress", "ProgressCallback", "Tracker", "printed"]

_INTERVAL = {True: 0.1, False: 5.0}
"""Seconds between two lines, on a terminal, where they replace each other, and elsewhere."""


@dataclass(frozen=True)
class Progress:
    """What a callback is told after every cell.

    Attributes
    ----------
    done, total : int
        Cells. In a Bayesian search the total is that of all rounds.
    diverged, failed : int
        Of those done.
    best_score : float or None
        The highest mean score of a candidate whose cells are all done.
    best_params : dict or None
    seconds : float
        Since the search began.
    seconds_left : float
        At the speed so far; NaN before the first cell.
    """

    done: int
    total: int
    diverged: int
    failed: int
    best_score: float | None
    best_params: dict[str, Any] | None
    seconds: float
    seconds_left: float

    def __str__(self) -> str:
        parts = [f"{self.done}/{self.total} fits"]
        if self.diverged:
            parts.append(f"{self.diverged} diverged")
        if self.failed:
            parts.append(f"{self.failed} failed")
        if self.best_params is not None:
            shown = ", ".join(f"{name}={_text(v)}" for name, v in self.best_params.items())
            parts.append(f"best {self.best_score:.4f} ({shown})")
        if self.done < self.total:
            left = "?" if np.isnan(self.seconds_left) else _duration(self.seconds_left)
            parts.append(f"{left} left")
        else:
            parts.append(f"{_duration(self.seconds)} in all")
        return ", ".join(parts)


ProgressCallback: TypeAlias = Callable[[Progress], None]


class Tracker:
    """Counts cells, and tells callbacks.

    Parameters
    ----------
    total : int
        Cells of the whole search.
    callbacks : list of callable
    """

    def __init__(self, total: int, callbacks: list[ProgressCallback]) -> None:
        self._total = total
        self._callbacks = callbacks
        self._counts = {"done": 0, "diverged": 0, "failed": 0}
        self._best: tuple[float, dict[str, Any]] | None = None
        self._began = time.perf_counter()
        self._remembered = 0

    def add(self, outcome: Outcome, remembered: bool) -> None:
        """Count a cell; one that a store remembered says nothing about the speed."""
        self._counts[outcome.status] += 1
        self._remembered += remembered

    def candidate(self, params: dict[str, Any], mean: float) -> None:
        """Take in the mean score of a candidate whose cells are done."""
        if np.isfinite(mean) and (self._best is None or mean > self._best[0]):
            self._best = mean, params

    def tell(self) -> None:
        """Tell the callbacks."""
        if not self._callbacks:
            return
        done = sum(self._counts.values())
        seconds, new = time.perf_counter() - self._began, done - self._remembered
        best_score, best_params = (None, None) if self._best is None else self._best
        progress = Progress(
            done,
            max(self._total, done),
            self._counts["diverged"],
            self._counts["failed"],
            best_score,
            best_params,
            seconds,
            seconds / new * (self._total - done) if new else float("nan"),
        )
        for callback in self._callbacks:
            callback(progress)


def printed() -> ProgressCallback:
    """Return a callback that prints a line to standard error, now and then and at the end."""
    on_terminal = sys.stderr.isatty()
    latest = -np.inf

    def show(progress: Progress) -> None:
        nonlocal latest
        ends = progress.done == progress.total
        if not ends and progress.seconds - latest < _INTERVAL[on_terminal]:
            return
        latest = progress.seconds
        if on_terminal:
            sys.stderr.write(f"\r{progress}\033[K" + ("\n" if ends else ""))
        else:
            sys.stderr.write(f"{progress}\n")
        sys.stderr.flush()

    return show


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
