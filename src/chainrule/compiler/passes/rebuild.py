"""What every pass does around its own idea: walk a graph in order and build a new one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from chainrule.ir import Atom, Equation, Graph, Op, Var
from chainrule.ir.graph import live_part


class Builder:
    """A graph being rebuilt, equation by equation, with some variables replaced by others.

    Attributes
    ----------
    equations : list of Equation
        Those of the new graph so far.
    definitions : dict
        The equation that defines each variable of the new graph.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.equations: list[Equation] = []
        self.definitions: dict[Var, Equation] = {}
        self._replaced: dict[Var, Atom] = {}

    def __getitem__(self, atom: Atom) -> Atom:
        """Return what stands for an atom of the old graph in the new one."""
        return self._replaced.get(atom, atom) if isinstance(atom, Var) else atom

    def replace(self, var: Var, atom: Atom) -> None:
        """Let ``atom`` stand for an old variable from here on."""
        self._replaced[var] = atom

    def keep(self, equation: Equation) -> None:
        """Append an equation of the new graph."""
        self.equations.append(equation)
        for var in equation.outputs:
            self.definitions[var] = equation

    def emit(self, op: Op, inputs: Sequence[Atom], params: dict[str, Any], source: Any) -> Var:
        """Append an equation with one new result, and return that."""
        output = Var(op.infer(*[atom.type for atom in inputs], **params))
        self.keep(Equation(op, inputs, params, (output,), source))
        return output

    def finish(self) -> Graph:
        """Return the new graph, without what its outputs do not depend on."""
        outputs = [self[atom] for atom in self.graph.outputs]
        equations, _ = live_part(self.equations, outputs)
        return Graph(self.graph.inputs, equations, outputs)


def with_inputs(equation: Equation, inputs: Sequence[Atom]) -> Equation:
    """Return an equation with other inputs; itself if they are the same."""
    if all(a is b for a, b in zip(equation.inputs, inputs, strict=True)):
        return equation
    return Equation(equation.op, inputs, equation.params, equation.outputs, equation.source)


def in_subgraphs(graph: Graph, change: Callable[[Graph], Graph]) -> Graph:
    """Return the graph with every graph among its equations' parameters changed."""

    def changed(value: Any) -> Any:
        if isinstance(value, Graph):
            return change(value)
        if isinstance(value, tuple) and any(isinstance(item, Graph) for item in value):
            return tuple([changed(item) for item in value])
        return value

    equations = []
    for equation in graph.equations:
        params = {name: changed(value) for name, value in equation.params.items()}
        if any(params[name] is not value for name, value in equation.params.items()):
            equation = Equation(
                equation.op, equation.inputs, params, equation.outputs, equation.source
            )
        equations.append(equation)
    return Graph(graph.inputs, equations, graph.outputs)
