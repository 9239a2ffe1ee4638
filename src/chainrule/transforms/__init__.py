"""Transforms: functions in, functions out, through the graph in between."""

from chainrule.transforms.batch import vmap
from chainrule.transforms.dual import Dual
from chainrule.transforms.forward import jvp
from chainrule.transforms.gradient import grad, value_and_grad
from chainrule.transforms.matrices import hessian, hvp, jacobian
from chainrule.transforms.reverse import linearize, vjp
from chainrule.transforms.tracing import trace

__all__ = [
    "Dual",
    "grad",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "linearize",
    "trace",
    "value_and_grad",
    "vjp",
    "vmap",
]
