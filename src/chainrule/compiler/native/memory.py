"""Where temporaries lie: one arena, in which arrays share memory whenever they do not share time.

Steps are numbered in the order in which they run. An array lives from the step that first touches
it to the one that last does; a step that holds a block spans all steps inside, so what a loop reads
from outside lives as long as the loop. Arrays are then placed, the largest first, each at the
lowest place where it overlaps with none that lives at the same time.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from chainrule.compiler.native.kernels import Block, blocks_of
from chainrule.compiler.native.loading import ALIGNMENT
from chainrule.compiler.native.views import Buffer

Lifetime = tuple[int, int]


def lifetimes(block: Block) -> dict[Buffer, Lifetime]:
    """Return first and last step of every array of the arena."""
    found: dict[Buffer, Lifetime] = {}
    _walk(block, itertools.count(), found)
    return found


def _walk(block: Block, clock: Iterator[int], found: dict[Buffer, Lifetime]) -> None:
    for step in block.steps:
        start = next(clock)
        for inner in blocks_of(step):
            _walk(inner, clock, found)
        end = next(clock)
        touched = step.reads() | step.writes()
        # In the block's order, not in a set's, which would differ from process to process and
        # so give the same program another text.
        for buffer in block.buffers:
            if buffer in touched:
                first, _ = found.get(buffer, (start, end))
                found[buffer] = first, end


def plan(block: Block) -> tuple[dict[Buffer, int], int]:
    """Return the offset in bytes of every array, and the size of the arena."""
    alive = lifetimes(block)
    offsets: dict[Buffer, int] = {}
    total = 0
    for buffer in sorted(alive, key=lambda buffer: -buffer.nbytes):
        first, last = alive[buffer]
        neighbours = sorted(
            (offsets[other], offsets[other] + other.nbytes)
            for other in offsets
            if alive[other][0] <= last and first <= alive[other][1]
        )
        offset = 0
        for start, stop in neighbours:
            if offset + buffer.nbytes <= start:
                break
            offset = max(offset, -(-stop // ALIGNMENT) * ALIGNMENT)
        offsets[buffer] = offset
        total = max(total, offset + buffer.nbytes)
    return offsets, total
