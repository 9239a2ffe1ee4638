"""What can be known to be wrong before anything is trained: metrics, and folds.

An estimator that learns nothing is scored with the metrics, on the rows of the first fold: a metric
that cannot have a value for this kind of target says so at once, and not in every cell.
"""

from __future__ import annotations

import contextlib
import difflib
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.base import is_classifier, is_regressor
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.metrics import get_scorer_names
from sklearn.metrics._scorer import _MultimetricScorer, _Scorer
from sklearn.utils.multiclass import type_of_target

from chainrule._errors import DataError, InvalidArgumentError
from chainrule.search.evaluating import Fold
from chainrule.search.running import is_busy

__all__ = ["check_folds", "check_names", "check_scorer", "quiet"]


@contextlib.contextmanager
def quiet(category: type[Warning]) -> Iterator[None]:
    """Ignore warnings of a kind.

    Not within a cell of another search: filters are the process's own, and threads that put them
    back in another order than they changed them would leave them wrong.
    """
    if is_busy():
        yield
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", category)
        yield


def check_names(scoring: Any) -> None:
    """Raise for the name of a metric that does not exist, and offer the nearest."""
    if isinstance(scoring, str):
        names: list[Any] = [scoring]
    elif isinstance(scoring, Mapping):
        names = list(scoring.values())
    else:
        names = list(scoring) if isinstance(scoring, (list, tuple, set)) else []
    known = get_scorer_names()
    for name in names:
        if isinstance(name, str) and name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            meant = f" Did you mean {near[0]!r}?" if near else ""
            raise InvalidArgumentError(
                f"scoring: there is no metric {name!r}.{meant} All are listed by "
                "sklearn.metrics.get_scorer_names()."
            )


def check_scorer(estimator: Any, scorer: Any, fold: Fold) -> None:
    """Raise for one of scikit-learn's metrics that does not fit the target.

    Functions of the user's own are not called: they may ask for more than predictions.
    """
    y = fold.train[1]
    if y is None or not (is_classifier(estimator) or is_regressor(estimator)):
        return
    scorers = scorer._scorers if isinstance(scorer, _MultimetricScorer) else {"scoring": scorer}
    dummy = DummyClassifier() if is_classifier(estimator) else DummyRegressor()
    with quiet(Warning):
        try:
            dummy.fit(np.zeros((len(y), 1)), y)
        except (TypeError, ValueError):
            return  # the target is at fault, which the estimator tells better
        for name, one in scorers.items():
            if not isinstance(one, _Scorer):
                continue
            try:
                one(dummy, *_stand_in(fold.test), **fold.test_score_params)
            except (TypeError, ValueError, AttributeError) as error:
                shown = one._score_func.__name__ if name == "scoring" else repr(name)
                raise InvalidArgumentError(
                    f"scoring: {shown} does not fit a target that is "
                    f"{type_of_target(y)}: {' '.join(str(error).split())}"
                ) from None


def _stand_in(test: tuple[Any, Any]) -> tuple[Any, Any]:
    return np.zeros((len(test[1]), 1)), test[1]


def check_folds(estimator: Any, y: Any, splits: Sequence[tuple[Any, Any]]) -> None:
    """Raise if a fold has nothing in it, or trains without one of the classes.

    Raises
    ------
    DataError
    """
    for number, (train, test) in enumerate(splits):
        if not len(train) or not len(test):
            part = "held out" if len(train) else "trained with"
            raise DataError(f"cv: fold {number} has no rows that are {part}; use fewer folds.")
    if y is None or not is_classifier(estimator):
        return
    if type_of_target(y) not in ("binary", "multiclass"):
        return
    classes, codes = np.unique(np.asarray(y).ravel(), return_inverse=True)
    for number, (train, _) in enumerate(splits):
        counts = np.bincount(codes[train], minlength=len(classes))
        if not counts.all():
            missing = classes.tolist()[np.argmin(counts)]
            raise DataError(
                f"cv: fold {number} trains without samples of class {missing!r}, which it then "
                "cannot tell from others; use folds that keep classes in proportion "
                "(StratifiedKFold) or fewer of them, or leave out classes with few samples."
            )
