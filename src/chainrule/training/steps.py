"""Training by the steps of an optimizer: one compiled call per epoch.

Between two calls Python does what must not be compiled: it tells the log, and notices Ctrl-C and
numbers that are no longer finite.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.optim import Optimizer
from chainrule.training.checkpoint import Keeper
from chainrule.training.divergence import find_cause
from chainrule.training.epoch import TrainingState, run_compiled_epoch
from chainrule.training.log import Log, learning_rate
from chainrule.training.result import EpochRecord, Stopped
from chainrule.training.task import Task

__all__ = ["take_steps"]


def take_steps(
    task: Task,
    state: TrainingState,
    optimizer: Optimizer,
    batch_size: int,
    epochs: int,
    adjust: Callable[[EpochRecord, Any], Any] | None,
    log: Log,
    keeper: Keeper,
) -> tuple[TrainingState, Stopped, str]:
    """Return the state after the last finite epoch, and why training stopped."""
    state, optimizer = keeper.start((state, optimizer))
    if keeper.ending is not None:
        return state, *keeper.ending
    loss, train, validation, shuffle, score = task

    def ended(stopped: Stopped, why: str) -> tuple[TrainingState, Stopped, str]:
        keeper.finish((state, optimizer), stopped, why)
        return state, stopped, why

    try:
        for epoch in range(len(log.records) + 1, epochs + 1):
            # What overflows is reported below, with its place, instead of as a warning.
            with np.errstate(all="ignore"):
                outcome = run_compiled_epoch(
                    loss, batch_size, state, optimizer, train, validation, shuffle, score
                )
                if not outcome.finite:
                    cause = find_cause(
                        loss, batch_size, state, optimizer, train, validation, shuffle
                    )
                    return ended("diverged", f"diverged in epoch {epoch}: {cause}")
            state = outcome.state
            asks_to_stop = log.add(
                model=state.model,
                train_loss=outcome.train_loss,
                penalty=outcome.penalty,
                val_loss=outcome.val_loss,
                val_score=outcome.val_score,
                learning_rate=learning_rate(optimizer, state.optimizer_state),
                gradient_norms=outcome.gradient_norms,
                update_norms=outcome.update_norms,
            )
            if asks_to_stop:
                return ended("callback", f"stopped by a callback after epoch {epoch}")
            if adjust is not None:
                optimizer = adjust(log.records[-1], optimizer)
            keeper.note((state, optimizer))
    except KeyboardInterrupt:
        return ended("interrupted", f"interrupted after {len(log.records)} of {epochs} epochs")
    return ended("completed", f"all {epochs} epochs done")
