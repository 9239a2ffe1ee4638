"""Special functions, evaluated by SciPy, which is loaded when one of them is first computed.

The derivatives are those of the NIST Digital Library of Mathematical Functions, chapters 5 (gamma),
7 (error) and 10 (Bessel).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.ir import register
from chainrule.ops.family import Binary, Unary


def _scipy(name: str) -> Callable[..., Any]:
    """Return a function of `scipy.special`, imported when it is first called."""

    @functools.cache
    def function() -> Callable[..., Any]:
        import scipy.special

        return getattr(scipy.special, name)

    def call(*args: Any) -> Any:
        return function()(*args)

    call.__name__ = name
    return call


# -- the error function, the normal and the logistic distribution --------------------------------

erf = register(
    Unary("erf", _scipy("erf"), lambda x, y: (2.0 / math.sqrt(math.pi)) * np.exp(-x * x))
)
erfc = register(
    Unary("erfc", _scipy("erfc"), lambda x, y: (-2.0 / math.sqrt(math.pi)) * np.exp(-x * x))
)


# erfcx(x) ~ sum_k c_k t^k / (x sqrt(pi)) with t = 1 / (2 x^2) and c_k = (-1)^k (2k - 1)!!;
# these are the coefficients -(2k + 1) c_k of the derivative.
_ERFCX_SLOPES = tuple(
    [-((-1.0) ** k) * (2 * k + 1) * math.prod(range(1, 2 * k, 2)) for k in range(12)]
)


def _erfcx_derivative(x: Any, y: Any) -> Any:
    # 2 x y - 2 / sqrt(pi), whose terms cancel for large x; there the asymptotic series is exact.
    is_large = x > 12.0
    inverse_square = 1.0 / np.square(np.where(is_large, x, 1.0))
    t = 0.5 * inverse_square
    series: Any = _ERFCX_SLOPES[-1]
    for slope in reversed(_ERFCX_SLOPES[:-1]):
        series = series * t + slope
    large = series * inverse_square * (1.0 / math.sqrt(math.pi))
    return np.where(is_large, large, 2.0 * x * y - 2.0 / math.sqrt(math.pi))


erfcx = register(Unary("erfcx", _scipy("erfcx"), _erfcx_derivative))
erfinv = register(
    Unary("erfinv", _scipy("erfinv"), lambda x, y: (0.5 * math.sqrt(math.pi)) * np.exp(y * y))
)
ndtri = register(
    Unary("ndtri", _scipy("ndtri"), lambda x, y: math.sqrt(2.0 * math.pi) * np.exp(0.5 * y * y))
)
# The log of the normal distribution function. Its derivative, the density over the distribution
# function, is written so that neither underflows.
log_ndtr = register(
    Unary(
        "log_ndtr",
        _scipy("log_ndtr"),
        lambda x, y: math.sqrt(2.0 / math.pi) / erfcx(-math.sqrt(0.5) * x),
    )
)
# The inverse of the logistic function.
logit = register(Unary("logit", _scipy("logit"), lambda x, y: 1.0 / (x * (1.0 - x))))


# -- the gamma function --------------------------------------------------------------------------

gamma = register(Unary("gamma", _scipy("gamma"), lambda x, y: y * polygamma(x, order=0)))
gammaln = register(Unary("gammaln", _scipy("gammaln"), lambda x, y: polygamma(x, order=0)))
betaln = register(
    Binary(
        "betaln",
        _scipy("betaln"),
        (
            lambda x, y, z: polygamma(x, order=0) - polygamma(x + y, order=0),
            lambda x, y, z: polygamma(y, order=0) - polygamma(x + y, order=0),
        ),
    )
)


class _Ordered(Unary):
    """A special function of integer order, the order being a parameter."""

    def evaluate(self, x: Any, *, order: int) -> Any:
        # SciPy computes in float64 here whatever comes in.
        return self.function(order, x).astype(x.dtype)


def _polygamma(order: int, x: Any) -> Any:
    import scipy.special

    return scipy.special.digamma(x) if order == 0 else scipy.special.polygamma(order, x)


# Derivatives of log-gamma; order 0 is digamma.
polygamma: _Ordered = register(
    _Ordered("polygamma", _polygamma, lambda x, y, order: polygamma(x, order=order + 1))
)


# -- Bessel functions ----------------------------------------------------------------------------


def _by_order(zero: str, one: str, any_order: str) -> Callable[[int, Any], Any]:
    """Return a function of order and argument that uses SciPy's faster ones for orders 0 and 1."""
    fixed, general = (_scipy(zero), _scipy(one)), _scipy(any_order)

    def call(order: int, x: Any) -> Any:
        return fixed[order](x) if order < 2 else general(order, x)

    return call


# J_n' = (J_{n-1} - J_{n+1}) / 2 and J_0' = -J_1; the same for I_n with both signs positive.
bessel_j: _Ordered = register(
    _Ordered(
        "bessel_j",
        _by_order("j0", "j1", "jv"),
        lambda x, y, order: (
            -bessel_j(x, order=1)
            if order == 0
            else 0.5 * (bessel_j(x, order=order - 1) - bessel_j(x, order=order + 1))
        ),
    )
)
bessel_i: _Ordered = register(
    _Ordered(
        "bessel_i",
        _by_order("i0", "i1", "iv"),
        lambda x, y, order: (
            bessel_i(x, order=1)
            if order == 0
            else 0.5 * (bessel_i(x, order=order - 1) + bessel_i(x, order=order + 1))
        ),
    )
)


def _bessel_ie_derivative(x: Any, y: Any, order: int) -> Any:
    if order == 0:
        slope = bessel_ie(x, order=1)
    else:
        slope = 0.5 * (bessel_ie(x, order=order - 1) + bessel_ie(x, order=order + 1))
    return slope - np.sign(x) * y


# exp(-|x|) I_n(x), which does not overflow.
bessel_ie: _Ordered = register(
    _Ordered("bessel_ie", _by_order("i0e", "i1e", "ive"), _bessel_ie_derivative)
)


# -- x log y -------------------------------------------------------------------------------------


def _share(x: Any, y: Any) -> Any:
    # x / y, and 0 where both are: x log y is 0 for x = 0 whatever y is.
    both = (x == 0) & (y == 0)
    return np.where(both, 0.0, x / np.where(both, 1.0, y))


# Both are 0 for x = 0. Their derivative in x is the logarithm, minus infinity where that is.
xlogy = register(
    Binary("xlogy", _scipy("xlogy"), (lambda x, y, z: np.log(y), lambda x, y, z: _share(x, y)))
)
xlog1py = register(
    Binary(
        "xlog1py",
        _scipy("xlog1py"),
        (lambda x, y, z: np.log1p(y), lambda x, y, z: _share(x, 1.0 + y)),
    )
)
