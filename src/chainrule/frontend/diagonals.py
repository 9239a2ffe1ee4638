"""Diagonals of matrices, matrices of diagonals, and triangles."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from chainrule import ops
from chainrule._errors import InvalidArgumentError, ShapeError
from chainrule.frontend.axes import one_axis
from chainrule.frontend.conversion import as_array
from chainrule.frontend.dispatch import implements
from chainrule.frontend.shaping import reshaped


@implements(np.diagonal)
def diagonal(a: Any, offset: Any = 0, axis1: Any = 0, axis2: Any = 1) -> Any:
    """Return the diagonals of the matrices in two axes, as the last axis of the result."""
    x = as_array(a, "np.diagonal")
    if x.ndim < 2:
        raise ShapeError(f"np.diagonal: expected at least two axes, got shape {x.shape}.")
    first, second = one_axis(axis1, x.ndim, "diagonal"), one_axis(axis2, x.ndim, "diagonal")
    if first == second:
        raise InvalidArgumentError(
            f"np.diagonal: expected two different axes, got {axis1} and {axis2}."
        )
    x = np.moveaxis(x, (first, second), (-2, -1))
    rows, columns = x.shape[-2:]
    shift = operator.index(offset)
    length = max(min(rows + min(shift, 0), columns - max(shift, 0)), 0)
    flat = reshaped(x, (*x.shape[:-2], rows * columns))
    if length == 0:
        limits = (0, 0, 1)
    else:
        # In a row of all elements, neighbours on a diagonal are columns + 1 apart.
        start = shift if shift >= 0 else -shift * columns
        limits = (start, start + (length - 1) * (columns + 1) + 1, columns + 1)
    return ops.slice_(flat, limits=(*[(0, e, 1) for e in flat.shape[:-1]], limits))


@implements(np.trace)
def trace(a: Any, offset: Any = 0, axis1: Any = 0, axis2: Any = 1, dtype: Any = None) -> Any:
    """Return the sum along diagonals."""
    return np.sum(diagonal(a, offset, axis1, axis2), axis=-1, dtype=dtype)


@implements(np.diag)
def diag(v: Any, k: Any = 0) -> Any:
    """Return the diagonal of a matrix, or the matrix with a row as its diagonal."""
    x = as_array(v, "np.diag")
    if x.ndim == 2:
        return diagonal(x, k)
    if x.ndim != 1:
        raise ShapeError(
            f"np.diag: expected one or two axes, got shape {x.shape}; np.diagonal takes the "
            "diagonals of a stack of matrices."
        )
    shift = operator.index(k)
    order = x.size + abs(shift)
    if x.size == 0:
        return np.zeros((order, order), x.dtype)
    start = shift if shift >= 0 else -shift * order
    end = start + (x.size - 1) * (order + 1) + 1
    return reshaped(ops.pad(x, widths=((start, order * order - end, order),)), (order, order))


@implements(np.diagflat)
def diagflat(v: Any, k: Any = 0) -> Any:
    """Return the matrix with all elements of an array as its diagonal."""
    x = as_array(v, "np.diagflat")
    return diag(reshaped(x, (x.size,)), k)


def _triangle(name: str, m: Any, k: Any) -> tuple[Any, Any]:
    """Return the array, and where it lies on or below a diagonal."""
    x = as_array(m, f"np.{name}")
    if x.ndim < 1:
        raise ShapeError(f"np.{name}: expected at least one axis, got a scalar.")
    rows, columns = x.shape[-2:] if x.ndim > 1 else (x.size, x.size)
    return x, np.tri(rows, columns, operator.index(k), bool)


@implements(np.tril)
def tril(m: Any, k: Any = 0) -> Any:
    """Return the array with zeros above a diagonal."""
    x, below = _triangle("tril", m, k)
    return ops.where(below, x, x.dtype.type(0))


@implements(np.triu)
def triu(m: Any, k: Any = 0) -> Any:
    """Return the array with zeros below a diagonal."""
    x, below = _triangle("triu", m, operator.index(k) - 1)
    return ops.where(below, x.dtype.type(0), x)
