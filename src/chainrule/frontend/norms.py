"""Norms of vectors and matrices, and condition numbers.

A norm has a corner at zero. Its derivative there is 0, the mean of those from either side, and so
are those of all orders; everywhere else they are the true ones. Where several elements, rows or
columns attain a maximum or minimum, they share its derivative equally.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule import ops
from chainrule._errors import InvalidArgumentError, LinAlgError, ShapeError
from chainrule.frontend.axes import several_axes
from chainrule.frontend.conversion import FLOAT64, as_array, as_dtype
from chainrule.frontend.dispatch import implements
from chainrule.frontend.linalg import floats, inv, svdvals
from chainrule.ops.linalg import require_square

Axes = tuple[int, ...]


def _as_float(x: Any, name: str) -> Any:
    array = as_array(x, name)
    return array if array.dtype.kind == "f" else as_dtype(array, FLOAT64)


@implements(np.linalg.norm)
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: Any = False) -> Any:
    """Return the norm of a vector or a matrix, or of all elements as one vector."""
    name = "np.linalg.norm"
    x = _as_float(x, name)
    axes = several_axes(axis, x.ndim, "linalg.norm")
    if axis is None and ord is None:
        return _euclidean(x, axes, bool(keepdims))
    if len(axes) == 1:
        return _vector_norm(x, 2 if ord is None else ord, axes, bool(keepdims), name)
    if len(axes) == 2:
        return _matrix_norm(x, "fro" if ord is None else ord, axes, bool(keepdims), name)
    raise ShapeError(
        f"{name}: a norm with ord={ord!r} is that of a vector (one axis) or a matrix (two), got "
        f"{len(axes)} axes of an array of shape {x.shape}; name one or two with axis=, or use "
        "np.linalg.vector_norm for all elements as one vector."
    )


@implements(np.linalg.vector_norm)
def vector_norm(x: Any, /, *, axis: Any = None, keepdims: Any = False, ord: Any = 2) -> Any:
    """Return the norm of the elements along some axes, taken as one vector."""
    x = _as_float(x, "np.linalg.vector_norm")
    axes = several_axes(axis, x.ndim, "linalg.vector_norm")
    return _vector_norm(x, ord, axes, bool(keepdims), "np.linalg.vector_norm")


@implements(np.linalg.matrix_norm)
def matrix_norm(x: Any, /, *, keepdims: Any = False, ord: Any = "fro") -> Any:
    """Return the norm of matrices in the last two axes."""
    x = _as_float(x, "np.linalg.matrix_norm")
    axes = several_axes((-2, -1), x.ndim, "linalg.matrix_norm")
    return _matrix_norm(x, ord, axes, bool(keepdims), "np.linalg.matrix_norm")


def _euclidean(x: Any, axes: Axes, keepdims: bool) -> Any:
    total = (x * x).sum(axis=axes, keepdims=keepdims)
    is_zero = total == 0
    return np.where(is_zero, 0.0, np.sqrt(np.where(is_zero, 1.0, total)))


def _vector_norm(x: Any, ord: Any, axes: Axes, keepdims: bool, name: str) -> Any:
    if isinstance(ord, (str, bytes)) or not isinstance(ord, (int, float, np.number)):
        raise InvalidArgumentError(
            f"{name}: expected a number as ord for vectors, got {ord!r}; "
            "'fro' and 'nuc' are for matrices."
        )
    if ord == 2:
        return _euclidean(x, axes, keepdims)
    if ord == 0:
        return (x != 0).astype(x.dtype).sum(axis=axes, keepdims=keepdims)
    size = np.absolute(x)
    if ord == 1:
        return size.sum(axis=axes, keepdims=keepdims)
    if math.isinf(ord):
        return (size.max if ord > 0 else size.min)(axis=axes, keepdims=keepdims)
    return _power_norm(size, float(ord), axes, keepdims)


def _power_norm(size: Any, p: float, axes: Axes, keepdims: bool) -> Any:
    # A zero element takes no part in the derivative: for p > 1 its share is 0, and for p < 1 the
    # sum has a corner there, with infinite slope of either sign.
    is_zero = size == 0
    powers = np.where(is_zero, 0.0 if p > 0 else np.inf, np.where(is_zero, 1.0, size) ** p)
    total = powers.sum(axis=axes, keepdims=keepdims)
    at_zero = total == (0.0 if p > 0 else np.inf)
    return np.where(at_zero, 0.0, np.where(at_zero, 1.0, total) ** (1.0 / p))


def _matrix_norm(x: Any, ord: Any, axes: Axes, keepdims: bool, name: str) -> Any:
    row, column = axes
    if isinstance(ord, str) and ord in ("fro", "f"):
        return _euclidean(x, axes, keepdims)
    if isinstance(ord, str) and ord == "nuc":
        return _kept(_singular_values(x, axes, name).sum(axis=-1), axes, keepdims)
    if ord in (2, -2):
        s = _singular_values(x, axes, name)
        return _kept(s.max(axis=-1) if ord > 0 else s.min(axis=-1), axes, keepdims)
    if ord in (1, -1, np.inf, -np.inf):
        inner, outer = (row, column) if abs(ord) == 1 else (column, row)
        sums = np.absolute(x).sum(axis=inner, keepdims=True)
        largest = (sums.max if ord > 0 else sums.min)(axis=outer, keepdims=True)
        return largest if keepdims else np.squeeze(largest, axis=axes)
    raise InvalidArgumentError(
        f"{name}: expected ord 'fro', 'nuc', 1, -1, 2, -2, inf or -inf for matrices, got {ord!r}."
    )


def _singular_values(x: Any, axes: Axes, name: str) -> Any:
    (x,) = floats(name, x)
    return ops.decompositions.svdvals(np.moveaxis(x, axes, (-2, -1)))


def _kept(reduced: Any, axes: Axes, keepdims: bool) -> Any:
    return np.expand_dims(reduced, tuple(sorted(axes))) if keepdims else reduced


@implements(np.linalg.cond)
def cond(x: Any, p: Any = None) -> Any:
    """Return the condition number; with p other than 2 or -2 of an invertible matrix only."""
    (x,) = floats("np.linalg.cond", x)
    if x.ndim >= 2 and 0 in x.shape[-2:]:
        raise LinAlgError(
            f"np.linalg.cond: a matrix without elements, of shape {x.shape}, has no condition "
            "number."
        )
    if p is None or p in (2, -2):
        s = svdvals(x)
        above, below = (s[..., -1], s[..., 0]) if p == -2 else (s[..., 0], s[..., -1])
        is_zero = below == 0
        return np.where(is_zero, np.inf, above / np.where(is_zero, 1.0, below))
    require_square("np.linalg.cond", x.shape)
    return norm(x, p, axis=(-2, -1)) * norm(inv(x), p, axis=(-2, -1))
