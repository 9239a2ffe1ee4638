"""How training went: what was measured, epoch by epoch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from chainrule._errors import ArgumentTypeError, InvalidArgumentError, ShapeError
from chainrule.plot.display import Display, data_frame, numbered
from chainrule.plot.estimator import fitted_core
from chainrule.plot.palette import GREY, styles
from chainrule.training import FitResult, History

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

__all__ = ["HistoryDisplay"]

QUANTITIES: Mapping[str, str] = {
    "loss": "loss",
    "score": "validation score",
    "learning_rate": "learning rate",
    "gradient_norm": "norm of the gradient",
    "update_norm": "norm of the update",
}
_N_NAMED = 8
"""So many lines are named in the legend; of more, evenly spaced ones."""

_N_DESCRIBED = 5
"""So many curves are described one by one."""

_N_MARKS = 8
"""So many markers, about, are on a line, to tell it from others."""


class HistoryDisplay(Display):
    """Curves over epochs: the losses, or something else that training records.

    Parameters
    ----------
    curves : dict of str to array-like of shape (n_epochs,)
        By name. NaN is a gap.
    epoch : array-like of shape (n_epochs,), optional
        1, 2, 3, ... by default.
    quantity : str, default="loss"
        What the curves are of, for the axis.
    best_epoch : int, optional
        The epoch whose weights are kept.

    Attributes
    ----------
    lines_ : list of matplotlib.lines.Line2D
        One for each curve.
    best_line_ : matplotlib.lines.Line2D or None
        At the best epoch.

    Examples
    --------
    >>> display = HistoryDisplay({"training": [0.9, 0.5, 0.4], "validation": [1.0, 0.7, 0.8]})
    >>> print(display.describe())
    The loss over 3 epochs. training: from 0.9 to 0.4, lowest 0.4 at epoch 3. validation: from 1 to
    0.8, lowest 0.7 at epoch 2. The curves part after epoch 2: until the last epoch, validation
    rises by 14 % and training falls by 20 %.
    """

    def __init__(
        self,
        curves: Mapping[str, Any],
        *,
        epoch: Any = None,
        quantity: str = "loss",
        best_epoch: int | None = None,
    ) -> None:
        self.curves = {name: np.asarray(curve, np.float64) for name, curve in curves.items()}
        lengths = {curve.shape for curve in self.curves.values()}
        n_epochs = len(next(iter(self.curves.values()), ()))
        self.epoch = np.arange(1, n_epochs + 1) if epoch is None else np.asarray(epoch)
        if lengths != {self.epoch.shape} or self.epoch.ndim != 1:
            raise ShapeError(
                "HistoryDisplay: expected curves of one number per epoch, got shapes "
                f"{sorted(lengths)} for epochs of shape {self.epoch.shape}."
            )
        if not any(np.isfinite(curve).any() for curve in self.curves.values()):
            raise InvalidArgumentError(
                f"HistoryDisplay: expected a number of {quantity} for some epoch, got "
                + ("NaN for all." if n_epochs else "no epochs.")
            )
        self.quantity = quantity
        self.best_epoch = best_epoch

    @classmethod
    def from_history(
        cls,
        history: History | FitResult,
        *,
        quantity: str = "loss",
        ax: Axes | None = None,
        log: bool = False,
    ) -> Self:
        """Draw what `chainrule.training.fit` has recorded.

        Parameters
        ----------
        history : History or FitResult
            Of a result, the epoch whose weights it has is marked.
        quantity : {"loss", "score", "learning_rate", "gradient_norm", "update_norm"}
            Losses of training and validation samples, or one of the other columns; norms have a
            curve for each layer.
        ax : Axes, optional
        log : bool, default=False
            Whether the axis is logarithmic.

        Returns
        -------
        HistoryDisplay

        Raises
        ------
        InvalidArgumentError
            If there is no such quantity, or no number of it.
        """
        best_epoch = 0
        if isinstance(history, FitResult):
            best_epoch, history = history.best_epoch, history.history
        if not isinstance(history, History):
            raise ArgumentTypeError(
                "HistoryDisplay.from_history: expected a History or a FitResult, got "
                f"{type(history).__name__}; for an estimator there is from_estimator."
            )
        return cls._of(history, best_epoch, quantity).plot(ax, log=log)

    @classmethod
    def _of(cls, history: History, best_epoch: int, quantity: str) -> Self:
        """Return the display of a quantity; 0 is no epoch."""
        return cls(
            _curves(history, quantity),
            epoch=history.epoch,
            quantity=QUANTITIES[quantity],
            best_epoch=best_epoch or None,
        )

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        quantity: str = "loss",
        ax: Axes | None = None,
        log: bool = False,
    ) -> Self:
        """Draw the history of a fitted estimator, or of the last step of a pipeline.

        Parameters
        ----------
        estimator : estimator
            With ``history_``. The loss of a `Perceptron` is its share of mistakes. Of one with
            ``best_epoch_``, the epoch whose weights it has is marked.
        quantity, ax, log
            As for `from_history`.

        Returns
        -------
        HistoryDisplay

        Raises
        ------
        InvalidArgumentError
            If the estimator has kept no history.
        """
        core = fitted_core(estimator)
        if not hasattr(core, "history_"):
            raise InvalidArgumentError(
                "HistoryDisplay.from_estimator: expected an estimator that keeps a history_ of its "
                f"training, got {type(core).__name__}, which has none."
            )
        best_epoch = getattr(core, "best_epoch_", 0)
        return cls._of(core.history_, best_epoch, quantity).plot(ax, log=log)

    def plot(self, ax: Axes | None = None, *, log: bool = False) -> Self:
        """Draw the curves.

        Parameters
        ----------
        ax : Axes, optional
            Where; a new figure by default.
        log : bool, default=False
            Whether the axis is logarithmic.

        Returns
        -------
        self

        Raises
        ------
        InvalidArgumentError
            If ``log`` is True and a number is not positive.
        """
        lowest = min(np.nanmin(curve) for curve in self.curves.values() if _known(curve).any())
        if log and lowest <= 0.0:
            raise InvalidArgumentError(
                f"HistoryDisplay.plot: log: expected False where the {self.quantity} is not always "
                f"positive, got True with a lowest of {lowest:.4g}."
            )
        from matplotlib.ticker import MaxNLocator

        ax = self._begin(ax)
        named = np.linspace(0, len(self.curves) - 1, min(len(self.curves), _N_NAMED)).round()
        self.lines_: list[Line2D] = []
        for i, (name, curve) in enumerate(self.curves.items()):
            style = styles(len(self.curves))[i]
            (line,) = ax.plot(
                self.epoch,
                curve,
                color=style.color,
                linestyle=style.dashes,
                marker=style.marker,
                markersize=5.0,
                markevery=_marked(curve, i),
                label=name if i in named else f"_{name}",
            )
            self.lines_.append(line)
        self.best_line_: Line2D | None = None
        if self.best_epoch is not None:
            label = f"weights kept: epoch {self.best_epoch}"
            self.best_line_ = ax.axvline(
                self.best_epoch, color=GREY, linewidth=1.2, linestyle=(0, (4, 2)), label=label
            )
        if log:
            ax.set_yscale("log")
        ax.xaxis.set_major_locator(MaxNLocator("auto", integer=True, min_n_ticks=1))
        ax.set(xlabel="epoch", ylabel=self.quantity)
        if len(self.curves) > 1 or self.best_line_ is not None:
            ax.legend(loc="best", framealpha=0.7)
        return self

    def to_frame(self) -> Any:
        """Return a `pandas.DataFrame` with a column ``epoch`` and one for each curve."""
        return data_frame({"epoch": self.epoch, **self.curves})

    def describe(self) -> str:
        """Return where each curve begins, ends and is lowest, and where the losses part."""
        head = f"The {self.quantity} over {numbered(len(self.epoch), 'epoch')}."
        if len(self.curves) <= _N_DESCRIBED:
            parts = [head, *(self._described(name) for name in self.curves)]
        else:
            parts = [head, self._described_together()]
        if list(self.curves) == ["training", "validation"]:
            parts.append(self._parting())
        if self.best_epoch is not None:
            parts.append(f"The weights of epoch {self.best_epoch} are kept.")
        return " ".join(part for part in parts if part)

    def _described(self, name: str) -> str:
        curve = self.curves[name]
        known = np.flatnonzero(_known(curve))
        if not len(known):
            return f"{name}: no number."
        extreme, which = np.nanargmin(curve), "lowest"
        if self.quantity == QUANTITIES["score"]:
            extreme, which = np.nanargmax(curve), "highest"
        text = (
            f"{name}: from {curve[known[0]]:.4g} to {curve[known[-1]]:.4g}, {which} "
            f"{curve[extreme]:.4g} at epoch {self.epoch[extreme]}"
        )
        n_missing = len(curve) - len(known)
        return text + (f" (no number in {numbered(n_missing, 'epoch')})." if n_missing else ".")

    def _described_together(self) -> str:
        """Say which of many curves ends lowest, and which highest."""
        ends = {
            name: curve[_known(curve)][-1]
            for name, curve in self.curves.items()
            if _known(curve).any()
        }
        low, high = min(ends, key=lambda name: ends[name]), max(ends, key=lambda name: ends[name])
        return (
            f"{len(self.curves)} curves: lowest at the end is {low} at {ends[low]:.4g}, highest "
            f"{high} at {ends[high]:.4g}."
        )

    def _parting(self) -> str:
        """Say what becomes of both losses after the lowest of the validation samples."""
        training, validation = self.curves["training"], self.curves["validation"]
        both = np.flatnonzero(_known(training) & _known(validation))
        if len(both) < 2:
            return ""
        best, last = both[np.argmin(validation[both])], both[-1]
        if best == last:
            return "The validation loss is lowest at the end: it still falls."
        falls = training[last] < training[best]
        changes = [_change(curve[best], curve[last]) for curve in (validation, training)]
        verdict = "The curves part" if falls else "Both losses are higher"
        return (
            f"{verdict} after epoch {self.epoch[best]}: until the last epoch, validation "
            f"{changes[0]} and training {changes[1]}."
        )


def _curves(history: History, quantity: str) -> dict[str, npt.NDArray[np.float64]]:
    if quantity not in QUANTITIES:
        raise InvalidArgumentError(
            f"HistoryDisplay: quantity: expected one of {', '.join(QUANTITIES)}, got {quantity!r}."
        )
    if quantity == "loss":
        curves = {"training": history.train_loss}
        return curves if history.val_loss is None else curves | {"validation": history.val_loss}
    if quantity == "score":
        if history.val_score is None:
            raise InvalidArgumentError(
                "HistoryDisplay: quantity: expected 'loss' for training without a score of "
                "validation samples, got 'score'."
            )
        return {"validation": history.val_score}
    if quantity == "learning_rate":
        return {"learning rate": history.learning_rate}
    norms = getattr(history, quantity)
    return {layer: norms[:, i] for i, layer in enumerate(history.layers)}


def _known(curve: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    return np.isfinite(curve)


def _marked(curve: npt.NDArray[Any], position: int) -> list[int]:
    """Return the epochs to put a marker at: some, and those with no neighbour to be joined to."""
    every = max(1, len(curve) // _N_MARKS)
    regular = np.arange(len(curve)) % every == position % every
    known = np.concatenate([[False], _known(curve), [False]])
    alone = known[1:-1] & ~known[:-2] & ~known[2:]
    return np.flatnonzero(regular | alone).tolist()


def _change(before: float, after: float) -> str:
    """Return by how much a number changes, as a share if that means something."""
    verb = "rises" if after > before else "falls"
    if before > 0.0 and after > 0.0:
        return f"{verb} by {abs(after / before - 1.0):.0%}".replace("%", " %")
    return f"{verb} by {abs(after - before):.4g}"
