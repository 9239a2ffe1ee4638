"""Functions that put arrays together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule import ops
from chainrule._errors import (
    ArgumentTypeError,
    IndexingError,
    InvalidArgumentError,
    ShapeError,
)
from chainrule.frontend.axes import one_axis
from chainrule.frontend.conversion import as_array, as_array_of, as_dtype, concrete, promoted
from chainrule.frontend.dispatch import implements
from chainrule.frontend.shaping import (
    atleast_1d,
    atleast_2d,
    atleast_3d,
    expand_dims,
    reshaped,
)
from chainrule.frontend.tracer import Tracer


def _arrays(arrays: Any, dtype: Any, name: str) -> list[Any]:
    """Return the items of a sequence, or of an array along its first axis, in one dtype."""
    if not isinstance(arrays, (list, tuple, Tracer, np.ndarray)):
        raise ArgumentTypeError(
            f"np.{name}: expected a sequence of arrays, got {type(arrays).__name__}."
        )
    items = [as_array(x, f"np.{name}") for x in arrays]
    if not items:
        raise InvalidArgumentError(f"np.{name}: expected at least one array, got none.")
    if dtype is None:
        return promoted(*items)
    return [as_dtype(x, np.dtype(dtype)) for x in items]


def joined(arrays: Sequence[Any], axis: int) -> Any:
    """Return arrays of one dtype joined along an axis."""
    return arrays[0] if len(arrays) == 1 else ops.concatenate(*arrays, axis=axis)


def _checked(arrays: Sequence[Any], axis: int, name: str) -> None:
    first = arrays[0].shape
    for number, x in enumerate(arrays):
        if x.ndim != len(first):
            raise ShapeError(
                f"np.{name}: array {number} has shape {x.shape}, the first has {first}; all need "
                "the same number of axes. Add one of length 1 with x[..., None] or x[None]."
            )
        for i, (extent, expected) in enumerate(zip(x.shape, first, strict=True)):
            if i != axis and extent != expected:
                raise ShapeError(
                    f"np.{name}: array {number} has shape {x.shape}, the first has {first}; all "
                    f"extents must agree but those of axis {axis}, along which they are joined."
                )


@implements(np.concatenate)
def concatenate(
    arrays: Any, /, axis: Any = 0, *, dtype: Any = None, casting: Any = "same_kind"
) -> Any:
    """Join arrays along an axis; with ``axis=None`` all their elements."""
    items = _arrays(arrays, dtype, "concatenate")
    if axis is None:
        return joined([reshaped(x, (x.size,)) for x in items], 0)
    place = one_axis(axis, items[0].ndim, "concatenate")
    _checked(items, place, "concatenate")
    return joined(items, place)


@implements(np.stack)
def stack(arrays: Any, axis: Any = 0, *, dtype: Any = None, casting: Any = "same_kind") -> Any:
    """Join arrays of one shape along a new axis."""
    items = _arrays(arrays, dtype, "stack")
    for number, x in enumerate(items):
        if x.shape != items[0].shape:
            raise ShapeError(
                f"np.stack: array {number} has shape {x.shape}, the first has {items[0].shape}; "
                "all must have the same shape. np.concatenate joins along an axis they have."
            )
    place = one_axis(axis, items[0].ndim + 1, "stack")
    return joined([expand_dims(x, place) for x in items], place)


def _side_by_side(name: str, at_least: Any, axis: Any) -> Any:
    """Return an implementation that gives its arrays axes first and then joins them."""

    def join(tup: Any, *, dtype: Any = None, casting: Any = "same_kind") -> Any:
        items = [at_least(x) for x in _arrays(tup, dtype, name)]
        place = axis(items[0].ndim)
        _checked(items, place, name)
        return joined(items, place)

    join.__doc__ = f"See `numpy.{name}`."
    return join


vstack = implements(np.vstack)(_side_by_side("vstack", atleast_2d, lambda ndim: 0))
hstack = implements(np.hstack)(
    _side_by_side("hstack", atleast_1d, lambda ndim: 0 if ndim == 1 else 1)
)
dstack = implements(np.dstack)(_side_by_side("dstack", atleast_3d, lambda ndim: 2))


@implements(np.column_stack)
def column_stack(tup: Any) -> Any:
    """Join rows as columns of a matrix; matrices stand as they are."""

    def as_columns(x: Any) -> Any:
        return x if x.ndim >= 2 else reshaped(x, (x.size, 1))

    items = [as_columns(x) for x in _arrays(tup, None, "column_stack")]
    _checked(items, 1, "column_stack")
    return joined(items, 1)


@implements(np.append)
def append(arr: Any, values: Any, axis: Any = None) -> Any:
    """Return the array with values behind it; without an axis both in one row."""
    items = _arrays((arr, values), None, "append")
    if axis is None:
        return joined([reshaped(x, (x.size,)) for x in items], 0)
    place = one_axis(axis, items[0].ndim, "append")
    _checked(items, place, "append")
    return joined(items, place)


@implements(np.insert)
def insert(arr: Any, obj: Any, values: Any, axis: Any = None) -> Any:
    """Return the array with values put in front of some positions."""
    x = as_array(arr, "np.insert")
    if axis is None:
        x, place = reshaped(x, (x.size,)), 0
    else:
        place = one_axis(axis, x.ndim, "insert")
    extent = x.shape[place]
    positions = obj if isinstance(obj, slice) else concrete(obj, "np.insert: the positions")
    new = as_array_of(values, x.dtype, "np.insert")
    new = reshaped(new, (1,) * (x.ndim - new.ndim) + new.shape)
    if isinstance(positions, slice):
        count = len(range(*positions.indices(extent)))
    elif positions.ndim == 0:
        # Of values for a single position NumPy takes the first axis as the one to insert along.
        new = np.moveaxis(new, 0, place)
        count = new.shape[place]
    else:
        count = int(positions.sum()) if positions.dtype == bool else positions.size
        count = new.shape[place] if count == 1 else count
    new = np.broadcast_to(new, (*x.shape[:place], count, *x.shape[place + 1 :]))
    try:
        order = np.insert(np.arange(extent), positions, np.arange(extent, extent + count))
    except IndexError as error:
        raise IndexingError(
            f"np.insert: expected positions within axis {place}, which has length {extent}; "
            f"{error}."
        ) from None
    return np.take(joined([x, new], place), order, axis=place)


@implements(np.block)
def block(arrays: Any) -> Any:
    """Return an array put together from nested lists of blocks, innermost along the last axis."""

    def depth(item: Any) -> int:
        return 1 + max(map(depth, item), default=0) if isinstance(item, list) else 0

    def rank(item: Any) -> int:
        return max(map(rank, item), default=0) if isinstance(item, list) else np.ndim(item)

    levels = depth(arrays)
    ndim = max(levels, rank(arrays))

    def build(item: Any, level: int) -> Any:
        if not isinstance(item, list):
            if level != levels:
                raise InvalidArgumentError(
                    f"np.block: expected lists nested {levels} deep everywhere, got an array at "
                    f"depth {level}."
                )
            x = as_array(item, "np.block")
            return reshaped(x, (1,) * (ndim - x.ndim) + x.shape)
        return concatenate([build(inner, level + 1) for inner in item], ndim - levels + level)

    return build(arrays, 0)
