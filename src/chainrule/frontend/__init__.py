"""NumPy on traced arrays: the tracer, and what NumPy's functions mean in terms of ops.

Each of the modules imported first fills the tables of `chainrule.frontend.dispatch` with the
functions of one family.
"""

from chainrule.frontend import (
    comparing,
    creation,
    diagonals,
    einsum,
    elementary,
    joining,
    kinds,
    linalg,
    nan_statistics,
    norms,
    padding,
    polynomials,
    positions,
    products,
    quantiles,
    reductions,
    refusals,
    repeating,
    sampled,
    selecting,
    shaping,
    sliding,
    sorting,
    special,
    splitting,
    statistics,
    ufuncs,
)
from chainrule.frontend.conversion import asarray
from chainrule.frontend.indexing import at
from chainrule.frontend.tracer import Tracer

__all__ = [
    "Tracer",
    "asarray",
    "at",
    "comparing",
    "creation",
    "diagonals",
    "einsum",
    "elementary",
    "joining",
    "kinds",
    "linalg",
    "nan_statistics",
    "norms",
    "padding",
    "polynomials",
    "positions",
    "products",
    "quantiles",
    "reductions",
    "refusals",
    "repeating",
    "sampled",
    "selecting",
    "shaping",
    "sliding",
    "sorting",
    "special",
    "splitting",
    "statistics",
    "ufuncs",
]
