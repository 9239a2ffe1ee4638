"""The search itself: rounds of candidates become cells, and cells become results.

Nothing here knows scikit-learn. What a cell's work is, and how candidates are chosen, is given.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.search.cells import Cell, Outcome, in_order, planned
from chainrule.search.progress import Tracker
from chainrule.search.proposals import Proposals
from chainrule.search.results import SearchResults, collected
from chainrule.search.running import Crew
from chainrule.search.views import scale_of

__all__ = ["Exploration"]


class Exploration:
    """A search that runs, and what it has found so far.

    Parameters
    ----------
    n_folds : int
    seeds : sequence of dict
        What every seed sets.
    metrics : tuple of str
        Empty if their names are not known before there are scores.
    metric : str or None
        The one that decides; None for the first that there is.
    error_score : float or "raise"
        The score of cells that have none.
    """

    def __init__(
        self,
        n_folds: int,
        seeds: Sequence[Mapping[str, int]],
        metrics: tuple[str, ...],
        metric: str | None,
        error_score: float | str,
    ) -> None:
        self._n_folds, self._seeds = n_folds, seeds
        self._metrics, self._metric = metrics, metric
        self._error_score = error_score
        self.candidates: list[dict[str, Any]] = []
        self.more: dict[str, list[Any]] = {}
        self.outcomes: dict[tuple[int, int, int], Outcome] = {}
        self.interrupted = False

    def run(self, proposals: Proposals, crew: Crew, tracker: Tracker) -> None:
        """Go through all rounds; Ctrl-C ends it early, and what is done stays.

        Raises
        ------
        Exception
            That of a cell, if ``error_score`` is ``"raise"``.
        """
        scores: Any = None
        try:
            with crew:
                while True:
                    try:
                        tried = proposals.send(scores)
                    except StopIteration:
                        return
                    rows = range(len(self.candidates), len(self.candidates) + len(tried.candidates))
                    self.candidates += tried.candidates
                    for name, values in tried.more.items():
                        self.more.setdefault(name, []).extend(values)
                    cells = planned(rows.start, tried.candidates, self._n_folds, self._seeds)
                    self._run_cells(in_order(cells), crew, tracker)
                    scores = np.array([self._mean(row) for row in rows])
        except KeyboardInterrupt:
            self.interrupted = True

    def _run_cells(self, cells: Sequence[Cell], crew: Crew, tracker: Tracker) -> None:
        left = Counter(cell.row for cell in cells)
        for cell, outcome, remembered in crew.run(cells):
            if outcome.error is not None and self._error_score == "raise":
                raise outcome.error
            # An exception would keep its frames alive, and the rows and networks in them.
            self.outcomes[cell.place] = outcome._replace(error=None)
            tracker.add(outcome, remembered)
            left[cell.row] -= 1
            if not left[cell.row]:
                tracker.candidate(self.candidates[cell.row], self._mean(cell.row))
            tracker.tell()

    def _mean(self, row: int) -> float:
        """Return the mean score of a candidate, NaN if a cell has none."""
        scores = [
            self._score(self.outcomes[row, fold, seed])
            for fold in range(self._n_folds)
            for seed in range(len(self._seeds))
        ]
        return math.fsum(scores) / len(scores)

    def _score(self, outcome: Outcome) -> float:
        """Return the score that decides."""
        if self._metric is None:
            return next(iter(outcome.test.values()), self._score_of_errors())
        return outcome.test.get(self._metric, self._score_of_errors())

    def _score_of_errors(self) -> float:
        return math.nan if isinstance(self._error_score, str) else float(self._error_score)

    def results(self, scales: Mapping[str, str | None], test_share: float) -> SearchResults:
        """Return what has been found.

        Parameters
        ----------
        scales : dict of str to {"linear", "log", None}
            What is declared of the hyper-parameters that are varied.
        test_share : float
            Rows held out per row trained with.
        """
        found = {
            name: scale_of([p[name] for p in self.candidates if name in p], scale)
            for name, scale in scales.items()
        }
        return collected(
            self.candidates,
            self.outcomes,
            (self._n_folds, len(self._seeds)),
            self._metrics,
            self._metric,
            self._score_of_errors(),
            scales=found,
            rung=np.array(self.more.get("iter", [0] * len(self.candidates))),
            test_share=test_share,
            interrupted=self.interrupted,
        )
