"""Elementary functions as LLVM instructions that a loop vectorizer takes.

`MATH` and `MATH2` map the names of chainrule's ops to emitters for one and two arguments. An
emitter appends instructions to an ``ir.IRBuilder`` and returns the result, an ``ir.Value`` of the
type of the arguments: ``float``, ``double``, or a vector of either. Nothing is called and nothing
branches, so a loop in which a function stands is vectorized for whatever the CPU has.

The error is below 2 units in the last place over the whole range in both formats; each function
says what its bound is, and `docs/accuracy.md` what was measured. Infinities, NaN, signed zeros and
denormals are as in NumPy. No instruction carries a fast-math flag. Where a formula means a fused
multiply-add it says so; an emitter is told by ``has_fma=False`` that the CPU has none, and then
rounds twice where that does no harm and splits factors where it would.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from llvmlite import ir

from chainrule.compiler.native.math import (
    error_function,
    exponential,
    inverse,
    logarithm,
    power,
    trigonometric,
)
from chainrule.compiler.native.math.arithmetic import Arithmetic, Real

__all__ = ["MATH", "MATH2", "Emitter", "Emitter2"]


class Emitter(Protocol):
    """Appends the instructions of a function of one argument."""

    def __call__(self, builder: ir.IRBuilder, x: ir.Value, *, has_fma: bool = True) -> ir.Value:
        """Return the value of the function at x."""


class Emitter2(Protocol):
    """Appends the instructions of a function of two arguments."""

    def __call__(
        self, builder: ir.IRBuilder, x: ir.Value, y: ir.Value, *, has_fma: bool = True
    ) -> ir.Value:
        """Return the value of the function at (x, y)."""


def _emitter(function: Callable[[Real], Real]) -> Emitter:
    def emit(builder: ir.IRBuilder, x: ir.Value, *, has_fma: bool = True) -> ir.Value:
        arithmetic = Arithmetic(builder, x.type, has_fma)
        return function(Real(arithmetic, x)).value

    emit.__doc__ = function.__doc__
    return emit


def _emitter2(function: Callable[[Real, Real], Real]) -> Emitter2:
    def emit(builder: ir.IRBuilder, x: ir.Value, y: ir.Value, *, has_fma: bool = True) -> ir.Value:
        arithmetic = Arithmetic(builder, x.type, has_fma)
        return function(Real(arithmetic, x), Real(arithmetic, y)).value

    emit.__doc__ = function.__doc__
    return emit


MATH: dict[str, Emitter] = {
    "exp": _emitter(exponential.exp),
    "expm1": _emitter(exponential.expm1),
    "expit": _emitter(exponential.expit),
    "sinh": _emitter(exponential.sinh),
    "cosh": _emitter(exponential.cosh),
    "tanh": _emitter(exponential.tanh),
    "log": _emitter(logarithm.log),
    "log1p": _emitter(logarithm.log1p),
    "logit": _emitter(logarithm.logit),
    "sqrt": _emitter(power.sqrt),
    "cbrt": _emitter(power.cbrt),
    "sin": _emitter(trigonometric.sin),
    "cos": _emitter(trigonometric.cos),
    "tan": _emitter(trigonometric.tan),
    "arcsin": _emitter(inverse.arcsin),
    "arccos": _emitter(inverse.arccos),
    "arctan": _emitter(inverse.arctan),
    "arcsinh": _emitter(inverse.arcsinh),
    "arccosh": _emitter(inverse.arccosh),
    "arctanh": _emitter(inverse.arctanh),
    "erf": _emitter(error_function.erf),
    "erfc": _emitter(error_function.erfc),
}
"""Functions of one argument, by the name of their op."""

MATH2: dict[str, Emitter2] = {
    "power": _emitter2(power.power),
    "hypot": _emitter2(power.hypot),
    "arctan2": _emitter2(inverse.arctan2),
    "logaddexp": _emitter2(logarithm.logaddexp),
}
"""Functions of two arguments, by the name of their op."""
