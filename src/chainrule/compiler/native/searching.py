"""Scheduling searches in sorted rows: halving the row, written out as an expression."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chainrule.compiler.native.expressions import INDEX, Apply, Constant, Expression, Place
from chainrule.compiler.native.views import View
from chainrule.ir import Equation
from chainrule.ops.family import BOOL

if TYPE_CHECKING:
    from chainrule.compiler.native.schedule import Scheduler


def _precedes(x: Expression, y: Expression) -> Expression:
    """Whether x is sorted before y: NaN is last."""
    less = Apply("less", (x, y), BOOL)
    if x.dtype.kind != "f":
        return less
    x_is_number = Apply("equal", (x, x), BOOL)
    y_is_nan = Apply("invert", (Apply("equal", (y, y), BOOL),), BOOL)
    return Apply("bitwise_or", (less, Apply("bitwise_and", (x_is_number, y_is_nan), BOOL)), BOOL)


def _searchsorted(scheduler: Scheduler, equation: Equation) -> None:
    """Halve the part of the row in which the place lies, as often as its length asks for.

    All searches take the same steps, so that they run side by side in vectors.
    """
    (rows, values), (output,), side = equation.inputs, equation.outputs, equation.params["side"]
    extent, shape = rows.type.shape[-1], output.type.shape
    if not extent or not output.type.size:
        scheduler.define(output, _index(0))
        return
    source = scheduler.stored(rows)
    value = scheduler.value(values)
    base = View(source.buffer, shape, (*source.strides[:-1], 0), source.offset)
    position: Expression = _index(0)

    def after(offset: int) -> Expression:
        """Whether the place is behind the element so far from the position."""
        index = Apply("add", (position, _index(offset)), INDEX)
        element = Place(base, (index,), (extent,), (source.strides[-1],))
        if side == "left":
            return _precedes(element, value)
        return Apply("invert", (_precedes(value, element),), BOOL)

    length = extent
    while length > 1:
        half = length // 2
        step = Apply("where", (after(half - 1), _index(half), _index(0)), INDEX)
        position = Apply("add", (position, step), INDEX)
        length -= half
    last = Apply("convert", (after(0),), INDEX)
    scheduler.define(output, Apply("add", (position, last), INDEX))


def _index(value: int) -> Constant:
    return Constant(np.int64(value))


HANDLERS = {"searchsorted": _searchsorted}
