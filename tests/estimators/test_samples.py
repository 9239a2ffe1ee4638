"""What estimators read: as scikit-learn reads it, also where it is not asked."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import validate_data

from chainrule.estimators import MLPClassifier, samples

X = np.random.default_rng(0).normal(size=(30, 4)) * 100.0
Y = np.arange(30) % 3

ARRAYS = {
    "float64": X,
    "float32": X.astype(np.float32),
    "float16": X.astype(np.float16),
    "integers": X.astype(int),
    "small integers": X.astype(np.int8),
    "booleans": X > 0,
    "by columns": np.asfortranarray(X),
    "every second row": X[::2],
    "backwards": X[:, ::-1],
    "read only": np.lib.stride_tricks.as_strided(X, writeable=False),
    "bytes swapped": X.astype(">f8"),
    "objects": X.astype(object),
    "one row": X[:1],
}


class Reader(BaseEstimator):
    """Remembers the features."""


@pytest.mark.parametrize("dtype", [None, np.float32, "float64"])
@pytest.mark.parametrize("name", ARRAYS)
def test_inputs_are_what_scikit_learn_makes_of_them(name: str, dtype: Any) -> None:
    given, ours, peer = ARRAYS[name], Reader(), Reader()
    expected = validate_data(
        peer, given, dtype=(np.float64, np.float32) if dtype is None else dtype, order="C"
    )
    for reset in (True, False):
        found = samples.inputs(ours, given, dtype, reset=reset)
        assert found.dtype == expected.dtype
        assert found.flags.c_contiguous
        assert (found is given) == (expected is given)
        np.testing.assert_array_equal(found, expected)
    assert vars(ours) == vars(peer)


@pytest.mark.parametrize(
    "given",
    [X[0], X[0, 0], X[:0], X[:, :0], X[None], X.astype(complex), np.full((5, 4), "a"), X[:, :3]],
    ids=["row", "number", "no rows", "no columns", "cube", "complex", "text", "columns missing"],
)
def test_what_scikit_learn_refuses_it_refuses_here(given: Any) -> None:
    estimator = Reader()
    samples.inputs(estimator, X, None, reset=True)
    expected: Any = None
    try:
        validate_data(estimator, given, reset=False, dtype=(np.float64, np.float32))
    except ValueError as error:
        expected = error
    with pytest.raises(type(expected)) as raised:
        samples.inputs(estimator, given, None)
    assert str(raised.value) == str(expected)


def test_names_of_features_are_kept_compared_and_forgotten() -> None:
    estimator = Reader()
    frame = pd.DataFrame(X, columns=["a", "b", "c", "d"])
    samples.inputs(estimator, frame, None, reset=True)
    assert estimator.feature_names_in_.tolist() == ["a", "b", "c", "d"]
    with pytest.warns(UserWarning, match="does not have valid feature names, but Reader was"):
        samples.inputs(estimator, X, None)
    samples.inputs_and_targets(estimator, X, Y, None, numeric=False, reset=True)
    assert not hasattr(estimator, "feature_names_in_")
    with pytest.warns(UserWarning, match="has feature names, but Reader was fitted without"):
        samples.inputs(estimator, frame, None)


@pytest.mark.parametrize("y", [Y, Y.astype(np.uint8), Y > 1, Y.astype(float), Y.astype(str)])
def test_targets_are_not_changed(y: Any) -> None:
    read, found = samples.inputs_and_targets(Reader(), X, y, None, numeric=False, reset=True)
    assert read is X
    assert found is y


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.where(Y, 1.0, np.nan), "Input y contains NaN"),
        (np.where(Y, 1.0, np.inf), "Input y contains infinity"),
        (Y[:20], r"Found input variables with inconsistent numbers of samples: \[30, 20\]"),
    ],
)
def test_targets_are_checked(y: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        samples.inputs_and_targets(Reader(), X, y, None, numeric=True, reset=True)


def labels() -> list[Any]:
    """Return labels of all kinds, few of a kind and many."""
    rng = np.random.default_rng(3)
    found: list[Any] = []
    for count in (1, 2, 20, 21, 22, 23, 41):
        for classes in (1, 2, count // 2, count // 2 + 1, count):
            codes = np.arange(count) % max(1, classes)
            found += [codes, codes - 5, codes * 7, codes.astype(np.uint8), codes.astype(str)]
            found += [codes.astype(float), codes + 0.5, codes.astype(object), codes > 0]
        found.append(rng.integers(-128, 128, count, np.int8))
        found.append(rng.integers(0, 2, (count, 3)))
    return found


@pytest.mark.parametrize("y", labels())
def test_labels_are_judged_as_scikit_learn_judges_them(y: Any) -> None:
    def judged(check: Any) -> Any:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            try:
                check(y)
            except ValueError as error:
                return str(error)
        return [(w.category, str(w.message)) for w in told]

    assert judged(samples.check_labels) == judged(check_classification_targets)


def test_a_network_reads_arrays_without_asking_scikit_learn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(samples, "validate_data", None)
    monkeypatch.setattr(samples, "check_classification_targets", None)
    classifier = MLPClassifier((3,), max_iter=1, n_iter_no_change=float("inf"), random_state=0)
    classifier.fit(X, Y)
    assert classifier.n_features_in_ == 4
    assert 0.0 <= classifier.score(X, Y) <= 1.0
