"""Sorting rows in linear time: the stable order of a row, digit by digit.

Every element is turned into a word whose order as an unsigned integer is the wanted one: NaN last,
-0 equal to 0. A pass counts how often each value of a digit occurs and moves every word, with its
position, to where that says. Nothing is compared, so nothing is mispredicted. Passes over all
digits, from the last to the first, sort any words.

Random words are told apart by their first digits, of which there are about as many as the length
of the row has. So passes are made over these alone to begin with, and an insertion sort puts in
order what is still equal. If that would take too long, it is tried with twice as many. Short rows
are left to the insertion sort altogether.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir

from chainrule.compiler.native import scalars
from chainrule.compiler.native.loops import INDEX, POINTER, counted, element

_WORD = np.dtype(np.uint64)

_DIGIT_BITS = 11
"""Bits of a digit at most. The counts of its values stay in the nearest cache."""

_SHORT = 48
"""Length up to which a row is sorted by insertion."""

_MOST_STEPS = 4
"""Steps of the insertion sort for each word, on average, that are worth passes saved."""

SORT = ir.FunctionType(ir.VoidType(), [POINTER, POINTER, INDEX, POINTER, POINTER, POINTER])
"""The type of ``(row, order, count, words, spare words, spare order)``, count > 0."""


def emit_sort(function: ir.Function, dtype: np.dtype[Any]) -> None:
    """Append the blocks of a function of type `SORT`."""
    for argument in function.args:
        if argument.type == POINTER:
            argument.add_attribute("noalias")
    row, order, count, words, spare_words, spare_order = function.args
    b = ir.IRBuilder(function.append_basic_block("entry"))
    emission = _Emission(b, count, (words, order), (spare_words, spare_order))
    top = emission.words_of(row, dtype)
    bits = _length(b, count)
    width = _smaller(b, bits, INDEX(_DIGIT_BITS))
    digits = b.mul(width, b.udiv(b.add(bits, b.sub(width, INDEX(1))), width))
    is_short = b.icmp_unsigned("<=", count, INDEX(_SHORT))
    emission.sort(b.select(is_short, INDEX(0), digits), top, width)
    emission.insertions()
    found = emission.order()
    with b.if_then(b.icmp_unsigned("!=", found, order)), counted(b, count, "copy") as i:
        b.store(b.load(element(b, found, i, _WORD), typ=INDEX), element(b, order, i, _WORD))
    b.ret_void()


def _length(b: ir.IRBuilder, value: ir.Value) -> ir.Value:
    """Return the number of bits up to the first that is set."""
    return b.sub(INDEX(64), b.ctlz(value, ir.IntType(1)(0)))


def _smaller(b: ir.IRBuilder, x: ir.Value, y: ir.Value) -> ir.Value:
    return b.select(b.icmp_unsigned("<", x, y), x, y)


class _Emission:
    """One function being written: words and their positions, and room for as many."""

    def __init__(
        self,
        builder: ir.IRBuilder,
        count: ir.Value,
        here: tuple[ir.Value, ir.Value],
        spare: tuple[ir.Value, ir.Value],
    ) -> None:
        self.builder = b = builder
        self.count = count
        self.counts = b.alloca(INDEX, size=2**_DIGIT_BITS, name="counts")
        # Passes go to and fro between the two.
        self.places = [b.alloca(POINTER) for _ in range(4)]
        for place, pointer in zip(self.places, (*here, *spare), strict=True):
            b.store(pointer, place)

    def _pointers(self) -> list[ir.Value]:
        return [self.builder.load(place, typ=POINTER) for place in self.places]

    def order(self) -> ir.Value:
        """Return where the positions are."""
        return self._pointers()[1]

    def _variable(self, value: ir.Value) -> ir.Value:
        with self.builder.goto_entry_block():
            place = self.builder.alloca(value.type)
        self.builder.store(value, place)
        return place

    def _load(self, pointer: ir.Value, number: ir.Value) -> ir.Value:
        return self.builder.load(element(self.builder, pointer, number, _WORD), typ=INDEX)

    def _store(self, value: ir.Value, pointer: ir.Value, number: ir.Value) -> None:
        self.builder.store(value, element(self.builder, pointer, number, _WORD))

    def _loop(self, condition: Callable[[], ir.Value], body: Callable[[], None]) -> None:
        b = self.builder
        head, inside, end = [b.append_basic_block(name) for name in ("head", "inside", "end")]
        b.branch(head)
        b.position_at_end(head)
        b.cbranch(condition(), inside, end)
        b.position_at_end(inside)
        body()
        b.branch(head)
        b.position_at_end(end)

    def words_of(self, row: ir.Value, dtype: np.dtype[Any]) -> ir.Value:
        """Make words of the elements; return the number of bits that are not the same in all."""
        b = self.builder
        words, order, *_ = self._pointers()
        some, every = self._variable(INDEX(0)), self._variable(INDEX(-1))
        with counted(b, self.count, "word") as i:
            word = _as_word(b, scalars.load(b, element(b, row, i, dtype), dtype), dtype)
            self._store(word, words, i)
            self._store(i, order, i)
            b.store(b.or_(b.load(some, typ=INDEX), word), some)
            b.store(b.and_(b.load(every, typ=INDEX), word), every)
        return _length(b, b.xor(b.load(some, typ=INDEX), b.load(every, typ=INDEX)))

    def sort(self, digits: ir.Value, top: ir.Value, width: ir.Value) -> None:
        """Sort by so many bits from the top, and twice as many until that is enough."""
        b = self.builder
        start, wanted = self._variable(top), self._variable(digits)

        def passes() -> None:
            many = b.load(wanted, typ=INDEX)
            # With one pass more all is done.
            is_near = b.icmp_unsigned("<=", top, b.add(many, width))
            first = b.select(is_near, INDEX(0), b.sub(top, many))
            b.store(b.select(b.icmp_unsigned("==", many, INDEX(0)), top, first), start)
            b.store(b.shl(many, INDEX(1)), wanted)
            self._passes(b.load(start, typ=INDEX), top, width)

        again, end = [b.append_basic_block(name) for name in ("again", "enough")]
        b.branch(again)
        b.position_at_end(again)
        passes()
        b.cbranch(self._takes_too_long(b.load(start, typ=INDEX)), again, end)
        b.position_at_end(end)

    def _passes(self, start: ir.Value, top: ir.Value, width: ir.Value) -> None:
        """Sort by the bits from a start to a top, in digits of a width."""
        b = self.builder
        shift = self._variable(start)

        def body() -> None:
            now = b.load(shift, typ=INDEX)
            self._pass(now, width)
            b.store(b.add(now, width), shift)

        self._loop(lambda: b.icmp_unsigned("<", b.load(shift, typ=INDEX), top), body)

    def _pass(self, shift: ir.Value, width: ir.Value) -> None:
        """Sort by one digit, unless it is the same everywhere."""
        b = self.builder
        words, order, to_words, to_order = self._pointers()
        values = b.shl(INDEX(1), width)
        mask = b.sub(values, INDEX(1))

        def digit_of(word: ir.Value) -> ir.Value:
            return b.and_(b.lshr(word, shift), mask)

        def increase(digit: ir.Value) -> ir.Value:
            before = self._load(self.counts, digit)
            self._store(b.add(before, INDEX(1)), self.counts, digit)
            return before

        with counted(b, values, "clear") as i:
            self._store(INDEX(0), self.counts, i)
        with counted(b, self.count, "count") as i:
            increase(digit_of(self._load(words, i)))
        first = digit_of(self._load(words, INDEX(0)))
        differs = b.icmp_unsigned("!=", self._load(self.counts, first), self.count)
        with b.if_then(differs):
            total = self._variable(INDEX(0))
            with counted(b, values, "total") as i:
                here, before = self._load(self.counts, i), b.load(total, typ=INDEX)
                self._store(before, self.counts, i)
                b.store(b.add(before, here), total)
            with counted(b, self.count, "move") as i:
                word = self._load(words, i)
                target = increase(digit_of(word))
                self._store(word, to_words, target)
                self._store(self._load(order, i), to_order, target)
            for place, pointer in zip(self.places, (to_words, to_order, words, order), strict=True):
                b.store(pointer, place)

    def _takes_too_long(self, start: ir.Value) -> ir.Value:
        """Whether many words that differ below a bit are the same from there on."""
        b = self.builder
        words, *_ = self._pointers()
        # All bits are above the last one.
        shift = _smaller(b, start, INDEX(63))
        steps, run = self._variable(INDEX(0)), self._variable(INDEX(0))
        before = self._variable(b.lshr(self._load(words, INDEX(0)), shift))
        with counted(b, self.count, "steps") as i:
            digits = b.lshr(self._load(words, i), shift)
            is_same = b.icmp_unsigned("==", digits, b.load(before, typ=INDEX))
            length = b.select(is_same, b.load(run, typ=INDEX), INDEX(0))
            b.store(b.add(b.load(steps, typ=INDEX), length), steps)
            b.store(b.add(length, INDEX(1)), run)
            b.store(digits, before)
        most = b.add(b.mul(self.count, INDEX(_MOST_STEPS)), INDEX(_SHORT**2))
        is_long = b.icmp_unsigned(">", b.load(steps, typ=INDEX), most)
        return b.and_(is_long, b.icmp_unsigned("!=", start, INDEX(0)))

    def insertions(self) -> None:
        """Move every word to the left past those that are larger."""
        b = self.builder
        words, order, *_ = self._pointers()
        with counted(b, self.count, "insert") as i:
            word, position = self._load(words, i), self._load(order, i)
            place = self._variable(i)

            def is_larger() -> ir.Value:
                now = b.load(place, typ=INDEX)
                is_inside = b.icmp_unsigned("!=", now, INDEX(0))
                left = self._load(words, b.sub(now, b.zext(is_inside, INDEX)))
                return b.and_(is_inside, b.icmp_unsigned(">", left, word))

            def move() -> None:
                now = b.load(place, typ=INDEX)
                left = b.sub(now, INDEX(1))
                self._store(self._load(words, left), words, now)
                self._store(self._load(order, left), order, now)
                b.store(left, place)

            self._loop(is_larger, move)
            self._store(word, words, b.load(place, typ=INDEX))
            self._store(position, order, b.load(place, typ=INDEX))


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
