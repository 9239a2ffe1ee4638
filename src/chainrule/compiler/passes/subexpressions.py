"""Common subexpressions: the same op on the same inputs is computed once."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np

from chainrule.compiler.passes.rebuild import Builder, with_inputs
from chainrule.ir import Atom, Graph, Literal


def share_subexpressions(graph: Graph) -> Graph:
    """Return the graph with repeated equations replaced by the first of them."""
    builder = Builder(graph)
    seen: dict[Hashable, Any] = {}
    for equation in graph.equations:
        inputs = [builder[atom] for atom in equation.inputs]
        key = (
            equation.op.name,
            tuple([_identity(atom) for atom in inputs]),
            tuple([(name, _hashable(value)) for name, value in sorted(equation.params.items())]),
        )
        first = seen.setdefault(key, equation)
        if first is equation:
            builder.keep(with_inputs(equation, inputs))
        else:
            for var, same in zip(equation.outputs, first.outputs, strict=True):
                builder.replace(var, same)
    return builder.finish()


def _identity(atom: Atom) -> Hashable:
    """Return what two atoms share if and only if they stand for the same value."""
    if not isinstance(atom, Literal):
        return id(atom)
    value = np.asarray(atom.value)
    # Bytes, so that 0.0 and -0.0 stay apart and nan equals itself.
    if value.size <= 64:
        return (value.dtype.str, value.shape, value.tobytes())
    return id(atom.value)


def _hashable(value: Any) -> Hashable:
    try:
        hash(value)
    except TypeError:
        return id(value)
    return value
