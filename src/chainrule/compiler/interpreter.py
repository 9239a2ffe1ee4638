"""The interpreter: a graph as a flat list of NumPy calls. It defines what is right.

`Program` prepares a graph once. It asks every op for its evaluator (the NumPy function with the
parameters worked in), gives every value a slot, and writes the whole as the source of one Python
function, in which a value is deleted after its last use. What runs afterwards is that function:
no dictionaries, no types, no graph. ``print(program.source)`` shows it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

from chainrule.ir import Equation, Graph, Literal, Var


class Program:
    """A graph ready to run on NumPy arrays.

    Parameters
    ----------
    graph : Graph

    Attributes
    ----------
    graph : Graph
    source : str
        The function that runs, as Python source.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._equations: list[Equation] = list(graph.equations)
        self.source, names = _write(graph)
        exec(compile(self.source, "<chainrule interpreter>", "exec"), names)
        self._run: Callable[..., tuple[Any, ...]] = names["run"]

    def __call__(self, *arrays: Any) -> tuple[Any, ...]:
        """Return the outputs for arrays of the input types.

        An exception raised by NumPy on the way gains a note that names the op and the user's line.
        """
        try:
            return self._run(*arrays)
        except Exception as error:
            self._explain(error)
            raise

    def _explain(self, error: Exception) -> None:
        """Add the equation that failed to an exception, found by its line in the source."""
        traceback = error.__traceback__
        while traceback is not None:
            if traceback.tb_frame.f_code is self._run.__code__:
                # Line 1 is the def; each equation has one line of its own.
                number = traceback.tb_lineno - 2
                if 0 <= number < len(self._equations):
                    equation = self._equations[number]
                    place = f" at {equation.source}" if equation.source else ""
                    error.add_note(f"in op {equation.op.name}{place}")
                return
            traceback = traceback.tb_next


def _write(graph: Graph) -> tuple[str, dict[str, Any]]:
    """Return the source of a graph's function and the names it refers to."""
    names: dict[str, Any] = {}
    slots: dict[Var, str] = {}
    counter = itertools.count()

    def slot(var: Var) -> str:
        if var not in slots:
            slots[var] = f"v{next(counter)}"
        return slots[var]

    def constant(value: Any) -> str:
        name = f"c{next(counter)}"
        names[name] = value
        return name

    def text(atom: Var | Literal) -> str:
        return constant(atom.value) if isinstance(atom, Literal) else slot(atom)

    last_use: dict[Var, int] = {}
    for number, equation in enumerate(graph.equations):
        for atom in equation.inputs:
            if isinstance(atom, Var):
                last_use[atom] = number
    kept = {atom for atom in graph.outputs if isinstance(atom, Var)}

    lines = [f"def run({', '.join(slot(var) for var in graph.inputs)}):"]
    for number, equation in enumerate(graph.equations):
        name = f"{_identifier(equation.op.name)}_{number}"
        names[name] = equation.op.evaluator(**equation.params)
        call = f"{name}({', '.join(text(atom) for atom in equation.inputs)})"
        targets = ", ".join(slot(var) for var in equation.outputs)
        if equation.op.multiple:
            targets += ","
        dying = _dying(equation, number, last_use, kept)
        drop = "; del " + ", ".join(slot(var) for var in dying) if dying else ""
        lines.append(f"    {targets} = {call}{drop}" if targets != "," else f"    {call}")
    outputs = ", ".join(text(atom) for atom in graph.outputs)
    lines.append(f"    return ({outputs},)" if graph.outputs else "    return ()")
    return "\n".join(lines), names


def _dying(
    equation: Equation, number: int, last_use: dict[Var, int], kept: set[Var]
) -> Sequence[Var]:
    """Return the variables that nothing after this equation reads."""
    dying = {
        atom: None
        for atom in (*equation.inputs, *equation.outputs)
        if isinstance(atom, Var) and atom not in kept and last_use.get(atom, number) == number
    }
    return list(dying)


def _identifier(name: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in name)
