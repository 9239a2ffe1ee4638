"""Scheduling sorts: rows are copied to lie one after the other, and their order is found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chainrule.compiler.native.expressions import INDEX, Load, Place, relayout
from chainrule.compiler.native.kernels import Sort
from chainrule.compiler.native.views import View, reshaped, transposed
from chainrule.ir import Equation

if TYPE_CHECKING:
    from chainrule.compiler.native.schedule import Scheduler

WORD = np.dtype(np.uint64)


def _sorted(scheduler: Scheduler, equation: Equation) -> None:
    (x,), (output,), axis = equation.inputs, equation.outputs, equation.params["axis"]
    shape = x.type.shape
    if not x.type.size:
        scheduler.values[output] = Load(scheduler.new(output))
        return
    to_last = (*[i for i in range(len(shape)) if i != axis], axis)
    back = tuple(np.argsort(to_last).tolist())
    moved = tuple([shape[i] for i in to_last])
    turned = relayout(scheduler.value(x), lambda view: transposed(view, to_last))
    assert turned is not None
    if isinstance(turned, Load) and turned.view.is_contiguous and turned.view.buffer is not None:
        rows = turned.view
    else:
        rows = scheduler.temporary(x.type.dtype, moved)
        scheduler.store(rows, turned)
    extent = shape[axis]
    order = scheduler.temporary(INDEX, moved)
    flat = (x.type.size // extent, extent)
    source, target = reshaped(rows, flat), reshaped(order, flat)
    assert source is not None
    assert target is not None
    scratch = tuple([scheduler.buffer(WORD, extent) for _ in range(3)])
    scheduler.add(Sort(source, target, scratch))
    if equation.op.name == "argsort":
        scheduler.define(output, Load(transposed(order, back)))
        return
    base = View(rows.buffer, moved, (*rows.strides[:-1], 0), rows.offset)
    picked = Place(base, (Load(order),), (extent,), (1,))
    value = relayout(picked, lambda view: transposed(view, back))
    assert value is not None
    scheduler.define(output, value)


HANDLERS = {"argsort": _sorted, "sort": _sorted}
