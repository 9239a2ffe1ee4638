"""Counter-based random bits: a function of a key, computed anew wherever it is needed.

The generator is Threefry-2x64 with 20 rounds (Salmon et al. 2011): a block cipher on pairs of
64-bit words. Encrypting the numbers 0, 1, 2, … under a key gives the random words; there is no
state, so the same key gives the same words alone, in a batch, or on any number of threads.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule._errors import GraphError
from chainrule.ir import ArrayType, Op, register

UINT64 = np.dtype(np.uint64)
KEY_WORDS = 2

ROTATIONS = (16, 42, 12, 31, 16, 32, 24, 21)
_SHIFTS = tuple((np.uint64(left), np.uint64(64 - left)) for left in ROTATIONS)
PARITY = 0x1BD11BDAA9FC1A22
ROUNDS = 20


def threefry2x64(key: tuple[Any, Any], counter: tuple[Any, Any]) -> tuple[Any, Any]:
    """Encrypt counters under keys; arrays of 64-bit words that broadcast.

    Parameters
    ----------
    key, counter : pair of ndarray of uint64

    Returns
    -------
    pair of ndarray of uint64

    References
    ----------
    .. [1] Salmon, Moraes, Dror and Shaw, Parallel random numbers: as easy as 1, 2, 3, SC 2011.
    """
    schedule = (key[0], key[1], key[0] ^ key[1] ^ np.uint64(PARITY))
    with np.errstate(over="ignore"):  # the arithmetic is modulo 2^64
        x, y = np.asarray(counter[0] + schedule[0]), np.asarray(counter[1] + schedule[1])
        shifted = np.empty_like(y)
        # In place: for few words, making arrays would take longer than the arithmetic.
        for number in range(ROUNDS):
            left, right = _SHIFTS[number % 8]
            x += y
            np.left_shift(y, left, out=shifted)
            y >>= right
            y |= shifted
            y ^= x
            if number % 4 == 3:
                step = number // 4 + 1
                x += schedule[step % 3]
                y += schedule[(step + 1) % 3]
                y += np.uint64(step)
    return x, y


class _RandomBits(Op):
    """Random 64-bit words of a shape, for keys of shape ``(…, 2)``: result ``(…, *shape)``."""

    name = "random_bits"

    def infer(self, key: ArrayType, *, shape: tuple[int, ...]) -> ArrayType:
        if key.dtype != UINT64 or not key.shape or key.shape[-1] != KEY_WORDS:
            raise GraphError(f"random_bits: expected keys of type uint64[…, 2], got {key}.")
        return ArrayType(key.shape[:-1] + shape, UINT64)

    def evaluate(self, key: Any, *, shape: tuple[int, ...]) -> Any:
        count = math.prod(shape)
        # One encryption gives two words; the counters run over pairs.
        pairs = np.arange((count + 1) // 2, dtype=UINT64)
        first, second = threefry2x64((key[..., :1], key[..., 1:]), (pairs, np.zeros_like(pairs)))
        words = np.stack([first, second], axis=-1).reshape((*key.shape[:-1], 2 * len(pairs)))
        return words[..., :count].reshape(key.shape[:-1] + shape)

    def tangent(self, *_: Any, **__: Any) -> None:
        return None

    def batch(
        self, args: Sequence[Any], batched: Sequence[bool], *, shape: tuple[int, ...]
    ) -> tuple[Any, Any]:
        return self(args[0], shape=shape), True


random_bits = register(_RandomBits())
