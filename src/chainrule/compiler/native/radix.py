"""Sorting rows in linear time: the stable order of a row, byte by byte, from the last byte on.

Every element is turned into a word whose order as an unsigned integer is the wanted one: NaN last,
-0 equal to 0. One pass per byte counts how often each value of it occurs and moves every word, with
its position, to where that says; a byte that is the same everywhere is skipped. Nothing is
compared, so nothing is mispredicted.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir

from chainrule.compiler.native import scalars
from chainrule.compiler.native.loops import INDEX, POINTER, counted, element

_WORD = np.dtype(np.uint64)
_VALUES = 256  # of a byte


def emit_sort(module: ir.Module, dtype: np.dtype[Any]) -> ir.Function:
    """Return the function ``(row, order, count, words, spare words, spare order)``, count > 0."""
    name = f"order_{dtype}"
    known = module.globals.get(name)
    if known is not None:
        return known
    type = ir.FunctionType(ir.VoidType(), [POINTER, POINTER, INDEX, POINTER, POINTER, POINTER])
    function = ir.Function(module, type, name)
    function.linkage = "internal"
    function.attributes.add("nounwind")
    function.attributes.add("noinline")
    for argument in function.args:
        if argument.type == POINTER:
            argument.add_attribute("noalias")
    row, order, count, words, spare_words, spare_order = function.args
    b = ir.IRBuilder(function.append_basic_block("entry"))
    counts = b.alloca(INDEX, size=_VALUES, name="counts")

    with counted(b, count, "word") as i:
        value = scalars.load(b, element(b, row, i, dtype), dtype)
        b.store(_as_word(b, value, dtype), element(b, words, i, _WORD))
        b.store(i, element(b, order, i, _WORD))

    before = b.block
    head, body, end = [function.append_basic_block(n) for n in ("byte", "pass", "done")]
    b.branch(head)
    b.position_at_end(head)
    byte = b.phi(INDEX, "byte")
    pointers = [b.phi(POINTER) for _ in range(4)]
    starts = (words, order, spare_words, spare_order)
    byte.add_incoming(INDEX(0), before)
    for phi, start in zip(pointers, starts, strict=True):
        phi.add_incoming(start, before)
    b.cbranch(b.icmp_unsigned("<", byte, INDEX(dtype.itemsize)), body, end)

    b.position_at_end(body)
    swapped = _pass(b, counts, count, b.mul(byte, INDEX(8)), pointers)
    byte.add_incoming(b.add(byte, INDEX(1)), b.block)
    for number, phi in enumerate(pointers):
        other = pointers[(number + 2) % 4]
        phi.add_incoming(b.select(swapped, other, phi), b.block)
    b.branch(head)

    b.position_at_end(end)
    with b.if_then(b.icmp_unsigned("!=", pointers[1], order)), counted(b, count, "copy") as i:
        b.store(b.load(element(b, pointers[1], i, _WORD), typ=INDEX), element(b, order, i, _WORD))
    b.ret_void()
    return function


def _pass(
    b: ir.IRBuilder,
    counts: ir.Value,
    count: ir.Value,
    shift: ir.Value,
    pointers: list[ir.Value],
) -> ir.Value:
    """Sort by one byte from the first two arrays to the others; return whether it had to be."""
    words, order, to_words, to_order = pointers

    def cell(value: ir.Value) -> ir.Value:
        return element(b, counts, value, _WORD)

    def byte_of(word: ir.Value) -> ir.Value:
        return b.and_(b.lshr(word, shift), INDEX(_VALUES - 1))

    with counted(b, _VALUES, "clear") as i:
        b.store(INDEX(0), cell(i))
    with counted(b, count, "count") as i:
        place = cell(byte_of(b.load(element(b, words, i, _WORD), typ=INDEX)))
        b.store(b.add(b.load(place, typ=INDEX), INDEX(1)), place)
    first = byte_of(b.load(words, typ=INDEX))
    differs = b.icmp_unsigned("!=", b.load(cell(first), typ=INDEX), count)
    with b.if_then(differs):
        _running_total(b, cell)
        with counted(b, count, "move") as i:
            word = b.load(element(b, words, i, _WORD), typ=INDEX)
            place = cell(byte_of(word))
            target = b.load(place, typ=INDEX)
            b.store(b.add(target, INDEX(1)), place)
            b.store(word, element(b, to_words, target, _WORD))
            position = b.load(element(b, order, i, _WORD), typ=INDEX)
            b.store(position, element(b, to_order, target, _WORD))
    return differs


def _running_total(b: ir.IRBuilder, cell: Any) -> None:
    """Replace each count by the sum of those before it."""
    before = b.block
    body, end = [b.function.append_basic_block(n) for n in ("total", "total.end")]
    b.branch(body)
    b.position_at_end(body)
    i, total = b.phi(INDEX), b.phi(INDEX)
    i.add_incoming(INDEX(0), before)
    total.add_incoming(INDEX(0), before)
    here = b.load(cell(i), typ=INDEX)
    b.store(total, cell(i))
    following = b.add(i, INDEX(1))
    i.add_incoming(following, body)
    total.add_incoming(b.add(total, here), body)
    b.cbranch(b.icmp_unsigned("<", following, INDEX(_VALUES)), body, end)
    b.position_at_end(end)


def _as_word(b: ir.IRBuilder, value: ir.Value, dtype: np.dtype[Any]) -> ir.Value:
    """Return a word whose unsigned order is that of the value."""
    if dtype.kind == "f":
        bits = ir.IntType(8 * dtype.itemsize)
        sign = bits(1 << (bits.width - 1))
        raw = b.bitcast(b.fadd(value, ir.Constant(value.type, 0.0)), bits)  # -0 becomes 0
        is_negative = b.icmp_signed("<", raw, bits(0))
        word = b.select(is_negative, b.not_(raw), b.xor(raw, sign))
        word = b.select(b.fcmp_unordered("uno", value, value), bits(-1), word)
    elif dtype.kind == "i":
        word = b.xor(value, value.type(1 << (value.type.width - 1)))
    else:
        word = value
    return word if word.type == INDEX else b.zext(word, INDEX)
