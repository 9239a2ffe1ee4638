"""Scheduling ops that move elements: changes of layout, joining, gathering."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.compiler.native.expressions import (
    INDEX,
    Apply,
    Constant,
    Expression,
    Load,
    Place,
    relayout,
)
from chainrule.compiler.native.kernels import Loop, Result
from chainrule.compiler.native.views import (
    Shape,
    View,
    broadcast,
    flipped,
    reshaped,
    sliced,
    transposed,
)
from chainrule.ir import Atom, Equation, Literal

if TYPE_CHECKING:
    from chainrule.compiler.native.schedule import Scheduler


def _changed(view: View, name: str, params: dict[str, Any], shape: Shape) -> View | None:
    if name == "reshape":
        return reshaped(view, shape)
    if name == "transpose":
        return transposed(view, params["axes"])
    if name == "slice":
        return sliced(view, params["limits"])
    return flipped(view, params["axes"])


def _layout(scheduler: Scheduler, equation: Equation) -> None:
    (x,), (output,) = equation.inputs, equation.outputs
    shape = output.type.shape

    def change(view: View) -> View | None:
        return _changed(view, equation.op.name, equation.params, shape)

    value = relayout(scheduler.value(x), change)
    if value is None:
        # A reshape that no strides can express reads a copy in C order.
        copy = change(scheduler.stored(x, contiguous=True))
        assert copy is not None
        value = Load(copy)
    scheduler.define(output, value)


def _broadcast(scheduler: Scheduler, equation: Equation) -> None:
    (x,), (output,) = equation.inputs, equation.outputs
    scheduler.define(output, scheduler.spread(x, output.type.shape))


def _concatenate(scheduler: Scheduler, equation: Equation) -> None:
    (output,), axis = equation.outputs, equation.params["axis"]
    target = scheduler.new(output)
    start = 0
    for atom in equation.inputs:
        stop = start + atom.type.shape[axis]
        limits = [(0, extent, 1) for extent in target.shape]
        limits[axis] = (start, stop, 1)
        scheduler.store(sliced(target, limits), scheduler.value(atom))
        start = stop
    scheduler.values[output] = Load(target)


def _pad(scheduler: Scheduler, equation: Equation) -> None:
    (x,), (output,), widths = equation.inputs, equation.outputs, equation.params["widths"]
    target = scheduler.new(output)
    limits = [
        (before, before + max(extent - 1, 0) * (between + 1) + min(extent, 1), between + 1)
        for extent, (before, _, between) in zip(x.type.shape, widths, strict=True)
    ]
    if x.type.size < target.size:
        scheduler.store(target, Constant(x.type.dtype.type(0)))
    scheduler.store(sliced(target, limits), scheduler.value(x))
    scheduler.values[output] = Load(target)


# -- positions that are data ---------------------------------------------------------------------


def _indices(
    scheduler: Scheduler, indices: Sequence[Atom], extents: Shape, tail: Shape
) -> tuple[Expression, ...]:
    """Return indices repeated along the axes of ``tail``, their range checked before."""
    shape = indices[0].type.shape
    found = []
    for atom, extent in zip(indices, extents, strict=True):
        value = scheduler.stored_or_constant(atom)
        if not _known_in_range(atom, extent) and atom.type.size:
            scheduler.check_range(value, shape, extent)
        if value.dtype != INDEX:
            value = Apply("convert", (value,), INDEX)

        def along_tail(view: View) -> View | None:
            inner = reshaped(view, shape + (1,) * len(tail))
            return None if inner is None else broadcast(inner, shape + tail)

        spread = relayout(value, along_tail)
        assert spread is not None
        found.append(spread)
    return tuple(found)


def _known_in_range(atom: Atom, extent: int) -> bool:
    if not isinstance(atom, Literal):
        return False
    values = np.asarray(atom.value)
    return bool(np.all((values >= -extent) & (values < extent)))


def _selected(view: View, count: int, shape: Shape) -> View:
    """Return the view of what remains of an array when its first axes are indexed."""
    strides = (0,) * (len(shape) - len(view.shape) + count) + view.strides[count:]
    return View(view.buffer, shape, strides, view.offset)


def _gather(scheduler: Scheduler, equation: Equation) -> None:
    (x, *indices), (output,) = equation.inputs, equation.outputs
    view = scheduler.stored(x)
    k = len(indices)
    positions = _indices(scheduler, indices, x.type.shape[:k], x.type.shape[k:])
    source = _selected(view, k, output.type.shape)
    place = Place(source, positions, view.shape[:k], view.strides[:k])
    scheduler.define(output, place)


def _scatter(scheduler: Scheduler, equation: Equation) -> None:
    (x, updates, *indices), (output,) = equation.inputs, equation.outputs
    k = len(indices)
    mode = equation.params["mode"]
    positions = _indices(scheduler, indices, x.type.shape[:k], x.type.shape[k:])
    # Read before the first update is written.
    value = Load(scheduler.stored(updates)) if updates.type.size else scheduler.value(updates)
    target = scheduler.new(output)
    scheduler.store(target, scheduler.value(x))
    shape = updates.type.shape
    if updates.type.size:
        place = Place(_selected(target, k, shape), positions, target.shape[:k], target.strides[:k])
        result = Result(place, value, "" if mode == "set" else mode)
        scheduler.add(Loop(shape, (False,) * len(shape), (result,), ordered=True))
    scheduler.values[output] = Load(target)


HANDLERS = {
    "reshape": _layout,
    "transpose": _layout,
    "slice": _layout,
    "flip": _layout,
    "broadcast": _broadcast,
    "concatenate": _concatenate,
    "pad": _pad,
    "gather": _gather,
    "scatter": _scatter,
}
