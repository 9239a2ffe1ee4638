"""Scheduling ops that move elements: changes of layout, joining, gathering, matrix products."""

from __future__ import annotations

import math
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
    is_light,
    relayout,
)
from chainrule.compiler.native.kernels import Loop, Product, Result
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


# -- matrix products -----------------------------------------------------------------------------

SMALLEST_PRODUCT = 4096
"""Multiplications from which on a product is worth a call of BLAS."""


LARGEST = 2**31 - 1
"""BLAS counts in 32 bits."""


def _dot(scheduler: Scheduler, equation: Equation) -> None:
    (x, y), (output,) = equation.inputs, equation.outputs
    contract, shared = equation.params["contract"], equation.params["shared"]
    free = [
        tuple([i for i in range(a.type.ndim) if i not in c and i not in s])
        for a, c, s in zip((x, y), contract, shared, strict=True)
    ]
    lead = tuple([x.type.shape[i] for i in shared[0]])
    rows = tuple([x.type.shape[i] for i in free[0]])
    columns = tuple([y.type.shape[i] for i in free[1]])
    summed = tuple([x.type.shape[i] for i in contract[0]])
    s, m, n, k = map(math.prod, (lead, rows, columns, summed))
    is_large = m * n * k >= SMALLEST_PRODUCT and 1 < min(m, n, k) <= max(m, n, k) <= LARGEST
    if output.type.dtype.kind == "f" and is_large and s:
        target = scheduler.new(output)
        left = _matrices(scheduler, x, shared[0] + free[0] + contract[0], (s, m, k))
        right = _matrices(scheduler, y, shared[1] + contract[1] + free[1], (s, k, n))
        flat = reshaped(target, (s, m, n))
        assert flat is not None
        scheduler.add(Product(left, right, flat))
        scheduler.values[output] = Load(target)
        return

    # Small or odd: an ordinary loop over all of the axes, that adds up over the last ones.
    left_value = _opened(
        scheduler, x, shared[0] + free[0] + contract[0], (*lead, *rows), columns, summed
    )
    right_value = _opened(
        scheduler, y, shared[1] + free[1] + contract[1], lead, rows, (*columns, *summed)
    )
    product = Apply("multiply", (left_value, right_value), output.type.dtype)
    if not summed:
        scheduler.define(output, product)
        return
    target = scheduler.new(output)
    shape = (*lead, *rows, *columns, *summed)
    axes = range(len(shape) - len(summed), len(shape))
    scheduler.reduce(target, product, shape, axes, "add")
    scheduler.values[output] = Load(target)


def _opened(
    scheduler: Scheduler, atom: Atom, order: Shape, before: Shape, missing: Shape, after: Shape
) -> Expression:
    """Return a factor with its axes in order, repeated along those it lacks."""
    value = scheduler.value(atom)
    if isinstance(value, Constant):
        return value
    if not is_light(value):
        value = Load(scheduler.stored(atom))
    at = len(before)

    def change(view: View) -> View:
        turned = transposed(view, order)
        strides = turned.strides[:at] + (0,) * len(missing) + turned.strides[at:]
        return View(view.buffer, (*before, *missing, *after), strides, view.offset)

    changed = relayout(value, change)
    assert changed is not None
    return changed


def _matrices(scheduler: Scheduler, atom: Atom, order: Shape, shape: Shape) -> View:
    """Return a factor as a stack of matrices that BLAS can read, copied if need be."""
    view = scheduler.stored(atom)
    turned = transposed(view, order)
    flat = reshaped(turned, shape)
    if flat is not None and leading_dimension(flat) is not None:
        return flat
    copy = scheduler.temporary(atom.type.dtype, turned.shape)
    scheduler.store(copy, Load(turned))
    flat = reshaped(copy, shape)
    assert flat is not None
    return flat


def leading_dimension(matrix: View) -> tuple[bool, int] | None:
    """Return whether BLAS, to which arrays are Fortran's, has to transpose, and the stride.

    None if it cannot read the matrices of the stack at all.
    """
    _, rows, columns = matrix.shape
    _, down, across = matrix.strides
    if max(down, across) > LARGEST:
        return None
    if (across == 1 or columns == 1) and (down >= columns or rows == 1):
        return False, max(down if rows > 1 else 1, columns, 1)
    if (down == 1 or rows == 1) and (across >= rows or columns == 1):
        return True, max(across if columns > 1 else 1, rows, 1)
    return None


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
    "dot": _dot,
}
