"""What training reports: one record per epoch while it runs, and the result at its end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from chainrule.training.epoch import TrainingState

__all__ = ["EpochRecord", "FitResult", "History", "Stopped"]

Stopped: TypeAlias = Literal["completed", "callback", "interrupted", "diverged"]


class EpochRecord(NamedTuple):
    """What a callback is told after every epoch.

    Attributes
    ----------
    epoch : int
        From 1.
    train_loss : float
        Of all training samples, in evaluation mode, with the weights after the epoch.
    val_loss : float or None
        The same of the validation samples, if there are any.
    is_best : bool
        Whether this epoch has the lowest loss so far.
    seconds : float
        Time the epoch took, evaluation included.
    model : pytree
        The model after the epoch.
    """

    epoch: int
    train_loss: float
    val_loss: float | None
    is_best: bool
    seconds: float
    model: Any


@dataclass(frozen=True)
class History:
    """The losses epoch by epoch, as columns of equal length.

    Both losses are computed alike: by the same function, in evaluation mode, over all samples of
    their part, with the weights the epoch ended with, and without any penalty. (The average over
    the mini-batches of an epoch, which other libraries record as training loss, lags behind
    and cannot be compared with a validation loss.)

    Attributes
    ----------
    epoch : ndarray of int of shape (n_epochs,)
        1, 2, 3, ...
    train_loss : ndarray of shape (n_epochs,)
    val_loss : ndarray of shape (n_epochs,) or None
        None without validation data.
    seconds : ndarray of shape (n_epochs,)
        Time each epoch took; the first includes compiling.
    """

    epoch: npt.NDArray[np.int64]
    train_loss: npt.NDArray[np.float64]
    val_loss: npt.NDArray[np.float64] | None
    seconds: npt.NDArray[np.float64]

    @classmethod
    def from_rows(cls, rows: Sequence[tuple[int, float, float | None, float]]) -> History:
        """Turn one row per epoch, the fields in their order, into columns."""
        epoch, train_loss, val_loss, seconds = zip(*rows, strict=True) if rows else ((),) * 4
        return cls(
            epoch=np.array(epoch, dtype=np.int64),
            train_loss=np.array(train_loss, dtype=np.float64),
            val_loss=None if None in val_loss else np.array(val_loss, dtype=np.float64),
            seconds=np.array(seconds, dtype=np.float64),
        )

    def __len__(self) -> int:
        return len(self.epoch)


@dataclass(frozen=True)
class FitResult:
    """What `chainrule.training.fit` returns.

    Attributes
    ----------
    model : pytree
        The model with the best weights: those after the epoch of lowest validation loss, or of
        lowest training loss without validation data; the ones it came with if no epoch ended.
    history : History
        Of the epochs that ended with finite losses.
    stopped : {"completed", "callback", "interrupted", "diverged"}
        Why training ended: all epochs done, asked to by a callback, Ctrl-C, or numbers that were
        no longer finite.
    message : str
        The same in words, with the epoch whose weights are kept, and for a run that diverged the
        epoch, the batch and the layer where it began and what to try.
    best_epoch : int
        The epoch of ``model``; 0 for the weights it came with.
    last : TrainingState
        The state after the last epoch that ended with finite losses, from which training could
        go on. ``last.model`` has the last finite weights.
    """

    model: Any
    history: History
    stopped: Stopped
    message: str
    best_epoch: int
    last: TrainingState
