"""Where a program's time goes: every step timed, and held against what the machine can do.

The steps that are timed are those of the program itself, in the same machine code. What calls them
is emitted once more, with a look at the clock before and after each (see `Clocked`), so nothing of
that is in programs that are not profiled. What the looks take is subtracted; of steps of some ten
nanoseconds and less there is little to be seen.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import math
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir

from chainrule.compiler.native import clock, limits
from chainrule.compiler.native.build import Executable
from chainrule.compiler.native.counting import count, precision
from chainrule.compiler.native.emit import Driver
from chainrule.compiler.native.engine import NativeProgram
from chainrule.compiler.native.inplace import Donated
from chainrule.compiler.native.kernels import Block, Branch, Guard, Step, blocks_of
from chainrule.compiler.native.loops import INDEX, POINTER, counted, element
from chainrule.compiler.native.lower import Lowered
from chainrule.compiler.native.printer import title
from chainrule.compiler.quantities import amount, duration
from chainrule.ir import Graph

SECONDS = 0.5
"""How long a program is run, again and again, to be profiled; a slow one at least twice."""

_READINGS = 64
"""Pairs of readings with nothing between them, by which a reading's own time is known."""

_WORD = np.dtype(np.int64)


class Row(NamedTuple):
    """A step of a profile; all but ``runs`` and ``share`` is about one run of it.

    Attributes
    ----------
    step : str
        What it is.
    depth : int
        In how many loops and branches it stands.
    runs : int
        How often it ran in one call.
    seconds : float
    share : float
        Its part of the time of all steps, all its runs taken together.
    flops, bytes : int
        What it computes and moves, see `chainrule.compiler.native.counting`.
    limit : float
        The seconds that this machine would take at its best, see
        `chainrule.compiler.native.limits`: to compute as fast as it can, or to copy as fast as it
        can among so many bytes, whichever is longer. An elementary function, which counts as one
        operation here, consists of ten or twenty.
    ratio : float
        ``seconds / limit``; ``nan`` for a step that did not run.
    """

    step: str
    depth: int
    runs: int
    seconds: float
    share: float
    flops: int
    bytes: int
    limit: float
    ratio: float


Line = tuple[int, str] | Row
"""Of a profile: a step, or the depth and the head of what holds steps."""


class Profile:
    """Where the time of a compiled function goes; ``print`` shows it as a table.

    Attributes
    ----------
    name : str
        The function.
    rows : list of Row
        The steps, in the order of the program.
    seconds : float
        The time of all steps in one call.
    call_seconds : float
        The time of an ordinary call, from Python to Python. What is not in the steps is what it
        takes to hand over arguments and results, to start steps, and to count loops. It can be
        less than nothing: a look at the clock holds up a step that is very short.
    """

    def __init__(self, name: str, lines: Sequence[Line], call_seconds: float) -> None:
        self.name = name
        self.rows = [line for line in lines if isinstance(line, Row)]
        self.seconds = math.fsum(row.seconds * row.runs for row in self.rows)
        self.call_seconds = call_seconds
        self._lines = lines

    def __str__(self) -> str:
        return "\n".join([_HEADER, *map(_line_text, self._lines), self._last_line()])

    def _last_line(self) -> str:
        times = (self.seconds, self.call_seconds, self.call_seconds - self.seconds)
        steps, call, outside = map(duration, times)
        return f"all steps {steps}, an ordinary call {call}, outside of the steps {outside}"

    def __repr__(self) -> str:
        return f"<profile of {self.name}, {len(self.rows)} steps>"


def profile(
    program: NativeProgram, arguments: Callable[[], Sequence[Any]], call: Callable[[], float]
) -> Profile:
    """Return the profile of a program.

    The program and its like with clocks take turns. Of every step the least time is taken: what is
    more is due to what else the machine does. Arguments and temporaries are where the run before
    has left them, in the caches if they fit.

    Parameters
    ----------
    program : NativeProgram
    arguments : callable
        Returns the arrays for one run.
    call : callable
        Runs the program in the ordinary way, and returns the seconds it took.
    """
    clocks = _Clocks()
    clocked = NativeProgram(program.graph, program.name, program.donated, clocks.build)
    fastest, best = math.inf, None
    stop = time.perf_counter() + SECONDS
    for runs in itertools.count():
        if runs >= 2 and time.perf_counter() > stop:
            break
        fastest = min(fastest, call())
        clocks.table[:] = 0
        clocked(*arguments())
        best = clocks.table.copy() if best is None else np.minimum(best, clocks.table)
    assert best is not None
    return Profile(program.name, _lines(clocks.block, best), fastest)


class _Clocks:
    """What a program with clocks is built with.

    Attributes
    ----------
    block : Block
        Its steps.
    table : ndarray of int of shape (n, 2)
        Ticks and runs: of the readings of the clock, then of each step.
    """

    block: Block
    table: np.ndarray

    def build(self, graph: Graph, donated: Donated) -> Executable:
        """Return what `chainrule.compiler.native.build.build` does, with clocks."""
        clock.make_available()
        lowered = Lowered(graph, donated)
        self.block = lowered.block
        self.table = np.zeros((1 + sum(map(_is_timed, lowered.block.all_steps())), 2), _WORD)
        program = lowered.program(functools.partial(Clocked, self.table))
        return Executable(graph, donated, program, lowered.seconds)


class Clocked(Driver):
    """Emits a program that adds up, in a table, how long its steps take and how often they run.

    Parameters
    ----------
    table : ndarray
        See `_Clocks`.
    *args
        Those of `Driver`.
    """

    def __init__(self, table: np.ndarray, *args: Any) -> None:
        super().__init__(*args)
        self._table = ir.Constant(INDEX, table.ctypes.data).inttoptr(POINTER)
        self._now = ir.Function(self.module, ir.FunctionType(INDEX, []), clock.NOW)
        self._rows = itertools.count()

    def emitted(self, block: Block) -> ir.Module:
        """Return the module of a program."""
        with counted(self.builder, _READINGS, "reading"), self._timed():
            pass
        return super().emitted(block)

    def step(self, step: Step) -> None:
        """Emit a step, and readings of the clock around it."""
        with self._timed() if _is_timed(step) else contextlib.nullcontext():
            super().step(step)

    @contextlib.contextmanager
    def _timed(self) -> Iterator[None]:
        """Emit readings of the clock around what is emitted inside."""
        row = next(self._rows)
        start = self.builder.call(self._now, [])
        yield
        b = self.builder
        ticks = b.sub(b.call(self._now, []), start)
        for column, more in enumerate((ticks, INDEX(1))):
            place = element(b, self._table, INDEX(2 * row + column), _WORD)
            b.store(b.add(b.load(place, typ=INDEX), more), place)


def _is_timed(step: Step) -> bool:
    """Whether a step is timed as a whole; of what holds blocks the steps inside are."""
    return not blocks_of(step) and not isinstance(step, Guard)


def _lines(block: Block, table: np.ndarray) -> list[Line]:
    """Return the lines of a profile; see `_Clocks` for the table."""
    ticks, runs = table.T
    reading = ticks[0] / runs[0]
    # A step that is nothing but a reading may come out a little below it.
    times = np.maximum(ticks - reading * runs, 0.0) * clock.seconds_per_tick()
    total = times[1:].sum()
    numbers = itertools.count(1)
    lines: list[Line] = []

    def add(block: Block, depth: int) -> None:
        for step in block.steps:
            if _is_timed(step):
                number = next(numbers)
                lines.append(_row(step, depth, int(runs[number]), times[number], total))
            elif not isinstance(step, Guard):
                lines.append((depth, f"{title(step)}:"))
                for position, inner in enumerate(blocks_of(step)):
                    if position and isinstance(step, Branch):
                        lines.append((depth, "else:"))
                    add(inner, depth + 1)

    add(block, 0)
    return lines


def _row(step: Step, depth: int, runs: int, seconds: float, total: float) -> Row:
    each = float(seconds / runs) if runs else 0.0
    flops, moved = count(step)
    rate = limits.arithmetic_rate(precision(step).name)
    limit = max(flops / rate, moved / limits.copy_rate(moved))
    ratio = each / limit if runs and limit else math.nan
    share = float(seconds / total) if total else 0.0
    return Row(title(step), depth, runs, each, share, flops, moved, limit, ratio)


# -- the table -------------------------------------------------------------------------------------

_WIDTH = 100
_COLUMNS = ("runs", "time/run", "share", "flop", "bytes", "limit", "ratio")
_WIDTHS = (6, 9, 7, 8, 8, 9, 7)
_LEAST_SHARE = 0.0005  # with less, a step's ratio is noise, and of no interest
_TEXT_WIDTH = _WIDTH - sum(_WIDTHS)


def _aligned(text: str, cells: Sequence[str]) -> str:
    if len(text) > _TEXT_WIDTH:
        text = f"{text[: _TEXT_WIDTH - 3]}..."
    numbers = [cell.rjust(width) for cell, width in zip(cells, _WIDTHS, strict=True)]
    return text.ljust(_TEXT_WIDTH) + "".join(numbers)


_HEADER = _aligned("step", _COLUMNS)


def _line_text(line: Line) -> str:
    if not isinstance(line, Row):
        depth, text = line
        return "  " * depth + text
    took = [duration(line.seconds), f"{line.share:.1%}"] if line.runs else ["", ""]
    did = [amount(number).strip() for number in (line.flops, line.bytes)]
    ratio = f"{line.ratio:.{1 if line.ratio < 100 else 0}f}" if line.share >= _LEAST_SHARE else ""
    cells = [str(line.runs), *took, *did, duration(line.limit), ratio]
    return _aligned("  " * line.depth + line.step, cells)
