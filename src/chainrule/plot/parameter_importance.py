"""Which hyper-parameters matter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

from chainrule._errors import InvalidArgumentError
from chainrule.plot.display import Display, data_frame
from chainrule.plot.palette import GREY, shortened, styles
from chainrule.plot.search_results import metric_label, results_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.container import BarContainer
    from matplotlib.text import Annotation

__all__ = ["ParameterImportanceDisplay"]

_REST = "in combination"


class ParameterImportanceDisplay(Display):
    """How much of the differences between scores each hyper-parameter explains by itself.

    What is left over is explained by combinations of several. An importance holds for the values
    that were tried: a range that holds none but good values makes its hyper-parameter look idle.

    Parameters
    ----------
    importance : dict of str to float
        Shares of the variance of the scores; see `chainrule.search.importance.main_effects`.
    metric : str, default="score"

    Attributes
    ----------
    importance : dict of str to float
        From the largest to the smallest.
    combined : float
        The rest.
    bars_ : matplotlib.container.BarContainer
    text_ : list of matplotlib.text.Annotation
        The shares.

    Examples
    --------
    >>> display = ParameterImportanceDisplay({"alpha": 0.1, "eta": 0.7})
    >>> print(display.describe())
    Of the differences in score, eta explains 70 %, alpha 10 %, each by itself; combinations of them
    20 %.
    """

    def __init__(self, importance: Mapping[str, float], *, metric: str = "score") -> None:
        shares = [float(share) for share in importance.values()]
        if not shares or not all(0.0 <= share <= 1.0 for share in shares):
            raise InvalidArgumentError(
                f"ParameterImportanceDisplay: expected shares from 0 to 1, got {dict(importance)}."
            )
        self.importance = dict(sorted(importance.items(), key=lambda item: -item[1]))
        # Nothing is left over where nothing differs; estimates may add up to a little more than 1.
        self.combined = max(0.0, 1.0 - sum(shares)) if any(shares) else 0.0
        self.metric = metric

    @classmethod
    def from_search(cls, search: Any, *, metric: str | None = None, ax: Axes | None = None) -> Self:
        """Draw what a search says of its hyper-parameters.

        Parameters
        ----------
        search : GridSearch, RandomSearch, BayesSearch, SearchResults or a search of scikit-learn
            Fitted. On a full grid the shares are exact; elsewhere they are those of a forest that
            is fitted to the scores.
        metric : str, optional
            By default the one that decides.
        ax : Axes, optional

        Returns
        -------
        ParameterImportanceDisplay
        """
        results = results_of("ParameterImportanceDisplay", search)
        label = results.metric if metric is None else metric
        return cls(results.importance(metric), metric=label).plot(ax)

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw a bar for each hyper-parameter, and one for their combinations.

        Parameters
        ----------
        ax : Axes, optional
            Where; a new figure by default.

        Returns
        -------
        self
        """
        names = [*self.importance]
        shares = [*self.importance.values()]
        colors: list[Any] = [styles(1)[0].color] * len(names)
        if len(names) > 1:
            names, shares, colors = [*names, _REST], [*shares, self.combined], [*colors, GREY]
        ax = self._begin(ax, (6.0, min(1.2 + 0.4 * len(names), 9.0)))
        self.bars_: BarContainer = ax.barh(range(len(names)), shares, color=colors, height=0.7)
        self.text_: list[Annotation] = ax.bar_label(
            self.bars_, [_percent(share) for share in shares], padding=3.0, fontsize=9.0
        )
        ax.set_yticks(range(len(names)), [shortened(name, 30) for name in names])
        ax.invert_yaxis()
        ax.set_xlim(0.0, 1.12 * max(*shares, 0.05))
        ax.set_xlabel(f"share of the variance of the {metric_label(self.metric)}")
        return self

    def to_frame(self) -> Any:
        """Return a `pandas.DataFrame` with a row for each hyper-parameter."""
        return data_frame(
            {"parameter": [*self.importance], "importance": [*self.importance.values()]}
        )

    def describe(self) -> str:
        """Return the shares in words."""
        label = metric_label(self.metric)
        if not any(self.importance.values()):
            return f"The {label} is the same for all values of {', '.join(self.importance)}."
        (first, share), *others = self.importance.items()
        text = f"Of the differences in {label}, {first} explains {_percent(share)}"
        text += "".join(f", {name} {_percent(share)}" for name, share in others)
        if not others:
            return f"{text}."
        return f"{text}, each by itself; combinations of them {_percent(self.combined)}."


def _percent(share: float) -> str:
    return f"{100.0 * share:.0f} %" if share >= 0.01 or share == 0.0 else "below 1 %"
