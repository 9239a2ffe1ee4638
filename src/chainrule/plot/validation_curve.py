"""Scores over one hyper-parameter, of the rows trained with and of those held out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from chainrule._errors import InvalidArgumentError, ShapeError
from chainrule.plot.display import Display, data_frame, numbered
from chainrule.plot.palette import GREY, styles
from chainrule.plot.search_axes import SearchAxis
from chainrule.plot.search_results import (
    caption,
    held_text,
    metric_label,
    results_of,
    rows_label,
    telling_range,
    value_text,
)
from chainrule.plot.search_words import border_warning, score_text
from chainrule.search.views import scale_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D
    from matplotlib.text import Text

__all__ = ["ValidationCurveDisplay"]

_BAND = 0.18
"""How opaque the band of the standard deviation is."""


class ValidationCurveDisplay(Display):
    """How scores depend on one hyper-parameter.

    Where training goes on to improve while the rows held out do not, the network learns its samples
    by heart.

    Parameters
    ----------
    values : sequence
        Of the hyper-parameter, in order.
    test : array-like of shape (n_values,)
        Scores of the rows held out; higher is better, NaN where there is none.
    train : array-like of shape (n_values,), optional
        Scores of the rows trained with.
    test_spread, train_spread : array-like of shape (n_values,), optional
        Standard deviations, drawn as bands; for categories as bars.
    spread_over : str, optional
        Over what, such as ``"seeds"``.
    diverged : array-like of bool of shape (n_values,), optional
        Where a fit diverged or failed.
    best : int, optional
        The place of the value that is marked; by default the highest score of the rows held out.
    x : str, default="x"
        Name of the hyper-parameter.
    scale : {"linear", "log", "categories"}, optional
        By default what the values look like.
    metric : str, default="score"
    held : str, default=""
        What is said of other hyper-parameters.

    Attributes
    ----------
    lines_ : list of matplotlib.lines.Line2D
        Of the rows held out, and of those trained with.
    bands_ : list of matplotlib artists
    best_line_ : matplotlib.lines.Line2D or None
        At the value that is best on the rows held out.
    note_ : matplotlib.text.Text or None

    Examples
    --------
    >>> display = ValidationCurveDisplay(
    ...     [0.01, 0.1, 1.0], [0.8, 0.9, 0.7], [0.85, 0.97, 1.0], x="eta"
    ... )
    >>> print(display.describe())
    Score over eta (3 values from 0.01 to 1). Rows held out: best 0.9 at eta 0.1, lowest 0.7 at eta
    1. Training rows: 0.97 at eta 0.1, highest 1 at eta 1.
    """

    def __init__(
        self,
        values: Sequence[Any],
        test: Any,
        train: Any = None,
        *,
        test_spread: Any = None,
        train_spread: Any = None,
        spread_over: str | None = None,
        diverged: Any = None,
        best: int | None = None,
        x: str = "x",
        scale: str | None = None,
        metric: str = "score",
        held: str = "",
    ) -> None:
        scores = {"test": test} if train is None else {"test": test, "train": train}
        spreads = {"test": test_spread, "train": train_spread}
        empty = np.full(len(values), np.nan)
        self.scores = {split: np.asarray(s, np.float64) for split, s in scores.items()}
        self.spreads = {
            split: empty if spreads[split] is None else np.asarray(spreads[split], np.float64)
            for split in scores
        }
        broken = np.zeros(len(values), bool) if diverged is None else diverged
        self.diverged: npt.NDArray[np.bool_] = np.asarray(broken, bool)
        given = [*self.scores.values(), *self.spreads.values(), self.diverged]
        if not len(values) or any(array.shape != (len(values),) for array in given):
            raise ShapeError(
                f"ValidationCurveDisplay: expected a score for each of {len(values)} values, got "
                f"shapes {', '.join(str(array.shape) for array in given)}."
            )
        self.values = tuple(values)
        self.x, self.metric, self.spread_over, self.held = x, metric, spread_over, held
        self.axis = SearchAxis.of_points(x, values, scale or scale_of(values, None))
        self.best = self._highest if best is None else best

    @classmethod
    def from_search(
        cls,
        search: Any,
        *,
        x: str | None = None,
        metric: str | None = None,
        reduce: Any = "best",
        ax: Axes | None = None,
    ) -> Self:
        """Draw what a search has found.

        Parameters
        ----------
        search : GridSearch, RandomSearch, BayesSearch, SearchResults or a search of scikit-learn
            Fitted. With ``return_train_score=True``, training is drawn as well.
        x : str, optional
            The hyper-parameter; needed if several were varied.
        metric : str, optional
            By default the one that decides.
        reduce : {"best", "mean"} or dict, default="best"
            What is shown of a value if other hyper-parameters were varied: the best on the rows
            held out, the mean, or the best of those with the values in the dict.
        ax : Axes, optional

        Returns
        -------
        ValidationCurveDisplay

        Raises
        ------
        InvalidArgumentError
            If a name or the metric is not one of the search.
        """
        results = results_of("ValidationCurveDisplay", search)
        names = list(results.scales)
        if x is None:
            if len(names) != 1:
                raise InvalidArgumentError(
                    "ValidationCurveDisplay: x: expected one of the hyper-parameters that were "
                    f"varied ({', '.join(names)}), got None."
                )
            x = names[0]
        curve = results.curve(x, metric=metric, reduce=reduce)
        split: Any = "train" if results.train else "test"
        train = results.curve(x, metric=metric, split=split, reduce=reduce)
        display = cls(
            curve.values,
            curve.mean,
            train.mean if results.train else None,
            test_spread=curve.spread,
            train_spread=train.spread,
            spread_over=curve.spread_over,
            diverged=curve.diverged,
            best=curve.best,
            x=x,
            scale=curve.scale,
            metric=results.metric if metric is None else metric,
            held=held_text([name for name in names if name != x], reduce),
        )
        return display.plot(ax)

    @property
    def _highest(self) -> int | None:
        """The place of the highest score of the rows held out."""
        test = self.scores["test"]
        return int(np.nanargmax(test)) if np.isfinite(test).any() else None

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw the curves.

        Parameters
        ----------
        ax : Axes, optional
            Where; a new figure by default.

        Returns
        -------
        self
        """
        ax = self._begin(ax)
        at = self.axis.positions
        joined = self.axis.scale != "categories"
        self.lines_: list[Line2D] = []
        self.bands_: list[Any] = []
        for (split, scores), style in zip(self.scores.items(), styles(2), strict=False):
            (line,) = ax.plot(
                at,
                scores,
                color=style.color,
                linestyle=style.dashes if joined else "none",
                marker=style.marker,
                markersize=6.0,
                label=rows_label(split),
            )
            self.lines_.append(line)
            spread = self.spreads[split]
            if np.isfinite(spread).any():
                self.bands_.append(self._draw_band(ax, joined, at, scores, spread, style.color))
        self._mark_broken(ax, at)
        self.best_line_: Line2D | None = None
        if self.best is not None:
            best = f"best: {value_text(self.values[self.best])}"
            self.best_line_ = ax.axvline(
                at[self.best], color=GREY, linewidth=1.2, linestyle=(0, (4, 2)), label=best
            )
        width, _ = self._extent()
        self.axis.draw(ax, "x", width)
        self.axis.slanted(ax, width)
        ax.set_ylabel(metric_label(self.metric))
        low, high = telling_range(*self.scores.values())
        if any(np.nanmin(scores, initial=low) < low for scores in self.scores.values()):
            ax.set_ylim(low - 0.05 * (high - low), high + 0.05 * (high - low))
        ax.legend(loc="best", framealpha=0.7)
        self.note_: Text | None = caption(ax, self._notes(), width)
        return self

    @staticmethod
    def _draw_band(ax: Axes, joined: bool, at: Any, scores: Any, spread: Any, color: Any) -> Any:
        if not joined:
            return ax.errorbar(at, scores, spread, fmt="none", ecolor=color, capsize=3.0)
        return ax.fill_between(
            at, scores - spread, scores + spread, color=color, alpha=_BAND, linewidth=0.0
        )

    def _mark_broken(self, ax: Axes, at: npt.NDArray[Any]) -> None:
        """Put crosses at the foot of the values where a fit diverged or failed."""
        if self.diverged.any():
            places = at[self.diverged]
            ax.plot(
                places,
                np.full(len(places), 0.03),
                "x",
                color=GREY,
                transform=ax.get_xaxis_transform(),
                label="diverged or failed",
            )

    def _notes(self) -> list[str]:
        notes = [self.held] if self.held else []
        if self.bands_ and self.spread_over:
            notes.append(f"± a standard deviation over {self.spread_over}")
        if border_warning(self.axis, self._best_places):
            notes.append(f"the best {self.x} is at the end of what was tried")
        return notes

    @property
    def _best_places(self) -> list[int]:
        test = self.scores["test"]
        return [] if self.best is None else np.flatnonzero(test == test[self.best]).tolist()

    def to_frame(self) -> Any:
        """Return a `pandas.DataFrame` with a row for each value."""
        columns: dict[str, Any] = {self.x: list(self.values)}
        for split, scores in self.scores.items():
            columns[f"{split}_{self.metric}"] = scores
            columns[f"{split}_spread"] = self.spreads[split]
        return data_frame(columns | {"diverged": self.diverged})

    def describe(self) -> str:
        """Return where the curves are highest and lowest, and what may lie beyond."""
        head = f"{metric_label(self.metric).capitalize()} over {self.axis.described()}"
        parts = [f"{head}; {self.held}." if self.held else f"{head}."]
        best = self.best
        if best is None:
            parts.append("No value has a score.")
        else:
            test = self.scores["test"]
            parts.append(
                f"Rows held out: best {self._at('test', best)}, lowest "
                f"{self._at('test', int(np.nanargmin(test)))}."
            )
            if "train" in self.scores and np.isfinite(self.scores["train"]).any():
                highest = int(np.nanargmax(self.scores["train"]))
                more = "" if highest == best else f", highest {self._at('train', highest)}"
                parts.append(f"Training rows: {self._at('train', best)}{more}.")
        if self.diverged.any():
            count = int(self.diverged.sum())
            parts.append(f"Fits diverged or failed at {numbered(count, 'value')}.")
        warning = border_warning(self.axis, self._best_places)
        if warning is not None:
            parts.append(warning)
        return " ".join(parts)

    def _at(self, split: str, place: int) -> str:
        text = score_text(self.scores[split][place], self.spreads[split][place], self.spread_over)
        return f"{text} at {self.x} {value_text(self.values[place])}"
