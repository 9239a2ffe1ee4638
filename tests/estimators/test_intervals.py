"""Prediction intervals hold what they promise, and say how much they do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import norm

from chainrule._errors import InvalidArgumentError
from chainrule.estimators import MLPRegressor
from chainrule.models import intervals

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def noisy(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Samples of 1000 + 100 x with a noise that grows from 10 to 60."""
    generator = np.random.default_rng(seed)
    x = generator.uniform(0.0, 1.0, n)
    return x[:, None], 1000.0 + 100.0 * x + (10.0 + 50.0 * x) * generator.normal(size=n)


def fitted(loss: str, **settings: Any) -> MLPRegressor:
    X, y = noisy(2000, 0)
    X_val, y_val = noisy(1000, 1)
    return MLPRegressor(
        loss, (20,), learning_rate_init=0.01, max_iter=300, tol=0.0, random_state=0, **settings
    ).fit(X, y, X_val=X_val, y_val=y_val)


def test_gaussian_intervals_cover_what_they_say():
    regressor = fitted("gaussian")
    X, y = noisy(4000, 2)
    for share in (0.5, 0.9):
        assert abs(regressor.interval_coverage(X, y, coverage=share) - share) < 0.05
        assert abs(regressor.interval_coverage_[share] - share) < 0.05
    ends = regressor.predict_interval(np.array([[0.0], [1.0]]), coverage=0.9)
    widths = np.diff(ends, axis=1)[:, 0]
    np.testing.assert_allclose(widths, 2 * norm.ppf(0.95) * np.array([10.0, 60.0]), rtol=0.3)
    middle = regressor.predict(np.array([[0.0], [1.0]]))
    np.testing.assert_allclose(ends.mean(axis=1), middle, rtol=1e-10)


def test_quantile_intervals_cover_what_they_say():
    regressor = fitted("quantile", quantiles=(0.1, 0.5, 0.9))
    X, y = noisy(4000, 2)
    assert abs(regressor.interval_coverage(X, y) - 0.8) < 0.04
    assert list(regressor.interval_coverage_) == [0.8]
    ends = regressor.predict_interval(X)
    assert (ends[:, 0] <= ends[:, 1]).all()
    inside = (ends[:, 0] <= y) & (y <= ends[:, 1])
    assert regressor.interval_coverage(X, y) == inside.mean()
    with pytest.raises(InvalidArgumentError, match=r"expected 0\.8, what is between the quantiles"):
        regressor.predict_interval(X, coverage=0.9)


def test_several_targets_have_intervals_each():
    X, y = noisy(200, 0)
    targets = np.column_stack([y, -3.0 * y])
    for loss in ("gaussian", "quantile"):
        regressor = MLPRegressor(loss, (5,), max_iter=3, random_state=0).fit(X, targets)
        assert regressor.predict_interval(X).shape == (200, 2, 2)
        assert regressor.predict(X).shape == (200, 2)
        assert regressor.interval_coverage_ is None


def test_bounds_by_hand():
    output = np.array([[1.0, np.log(4.0)]])
    np.testing.assert_allclose(
        intervals.gaussian_bounds(output, 0.95)[:, 0, 0], norm.interval(0.95, 1.0, 2.0)
    )
    crossed = np.array([[3.0, 2.0, 1.0]])
    np.testing.assert_array_equal(intervals.quantile_bounds(crossed, 3)[:, 0, 0], [1.0, 3.0])
    bounds = np.array([[[0.0], [0.0]], [[1.0], [1.0]]])
    columns, weight = np.array([[0.5], [2.0]]), np.array([3.0, 1.0])
    assert intervals.coverage_of(bounds, columns, weight) == 0.75


def test_other_losses_have_none():
    X, y = noisy(50, 0)
    regressor = MLPRegressor(hidden_layer_sizes=(3,), max_iter=2).fit(X, y)
    with pytest.raises(InvalidArgumentError, match="the others learn no spread"):
        regressor.predict_interval(X)
    gaussian = MLPRegressor("gaussian", (3,), max_iter=2).fit(X, y)
    with pytest.raises(InvalidArgumentError, match=r"above 0 and below 1, got 1\.5"):
        gaussian.predict_interval(X, coverage=1.5)


def wavy(n: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two targets in their own units, one whose noise grows with x and one whose noise shrinks."""
    generator = np.random.default_rng(seed)
    x = generator.uniform(0.0, 1.0, n)
    mean = np.column_stack([np.sin(2.0 * np.pi * x), 100.0 + 50.0 * x])
    spread = np.column_stack([0.1 + 0.4 * x, 10.0 - 8.0 * x])
    return x[:, None], mean + spread * generator.normal(size=(n, 2)), spread


@pytest.mark.parametrize("loss", ["gaussian", "quantile"])
def test_every_target_is_covered_where_its_noise_is_small_and_where_it_is_large(loss):
    X, y, _ = wavy(3000, 0)
    X_val, y_val, _ = wavy(1500, 1)
    regressor = MLPRegressor(
        loss, (32, 32), learning_rate_init=0.01, early_stopping=True, n_iter_no_change=30,
        max_iter=500, random_state=0,
    ).fit(X, y, X_val=X_val, y_val=y_val)  # fmt: skip
    X, y, spread = wavy(10_000, 2)
    ends = regressor.predict_interval(X, coverage=0.9)
    inside = (ends[..., 0] <= y) & (y <= ends[..., 1])
    for part in (X[:, 0] < 0.5, X[:, 0] >= 0.5):
        np.testing.assert_allclose(inside[part].mean(axis=0), 0.9, atol=0.04)
    assert regressor.interval_coverage(X, y, coverage=0.9) == inside.mean()
    assert abs(regressor.interval_coverage_[0.9] - inside.mean()) < 0.02
    ideal = 2.0 * norm.ppf(0.95) * spread
    np.testing.assert_allclose(np.median(np.diff(ends, axis=2)[..., 0] / ideal, axis=0), 1, 0.15)
