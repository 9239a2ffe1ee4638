"""Linear regression, logistic regression and the perceptron."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sklearn.linear_model
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_wine
from sklearn.exceptions import ConvergenceWarning

from chainrule.estimators import LinearRegression, LogisticRegression, Perceptron

NIST = json.loads((Path(__file__).parent / "data" / "nist_linear.json").read_text())
BODY, DISEASE = load_diabetes(return_X_y=True)
EXTENDED = np.finfo(np.longdouble).eps < 1e-18


def exact_solution(A: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Solve the normal equations of the float64 numbers given, in fractions."""
    rows = [[Fraction(value) for value in row] for row in A.tolist()]
    target = [Fraction(value) for value in y.tolist()]
    size = len(rows[0])
    system = [
        [sum(r[i] * r[j] for r in rows) for j in range(size)]
        + [sum(r[i] * t for r, t in zip(rows, target, strict=True))]
        for i in range(size)
    ]
    for i in range(size):
        for below in system[i + 1 :]:
            factor = below[i] / system[i][i]
            below[:] = [a - factor * b for a, b in zip(below, system[i], strict=True)]
    solution = [Fraction(0)] * size
    for i in reversed(range(size)):
        known = sum(system[i][j] * solution[j] for j in range(i + 1, size))
        solution[i] = (system[i][size] - known) / system[i][i]
    return np.array([float(value) for value in solution])


@pytest.mark.skipif(not EXTENDED, reason="refinement needs a longdouble longer than float64")
@pytest.mark.parametrize("solver", ["svd", "qr"])
@pytest.mark.parametrize("name", sorted(NIST))
def test_certified_values(name, solver):
    """NIST's data sets; the digits of Filip that powers of its data in float64 allow are 7."""
    known = NIST[name]
    X, y = np.array(known["X"]), np.array(known["y"])
    if known["degree"] > 1:
        X = X ** np.arange(1, known["degree"] + 1)
    fitted = LinearRegression(solver=solver, fit_intercept=known["intercept"]).fit(X, y)
    found = np.append(fitted.intercept_, fitted.coef_) if known["intercept"] else fitted.coef_
    rtol = 1e-7 if name == "Filip" else 1e-9
    np.testing.assert_allclose(found, known["certified"], rtol=rtol)
    design = np.column_stack([np.ones(len(X)), X]) if known["intercept"] else X
    np.testing.assert_allclose(found, exact_solution(design, y), rtol=1e-9)
    assert fitted.rank_ == X.shape[1]


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("shape", [(30, 4), (5, 9), (30, 4, 2)])
@pytest.mark.parametrize("solver", ["svd", "qr"])
def test_closed_form_against_scikit_learn(solver, shape, fit_intercept):
    generator = np.random.default_rng(0)
    X = generator.normal(1.0, 2.0, shape[:2])
    y = generator.normal(size=(shape[0], *shape[2:]))
    weight = generator.uniform(0.1, 3.0, shape[0])
    ours = LinearRegression(solver=solver, fit_intercept=fit_intercept).fit(X, y, weight)
    theirs = sklearn.linear_model.LinearRegression(fit_intercept=fit_intercept).fit(X, y, weight)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-9, atol=1e-11)
    assert np.shape(ours.coef_) == np.shape(theirs.coef_)
    assert np.shape(ours.intercept_) == np.shape(theirs.intercept_)
    assert ours.rank_ == theirs.rank_
    if solver == "svd":  # the shortest of many solutions
        np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-9, atol=1e-11)


def test_dependent_columns():
    X = np.column_stack([BODY, BODY[:, 0] + BODY[:, 1]])
    ours, theirs = (
        kind().fit(X, DISEASE) for kind in (LinearRegression, sklearn.linear_model.LinearRegression)
    )
    assert ours.rank_ == theirs.rank_ == 10
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-8)
    np.testing.assert_allclose(ours.singular_, theirs.singular_, rtol=1e-9, atol=1e-12)
    by_qr = LinearRegression(solver="qr").fit(X, DISEASE)
    assert np.count_nonzero(by_qr.coef_) == 10
    np.testing.assert_allclose(by_qr.predict(X), theirs.predict(X), rtol=1e-9)


def test_coefficients_that_are_not_negative():
    weight = np.linspace(0.5, 2.0, len(BODY))
    ours = LinearRegression(positive=True).fit(BODY, DISEASE, weight)
    theirs = sklearn.linear_model.LinearRegression(positive=True).fit(BODY, DISEASE, weight)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-9)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, rtol=1e-9)


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_gradient_descent_gets_to_the_same_place(fit_intercept):
    generator = np.random.default_rng(1)
    X = generator.normal(size=(60, 3)) * [1.0, 100.0, 0.01] + 5.0
    y = X @ [[1.0, 0.0], [0.1, 2.0], [50.0, 3.0]] + 7.0
    weight = generator.uniform(0.5, 2.0, 60)
    settings: dict[str, Any] = {"fit_intercept": fit_intercept}
    closed = LinearRegression(**settings).fit(X, y, weight)
    descent = LinearRegression(**settings, solver="gradient_descent", tol=1e-9, max_iter=200_000)
    descent.fit(X, y, weight)
    np.testing.assert_allclose(descent.predict(X), closed.predict(X), rtol=1e-5, atol=1e-5)
    assert descent.n_iter_ == len(descent.history_) > 1
    assert (np.diff(descent.history_.train_loss) <= 1e-15).all()


def test_gradient_descent_by_hand():
    """Two steps of w <- w - eta X.T (X w - y) / n from 0, on standardized columns."""
    x, y = np.array([0.0, 1.0, 3.0]), np.array([1.0, 2.0, 6.0])
    with pytest.warns(ConvergenceWarning, match=r"Maximum iterations \(2\) reached"):
        fitted = LinearRegression(
            solver="gradient_descent", learning_rate_init=0.5, max_iter=2
        ).fit(x[:, None], y)
    z, t = (x - x.mean()) / x.std(), (y - y.mean()) / y.std()
    w = 0.0
    for _ in range(2):
        w -= 0.5 * np.mean((z * w - t) * z)
    np.testing.assert_allclose(fitted.coef_, [w * y.std() / x.std()], rtol=1e-12)
    np.testing.assert_allclose(fitted.predict([[x.mean()]]), [y.mean()], rtol=1e-12)


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("load", [load_iris, load_breast_cancer, load_wine])
def test_logistic_regression_has_the_minimum_of_scikit_learn(load, fit_intercept):
    X, y = load(return_X_y=True)
    weight = np.random.default_rng(0).uniform(0.5, 2.0, len(y))
    settings: dict[str, Any] = {
        "fit_intercept": fit_intercept,
        "C": 0.5,
        "class_weight": {0: 2.0, 1: 0.5} if load is load_breast_cancer else "balanced",
    }
    ours = LogisticRegression(**settings, tol=1e-9).fit(X, y, weight)
    theirs = sklearn.linear_model.LogisticRegression(
        **settings, solver="newton-cg", tol=1e-10, max_iter=10_000
    ).fit(X, y, weight)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-5)
    assert ours.coef_.shape == theirs.coef_.shape
    assert ours.intercept_.shape == theirs.intercept_.shape


@pytest.mark.parametrize("solver", ["bfgs", "lbfgs", "newton-cg", "gradient_descent"])
def test_solvers_of_logistic_regression_agree(solver):
    X, y = load_iris(return_X_y=True)
    best = LogisticRegression(C=0.1, tol=1e-10).fit(X, y)
    found = LogisticRegression(C=0.1, tol=1e-7, solver=solver, max_iter=100_000).fit(X, y)
    np.testing.assert_allclose(found.predict_proba(X), best.predict_proba(X), atol=1e-5)
    log = np.log(found.predict_proba(X))
    np.testing.assert_allclose(found.predict_log_proba(X), log, rtol=1e-9)


def test_logistic_regression_without_penalty_and_from_a_warm_start():
    generator = np.random.default_rng(0)
    X = generator.normal(size=(200, 2))
    y = generator.uniform(size=200) < 1 / (1 + np.exp(-X @ [1.0, -2.0]))
    free = LogisticRegression(C=np.inf, tol=1e-10, warm_start=True).fit(X, y)
    theirs = sklearn.linear_model.LogisticRegression(C=np.inf, tol=1e-10).fit(X, y)
    np.testing.assert_allclose(free.coef_, theirs.coef_, rtol=1e-4)
    assert free.n_iter_[0] > 1
    again = free.fit(X, y)
    assert again.n_iter_[0] == 1
    np.testing.assert_allclose(again.coef_, theirs.coef_, rtol=1e-4)


# -- the perceptron ------------------------------------------------------------------------------


def test_rosenblatts_rule_by_hand():
    X = np.array([[1.0, 2.0], [-1.0, 1.0], [3.0, -1.0], [0.5, -2.0]])
    y = np.array([0, 1, 2, 1])
    weights, biases = np.zeros((3, 2)), np.zeros(3)
    for x, label in zip(X, y, strict=True):
        for k in range(3):
            sign = 1.0 if label == k else -1.0
            if sign * (weights[k] @ x + biases[k]) <= 0:
                weights[k] += 0.5 * sign * x
                biases[k] += 0.5 * sign
    fitted = Perceptron(shuffle=False, eta0=0.5).partial_fit(X, y, classes=[0, 1, 2])
    np.testing.assert_array_equal(fitted.coef_, weights)
    np.testing.assert_array_equal(fitted.intercept_, biases)


def test_a_perceptron_separates_what_can_be_separated():
    generator = np.random.default_rng(0)
    X = generator.normal(size=(300, 4))
    margin = X @ [1.0, -1.0, 0.5, 2.0] + 0.3
    X, y = X[np.abs(margin) > 0.1], margin[np.abs(margin) > 0.1] > 0
    perceptron = Perceptron(n_iter_no_change=1000).fit(X, y)
    assert perceptron.score(X, y) == 1.0
    assert perceptron.mistakes_[-1] == 0
    assert perceptron.n_iter_ == len(perceptron.mistakes_) < 1000


def test_no_perceptron_is_the_exclusive_or():
    X, y = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), [0, 1, 1, 0]
    perceptron = Perceptron(n_iter_no_change=50).fit(X, y)
    assert perceptron.score(X, y) <= 0.75
    assert min(perceptron.mistakes_) > 0
    with pytest.warns(ConvergenceWarning, match="Maximum number of iteration reached"):
        Perceptron(max_iter=3).fit(X, y)


def test_the_pocket_has_the_best_weights():
    """Those after the epoch that left the fewest mistakes, found again by showing so many."""
    X, y = load_iris(return_X_y=True)
    fitted = Perceptron(n_iter_no_change=20, random_state=3).fit(X, y)
    signs = np.where(y[:, None] == np.arange(3), 1.0, -1.0)
    kept = np.sum(signs * fitted.decision_function(X) <= 0)
    generator = np.random.RandomState(3)
    weights, left = np.zeros((5, 3)), []
    inputs = np.column_stack([X, np.ones(len(X))])
    for _ in range(fitted.n_iter_):
        for row in generator.permutation(len(X)):
            wrong = signs[row] * (inputs[row] @ weights) <= 0
            weights += np.outer(inputs[row], np.where(wrong, signs[row], 0.0))
        left.append(np.sum(signs * (inputs @ weights) <= 0))
    assert kept == min(left) < left[-1]


@pytest.mark.filterwarnings("ignore:Maximum number of iteration")
def test_a_perceptron_without_bias_and_from_a_warm_start(capsys):
    X, y = load_iris(return_X_y=True)
    perceptron = Perceptron(fit_intercept=False, warm_start=True, verbose=True).fit(X, y)
    np.testing.assert_array_equal(perceptron.intercept_, np.zeros(3))
    first = perceptron.coef_.copy()
    perceptron.set_params(max_iter=1, n_iter_no_change=1, random_state=1).fit(X, y)
    assert np.abs(first).max() > 1.0
    assert "Epoch 1, mistakes = " in capsys.readouterr().out
