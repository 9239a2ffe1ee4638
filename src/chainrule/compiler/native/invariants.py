"""Doing once, before a loop, what would be the same in every step of it.

A weight matrix that a recurrent network multiplies by from the other side, say, has to be copied
with its axes exchanged; it does not change from step to step, and nor does the copy.
"""

from __future__ import annotations

from collections import Counter

from chainrule.compiler.native.kernels import Block, Kernel, Nest, Repeat, Step, blocks_of
from chainrule.compiler.native.views import Buffer


def hoist(block: Block) -> None:
    """Move kernels that do not depend on the step out of the loops of a block, in place."""
    steps: list[Step] = []
    for step in block.steps:
        for inner in blocks_of(step):
            hoist(inner)
        if isinstance(step, Repeat):
            steps += _taken_out(step, block)
        steps.append(step)
    block.steps[:] = steps


def _taken_out(loop: Repeat, block: Block) -> list[Step]:
    """Remove from a loop's body what can run before it, and return that."""
    body = loop.body
    found: list[Step] = []
    changing = _moving(loop)
    writers = Counter([buffer for step in body.steps for buffer in step.writes()])
    changing |= writers.keys()
    own = set(body.buffers)
    for step in list(body.steps):
        if (
            isinstance(step, Kernel)
            and step.writes() <= own
            and all(writers[buffer] == 1 for buffer in step.writes())
            and changing.isdisjoint(_read(step) - step.writes())
        ):
            changing -= step.writes()
            body.steps.remove(step)
            found.append(step)
            for buffer in [buffer for buffer in body.buffers if buffer in step.writes()]:
                body.buffers.remove(buffer)
                block.buffers.append(buffer)
    return found


def _moving(loop: Repeat) -> set[Buffer]:
    """Return the pointers that a loop moves, and what carries are written to."""
    pointers = {row.pointer for row in loop.rows}
    for carry in loop.carries:
        pointers |= {carry.current, carry.next, carry.even.root, carry.odd.root}
    return pointers


def _read(kernel: Kernel) -> set[Buffer]:
    """Return the buffers that a kernel reads through, and what they point into."""
    loops = kernel.stages if isinstance(kernel, Nest) else (kernel,)
    through = {view.buffer for loop in loops for view in loop.all_views if view.buffer is not None}
    return through | {buffer.root for buffer in through}
