"""From steps to an LLVM module with one entry point.

``run(objects, constants, arena)`` takes the addresses of the NumPy array objects that are inputs
and outputs, those of the constants' elements, and the memory for temporaries. It returns 0, or 1
if a `Guard` left, or `threads.INTERRUPTED`. Loops become `units`, called from here, by several
threads if they are long (see `regions`); what holds blocks becomes branches around their steps.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from chainrule.compiler.native import blas, matrices, products, row_lanes, scalars, tiles
from chainrule.compiler.native.calls import emit_call
from chainrule.compiler.native.chunks import Chunks, chunks_of_kernel, cut
from chainrule.compiler.native.compilation import ROWS, VECTORS
from chainrule.compiler.native.efforts import Efforts
from chainrule.compiler.native.functions import emit_nest
from chainrule.compiler.native.kernels import (
    Block,
    Branch,
    Call,
    Carry,
    Guard,
    Kernel,
    Product,
    Repeat,
    Row,
    Sort,
    Step,
    While,
)
from chainrule.compiler.native.loading import DATA_OFFSET, ENTRY
from chainrule.compiler.native.loops import INDEX, POINTER, affine, counted, element, table
from chainrule.compiler.native.radix import SORT, emit_sort
from chainrule.compiler.native.regions import Regions, Values
from chainrule.compiler.native.threads import BETWEEN_LOOKS
from chainrule.compiler.native.tiles import Form, emit_tile
from chainrule.compiler.native.transposes import SIGNATURE as TRANSPOSITION
from chainrule.compiler.native.transposes import (
    Transposition,
    emit_transposition,
    transposition,
)
from chainrule.compiler.native.units import Units
from chainrule.compiler.native.views import Buffer, View
from chainrule.compiler.native.work import ROUNDS, block_work, work

STATUS = ir.IntType(32)


class Driver:
    """Emits the module of a program, which calls units and computes nothing itself.

    Parameters
    ----------
    offsets : dict
        Where in the arena each temporary lies, in bytes.
    num_inputs : int
        The objects handed over are the inputs, then the outputs.
    has_fma : bool
        Whether the CPU has a fused multiply-add.
    units : Units
        Makes the functions that are called.
    """

    def __init__(
        self, offsets: dict[Buffer, int], num_inputs: int, has_fma: bool, units: Units
    ) -> None:
        self.module = ir.Module("chainrule")
        self.offsets = offsets
        self.num_inputs = num_inputs
        self.has_fma = has_fma
        self.units = units
        self.pointers: dict[Buffer, ir.Value] = {}
        type = ir.FunctionType(STATUS, [POINTER] * 3)
        self.function = ir.Function(self.module, type, ENTRY)
        self.function.attributes.add("nounwind")
        self.objects, self.constants, self.arena = self.function.args
        self.arena.add_attribute("noalias")
        self.entry = self.function.append_basic_block("entry")
        start = self.function.append_basic_block("start")
        self.leave = self.function.append_basic_block("leave")
        # The entry block holds addresses, so that they are known wherever they are used.
        self.addresses = ir.IRBuilder(self.entry)
        self.addresses.position_before(self.addresses.branch(start))
        self.builder = ir.IRBuilder(start)
        self.regions = Regions(self.builder, self.addresses)

    def emitted(self, block: Block) -> ir.Module:
        """Return the module of a program: a block, and the ways out."""
        self.efforts = Efforts(block, self.has_fma)
        self.block(block)
        self.builder.ret(STATUS(0))
        self.regions.finish()
        ir.IRBuilder(self.leave).ret(STATUS(1))
        return self.module

    def block(self, block: Block) -> None:
        """Emit the steps of a block."""
        for step in block.steps:
            self.step(step)

    def step(self, step: Step) -> None:
        """Emit a step."""
        if isinstance(step, Kernel):
            self.kernel(step)
        elif isinstance(step, Product):
            self.product(step)
        elif isinstance(step, Sort):
            self.sort(step)
        elif isinstance(step, Call):
            self.regions.hold_blas()
            emit_call(self.builder, step, self.first_element)
            self.regions.release_blas()
        elif isinstance(step, Guard):
            after = self.function.append_basic_block("checked")
            self.builder.cbranch(self.flag(step.flag), self.leave, after)
            self.builder.position_at_end(after)
        elif isinstance(step, Repeat):
            self.repeat(step)
        elif isinstance(step, While):
            self.while_(step)
        else:
            self.branch(step)

    # -- addresses -------------------------------------------------------------------------------

    def pointer(self, buffer: Buffer) -> ir.Value:
        """Return the address of a buffer."""
        if buffer not in self.pointers:
            b = self.addresses
            if buffer.kind == "arena":
                # What no step touches has no place, but its address may be asked for.
                address = b.gep(
                    self.arena,
                    [INDEX(self.offsets.get(buffer, 0))],
                    inbounds=True,
                    source_etype=scalars.BYTE,
                )
            elif buffer.kind == "constant":
                address = self._table_entry(self.constants, buffer.number)
            else:
                number = buffer.number + (self.num_inputs if buffer.kind == "output" else 0)
                array = self._table_entry(self.objects, number)
                place = b.gep(array, [INDEX(DATA_OFFSET)], inbounds=True, source_etype=scalars.BYTE)
                address = b.load(place, typ=POINTER)
            self.pointers[buffer] = address
        return self.pointers[buffer]

    def _table_entry(self, table: ir.Value, number: int) -> ir.Value:
        b = self.addresses
        place = b.gep(table, [INDEX(number)], inbounds=True, source_etype=POINTER)
        return b.load(place, typ=POINTER)

    def first_element(self, view: View) -> ir.Value:
        """Return the address at which a view starts."""
        pointer = self.pointer(view.memory)
        if not view.offset:
            return pointer
        return element(self.builder, pointer, INDEX(view.offset), view.memory.dtype)

    def flag(self, view: View) -> ir.Value:
        """Load a truth value."""
        return scalars.load(self.builder, self.first_element(view), view.memory.dtype)

    # -- steps without blocks --------------------------------------------------------------------

    def kernel(self, kernel: Kernel) -> None:
        """Emit loops over positions: the call of a unit, or of one for every chunk."""
        nest = self.efforts.arranged(kernel)
        chunks = chunks_of_kernel(nest)
        copy = transposition(nest)
        if copy is not None:
            self.copy(copy, chunks)
            return
        unit = self.efforts.unit(kernel)
        nest, ranged, description, buffers = unit
        type = ir.FunctionType(ir.VoidType(), [POINTER] * len(buffers) + [INDEX] * (2 * ranged))

        def emit(function: ir.Function) -> None:
            emit_nest(function, nest, buffers, self.has_fma, ranged)

        for form in row_lanes.forms_of(nest):
            self.tile(form)
        effort = self.efforts.of(unit)
        function = self.units.function(self.module, description, type, emit, effort)

        def part(b: ir.IRBuilder, pointers: Values, start: ir.Value, stop: ir.Value) -> None:
            b.call(function, [*pointers, start, stop] if ranged else pointers)

        self.regions.run(chunks, [self.pointer(buffer) for buffer in buffers], part)

    def tile(self, form: Form) -> None:
        """Ask for the code that fills or writes tiles, which units call."""

        def emit(function: ir.Function) -> None:
            emit_tile(function, form)

        self.units.function(self.module, str(form), tiles.SIGNATURE, emit, VECTORS)

    def copy(self, copy: Transposition, chunks: Chunks) -> None:
        """Emit a copy that transposes."""
        form = copy.form

        def emit(function: ir.Function) -> None:
            emit_transposition(function, form)

        name = f"transposition {form}"
        function = self.units.function(self.module, name, TRANSPOSITION, emit, VECTORS)
        numbers = table(self.module, copy.numbers)

        def part(b: ir.IRBuilder, pointers: Values, start: ir.Value, stop: ir.Value) -> None:
            b.call(function, [*pointers, numbers, start, stop])

        starts = [self.first_element(view) for view in (copy.source, copy.target)]
        self.regions.run(chunks, starts, part)

    def product(self, step: Product) -> None:
        """Emit a product by code made for its shape, or by BLAS."""
        if not matrices.is_served(step):
            self.library_product(step)
            return
        rows = products.rows_of(step, self.units, self.module, self.has_fma)
        views = (step.left, step.right, step.target)
        starts = [self.first_element(view) for view in views]
        if step.epilogue:
            starts[2:] = [self.pointer(buffer) for buffer in rows.buffers]

        def one(b: ir.IRBuilder, starts: Values, start: ir.Value, stop: ir.Value) -> None:
            b.call(rows.function, [*starts[:2], rows.extents, *starts[2:], start, stop])

        def several(b: ir.IRBuilder, starts: Values, start: ir.Value, stop: ir.Value) -> None:
            with counted(b, b.sub(stop, start), "matrix") as counter:
                number = b.add(start, counter)
                places = [
                    element(b, place, affine(b, 0, view.strides, [number]), view.memory.dtype)
                    for place, view in zip(starts, views, strict=True)
                ]
                one(b, places, INDEX(0), INDEX(step.target.shape[1]))

        if step.target.shape[0] == 1:
            chunks, part = cut(step.target.shape[1], work(step), rows.least), one
        else:
            chunks, part = cut(step.target.shape[0], work(step)), several
        self.regions.run(chunks, starts, part)

    def library_product(self, step: Product) -> None:
        """Emit a product by BLAS, block after block of one matrix after the other."""
        views = (step.left, step.right, step.target)
        count, *sides = step.target.shape
        height, width = map(blas.block_size, sides)
        down, across = -(-sides[0] // height), -(-sides[1] // width)

        def part(b: ir.IRBuilder, starts: Values, start: ir.Value, stop: ir.Value) -> None:
            with counted(b, b.sub(stop, start), "block") as counter:
                number = b.add(start, counter)
                matrix, block = _divided(b, number, down * across)
                row, column = [
                    b.mul(i, INDEX(size))
                    for i, size in zip(_divided(b, block, across), (height, width), strict=True)
                ]
                positions = [matrix, row, column]
                places = []
                for place, view, axes in zip(
                    starts, views, ((0, 1), (0, 2), (0, 1, 2)), strict=True
                ):
                    strides = tuple([view.strides[axis] for axis in axes])
                    moved = affine(b, 0, strides, [positions[axis] for axis in axes])
                    places.append(element(b, place, moved, view.memory.dtype))
                sizes = [
                    _at_most(b, INDEX(size), b.sub(INDEX(side), first))
                    for size, side, first in zip((height, width), sides, (row, column), strict=True)
                ]
                blas.emit_gemm(b, step, places, *sizes)

        starts = [self.first_element(view) for view in views]
        self.regions.run(cut(count * down * across, work(step)), starts, part, calls_blas=True)

    def sort(self, step: Sort) -> None:
        """Emit sorting, row after row."""
        source, target = step.source.memory, step.target.memory

        def emit(function: ir.Function) -> None:
            emit_sort(function, source.dtype)

        # There is next to nothing in it to be made vectors of.
        function = self.units.function(self.module, f"order {source.dtype}", SORT, emit, ROWS)
        rows, extent = step.source.shape
        scratch = [self.pointer(buffer) for buffer in step.scratch]
        starts = self.first_element(step.source), self.first_element(step.target)
        with counted(self.builder, rows, "row") as counter:
            start = self.builder.mul(counter, INDEX(extent))
            row = element(self.builder, starts[0], start, source.dtype)
            order = element(self.builder, starts[1], start, target.dtype)
            self.builder.call(function, [row, order, INDEX(extent), *scratch])
            if work(step) > BETWEEN_LOOKS:
                self.regions.count(work(step) / rows)

    # -- steps with blocks -----------------------------------------------------------------------

    def branch(self, step: Branch) -> None:
        """Emit two blocks of which a flag chooses one."""
        with self.builder.if_else(self.flag(step.flag)) as (then, otherwise):
            with then:
                self.block(step.holds)
            with otherwise:
                self.block(step.fails)

    def repeat(self, step: Repeat) -> None:
        """Emit a block that runs a number of times."""
        b = self.builder
        bases = [self.first_element(row.base) for row in step.rows]
        starts = [self._starts(carry) for carry in step.carries]
        before = b.block
        with counted(b, step.length, "step") as counter:
            phis = [
                self._alternating(carry, before, s)
                for carry, s in zip(step.carries, starts, strict=True)
            ]
            number = b.sub(INDEX(step.length - 1), counter) if step.reverse else counter
            for row, base in zip(step.rows, bases, strict=True):
                self._row(row, base, number)
            with self.regions.repeated(step.length):
                self.block(step.body)
            if work(step) > BETWEEN_LOOKS:
                self.regions.count(block_work(step.body))
            for group in phis:
                self._turn(group)

    def _starts(self, carry: Carry) -> tuple[ir.Value, ir.Value, ir.Value]:
        return self.first_element(carry.initial), self.pointer(carry.even), self.pointer(carry.odd)

    def _alternating(
        self, carry: Carry, before: ir.Block, starts: tuple[ir.Value, ir.Value, ir.Value]
    ) -> list[Any]:
        """Emit pointers to what is read, what is written, and what is written next."""
        b = self.builder
        # Phis have to stand at the head of their block, which holds nothing else yet.
        phis = [b.phi(POINTER) for _ in range(3)]
        for phi, start in zip(phis, starts, strict=True):
            phi.add_incoming(start, before)
        self.pointers[carry.current], self.pointers[carry.next] = phis[0], phis[1]
        return phis

    def _turn(self, phis: list[Any]) -> None:
        """Let the next step read what this one wrote."""
        _, written, spare = phis
        for phi, following in zip(phis, (written, spare, written), strict=True):
            phi.add_incoming(following, self.builder.block)

    def _row(self, row: Row, base: ir.Value, number: ir.Value) -> None:
        place = self.builder.mul(number, INDEX(row.stride))
        self.pointers[row.pointer] = element(self.builder, base, place, row.pointer.dtype)

    def while_(self, step: While) -> None:
        """Emit a block that runs until a flag says no."""
        b = self.builder
        starts = [self._starts(carry) for carry in step.carries]
        before = b.block
        head, body, end = [
            self.function.append_basic_block(name) for name in ("test", "step", "stop")
        ]
        b.branch(head)
        b.position_at_end(head)
        phis = [
            self._alternating(carry, before, s)
            for carry, s in zip(step.carries, starts, strict=True)
        ]
        with self.regions.repeated(ROUNDS):
            self.block(step.condition)
            b.cbranch(self.flag(step.flag), body, end)
            b.position_at_end(body)
            self.block(step.body)
        self.regions.count(block_work(step.condition) + block_work(step.body))
        for group in phis:
            self._turn(group)
        b.branch(head)
        b.position_at_end(end)
        for carry, result in zip(step.carries, step.results, strict=True):
            self._copy(self.pointers[carry.current], result)

    def _copy(self, source: ir.Value, target: View) -> None:
        dtype, to = target.memory.dtype, self.first_element(target)
        if not target.size:
            return
        with counted(self.builder, target.size, "copy") as i:
            value = self.builder.load(
                element(self.builder, source, i, dtype), typ=scalars.memory_type(dtype)
            )
            self.builder.store(value, element(self.builder, to, i, dtype))


def _divided(b: ir.IRBuilder, number: ir.Value, by: int) -> tuple[ir.Value, ir.Value]:
    """Return quotient and remainder."""
    return b.udiv(number, INDEX(by)), b.urem(number, INDEX(by))


def _at_most(b: ir.IRBuilder, x: ir.Value, y: ir.Value) -> ir.Value:
    """Return the smaller one of two numbers."""
    return b.select(b.icmp_unsigned("<", x, y), x, y)
