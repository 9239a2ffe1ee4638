"""What the units of a program's kernels are, and how hard LLVM is to try on each of them.

To make good code of a loop takes LLVM milliseconds, which is as long as many a loop computes in a
thousand runs of its program. So loops that take next to nothing of a program's time are made into
code as they are written. That is left to those in which nothing is summed: they compute the same
bits whatever LLVM does, while sums are vectorized, which puts their terms in another order.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from chainrule.compiler.native import row_lanes
from chainrule.compiler.native.compilation import LOOPS, ROWS, WRITTEN, Effort
from chainrule.compiler.native.descriptions import describe
from chainrule.compiler.native.kernels import (
    Block,
    Branch,
    Kernel,
    Loop,
    Nest,
    Repeat,
    While,
    blocks_of,
)
from chainrule.compiler.native.nests import arrange
from chainrule.compiler.native.short_rows import is_in_vectors
from chainrule.compiler.native.transposes import transposition
from chainrule.compiler.native.views import Buffer
from chainrule.compiler.native.work import work

SMALL_SHARE = 1 / 5000
"""Share of a program's estimated time below which a loop is not worth LLVM's. Code that is made as
it is written takes up to 30 times as long, and there are a dozen such loops in a large program."""

_SHORTEST = 1e-3
"""Nanoseconds that a block takes at least."""


class KernelUnit(NamedTuple):
    """The unit that computes a kernel.

    Attributes
    ----------
    nest : Nest
        As it is emitted.
    ranged : bool
        Whether it is told over which positions of the outermost axis to run.
    description : str
    buffers : list of Buffer
        Those it is handed, in order.
    """

    nest: Nest
    ranged: bool
    description: str
    buffers: list[Buffer]


def unit_of(nest: Nest, has_fma: bool) -> KernelUnit:
    """Return the unit that computes an arranged kernel."""
    ranged = nest.takes_range
    if ranged and not row_lanes.has_few_rows(nest):
        nest = nest.of_any_length()
    return KernelUnit(nest, ranged, *describe(nest, ranged, has_fma))


class Efforts:
    """How hard LLVM is to try on each unit of a program's kernels.

    Parameters
    ----------
    block : Block
        The whole program.
    has_fma : bool
        Whether the CPU has a fused multiply-add.
    """

    def __init__(self, block: Block, has_fma: bool) -> None:
        self._nests: dict[Kernel, Nest] = {}
        self._units: dict[Kernel, KernelUnit] = {}
        self._shares: defaultdict[str, float] = defaultdict(float)
        for kernel, share in _shares(block, 1.0, _least_work(block)):
            nest = self._nests[kernel] = arrange(kernel)
            if transposition(nest) is None:
                unit = self._units[kernel] = unit_of(nest, has_fma)
                self._shares[unit.description] += share

    def arranged(self, kernel: Kernel) -> Nest:
        """Return a kernel with its axes in order, see `nests.arrange`."""
        return self._nests[kernel]

    def unit(self, kernel: Kernel) -> KernelUnit:
        """Return the unit that computes a kernel which is no copy that transposes."""
        return self._units[kernel]

    def of(self, unit: KernelUnit) -> Effort:
        """Return how hard LLVM is to try on a unit."""
        if is_in_vectors(unit.nest):
            return ROWS
        reduces = any(any(loop.reduced) for loop in unit.nest.stages)
        return LOOPS if reduces or self._shares[unit.description] > SMALL_SHARE else WRITTEN


def _shares(block: Block, times: float, total: float) -> Iterator[tuple[Kernel, float]]:
    """Yield the kernels of a block, and the share of the time that each takes at most.

    How often a ``while`` loop runs is not known. What is in it is held against one round of it,
    and what is outside against all that is certain to run.
    """
    for step in block.steps:
        if isinstance(step, Loop | Nest):
            own = times * work(step)
            yield step, own / total
        elif isinstance(step, While):
            a_round = sum(map(_least_work, step.blocks))
            for inner in step.blocks:
                yield from _shares(inner, 1.0, a_round)
        else:
            rounds = step.length if isinstance(step, Repeat) else 1
            for inner in blocks_of(step):
                yield from _shares(inner, times * rounds, total)


def _least_work(block: Block) -> float:
    """Return the time that the steps of a block take if the branches taken are the short ones."""
    total = _SHORTEST
    for step in block.steps:
        inner = [_least_work(own) for own in blocks_of(step)]
        if isinstance(step, Repeat):
            total += step.length * inner[0]
        elif isinstance(step, Branch):
            total += min(inner)
        elif not isinstance(step, While):  # which may end before its first round
            total += work(step)
    return total
