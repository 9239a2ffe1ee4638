"""Functions that give the same elements another shape or order of axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule import ops
from chainrule._errors import InvalidArgumentError, ShapeError, UnsupportedError
from chainrule.frontend.axes import as_integer, one_axis, several_axes
from chainrule.frontend.conversion import as_array
from chainrule.frontend.dispatch import implements
from chainrule.ops.family import broadcast_shapes

Shape = tuple[int, ...]


def as_shape(shape: Any, what: str) -> Shape:
    """Return a shape argument, an integer or a sequence of them, as a tuple of Python integers."""
    extents = shape if isinstance(shape, (tuple, list)) or np.ndim(shape) else (shape,)
    return tuple([as_integer(extent, what) for extent in extents])


def reshaped(x: Any, shape: Shape) -> Any:
    """Return the elements in C order in another shape; nothing is recorded if it is the same."""
    return x if x.shape == shape else ops.reshape(x, shape=shape)


def permuted(x: Any, axes: Shape) -> Any:
    """Return the array with axes permuted; nothing is recorded if they are in order already."""
    return x if axes == tuple(range(x.ndim)) else ops.transpose(x, axes=axes)


def spread(x: Any, shape: Shape) -> Any:
    """Return the array broadcast to a shape; nothing is recorded if it has it already."""
    return x if x.shape == shape else ops.broadcast(x, shape=shape)


def flipped(x: Any, *axes: int) -> Any:
    """Return the array reversed along some axes."""
    return ops.flip(x, axes=axes) if axes else x


def sliced(x: Any, axis: int, start: int, stop: int, step: int = 1) -> Any:
    """Return ``x[start:stop:step]`` along one axis, the bounds being within the array."""
    limits = [(0, extent, 1) for extent in x.shape]
    limits[axis] = (start, stop, step)
    return x if limits[axis] == (0, x.shape[axis], 1) else ops.slice_(x, limits=tuple(limits))


def _refuse_layout_order(order: Any, name: str) -> None:
    if order not in ("C", "F"):
        raise UnsupportedError(
            f"np.{name}: order {order!r} follows the layout in memory, which a traced array does "
            "not have; expected 'C' or 'F'."
        )


@implements(np.reshape)
def reshape(a: Any, shape: Any, order: str = "C", *, copy: bool | None = None) -> Any:
    """Return the elements in another shape; one extent may be -1."""
    x = as_array(a, "np.reshape")
    _refuse_layout_order(order, "reshape")
    extents = as_shape(shape, "np.reshape, shape")
    if extents.count(-1) > 1 or any(extent < -1 for extent in extents):
        raise ShapeError(
            f"np.reshape: expected extents of 0 or more and at most one -1, got {extents}."
        )
    if -1 in extents:
        known = math.prod([extent for extent in extents if extent != -1])
        if known == 0 or x.size % known:
            raise ShapeError(
                f"np.reshape: an array of shape {x.shape} has {x.size} elements, which do not "
                f"divide evenly into shape {extents}."
            )
        extents = tuple([x.size // known if extent == -1 else extent for extent in extents])
    if order == "F":
        return transpose(reshaped(transpose(x), extents[::-1]))
    return reshaped(x, extents)


@implements(np.ravel)
def ravel(a: Any, order: str = "C") -> Any:
    """Return the elements in one row."""
    x = as_array(a, "np.ravel")
    _refuse_layout_order(order, "ravel")
    return reshaped(transpose(x) if order == "F" else x, (x.size,))


@implements(np.transpose, np.permute_dims)
def transpose(a: Any, axes: Any = None) -> Any:
    """Permute the axes; without ``axes`` reverse them."""
    x = as_array(a, "np.transpose")
    if axes is None:
        return permuted(x, tuple(range(x.ndim))[::-1])
    order = several_axes(axes, x.ndim, "transpose")
    if len(order) != x.ndim:
        raise InvalidArgumentError(
            f"np.transpose: axes {tuple(axes)} name {len(order)} axes, the array of shape "
            f"{x.shape} has {x.ndim}; expected each of them once."
        )
    return permuted(x, order)


@implements(np.matrix_transpose)
def matrix_transpose(x: Any, /) -> Any:
    """Exchange the last two axes."""
    x = as_array(x, "np.matrix_transpose")
    if x.ndim < 2:
        raise ShapeError(
            f"np.matrix_transpose: expected at least two axes, got shape {x.shape}; a row becomes "
            "a column with x[:, None]."
        )
    return swapaxes(x, -1, -2)


@implements(np.swapaxes)
def swapaxes(a: Any, axis1: Any, axis2: Any) -> Any:
    """Exchange two axes."""
    x = as_array(a, "np.swapaxes")
    first, second = one_axis(axis1, x.ndim, "swapaxes"), one_axis(axis2, x.ndim, "swapaxes")
    order = list(range(x.ndim))
    order[first], order[second] = second, first
    return permuted(x, tuple(order))


@implements(np.moveaxis)
def moveaxis(a: Any, source: Any, destination: Any) -> Any:
    """Move axes to other places; the others keep their order."""
    x = as_array(a, "np.moveaxis")
    sources = several_axes(source, x.ndim, "moveaxis")
    destinations = several_axes(destination, x.ndim, "moveaxis")
    if len(sources) != len(destinations):
        raise InvalidArgumentError(
            f"np.moveaxis: expected as many destinations as sources, got {len(sources)} sources "
            f"and {len(destinations)} destinations."
        )
    order = [axis for axis in range(x.ndim) if axis not in sources]
    for place, axis in sorted(zip(destinations, sources, strict=True)):
        order.insert(place, axis)
    return permuted(x, tuple(order))


@implements(np.rollaxis)
def rollaxis(a: Any, axis: Any, start: Any = 0) -> Any:
    """Move an axis in front of another."""
    x = as_array(a, "np.rollaxis")
    source = one_axis(axis, x.ndim, "rollaxis")
    before = as_integer(start, "np.rollaxis, start")
    if not -x.ndim <= before <= x.ndim:
        raise InvalidArgumentError(
            f"np.rollaxis: expected a start of {-x.ndim} to {x.ndim} for an array with {x.ndim} "
            f"axes, got {before}."
        )
    before = before + x.ndim if before < 0 else before
    return moveaxis(x, source, before - 1 if source < before else before)


@implements(np.expand_dims)
def expand_dims(a: Any, axis: Any) -> Any:
    """Add axes of length 1, at these places in the result."""
    x = as_array(a, "np.expand_dims")
    count = len(axis) if isinstance(axis, (tuple, list)) else 1
    places = several_axes(axis, x.ndim + count, "expand_dims")
    extents = iter(x.shape)
    shape = [1 if place in places else next(extents) for place in range(x.ndim + count)]
    return reshaped(x, tuple(shape))


@implements(np.squeeze)
def squeeze(a: Any, axis: Any = None) -> Any:
    """Remove axes of length 1: all of them, or those named."""
    x = as_array(a, "np.squeeze")
    if axis is None:
        removed = [i for i, extent in enumerate(x.shape) if extent == 1]
    else:
        removed = list(several_axes(axis, x.ndim, "squeeze"))
        for i in removed:
            if x.shape[i] != 1:
                raise ShapeError(
                    f"np.squeeze: axis {i} of an array of shape {x.shape} has length "
                    f"{x.shape[i]}; only axes of length 1 can be removed."
                )
    return reshaped(x, tuple([e for i, e in enumerate(x.shape) if i not in removed]))


@implements(np.broadcast_to)
def broadcast_to(array: Any, shape: Any) -> Any:
    """Repeat along new axes and axes of length 1."""
    return spread(as_array(array, "np.broadcast_to"), as_shape(shape, "np.broadcast_to, shape"))


@implements(np.broadcast_arrays)
def broadcast_arrays(*args: Any) -> tuple[Any, ...]:
    """Broadcast arrays against each other."""
    arrays = [as_array(x, "np.broadcast_arrays") for x in args]
    shape = broadcast_shapes("np.broadcast_arrays", [x.shape for x in arrays])
    return tuple([spread(x, shape) for x in arrays])


def _each(arrays: Sequence[Any], at_least: Any) -> Any:
    results = tuple([at_least(x) for x in arrays])
    return results[0] if len(results) == 1 else results


@implements(np.atleast_1d)
def atleast_1d(*arys: Any) -> Any:
    """Give scalars an axis."""

    def one(x: Any) -> Any:
        x = as_array(x, "np.atleast_1d")
        return x if x.ndim else reshaped(x, (1,))

    return _each(arys, one)


@implements(np.atleast_2d)
def atleast_2d(*arys: Any) -> Any:
    """Make rows of what has fewer than two axes."""

    def one(x: Any) -> Any:
        x = as_array(x, "np.atleast_2d")
        return x if x.ndim >= 2 else reshaped(x, (1, x.size))

    return _each(arys, one)


@implements(np.atleast_3d)
def atleast_3d(*arys: Any) -> Any:
    """Add axes until there are three: a row becomes ``(1, n, 1)``, a matrix ``(m, n, 1)``."""

    def one(x: Any) -> Any:
        x = as_array(x, "np.atleast_3d")
        if x.ndim >= 3:
            return x
        return reshaped(x, (*x.shape, 1) if x.ndim == 2 else (1, x.size, 1))

    return _each(arys, one)


@implements(np.flip)
def flip(m: Any, axis: Any = None) -> Any:
    """Reverse along axes, by default along all."""
    x = as_array(m, "np.flip")
    return flipped(x, *several_axes(axis, x.ndim, "flip"))


@implements(np.fliplr)
def fliplr(m: Any) -> Any:
    """Reverse along the second axis."""
    x = as_array(m, "np.fliplr")
    if x.ndim < 2:
        raise ShapeError(f"np.fliplr: expected at least two axes, got shape {x.shape}.")
    return flipped(x, 1)


@implements(np.flipud)
def flipud(m: Any) -> Any:
    """Reverse along the first axis."""
    x = as_array(m, "np.flipud")
    if x.ndim < 1:
        raise ShapeError("np.flipud: expected at least one axis, got a scalar.")
    return flipped(x, 0)


@implements(np.rot90)
def rot90(m: Any, k: Any = 1, axes: Any = (0, 1)) -> Any:
    """Rotate by quarter turns in the plane of two axes."""
    x = as_array(m, "np.rot90")
    if len(tuple(axes)) != 2:
        raise InvalidArgumentError(f"np.rot90: expected two axes, got {tuple(axes)}.")
    first, second = several_axes(tuple(axes), x.ndim, "rot90")
    turns = as_integer(k, "np.rot90, k") % 4
    if turns == 0:
        return x
    if turns == 2:
        return flipped(x, first, second)
    if turns == 1:
        return swapaxes(flipped(x, second), first, second)
    return flipped(swapaxes(x, first, second), second)


@implements(np.roll)
def roll(a: Any, shift: Any, axis: Any = None) -> Any:
    """Move elements along axes; those that fall off at the end come in at the start."""
    x = as_array(a, "np.roll")
    if axis is None:
        shifts = shift if np.ndim(shift) else (shift,)
        total = sum(as_integer(s, "np.roll, shift") for s in shifts)
        return reshaped(_rolled(reshaped(x, (x.size,)), total, 0), x.shape)
    axes = tuple(axis) if isinstance(axis, (tuple, list)) else (axis,)
    places = [one_axis(item, x.ndim, "roll") for item in axes]
    shifts = list(shift) if np.ndim(shift) else [shift]
    if len(shifts) == 1:
        shifts = shifts * len(places)
    elif len(places) == 1:
        places = places * len(shifts)
    if len(shifts) != len(places):
        raise InvalidArgumentError(
            f"np.roll: expected as many shifts as axes, got {len(shifts)} shifts and "
            f"{len(places)} axes."
        )
    for place, amount in zip(places, shifts, strict=True):
        x = _rolled(x, as_integer(amount, "np.roll, shift"), place)
    return x


def _rolled(x: Any, shift: int, axis: int) -> Any:
    extent = x.shape[axis]
    cut = (extent - shift) % extent if extent else 0
    if cut == 0:
        return x
    parts = sliced(x, axis, cut, extent), sliced(x, axis, 0, cut)
    return ops.concatenate(*parts, axis=axis)


@implements(np.shape)
def shape(a: Any) -> Shape:
    """Return the extents of the axes."""
    return as_array(a, "np.shape").shape


@implements(np.ndim)
def ndim(a: Any) -> int:
    """Return the number of axes."""
    return len(shape(a))


@implements(np.size)
def size(a: Any, axis: Any = None) -> int:
    """Return the number of elements, or the extents of some axes multiplied."""
    extents = shape(a)
    return math.prod([extents[i] for i in several_axes(axis, len(extents), "size")])


@implements(np.copy)
def copy(a: Any, order: str = "K", subok: bool = False) -> Any:
    """Return the array itself, which nothing can change."""
    return as_array(a, "np.copy")
