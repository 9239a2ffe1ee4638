"""How long steps take, roughly, in nanoseconds of one core.

The estimates decide what is worth handing to other threads, and how often to look for signals.
Being wrong by half does no harm. They were measured with arrays that fit a near cache, on a CPU
with wide vectors.
"""

from __future__ import annotations

import math

from chainrule.compiler.native.expressions import Apply, Constant, Expression, Place
from chainrule.compiler.native.kernels import (
    Block,
    Call,
    Kernel,
    Loop,
    Product,
    Repeat,
    Sort,
    Step,
    While,
    blocks_of,
)
from chainrule.compiler.native.math import MATH, MATH2
from chainrule.compiler.native.special_functions import ROUTINES
from chainrule.compiler.native.views import View

# By size of the element, in bytes.
_ALONG_A_ROW = 0.02  # loaded or stored
_LIGHT_OP = 0.01
_ELEMENTARY = 0.13  # a polynomial
_MULTIPLY_ADD = 0.005  # of a matrix product

# Whatever the size.
_ELSEWHERE = 0.7  # an element that does not lie beside the one before
_DIVISION = 4.0  # of integers
_POSITION = 4.0  # of an extremum
_SORTED = 25.0
_ROUTINE = 25.0  # a function of SciPy's
_CALL = 1000.0  # a routine of LAPACK's

_SLOW = {"arctan2": 2, "cos": 3, "power": 5, "sin": 3, "tan": 4}
"""How many times as long as others some functions take."""

ROUNDS = 100
"""How often a loop is thought to run that ends when a condition says so."""


def work(step: Step) -> float:
    """Return the time a step takes."""
    if isinstance(step, Kernel):
        return sum(map(_loop_work, step.stages))
    if isinstance(step, Product):
        size = step.target.memory.dtype.itemsize
        after = _loop_work(step.epilogue) if step.epilogue else 0.0
        return _MULTIPLY_ADD * size * step.target.size * step.left.shape[2] + after
    if isinstance(step, Sort):
        return _SORTED * math.prod(step.source.shape)
    if isinstance(step, Call):
        return _CALL * step.count
    times = step.length if isinstance(step, Repeat) else ROUNDS if isinstance(step, While) else 1
    return times * sum(block_work(block) for block in blocks_of(step))


def block_work(block: Block) -> float:
    """Return the time the steps of a block take."""
    return sum(work(step) for step in block.steps)


def _loop_work(loop: Loop) -> float:
    each = sum(map(_node_work, loop.nodes))
    for result in loop.results:
        size = result.value.dtype.itemsize
        if result.combine.startswith("arg"):
            each += _POSITION
        elif result.combine and isinstance(result.target, View):
            each += _LIGHT_OP * size
        else:
            each += _element_work(result.target)
    return each * math.prod(loop.shape)


def _node_work(node: Expression) -> float:
    if isinstance(node, Constant):
        return 0.0
    if not isinstance(node, Apply):
        return _element_work(node if isinstance(node, Place) else node.view)
    if node.op in MATH or node.op in MATH2:
        return _ELEMENTARY * node.dtype.itemsize * _SLOW.get(node.op, 1)
    if node.op in ROUTINES:
        return _ROUTINE
    if node.op in ("floor_divide", "remainder"):
        return _DIVISION
    return _LIGHT_OP * node.dtype.itemsize


def _element_work(place: View | Place) -> float:
    if isinstance(place, Place):
        return _ELSEWHERE
    if place.buffer is None or not place.strides or place.strides[-1] == 0:
        return 0.0
    beside = abs(place.strides[-1]) == 1
    return _ALONG_A_ROW * place.buffer.dtype.itemsize if beside else _ELSEWHERE
