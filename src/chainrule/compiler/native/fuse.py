"""Merging loops over the same iteration space.

Two loops become one if nothing that runs between them stands in the way and they share something:
an array both read, or one that the first writes and the second reads at the same positions. In the
latter case the second takes the value from a register; an array that nothing else reads is then
not written at all.
"""

from __future__ import annotations

from collections.abc import Sequence

from chainrule.compiler.native.expressions import (
    Expression,
    Load,
    Place,
    count,
    nodes,
    replaced_in,
    views,
)
from chainrule.compiler.native.kernels import Block, Guard, Loop, Result, Step, blocks_of
from chainrule.compiler.native.views import Buffer, View

MOST_BUFFERS = 16
"""A merged loop reads and writes no more arrays than this."""

MOST_NODES = 160
"""A merged loop computes no more than this per position."""


def fuse(block: Block) -> None:
    """Merge the loops of a block and of those inside, in place."""
    for step in block.steps:
        for inner in blocks_of(step):
            fuse(inner)
    position = 0
    while position < len(block.steps):
        if not _merge_upwards(block, position):
            position += 1


def _merge_upwards(block: Block, position: int) -> bool:
    """Merge the step at a position into one before it, if that can be done."""
    steps = block.steps
    second = steps[position]
    if not isinstance(second, Loop) or second.ordered:
        return False
    for earlier in reversed(range(position)):
        first = steps[earlier]
        if isinstance(first, Loop) and _fit(first, second):
            between = steps[earlier + 1 : position]
            guarded = any(isinstance(step, Guard) for step in between)
            up = _can_pass(second, between) and not guarded
            down = _can_pass(first, between)
            if up or down:
                merged = _merged(first, second)
                del steps[position]
                steps[earlier] = merged
                if not up:
                    # The first waits for the second, which needs what was between.
                    steps.insert(position - 1, steps.pop(earlier))
                at = steps.index(merged)
                steps[at] = _without_unread(merged, block)
                return True
    return False


def _can_pass(step: Step, others: Sequence[Step]) -> bool:
    """Whether a step may run on the other side of some others."""
    reads, writes = step.reads(), step.writes()
    for other in others:
        other_writes = other.writes()
        if writes & (other_writes | other.reads()) or reads & other_writes:
            return False
    return True


def _fit(first: Loop, second: Loop) -> bool:
    if first.ordered or first.shape != second.shape:
        return False
    if any(first.reduced) and any(second.reduced) and first.reduced != second.reduced:
        return False
    if any(result.combine.startswith("arg") for loop in (first, second) for result in loop.results):
        return False
    written: dict[Buffer, Result] = {}
    for result in first.results:
        buffer = result.view.memory
        assert buffer is not None
        if buffer.root in written:
            return False
        written[buffer.root] = result
    if second.writes() & (set(written) | first.reads()):
        return False
    shares = bool(first.reads() & second.reads())
    for node in nodes(*second.roots):
        if isinstance(node, (Load, Place)) and node.view.buffer is not None:
            source = written.get(node.view.buffer.root)
            if source is None:
                continue
            if isinstance(node, Place) or source.combine or source.target != node.view:
                return False
            shares = True
    everything = views(*first.roots, *second.roots)
    buffers = {view.buffer for view in everything} | set(written) | second.writes()
    size = sum(count(root) for root in (*first.roots, *second.roots))
    return shares and len(buffers) <= MOST_BUFFERS and size <= MOST_NODES


def _merged(first: Loop, second: Loop) -> Loop:
    produced: dict[Buffer, tuple[View | Place, Expression]] = {}
    for result in first.results:
        produced[result.view.memory] = result.target, result.value

    def change(node: Expression) -> Expression | None:
        if isinstance(node, Load) and node.view.buffer in produced:
            return produced[node.view.buffer][1]
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


def _without_unread(loop: Loop, block: Block) -> Loop:
    """Return the loop without the results that nothing reads."""
    others: set[Buffer] = set()
    for step in block.steps:
        others |= step.reads()
    own = set(block.buffers)
    kept = [
        result
        for result in loop.results
        if result.view.memory not in own or result.view.memory in others
    ]
    return Loop(loop.shape, loop.reduced, tuple(kept or loop.results), loop.ordered)
