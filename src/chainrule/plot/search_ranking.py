"""The candidates of a search in the order of their scores, and which are as good as the best."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from chainrule._errors import ArgumentTypeError, InvalidArgumentError
from chainrule.plot.display import Display, data_frame, numbered
from chainrule.plot.palette import GREY, shortened, styles
from chainrule.plot.search_results import metric_label, results_of, value_text
from chainrule.search import Ranking

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.container import ErrorbarContainer
    from matplotlib.lines import Line2D

    from chainrule.search import Ranked

__all__ = ["SearchRankingDisplay"]

_WITHIN = {
    True: "within the noise of the best",
    False: "worse than the best",
    None: "one fit each: noise unknown",
}


class SearchRankingDisplay(Display):
    """The best candidates of a search with their standard deviations.

    Filled markers are those whose distance from the best is no more than chance makes of equals, as
    `chainrule.search.Ranking` judges it; hollow ones are worse.

    Parameters
    ----------
    ranking : Ranking
    metric : str, default="score"
    n_shown : int, default=20
        How many are drawn.

    Attributes
    ----------
    bars_ : matplotlib.container.ErrorbarContainer
    markers_ : dict of (bool or None) to matplotlib.lines.Line2D
        By whether they are within the noise of the best.
    """

    def __init__(self, ranking: Ranking, *, metric: str = "score", n_shown: int = 20) -> None:
        if not isinstance(ranking, Ranking):
            raise ArgumentTypeError(
                f"SearchRankingDisplay: expected a Ranking, got {type(ranking).__name__}."
            )
        if n_shown < 1:
            raise InvalidArgumentError(
                f"SearchRankingDisplay: n_shown: expected an integer of at least 1, got {n_shown}."
            )
        self.ranking, self.metric, self.n_shown = ranking, metric, n_shown

    @classmethod
    def from_search(
        cls,
        search: Any,
        *,
        metric: str | None = None,
        n_shown: int = 20,
        ax: Axes | None = None,
    ) -> Self:
        """Draw what a search has found.

        Parameters
        ----------
        search : GridSearch, RandomSearch, BayesSearch, SearchResults or a search of scikit-learn
            Fitted. Several seeds or folds are what noise is judged by.
        metric : str, optional
            By default the one that decides.
        n_shown : int, default=20
        ax : Axes, optional

        Returns
        -------
        SearchRankingDisplay
        """
        results = results_of("SearchRankingDisplay", search)
        label = results.metric if metric is None else metric
        return cls(results.ranking(metric), metric=label, n_shown=n_shown).plot(ax)

    @property
    def _lines(self) -> list[Ranked]:
        """The candidates that are drawn: those with a score, from the best on."""
        return [line for line in self.ranking.lines if np.isfinite(line.mean)][: self.n_shown]

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw a row for each candidate, the best on top.

        Parameters
        ----------
        ax : Axes, optional
            Where; a new figure by default.

        Returns
        -------
        self
        """
        lines = self._lines
        ax = self._begin(ax, (6.4, min(1.4 + 0.27 * max(len(lines), 3), 9.0)))
        places = np.arange(len(lines))
        means = np.array([line.mean for line in lines])
        spreads = np.nan_to_num([line.spread for line in lines])
        self.bars_: ErrorbarContainer = ax.errorbar(
            means, places, xerr=spreads, fmt="none", ecolor=GREY, capsize=2.5
        )
        self.markers_: dict[bool | None, Line2D] = {}
        color = styles(1)[0].color
        for within, label in _WITHIN.items():
            of = np.array([line.within_noise is within for line in lines], bool)
            if of.any():
                (self.markers_[within],) = ax.plot(
                    means[of],
                    places[of],
                    linestyle="none",
                    marker="o",
                    markersize=6.0,
                    color=color,
                    markerfacecolor=color if within else "white",
                    label=label,
                )
        ax.set_yticks(places, [shortened(_told(line), 48) for line in lines], fontsize=8.0)
        ax.invert_yaxis()
        noise = f", ± over {self.ranking.noise}" if self.ranking.noise else ""
        ax.set_xlabel(f"{metric_label(self.metric)}, rows held out{noise}")
        if lines:
            # The best are at the upper right, the others below and to the left.
            ax.legend(loc="upper left", fontsize=8.0, framealpha=0.7)
        return self

    def to_frame(self) -> Any:
        """Return a `pandas.DataFrame` with a row for each candidate, from the best to the worst.

        Its column ``within_noise`` says whether chance alone may have put a candidate behind the
        best; it is None where there is one fit of each.
        """
        lines = self.ranking.lines
        names = dict.fromkeys(name for line in lines for name in line.params)
        columns: dict[str, Any] = {"rank": [line.rank for line in lines]}
        columns |= {name: [line.params.get(name) for line in lines] for name in names}
        columns[self.metric] = [line.mean for line in lines]
        for key in ("spread", "behind", "within_noise"):
            columns[key] = [getattr(line, key) for line in lines]
        return data_frame(columns, index=[line.row for line in lines])

    def describe(self) -> str:
        """Return the best, how many are as good, and how far the next is behind."""
        lines = [line for line in self.ranking.lines if np.isfinite(line.mean)]
        total = len(self.ranking.lines)
        if not lines:
            return f"{numbered(total, 'candidate')}, none with a score."
        best = lines[0]
        label = metric_label(self.metric)
        spread = f" ± {best.spread:.2g}" if np.isfinite(best.spread) else ""
        parts = [
            f"{numbered(total, 'candidate')} by {label}. The best, {best.mean:.4g}{spread}, has "
            f"{_told(best)}."
        ]
        if self.ranking.noise is None:
            parts.append("Each was fitted once: how much chance there is in it is not known.")
        else:
            alike = sum(bool(line.within_noise) for line in lines) - 1
            are = "is" if alike == 1 else "are"
            parts.append(
                f"{alike or 'No'} other{'' if alike == 1 else 's'} {are} within the noise of it, "
                f"judged by {self.ranking.noise}."
            )
            worse = next((line for line in lines if not line.within_noise), None)
            if worse is not None:
                parts.append(
                    f"The first that is worse is behind by {worse.behind:.2g}: {_told(worse)}."
                )
        if len(lines) < total:
            missing = total - len(lines)
            parts.append(
                f"{numbered(missing, 'candidate')} {'has' if missing == 1 else 'have'} no score."
            )
        return " ".join(parts)


def _told(line: Ranked) -> str:
    return ", ".join(f"{name} {value_text(value)}" for name, value in line.params.items())
