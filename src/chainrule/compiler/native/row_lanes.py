"""Nests of narrow rows: a block of rows at a time, each of them a lane.

The ten classes of the digits fill ten of sixteen lanes, and their maximum and their sum have to be
found across a vector. With one row in each lane all lanes are busy, and what is found for a row is
found like that of any other position, lane by lane. So the elements of as many rows as a vector has
lanes are transposed into `tiles`, a vector per column, and results are written back in the same
way. What one stage hands to the next are vectors on the stack.

Lanes beyond the last row do what that of the last row does. They read nothing that does not exist,
and write what the last row's writes. Sums over a row are added up in the order of the columns.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from llvmlite import ir

from chainrule.compiler.native import scalars, vectors
from chainrule.compiler.native.accumulators import Accumulator, accumulator, across, initial
from chainrule.compiler.native.expressions import Apply, Expression, Load, Place, children
from chainrule.compiler.native.kernels import Loop, Nest, Result
from chainrule.compiler.native.loops import INDEX, POINTER, Axes, affine, counted, element
from chainrule.compiler.native.rows import POLYNOMIALS, STACK_BYTES
from chainrule.compiler.native.special_functions import calls_routines
from chainrule.compiler.native.stages import Stage
from chainrule.compiler.native.tiles import Form, form_of
from chainrule.compiler.native.views import View

MOST_COLUMNS = 32
"""Rows longer than this are not narrow."""

FEWEST_COLUMNS = 5
"""Rows shorter than this are written out: LLVM makes rows the lanes, and reads many at a time."""

_WORD = ir.IntType(32)


def lanes_of(nest: Nest) -> int:
    """Return how many rows of a nest are worked on at a time; 0 if it is not one of narrow rows."""
    rows = nest.shared - 1
    if rows < 0 or not all(_fits(loop, nest.shared) for loop in nest.stages):
        return 0
    lanes = vectors.vector_unit().nbytes // _itemsize(nest)
    extent = nest.stages[0].shape[rows]  # 0 if it may be any
    if 0 < extent < lanes // 2 or not _is_worth_it(nest, lanes):
        return 0
    sizes = [_nbytes(view) for view in _tiles(nest)]
    columns = sum(loop.shape[-1] for loop in nest.stages if any(loop.reduced[: nest.shared]))
    needed = sum(sizes) + max(sizes, default=0) + sum(row.nbytes for row in nest.rows) + 8 * columns
    return lanes if needed * lanes <= STACK_BYTES else 0


def has_few_rows(nest: Nest) -> bool:
    """Whether a nest that takes a range has fewer rows than make it worth to work on many."""
    return not lanes_of(nest) and lanes_of(nest.of_any_length()) > 0


def _is_worth_it(nest: Nest, lanes: int) -> bool:
    """Whether to transpose takes less than it saves.

    Positions are found one by one otherwise. Where one stage waits for what the one before found
    across a row, it saves what that takes, and the lanes that would idle.
    """
    reducing = [loop for loop in nest.stages if loop.in_registers]
    results = [result for loop in reducing for result in loop.results]
    if any(result.combine.startswith("arg") for result in results):
        return True
    width = max([loop.shape[-1] for loop in reducing], default=0)
    if len(reducing) < 2 or not FEWEST_COLUMNS <= width <= lanes + lanes // 2:
        return False
    is_dear = any(not POLYNOMIALS.isdisjoint(loop.ops) for loop in nest.stages)
    return width != lanes or is_dear or len(reducing) > 2


def forms_of(nest: Nest) -> set[Form]:
    """Return the forms of the tiles of a nest."""
    lanes = lanes_of(nest)
    if not lanes:
        return set()
    return {
        form_of(view, lanes, fills)
        for loop in nest.stages
        for fills, views in ((True, _read(loop)), (False, _written(loop)))
        for view in views
        if _is_tile(view, nest.shared - 1)
    }


def _itemsize(nest: Nest) -> int:
    """Return the size by which lanes are counted: that of the widest floats, if there are any."""
    dtypes = [node.dtype for loop in nest.stages for node in loop.nodes]
    floats = [dtype.itemsize for dtype in dtypes if dtype.kind == "f"]
    return max([4, *floats] if floats else [4, *[dtype.itemsize for dtype in dtypes]])


def _fits(loop: Loop, shared: int) -> bool:
    """Whether a stage is over single numbers of rows, or along narrow ones."""
    rank, first = len(loop.shape), loop.first_reduced
    if rank > shared + 1 or loop.ordered or calls_routines(loop):
        return False
    if rank == shared:
        is_reduced_well = not any(loop.reduced)
    else:
        if not 1 < loop.shape[-1] <= MOST_COLUMNS:
            return False
        sums_down = all(loop.reduced[first:shared]) and not loop.reduced[-1]
        is_reduced_well = first >= shared or sums_down
    return is_reduced_well and _reads_well(loop, shared) and _writes_well(loop, shared)


def _reads_well(loop: Loop, shared: int) -> bool:
    """Whether what is read lies side by side along rows, and indices do not change along them."""
    along: set[int] = set()
    for node in loop.nodes:
        if isinstance(node, Load) and _is_tile(node.view, shared - 1) and _step(node.view) != 1:
            return False
        is_along = any(id(part) in along for part in children(node))
        if isinstance(node, (Load, Place)):
            is_along = is_along or (len(loop.shape) > shared and _step(node.view) != 0)
        if is_along and isinstance(node, Place):
            return False
        if is_along:
            along.add(id(node))
    return True


def _writes_well(loop: Loop, shared: int) -> bool:
    """Whether results go to rows on the stack, to rows side by side, or into sums down columns."""
    sums_down = loop.first_reduced < shared
    for result in loop.results:
        view = result.target
        if not isinstance(view, View):
            return False
        if view.memory.kind == "row" or (result.combine and sums_down):
            continue
        if not view.strides[shared - 1] or (len(loop.shape) > shared and _step(view) not in (0, 1)):
            return False
    return True


def _step(view: View) -> int:
    return view.strides[-1]


def _is_tile(view: View, rows: int) -> bool:
    """Whether a view is one of elements that differ along both rows and columns."""
    if view.buffer is None or view.buffer.kind == "row" or len(view.strides) < rows + 2:
        return False
    return bool(view.strides[rows] and view.strides[-1])


def _nbytes(view: View) -> int:
    """Return how many bytes of a row are in a tile."""
    return view.shape[-1] * view.memory.dtype.itemsize


def _tiles(nest: Nest) -> list[View]:
    """Return the views of the tiles of a nest, each once."""
    views = [view for loop in nest.stages for view in _read(loop) + _written(loop)]
    tiles = {_key(view): view for view in views if _is_tile(view, nest.shared - 1)}
    return list(tiles.values())


def _read(loop: Loop) -> list[View]:
    return [node.view for node in loop.nodes if isinstance(node, Load)]


def _written(loop: Loop) -> list[View]:
    return [result.view for result in loop.results]


def _key(view: View) -> tuple[Any, ...]:
    return view.buffer, view.strides, view.offset, view.shape[-1]


class Blocks:
    """The blocks of rows that the stages of a nest go through.

    Attributes
    ----------
    lanes : int
    last : llvmlite.ir.Value
        The lane of the last row.
    are_rows : llvmlite.ir.Value
        Which lanes have a row of their own.
    rows : llvmlite.ir.Value
        Each lane's row, counted from the first.
    tiles : dict
        Room for tiles, by what they hold.
    filled : set
        Which of them hold what is in memory.
    spare : llvmlite.ir.Value
        Room for as much as the largest of them.
    """

    def __init__(self, builder: ir.IRBuilder, axes: Axes, nest: Nest) -> None:
        self.builder = builder
        self.axes = axes
        self.lanes = lanes_of(nest)
        self.last: Any = None
        self.are_rows: Any = None
        self.rows: Any = None
        self.tiles: dict[tuple[Any, ...], ir.Value] = {}
        self.filled: set[tuple[Any, ...]] = set()
        largest = max([_nbytes(view) for view in _tiles(nest)], default=0)
        self.spare = self.room(scalars.BYTE, largest) if self.lanes else None

    def room(self, type: ir.Type, columns: int) -> ir.Value:
        """Return the address of room for columns."""
        with self.builder.goto_entry_block():
            room = self.builder.alloca(ir.VectorType(type, self.lanes), columns)
            place = self.builder.gep(room, [INDEX(0)], inbounds=True)
        place.type = POINTER
        return place

    @contextlib.contextmanager
    def open(self, extent: int) -> Iterator[None]:
        """Emit a loop over the next axis, that of the rows, a block of them at a time."""
        b, depth, size = self.builder, len(self.axes.counters), INDEX(self.lanes)
        start, stop = self.axes.range(extent)
        length = b.sub(stop, start)
        count = b.udiv(b.add(length, INDEX(self.lanes - 1)), size)
        with counted(b, count, f"i{depth}") as counter:
            done = b.mul(counter, size, flags=("nuw", "nsw"))
            left = b.sub(length, done)
            here = b.select(b.icmp_unsigned("<", left, size), left, size)
            self.last = b.sub(here, INDEX(1))
            lanes = ir.Constant(ir.VectorType(INDEX, self.lanes), list(range(self.lanes)))
            last = vectors.repeated(b, self.last, self.lanes)
            self.are_rows = b.icmp_unsigned("<=", lanes, last)
            self.rows = b.select(self.are_rows, lanes, last)
            self.filled.clear()
            self.axes.counters.append(b.add(start, done, flags=("nuw", "nsw")))
            yield
            del self.axes.counters[depth:]


class LaneStage(Stage):
    """A loop over a block of rows, each of them a lane."""

    def __init__(self, *stage: Any, blocks: Blocks) -> None:
        super().__init__(*stage)
        self.blocks = blocks
        self.lanes = blocks.lanes
        self.rows = self.shared - 1
        """The axis of the rows."""
        self.lane: Any = None
        self.sums: list[ir.Value] = []

    # -- the order of things ---------------------------------------------------------------------

    def begin(self, depth: int) -> None:
        """Emit what is done once the loops over the axes before ``depth`` are open."""
        if depth == self.shared:
            for node in self.loop.nodes:
                if isinstance(node, Load) and _is_tile(node.view, self.rows):
                    self._fill_tile(node.view)
        super().begin(depth)

    def run(self) -> None:
        """Emit the loops over the stage's own axes."""
        super().run()
        written = [result.view for result in self.loop.results]
        roots = [view.memory.root for view in written]
        filled = self.blocks.filled
        filled -= {key for key in filled if key[0].root in roots}
        for view in written:
            if _is_tile(view, self.rows):
                self._call(view, fills=False)
                if roots.count(view.memory.root) == 1:
                    filled.add(_key(view))

    def end(self, depth: int) -> None:
        """Emit what is done once the loops over the axes from ``depth`` on are closed."""
        if not self.sums or depth != self.loop.first_reduced:
            return
        b, reduced = self.builder, [INDEX(0)] * (self.rank - 1 - depth)
        with counted(b, self.loop.shape[-1], "column") as column:
            for result, sums in zip(self.accumulating, self.sums, strict=True):
                dtype = result.value.dtype
                value = self._load_column(sums, column, scalars.register_type(dtype))
                total = across(b, result.combine, dtype.kind, value)
                address = self._address(result.target, [*self.counters, *reduced, column])
                scalars.store(b, total, address, result.view.memory.dtype)

    # -- sums ------------------------------------------------------------------------------------

    def _begin_sums(self) -> None:
        if not self.accumulating:
            return
        starts = [self._nothing(result) for result in self.accumulating]
        columns = self.loop.shape[-1]
        self.sums = [self.blocks.room(start.type.element, columns) for start in starts]
        with counted(self.builder, columns, "start") as column:
            for start, sums in zip(starts, self.sums, strict=True):
                self._store_column(start, sums, column)

    def _store_all(self) -> None:
        self._store_others()
        for result, sums in zip(self.accumulating, self.sums, strict=True):
            value = self._in_lanes(self.values[id(result.value)])
            value = self.builder.select(self.blocks.are_rows, value, self._nothing(result))
            before = self._load_column(sums, self.counters[-1], value.type.element)
            after = self._combined(result, before, value, reassociate=False)
            self._store_column(after, sums, self.counters[-1])

    def _nothing(self, result: Result) -> ir.Value:
        """Return what a reduction starts from, in all lanes."""
        return self._in_lanes(initial(result.combine, result.value.dtype))

    def _start(self, result: Result) -> Accumulator:
        settings = result.combine, result.value.dtype, self.has_fma
        return accumulator(self.builder, *settings, self.lanes)

    # -- columns on the stack --------------------------------------------------------------------

    def _column(self, room: ir.Value, column: ir.Value, type: ir.Type) -> ir.Value:
        column_type = ir.VectorType(type, self.lanes)
        return self.builder.gep(room, [column], inbounds=True, source_etype=column_type)

    def _load_column(self, room: ir.Value, column: ir.Value, type: ir.Type) -> ir.Value:
        place = self._column(room, column, type)
        return self.builder.load(place, typ=ir.VectorType(type, self.lanes))

    def _store_column(self, value: ir.Value, room: ir.Value, column: ir.Value) -> None:
        self.builder.store(value, self._column(room, column, value.type.element))

    # -- tiles -----------------------------------------------------------------------------------

    def _tile(self, view: View) -> ir.Value:
        key, known = _key(view), self.blocks.tiles
        if key not in known:
            known[key] = self.blocks.room(scalars.memory_type(view.memory.dtype), view.shape[-1])
        return known[key]

    def _fill_tile(self, view: View) -> None:
        if _key(view) not in self.blocks.filled:
            self.blocks.filled.add(_key(view))
            self._call(view, fills=True)

    def _call(self, view: View, fills: bool) -> None:
        """Emit the call that fills a tile or writes it."""
        b, module = self.builder, self.builder.module
        place = affine(b, view.offset, view.strides, self.counters[: self.shared])
        first = element(b, self.pointers[view.memory], place, view.memory.dtype)
        stride, columns = INDEX(view.strides[self.rows]), INDEX(view.shape[-1])
        function = form_of(view, self.lanes, fills).declared(module)
        spare = self.blocks.spare
        b.call(function, [first, stride, self.blocks.last, self._tile(view), columns, spare])

    # -- lanes -----------------------------------------------------------------------------------

    def _in_lanes(self, value: ir.Value) -> ir.Value:
        """Return a value in all lanes, if it is not there yet."""
        if isinstance(value.type, ir.VectorType):
            return value
        return vectors.repeated(self.builder, value, self.lanes)

    def _value(self, node: Expression) -> ir.Value:
        b = self.builder
        if isinstance(node, Apply):
            values = [self.values[id(argument)] for argument in node.arguments]
            if any(isinstance(value.type, ir.VectorType) for value in values):
                dtypes = [argument.dtype for argument in node.arguments]
                values = [self._in_lanes(value) for value in values]
                return scalars.emit(b, node.op, node.dtype, dtypes, values, self.has_fma)
        elif isinstance(node, Load) and node.view.buffer is None and self._varies(node.view):
            first = self._in_lanes(super()._value(node))
            stride = self._in_lanes(INDEX(node.view.strides[self.rows]))
            return b.add(first, b.mul(self.blocks.rows, stride))
        return super()._value(node)

    def _varies(self, target: View | Place) -> bool:
        """Whether what lies somewhere differs from row to row."""
        indices = target.indices if isinstance(target, Place) else ()
        values = [self.values[id(index)] for index in indices]
        return self._view(target).strides[self.rows] != 0 or any(
            isinstance(value.type, ir.VectorType) for value in values
        )

    def _read(self, target: View | Place) -> ir.Value:
        b, view = self.builder, self._view(target)
        dtype = view.memory.dtype
        type = scalars.memory_type(dtype)
        if view.memory.kind == "row":
            value = self._load_column(self.pointers[view.memory], self._in_row(view), type)
        elif not self._varies(target):
            return super()._read(target)
        elif _is_tile(view, self.rows):
            value = self._load_column(self._tile(view), self.counters[-1], type)
        elif isinstance(target, View) and view.strides[self.rows] == 1:
            address = self._address(view)
            last = b.load(element(b, address, self.blocks.last, dtype), typ=type)
            others = vectors.repeated(b, last, self.lanes)
            value = vectors.load_some(b, address, self.blocks.are_rows, others, dtype)
        else:
            room = self.blocks.room(type, 1)
            with self._each_lane(target, room, type) as (address, place):
                b.store(b.load(address, typ=type), place)
            value = b.load(room, typ=ir.VectorType(type, self.lanes))
        if dtype.kind == "b":
            return b.icmp_unsigned("!=", value, scalars.splat(value.type, 0))
        return value

    def _write(
        self, result: Result, value: ir.Value, counters: list[ir.Value] | None = None
    ) -> None:
        b, view = self.builder, result.view
        dtype = view.memory.dtype
        type = scalars.memory_type(dtype)
        value = self._in_lanes(value)
        if dtype.kind == "b":
            value = b.zext(value, ir.VectorType(type, self.lanes))
        if view.memory.kind == "row":
            self._store_column(value, self.pointers[view.memory], self._in_row(view))
        elif _is_tile(view, self.rows):
            self._store_column(value, self._tile(view), self.counters[-1])
        elif view.strides[self.rows] == 1:
            vectors.store_some(b, value, self._address(view), self.blocks.are_rows, dtype)
        else:
            room = self.blocks.room(type, 1)
            b.store(value, room)
            with self._each_lane(view, room, type) as (address, place):
                b.store(b.load(place, typ=type), address)

    def _in_row(self, view: View) -> ir.Value:
        """Return which column of a row on the stack a view is at."""
        return affine(self.builder, view.offset, view.strides, self.counters)

    @contextlib.contextmanager
    def _each_lane(
        self, target: View | Place, room: ir.Value, type: ir.Type
    ) -> Iterator[tuple[ir.Value, ir.Value]]:
        """Emit a loop over the lanes; yields an address in memory, and that of an element."""
        b = self.builder
        with counted(b, self.lanes, "lane") as self.lane:
            is_row = b.icmp_unsigned("<", self.lane, self.blocks.last)
            row = b.select(is_row, self.lane, self.blocks.last)
            counters = [*self.counters]
            counters[self.rows] = b.add(counters[self.rows], row)
            address = self._address(target, counters)
            yield address, b.gep(room, [self.lane], inbounds=True, source_etype=type)

    def _index(self, node: Expression) -> ir.Value:
        value = super()._index(node)
        if isinstance(value.type, ir.VectorType):
            return self.builder.extract_element(value, self.lane)
        return value
