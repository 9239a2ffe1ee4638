"""scikit-learn's own checks of its contract, all of them, with no expected failures."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse
import sklearn
from sklearn.base import clone
from sklearn.datasets import load_iris, make_multilabel_classification
from sklearn.exceptions import ConvergenceWarning, DataConversionWarning
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_html_repr
from sklearn.utils.estimator_checks import parametrize_with_checks

from chainrule.estimators import (
    LinearRegression,
    LogisticRegression,
    MLPClassifier,
    MLPRegressor,
    Perceptron,
)

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning"),
]


@parametrize_with_checks(
    [
        LinearRegression(),
        LinearRegression(solver="qr"),
        LinearRegression(solver="gradient_descent"),
        LinearRegression(positive=True),
        LogisticRegression(),
        LinearRegression(solver="lsmr"),
        LogisticRegression(solver="gradient_descent"),
        Perceptron(),
        MLPClassifier(),
        MLPClassifier(loss="hinge", solver="sgd", momentum=0.5),
        MLPRegressor(),
        MLPRegressor("gaussian"),
    ]
)
def test_scikit_learns_checks(estimator, check):
    check(estimator)


X, Y = load_iris(return_X_y=True)
NAMES = np.array(["setosa", "versicolor", "virginica"])


@pytest.mark.parametrize(
    "frame",
    [lambda data, columns: pd.DataFrame(data, columns=columns), pl.DataFrame],
    ids=["pandas", "polars"],
)
def test_frames_have_feature_names(frame):
    columns = ["a", "b", "c", "d"]
    classifier = MLPClassifier((3,), max_iter=3, random_state=0).fit(frame(X, columns), NAMES[Y])
    np.testing.assert_array_equal(classifier.feature_names_in_, columns)
    expected = MLPClassifier((3,), max_iter=3, random_state=0).fit(X, Y).predict_proba(X)
    np.testing.assert_array_equal(classifier.predict_proba(frame(X, columns)), expected)
    with pytest.raises(ValueError, match="feature names should match"):
        classifier.predict(frame(X, ["d", "c", "b", "a"]))
    broken = X.copy()
    broken[7, 1] = np.nan
    with pytest.raises(ValueError, match=r"in row 7, column 1 \('b'\)"):
        classifier.predict(frame(broken, columns))


def test_text_labels_come_back():
    classifier = MLPClassifier((8,), solver="lbfgs", random_state=0).fit(X, NAMES[Y])
    np.testing.assert_array_equal(classifier.classes_, NAMES)
    assert classifier.score(X, NAMES[Y]) > 0.95


def test_sparse_input_is_the_same_as_dense():
    dense = MLPClassifier((3,), max_iter=3, random_state=0).fit(X, Y)
    sparse = MLPClassifier((3,), max_iter=3, random_state=0).fit(scipy.sparse.csr_array(X), Y)
    np.testing.assert_array_equal(
        sparse.predict_proba(scipy.sparse.csc_array(X)), dense.predict_proba(X)
    )


def test_multilabel_rows():
    X, Y = make_multilabel_classification(n_samples=80, n_classes=4, random_state=0)
    classifier = MLPClassifier((20,), solver="lbfgs", alpha=0.1, random_state=0).fit(X, Y)
    assert classifier.predict(X).shape == Y.shape
    assert classifier.score(X, Y) > 0.9
    assert classifier.out_activation_ == "logistic"
    log = np.log(classifier.predict_proba(X))
    np.testing.assert_allclose(classifier.predict_log_proba(X), log, rtol=1e-9, atol=1e-12)


def test_several_targets():
    targets = np.column_stack([X[:, 0] * 2, X[:, 1] - 5, X[:, 2]])
    regressor = MLPRegressor(hidden_layer_sizes=(10,), solver="lbfgs", random_state=0)
    assert regressor.fit(X, targets).predict(X).shape == targets.shape
    assert regressor.score(X, targets) > 0.99


def test_grid_search_in_a_pipeline():
    pipeline = make_pipeline(StandardScaler(), MLPClassifier((4,), max_iter=20, random_state=0))
    grid = GridSearchCV(
        pipeline, {"mlpclassifier__learning_rate_init": [1e-5, 0.1]}, cv=3, error_score="raise"
    )
    assert grid.fit(X, Y).best_params_ == {"mlpclassifier__learning_rate_init": 0.1}
    assert OneVsRestClassifier(Perceptron()).fit(X, Y).score(X, Y) > 0.6


@pytest.mark.parametrize(
    "estimator",
    [
        MLPClassifier((4,), max_iter=5, normalization="batch", dropout=0.1, solver="sgd"),
        MLPRegressor("quantile", (4,), max_iter=5),
        LinearRegression(),
        LogisticRegression(),
        Perceptron(),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_pickle_and_clone(estimator):
    fitted = clone(estimator).fit(X, Y)
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict(X), fitted.predict(X))
    fresh = clone(fitted)
    assert fresh.get_params() == estimator.get_params()
    assert not hasattr(fresh, "coef_")
    assert not hasattr(fresh, "coefs_")


def test_partial_fit_goes_on_after_a_pickle():
    first = MLPClassifier((4,), random_state=0).partial_fit(X, Y, classes=[0, 1, 2])
    second = pickle.loads(pickle.dumps(first))
    for classifier in (first, second):
        classifier.partial_fit(X, Y)
    np.testing.assert_array_equal(first.predict_proba(X), second.predict_proba(X))


def test_metadata_is_routed():
    weight = np.linspace(0.1, 2.0, len(X))
    with sklearn.config_context(enable_metadata_routing=True):
        classifier = MLPClassifier((3,), max_iter=3, random_state=0)
        classifier.set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        found = cross_validate(
            classifier, X, Y, params={"sample_weight": weight}, return_estimator=True, cv=2
        )
    plain = cross_validate(clone(classifier), X, Y, return_estimator=True, cv=2)
    weights = [result["estimator"][0].coefs_[0] for result in (found, plain)]
    assert not np.array_equal(*weights)


def test_html_shows_parameters():
    html = estimator_html_repr(MLPClassifier(alpha=0.5))
    assert "MLPClassifier" in html
    assert "alpha" in html


def test_a_column_as_target_is_accepted_with_a_warning():
    with pytest.warns(DataConversionWarning, match="column-vector y was passed"):
        MLPRegressor(hidden_layer_sizes=(2,), max_iter=2).fit(X, X[:, :1])


def test_maximum_of_iterations_is_warned_of():
    message = (
        r"^Stochastic Optimizer: Maximum iterations \(3\) reached and the optimization hasn't "
        r"converged yet\.$"
    )
    with pytest.warns(ConvergenceWarning, match=message):
        MLPClassifier((3,), max_iter=3).fit(X, Y)
    with pytest.warns(ConvergenceWarning, match=r"lbfgs failed to converge after 2 iteration"):
        MLPClassifier((3,), max_iter=2, solver="lbfgs").fit(X, Y)
