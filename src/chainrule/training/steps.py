"""Training by the steps of an optimizer: stretches of epochs, each one compiled call.

Between two calls Python does what must not be compiled: it tells the log, and notices Ctrl-C and
numbers that are no longer finite.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.optim import Optimizer
from chainrule.training import interruption
from chainrule.training.checkpoint import Keeper
from chainrule.training.divergence import find_cause
from chainrule.training.epoch import TrainingState
from chainrule.training.log import Log
from chainrule.training.rank import Rank
from chainrule.training.result import EpochRecord, Stopped
from chainrule.training.stretch import LONGEST, Stretch, measures_of, run_compiled_stretch
from chainrule.training.task import Task

__all__ = ["take_steps"]

_SHORT = 0.004
"""Seconds: a call that takes less is worth making longer."""

_LARGEST_SHARE = 0.25
"""A stretch of which some may be for nothing is at most so long in relation to the run so far."""

Adjust = Callable[[EpochRecord, Any], Any]


def take_steps(
    task: Task,
    state: TrainingState,
    optimizer: Optimizer,
    batch_size: int,
    epochs: int,
    adjust: Adjust | None,
    log: Log,
    keeper: Keeper,
) -> tuple[TrainingState, Stopped, str]:
    """Return the state after the last finite epoch, and why training stopped."""
    state, optimizer = keeper.start((state, optimizer))
    if keeper.ending is not None:
        return state, *keeper.ending
    course = _Course(task, state, optimizer, batch_size, log)
    length = 1

    def ended(stopped: Stopped, why: str) -> tuple[TrainingState, Stopped, str]:
        keeper.finish((course.state, course.optimizer), stopped, why)
        return course.state, stopped, why

    try:
        while len(log.records) < epochs:
            interruption.check()
            began, n_done = time.perf_counter(), len(log.records)
            spare = None if keeper.is_at_work else log.epochs_to_spare()
            if spare is None:
                length = 1
            else:
                # The epoch after those to spare may be the last, and is not for nothing either.
                length = int(min(length, max(spare + 1, _LARGEST_SHARE * n_done)))
            asks_to_stop = course.run(min(length, epochs - n_done), adjust)
            took = time.perf_counter() - began
            if course.cause is not None:
                epoch = len(log.records) + 1
                return ended("diverged", f"diverged in epoch {epoch}: {course.cause}")
            if asks_to_stop:
                return ended("callback", f"stopped by a callback after epoch {len(log.records)}")
            keeper.note((course.state, course.optimizer))
            if took < _SHORT:
                length = min(2 * length, LONGEST)
    except KeyboardInterrupt:
        return ended("interrupted", f"interrupted after {len(log.records)} of {epochs} epochs")
    return ended("completed", f"all {epochs} epochs done")


class _Course:
    """A run that takes its course: the state it is in agrees with what the log has.

    Attributes
    ----------
    state : TrainingState
        After the epochs that are in the log.
    optimizer : Optimizer
        Of the next epoch.
    cause : str or None
        What was not finite in the epoch after them.
    """

    def __init__(
        self,
        task: Task,
        state: TrainingState,
        optimizer: Optimizer,
        batch_size: int,
        log: Log,
    ) -> None:
        self.state, self.optimizer = state, optimizer
        self.cause: str | None = None
        self._task, self._batch_size, self._log = task, batch_size, log

    def run(self, n_epochs: int, adjust: Adjust | None) -> bool:
        """Run epochs until they have been as many, or one asks for something to be changed.

        Returns whether a callback asks to stop. If anything is raised, the state is that after the
        last epoch which the callbacks have been told of.
        """
        log, task, before = self._log, self._task, len(self._log.records)
        rank = Rank(*map(np.asarray, log.best.rank))
        log.start_clock()
        stretch = self._stretch(rank, n_epochs)
        n_run = int(stretch.n_epochs)
        seconds = log.lap() / max(1, n_run)
        model = stretch.state.model if n_epochs == 1 else None
        validated, scored = task.validation is not None, task.score is not None
        optimizer, asks_to_stop = self.optimizer, False
        try:
            for measures in measures_of(stretch.table[:n_run], validated, scored):
                asks_to_stop = log.add(measures, model, seconds)
                if adjust is not None:
                    optimizer = adjust(log.records[-1], optimizer)
                if asks_to_stop or optimizer is not self.optimizer:
                    break
        finally:
            n_told = len(log.records) - before
            if n_told < n_epochs:
                # What the stretch has come to lies beyond, or is not finite.
                stretch = self._stretch(rank, n_told) if n_told else stretch
            if n_told:
                self.state = stretch.state
            if log.best.epoch > before:
                log.keep(stretch.best)
        if n_told == n_run < n_epochs and not asks_to_stop:
            self.cause = self._cause()
        self.optimizer = optimizer
        return asks_to_stop

    def _stretch(self, rank: Rank, n_epochs: int) -> Stretch:
        loss, train, validation, shuffle, score, running = self._task
        # What overflows is reported afterwards, with its place, instead of as a warning.
        with np.errstate(all="ignore"):
            return run_compiled_stretch(
                loss,
                self._batch_size,
                shuffle,
                score,
                running,
                self.state,
                self.optimizer,
                train,
                validation,
                rank,
                n_epochs,
            )

    def _cause(self) -> str:
        """Return what is not finite in the epoch that follows."""
        loss, train, validation, shuffle, *_ = self._task
        with np.errstate(all="ignore"):
            return find_cause(
                loss, self._batch_size, self.state, self.optimizer, train, validation, shuffle
            )
