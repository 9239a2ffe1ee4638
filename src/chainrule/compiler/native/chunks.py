"""Long steps cut into chunks, for several threads to take and for signals to come between.

A kernel is cut along its outermost axis, a product into rows or blocks, or from one matrix to the
next if there are many. A reduction that leaves nothing to cut along is first made one of two
stages: sums over parts of an axis, for which the parts are an axis to cut along, and the sum of
those (what Halide calls rfactor).

Where the cuts are depends on shapes alone, and sums over parts are added up in the order of the
parts. So the number of threads does not change a bit of any result.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from chainrule.compiler.native.expressions import Load
from chainrule.compiler.native.kernels import (
    Block,
    Kernel,
    Loop,
    Nest,
    Result,
    Step,
    blocks_of,
)
from chainrule.compiler.native.nests import arrange, with_views
from chainrule.compiler.native.row_lanes import lanes_of
from chainrule.compiler.native.schedule import Memory
from chainrule.compiler.native.threads import BETWEEN_LOOKS
from chainrule.compiler.native.views import Shape, View, whole
from chainrule.compiler.native.work import work

SHORTEST, LONGEST = 1_500, 50_000
"""Estimated nanoseconds of a chunk. Taking one costs a thread about 100 if others take some at the
same time; a core that has nothing left to take waits for half a chunk."""

CHUNKS_WANTED = 16
"""Steps are cut into so many if that makes no chunk shorter or longer than chunks may be."""

MOST_PARTS = 64
"""A reduction in two stages has no more parts than this, if it does not take long."""

MOST_PARTIAL = 2**20
"""Elements that the results of more parts may have together."""

WORTH_TWO_STAGES = 20_000
"""Estimated nanoseconds from which on a reduction is worth the second stage, which is one more
loop to compile and to run."""

_CACHE_LINE = 64


@dataclass(frozen=True)
class Chunks:
    """Positions of an axis, a few at a time.

    Attributes
    ----------
    extent : int
    size : int
        Positions of a chunk; the last one has what is left, which may be more or less.
    count : int
    work : int
        Estimated nanoseconds of one chunk.
    in_order : bool
        Whether chunks must run one after the other. They are chunks for signals to come between.
    """

    extent: int
    size: int
    count: int
    work: int
    in_order: bool = False


def cut(extent: int, nanoseconds: float, grain: int = 1) -> Chunks:
    """Return how to cut an axis; into one chunk if more are not worth it.

    Parameters
    ----------
    extent : int
    nanoseconds : float
        Estimated work in all.
    grain : int
        Chunks are multiples of this, but for the last, which is at least this.
    """
    length = min(max(nanoseconds / CHUNKS_WANTED, SHORTEST), LONGEST)
    units = extent // grain
    wanted = max(1, min(int(nanoseconds / length), units))
    if wanted == 1:
        return Chunks(extent, extent, 1, int(nanoseconds))
    size = -(-units // wanted)
    if wanted < CHUNKS_WANTED:
        # Two cores, or four, have the same to do if the number of chunks is even.
        sizes = [-(-units // number) for number in range(wanted, 1, -1)]
        size = next(size for size in sizes if -(-units // size) % 2 == 0)
    count = -(-units // size)
    return Chunks(extent, size * grain, count, int(nanoseconds / count))


def chunks_of_kernel(nest: Nest) -> Chunks:
    """Return how to cut the outermost axis of an arranged kernel."""
    shape, nanoseconds = nest.stages[0].shape, work(nest)
    if nest.can_be_split:
        row = max(math.prod(stage.shape[1:]) for stage in nest.stages)
        block = (lanes_of(nest) if nest.shared == 1 else 0) or 1
        return cut(shape[0], nanoseconds, grain=-(-_CACHE_LINE // (row * block)) * block)
    extent = shape[0] if shape else 1
    if nanoseconds > BETWEEN_LOOKS and nest.stages[0].ordered and nest.takes_range:
        pieces = min(int(nanoseconds // BETWEEN_LOOKS) + 1, extent)
        size = -(-extent // pieces)
        count = -(-extent // size)
        return Chunks(extent, size, count, int(nanoseconds / count), in_order=True)
    return Chunks(extent, extent, 1, int(nanoseconds))


# -- reductions in two stages ----------------------------------------------------------------------


def split_reductions(block: Block, memory: Memory) -> None:
    """Make long reductions that leave nothing to cut along ones of two stages, in place."""
    steps: list[Step] = []
    for step in block.steps:
        for inner in blocks_of(step):
            split_reductions(inner, memory)
        steps += _in_two_stages(step, block, memory) if isinstance(step, Kernel) else [step]
    block.steps[:] = steps


def _in_two_stages(kernel: Kernel, block: Block, memory: Memory) -> list[Step]:
    nanoseconds = work(kernel)
    if nanoseconds < WORTH_TWO_STAGES:
        return [kernel]
    nest = arrange(kernel)
    axis = _axis_to_split(nest)
    if axis is None:
        return [kernel]
    extent = nest.stages[0].shape[axis]
    chunks = cut(extent, nanoseconds)
    if chunks.count == 1:
        return [kernel]
    # Parts longer than the time between two looks for signals become more, if there is room.
    kept_size = max(_kept_size(loop) for loop in nest.stages if loop.reduced[axis])
    most = max(MOST_PARTS, min(int(nanoseconds // BETWEEN_LOOKS), MOST_PARTIAL // kept_size))
    count = _number_of_parts(extent, min(chunks.count, most))
    length = extent // count
    rest = extent - count * length

    partial: dict[Result, View] = {}
    for loop in nest.stages:
        for result in loop.results:
            if result.combine and loop.reduced[axis]:
                kept = [e for e, flag in zip(loop.shape, loop.reduced, strict=True) if not flag]
                shape = (count + bool(rest), *kept)
                buffer = memory.buffer("arena", result.value.dtype, math.prod(shape))
                block.buffers.append(buffer)
                partial[result] = whole(buffer, shape)
    steps: list[Step] = [_parts(nest, axis, count, length, partial)]
    if rest:
        steps.append(_rest(nest, axis, count * length, partial))
    sums = [_sum_of_parts(loop, partial) for loop in nest.stages if loop.reduced[axis]]
    return [*steps, *sums]


def _axis_to_split(nest: Nest) -> int | None:
    """Return a reduced axis to cut, if a kernel has one and no outermost axis that will do."""
    results = [result for loop in nest.stages for result in loop.results]
    if (
        (nest.can_be_split and nest.stages[0].shape[0] >= CHUNKS_WANTED)
        or any(loop.ordered for loop in nest.stages)
        or any(result.combine.startswith("arg") for result in results)
    ):
        return None
    shape = nest.stages[0].shape
    axes = range(nest.shared if len(nest.stages) > 1 else len(shape))
    reduced = [axis for axis in axes if any(loop.reduced[axis] for loop in nest.stages)]
    return max(reduced, key=lambda axis: shape[axis], default=None)


def _kept_size(loop: Loop) -> int:
    return math.prod([e for e, flag in zip(loop.shape, loop.reduced, strict=True) if not flag])


def _number_of_parts(extent: int, most: int) -> int:
    """Return a number that leaves no rest, if there is one that is not much smaller."""
    return next((n for n in range(most, most // 2, -1) if extent % n == 0), most)


def _parts(nest: Nest, axis: int, count: int, length: int, partial: dict[Result, View]) -> Kernel:
    """Return the kernel over parts of an axis: a new axis, outermost, that is not reduced."""

    def stage(loop: Loop) -> Loop:
        shape = (count, *loop.shape[:axis], length, *loop.shape[axis + 1 :])
        reduced = (False, *loop.reduced)

        def change(view: View) -> View:
            strides = (view.strides[axis] * length, *view.strides)
            return View(view.buffer, shape, strides, view.offset)

        def target(view: View) -> View:
            return View(view.buffer, shape, _spread(view.strides, reduced))

        return _redirected(loop, with_views(loop, change, shape, reduced), target, partial)

    return _kernel(nest.shared + 1, [stage(loop) for loop in nest.stages])


def _rest(nest: Nest, axis: int, start: int, partial: dict[Result, View]) -> Kernel:
    """Return the kernel over what the parts of an axis leave over."""

    def stage(loop: Loop) -> Loop:
        shape = (*loop.shape[:axis], loop.shape[axis] - start, *loop.shape[axis + 1 :])

        def change(view: View) -> View:
            return View(view.buffer, shape, view.strides, view.offset + start * view.strides[axis])

        def target(view: View) -> View:
            last = (view.shape[0] - 1) * view.strides[0]
            return View(view.buffer, shape, _spread(view.strides[1:], loop.reduced), last)

        return _redirected(loop, with_views(loop, change, shape, loop.reduced), target, partial)

    return _kernel(nest.shared, [stage(loop) for loop in nest.stages])


def _kernel(shared: int, stages: list[Loop]) -> Kernel:
    return Nest(shared, tuple(stages)) if len(stages) > 1 else stages[0]


def _redirected(
    old: Loop, new: Loop, target: Callable[[View], View], partial: dict[Result, View]
) -> Loop:
    """Return a changed loop with its sums going where those of the parts belong."""
    results = [
        Result(target(partial[before]), after.value, after.combine) if before in partial else after
        for before, after in zip(old.results, new.results, strict=True)
    ]
    return replace(new, results=tuple(results))


def _sum_of_parts(loop: Loop, partial: dict[Result, View]) -> Loop:
    """Return the loop that combines what has been found for the parts."""
    results = []
    for result in loop.results:
        if result in partial:
            view = partial[result]
            strides = zip(result.view.strides, loop.reduced, strict=True)
            kept = [stride for stride, flag in strides if not flag]
            target = View(result.view.buffer, view.shape, (0, *kept), result.view.offset)
            results.append(Result(target, Load(view), result.combine))
    return Loop(view.shape, (True, *[False] * (len(view.shape) - 1)), tuple(results))


def _spread(strides: Shape, reduced: tuple[bool, ...]) -> Shape:
    """Return strides for axes some of which are reduced, given those of the others."""
    kept = iter(strides)
    return tuple([0 if flag else next(kept) for flag in reduced])
