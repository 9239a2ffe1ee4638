"""Copies that transpose, by blocks that are transposed in registers.

A loop that copies an array to one with its axes in another order reads or writes elements that lie
far apart. Here a square block is read as vectors along the axis that is contiguous in the source,
exchanged between the vectors, and written as vectors along the one that is contiguous in the
target. If an extent is no multiple of a block's, the last block starts earlier and copies some
elements again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from llvmlite import ir

from chainrule.compiler.native import vectors
from chainrule.compiler.native.expressions import Load
from chainrule.compiler.native.kernels import Nest
from chainrule.compiler.native.loops import INDEX, affine, counted, element
from chainrule.compiler.native.vectors import Piece
from chainrule.compiler.native.views import Buffer, Shape, View

_WORD = ir.IntType(32)

SMALLEST = 4
"""Blocks with shorter sides are not worth it."""


@dataclass(frozen=True)
class Transposition:
    """A copy that transposes.

    Attributes
    ----------
    inner : tuple of int
        The extents, but that of the outermost axis.
    source, target : View
        The last axis is contiguous in the target.
    axis : int
        The one that is contiguous in the source.
    side : int
        Of a block.
    """

    inner: Shape
    source: View
    target: View
    axis: int
    side: int


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
    return Transposition(loop.shape[1:], source, target, axis, side)


def emit_transposition(
    function: ir.Function, copy: Transposition, buffers: Sequence[Buffer]
) -> None:
    """Append the blocks of a function that copies a range of the outermost axis.

    It takes the addresses of the buffers, and the positions to start and to stop at.
    """
    *addresses, start, stop = function.args
    _Emission(function, copy, dict(zip(buffers, addresses, strict=True))).run(start, stop)


class _Emission:
    """One function being written."""

    def __init__(
        self, function: ir.Function, copy: Transposition, addresses: dict[Buffer, ir.Value]
    ) -> None:
        self.builder = ir.IRBuilder(function.append_basic_block("entry"))
        self.copy = copy
        self.addresses = addresses

    def run(self, start: ir.Value, stop: ir.Value) -> None:
        """Emit everything."""
        b, copy = self.builder, self.copy
        if copy.axis:
            self.axes([(start, b.sub(stop, start))], copy.side)
        else:
            # A range may be shorter than a block.
            side, count = INDEX(copy.side), b.sub(stop, start)
            with b.if_else(b.icmp_unsigned("<", count, side)) as (shorter, otherwise):
                with shorter:
                    self.axes([(start, count)], 1)
                with otherwise:
                    self.axes([(start, count)], copy.side)
        b.ret_void()

    def axes(self, outermost: list[tuple[ir.Value, ir.Value]], side: int) -> None:
        """Emit the loops over all axes, by blocks of a side."""
        ranges = outermost + [(INDEX(0), INDEX(extent)) for extent in self.copy.inner]
        blocked = {self.copy.axis, len(ranges) - 1}

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
        b, dtype, piece = self.builder, self.copy.source.memory.dtype, Piece(0, side, side)
        last = len(positions) - 1
        rows = [
            vectors.load(b, self.address(self.copy.source, positions, last, i), piece, dtype)
            for i in range(side)
        ]
        for i, row in enumerate(transposed(b, rows)):
            address = self.address(self.copy.target, positions, self.copy.axis, i)
            vectors.store(b, row, address, piece, dtype)

    def address(self, view: View, positions: list[ir.Value], axis: int, ahead: int) -> ir.Value:
        """Return the address of an element some steps along an axis from a position."""
        offset = view.offset + ahead * view.strides[axis]
        place = affine(self.builder, offset, view.strides, positions)
        return element(self.builder, self.addresses[view.memory], place, view.memory.dtype)


def transposed(builder: ir.IRBuilder, rows: Sequence[ir.Value]) -> list[ir.Value]:
    """Return the columns of a square block that is given as vectors.

    Its quarters are transposed as if they were elements, then the quarters of those, and so on.
    """
    rows, side = list(rows), len(rows)
    step = side // 2
    while step:
        for i in [i for i in range(side) if not i & step]:
            upper, lower = rows[i], rows[i + step]
            first = [side + j - step if j & step else j for j in range(side)]
            second = [side + j if j & step else j + step for j in range(side)]
            rows[i], rows[i + step] = [
                builder.shuffle_vector(upper, lower, _mask(order)) for order in (first, second)
            ]
        step //= 2
    return rows


def _mask(order: list[int]) -> ir.Constant:
    return ir.Constant(ir.VectorType(_WORD, len(order)), order)
