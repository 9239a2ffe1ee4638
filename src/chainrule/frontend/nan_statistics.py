"""Sums, extrema, means and variances of what is a number, leaving out what is not."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.frontend.conversion import as_array, as_dtype
from chainrule.frontend.dispatch import implements
from chainrule.frontend.statistics import degrees_of_freedom, mean, root_of, variance_of

NO_VALUE = np._NoValue


def _numbers(a: Any, name: str, instead: float) -> tuple[Any, Any]:
    """Return an array with NaN replaced, and where it was; None if it cannot have any."""
    x = as_array(a, f"np.{name}")
    if x.dtype.kind != "f":
        return x, None
    missing = np.isnan(x)
    return np.where(missing, instead, x), missing


@implements(np.nansum)
def nansum(a: Any, axis: Any = None, dtype: Any = None, *, keepdims: Any = False) -> Any:
    """Add up what is a number."""
    return np.sum(_numbers(a, "nansum", 0.0)[0], axis=axis, dtype=dtype, keepdims=keepdims)


@implements(np.nanprod)
def nanprod(a: Any, axis: Any = None, dtype: Any = None, *, keepdims: Any = False) -> Any:
    """Multiply what is a number."""
    return np.prod(_numbers(a, "nanprod", 1.0)[0], axis=axis, dtype=dtype, keepdims=keepdims)


@implements(np.nancumsum)
def nancumsum(a: Any, axis: Any = None, dtype: Any = None) -> Any:
    """Return the running sum of what is a number."""
    return np.cumsum(_numbers(a, "nancumsum", 0.0)[0], axis=axis, dtype=dtype)


@implements(np.nancumprod)
def nancumprod(a: Any, axis: Any = None, dtype: Any = None) -> Any:
    """Return the running product of what is a number."""
    return np.cumprod(_numbers(a, "nancumprod", 1.0)[0], axis=axis, dtype=dtype)


def _extreme_number(name: str, function: Any, worst: float, a: Any, axis: Any, keep: Any) -> Any:
    x, missing = _numbers(a, name, worst)
    result = function(x, axis=axis, keepdims=keep)
    if missing is None:
        return result
    return np.where(np.all(missing, axis=axis, keepdims=keep), np.nan, result)


@implements(np.nanmax)
def nanmax(a: Any, axis: Any = None, *, keepdims: Any = False) -> Any:
    """Return the largest number; NaN where there is none."""
    return _extreme_number("nanmax", np.max, -np.inf, a, axis, keepdims)


@implements(np.nanmin)
def nanmin(a: Any, axis: Any = None, *, keepdims: Any = False) -> Any:
    """Return the smallest number; NaN where there is none."""
    return _extreme_number("nanmin", np.min, np.inf, a, axis, keepdims)


def _number_mean(x: Any, missing: Any, axis: Any, keepdims: Any) -> Any:
    count = np.sum(~missing, axis=axis, keepdims=keepdims).astype(x.dtype)
    return np.sum(x, axis=axis, keepdims=keepdims) / count


@implements(np.nanmean)
def nanmean(a: Any, axis: Any = None, dtype: Any = None, *, keepdims: Any = False) -> Any:
    """Return the mean of what is a number; NaN where nothing is."""
    x, missing = _numbers(a, "nanmean", 0.0)
    if missing is None:
        return mean(x, axis, dtype, keepdims=keepdims)
    return _number_mean(
        x if dtype is None else as_dtype(x, np.dtype(dtype)), missing, axis, keepdims
    )


@implements(np.nanvar)
def nanvar(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    ddof: Any = 0,
    keepdims: Any = False,
    *,
    mean: Any = NO_VALUE,
    correction: Any = NO_VALUE,
) -> Any:
    """Return the variance of what is a number; NaN where too few are."""
    x, missing = _numbers(a, "nanvar", 0.0)
    if missing is None:
        return variance_of("nanvar", x, axis, dtype, ddof, keepdims, mean, correction)
    x = x if dtype is None else as_dtype(x, np.dtype(dtype))
    centre = _number_mean(x, missing, axis, True) if mean is NO_VALUE else mean
    deviation = np.where(missing, 0.0, x - centre)
    squares = np.sum(deviation * deviation, axis=axis, keepdims=keepdims)
    count = np.sum(~missing, axis=axis, keepdims=keepdims)
    freedom = (count - degrees_of_freedom(ddof, correction, "nanvar")).astype(squares.dtype)
    return squares / np.where(freedom > 0, freedom, np.nan)


@implements(np.nanstd)
def nanstd(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    ddof: Any = 0,
    keepdims: Any = False,
    *,
    mean: Any = NO_VALUE,
    correction: Any = NO_VALUE,
) -> Any:
    """Return the standard deviation of what is a number; NaN where too few are."""
    return root_of(nanvar(a, axis, dtype, ddof, keepdims, mean=mean, correction=correction))
