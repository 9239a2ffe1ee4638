"""The searches: what each of them tries."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from chainrule._errors import InvalidArgumentError
from chainrule.search import proposals
from chainrule.search.base import Search
from chainrule.search.progress import ProgressCallback
from chainrule.search.proposals import Proposals, checked_count
from chainrule.search.space import Space
from chainrule.search.store import Store

__all__ = ["BayesSearch", "GridSearch", "RandomSearch"]


class GridSearch(Search):
    """Try all combinations of values.

    Cells (a combination, a fold, a seed) run side by side on all cores, in threads; each has the
    result that the same estimator has when it is fitted alone, bit for bit, whatever their order
    and number of threads.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from chainrule import GridSearch, MLPClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> network = MLPClassifier((8,), solver="lbfgs", random_state=0)
    >>> search = GridSearch(network, {"alpha": "1e-3:10:log3"}, holdout=0.3).fit(X, y)
    >>> print(search.results_)
    3 of 3 fits done
    >>> search.predict(X[:3])
    array([0, 0, 0])
    """

    def __init__(
        self,
        estimator: Any,
        space: Any,
        *,
        scoring: Any = None,
        n_jobs: Any = None,
        refit: Any = True,
        cv: Any = None,
        holdout: float | None = None,
        seeds: int | None = None,
        halving: bool | str = False,
        store: Any = None,
        error_score: Any = np.nan,
        return_train_score: bool = False,
        verbose: int = 0,
        callback: ProgressCallback | None = None,
    ) -> None:
        super().__init__(
            estimator,
            space,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            holdout=holdout,
            seeds=seeds,
            store=store,
            error_score=error_score,
            return_train_score=return_train_score,
            verbose=verbose,
            callback=callback,
        )
        self.halving = halving

    def _plan(self, spaces: Sequence[Space], store: Store | None) -> tuple[Proposals, int]:
        candidates = [params for space in spaces for params in space.grid()]
        return _in_rounds(self.estimator, candidates, self.halving)


class RandomSearch(Search):
    """Try combinations drawn at random: where there are many hyper-parameters.

    What is drawn is what scikit-learn's ``RandomizedSearchCV`` draws by the same seed. Otherwise as
    `GridSearch`.

    Parameters
    ----------
    n_iter : int, default=10
        How many combinations. Where all hyper-parameters have lists of values, none is drawn twice.
    random_state : int, RandomState or None
        What draws them. With a store, None goes on with the draws of the search that made it.
    """

    def __init__(
        self,
        estimator: Any,
        space: Any,
        *,
        n_iter: int = 10,
        scoring: Any = None,
        n_jobs: Any = None,
        refit: Any = True,
        cv: Any = None,
        holdout: float | None = None,
        seeds: int | None = None,
        halving: bool | str = False,
        store: Any = None,
        random_state: Any = None,
        error_score: Any = np.nan,
        return_train_score: bool = False,
        verbose: int = 0,
        callback: ProgressCallback | None = None,
    ) -> None:
        super().__init__(
            estimator,
            space,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            holdout=holdout,
            seeds=seeds,
            store=store,
            error_score=error_score,
            return_train_score=return_train_score,
            verbose=verbose,
            callback=callback,
        )
        self.n_iter = n_iter
        self.halving = halving
        self.random_state = random_state

    def _plan(self, spaces: Sequence[Space], store: Store | None) -> tuple[Proposals, int]:
        n_iter = checked_count("n_iter", self.n_iter)
        candidates = proposals.drawn(spaces, n_iter, _seed(self.random_state, store))
        if len(candidates) < n_iter:
            warnings.warn(
                f"RandomSearch: there are only {len(candidates)} combinations, fewer than "
                f"n_iter={n_iter}; each is tried once.",
                UserWarning,
                stacklevel=3,
            )
        return _in_rounds(self.estimator, candidates, self.halving)


class BayesSearch(Search):
    """Try combinations that a sampler of Optuna proposes, by what it has seen of others.

    It needs Optuna: ``pip install 'chainrule[bayes]'``. Four combinations are proposed at a time,
    on any number of threads, so that a seed gives the same search everywhere. Otherwise as
    `GridSearch`, without halving.

    Parameters
    ----------
    n_iter : int, default=50
        How many combinations.
    sampler : optuna.samplers.BaseSampler, optional
        None takes the tree-structured Parzen estimator (Bergstra et al., 2011), which draws the
        first ten at random. A sampler remembers; give a new one to every search.
    random_state : int, RandomState or None
        Of the default sampler. With a store, None goes on as the search that made it.
    """

    def __init__(
        self,
        estimator: Any,
        space: Any,
        *,
        n_iter: int = 50,
        sampler: Any = None,
        scoring: Any = None,
        n_jobs: Any = None,
        refit: Any = True,
        cv: Any = None,
        holdout: float | None = None,
        seeds: int | None = None,
        store: Any = None,
        random_state: Any = None,
        error_score: Any = np.nan,
        return_train_score: bool = False,
        verbose: int = 0,
        callback: ProgressCallback | None = None,
    ) -> None:
        super().__init__(
            estimator,
            space,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            holdout=holdout,
            seeds=seeds,
            store=store,
            error_score=error_score,
            return_train_score=return_train_score,
            verbose=verbose,
            callback=callback,
        )
        self.n_iter = n_iter
        self.sampler = sampler
        self.random_state = random_state

    def _plan(self, spaces: Sequence[Space], store: Store | None) -> tuple[Proposals, int]:
        if len(spaces) > 1:
            raise InvalidArgumentError(
                f"space: expected one mapping for a Bayesian search, got {len(spaces)}; search "
                "them one by one."
            )
        proposals.imported_optuna()
        n_iter = checked_count("n_iter", self.n_iter)
        seed = _seed(self.random_state, store)
        return proposals.by_optuna(spaces[0], n_iter, seed, self.sampler), n_iter


def _in_rounds(
    estimator: Any, candidates: list[dict[str, Any]], halving: bool | str
) -> tuple[Proposals, int]:
    """Return how candidates are tried, all at once or by halving, and how many fits that makes."""
    if not halving:
        return proposals.all_at_once(candidates), len(candidates)
    params = estimator.get_params()
    named = [name for name in sorted(params) if name.rpartition("__")[2] == "max_iter"]
    resource = halving if isinstance(halving, str) else named[0] if len(named) == 1 else ""
    if resource not in params:
        raise InvalidArgumentError(
            f"halving: expected the name of what {type(estimator).__name__} is to spend"
            + (f", one of {', '.join(named)}" if named else "; it has no max_iter")
            + f", got {halving!r}."
        )
    if any(resource in candidate for candidate in candidates):
        raise InvalidArgumentError(
            f"halving: {resource} is varied by the space, and is what halving decides about; leave "
            "one of both out."
        )
    most = checked_count(f"halving: {resource}", params[resource])
    total = sum(count for count, _ in proposals.rungs(len(candidates), most))
    return proposals.by_halving(candidates, resource, most), total


def _seed(random_state: Any, store: Store | None) -> int:
    """Return a seed; drawn anew for None, or as it was for the search that made the store."""
    if isinstance(random_state, (int, np.integer)):
        return int(random_state)
    drawn = int(check_random_state(random_state).randint(np.iinfo(np.int32).max))
    return drawn if store is None else int(store.remembered("random_state", str(drawn)))
