"""How linear models are trained step by step: validation, stopping, histories, weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning

from chainrule._errors import DivergenceError
from chainrule.estimators import LinearRegression, LogisticRegression, Perceptron

GENERATOR = np.random.default_rng(0)
IRIS, KINDS = load_iris(return_X_y=True)


def overfitting(n: int = 60, p: int = 40) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return few noisy samples of many features, and more of the same kind to see by."""
    X = GENERATOR.normal(size=(n + 500, p))
    y = X[:, 0] - X[:, 1] + GENERATOR.normal(size=n + 500) * 2.0
    return X[:n], y[:n], X[n:], y[n:]


@pytest.mark.parametrize("form", [np.asarray, scipy.sparse.csr_array])
def test_gradient_descent_stopped_early_keeps_what_did_best(form):
    X, y, X_val, y_val = overfitting()
    settings: dict[str, Any] = {"solver": "gradient_descent", "tol": 1e-9, "max_iter": 20_000}
    line = LinearRegression(**settings, early_stopping=True, n_iter_no_change=8)
    line.fit(form(X), y, X_val=form(X_val), y_val=y_val)
    losses = line.history_.val_loss
    assert losses is not None
    best = int(np.argmin(losses))
    assert len(losses) == line.n_iter_ == best + 1 + 8
    kept = 0.5 * np.mean((line.predict(X_val) - y_val) ** 2) / np.var(y)
    np.testing.assert_allclose(kept, losses[best], rtol=1e-9)
    seen = 0.5 * np.mean((line.predict(X) - y) ** 2) / np.var(y)
    np.testing.assert_allclose(seen, line.history_.train_loss[best], rtol=1e-9)
    full = LinearRegression(**settings).fit(form(X), y)
    assert line.score(X_val, y_val) > full.score(X_val, y_val) + 0.1


def test_validation_samples_change_nothing_without_early_stopping():
    X, y, X_val, y_val = overfitting()
    plain = LinearRegression(solver="gradient_descent").fit(X, y)
    watched = LinearRegression(solver="gradient_descent").fit(X, y, X_val=X_val, y_val=y_val)
    np.testing.assert_array_equal(watched.coef_, plain.coef_)
    plain = LogisticRegression().fit(X, y > 0)
    watched = LogisticRegression().fit(X, y > 0, X_val=X_val, y_val=y_val > 0)
    np.testing.assert_array_equal(watched.coef_, plain.coef_)
    log = -np.mean(watched.predict_log_proba(X_val)[np.arange(500), (y_val > 0).astype(int)])
    np.testing.assert_allclose(watched.history_.val_loss[-1], log, rtol=1e-9)
    score = watched.score(X_val, y_val > 0)
    np.testing.assert_allclose(watched.history_.val_score[-1], score, rtol=1e-12)
    assert list(watched.history_.columns()) == [
        "epoch", "train_loss", "val_loss", "val_score", "penalty", "learning_rate", "seconds",
        "gradient_norm of model", "update_norm of model",
    ]  # fmt: skip


def test_logistic_regression_stopped_early():
    X, y, X_val, y_val = overfitting()
    model = LogisticRegression(
        C=1e6, solver="gradient_descent", early_stopping=True, n_iter_no_change=4, max_iter=5000
    ).fit(X, y > 0, X_val=X_val, y_val=y_val > 0)
    scores = model.history_.val_score
    assert model.score(X_val, y_val > 0) == pytest.approx(scores.max(), abs=1e-12)
    lowest, waited = np.inf, 0
    for number, score in enumerate(scores, start=1):  # no better by tol=1e-4, four times in a row
        waited = 0 if -score <= lowest - 1e-4 else waited + 1
        lowest = min(lowest, -score)
        assert (waited == 4) == (number == len(scores))


def test_a_share_is_set_aside_by_random_state():
    X, y, _, _ = overfitting()
    settings: dict[str, Any] = {"solver": "gradient_descent", "early_stopping": True}
    first, again, other = (
        LinearRegression(**settings, random_state=seed).fit(X, y).coef_ for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    perceptron = Perceptron(early_stopping=True).fit(IRIS, KINDS)
    assert perceptron.t_ == 1 + perceptron.n_iter_ * 135


def test_warm_starts_go_on():
    X, y, _, _ = overfitting()
    for model, target in (
        (LinearRegression(solver="gradient_descent", warm_start=True), y),
        (LinearRegression(solver="gradient_descent", warm_start=True), np.column_stack([y, -y])),
        (LogisticRegression(solver="gradient_descent", warm_start=True, max_iter=5000), y > 0),
    ):
        first = model.fit(X, target).n_iter_
        coef = model.coef_.copy()
        assert np.max(model.fit(X, target).n_iter_) <= 2 < np.max(first)
        np.testing.assert_allclose(model.coef_, coef, rtol=1e-3, atol=1e-5)


def test_a_rate_that_is_too_high_is_told():
    X, y, _, _ = overfitting()
    line = LinearRegression(solver="gradient_descent", learning_rate_init=1e3)
    with pytest.warns(ConvergenceWarning, match=r"^Diverged in epoch \d+: "):
        line.fit(X, y)
    assert np.isfinite(line.coef_).all()
    with pytest.raises(DivergenceError, match=r"^Solver produced non-finite parameter weights"):
        LinearRegression(solver="gradient_descent", learning_rate_init=1e308).fit(X, y)


# -- the perceptron ------------------------------------------------------------------------------


def test_weighted_rule_by_hand():
    r"""``w + eta s y x``: weights of samples, times those of their classes."""
    X = np.array([[1.0, 2.0], [-1.0, 1.0], [3.0, -1.0], [0.5, -2.0]])
    y, weight = np.array([1, 0, 1, 0]), np.array([1.0, 0.5, 3.0, 0.0])
    w, b = np.zeros(2), 0.0
    for x, label, s in zip(X, y, weight, strict=True):
        sign, s = (1.0, s) if label else (-1.0, 4.0 * s)
        if sign * (w @ x + b) <= 0:
            w, b = w + 0.5 * s * sign * x, b + 0.5 * s * sign
    fitted = Perceptron(shuffle=False, eta0=0.5, class_weight={0: 4.0})
    for form in (np.asarray, scipy.sparse.csr_array):
        fitted = Perceptron(shuffle=False, eta0=0.5, class_weight={0: 4.0})
        fitted.partial_fit(form(X), y, classes=[0, 1], sample_weight=weight)
        np.testing.assert_array_equal(fitted.coef_, [w])
        np.testing.assert_array_equal(fitted.intercept_, [b])


def test_weights_of_classes_move_the_pocket():
    X = np.array([[0.0], [1.0], [1.0], [1.0], [2.0]])
    y = np.array([0, 0, 0, 1, 1])
    plain = Perceptron(n_iter_no_change=50).fit(X, y)
    weighted = Perceptron(n_iter_no_change=50, class_weight={1: 5.0}).fit(X, y)
    assert plain.predict([[1.0]]) == [0]
    assert weighted.predict([[1.0]]) == [1]
    assert weighted.history_.train_loss.min() == pytest.approx(2.0 / 13.0)


def test_history_of_a_perceptron_has_shares_of_mistakes():
    X, X_val = IRIS[::2], IRIS[1::2]
    perceptron = Perceptron(n_iter_no_change=10).fit(X, KINDS[::2], X_val=X_val, y_val=KINDS[1::2])
    history = perceptron.history_
    signs = np.where(KINDS[1::2, None] == np.arange(3), 1.0, -1.0)
    kept = np.mean(signs * perceptron.decision_function(X_val) <= 0)
    assert kept == pytest.approx(history.val_loss.min())
    assert len(history) == perceptron.n_iter_ == len(perceptron.mistakes_)
    assert (history.update_norm > 0).all()
    assert set(history.learning_rate) == {1.0}


def test_early_stopping_of_a_perceptron_waits_for_the_validation_samples():
    perceptron = Perceptron(early_stopping=True, n_iter_no_change=3, max_iter=500)
    perceptron.fit(IRIS, KINDS, X_val=IRIS[::3], y_val=KINDS[::3])
    lowest, waited = np.inf, 0
    for number, loss in enumerate(perceptron.history_.val_loss, start=1):
        waited = 0 if loss <= lowest - 1e-3 else waited + 1
        lowest = min(lowest, loss)
        assert (waited == 3) == (number == perceptron.n_iter_)


@pytest.mark.filterwarnings("ignore:Maximum number of iteration")
@pytest.mark.parametrize("interrupted_after", [1, 3])
def test_a_perceptron_shown_the_samples_in_parts(interrupted_after):
    """In their own order, partial_fit on parts is an epoch of fit, which keeps it if it is best."""
    whole = Perceptron(shuffle=False, max_iter=1).fit(IRIS[:100], KINDS[:100])
    parts = Perceptron(shuffle=False)
    for rows in np.array_split(np.arange(100), interrupted_after):
        parts.partial_fit(IRIS[rows], KINDS[rows], classes=[0, 1])
    np.testing.assert_array_equal(parts.coef_, whole.coef_)
    assert parts.t_ == whole.t_ == 101
