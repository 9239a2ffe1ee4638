"""New arrays in the likeness of others, and grids between traced ends."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule._dtypes import check_supported
from chainrule._errors import InvalidArgumentError
from chainrule.frontend.axes import as_integer, one_axis
from chainrule.frontend.conversion import (
    FLOAT64,
    as_array,
    as_array_of,
    as_dtype,
    as_operand,
    promoted,
)
from chainrule.frontend.dispatch import implements
from chainrule.frontend.joining import joined
from chainrule.frontend.shaping import as_shape, broadcast_arrays, reshaped, sliced, spread


def _likeness(a: Any, dtype: Any, shape: Any, name: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Return shape and dtype for a new array that takes after ``a`` where nothing is said."""
    x = as_array(a, f"np.{name}")
    wanted = x.dtype if dtype is None else np.dtype(dtype)
    check_supported(wanted, f"np.{name}")
    return x.shape if shape is None else as_shape(shape, f"np.{name}, shape"), wanted


@implements(np.zeros_like)
def zeros_like(a: Any, dtype: Any = None, *, shape: Any = None) -> np.ndarray[Any, Any]:
    """Return zeros."""
    return np.zeros(*_likeness(a, dtype, shape, "zeros_like"))


@implements(np.empty_like)
def empty_like(prototype: Any, dtype: Any = None, *, shape: Any = None) -> np.ndarray[Any, Any]:
    """Return zeros, since the elements of a traced array cannot be filled in later."""
    return np.zeros(*_likeness(prototype, dtype, shape, "empty_like"))


@implements(np.ones_like)
def ones_like(a: Any, dtype: Any = None, *, shape: Any = None) -> np.ndarray[Any, Any]:
    """Return ones."""
    return np.ones(*_likeness(a, dtype, shape, "ones_like"))


@implements(np.full_like)
def full_like(a: Any, fill_value: Any, dtype: Any = None, *, shape: Any = None) -> Any:
    """Return an array filled with one value, or with values that broadcast."""
    extents, wanted = _likeness(a, dtype, shape, "full_like")
    return spread(as_array_of(fill_value, wanted, "np.full_like"), extents)


@implements(np.linspace)
def linspace(
    start: Any,
    stop: Any,
    num: Any = 50,
    endpoint: Any = True,
    retstep: Any = False,
    dtype: Any = None,
    axis: Any = 0,
) -> Any:
    """Return evenly spaced numbers between ends that may be traced."""
    count = as_integer(num, "np.linspace, num")
    if count < 0:
        raise InvalidArgumentError(f"np.linspace: expected num of 0 or more, got {count}.")
    first, last = promoted(as_operand(start, "np.linspace"), as_operand(stop, "np.linspace"))
    if first.dtype.kind != "f":
        first, last = as_dtype(first, FLOAT64), as_dtype(last, FLOAT64)
    first, last = broadcast_arrays(first, last)
    gaps = count - 1 if endpoint else count
    step = (last - first) / gaps if gaps > 0 else first * np.nan
    places = np.arange(count, dtype=first.dtype).reshape((count,) + (1,) * first.ndim)
    values = places * step + first if gaps > 0 else places + first
    if endpoint and count > 1:
        # The last one is the end itself, without rounding.
        values = joined([sliced(values, 0, 0, count - 1), last[None]], 0)
    if dtype is not None and np.dtype(dtype).kind in "iu":
        values = np.floor(values)
    values = np.moveaxis(values, 0, one_axis(axis, values.ndim, "linspace"))
    values = values if dtype is None else as_dtype(values, np.dtype(dtype))
    return (values, step) if retstep else values


@implements(np.meshgrid)
def meshgrid(
    *xi: Any, copy: Any = True, sparse: Any = False, indexing: str = "xy"
) -> tuple[Any, ...]:
    """Return coordinates of the points of a grid, from its positions along each axis."""
    if indexing not in ("xy", "ij"):
        raise InvalidArgumentError(
            f"np.meshgrid: expected indexing 'xy' or 'ij', got {indexing!r}."
        )
    rows = [as_array(x, "np.meshgrid") for x in xi]
    order = list(range(len(rows)))
    if indexing == "xy" and len(rows) > 1:
        order[:2] = [1, 0]
    grids = [
        reshaped(x, tuple([x.size if i == place else 1 for i in range(len(rows))]))
        for x, place in zip(rows, order, strict=True)
    ]
    return tuple(grids) if sparse else broadcast_arrays(*grids)
