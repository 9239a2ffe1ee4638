"""From a graph to machine code: all stages of native compilation, in order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chainrule._errors import UnsupportedError
from chainrule.compiler.native import compilation, machine, memory
from chainrule.compiler.native.chunks import split_reductions
from chainrule.compiler.native.counting import count_block
from chainrule.compiler.native.emit import Driver
from chainrule.compiler.native.epilogues import fuse_epilogues
from chainrule.compiler.native.fuse import fuse
from chainrule.compiler.native.inplace import Donated, carry_in_place, overwrite, write_through
from chainrule.compiler.native.invariants import hoist
from chainrule.compiler.native.kernels import Call, Kernel, Product
from chainrule.compiler.native.linking import linked
from chainrule.compiler.native.programs import Program
from chainrule.compiler.native.schedule import schedule
from chainrule.compiler.native.support import unsupported
from chainrule.compiler.native.units import Need, Units
from chainrule.compiler.stopwatch import Stopwatch
from chainrule.compiler.undisturbed import undisturbed
from chainrule.ir import Graph


class Lowered:
    """A graph as steps over memory.

    Parameters
    ----------
    graph : Graph
        Taken as it is; the passes have been run before.
    donated : sequence of (int, int)
        Inputs and the outputs that take their memory.

    Attributes
    ----------
    block : Block
        The program as steps.
    constants : list of ndarray
        Contents of the constant buffers, in order.
    arena_bytes : int
        Memory for temporaries.
    seconds : dict
        Time by stage.

    Raises
    ------
    UnsupportedError
        If the graph has an op or a dtype that cannot be compiled.
    """

    def __init__(self, graph: Graph, donated: Donated = ()) -> None:
        reasons = unsupported(graph)
        if reasons:
            raise UnsupportedError(
                f"native: cannot compile {', '.join(reasons)}; run the graph with "
                "engine='interpreter'."
            )
        watch = Stopwatch()
        self.block, buffers = schedule(graph)
        watch.lap("schedule")
        hoist(self.block)
        watch.lap("invariants")
        fuse(self.block)
        watch.lap("fuse")
        fuse_epilogues(self.block, donated)
        watch.lap("epilogues")
        split_reductions(self.block, buffers)
        watch.lap("chunks")
        write_through(self.block)
        overwrite(self.block, buffers, graph, donated)
        carry_in_place(self.block)
        watch.lap("inplace")
        self.constants = buffers.constants
        self._offsets, self.arena_bytes = memory.plan(self.block)
        watch.lap("memory")
        self.seconds = watch.seconds
        self._num_inputs = len(graph.inputs)

    def module(self, need: Need, emitter: Callable[..., Driver] = Driver) -> str:
        """Return the driver in LLVM's assembly language; `need` is told of the units it calls."""
        driver = emitter(self._offsets, self._num_inputs, machine.has_fma(), Units(need))
        return str(driver.emitted(self.block))

    def modules(self) -> dict[str, compilation.Effort]:
        """Return the driver and its units, and how hard LLVM is to try on each."""
        units: dict[str, compilation.Effort] = {}
        driver = self.module(lambda _, text, effort: units.setdefault(text(), effort))
        return {driver: compilation.DRIVER, **units}

    def statistics(self) -> dict[str, Any]:
        """Return numbers about the program."""
        steps = list(self.block.all_steps())
        total = count_block(self.block)
        return {
            "kernels": sum(isinstance(step, Kernel) for step in steps),
            "products": sum(isinstance(step, Product) for step in steps),
            "calls": sum(isinstance(step, Call) for step in steps),
            "arena_bytes": self.arena_bytes,
            "bytes_moved": total.bytes,
            "flops": total.flops,
        }

    def program(
        self,
        emitter: Callable[..., Driver] = Driver,
        making: compilation.Compilation | None = None,
    ) -> Program:
        """Return machine code; the time it takes to make is added to that of the other stages."""
        watch = Stopwatch()
        making = making or compilation.Compilation()
        driver = self.module(making.need, emitter)
        watch.lap("emit")
        objects = making.finish(driver)
        watch.lap("compile")
        code = linked(objects)
        watch.lap("link")
        self.seconds |= watch.seconds | making.seconds
        return Program(code, self.arena_bytes, self.constants, self.statistics())


def compiled(graph: Graph, donated: Donated) -> tuple[Program, dict[str, float]]:
    """Return a graph's program, and the time by stage."""
    with undisturbed():
        making = compilation.Compilation()
        making.get_ready()
        lowered = Lowered(graph, donated)
        return lowered.program(making=making), lowered.seconds
