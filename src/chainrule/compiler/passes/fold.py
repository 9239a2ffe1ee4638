"""Constant folding: what depends on constants alone is computed now."""

from __future__ import annotations

import numpy as np

from chainrule.compiler.passes.rebuild import Builder, with_inputs
from chainrule.ir import Graph, Literal

# A folded result is kept as long as the compiled function; a loop over a large range should not
# become a table of its values.
MAX_ELEMENTS = 65_536


def fold_constants(graph: Graph) -> Graph:
    """Return the graph with equations on constants replaced by their results.

    Ops that hold graphs are left alone, and so is what raises or warns when computed: that is for
    the run to do, if it comes to it.
    """
    builder = Builder(graph)
    for equation in graph.equations:
        inputs = [builder[atom] for atom in equation.inputs]
        known = inputs and all(isinstance(atom, Literal) for atom in inputs)
        size = max(var.type.size for var in equation.outputs) if equation.outputs else 0
        if known and not equation.op.multiple and size <= MAX_ELEMENTS:
            try:
                with np.errstate(all="raise", under="ignore"):
                    value = equation.op.evaluate(
                        *[atom.value for atom in inputs if isinstance(atom, Literal)],
                        **equation.params,
                    )
            except (ArithmeticError, ValueError, LookupError):
                pass
            else:
                builder.replace(equation.outputs[0], Literal(value))
                continue
        builder.keep(with_inputs(equation, inputs))
    return builder.finish()
