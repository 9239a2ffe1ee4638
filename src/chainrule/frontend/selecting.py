"""Choosing elements: by condition, by position, by being within bounds."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule import ops
from chainrule._errors import DtypeError, IndexingError, InvalidArgumentError, ShapeError
from chainrule.frontend.axes import one_axis
from chainrule.frontend.conversion import (
    BOOL,
    INT64,
    as_array,
    as_dtype,
    as_operand,
    promoted,
)
from chainrule.frontend.dispatch import implements
from chainrule.frontend.indexing import read
from chainrule.frontend.shaping import reshaped, spread
from chainrule.ops.family import broadcast_shapes

NO_VALUE = np._NoValue


@implements(np.where)
def where(condition: Any, *branches: Any) -> Any:
    """Return ``x`` where the condition holds and ``y`` elsewhere; alone, positions where it does.

    What is not chosen gets derivative zero, whatever it is.
    """
    if not branches:
        return np.nonzero(condition)
    x, y = promoted(*[as_operand(branch, "np.where") for branch in branches])
    return ops.where(as_dtype(as_array(condition, "np.where"), BOOL), x, y)


@implements(np.select)
def select(condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    """Return at each place the choice whose condition is the first to hold there."""
    if len(condlist) != len(choicelist) or not len(condlist):
        raise InvalidArgumentError(
            "np.select: expected as many conditions as choices and at least one, got "
            f"{len(condlist)} conditions and {len(choicelist)} choices."
        )
    conditions = [as_array(condition, "np.select") for condition in condlist]
    for number, condition in enumerate(conditions):
        if condition.dtype != BOOL:
            raise DtypeError(
                f"np.select: condition {number} has dtype {condition.dtype}; expected bool. "
                "Compare it with something, as in x != 0."
            )
    *choices, result = promoted(*[as_operand(x, "np.select") for x in (*choicelist, default)])
    shape = broadcast_shapes("np.select", [np.shape(x) for x in (*conditions, *choices, result)])
    for condition, choice in zip(conditions[::-1], choices[::-1], strict=True):
        result = ops.where(condition, choice, result)
    return spread(result, shape)


@implements(np.clip)
def clip(
    a: Any,
    a_min: Any = NO_VALUE,
    a_max: Any = NO_VALUE,
    *,
    min: Any = NO_VALUE,
    max: Any = NO_VALUE,
) -> Any:
    """Limit to an interval; at its ends the derivative is one half."""
    if (a_min is not NO_VALUE and min is not NO_VALUE) or (
        a_max is not NO_VALUE and max is not NO_VALUE
    ):
        raise InvalidArgumentError(
            "np.clip: expected each bound once, got a_min or a_max together with min or max."
        )
    low = a_min if min is NO_VALUE else min
    high = a_max if max is NO_VALUE else max
    x = as_array(a, "np.clip")
    low, high = [None if bound is NO_VALUE else bound for bound in (low, high)]
    if x.dtype.kind in "iu":
        # A Python integer that no element can reach need not fit the dtype.
        if type(low) is int and low <= np.iinfo(x.dtype).min:
            low = None
        if type(high) is int and high >= np.iinfo(x.dtype).max:
            high = None
    given = [as_operand(bound, "np.clip") for bound in (low, high) if bound is not None]
    x, *rest = promoted(x, *given)
    if low is not None:
        x = ops.maximum(x, rest.pop(0))
    if high is not None:
        x = ops.minimum(x, rest.pop(0))
    return x


def as_positions(indices: Any, name: str) -> Any:
    """Return an argument as an array of integers that are positions."""
    positions = as_array(indices, f"np.{name}")
    if positions.size == 0 and isinstance(indices, list):
        return np.zeros(positions.shape, INT64)
    if positions.dtype.kind not in "iu":
        raise DtypeError(
            f"np.{name}: expected integers as positions, got {positions.dtype}; convert them with "
            ".astype(np.int64), or select by a mask with np.where."
        )
    return positions


def _check_range(positions: Any, extent: int, axis: int, name: str) -> None:
    if isinstance(positions, np.ndarray) and positions.size:
        for worst in (positions.max(), positions.min()):
            if not -extent <= worst < extent:
                raise IndexingError(
                    f"np.{name}: position {worst} is out of range for axis {axis}, which has "
                    f"length {extent}."
                )


@implements(np.take)
def take(a: Any, indices: Any, axis: Any = None, *, mode: str = "raise") -> Any:
    """Return elements, rows, … at positions along an axis."""
    x = as_array(a, "np.take")
    positions = as_positions(indices, "take")
    if axis is None:
        x, place = reshaped(x, (x.size,)), 0
    else:
        place = one_axis(axis, x.ndim, "take")
    if mode == "wrap":
        positions = np.remainder(positions, x.shape[place])
    elif mode == "clip":
        positions = np.clip(positions, 0, x.shape[place] - 1)
    elif mode != "raise":
        raise InvalidArgumentError(
            f"np.take: expected mode 'raise', 'wrap' or 'clip', got {mode!r}."
        )
    _check_range(positions, x.shape[place], place, "take")
    return read(x, (*[slice(None)] * place, positions))


@implements(np.take_along_axis)
def take_along_axis(arr: Any, indices: Any, axis: Any = -1) -> Any:
    """Return elements at positions along an axis, other positions at each place of the others."""
    x, positions = as_array(arr, "np.take_along_axis"), as_positions(indices, "take_along_axis")
    if axis is None:
        x, place = reshaped(x, (x.size,)), 0
    else:
        place = one_axis(axis, x.ndim, "take_along_axis")
    if positions.ndim != x.ndim:
        raise ShapeError(
            f"np.take_along_axis: expected indices with as many axes as the array, got shapes "
            f"{positions.shape} and {x.shape}."
        )
    _check_range(positions, x.shape[place], place, "take_along_axis")
    others = [(*array.shape[:place], 1, *array.shape[place + 1 :]) for array in (x, positions)]
    shape = list(broadcast_shapes("np.take_along_axis", others))
    shape[place] = positions.shape[place]
    index = [
        np.arange(extent).reshape([extent if i == j else 1 for j in range(x.ndim)])
        for i, extent in enumerate(x.shape)
    ]
    spread_positions = spread(positions, tuple(shape))
    return read(x, tuple([spread_positions if i == place else at for i, at in enumerate(index)]))
