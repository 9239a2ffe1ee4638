"""Linear models next to scikit-learn's and SciPy's, on data of many kinds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.linalg
import sklearn.linear_model
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_wine

from chainrule.estimators import LinearRegression, LogisticRegression, Perceptron

GENERATOR = np.random.default_rng(0)


def normal(n: int, p: int) -> np.ndarray:
    return GENERATOR.normal(size=(n, p))


TALL = normal(80, 6)
KINDS = {
    "tall": TALL,
    "wide": normal(20, 50),
    "rank-deficient": normal(60, 3) @ normal(3, 8),
    "nearly collinear": np.column_stack([TALL, TALL[:, 0] + 1e-5 * normal(80, 1)[:, 0]]),
    "badly scaled": TALL * 10.0 ** np.arange(-6, 6, 2),
    "far from the origin": TALL + 1e5,
    "with a constant column": np.column_stack([TALL, np.full(80, 0.1)]),
    "one column": normal(15, 1),
    "one sample": normal(1, 3),
    "diabetes": load_diabetes().data,
    "wine": load_wine().data,
}


@pytest.mark.parametrize("solver", ["svd", "qr"])
@pytest.mark.parametrize("kind", KINDS)
def test_least_squares_against_scipy(kind, solver):
    """Weighted and with several targets, by SciPy's decomposition of the centered matrix."""
    X = KINDS[kind]
    Y = X @ GENERATOR.normal(size=(X.shape[1], 2)) / np.linalg.norm(X, axis=0).max()
    Y = Y + GENERATOR.normal(size=Y.shape) + 7.0
    weight = GENERATOR.uniform(0.5, 2.0, len(X))
    fitted = LinearRegression(solver=solver).fit(X, Y, weight)
    mean, height = (np.average(part, axis=0, weights=weight) for part in (X, Y))
    root = np.sqrt(weight)[:, None]
    size = np.maximum(np.linalg.norm(X - mean, axis=0), 1e-300)
    A = root * (X - mean) / size
    coef, _, rank, _ = scipy.linalg.lstsq(A, root * (Y - height), cond=1e-12)
    found = (X - mean) / size @ (fitted.coef_.T * size[:, None])
    np.testing.assert_allclose(found, (X - mean) / size @ coef, rtol=1e-7, atol=1e-8)
    np.testing.assert_allclose(fitted.predict([mean]), [height], rtol=1e-9)
    if kind != "with a constant column":
        assert fitted.rank_ == rank
    if rank == X.shape[1]:
        np.testing.assert_allclose(fitted.coef_.T * size[:, None], coef, rtol=1e-6, atol=1e-8)


def test_a_constant_column_explains_nothing():
    """What is left of it after centering is rounding."""
    for height in (0.1, 1e8 / 3.0):
        X = np.column_stack([TALL, np.full(80, height)])
        for solver in ("svd", "qr"):
            fitted = LinearRegression(solver=solver).fit(X, TALL[:, 0] + normal(80, 1)[:, 0])
            assert fitted.coef_[-1] == 0.0
            assert fitted.rank_ == 6
            assert fitted.singular_.shape == (7,)
    flat = LinearRegression().fit(np.full((5, 2), 0.1), np.arange(5.0))
    assert (flat.rank_, flat.intercept_) == (0, 2.0)


def labels(X: np.ndarray, n_classes: int) -> np.ndarray:
    scores = (X - X.mean(axis=0)) / np.maximum(X.std(axis=0), 1e-300)
    picks = scores @ GENERATOR.normal(size=(X.shape[1], n_classes))
    noisy = picks + GENERATOR.gumbel(size=picks.shape)
    return np.array(["ab", "c", "d"])[np.argmax(noisy, axis=1)]


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "one sample"])
def test_logistic_regression_has_the_least_cost(kind, n_classes):
    """Text labels; the cost in original units is at its minimum, where its gradient vanishes."""
    X = KINDS[kind]
    y, weight = labels(X, n_classes), GENERATOR.uniform(0.5, 2.0, len(X))
    assert len(np.unique(y)) == n_classes
    fitted = LogisticRegression(C=0.7, tol=1e-11, max_iter=1000).fit(X, y, weight)
    columns = (y[:, None] == fitted.classes_).astype(float)
    error = weight[:, None] * (fitted.predict_proba(X) - columns)
    if n_classes == 2:
        error = error[:, 1:]
    np.testing.assert_allclose(error.sum(axis=0), 0.0, atol=1e-7 * len(X))
    pull = 0.7 * error.T @ X
    allowed = 1e-7 * np.abs(error).sum() * np.abs(X).max(axis=0)
    assert (np.abs(pull + fitted.coef_) <= allowed).all()


@pytest.mark.parametrize("load", [load_iris, load_breast_cancer, load_wine])
def test_logistic_regression_against_scikit_learn(load):
    """Classes that can be separated included: the penalty keeps the weights finite."""
    X, y = load(return_X_y=True)
    X = (X - X.mean(axis=0)) / np.maximum(X.std(axis=0), 1e-9)
    ours = LogisticRegression(C=10.0, tol=1e-8, max_iter=500).fit(X, y)
    theirs = sklearn.linear_model.LogisticRegression(C=10.0, tol=1e-9, max_iter=5000).fit(X, y)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-4)


def test_parameters_of_scikit_learn_are_taken():
    X, y = load_iris(return_X_y=True)
    free = LogisticRegression(penalty=None, l1_ratio=None, dual=False, n_jobs=2, max_iter=500)
    same = LogisticRegression(C=np.inf, max_iter=500).fit(X, y)
    np.testing.assert_array_equal(free.fit(X, y).coef_, same.coef_)
    settings: dict[str, Any] = {"penalty": None, "eta0": 0.5, "class_weight": "balanced"}
    settings |= {"n_jobs": 1, "early_stopping": True, "validation_fraction": 0.2}
    assert Perceptron(**settings, random_state=3).fit(X, y).score(X, y) > 0.6
    line = LinearRegression(copy_X=False, n_jobs=2, tol=1e-6, positive=True).fit(X, y)
    assert (line.coef_ >= 0.0).all()


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("load", [load_iris, load_wine, load_breast_cancer])
def test_rosenblatts_rule_is_that_of_scikit_learn(load, fit_intercept):
    """Samples in their own order, weighted, a few times over: the same weights to rounding."""
    X, y = load(return_X_y=True)
    weight = GENERATOR.integers(0, 4, len(X)).astype(float)
    settings: dict[str, Any] = {"shuffle": False, "eta0": 0.25, "fit_intercept": fit_intercept}
    classes = np.unique(y)
    if len(classes) == 2:  # with more, scikit-learn gives the rest of the classes weight 1
        settings["class_weight"] = {0: 2.0, 1: 0.5}
    ours, theirs = Perceptron(**settings), sklearn.linear_model.Perceptron(**settings)
    for _ in range(4):
        ours.partial_fit(X, y, classes=classes, sample_weight=weight)
        theirs.partial_fit(X, y, classes=classes, sample_weight=weight)
        np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-10, atol=1e-10)
        np.testing.assert_allclose(ours.intercept_, theirs.intercept_, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(ours.decision_function(X), theirs.decision_function(X), rtol=1e-8)
    assert ours.t_ == theirs.t_
