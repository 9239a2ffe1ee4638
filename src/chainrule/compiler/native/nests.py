"""The order of a loop nest's axes, chosen so that the innermost runs through memory.

`arrange` drops axes of length 1, merges neighbours that all views step through as one, and puts
the axes of a reduction where they cost least. Two orders serve. With the reduced axes innermost,
sums stay in registers; that is right if the elements to be added lie side by side. With the last
kept axis inside of them, a row of sums is added to in memory, all of them at once, which is right
for sums down the columns.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chainrule.compiler.native.expressions import Constant, Expression, Place, relayout_all, views
from chainrule.compiler.native.kernels import Loop, Result
from chainrule.compiler.native.views import View


@dataclass(frozen=True)
class Nest:
    """A loop with its axes in the order in which they are nested, the outermost first.

    Attributes
    ----------
    loop : Loop
    first_reduced, after_reduced : int
        Where the reduced axes start and where they end.
    """

    loop: Loop
    first_reduced: int
    after_reduced: int

    @property
    def in_registers(self) -> bool:
        """Whether sums are kept in registers, the reduced axes being innermost."""
        return self.after_reduced == len(self.loop.shape)


def arrange(loop: Loop) -> Nest:
    """Return a loop with its axes dropped, merged and ordered."""
    loop = _with_axes(loop, _merged(loop))
    kept = [axis for axis, flag in enumerate(loop.reduced) if not flag]
    reduced = [axis for axis, flag in enumerate(loop.reduced) if flag]
    if not reduced:
        return Nest(_without_reductions(loop), len(kept), len(kept))
    if kept and _sums_side_by_side(loop, kept[-1], reduced[-1]):
        order = kept[:-1] + reduced + kept[-1:]
        return Nest(_with_axes(loop, [[axis] for axis in order]), len(kept) - 1, len(order) - 1)
    order = kept + reduced
    return Nest(_with_axes(loop, [[axis] for axis in order]), len(kept), len(order))


def _merged(loop: Loop) -> list[list[int]]:
    """Return groups of neighbouring axes that can be one; axes of length 1 are in none."""
    everything = views(*loop.roots) + [result.view for result in loop.results]
    groups: list[list[int]] = []
    for axis, extent in enumerate(loop.shape):
        if extent == 1:
            continue
        if groups:
            before = groups[-1][-1]
            if loop.reduced[before] == loop.reduced[axis] and all(
                view.strides[before] == view.strides[axis] * extent for view in everything
            ):
                groups[-1].append(axis)
                continue
        groups.append([axis])
    return groups


def _with_axes(loop: Loop, groups: list[list[int]]) -> Loop:
    """Return the loop with one axis per group of merged axes."""
    shape = tuple([int(np.prod([loop.shape[axis] for axis in group])) for group in groups])

    def change(view: View) -> View:
        strides = tuple([view.strides[group[-1]] for group in groups])
        return View(view.buffer, shape, strides, view.offset)

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
    reduced = tuple([loop.reduced[group[-1]] for group in groups])
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
    loads = views(*loop.roots)
    along_kept = sum(view.strides[kept] == 1 for view in loads)
    along_reduced = sum(view.strides[reduced] == 1 for view in loads)
    return along_kept > along_reduced
