"""From steps to an LLVM module with one entry point.

``run(objects, constants, arena)`` takes the addresses of the NumPy array objects that are inputs
and outputs, those of the constants' elements, and the memory for temporaries. It returns 0, or 1
if a `Guard` left. Loops become functions of their own, called from here; what holds blocks becomes
branches around their steps.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from chainrule.compiler.native import blas, scalars
from chainrule.compiler.native.kernels import (
    Block,
    Branch,
    Carry,
    Guard,
    Loop,
    Product,
    Repeat,
    Row,
    Sort,
    Step,
    While,
)
from chainrule.compiler.native.loops import INDEX, POINTER, counted, element, emit_loop
from chainrule.compiler.native.radix import emit_sort
from chainrule.compiler.native.views import Buffer, View

STATUS = ir.IntType(32)
ENTRY = "run"

# Where CPython keeps the address of an array's elements: right after the head of the object.
DATA_OFFSET = object.__basicsize__


def emit_module(
    block: Block, offsets: dict[Buffer, int], num_inputs: int, has_fma: bool
) -> ir.Module:
    """Return the module of a program.

    Parameters
    ----------
    block : Block
    offsets : dict
        Where in the arena each temporary lies, in bytes.
    num_inputs : int
        The objects handed over are the inputs, then the outputs.
    has_fma : bool
        Whether the CPU has a fused multiply-add.
    """
    return _Program(offsets, num_inputs, has_fma).emitted(block)


class _Program:
    def __init__(self, offsets: dict[Buffer, int], num_inputs: int, has_fma: bool) -> None:
        self.module = ir.Module("chainrule")
        self.offsets = offsets
        self.num_inputs = num_inputs
        self.has_fma = has_fma
        self.pointers: dict[Buffer, ir.Value] = {}
        self.num_loops = 0
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

    def emitted(self, block: Block) -> ir.Module:
        """Emit a block and the ways out."""
        self.block(block)
        self.builder.ret(STATUS(0))
        ir.IRBuilder(self.leave).ret(STATUS(1))
        return self.module

    def block(self, block: Block) -> None:
        for step in block.steps:
            self.step(step)

    def step(self, step: Step) -> None:
        if isinstance(step, Loop):
            self.loop(step)
        elif isinstance(step, Product):
            self.product(step)
        elif isinstance(step, Sort):
            self.sort(step)
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

    def loop(self, loop: Loop) -> None:
        name = f"loop{self.num_loops}"
        self.num_loops += 1
        function, buffers = emit_loop(self.module, name, loop, self.has_fma)
        self.builder.call(function, [self.pointer(buffer) for buffer in buffers])

    def product(self, step: Product) -> None:
        views = (step.left, step.right, step.target)
        starts = [self.first_element(view) for view in views]
        count = step.target.shape[0]
        if count == 1:
            blas.emit_gemm(self.builder, *views, (starts[0], starts[1], starts[2]))
            return
        with counted(self.builder, count, "matrix") as counter:
            places = []
            for view, start in zip(views, starts, strict=True):
                step_by = self.builder.mul(counter, INDEX(view.strides[0]))
                places.append(element(self.builder, start, step_by, view.memory.dtype))
            blas.emit_gemm(self.builder, *views, (places[0], places[1], places[2]))

    def sort(self, step: Sort) -> None:
        source, target = step.source.memory, step.target.memory
        function = emit_sort(self.module, source.dtype)
        rows, extent = step.source.shape
        scratch = [self.pointer(buffer) for buffer in step.scratch]
        starts = self.first_element(step.source), self.first_element(step.target)
        with counted(self.builder, rows, "row") as counter:
            start = self.builder.mul(counter, INDEX(extent))
            row = element(self.builder, starts[0], start, source.dtype)
            order = element(self.builder, starts[1], start, target.dtype)
            self.builder.call(function, [row, order, INDEX(extent), *scratch])

    # -- steps with blocks -----------------------------------------------------------------------

    def branch(self, step: Branch) -> None:
        with self.builder.if_else(self.flag(step.flag)) as (then, otherwise):
            with then:
                self.block(step.holds)
            with otherwise:
                self.block(step.fails)

    def repeat(self, step: Repeat) -> None:
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
            self.block(step.body)
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
        self.block(step.condition)
        b.cbranch(self.flag(step.flag), body, end)
        b.position_at_end(body)
        self.block(step.body)
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
