"""The random number generator as instructions; `chainrule.ops.random_bits` says what it is."""

from __future__ import annotations

import functools

from llvmlite import ir

from chainrule.compiler.native.math.arithmetic import intrinsic, splat
from chainrule.ops.random_bits import PARITY, ROTATIONS, ROUNDS


def random_word(
    builder: ir.IRBuilder, first: ir.Value, second: ir.Value, position: ir.Value
) -> ir.Value:
    """Return a word of the sequence that belongs to a key.

    Parameters
    ----------
    first, second : llvmlite.ir.Value
        The words of the key.
    position : llvmlite.ir.Value
        Where in the sequence; all three may be vectors. Words come in pairs, each one counter
        encrypted; the other word of the pair is thrown away, which costs less than to find a place
        for it.
    """
    b = builder
    constant = functools.partial(splat, position.type)
    schedule = (first, second, b.xor(b.xor(first, second), constant(PARITY)))
    x, y = b.add(b.lshr(position, constant(1)), first), second
    for number in range(ROUNDS):
        rotation = ROTATIONS[number % 8]
        x = b.add(x, y)
        y = b.xor(intrinsic(b, "fshl", y, y, constant(rotation)), x)
        if number % 4 == 3:
            step = number // 4 + 1
            x = b.add(x, schedule[step % 3])
            y = b.add(b.add(y, schedule[(step + 1) % 3]), constant(step))
    is_second = b.icmp_unsigned("!=", b.and_(position, constant(1)), constant(0))
    return b.select(is_second, y, x)
