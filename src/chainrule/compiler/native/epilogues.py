"""Making elementwise loops over the result of a product part of the product's code.

What is computed of a product at the same position, a bias added, say, is then computed of vectors
that are in registers, and the product itself is not stored if nothing else reads it. That pays for
light ops. Where elementary functions or divisions are computed, the time to store and load again
does not count, and loops of their own are as fast, or faster, since their constants need not share
the registers with a tile.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from chainrule.compiler.native.expressions import (
    Expression,
    Load,
    Place,
    is_light,
    replaced_in,
)
from chainrule.compiler.native.inplace import Donated
from chainrule.compiler.native.kernels import Block, Guard, Loop, Product, Result, Step, blocks_of
from chainrule.compiler.native.matrices import is_served
from chainrule.compiler.native.nests import with_views
from chainrule.compiler.native.views import View, reshaped

MOST_NODES = 24
"""An epilogue has no more ops and loads than this: there is one for every vector of a tile."""


def fuse_epilogues(block: Block, donated: Donated) -> None:
    """Let products take in loops that follow them, in place.

    But for loops that can write over an argument that was given away: a product may compute rows
    twice, and so must not overwrite what it reads.
    """
    for step in block.steps:
        for inner in blocks_of(step):
            fuse_epilogues(inner, donated)
    for product in [step for step in block.steps if isinstance(step, Product)]:
        if is_served(product) and product.target.shape[0] == 1:
            _take_in(block, product, donated)


def _take_in(block: Block, product: Product, donated: Donated) -> None:
    """Merge a product with the first loop that can become its epilogue, if there is one."""
    steps = block.steps
    at = steps.index(product)
    for position in range(at + 1, len(steps)):
        loop = steps[position]
        split = _split(product, loop) if isinstance(loop, Loop) else None
        if split is None or _overwrites(split[0], donated):
            continue
        epilogue, rest = split
        between = steps[at + 1 : position]
        up = _can_pass(epilogue, between) and not any(isinstance(step, Guard) for step in between)
        if up or _can_pass(product, between):
            merged = replace(product, epilogue=epilogue)
            steps[at : position + 1] = [merged, *between] if up else [*between, merged]
            here = steps.index(merged)
            steps[position:position] = rest
            if not _is_unread(product, block):
                own = Result(product.result, Load(product.result))
                results = (*epilogue.results, own)
                stored = Loop(epilogue.shape, epilogue.reduced, results)
                steps[here] = replace(merged, epilogue=stored)
            return


def _overwrites(loop: Loop, donated: Donated) -> bool:
    """Whether a loop reads an input and writes the output that takes its memory."""
    read = {buffer.number for buffer in loop.reads() if buffer.kind == "input"}
    written = {buffer.number for buffer in loop.writes() if buffer.kind == "output"}
    return any(source in read and target in written for source, target in donated)


def _can_pass(step: Step, others: Sequence[Step]) -> bool:
    """Whether a step may run on the other side of some others."""
    reads, writes = step.reads(), step.writes()
    return all(
        writes.isdisjoint(other.writes() | other.reads()) and reads.isdisjoint(other.writes())
        for other in others
    )


def _is_unread(product: Product, block: Block) -> bool:
    """Whether nothing reads a product's own result."""
    buffer = product.target.memory
    return buffer in block.buffers and not any(buffer in step.reads() for step in block.steps)


def _split(product: Product, loop: Loop) -> tuple[Loop, list[Step]] | None:
    """Return what of a loop can be computed with a product, over rows and columns, and the rest.

    What is stored at every position can be, and is read again by what is left: sums, and stores to
    places that depend on data.
    """
    if loop.ordered or product.target.memory.root not in loop.reads():
        return None
    stored = [r for r in loop.results if isinstance(r.target, View) and not r.combine]
    others = [r for r in loop.results if r not in stored]
    if not stored or len(loop.nodes) > MOST_NODES or not all(is_light(r.value) for r in stored):
        return None
    rest = _reading_what_is_stored(loop, stored, others)
    if any(product.target.memory.root in step.reads() for step in rest):
        return None
    epilogue = _over_rows_and_columns(loop, stored, product)
    return None if epilogue is None else (epilogue, rest)


def _reading_what_is_stored(
    loop: Loop, stored: Sequence[Result], others: Sequence[Result]
) -> list[Step]:
    """Return the loop of other results, which take what has been stored from memory."""
    if not others:
        return []
    places = {id(result.value): result.view for result in stored}

    def change(node: Expression) -> Expression | None:
        return Load(places[id(node)]) if id(node) in places else None

    roots = iter(replaced_in(tuple([root for r in others for root in r.roots]), change))
    results = []
    for result in others:
        value, target = next(roots), result.target
        if isinstance(target, Place):
            target = replace(target, indices=tuple([next(roots) for _ in target.indices]))
        results.append(Result(target, value, result.combine))
    return [Loop(loop.shape, loop.reduced, tuple(results))]


def _over_rows_and_columns(loop: Loop, results: Sequence[Result], product: Product) -> Loop | None:
    """Return a loop with the axes of a product's result, if its code can take that in."""
    shape = product.target.shape[1:]
    plain = Loop(loop.shape, (False,) * len(loop.shape), tuple(results))
    everything = [*plain.all_views, *[result.view for result in results]]
    if math.prod(loop.shape) != product.target.size or any(
        view.buffer is None or reshaped(view, shape) is None for view in everything
    ):
        return None
    epilogue = with_views(plain, lambda view: reshaped(view, shape) or view, shape, (False, False))
    if any(view.strides[1] not in (0, 1) for view in epilogue.all_views):
        return None
    own = product.result
    if any(view != own for view in epilogue.all_views if view.memory.root is own.memory.root):
        return None
    if any(result.view.strides[1] != 1 for result in epilogue.results):
        return None
    # Rows may be computed twice, so nothing must be written that is read.
    if not epilogue.writes().isdisjoint(epilogue.reads() | product.reads()):
        return None
    return epilogue
