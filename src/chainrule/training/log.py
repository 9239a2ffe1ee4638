"""The log of a training run: what every epoch left, and which epoch was the best."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from chainrule.optim import Chain, Optimizer, Schedule
from chainrule.training.epoch import parts
from chainrule.training.result import EpochRecord, History

__all__ = ["Best", "Callback", "Log", "learning_rate"]

Callback: TypeAlias = Callable[[EpochRecord], bool | None]
"""Called after every epoch; training stops when it returns True.

One that remembers something from epoch to epoch may be an object with ``get_state()``, which
returns it as plain data or arrays, and ``set_state(state)``, so that `Checkpoint` can keep it.
"""


class Best(NamedTuple):
    """The best epoch so far and the model after it.

    ``rank`` is the loss, with a score in front that is the better the lower it is.
    """

    rank: tuple[float, ...]
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
        self.best = Best((np.inf,), 0, model)
        self._layers = tuple(parts(model))
        self._callbacks = callbacks
        self.start_clock()

    def add(
        self,
        *,
        model: Any,
        train_loss: Any,
        penalty: Any,
        val_loss: Any | None,
        val_score: Any | None,
        learning_rate: float,
        gradient_norms: npt.NDArray[Any] | None,
        update_norms: npt.NDArray[Any],
    ) -> bool:
        """Record an epoch, and return whether a callback asks to stop."""
        train_loss = float(train_loss)
        val_loss = None if val_loss is None else float(val_loss)
        score = None if val_score is None else float(val_score)
        # The best are those for unseen samples, or else for what is minimized.
        monitored = train_loss + float(penalty) if val_loss is None else val_loss
        rank = (monitored,) if score is None else (-score, monitored)
        is_best = rank < self.best.rank or not self.records
        if is_best:
            self.best = Best(rank, len(self.records) + 1, model)
        now = time.perf_counter()
        record = EpochRecord(
            epoch=len(self.records) + 1,
            train_loss=train_loss,
            val_loss=val_loss,
            is_best=is_best,
            seconds=now - self._clock,
            model=model,
            val_score=score,
            learning_rate=learning_rate,
            penalty=float(penalty),
            gradient_norms=(
                np.full(len(self._layers), np.nan) if gradient_norms is None else gradient_norms
            ),
            update_norms=update_norms,
        )
        # The models of all epochs would take much memory.
        self.records.append(record._replace(model=None))
        answers = [callback(record) for callback in self._callbacks]
        self.start_clock()
        return any(answers)

    def restore(self, records: Sequence[EpochRecord], best: Best) -> None:
        """Put the records of epochs in place that were recorded before."""
        self.records = list(records)
        self.best = best

    def start_clock(self) -> None:
        """Count the time of the next epoch from now on."""
        self._clock = time.perf_counter()

    def history(self) -> History:
        """Return the records as columns."""
        return History.from_records(self.records, self._layers)

    def kept(self) -> str:
        """Return, in words, which weights are kept."""
        if not self.best.epoch:
            return "the initial weights are kept, no epoch having ended"
        *scores, loss = self.best.rank
        which = "validation loss"
        if self.records[0].val_loss is None:
            penalized = self.records[self.best.epoch - 1].penalty > 0.0
            which = "training loss with penalties" if penalized else "training loss"
        why = f"{which} {loss:.4g}, the lowest"
        if scores:
            why = f"validation score {-scores[0]:.4g}, the highest"
        return f"the weights of epoch {self.best.epoch} are kept ({why})"


def learning_rate(optimizer: Optimizer, state: Any) -> float:
    """Return the rate of the step that an optimizer in this state would make next."""
    if isinstance(optimizer, Chain):
        return learning_rate(optimizer.optimizer, state[-1])
    inner = getattr(optimizer, "optimizer", None)
    if inner is not None:
        return learning_rate(inner, state)
    rate = getattr(optimizer, "learning_rate", np.nan)
    return float(rate(state) if isinstance(rate, Schedule) else rate)
