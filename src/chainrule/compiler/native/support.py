"""What the native engine compiles, and in which words it says what it does not."""

from __future__ import annotations

import ctypes
import functools

import numpy as np

from chainrule.compiler.native import scalars
from chainrule.compiler.native.emit import DATA_OFFSET
from chainrule.compiler.native.schedule import HANDLERS
from chainrule.ir import ArrayType, Graph

OPS = frozenset({*HANDLERS, *scalars.EMITTERS, "stop_gradient"})
"""Names of the ops that are compiled."""


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
