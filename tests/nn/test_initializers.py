"""Initializers: moments against the papers' variances, ranges, dtypes, keys."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule import nn, random
from chainrule._errors import InvalidArgumentError, ShapeError
from chainrule.nn import initializers

FAN_IN, FAN_OUT = 300, 200
VARIANCES = {
    "standard_normal": 1.0,
    "glorot_normal": 2 / 500,
    "glorot_uniform": 2 / 500,
    "he_normal": 2 / 300,
    "he_uniform": 2 / 300,
    "lecun_normal": 1 / 300,
    "lecun_uniform": 1 / 300,
    "normal": 0.01**2,
    "uniform": 0.05**2 / 3,
}


@pytest.mark.parametrize("name", sorted(VARIANCES))
def test_mean_and_variance(name):
    kernel = nn.INITIALIZERS[name](random.key(1), (FAN_IN, FAN_OUT), np.float64)
    variance = VARIANCES[name]
    # Five standard errors of the mean and of the variance (the normal's is the larger).
    n = kernel.size
    assert abs(kernel.mean()) < 5 * np.sqrt(variance / n)
    assert abs(kernel.var() - variance) < 5 * variance * np.sqrt(2 / n)


@pytest.mark.parametrize(
    ("name", "limit"),
    [
        ("glorot_uniform", np.sqrt(6 / 500)),
        ("he_uniform", np.sqrt(6 / 300)),
        ("lecun_uniform", 0.1),
        ("uniform", 0.05),
    ],
)
def test_uniform_range_is_filled_and_not_left(name, limit):
    kernel = nn.INITIALIZERS[name](random.key(2), (FAN_IN, FAN_OUT), np.float64)
    assert np.abs(kernel).max() <= limit
    assert kernel.max() > 0.999 * limit
    assert kernel.min() < -0.999 * limit


@pytest.mark.parametrize("name", ["glorot_normal", "he_normal", "lecun_normal", "normal"])
def test_normal_is_not_truncated(name):
    kernel = nn.INITIALIZERS[name](random.key(3), (FAN_IN, FAN_OUT), np.float64)
    share = np.mean(np.abs(kernel) > 2 * np.sqrt(VARIANCES[name]))
    assert abs(share - 0.0455) < 0.005


def test_receptive_field_counts_in_both_fans():
    flat = initializers.he_normal(random.key(4), (9 * 4, 5), np.float64)
    convolution = initializers.he_normal(random.key(4), (3, 3, 4, 5), np.float64)
    np.testing.assert_array_equal(convolution.reshape(36, 5), flat)


@pytest.mark.parametrize("name", sorted(nn.INITIALIZERS))
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_and_key_decide(name, dtype):
    initializer = nn.INITIALIZERS[name]
    first = initializer(random.key(5), (4, 3), dtype)
    assert first.shape == (4, 3)
    assert first.dtype == dtype
    np.testing.assert_array_equal(first, initializer(random.key(5), (4, 3), dtype))
    if name != "zeros":
        assert not np.array_equal(first, initializer(random.key(6), (4, 3), dtype))


@pytest.mark.parametrize(
    ("shape", "kept"), [((7, 3), "columns"), ((3, 7), "rows"), ((2, 2, 3, 5), "columns")]
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_orthogonal_rows_or_columns(shape, kept, dtype):
    kernel = initializers.orthogonal(random.key(7), shape, dtype)
    assert kernel.shape == shape
    assert kernel.dtype == dtype
    matrix = kernel.reshape(-1, shape[-1])
    product = matrix.T @ matrix if kept == "columns" else matrix @ matrix.T
    np.testing.assert_allclose(product, np.eye(len(product)), atol=10 * np.finfo(dtype).eps)


def test_orthogonal_has_no_preferred_direction():
    """Without care for signs, the QR factors of LAPACK have negative first entries."""
    firsts = [
        initializers.orthogonal(random.key(seed), (3, 3), np.float64)[0, 0] for seed in range(400)
    ]
    assert abs(np.mean(firsts)) < 5 * np.sqrt(1 / 3 / 400)


def test_normal_and_uniform_of_a_given_size():
    key, shape = random.key(8), (300, 200)
    np.testing.assert_allclose(
        initializers.normal(0.3)(key, shape, np.float64).std(), 0.3, rtol=0.02
    )
    wide = initializers.uniform(2.0)(key, shape, np.float64)
    np.testing.assert_allclose([wide.min(), wide.max()], [-2.0, 2.0], rtol=1e-3)


@pytest.mark.parametrize("number", [0.0, -1.0, np.nan, np.inf])
def test_sizes_are_checked(number):
    with pytest.raises(InvalidArgumentError) as caught:
        initializers.normal(number)
    assert caught.value.message == (
        f"normal: standard_deviation: expected a number above 0, finite, got {number}."
    )
    with pytest.raises(InvalidArgumentError, match=r"^uniform: limit: expected a number above 0"):
        initializers.uniform(number)


def test_constant_and_zeros():
    np.testing.assert_array_equal(initializers.constant(0.01)(None, (2,), np.float64), [0.01, 0.01])
    np.testing.assert_array_equal(initializers.zeros(None, (2,), np.float64), [0.0, 0.0])


def test_a_bias_has_no_fans():
    with pytest.raises(ShapeError) as caught:
        initializers.glorot_normal(random.key(0), (3,), np.float64)
    assert caught.value.message == (
        "glorot_normal: expected a kernel's shape (fan_in, fan_out), got (3,); "
        "use zeros or constant for a bias."
    )
