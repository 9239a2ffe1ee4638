"""Reductions in registers: what is kept from one position to the next.

Each kind has a form that LLVM's loop vectorizer takes. Extrema of floats are kept as integers in
the order of the floats, with NaN beyond all others: the largest of two integers is one instruction,
that of two floats is six once NaN and signed zeros are to come out right.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
from llvmlite import ir

from chainrule.compiler.native import scalars, vectors
from chainrule.compiler.native.schedule import identity

INDEX = ir.IntType(64)


class Accumulator(Protocol):
    """A reduction under way; what it holds is in memory that LLVM makes registers of."""

    def add(self, value: ir.Value, position: ir.Value) -> None:
        """Take in the value at a position."""

    def add_row(self, row: Sequence[ir.Value]) -> None:
        """Take in all elements of some vectors or numbers, none of which is a position."""

    def add_part(self, part: Any) -> None:
        """Take in another reduction of the kind, of later positions, all at once."""

    def result(self) -> ir.Value:
        """Return the result."""


def accumulator(
    builder: ir.IRBuilder,
    combine: str,
    dtype: np.dtype[Any],
    has_fma: bool,
    lanes: int | None = None,
) -> Accumulator:
    """Set up a reduction, or one in each lane of a vector.

    Parameters
    ----------
    builder : llvmlite.ir.IRBuilder
    combine : str
        See `Result`.
    dtype : numpy.dtype
        Of the values.
    has_fma : bool
        Whether the CPU has a fused multiply-add.
    lanes : int, optional
        Length of the vectors, if values are such. Sums are then those of the values in their order.
    """
    if combine in ("argmax", "argmin"):
        return _Position(builder, combine, dtype, has_fma, lanes)
    if combine in ("maximum", "minimum") and dtype.kind == "f":
        return _FloatExtremum(builder, combine, dtype, lanes)
    return _Plain(builder, combine, dtype, has_fma, lanes)


def initial(combine: str, dtype: np.dtype[Any]) -> ir.Constant:
    """Return what a reduction starts from; for sums -0, since -0 + -0 is -0 and 0 + -0 is not."""
    if combine == "add" and dtype.kind == "f":
        return scalars.constant(dtype.type(-0.0))
    return scalars.constant(identity(combine, dtype))


def combined(
    builder: ir.IRBuilder,
    combine: str,
    dtype: np.dtype[Any],
    has_fma: bool,
    pair: tuple[ir.Value, ir.Value],
    reassociate: bool,
) -> ir.Value:
    """Return two values combined; sums and products of several in another order if wanted."""
    type = pair[0].type
    count = type.count if isinstance(type, ir.VectorType) else None
    scalar = scalars.Scalar(builder, dtype, dtype, has_fma, reassociate, count)
    return scalars.EMITTERS[combine](scalar, *pair)


def _folded(values: Sequence[ir.Value], combine: Callable[..., ir.Value]) -> list[ir.Value]:
    """Return values of different types, each combined of those of its type."""
    folded: dict[str, ir.Value] = {}
    for value in values:
        before = folded.get(str(value.type))
        folded[str(value.type)] = value if before is None else combine(before, value)
    return list(folded.values())


_ACROSS = {
    "add": ("fadd", "add", "add", "or"),
    "multiply": ("fmul", "mul", "mul", "and"),
    "maximum": ("fmaximum", "smax", "umax", "or"),
    "minimum": ("fminimum", "smin", "umin", "and"),
}
"""What combines the elements of a vector: of floats, signed and unsigned integers, and bits."""


def across(builder: ir.IRBuilder, combine: str, kind: str, value: ir.Value) -> ir.Value:
    """Return the elements of a vector combined, in any order."""
    type = value.type
    if not isinstance(type, ir.VectorType):
        return value
    name = _ACROSS[combine]["fiub".index(kind)]
    starts = {"fadd": -0.0, "fmul": 1.0}
    start = [ir.Constant(type.element, starts[name])] if name in starts else []
    full_name = f"llvm.vector.reduce.{name}.v{type.count}{type.element.intrinsic_name}"
    function = builder.module.globals.get(full_name)
    if function is None:
        signature = ir.FunctionType(type.element, [*[number.type for number in start], type])
        function = ir.Function(builder.module, signature, full_name)
    return builder.call(function, [*start, value], fastmath=("reassoc",) if start else ())


def _in_lanes(type: ir.Type, lanes: int | None) -> ir.Type:
    return type if lanes is None else ir.VectorType(type, lanes)


def _repeated(builder: ir.IRBuilder, value: ir.Value, lanes: int | None) -> ir.Value:
    """Return a value in all lanes, if it is not there yet."""
    if lanes is None or isinstance(value.type, ir.VectorType):
        return value
    return vectors.repeated(builder, value, lanes)


def _cell(builder: ir.IRBuilder, start: ir.Constant, lanes: int | None) -> ir.Value:
    if lanes is not None:
        start = scalars.splat(ir.VectorType(start.type, lanes), start.constant)
    with builder.goto_entry_block():
        cell = builder.alloca(start.type)
    builder.store(start, cell)
    return cell


class _Plain:
    """What the op itself combines."""

    def __init__(
        self,
        builder: ir.IRBuilder,
        combine: str,
        dtype: np.dtype[Any],
        has_fma: bool,
        lanes: int | None,
    ) -> None:
        self._builder = builder
        self._settings = combine, dtype, has_fma
        self._type = _in_lanes(scalars.register_type(dtype), lanes)
        self._cell = _cell(builder, initial(combine, dtype), lanes)
        self._lanes = lanes

    def add(self, value: ir.Value, position: ir.Value) -> None:
        value = _repeated(self._builder, value, self._lanes)
        self._take(value, reassociate=self._lanes is None)

    def add_row(self, row: Sequence[ir.Value]) -> None:
        combine, dtype, _ = self._settings

        def pairwise(*pair: ir.Value) -> ir.Value:
            return combined(self._builder, *self._settings, pair, reassociate=True)

        for value in _folded(row, pairwise):
            total = across(self._builder, combine, dtype.kind, value)
            self._take(total, reassociate=True)

    def add_part(self, part: _Plain) -> None:
        # In this order: reassociated, it would be one long sum again.
        self._take(part.result(), reassociate=False)

    def result(self) -> ir.Value:
        return self._builder.load(self._cell, typ=self._type)

    def _take(self, value: ir.Value, reassociate: bool) -> None:
        pair = self.result(), value
        self._builder.store(combined(self._builder, *self._settings, pair, reassociate), self._cell)


class _FloatExtremum:
    """The largest or smallest float, kept as an integer."""

    def __init__(
        self, builder: ir.IRBuilder, combine: str, dtype: np.dtype[Any], lanes: int | None
    ) -> None:
        self._builder = builder
        self._float = _in_lanes(scalars.register_type(dtype), lanes)
        key = ir.IntType(8 * dtype.itemsize)
        self._key = _in_lanes(key, lanes)
        self._lanes = lanes
        self._combine = combine
        self._relation = ">" if combine == "maximum" else "<"
        # As a key, this NaN is larger than all numbers, and its negative is smaller.
        self._nan = np.nan if combine == "maximum" else -np.nan
        infinity = np.array(-np.inf if combine == "maximum" else np.inf, dtype)
        bits = int(infinity.view(f"i{dtype.itemsize}"))
        self._width = key.width
        start = bits ^ (2 ** (key.width - 1) - 1) if bits < 0 else bits
        self._cell = _cell(builder, key(start), lanes)

    def add(self, value: ir.Value, position: ir.Value) -> None:
        self._take(self._key_of(_repeated(self._builder, value, self._lanes)))

    def add_row(self, row: Sequence[ir.Value]) -> None:
        for key in _folded([self._key_of(value) for value in row], self._better):
            self._take(across(self._builder, self._combine, "i", key))

    def add_part(self, part: _FloatExtremum) -> None:
        self._take(part.key())

    def key(self) -> ir.Value:
        """Return the integer."""
        return self._builder.load(self._cell, typ=self._key)

    def result(self) -> ir.Value:
        return self._builder.bitcast(self._turned(self.key()), self._float)

    def _take(self, key: ir.Value) -> None:
        self._builder.store(self._better(self.key(), key), self._cell)

    def _better(self, before: ir.Value, key: ir.Value) -> ir.Value:
        is_better = self._builder.icmp_signed(self._relation, key, before)
        return self._builder.select(is_better, key, before)

    def _key_of(self, value: ir.Value) -> ir.Value:
        b = self._builder
        is_nan = b.fcmp_unordered("uno", value, value)
        number = b.select(is_nan, scalars.splat(value.type, self._nan), value)
        return self._turned(b.bitcast(number, _like(value.type, ir.IntType(self._width))))

    def _turned(self, bits: ir.Value) -> ir.Value:
        """Return the bits of a float as an integer in the same order, and the other way round."""
        b, width = self._builder, self._width
        ones_below_zero = b.ashr(bits, scalars.splat(bits.type, width - 1))
        all_but_sign = b.lshr(ones_below_zero, scalars.splat(bits.type, 1))
        return b.xor(bits, all_but_sign)


def _like(type: ir.Type, element: ir.Type) -> ir.Type:
    return ir.VectorType(element, type.count) if isinstance(type, ir.VectorType) else element


class _Position:
    """Where the first of the largest or smallest values is; the first NaN is either."""

    def __init__(
        self,
        builder: ir.IRBuilder,
        combine: str,
        dtype: np.dtype[Any],
        has_fma: bool,
        lanes: int | None,
    ) -> None:
        self._builder = builder
        self._relation = ">" if combine == "argmax" else "<"
        self._scalar = scalars.Scalar(builder, dtype, dtype, has_fma, count=lanes)
        self._type = _in_lanes(scalars.register_type(dtype), lanes)
        self._index = _in_lanes(INDEX, lanes)
        self._best = _cell(builder, initial(combine, dtype), lanes)
        self._where = _cell(builder, INDEX(0), lanes)
        self._lanes = lanes

    def add(self, value: ir.Value, position: ir.Value) -> None:
        b, before = self._builder, self._builder.load(self._best, typ=self._type)
        value, position = [_repeated(b, given, self._lanes) for given in (value, position)]
        better = self._scalar.compare(self._relation, value, before)
        if self._scalar.is_float:
            is_nan = b.fcmp_unordered("uno", value, value)
            better = b.and_(b.or_(better, is_nan), b.fcmp_ordered("ord", before, before))
        b.store(b.select(better, value, before), self._best)
        b.store(b.select(better, position, self.result()), self._where)

    def add_row(self, row: Sequence[ir.Value]) -> None:
        raise AssertionError("loops that find positions are not cut into vectors")

    def add_part(self, part: Any) -> None:
        raise AssertionError("loops that find positions are not cut into parts")

    def result(self) -> ir.Value:
        return self._builder.load(self._where, typ=self._index)
