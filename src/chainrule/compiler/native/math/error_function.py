"""erf and erfc.

erf near 0 is an odd polynomial; further out it is 1 - exp(-Q(x)) with a polynomial Q for
-log(erfc(x)), where the errors of Q and exp are scaled down by erfc.

erfc has to keep its digits while it falls to the denormal numbers. exp(x²) erfc(x) (1 + 2 x) varies
little over all x ≥ 0, and as a function of (x - c) / (x + c) is nearly a polynomial of low degree
(M. M. Shepherd, J. G. Laframboise, "Chebyshev approximation of (1 + 2x) exp(x²) erfc x in
0 ≤ x < ∞", Math. Comp. 36, 1981).
"""

from __future__ import annotations

from chainrule.compiler.native.math.arithmetic import PerFormat, Real, at_most, polynomial, where
from chainrule.compiler.native.math.coefficients import ERF, ERF_LARGE, ERFC
from chainrule.compiler.native.math.double_double import (
    Pair,
    fast_two_sum,
    multiply,
    quotient,
    two_product,
)
from chainrule.compiler.native.math.exponential import exp_of_pair, exp_within_limits, scale

_LARGEST_ERF = PerFormat(single=4.0, double=6.0)
"""From here on erf rounds to 1."""

_LARGEST_ERFC = PerFormat(single=10.1, double=27.3)
"""From here on erfc rounds to 0."""


def _small_erf(x: Real) -> Pair:
    """Emit erf(x) = x + x P(x²) for |x| ≤ 1."""
    return Pair(x, x * polynomial(x * x, ERF[x.format]))


def erf(x: Real) -> Real:
    """Emit the error function; error below 1.4 ulp."""
    size = at_most(abs(x), _LARGEST_ERF[x.format])
    small = _small_erf(size)
    exponent = polynomial(size - 2.0, ERF_LARGE[x.format])
    large = 1.0 - exp_within_limits(-exponent)
    return where(size < 1.0, small.high + small.low, large).with_sign_of(x)


def erfc(x: Real) -> Real:
    """Emit 1 - erf(x); error below 1.7 ulp.

    Left of 1/2 it is 1 - erf(x) for small |x| and 2 - erfc(-x) for large.
    """
    size = at_most(abs(x), _LARGEST_ERFC[x.format])
    t = (size - 3.0) / (size + 3.0)
    factor = fast_two_sum(x.like(1.0), polynomial(t, ERFC[x.format]))
    denominator = fast_two_sum(x.like(1.0), 2.0 * size)
    one_plus = quotient(factor, denominator)
    square = two_product(size, size)
    decay, exponent = exp_of_pair(Pair(-square.high, -square.low))
    product = multiply(decay, one_plus)
    tail = scale(product.high + product.low, exponent)
    small = _small_erf(x)
    near = (1.0 - small.high) - small.low
    far = where(x < 0.0, 2.0 - tail, tail)
    return where(size < 0.5, near, far)
