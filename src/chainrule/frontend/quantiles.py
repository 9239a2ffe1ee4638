"""Medians and quantiles: elements of the sorted array, or something between two of them.

The derivative goes to the one or two elements that make up the quantile; elements equal to them
share it, as they do in a sort.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule import ops
from chainrule._dtypes import result_dtype
from chainrule._errors import InvalidArgumentError, ShapeError, UnsupportedError
from chainrule.frontend.axes import several_axes
from chainrule.frontend.conversion import INT64, as_array, as_dtype, key_of
from chainrule.frontend.dispatch import implements
from chainrule.frontend.reductions import keeps_axes
from chainrule.frontend.selecting import take
from chainrule.frontend.shaping import permuted, reshaped
from chainrule.frontend.tracer import Tracer
from chainrule.ops.reduction import expand

# Where the q-quantile of n sorted elements lies among them, counted from 0.
_PLACES: dict[str, Callable[[Any, Any], Any]] = {
    "linear": lambda n, q: (n - 1) * q,
    "interpolated_inverted_cdf": lambda n, q: _place(n, q, 0.0, 1.0),
    "hazen": lambda n, q: _place(n, q, 0.5, 0.5),
    "weibull": lambda n, q: _place(n, q, 0.0, 0.0),
    "median_unbiased": lambda n, q: _place(n, q, 1 / 3.0, 1 / 3.0),
    "normal_unbiased": lambda n, q: _place(n, q, 3 / 8.0, 3 / 8.0),
    "lower": lambda n, q: np.floor((n - 1) * q),
    "higher": lambda n, q: np.ceil((n - 1) * q),
    "nearest": lambda n, q: np.rint((n - 1) * q),
    "midpoint": lambda n, q: 0.5 * (np.floor((n - 1) * q) + np.ceil((n - 1) * q)),
}


def _place(n: Any, q: Any, alpha: float, beta: float) -> Any:
    # Hyndman and Fan, "Sample Quantiles in Statistical Packages", 1996.
    return n * q + (alpha + q * (1 - alpha - beta)) - 1


def _sorted_rows(a: Any, axis: Any, name: str) -> tuple[Any, tuple[int, ...], Any]:
    """Return the array sorted along its last axis, into which ``axis`` went; axes; old shape."""
    x = as_array(a, f"np.{name}")
    axes = several_axes(axis, x.ndim, name)
    kept = tuple([i for i in range(x.ndim) if i not in axes])
    rows = permuted(x, (*kept, *axes))
    count = int(np.prod([x.shape[i] for i in axes], dtype=int))
    if count == 0:
        raise InvalidArgumentError(
            f"np.{name}: an array of shape {x.shape} has no element along axes {axes}; expected "
            "at least one."
        )
    rows = reshaped(rows, (*[x.shape[i] for i in kept], count))
    return ops.sort(rows, axis=rows.ndim - 1), axes, x.shape


def _nan_if_any(ascending: Any, result: Any) -> Any:
    """Return NaN for rows with a NaN in them, which is then their last element."""
    if ascending.dtype.kind != "f":
        return result
    return np.where(np.isnan(ascending[..., -1]), np.nan, result)


@implements(np.median)
def median(a: Any, axis: Any = None, *, keepdims: Any = False) -> Any:
    """Return the middle element, or the mean of the two in the middle."""
    ascending, axes, shape = _sorted_rows(a, axis, "median")
    count = ascending.shape[-1]
    middle = ascending[..., (count - 1) // 2 : count // 2 + 1]
    result = _nan_if_any(ascending, np.mean(middle, axis=-1))
    return expand(result, shape, axes) if keeps_axes(keepdims) else result


@implements(np.nanmedian)
def nanmedian(a: Any, axis: Any = None, *, keepdims: Any = False) -> Any:
    """Return the median of what is a number; NaN where nothing is."""
    ascending, axes, shape = _sorted_rows(a, axis, "nanmedian")
    if ascending.dtype.kind != "f":
        return median(a, axis, keepdims=keepdims)
    count = np.sum(~np.isnan(ascending), axis=-1, keepdims=True)
    # Without any number this is position -1, the last element, which is NaN as it should be.
    places = np.concatenate([(count - 1) // 2, np.minimum(count // 2, ascending.shape[-1] - 1)], -1)
    result = np.mean(np.take_along_axis(ascending, places, axis=-1), axis=-1)
    return expand(result, shape, axes) if keeps_axes(keepdims) else result


def _probabilities(q: Any, name: str, whole: int) -> tuple[Any, bool]:
    """Return ``q`` as shares of 1, and whether it is a Python number."""
    weak = type(q) in (int, float) or getattr(q, "weak", False)
    shares = as_array(q, f"np.{name}, q")
    if shares.ndim > 1:
        raise ShapeError(
            f"np.{name}: expected q as a number or a row of them, got shape {shares.shape}."
        )
    if not isinstance(shares, Tracer) and not ((shares >= 0) & (shares <= whole)).all():
        raise InvalidArgumentError(f"np.{name}: expected q from 0 to {whole}, got {q!r}.")
    return (np.true_divide(shares, whole) if whole != 1 else shares), weak


def _quantile(
    name: str, a: Any, q: Any, axis: Any, method: Any, keepdims: Any, whole: int, missing: bool
) -> Any:
    if method not in _PLACES:
        raise UnsupportedError(
            f"np.{name}: method {method!r} is not supported on traced arrays; expected one of "
            f"{', '.join(map(repr, _PLACES))}."
        )
    shares, weak = _probabilities(q, name, whole)
    ascending, axes, shape = _sorted_rows(a, axis, name)
    row_shape, extent = ascending.shape[:-1], ascending.shape[-1]
    # One row of results for each q, in front.
    count: Any = extent
    if missing and ascending.dtype.kind == "f":
        count = np.sum(~np.isnan(ascending), axis=-1)
        places = _PLACES[method](count, shares.reshape(shares.shape + (1,) * len(row_shape)))
    else:
        places = _PLACES[method](count, shares)
    result = _between(ascending, places, count, method, weak, shares.ndim)
    if not missing:
        result = _nan_if_any(ascending, result)
    if isinstance(shares, Tracer):
        valid = (shares >= 0) & (shares <= 1)
        extra = (1,) * (result.ndim - valid.ndim)
        result = np.where(reshaped(valid, (*valid.shape, *extra)), result, np.nan)
    if not keeps_axes(keepdims):
        return result
    kept = tuple([1 if i in axes else extent for i, extent in enumerate(shape)])
    return reshaped(result, (*shares.shape, *kept))


def _between(ascending: Any, places: Any, count: Any, method: str, weak: bool, leading: int) -> Any:
    """Return the elements at places that may lie between two of a row."""
    last = np.maximum(count - 1, 0)
    before = np.clip(np.floor(places), 0, last)
    after = np.clip(np.floor(places) + 1, 0, last)
    lower, upper = [_elements(ascending, at, leading) for at in (before, after)]
    if method in ("lower", "higher", "nearest"):
        return lower
    weight = places - np.floor(places)
    if method == "midpoint":
        weight = np.where(weight == 0, 0.0, 0.5)
    if weak:
        weight = as_dtype(weight, result_dtype(key_of(lower), float))
    if not np.ndim(count):
        weight = np.reshape(weight, np.shape(weight) + (1,) * (lower.ndim - np.ndim(weight)))
    gap = upper - lower
    # From the nearer end, so that a quantile at an element is that element.
    return np.where(weight < 0.5, lower + gap * weight, upper - gap * (1 - weight))


def _elements(ascending: Any, places: Any, leading: int) -> Any:
    """Return the elements at whole places: the same in all rows, or one for each row."""
    places = as_dtype(places, INT64)
    if places.ndim == leading:
        taken = take(ascending, places, axis=-1)
        return np.moveaxis(taken, -1, 0) if leading else taken
    rows = np.moveaxis(places, 0, -1) if leading else places[..., None]
    taken = np.take_along_axis(ascending, rows, axis=-1)
    return np.moveaxis(taken, -1, 0) if leading else taken[..., 0]


@implements(np.quantile)
def quantile(
    a: Any, q: Any, axis: Any = None, *, method: Any = "linear", keepdims: Any = False
) -> Any:
    """Return what a share ``q`` of the elements lies below."""
    return _quantile("quantile", a, q, axis, method, keepdims, 1, missing=False)


@implements(np.percentile)
def percentile(
    a: Any, q: Any, axis: Any = None, *, method: Any = "linear", keepdims: Any = False
) -> Any:
    """Return what ``q`` percent of the elements lie below."""
    return _quantile("percentile", a, q, axis, method, keepdims, 100, missing=False)


@implements(np.nanquantile)
def nanquantile(
    a: Any, q: Any, axis: Any = None, *, method: Any = "linear", keepdims: Any = False
) -> Any:
    """Return the quantile of what is a number; NaN where nothing is."""
    return _quantile("nanquantile", a, q, axis, method, keepdims, 1, missing=True)


@implements(np.nanpercentile)
def nanpercentile(
    a: Any, q: Any, axis: Any = None, *, method: Any = "linear", keepdims: Any = False
) -> Any:
    """Return the percentile of what is a number; NaN where nothing is."""
    return _quantile("nanpercentile", a, q, axis, method, keepdims, 100, missing=True)
