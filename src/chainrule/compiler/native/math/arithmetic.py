"""Formulas as LLVM instructions: numbers with operators, in float32 and float64 alike.

A function of this package is written once, as one would write it in NumPy, and is emitted for
both formats: `Real` is a value of a format, `Bits` the same bits as an integer, `Mask` a truth
value, and the operators of each append an instruction. Only what differs between the formats,
coefficients and a few limits, is given twice, as a `PerFormat`. Values may also be vectors;
constants are repeated.

Nothing branches: both sides of a `where` are computed. That is what lets LLVM's loop vectorizer
take a loop in which such a function stands.

No instruction carries a fast-math flag, so the order of operations written here is the order in the
machine, and error-free transformations stay what they are.
"""

from __future__ import annotations

import functools
import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from llvmlite import ir

T = TypeVar("T")


@dataclass(frozen=True)
class Format:
    """A binary format of IEEE 754."""

    precision: int
    """Significant bits, the leading one included."""
    bias: int
    """Of the exponent; also the largest exponent."""
    width: int
    """Bits in all."""

    @property
    def fraction_bits(self) -> int:
        """Return the number of bits after the leading one."""
        return self.precision - 1

    @property
    def shifter(self) -> float:
        """Return a number so large that the bits of a small number added to it round to integers.

        Half as much again as the power of two, so that negative numbers stay in the same binade.
        """
        return 1.5 * 2.0**self.fraction_bits

    @property
    def smallest_normal(self) -> float:
        """Return the smallest number with all its bits."""
        return 2.0 ** (1 - self.bias)

    def bits(self, value: float) -> int:
        """Return the bits of a number, as an unsigned integer."""
        if self.width == 32:
            return int(struct.unpack("<I", struct.pack("<f", value))[0])
        return int(struct.unpack("<Q", struct.pack("<d", value))[0])


SINGLE = Format(precision=24, bias=127, width=32)
DOUBLE = Format(precision=53, bias=1023, width=64)


@dataclass(frozen=True)
class PerFormat(Generic[T]):
    """A coefficient table, a limit, … in float32 and float64."""

    single: T
    double: T

    def __getitem__(self, format: Format) -> T:
        return self.single if format is SINGLE else self.double


def splat(type: ir.Type, value: float) -> ir.Constant:
    """Return a constant, repeated for a vector."""
    if isinstance(type, ir.VectorType):
        return _repeated(type, value, math.copysign(1.0, value))
    return ir.Constant(type, value)


@functools.lru_cache(maxsize=1024, typed=True)
def _repeated(type: ir.VectorType, value: float, sign: float) -> ir.Constant:
    """Return a vector constant, which keeps the text that llvmlite takes long to write."""
    return _Splat(type, ir.Constant(type.element, value))


class _Splat(ir.Constant):
    """A vector of equal elements, written once, which LLVM reads in a fraction of the time."""

    def _get_reference(self) -> str:
        return f"splat ({self.constant[0]})"


Coefficients = PerFormat[Sequence[float]]
"""Of a polynomial, the constant term first."""


def intrinsic(builder: ir.IRBuilder, name: str, *arguments: ir.Value) -> ir.Value:
    """Call one of LLVM's functions whose arguments and result are all of one type."""
    # llvmlite can declare these for scalars only.
    type = arguments[0].type
    is_vector = isinstance(type, ir.VectorType)
    element = type.element if is_vector else type
    full_name = f"llvm.{name}.{f'v{type.count}' if is_vector else ''}{element.intrinsic_name}"
    module = builder.module
    function = module.globals.get(full_name)
    if function is None:
        signature = ir.FunctionType(type, [type] * len(arguments))
        function = ir.Function(module, signature, full_name)
    return builder.call(function, arguments)


class Arithmetic:
    """Where instructions go, the type they work on, and what the CPU can do.

    Parameters
    ----------
    builder : llvmlite.ir.IRBuilder
        Where instructions are appended.
    type : llvmlite.ir.Type
        ``float``, ``double``, or a vector of either.
    has_fma : bool
        Whether the CPU multiplies and adds with one rounding. If not, `mul_add` rounds twice and
        errors of products are found by splitting (see `double_double`).
    """

    def __init__(self, builder: ir.IRBuilder, type: ir.Type, has_fma: bool) -> None:
        self.builder = builder
        self.type = type
        self.has_fma = has_fma
        self.count = type.count if isinstance(type, ir.VectorType) else None
        element = type.element if isinstance(type, ir.VectorType) else type
        if isinstance(element, ir.FloatType):
            self.format = SINGLE
        elif isinstance(element, ir.DoubleType):
            self.format = DOUBLE
        else:
            raise TypeError(f"math: expected float or double, or a vector of them, got {type}")
        integer = ir.IntType(self.format.width)
        self.bits_type = ir.VectorType(integer, self.count) if self.count else integer

    def in_double(self) -> Arithmetic:
        """Return the same in float64."""
        double = ir.DoubleType()
        type = ir.VectorType(double, self.count) if self.count else double
        return Arithmetic(self.builder, type, self.has_fma)

    def constant(self, type: ir.Type, value: float) -> ir.Constant:
        """Return a constant, repeated for a vector."""
        return splat(type, value)

    def real(self, value: float) -> Real:
        """Return a constant number, rounded to the format."""
        return Real(self, self.constant(self.type, value))

    def integer(self, value: int) -> Bits:
        """Return a constant integer, modulo 2^width."""
        return Bits(self, self.constant(self.bits_type, value % 2**self.format.width))


class Real:
    """A floating-point value."""

    __slots__ = ("arithmetic", "value")

    def __init__(self, arithmetic: Arithmetic, value: ir.Value) -> None:
        self.arithmetic = arithmetic
        self.value = value

    @property
    def format(self) -> Format:
        """Return the format of the value."""
        return self.arithmetic.format

    def like(self, value: Real | float) -> Real:
        """Return a constant of this type, or the value itself."""
        return value if isinstance(value, Real) else self.arithmetic.real(value)

    def __add__(self, other: Real | float) -> Real:
        builder = self.arithmetic.builder
        return Real(self.arithmetic, builder.fadd(self.value, self.like(other).value))

    def __sub__(self, other: Real | float) -> Real:
        builder = self.arithmetic.builder
        return Real(self.arithmetic, builder.fsub(self.value, self.like(other).value))

    def __mul__(self, other: Real | float) -> Real:
        builder = self.arithmetic.builder
        return Real(self.arithmetic, builder.fmul(self.value, self.like(other).value))

    def __truediv__(self, other: Real | float) -> Real:
        builder = self.arithmetic.builder
        return Real(self.arithmetic, builder.fdiv(self.value, self.like(other).value))

    def __radd__(self, other: float) -> Real:
        return self.like(other) + self

    def __rsub__(self, other: float) -> Real:
        return self.like(other) - self

    def __rmul__(self, other: float) -> Real:
        return self.like(other) * self

    def __rtruediv__(self, other: float) -> Real:
        return self.like(other) / self

    def __neg__(self) -> Real:
        return Real(self.arithmetic, self.arithmetic.builder.fneg(self.value))

    def __abs__(self) -> Real:
        return self._intrinsic("fabs")

    def _compare(self, operator: str, other: Real | float) -> Mask:
        builder = self.arithmetic.builder
        truth = builder.fcmp_ordered(operator, self.value, self.like(other).value)
        return Mask(self.arithmetic, truth)

    def __lt__(self, other: Real | float) -> Mask:
        return self._compare("<", other)

    def __le__(self, other: Real | float) -> Mask:
        return self._compare("<=", other)

    def __gt__(self, other: Real | float) -> Mask:
        return self._compare(">", other)

    def __ge__(self, other: Real | float) -> Mask:
        return self._compare(">=", other)

    def equals(self, other: Real | float) -> Mask:
        """Return whether two numbers are equal; false for NaN."""
        return self._compare("==", other)

    def is_nan(self) -> Mask:
        """Return whether the value is not a number."""
        builder = self.arithmetic.builder
        return Mask(self.arithmetic, builder.fcmp_unordered("uno", self.value, self.value))

    def bits(self) -> Bits:
        """Return the same bits as an integer."""
        arithmetic = self.arithmetic
        return Bits(arithmetic, arithmetic.builder.bitcast(self.value, arithmetic.bits_type))

    def sqrt(self) -> Real:
        """Return the square root, correctly rounded by the CPU."""
        return self._intrinsic("sqrt")

    def with_sign_of(self, other: Real) -> Real:
        """Return the magnitude of one with the sign of another, that of zeros and NaN included."""
        return self._intrinsic("copysign", other)

    def rounded(self) -> Real:
        """Return the nearest integer, ties to even."""
        return self._intrinsic("rint")

    def widened(self) -> Real:
        """Return a float32 as a float64."""
        double = self.arithmetic.in_double()
        return Real(double, double.builder.fpext(self.value, double.type))

    def narrowed(self, arithmetic: Arithmetic) -> Real:
        """Return a float64 as a float32."""
        return Real(arithmetic, arithmetic.builder.fptrunc(self.value, arithmetic.type))

    def _intrinsic(self, name: str, *others: Real) -> Real:
        arguments = [self.value, *(other.value for other in others)]
        return Real(self.arithmetic, intrinsic(self.arithmetic.builder, name, *arguments))


class Bits:
    """An integer as wide as a `Real`, for work on its bits; arithmetic is modulo 2^width."""

    __slots__ = ("arithmetic", "value")

    def __init__(self, arithmetic: Arithmetic, value: ir.Value) -> None:
        self.arithmetic = arithmetic
        self.value = value

    def _other(self, other: Bits | int) -> ir.Value:
        return other.value if isinstance(other, Bits) else self.arithmetic.integer(other).value

    def __add__(self, other: Bits | int) -> Bits:
        return Bits(self.arithmetic, self.arithmetic.builder.add(self.value, self._other(other)))

    def __sub__(self, other: Bits | int) -> Bits:
        return Bits(self.arithmetic, self.arithmetic.builder.sub(self.value, self._other(other)))

    def __rsub__(self, other: int) -> Bits:
        return self.arithmetic.integer(other) - self

    def __and__(self, other: Bits | int) -> Bits:
        return Bits(self.arithmetic, self.arithmetic.builder.and_(self.value, self._other(other)))

    def __or__(self, other: Bits | int) -> Bits:
        return Bits(self.arithmetic, self.arithmetic.builder.or_(self.value, self._other(other)))

    def __xor__(self, other: Bits | int) -> Bits:
        return Bits(self.arithmetic, self.arithmetic.builder.xor(self.value, self._other(other)))

    def __lshift__(self, count: int) -> Bits:
        return Bits(self.arithmetic, self.arithmetic.builder.shl(self.value, self._other(count)))

    def __rshift__(self, count: int) -> Bits:
        """Shift zeros in from the left; a shift of signs is slow for 64 bits before AVX-512."""
        return Bits(self.arithmetic, self.arithmetic.builder.lshr(self.value, self._other(count)))

    def followed_by(self, other: Bits, count: Bits | int) -> Bits:
        """Return the leading half of the bits of both, after the first `count` ones."""
        arguments = [self.value, other.value, self._other(count)]
        return Bits(self.arithmetic, intrinsic(self.arithmetic.builder, "fshl", *arguments))

    def narrowed(self, arithmetic: Arithmetic) -> Bits:
        """Return the low 32 bits of 64."""
        return Bits(arithmetic, arithmetic.builder.trunc(self.value, arithmetic.bits_type))

    def equals(self, other: Bits | int) -> Mask:
        """Return whether two integers are equal."""
        builder = self.arithmetic.builder
        return Mask(self.arithmetic, builder.icmp_unsigned("==", self.value, self._other(other)))

    def as_real(self) -> Real:
        """Return the number that has these bits."""
        arithmetic = self.arithmetic
        return Real(arithmetic, arithmetic.builder.bitcast(self.value, arithmetic.type))


class Mask:
    """A truth value."""

    __slots__ = ("arithmetic", "value")

    def __init__(self, arithmetic: Arithmetic, value: ir.Value) -> None:
        self.arithmetic = arithmetic
        self.value = value

    def __and__(self, other: Mask) -> Mask:
        return Mask(self.arithmetic, self.arithmetic.builder.and_(self.value, other.value))

    def __or__(self, other: Mask) -> Mask:
        return Mask(self.arithmetic, self.arithmetic.builder.or_(self.value, other.value))

    def __invert__(self) -> Mask:
        return Mask(self.arithmetic, self.arithmetic.builder.not_(self.value))


def where(mask: Mask, x: Real | float, y: Real | float) -> Real:
    """Return x where the mask is true, y elsewhere."""
    arithmetic = mask.arithmetic
    x = x if isinstance(x, Real) else arithmetic.real(x)
    y = y if isinstance(y, Real) else arithmetic.real(y)
    return Real(arithmetic, arithmetic.builder.select(mask.value, x.value, y.value))


def where_bits(mask: Mask, x: Bits, y: Bits) -> Bits:
    """Return x where the mask is true, y elsewhere."""
    return Bits(mask.arithmetic, mask.arithmetic.builder.select(mask.value, x.value, y.value))


def at_least(x: Real, limit: Real | float) -> Real:
    """Return the larger of two; x if it is NaN."""
    return where(x < limit, limit, x)


def at_most(x: Real, limit: Real | float) -> Real:
    """Return the smaller of two; x if it is NaN."""
    return where(x > limit, limit, x)


def mul_add(x: Real, y: Real | float, z: Real | float) -> Real:
    """Return x y + z, with one rounding if the CPU can, with two otherwise.

    For sums whose last bit does not matter. Where the exact product matters, see `double_double`.
    """
    y, z = x.like(y), x.like(z)
    arithmetic = x.arithmetic
    if not arithmetic.has_fma:
        return x * y + z
    return x._intrinsic("fma", y, z)


def polynomial(x: Real, coefficients: Sequence[float]) -> Real:
    """Return the sum of c_i x^i, by Horner's rule.

    Horner's rule takes the fewest instructions. They wait for one another, but a vector loop has
    other elements to work on meanwhile.
    """
    *rest, result = (x.like(c) for c in coefficients)
    for coefficient in reversed(rest):
        result = mul_add(result, x, coefficient)
    return result


def small_integer(n: Bits, bias: int = 0) -> Real:
    """Return n - bias, of magnitude below 2^(precision - 3), as a number.

    Adds the integer to the last bits of a large power of two, which is cheaper than a conversion
    of 64-bit integers where the CPU has none for vectors (all before AVX-512).
    """
    shifter = n.arithmetic.format.shifter
    return (n + n.arithmetic.format.bits(shifter)).as_real() - (shifter + bias)
