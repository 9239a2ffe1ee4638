"""Copies that transpose, by blocks that are transposed in registers.

A loop that copies an array to one with its axes in another order reads or writes elements that lie
far apart. Here a square block is read as vectors along the axis that is contiguous in the source,
exchanged between the vectors, and written as vectors along the one that is contiguous in the
target. If an extent is no multiple of a block's, the last block starts earlier and copies some
elements again. Code for small arrays is told extents and strides when it runs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from llvmlite import ir

from chainrule.compiler.native import vectors
from chainrule.compiler.native.expressions import Load
from chainrule.compiler.native.kernels import Nest
from chainrule.compiler.native.loops import INDEX, POINTER, counted, element, numbers_of
from chainrule.compiler.native.vectors import Piece
from chainrule.compiler.native.views import View

_Array = tuple[ir.Value, list[ir.Value], int]
"""Address, strides, and the axis along which the stride is 1."""

SMALLEST = 4
"""Blocks with shorter sides are not worth it."""

LARGEST_TOLD = 2**12
"""So many elements are copied so soon that code made for their extents would gain nothing."""


@dataclass(frozen=True)
class Form:
    """What the code of a copy depends on.

    Attributes
    ----------
    dtype : numpy.dtype
    rank : int
        Number of axes; the last one is contiguous in the target.
    axis : int
        The one that is contiguous in the source.
    side : int
        Of a block.
    numbers : tuple of int
        Extents, the source's strides and the target's; none if they are told.
    """

    dtype: np.dtype[Any]
    rank: int
    axis: int
    side: int
    numbers: tuple[int, ...]


@dataclass(frozen=True)
class Transposition:
    """A copy that transposes."""

    form: Form
    source: View
    target: View
    numbers: tuple[int, ...]


def transposition(nest: Nest) -> Transposition | None:
    """Return an arranged nest as a copy that transposes, if it is one that goes by blocks."""
    loop, *others = nest.stages
    if others or loop.ordered or any(loop.reduced) or len(loop.results) > 1 or len(loop.shape) < 2:
        return None
    (result,) = loop.results
    if not isinstance(result.value, Load) or result.combine or not isinstance(result.target, View):
        return None
    source, target = result.value.view, result.target
    if source.buffer is None or 1 not in source.strides[:-1] or target.strides[-1] != 1:
        return None
    axis = source.strides.index(1)
    lanes = vectors.vector_unit().nbytes // source.buffer.dtype.itemsize
    shortest = min(lanes, loop.shape[axis], loop.shape[-1])
    side = 1 << (shortest.bit_length() - 1)
    if source.strides[-1] in (0, 1) or source.buffer.dtype.itemsize < 4 or side < SMALLEST:
        return None
    numbers = (*loop.shape, *source.strides, *target.strides)
    is_told = math.prod(loop.shape) <= LARGEST_TOLD
    own = () if is_told else (0, *numbers[1:])  # a range of the outermost axis is always told
    form = Form(source.buffer.dtype, len(loop.shape), axis, side, own)
    return Transposition(form, source, target, numbers)


SIGNATURE = ir.FunctionType(ir.VoidType(), [POINTER] * 3 + [INDEX] * 2)
"""The addresses of the first elements and of the numbers, and the positions on the outermost axis
to start and to stop at."""


def emit_transposition(function: ir.Function, form: Form) -> None:
    """Append the blocks of a function that copies a range of the outermost axis."""
    _Emission(function, form).run()


class _Emission:
    """One function being written."""

    def __init__(self, function: ir.Function, form: Form) -> None:
        self.builder = ir.IRBuilder(function.append_basic_block("entry"))
        self.form = form
        source, target, numbers, self.start, self.stop = function.args
        rank = form.rank
        known = [INDEX(number) for number in form.numbers]
        found = known or numbers_of(self.builder, numbers, 3 * rank)
        self.extents = found[:rank]
        self.source = source, found[rank : 2 * rank], form.axis
        self.target = target, found[2 * rank :], rank - 1

    def run(self) -> None:
        """Emit everything."""
        b, side = self.builder, self.form.side
        count = b.sub(self.stop, self.start)
        outermost = [(self.start, count)]
        if self.form.axis:
            self.axes(outermost, side)
        else:
            # A range may be shorter than a block.
            with b.if_else(b.icmp_unsigned("<", count, INDEX(side))) as (shorter, otherwise):
                with shorter:
                    self.axes(outermost, 1)
                with otherwise:
                    self.axes(outermost, side)
        b.ret_void()

    def axes(self, outermost: list[tuple[ir.Value, ir.Value]], side: int) -> None:
        """Emit the loops over all axes, by blocks of a side."""
        ranges = outermost + [(INDEX(0), extent) for extent in self.extents[1:]]
        blocked = {self.form.axis, self.form.rank - 1}

        def inside(positions: list[ir.Value]) -> None:
            if len(positions) == len(ranges):
                self.block(positions, side)
                return
            start, count = ranges[len(positions)]
            step = side if len(positions) in blocked else 1
            self.stepping(start, count, step, lambda at: inside([*positions, at]))

        inside([])

    def stepping(
        self, start: ir.Value, count: ir.Value, step: int, inside: Callable[[ir.Value], None]
    ) -> None:
        """Emit a loop over some positions, a few at a time; the last few are as many as others."""
        b, size = self.builder, INDEX(step)
        times = b.udiv(b.add(count, INDEX(step - 1)), size)
        with counted(b, times, "at") as counter:
            at, last = b.mul(counter, size), b.sub(count, size)
            inside(b.add(start, b.select(b.icmp_unsigned("<", at, last), at, last)))

    def block(self, positions: list[ir.Value], side: int) -> None:
        """Emit the copy of a block that starts at some positions."""
        b, dtype, piece = self.builder, self.form.dtype, Piece(0, side, side)
        sources = self.addresses(self.source, positions, self.form.rank - 1, side)
        rows = [vectors.load(b, address, piece, dtype) for address in sources]
        targets = self.addresses(self.target, positions, self.form.axis, side)
        for address, row in zip(targets, transposed(b, rows), strict=True):
            vectors.store(b, row, address, piece, dtype)

    def addresses(
        self, array: _Array, positions: list[ir.Value], axis: int, count: int
    ) -> list[ir.Value]:
        """Return the addresses of some elements along an axis, from a position on."""
        b, dtype = self.builder, self.form.dtype
        pointer, strides, contiguous = array
        place = positions[contiguous]
        for number, (position, stride) in enumerate(zip(positions, strides, strict=True)):
            if number != contiguous:
                place = b.add(place, b.mul(position, stride, flags=("nsw",)), flags=("nsw",))
        found = [element(b, pointer, place, dtype)]
        for _ in range(count - 1):
            found.append(element(b, found[-1], strides[axis], dtype))
        return found


def transposed(
    builder: ir.IRBuilder, rows: Sequence[ir.Value], lanes: int | None = None
) -> list[ir.Value]:
    """Return the columns of a square block that is given as vectors.

    Its quarters are transposed as if they were elements, then the quarters of those, and so on. If
    the vectors have more ``lanes`` than the block has sides, they are rows of several blocks, which
    are transposed side by side.
    """
    rows, side = list(rows), len(rows)
    lanes = side if lanes is None else lanes
    step = side // 2
    while step:
        first = tuple([lanes + j - step if j & step else j for j in range(lanes)])
        second = tuple([lanes + j if j & step else j + step for j in range(lanes)])
        for i in [i for i in range(side) if not i & step]:
            upper, lower = rows[i], rows[i + step]
            rows[i], rows[i + step] = [
                builder.shuffle_vector(upper, lower, vectors.order(taken))
                for taken in (first, second)
            ]
        step //= 2
    return rows
