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
# Arrays without axes: NumPy takes them as they are, where it converts a scalar at every call.
_SHIFTS = tuple((np.array(left, UINT64), np.array(64 - left, UINT64)) for left in ROTATIONS)
PARITY = 0x1BD11BDAA9FC1A22
ROUNDS = 20

_MASK = 2**64 - 1
_FEW_WORDS = 14
"""Up to so many words of one key, Python's own integers are faster than arrays."""


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
            np.add(x, y, x)
            np.left_shift(y, left, shifted)
            np.right_shift(y, right, y)
            np.bitwise_or(y, shifted, y)
            np.bitwise_xor(y, x, y)
            if number % 4 == 3:
                step = number // 4 + 1
                np.add(x, schedule[step % 3], x)
                np.add(y, schedule[(step + 1) % 3] + np.uint64(step), y)
    return x, y


def _few_words(key: tuple[int, int], count: int) -> list[int]:
    """Return what `threefry2x64` makes of the counters 0, 1, … under one key, word by word."""
    keys = (*key, key[0] ^ key[1] ^ PARITY)
    words: list[int] = []
    for counter in range((count + 1) // 2):
        x, y = counter + keys[0], keys[1]
        for number in range(ROUNDS):
            left = ROTATIONS[number % 8]
            x += y
            y = ((y << left | y >> 64 - left) ^ x) & _MASK
            if number % 4 == 3:
                step = number // 4 + 1
                x = (x + keys[step % 3]) & _MASK
                y = (y + keys[(step + 1) % 3] + step) & _MASK
        words += (x, y)
    return words[:count]


class _RandomBits(Op):
    """Random 64-bit words of a shape, for keys of shape ``(…, 2)``: result ``(…, *shape)``."""

    name = "random_bits"

    def infer(self, key: ArrayType, *, shape: tuple[int, ...]) -> ArrayType:
        if key.dtype != UINT64 or not key.shape or key.shape[-1] != KEY_WORDS:
            raise GraphError(f"random_bits: expected keys of type uint64[…, 2], got {key}.")
        return ArrayType(key.shape[:-1] + shape, UINT64)

    def evaluate(self, key: Any, *, shape: tuple[int, ...]) -> Any:
        count = math.prod(shape)
        if key.ndim == 1 and count <= _FEW_WORDS:
            return np.array(_few_words(tuple(key.tolist()), count), UINT64).reshape(shape)
        # One encryption gives two words; the counters run over pairs.
        pairs = np.arange((count + 1) // 2, dtype=UINT64)
        halves = (key[0], key[1]) if key.ndim == 1 else (key[..., :1], key[..., 1:])
        words = np.empty((*key.shape[:-1], len(pairs), 2), UINT64)
        words[..., 0], words[..., 1] = threefry2x64(halves, (pairs, np.zeros_like(pairs)))
        flat = words.reshape((*key.shape[:-1], 2 * len(pairs)))
        return flat[..., :count].reshape(key.shape[:-1] + shape)

    def tangent(self, *_: Any, **__: Any) -> None:
        return None

    def batch(
        self, args: Sequence[Any], batched: Sequence[bool], *, shape: tuple[int, ...]
    ) -> tuple[Any, Any]:
        return self(args[0], shape=shape), True


random_bits = register(_RandomBits())
