"""The random number generator as instructions; `chainrule.ops.random_bits` says what it is."""

from __future__ import annotations

from llvmlite import ir

from chainrule.ops.random_bits import _PARITY as PARITY
from chainrule.ops.random_bits import _ROTATIONS as ROTATIONS
from chainrule.ops.random_bits import _ROUNDS as ROUNDS

_WORD = ir.IntType(64)


def random_word(
    builder: ir.IRBuilder, first: ir.Value, second: ir.Value, position: ir.Value
) -> ir.Value:
    """Return a word of the sequence that belongs to a key.

    Parameters
    ----------
    first, second : llvmlite.ir.Value
        The words of the key.
    position : llvmlite.ir.Value
        Where in the sequence. Words come in pairs, each one counter encrypted; the other word of
        the pair is thrown away, which costs less than to find a place for it.
    """
    b = builder
    schedule = (first, second, b.xor(b.xor(first, second), _WORD(PARITY)))
    x, y = b.add(b.lshr(position, _WORD(1)), first), second
    for number in range(ROUNDS):
        rotation = ROTATIONS[number % 8]
        x = b.add(x, y)
        turned = b.or_(b.shl(y, _WORD(rotation)), b.lshr(y, _WORD(64 - rotation)))
        y = b.xor(turned, x)
        if number % 4 == 3:
            step = number // 4 + 1
            x = b.add(x, schedule[step % 3])
            y = b.add(b.add(y, schedule[(step + 1) % 3]), _WORD(step))
    is_second = b.trunc(position, ir.IntType(1))
    return b.select(is_second, y, x)
