"""Functions that take arrays apart, or leave parts of them out."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule._errors import IndexingError, InvalidArgumentError, ShapeError
from chainrule.frontend.axes import as_integer, one_axis
from chainrule.frontend.conversion import as_array, concrete
from chainrule.frontend.dispatch import implements
from chainrule.frontend.shaping import reshaped, sliced


def _cut(x: Any, bounds: Sequence[int], axis: int) -> list[Any]:
    """Return the parts between bounds, which are counted and clipped as those of slices."""
    edges = [0, *bounds, x.shape[axis]]
    parts = []
    for start, stop in itertools.pairwise(edges):
        first, last, _ = slice(start, stop).indices(x.shape[axis])
        parts.append(sliced(x, axis, first, max(first, last)))
    return parts


def _split(name: str, x: Any, indices_or_sections: Any, axis: Any, *, equal: bool) -> list[Any]:
    x = as_array(x, f"np.{name}")
    place = one_axis(axis, x.ndim, name)
    if np.ndim(indices_or_sections):
        bounds = [as_integer(i, f"np.{name}, indices") for i in indices_or_sections]
        return _cut(x, bounds, place)
    count = as_integer(indices_or_sections, f"np.{name}, sections")
    extent = x.shape[place]
    if count <= 0:
        raise InvalidArgumentError(f"np.{name}: expected 1 or more sections, got {count}.")
    if equal and extent % count:
        raise ShapeError(
            f"np.{name}: axis {place} has length {extent}, which does not divide into {count} "
            "equal parts; np.array_split makes parts of nearly equal length."
        )
    small, larger = divmod(extent, count)
    lengths = [small + 1] * larger + [small] * (count - larger)
    return _cut(x, list(itertools.accumulate(lengths))[:-1], place)


@implements(np.split)
def split(ary: Any, indices_or_sections: Any, axis: Any = 0) -> list[Any]:
    """Cut along an axis, into equal parts or at given positions."""
    return _split("split", ary, indices_or_sections, axis, equal=True)


@implements(np.array_split)
def array_split(ary: Any, indices_or_sections: Any, axis: Any = 0) -> list[Any]:
    """Cut along an axis, into parts of nearly equal length or at given positions."""
    return _split("array_split", ary, indices_or_sections, axis, equal=False)


def _split_along(name: str, at_least: int, axis: int) -> Any:
    def cut(ary: Any, indices_or_sections: Any) -> list[Any]:
        x = as_array(ary, f"np.{name}")
        if x.ndim < at_least:
            raise ShapeError(f"np.{name}: expected {at_least} or more axes, got shape {x.shape}.")
        return _split(name, x, indices_or_sections, min(axis, x.ndim - 1), equal=True)

    cut.__doc__ = f"See `numpy.{name}`."
    return cut


vsplit = implements(np.vsplit)(_split_along("vsplit", 2, 0))
hsplit = implements(np.hsplit)(_split_along("hsplit", 1, 1))
dsplit = implements(np.dsplit)(_split_along("dsplit", 3, 2))


@implements(np.unstack)
def unstack(x: Any, /, *, axis: Any = 0) -> tuple[Any, ...]:
    """Return the parts along an axis, without that axis."""
    x = as_array(x, "np.unstack")
    place = one_axis(axis, x.ndim, "unstack")
    shape = x.shape[:place] + x.shape[place + 1 :]
    return tuple([reshaped(sliced(x, place, i, i + 1), shape) for i in range(x.shape[place])])


@implements(np.delete)
def delete(arr: Any, obj: Any, axis: Any = None) -> Any:
    """Return the array without the elements, rows, … at some positions."""
    x = as_array(arr, "np.delete")
    if axis is None:
        x, place = reshaped(x, (x.size,)), 0
    else:
        place = one_axis(axis, x.ndim, "delete")
    if not isinstance(obj, slice):
        obj = concrete(obj, "np.delete: the positions")
    try:
        kept = np.delete(np.arange(x.shape[place]), obj)
    except IndexError as error:
        raise IndexingError(
            f"np.delete: expected positions within axis {place}, which has length "
            f"{x.shape[place]}; {error}."
        ) from None
    return np.take(x, kept, axis=place)
