"""The engine: a graph made into machine code, and what is called when it runs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule._donation import can_be_taken, give_away, private
from chainrule.compiler.interpreter import Program
from chainrule.compiler.native import arguments
from chainrule.compiler.native.build import Executable, build
from chainrule.compiler.native.capacity import check_sizes, check_total, out_of_memory
from chainrule.compiler.native.loading import ALIGNMENT
from chainrule.compiler.native.results import Results
from chainrule.ir import ArrayType, Graph

if TYPE_CHECKING:
    from chainrule.compiler.native.inplace import Donated

LARGEST_KEPT = 2**28
"""Arenas of at most so many bytes are kept for the next run."""


class NativeProgram:
    """A graph as machine code.

    Calling it runs without Python, with the interpreter lock released; several threads may do so
    at once. Results are new arrays (NumPy scalars where they have no axes) and share memory with
    nothing that can be used.

    Parameters
    ----------
    graph : Graph
        Compiled as it is; the passes have been run by `chainrule.compiler.compile`.
    name : str
        The compiled function, for messages.
    donated : sequence of int
        The inputs whose memory may be taken for outputs of the same type. An array from which it
        has been taken cannot be used any more, see `chainrule._donation`.
    build : callable, optional
        Makes the executable of the graph.

    Attributes
    ----------
    graph : Graph
    name : str
    donated : tuple of int
    stats : Statistics
        How many ``kernels``, ``products`` of matrices and ``calls`` of LAPACK's routines there are;
        ``arena_bytes``, the memory for temporaries; ``bytes_moved`` and ``flops`` of one run (see
        `chainrule.compiler.native.counting`; branches and ``while`` loops count as if all that is
        in them ran once); and ``seconds`` by stage of compilation.

    Raises
    ------
    UnsupportedError
        If the graph has an op or a dtype that cannot be compiled; see `supports`.
    MemoryError
        If results or temporaries are more than this machine has memory.
    """

    def __init__(
        self,
        graph: Graph,
        name: str = "native",
        donated: Sequence[int] = (),
        build: Callable[[Graph, Donated], Executable] = build,
    ) -> None:
        check_sizes(graph)
        check_total(graph)
        self.graph = graph
        self.name = name
        self.donated = tuple(donated)
        self._donated = _pairs(graph, donated)
        self._executable = build(graph, self._donated)
        self.stats = self._executable.stats
        check_total(graph, self._executable.arena_bytes)
        types = graph.output_types
        outputs: list[Any] = [(type.shape, type.dtype) for type in types]
        for _, output in self._donated:
            outputs[output] = ((0,), types[output].dtype)  # to be replaced by what is taken
        self._results = Results(outputs)
        self._scalars = [number for number, type in enumerate(types) if not type.shape]
        constants = [array.ctypes.data for array in self._executable.constants]
        self._constants = np.array(constants, np.uintp)
        self._run = arguments.bind(
            self._executable.code.address,
            self._constants.ctypes.data,
            graph.input_types,
            len(types),
        )
        self._interpreter: Program | None = None

    def __call__(self, *arrays: Any) -> tuple[Any, ...]:
        """Return the outputs for arrays of the input types."""
        outputs = self.attempt(*arrays)
        if outputs is None:
            pairs = zip(arrays, self.graph.input_types, strict=True)
            outputs = self.attempt(*[_prepared(array, type) for array, type in pairs])
            assert outputs is not None
        return outputs

    def attempt(self, *arrays: Any) -> tuple[Any, ...] | None:
        """Return the outputs, or None if the arguments are not arrays as the code reads them.

        The code finds out by itself whether every argument is an array of the right type in C
        order, which costs next to nothing.
        """
        try:
            outputs: list[Any] = self._results.new()
            arena = scratch(self._executable.arena_bytes, self._executable.looks_for_signals)
            if self._donated:
                return self._attempt_in_place(arrays, outputs, arena)
        except MemoryError:
            raise out_of_memory(self.graph, self._executable.arena_bytes) from None
        status = self._run(*arrays, *outputs, arena)
        return self._returned(status, arrays, outputs, arena)

    def _attempt_in_place(
        self, arrays: tuple[Any, ...], outputs: list[Any], arena: np.ndarray
    ) -> tuple[Any, ...] | None:
        """Do what `attempt` does, with outputs in memory that has been given away.

        Where memory cannot be taken, the argument is copied.
        """
        inputs = list(arrays)
        taken = []
        for number, output in self._donated:
            array, type = arrays[number], self.graph.input_types[number]
            if not isinstance(array, np.ndarray) or _type_of(array) != type:
                return None
            if can_be_taken(array) and sum(other is array for other in arrays) == 1:
                taken.append(array)
                inputs[number] = outputs[output] = array[...]
            else:
                inputs[number] = outputs[output] = private(np.array(array, order="C"))
        status = None
        try:
            status = self._run(*inputs, *outputs, arena)
        finally:
            if status not in (arguments.MISFIT, arguments.GUARDED):
                for array in taken:
                    give_away(array, self.name)
        return self._returned(status, arrays, outputs, arena)

    def _returned(
        self, status: int, arrays: tuple[Any, ...], outputs: list[Any], arena: np.ndarray
    ) -> tuple[Any, ...] | None:
        """Return what `attempt` does, or raise what has gone wrong."""
        if self._executable.looks_for_signals:
            keep(arena)
        if status:
            return None if status == arguments.MISFIT else self._raise(arrays)
        for number in self._scalars:
            outputs[number] = outputs[number][()]
        return tuple(outputs)

    def _raise(self, arrays: tuple[Any, ...]) -> tuple[Any, ...]:
        """Run the interpreter on what the native code refused, for the error it raises."""
        if self._interpreter is None:
            self._interpreter = Program(self.graph)
        return self._interpreter(*arrays)

    @property
    def kernels(self) -> str:
        """The steps as pseudo-code."""
        return str(self._executable.block)

    @property
    def llvm(self) -> str:
        """The program as LLVM's assembly language, before LLVM's passes."""
        return self._executable.llvm()

    @property
    def asm(self) -> str:
        """The machine code as assembly language."""
        return self._executable.assembly()

    def __repr__(self) -> str:
        return f"<native program, {self.stats['kernels']} kernels>"


def _pairs(graph: Graph, donated: Sequence[int]) -> Donated:
    """Return which outputs take the memory of which inputs: each the first of its type left."""
    pairs = []
    free = dict(enumerate(graph.output_types))
    for number in donated:
        type = graph.input_types[number]
        # What has no axes is returned as a number, which has no memory to speak of.
        fitting = [output for output, other in free.items() if other == type and other.shape]
        if fitting and type.size:
            del free[fitting[0]]
            pairs.append((number, fitting[0]))
    return tuple(pairs)


class _Scratch(threading.local):
    """Memory for temporaries: one arena a thread, since a thread runs one program at a time."""

    arena = np.empty(ALIGNMENT, np.uint8)


_scratch = _Scratch()


def scratch(nbytes: int, looks_for_signals: bool) -> np.ndarray:
    """Return this thread's arena, made larger if need be.

    What is larger than `LARGEST_KEPT` is made for one run and given back after it. A program that
    looks for signals has the arena for itself until `keep` is called, since a signal's handler may
    run other programs on this thread.
    """
    arena = _scratch.arena
    if arena.nbytes < nbytes + ALIGNMENT:
        arena = np.empty(nbytes + ALIGNMENT, np.uint8)
        if not looks_for_signals:
            keep(arena)
    if looks_for_signals:
        _scratch.arena = _Scratch.arena
    return arena


def keep(arena: np.ndarray) -> None:
    """Keep an arena for what this thread runs next."""
    if arena.nbytes <= LARGEST_KEPT + ALIGNMENT:
        _scratch.arena = arena


def _prepared(array: Any, type: ArrayType) -> np.ndarray:
    """Return an argument as an array that code can read: aligned, in C order.

    Raises
    ------
    TypeError
        If it is not of the type the code was made for.
    """
    array = np.asarray(array)
    if _type_of(array) != type:
        raise TypeError(f"native: expected an array of type {type}, got {_type_of(array)}.")
    return np.require(array, type.dtype, ["C_CONTIGUOUS", "ALIGNED"])


def _type_of(array: np.ndarray) -> ArrayType:
    return ArrayType(array.shape, array.dtype)
