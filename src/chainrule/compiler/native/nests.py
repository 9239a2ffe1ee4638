"""The order of a kernel's axes, chosen so that the innermost runs through memory.

`arrange` drops axes of length 1, merges neighbours that all views step through as one, and puts
the axes of a reduction where they cost least. Two orders serve. With the reduced axes innermost,
sums stay in registers; that is right if the elements to be added lie side by side. With the last
kept axis inside of them, a row of sums is added to in memory, all of them at once, which is right
for sums down the columns.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from chainrule.compiler.native.expressions import Constant, Expression, Place, relayout_all
from chainrule.compiler.native.kernels import Kernel, Loop, Nest, Result
from chainrule.compiler.native.views import Shape, View

Axes = list[list[int]]
"""Groups of neighbouring axes, each of which is to be one axis."""


def arrange(kernel: Kernel) -> Nest:
    """Return a kernel with its axes dropped, merged and ordered, the outermost first.

    A single loop shares with no one, so what it has outside of its innermost work counts as shared.
    """
    shared = kernel.shared if isinstance(kernel, Nest) else 0
    outer = merged_axes(kernel.stages, 0, shared)
    stages = []
    for loop in kernel.stages:
        own = _ordered(loop, merged_axes((loop,), shared, len(loop.shape)))
        loop = _with_axes(loop, outer + own)
        stages.append(loop if any(loop.reduced) else _without_reductions(loop))
    if len(stages) == 1:
        (loop,) = stages
        innermost = max(len(loop.shape) - 1, 0)
        return Nest(loop.first_reduced if loop.in_registers else innermost, (loop,))
    return Nest(len(outer), tuple(stages))


def merged_axes(loops: Sequence[Loop], start: int, stop: int) -> Axes:
    """Return groups of axes that can be one in all the loops; those of length 1 are in none."""
    everything = [
        view
        for loop in loops
        for view in (*loop.all_views, *[result.view for result in loop.results])
    ]
    groups: Axes = []
    for axis in range(start, stop):
        extent = loops[0].shape[axis]
        if extent == 1:
            continue
        if groups:
            before = groups[-1][-1]
            if all(loop.reduced[before] == loop.reduced[axis] for loop in loops) and all(
                view.strides[before] == view.strides[axis] * extent for view in everything
            ):
                groups[-1].append(axis)
                continue
        groups.append([axis])
    return groups


def _ordered(loop: Loop, groups: Axes) -> Axes:
    kept = [group for group in groups if not loop.reduced[group[-1]]]
    reduced = [group for group in groups if loop.reduced[group[-1]]]
    if kept and reduced and _sums_side_by_side(loop, kept[-1][-1], reduced[-1][-1]):
        return kept[:-1] + reduced + kept[-1:]
    return kept + reduced


def _with_axes(loop: Loop, groups: Axes) -> Loop:
    """Return the loop with one axis per group of merged axes."""
    shape = tuple([math.prod([loop.shape[axis] for axis in group]) for group in groups])

    def change(view: View) -> View:
        strides = tuple([view.strides[group[-1]] for group in groups])
        return View(view.buffer, shape, strides, view.offset)

    reduced = tuple([loop.reduced[group[-1]] for group in groups])
    return with_views(loop, change, shape, reduced)


def with_views(
    loop: Loop, change: Callable[[View], View], shape: Shape, reduced: tuple[bool, ...]
) -> Loop:
    """Return the loop with all its views changed."""
    changed = relayout_all(loop.roots, change)
    assert changed is not None
    roots = iter(changed)
    results = []
    for result in loop.results:
        value = next(roots)
        target: View | Place
        if isinstance(result.target, Place):
            place = result.target
            indices: tuple[Expression, ...] = tuple([next(roots) for _ in place.indices])
            target = Place(change(place.view), indices, place.extents, place.strides)
        else:
            target = change(result.target)
        results.append(Result(target, value, result.combine))
    return Loop(shape, reduced, tuple(results), loop.ordered)


def _without_reductions(loop: Loop) -> Loop:
    """Return the loop with reductions over single elements made plain stores."""
    results = []
    for result in loop.results:
        if isinstance(result.target, View) and result.combine:
            value = result.value
            if result.combine.startswith("arg"):
                value = Constant(np.int64(0))
            result = Result(result.target, value)
        results.append(result)
    return Loop(loop.shape, loop.reduced, tuple(results), loop.ordered)


def _sums_side_by_side(loop: Loop, kept: int, reduced: int) -> bool:
    """Whether the last kept axis runs through memory more than the last reduced one does."""
    if any(result.combine.startswith("arg") for result in loop.results):
        return False
    along_kept = sum(view.strides[kept] == 1 for view in loop.all_views)
    along_reduced = sum(view.strides[reduced] == 1 for view in loop.all_views)
    return along_kept > along_reduced
