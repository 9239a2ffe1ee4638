"""What a search has found: scores by candidate, fold and seed, and the views that are plotted.

Scores are kept whole, one for every cell; what tables and pictures show is reduced from them: the
mean over folds and seeds, the spread over seeds, the best over hyper-parameters that a picture has
no axis for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from chainrule._errors import InvalidArgumentError
from chainrule.search.cells import Outcome, Status
from chainrule.search.importance import main_effects
from chainrule.search.ranking import Ranking, noise_of, ranked
from chainrule.search.views import Curve, Reduce, Split, Surface, identity, places, points

__all__ = ["SearchResults", "collected"]

Array: TypeAlias = npt.NDArray[Any]


@dataclass(frozen=True)
class SearchResults:
    """What a search has found.

    Attributes
    ----------
    candidates : tuple of dict
        What was tried, one for each row.
    metrics : tuple of str
        ``("score",)`` for a single metric.
    metric : str
        The one that decides.
    test, train : dict of str to ndarray of shape (n_candidates, n_folds, n_seeds)
        By metric. NaN where there is none; ``train`` is empty if it was not asked for.
    fit_seconds, score_seconds : ndarray of shape (n_candidates, n_folds, n_seeds)
    status : ndarray of str of shape (n_candidates, n_folds, n_seeds)
        ``"done"``, ``"diverged"`` (with a score if an epoch was worth keeping), ``"failed"``, or
        ``"missing"`` if the search was stopped before.
    messages : dict of (int, int, int) to str
        Why a cell diverged or failed, by candidate, fold and seed. A metric without a value, as
        R² of a single row, is a failure too.
    scales : dict of str to {"linear", "log", "categories"}
        Of the hyper-parameters that were varied.
    rung : ndarray of int of shape (n_candidates,)
        With successive halving, on which rung a candidate was tried; else 0.
    test_share : float
        Rows held out per row trained with, which the comparison of folds needs.
    interrupted : bool
        Whether Ctrl-C ended the search.
    """

    candidates: tuple[dict[str, Any], ...]
    metrics: tuple[str, ...]
    metric: str
    test: dict[str, Array]
    train: dict[str, Array]
    fit_seconds: Array
    score_seconds: Array
    status: Array
    messages: dict[tuple[int, int, int], str]
    scales: dict[str, str]
    rung: Array
    test_share: float
    interrupted: bool

    def __str__(self) -> str:
        counts = {name: int(np.sum(self.status == name)) for name in np.unique(self.status)}
        total, done = self.status.size, counts.pop("done", 0)
        text = f"{done} of {total} fits done"
        others = ", ".join(f"{count} {name}" for name, count in counts.items())
        return f"{text}, {others}" if others else text

    @property
    def n_folds(self) -> int:
        """How many folds there are."""
        return int(self.status.shape[1])

    @property
    def n_seeds(self) -> int:
        """How many seeds there are."""
        return int(self.status.shape[2])

    def scores(self, metric: str | None = None, split: Split = "test") -> Array:
        """Return the scores of all cells, of shape (n_candidates, n_folds, n_seeds)."""
        metric = self.metric if metric is None else metric
        if split not in ("test", "train"):
            raise InvalidArgumentError(f"split: expected 'test' or 'train', got {split!r}.")
        if metric not in self.metrics:
            raise InvalidArgumentError(
                f"metric: expected one of {', '.join(self.metrics)}, got {metric!r}."
            )
        if split == "train" and not self.train:
            raise InvalidArgumentError(
                "split: there are no scores of the rows trained with; search with "
                "return_train_score=True."
            )
        return (self.test if split == "test" else self.train)[metric]

    def means(self, metric: str | None = None, split: Split = "test") -> Array:
        """Return the mean score of each candidate; NaN if one of its cells has none."""
        return np.asarray(self.scores(metric, split).mean(axis=(1, 2)))

    def spreads(self, metric: str | None = None, split: Split = "test") -> Array:
        """Return the standard deviation of each candidate's score, over `spread_over`."""
        return noise_of(self.scores(metric, split))[1]

    @property
    def spread_over(self) -> str | None:
        """Over what scores spread: seeds if there are several, else folds, else nothing."""
        return noise_of(self.scores())[0]

    @property
    def final(self) -> Array:
        """Which candidates are compared: with halving, those of the last rung with a score."""
        scored = self.rung[~np.isnan(self.means())]
        return np.asarray(self.rung == scored.max(initial=0))

    def values(self, name: str) -> tuple[Any, ...]:
        """Return the values of a hyper-parameter that were tried, in order."""
        if name not in self.scales:
            raise InvalidArgumentError(
                f"expected a hyper-parameter that was varied ({', '.join(self.scales)}), got "
                f"{name!r}."
            )
        seen = [params[name] for params in self.candidates if name in params]
        first: dict[Any, Any] = {}
        for value in seen:
            first.setdefault(identity(value), value)
        distinct = first.values()
        return tuple(distinct if self.scales[name] == "categories" else sorted(distinct))

    def curve(
        self,
        name: str,
        *,
        metric: str | None = None,
        split: Split = "test",
        reduce: Reduce = "best",
    ) -> Curve:
        """Return the scores over one hyper-parameter.

        Parameters
        ----------
        name : str
        metric : str, optional
        split : {"test", "train"}, default="test"
        reduce : {"best", "mean"} or dict, default="best"
            What is shown for a value that several candidates have: the best of them on the test
            rows, their mean, or the one with the values in the dict.

        Returns
        -------
        Curve
        """
        values = self.values(name)
        found, place = points(self, [(name, values)], metric, split, reduce)
        best = None if place is None else place[0]
        return Curve(
            name, self.scales[name], values, spread_over=self.spread_over, best=best, **found
        )

    def surface(
        self,
        x: str,
        y: str,
        *,
        metric: str | None = None,
        split: Split = "test",
        reduce: Reduce = "best",
    ) -> Surface:
        """Return the scores over two hyper-parameters, for a heatmap.

        Parameters
        ----------
        x, y : str
        metric, split, reduce
            As for `curve`.

        Returns
        -------
        Surface
        """
        if x == y:
            raise InvalidArgumentError(f"x, y: expected two hyper-parameters, got {x!r} twice.")
        columns, lines = self.values(x), self.values(y)
        found, best = points(self, [(y, lines), (x, columns)], metric, split, reduce)
        of_best = () if best is None else ((y, lines, best[0]), (x, columns, best[1]))
        at_border = tuple(
            name
            for name, values, place in of_best
            if self.scales[name] != "categories"
            and len(values) > 1
            and place in (0, len(values) - 1)
        )
        return Surface(
            x,
            y,
            self.scales[x],
            self.scales[y],
            columns,
            lines,
            self.metric if metric is None else metric,
            spread_over=self.spread_over,
            best=None if best is None else (best[0], best[1]),
            at_border=at_border,
            **found,
        )

    def ranking(self, metric: str | None = None) -> Ranking:
        """Return the candidates in the order of their scores; see `Ranking`."""
        scores = self.scores(metric)
        # What was tried with fewer epochs is not compared with what had more.
        rows = np.flatnonzero(self.final)
        params = [self.candidates[row] for row in rows]
        return ranked(params, scores[rows], rows, self.test_share)

    def importance(self, metric: str | None = None) -> dict[str, float]:
        """Return how much of the scores' variance each hyper-parameter explains by itself.

        See `chainrule.search.importance.main_effects`. Candidates without a score are left out.

        Returns
        -------
        dict of str to float
            From the largest to the smallest; each between 0 and 1, together at most 1 but for
            rounding, and the rest is due to combinations.
        """
        scores = self.means(metric)
        rows = np.flatnonzero(np.isfinite(scores) & self.final)
        names = [name for name in self.scales if all(name in self.candidates[i] for i in rows)]
        codes = np.array([self._codes(name, rows) for name in names]).T
        effects = main_effects(codes.reshape(len(rows), len(names)), scores[rows])
        found = dict(zip(names, effects.tolist(), strict=True))
        return dict(sorted(found.items(), key=lambda item: -item[1]))

    def _codes(self, name: str, rows: Array) -> list[int]:
        known = places(self.values(name))
        return [known[identity(self.candidates[row][name])] for row in rows]


def collected(
    candidates: Sequence[dict[str, Any]],
    outcomes: Mapping[tuple[int, int, int], Outcome],
    shape: tuple[int, int],
    metrics: tuple[str, ...],
    metric: str | None,
    error_score: float,
    **rest: Any,
) -> SearchResults:
    """Return the results of cells, in the order of their places.

    Parameters
    ----------
    candidates : sequence of dict
    outcomes : dict of (int, int, int) to Outcome
    shape : (int, int)
        Folds and seeds.
    metrics : tuple of str
        Empty if their names are not known before there are scores.
    metric : str or None
        The one that decides; None for the first.
    error_score : float
        The score of cells that have none, but for those that are missing.
    **rest
        Attributes of `SearchResults`.
    """
    full = (len(candidates), *shape)
    if not metrics:
        metrics = max((tuple(o.test) for o in outcomes.values()), key=len, default=())
        metrics = metrics or (metric or "score",)
    has_train = any(o.train for o in outcomes.values())
    status = np.full(full, "missing", dtype="<U8")
    test = {name: np.full(full, np.nan) for name in metrics}
    train = {name: np.full(full, np.nan) for name in (metrics if has_train else ())}
    fit_seconds, score_seconds = np.full(full, np.nan), np.full(full, np.nan)
    messages = {}
    for place, outcome in outcomes.items():
        kind: Status = outcome.status
        status[place] = kind
        fit_seconds[place], score_seconds[place] = outcome.fit_seconds, outcome.score_seconds
        for table, scores in ((test, outcome.test), (train, outcome.train)):
            for name, array in table.items():
                array[place] = scores.get(name, error_score)
        if outcome.message:
            messages[place] = outcome.message
    return SearchResults(
        candidates=tuple(candidates),
        metrics=metrics,
        metric=metric if metric in metrics else metrics[0],
        test=test,
        train=train,
        fit_seconds=fit_seconds,
        score_seconds=score_seconds,
        status=status,
        messages=dict(sorted(messages.items())),
        **rest,
    )
