"""The rules every graph obeys, checked: assigned once, defined before use, types as inferred."""

from __future__ import annotations

from chainrule._errors import GraphError
from chainrule.ir.graph import Graph, Literal, Var


def typecheck(graph: Graph) -> None:
    """Check a graph and the graphs nested in it.

    Raises
    ------
    GraphError
        If a variable is assigned twice or used before it is defined, or an equation's results do
        not have the types its op infers. The message shows the equation.
    """
    defined: set[Var] = set()

    def define(var: Var, where: str) -> None:
        if var in defined:
            raise GraphError(f"{where}: {var} is assigned twice; every variable is assigned once.")
        defined.add(var)

    for var in graph.inputs:
        define(var, "graph inputs")
    for equation in graph.equations:
        for atom in equation.inputs:
            if isinstance(atom, Var) and atom not in defined:
                raise GraphError(f"{equation}: uses {atom}, which no earlier equation defines.")
        inferred = equation.op.infer(*[atom.type for atom in equation.inputs], **equation.params)
        expected = tuple(inferred) if equation.op.multiple else (inferred,)
        got = tuple(var.type for var in equation.outputs)
        if expected != got:
            raise GraphError(f"{equation}: expected results of type {expected}, got {got}.")
        for var in equation.outputs:
            define(var, str(equation))
    for atom in graph.outputs:
        if not isinstance(atom, Literal) and atom not in defined:
            raise GraphError(f"graph outputs: {atom} is not defined in the graph.")
    for subgraph in graph.subgraphs():
        typecheck(subgraph)
