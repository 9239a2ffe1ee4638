"""Merging kernels.

Two loops over the same positions become one loop if nothing that runs between them stands in the
way and they share something: an array both read, or one that the first writes and the second reads
at the same positions. In the latter case the second takes the value from a register.

Kernels over the same rows become the stages of one nest (see `rows`): maximum, sum and quotient of
a softmax, say.

An array that nothing else reads is not written at all then, or only a row of it at a time.
"""

from __future__ import annotations

import functools
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator

from chainrule.compiler.native.expressions import Expression, Load, Place, replaced_in
from chainrule.compiler.native.kernels import (
    Block,
    Guard,
    Kernel,
    Loop,
    Nest,
    Result,
    Step,
    blocks_of,
)
from chainrule.compiler.native.rows import rows_on_stack, shared_axes
from chainrule.compiler.native.special_functions import calls_routines
from chainrule.compiler.native.views import Buffer

MOST_BUFFERS = 16
"""A merged loop reads and writes no more arrays than this."""

MOST_NODES = 160
"""A merged loop computes no more than this per position."""

MOST_STAGES = 16
"""A nest has no more stages than this."""

Join = Callable[[Kernel, Kernel], Callable[[], Kernel] | None]
"""Returns what makes one kernel of two, or None if that cannot or need not be."""

Finish = Callable[[Kernel, Kernel, Kernel], Kernel]
"""Told of two kernels and what they were merged into; returns what takes their place."""


def fuse(block: Block) -> None:
    """Merge the kernels of a block and of those inside, in place."""
    for step in block.steps:
        for inner in blocks_of(step):
            fuse(inner)
    readers = _Readers(block)
    _merge_all(block.steps, _same_positions, readers.after_merging)
    _merge_all(block.steps, _same_rows, readers.after_merging)
    accesses = Counter([b for step in block.steps for b in step.reads() | step.writes()])
    for position, step in enumerate(block.steps):
        if isinstance(step, Nest):
            own = [b for b in block.buffers if b in step.writes() and accesses[b] == 1]
            block.steps[position] = rows_on_stack(step, own)


class _Readers:
    """How many steps of a block read each buffer, kept up as steps are merged."""

    def __init__(self, block: Block) -> None:
        self.own = frozenset(block.buffers)
        self.count = Counter([buffer for step in block.steps for buffer in step.reads()])

    def after_merging(self, first: Kernel, second: Kernel, merged: Kernel) -> Kernel:
        """Return the merged kernel without the results that nothing reads."""
        self.count.subtract(first.reads())
        self.count.subtract(second.reads())
        needed = self._pruned(merged)
        self.count.update(needed.reads())
        return needed

    def _pruned(self, kernel: Kernel) -> Kernel:
        reads = kernel.reads()

        def is_needed(result: Result) -> bool:
            buffer = result.view.memory
            return buffer not in self.own or buffer in reads or self.count[buffer] > 0

        stages = []
        for loop in kernel.stages:
            results = tuple([result for result in loop.results if is_needed(result)])
            if len(results) == len(loop.results):
                stages.append(loop)
            elif results:
                stages.append(Loop(loop.shape, loop.reduced, results, loop.ordered))
        if isinstance(kernel, Nest) and len(stages) > 1:
            return Nest(kernel.shared, tuple(stages))
        return stages[0] if stages else kernel


# -- the order of steps --------------------------------------------------------------------------


class _Order:
    """Steps in their order, found by what they read and write.

    A step is known by its place, which stays the same while others are merged.
    """

    def __init__(self, steps: Iterable[Step]) -> None:
        self.places: list[Step | None] = list(steps)
        self._readers: defaultdict[Buffer, set[int]] = defaultdict(set)
        self._writers: defaultdict[Buffer, set[int]] = defaultdict(set)
        self._guards = [p for p, step in enumerate(self.places) if isinstance(step, Guard)]
        for place, step in enumerate(self.places):
            if step is not None:
                self._enter(place, step)

    def _enter(self, place: int, step: Step) -> None:
        for buffer in step.reads():
            self._readers[buffer].add(place)
        for buffer in step.writes():
            self._writers[buffer].add(place)

    def put(self, place: int, step: Step | None) -> None:
        """Put a step, or nothing, in place of another."""
        left = self.places[place]
        if left is not None:
            for buffer in left.reads():
                self._readers[buffer].discard(place)
            for buffer in left.writes():
                self._writers[buffer].discard(place)
        self.places[place] = step
        if step is not None:
            self._enter(place, step)

    def related(self, step: Step) -> set[int]:
        """Return the places of the steps that read or write something that a step reads."""
        found: set[int] = set()
        for buffer in step.reads():
            found |= self._readers[buffer] | self._writers[buffer]
        return found

    def may_rise(self, step: Kernel, place: int, above: int) -> bool:
        """Whether a kernel may run right after the step at a place above."""
        if any(above < guard < place for guard in self._guards):
            return False
        return not any(above < other < place for other in self._in_the_way(step))

    def may_sink(self, step: Kernel, place: int, below: int) -> bool:
        """Whether a kernel may run right before the step at a place below."""
        return not any(place < other < below for other in self._in_the_way(step))

    def _in_the_way(self, step: Kernel) -> Iterator[int]:
        """Yield the places of steps that a kernel may not change places with."""
        for buffer in step.reads():
            yield from self._writers[buffer]
        for buffer in step.writes():
            yield from self._writers[buffer]
            yield from self._readers[buffer]


def _merge_all(steps: list[Step], join: Join, finish: Finish, related: bool = True) -> None:
    """Merge whatever can be, in place; ``related`` if only what reads the same can be."""
    order = _Order(steps)
    place = 0
    while place < len(order.places):
        merged_at = _merge_upwards(order, place, join, finish, related)
        place = place + 1 if merged_at is None else merged_at
    steps[:] = [step for step in order.places if step is not None]


def _merge_upwards(
    order: _Order, place: int, join: Join, finish: Finish, related: bool
) -> int | None:
    """Merge the step at a place into one before it, and return where that stands then."""
    second = order.places[place]
    if not isinstance(second, Kernel):
        return None
    candidates = order.related(second) if related else range(place)
    for earlier in sorted([other for other in candidates if other < place], reverse=True):
        first = order.places[earlier]
        merge = join(first, second) if isinstance(first, Kernel) else None
        if merge is None or not isinstance(first, Kernel):
            continue
        rises = order.may_rise(second, place, earlier)
        if rises or order.may_sink(first, earlier, place):
            # Else the first waits for the second, which needs what is between.
            at, left = (earlier, place) if rises else (place, earlier)
            merged = finish(first, second, merge())
            order.put(left, None)
            order.put(at, merged)
            return at
    return None


# -- the same positions --------------------------------------------------------------------------


def _same_positions(
    first: Kernel, second: Kernel, in_company: bool = False
) -> Callable[[], Kernel] | None:
    """Join two loops over the same positions; stages of a nest are in company anyway."""
    if not isinstance(first, Loop) or not isinstance(second, Loop):
        return None
    if first.shape != second.shape or first.ordered or second.ordered:
        return None
    read, written = second.reads(), first.writes()
    passes_on = not written.isdisjoint(read)
    if not (in_company or passes_on or not first.reads().isdisjoint(read)):
        return None
    if any(first.reduced) and any(second.reduced) and first.reduced != second.reduced:
        return None
    if calls_routines(first) != calls_routines(second):
        return None
    if any(result.combine.startswith("arg") for loop in (first, second) for result in loop.results):
        return None
    if not second.writes().isdisjoint(written | first.reads()):
        return None
    if passes_on and not _hands_over(first, second):
        return None
    buffers = {view.buffer for loop in (first, second) for view in loop.all_views}
    if len(buffers | written | second.writes()) > MOST_BUFFERS:
        return None
    if len(first.nodes) + len(second.nodes) > MOST_NODES:
        return None
    return functools.partial(_merged, first, second)


def _hands_over(first: Loop, second: Loop) -> bool:
    """Whether all that a loop reads of what an earlier one writes is of the same position."""
    written: dict[Buffer, Result] = {}
    for result in first.results:
        buffer = result.view.memory.root
        if buffer in written:
            return False
        written[buffer] = result
    for node in second.nodes:
        if isinstance(node, (Load, Place)) and node.view.buffer is not None:
            source = written.get(node.view.buffer.root)
            if source and (isinstance(node, Place) or source.combine or source.target != node.view):
                return False
    return True


def _merged(first: Loop, second: Loop) -> Loop:
    produced: dict[Buffer, Expression] = {}
    for result in first.results:
        produced[result.view.memory] = result.value

    def change(node: Expression) -> Expression | None:
        if isinstance(node, Load) and node.view.buffer in produced:
            return produced[node.view.buffer]
        return None

    roots = iter(replaced_in(second.roots, change))
    results = list(first.results)
    for result in second.results:
        value = next(roots)
        target = result.target
        if isinstance(target, Place):
            indices = tuple([next(roots) for _ in target.indices])
            target = Place(target.view, indices, target.extents, target.strides)
        results.append(Result(target, value, result.combine))
    reduced = tuple([a or b for a, b in zip(first.reduced, second.reduced, strict=True)])
    return Loop(first.shape, reduced, tuple(results))


# -- the same rows -------------------------------------------------------------------------------


def _same_rows(first: Kernel, second: Kernel) -> Callable[[], Kernel] | None:
    """Join kernels over the same rows as stages of a nest."""
    if first.writes().isdisjoint(second.reads()):
        return None
    if len(first.stages) + len(second.stages) > MOST_STAGES:
        return None
    shared = shared_axes(first, second)
    return None if shared is None else functools.partial(_nest, shared, first, second)


def _nest(shared: int, first: Kernel, second: Kernel) -> Kernel:
    stages: list[Step] = [*first.stages, *second.stages]
    join = functools.partial(_same_positions, in_company=True)
    _merge_all(stages, join, lambda first, second, merged: merged, related=False)
    return Nest(shared, tuple([stage for stage in stages if isinstance(stage, Loop)]))
