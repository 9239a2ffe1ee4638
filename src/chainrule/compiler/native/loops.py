"""From one loop to one LLVM function.

The function takes a pointer per buffer. Every expression is evaluated as far out as its views
allow: what does not change along a row is computed once for it. The innermost loop has no branches
and no calls but of intrinsics, and its pointers are known not to overlap, so LLVM's loop vectorizer
takes it. Sums and products may be added up in another order (``reassoc``), nothing else is relaxed:
NaN, infinities and signed zeros are what they are in NumPy.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from llvmlite import ir

from chainrule.compiler.native import scalars
from chainrule.compiler.native.expressions import Apply, Constant, Expression, Load, Place, nodes
from chainrule.compiler.native.kernels import Loop, Result
from chainrule.compiler.native.nests import Nest, arrange
from chainrule.compiler.native.schedule import identity
from chainrule.compiler.native.views import Buffer, View

INDEX = ir.IntType(64)
POINTER = ir.PointerType()

LONGEST_UNROLLED = 8
"""Longer loops stay loops: the vectorizer makes them fast, copies of their body make them large."""

_PART_SIZES = (512, 512 * 128, 512 * 128**2, 512 * 128**3)
"""Lengths from which on a sum is added up in parts, and those in parts of them."""


@contextlib.contextmanager
def counted(builder: ir.IRBuilder, extent: int | ir.Value, name: str = "i") -> Iterator[ir.Value]:
    """Emit a loop around what is emitted inside; it runs at least once.

    Yields the counter, which runs from 0 to ``extent`` - 1.
    """
    function = builder.function
    before = builder.block
    body = function.append_basic_block(name)
    builder.branch(body)
    builder.position_at_end(body)
    counter = builder.phi(INDEX, name)
    counter.add_incoming(INDEX(0), before)
    yield counter
    following = builder.add(counter, INDEX(1), flags=("nuw", "nsw"))
    counter.add_incoming(following, builder.block)
    after = function.append_basic_block(f"{name}.end")
    limit = INDEX(extent) if isinstance(extent, int) else extent
    back = builder.cbranch(builder.icmp_unsigned("<", following, limit), body, after)
    if not isinstance(extent, int) or extent > LONGEST_UNROLLED:
        back.set_metadata("llvm.loop", _not_unrolled(builder.module, body))
    builder.position_at_end(after)


def _not_unrolled(module: ir.Module, body: ir.Block) -> Any:
    """Return metadata that keep LLVM from unrolling a loop; metadata of a loop refer to itself."""
    hint = module.add_metadata(["llvm.loop.unroll.disable"])
    known = len(module.metadata)
    loop = module.add_metadata([hint, f"{body.name} {known}"])
    loop.operands = (loop, hint)
    return loop


def affine(
    builder: ir.IRBuilder, offset: int, strides: tuple[int, ...], counters: list[ir.Value]
) -> ir.Value:
    """Return ``offset + sum(strides * counters)``."""
    total: ir.Value = INDEX(offset)
    for stride, counter in zip(strides, counters, strict=False):
        if stride == 0:
            continue
        term = counter if stride == 1 else builder.mul(counter, INDEX(stride), flags=("nsw",))
        is_zero = isinstance(total, ir.Constant) and total.constant == 0
        total = term if is_zero else builder.add(total, term, flags=("nsw",))
    return total


def element(
    builder: ir.IRBuilder, pointer: ir.Value, place: ir.Value, dtype: np.dtype[Any]
) -> ir.Value:
    """Return a pointer to an element of a buffer."""
    return builder.gep(pointer, [place], inbounds=True, source_etype=scalars.memory_type(dtype))


def emit_loop(
    module: ir.Module, name: str, loop: Loop, has_fma: bool
) -> tuple[ir.Function, list[Buffer]]:
    """Append a loop's function to a module.

    Returns
    -------
    function : llvmlite.ir.Function
    buffers : list of Buffer
        Those whose pointers the function takes, in order.
    """
    nest = arrange(loop)
    everything = [node.view for node in nodes(*nest.loop.roots) if isinstance(node, (Load, Place))]
    everything += [result.view for result in nest.loop.results]
    buffers = list(dict.fromkeys(view.buffer for view in everything if view.buffer is not None))
    type = ir.FunctionType(ir.VoidType(), [POINTER] * len(buffers))
    function = ir.Function(module, type, name)
    function.linkage = "internal"
    function.attributes.add("nounwind")
    function.attributes.add("noinline")
    for argument, buffer in zip(function.args, buffers, strict=True):
        argument.add_attribute("noalias")
        argument.name = str(buffer)
    pointers = dict(zip(buffers, function.args, strict=True))
    _Emission(ir.IRBuilder(function.append_basic_block("entry")), nest, pointers, has_fma).run()
    return function, buffers


class _Emission:
    """One function being written."""

    def __init__(
        self,
        builder: ir.IRBuilder,
        nest: Nest,
        pointers: dict[Buffer, ir.Value],
        has_fma: bool,
    ) -> None:
        self.builder = builder
        self.nest = nest
        self.loop = nest.loop
        self.rank = len(nest.loop.shape)
        results = nest.loop.results
        self.accumulating = [r for r in results if r.combine and isinstance(r.target, View)]
        self.storing = [r for r in results if r not in self.accumulating]
        self.pointers = pointers
        self.has_fma = has_fma
        self.counters: list[ir.Value] = []
        self.values: dict[int, ir.Value] = {}
        self.by_depth: list[list[Expression]] = [[] for _ in range(len(self.loop.shape) + 1)]
        depths: dict[int, int] = {}
        for node in nodes(*self.loop.roots):
            depths[id(node)] = _depth(node, depths)
            self.by_depth[depths[id(node)]].append(node)

    def run(self) -> None:
        """Emit everything."""
        self._evaluate(0)
        first = self.nest.first_reduced
        if not self.accumulating:
            self._nest(0, self.rank, self._store_others)
        elif self.nest.in_registers:
            self._nest(0, first, self._reduce_in_registers)
        else:
            self._nest(0, first, self._reduce_in_memory)
        self.builder.ret_void()

    def _reduce_in_registers(self) -> None:
        """Emit the reduced loops, all of them inside of what is kept."""
        cells = [self._start(result) for result in self.accumulating]
        last = self.rank - 1
        extent = self.loop.shape[last]
        sizes = [size for size in _PART_SIZES if size < extent] if self._rounds else []

        def row() -> None:
            self._in_parts(sizes, INDEX(0), INDEX(extent), cells)

        self._nest(self.nest.first_reduced, last, row)
        for result, (*_, cell) in zip(self.accumulating, cells, strict=True):
            self._write(result, self.builder.load(cell, typ=_cell_type(result)))

    def _in_parts(
        self, sizes: list[int], start: ir.Value, count: ir.Value, cells: list[list[ir.Value]]
    ) -> None:
        """Emit the innermost loop, over ``count`` positions from ``start`` on.

        A long sum is a sum of sums of parts, so that its rounding error grows with the length of
        the parts and not with its own.
        """
        b = self.builder
        if not sizes:
            with counted(b, count, f"i{self.rank - 1}") as counter:
                self.counters.append(b.add(start, counter, flags=("nuw", "nsw")))
                self._evaluate(self.rank)
                self._store_others()
                for result, own in zip(self.accumulating, cells, strict=True):
                    self._accumulate(result, own)
                self.counters.pop()
            return
        size = INDEX(sizes[-1])
        parts = b.udiv(b.add(count, INDEX(sizes[-1] - 1)), size)
        with counted(b, parts, "part") as part:
            done = b.mul(part, size)
            rest = b.sub(count, done)
            here = b.select(b.icmp_unsigned("<", rest, size), rest, size)
            sums = [self._start(result) for result in self.accumulating]
            self._in_parts(sizes[:-1], b.add(start, done), here, sums)
            for result, (total,), (own,) in zip(self.accumulating, cells, sums, strict=True):
                before, part_sum = [b.load(cell, typ=_cell_type(result)) for cell in (total, own)]
                # In this order: reassociated, it would be one long sum again.
                b.store(self._combined(result, before, part_sum, reassociate=False), total)

    def _reduce_in_memory(self) -> None:
        """Emit the reduced loops around the last kept one, whose results are added to in place."""
        reduced = [INDEX(0)] * (self.nest.after_reduced - self.nest.first_reduced)
        with counted(self.builder, self.loop.shape[-1], "start") as counter:
            for result in self.accumulating:
                first = scalars.constant(_initial(result))
                self._write(result, first, [*self.counters, *reduced, counter])

        def accumulate() -> None:
            self._store_others()
            for result in self.accumulating:
                before = self._read(result.view, self.counters)
                value = self.values[id(result.value)]
                self._write(result, self._combined(result, before, value))

        self._nest(self.nest.first_reduced, self.rank, accumulate)

    @property
    def _rounds(self) -> bool:
        """Whether rounding errors add up, and the loop can be cut."""
        hows = {r.combine for r in self.accumulating if r.value.dtype.kind == "f"}
        return bool(hows & {"add", "multiply"}) and not hows & {"argmax", "argmin"}

    def _store_others(self) -> None:
        for result in self.storing:
            self._store(result)

    def _nest(self, start: int, stop: int, inside: Callable[[], None]) -> None:
        """Emit the loops over axes ``start`` to ``stop`` around what ``inside`` emits."""
        if start == stop:
            inside()
            return
        with counted(self.builder, self.loop.shape[start], f"i{start}") as counter:
            self.counters.append(counter)
            self._evaluate(start + 1)
            self._nest(start + 1, stop, inside)
            del self.counters[start:]

    # -- expressions -----------------------------------------------------------------------------

    def _evaluate(self, depth: int) -> None:
        """Emit what depends on the loops open so far and on no others."""
        for node in self.by_depth[depth]:
            self.values[id(node)] = self._value(node)

    def _value(self, node: Expression) -> ir.Value:
        if isinstance(node, Constant):
            return scalars.constant(node.value)
        if isinstance(node, Load):
            if node.view.buffer is None:
                return affine(self.builder, node.view.offset, node.view.strides, self.counters)
            return self._read(node.view, self.counters)
        if isinstance(node, Place):
            return scalars.load(self.builder, self._address(node), node.dtype)
        return scalars.emit(
            self.builder,
            node.op,
            node.dtype,
            [argument.dtype for argument in node.arguments],
            [self.values[id(argument)] for argument in node.arguments],
            self.has_fma,
        )

    def _address(self, target: View | Place, counters: list[ir.Value] | None = None) -> ir.Value:
        b = self.builder
        view = target.view if isinstance(target, Place) else target
        counters = self.counters if counters is None else counters
        place = affine(b, view.offset, view.strides, counters)
        if isinstance(target, Place):
            for index, extent, stride in zip(
                target.indices, target.extents, target.strides, strict=True
            ):
                position = self.values[id(index)]
                from_end = b.add(position, INDEX(extent), flags=("nsw",))
                is_negative = b.icmp_signed("<", position, INDEX(0))
                position = b.select(is_negative, from_end, position)
                place = b.add(place, b.mul(position, INDEX(stride), flags=("nsw",)))
        return element(b, self.pointers[view.memory], place, view.memory.dtype)

    def _read(self, view: View, counters: list[ir.Value]) -> ir.Value:
        return scalars.load(self.builder, self._address(view, counters), view.memory.dtype)

    # -- results ---------------------------------------------------------------------------------

    def _store(self, result: Result) -> None:
        value = self.values[id(result.value)]
        if result.combine:
            before = scalars.load(self.builder, self._address(result.target), result.value.dtype)
            value = self._combined(result, before, value, reassociate=False)
        self._write(result, value)

    def _write(
        self, result: Result, value: ir.Value, counters: list[ir.Value] | None = None
    ) -> None:
        buffer = result.view.memory
        address = self._address(result.target, counters)
        scalars.store(self.builder, value, address, buffer.dtype)

    def _combined(
        self, result: Result, before: ir.Value, value: ir.Value, reassociate: bool = True
    ) -> ir.Value:
        dtype = result.value.dtype
        scalar = scalars.Scalar(self.builder, dtype, dtype, self.has_fma, reassociate)
        return scalars.EMITTERS[result.combine](scalar, before, value)

    def _start(self, result: Result) -> list[ir.Value]:
        """Set up the registers of a reduction: what is combined, and for a position that too."""
        with self.builder.goto_entry_block():
            cells = [self.builder.alloca(scalars.register_type(result.value.dtype))]
            if result.combine.startswith("arg"):
                cells.append(self.builder.alloca(INDEX))
        self.builder.store(scalars.constant(_initial(result)), cells[0])
        if len(cells) > 1:
            self.builder.store(INDEX(0), cells[1])
        return cells

    def _accumulate(self, result: Result, cells: list[ir.Value]) -> None:
        b = self.builder
        before = b.load(cells[0], typ=scalars.register_type(result.value.dtype))
        value = self.values[id(result.value)]
        if len(cells) == 1:
            b.store(self._combined(result, before, value), cells[0])
            return
        dtype = result.value.dtype
        scalar = scalars.Scalar(b, dtype, dtype, self.has_fma)
        better = scalar.compare(">" if result.combine == "argmax" else "<", value, before)
        if dtype.kind == "f":
            # The first NaN wins.
            is_nan = b.fcmp_unordered("uno", value, value)
            better = b.and_(b.or_(better, is_nan), b.fcmp_ordered("ord", before, before))
        b.store(b.select(better, value, before), cells[0])
        position = b.load(cells[1], typ=INDEX)
        b.store(b.select(better, self.counters[self.nest.first_reduced], position), cells[1])


def _cell_type(result: Result) -> ir.Type:
    if result.combine.startswith("arg"):
        return INDEX
    return scalars.register_type(result.value.dtype)


def _initial(result: Result) -> Any:
    """Return what a reduction starts from; for sums -0, since -0 + -0 is -0 and 0 + -0 is not."""
    dtype = result.value.dtype
    if result.combine == "add" and dtype.kind == "f":
        return dtype.type(-0.0)
    return identity(result.combine, dtype)


def _depth(node: Expression, depths: dict[int, int]) -> int:
    """Return how many loops have to be open for an expression to be evaluated."""
    if isinstance(node, Constant):
        return 0
    below = 0
    if isinstance(node, Apply):
        return max([depths[id(argument)] for argument in node.arguments])
    if isinstance(node, Place):
        below = max([depths[id(index)] for index in node.indices])
    varying = [axis for axis, stride in enumerate(node.view.strides) if stride]
    return max(below, varying[-1] + 1 if varying else 0)
