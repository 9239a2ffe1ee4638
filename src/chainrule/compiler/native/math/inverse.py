"""Inverse functions: arcsin, arccos, arctan, arctan2, arcsinh, arccosh, arctanh.

The trigonometric ones are odd polynomials on an interval around 0, to which an identity leads from
everywhere else (J.-M. Muller, Elementary Functions, 3rd ed., 2016). The constants pi/2 and pi have
a second part, and sums with them their rounding errors, so that only the last sum rounds. The
hyperbolic ones are logarithms of 1 + w, with w a pair so that a small w keeps its digits.
"""

from __future__ import annotations

import math

from chainrule.compiler.native.math.arithmetic import (
    Mask,
    PerFormat,
    Real,
    at_most,
    mul_add,
    polynomial,
    where,
)
from chainrule.compiler.native.math.coefficients import ARCSIN, ARCTAN, HALF_PI
from chainrule.compiler.native.math.double_double import (
    Pair,
    fast_two_sum,
    quotient,
    residual,
    square_root,
    total,
    two_product,
    two_sum,
)
from chainrule.compiler.native.math.logarithm import log_of_pair


def _arcsin_tail(x: Real, square: Real) -> Real:
    """Emit arcsin(x) - x = x³ P(x²) for |x| ≤ 1/2."""
    return x * square * polynomial(square, ARCSIN[x.format])


def _half_angle(size: Real) -> tuple[Real, Pair]:
    """Emit z = (1 - size) / 2 and its root, for arccos(size) = 2 arcsin(sqrt(z)); size ≥ 1/2."""
    z = mul_add(size, -0.5, 0.5)
    root = z.sqrt()
    # 0 / 0 at size = 1; the root is exact there.
    correction = residual(z, root, root) * (0.5 / where(root > 0.0, root, 1.0))
    return z, Pair(root, correction)


def arcsin(x: Real) -> Real:
    """Emit arcsin(x); error below 0.7 ulp.

    x + x³ P(x²) for |x| ≤ 1/2; beyond, pi/2 - 2 arcsin(sqrt((1 - |x|) / 2)).
    """
    size = abs(x)
    is_large = size > 0.5
    z, root = _half_angle(size)
    t = where(is_large, root.high, size)
    tail = _arcsin_tail(t, where(is_large, z, size * size))
    high, low = HALF_PI[x.format]
    head = fast_two_sum(x.like(high), -2.0 * root.high)
    large = head.high + (head.low + (low - 2.0 * (root.low + tail)))
    return where(is_large, large, size + tail).with_sign_of(x)


def arccos(x: Real) -> Real:
    """Emit arccos(x); error below 0.7 ulp.

    pi/2 - arcsin(x) for |x| ≤ 1/2; beyond, 2 arcsin(sqrt((1 - |x|) / 2)), or pi minus that.
    """
    size = abs(x)
    is_large = size > 0.5
    z, root = _half_angle(size)
    t = where(is_large, root.high, x)
    tail = _arcsin_tail(t, where(is_large, z, x * x))
    high, low = HALF_PI[x.format]
    middle_head = fast_two_sum(x.like(high), -x)
    middle = middle_head.high + (middle_head.low + (low - tail))
    right = 2.0 * (root.high + (root.low + tail))
    left_head = fast_two_sum(x.like(2.0 * high), -2.0 * root.high)
    left = left_head.high + (left_head.low + (2.0 * low - 2.0 * (root.low + tail)))
    return where(is_large, where(x > 0.0, right, left), middle)


def _arctan_of_ratio(y: Real, x: Real) -> Pair:
    """Emit arctan(y / x) for 0 ≤ y ≤ x, x > 0.

    arctan(t) = t + t³ P(t²) with t = y / x up to tan(pi/8), and pi/4 + arctan((y - x) / (y + x))
    beyond.
    """
    is_large = y > x * (math.sqrt(2.0) - 1.0)
    numerator, denominator = two_sum(y, -x), two_sum(x, y)
    zero = x.like(0.0)
    t = quotient(
        Pair(where(is_large, numerator.high, y), where(is_large, numerator.low, zero)),
        Pair(where(is_large, denominator.high, x), where(is_large, denominator.low, zero)),
    )
    square = t.high * t.high
    tail = mul_add(t.high * square, polynomial(square, ARCTAN[x.format]), t.low)
    high, low = HALF_PI[x.format]
    head = fast_two_sum(where(is_large, 0.5 * high, zero), t.high)
    return Pair(head.high, head.low + (tail + where(is_large, 0.5 * low, zero)))


def _from_half_pi(angle: Pair) -> Pair:
    """Emit pi/2 - angle."""
    high, low = HALF_PI[angle.high.format]
    head = fast_two_sum(angle.high.like(high), -angle.high)
    return Pair(head.high, head.low + (low - angle.low))


def _where_pair(mask: Mask, x: Pair, y: Pair) -> Pair:
    return Pair(*(where(mask, *parts) for parts in zip(x, y, strict=True)))


def arctan(x: Real) -> Real:
    """Emit arctan(x); error below 1 ulp. Beyond 1 it is pi/2 - arctan(1 / |x|)."""
    size = at_most(abs(x), 2.0 ** (x.format.bias - 2))
    is_large = size > 1.0
    angle = _arctan_of_ratio(where(is_large, 1.0, size), where(is_large, size, 1.0))
    angle = _where_pair(is_large, _from_half_pi(angle), angle)
    return total(angle).with_sign_of(x)


_FAR = PerFormat(single=2.0**60, double=2.0**500)
"""Numbers are kept from the ends of the range by multiplying with this or its inverse."""


def arctan2(y: Real, x: Real) -> Real:
    """Emit the angle of the point (x, y) from the x-axis, -pi to pi; error below 1 ulp."""
    format = x.format
    a, b = abs(y), abs(x)
    larger, smaller = where(a > b, a, b), where(a > b, b, a)
    # Two infinities make a diagonal, two zeros an axis.
    is_degenerate = larger.equals(0.0) | larger.equals(math.inf)
    smaller = where(is_degenerate, where(smaller.equals(math.inf), 1.0, 0.0), smaller)
    larger = where(is_degenerate, 1.0, larger)
    far = _FAR[format]
    unit = where(larger > far, 1.0 / far, where(larger < 1.0 / far, far, 1.0))
    angle = _arctan_of_ratio(smaller * unit, larger * unit)
    angle = _where_pair(a > b, _from_half_pi(angle), angle)
    high, low = HALF_PI[format]
    opposite = fast_two_sum(x.like(2.0 * high), -angle.high)
    opposite = Pair(opposite.high, opposite.low + (2.0 * low - angle.low))
    # The sign bit, not the comparison: -0 is on the left.
    is_left = x.like(1.0).with_sign_of(x) < 0.0
    result = total(_where_pair(is_left, opposite, angle)).with_sign_of(y)
    return where(x.is_nan() | y.is_nan(), x + y, result)


_HUGE = PerFormat(single=2.0**30, double=2.0**60)
"""From here on 1 does not count beside the square, and the square does not yet overflow."""


def arcsinh(x: Real) -> Real:
    """Emit arcsinh(x) = log(1 + (a + a² / (1 + sqrt(1 + a²)))), a = |x|, with the sign of x.

    Error below 1.6 ulp. For large a it is log(2 a).
    """
    size = abs(x)
    huge = _HUGE[x.format]
    is_huge = size > huge
    a = at_most(size, huge)
    square = two_product(a, a)
    one_plus = two_sum(x.like(1.0), square.high)
    root = square_root(Pair(one_plus.high, one_plus.low + square.low))
    denominator = fast_two_sum(root.high, x.like(1.0))
    ratio = quotient(square, Pair(denominator.high, denominator.low + root.low))
    excess = two_sum(a, ratio.high)
    argument = two_sum(x.like(1.0), excess.high)
    pair = Pair(argument.high, argument.low + (excess.low + ratio.low))
    result = _log_of_pair_or_twice(is_huge, pair, size)
    is_tiny = size < 2.0 ** -(x.format.precision // 2 + 1)
    return where(is_tiny, x, result.with_sign_of(x))


def _log_of_pair_or_twice(is_huge: Mask, pair: Pair, size: Real) -> Real:
    """Emit log(pair), or log(2 size) where size is huge."""
    # size may be so large that twice the size overflows; log(size) + ln 2 does not.
    zero = size.like(0.0)
    chosen = _where_pair(is_huge, Pair(size, zero), pair)
    result = log_of_pair(chosen) + where(is_huge, math.log(2.0), 0.0)
    return where(size < math.inf, result, size)


def arccosh(x: Real) -> Real:
    """Emit arccosh(x) = log(1 + (t + sqrt(t (t + 2)))), t = x - 1; error below 1.6 ulp.

    NaN for x < 1. For large x it is log(2 x).
    """
    huge = _HUGE[x.format]
    is_huge = x > huge
    t = at_most(x, huge) - 1.0
    product = two_product(t, t)
    under_root = two_sum(2.0 * t, product.high)
    root = square_root(Pair(under_root.high, under_root.low + product.low))
    excess = two_sum(root.high, t)
    argument = two_sum(x.like(1.0), excess.high)
    pair = Pair(argument.high, argument.low + (excess.low + root.low))
    result = _log_of_pair_or_twice(is_huge, pair, x)
    result = where(x.equals(1.0), 0.0, result)
    return where(x < 1.0, math.nan, result)


def arctanh(x: Real) -> Real:
    """Emit arctanh(x) = log(1 + 2 a / (1 - a)) / 2, a = |x|, with the sign of x.

    Error below 1.7 ulp. Infinite at 1, NaN beyond.
    """
    size = abs(x)
    denominator = two_sum(x.like(1.0), -size)
    is_inside = size < 1.0
    divisor = Pair(where(is_inside, denominator.high, 1.0), denominator.low)
    ratio = quotient(Pair(2.0 * size, x.like(0.0)), divisor)
    argument = two_sum(x.like(1.0), ratio.high)
    result = 0.5 * log_of_pair(Pair(argument.high, argument.low + ratio.low))
    result = where(is_inside, result, where(size.equals(1.0), math.inf, math.nan))
    is_tiny = size < 2.0 ** -(x.format.precision // 2 + 1)
    return where(is_tiny, x, result.with_sign_of(x))
