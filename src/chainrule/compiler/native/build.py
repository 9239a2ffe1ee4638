"""From a graph to an executable: taken from the cache if it has been compiled before."""

from __future__ import annotations

import functools
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.compiler.native import loading, programs, threads
from chainrule.compiler.native.surroundings import surroundings
from chainrule.ir import Graph

if TYPE_CHECKING:
    # The stages of compilation take longer to import than a program to load that is known.
    from chainrule.compiler.native.inplace import Donated
    from chainrule.compiler.native.kernels import Block
    from chainrule.compiler.native.lower import Lowered


class Statistics(dict[str, Any]):
    """Numbers about a compiled program, shown one a line.

    ``seconds`` has the time by stage: ``trace`` and ``passes`` if `chainrule.compile` made the
    graph, ``find`` for looking the program up, and ``load``. If it was not found there are also
    ``schedule``, ``invariants``, ``fuse``, ``epilogues``, ``chunks``, ``inplace``, ``memory``,
    ``emit``, ``compile`` and ``link``; of ``compile``, ``parse``, ``optimize`` and ``generate`` are
    the parts, added up over the threads that work side by side.
    """

    def __str__(self) -> str:
        return "\n".join(f"{name}: {value}" for name, value in self.items())


class Executable:
    """Machine code and what it needs to run.

    Attributes
    ----------
    constants : list of ndarray
        Contents of the constant buffers, in order.
    arena_bytes : int
        Memory for temporaries.
    code : loading.Code
    looks_for_signals : bool
        Whether handlers of signals may be called before a run ends.
    stats : Statistics
    """

    def __init__(
        self, graph: Graph, donated: Donated, program: programs.Program, seconds: dict[str, float]
    ) -> None:
        began = time.perf_counter()
        self._graph = graph
        self._donated = donated
        self.constants: list[np.ndarray] = program.constants
        self.arena_bytes = program.arena_bytes
        self.looks_for_signals = threads.make_available(program.code.called)
        self.code = loading.Code(program.code)
        load = {"load": time.perf_counter() - began}
        self.stats = Statistics(program.statistics, seconds=seconds | load)

    @functools.cached_property
    def _lowered(self) -> Lowered:
        """The stages before machine code, gone through again for what is to be read."""
        from chainrule.compiler.native.lower import Lowered

        return Lowered(self._graph, self._donated)

    @property
    def block(self) -> Block:
        """The program as steps."""
        return self._lowered.block

    def llvm(self) -> str:
        """Return the driver and its units in LLVM's assembly language."""
        return "\n".join(self._lowered.modules())

    def assembly(self) -> str:
        """Return the machine code as assembly language."""
        from chainrule.compiler.native.compilation import assembly

        modules = self._lowered.modules()
        return "\n".join([assembly(text, effort) for text, effort in modules.items()])


def build(graph: Graph, donated: Donated = ()) -> Executable:
    """Return what runs a graph.

    Parameters
    ----------
    graph : Graph
        Taken as it is; the passes have been run before.
    donated : sequence of (int, int)
        Inputs and the outputs that take their memory.

    Raises
    ------
    UnsupportedError
        If the graph has an op or a dtype that cannot be compiled.
    """
    began = time.perf_counter()
    key = programs.key_of(graph, f"{surroundings()} {donated}")
    program = None if key is None else programs.load(key)
    seconds = {"find": time.perf_counter() - began}
    if program is None:
        from chainrule.compiler.native.lower import compiled

        program, stages = compiled(graph, donated)
        seconds |= stages
        if key is not None:
            programs.store(key, program)
    return Executable(graph, donated, program, seconds)
