"""Running a graph op by op. With traced arrays among the values, this inlines the graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chainrule._source import working_on
from chainrule.ir.graph import Graph, Literal, Var


def evaluate(graph: Graph, values: Sequence[Any]) -> list[Any]:
    """Return the outputs of a graph for the given inputs.

    Parameters
    ----------
    graph : Graph
    values : sequence of array or traced array
        One per input. An op on plain arrays is computed, one on traced arrays is recorded in
        their trace.
    """
    environment: dict[Var, Any] = dict(zip(graph.inputs, values, strict=True))
    with working_on() as current:
        for equation in graph.equations:
            current.source = equation.source
            inputs = [
                atom.value if isinstance(atom, Literal) else environment[atom]
                for atom in equation.inputs
            ]
            results = equation.op(*inputs, **equation.params)
            if equation.op.multiple:
                environment.update(zip(equation.outputs, results, strict=True))
            else:
                environment[equation.outputs[0]] = results
    return [
        atom.value if isinstance(atom, Literal) else environment[atom] for atom in graph.outputs
    ]
