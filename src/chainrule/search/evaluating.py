"""What is done for a cell: clone, set, fit on the fold's rows, score on those held out.

Nothing else is done, and nothing is shared but the rows, which are taken once per fold: so a cell's
result is what the same estimator gives when it is fitted alone.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.metaestimators import _safe_split
from sklearn.utils.validation import _check_method_params

from chainrule._errors import ArgumentTypeError, ChainruleError, DivergenceError
from chainrule.search.cells import Cell, Outcome, Status

__all__ = ["IGNORED", "Evaluation", "Fold"]

IGNORED = (ConvergenceWarning,)
"""Cells are as short as the search wants them, and their status says which have diverged."""


class Fold(NamedTuple):
    """The rows of a fold, and what goes with them to ``fit`` and to the scorers."""

    train: tuple[Any, Any]
    test: tuple[Any, Any]
    fit_params: Mapping[str, Any]
    train_score_params: Mapping[str, Any]
    test_score_params: Mapping[str, Any]


class Scores(NamedTuple):
    """By name of the metric, of the rows held out and of those trained with."""

    test: dict[str, float]
    train: dict[str, float]


class MetricError(ChainruleError, ValueError):
    """A metric has no value for a fitted estimator."""


class Evaluation:
    """Turns cells into outcomes. It may be called from several threads, and pickled.

    Parameters
    ----------
    estimator : estimator
        Not fitted.
    X, y : array-like
    splits : sequence of (array, array)
        Rows to train with and rows held out.
    scorer : callable
        ``(estimator, X, y)`` to a number, or to a dict of numbers by name.
    fit_params, score_params : dict
        With values for all rows where they have any.
    train_scores : bool
        Whether to score the rows trained with as well.
    """

    def __init__(
        self,
        estimator: Any,
        X: Any,
        y: Any,
        splits: Sequence[tuple[Any, Any]],
        scorer: Any,
        fit_params: Mapping[str, Any],
        score_params: Mapping[str, Any],
        train_scores: bool,
    ) -> None:
        self._estimator = estimator
        self._X, self._y = X, y
        self._splits = splits
        self._scorer = scorer
        self._fit_params = fit_params
        self._score_params = score_params
        self._train_scores = train_scores
        self._folds: dict[int, Fold] = {}
        self._lock = threading.Lock()

    def __getstate__(self) -> dict[str, Any]:
        # Whoever gets it takes the rows of folds for itself.
        return {k: v for k, v in vars(self).items() if k not in ("_lock", "_folds")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _folds={}, _lock=threading.Lock())

    def fold(self, number: int) -> Fold:
        """Return the rows of a fold, the same arrays every time."""
        with self._lock:
            if number not in self._folds:
                self._folds[number] = self._taken(*self._splits[number])
            return self._folds[number]

    def _taken(self, train: Any, test: Any) -> Fold:
        def of(params: Mapping[str, Any], rows: Any) -> Mapping[str, Any]:
            return _check_method_params(self._X, params=params, indices=rows)

        return Fold(
            _safe_split(self._estimator, self._X, self._y, train),
            _safe_split(self._estimator, self._X, self._y, test, train),
            of(self._fit_params, train),
            of(self._score_params, train),
            of(self._score_params, test),
        )

    def __call__(self, cell: Cell) -> Outcome:
        """Fit and score."""
        fold = self.fold(cell.fold)
        # Settings may be estimators themselves, as the steps of a pipeline.
        estimator = clone(self._estimator).set_params(**clone(cell.settings, safe=False))
        began = time.perf_counter()
        try:
            _fit(estimator, *fold.train, fold.fit_params)
        except Exception as error:
            status: Status = "diverged" if isinstance(error, DivergenceError) else "failed"
            return Outcome(status, {}, {}, time.perf_counter() - began, 0.0, _told(error), error)
        fitted = time.perf_counter()
        scores = Scores({}, {})
        wrong = self._score(scores.test, estimator, *fold.test, fold.test_score_params)
        seconds = time.perf_counter() - fitted
        if self._train_scores and wrong is None:
            wrong = self._score(scores.train, estimator, *fold.train, fold.train_score_params)
        if wrong is not None:
            message = f"scoring: {_told(wrong)}"
            return Outcome("failed", *scores, fitted - began, seconds, message, wrong)
        trained = _trained(estimator)
        if getattr(trained, "stopped_", None) == "diverged":
            return Outcome("diverged", *scores, fitted - began, seconds, trained.message_)
        return Outcome("done", *scores, fitted - began, seconds)

    def _score(
        self, into: dict[str, float], estimator: Any, X: Any, y: Any, params: Mapping[str, Any]
    ) -> Exception | None:
        """Put the scores of some rows into a dict, and return what is wrong with them if it is."""
        try:
            found = self._scorer(estimator, X, *(() if y is None else (y,)), **params)
            scores = found if isinstance(found, Mapping) else {"score": found}
            # scikit-learn's scorer of several metrics has texts for those that could not be had.
            numbers = {n: _number(n, s) for n, s in scores.items() if not isinstance(s, str)}
        except Exception as error:
            return error
        into.update({name: score for name, score in numbers.items() if not math.isnan(score)})
        wrong = next((text for text in scores.values() if isinstance(text, str)), None)
        if wrong is not None:
            return MetricError(wrong.strip().splitlines()[-1])
        without = next((name for name in numbers if name not in into), None)
        return None if without is None else MetricError(f"the {without} of a fold is not a number.")


def _fit(estimator: Any, X: Any, y: Any, params: Mapping[str, Any]) -> None:
    if y is None:
        estimator.fit(X, **params)
    else:
        estimator.fit(X, y, **params)


def _number(name: str, score: Any) -> float:
    try:
        return float(score)
    except (TypeError, ValueError):
        raise ArgumentTypeError(
            f"expected a number for the metric {name!r}, got {score!r} ({type(score).__name__})."
        ) from None


def _told(error: Exception) -> str:
    """Return what an exception says, on one line."""
    text = error.message if isinstance(error, ChainruleError) else str(error)
    return f"{type(error).__name__}: {' '.join(text.split())}"


def _trained(estimator: Any) -> Any:
    """Return the estimator that was trained, inside pipelines and the like."""
    while not hasattr(estimator, "stopped_"):
        if hasattr(estimator, "steps"):
            inner = estimator.steps[-1][1]
        else:
            inner = getattr(estimator, "best_estimator_", getattr(estimator, "regressor_", None))
        if inner is None or inner == "passthrough":
            break
        estimator = inner
    return estimator
