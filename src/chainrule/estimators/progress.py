"""When to stop: scikit-learn's rule about epochs without improvement."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.training import EpochRecord

__all__ = ["Progress"]

_SMALLEST_RATE = 1e-6


class Progress:
    """A callback that prints, counts epochs without improvement, and stops.

    With ``learning_rate="adaptive"`` it asks for a rate five times smaller instead of stopping,
    until that is at most 1e-6.

    Parameters
    ----------
    settings : estimator
    has_validation : bool
        Whether the validation score counts, rather than the training loss.
    """

    def __init__(self, settings: Any, has_validation: bool) -> None:
        self._settings = settings
        self._by_score = has_validation
        self._best = np.inf
        self._without_improvement = 0
        self._rate = float(settings.learning_rate_init)
        self._new_rate: float | None = None

    def __call__(self, record: EpochRecord) -> bool:
        """Take in an epoch, and return whether training is over."""
        if self._settings.verbose:
            print(f"Iteration {record.epoch}, loss = {record.train_loss + record.penalty:.8f}")
        value = record.train_loss + record.penalty
        if record.val_loss is not None:
            score = -record.val_loss if record.val_score is None else record.val_score
            if self._settings.verbose:
                print(f"Validation score: {score:f}")
            value = -score if self._by_score else value
        improves = value <= self._best - self._settings.tol
        self._without_improvement = 0 if improves else self._without_improvement + 1
        self._best = min(self._best, value)
        if self._without_improvement <= self._settings.n_iter_no_change:
            return False
        self._without_improvement = 0
        return self._stops()

    def new_rate(self) -> float | None:
        """Return the learning rate to go on with, or None to change nothing."""
        rate, self._new_rate = self._new_rate, None
        return rate

    def _stops(self) -> bool:
        settings = self._settings
        what = "Validation score" if self._by_score else "Training loss"
        message = (
            f"{what} did not improve more than tol={settings.tol:f} for "
            f"{settings.n_iter_no_change} consecutive epochs."
        )
        adapts = settings.solver == "sgd" and settings.learning_rate == "adaptive"
        if not adapts:
            ending = " Stopping."
        elif self._rate <= _SMALLEST_RATE:
            ending = " Learning rate too small. Stopping."
        else:
            self._rate /= 5.0
            self._new_rate = self._rate
            ending = f" Setting learning rate to {self._rate:f}"
        if settings.verbose:
            print(message + ending)
        return self._new_rate is None
