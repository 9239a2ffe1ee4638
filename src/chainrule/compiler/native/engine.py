"""The engine: a graph made into machine code, and what is called when it runs."""

from __future__ import annotations

import ctypes
import functools
import struct
import time
from typing import Any

import numpy as np

from chainrule._errors import UnsupportedError
from chainrule.compiler.interpreter import Program
from chainrule.compiler.native import machine, memory, scalars
from chainrule.compiler.native.emit import DATA_OFFSET, emit_module
from chainrule.compiler.native.expressions import Apply, nodes
from chainrule.compiler.native.fuse import fuse
from chainrule.compiler.native.kernels import Block, Loop, Product
from chainrule.compiler.native.schedule import HANDLERS, schedule
from chainrule.ir import ArrayType, Graph

OPS = frozenset({*HANDLERS, *scalars.EMITTERS, "stop_gradient"})
"""Names of the ops that are compiled."""

_FUNCTION = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_void_p)


def unsupported(graph: Graph) -> list[str]:
    """Return what keeps a graph from being compiled, in words; nothing if it can be."""
    reasons: dict[str, None] = {}
    if not _knows_arrays():
        reasons["for this Python, whose array objects look different"] = None

    def check_type(type: ArrayType, where: str) -> None:
        if type.dtype.name not in scalars.DTYPES or not type.dtype.isnative:
            reasons[f"{where} of dtype {type.dtype}"] = None

    def check(graph: Graph) -> None:
        for type in graph.input_types:
            check_type(type, "an input")
        for equation in graph.equations:
            name = equation.op.name
            if name not in OPS:
                reasons[f"op {name}"] = None
            for atom in equation.inputs:
                check_type(atom.type, f"an argument of {name}")
            for var in equation.outputs:
                check_type(var.type, f"a result of {name}")
            if name in scalars.FLOATS_ONLY and equation.inputs[0].type.dtype.kind != "f":
                reasons[f"op {name} of {equation.inputs[0].type.dtype}"] = None
        for type in graph.output_types:
            check_type(type, "an output")
        for subgraph in graph.subgraphs():
            check(subgraph)

    check(graph)
    return list(reasons)


@functools.cache
def _knows_arrays() -> bool:
    """Whether the address of an array's elements is where code will look for it."""
    array = np.empty(1)
    found = ctypes.c_void_p.from_address(id(array) + DATA_OFFSET).value
    return found == array.ctypes.data


def supports(graph: Graph) -> bool:
    """Whether `NativeProgram` compiles a graph."""
    return not unsupported(graph)


class Statistics(dict[str, Any]):
    """Numbers about a compiled program, shown one a line."""

    def __str__(self) -> str:
        return "\n".join(f"{name}: {value}" for name, value in self.items())


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
        clock = [time.perf_counter()]
        reasons = unsupported(graph)
        if reasons:
            raise UnsupportedError(
                f"native: cannot compile {', '.join(reasons)}; run the graph with "
                "engine='interpreter'."
            )
        self.graph = graph
        self._block, buffers = schedule(graph)
        fuse(self._block)
        clock.append(time.perf_counter())
        offsets, self._arena_bytes = memory.plan(self._block)
        clock.append(time.perf_counter())
        count = len(graph.inputs)
        module = emit_module(self._block, offsets, count, machine.has_fma())
        self._code = machine.Code(str(module))
        clock.append(time.perf_counter() - sum(self._code.seconds.values()))

        self._constants = buffers.constants
        addresses = [array.ctypes.data for array in self._constants]
        self._constant_table = struct.pack(f"{len(addresses)}P", *addresses)
        self._inputs = [(type.shape, type.dtype) for type in graph.input_types]
        self._outputs = [(type.shape, type.dtype) for type in graph.output_types]
        self._scalars = [number for number, (shape, _) in enumerate(self._outputs) if not shape]
        self._pack = struct.Struct(f"{count + len(self._outputs)}P").pack
        self._function = _FUNCTION(self._code.address)
        self._arenas: list[Any] = []
        self._interpreter: Program | None = None
        stages = ("schedule", "memory", "emit")
        seconds = dict(zip(stages, np.diff(clock).tolist(), strict=True)) | self._code.seconds
        self.stats = Statistics(_statistics(self._block, self._arena_bytes), seconds=seconds)

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
            arena = _Arena(self._arena_bytes)
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
        return str(self._block)

    @property
    def llvm(self) -> str:
        """The program as LLVM's assembly language, before LLVM's passes."""
        return self._code.text

    @property
    def asm(self) -> str:
        """The machine code as assembly language."""
        return self._code.assembly()

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


def _statistics(block: Block, arena_bytes: int) -> dict[str, Any]:
    steps = list(block.all_steps())
    return {
        "kernels": sum(isinstance(step, Loop) for step in steps),
        "products": sum(isinstance(step, Product) for step in steps),
        "arena_bytes": arena_bytes,
        "flops": _flops(block),
    }


def _flops(block: Block) -> int:
    total = 0
    for step in block.steps:
        if isinstance(step, Loop):
            ops = sum(isinstance(node, Apply) for node in nodes(*step.roots))
            ops += sum(bool(result.combine) for result in step.results)
            total += ops * int(np.prod(step.shape))
        elif isinstance(step, Product):
            s, m, n = step.target.shape
            total += 2 * s * m * n * step.left.shape[2]
        else:
            times = getattr(step, "length", 1)
            total += times * sum(_flops(inner) for inner in getattr(step, "blocks", ()))
    return total
