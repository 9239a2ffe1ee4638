"""One loop of a nest as LLVM code.

Every expression is evaluated as far out as its views allow: what does not change along a row is
computed once for it. The innermost loops have no branches and no calls but of intrinsics, so LLVM's
loop vectorizer takes them. Sums and products may be added up in another order (``reassoc``),
nothing else is relaxed: NaN, infinities and signed zeros are what they are in NumPy.
"""

from __future__ import annotations

from collections.abc import Callable

from llvmlite import ir

from chainrule.compiler.native import scalars
from chainrule.compiler.native.accumulators import Accumulator, accumulator, combined, initial
from chainrule.compiler.native.expressions import Apply, Constant, Expression, Load, Place
from chainrule.compiler.native.kernels import Loop, Nest, Result
from chainrule.compiler.native.loops import INDEX, Axes, affine, counted, element
from chainrule.compiler.native.views import Buffer, View

_PART_SIZES = (512, 512 * 128, 512 * 128**2, 512 * 128**3)
"""Lengths from which on a sum is added up in parts, and those in parts of them."""


class Stage:
    """One loop of a nest being written, within the loops over the axes that all stages share."""

    def __init__(
        self,
        builder: ir.IRBuilder,
        nest: Nest,
        loop: Loop,
        pointers: dict[Buffer, ir.Value],
        axes: Axes,
        has_fma: bool,
    ) -> None:
        self.builder = builder
        self.loop = loop
        self.shared = nest.shared
        self.rank = len(loop.shape)
        self.accumulating = [r for r in loop.results if r.combine and isinstance(r.target, View)]
        self.storing = [r for r in loop.results if r not in self.accumulating]
        self.pointers = pointers
        self.has_fma = has_fma
        self.axes = axes
        self.counters = axes.counters
        self.values: dict[int, ir.Value] = {}
        self.by_depth: list[list[Expression]] = [[] for _ in range(self.rank + 1)]
        # What other stages write is there when this one's turn has come, and not before.
        changing = nest.writes() if len(nest.stages) > 1 else frozenset()
        depths: dict[int, int] = {}
        for node in loop.nodes:
            depth = _depth(node, depths)
            if isinstance(node, (Load, Place)) and node.view.buffer is not None:
                depth = max(depth, nest.shared if node.view.buffer.root in changing else 0)
            depths[id(node)] = depth
            self.by_depth[depth].append(node)

    def begin(self, depth: int) -> None:
        """Emit what is done once the loops over the axes before ``depth`` are open."""
        for node in self.by_depth[depth]:
            self.values[id(node)] = self._value(node)
        if depth == self.loop.first_reduced and not self.loop.in_registers:
            self._begin_sums()

    def run(self) -> None:
        """Emit the loops over the stage's own axes."""
        if self.accumulating and self.loop.in_registers:
            self._nest(self.shared, self.loop.first_reduced, self._reduce_in_registers)
        else:
            self._nest(self.shared, self.rank, self._store_all)

    def end(self, depth: int) -> None:
        """Emit what is done once the loops over the axes from ``depth`` on are closed."""

    def _nest(self, start: int, stop: int, inside: Callable[[], None]) -> None:
        """Emit the loops over axes ``start`` to ``stop`` around what ``inside`` emits."""
        if start == stop:
            inside()
            return
        with self.axes.open(self.loop.shape[start]):
            self.begin(start + 1)
            self._nest(start + 1, stop, inside)
            self.end(start + 1)

    # -- sums ------------------------------------------------------------------------------------

    def _begin_sums(self) -> None:
        """Set up the sums that are kept while the loops over them run."""
        self._fill(self.loop.first_reduced, [])

    def _fill(self, axis: int, counters: list[ir.Value]) -> None:
        """Emit the loops that set sums in memory to what they start from."""
        if axis == self.rank:
            for result in self.accumulating:
                start = initial(result.combine, result.value.dtype)
                self._write(result, start, [*self.counters, *counters])
        elif self.loop.reduced[axis]:
            self._fill(axis + 1, [*counters, INDEX(0)])
        else:
            with counted(self.builder, self.loop.shape[axis], "start") as counter:
                self._fill(axis + 1, [*counters, counter])

    def _store_all(self) -> None:
        """Emit the results of one position, added to what is in memory where they accumulate."""
        self._store_others()
        for result in self.accumulating:
            before = self._read(result.target)
            value = self.values[id(result.value)]
            self._write(result, self._combined(result, before, value, reassociate=True))

    def _reduce_in_registers(self) -> None:
        """Emit the reduced loops, all of them inside of what is kept."""
        totals = [self._start(result) for result in self.accumulating]
        last = self.rank - 1
        extent = self.loop.shape[last]
        sizes = [size for size in _PART_SIZES if size < extent] if self._rounds else []

        def row() -> None:
            self._in_parts(sizes, INDEX(0), INDEX(extent), totals)

        self._nest(self.loop.first_reduced, last, row)
        for result, total in zip(self.accumulating, totals, strict=True):
            self._write(result, total.result())

    def _in_parts(
        self, sizes: list[int], start: ir.Value, count: ir.Value, totals: list[Accumulator]
    ) -> None:
        """Emit the innermost loop, over ``count`` positions from ``start`` on.

        A long sum is a sum of sums of parts, so that its rounding error grows with the length of
        the parts and not with its own.
        """
        b = self.builder
        if not sizes:
            with counted(b, count, f"i{self.rank - 1}") as counter:
                self.counters.append(b.add(start, counter, flags=("nuw", "nsw")))
                self.begin(self.rank)
                self._store_others()
                position = self.counters[self.loop.first_reduced]
                for result, total in zip(self.accumulating, totals, strict=True):
                    total.add(self.values[id(result.value)], position)
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
            for total, part_sum in zip(totals, sums, strict=True):
                total.add_part(part_sum)

    @property
    def _rounds(self) -> bool:
        """Whether rounding errors add up, and the loop can be cut."""
        hows = {r.combine for r in self.accumulating if r.value.dtype.kind == "f"}
        return bool(hows & {"add", "multiply"}) and not hows & {"argmax", "argmin"}

    def _store_others(self) -> None:
        for result in self.storing:
            self._store(result)

    # -- expressions -----------------------------------------------------------------------------

    def _value(self, node: Expression) -> ir.Value:
        if isinstance(node, Constant):
            return scalars.constant(node.value)
        if isinstance(node, Load):
            if node.view.buffer is None:
                return affine(self.builder, node.view.offset, node.view.strides, self.counters)
            return self._read(node.view)
        if isinstance(node, Place):
            return self._read(node)
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
        view = self._view(target)
        counters = self.counters if counters is None else counters
        place = affine(b, view.offset, view.strides, counters)
        if isinstance(target, Place):
            for index, extent, stride in zip(
                target.indices, target.extents, target.strides, strict=True
            ):
                position = self._index(index)
                from_end = b.add(position, INDEX(extent), flags=("nsw",))
                is_negative = b.icmp_signed("<", position, INDEX(0))
                position = b.select(is_negative, from_end, position)
                place = b.add(place, b.mul(position, INDEX(stride), flags=("nsw",)))
        return element(b, self.pointers[view.memory], place, view.memory.dtype)

    def _index(self, node: Expression) -> ir.Value:
        return self.values[id(node)]

    def _view(self, target: View | Place) -> View:
        return target.view if isinstance(target, Place) else target

    def _read(self, target: View | Place) -> ir.Value:
        return self._load(target, self._address(target))

    def _load(self, target: View | Place, address: ir.Value) -> ir.Value:
        return scalars.load(self.builder, address, self._view(target).memory.dtype)

    def _store_at(self, target: View | Place, address: ir.Value, value: ir.Value) -> None:
        scalars.store(self.builder, value, address, self._view(target).memory.dtype)

    # -- results ---------------------------------------------------------------------------------

    def _store(self, result: Result) -> None:
        value = self.values[id(result.value)]
        if result.combine:
            value = self._combined(result, self._read(result.target), value, reassociate=False)
        self._write(result, value)

    def _write(
        self, result: Result, value: ir.Value, counters: list[ir.Value] | None = None
    ) -> None:
        self._store_at(result.target, self._address(result.target, counters), value)

    def _combined(
        self, result: Result, before: ir.Value, value: ir.Value, reassociate: bool
    ) -> ir.Value:
        settings = result.combine, result.value.dtype, self.has_fma
        return combined(self.builder, *settings, (before, value), reassociate)

    def _start(self, result: Result) -> Accumulator:
        return accumulator(self.builder, result.combine, result.value.dtype, self.has_fma)


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
