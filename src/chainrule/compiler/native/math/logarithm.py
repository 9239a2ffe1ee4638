"""log, log1p, logit and logaddexp.

A positive number is 2^k m with m between sqrt(1/2) and sqrt(2), and log(2^k m) = k ln 2 + log(m).
With f = m - 1, which is exact, and s = f / (2 + f), log(1 + f) = log((1 + s) / (1 - s)) is an odd
function of s, |s| ≤ 0.172 (J.-M. Muller, Elementary Functions, 3rd ed., 2016). It is summed as
f - (f²/2 - s (f²/2 + R)), so that the largest term is exact (K. C. Ng, in the fdlibm library).
"""

from __future__ import annotations

import math

from chainrule.compiler.native.math.arithmetic import (
    SINGLE,
    Bits,
    PerFormat,
    Real,
    mul_add,
    polynomial,
    small_integer,
    where,
)
from chainrule.compiler.native.math.coefficients import LN2, LOG, LOG_TAYLOR
from chainrule.compiler.native.math.double_double import Pair, quotient, two_sum
from chainrule.compiler.native.math.exponential import exp


def normalize(x: Real) -> tuple[Bits, Real]:
    """Emit x = 2^k m, m from sqrt(1/2) to sqrt(2), for a normal x > 0; return k + bias and m.

    Bits of x are moved up so that the exponent changes at sqrt(1/2) and not at 1; the sum is
    positive, so that the exponent can be shifted out without its sign.
    """
    format = x.format
    one = format.bias << format.fraction_bits
    moved = x.bits() + (one - format.bits(math.sqrt(0.5)))
    exponent = moved >> format.fraction_bits
    m = (x.bits() - (exponent << format.fraction_bits) + one).as_real()
    return exponent, m


def unbiased(exponent: Bits) -> Real:
    """Emit a biased exponent as a number, without the bias."""
    return small_integer(exponent, exponent.arithmetic.format.bias)


def without_denormals(x: Real) -> tuple[Real, Real]:
    """Emit x times a power of two that makes it normal, and the exponent of that power."""
    format = x.format
    is_small = x < format.smallest_normal
    scaled = where(is_small, x * 2.0**format.precision, x)
    return scaled, where(is_small, float(format.precision), 0.0)


def _sum(k: Real, f: Real) -> Real:
    """Emit k ln 2 + log(1 + f).

    In float32 a polynomial in f itself is short enough to be cheaper than the division.
    """
    high, low = LN2[f.format]
    if f.format is SINGLE:
        square = f * f
        tail = mul_add(f * square, polynomial(f, LOG_TAYLOR.single), k * low)
        return mul_add(k, high, f + mul_add(square, -0.5, tail))
    s = f / (2.0 + f)
    z = s * s
    remainder = z * polynomial(z, LOG[f.format])
    half_square = 0.5 * f * f
    return mul_add(k, high, f - (half_square - mul_add(s, half_square + remainder, k * low)))


def _with_limits(x: Real, result: Real) -> Real:
    """Return the logarithm of x, where it is not that of a positive finite number."""
    result = where(x < math.inf, result, x)
    result = where(x < 0.0, math.nan, result)
    return where(x.equals(0.0), -math.inf, result)


def log(x: Real) -> Real:
    """Emit the natural logarithm; error below 1 ulp."""
    scaled, added = without_denormals(x)
    exponent, m = normalize(scaled)
    return _with_limits(x, _sum(unbiased(exponent) - added, m - 1.0))


def log_of_pair(x: Pair, added: Real | float = 0.0) -> Real:
    """Emit log(high + low) for a normal positive high part; error below 1.5 ulp of a normal result.

    It is the logarithm of 2^-added times that. Where k is 0, f = (high - 1) + low keeps all digits
    of low, however close to 1 the sum is.
    """
    exponent, m = normalize(x.high)
    format = x.high.format
    # 2^-k need not be a normal number, but 4 · 2^-k is.
    scale = ((2 * format.bias + 2 - exponent) << format.fraction_bits).as_real()
    f = mul_add(0.25 * x.low, scale, m - 1.0)
    return _sum(unbiased(exponent) - added, f)


def log1p(x: Real) -> Real:
    """Emit log(1 + x); error below 1.5 ulp."""
    u = two_sum(x.like(1.0), x)
    result = _with_limits(u.high, log_of_pair(u))
    # x - x²/2 is x, with its sign if it is 0.
    return where(abs(x) < 2.0 ** -(x.format.precision + 1), x, result)


_LIFT = PerFormat(single=64.0, double=512.0)
"""A number below 2^-lift is its own odds, and 2^lift makes it a normal number."""


def logit(x: Real) -> Real:
    """Emit log(x / (1 - x)); error below 1.6 ulp. Infinite at 0 and 1, NaN outside."""
    lift = _LIFT[x.format]
    is_tiny = x < 2.0**-lift
    rest = two_sum(x.like(1.0), -x)
    odds = quotient(Pair(x, x.like(0.0)), rest)
    high, low = where(is_tiny, x * 2.0**lift, odds.high), where(is_tiny, 0.0, odds.low)
    result = log_of_pair(Pair(high, low), where(is_tiny, lift, 0.0))
    result = where(x < 1.0, result, where(x.equals(1.0), math.inf, math.nan))
    return where(x > 0.0, result, where(x.equals(0.0), -math.inf, math.nan))


def logaddexp(x: Real, y: Real) -> Real:
    """Emit log(exp(x) + exp(y)) = max + log1p(exp(min - max)).

    The error is below 2 ulp of the larger of the two summands, and so of the result unless they
    cancel, which they do only if max is between -ln 2 and 0.
    """
    larger, smaller = where(x > y, x, y), where(x > y, y, x)
    difference = two_sum(smaller, -larger)
    # The difference of two equal infinities is that of two equal numbers; that of infinity and a
    # number has no error.
    high = where(x.equals(y), 0.0, difference.high)
    low = where(abs(difference.high) < math.inf, difference.low, 0.0)
    e = exp(high)
    result = larger + log1p(mul_add(e, low, e))
    return where(x.is_nan() | y.is_nan(), x + y, result)
