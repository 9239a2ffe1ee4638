"""Loops and branches as ops, recomputation, and derivatives of one's own."""

from chainrule.control_flow.checkpoint import checkpoint
from chainrule.control_flow.cond import cond
from chainrule.control_flow.custom_derivative import custom_derivative, stop_gradient
from chainrule.control_flow.fori_loop import fori_loop
from chainrule.control_flow.scan import scan
from chainrule.control_flow.while_loop import while_loop

__all__ = [
    "checkpoint",
    "cond",
    "custom_derivative",
    "fori_loop",
    "scan",
    "stop_gradient",
    "while_loop",
]
