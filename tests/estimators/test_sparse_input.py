"""Sparse input stays sparse in linear models, and gives what dense input gives."""

from __future__ import annotations

import math
import tracemalloc
from typing import Any

import numpy as np
import pytest
import scipy.sparse
import sklearn.linear_model
from sklearn.exceptions import ConvergenceWarning

from chainrule._errors import CapacityError, InvalidArgumentError
from chainrule.estimators import (
    LinearRegression,
    LogisticRegression,
    MLPClassifier,
    MLPRegressor,
    Perceptron,
)

GENERATOR = np.random.default_rng(0)


def counts(n: int, p: int, share: float = 0.2) -> np.ndarray:
    """Return rows of small counts, as words in texts have them."""
    return GENERATOR.poisson(share, (n, p)).astype(float)


TALL = counts(120, 12)
WIDE = counts(30, 60, 0.1)
DUMMIES = np.hstack([np.eye(4)[GENERATOR.integers(0, 4, 90)], np.eye(3)[np.arange(90) % 3]])
WEIGHT = GENERATOR.uniform(0.2, 3.0, 120)
FORMATS = [scipy.sparse.csr_array, scipy.sparse.csc_array, scipy.sparse.csr_matrix]


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("X", [TALL, WIDE, DUMMIES], ids=["tall", "wide", "dependent"])
def test_least_squares(X, form, fit_intercept):
    """LSMR by itself finds the solution of the singular value decomposition, to nine digits."""
    y = np.column_stack([X @ np.arange(X.shape[1]), GENERATOR.normal(size=len(X))])
    weight = WEIGHT[: len(X)]
    sparse = LinearRegression(fit_intercept=fit_intercept).fit(form(X), y, weight)
    dense = LinearRegression(fit_intercept=fit_intercept).fit(X, y, weight)
    largest = np.abs(dense.coef_).max()
    np.testing.assert_allclose(sparse.coef_, dense.coef_, rtol=1e-9, atol=1e-9 * largest)
    np.testing.assert_allclose(sparse.intercept_, dense.intercept_, rtol=1e-9, atol=1e-8)
    np.testing.assert_allclose(sparse.predict(form(X)), dense.predict(X), rtol=1e-8, atol=1e-8)
    assert sparse.n_iter_ > 1
    theirs = sklearn.linear_model.LinearRegression(fit_intercept=fit_intercept).fit(X, y, weight)
    np.testing.assert_allclose(sparse.predict(X), theirs.predict(X), rtol=1e-8, atol=1e-8)


def test_least_squares_says_when_scales_are_too_different():
    X = scipy.sparse.csr_array(TALL * 10.0 ** np.linspace(-5, 5, 12))
    with pytest.warns(ConvergenceWarning, match=r"^LSMR: a column still explains more than tol="):
        LinearRegression().fit(X, TALL.sum(axis=1) + GENERATOR.normal(size=120))
    with pytest.warns(ConvergenceWarning, match=r"after 2 iterations \(max_iter=2\)\. Bring the"):
        LinearRegression(max_iter=2).fit(scipy.sparse.csr_array(TALL), np.arange(120.0))


def test_other_solvers_of_least_squares():
    y = TALL @ np.arange(12) + GENERATOR.normal(size=120)
    X, dense = scipy.sparse.csr_array(TALL), LinearRegression().fit(TALL, y, WEIGHT)
    for settings in ({"solver": "svd"}, {"solver": "qr"}):
        found = LinearRegression(**settings).fit(X, y, WEIGHT)
        np.testing.assert_allclose(found.coef_, dense.coef_, rtol=1e-9)
    descent = LinearRegression(solver="gradient_descent", tol=1e-10).fit(X, y, WEIGHT)
    np.testing.assert_allclose(descent.coef_, dense.coef_, rtol=1e-6)
    np.testing.assert_allclose(descent.intercept_, dense.intercept_, rtol=1e-6)
    np.testing.assert_allclose(
        LinearRegression(positive=True).fit(X, y).coef_,
        LinearRegression(positive=True).fit(TALL, y).coef_,
    )
    by_products = LinearRegression(solver="lsmr").fit(TALL, y, WEIGHT)
    np.testing.assert_allclose(by_products.coef_, dense.coef_, rtol=1e-8)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("solver", ["newton-cg", "lbfgs", "gradient_descent"])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_logistic_regression(n_classes, solver, form, fit_intercept):
    y = np.argmax(TALL[:, :n_classes] + GENERATOR.gumbel(size=(120, n_classes)), axis=1)
    settings: dict[str, Any] = {"C": 0.3, "tol": 1e-9, "fit_intercept": fit_intercept}
    settings |= {"class_weight": "balanced", "max_iter": 5000, "solver": solver}
    sparse = LogisticRegression(**settings).fit(form(TALL), y, WEIGHT)
    dense = LogisticRegression(**settings).fit(TALL, y, WEIGHT)
    np.testing.assert_allclose(sparse.coef_, dense.coef_, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(sparse.intercept_, dense.intercept_, rtol=1e-6, atol=1e-7)
    theirs = sklearn.linear_model.LogisticRegression(
        **settings | {"solver": "newton-cg", "tol": 1e-10}
    ).fit(TALL, y, WEIGHT)
    probabilities = theirs.predict_proba(TALL)
    np.testing.assert_allclose(sparse.predict_proba(form(TALL)), probabilities, atol=1e-5)


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("n_classes", [2, 4])
def test_perceptron(n_classes, fit_intercept):
    """Sums of whole numbers are exact in any order, so that all weights are equal."""
    y = GENERATOR.integers(0, n_classes, 120)
    settings: dict[str, Any] = {"max_iter": 20, "fit_intercept": fit_intercept}
    settings["n_iter_no_change"] = 100
    X = scipy.sparse.csc_array(TALL)
    with pytest.warns(ConvergenceWarning):
        dense = Perceptron(**settings).fit(TALL, y)
    with pytest.warns(ConvergenceWarning):
        sparse = Perceptron(**settings).fit(X, y)
    np.testing.assert_array_equal(sparse.coef_, dense.coef_)
    np.testing.assert_array_equal(sparse.intercept_, dense.intercept_)
    assert sparse.mistakes_ == dense.mistakes_
    weight = GENERATOR.integers(0, 3, 120)
    sparse.partial_fit(X, y, sample_weight=weight)
    dense.partial_fit(TALL, y, sample_weight=weight)
    np.testing.assert_array_equal(sparse.coef_, dense.coef_)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_is_kept(dtype):
    X = scipy.sparse.csr_array(TALL.astype(dtype))
    y = (TALL[:, 0] > 0).astype(int)
    for estimator in (LogisticRegression(), Perceptron(n_iter_no_change=1)):
        assert estimator.fit(X, y).coef_.dtype == dtype
    assert LinearRegression().fit(X, TALL[:, 0] - TALL[:, 1]).coef_.dtype == dtype


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("estimator", [LinearRegression(), LogisticRegression(), Perceptron()])
def test_places_that_come_twice_hold_the_sum(estimator):
    once = scipy.sparse.csr_array(TALL)
    halves = np.repeat(once.data / 2.0, 2), np.repeat(once.indices, 2), 2 * once.indptr
    twice = scipy.sparse.csr_array(halves, once.shape)
    assert twice.nnz == 2 * once.nnz
    y = GENERATOR.integers(0, 2, 120)
    expected = estimator.fit(once, y).coef_.copy()
    np.testing.assert_allclose(estimator.fit(twice, y).coef_, expected, rtol=1e-9, atol=1e-12)
    assert twice.nnz == 2 * once.nnz


# -- memory --------------------------------------------------------------------------------------


def text_like() -> tuple[scipy.sparse.csr_array, np.ndarray]:
    """Return 20,000 rows of 50,000 columns, of which 50 in a row are not zero; dense 8 GB."""
    generator = np.random.default_rng(0)
    rows = np.repeat(np.arange(20_000), 50)
    columns = (50_000 * generator.uniform(size=len(rows)) ** 3).astype(int)
    X = scipy.sparse.coo_array((np.ones(len(rows)), (rows, columns)), (20_000, 50_000)).tocsr()
    return X, X[:, :200].sum(axis=1) - X[:, 200:800].sum(axis=1)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    "estimator",
    [
        LinearRegression(tol=1e-3),
        LinearRegression(solver="gradient_descent", max_iter=3),
        LogisticRegression(tol=0.01),
        LogisticRegression(solver="gradient_descent", max_iter=3),
        Perceptron(max_iter=1),
    ],
    ids=str,
)
def test_large_sparse_matrices_are_never_made_dense(estimator):
    X, height = text_like()
    y = height if isinstance(estimator, LinearRegression) else height > 0
    tracemalloc.start()
    try:
        estimator.fit(X, y)
        estimator.predict(X)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 200e6
    assert math.prod(X.shape) * 8 == 8e9


HUGE = scipy.sparse.csr_array(([1.0, 2.0], [0, 1], [0, 1, 2, *[2] * 1_999_998]), (2_000_000, 10**8))


@pytest.mark.parametrize(
    "estimator",
    [
        LinearRegression(solver="svd"),
        LinearRegression(positive=True),
        MLPClassifier(),
        MLPRegressor(),
    ],
    ids=str,
)
def test_what_would_not_fit_memory_is_refused_before_it_is_tried(estimator):
    with pytest.raises(CapacityError) as caught:
        estimator.fit(HUGE, np.arange(2_000_000) % 2)
    expected, _, advice = caught.value.message.partition(" of float64 where this machine has ")
    assert expected == (
        "X: expected a sparse matrix that can be made dense, got shape (2000000, 100000000), which "
        "takes 1.49e+06 GiB"
    )
    assert advice.partition(" GiB. ")[2] == (
        "LogisticRegression, Perceptron and LinearRegression(solver='lsmr') keep it sparse; or "
        "reduce its columns first, as sklearn.decomposition.TruncatedSVD does."
    )
    assert isinstance(caught.value, MemoryError)


@pytest.mark.parametrize("estimator", [LinearRegression(), LogisticRegression(), Perceptron()])
def test_places_of_what_is_not_finite(estimator):
    broken = TALL.copy()
    broken[7, 3] = np.nan
    X = scipy.sparse.csc_array(broken)
    with pytest.raises(InvalidArgumentError) as caught:
        estimator.fit(X, np.arange(120) % 2)
    assert caught.value.message == (
        f"Input X contains NaN, in row 7, column 3. {type(estimator).__name__} does not accept "
        "missing values: fill them in first, as sklearn.impute.SimpleImputer does, or drop the "
        "rows."
    )
