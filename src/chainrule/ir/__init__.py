"""The graph: typed equations in order, the ops they apply, and the trace that records them."""

from chainrule.ir.evaluate import evaluate
from chainrule.ir.graph import ArrayType, Atom, Equation, Graph, Literal, Var, type_of
from chainrule.ir.op import OPS, LinearInput, Op, not_linear, register
from chainrule.ir.trace import Trace, Traced, current_trace, leaked, new_trace
from chainrule.ir.typecheck import typecheck

__all__ = [
    "OPS",
    "ArrayType",
    "Atom",
    "Equation",
    "Graph",
    "LinearInput",
    "Literal",
    "Op",
    "Trace",
    "Traced",
    "Var",
    "current_trace",
    "evaluate",
    "leaked",
    "new_trace",
    "not_linear",
    "register",
    "type_of",
    "typecheck",
]
