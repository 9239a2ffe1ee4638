"""The CPU's vectors, and how a row of numbers is cut into them."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from llvmlite import binding as llvm
from llvmlite import ir

from chainrule.compiler.native import scalars

_WORD = ir.IntType(32)


@dataclass(frozen=True)
class VectorUnit:
    """What a CPU's vectors are like.

    Attributes
    ----------
    nbytes : int
        Size of a vector.
    registers : int
        How many vectors it holds.
    has_masks : bool
        Whether it loads and stores some elements of a vector as fast as all of them.
    """

    nbytes: int
    registers: int
    has_masks: bool


AVX512 = VectorUnit(nbytes=64, registers=32, has_masks=True)
AVX = VectorUnit(nbytes=32, registers=16, has_masks=False)
SSE = VectorUnit(nbytes=16, registers=16, has_masks=False)
NEON = VectorUnit(nbytes=16, registers=32, has_masks=False)


@functools.cache
def vector_unit() -> VectorUnit:
    """Return the vectors of the CPU at hand."""
    features = llvm.get_host_cpu_features()
    if all(features.get(name) for name in ("avx512f", "avx512vl", "avx512bw")):
        return AVX512
    if features.get("avx"):
        return AVX
    return NEON if "aarch64" in llvm.get_process_triple() else SSE


@dataclass(frozen=True)
class Piece:
    """Some neighbours in a row, worked on together.

    Attributes
    ----------
    start : int
        The first one's position.
    count : int
        How many they are.
    lanes : int
        Length of the vector; there are more lanes than elements only if the CPU has masks.
    """

    start: int
    count: int
    lanes: int


def pieces(extent: int, itemsize: int, unit: VectorUnit) -> list[Piece]:
    """Cut a row into whole vectors and a rest.

    The rest is one vector, no longer than it has to be, if the CPU has masks, and otherwise one
    for every power of two that it is the sum of.
    """
    lanes = unit.nbytes // itemsize
    found = [Piece(start, lanes, lanes) for start in range(0, extent - lanes + 1, lanes)]
    start, rest = extent - extent % lanes, extent % lanes
    if rest and unit.has_masks:
        found.append(Piece(start, rest, max(2, 1 << (rest - 1).bit_length())))
        rest = 0
    while rest:
        length = 1 << (rest.bit_length() - 1)
        found.append(Piece(start, length, length))
        start, rest = start + length, rest - length
    return found


def repeated(builder: ir.IRBuilder, value: ir.Value, lanes: int) -> ir.Value:
    """Return a vector with a value in all lanes."""
    type = ir.VectorType(value.type, lanes)
    if isinstance(value, ir.Constant):
        return scalars.splat(type, value.constant)
    undefined = ir.Constant(type, ir.Undefined)
    first = builder.insert_element(undefined, value, _WORD(0))
    zeros = scalars.splat(ir.VectorType(_WORD, lanes), 0)
    return builder.shuffle_vector(first, undefined, zeros)


def joined(builder: ir.IRBuilder, parts: Sequence[ir.Value]) -> ir.Value:
    """Return vectors of one length, as many as a power of two, as one after the other."""
    parts = list(parts)
    while len(parts) > 1:
        both = tuple(range(2 * parts[0].type.count))
        parts = [
            builder.shuffle_vector(parts[i], parts[i + 1], order(both))
            for i in range(0, len(parts), 2)
        ]
    return parts[0]


def split(builder: ir.IRBuilder, value: ir.Value, length: int) -> list[ir.Value]:
    """Return a vector cut into vectors of a length."""
    if length == value.type.count:
        return [value]
    return [
        builder.shuffle_vector(value, value, order(tuple(range(start, start + length))))
        for start in range(0, value.type.count, length)
    ]


@functools.lru_cache(maxsize=1024)
def order(lanes: tuple[int, ...]) -> ir.Constant:
    """Return the constant that says which lanes of two vectors make a third.

    It keeps its text, which llvmlite takes long to write.
    """
    return ir.Constant(ir.VectorType(_WORD, len(lanes)), list(lanes))


def load(builder: ir.IRBuilder, pointer: ir.Value, piece: Piece, dtype: np.dtype[Any]) -> ir.Value:
    """Load a piece that starts at an address; lanes beyond it are 0."""
    type = ir.VectorType(scalars.memory_type(dtype), piece.lanes)
    if piece.lanes == piece.count:
        value = builder.load(pointer, typ=type, align=dtype.itemsize)
    else:
        zeros = scalars.splat(type, 0)
        arguments = [pointer, _WORD(dtype.itemsize), mask(piece), zeros]
        value = _masked(builder, "load", type, type, arguments)
    if dtype.kind == "b":
        return builder.icmp_unsigned("!=", value, scalars.splat(type, 0))
    return value


def store(
    builder: ir.IRBuilder, value: ir.Value, pointer: ir.Value, piece: Piece, dtype: np.dtype[Any]
) -> None:
    """Store a piece from an address on."""
    type = ir.VectorType(scalars.memory_type(dtype), piece.lanes)
    if dtype.kind == "b":
        value = builder.zext(value, type)
    if piece.lanes == piece.count:
        builder.store(value, pointer, align=dtype.itemsize)
    else:
        arguments = [value, pointer, _WORD(dtype.itemsize), mask(piece)]
        _masked(builder, "store", type, ir.VoidType(), arguments)


def load_some(
    builder: ir.IRBuilder,
    pointer: ir.Value,
    lanes: ir.Value,
    others: ir.Value,
    dtype: np.dtype[Any],
) -> ir.Value:
    """Load the elements of some lanes; the others are those of a vector."""
    arguments = [pointer, _WORD(dtype.itemsize), lanes, others]
    return _masked(builder, "load", others.type, others.type, arguments)


def store_some(
    builder: ir.IRBuilder,
    value: ir.Value,
    pointer: ir.Value,
    lanes: ir.Value,
    dtype: np.dtype[Any],
) -> None:
    """Store the elements of some lanes."""
    arguments = [value, pointer, _WORD(dtype.itemsize), lanes]
    _masked(builder, "store", value.type, ir.VoidType(), arguments)


@functools.cache
def mask(piece: Piece) -> ir.Constant:
    """Return which lanes hold elements."""
    bits = [int(lane < piece.count) for lane in range(piece.lanes)]
    return ir.Constant(ir.VectorType(scalars.BIT, piece.lanes), bits)


def _masked(
    builder: ir.IRBuilder, what: str, type: ir.Type, returned: ir.Type, arguments: Iterable[Any]
) -> ir.Value:
    """Call the intrinsic that loads or stores under a mask."""
    name = f"llvm.masked.{what}.v{type.count}{type.element.intrinsic_name}.p0"
    arguments = list(arguments)
    module = builder.module
    function = module.globals.get(name)
    if function is None:
        signature = ir.FunctionType(returned, [argument.type for argument in arguments])
        function = ir.Function(module, signature, name)
    return builder.call(function, arguments)
