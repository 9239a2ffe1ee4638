"""`scipy.special` in terms of ops.

SciPy's ufuncs find their way here by themselves, through NumPy's protocol. Those of its functions
that are written in Python do not; they, and all the others, are public under SciPy's names in
`chainrule.special`, for arrays traced or not.

Values follow SciPy everywhere, also where it sets a value by convention. Derivatives are the
limits of those nearby; where there is none that is finite, the derivative is infinite.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from chainrule import ops
from chainrule._dtypes import result_dtype
from chainrule._errors import InvalidArgumentError
from chainrule.frontend.axes import as_integer
from chainrule.frontend.conversion import (
    FLOAT64,
    as_dtype,
    as_operand,
    key_of,
)
from chainrule.frontend.dispatch import ADVICE, implements, implements_ufunc

FLOAT32 = np.dtype(np.float32)

Function = TypeVar("Function", bound=Callable[..., Any])

_DESCRIPTIONS = {
    "x": "x : array_like\n    Real, traced or not. Integers are converted to floats.",
    "y": "y : array_like\n    Real, traced or not. Arguments broadcast.",
    "a": "a : array_like\n    Real, traced or not.",
    "b": "b : array_like\n    Real, traced or not. Arguments broadcast.",
    "delta": "delta : array_like\n    Where the quadratic part ends; positive.",
    "r": "r : array_like\n    Residual. Arguments broadcast.",
    "n": "n : int\n    Order, known while tracing.",
}


def _elementwise(*ufuncs: str) -> Callable[[Function], Function]:
    """Register an elementwise function, and describe its arguments in its docstring."""

    def register(function: Function) -> Function:
        described = [
            "Parameters",
            "----------",
            *[_DESCRIPTIONS[name] for name in inspect.signature(function).parameters],
            "",
            "Returns",
            "-------",
            "ndarray, NumPy scalar or traced array",
        ]
        function.__doc__ = inspect.cleandoc(function.__doc__ or "") + "\n\n" + "\n".join(described)
        return implements_ufunc(*ufuncs)(function)

    return register


def _operands(name: str, *args: Any, single: bool = False) -> list[Any]:
    """Return arguments in the dtype in which SciPy computes.

    That is float32 or float64. What is neither becomes float64; with ``single``, as for those of
    SciPy's functions that have float32 first in their table, what float32 can hold becomes that.
    """
    operands = [as_operand(x, name) for x in args]
    dtype = result_dtype(*[key_of(x) for x in operands])
    if dtype not in (FLOAT32, FLOAT64):
        dtype = FLOAT32 if single and np.can_cast(dtype, FLOAT32) else FLOAT64
    return [as_dtype(x, dtype) for x in operands]


# -- the logistic function -----------------------------------------------------------------------


@_elementwise("expit")
def expit(x: Any) -> Any:
    r"""Return the logistic function :math:`1 / (1 + e^{-x})`.

    Its derivative keeps its digits where the function is close to 1.
    """
    return ops.expit(*_operands("expit", x))


@_elementwise("log_expit")
def log_expit(x: Any) -> Any:
    r"""Return the logarithm of the logistic function, :math:`-\log(1 + e^{-x})`."""
    (x,) = _operands("log_expit", x)
    return -np.logaddexp(x.dtype.type(0), -x)


@_elementwise("logit")
def logit(x: Any) -> Any:
    r"""Return the inverse of the logistic function, :math:`\log \frac{x}{1 - x}`."""
    return ops.logit(*_operands("logit", x))


@_elementwise()
def softplus(x: Any) -> Any:
    r"""Return :math:`\log(1 + e^x)`, a smooth form of :math:`\max(0, x)`."""
    (x,) = _operands("softplus", x)
    return np.logaddexp(x.dtype.type(0), x)


# -- the error function and the normal distribution ----------------------------------------------


@_elementwise("erf")
def erf(x: Any) -> Any:
    r"""Return the error function :math:`\frac{2}{\sqrt\pi} \int_0^x e^{-t^2} dt`."""
    return ops.erf(*_operands("erf", x))


@_elementwise("erfc")
def erfc(x: Any) -> Any:
    r"""Return the complementary error function :math:`1 - \mathrm{erf}(x)`."""
    return ops.erfc(*_operands("erfc", x))


@_elementwise("erfcx")
def erfcx(x: Any) -> Any:
    r"""Return the scaled complementary error function :math:`e^{x^2} \mathrm{erfc}(x)`."""
    return ops.erfcx(*_operands("erfcx", x))


@_elementwise("erfinv")
def erfinv(y: Any) -> Any:
    r"""Return the inverse of the error function."""
    return ops.erfinv(*_operands("erfinv", y, single=True))


@_elementwise("erfcinv")
def erfcinv(y: Any) -> Any:
    r"""Return the inverse of the complementary error function."""
    (y,) = _operands("erfcinv", y, single=True)
    return ops.ndtri(0.5 * y) * -math.sqrt(0.5)


@_elementwise("ndtr")
def ndtr(x: Any) -> Any:
    r"""Return the distribution function of the standard normal distribution.

    .. math:: \Phi(x) = \frac{1}{\sqrt{2\pi}} \int_{-\infty}^x e^{-t^2/2} dt
    """
    (x,) = _operands("ndtr", x)
    return 0.5 * ops.erfc(x * -math.sqrt(0.5))


@_elementwise("ndtri")
def ndtri(y: Any) -> Any:
    r"""Return the quantile function of the standard normal distribution."""
    return ops.ndtri(*_operands("ndtri", y, single=True))


@_elementwise("log_ndtr")
def log_ndtr(x: Any) -> Any:
    r"""Return the logarithm of the normal distribution function, :math:`\log \Phi(x)`."""
    return ops.log_ndtr(*_operands("log_ndtr", x))


# -- the gamma function --------------------------------------------------------------------------


@_elementwise("gamma")
def gamma(x: Any) -> Any:
    r"""Return the gamma function :math:`\Gamma(x)`."""
    return ops.gamma(*_operands("gamma", x))


@_elementwise("gammaln")
def gammaln(x: Any) -> Any:
    r"""Return :math:`\log |\Gamma(x)|`."""
    return ops.gammaln(*_operands("gammaln", x))


@_elementwise("loggamma")
def loggamma(x: Any) -> Any:
    r"""Return the principal branch of :math:`\log \Gamma(x)`: not a number for negative x."""
    (x,) = _operands("loggamma", x)
    return np.where(x < 0, np.nan, ops.gammaln(x))


@_elementwise("psi", "digamma")
def digamma(x: Any) -> Any:
    r"""Return the digamma function, the derivative of :math:`\log \Gamma(x)`."""
    return ops.polygamma(*_operands("digamma", x), order=0)


psi = digamma


@_elementwise()
def polygamma(n: int, x: Any) -> Any:
    r"""Return the n-th derivative of the digamma function."""
    order = as_integer(n, "cr.special.polygamma, n")
    if order < 0:
        raise InvalidArgumentError(
            f"cr.special.polygamma: the order must not be negative, got {order}."
        )
    return ops.polygamma(*_operands("polygamma", x), order=order)


@_elementwise("betaln")
def betaln(a: Any, b: Any) -> Any:
    r"""Return :math:`\log |B(a, b)|`, the logarithm of the beta function."""
    return ops.betaln(*_operands("betaln", a, b))


@_elementwise("beta")
def beta(a: Any, b: Any) -> Any:
    r"""Return the beta function :math:`\Gamma(a) \Gamma(b) / \Gamma(a + b)`."""
    a, b = _operands("beta", a, b)
    sign = _gamma_sign(a) * _gamma_sign(b) * _gamma_sign(a + b)
    return sign * np.exp(ops.betaln(a, b))


def _gamma_sign(x: Any) -> Any:
    return np.where((x < 0) & (np.remainder(np.floor(x), 2.0) != 0), -1.0, 1.0).astype(x.dtype)


# -- x log y, and the entropies made of it -------------------------------------------------------


@_elementwise("xlogy")
def xlogy(x: Any, y: Any) -> Any:
    r"""Return :math:`x \log y`, and 0 for x = 0.

    The derivatives are :math:`\log y` in x, which is minus infinity at y = 0, and :math:`x / y` in
    y, which is 0 at x = y = 0.
    """
    return ops.xlogy(*_operands("xlogy", x, y))


@_elementwise("xlog1py")
def xlog1py(x: Any, y: Any) -> Any:
    r"""Return :math:`x \log(1 + y)`, and 0 for x = 0; see `xlogy` for the derivatives."""
    return ops.xlog1py(*_operands("xlog1py", x, y))


@_elementwise("entr")
def entr(x: Any) -> Any:
    r"""Return the entropy :math:`-x \log x`: 0 at 0, and minus infinity for negative x.

    The derivative at 0 is its limit, infinity.
    """
    (x,) = _operands("entr", x, single=True)
    is_negative = x < 0
    safe = np.where(is_negative, 1.0, x)
    return np.where(is_negative, -np.inf, -ops.xlogy(safe, safe))


@_elementwise("rel_entr")
def rel_entr(x: Any, y: Any) -> Any:
    r"""Return the relative entropy :math:`x \log(x / y)`: 0 for x = 0 and y not negative.

    It is infinite for negative arguments, and for y = 0 with positive x. The derivative in x at
    x = 0 is its limit, minus infinity.
    """
    x, y = _operands("rel_entr", x, y, single=True)
    return _relative_entropy(x, y, 0.0, 0.0)


@_elementwise("kl_div")
def kl_div(x: Any, y: Any) -> Any:
    r"""Return :math:`x \log(x / y) - x + y`, the terms of a Kullback-Leibler divergence.

    Its domain and its derivative at x = 0 are those of `rel_entr`.
    """
    x, y = _operands("kl_div", x, y, single=True)
    return _relative_entropy(x, y, x, y)


def _relative_entropy(x: Any, y: Any, subtracted: Any, added: Any) -> Any:
    is_inside = ((x > 0) & (x < np.inf) & (y > 0)) | ((x == 0) & (y >= 0))
    is_number = (x == x) & (y == y)
    x = np.where(is_inside, x, 1.0)
    y = np.where(is_inside & (y > 0), y, 1.0)
    # The logarithm of a ratio close to 1 is taken of its distance from 1.
    is_close = np.absolute(x - y) < 0.5 * y
    distance = np.where(is_close, x - y, 0.0) / y
    apart = ops.xlogy(x, x) - ops.xlogy(x, y)
    entropy = np.where(is_close, ops.xlog1py(x, distance), apart) - subtracted + added
    return np.where(is_number, np.where(is_inside, entropy, np.inf), np.nan)


# -- robust losses -------------------------------------------------------------------------------


@_elementwise("huber")
def huber(delta: Any, r: Any) -> Any:
    r"""Return the Huber loss: quadratic up to ``delta``, linear from there on.

    .. math:: \tfrac12 r^2 \text{ for } |r| \le \delta, \quad \delta (|r| - \tfrac12 \delta)
              \text{ otherwise}
    """
    delta, r = _operands("huber", delta, r, single=True)
    size = np.absolute(r)
    loss = np.where(size <= delta, 0.5 * r * r, delta * (size - 0.5 * delta))
    return np.where(delta < 0, np.inf, loss)


@_elementwise("pseudo_huber")
def pseudo_huber(delta: Any, r: Any) -> Any:
    r"""Return the pseudo-Huber loss :math:`\delta^2 \big(\sqrt{1 + (r / \delta)^2} - 1\big)`."""
    delta, r = _operands("pseudo_huber", delta, r, single=True)
    # Written without division by delta, and without a difference of nearly equal numbers.
    total = np.hypot(delta, r) + delta
    is_zero = (delta <= 0) & (total <= 0)
    loss = delta * r * (r / np.where(is_zero, 1.0, total))
    return np.where(delta < 0, np.inf, loss)


# -- Bessel functions ----------------------------------------------------------------------------


@_elementwise("j0")
def j0(x: Any) -> Any:
    r"""Return the Bessel function of the first kind of order 0."""
    return ops.bessel_j(*_operands("j0", x), order=0)


@_elementwise("j1")
def j1(x: Any) -> Any:
    r"""Return the Bessel function of the first kind of order 1."""
    return ops.bessel_j(*_operands("j1", x), order=1)


@_elementwise("i0")
def i0(x: Any) -> Any:
    r"""Return the modified Bessel function of order 0."""
    return ops.bessel_i(*_operands("i0", x), order=0)


@_elementwise("i1")
def i1(x: Any) -> Any:
    r"""Return the modified Bessel function of order 1."""
    return ops.bessel_i(*_operands("i1", x), order=1)


@_elementwise("i0e")
def i0e(x: Any) -> Any:
    r"""Return :math:`e^{-|x|} I_0(x)`, which does not overflow."""
    return ops.bessel_ie(*_operands("i0e", x), order=0)


@_elementwise("i1e")
def i1e(x: Any) -> Any:
    r"""Return :math:`e^{-|x|} I_1(x)`, which does not overflow."""
    return ops.bessel_ie(*_operands("i1e", x), order=1)


@implements(np.i0)
def _i0(x: Any) -> Any:
    return i0(x)


# -- near zero, and powers -----------------------------------------------------------------------


@_elementwise("cosm1")
def cosm1(x: Any) -> Any:
    r"""Return :math:`\cos(x) - 1`, with all digits near 0."""
    (x,) = _operands("cosm1", x)
    return -2.0 * np.square(np.sin(0.5 * x))


@_elementwise("exp10")
def exp10(x: Any) -> Any:
    r"""Return :math:`10^x`."""
    (x,) = _operands("exp10", x)
    return np.power(x.dtype.type(10), x)


ADVICE.update(
    {
        f"scipy.special.{name}": f"use cr.special.{name}"
        for name in ("logsumexp", "log_softmax", "softmax", "polygamma")
    }
)
