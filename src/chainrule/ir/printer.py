"""Graphs as readable text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.ir.graph import Atom, Equation, Graph, Literal, Var

_INDENT = "  "


class Names:
    """Gives variables the names a, b, …, z, ba, bb, … in order of appearance."""

    def __init__(self) -> None:
        self._names: dict[Var, str] = {}

    def __getitem__(self, var: Var) -> str:
        if var not in self._names:
            number, name = len(self._names), ""
            while True:
                number, letter = divmod(number, 26)
                name = chr(ord("a") + letter) + name
                if number == 0:
                    break
            self._names[var] = name
        return self._names[var]


def format_value(value: Any) -> str:
    """Return a literal's text: numbers in full, larger arrays by type alone."""
    array = np.asarray(value)
    if array.ndim == 0:
        return repr(array.item())
    if array.size <= 4:
        return np.array2string(array, separator=", ").replace("\n", "")
    return f"{array.dtype}[{', '.join(map(str, array.shape))}]{{…}}"


def _format_atom(atom: Atom, names: Names) -> str:
    return format_value(atom.value) if isinstance(atom, Literal) else names[atom]


def format_params(params: Mapping[str, Any]) -> str:
    """Return the parameters that are not graphs as ``[name=value, …]``, or nothing."""
    shown = []
    for name, value in params.items():
        if isinstance(value, Graph) or value is None or _is_graphs(value):
            continue
        if callable(value) and not isinstance(value, (type, np.dtype)):
            value = getattr(value, "__name__", type(value).__name__)
        shown.append(f"{name}={value}")
    return f"[{', '.join(shown)}]" if shown else ""


def _is_graphs(value: Any) -> bool:
    return isinstance(value, tuple) and any(isinstance(item, Graph) for item in value)


def _equation_lines(equation: Equation, names: Names, indent: str) -> list[str]:
    inputs = [_format_atom(atom, names) for atom in equation.inputs]
    outputs = ", ".join(f"{names[var]}: {var.type}" for var in equation.outputs)
    head = f"{equation.op.name}{format_params(equation.params)}"
    lines = [f"{indent}{outputs} = {' '.join([head, *inputs])}"]
    for name, value in equation.params.items():
        graphs = (value,) if isinstance(value, Graph) else value if _is_graphs(value) else ()
        for number, graph in enumerate(graphs):
            label = name if isinstance(value, Graph) else f"{name}[{number}]"
            lines += _graph_lines(graph, label, indent + _INDENT)
    return lines


def _graph_lines(graph: Graph, label: str, indent: str) -> list[str]:
    names = Names()
    inputs = ", ".join(f"{names[var]}: {var.type}" for var in graph.inputs)
    outputs = ", ".join(str(atom.type) for atom in graph.outputs)
    lines = [f"{indent}{label}({inputs}) -> {outputs or '()'}"]
    for equation in graph.equations:
        lines += _equation_lines(equation, names, indent + _INDENT)
    returned = ", ".join(_format_atom(atom, names) for atom in graph.outputs)
    lines.append(f"{indent}{_INDENT}return {returned}".rstrip())
    return lines


def format_graph(graph: Graph) -> str:
    """Return a graph as text, one equation a line, nested graphs indented."""
    return "\n".join(_graph_lines(graph, "graph", ""))


def format_equation(equation: Equation) -> str:
    """Return one equation as text, its variables named in order of appearance."""
    return "\n".join(_equation_lines(equation, Names(), ""))
