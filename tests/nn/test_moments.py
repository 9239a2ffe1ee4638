"""Mean and variance, against exact sums and NumPy."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from threadpoolctl import threadpool_limits

import chainrule as cr
from chainrule import nn
from chainrule.nn import moments
from chainrule.nn.moments import blocks, mean_and_variance


def exactly(column, weights):
    """Return mean and variance in rational numbers."""
    counts = [Fraction(w) for w in weights]
    values = [Fraction(float(value)) for value in column]
    mean = sum(w * v for w, v in zip(counts, values, strict=True)) / sum(counts)
    squares = sum(w * (v - mean) ** 2 for w, v in zip(counts, values, strict=True))
    return mean, squares / sum(counts)


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


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n_rows", [900, 9000])
@pytest.mark.parametrize("kind", ["sorted", "outlier in front", "other beginning"])
def test_the_first_rows_may_be_unlike_all_others(kind, n_rows, weighted):
    """What is subtracted in the first pass is then many standard deviations from the mean."""
    X = 1e8 + np.random.default_rng(5).normal(size=(n_rows, 40))
    if kind == "sorted":
        X = np.sort(X, axis=0)
    elif kind == "outlier in front":
        X[0] = -1e5
    else:
        X[: n_rows // 100] = -1e5
    weight = np.linspace(0.0, 2.0, n_rows) if weighted else None
    mean, variance = mean_and_variance(X, weight)
    for j in (0, 39):
        exact = exactly(X[:, j], np.ones(n_rows) if weight is None else weight)
        assert float(mean[j]) == pytest.approx(float(exact[0]), rel=1e-15)
        assert float(variance[j]) == pytest.approx(float(exact[1]), rel=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, np.int16, bool])
@pytest.mark.parametrize("n_rows", [70, 3000])
def test_equal_numbers_have_themselves_for_mean_and_no_variance(n_rows, dtype):
    X = np.random.default_rng(6).normal(size=(n_rows, 800)).astype(dtype)
    X[:, ::2] = X[0, ::2]
    for weight in (None, np.linspace(1.0, 2.0, n_rows)):
        mean, variance = mean_and_variance(X, weight)
        np.testing.assert_array_equal(mean[::2], X[0, ::2])
        np.testing.assert_array_equal(variance[::2], 0.0)
    layer = nn.Standardize.fit(X[:, ::2])
    np.testing.assert_array_equal(layer.mean, X[0, ::2])
    np.testing.assert_array_equal(layer.scale, 1.0)


def test_differences_whose_squares_vanish_are_not_taken_for_none():
    with pytest.raises(ValueError, match=r"above 0, got 5e-201 and 0\.0 in column 1"):
        nn.Standardize.fit(np.array([[1.0, 0.0], [1.0, 1e-200]]))


@pytest.mark.parametrize("weighted", [False, True])
def test_compiled_sums_are_those_of_numpy(weighted, monkeypatch):
    """Many numbers are added up by machine code, in another order."""
    X = np.random.default_rng(7).normal(3.0, 2.0, size=(4011, 601)).astype(np.float32)
    weight = np.linspace(0.5, 1.5, len(X)) if weighted else None
    compiled = mean_and_variance(X, weight)
    with monkeypatch.context() as patch:
        patch.setattr(moments, "_LARGE", X.size + 1)
        plain = mean_and_variance(X, weight)
    assert any(not np.array_equal(*both) for both in zip(compiled, plain, strict=True))
    exact = X.astype(np.float64)
    mean = np.average(exact, axis=0, weights=weight)
    variance = np.average((exact - mean) ** 2, axis=0, weights=weight)
    for found in (compiled, plain):
        np.testing.assert_allclose(found[0], mean, rtol=1e-13)
        np.testing.assert_allclose(found[1], variance, rtol=1e-13)


def test_any_number_of_threads_finds_the_same_bits():
    X = np.random.default_rng(8).normal(size=(4000, 700)).astype(np.float32)
    found, before = [], cr.get_threads()
    try:
        for n_threads in (1, 2, 3):
            cr.set_threads(n_threads)
            with threadpool_limits(n_threads):
                found.append([*mean_and_variance(X), *mean_and_variance(X[:200])])
    finally:
        cr.set_threads(before)
    for others in found[1:]:
        for one, other in zip(found[0], others, strict=True):
            np.testing.assert_array_equal(one, other)


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
