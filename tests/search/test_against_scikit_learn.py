"""The same search by scikit-learn and by us, on the same estimators and folds."""

import numpy as np
import pytest
import scipy.stats
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import Ridge
from sklearn.metrics import make_scorer
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    RandomizedSearchCV,
    ShuffleSplit,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from chainrule.estimators import LogisticRegression, MLPClassifier, MLPRegressor
from chainrule.search import GridSearch, RandomSearch

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

IRIS = load_iris(return_X_y=True)
CANCER = load_breast_cancer(return_X_y=True)
DIABETES = load_diabetes(return_X_y=True)


def assert_same_results(ours, theirs):
    assert list(ours.cv_results_) == list(theirs.cv_results_)
    for name, expected in theirs.cv_results_.items():
        if "_time" in name:
            assert (ours.cv_results_[name] >= 0.0).all()
        else:
            np.testing.assert_array_equal(ours.cv_results_[name], expected, err_msg=name)
            assert type(ours.cv_results_[name]) is type(expected)
    assert ours.best_params_ == theirs.best_params_
    assert ours.best_index_ == theirs.best_index_
    assert ours.best_score_ == theirs.best_score_
    assert ours.n_splits_ == theirs.n_splits_
    assert ours.multimetric_ == theirs.multimetric_


def network(**settings):
    return MLPClassifier((4,), **{"max_iter": 8, "random_state": 0, **settings})


GRID = {"learning_rate_init": [1e-3, 1e-2, 1e-1], "alpha": [1e-4, 1.0]}


@pytest.mark.parametrize(
    ("estimator", "grid", "data", "settings"),
    [
        (network(), GRID, IRIS, {"cv": 3, "return_train_score": True}),
        (network(), [{"alpha": [0.1]}, {"activation": ["tanh", "relu"]}], IRIS, {"cv": 2}),
        (
            network(),
            {"hidden_layer_sizes": [(3,), (3, 3), 5], "solver": ["sgd", "adam"]},
            IRIS,
            {"cv": ShuffleSplit(2, random_state=0)},
        ),
        (
            LogisticRegression(),
            {"C": [0.01, 1.0]},
            CANCER,
            {"scoring": ["roc_auc", "neg_log_loss"], "refit": "neg_log_loss"},
        ),
        (
            LogisticRegression(),
            {"C": [0.01, 1.0]},
            CANCER,
            {"scoring": {"auc": "roc_auc", "hits": "accuracy"}, "refit": "auc", "cv": KFold(3)},
        ),
        (
            MLPRegressor(hidden_layer_sizes=(4,), max_iter=8, random_state=0),
            {"loss": ["squared_error", "absolute_error"]},
            DIABETES,
            {"cv": 2, "scoring": "neg_mean_absolute_error"},
        ),
        (
            make_pipeline(StandardScaler(), network()),
            {"mlpclassifier__alpha": [1e-4, 1.0], "standardscaler__with_mean": [True, False]},
            IRIS,
            {"cv": 2},
        ),
        (SVC(), {"C": [0.1, 1.0], "kernel": ["rbf", "linear"]}, IRIS, {}),
        (Ridge(), {"alpha": [0.1, 1.0]}, DIABETES, {"cv": 3, "scoring": "r2"}),
    ],
    ids=lambda value: type(value).__name__ if hasattr(value, "fit") else "",
)
def test_grids_give_the_same(estimator, grid, data, settings):
    ours = GridSearch(estimator, grid, **settings).fit(*data)
    theirs = GridSearchCV(estimator, grid, **settings).fit(*data)
    assert_same_results(ours, theirs)


def test_random_draws_are_the_same():
    for space in (
        {"alpha": scipy.stats.loguniform(1e-4, 1.0), "activation": ["tanh", "relu"]},
        {"alpha": [1e-4, 1e-2, 1.0], "activation": ["tanh", "relu"]},
    ):
        settings = {"n_iter": 4, "cv": 2, "random_state": 3}
        ours = RandomSearch(network(), space, **settings).fit(*IRIS)
        theirs = RandomizedSearchCV(network(), space, **settings).fit(*IRIS)
        assert_same_results(ours, theirs)


def smallest_that_is_good_enough(results):
    good = results["mean_test_score"] >= 0.9 * results["mean_test_score"].max()
    return int(np.flatnonzero(good)[0])


def test_a_function_may_choose_the_best():
    settings = {"refit": smallest_that_is_good_enough, "cv": 2}
    ours = GridSearch(network(), GRID, **settings).fit(*IRIS)
    theirs = GridSearchCV(network(), GRID, **settings).fit(*IRIS)
    assert ours.best_params_ == theirs.best_params_
    assert not hasattr(ours, "best_score_")
    np.testing.assert_array_equal(ours.predict_proba(IRIS[0]), theirs.predict_proba(IRIS[0]))


def hits_and_misses(estimator, X, y):
    hits = int(np.sum(estimator.predict(X) == y))
    return {"hits": hits, "misses": hits - len(y)}


def test_a_function_may_return_several_metrics():
    settings = {"scoring": hits_and_misses, "refit": "misses", "cv": 2}
    ours = GridSearch(network(), GRID, **settings).fit(*IRIS)
    theirs = GridSearchCV(network(), GRID, **settings).fit(*IRIS)
    assert_same_results(ours, theirs)
    assert ours.results_.metric == "misses"


def share_of_hits(y, predicted):
    return np.mean(y == predicted)


def test_without_refitting():
    settings = {"refit": False, "cv": 2, "scoring": make_scorer(share_of_hits)}
    ours = GridSearch(network(), GRID, **settings).fit(*IRIS)
    theirs = GridSearchCV(network(), GRID, **settings).fit(*IRIS)
    assert_same_results(ours, theirs)
    with pytest.raises(AttributeError, match="has no attribute 'predict'") as caught:
        ours.predict(IRIS[0])
    assert "`refit=False`" in str(caught.value.__cause__)


def test_some_failures_leave_the_same_scores():
    grid = {"solver": ["adam", "rprop"], "batch_size": [10]}
    settings = {"cv": 2, "error_score": -1.0}
    with pytest.warns(FitFailedWarning, match="2 of 4 fits done, 2 failed"):
        ours = GridSearch(network(), grid, **settings).fit(*IRIS)
    with pytest.warns(FitFailedWarning, match="2 fits failed out of a total of 4"):
        theirs = GridSearchCV(network(), grid, **settings).fit(*IRIS)
    assert_same_results(ours, theirs)
