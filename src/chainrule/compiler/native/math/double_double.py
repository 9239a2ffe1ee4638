"""Sums and products with their rounding errors: pairs of numbers that carry twice the digits.

A `Pair` stands for the exact sum of its two parts, of which the second is at most a few units in
the last place of the first. The error of a sum is itself a number of the format and found with a
few more additions (T. J. Dekker, "A floating-point technique for extending the available
precision", Numer. Math. 18, 1971; D. E. Knuth, The Art of Computer Programming, vol. 2, §4.2.2); so
is that of a product, with one fused multiply-add, or by splitting the factors where the CPU has
none.
"""

from __future__ import annotations

from typing import NamedTuple

from chainrule.compiler.native.math.arithmetic import Real, mul_add


class Pair(NamedTuple):
    """The exact sum of two numbers."""

    high: Real
    low: Real


def two_sum(x: Real, y: Real) -> Pair:
    """Return x + y exactly (Knuth)."""
    total = x + y
    from_y = total - x
    return Pair(total, (x - (total - from_y)) + (y - from_y))


def fast_two_sum(x: Real, y: Real) -> Pair:
    """Return x + y exactly if |x| ≥ |y| or x = 0 (Dekker)."""
    total = x + y
    return Pair(total, y - (total - x))


def two_product(x: Real, y: Real) -> Pair:
    """Return x y exactly, barring overflow and underflow.

    Without a fused multiply-add the factors are split in halves whose products are exact (Dekker,
    with the halves cut out of the bits, which cannot overflow). In float64 the product of the two
    lower halves has 54 bits; its rounding is an error of 2^-106 in the pair.
    """
    product = x * y
    if x.arithmetic.has_fma:
        return Pair(product, mul_add(x, y, -product))
    x_high, x_low = _halves(x)
    y_high, y_low = _halves(y)
    low = ((x_high * y_high - product) + x_high * y_low + x_low * y_high) + x_low * y_low
    return Pair(product, low)


def _halves(x: Real) -> Pair:
    cut = x.format.precision // 2 + x.format.precision % 2
    high = (x.bits() & ~(2**cut - 1)).as_real()
    return Pair(high, x - high)


def residual(z: Real, x: Real, y: Real) -> Real:
    """Return z - x y, exactly if x y is close to z, as after a division z / y or a square root."""
    if z.arithmetic.has_fma:
        return mul_add(-x, y, z)
    product = two_product(x, y)
    return (z - product.high) - product.low


def add(x: Pair, y: Pair) -> Pair:
    """Return x + y to about twice the precision, if |x| ≥ |y| or x = 0."""
    head = fast_two_sum(x.high, y.high)
    return Pair(head.high, head.low + (x.low + y.low))


def multiply(x: Pair, y: Pair) -> Pair:
    """Return x y to about twice the precision."""
    product = two_product(x.high, y.high)
    return Pair(product.high, mul_add(x.high, y.low, mul_add(x.low, y.high, product.low)))


def _divide(x: Pair, y: Pair) -> tuple[Real, Real, Real]:
    """Return q, e and r so that x / y = q + e r to about twice the precision less three bits.

    There is one division, 1 / y; the remainder of the first quotient is exact.
    """
    reciprocal = 1.0 / y.high
    first = x.high * reciprocal
    remainder = residual(x.high, first, y.high) + mul_add(-first, y.low, x.low)
    return first, remainder, reciprocal


def quotient(x: Pair, y: Pair) -> Pair:
    """Return x / y to about twice the precision less three bits."""
    first, remainder, reciprocal = _divide(x, y)
    return Pair(first, remainder * reciprocal)


def rounded_quotient(x: Pair, y: Pair) -> Real:
    """Return x / y as one number; error hardly above half a unit in the last place."""
    first, remainder, reciprocal = _divide(x, y)
    return mul_add(remainder, reciprocal, first)


def square_root(x: Pair) -> Pair:
    """Return the square root of a positive pair to about twice the precision less three bits."""
    root = x.high.sqrt()
    return Pair(root, (residual(x.high, root, root) + x.low) * (0.5 / root))


def total(x: Pair) -> Real:
    """Return the pair as one number."""
    return x.high + x.low
