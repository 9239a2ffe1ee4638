"""Mean and variance, against exact sums and NumPy."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from chainrule import nn
from chainrule.nn.moments import blocks, mean_and_variance


def exactly(column, weights):
    """Return mean and variance in rational numbers."""
    shares = [Fraction(w) / sum(map(Fraction, weights)) for w in weights]
    values = [Fraction(float(value)) for value in column]
    mean = sum(w * v for w, v in zip(shares, values, strict=True))
    return mean, sum(w * (v - mean) ** 2 for w, v in zip(shares, values, strict=True))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8, np.int64])
def test_moments_are_the_exact_ones(dtype, weighted):
    generator = np.random.default_rng(0)
    X = generator.uniform(0, 200, size=(101, 3)).astype(dtype)
    weight = generator.uniform(size=101) if weighted else None
    mean, variance = mean_and_variance(X, weight)
    for j in range(3):
        exact = exactly(X[:, j], np.ones(101) if weight is None else weight)
        assert float(mean[j]) == pytest.approx(float(exact[0]), rel=1e-15)
        assert float(variance[j]) == pytest.approx(float(exact[1]), rel=1e-14)


def test_a_small_spread_far_from_zero_is_not_lost():
    """The textbook formula, mean square less squared mean, has no correct digit here."""
    X = 1e9 + np.random.default_rng(1).normal(size=(200, 1))
    mean, variance = mean_and_variance(X)
    exact = exactly(X[:, 0], np.ones(len(X)))
    assert float(mean[0]) == pytest.approx(float(exact[0]), rel=1e-16)
    assert float(variance[0]) == pytest.approx(float(exact[1]), rel=1e-12)


def test_weights_count_as_repeated_rows():
    X = np.random.default_rng(2).normal(size=(50, 4))
    counts = np.random.default_rng(3).integers(0, 4, size=50)
    weighted = mean_and_variance(X, counts)
    repeated = np.repeat(X, counts, axis=0)
    np.testing.assert_allclose(weighted[0], repeated.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(weighted[1], repeated.var(axis=0), rtol=1e-12)


def test_many_blocks_give_what_one_does():
    X = np.random.default_rng(4).normal(3.0, 2.0, size=(20_011, 97)).astype(np.float32)
    assert len(list(blocks(X))) > 5
    mean, variance = mean_and_variance(X)
    np.testing.assert_allclose(mean, X.mean(axis=0, dtype=np.float64), rtol=1e-12)
    np.testing.assert_allclose(variance, X.var(axis=0, dtype=np.float64), rtol=1e-12)


@settings(deadline=None, derandomize=True)
@given(st.integers(1, 2000), st.integers(1, 400_000))
def test_blocks_are_all_rows_once_in_order(n_rows, n_features):
    X = np.broadcast_to(np.float32(0.0), (n_rows, n_features))
    seen = [range(n_rows)[rows] for rows in blocks(X)]
    assert [row for part in seen for row in part] == list(range(n_rows))


@settings(deadline=None, derandomize=True)
@given(
    arrays(
        np.float32,
        st.tuples(st.integers(1, 20), st.integers(1, 3)),
        elements=st.floats(-1e6, 1e6, width=32),
    )
)
def test_standardize_leaves_mean_zero_and_variance_one_or_a_constant(X):
    layer = nn.Standardize.fit(X)
    outputs = layer(X.astype(np.float64))
    constant = (X[0] == X).all(axis=0)
    assert (outputs[:, constant] == 0).all()
    np.testing.assert_allclose(outputs.mean(axis=0), 0.0, atol=1e-9)
    np.testing.assert_allclose(outputs.std(axis=0)[~constant], 1.0, rtol=1e-6)
