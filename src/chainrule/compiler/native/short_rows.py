"""Loops whose last axis is short: its positions are the lanes of a few vectors.

A loop of ten positions, say, is one vector of sixteen lanes, of which six idle. There is no loop
and no rest that would be done one by one, and what one stage of a nest hands to the next stays in
registers. Axes that are shorter still are written out position by position: LLVM then makes rows
the lanes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from llvmlite import ir

from chainrule.compiler.native import scalars, vectors
from chainrule.compiler.native.accumulators import Accumulator, initial
from chainrule.compiler.native.expressions import Apply, Expression, Load, Place, children
from chainrule.compiler.native.kernels import Loop, Nest, Result
from chainrule.compiler.native.loops import INDEX, LONGEST_UNROLLED, affine
from chainrule.compiler.native.row_lanes import lanes_of
from chainrule.compiler.native.special_functions import calls_routines
from chainrule.compiler.native.stages import Stage
from chainrule.compiler.native.vectors import Piece
from chainrule.compiler.native.views import View

MOST_WRITTEN_OUT = 4
"""Up to this extent, positions are written out one by one: more takes LLVM too long."""

MOST_VECTORS = 4
"""An axis that needs more vectors than this is not short."""

MANY_REGISTERS = 32
"""So many hold what two vectors need at the same time."""

MOST_NODES = 256
"""Nor is one for which more would have to be written out."""


def row_pieces(nest: Nest, loop: Loop) -> list[Piece] | None:
    """Return the pieces into which the last axis of a stage is cut, or None if it is not short."""
    if len(loop.shape) < 2 or len(loop.shape) == nest.shared or not _runs_along_rows(loop):
        return None
    extent = loop.shape[-1]
    if len(nest.stages) == 1 and extent <= LONGEST_UNROLLED:
        return None  # LLVM writes out a loop that stands alone, and does what follows.
    if extent <= MOST_WRITTEN_OUT:
        return [Piece(start, 1, 1) for start in range(extent)]
    unit = vectors.vector_unit()
    itemsize = _itemsize(nest)
    if extent * itemsize > MOST_VECTORS * unit.nbytes or calls_routines(loop):
        return None
    pieces = vectors.pieces(extent, itemsize, unit)
    if unit.registers >= MANY_REGISTERS and not any(other.in_registers for other in nest.stages):
        pieces = _in_pairs(pieces)
    return pieces if len(pieces) * len(loop.nodes) <= MOST_NODES else None


def _in_pairs(pieces: list[Piece]) -> list[Piece]:
    """Return the pieces with whole vectors that are neighbours made one.

    LLVM makes two instructions of each that is for both, and neither waits for the other.
    """
    pairs: list[Piece] = []
    for piece in pieces:
        if pairs and pairs[-1].lanes == piece.lanes == piece.count:
            piece = Piece(pairs.pop().start, 2 * piece.lanes, 2 * piece.lanes)
        pairs.append(piece)
    return pairs


def is_in_vectors(nest: Nest) -> bool:
    """Whether all stages of a nest are written in vectors."""
    if lanes_of(nest):
        return True
    pieces = [row_pieces(nest, loop) for loop in nest.stages]
    return all(own is not None and own[0].lanes > 1 for own in pieces)


def _itemsize(nest: Nest) -> int:
    """Return the size by which lanes are counted: that of the widest floats, if there are any."""
    dtypes = [node.dtype for loop in nest.stages for node in loop.nodes]
    floats = [dtype.itemsize for dtype in dtypes if dtype.kind == "f"]
    return max(floats or [dtype.itemsize for dtype in dtypes])


def _runs_along_rows(loop: Loop) -> bool:
    """Whether all that changes along the last axis lies side by side."""
    varying: set[int] = set()
    for node in loop.nodes:
        if isinstance(node, (Load, Place)):
            stride = node.view.strides[-1]
            is_number = isinstance(node, Load) and node.view.buffer is None
            if stride not in (0, 1) and not is_number:
                return False
            if stride:
                varying.add(id(node))
        if any(id(part) in varying for part in children(node)):
            if isinstance(node, Place):
                return False
            varying.add(id(node))
    first = loop.first_reduced
    if loop.ordered or not (loop.in_registers or all(loop.reduced[first:-1])):
        return False
    return all(
        isinstance(result.target, View)
        and not result.combine.startswith("arg")
        and result.target.strides[-1] == (0 if result.combine and loop.reduced[-1] else 1)
        for result in loop.results
    )


class ShortStage(Stage):
    """A loop with a short last axis."""

    def __init__(self, *stage: Any, pieces: list[Piece]) -> None:
        super().__init__(*stage)
        self.pieces = pieces
        self.piece = pieces[0]
        self.sums: list[list[ir.Value]] = []
        """For every result that accumulates, a row of sums, kept while the loops over it run."""

    def _begin_sums(self) -> None:
        self.sums = [self._start_sums(result) for result in self.accumulating]

    def end(self, depth: int) -> None:
        """Emit what is done once the loops over the axes from ``depth`` on are closed."""
        if depth == self.loop.first_reduced and not self.loop.in_registers:
            reduced = [INDEX(0)] * (self.rank - 1 - depth)
            for number, piece in enumerate(self.pieces):
                self.piece = piece
                counters = [*self.counters, *reduced, INDEX(piece.start)]
                for result, sums in zip(self.accumulating, self.sums, strict=True):
                    type = self._lanes_of(scalars.register_type(result.value.dtype))
                    self._write(result, self.builder.load(sums[number], typ=type), counters)

    def run(self) -> None:
        """Emit the loops over the stage's own axes."""
        last = self.rank - 1
        if self.accumulating and self.loop.in_registers:
            self._nest(self.shared, self.loop.first_reduced, self._reduce_in_registers)
        else:
            self._nest(self.shared, last, self._store_row)

    def _reduce_in_registers(self) -> None:
        """Emit the reduced loops, all of them inside of what is kept."""
        totals = [self._start(result) for result in self.accumulating]
        self._nest(self.loop.first_reduced, self.rank - 1, lambda: self._add_row(totals))
        for result, total in zip(self.accumulating, totals, strict=True):
            self._write(result, total.result())

    # -- the last axis ---------------------------------------------------------------------------

    def _positions(self) -> Iterator[int]:
        """Yield the number of each piece, its values evaluated."""
        for number, piece in enumerate(self.pieces):
            self.piece = piece
            self.counters.append(INDEX(piece.start))
            for node in self.by_depth[self.rank]:
                self.values[id(node)] = self._row_value(node)
            yield number
            self.counters.pop()

    def _add_row(self, totals: list[Accumulator]) -> None:
        rows: list[list[ir.Value]] = [[] for _ in totals]
        for _ in self._positions():
            self._store_others()
            for row, result in zip(rows, self.accumulating, strict=True):
                row.append(self._without_idle(result))
        for row, total in zip(rows, totals, strict=True):
            total.add_row(row)

    def _store_row(self) -> None:
        for number in self._positions():
            self._store_others()
            for result, sums in zip(self.accumulating, self.sums, strict=True):
                value = self._in_lanes(self.values[id(result.value)])
                before = self.builder.load(sums[number], typ=value.type)
                after = self._combined(result, before, value, reassociate=True)
                self.builder.store(after, sums[number])

    def _start_sums(self, result: Result) -> list[ir.Value]:
        """Set up a row of sums."""
        cells = []
        for piece in self.pieces:
            self.piece = piece
            start = self._in_lanes(initial(result.combine, result.value.dtype))
            with self.builder.goto_entry_block():
                cells.append(self.builder.alloca(start.type))
            self.builder.store(start, cells[-1])
        return cells

    # -- lanes -----------------------------------------------------------------------------------

    def _lanes_of(self, type: ir.Type) -> ir.Type:
        return type if self.piece.lanes == 1 else ir.VectorType(type, self.piece.lanes)

    def _in_lanes(self, value: ir.Value) -> ir.Value:
        """Return a value in all lanes, if it is not there yet."""
        if self.piece.lanes == 1 or isinstance(value.type, ir.VectorType):
            return value
        return vectors.repeated(self.builder, value, self.piece.lanes)

    def _without_idle(self, result: Result) -> ir.Value:
        """Return the value of a reduction with what changes nothing in the lanes that idle."""
        value, piece = self._in_lanes(self.values[id(result.value)]), self.piece
        if piece.count == piece.lanes:
            return value
        nothing = self._in_lanes(initial(result.combine, result.value.dtype))
        return self.builder.select(vectors.mask(piece), value, nothing)

    def _row_value(self, node: Expression) -> ir.Value:
        """Return the value of an expression that changes along the last axis."""
        if isinstance(node, Apply) and self.piece.lanes > 1:
            return scalars.emit(
                self.builder,
                node.op,
                node.dtype,
                [argument.dtype for argument in node.arguments],
                [self._in_lanes(self.values[id(argument)]) for argument in node.arguments],
                self.has_fma,
            )
        if isinstance(node, Load) and node.view.buffer is None and self.piece.lanes > 1:
            start = affine(self.builder, node.view.offset, node.view.strides, self.counters)
            lanes = range(self.piece.lanes)
            stride = node.view.strides[-1]
            steps = ir.Constant(ir.VectorType(INDEX, len(lanes)), [stride * i for i in lanes])
            return self.builder.add(self._in_lanes(start), steps)
        return self._value(node)

    def _load(self, target: View | Place, address: ir.Value) -> ir.Value:
        piece = self._piece_at(target)
        if piece is None:
            return super()._load(target, address)
        return vectors.load(self.builder, address, piece, self._view(target).memory.dtype)

    def _store_at(self, target: View | Place, address: ir.Value, value: ir.Value) -> None:
        piece = self._piece_at(target)
        if piece is None:
            super()._store_at(target, address, value)
        else:
            dtype = self._view(target).memory.dtype
            vectors.store(self.builder, self._in_lanes(value), address, piece, dtype)

    def _piece_at(self, target: View | Place) -> Piece | None:
        """Return the piece to load or store, or None for a single element.

        In a row on the stack there is room for the idle lanes, and LLVM keeps whole vectors in
        registers.
        """
        view, piece = self._view(target), self.piece
        if piece.lanes == 1 or not view.strides[-1]:
            return None
        if view.memory.kind == "row" and view.memory.size == self.loop.shape[-1]:
            return Piece(piece.start, piece.lanes, piece.lanes)
        return piece
