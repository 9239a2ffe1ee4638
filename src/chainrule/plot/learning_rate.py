"""How the loss reacts to the learning rate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from chainrule._errors import InvalidArgumentError, ShapeError
from chainrule.plot.display import Display, data_frame
from chainrule.plot.estimator import numbers
from chainrule.plot.palette import GREY, INK, styles

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

    from chainrule.training import LearningRateSearch

__all__ = ["LearningRateDisplay"]


class LearningRateDisplay(Display):
    """The loss while the learning rate is raised step by step, and the rate that is suggested.

    Parameters
    ----------
    rates, losses, smoothed : array-like of shape (n_steps,)
        The rate of each step, the loss of its batch, and the running average of the losses.
    suggestion : float, optional
    message : str, optional
        Why that rate, for `describe`.

    Attributes
    ----------
    line_ : matplotlib.lines.Line2D
        The losses.
    smoothed_line_ : matplotlib.lines.Line2D
    suggestion_line_ : matplotlib.lines.Line2D or None

    Examples
    --------
    >>> display = LearningRateDisplay([0.001, 0.01, 0.1], [2.0, 1.0, 4.0], [2.0, 1.5, 2.5], 0.01)
    >>> print(display.describe())
    The loss over 3 steps of learning rates from 0.001 to 0.1: the running average begins at 2, is
    lowest, 1.5, at 0.01 and ends at 2.5. Suggested: 0.01.
    """

    def __init__(
        self,
        rates: Any,
        losses: Any,
        smoothed: Any,
        suggestion: float | None = None,
        message: str = "",
    ) -> None:
        self.rates = numbers("LearningRateDisplay: rates", rates)
        self.losses = numbers("LearningRateDisplay: losses", losses)
        self.smoothed = numbers("LearningRateDisplay: smoothed", smoothed)
        shapes = {self.rates.shape, self.losses.shape, self.smoothed.shape}
        if len(shapes) > 1 or self.rates.ndim != 1:
            raise ShapeError(
                "LearningRateDisplay: expected one rate, loss and average per step, got shapes "
                f"{self.rates.shape}, {self.losses.shape} and {self.smoothed.shape}."
            )
        if (self.rates <= 0.0).any():
            raise InvalidArgumentError(
                f"LearningRateDisplay: rates: expected positive numbers, got {self.rates.min()}."
            )
        self.suggestion = suggestion
        self.message = message

    @classmethod
    def from_search(cls, search: LearningRateSearch, *, ax: Axes | None = None) -> Self:
        """Draw what `chainrule.training.find_learning_rate` has found.

        Parameters
        ----------
        search : LearningRateSearch
        ax : Axes, optional

        Returns
        -------
        LearningRateDisplay
        """
        display = cls(
            search.rates, search.losses, search.smoothed, search.suggestion, search.message
        )
        return display.plot(ax)

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw the losses over the rates.

        Parameters
        ----------
        ax : Axes, optional
            Where; a new figure by default.

        Returns
        -------
        self
        """
        ax = self._begin(ax)
        (style,) = styles(1)
        (self.line_,) = ax.plot(
            self.rates, self.losses, color=GREY, linewidth=0.8, label="loss of a batch"
        )
        (self.smoothed_line_,) = ax.plot(
            self.rates, self.smoothed, color=style.color, linewidth=2.0, label="running average"
        )
        self.suggestion_line_: Line2D | None = None
        if self.suggestion is not None:
            self.suggestion_line_ = ax.axvline(
                self.suggestion,
                color=INK,
                linestyle=":",
                label=f"suggestion: {self.suggestion:.2g}",
            )
        ax.set(xscale="log", xlabel="learning rate", ylabel="loss")
        # Where training blows up, its height would hide all that is to be seen.
        ax.set_ylim(*_visible(self.smoothed))
        ax.legend(loc="best", framealpha=0.7)
        return self

    def to_frame(self) -> Any:
        """Return a `pandas.DataFrame` with a row for each step."""
        return data_frame(
            {"learning_rate": self.rates, "loss": self.losses, "smoothed_loss": self.smoothed}
        )

    def describe(self) -> str:
        """Return where the running average begins, is lowest and ends, and the suggestion."""
        rates, average = self.rates, self.smoothed
        lowest = average.argmin()
        text = (
            f"The loss over {len(rates)} steps of learning rates from {rates[0]:.2g} to "
            f"{rates[-1]:.2g}: the running average begins at {average[0]:.4g}, is lowest, "
            f"{average[lowest]:.4g}, at {rates[lowest]:.2g} and ends at {average[-1]:.4g}."
        )
        if self.message:
            return f"{text} {self.message}"
        if self.suggestion is None:
            return f"{text} No rate is suggested."
        return f"{text} Suggested: {self.suggestion:.2g}."


def _visible(average: Any) -> tuple[float, float]:
    """Return limits that hold the average up to twice its way from the lowest to the first."""
    low, first, high = average.min(), average[0], average.max()
    top = min(high, low + 2.0 * (first - low)) if first > low else high
    margin = 0.05 * (top - low) or 0.5
    return float(low - margin), float(top + margin)
