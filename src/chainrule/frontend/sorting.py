"""Orders of elements, and where values belong in an order.

A sorted array carries derivatives, equal elements sharing theirs; positions are integers and
carry none.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule import ops
from chainrule._errors import InvalidArgumentError, ShapeError, UnsupportedError
from chainrule.frontend.axes import as_integer, one_axis
from chainrule.frontend.conversion import as_array, concrete, promoted
from chainrule.frontend.dispatch import implements
from chainrule.frontend.selecting import take
from chainrule.frontend.shaping import reshaped
from chainrule.frontend.tracer import Tracer
from chainrule.ir import Op


def _ordered(name: str, op: Op, x: Any, axis: Any) -> Any:
    x = as_array(x, f"np.{name}")
    if axis is None:
        return op(reshaped(x, (x.size,)), axis=0)
    return op(x, axis=one_axis(axis, x.ndim, name))


@implements(np.sort)
def sort(a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> Any:
    """Return the elements along an axis in ascending order; always stable."""
    _refuse_fields("sort", order)
    return _ordered("sort", ops.sort, a, axis)


@implements(np.argsort)
def argsort(
    a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None
) -> Any:
    """Return the positions of the elements in ascending order; always stable."""
    _refuse_fields("argsort", order)
    return _ordered("argsort", ops.argsort, a, axis)


def _refuse_fields(name: str, order: Any) -> None:
    if order is not None:
        raise UnsupportedError(
            f"np.{name}: order={order!r} names fields, which traced arrays do not have; leave it "
            "out."
        )


def _partition(name: str, whole: Callable[..., Any], x: Any, kth: Any, axis: Any) -> Any:
    """Return the whole order, which is also the partition around any element."""
    x = as_array(x, f"np.{name}")
    extent = x.size if axis is None else x.shape[one_axis(axis, x.ndim, name)]
    for position in np.atleast_1d(concrete(kth, f"np.{name}: kth")):
        place = as_integer(position, f"np.{name}, kth")
        if not -extent <= place < extent:
            raise InvalidArgumentError(
                f"np.{name}: kth {place} is out of range; there are {extent} elements."
            )
    return whole(x, axis)


@implements(np.partition)
def partition(a: Any, kth: Any, axis: Any = -1, kind: Any = "introselect") -> Any:
    """Return the elements sorted, which puts the k-th smallest in its place."""
    return _partition("partition", sort, a, kth, axis)


@implements(np.argpartition)
def argpartition(a: Any, kth: Any, axis: Any = -1, kind: Any = "introselect") -> Any:
    """Return the positions in ascending order, the k-th smallest element's in its place."""
    return _partition("argpartition", argsort, a, kth, axis)


@implements(np.searchsorted)
def searchsorted(a: Any, v: Any, side: str = "left", sorter: Any = None) -> Any:
    """Return where values belong in a sorted row: before (``left``) or behind its equals."""
    if side not in ("left", "right"):
        raise InvalidArgumentError(
            f"np.searchsorted: expected side 'left' or 'right', got {side!r}."
        )
    row, values = promoted(as_array(a, "np.searchsorted"), as_array(v, "np.searchsorted"))
    if row.ndim != 1:
        raise ShapeError(
            f"np.searchsorted: expected a sorted array with one axis, got shape {row.shape}; "
            "cr.vmap searches in one row per sample."
        )
    if sorter is not None:
        row = take(row, sorter)
    flat = ops.searchsorted(row, reshaped(values, (values.size,)), side=side)
    return reshaped(flat, values.shape)


@implements(np.digitize)
def digitize(x: Any, bins: Any, right: Any = False) -> Any:
    """Return the number of the bin each value lies in; the edges must not be traced."""
    if isinstance(bins, Tracer):
        raise UnsupportedError(
            "np.digitize: with traced bins it cannot be told whether they ascend; use "
            f"np.searchsorted(bins, x, side={'left' if right else 'right'!r})."
        )
    edges = as_array(bins, "np.digitize")
    side = "left" if right else "right"
    steps = np.diff(edges)
    if (steps >= 0).all():
        return searchsorted(edges, x, side)
    if (steps <= 0).all():
        return edges.size - searchsorted(edges[::-1], x, side)
    raise InvalidArgumentError("np.digitize: expected bins that ascend or descend throughout.")
