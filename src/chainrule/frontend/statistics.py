"""Means, variances and averages; the same leaving out what is not a number."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule import ops
from chainrule._dtypes import result_dtype
from chainrule._errors import InvalidArgumentError, ShapeError
from chainrule.frontend.axes import several_axes
from chainrule.frontend.conversion import FLOAT64, as_array, as_dtype, key_of, promoted
from chainrule.frontend.dispatch import implements
from chainrule.frontend.reductions import keeps_axes, total
from chainrule.frontend.shaping import reshaped, spread

NO_VALUE = np._NoValue
FLOAT16 = np.dtype(np.float16)
FLOAT32 = np.dtype(np.float32)


def _count(x: Any, axes: tuple[int, ...]) -> int:
    count = 1
    for axis in axes:
        count *= x.shape[axis]
    return count


def _mean(x: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
    """Return the mean of floats in their own dtype."""
    return ops.divide(total(x, axes, keepdims), x.dtype.type(_count(x, axes)))


@implements(np.mean)
def mean(a: Any, axis: Any = None, dtype: Any = None, *, keepdims: Any = False) -> Any:
    """Return the mean; half precision is added up in single."""
    x = as_array(a, "np.mean")
    axes = several_axes(axis, x.ndim, "mean")
    result = (FLOAT64 if x.dtype.kind != "f" else x.dtype) if dtype is None else np.dtype(dtype)
    if result.kind != "f":
        raise InvalidArgumentError(
            f"np.mean: expected a float dtype for the mean, got {result}; leave dtype= out."
        )
    wide = FLOAT32 if result == FLOAT16 and dtype is None else result
    return as_dtype(_mean(as_dtype(x, wide), axes, keeps_axes(keepdims)), result)


def degrees_of_freedom(ddof: Any, correction: Any, name: str) -> Any:
    """Return what is subtracted from the number of elements, under either of its names."""
    if correction is NO_VALUE:
        return ddof
    if ddof != 0:
        raise InvalidArgumentError(
            f"np.{name}: expected ddof or correction, which mean the same; got both."
        )
    return correction


def variance_of(
    name: str, a: Any, axis: Any, dtype: Any, ddof: Any, keepdims: Any, given: Any, correction: Any
) -> Any:
    """Return the variance for `numpy.var`'s arguments; ``given`` is the mean, if it is known."""
    x = as_array(a, f"np.{name}")
    axes = several_axes(axis, x.ndim, name)
    if dtype is not None or x.dtype.kind != "f":
        x = as_dtype(x, FLOAT64 if dtype is None else np.dtype(dtype))
    centre = _mean(x, axes, True) if given is NO_VALUE else given
    deviation = np.subtract(x, centre)
    squares = total(deviation * deviation, axes, keeps_axes(keepdims))
    freedom = max(_count(x, axes) - degrees_of_freedom(ddof, correction, name), 0)
    return ops.divide(squares, squares.dtype.type(freedom))


@implements(np.var)
def var(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    ddof: Any = 0,
    keepdims: Any = False,
    *,
    mean: Any = NO_VALUE,
    correction: Any = NO_VALUE,
) -> Any:
    """Return the mean squared deviation from the mean."""
    return variance_of("var", a, axis, dtype, ddof, keepdims, mean, correction)


@implements(np.std)
def std(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    ddof: Any = 0,
    keepdims: Any = False,
    *,
    mean: Any = NO_VALUE,
    correction: Any = NO_VALUE,
) -> Any:
    """Return the root of the variance; the derivative for constant data is zero."""
    return root_of(variance_of("std", a, axis, dtype, ddof, keepdims, mean, correction))


def root_of(variance: Any) -> Any:
    """Return the standard deviation for a variance; the derivative at zero is zero."""
    # At a variance of 0 the deviation has a corner, with slopes that cancel. The root must not
    # see the 0 at all: its derivative there is infinite, and infinity times zero is not a number.
    constant = variance == 0
    return np.where(constant, 0.0, np.sqrt(np.where(constant, 1.0, variance)))


@implements(np.average)
def average(
    a: Any,
    axis: Any = None,
    weights: Any = None,
    returned: Any = False,
    *,
    keepdims: Any = False,
) -> Any:
    """Return the weighted mean, on request with the sum of the weights."""
    x = as_array(a, "np.average")
    axes = several_axes(axis, x.ndim, "average")
    keep = keeps_axes(keepdims)
    if weights is None:
        result = mean(x, axis, keepdims=keepdims)
        count = np.full(result.shape, _count(x, axes), result.dtype)
        return (result, count) if returned else result
    w = as_array(weights, "np.average")
    if w.shape != x.shape:
        w = _aligned_weights(x, w, axis, axes)
    keys = (key_of(x), key_of(w)) if x.dtype.kind == "f" else (key_of(x), key_of(w), FLOAT64)
    dtype = result_dtype(*keys)
    x, w = as_dtype(x, dtype), as_dtype(w, dtype)
    scale = total(w, axes, keep)
    result = np.divide(total(np.multiply(x, w), axes, keep), scale)
    return (result, spread(scale, result.shape)) if returned else result


def _aligned_weights(x: Any, w: Any, axis: Any, axes: tuple[int, ...]) -> Any:
    """Return weights given for some axes only, with axes of length 1 for the others."""
    expected = tuple([x.shape[i] for i in axes])
    if axis is None or w.shape != expected:
        wanted = str(x.shape) if axis is None else f"{x.shape} or, for these axes, {expected}"
        raise ShapeError(f"np.average: expected weights of shape {wanted}, got {w.shape}.")
    w = np.transpose(w, np.argsort(axes))
    return reshaped(w, tuple([e if i in axes else 1 for i, e in enumerate(x.shape)]))


@implements(np.cov)
def cov(
    m: Any,
    y: Any = None,
    rowvar: Any = True,
    bias: Any = False,
    ddof: Any = None,
) -> Any:
    """Return the covariance matrix of variables in rows, or columns without ``rowvar``."""
    x = _variables(m, rowvar)
    if y is not None:
        x = np.concatenate(promoted(x, _variables(y, rowvar)), axis=0)
    x = as_dtype(x, result_dtype(x.dtype, FLOAT64))
    freedom = x.shape[1] - ((0 if bias else 1) if ddof is None else ddof)
    deviation = x - _mean(x, (1,), True)
    products = ops.dot(deviation, deviation, contract=((1,), (1,)), shared=((), ()))
    return np.squeeze(products * np.true_divide(1, max(freedom, 0)))


def _variables(m: Any, rowvar: Any) -> Any:
    x = as_array(m, "np.cov")
    if x.ndim > 2:
        raise ShapeError(f"np.cov: expected at most two axes, got shape {x.shape}.")
    matrix = np.atleast_2d(x)
    return matrix if rowvar or x.ndim < 2 else matrix.T


@implements(np.corrcoef)
def corrcoef(x: Any, y: Any = None, rowvar: Any = True) -> Any:
    """Return the correlation coefficients of variables in rows, or columns without ``rowvar``."""
    covariance = cov(x, y, rowvar)
    if covariance.ndim == 0:
        return covariance / covariance
    deviation = np.sqrt(np.diagonal(covariance))
    return np.clip(covariance / deviation[:, None] / deviation[None, :], -1, 1)
