"""exp and what is made of it: expm1, expit, sinh, cosh, tanh.

All begin with x = k ln 2 + r, k an integer and |r| ≤ ln 2 / 2, and a polynomial for exp(r), so
that exp(x) = 2^k exp(r) (J.-M. Muller, Elementary Functions, 3rd ed., 2016). The product k ln 2 is
subtracted in two parts, of which the first is exact (W. J. Cody, W. Waite, Software Manual for the
Elementary Functions, 1980). Where digits would be lost to a difference or a quotient, exp(r) or the
denominator is a pair of numbers.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from chainrule.compiler.native.math.arithmetic import (
    Bits,
    Coefficients,
    PerFormat,
    Real,
    at_least,
    at_most,
    mul_add,
    polynomial,
    where,
)
from chainrule.compiler.native.math.coefficients import EXP, LN2, SINH
from chainrule.compiler.native.math.double_double import (
    Pair,
    fast_two_sum,
    rounded_quotient,
)

LARGEST = PerFormat(single=89.0, double=710.0)
"""Beyond this exp is infinite. Clipped there, k stays in range and the result overflows."""

SMALLEST = PerFormat(single=-105.0, double=-746.0)
"""Below this exp rounds to 0."""

NEGLIGIBLE = PerFormat(single=20.0, double=42.0)
"""From here on exp(-x) does not count beside 1."""


class _Reduced(NamedTuple):
    """x = k ln 2 + r."""

    exponent: Bits
    """k as an integer."""
    k: Real
    r: Real
    r_low: Real
    """What rounding took from r."""


def _reduce(x: Real) -> _Reduced:
    shifter = x.format.shifter
    shifted = mul_add(x, 1.0 / math.log(2.0), shifter)
    k = shifted - shifter
    high, low = LN2[x.format]
    rest = mul_add(k, -high, x)
    r = mul_add(k, -low, rest)
    exponent = shifted.bits() - x.format.bits(shifter)
    return _Reduced(exponent, k, r, mul_add(k, -low, rest - r))


def _power_of_two(exponent: Bits) -> Real:
    """Return 2^k, which must be a normal number."""
    format = exponent.arithmetic.format
    return ((exponent + format.bias) << format.fraction_bits).as_real()


def scale(x: Real, exponent: Bits) -> Real:
    """Return 2^k x, with the one rounding that overflow or a denormal result needs.

    2^k itself need not be a number of the format, so it is taken in two factors. Their exponents
    are halves of the biased one, which is positive, so that no shift of signs is needed.
    """
    format = exponent.arithmetic.format
    biased = exponent + 2 * format.bias
    half = biased >> 1
    fraction_bits = format.fraction_bits
    first = (half << fraction_bits).as_real()
    second = ((biased - half) << fraction_bits).as_real()
    return x * first * second


def _clipped(x: Real) -> Real:
    return at_least(at_most(x, LARGEST[x.format]), SMALLEST[x.format])


def _exp_tail(r: Real, coefficients: Coefficients = EXP) -> Real:
    """Emit exp(r) - 1 for |r| ≤ ln 2 / 2."""
    return mul_add(r * r, polynomial(r, coefficients[r.format]), r)


def exp_within_limits(x: Real, coefficients: Coefficients = EXP) -> Real:
    """Emit exp(x) for an x whose result is a normal number."""
    reduced = _reduce(x)
    return (1.0 + _exp_tail(reduced.r, coefficients)) * _power_of_two(reduced.exponent)


def exp(x: Real) -> Real:
    """Emit exp(x) = 2^k (1 + (r + r² P(r))); error below 1.1 ulp."""
    reduced = _reduce(_clipped(x))
    return scale(1.0 + _exp_tail(reduced.r), reduced.exponent)


def exp_of_pair(x: Pair) -> tuple[Pair, Bits]:
    """Emit exp(x) = 2^k (high + low) to a few more bits than the format has, x within limits."""
    reduced = _reduce(x.high)
    r = reduced.r
    tail = r * r * polynomial(r, EXP[r.format])
    # The low parts enter by the derivative, which is exp(r) again.
    low = reduced.r_low + x.low
    tail = tail + mul_add(low, r + tail, low)
    head = fast_two_sum(r.like(1.0), r)
    return Pair(head.high, head.low + tail), reduced.exponent


def _expm1_pair(x: Real) -> tuple[Pair, Bits]:
    """Emit expm1(x) = 2^k (high + low), for an x between the logs of -1 / ulp and infinity.

    2^k exp(r) - 1 = 2^k ((1 - 2^-k) + r + r² P(r)), where 1 - 2^-k is exact unless one of the two
    is so small that it hardly counts.
    """
    reduced = _reduce(x)
    r = reduced.r
    tail = mul_add(r * r, polynomial(r, EXP[x.format]), reduced.r_low)
    inverse = where(reduced.k > x.format.bias - 1, 0.0, _power_of_two(0 - reduced.exponent))
    # 1 - 2^-k is 0 or larger than r.
    head = fast_two_sum(1.0 - inverse, r)
    return fast_two_sum(head.high, head.low + tail), reduced.exponent


def expm1(x: Real) -> Real:
    """Emit exp(x) - 1; error below 1.2 ulp."""
    clipped = at_least(at_most(x, LARGEST[x.format]), -NEGLIGIBLE[x.format])
    pair, exponent = _expm1_pair(clipped)
    # The sum of zeros is positive; expm1(-0) is -0.
    return scale(pair.high, exponent).with_sign_of(x)


def expit(x: Real) -> Real:
    """Emit 1 / (1 + exp(-x)); error below 1.6 ulp.

    With e = exp(-|x|), which cannot overflow, it is 1 / (1 + e) on the right and e / (1 + e) on the
    left. What is left of the numerator after a first quotient q, (n - q) - q e, is found without
    the rounding of 1 + e: q is at least half of n and at most n, so n - q is exact. So only e and
    the second quotient are rounded.
    """
    e = _exp_of_negative(at_least(-abs(x), SMALLEST[x.format]))
    numerator = where(x >= 0.0, 1.0, e)
    reciprocal = 1.0 / (1.0 + e)
    first = numerator * reciprocal
    remainder = mul_add(-first, e, numerator - first)
    return mul_add(remainder, reciprocal, first)


def _exp_of_negative(x: Real) -> Real:
    """Emit exp(x) for an x from the smallest argument to 0.

    The result is at most 1 and perhaps denormal, so 2^k is taken times a constant that keeps it
    normal; dividing by that is the one rounding.
    """
    format = x.format
    reduced = _reduce(x)
    lift = format.width * 2
    return (1.0 + _exp_tail(reduced.r)) * _power_of_two(reduced.exponent + lift) * 2.0**-lift


def tanh(x: Real) -> Real:
    """Emit tanh(x) = u / (u + 2) with u = exp(2 |x|) - 1 and the sign of x; error below 1.7 ulp.

    With 2 |x| = k ln 2 + r and t = exp(r) - 1, u = 2^k t + (2^k - 1). k is not negative, so that
    the last difference is exact as far as it counts, and no digits of a small t are lost. The
    denominator is a pair, so that only u and the quotient are rounded.
    """
    reduced = _reduce(at_most(2.0 * abs(x), NEGLIGIBLE[x.format]))
    r = reduced.r
    t = r + mul_add(r * r, polynomial(r, EXP[x.format]), reduced.r_low)
    power = _power_of_two(reduced.exponent)
    u = mul_add(power, t, power - 1.0)
    denominator = u + 2.0
    rest = u - (denominator - 2.0)
    quotient = rounded_quotient(Pair(u, x.like(0.0)), Pair(denominator, rest))
    return quotient.with_sign_of(x)


def sinh(x: Real) -> Real:
    """Emit sinh(x); error below 1.7 ulp.

    x + x³ P(x²) for |x| ≤ 1; beyond, e / 2 - 1 / (2 e) with e = exp(|x|), which is halved by its
    exponent so that it does not overflow before the result does.
    """
    size = abs(x)
    half = _half_exp(size)
    large = half - 0.25 / half
    square = x * x
    small = mul_add(size * square, polynomial(square, SINH[x.format]), size)
    return where(size < 1.0, small, large).with_sign_of(x)


def cosh(x: Real) -> Real:
    """Emit cosh(x) = e / 2 + 1 / (2 e) with e = exp(|x|); error below 1.6 ulp."""
    half = _half_exp(abs(x))
    return half + 0.25 / half


def _half_exp(x: Real) -> Real:
    """Emit exp(x) / 2 for x ≥ 0."""
    reduced = _reduce(at_most(x, LARGEST[x.format] + 1.0))
    return scale(1.0 + _exp_tail(reduced.r), reduced.exponent - 1)
