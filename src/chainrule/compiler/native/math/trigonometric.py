"""sin, cos and tan.

The argument is reduced to x = n pi/2 + r with |r| ≤ pi/4; n modulo 4 says which of ±sin r and
±cos r is wanted, and both are computed. The reduction is what is hard: r may be as small as 2^-60
for an x as large as 2^850, and its last bits count.

It is done for every argument by the method of M. H. Payne and R. N. Hanek ("Radian reduction for
trigonometric functions", SIGNUM Newsletter 18, 1983): x 2/pi modulo 4, where those bits of 2/pi are
left out whose product with x is a multiple of 4, and those too far behind the point to matter. For
float32 that is one of five windows of 106 bits, multiplied in float64; for float64 it is 192 bits,
multiplied as four pieces of 48 with the errors of the products.

A reduction that is good for moderate arguments alone would make float64 three times faster. But no
argument is too large for the function to have a value, and without a branch both would be paid for.
"""

from __future__ import annotations

import math

from chainrule.compiler.native.math.arithmetic import (
    SINGLE,
    Bits,
    Real,
    at_least,
    mul_add,
    polynomial,
    where,
    where_bits,
)
from chainrule.compiler.native.math.coefficients import (
    COS,
    HALF_PI,
    SIN,
    TWO_OVER_PI,
    TWO_OVER_PI_WORDS,
)
from chainrule.compiler.native.math.double_double import (
    Pair,
    fast_two_sum,
    multiply,
    rounded_quotient,
    total,
    two_product,
    two_sum,
)


def _reduce(x: Real) -> tuple[Bits, Pair]:
    """Emit n, of which the two low bits count, and r."""
    return _reduce_single(x) if x.format is SINGLE else _reduce_double(x)


def _reduce_double(x: Real) -> tuple[Bits, Pair]:
    size = abs(x)
    # |x| = factor 2^e with e ≥ 0 and factor < 2, and 2^52 factor an integer unless e is 0.
    e = (at_least(size, 1.0).bits() >> 52) - x.format.bias
    factor = (size.bits() - (e << 52)).as_real()
    factor = where(size < math.inf, factor, math.nan)
    quarter_turns, fraction = _times_two_over_pi(factor, e)
    r = multiply(fraction, Pair(x.like(HALF_PI.double[0]), x.like(HALF_PI.double[1])))
    is_reduced = size <= math.pi / 4.0
    high = where(is_reduced, size, r.high)
    low = where(is_reduced, 0.0, r.low)
    n = where_bits(is_reduced, x.arithmetic.integer(0), quarter_turns)
    # Back to the sign of x; -n is ~n + 1.
    sign = x.bits() & (1 << 63)
    n = where_bits(sign.equals(0), n, 0 - n)
    return n, Pair((high.bits() ^ sign).as_real(), (low.bits() ^ sign).as_real())


def _two_over_pi_window(e: Bits) -> tuple[Bits, Bits, Bits]:
    """Emit 192 bits of 2^(e - 52) 2/pi modulo 4, from that of weight 2 on, for 0 ≤ e < 1024.

    The words are found by halving the distance as often as needed, with constants for the first
    step: what a table would do, without a load for every element.
    """
    words = [e.arithmetic.integer(word) for word in TWO_OVER_PI_WORDS]
    for step in (8, 4, 2, 1):
        is_near = (e & (64 * step)).equals(0)
        words = [where_bits(is_near, words[i], words[i + step]) for i in range(4 + step - 1)]
    shift = e & 63
    first, second, third, fourth = words
    return (
        first.followed_by(second, shift),
        second.followed_by(third, shift),
        third.followed_by(fourth, shift),
    )


def _times_two_over_pi(factor: Real, e: Bits) -> tuple[Bits, Pair]:
    """Emit factor 2^e 2/pi as an integer modulo 4 and a fraction, to 2^-135."""
    first, second, third = _two_over_pi_window(e)
    low_48 = 2**48 - 1
    pieces = (
        first >> 16,
        first.followed_by(second, 32) & low_48,
        second.followed_by(third, 16) & low_48,
        third & low_48,
    )
    # A piece becomes a number in the last bits of 2^52.
    unit = factor.like(2.0**52)
    numbers = [(piece | unit.bits()).as_real() - unit for piece in pieces]
    # The first bit of the window has the weight 2.
    products = [
        two_product(factor * 2.0 ** (6 - 48 * i), number) for i, number in enumerate(numbers)
    ]
    (p0, e0), (p1, e1), (p2, e2), (p3, _) = products
    # p0 may be as large as 2^55. What is left of it and e0 are multiples of 2^-46, and so their sum
    # is exact.
    whole = mul_add((0.25 * p0).rounded(), -4.0, p0) + e0
    shifter = factor.format.shifter
    n1 = p1 + shifter
    f1 = p1 - (n1 - shifter)
    n0 = (whole + f1) + shifter
    head = two_sum(whole - (n0 - shifter), f1)
    tail = two_sum(p2, e1)
    tail_low = two_sum(tail.high, head.low)
    fraction = two_sum(head.high, tail_low.high)
    low = fraction.low + (tail.low + tail_low.low + (e2 + p3))
    return n0.bits() + n1.bits(), Pair(fraction.high, low)


def _reduce_single(x: Real) -> tuple[Bits, Pair]:
    wide = x.widened()
    size = abs(wide)
    high, low = (wide.like(part) for part in TWO_OVER_PI[0])
    for j, window in enumerate(TWO_OVER_PI[1:]):
        is_larger = size >= 2.0 ** (50 + 24 * j)
        high, low = (where(is_larger, *pair) for pair in zip(window, (high, low), strict=True))
    # The two factors of the first product have 24 and 53 bits; it is less than 2^50.
    product = two_product(wide, high)
    rest = mul_add(wide, low, product.low)
    shifter = wide.format.shifter
    whole = product.high + shifter
    fraction = product.high - (whole - shifter)
    carry = fraction + rest + shifter
    r = ((fraction - (carry - shifter)) + rest) * (math.pi / 2.0)
    n = (whole.bits() + carry.bits()).narrowed(x.arithmetic)
    high = r.narrowed(x.arithmetic)
    return n, Pair(high, (r - high.widened()).narrowed(x.arithmetic))


def _sin_and_cos(r: Pair) -> tuple[Pair, Pair]:
    """Emit sin r and cos r, each as a large and a small part."""
    z = r.high * r.high
    cube = z * r.high
    # The low part enters sin by its derivative cos r, of which 1 - r²/2 is enough.
    half = 0.5 * z
    low = r.low if r.high.format is SINGLE else mul_add(-half, r.low, r.low)
    sin = Pair(r.high, mul_add(cube, polynomial(z, SIN[z.format]), low))
    one_minus = fast_two_sum(z.like(1.0), -half)
    cos_tail = mul_add(z * z, polynomial(z, COS[z.format]), mul_add(-r.high, r.low, one_minus.low))
    return sin, Pair(one_minus.high, cos_tail)


def _choose(is_odd: Bits, even: Real, odd: Real) -> Real:
    return where(is_odd.equals(0), even, odd)


def _with_sign_bit(n: Bits, x: Real) -> Real:
    """Change the sign of x if the second lowest bit of n is set."""
    sign = (n & 2) << (x.format.width - 2)
    return (x.bits() ^ sign).as_real()


def _quarter_turn(x: Real, turns: int) -> Real:
    n, r = _reduce(x)
    if x.format is SINGLE:
        # 1.6 ulp instead of 0.8, but a sixth faster.
        r = Pair(r.high, x.like(0.0))
    n = n + turns if turns else n
    sin, cos = _sin_and_cos(r)
    value = _choose(n & 1, total(sin), total(cos))
    return _with_sign_bit(n, value)


def sin(x: Real) -> Real:
    """Emit sin(x); error below 1.6 ulp in float32 and 0.8 in float64."""
    # Where x³/6 does not count, x itself keeps the sign of 0 and the bits of a denormal number.
    is_tiny = abs(x) < 2.0 ** -(x.format.precision // 2 + 1)
    return where(is_tiny, x, _quarter_turn(x, 0))


def cos(x: Real) -> Real:
    """Emit cos(x); error below 1.6 ulp in float32 and 0.8 in float64."""
    return _quarter_turn(x, 1)


def tan(x: Real) -> Real:
    """Emit tan(x) = sin r / cos r for even n and -cos r / sin r for odd n.

    The error is below 1.4 ulp in float32 and 1.1 in float64.
    """
    n, r = _reduce(x)
    sin, cos = _sin_and_cos(r)
    sin, cos = fast_two_sum(*sin), fast_two_sum(*cos)
    is_odd = n & 1
    numerator = Pair(*(_choose(is_odd, s, c) for s, c in zip(sin, cos, strict=True)))
    denominator = Pair(*(_choose(is_odd, c, s) for s, c in zip(sin, cos, strict=True)))
    value = _with_sign_bit(is_odd << 1, rounded_quotient(numerator, denominator))
    is_tiny = abs(x) < 2.0 ** -(x.format.precision // 2 + 1)
    return where(is_tiny, x, value)
