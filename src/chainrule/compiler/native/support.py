"""What the native engine compiles, and in which words it says what it does not."""

from __future__ import annotations

import numpy as np

from chainrule.compiler.native.arguments import knows_arrays
from chainrule.ir import ArrayType, Graph
from chainrule.ops.linalg import MatrixOp


def unsupported(graph: Graph) -> list[str]:
    """Return what keeps a graph from being compiled, in words; nothing if it can be."""
    # Imported when a graph is to be compiled; one whose code is in the cache needs none of this.
    from chainrule.compiler.native import machine, scalars
    from chainrule.compiler.native.expansions import EXPANSIONS
    from chainrule.compiler.native.schedule import HANDLERS

    ops = {*HANDLERS, *EXPANSIONS, *scalars.EMITTERS, "stop_gradient"}
    reasons: dict[str, None] = {}
    if not knows_arrays():
        reasons["for this Python, whose array objects look different"] = None

    def check_type(type: ArrayType, where: str) -> None:
        if type.dtype.name not in scalars.DTYPES or not type.dtype.isnative:
            reasons[f"{where} of dtype {type.dtype}"] = None
        if type.dtype == np.float16 and not machine.has_float16():
            reasons["float16, which this CPU cannot convert"] = None

    def check(graph: Graph) -> None:
        for type in graph.input_types:
            check_type(type, "an input")
        for equation in graph.equations:
            name = equation.op.name
            if name not in ops:
                reasons[f"op {name}"] = None
            for atom in equation.inputs:
                check_type(atom.type, f"an argument of {name}")
            for var in equation.outputs:
                check_type(var.type, f"a result of {name}")
            if isinstance(equation.op, MatrixOp) and equation.inputs[0].type.dtype.itemsize < 4:
                reasons[f"op {name} of {equation.inputs[0].type.dtype}"] = None
            if name in scalars.FLOATS_ONLY and equation.inputs[0].type.dtype.kind != "f":
                reasons[f"op {name} of {equation.inputs[0].type.dtype}"] = None
        for type in graph.output_types:
            check_type(type, "an output")
        for subgraph in graph.subgraphs():
            check(subgraph)

    check(graph)
    return list(reasons)


def supports(graph: Graph) -> bool:
    """Whether `NativeProgram` compiles a graph."""
    return not unsupported(graph)
