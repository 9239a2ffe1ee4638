"""All candidates of a search as lines across all hyper-parameters, to their scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from chainrule._errors import InvalidArgumentError, ShapeError
from chainrule.plot.display import Display, data_frame, numbered
from chainrule.plot.palette import AMOUNTS, GREY, INK, shortened
from chainrule.plot.search_axes import SearchAxis, power_of_ten
from chainrule.plot.search_results import metric_label, results_of, telling_range, value_text
from chainrule.search.views import scale_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import LineCollection
    from matplotlib.text import Text

__all__ = ["ParallelCoordinatesDisplay"]

Array = npt.NDArray[Any]

_MOST_TICKS = 8
"""So many values are written at an axis."""

_BEST_SHARE = 0.1
"""This share of the candidates is described as the best."""


class ParallelCoordinatesDisplay(Display):
    """What the candidates of a search were, and how good.

    An axis stands for each hyper-parameter, the last one for the score; a line across them is a
    candidate, in the colour of its score. Those without a score, since they diverged or failed, are
    grey and dashed. The best is thick.

    Parameters
    ----------
    candidates : sequence of dict
        Values by name of the hyper-parameter. A line has a gap where a name is missing.
    scores : array-like of shape (n_candidates,)
        Higher is better; NaN where there is none.
    scales : dict of str to {"linear", "log", "categories"}, optional
        Which names are drawn, in which order and how; by default all, as their values look like.
    metric : str, default="score"

    Attributes
    ----------
    lines_ : matplotlib.collections.LineCollection
        Candidates with a score, from the lowest to the highest.
    broken_lines_ : matplotlib.collections.LineCollection
        Those without.
    best_line_ : matplotlib.lines.Line2D or None
    text_ : list of matplotlib.text.Text
        What is written at the axes.

    Examples
    --------
    >>> display = ParallelCoordinatesDisplay(
    ...     [{"eta": 0.1, "solver": "adam"}, {"eta": 10.0, "solver": "sgd"}], [0.9, 0.2]
    ... )
    >>> print(display.describe())
    2 candidates over eta (0.1, 10) and solver (adam, sgd), with a score from 0.2 to 0.9. The best
    has eta 0.1, solver adam.
    """

    def __init__(
        self,
        candidates: Sequence[Mapping[str, Any]],
        scores: Any,
        *,
        scales: Mapping[str, str] | None = None,
        metric: str = "score",
    ) -> None:
        self.candidates = [dict(candidate) for candidate in candidates]
        self.scores = np.asarray(scores, np.float64)
        if self.scores.shape != (len(self.candidates),) or not self.candidates:
            raise ShapeError(
                f"ParallelCoordinatesDisplay: expected one score for each of "
                f"{len(self.candidates)} candidates, got shape {self.scores.shape}."
            )
        names = dict.fromkeys(name for candidate in self.candidates for name in candidate)
        known = {n: scale_of(self._tried(n), None) for n in names}
        chosen = known if scales is None else dict(scales)
        unknown = [name for name in chosen if name not in known]
        if unknown or not chosen:
            raise InvalidArgumentError(
                f"ParallelCoordinatesDisplay: scales: expected names of {', '.join(known)}, got "
                f"{', '.join(unknown) or 'none'}."
            )
        self.metric = metric
        self.axes = [self._axis(name, scale) for name, scale in chosen.items()]

    @classmethod
    def from_search(cls, search: Any, *, metric: str | None = None, ax: Axes | None = None) -> Self:
        """Draw what a search has tried, and what came of it.

        Parameters
        ----------
        search : GridSearch, RandomSearch, BayesSearch, SearchResults or a search of scikit-learn
            Fitted. Of successive halving, the last rung is drawn.
        metric : str, optional
            By default the one that decides.
        ax : Axes, optional

        Returns
        -------
        ParallelCoordinatesDisplay
        """
        results = results_of("ParallelCoordinatesDisplay", search)
        last = np.flatnonzero(results.final)
        display = cls(
            [results.candidates[row] for row in last],
            results.means(metric)[last],
            scales=results.scales,
            metric=results.metric if metric is None else metric,
        )
        return display.plot(ax)

    def _tried(self, name: str) -> list[Any]:
        return [candidate[name] for candidate in self.candidates if name in candidate]

    def _axis(self, name: str, scale: str) -> SearchAxis:
        tried = self._tried(name)
        if scale == "categories":
            distinct = list({value_text(value): value for value in tried}.values())
        else:
            distinct = sorted(set(tried))
        return SearchAxis.of_points(name, distinct, scale)

    @property
    def best(self) -> int | None:
        """Which candidate has the highest score."""
        return int(np.nanargmax(self.scores)) if np.isfinite(self.scores).any() else None

    @property
    def heights(self) -> Array:
        """Where each candidate meets each axis, the last being the score's: 0 to 1, or NaN."""
        columns = [self._heights_on(axis) for axis in self.axes]
        shown = np.maximum(self.scores, telling_range(self.scores)[0])
        return np.column_stack([*columns, _between(shown, shown)])

    def _heights_on(self, axis: SearchAxis) -> Array:
        at = {value_text(v) if axis.scale == "categories" else v: p for v, p in _placed(axis)}
        found = [
            at[value_text(c[axis.name]) if axis.scale == "categories" else c[axis.name]]
            if axis.name in c
            else np.nan
            for c in self.candidates
        ]
        return _between(np.array(found), np.array(list(at.values())))

    def plot(self, ax: Axes | None = None, *, cmap: Any = AMOUNTS) -> Self:
        """Draw the lines.

        Parameters
        ----------
        ax : Axes, optional
            Where; a new figure by default.
        cmap : str or Colormap, default="cividis"

        Returns
        -------
        self
        """
        from matplotlib.collections import LineCollection

        n_axes = len(self.axes) + 1
        ax = self._begin(ax, (float(np.clip(1.5 * n_axes, 5.0, 14.0)), 4.2))
        heights = self.heights
        order = np.argsort(self.scores, kind="stable")
        scored = order[np.isfinite(self.scores[order])]
        broken = np.flatnonzero(~np.isfinite(self.scores))

        def lines(rows: Array, **settings: Any) -> LineCollection:
            across = np.arange(n_axes)
            paths = [np.column_stack([across, heights[row]]) for row in rows]
            collection = LineCollection(paths, **settings)
            ax.add_collection(collection)
            return collection

        self.broken_lines_ = lines(broken, colors=GREY, linestyles="dashed", linewidths=0.8)
        self.lines_ = lines(scored, cmap=cmap, linewidths=1.3, alpha=0.85)
        self.lines_.set_array(self.scores[scored])
        self.lines_.set_clim(*telling_range(self.scores))
        self.best_line_ = None
        if self.best is not None:
            (self.best_line_,) = ax.plot(
                heights[self.best], color=INK, linewidth=3.0, marker="o", label="best"
            )
            ax.legend(loc="upper center", bbox_to_anchor=(0.5, 0.0), frameon=False)
        self._draw_axes(ax)
        return self

    lines_: LineCollection
    broken_lines_: LineCollection
    best_line_: Any

    def _draw_axes(self, ax: Axes) -> None:
        names = [axis.name for axis in self.axes]
        ax.set(xlim=(-0.15, len(names) + 0.3), ylim=(-0.05, 1.05), yticks=[])
        ax.set_xticks(
            range(len(names) + 1),
            [shortened(name, 20) for name in [*names, metric_label(self.metric)]],
            fontsize=9.0,
        )
        ax.xaxis.tick_top()
        ax.tick_params(top=False)
        for spine in ax.spines.values():
            spine.set_visible(False)
        if max(map(len, names)) > 14:
            for label in ax.get_xticklabels():
                label.set(rotation=20, ha="left", rotation_mode="anchor")
        self.text_: list[Text] = []
        for place, axis in enumerate(self.axes):
            self._draw_axis(ax, place, _marks(axis))
        known = self.scores[np.isfinite(self.scores)]
        if len(known):
            low, high = telling_range(known)
            marks = np.linspace(low, high, 5) if np.ptp(known) else known[:1]
            heights = _between(marks, marks)
            texts = [f"{mark:.3g}" for mark in marks]
            texts[0] = f"≤ {texts[0]}" if known.min() < low else texts[0]
            self._draw_axis(ax, len(self.axes), list(zip(heights, texts, strict=True)))

    def _draw_axis(self, ax: Axes, place: int, ticks: Sequence[tuple[float, str]]) -> None:
        ax.axvline(place, color=INK, linewidth=1.0)
        halo = {"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 0.6}
        for at, text in ticks:
            self.text_.append(
                ax.text(place + 0.04, at, shortened(text, 16), fontsize=8.0, va="center", bbox=halo)
            )

    def to_frame(self) -> Any:
        """Return a `pandas.DataFrame` with a row for each candidate, in the order given."""
        columns: dict[str, Any] = {
            axis.name: [candidate.get(axis.name) for candidate in self.candidates]
            for axis in self.axes
        }
        return data_frame(columns | {self.metric: self.scores})

    def describe(self) -> str:
        """Return the best, and what the best tenth have in common."""
        described = [axis.described() for axis in self.axes]
        over = described[0] if len(described) == 1 else _listed(described)
        known = np.isfinite(self.scores)
        head = f"{numbered(len(self.scores), 'candidate')} over {over}"
        if self.best is None:
            return f"{head}. None has a score."
        label = metric_label(self.metric)
        scores = self.scores[known]
        parts = [f"{head}, with a {label} from {scores.min():.4g} to {scores.max():.4g}."]
        best = self.candidates[self.best]
        values = [f"{a.name} {value_text(best[a.name])}" for a in self.axes if a.name in best]
        parts.append(f"The best has {', '.join(values)}.")
        n_best = int(_BEST_SHARE * len(scores))
        if n_best >= 3:
            rows = np.argsort(-np.where(known, self.scores, -np.inf), kind="stable")[:n_best]
            common = [text for axis in self.axes if (text := self._shared(axis, rows))]
            parts.append(f"The best {n_best} have {', '.join(common)}.")
        if not known.all():
            count = int(np.sum(~known))
            parts.append(
                f"{numbered(count, 'candidate')} {'has' if count == 1 else 'have'} no score."
            )
        return " ".join(parts)

    def _shared(self, axis: SearchAxis, rows: Array) -> str:
        """Return what some candidates have in common on an axis."""
        values = [self.candidates[r][axis.name] for r in rows if axis.name in self.candidates[r]]
        texts = list(dict.fromkeys(map(value_text, values)))
        if axis.scale == "categories":
            return f"{axis.name} {' or '.join(texts)}" if len(texts) < len(axis.values) else ""
        low, high = (value_text(end(values)) for end in (min, max)) if values else ("", "")
        return f"{axis.name} {low}" if low == high else f"{axis.name} {low} to {high}"


def _placed(axis: SearchAxis) -> list[tuple[Any, float]]:
    """Return the values of an axis with where they stand, on the scale."""
    at = axis.positions
    at = np.log10(at) if axis.scale == "log" else at
    return list(zip(axis.values, at.tolist(), strict=True))


def _marks(axis: SearchAxis) -> list[tuple[float, str]]:
    """Return heights along an axis with what is written there."""
    positions = np.array([position for _, position in _placed(axis)])
    decades = axis.decades()
    if decades is not None and len(positions) > _MOST_TICKS:
        at = np.array(decades, np.float64)
        inside = (at >= positions[0]) & (at <= positions[-1])
        texts = [power_of_ten(decade) for decade in decades]
        marks = zip(_between(at, positions), texts, inside, strict=True)
        return [(height, text) for height, text, is_inside in marks if is_inside]
    if len(positions) <= _MOST_TICKS:
        texts = [value_text(value) for value in axis.values]
        return list(zip(_between(positions, positions), texts, strict=True))
    if axis.scale != "categories":
        at = np.linspace(positions[0], positions[-1], 5)
        values = 10.0**at if axis.scale == "log" else at
        return [(h, f"{v:.3g}") for h, v in zip(_between(at, positions), values, strict=True)]
    shown = np.unique(np.linspace(0, len(positions) - 1, _MOST_TICKS).round()).astype(int)
    heights = _between(positions, positions)
    return [(heights[i], value_text(axis.values[i])) for i in shown]


def _between(numbers: Array, of: Array) -> Array:
    """Return how far numbers are from the lowest to the highest of others."""
    known = of[np.isfinite(of)]
    if not len(known) or known.min() == known.max():
        return np.where(np.isfinite(numbers), 0.5, np.nan)
    return (numbers - known.min()) / (known.max() - known.min())


def _listed(texts: Sequence[str]) -> str:
    return f"{', '.join(texts[:-1])} and {texts[-1]}"
