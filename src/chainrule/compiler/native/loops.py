"""Loops, counters and addresses in LLVM's terms."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from llvmlite import ir

from chainrule.compiler.native import scalars

INDEX = ir.IntType(64)
POINTER = ir.PointerType()

LONGEST_UNROLLED = 8
"""Longer loops stay loops: the vectorizer makes them fast, copies of their body make them large."""


@contextlib.contextmanager
def counted(builder: ir.IRBuilder, extent: int | ir.Value, name: str = "i") -> Iterator[ir.Value]:
    """Emit a loop around what is emitted inside; it runs at least once.

    Yields the counter, which runs from 0 to ``extent`` - 1.
    """
    function = builder.function
    before = builder.block
    body = function.append_basic_block(name)
    builder.branch(body)
    builder.position_at_end(body)
    counter = builder.phi(INDEX, name)
    counter.add_incoming(INDEX(0), before)
    yield counter
    following = builder.add(counter, INDEX(1), flags=("nuw", "nsw"))
    counter.add_incoming(following, builder.block)
    after = function.append_basic_block(f"{name}.end")
    limit = INDEX(extent) if isinstance(extent, int) else extent
    back = builder.cbranch(builder.icmp_unsigned("<", following, limit), body, after)
    if not isinstance(extent, int) or extent > LONGEST_UNROLLED:
        back.set_metadata("llvm.loop", _not_unrolled(builder.module, body))
    builder.position_at_end(after)


def _not_unrolled(module: ir.Module, body: ir.Block) -> Any:
    """Return metadata that keep LLVM from unrolling a loop; metadata of a loop refer to itself."""
    hint = module.add_metadata(["llvm.loop.unroll.disable"])
    known = len(module.metadata)
    loop = module.add_metadata([hint, f"{body.name} {known}"])
    loop.operands = (loop, hint)
    return loop


def affine(
    builder: ir.IRBuilder, offset: int, strides: tuple[int, ...], counters: list[ir.Value]
) -> ir.Value:
    """Return ``offset + sum(strides * counters)``."""
    total: ir.Value = INDEX(offset)
    for stride, counter in zip(strides, counters, strict=False):
        if stride == 0 or _is_zero(counter):
            continue
        term = counter if stride == 1 else builder.mul(counter, INDEX(stride), flags=("nsw",))
        total = term if _is_zero(total) else builder.add(total, term, flags=("nsw",))
    return total


def _is_zero(value: ir.Value) -> bool:
    return isinstance(value, ir.Constant) and value.constant == 0


def element(
    builder: ir.IRBuilder, pointer: ir.Value, place: ir.Value, dtype: np.dtype[Any]
) -> ir.Value:
    """Return a pointer to an element of a buffer."""
    return builder.gep(pointer, [place], inbounds=True, source_etype=scalars.memory_type(dtype))


def table(module: ir.Module, numbers: Sequence[int]) -> ir.Value:
    """Return the address of constant numbers, for code that serves for others too."""
    name = "_".join(["numbers", *map(str, numbers)])
    known = module.globals.get(name)
    if known is None:
        type = ir.ArrayType(INDEX, len(numbers))
        known = ir.GlobalVariable(module, type, name)
        known.initializer = ir.Constant(type, list(numbers))
        known.global_constant = True
        known.linkage = "private"
    return known


def numbers_of(builder: ir.IRBuilder, address: ir.Value, count: int) -> list[ir.Value]:
    """Return the numbers of a table."""
    places = [
        builder.gep(address, [INDEX(number)], inbounds=True, source_etype=INDEX)
        for number in range(count)
    ]
    return [builder.load(place, typ=INDEX) for place in places]


class Axes:
    """The loops that are open, the outermost first.

    Attributes
    ----------
    counters : list of llvmlite.ir.Value
    """

    def __init__(self, builder: ir.IRBuilder, limits: Sequence[ir.Value] | None) -> None:
        self.builder = builder
        self.limits = limits
        self.counters: list[ir.Value] = []

    @contextlib.contextmanager
    def open(self, extent: int) -> Iterator[None]:
        """Emit a loop over the next axis; over the outermost, within limits if there are some."""
        b, depth = self.builder, len(self.counters)
        first, end = self.range(extent)
        with counted(b, extent if _is_zero(first) else b.sub(end, first), f"i{depth}") as counter:
            if not _is_zero(first):
                counter = b.add(first, counter, flags=("nuw", "nsw"))
            self.counters.append(counter)
            yield
            del self.counters[depth:]

    def range(self, extent: int) -> tuple[ir.Value, ir.Value]:
        """Return where the next axis starts and stops."""
        if self.limits and not self.counters:
            first, end = self.limits
            return first, end
        return INDEX(0), INDEX(extent)
