"""Elementwise ops as instructions, with NumPy's meaning to the last case.

Integers wrap around; division by zero gives zero and never traps; shifts by the width or more give
what is left of the number, 0 or -1; comparisons with NaN are false; the larger of a number and NaN
is NaN; the result of a conversion that does not fit is what the CPU's instruction gives. Truth
values are one bit in registers and one byte in memory.

Elementary functions come from `chainrule.compiler.native.math`, and where that has none, from
SciPy. float16 is a format of memory: as in NumPy, every op works on float32 and is rounded.

The arguments may also be vectors, of one length; constants are then repeated.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from llvmlite import ir

from chainrule.compiler.native.integer_power import power_function
from chainrule.compiler.native.math import MATH, MATH2
from chainrule.compiler.native.math.arithmetic import intrinsic
from chainrule.compiler.native.math.arithmetic import splat as splat
from chainrule.compiler.native.special_functions import ROUTINES, emit_routine
from chainrule.compiler.native.threefry import random_word
from chainrule.compiler.native.zeta import zeta_function

Emit = Callable[..., ir.Value]

BIT = ir.IntType(1)
BYTE = ir.IntType(8)
_FLOATS = {"float16": ir.HalfType(), "float32": ir.FloatType(), "float64": ir.DoubleType()}
_INTEGERS = {
    f"{sign}int{width}": ir.IntType(width) for sign in ("", "u") for width in (8, 16, 32, 64)
}

FLOAT16, FLOAT32 = np.dtype(np.float16), np.dtype(np.float32)

DTYPES = frozenset(["bool", *_FLOATS, *_INTEGERS])
"""Names of the dtypes that code is emitted for."""


@functools.cache
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


def _like(x: ir.Value, type: ir.Type) -> ir.Type:
    """Return a type, or the vector of it that has as many elements as a value."""
    return ir.VectorType(type, x.type.count) if isinstance(x.type, ir.VectorType) else type


def _by_element(builder: ir.IRBuilder, call: Emit, *arguments: ir.Value) -> ir.Value:
    """Return what a function of scalars gives, for each element of vectors."""
    if not isinstance(arguments[0].type, ir.VectorType):
        return call(*arguments)
    result: ir.Value = ir.Constant(arguments[0].type, ir.Undefined)
    for number in range(arguments[0].type.count):
        place = ir.IntType(32)(number)
        elements = [builder.extract_element(argument, place) for argument in arguments]
        result = builder.insert_element(result, call(*elements), place)
    return result


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
    count : int or None
        Length of the arguments, if they are vectors.
    """

    def __init__(
        self,
        builder: ir.IRBuilder,
        dtype: np.dtype[Any],
        source: np.dtype[Any],
        has_fma: bool,
        reassociate: bool = False,
        count: int | None = None,
    ) -> None:
        self.builder = builder
        self.dtype = dtype
        self.source = source
        self.has_fma = has_fma
        self.flags = ("reassoc",) if reassociate else ()
        self.count = count

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
        return self.vector(register_type(self.source))

    def vector(self, type: ir.Type) -> ir.Type:
        """Return a type, or the vector of it that is as long as the arguments."""
        return type if self.count is None else ir.VectorType(type, self.count)

    def of(self, value: float) -> ir.Constant:
        """Return a constant of the arguments' type."""
        return splat(self.type, value)

    def in_float32(self) -> Scalar:
        """Return the same for float32 in place of float16."""
        dtype, source = [
            FLOAT32 if dtype == FLOAT16 else dtype for dtype in (self.dtype, self.source)
        ]
        return Scalar(self.builder, dtype, source, self.has_fma, bool(self.flags), self.count)

    def compare(self, relation: str, x: ir.Value, y: ir.Value) -> ir.Value:
        """Compare; false where an argument is NaN, but for ``!=``."""
        if self.is_float:
            if relation == "!=":
                return self.builder.fcmp_unordered(relation, x, y)
            return self.builder.fcmp_ordered(relation, x, y)
        if self.is_signed:
            return self.builder.icmp_signed(relation, x, y)
        return self.builder.icmp_unsigned(relation, x, y)


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
        return intrinsic(s.builder, "fabs", x)
    if s.is_signed:
        return s.builder.select(s.compare("<", x, s.of(0)), s.builder.neg(x), x)
    return x


def _extremum(name: str, relation: str) -> Emit:
    def emit(s: Scalar, x: ir.Value, y: ir.Value) -> ir.Value:
        if s.is_float:
            return intrinsic(s.builder, name, x, y)
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
    bits = s.vector(ir.IntType(8 * s.source.itemsize))
    return s.builder.icmp_signed("<", s.builder.bitcast(x, bits), splat(bits, 0))


def _rounding(name: str) -> Emit:
    def emit(s: Scalar, x: ir.Value) -> ir.Value:
        return intrinsic(s.builder, name, x) if s.is_float else x

    return emit


def _comparison(relation: str) -> Emit:
    return lambda s, x, y: s.compare(relation, x, y)


def _bitwise(name: str) -> Emit:
    return lambda s, x, y: getattr(s.builder, name)(x, y)


def _invert(s: Scalar, x: ir.Value) -> ir.Value:
    return s.builder.not_(x)


def _shift(s: Scalar, y: ir.Value) -> tuple[ir.Value, ir.Value]:
    """Return whether a shift is by less than the width, and one that surely is."""
    fits = s.builder.icmp_unsigned("<", y, s.of(8 * s.source.itemsize))
    return fits, s.builder.select(fits, y, s.of(0))


def _left_shift(s: Scalar, x: ir.Value, y: ir.Value) -> ir.Value:
    fits, amount = _shift(s, y)
    return s.builder.select(fits, s.builder.shl(x, amount), s.of(0))


def _right_shift(s: Scalar, x: ir.Value, y: ir.Value) -> ir.Value:
    fits, amount = _shift(s, y)
    if s.is_signed:
        rest = s.builder.ashr(x, s.of(8 * s.source.itemsize - 1))
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
    signed = b.select(s.compare("==", rest, zero), intrinsic(b, "copysign", zero, y), nonzero)
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
    whole = intrinsic(b, "floor", quotient)
    short = s.compare(">", b.fsub(quotient, whole), s.of(0.5))
    whole = b.select(short, b.fadd(whole, one), whole)
    plain = b.fdiv(x, y)
    whole = b.select(s.compare("==", quotient, zero), intrinsic(b, "copysign", zero, plain), whole)
    return b.select(s.compare("==", y, zero), plain, whole)


# -- conversions ---------------------------------------------------------------------------------


def _convert(s: Scalar, x: ir.Value) -> ir.Value:
    b, source, dtype = s.builder, s.source, s.dtype
    if source == dtype:
        return x
    if source == FLOAT16:
        return _convert(s.in_float32(), _widened(b, x))
    if dtype == FLOAT16:
        single = _convert(s.in_float32(), x)
        return _narrowed(
            b, _to_odd(s, x, single) if source.itemsize == 8 and s.is_float else single
        )
    type = s.vector(register_type(dtype))
    if dtype.kind == "b":
        return s.compare("!=", x, s.of(0))
    if dtype.kind == "f":
        if source.kind == "f":
            return (b.fptrunc if source.itemsize > dtype.itemsize else b.fpext)(x, type)
        return (b.sitofp if source.kind == "i" else b.uitofp)(x, type)
    if source.kind == "f":
        return _truncated(s, x)
    if source.kind != "b" and source.itemsize >= dtype.itemsize:
        return x if source.itemsize == dtype.itemsize else b.trunc(x, type)
    return (b.sext if source.kind == "i" else b.zext)(x, type)


def _widened(b: ir.IRBuilder, x: ir.Value) -> ir.Value:
    """Return a float16 as a float32."""
    return b.fpext(x, _like(x, ir.FloatType()))


def _narrowed(b: ir.IRBuilder, x: ir.Value) -> ir.Value:
    """Return a float32 as a float16."""
    return b.fptrunc(x, _like(x, ir.HalfType()))


def _to_odd(s: Scalar, x: ir.Value, nearest: ir.Value) -> ir.Value:
    """Return a float64 as a float32 that is rounded right if it is rounded again.

    Of the two neighbours of a number that is none, it is the one whose last bit is 1 (S. Boldo and
    G. Melquiond, Emulation of a FMA and correctly rounded sums: proved algorithms using rounding to
    odd, 2008). CPUs and compilers that convert float64 to float16 in one step are rare.
    """
    b = s.builder
    bits = s.vector(ir.IntType(32))
    word, back = b.bitcast(nearest, bits), b.fpext(nearest, x.type)
    is_even = b.icmp_unsigned("==", b.and_(word, splat(bits, 1)), splat(bits, 0))
    is_inexact = b.fcmp_ordered("!=", back, x)
    is_larger = b.fcmp_ordered(">", intrinsic(b, "fabs", back), intrinsic(b, "fabs", x))
    odd = b.add(word, b.select(is_larger, splat(bits, -1), splat(bits, 1)))
    return b.bitcast(b.select(b.and_(is_even, is_inexact), odd, word), nearest.type)


def _truncated(s: Scalar, x: ir.Value) -> ir.Value:
    """Convert a float to an integer as the CPU does: by way of a wide enough signed one.

    What does not fit, NaN included, gives the smallest number of the wide type.
    """
    b = s.builder
    type = s.vector(register_type(s.dtype))
    width = 32 if s.dtype.itemsize < 4 or s.dtype == np.dtype(np.int32) else 64
    wide = s.vector(ir.IntType(width))
    limit = 2.0 ** (width - 1)
    # -2^(width-1) itself fits. In float32 there is no number between it and the next below.
    low = s.compare(">=", x, s.of(-limit))
    if width == 32 and s.source.itemsize == 8:
        low = s.compare(">", x, s.of(-limit - 1.0))
    fits = b.and_(low, s.compare("<", x, s.of(limit)))
    signed = b.fptosi(b.select(fits, x, s.of(0.0)), wide)
    result = b.select(fits, signed, splat(wide, -(2 ** (width - 1))))
    if s.dtype == np.dtype(np.uint64):
        # The upper half of the range.
        large = b.and_(s.compare(">=", x, s.of(limit)), s.compare("<", x, s.of(2.0 * limit)))
        above = b.fptoui(b.select(large, x, s.of(0.0)), wide)
        result = b.select(large, above, result)
    return result if s.dtype.itemsize * 8 == width else b.trunc(result, type)


# -- functions -----------------------------------------------------------------------------------


def _elementary(name: str) -> Emit:
    function: Emit = MATH[name] if name in MATH else MATH2[name]
    return lambda s, *arguments: function(s.builder, *arguments, has_fma=s.has_fma)


def _power(s: Scalar, x: ir.Value, y: ir.Value) -> ir.Value:
    if s.is_float:
        return MATH2["power"](s.builder, x, y, has_fma=s.has_fma)
    function = power_function(s.builder.module, register_type(s.source))
    return _by_element(s.builder, lambda *pair: s.builder.call(function, pair), x, y)


def _routine(name: str) -> Emit:
    """Return the emitter of one of SciPy's functions, which work in float64."""

    def emit(s: Scalar, *arguments: ir.Value) -> ir.Value:
        b = s.builder
        wide = [_in_double(b, argument) for argument in arguments]
        result = _by_element(b, lambda *given: emit_routine(b, ROUTINES[name], given), *wide)
        return b.fptrunc(result, s.type) if result.type != s.type else result

    return emit


def _in_double(b: ir.IRBuilder, x: ir.Value) -> ir.Value:
    type = _like(x, ir.DoubleType())
    return x if x.type == type else b.fpext(x, type)


def _zeta(s: Scalar, exponent: ir.Value, start: ir.Value) -> ir.Value:
    function = zeta_function(s.builder.module)
    return _by_element(s.builder, lambda *pair: s.builder.call(function, pair), exponent, start)


def _x_times(name: str) -> Emit:
    """Return the emitter of x f(y), which is 0 for x = 0 unless y is NaN."""

    def emit(s: Scalar, x: ir.Value, y: ir.Value) -> ir.Value:
        b = s.builder
        is_zero = b.and_(s.compare("==", x, s.of(0.0)), b.fcmp_ordered("ord", y, y))
        return b.select(is_zero, s.of(0.0), b.fmul(x, _elementary(name)(s, y)))

    return emit


def _rounded(emit: Emit) -> Emit:
    """Return an emitter that computes float16 in float32 and rounds the result."""

    def rounded(s: Scalar, *arguments: ir.Value) -> ir.Value:
        if s.source != FLOAT16:
            return emit(s, *arguments)
        result = emit(s.in_float32(), *[_widened(s.builder, x) for x in arguments])
        return _narrowed(s.builder, result) if s.dtype == FLOAT16 else result

    return rounded


_ARITHMETIC: dict[str, Emit] = {
    "absolute": _absolute,
    "add": _add,
    "bitwise_and": _bitwise("and_"),
    "bitwise_or": _bitwise("or_"),
    "bitwise_xor": _bitwise("xor"),
    "ceil": _rounding("ceil"),
    "divide": _divide,
    "equal": _comparison("=="),
    "floor": _rounding("floor"),
    "floor_divide": _floor_divide,
    "invert": _invert,
    "left_shift": _left_shift,
    "less": _comparison("<"),
    "less_equal": _comparison("<="),
    "maximum": _extremum("maximum", ">"),
    "minimum": _extremum("minimum", "<"),
    "multiply": _multiply,
    "negative": _negative,
    "remainder": _remainder,
    "right_shift": _right_shift,
    "rint": _rounding("rint"),
    "sign": _sign,
    "signbit": _signbit,
    "sqrt": _rounding("sqrt"),
    "subtract": _subtract,
    "xlog1py": _x_times("log1p"),
    "xlogy": _x_times("log"),
    "zeta": _zeta,
    **{name: _routine(name) for name in ROUTINES},
    **{name: _elementary(name) for name in {**MATH, **MATH2}},
    "power": _power,
}

EMITTERS: dict[str, Emit] = {
    **{name: _rounded(emit) for name, emit in _ARITHMETIC.items()},
    "convert": _convert,
    "random_bits": lambda s, *words: random_word(s.builder, *words),
    "where": _where,
}
"""The elementwise ops, by name."""

# Ops that NumPy computes for integers in ways of their own.
FLOATS_ONLY = frozenset({*MATH, *MATH2, *ROUTINES, "divide", "sqrt"} - {"power"})
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
    type = arguments[-1].type
    count = type.count if isinstance(type, ir.VectorType) else None
    return EMITTERS[op](Scalar(builder, dtype, source, has_fma, count=count), *arguments)
