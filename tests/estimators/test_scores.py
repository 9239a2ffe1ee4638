"""The scores, to the last bit those of scikit-learn, whatever they are computed from."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, r2_score

from chainrule.estimators import LinearRegression, MLPClassifier, MLPRegressor, Perceptron
from chainrule.estimators.scores import accuracy, r_squared

RNG = np.random.default_rng(5)
CODES, GUESSES = RNG.integers(0, 4, (2, 101))
ROWS, MARKED = RNG.integers(0, 2, (2, 101, 3))
NAMES = np.array(["a", "bc", "d", "e"])
NUMBERS, ESTIMATES = RNG.normal(3.0, 2.0, (2, 101))
TARGETS, OUTPUTS = RNG.normal(3.0, 2.0, (2, 101, 3))
WEIGHTS = [None, RNG.uniform(0.0, 2.0, 101), RNG.uniform(0.0, 2.0, 101).astype(np.float32)]


def without_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make scikit-learn's own functions fail, to see that a score is not left to them."""
    for name in ("accuracy_score", "r2_score"):
        monkeypatch.setattr(f"sklearn.metrics.{name}", None)


def outcome(function: Any, *args: Any, **options: Any) -> Any:
    """Return what a function returns or raises, and the warnings on the way."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            found: Any = function(*args, **options)
        except Exception as error:
            found = type(error), str(error)
    return found, [(type(w.message), str(w.message)) for w in told]


@pytest.mark.parametrize("weight", WEIGHTS, ids=["alone", "float64", "float32"])
@pytest.mark.parametrize(
    ("y", "predicted"),
    [
        (CODES, GUESSES),
        (CODES.astype(np.int8), GUESSES),
        (CODES.astype(np.int8) - 2, GUESSES - 2),
        (CODES > 1, GUESSES > 1),
        (NAMES[CODES], NAMES[GUESSES]),
        (NAMES[CODES].astype("U9"), NAMES[GUESSES]),
        (CODES, np.zeros(101, int)),
        (CODES, CODES),
        (ROWS, MARKED),
        (ROWS, ROWS),
    ],
)
def test_accuracy_is_scikit_learns(
    y: Any, predicted: Any, weight: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = accuracy_score(y, predicted, sample_weight=weight)
    without_scikit_learn(monkeypatch)
    found = accuracy(y, predicted, weight)
    assert found == expected
    assert type(found) is float


@pytest.mark.parametrize("weight", WEIGHTS, ids=["alone", "float64", "float32"])
@pytest.mark.parametrize(
    ("y", "predicted"),
    [
        (NUMBERS, ESTIMATES),
        (NUMBERS, NUMBERS),
        (NUMBERS, np.full(101, 3.0)),
        (np.full(101, 3.0), np.full(101, 3.0)),
        (np.full(101, 3.0), ESTIMATES),
        (CODES, ESTIMATES),
        (CODES, ESTIMATES.astype(np.float32)),
        (NUMBERS, ESTIMATES.astype(np.float32)),
        (NUMBERS.astype(np.float32), ESTIMATES.astype(np.float32)),
        (TARGETS, OUTPUTS),
        (TARGETS * (1.0, 0.0, 1.0), OUTPUTS * (1.0, 0.0, 1.0)),
        (TARGETS * (1.0, 0.0, 1.0), OUTPUTS),
        (TARGETS[:, :1], OUTPUTS[:, :1]),
        (np.asfortranarray(TARGETS), OUTPUTS),
    ],
)
def test_r_squared_is_scikit_learns(
    y: Any, predicted: Any, weight: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = r2_score(y, predicted, sample_weight=weight)
    without_scikit_learn(monkeypatch)
    found = r_squared(y, predicted, weight)
    assert found == expected
    assert type(found) is float


@pytest.mark.parametrize(
    ("y", "predicted", "weight"),
    [
        (CODES.tolist(), GUESSES, None),
        (CODES, GUESSES.tolist(), None),
        (CODES.astype(float), GUESSES, None),
        (CODES[:50], GUESSES, None),
        (NAMES[CODES].astype(object), NAMES[GUESSES], None),
        (NAMES[CODES], GUESSES, None),
        (NUMBERS, GUESSES, None),
        (CODES[:0], GUESSES[:0], None),
        (ROWS, GUESSES, None),
        (ROWS * 2, MARKED * 2, None),
        (ROWS[:, :1], GUESSES % 2, None),
        (CODES, GUESSES, np.zeros(101)),
        (CODES, GUESSES, np.full(101, np.nan)),
        (CODES, GUESSES, [1.0] * 101),
        (CODES, GUESSES, np.ones(100)),
    ],
)
def test_all_else_is_left_to_accuracy_score(y: Any, predicted: Any, weight: Any) -> None:
    expected = outcome(accuracy_score, y, predicted, sample_weight=weight)
    assert outcome(accuracy, y, predicted, weight) == expected


@pytest.mark.parametrize(
    ("y", "predicted", "weight"),
    [
        (NUMBERS.tolist(), ESTIMATES, None),
        (NUMBERS[:50], ESTIMATES, None),
        (np.where(CODES, NUMBERS, np.nan), ESTIMATES, None),
        (NUMBERS, np.where(CODES, ESTIMATES, np.inf), None),
        (NUMBERS[:, None], ESTIMATES, None),
        (TARGETS, OUTPUTS[:, :2], None),
        (NAMES[CODES], ESTIMATES, None),
        (NUMBERS, ESTIMATES, np.zeros(101)),
        (NUMBERS, ESTIMATES, [1.0] * 101),
    ],
)
def test_all_else_is_left_to_r2_score(y: Any, predicted: Any, weight: Any) -> None:
    expected = outcome(r2_score, y, predicted, sample_weight=weight)
    assert outcome(r_squared, y, predicted, weight) == expected


def test_r_squared_of_one_sample_is_none() -> None:
    found, told = outcome(r_squared, NUMBERS[:1], ESTIMATES[:1])
    assert np.isnan(found)
    assert [text for _, text in told] == [
        "R^2 score is not well-defined with less than two samples."
    ]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_estimators_are_scored_by_them() -> None:
    X = RNG.normal(size=(101, 4))
    for classifier in (MLPClassifier((3,), max_iter=2), Perceptron(max_iter=2)):
        classifier.fit(X, CODES)
        expected = accuracy_score(CODES, classifier.predict(X), sample_weight=WEIGHTS[1])
        assert classifier.score(X, CODES, WEIGHTS[1]) == expected
    for regressor in (MLPRegressor(hidden_layer_sizes=(3,), max_iter=2), LinearRegression()):
        for y in (NUMBERS, TARGETS):
            regressor.fit(X, y)
            expected = r2_score(y, regressor.predict(X), sample_weight=WEIGHTS[1])
            assert regressor.score(X, y, WEIGHTS[1]) == expected
