"""What steps compute and move, counted: floating-point operations, and bytes of memory.

Every arithmetic op and elementary function on floating-point numbers is one operation at every
position at which it stands, so is everything added to a sum or compared with an extremum, and a
product of matrices multiplies and adds. Ops on integers and truth values count for nothing.

The bytes of a step are those of the elements that it reads, and of those it writes, each counted
once however often it does so. What lies in registers and on the stack is not counted, nor what a
step reads again after having written it.

Both are properties of steps and not of the code made of them, and routines of LAPACK's are counted
as what they read and write alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule.compiler.native import expressions
from chainrule.compiler.native.expressions import Apply, Expression, Load, Place
from chainrule.compiler.native.kernels import (
    Block,
    Call,
    Kernel,
    Loop,
    Product,
    Repeat,
    Sort,
    Step,
    blocks_of,
)
from chainrule.compiler.native.views import Buffer, View

_Places = dict[Buffer, dict[tuple[View, ...], int]]
"""By buffer, how many of its elements are touched through views that decide together on a place."""


class Count(NamedTuple):
    """What a step, or a block of them, computes and moves.

    Attributes
    ----------
    flops : int
    bytes : int
    """

    flops: int = 0
    bytes: int = 0


def count(step: Step) -> Count:
    """Return what a step does in one run.

    Of loops that end when a condition says so one round is counted, of branches both blocks.
    """
    blocks = blocks_of(step)
    if not blocks:
        return Count(_flops(step), _bytes(step))
    times = step.length if isinstance(step, Repeat) else 1
    inside = [count_block(block) for block in blocks]
    return Count(times * sum(c.flops for c in inside), times * sum(c.bytes for c in inside))


def count_block(block: Block) -> Count:
    """Return what the steps of a block do together."""
    counts = [count(step) for step in block.steps]
    return Count(sum(c.flops for c in counts), sum(c.bytes for c in counts))


def precision(step: Step) -> np.dtype[Any]:
    """Return the format in which a step computes: float64 if any op is in that, else float32."""
    dtypes: list[np.dtype[Any]] = []
    if isinstance(step, Product):
        dtypes.append(step.target.memory.dtype)
        step = step.epilogue or step
    if isinstance(step, Kernel):
        dtypes += [node.dtype for node in expressions.nodes(*step.roots)]
    return np.dtype(np.float64 if np.dtype(np.float64) in dtypes else np.float32)


def _flops(step: Step) -> int:
    if isinstance(step, Kernel):
        return sum(math.prod(loop.shape) * _flops_each(loop) for loop in step.stages)
    if isinstance(step, Product):
        own = 2 * step.target.size * step.left.shape[2] if _is_float(step.target) else 0
        return own + (_flops(step.epilogue) if step.epilogue else 0)
    return 0


def _flops_each(loop: Loop) -> int:
    ops = sum(_computes(node) for node in loop.nodes)
    return ops + sum(bool(r.combine) and _is_float(r.value) for r in loop.results)


def _computes(node: Expression) -> bool:
    return isinstance(node, Apply) and any(map(_is_float, (node, *node.arguments)))


def _is_float(value: Expression | View) -> bool:
    dtype = value.memory.dtype if isinstance(value, View) else value.dtype
    return bool(dtype.kind == "f")


def _bytes(step: Step) -> int:
    read: _Places = {}
    written: _Places = {}
    if isinstance(step, Kernel):
        _note_kernel(read, written, step)
    elif isinstance(step, Product):
        _note(read, step.left, step.right)
        if step.epilogue is None:
            _note(written, step.target)
        else:
            _note_kernel(read, written, step.epilogue, known=step.target.memory)
    elif isinstance(step, Sort):
        _note(read, step.source)
        _note(written, step.target)
    elif isinstance(step, Call):
        _note(read, *[argument for argument in step.arguments if isinstance(argument, View)])
        _note(written, *step.written)
    return sum(
        min(sum(touched.values()), buffer.size) * buffer.dtype.itemsize
        for places in (read, written)
        for buffer, touched in places.items()
        if buffer.kind != "row"
    )


def _note_kernel(
    read: _Places, written: _Places, kernel: Kernel, known: Buffer | None = None
) -> None:
    """Note what a kernel reads and writes; the contents of one buffer it has without reading."""
    for loop in kernel.stages:
        for node in loop.nodes:
            if isinstance(node, (Load, Place)) and node.view.buffer not in (None, known, *written):
                _note(read, node)
        for result in loop.results:
            _note(written, result.target)


def _note(places: _Places, *touched: Load | Place | View) -> None:
    for place in touched:
        view = place if isinstance(place, View) else place.view
        views = tuple(expressions.views(place)) if isinstance(place, Place) else (view,)
        places.setdefault(view.memory, {})[views] = _distinct(views)


def _distinct(views: Sequence[View]) -> int:
    """Return how many places there are, at most, that depend on the position through some views."""
    strides = zip(*[view.strides for view in views], strict=True)
    extents = zip(views[0].shape, strides, strict=True)
    return math.prod(extent for extent, steps in extents if any(steps) or not extent)
