"""Special functions, under the names of `scipy.special`, on arrays traced or not.

SciPy's own work on traced arrays too where they are ufuncs, which all but `logsumexp`, `softmax`,
`log_softmax`, `polygamma` and `softplus` are.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import cbrt, exp2, expm1, log1p, sinc

from chainrule import ops
from chainrule.frontend.axes import several_axes
from chainrule.frontend.conversion import as_float, as_operand, promoted
from chainrule.frontend.special import (
    beta,
    betaln,
    cosm1,
    digamma,
    entr,
    erf,
    erfc,
    erfcinv,
    erfcx,
    erfinv,
    exp10,
    expit,
    gamma,
    gammaln,
    huber,
    i0,
    i0e,
    i1,
    i1e,
    j0,
    j1,
    kl_div,
    log_expit,
    log_ndtr,
    loggamma,
    logit,
    ndtr,
    ndtri,
    polygamma,
    pseudo_huber,
    psi,
    rel_entr,
    softplus,
    xlog1py,
    xlogy,
)

__all__ = [
    "beta",
    "betaln",
    "cbrt",
    "cosm1",
    "digamma",
    "entr",
    "erf",
    "erfc",
    "erfcinv",
    "erfcx",
    "erfinv",
    "exp2",
    "exp10",
    "expit",
    "expm1",
    "gamma",
    "gammaln",
    "huber",
    "i0",
    "i0e",
    "i1",
    "i1e",
    "j0",
    "j1",
    "kl_div",
    "log1p",
    "log_expit",
    "log_ndtr",
    "log_softmax",
    "loggamma",
    "logit",
    "logsumexp",
    "ndtr",
    "ndtri",
    "polygamma",
    "pseudo_huber",
    "psi",
    "rel_entr",
    "sinc",
    "softmax",
    "softplus",
    "xlog1py",
    "xlogy",
]


def _largest(x: Any, axis: Any) -> Any:
    """Return the maximum over axes, which stay, as a constant."""
    return ops.stop_gradient(np.max(x, axis=axis, keepdims=True))


def _finite(x: Any) -> Any:
    return np.where(np.isfinite(x), x, 0.0)


def _log_or_minus_infinity(x: Any) -> Any:
    """Return the logarithm, and minus infinity with derivative 0 at zero."""
    is_zero = x == 0
    return np.where(is_zero, -np.inf, np.log(np.where(is_zero, 1.0, x)))


def logsumexp(
    a: Any, axis: Any = None, b: Any = None, keepdims: bool = False, return_sign: bool = False
) -> Any:
    r"""Return the logarithm of a sum of exponentials, without overflow.

    .. math:: \log \sum_i b_i e^{a_i}

    Parameters
    ----------
    a : array_like
        Exponents, traced or not.
    axis : int or tuple of int, optional
        Axes to sum over; all by default.
    b : array_like, optional
        Weights, of a shape that broadcasts against that of ``a``; they may be negative. Where a
        weight is 0, the exponent does not matter.
    keepdims : bool, default False
        Whether to keep the summed axes, with length 1.
    return_sign : bool, default False
        Whether to return the logarithm of the absolute value of the sum and its sign. Without
        it a negative sum gives NaN.

    Returns
    -------
    out : ndarray, NumPy scalar or traced array
    sign : as ``out``, if ``return_sign``

    Notes
    -----
    The derivative in ``a`` is `softmax`. It is 0 where every exponent is minus infinity, and NaN
    where one is plus infinity.

    References
    ----------
    .. [1] Blanchard, Higham and Higham, Accurately computing the log-sum-exp and softmax
       functions, IMA Journal of Numerical Analysis 41, 2021.

    Examples
    --------
    >>> import numpy as np, chainrule as cr
    >>> float(cr.special.logsumexp(np.array([1000.0, 1000.0])))
    1000.69314718...
    """
    if b is None:
        a = as_float(a, "cr.special.logsumexp")
    else:
        a, b = promoted(as_float(a, "cr.special.logsumexp"), as_operand(b, "cr.special.logsumexp"))
        shape = np.broadcast_shapes(a.shape, b.shape)
        a, b = np.broadcast_to(a, shape), np.broadcast_to(b, shape)
    axes = several_axes(axis, a.ndim, "logsumexp")
    if any(a.shape[i] == 0 for i in axes):
        total = (a * 0).sum(axis=axes, keepdims=keepdims)
        out = _log_or_minus_infinity(total)
        return (out, np.sign(total)) if return_sign else out
    if b is None:
        shift = _finite(_largest(a, axes))
        total = np.exp(a - shift).sum(axis=axes, keepdims=True)
    else:
        is_off = b == 0
        shift = _finite(_largest(np.where(is_off, -np.inf, a), axes))
        # What has no weight must not overflow; its derivative in the weight is kept if it fits.
        bound = float(np.log(np.finfo(a.dtype).max)) - 1.0
        exponent = a - shift
        exponent = np.where(is_off, np.fmin(exponent, bound), exponent)
        total = (b * np.exp(exponent)).sum(axis=axes, keepdims=True)
    size = np.absolute(total) if return_sign else total
    out = _log_or_minus_infinity(size) + shift
    if not keepdims:
        out, total = np.squeeze(out, axis=axes), np.squeeze(total, axis=axes)
    return (out, np.sign(total)) if return_sign else out


def softmax(x: Any, axis: Any = None) -> Any:
    r"""Return exponentials divided by their sum, without overflow.

    .. math:: p_i = e^{x_i} / \sum_j e^{x_j}

    Parameters
    ----------
    x : array_like
        Traced or not.
    axis : int or tuple of int, optional
        Axes over which the result sums to 1; all by default.

    Returns
    -------
    ndarray or traced array
        Of the shape of ``x``.

    Examples
    --------
    >>> import numpy as np, chainrule as cr
    >>> cr.special.softmax(np.array([1000.0, 1000.0]))
    array([0.5, 0.5])
    """
    x = as_float(x, "cr.special.softmax")
    powers = np.exp(x - _largest(x, axis))
    return powers / powers.sum(axis=axis, keepdims=True)


def log_softmax(x: Any, axis: Any = None) -> Any:
    r"""Return the logarithm of `softmax`, with all its digits.

    .. math:: \log p_i = x_i - \log \sum_j e^{x_j}

    Parameters
    ----------
    x : array_like
        Traced or not.
    axis : int or tuple of int, optional
        Axes over which the exponentials of the result sum to 1; all by default.

    Returns
    -------
    ndarray or traced array
        Of the shape of ``x``.

    Examples
    --------
    >>> import numpy as np, chainrule as cr
    >>> cr.special.log_softmax(np.array([0.0, -1000.0]))
    array([    0., -1000.])
    """
    x = as_float(x, "cr.special.log_softmax")
    shifted = x - _finite(_largest(x, axis))
    return shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))
