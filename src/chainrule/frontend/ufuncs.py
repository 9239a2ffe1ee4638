"""NumPy's ufuncs in terms of ops.

Most are one op, its arguments converted first to the dtypes in which NumPy would compute. The
others are a line or two of NumPy themselves.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule import ops
from chainrule.frontend.conversion import (
    as_array,
    as_dtype,
    as_operand,
    promoted,
    ufunc_operands,
)
from chainrule.frontend.dispatch import ADVICE, UFUNCS, implements_ufunc
from chainrule.ir import Op

_ONE_OP: dict[str, Op] = {
    op.name: op
    for op in (
        *(ops.absolute, ops.add, ops.arccos, ops.arccosh, ops.arcsin, ops.arcsinh, ops.arctan),
        *(ops.arctan2, ops.arctanh, ops.bitwise_and, ops.bitwise_or, ops.bitwise_xor, ops.cbrt),
        *(ops.ceil, ops.cos, ops.cosh, ops.divide, ops.exp, ops.expm1, ops.floor),
        *(ops.floor_divide, ops.hypot, ops.invert, ops.left_shift),
        *(ops.log, ops.log1p, ops.logaddexp, ops.maximum, ops.minimum, ops.multiply),
        *(ops.negative, ops.power, ops.remainder, ops.right_shift, ops.rint, ops.sign),
        *(ops.signbit, ops.sin, ops.sinh, ops.sqrt, ops.subtract, ops.tan, ops.tanh),
    )
}


def _one_op(ufunc: np.ufunc, op: Op) -> Callable[..., Any]:
    def apply(*args: Any) -> Any:
        return op(*ufunc_operands(ufunc, args))

    return apply


for _name, _op in _ONE_OP.items():
    UFUNCS[_name] = _one_op(getattr(np, _name), _op)


@implements_ufunc("power", "pow")
def power(x: Any, y: Any) -> Any:
    """Raise to a power; a square is a product, as in NumPy."""
    base, exponent = ufunc_operands(np.power, (x, y))
    if type(y) in (int, float) and y == 2:
        return ops.multiply(base, base)
    return ops.power(base, exponent)


_COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "equal": ops.equal,
    "not_equal": lambda x, y: ops.invert(ops.equal(x, y)),
    "less": ops.less,
    "less_equal": ops.less_equal,
    "greater": lambda x, y: ops.less(y, x),
    "greater_equal": lambda x, y: ops.less_equal(y, x),
}


def _comparison(ufunc: np.ufunc, compare: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    def apply(x: Any, y: Any) -> Any:
        try:
            operands = ufunc_operands(ufunc, (x, y))
        except OverflowError:
            # A Python integer beyond the range of the dtype: all elements compare alike.
            alike = [v if type(v) is int else np.zeros(v.shape, v.dtype) for v in (x, y)]
            return ufunc(*alike)
        return compare(*operands)

    return apply


for _name, _compare in _COMPARISONS.items():
    UFUNCS[_name] = _comparison(getattr(np, _name), _compare)


def _truth(x: Any) -> Any:
    return as_dtype(as_operand(x, "logical"), np.dtype(np.bool_))


@implements_ufunc("logical_and")
def logical_and(x: Any, y: Any) -> Any:
    """Combine truth values."""
    return ops.bitwise_and(_truth(x), _truth(y))


@implements_ufunc("logical_or")
def logical_or(x: Any, y: Any) -> Any:
    """Combine truth values."""
    return ops.bitwise_or(_truth(x), _truth(y))


@implements_ufunc("logical_xor")
def logical_xor(x: Any, y: Any) -> Any:
    """Combine truth values."""
    return ops.bitwise_xor(_truth(x), _truth(y))


@implements_ufunc("logical_not")
def logical_not(x: Any) -> Any:
    """Negate the truth value."""
    return ops.invert(_truth(x))


@implements_ufunc("isnan")
def isnan(x: Any) -> Any:
    """Tell whether not a number: the only value that differs from itself."""
    return x != x


@implements_ufunc("isinf")
def isinf(x: Any) -> Any:
    """Tell whether infinite."""
    return abs(x) == np.inf if x.dtype.kind == "f" else np.zeros(x.shape, bool)


@implements_ufunc("isfinite")
def isfinite(x: Any) -> Any:
    """Tell whether neither infinite nor not a number."""
    return abs(x) < np.inf if x.dtype.kind == "f" else np.ones(x.shape, bool)


@implements_ufunc("conjugate")
def conjugate(x: Any) -> Any:
    """Return the argument; traced arrays are real."""
    (x,) = ufunc_operands(np.conjugate, (x,))
    return as_array(x, "np.conjugate")


@implements_ufunc("positive")
def positive(x: Any) -> Any:
    """Return the argument."""
    (x,) = ufunc_operands(np.positive, (x,))
    return ops.multiply(x, x.dtype.type(1)) if x.weak else x


@implements_ufunc("square")
def square(x: Any) -> Any:
    """Return x²."""
    (x,) = ufunc_operands(np.square, (x,))
    return ops.multiply(x, x)


@implements_ufunc("reciprocal")
def reciprocal(x: Any) -> Any:
    """Return 1/x; for integers without remainder, which leaves 1 and -1."""
    (x,) = ufunc_operands(np.reciprocal, (x,))
    if x.dtype.kind == "f":
        return ops.divide(x.dtype.type(1), x)
    return np.where(np.absolute(x) == 1, x, 0)


@implements_ufunc("fabs")
def fabs(x: Any) -> Any:
    """Return the absolute value as a float."""
    (x,) = ufunc_operands(np.fabs, (x,))
    return ops.absolute(x)


@implements_ufunc("trunc")
def trunc(x: Any) -> Any:
    """Round towards zero."""
    if x.dtype.kind != "f":
        return x
    return ops.where(ops.signbit(x), ops.ceil(x), ops.floor(x))


@implements_ufunc("exp2")
def exp2(x: Any) -> Any:
    """Return 2 to the power x."""
    (x,) = ufunc_operands(np.exp2, (x,))
    return ops.power(x.dtype.type(2), x)


@implements_ufunc("log2")
def log2(x: Any) -> Any:
    """Return the logarithm to base 2."""
    return np.log(x) * (1.0 / math.log(2.0))


@implements_ufunc("log10")
def log10(x: Any) -> Any:
    """Return the logarithm to base 10."""
    return np.log(x) / math.log(10.0)


@implements_ufunc("deg2rad", "radians")
def deg2rad(x: Any) -> Any:
    """Convert degrees to radians."""
    (x,) = ufunc_operands(np.deg2rad, (x,))
    return x * (math.pi / 180.0)


@implements_ufunc("rad2deg", "degrees")
def rad2deg(x: Any) -> Any:
    """Convert radians to degrees."""
    (x,) = ufunc_operands(np.rad2deg, (x,))
    return x * (180.0 / math.pi)


@implements_ufunc("float_power")
def float_power(x: Any, y: Any) -> Any:
    """Raise to a power in float64."""
    return ops.power(*ufunc_operands(np.float_power, (x, y)))


@implements_ufunc("fmax")
def fmax(x: Any, y: Any) -> Any:
    """Return the larger, or the one that is a number."""
    x, y = promoted(as_operand(x, "fmax"), as_operand(y, "fmax"))
    return np.where(np.isnan(x), y, np.where(np.isnan(y), x, np.maximum(x, y)))


@implements_ufunc("fmin")
def fmin(x: Any, y: Any) -> Any:
    """Return the smaller, or the one that is a number."""
    x, y = promoted(as_operand(x, "fmin"), as_operand(y, "fmin"))
    return np.where(np.isnan(x), y, np.where(np.isnan(y), x, np.minimum(x, y)))


@implements_ufunc("copysign")
def copysign(x: Any, y: Any) -> Any:
    """Return x with the sign of y."""
    x, y = ufunc_operands(np.copysign, (x, y))
    return np.where(np.signbit(x) == np.signbit(y), x, -x)


@implements_ufunc("fmod")
def fmod(x: Any, y: Any) -> Any:
    """Return the remainder of division, with the sign of x."""
    x, y = ufunc_operands(np.fmod, (x, y))
    positive_part = np.remainder(np.absolute(x), np.absolute(y))
    return np.where(np.signbit(x), -positive_part, positive_part)


@implements_ufunc("divmod")
def divmod_(x: Any, y: Any) -> tuple[Any, Any]:
    """Return quotient and remainder."""
    return np.floor_divide(x, y), np.remainder(x, y)


@implements_ufunc("modf")
def modf(x: Any) -> tuple[Any, Any]:
    """Return fractional and whole part, both with the sign of x."""
    (x,) = ufunc_operands(np.modf, (x,))
    whole = np.trunc(x)
    return np.copysign(np.where(np.isinf(x), 0.0, x - whole), x), whole


@implements_ufunc("ldexp")
def ldexp(x: Any, exponent: Any) -> Any:
    """Return x times 2 to an integer power, in two steps so that neither overflows alone."""
    x, exponent = ufunc_operands(np.ldexp, (x, exponent))
    half = np.floor_divide(exponent, 2)
    two = x.dtype.type(2)
    as_float = [as_dtype(as_operand(e, "ldexp"), x.dtype) for e in (half, exponent - half)]
    return x * np.power(two, as_float[0]) * np.power(two, as_float[1])


@implements_ufunc("heaviside")
def heaviside(x: Any, at_zero: Any) -> Any:
    """Return 0 below zero, 1 above, ``at_zero`` at zero."""
    x, at_zero = ufunc_operands(np.heaviside, (x, at_zero))
    step = np.where(x == 0, at_zero, np.where(x < 0, 0.0, 1.0))
    return np.where(np.isnan(x), np.nan, step).astype(x.dtype)


@implements_ufunc("logaddexp2")
def logaddexp2(x: Any, y: Any) -> Any:
    """Return log2(2**x + 2**y) without overflow."""
    x, y = ufunc_operands(np.logaddexp2, (x, y))
    factor = math.log(2.0)
    return np.logaddexp(x * factor, y * factor) * (1.0 / factor)


ADVICE.update(
    {
        "np.frexp": "use np.log2 and np.floor",
        "np.nextafter": "it has no derivative; compute it before tracing",
        "np.spacing": "it has no derivative; compute it before tracing",
        "np.gcd": "compute it before tracing",
        "np.lcm": "compute it before tracing",
    }
)
