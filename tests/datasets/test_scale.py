"""Scaling, against scikit-learn's and at the edges of float64."""

import re

import numpy as np
import pytest

from chainrule._errors import DataError
from chainrule.datasets import Standardizer, load


def test_agrees_with_scikit_learn_on_the_digits():
    from sklearn.preprocessing import StandardScaler

    digits = load("digits").features.astype(np.float64)
    train, test = digits[:1000], digits[1000:]
    ours, theirs = Standardizer.fit(train), StandardScaler().fit(train)
    np.testing.assert_allclose(ours.transform(test), theirs.transform(test), atol=1e-12)


def test_constant_columns_become_zero_exactly():
    train = np.column_stack([np.full(10, 0.1), np.arange(10)])
    scaled = Standardizer.fit(train).transform(train)
    assert (scaled[:, 0] == 0).all()
    assert np.isclose(scaled[:, 1].std(), 1)


def test_inverse_undoes():
    rows = np.random.default_rng(0).normal(5, 3, (20, 4))
    scaler = Standardizer.fit(rows)
    np.testing.assert_allclose(scaler.inverse_transform(scaler.transform(rows)), rows)


@pytest.mark.parametrize("unit", [1e-300, 1e-160, 1e150, 1e300])
def test_very_small_and_large_values_keep_their_spread(unit):
    scaler = Standardizer.fit(np.array([[1.0], [3.0]]) * unit)
    np.testing.assert_allclose(scaler.scale, [unit])
    np.testing.assert_allclose(scaler.transform(np.array([[3.0]]) * unit), [[1.0]])


@pytest.mark.parametrize("rows", [[[1e308], [1e308], [-1e308]], [[0.0], [np.nan]], [[0], [np.inf]]])
def test_what_cannot_be_scaled_is_refused(rows):
    message = (
        "Column 0 cannot be scaled: its values must be finite and less than about 1e300 in size. "
        "Correct them, or express them in a larger unit."
    )
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        Standardizer.fit(np.array(rows))


@pytest.mark.parametrize("shape", [(0, 3), (3,)])
def test_shape_is_checked(shape):
    message = (
        "A Standardizer is fitted on an array of shape (n_samples, n_features) with at least one "
        f"sample, got shape {shape}."
    )
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        Standardizer.fit(np.zeros(shape))
