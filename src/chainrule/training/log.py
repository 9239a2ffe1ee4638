"""The log of a training run: what every epoch left, and which epoch was the best."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

from chainrule.training.epoch import Measures, parts
from chainrule.training.rank import Rank
from chainrule.training.result import EpochRecord, History

__all__ = ["Best", "Callback", "Log"]

Callback: TypeAlias = Callable[[EpochRecord], bool | None]
"""Called after every epoch; training stops when it returns True.

One that remembers something from epoch to epoch may be an object with ``get_state()``, which
returns it as plain data or arrays, and ``set_state(state)``, so that `Checkpoint` can keep it. One
that can do without the model may have a method ``epochs_to_spare()``, which returns how many epochs
may pass before it could stop the run (0 if the next may be the last, `math.inf` if it never does).
If all have it, epochs that take less than a few milliseconds are run some at a time, and told of
afterwards, with None for the model.
"""


class Best(NamedTuple):
    """The best epoch so far and the model after it."""

    rank: Rank
    epoch: int
    model: Any


class Log:
    """Collects what epochs leave, and tells the callbacks.

    Parameters
    ----------
    model : pytree
        The model before the first epoch.
    callbacks : sequence of callable
    """

    def __init__(self, model: Any, callbacks: Sequence[Callback]) -> None:
        self.records: list[EpochRecord] = []
        self.best = Best(Rank.worst(), 0, model)
        self._layers = tuple(parts(model))
        self._callbacks = callbacks
        self.start_clock()

    def add(self, measures: Measures, model: Any, seconds: float) -> bool:
        """Record an epoch, and return whether a callback asks to stop.

        Parameters
        ----------
        measures : Measures
            Python's own numbers, and arrays.
        model : pytree or None
            After the epoch; None if the callbacks do without, and `keep` is told.
        seconds : float
            That the epoch took.
        """
        train_loss, penalty, val_loss, score, rate, gradient_norms, update_norms = measures
        # The best are those for unseen samples, or else for what is minimized.
        monitored = train_loss + penalty if val_loss is None else val_loss
        rank = Rank(0.0 if score is None else -score, monitored)
        is_best = rank < self.best.rank or not self.records
        if is_best:
            self.best = Best(rank, len(self.records) + 1, model)
        record = EpochRecord(
            len(self.records) + 1,
            train_loss,
            val_loss,
            is_best,
            seconds,
            model,
            score,
            rate,
            gradient_norms,
            update_norms,
            penalty,
        )
        # The models of all epochs would take much memory.
        self.records.append(record if model is None else record._replace(model=None))
        stops = False
        for callback in self._callbacks:
            stops = bool(callback(record)) or stops
        return stops

    def epochs_to_spare(self) -> float | None:
        """Return how many epochs may pass before a stop, or None if a callback waits for models."""
        answers = [getattr(callback, "epochs_to_spare", None) for callback in self._callbacks]
        if None in answers:
            return None
        return min((answer() for answer in answers if answer is not None), default=math.inf)

    def keep(self, model: Any) -> None:
        """Take in the model of the best epoch."""
        self.best = self.best._replace(model=model)

    def restore(self, records: Sequence[EpochRecord], best: Best) -> None:
        """Put the records of epochs in place that were recorded before."""
        self.records = list(records)
        self.best = best

    def start_clock(self) -> None:
        """Count time from now on."""
        self._clock = time.perf_counter()

    def lap(self) -> float:
        """Return the time since the clock was started, and start it again."""
        began, self._clock = self._clock, time.perf_counter()
        return self._clock - began

    def history(self) -> History:
        """Return the records as columns."""
        return History.from_records(self.records, self._layers)

    def kept(self) -> str:
        """Return, in words, which weights are kept."""
        if not self.best.epoch:
            return "the initial weights are kept, no epoch having ended"
        badness, loss = self.best.rank
        which = "validation loss"
        if self.records[0].val_loss is None:
            penalized = self.records[self.best.epoch - 1].penalty > 0.0
            which = "training loss with penalties" if penalized else "training loss"
        why = f"{which} {loss:.4g}, the lowest"
        if self.records[0].val_score is not None:
            why = f"validation score {-badness:.4g}, the highest"
        return f"the weights of epoch {self.best.epoch} are kept ({why})"
