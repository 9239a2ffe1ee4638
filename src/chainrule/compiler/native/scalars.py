"""Elementwise ops as instructions, with NumPy's meaning to the last case.

Integers wrap around; division by zero gives zero and never traps; shifts by the width or more give
what is left of the number, 0 or -1; comparisons with NaN are false; the larger of a number and NaN
is NaN; the result of a conversion that does not fit is what the CPU's instruction gives. Truth
values are one bit in registers and one byte in memory.

Elementary functions come from `chainrule.compiler.native.math`, and where that has none, from the
C library.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from llvmlite import ir

from chainrule.compiler.native.math import MATH, MATH2
from chainrule.compiler.native.threefry import random_word

BIT = ir.IntType(1)
BYTE = ir.IntType(8)
_FLOATS = {"float32": ir.FloatType(), "float64": ir.DoubleType()}
_INTEGERS = {
    f"{sign}int{width}": ir.IntType(width) for sign in ("", "u") for width in (8, 16, 32, 64)
}

DTYPES = frozenset(["bool", *_FLOATS, *_INTEGERS])
"""Names of the dtypes that code is emitted for."""


def register_type(dtype: np.dtype[Any]) -> ir.Type:
    """Return the type of a value in a register."""
    if dtype.kind == "b":
        return BIT
    return _FLOATS.get(dtype.name) or _INTEGERS[dtype.name]


def memory_type(dtype: np.dtype[Any]) -> ir.Type:
    """Return the type of an element in memory."""
    return BYTE if dtype.kind == "b" else register_type(dtype)


def load(builder: ir.IRBuilder, pointer: ir.Value, dtype: np.dtype[Any]) -> ir.Value:
    """Load an element."""
    value = builder.load(pointer, typ=memory_type(dtype))
    return builder.icmp_unsigned("!=", value, BYTE(0)) if dtype.kind == "b" else value


def store(builder: ir.IRBuilder, value: ir.Value, pointer: ir.Value, dtype: np.dtype[Any]) -> None:
    """Store an element."""
    builder.store(builder.zext(value, BYTE) if dtype.kind == "b" else value, pointer)


def constant(value: Any) -> ir.Constant:
    """Return a NumPy scalar as a constant."""
    type = register_type(value.dtype)
    if value.dtype.kind == "f":
        return ir.Constant(type, float(value))
    return ir.Constant(type, int(value))


def called(builder: ir.IRBuilder, name: str, *arguments: ir.Value) -> ir.Value:
    """Call a function of the C library, or an intrinsic, whose types are those of its arguments."""
    module = builder.module
    function = module.globals.get(name)
    if function is None:
        type = ir.FunctionType(arguments[0].type, [argument.type for argument in arguments])
        function = ir.Function(module, type, name)
        function.attributes.add("nounwind")
        function.attributes.add("readnone")
    return builder.call(function, arguments)


def _intrinsic(builder: ir.IRBuilder, name: str, *arguments: ir.Value) -> ir.Value:
    type = arguments[0].type
    short = f"i{type.width}" if isinstance(type, ir.IntType) else _SHORT[str(type)]
    return called(builder, f"llvm.{name}.{short}", *arguments)


_SHORT = {"float": "f32", "double": "f64"}


class Scalar:
    """What an emitter of an elementwise op is given.

    Attributes
    ----------
    builder : llvmlite.ir.IRBuilder
    dtype : numpy.dtype
        Of the result.
    source : numpy.dtype
        Of the first argument, or of the second for an op whose first is a condition.
    has_fma : bool
        Whether the CPU has a fused multiply-add.
    reassociate : bool
        Whether sums and products may be taken in another order.
    """

    def __init__(
        self,
        builder: ir.IRBuilder,
        dtype: np.dtype[Any],
        source: np.dtype[Any],
        has_fma: bool,
        reassociate: bool = False,
    ) -> None:
        self.builder = builder
        self.dtype = dtype
        self.source = source
        self.has_fma = has_fma
        self.flags = ("reassoc",) if reassociate else ()

    @property
    def is_float(self) -> bool:
        """Whether the arguments are floats."""
        return self.source.kind == "f"

    @property
    def is_signed(self) -> bool:
        """Whether the arguments are signed integers."""
        return self.source.kind == "i"

    @property
    def type(self) -> ir.Type:
        """Register type of the arguments."""
        return register_type(self.source)

    def of(self, value: float) -> ir.Constant:
        """Return a constant of the arguments' type."""
        return ir.Constant(self.type, value)

    def compare(self, relation: str, x: ir.Value, y: ir.Value) -> ir.Value:
        """Compare; false where an argument is NaN, but for ``!=``."""
        if self.is_float:
            if relation == "!=":
                return self.builder.fcmp_unordered(relation, x, y)
            return self.builder.fcmp_ordered(relation, x, y)
        if self.is_signed:
            return self.builder.icmp_signed(relation, x, y)
        return self.builder.icmp_unsigned(relation, x, y)


Emit = Callable[..., ir.Value]


def _add(s: Scalar, x: ir.Value, y: ir.Value) -> ir.Value:
    if s.source.kind == "b":
        return s.builder.or_(x, y)
    return s.builder.fadd(x, y, flags=s.flags) if s.is_float else s.builder.add(x, y)


def _subtract(s: Scalar, x: ir.Value, y: ir.Value) -> ir.Value:
    return s.builder.fsub(x, y) if s.is_float else s.builder.sub(x, y)


def _multiply(s: Scalar, x: ir.Value, y: ir.Value) -> ir.Value:
    if s.source.kind == "b":
        return s.builder.and_(x, y)
    return s.builder.fmul(x, y, flags=s.flags) if s.is_float else s.builder.mul(x, y)


def _divide(s: Scalar, x: ir.Value, y: ir.Value) -> ir.Value:
    return s.builder.fdiv(x, y)


def _negative(s: Scalar, x: ir.Value) -> ir.Value:
    return s.builder.fneg(x) if s.is_float else s.builder.neg(x)


def _absolute(s: Scalar, x: ir.Value) -> ir.Value:
    if s.is_float:
        return _intrinsic(s.builder, "fabs", x)
    if s.is_signed:
        return s.builder.select(s.compare("<", x, s.of(0)), s.builder.neg(x), x)
    return x


def _extremum(name: str, relation: str) -> Emit:
    def emit(s: Scalar, x: ir.Value, y: ir.Value) -> ir.Value:
        if s.is_float:
            return _intrinsic(s.builder, name, x, y)
        if s.source.kind == "b":
            return s.builder.or_(x, y) if relation == ">" else s.builder.and_(x, y)
        return s.builder.select(s.compare(relation, x, y), x, y)

    return emit


def _sign(s: Scalar, x: ir.Value) -> ir.Value:
    zero = s.of(0)
    result = s.builder.select(
        s.compare("<", x, zero), s.of(-1), s.builder.select(s.compare("==", x, zero), zero, x)
    )
    return s.builder.select(s.compare(">", x, zero), s.of(1), result)


def _signbit(s: Scalar, x: ir.Value) -> ir.Value:
    if not s.is_float:
        return s.compare("<", x, s.of(0))
    bits = ir.IntType(8 * s.source.itemsize)
    return s.builder.icmp_signed("<", s.builder.bitcast(x, bits), bits(0))


def _rounding(name: str) -> Emit:
    def emit(s: Scalar, x: ir.Value) -> ir.Value:
        return _intrinsic(s.builder, name, x) if s.is_float else x

    return emit


def _comparison(relation: str) -> Emit:
    return lambda s, x, y: s.compare(relation, x, y)


def _bitwise(name: str) -> Emit:
    return lambda s, x, y: getattr(s.builder, name)(x, y)


def _invert(s: Scalar, x: ir.Value) -> ir.Value:
    return s.builder.not_(x)


def _shift(s: Scalar, y: ir.Value) -> tuple[ir.Value, ir.Value]:
    """Return whether a shift is by less than the width, and one that surely is."""
    fits = s.builder.icmp_unsigned("<", y, s.of(s.type.width))
    return fits, s.builder.select(fits, y, s.of(0))


def _left_shift(s: Scalar, x: ir.Value, y: ir.Value) -> ir.Value:
    fits, amount = _shift(s, y)
    return s.builder.select(fits, s.builder.shl(x, amount), s.of(0))


def _right_shift(s: Scalar, x: ir.Value, y: ir.Value) -> ir.Value:
    fits, amount = _shift(s, y)
    if s.is_signed:
        rest = s.builder.ashr(x, s.of(s.type.width - 1))
        return s.builder.select(fits, s.builder.ashr(x, amount), rest)
    return s.builder.select(fits, s.builder.lshr(x, amount), s.of(0))


def _where(s: Scalar, condition: ir.Value, x: ir.Value, y: ir.Value) -> ir.Value:
    return s.builder.select(condition, x, y)


# -- division that rounds down -------------------------------------------------------------------


def _integer_division(s: Scalar, x: ir.Value, y: ir.Value) -> tuple[ir.Value, ir.Value]:
    """Return quotient and remainder, rounded down; 0 and 0 for division by zero."""
    b = s.builder
    zero, one = s.of(0), s.of(1)
    by_zero = b.icmp_unsigned("==", y, zero)
    if not s.is_signed:
        safe = b.select(by_zero, one, y)
        quotient, rest = b.udiv(x, safe), b.urem(x, safe)
        return b.select(by_zero, zero, quotient), b.select(by_zero, zero, rest)
    # The smallest number by -1 overflows, which traps; by -1 is negation.
    by_minus_one = b.icmp_signed("==", y, s.of(-1))
    safe = b.select(b.or_(by_zero, by_minus_one), one, y)
    quotient, rest = b.sdiv(x, safe), b.srem(x, safe)
    differ = b.icmp_signed("<", b.xor(rest, safe), zero)
    down = b.and_(b.icmp_signed("!=", rest, zero), differ)
    quotient = b.select(down, b.sub(quotient, one), quotient)
    rest = b.select(down, b.add(rest, safe), rest)
    quotient = b.select(by_minus_one, b.neg(x), quotient)
    return b.select(by_zero, zero, quotient), b.select(by_zero, zero, rest)


def _float_remainder(s: Scalar, x: ir.Value, y: ir.Value) -> tuple[ir.Value, ir.Value]:
    """Return C's remainder, and the one that has the sign of the divisor."""
    b = s.builder
    zero = s.of(0.0)
    rest = b.frem(x, y)
    wrong_sign = b.xor(s.compare("<", y, zero), s.compare("<", rest, zero))
    nonzero = b.select(wrong_sign, b.fadd(rest, y), rest)
    signed = b.select(s.compare("==", rest, zero), _intrinsic(b, "copysign", zero, y), nonzero)
    return rest, signed


def _remainder(s: Scalar, x: ir.Value, y: ir.Value) -> ir.Value:
    if not s.is_float:
        return _integer_division(s, x, y)[1]
    rest, signed = _float_remainder(s, x, y)
    return s.builder.select(s.compare("==", y, s.of(0.0)), rest, signed)


def _floor_divide(s: Scalar, x: ir.Value, y: ir.Value) -> ir.Value:
    if not s.is_float:
        return _integer_division(s, x, y)[0]
    b = s.builder
    zero, one = s.of(0.0), s.of(1.0)
    rest, _ = _float_remainder(s, x, y)
    quotient = b.fdiv(b.fsub(x, rest), y)
    wrong_sign = b.xor(s.compare("<", y, zero), s.compare("<", rest, zero))
    down = b.and_(s.compare("!=", rest, zero), wrong_sign)
    quotient = b.select(down, b.fsub(quotient, one), quotient)
    whole = _intrinsic(b, "floor", quotient)
    short = s.compare(">", b.fsub(quotient, whole), s.of(0.5))
    whole = b.select(short, b.fadd(whole, one), whole)
    plain = b.fdiv(x, y)
    whole = b.select(s.compare("==", quotient, zero), _intrinsic(b, "copysign", zero, plain), whole)
    return b.select(s.compare("==", y, zero), plain, whole)


# -- conversions ---------------------------------------------------------------------------------


def _convert(s: Scalar, x: ir.Value) -> ir.Value:
    b, source, dtype = s.builder, s.source, s.dtype
    type = register_type(dtype)
    if dtype.kind == "b":
        return s.compare("!=", x, s.of(0)) if source.kind != "b" else x
    if dtype.kind == "f":
        if source.kind == "f":
            if source.itemsize == dtype.itemsize:
                return x
            return (b.fptrunc if source.itemsize > dtype.itemsize else b.fpext)(x, type)
        return (b.sitofp if source.kind == "i" else b.uitofp)(x, type)
    if source.kind == "f":
        return _truncated(s, x, type)
    if source.kind != "b" and source.itemsize >= dtype.itemsize:
        return x if source.itemsize == dtype.itemsize else b.trunc(x, type)
    return (b.sext if source.kind == "i" else b.zext)(x, type)


def _truncated(s: Scalar, x: ir.Value, type: ir.Type) -> ir.Value:
    """Convert a float to an integer as the CPU does: by way of a wide enough signed one.

    What does not fit, NaN included, gives the smallest number of the wide type.
    """
    b = s.builder
    width = 32 if type.width < 32 or s.dtype == np.dtype(np.int32) else 64
    wide = ir.IntType(width)
    limit = 2.0 ** (width - 1)
    # -2^(width-1) itself fits. In float32 there is no number between it and the next below.
    low = s.compare(">=", x, s.of(-limit))
    if width == 32 and s.source.itemsize == 8:
        low = s.compare(">", x, s.of(-limit - 1.0))
    fits = b.and_(low, s.compare("<", x, s.of(limit)))
    signed = b.fptosi(b.select(fits, x, s.of(0.0)), wide)
    result = b.select(fits, signed, ir.Constant(wide, -(2 ** (width - 1))))
    if s.dtype == np.dtype(np.uint64):
        # The upper half of the range.
        large = b.and_(s.compare(">=", x, s.of(limit)), s.compare("<", x, s.of(2.0 * limit)))
        above = b.fptoui(b.select(large, x, s.of(0.0)), wide)
        result = b.select(large, above, result)
    return result if type.width == width else b.trunc(result, type)


# -- elementary functions ------------------------------------------------------------------------

_LIBM = {
    "arccos": "acos",
    "arccosh": "acosh",
    "arcsin": "asin",
    "arcsinh": "asinh",
    "arctan": "atan",
    "arctanh": "atanh",
    "cbrt": "cbrt",
    "cos": "cos",
    "cosh": "cosh",
    "erf": "erf",
    "erfc": "erfc",
    "exp": "exp",
    "expm1": "expm1",
    "log": "log",
    "log1p": "log1p",
    "sin": "sin",
    "sinh": "sinh",
    "tan": "tan",
    "tanh": "tanh",
}
_LIBM2 = {"arctan2": "atan2", "hypot": "hypot", "power": "pow"}


def _c_name(name: str, dtype: np.dtype[Any]) -> str:
    return name if dtype.itemsize == 8 else f"{name}f"


def _elementary(name: str) -> Emit:
    def emit(s: Scalar, x: ir.Value) -> ir.Value:
        if name in MATH:
            return MATH[name](s.builder, x, has_fma=s.has_fma)
        return called(s.builder, _c_name(_LIBM[name], s.source), x)

    return emit


def _elementary2(name: str) -> Emit:
    def emit(s: Scalar, x: ir.Value, y: ir.Value) -> ir.Value:
        if name in MATH2:
            return MATH2[name](s.builder, x, y, has_fma=s.has_fma)
        return called(s.builder, _c_name(_LIBM2[name], s.source), x, y)

    return emit


def _expit(s: Scalar, x: ir.Value) -> ir.Value:
    if "expit" in MATH:
        return MATH["expit"](s.builder, x, has_fma=s.has_fma)
    b = s.builder
    decay = _elementary("exp")(s, b.fneg(_absolute(s, x)))
    top = b.select(s.compare(">=", x, s.of(0.0)), s.of(1.0), decay)
    return b.fdiv(top, b.fadd(decay, s.of(1.0)))


def _logaddexp(s: Scalar, x: ir.Value, y: ir.Value) -> ir.Value:
    if "logaddexp" in MATH2:
        return MATH2["logaddexp"](s.builder, x, y, has_fma=s.has_fma)
    b = s.builder
    larger = _intrinsic(b, "maximum", x, y)
    # Equal infinities differ by NaN, and it is 0 that is meant.
    distance = b.select(s.compare("==", x, y), s.of(0.0), _absolute(s, b.fsub(x, y)))
    return b.fadd(larger, _elementary("log1p")(s, _elementary("exp")(s, b.fneg(distance))))


def _x_times(name: str) -> Emit:
    """Return the emitter of x f(y), which is 0 for x = 0 unless y is NaN."""

    def emit(s: Scalar, x: ir.Value, y: ir.Value) -> ir.Value:
        b = s.builder
        is_zero = b.and_(s.compare("==", x, s.of(0.0)), b.fcmp_ordered("ord", y, y))
        return b.select(is_zero, s.of(0.0), b.fmul(x, _elementary(name)(s, y)))

    return emit


EMITTERS: dict[str, Emit] = {
    "absolute": _absolute,
    "add": _add,
    "bitwise_and": _bitwise("and_"),
    "bitwise_or": _bitwise("or_"),
    "bitwise_xor": _bitwise("xor"),
    "ceil": _rounding("ceil"),
    "convert": _convert,
    "divide": _divide,
    "equal": _comparison("=="),
    "expit": _expit,
    "floor": _rounding("floor"),
    "floor_divide": _floor_divide,
    "invert": _invert,
    "left_shift": _left_shift,
    "less": _comparison("<"),
    "less_equal": _comparison("<="),
    "logaddexp": _logaddexp,
    "maximum": _extremum("maximum", ">"),
    "minimum": _extremum("minimum", "<"),
    "multiply": _multiply,
    "negative": _negative,
    "random_bits": lambda s, *words: random_word(s.builder, *words),
    "remainder": _remainder,
    "right_shift": _right_shift,
    "rint": _rounding("rint"),
    "sign": _sign,
    "signbit": _signbit,
    "sqrt": _rounding("sqrt"),
    "subtract": _subtract,
    "where": _where,
    "xlog1py": _x_times("log1p"),
    "xlogy": _x_times("log"),
    **{name: _elementary(name) for name in {*_LIBM, *MATH} - {"expit"}},
    **{name: _elementary2(name) for name in {*_LIBM2, *MATH2} - {"logaddexp"}},
}
"""The elementwise ops, by name."""

# Ops that NumPy computes for integers in ways of their own.
FLOATS_ONLY = frozenset({*_LIBM, *_LIBM2, *MATH, *MATH2, "divide", "sqrt"})
"""Ops that are emitted for floats alone."""


def emit(
    builder: ir.IRBuilder,
    op: str,
    dtype: np.dtype[Any],
    sources: Sequence[np.dtype[Any]],
    arguments: Sequence[ir.Value],
    has_fma: bool,
) -> ir.Value:
    """Append an op's instructions and return its result."""
    source = sources[1] if op == "where" else sources[0]
    return EMITTERS[op](Scalar(builder, dtype, source, has_fma), *arguments)
