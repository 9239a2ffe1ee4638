"""The power x^y, and roots.

x^y = exp(y log x). An error of the logarithm is multiplied by y log x, which may be 745, so the
logarithm is a pair of numbers with ten bits more than the format, and so is its product with y.
For float32 all that is cheaper in float64.
"""

from __future__ import annotations

import math

from chainrule.compiler.native.math.arithmetic import (
    SINGLE,
    Real,
    at_least,
    at_most,
    mul_add,
    polynomial,
    small_integer,
    where,
)
from chainrule.compiler.native.math.coefficients import (
    CBRT,
    EXP_FOR_SINGLE,
    LN2,
    LOG_FOR_SINGLE,
    LOG_TAIL,
    TWO_THIRDS,
)
from chainrule.compiler.native.math.double_double import (
    Pair,
    add,
    fast_two_sum,
    multiply,
    quotient,
    residual,
    two_product,
)
from chainrule.compiler.native.math.exponential import (
    LARGEST,
    SMALLEST,
    exp_of_pair,
    exp_within_limits,
    scale,
)
from chainrule.compiler.native.math.logarithm import normalize, unbiased, without_denormals


def _log_pair(x: Real) -> Pair:
    """Emit log(x) of a positive finite float64 to about ten bits more than the format has.

    log(m) = 2 s + s³ (2/3 + s² P(s²)) as in `logarithm`, with s, s³ and 2/3 as pairs.
    """
    scaled, added = without_denormals(x)
    exponent, m = normalize(scaled)
    k = unbiased(exponent) - added
    f = m - 1.0
    s = quotient(Pair(f, x.like(0.0)), fast_two_sum(x.like(2.0), f))
    z = multiply(s, s)
    high, low = TWO_THIRDS.double
    tail = z.high * polynomial(z.high, LOG_TAIL.double)
    factor = fast_two_sum(x.like(high), tail + low)
    cubic = multiply(multiply(s, z), factor)
    log_m = add(Pair(2.0 * s.high, 2.0 * s.low), cubic)
    high, low = LN2[x.format]
    return add(fast_two_sum(k * high, k * low), log_m)


def _magnitude_double(x: Real, y: Real) -> Real:
    """Emit x^y for x ≥ 0, with log x as a pair."""
    log_x = _log_pair(x)
    # The logarithms of 0 and infinity; what was computed for them means nothing.
    is_extreme = x.equals(0.0) | x.equals(math.inf)
    product = two_product(y, where(is_extreme, _extreme_log(x), log_x.high))
    exponent = at_least(at_most(product.high, LARGEST[x.format]), SMALLEST[x.format])
    low = mul_add(y, log_x.low, product.low)
    low = where(product.high.equals(exponent) & ~is_extreme, low, 0.0)
    e, k = exp_of_pair(Pair(exponent, low))
    return scale(e.high + e.low, k)


def _magnitude_single(x: Real, y: Real) -> Real:
    """Emit x^y for x ≥ 0: in float64, to which log x needs only be known to 35 bits."""
    wide = x.widened()
    exponent, m = normalize(wide)
    f = m - 1.0
    s = f / (2.0 + f)
    z = s * s
    log_m = mul_add(s * z, polynomial(z, LOG_FOR_SINGLE.double), 2.0 * s)
    log_x = mul_add(unbiased(exponent), math.log(2.0), log_m)
    log_x = where(wide.equals(0.0) | wide.equals(math.inf), _extreme_log(wide), log_x)
    # float32 has no larger or smaller powers; in float64 they are normal numbers.
    product = at_least(at_most(log_x * y.widened(), 100.0), -110.0)
    return exp_within_limits(product, EXP_FOR_SINGLE).narrowed(x.arithmetic)


def _extreme_log(x: Real) -> Real:
    return where(x.equals(0.0), -math.inf, math.inf)


def power(x: Real, y: Real) -> Real:
    """Emit x^y; error below 1 ulp.

    A negative x has a power only if y is an integer; it is negative if y is odd. As in C, anything
    to the power 0 is 1 and 1 to any power is 1, NaN included.
    """
    size = abs(x)
    magnitude = (_magnitude_single if x.format is SINGLE else _magnitude_double)(size, y)
    half = 0.5 * y
    is_integer = y.rounded().equals(y)
    is_odd = is_integer & ~half.rounded().equals(half)
    is_finite_negative = (x < 0.0) & (size < math.inf)
    result = where(is_odd, magnitude.with_sign_of(x), magnitude)
    result = where(is_finite_negative & ~is_integer, math.nan, result)
    result = where(x.is_nan() | y.is_nan(), x + y, result)
    is_one = x.equals(1.0) | y.equals(0.0) | (x.equals(-1.0) & abs(y).equals(math.inf))
    return where(is_one, 1.0, result)


def sqrt(x: Real) -> Real:
    """Emit the square root, correctly rounded by the CPU."""
    return x.sqrt()


def cbrt(x: Real) -> Real:
    """Emit the cube root; in float32 it is correctly rounded, in float64 nearly always.

    x = 2^(3 q + s) m with s = 0, 1 or 2 and 1 ≤ m < 2. A polynomial for m^(-1/3) and one step of
    y + y (h / 3 + 2 h² / 9) with h = 1 - z y³, which triples the digits, give the inverse cube root
    y of z = 2^s m; z y² is the root, and a step of Newton's with its exact residual doubles them.
    """
    format = x.format
    size, added = without_denormals(abs(x))
    fraction_bits = format.fraction_bits
    exponent = small_integer(size.bits() >> fraction_bits, format.bias) - added
    m = (size.bits() & (2**fraction_bits - 1) | (format.bias << fraction_bits)).as_real()
    # The nearest integer of (n - 1) / 3 is floor(n / 3).
    shifted = mul_add(exponent - 1.0, 1.0 / 3.0, format.shifter)
    q = shifted - format.shifter
    s = mul_add(q, -3.0, exponent)
    start = polynomial(m, CBRT[format])
    is_one, is_two = s.equals(1.0), s.equals(2.0)
    start = start * where(is_two, 4.0 ** (-1.0 / 3.0), where(is_one, 2.0 ** (-1.0 / 3.0), 1.0))
    z = m * where(is_two, 4.0, where(is_one, 2.0, 1.0))
    h = mul_add(-(z * start), start * start, 1.0)
    y = mul_add(start * h, mul_add(h, 2.0 / 9.0, 1.0 / 3.0), start)
    square = y * y
    root = z * square
    # root³ = z to first order in the residual; y² is 1 / root².
    cube = multiply(two_product(root, root), Pair(root, x.like(0.0)))
    root = mul_add((z - cube.high) - cube.low, square * (1.0 / 3.0), root)
    power_of_two = (shifted.bits() - format.bits(format.shifter) + format.bias) << fraction_bits
    result = (root * power_of_two.as_real()).with_sign_of(x)
    return where((abs(x) < math.inf) & (abs(x) > 0.0), result, x)


def hypot(x: Real, y: Real) -> Real:
    """Emit sqrt(x² + y²); error below 1 ulp.

    Both are divided by the power of two of the larger one, so that squares neither overflow nor
    vanish; the sum of squares is a pair, and the root corrected by its residual.
    """
    format = x.format
    a, b = abs(x), abs(y)
    larger, smaller = where(a > b, a, b), where(a > b, b, a)
    # The exponent of the larger one, kept off both ends so that its inverse is a normal number.
    limited = at_least(at_most(larger, 2.0 ** (format.bias - 1)), format.smallest_normal * 4.0)
    exponent = limited.bits() >> format.fraction_bits
    unit = (exponent << format.fraction_bits).as_real()
    inverse = ((2 * format.bias - exponent) << format.fraction_bits).as_real()
    larger, smaller = larger * inverse, smaller * inverse
    p, q = two_product(larger, larger), two_product(smaller, smaller)
    head = fast_two_sum(p.high, q.high)
    tail = head.low + (p.low + q.low)
    root = head.high.sqrt()
    correction = (residual(head.high, root, root) + tail) * (0.5 / root)
    root = where(head.high > 0.0, root + correction, 0.0)
    result = root * unit
    result = where(a.is_nan() | b.is_nan(), x + y, result)
    return where(a.equals(math.inf) | b.equals(math.inf), math.inf, result)
