"""What decides which of the epochs of a run is the best."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from chainrule.frontend import asarray
from chainrule.training.epoch import Measures

__all__ = ["Rank"]


class Rank(NamedTuple):
    """What epochs are ordered by, the best first.

    Attributes
    ----------
    badness : float
        Minus the validation score, 0 if there is none.
    loss : float
        Of the validation samples, or else of the training samples with penalties.
    """

    badness: Any
    loss: Any

    @classmethod
    def worst(cls) -> Rank:
        """Return that of no epoch."""
        return cls(np.inf, np.inf)

    @classmethod
    def of(cls, measures: Measures) -> Rank:
        """Return that of an epoch."""
        score, loss = measures.val_score, measures.val_loss
        badness = 0.0 if score is None else -_in_float64(score)
        if loss is not None:
            return cls(badness, _in_float64(loss))
        return cls(badness, _in_float64(measures.train_loss) + _in_float64(measures.penalty))

    def is_ahead_of(self, other: Rank) -> Any:
        """Return whether an epoch is better than the best so far, or the first."""
        ahead = np.logical_or(self.badness < other.badness, np.isinf(other.loss))
        tied = np.logical_and(self.badness == other.badness, self.loss < other.loss)
        return np.logical_or(ahead, tied)


def _in_float64(value: Any) -> Any:
    # As Python adds and compares what is recorded, in whatever dtype it was computed.
    return asarray(value).astype(np.float64)
