"""Scores over two hyper-parameters: where to search on, and where there is nothing to be found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from chainrule._errors import InvalidArgumentError, ShapeError
from chainrule.plot.display import Display, data_frame
from chainrule.plot.palette import AMOUNTS, GREY, INK, readable_on
from chainrule.plot.search_axes import SearchAxis
from chainrule.plot.search_cells import BROKEN, STATUSES, cell_texts
from chainrule.plot.search_results import (
    caption,
    held_text,
    metric_label,
    results_of,
    rows_label,
    split_of,
    telling_range,
)
from chainrule.plot.search_words import described, notes
from chainrule.search.views import scale_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PathCollection, QuadMesh
    from matplotlib.patches import Rectangle
    from matplotlib.text import Text

__all__ = ["SearchHeatmapDisplay"]

Array = npt.NDArray[Any]

_SCATTERED = 0.5
"""If less than this share of the cells was tried, points are drawn in their place."""


class SearchHeatmapDisplay(Display):
    """The scores of a search over two hyper-parameters, as colours and numbers.

    Numbers stand on their scales, a logarithmic one with decades as ticks. A cell is hatched if a
    fit diverged or failed, and blank if it is not done or was not tried. The best has a frame. If
    a search at random has left most combinations out, those it tried are drawn as points.

    Parameters
    ----------
    scores : array-like of shape (n_y, n_x)
        Higher is better; NaN where there is none.
    x_values, y_values : sequence
        Of the hyper-parameters, in order.
    x, y : str, default="x", "y"
        Their names.
    x_scale, y_scale : {"linear", "log", "categories"}, optional
        By default what the values look like.
    spread : array-like of shape (n_y, n_x), optional
        Standard deviations of the scores.
    spread_over : str, optional
        Over what, such as ``"seeds"``.
    status : array-like of str of shape (n_y, n_x), optional
        ``"done"``, ``"diverged"`` or ``"failed"`` (either with a score or not), ``"missing"`` for
        what is not done yet, ``"untried"``.
    best : pair of int, optional
        Row and column of the cell to be framed; by default the highest score.
    metric : str, default="score"
    split : {"test", "val", "train"}, default="test"
        Which rows the scores are of.
    held : str, default=""
        What is said of the hyper-parameters that have no axis.

    Attributes
    ----------
    mesh_ : matplotlib.collections.QuadMesh or PathCollection
        The cells, or the points.
    text_ : ndarray of shape (n_y, n_x) of matplotlib.text.Text, or None
        None where cells are too small for text.
    best_ : list of matplotlib.patches.Rectangle
        The frame, black and white.
    broken_ : list of matplotlib.patches.Rectangle
        The hatching.
    note_ : matplotlib.text.Text or None
        What is to be known besides.

    Examples
    --------
    >>> display = SearchHeatmapDisplay(
    ...     [[0.1, 0.8, 0.7], [0.1, 0.7, 0.9]], [0.001, 0.1, 10.0], ["relu", "tanh"], x="eta", y="f"
    ... )
    >>> print(display.describe())
    Score of the rows held out over eta (3 values from 0.001 to 10) and f (relu, tanh). The best is
    0.9, at eta 10 and f tanh; the lowest is 0.1, at eta 0.001 and f relu. Warning: the best eta,
    10, is the highest that was tried; a better one may lie beyond.
    """

    def __init__(
        self,
        scores: Any,
        x_values: Sequence[Any],
        y_values: Sequence[Any],
        *,
        x: str = "x",
        y: str = "y",
        x_scale: str | None = None,
        y_scale: str | None = None,
        spread: Any = None,
        spread_over: str | None = None,
        status: Any = None,
        best: tuple[int, int] | None = None,
        metric: str = "score",
        split: str = "test",
        held: str = "",
    ) -> None:
        split_of("SearchHeatmapDisplay", split)
        self.scores = np.asarray(scores, np.float64)
        shape = (len(y_values), len(x_values))
        self.spread = np.full(shape, np.nan) if spread is None else np.asarray(spread, np.float64)
        known = np.where(np.isfinite(self.scores), "done", "missing")
        self.status = known if status is None else np.asarray(status, dtype=str)
        if not self.scores.shape == self.spread.shape == self.status.shape == shape or 0 in shape:
            raise ShapeError(
                f"SearchHeatmapDisplay: expected scores, spread and status for {shape[0]} values "
                f"of y and {shape[1]} of x, got shapes {self.scores.shape}, {self.spread.shape} "
                f"and {self.status.shape}."
            )
        unknown = set(self.status.ravel().tolist()) - set(STATUSES)
        if unknown:
            raise InvalidArgumentError(
                f"SearchHeatmapDisplay: status: expected {', '.join(STATUSES)}, got also "
                f"{', '.join(sorted(unknown))}."
            )
        self.x, self.y, self.metric, self.split, self.held = x, y, metric, split, held
        self.x_values, self.y_values = tuple(x_values), tuple(y_values)
        self.spread_over = spread_over
        of = SearchAxis.of_points if self.is_scattered else SearchAxis.of_cells
        self.x_axis = of(x, x_values, x_scale or scale_of(x_values, None))
        self.y_axis = of(y, y_values, y_scale or scale_of(y_values, None))
        self.best = self.highest if best is None else best

    @property
    def is_scattered(self) -> bool:
        """Whether so few combinations were tried that they are drawn as points."""
        return float(np.mean(self.status != "untried")) < _SCATTERED

    @property
    def highest(self) -> tuple[int, int] | None:
        """Row and column of the highest score, if there is one."""
        if not np.isfinite(self.scores).any():
            return None
        row, column = np.unravel_index(np.nanargmax(self.scores), self.scores.shape)
        return int(row), int(column)

    # -- from searches ----------------------------------------------------------------------------

    @classmethod
    def from_search(
        cls,
        search: Any,
        *,
        x: str | None = None,
        y: str | None = None,
        metric: str | None = None,
        split: str = "test",
        reduce: Any = "best",
        ax: Axes | None = None,
    ) -> Self:
        """Draw what a search has found.

        Parameters
        ----------
        search : GridSearch, RandomSearch, BayesSearch, SearchResults or a search of scikit-learn
            Fitted.
        x, y : str, optional
            The hyper-parameters; needed if not exactly two were varied.
        metric : str, optional
            By default the one that decides.
        split : {"test", "val", "train"}, default="test"
            Which rows the scores are of: those held out (by either name), or those trained with,
            for which the search needs ``return_train_score=True``. The frame is at the best of
            those held out, in either case.
        reduce : {"best", "mean"} or dict, default="best"
            What a cell shows if other hyper-parameters were varied: the best, the mean, or the best
            of those with the values in the dict.
        ax : Axes, optional

        Returns
        -------
        SearchHeatmapDisplay

        Raises
        ------
        InvalidArgumentError
            If a name, the metric or the split is not one of the search.
        """
        return cls._of_search(search, x, y, metric, split, reduce).plot(ax)

    @classmethod
    def side_by_side(
        cls,
        search: Any,
        *,
        x: str | None = None,
        y: str | None = None,
        metric: str | None = None,
        reduce: Any = "best",
        axes: Sequence[Axes] | None = None,
    ) -> tuple[Self, Self]:
        """Draw the scores of the rows trained with and of those held out on one scale of colours.

        Parameters
        ----------
        search, x, y, metric, reduce
            As for `from_search`.
        axes : pair of Axes, optional
            Where; a new figure by default.

        Returns
        -------
        (SearchHeatmapDisplay, SearchHeatmapDisplay)
            Of training, and of what was held out.
        """
        pair = tuple(cls._of_search(search, x, y, metric, s, reduce) for s in ("train", "test"))
        train, test = pair
        new = axes is None
        if axes is None:
            import matplotlib.pyplot as plt

            width, height = test._size
            _, axes = plt.subplots(
                1, 2, figsize=(2.0 * width - 1.0, height), sharey=True, layout="compressed"
            )
        ranges = [telling_range(display.scores) for display in pair]
        low, high = min(low for low, _ in ranges), max(high for _, high in ranges)
        train.plot(axes[0], vmin=low, vmax=high, colorbar=False)
        test.plot(axes[1], vmin=low, vmax=high, colorbar=False)
        for display in pair:
            display.ax_.set_title(rows_label(display.split))
        if new:
            axes[1].set_ylabel("")
            axes[1].tick_params(labelleft=False)
        test._draw_colorbar(list(axes), metric_label(test.metric))
        return train, test

    @classmethod
    def _of_search(
        cls, search: Any, x: str | None, y: str | None, metric: str | None, split: str, reduce: Any
    ) -> Self:
        results = results_of("SearchHeatmapDisplay", search)
        names = tuple(results.scales)
        if x is None or y is None:
            if len(names) != 2 or x is not None or y is not None:
                raise InvalidArgumentError(
                    "SearchHeatmapDisplay: x, y: expected two of the hyper-parameters that were "
                    f"varied ({', '.join(names)}), got {x!r} and {y!r}."
                )
            x, y = names
        which = split_of("SearchHeatmapDisplay", split)
        surface = results.surface(x, y, metric=metric, split=which, reduce=reduce)
        decisive = results.surface(x, y, metric=metric, split="test", reduce=reduce)
        return cls(
            surface.mean,
            surface.x_values,
            surface.y_values,
            x=x,
            y=y,
            x_scale=surface.x_scale,
            y_scale=surface.y_scale,
            spread=surface.spread,
            spread_over=surface.spread_over,
            status=surface.status,
            best=decisive.best,
            metric=surface.metric,
            split=split,
            held=held_text([name for name in names if name not in (x, y)], reduce),
        )

    # -- drawing ----------------------------------------------------------------------------------

    @property
    def _size(self) -> tuple[float, float]:
        """Inches of a figure for so many cells."""
        if self.is_scattered:
            return 6.0, 4.6
        n_y, n_x = self.scores.shape
        width, height = np.clip([0.62 * n_x, 0.5 * n_y], [3.4, 2.6], [9.0, 8.0]).tolist()
        return width + 1.5 + 0.08 * self.y_axis.longest, height + 1.2

    def plot(
        self,
        ax: Axes | None = None,
        *,
        cmap: Any = AMOUNTS,
        colorbar: bool = True,
        vmin: float | None = None,
        vmax: float | None = None,
    ) -> Self:
        """Draw the cells.

        Parameters
        ----------
        ax : Axes, optional
            Where; a new figure by default.
        cmap : str or Colormap, default="cividis"
        colorbar : bool, default=True
        vmin, vmax : float, optional
            What the scale of colours goes from and to; scores beyond have the last colour.

        Returns
        -------
        self
        """
        from matplotlib.colors import Normalize

        ax = self._begin(ax, self._size)
        low, high = telling_range(self.scores)
        norm = Normalize(low if vmin is None else vmin, high if vmax is None else vmax)
        self.broken_: list[Rectangle] = []
        self.best_: list[Rectangle] = []
        self.text_: Array | None = None
        draw = self._draw_points if self.is_scattered else self._draw_cells
        self.mesh_: QuadMesh | PathCollection = draw(ax, norm, cmap)
        width, height = self._extent()
        self.x_axis.draw(ax, "x", width)
        self.y_axis.draw(ax, "y", height)
        if colorbar:
            label = f"{metric_label(self.metric)}, {rows_label(self.split)}"
            self._draw_colorbar([ax], label)
        self.note_: Text | None = caption(ax, notes(self), width)
        if not self.is_scattered:
            width, height = self._room()
            if self.x_axis.slanted(ax, width):
                width, height = self._room()
            n_y, n_x = self.scores.shape
            self.text_ = self._write_cells(ax, width / n_x, height / n_y)
        return self

    def _draw_colorbar(self, axes: list[Axes], label: str) -> None:
        lowest: Any = self.mesh_.norm.vmin
        below = bool(np.nanmin(self.scores, initial=np.inf) < lowest)
        self.figure_.colorbar(
            self.mesh_, ax=axes, label=label, extend="min" if below else "neither"
        )

    def _draw_cells(self, ax: Axes, norm: Any, cmap: Any) -> QuadMesh:
        mesh = ax.pcolormesh(
            self.x_axis.edges,
            self.y_axis.edges,
            np.ma.masked_invalid(self.scores),
            norm=norm,
            cmap=cmap,
            edgecolors="white",
            linewidth=0.3,
        )
        for row, column in np.argwhere(np.isin(self.status, BROKEN)):
            self.broken_.append(
                self._frame(
                    row, column, hatch="////", edgecolor=GREY, facecolor="none", linewidth=0.0
                )
            )
        if self.best is not None:
            for color, width in ((INK, 4.0), ("white", 1.6)):
                self.best_.append(
                    self._frame(*self.best, fill=False, edgecolor=color, linewidth=width, zorder=3)
                )
        return mesh

    def _frame(self, row: int, column: int, **settings: Any) -> Rectangle:
        """Draw a rectangle around a cell."""
        from matplotlib.patches import Rectangle

        left, right = self.x_axis.edges[column : column + 2]
        low, high = self.y_axis.edges[row : row + 2]
        frame = Rectangle((left, low), right - left, high - low, **settings)
        self.ax_.add_patch(frame)
        return frame

    def _draw_points(self, ax: Axes, norm: Any, cmap: Any) -> PathCollection:
        x, y = self.x_axis.positions, self.y_axis.positions
        rows, columns = np.nonzero(np.isin(self.status, BROKEN))
        ax.scatter(x[columns], y[rows], marker="x", s=40, color=GREY, zorder=1)
        rows, columns = np.nonzero(np.isfinite(self.scores))
        order = np.argsort(self.scores[rows, columns], kind="stable")
        rows, columns = rows[order], columns[order]
        if self.best is not None:
            row, column = self.best
            ax.scatter(x[column], y[row], s=190, facecolors="none", edgecolors=INK, linewidths=2.0)
        return ax.scatter(
            x[columns],
            y[rows],
            c=self.scores[rows, columns],
            norm=norm,
            cmap=cmap,
            s=60,
            edgecolors=GREY,
            linewidths=0.6,
        )

    def _write_cells(self, ax: Axes, width: float, height: float) -> Array | None:
        """Write scores, with as many digits as cells of so many points have room for."""
        chosen = cell_texts(self.scores, self.spread, width, height)
        if chosen is None:
            return None
        texts, size = chosen
        found = np.empty(self.scores.shape, object)
        x, y = self.x_axis.middles, self.y_axis.middles
        for (row, column), score in np.ndenumerate(self.scores):
            color = self.mesh_.to_rgba(np.ma.masked_invalid([score]))[0]
            hatched = self.status[row, column] in BROKEN and np.isfinite(score)
            found[row, column] = ax.text(
                float(x[column]),
                float(y[row]),
                texts[row][column],
                ha="center",
                va="center",
                fontsize=size,
                linespacing=1.1,
                color=readable_on(color),
                in_layout=False,  # it is inside its cell
                bbox={"facecolor": color, "edgecolor": "none", "pad": 1.0} if hatched else None,
            )
        return found

    # -- in words and numbers ---------------------------------------------------------------------

    def to_frame(self) -> Any:
        """Return a `pandas.DataFrame` with a row for each cell that was tried."""
        rows, columns = np.nonzero(self.status != "untried")
        return data_frame(
            {
                self.x: [self.x_values[i] for i in columns],
                self.y: [self.y_values[i] for i in rows],
                self.metric: self.scores[rows, columns],
                "spread": self.spread[rows, columns],
                "status": self.status[rows, columns],
            }
        )

    def describe(self) -> str:
        """Return where the best and the lowest are, what is missing, and what may lie beyond."""
        return described(self)
