"""Derivatives where a formula written down plainly would give the wrong one or none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import chainrule as cr

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

NAN = np.nan


def gradient(f: Any, x: Any) -> np.ndarray:
    """Return the gradient, the same by reverse and by forward mode."""
    reverse = cr.grad(f)(x)
    directions = np.eye(np.size(x)).reshape((np.size(x), *np.shape(x)))
    forward = [cr.jvp(f, (x,), (v,))[1] for v in directions]
    assert_allclose(np.reshape(forward, np.shape(x)), reverse, rtol=1e-12)
    return reverse


@pytest.mark.parametrize(
    ("f", "x", "expected"),
    [
        # Constant data: the spread has a corner, with slopes that cancel.
        (np.std, np.ones(3), np.zeros(3)),
        (np.nanstd, np.array([2.0, NAN, 2.0]), np.zeros(3)),
        (lambda x: np.std(x, axis=1)[0], np.ones((1, 4)), np.zeros((1, 4))),
        # Elements that tie for an extremum share.
        (np.max, np.array([1.0, 3.0, 3.0]), [0, 0.5, 0.5]),
        (np.min, np.array([1.0, 3.0, 1.0]), [0.5, 0, 0.5]),
        (np.ptp, np.array([1.0, 1.0, 3.0]), [-0.5, -0.5, 1.0]),
        (np.nanmax, np.array([3.0, NAN, 3.0, 1.0]), [0.5, 0, 0.5, 0]),
        # Elements that tie in an order keep the one they stand in.
        (lambda x: np.sort(x)[-1], np.array([1.0, 3.0, 3.0]), [0, 0, 1]),
        (lambda x: np.sort(x)[0], np.array([2.0, 2.0, 2.0]), [1, 0, 0]),
        (lambda x: np.sort(x) @ np.array([1.0, 2.0, 4.0]), np.array([5.0, 0.0, 5.0]), [2, 1, 4]),
        (lambda x: np.partition(x, 1)[1], np.array([0.0, 1.0, 1.0, 2.0]), [0, 1, 0, 0]),
        (np.median, np.array([1.0, 1.0, 1.0, 1.0]), [0, 0.5, 0.5, 0]),
        (np.median, np.array([0.0, 1.0, 1.0]), [0, 1, 0]),
        (lambda x: np.quantile(x, 0.25), np.array([1.0, 1.0, 1.0, 2.0]), [0.25, 0.75, 0, 0]),
        (lambda x: np.quantile(x, 1.0), np.array([1.0, 3.0, 3.0]), [0, 0, 1]),
        # Corners: the mean of the slopes on both sides.
        (lambda x: np.clip(x, 0.0, 1.0).sum(), np.array([-1.0, 0.0, 0.5, 1.0]), [0, 0.5, 1, 0.5]),
        (lambda x: np.interp(x, [0.0, 1.0, 2.0], [0.0, 2.0, 2.0]), np.asarray(1.0), 1.0),
        (lambda x: np.interp(x, [0.0, 1.0, 2.0], [0.0, 2.0, 2.0]), np.asarray(0.0), 1.0),
        (lambda x: np.interp(x, [0.0, 1.0], [0.0, 2.0], left=0.0), np.asarray(0.0), 2.0),
        (lambda x: np.interp(x, [0.0, 1.0], [0.0, 2.0]), np.asarray(np.inf), 0.0),
        # What is not a number takes no part.
        (np.nansum, np.array([1.0, NAN]), [1, 0]),
        (np.nanprod, np.array([2.0, NAN, 5.0]), [5, 0, 2]),
        (np.nanmean, np.array([1.0, NAN, 3.0]), [0.5, 0, 0.5]),
        (np.nanvar, np.array([1.0, NAN, 3.0]), [-1, 0, 1]),
        (np.nanmedian, np.array([1.0, NAN, 3.0, 8.0]), [0, 0, 1, 0]),
        (lambda x: np.nanquantile(x, 0.5), np.array([1.0, NAN, 3.0]), [0.5, 0, 0.5]),
        (lambda x: np.nan_to_num(x).sum(), np.array([1.0, NAN, np.inf]), [1, 0, 0]),
        # The branch not taken.
        (lambda x: np.where(x > 0, np.log(np.where(x > 0, x, 1.0)), 0.0), np.asarray(-1.0), 0.0),
        (lambda x: np.select([x > 0], [x * x], 0.0), np.asarray(-1.0), 0.0),
        # Zeros among factors.
        (np.prod, np.array([0.0, 2.0, 3.0]), [6, 0, 0]),
        (np.prod, np.array([0.0, 2.0, 0.0]), [0, 0, 0]),
        (lambda x: np.cumprod(x).sum(), np.array([2.0, 0.0, 3.0]), [1, 8, 0]),
        (np.sinc, np.asarray(0.0), 0.0),
    ],
)
def test_first_derivative(f: Any, x: np.ndarray, expected: Any) -> None:
    assert_allclose(gradient(f, x), expected, atol=1e-15)


@pytest.mark.parametrize(
    ("f", "x", "expected"),
    [
        (np.sinc, np.asarray(0.0), -(np.pi**2) / 3),
        (np.sinc, np.asarray(1e-9), -(np.pi**2) / 3),
        (lambda x: np.prod(x), np.array([0.0, 2.0, 0.0]), [[0, 0, 2], [0, 0, 0], [2, 0, 0]]),
        (lambda x: np.max(x) ** 2, np.array([1.0, 3.0]), [[0, 0], [0, 2]]),
        (lambda x: np.sort(x)[1] ** 2, np.array([1.0, 3.0]), [[0, 0], [0, 2]]),
        (lambda x: np.sum(np.sort(x) ** 2), np.array([2.0, 1.0, 2.0]), 2 * np.eye(3)),
        (lambda x: np.median(x) ** 3, np.array([0.0, 2.0, 5.0]), np.diag([0.0, 12.0, 0.0])),
        (np.nanvar, np.array([1.0, NAN, 3.0]), [[0.5, 0, -0.5], [0, 0, 0], [-0.5, 0, 0.5]]),
        (lambda x: np.std(x) ** 2, np.array([1.0, 3.0]), [[0.5, -0.5], [-0.5, 0.5]]),
    ],
)
def test_second_derivative(f: Any, x: np.ndarray, expected: Any) -> None:
    assert_allclose(cr.hessian(f)(x), expected, atol=1e-12)
    assert_allclose(
        cr.jacobian(cr.jacobian(f, mode="forward"), mode="reverse")(x), expected, atol=1e-12
    )


def test_sinc_keeps_its_digits_near_zero() -> None:
    for x in (1e-12, 1e-6, 1e-3, 0.1, 0.3, 0.4):
        y = np.pi * x
        if x < 0.2:
            derivative = -(np.pi * y / 3) * (1 - y**2 / 10 + y**4 / 280 - y**6 / 15120)
        else:
            derivative = (np.cos(y) - np.sin(y) / y) / x
        assert_allclose(cr.grad(np.sinc)(x), derivative, rtol=1e-9)
        assert_allclose(cr.jvp(np.sinc, (x,), (1.0,))[0], np.sinc(x), rtol=4e-16)


def test_the_derivative_of_interp_reaches_the_points() -> None:
    at, knots, values = np.array([0.5, 1.5]), np.array([0.0, 1.0, 3.0]), np.array([0.0, 2.0, 4.0])

    def f(*a):
        return np.interp(*a).sum()

    by_x, by_knots, by_values = cr.grad(f, argnums=(0, 1, 2))(at, knots, values)
    assert_allclose(by_x, [2.0, 1.0])
    assert_allclose(by_knots, [-1.0, -1.75, -0.25])
    assert_allclose(by_values, [0.5, 1.25, 0.25])


def test_a_quantile_has_a_derivative_in_its_share() -> None:
    x = np.array([0.0, 1.0, 4.0])
    assert_allclose(cr.grad(lambda q: np.quantile(x, q))(0.3), 2.0)
    assert_allclose(cr.grad(lambda q: np.quantile(x, q))(0.7), 6.0)
    assert_array_equal(cr.jvp(lambda q: np.quantile(x, q), (1.5,), (1.0,))[0], NAN)


def test_nothing_but_not_a_number() -> None:
    x = np.array([[NAN, NAN], [1.0, NAN]])
    for function in (np.nanmax, np.nanmin, np.nanmean, np.nanmedian, np.nanvar, np.nanstd):
        got = cr.jvp(lambda x, f=function: f(x, axis=1), (x,), (np.ones((2, 2)),))[0]
        assert_array_equal(got, function(x, axis=1))


def test_infinite_elements_keep_their_derivatives() -> None:
    x = np.array([1.0, np.inf, 2.0])
    assert_allclose(gradient(lambda x: np.sort(x)[1], x), [0, 0, 1])
    assert_allclose(gradient(np.min, x), [1, 0, 0])
    assert_allclose(gradient(np.median, x), [0, 0, 1])
