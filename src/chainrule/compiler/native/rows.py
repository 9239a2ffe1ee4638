"""Which kernels may share rows, and what then needs room for no more than a row.

A row is what belongs to one position of the outermost axes. If a stage runs for a row right after
the one before it, instead of after all rows, then nothing may be read or overwritten that belongs
to another row. So for every array that two stages access, and one of them writes, the elements that
one accesses for a row must differ from those that the other accesses for any other row.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator

from chainrule.compiler.native.expressions import Apply, Load, Place
from chainrule.compiler.native.kernels import Kernel, Loop, Nest
from chainrule.compiler.native.math import MATH, MATH2
from chainrule.compiler.native.nests import merged_axes, with_views
from chainrule.compiler.native.views import Buffer, View

LONGEST_ROW = 1 << 16
"""Positions of a row: more would have left the cache before the next stage."""

LONG_ROW = 256
"""Positions of a row beside which an elementary function of one number costs little."""

SHORTEST_CUT = 32
"""Positions of a row into which a loop is cut that could run through memory in one go."""

STACK_BYTES = 1 << 15 if os.name == "posix" else 1 << 11
"""Room for rows on the stack; beyond a page, Windows needs a function that code here lacks."""

PADDING = 64
"""Rows on the stack have room for a multiple of this many elements: for whole vectors of any."""


def padded(size: int) -> int:
    """Return for how many elements a row of some has room on the stack."""
    return -(-size // PADDING) * PADDING if size > 1 else size


def shared_axes(first: Kernel, second: Kernel) -> int | None:
    """Return over how many axes two kernels can and should be one nest; None if they should not.

    The more axes are shared, the less is a row.
    """
    given = {kernel.shared for kernel in (first, second) if isinstance(kernel, Nest)}
    stages = first.stages + second.stages
    for shared in range(_common(stages), 0, -1):
        if (
            given <= {shared}
            and all(_can_be_cut(loop, shared) for loop in stages)
            and _are_worth_it(first, second, shared)
            and all(_keep_to_rows(a, b, shared) for a in first.stages for b in second.stages)
        ):
            return shared
    return None


def rows_on_stack(nest: Nest, buffers: Iterable[Buffer]) -> Nest:
    """Return the nest with arrays that nothing else accesses cut down to one row, as room allows.

    What a stage reads for a row was written for that row before, so the row is all that is needed.
    """
    shared, room = nest.shared, STACK_BYTES
    rows: dict[Buffer, tuple[Buffer, int]] = {}
    for buffer in buffers:
        views = [view for loop in nest.stages for view, _ in _accesses(loop, buffer)]
        if any(
            not isinstance(v, View) or not all(s for s, _ in _steps(v, 0, shared)) for v in views
        ):
            continue
        low, high = _span([view for view in views if isinstance(view, View)], shared)
        row = Buffer(buffer.dtype, high - low + 1, "row", len(rows))
        needed = padded(row.size) * row.dtype.itemsize
        if needed <= room:
            room -= needed
            rows[buffer] = row, low

    def change(view: View) -> View:
        if view.buffer not in rows:
            return view
        row, low = rows[view.buffer]
        strides = (0,) * shared + view.strides[shared:]
        return View(row, view.shape, strides, view.offset - low)

    stages = [with_views(loop, change, loop.shape, loop.reduced) for loop in nest.stages]
    return Nest(shared, tuple(stages))


def _common(stages: Iterable[Loop]) -> int:
    """Return how many axes, outermost first, are of the same length in all loops."""
    count = 0
    for extents in zip(*[loop.shape for loop in stages], strict=False):
        if len(set(extents)) > 1:
            break
        count += 1
    return count


def _row_size(loop: Loop, shared: int) -> int:
    return math.prod(loop.shape[shared:])


def _are_worth_it(first: Kernel, second: Kernel, shared: int) -> bool:
    """Whether there is work along the rows, beside which that for each row as a whole is little.

    A loop over rows takes many at a time, a nest one.
    """
    longest = max([_row_size(loop, shared) for loop in first.stages])
    return longest > 1 and (
        longest >= LONG_ROW
        or not any(_row_size(loop, shared) == 1 and _is_dear(loop) for loop in second.stages)
    )


def _is_dear(loop: Loop) -> bool:
    return any(isinstance(node, Apply) and node.op in POLYNOMIALS for node in loop.nodes)


POLYNOMIALS = frozenset({*MATH, *MATH2} - {"sqrt"})
"""Ops that take many instructions."""


def _can_be_cut(loop: Loop, shared: int) -> bool:
    """Whether a loop may be cut into rows, and stays fast."""
    size = _row_size(loop, shared)
    if loop.ordered or size > LONGEST_ROW:
        return False
    if any(loop.reduced[:shared]) and (any(loop.reduced[shared:]) or size == 1):
        # One long sum is better added up in parts, by a kernel of its own.
        return False
    if any(loop.reduced) or size == 1 or size >= SHORTEST_CUT:
        return True
    innermost = merged_axes((loop,), 0, len(loop.shape))[-1:]
    return not innermost or innermost[0][0] >= shared


def _keep_to_rows(first: Loop, second: Loop, shared: int) -> bool:
    """Whether what one loop accesses for a row, the other does not touch for another."""
    in_conflict = (first.writes() & (second.reads() | second.writes())) | (
        first.reads() & second.writes()
    )
    return all(
        _apart(one, other, shared)
        for buffer in in_conflict
        for one, writes in _accesses(first, buffer)
        for other, overwrites in _accesses(second, buffer)
        if writes or overwrites
    )


def _accesses(loop: Loop, root: Buffer) -> Iterator[tuple[View | Place, bool]]:
    """Yield where a loop accesses memory, and whether it writes there."""
    for node in loop.nodes:
        if isinstance(node, (Load, Place)):
            buffer = node.view.buffer
            if buffer is not None and buffer.root is root:
                yield (node.view if isinstance(node, Load) else node), False
    for result in loop.results:
        if result.view.memory.root is root:
            yield result.target, True


def _apart(one: View | Place, other: View | Place, shared: int) -> bool:
    """Whether no element is seen through one view in a row and through the other in another."""
    if isinstance(one, Place) or isinstance(other, Place) or one.buffer is not other.buffer:
        return False
    outer = _steps(one, 0, shared)
    if outer != _steps(other, 0, shared):
        return False
    if any(stride == 0 for stride, _ in outer):
        return False
    low, high = _span([one, other], shared)
    inner = _steps(one, shared, len(one.shape))
    same = one.offset == other.offset and inner == _steps(other, shared, len(other.shape))
    return _is_injective([*outer, (1, high - low + 1)]) or (
        same and _is_injective([*outer, *[step for step in inner if step[0]]])
    )


def _steps(view: View, start: int, stop: int) -> list[tuple[int, int]]:
    """Return stride and extent of the axes that are longer than 1."""
    return [
        (view.strides[axis], view.shape[axis])
        for axis in range(start, stop)
        if view.shape[axis] > 1
    ]


def _span(views: Iterable[View], shared: int) -> tuple[int, int]:
    """Return the first and the last place of a row, counted from where the row begins."""
    lows, highs = [], []
    for view in views:
        reach = [(extent - 1) * stride for stride, extent in _steps(view, shared, len(view.shape))]
        lows.append(view.offset + sum([step for step in reach if step < 0]))
        highs.append(view.offset + sum([step for step in reach if step > 0]))
    return min(lows), max(highs)


def _is_injective(steps: list[tuple[int, int]]) -> bool:
    """Whether places surely differ: each stride leaps over all that the smaller ones reach."""
    reach = 0
    for stride, extent in sorted([(abs(stride), extent) for stride, extent in steps]):
        if stride <= reach:
            return False
        reach += stride * (extent - 1)
    return True
