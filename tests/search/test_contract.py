"""The searches are estimators of scikit-learn's kind, and go where those go."""

import pickle

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.linear_model import Ridge
from sklearn.metrics import get_scorer
from sklearn.model_selection import GroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from chainrule.estimators import LinearRegression, LogisticRegression, MLPClassifier
from chainrule.search import BayesSearch, GridSearch, RandomSearch

# Few epochs are enough to see that numbers are the same.
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

IRIS = load_iris(return_X_y=True)
CANCER = load_breast_cancer(return_X_y=True)


# As scikit-learn checks its own searches: an error of an estimator is to be seen.
@parametrize_with_checks(
    [
        GridSearch(LogisticRegression(), {"C": [0.1, 1.0]}, cv=2, error_score="raise"),
        GridSearch(LinearRegression(), {"tol": [1e-9, 1e-6]}, cv=2, error_score="raise"),
        GridSearch(Ridge(), {"alpha": [0.1, 1.0]}, cv=2, error_score="raise"),
        GridSearch(
            make_pipeline(StandardScaler(), Ridge()),
            {"ridge__alpha": [0.1, 1.0]},
            cv=2,
            error_score="raise",
        ),
        RandomSearch(Ridge(), {"alpha": "0.1:10:log"}, n_iter=2, cv=2, error_score="raise"),
        BayesSearch(Ridge(), {"alpha": "0.1:10:log"}, n_iter=2, cv=2, error_score="raise"),
    ]
)
def test_scikit_learns_checks(estimator, check):
    check(estimator)


def network(**settings):
    return MLPClassifier((4,), **{"max_iter": 5, "random_state": 0, **settings})


RATES = {"learning_rate_init": [1e-3, 1e-1]}


def test_it_goes_into_a_pipeline_and_a_cross_validation():
    pipeline = make_pipeline(StandardScaler(), GridSearch(network(), RATES, cv=2))
    scores = cross_val_score(pipeline, *IRIS, cv=3)
    expected = []
    for train, test in GroupKFold(3).split(IRIS[0], groups=np.arange(150) % 3):
        # The same by hand, on folds of another kind.
        X = StandardScaler().fit(IRIS[0][train])
        search = GridSearch(network(), RATES, cv=2).fit(X.transform(IRIS[0][train]), IRIS[1][train])
        expected.append(search.score(X.transform(IRIS[0][test]), IRIS[1][test]))
    by_groups = cross_val_score(pipeline, *IRIS, cv=GroupKFold(3), groups=np.arange(150) % 3)
    np.testing.assert_array_equal(by_groups, expected)
    assert scores.shape == (3,)
    assert np.isfinite(scores).all()


def test_one_search_goes_into_another():
    inner = GridSearch(network(), RATES, holdout=0.3)
    outer = GridSearch(inner, {"estimator__alpha": [1e-4, 1e-1]}, cv=2).fit(*IRIS)
    alone = GridSearch(network(alpha=1e-1), RATES, holdout=0.3)
    folds = GridSearch(alone, {"holdout": [0.3]}, cv=2).fit(*IRIS)
    np.testing.assert_array_equal(outer.results_.test["score"][1], folds.results_.test["score"][0])
    assert outer.best_estimator_.best_params_.keys() == RATES.keys()


def test_pickled_and_cloned_it_is_the_same():
    search = GridSearch(network(), RATES, cv=2).fit(*IRIS)
    again = pickle.loads(pickle.dumps(search))
    np.testing.assert_array_equal(again.predict_proba(IRIS[0]), search.predict_proba(IRIS[0]))
    assert str(again.results_.ranking()) == str(search.results_.ranking())
    fresh = clone(search)
    assert fresh.get_params()["estimator__max_iter"] == 5
    assert not hasattr(fresh, "results_")


def test_it_is_what_its_estimator_is():
    classifier, regressor = GridSearch(network(), RATES), GridSearch(Ridge(), {"alpha": [1.0]})
    assert is_classifier(classifier)
    assert is_regressor(regressor)
    assert not hasattr(regressor, "predict_proba")
    assert "best_estimator_" in classifier.fit(*IRIS)._repr_html_()


def test_methods_are_those_of_the_best_estimator():
    search = GridSearch(network(), RATES, cv=2).fit(*IRIS)
    best = network(**search.best_params_).fit(*IRIS)
    for method in ("predict", "predict_proba", "predict_log_proba", "decision_function"):
        np.testing.assert_array_equal(
            getattr(search, method)(IRIS[0]), getattr(best, method)(IRIS[0])
        )
    np.testing.assert_array_equal(search.classes_, [0, 1, 2])
    assert search.n_features_in_ == 4
    assert search.score(*IRIS) == best.score(*IRIS)
    assert search.refit_time_ > 0.0


def test_frames_keep_their_names():
    X, y = load_iris(return_X_y=True, as_frame=True)
    search = GridSearch(network(), RATES, cv=2).fit(X, y)
    np.testing.assert_array_equal(search.feature_names_in_, X.columns)
    plain = GridSearch(network(), RATES, cv=2).fit(*IRIS)
    np.testing.assert_array_equal(
        search.cv_results_["mean_test_score"], plain.cv_results_["mean_test_score"]
    )
    assert isinstance(X, pd.DataFrame)


def test_metadata_is_routed():
    X, y = CANCER
    weight = np.random.default_rng(0).uniform(0.0, 2.0, len(y))
    groups = np.arange(len(y)) % 4
    with sklearn.config_context(enable_metadata_routing=True):
        estimator = LogisticRegression().set_fit_request(sample_weight=True)
        scorer = get_scorer("accuracy").set_score_request(sample_weight=False)
        search = GridSearch(estimator, {"C": [0.01, 1.0]}, cv=GroupKFold(3), scoring=scorer)
        search.fit(X, y, sample_weight=weight, groups=groups)
    plain = GridSearch(LogisticRegression(), {"C": [0.01, 1.0]}, cv=GroupKFold(3))
    unweighted = plain.fit(X, y, groups=groups).best_estimator_.coef_
    expected = LogisticRegression(**search.best_params_).fit(X, y, sample_weight=weight).coef_
    np.testing.assert_array_equal(search.best_estimator_.coef_, expected)
    assert not np.array_equal(expected, unweighted)


def test_weights_of_samples_go_along_with_their_rows():
    X, y = load_diabetes(return_X_y=True)
    weight = np.random.default_rng(0).integers(0, 3, len(y)).astype(float)
    search = GridSearch(LinearRegression(), {"tol": [1e-9]}, holdout=0.3)
    search.fit(X, y, sample_weight=weight)
    (train, test), *_ = search._splits(X, y, {})
    alone = LinearRegression(tol=1e-9).fit(X[train], y[train], sample_weight=weight[train])
    assert search.best_score_ == alone.score(X[test], y[test], sample_weight=weight[test])
