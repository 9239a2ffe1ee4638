"""Losses for quantities: numbers, counts, quantiles, and means with their uncertainty."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule._errors import InvalidArgumentError, ShapeError
from chainrule.nn._types import Array, as_array
from chainrule.nn.losses._averaging import (
    Reduction,
    aligned,
    as_float,
    known,
    per_sample,
    reduced,
)

__all__ = [
    "gaussian_loss",
    "half_squared_error",
    "huber_loss",
    "mean_absolute_error",
    "mean_squared_error",
    "poisson_loss",
    "quantile_loss",
]


def mean_squared_error(
    output: Array, target: Array, *, sample_weight: Any = None, reduction: Reduction = "mean"
) -> Array:
    r"""Return the squared error, averaged over outputs and samples, without a factor ½.

    .. math:: C = \frac{1}{n k} \sum_{i=1}^{n} \sum_{j=1}^{k} (a_{ij} - y_{ij})^2

    This is `sklearn.metrics.mean_squared_error`; for the one with the ½ see `half_squared_error`.

    Parameters
    ----------
    output : ndarray of shape (n_samples, n_outputs) or (n_samples,)
    target : ndarray of the shape of ``output``
        Or ``(n_samples,)`` if there is one output.
    sample_weight : ndarray of shape (n_samples,), optional
        At least 0; the mean over samples is weighted by it.
    reduction : {"mean", "none"}, default="mean"
        ``"none"`` returns the error of each sample, ``(n_samples,)``, averaged over its outputs
        and times its weight.

    Returns
    -------
    ndarray of shape () or (n_samples,)

    Raises
    ------
    ShapeError
        If the shapes differ.

    Examples
    --------
    >>> mean_squared_error(np.array([[1.0], [2.0]]), np.array([[1.0], [5.0]]))
    np.float64(4.5)
    """
    name = "mean_squared_error"
    output, target = aligned(name, output, target)
    costs = per_sample((output - target) ** 2, np.mean)
    return reduced(name, costs, reduction, sample_weight)


def half_squared_error(
    output: Array, target: Array, *, sample_weight: Any = None, reduction: Reduction = "mean"
) -> Array:
    r"""Return half the squared error, summed over outputs and averaged over samples.

    .. math:: C = \frac{1}{2n} \sum_{i=1}^{n} \sum_{j=1}^{k} (a_{ij} - y_{ij})^2, \qquad
              \frac{\partial C}{\partial a_{ij}} = \frac{1}{n} (a_{ij} - y_{ij})

    The cost of the textbooks on back-propagation, which take the ½ so that the derivative has no
    factor (where they sum over samples too, this is that over n). It is also, up to a constant, the
    negative log-likelihood of a Gaussian of variance 1, and the cost that scikit-learn's
    `MLPRegressor` descends (the one it reports is averaged over outputs).

    Parameters
    ----------
    output : ndarray of shape (n_samples, n_outputs) or (n_samples,)
    target : ndarray of the shape of ``output``
        Or ``(n_samples,)`` if there is one output.
    sample_weight : ndarray of shape (n_samples,), optional
        At least 0; the mean over samples is weighted by it.
    reduction : {"mean", "none"}, default="mean"
        ``"none"`` returns the error of each sample, ``(n_samples,)``, times its weight.

    Returns
    -------
    ndarray of shape () or (n_samples,)

    Raises
    ------
    ShapeError
        If the shapes differ.

    References
    ----------
    Rumelhart, Hinton and Williams, "Learning representations by back-propagating errors", 1986;
    Bishop, "Pattern recognition and machine learning", 2006, equation 5.11.

    Examples
    --------
    >>> half_squared_error(np.array([[1.0, 2.0]]), np.array([[1.0, 5.0]]))
    np.float64(4.5)
    """
    name = "half_squared_error"
    output, target = aligned(name, output, target)
    costs = per_sample(0.5 * (output - target) ** 2, np.sum)
    return reduced(name, costs, reduction, sample_weight)


def mean_absolute_error(
    output: Array, target: Array, *, sample_weight: Any = None, reduction: Reduction = "mean"
) -> Array:
    r"""Return the absolute error, averaged over outputs and samples.

    .. math:: C = \frac{1}{n k} \sum_{i=1}^{n} \sum_{j=1}^{k} |a_{ij} - y_{ij}|

    Its minimum over constants is the median, so outliers count little. The derivative at
    ``a = y`` is 0.

    Parameters
    ----------
    output : ndarray of shape (n_samples, n_outputs) or (n_samples,)
    target : ndarray of the shape of ``output``
        Or ``(n_samples,)`` if there is one output.
    sample_weight : ndarray of shape (n_samples,), optional
        At least 0; the mean over samples is weighted by it.
    reduction : {"mean", "none"}, default="mean"
        ``"none"`` returns the error of each sample, ``(n_samples,)``, times its weight.

    Returns
    -------
    ndarray of shape () or (n_samples,)

    Raises
    ------
    ShapeError
        If the shapes differ.

    Examples
    --------
    >>> mean_absolute_error(np.array([[1.0], [2.0]]), np.array([[1.0], [5.0]]))
    np.float64(1.5)
    """
    name = "mean_absolute_error"
    output, target = aligned(name, output, target)
    costs = per_sample(np.abs(output - target), np.mean)
    return reduced(name, costs, reduction, sample_weight)


def huber_loss(
    output: Array,
    target: Array,
    *,
    delta: float = 1.0,
    sample_weight: Any = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Return Huber's loss: squares of small errors, absolute values of large ones.

    .. math:: C = \frac{1}{n k} \sum_{i=1}^{n} \sum_{j=1}^{k} h(a_{ij} - y_{ij}), \qquad
              h(r) = \begin{cases} \frac12 r^2 & |r| \le \delta \\
              \delta (|r| - \frac12 \delta) & |r| > \delta \end{cases}

    With the ½, so that the two pieces meet with equal slopes; for small errors it is half of
    `mean_squared_error`.

    Parameters
    ----------
    output : ndarray of shape (n_samples, n_outputs) or (n_samples,)
    target : ndarray of the shape of ``output``
        Or ``(n_samples,)`` if there is one output.
    delta : float, default=1.0
        Above 0, in units of the target: where an error becomes a large one.
    sample_weight : ndarray of shape (n_samples,), optional
        At least 0; the mean over samples is weighted by it.
    reduction : {"mean", "none"}, default="mean"
        ``"none"`` returns the loss of each sample, ``(n_samples,)``, times its weight.

    Returns
    -------
    ndarray of shape () or (n_samples,)

    Raises
    ------
    ShapeError
        If the shapes differ.
    InvalidArgumentError
        If ``delta`` is not above 0.

    References
    ----------
    Huber, "Robust estimation of a location parameter", 1964.

    Examples
    --------
    >>> huber_loss(np.array([0.5, 3.0]), np.zeros(2), reduction="none")
    array([0.125, 2.5  ])
    """
    name = "huber_loss"
    if not delta > 0:
        raise InvalidArgumentError(f"{name}: delta: expected a number above 0, got {delta}.")
    output, target = aligned(name, output, target)
    error = output - target
    # The formula in one piece, smooth at 0 to every order and without the square of a large error.
    inner = np.clip(error, -delta, delta)
    costs = per_sample(inner * (error - 0.5 * inner), np.mean)
    return reduced(name, costs, reduction, sample_weight)


def quantile_loss(
    output: Array,
    target: Array,
    *,
    quantiles: float | Sequence[float] = 0.5,
    sample_weight: Any = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Return the pinball loss, whose minimum is a quantile, or several quantiles.

    .. math:: C = \frac{1}{n k q} \sum_{i=1}^{n} \sum_{j=1}^{k} \sum_{m=1}^{q}
              \max\left(\tau_m (y_{ij} - a_{ijm}), (\tau_m - 1) (y_{ij} - a_{ijm})\right)

    With the one quantile 0.5 it is half of `mean_absolute_error`. The derivative at ``a = y`` is
    the mean of the two sides, ``0.5 - tau``. Nothing keeps the quantiles in order where there are
    few samples.

    Parameters
    ----------
    output : ndarray of shape (n_samples, n_outputs * n_quantiles)
        The quantiles of the first output, then those of the second, and so on; or ``(n_samples,)``
        for one quantile of one output.
    target : ndarray of shape (n_samples,) or (n_samples, n_outputs)
    quantiles : float or sequence of float, default=0.5
        ``tau``, each above 0 and below 1.
    sample_weight : ndarray of shape (n_samples,), optional
        At least 0; the mean over samples is weighted by it.
    reduction : {"mean", "none"}, default="mean"
        ``"none"`` returns the loss of each sample, ``(n_samples,)``, times its weight.

    Returns
    -------
    ndarray of shape () or (n_samples,)

    Raises
    ------
    ShapeError
        If the shapes are not those above.
    InvalidArgumentError
        If a quantile is not between 0 and 1.

    References
    ----------
    Koenker and Bassett, "Regression quantiles", 1978.

    Examples
    --------
    >>> output = np.array([[1.0, 9.0]])  # 10 % and 90 % of the values are said to be below these
    >>> quantile_loss(output, np.array([5.0]), quantiles=(0.1, 0.9)).round(12)
    np.float64(0.4)
    """
    name = "quantile_loss"
    levels = (quantiles,) if isinstance(quantiles, (int, float)) else tuple(quantiles)
    if not levels or not all(0.0 < level < 1.0 for level in levels):
        raise InvalidArgumentError(
            f"{name}: quantiles: expected numbers above 0 and below 1, got {quantiles}; "
            "the median is 0.5."
        )
    output, target = as_array(output), as_array(target)
    columns = target[:, None] if target.ndim == 1 else target
    expected = (columns.shape[0], int(np.prod(columns.shape[1:])) * len(levels))
    if output.shape != expected and (output.shape[0], 1) != expected:
        raise ShapeError(
            f"{name}: expected an output of shape {expected}, one column per target and quantile, "
            f"got {output.shape} for a target of shape {target.shape} and {len(levels)} quantiles."
        )
    error = as_float(columns, output)[:, :, None] - output.reshape(*columns.shape, len(levels))
    tau = np.array(levels, output.dtype)
    costs = per_sample(np.maximum(tau * error, (tau - 1.0) * error), np.mean)
    return reduced(name, costs, reduction, sample_weight)


def poisson_loss(
    log_rate: Array, count: Array, *, sample_weight: Any = None, reduction: Reduction = "mean"
) -> Array:
    r"""Return the negative log-likelihood of counts, whose expectation is the exponential of z.

    .. math:: C = \frac{1}{n} \sum_{i=1}^{n} \sum_{j=1}^{k} \left( e^{z_{ij}} - y_{ij} z_{ij}
              \right), \qquad \frac{\partial C}{\partial z_{ij}} = \frac{1}{n} (e^{z_{ij}} - y_{ij})

    The term ``log y!``, which does not depend on the model, is left out; so the loss may be
    negative. Half the Poisson deviance differs from it by another such term.

    Parameters
    ----------
    log_rate : ndarray of shape (n_samples, n_outputs) or (n_samples,)
        ``z``, the logarithm of the expected count. The loss is finite up to 709 (float64), as the
        rate is.
    count : ndarray of the shape of ``log_rate``
        ``y``, at least 0, not necessarily integers; ``(n_samples,)`` if there is one output.
    sample_weight : ndarray of shape (n_samples,), optional
        At least 0; the mean over samples is weighted by it.
    reduction : {"mean", "none"}, default="mean"
        ``"none"`` returns the loss of each sample, ``(n_samples,)``, times its weight.

    Returns
    -------
    ndarray of shape () or (n_samples,)

    Raises
    ------
    ShapeError
        If the shapes differ.
    InvalidArgumentError
        If a count is negative.

    References
    ----------
    McCullagh and Nelder, "Generalized linear models", 1989, chapter 6.

    Examples
    --------
    >>> poisson_loss(np.log(np.array([4.0])), np.array([4])).round(4)  # 4 - 4 log 4
    np.float64(-1.5452)
    """
    name = "poisson_loss"
    log_rate, count = aligned(name, log_rate, count)
    if known(count) and not (count >= 0).all():
        raise InvalidArgumentError(
            f"{name}: expected counts of at least 0, got {count[~(count >= 0)][0]}; for quantities "
            "that can be negative use mean_squared_error."
        )
    costs = per_sample(np.exp(log_rate) - count * log_rate, np.sum)
    return reduced(name, costs, reduction, sample_weight)


def gaussian_loss(
    output: Array, target: Array, *, sample_weight: Any = None, reduction: Reduction = "mean"
) -> Array:
    r"""Return the negative log-likelihood of a Gaussian whose mean and variance are both learned.

    .. math:: C = \frac{1}{2n} \sum_{i=1}^{n} \sum_{j=1}^{k} \left[ \log 2\pi + s_{ij} +
              (y_{ij} - \mu_{ij})^2 e^{-s_{ij}} \right], \qquad s = \log \sigma^2

    The logarithm makes every output a valid variance, and the loss stable: it is finite as long as
    ``(y - mu) / sigma`` has a finite square. It has no lower bound where a model can reproduce its
    targets exactly, as the variance then goes to 0.

    Parameters
    ----------
    output : ndarray of shape (n_samples, 2 * n_outputs)
        The means ``mu`` of all outputs, then the log-variances ``s`` of all outputs.
    target : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        ``y``.
    sample_weight : ndarray of shape (n_samples,), optional
        At least 0; the mean over samples is weighted by it.
    reduction : {"mean", "none"}, default="mean"
        ``"none"`` returns the loss of each sample, ``(n_samples,)``, times its weight.

    Returns
    -------
    ndarray of shape () or (n_samples,)

    Raises
    ------
    ShapeError
        If the shapes are not those above.

    References
    ----------
    Nix and Weigend, "Estimating the mean and variance of the target probability distribution",
    1994.

    Examples
    --------
    >>> mean, log_variance = 1.0, np.log(4.0)
    >>> gaussian_loss(np.array([[mean, log_variance]]), np.array([3.0])).round(4)
    np.float64(2.1121)
    """
    name = "gaussian_loss"
    output, target = as_array(output), as_array(target)
    columns = target[:, None] if target.ndim == 1 else target
    count = columns.shape[-1]
    if output.shape != (columns.shape[0], 2 * count):
        raise ShapeError(
            f"{name}: expected an output of shape {(columns.shape[0], 2 * count)}, the means and "
            f"then the log-variances, got {output.shape} for a target of shape {target.shape}."
        )
    mean, log_variance = output[:, :count], output[:, count:]
    error = as_float(columns, output) - mean
    exponent = -0.5 * log_variance
    # No error in however small a unit is none, and not 0 times infinity.
    largest = math.log(np.finfo(output.dtype).max)
    exponent = np.where((error == 0) & (exponent > largest), largest, exponent)
    scaled = error * np.exp(exponent)
    costs = 0.5 * (math.log(2.0 * math.pi) + log_variance + scaled * scaled)
    return reduced(name, per_sample(costs, np.sum), reduction, sample_weight)
