"""A search with scikit-learn's interface, whatever it tries.

`Search` keeps the contract of scikit-learn's searches, of which it is one: what is not about
running cells (scorers, routing of metadata, prediction by the best estimator, tags, the diagram in
notebooks, ``cv_results_``) is theirs.
"""

from __future__ import annotations

import copy
import time
import warnings
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any, Self

import joblib
import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.exceptions import FitFailedWarning
from sklearn.metrics._scorer import _MultimetricScorer
from sklearn.model_selection import (
    ShuffleSplit,
    StratifiedShuffleSplit,
    check_cv,
)
from sklearn.model_selection._search import BaseSearchCV
from sklearn.utils import get_tags, indexable
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import _check_method_params

from chainrule._errors import (
    ArgumentTypeError,
    ChainruleError,
    InvalidArgumentError,
    UnsupportedError,
)
from chainrule.search.cells import fingerprint
from chainrule.search.documentation import documented
from chainrule.search.evaluating import Evaluation
from chainrule.search.exploring import Exploration
from chainrule.search.jobs import crew_for, worker_count
from chainrule.search.progress import ProgressCallback, Tracker, printed
from chainrule.search.proposals import Proposals, checked_count
from chainrule.search.scoring import check_folds, check_names, check_scorer, quiet
from chainrule.search.space import Space, prepared_spaces
from chainrule.search.store import Store

__all__ = ["NothingFoundError", "Search"]

_FITTED = ("best_estimator_", "best_index_", "best_params_", "best_score_")


class NothingFoundError(ChainruleError, AttributeError, ValueError):
    """No cell of a search has a score, so there is no best one."""


class Search(BaseSearchCV):
    """What `GridSearch`, `RandomSearch` and `BayesSearch` share."""

    def __init_subclass__(cls, **keywords: Any) -> None:
        """Complete the docstring."""
        super().__init_subclass__(**keywords)
        cls.__doc__ = documented(cls)

    def __init__(
        self,
        estimator: Any,
        space: Any,
        *,
        scoring: Any,
        n_jobs: Any,
        refit: Any,
        cv: Any,
        holdout: float | None,
        seeds: int | None,
        store: Any,
        error_score: Any,
        return_train_score: bool,
        verbose: int,
        callback: ProgressCallback | None,
    ) -> None:
        self.estimator = estimator
        self.space = space
        self.scoring = scoring
        self.n_jobs = n_jobs
        self.refit = refit
        self.cv = cv
        self.holdout = holdout
        self.seeds = seeds
        self.store = store
        self.error_score = error_score
        self.return_train_score = return_train_score
        self.verbose = verbose
        self.callback = callback

    # -- what is tried: what the searches differ in -----------------------------------------------

    @abstractmethod
    def _plan(self, spaces: Sequence[Space], store: Store | None) -> tuple[Proposals, int]:
        """Return how the search proceeds, and how many candidates it tries at most."""

    # -- the search -------------------------------------------------------------------------------

    def fit(self, X: Any, y: Any = None, **params: Any) -> Self:
        """Try all candidates, and fit the best one to all rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), optional
        **params
            For ``fit`` of the estimator, such as ``sample_weight``, the splitter (``groups``) and
            the scorers. What has as many items as X has rows is split along with it.

        Returns
        -------
        self

        Raises
        ------
        InvalidArgumentError, ArgumentTypeError
            If a setting, a range or a metric makes no sense; before anything is trained.
        DataError
            If a fold is without rows, or without one of the classes.
        """
        self._check_settings()
        if y is None and get_tags(self.estimator).target_tags.required:
            raise InvalidArgumentError(
                f"{type(self).__name__} requires y to be passed, but the target y is None."
            )
        spaces = prepared_spaces(self.estimator, self.space)
        seeds = self._seed_settings(spaces)
        scorers, _ = self._get_scorers()
        X, y = indexable(X, y)
        params = _check_method_params(X, params=params)
        routed = self._get_routed_params_for_fit(params)
        splits = self._splits(X, y, routed.splitter.split)
        evaluation = Evaluation(
            clone(self.estimator),
            X,
            y,
            splits,
            scorers,
            routed.estimator.fit,
            routed.scorer.score,
            self.return_train_score,
        )
        check_scorer(self.estimator, scorers, evaluation.fold(0))
        store = self._opened_store(X, y, params, spaces, splits)
        plan, n_candidates = self._plan(spaces, store)
        n_cells = n_candidates * len(splits) * len(seeds)
        metric = _metric(self.scoring, self.refit, scorers)
        metrics = tuple(scorers._scorers) if isinstance(scorers, _MultimetricScorer) else ()
        exploration = Exploration(len(splits), seeds, metrics, metric, self.error_score)
        crew = crew_for(self.n_jobs, evaluation, n_cells, store)
        exploration.run(plan, crew, Tracker(n_cells, self._callbacks()))
        self.results_ = exploration.results(_scales(spaces), _test_share(splits))
        self._keep(exploration, scorers)
        self._say(n_cells)
        if self.refit and "best_params_" in self.__dict__:
            self._refit(X, y, routed.estimator.fit)
        return self

    def _check_settings(self) -> None:
        name = type(self).__name__
        if not hasattr(self.estimator, "fit") or isinstance(self.estimator, type):
            raise ArgumentTypeError(
                f"{name}: estimator: expected an estimator such as MLPClassifier(), got "
                f"{self.estimator!r}."
            )
        worker_count(self.n_jobs)
        check_names(self.scoring)
        is_number = not isinstance(self.error_score, bool) and isinstance(self.error_score, Real)
        if not is_number and self.error_score != "raise":
            raise InvalidArgumentError(
                f"error_score: expected 'raise' or a number, got {self.error_score!r}."
            )
        if self.holdout is not None:
            is_share = isinstance(self.holdout, (float, np.floating)) and 0.0 < self.holdout < 1.0
            if not is_share:
                raise InvalidArgumentError(
                    f"holdout: expected a share above 0 and below 1, got {self.holdout!r}."
                )
            if self.cv is not None:
                raise InvalidArgumentError(
                    f"cv, holdout: expected one of both, got cv={self.cv!r} and "
                    f"holdout={self.holdout!r}."
                )
        if self.callback is not None and not callable(self.callback):
            raise ArgumentTypeError(
                f"callback: expected a function of a Progress or None, got {self.callback!r}."
            )

    def __sklearn_tags__(self) -> Any:
        """Say that targets may be what they may be for the estimator."""
        tags = super().__sklearn_tags__()
        tags.target_tags = copy.deepcopy(get_tags(self.estimator).target_tags)
        return tags

    def set_callbacks(self, *callbacks: Any) -> Self:
        """Refuse scikit-learn's callbacks, which would not be called."""
        if callbacks:
            raise UnsupportedError(
                f"{type(self).__name__} calls no callbacks of scikit-learn; callback= is told of "
                "every fit."
            )
        return self

    def _callbacks(self) -> list[ProgressCallback]:
        chosen = [printed()] if self.verbose else []
        return [*chosen, self.callback] if self.callback is not None else chosen

    def _splits(self, X: Any, y: Any, split_params: Mapping[str, Any]) -> list[tuple[Any, Any]]:
        """Return the rows of the folds, and keep how many there are."""
        classes = is_classifier(self.estimator)
        with np.errstate(invalid="ignore"):  # infinite targets are refused, with no warning before
            if self.holdout is None:
                cv = check_cv(self.cv, y, classifier=classes)
            else:
                in_classes = classes and type_of_target(y) in ("binary", "multiclass")
                kind = StratifiedShuffleSplit if in_classes else ShuffleSplit
                cv = kind(1, test_size=self.holdout, random_state=0)
        splits = list(cv.split(X, y, **split_params))
        if not splits:
            raise InvalidArgumentError(f"cv: expected at least one fold, got none of {self.cv!r}.")
        check_folds(self.estimator, y, splits)
        self.n_splits_ = len(splits)
        return splits

    def _seed_settings(self, spaces: Sequence[Space]) -> list[dict[str, int]]:
        """Return what every seed sets: each random state of the estimator, counted up."""
        if self.seeds is None:
            return [{}]
        count = checked_count("seeds", self.seeds)
        params = self.estimator.get_params()
        names = [n for n in sorted(params) if n.rpartition("__")[2] == "random_state"]
        if not names:
            raise InvalidArgumentError(
                f"seeds: {type(self.estimator).__name__} has no random_state, so that all seeds "
                "would give the same; leave seeds out."
            )
        varied = [name for name in names for space in spaces if name in space.dimensions]
        if varied:
            raise InvalidArgumentError(
                f"seeds: {varied[0]} is varied by the space already; leave one of both out."
            )
        first = {}
        for name in names:
            state = 0 if params[name] is None else params[name]
            if not isinstance(state, (int, np.integer)):
                raise InvalidArgumentError(
                    f"seeds: expected None or an integer as {name} to count up from, got {state!r}."
                )
            first[name] = int(state)
        return [{name: value + k for name, value in first.items()} for k in range(count)]

    def _opened_store(
        self,
        X: Any,
        y: Any,
        params: Mapping[str, Any],
        spaces: Sequence[Space],
        splits: Sequence[tuple[Any, Any]],
    ) -> Store | None:
        if self.store is None:
            return None
        described_space = [{n: s.dimensions[n] for n in sorted(s)} for s in spaces]
        return Store(
            self.store,
            {
                "data": joblib.hash((X, y, sorted(params.items()))),
                "space": fingerprint(described_space),
                "estimator": fingerprint(self.estimator),
                "folds": joblib.hash([(np.asarray(a), np.asarray(b)) for a, b in splits]),
                "metrics": fingerprint([self.scoring, self.return_train_score]),
            },
        )

    # -- what is kept of it -----------------------------------------------------------------------

    def _keep(self, exploration: Exploration, scorers: Any) -> None:
        """Set scikit-learn's attributes."""
        results = self.results_
        self.multimetric_ = isinstance(scorers, _MultimetricScorer) or results.metrics != ("score",)
        if self.multimetric_:
            self._check_refit_for_multimetric(results.test)
        self.scorer_ = scorers._scorers if isinstance(scorers, _MultimetricScorer) else scorers
        with quiet(UserWarning):  # about scores that are not finite, which `_say` tells better
            self.cv_results_ = self._format_results(
                list(results.candidates), self.n_splits_, self._per_fold(), exploration.more
            )
        for name in _FITTED:
            self.__dict__.pop(name, None)
        if np.isnan(results.means()).all():
            return
        metric = self.refit if self.multimetric_ else "score"
        if self.refit or not self.multimetric_:
            self.best_index_ = self._best_index(metric)
            if not callable(self.refit):
                self.best_score_ = self.cv_results_[f"mean_test_{metric}"][self.best_index_]
            self.best_params_ = self.cv_results_["params"][self.best_index_]

    def _best_index(self, metric: Any) -> Any:
        final = self.results_.final
        if callable(self.refit) or final.all():
            return self._select_best_index(self.refit, metric, self.cv_results_)
        return int(np.nanargmax(np.where(final, self.cv_results_[f"mean_test_{metric}"], np.nan)))

    def _per_fold(self) -> list[dict[str, Any]]:
        """Return the means over seeds of every fold, as scikit-learn's formatter wants them."""
        results = self.results_

        def means(table: Mapping[str, Any], row: int, fold: int) -> Any:
            by_name = {name: float(a[row, fold].mean()) for name, a in table.items()}
            return by_name if self.multimetric_ else by_name["score"]

        # A search of which nothing came has no scores of training rows, and they are asked for.
        train = results.train or results.test
        return [
            {
                "test_scores": means(results.test, row, fold),
                "train_scores": means(train, row, fold),
                "fit_time": float(results.fit_seconds[row, fold].mean()),
                "score_time": float(results.score_seconds[row, fold].mean()),
            }
            for row in range(len(results.candidates))
            for fold in range(self.n_splits_)
        ]

    def _say(self, n_cells: int) -> None:
        """Warn of fits that failed, and of those that were never begun."""
        results, name = self.results_, type(self).__name__
        if results.interrupted:
            # Of rounds that were not proposed yet, the results know nothing.
            later = n_cells - results.status.size
            more = f", and {later} more were never begun" if later else ""
            warnings.warn(
                f"{name} was interrupted: {results}{more}. What is done is kept.",
                UserWarning,
                stacklevel=3,
            )
        nothing_found = np.isnan(results.means()).all() and not results.interrupted
        if nothing_found or (results.status == "failed").any():
            warnings.warn(
                f"{name}: {results}. Their scores are {self.error_score}; results_.messages has "
                f"the reasons, the first of which is: {self._first_message()}",
                FitFailedWarning,
                stacklevel=3,
            )

    def _first_message(self) -> str:
        return next(iter(self.results_.messages.values()), "it was interrupted before that.")

    def _refit(self, X: Any, y: Any, fit_params: Mapping[str, Any]) -> None:
        # The values are cloned too, as they may be estimators.
        best = clone(self.estimator).set_params(**clone(self.best_params_, safe=False))
        began = time.perf_counter()
        if y is None:
            best.fit(X, **fit_params)
        else:
            best.fit(X, y, **fit_params)
        self.refit_time_ = time.perf_counter() - began
        self.best_estimator_ = best
        if hasattr(best, "feature_names_in_"):
            self.feature_names_in_ = best.feature_names_in_

    def __getattr__(self, name: str) -> Any:
        results = self.__dict__.get("results_")
        if name in _FITTED and results is not None and np.isnan(results.means()).all():
            raise NothingFoundError(
                f"{type(self).__name__} has no {name}: {self.results_}. The first reason: "
                f"{self._first_message()}"
            )
        return super().__getattribute__(name)  # raises, and says why a method is missing


def _metric(scoring: Any, refit: Any, scorers: Any) -> str | None:
    """Return the name of the metric that decides; None for the first that there is."""
    is_known = isinstance(scorers, _MultimetricScorer) or callable(scoring)
    return refit if is_known and isinstance(refit, str) else None


def _scales(spaces: Sequence[Space]) -> dict[str, str | None]:
    return {name: space.scale(name) for space in spaces for name in space}


def _test_share(splits: Sequence[tuple[Any, Any]]) -> float:
    """Return how many rows are held out for each that is trained with."""
    train, test = splits[0]
    return len(test) / len(train)
