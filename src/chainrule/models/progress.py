"""When to stop: scikit-learn's rule about epochs without improvement."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.training import EpochRecord

__all__ = ["Patience", "Progress"]

_SMALLEST_RATE = 1e-6


class Patience:
    """Counts how often in a row a value, the lower the better, was not lower by enough.

    Parameters
    ----------
    tol : float
        How much lower than the lowest so far counts as an improvement.
    limit : float
        How many times in a row without one are borne.
    """

    def __init__(self, tol: float, limit: float) -> None:
        self._tol = tol
        self._limit = limit
        self._lowest = np.inf
        self._without_improvement = 0

    def to_spare(self) -> float:
        """Return how many values are taken in before one can be too many."""
        return self._limit - self._without_improvement

    def is_exhausted_by(self, value: float) -> bool:
        """Take in a value, and return whether it is one too many; then the count begins anew."""
        improves = value <= self._lowest - self._tol
        self._without_improvement = 0 if improves else self._without_improvement + 1
        self._lowest = min(self._lowest, value)
        if self._without_improvement <= self._limit:
            return False
        self._without_improvement = 0
        return True

    def get_state(self) -> tuple[float, float, float, int]:
        """Return what it counts by, and what it has counted."""
        return self._tol, self._limit, self._lowest, self._without_improvement

    def set_state(self, state: tuple[float, float, float, int]) -> None:
        """Go on from a state."""
        self._tol, self._limit, self._lowest, self._without_improvement = state


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
        self._adapts = settings.solver == "sgd" and settings.learning_rate == "adaptive"
        self._patience = Patience(settings.tol, settings.n_iter_no_change)
        self._rate = float(settings.learning_rate_init)
        self._new_rate: float | None = None
        self._is_over = False

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
        self._is_over = self._patience.is_exhausted_by(value) and self._stops()
        return self._is_over

    def epochs_to_spare(self) -> float:
        """Return how many epochs may pass before it could stop the run."""
        return self._patience.to_spare()

    def explained(self, message: str) -> str:
        """Return the message of a run, with the reason if it was stopped here."""
        if not self._is_over:
            return message
        what = "validation score" if self._by_score else "training loss"
        early = f"Stopped, as the {what} no longer improved,"
        return message.replace("Stopped by a callback", early)

    def get_state(self) -> Any:
        """Return what a checkpoint has to keep of it."""
        own = self._by_score, self._adapts, self._rate, self._new_rate, self._is_over
        return *own, self._patience.get_state()

    def set_state(self, state: Any) -> None:
        """Go on from what a checkpoint has kept."""
        *own, patience = state
        self._by_score, self._adapts, self._rate, self._new_rate, self._is_over = own
        self._patience.set_state(patience)

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
        if not self._adapts:
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
