"""Special functions that SciPy computes, called by address for one element at a time.

The functions are those behind SciPy's own: they work in float64, whatever comes in, and call
nothing of Python's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from llvmlite import ir

from chainrule.compiler.native.expressions import (
    Apply,
    Constant,
    Expression,
    Load,
    is_light,
)
from chainrule.compiler.native.kernels import Loop
from chainrule.compiler.native.routines import SPECIAL
from chainrule.ir import OPS, Equation

if TYPE_CHECKING:
    from chainrule.compiler.native.schedule import Scheduler

FLOAT64 = np.dtype(np.float64)
_DOUBLE = ir.DoubleType()
_INT = ir.IntType(32)

ROUTINES = {
    name: f"{SPECIAL}.{name}"
    for name in (
        "betaln",
        "erfcx",
        "erfinv",
        "gamma",
        "gammaln",
        "i0",
        "i0e",
        "i1",
        "i1e",
        "iv",
        "ive",
        "j0",
        "j1",
        "jv",
        "log_ndtr",
        "ndtri",
        "psi",
    )
}
"""Full names of the routines, by the name of the op: chainrule's, or the routine's own."""


def emit_routine(builder: ir.IRBuilder, routine: str, arguments: Sequence[ir.Value]) -> ir.Value:
    """Call a routine of doubles, and of a last argument that says it is not Python calling."""
    module = builder.module
    function = module.globals.get(routine)
    if function is None:
        type = ir.FunctionType(_DOUBLE, [_DOUBLE] * len(arguments) + [_INT])
        function = ir.Function(module, type, routine)
        function.attributes.add("nounwind")
        function.attributes.add("readnone")
    return builder.call(function, [*arguments, _INT(0)])


# -- scheduling ----------------------------------------------------------------------------------


def calls_routines(loop: Loop) -> bool:
    """Whether a loop is one that cannot be vectorized because of what it calls."""
    return not _CALLED.isdisjoint(loop.ops)


_CALLED = frozenset({*ROUTINES, "zeta"})


def _arguments(scheduler: Scheduler, equation: Equation) -> list[Expression]:
    """Return the arguments, of which what is dear has been computed before."""
    (output,) = equation.outputs
    for atom in equation.inputs:
        if not is_light(scheduler.value(atom)):
            scheduler.stored(atom)
    return [scheduler.spread(atom, output.type.shape) for atom in equation.inputs]


def _store(scheduler: Scheduler, equation: Equation, value: Expression) -> None:
    """Compute an expression in a loop of its own, lest it keep others from being vectorized."""
    (output,) = equation.outputs
    if value.dtype != output.type.dtype:
        value = Apply("convert", (value,), output.type.dtype)
    target = scheduler.new(output)
    scheduler.store(target, value)
    scheduler.values[output] = Load(target)


def _elementwise(scheduler: Scheduler, equation: Equation) -> None:
    (output,) = equation.outputs
    arguments = tuple(_arguments(scheduler, equation))
    _store(scheduler, equation, Apply(equation.op.name, arguments, output.type.dtype))


def _in_float64(value: Expression, op: str, *leading: float) -> Apply:
    if value.dtype != FLOAT64:
        value = Apply("convert", (value,), FLOAT64)
    numbers = [Constant(np.float64(number)) for number in leading]
    return Apply(op, (*numbers, value), FLOAT64)


_BESSEL = {
    "bessel_i": ("i0", "i1", "iv"),
    "bessel_ie": ("i0e", "i1e", "ive"),
    "bessel_j": ("j0", "j1", "jv"),
}
"""Routines for order 0, order 1 and any order."""


def _bessel(scheduler: Scheduler, equation: Equation) -> None:
    order = equation.params["order"]
    zero, one, any_order = _BESSEL[equation.op.name]
    (x,) = _arguments(scheduler, equation)
    fixed = {0: _in_float64(x, zero), 1: _in_float64(x, one)}
    _store(scheduler, equation, fixed.get(order) or _in_float64(x, any_order, order))


def _polygamma(scheduler: Scheduler, equation: Equation) -> None:
    order = equation.params["order"]
    (x,) = _arguments(scheduler, equation)
    if order == 0:
        _store(scheduler, equation, _in_float64(x, "psi"))
        return
    factor = Constant(np.float64((-1) ** (order + 1) * math.gamma(order + 1)))
    zeta = _in_float64(x, "zeta", order + 1)
    _store(scheduler, equation, Apply("multiply", (factor, zeta), FLOAT64))


HANDLERS = {
    **{name: _elementwise for name in ROUTINES if name in OPS},
    **dict.fromkeys(_BESSEL, _bessel),
    "polygamma": _polygamma,
}
