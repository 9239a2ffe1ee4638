"""What training reports: one record per epoch while it runs, and the result at its end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from chainrule.training.epoch import TrainingState

__all__ = ["EpochRecord", "FitResult", "History", "Stopped"]

Stopped: TypeAlias = Literal["completed", "converged", "callback", "interrupted", "diverged"]


class EpochRecord(NamedTuple):
    """What a callback is told after every epoch.

    Attributes
    ----------
    epoch : int
        From 1.
    train_loss : float
        Of all training samples, in evaluation mode, with the weights after the epoch; with
        ``training_loss="running"``, the mean over the batches while the epoch lasted.
    val_loss : float or None
        The same of the validation samples, if there are any.
    is_best : bool
        Whether this epoch is the best so far, see `FitResult`.
    seconds : float
        Time the epoch took, evaluation included; of epochs that are run together, each has its
        equal share.
    model : pytree or None
        The model after the epoch. None if all callbacks do without, see `Callback`.
    val_score : float or None
        Of the validation samples, if there is a score.
    learning_rate : float
        Of the epoch's last step; NaN for an optimizer that has none.
    gradient_norms : ndarray of shape (n_parts,)
        Length of the gradient in each layer with parameters: the root mean square over the
        epoch's steps; for a method that uses curvature, that which the iteration began with. NaN
        for rules that have none.
    update_norms : ndarray of shape (n_parts,)
        How far the epoch has moved the parameters of each layer.
    penalty : float
        Of the layers (see `chainrule.nn.penalty`), with the weights that ``train_loss`` is of.
    """

    epoch: int
    train_loss: float
    val_loss: float | None
    is_best: bool
    seconds: float
    model: Any
    val_score: float | None
    learning_rate: float
    gradient_norms: npt.NDArray[Any]
    update_norms: npt.NDArray[Any]
    penalty: float


@dataclass(frozen=True)
class History:
    """What was measured epoch by epoch, as columns of equal length.

    Both losses are computed alike: by the same function, in evaluation mode, over all samples of
    their part, with the weights the epoch ended with, and without any penalty. (The average over
    the mini-batches of an epoch, which other libraries record as training loss and this one with
    ``training_loss="running"``, lags behind and cannot be compared with a validation loss.)

    Attributes
    ----------
    epoch : ndarray of int of shape (n_epochs,)
        1, 2, 3, ...
    train_loss : ndarray of shape (n_epochs,)
    val_loss : ndarray of shape (n_epochs,) or None
        None without validation data.
    seconds : ndarray of shape (n_epochs,)
        Time each epoch took; the first includes compiling.
    val_score : ndarray of shape (n_epochs,) or None
        None without validation data or score.
    learning_rate : ndarray of shape (n_epochs,)
    layers : tuple of str
        The layers that have parameters, such as ``"layer 1"``.
    gradient_norm, update_norm : ndarray of shape (n_epochs, n_layers)
        See `EpochRecord`.
    penalty : ndarray of shape (n_epochs,)

    Examples
    --------
    >>> history = History.from_records([], ("layer 1",))
    >>> list(history.columns())
    ['epoch', 'train_loss', 'penalty', 'learning_rate', 'seconds', 'gradient_norm of layer 1',
    'update_norm of layer 1']
    """

    epoch: npt.NDArray[np.int64]
    train_loss: npt.NDArray[np.float64]
    val_loss: npt.NDArray[np.float64] | None
    seconds: npt.NDArray[np.float64]
    val_score: npt.NDArray[np.float64] | None
    learning_rate: npt.NDArray[np.float64]
    layers: tuple[str, ...]
    gradient_norm: npt.NDArray[np.float64]
    update_norm: npt.NDArray[np.float64]
    penalty: npt.NDArray[np.float64]

    @classmethod
    def from_records(cls, records: Sequence[EpochRecord], layers: tuple[str, ...]) -> History:
        """Turn one record per epoch into columns."""

        def column(name: str) -> npt.NDArray[np.float64]:
            return np.array([getattr(record, name) for record in records], np.float64)

        def column_if_any(name: str) -> npt.NDArray[np.float64] | None:
            known = bool(records) and getattr(records[0], name) is not None
            return column(name) if known else None

        return cls(
            epoch=np.array([record.epoch for record in records], np.int64),
            train_loss=column("train_loss"),
            val_loss=column_if_any("val_loss"),
            seconds=column("seconds"),
            val_score=column_if_any("val_score"),
            learning_rate=column("learning_rate"),
            layers=layers,
            gradient_norm=column("gradient_norms").reshape(-1, len(layers)),
            update_norm=column("update_norms").reshape(-1, len(layers)),
            penalty=column("penalty"),
        )

    def columns(self) -> dict[str, npt.NDArray[Any]]:
        """Return the columns by name, those of layers one by one: a table for any data frame."""
        found: dict[str, Any] = {
            "epoch": self.epoch,
            "train_loss": self.train_loss,
            "val_loss": self.val_loss,
            "val_score": self.val_score,
            "penalty": self.penalty,
            "learning_rate": self.learning_rate,
            "seconds": self.seconds,
        }
        for name in ("gradient_norm", "update_norm"):
            norms = getattr(self, name)
            found |= {f"{name} of {layer}": norms[:, i] for i, layer in enumerate(self.layers)}
        return {name: values for name, values in found.items() if values is not None}

    def __len__(self) -> int:
        return len(self.epoch)


@dataclass(frozen=True)
class FitResult:
    """What `chainrule.training.fit` returns.

    Attributes
    ----------
    model : pytree
        The model with the best weights: those after the epoch of lowest validation loss, or
        without validation data of lowest training loss with the penalties of the layers. With a
        score, those after the epoch of the highest, and among equals of the lowest loss. With
        ``restore_best=False`` the last. The initial ones if no epoch ended.
    history : History
        Of the epochs that ended with finite losses.
    stopped : {"completed", "converged", "callback", "interrupted", "diverged"}
        Why training ended: all epochs done, at a minimum as nearly as the tolerance asks or the
        numbers allow (methods that use curvature), asked to by a callback, Ctrl-C, or numbers that
        were no longer finite.
    message : str
        The same in words, with the epoch whose weights are kept, and for a run that diverged the
        epoch, the batch and the layer where it began and what to try.
    best_epoch : int
        The epoch of ``model``; 0 for the weights it came with.
    last : TrainingState
        The state after the last epoch that ended with finite losses, from which training could
        go on. ``last.model`` has the last finite weights.
    n_evaluations : int or None
        Of the cost and its gradient, by a method that uses curvature.
    """

    model: Any
    history: History
    stopped: Stopped
    message: str
    best_epoch: int
    last: TrainingState
    n_evaluations: int | None = None
