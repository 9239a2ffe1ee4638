"""The engine: a graph made into machine code, and what is called when it runs."""

from __future__ import annotations

import ctypes
import struct
from typing import Any

import numpy as np

from chainrule._errors import UnsupportedError
from chainrule.compiler.interpreter import Program
from chainrule.compiler.native import memory
from chainrule.compiler.native.build import build
from chainrule.compiler.native.support import unsupported
from chainrule.ir import ArrayType, Graph

_FUNCTION = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_void_p)


class NativeProgram:
    """A graph as machine code.

    Calling it runs without Python, with the interpreter lock released; several threads may do so
    at once. Results are new arrays (NumPy scalars where they have no axes) and share memory with
    nothing.

    Parameters
    ----------
    graph : Graph
        Compiled as it is; the passes have been run by `chainrule.compiler.compile`.

    Attributes
    ----------
    graph : Graph
    stats : Statistics
        ``kernels``, ``products`` (calls of BLAS), ``arena_bytes``, ``flops`` (of one run, counting
        every arithmetic op and elementary function as one; branches and ``while`` loops as if all
        that is in them ran once), and ``seconds`` by stage of compilation.

    Raises
    ------
    UnsupportedError
        If the graph has an op or a dtype that cannot be compiled; see `supports`.
    """

    def __init__(self, graph: Graph) -> None:
        reasons = unsupported(graph)
        if reasons:
            raise UnsupportedError(
                f"native: cannot compile {', '.join(reasons)}; run the graph with "
                "engine='interpreter'."
            )
        self.graph = graph
        self._executable = build(graph)
        self.stats = self._executable.stats
        count = len(graph.inputs)
        addresses = [array.ctypes.data for array in self._executable.constants]
        self._constant_table = struct.pack(f"{len(addresses)}P", *addresses)
        self._inputs = [(type.shape, type.dtype) for type in graph.input_types]
        self._outputs = [(type.shape, type.dtype) for type in graph.output_types]
        self._scalars = [number for number, (shape, _) in enumerate(self._outputs) if not shape]
        self._pack = struct.Struct(f"{count + len(self._outputs)}P").pack
        self._function = _FUNCTION(self._executable.code.address)
        self._arenas: list[Any] = []
        self._interpreter: Program | None = None

    def __call__(self, *arrays: Any) -> tuple[Any, ...]:
        """Return the outputs for arrays of the input types."""
        inputs = []
        for array, (shape, dtype) in zip(arrays, self._inputs, strict=True):
            if not (
                type(array) is np.ndarray
                and array.dtype is dtype
                and array.shape == shape
                and array.flags.carray
            ):
                array = _prepared(array, shape, dtype)
            inputs.append(array)
        outputs = [np.empty(shape, dtype) for shape, dtype in self._outputs]
        try:
            arena = self._arenas.pop()
        except IndexError:
            arena = _Arena(self._executable.arena_bytes)
        failed = self._function(
            self._pack(*map(id, inputs), *map(id, outputs)), self._constant_table, arena.address
        )
        self._arenas.append(arena)
        if failed:
            return self._raise(arrays)
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
        return self._executable.code.text

    @property
    def asm(self) -> str:
        """The machine code as assembly language."""
        return self._executable.code.assembly()

    def __repr__(self) -> str:
        return f"<native program, {self.stats['kernels']} kernels>"


class _Arena:
    """Memory for the temporaries of one run at a time."""

    def __init__(self, nbytes: int) -> None:
        self._memory = np.empty(nbytes + memory.ALIGNMENT, np.uint8)
        start = self._memory.ctypes.data
        self.address = start + -start % memory.ALIGNMENT


def _prepared(array: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Any:
    """Return an argument as an array that code can read: aligned, in C order.

    Raises
    ------
    TypeError
        If it is not of the type the code was made for.
    """
    array = np.asarray(array)
    if array.shape != shape or array.dtype != dtype:
        raise TypeError(
            f"native: expected an array of type {ArrayType(shape, dtype)}, got "
            f"{ArrayType(array.shape, array.dtype)}."
        )
    return np.require(array, requirements=["C_CONTIGUOUS", "ALIGNED"])
