"""The passes: graph in, equal graph out, each one idea. `optimize` runs them all.

Every pass gives results of the same bits, so it does not matter to a result whether it has run.
"""

from __future__ import annotations

from collections.abc import Callable

from chainrule.compiler.passes.fold import fold_constants
from chainrule.compiler.passes.rebuild import in_subgraphs
from chainrule.compiler.passes.simplify import simplify
from chainrule.compiler.passes.subexpressions import share_subexpressions
from chainrule.ir import Graph

__all__ = ["PASSES", "fold_constants", "optimize", "share_subexpressions", "simplify"]

PASSES: tuple[Callable[[Graph], Graph], ...] = (fold_constants, simplify, share_subexpressions)
"""The passes in the order in which they run; each also drops what nothing uses any more."""

# A rewrite can make room for another. Two rounds find nearly all; more would find little.
ROUNDS = 2


def optimize(graph: Graph) -> Graph:
    """Run all passes on a graph and on the graphs nested in it.

    Parameters
    ----------
    graph : Graph

    Returns
    -------
    Graph
        Same inputs, same results to the last bit, fewer equations.
    """
    graph = in_subgraphs(graph, optimize)
    for _ in range(ROUNDS):
        for change in PASSES:
            graph = change(graph)
    return graph
