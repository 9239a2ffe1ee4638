"""Arrays for results, large ones in memory that has been used before.

The system hands out memory page by page, and clears each when it is first touched. For a large
array that takes longer than computing what comes into it. So the memory of a large result is kept,
and used again once nothing refers to the result any more, nor to a view of it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

SMALLEST_KEPT = 2**20
LARGEST_KEPT = 2**28
"""Results of this many bytes, and programs with this much in such results, keep memory."""


def _references_to_what_is_free() -> int:
    owner = np.empty(1)
    return sys.getrefcount(owner)


# Found out rather than counted, since versions of Python differ.
_FREE = _references_to_what_is_free()


class Results:
    """Makes the arrays that a program writes its results into.

    Parameters
    ----------
    types : sequence of (tuple of int, numpy.dtype)
        Shape and dtype of every result.
    """

    def __init__(self, types: Sequence[tuple[tuple[int, ...], np.dtype[Any]]]) -> None:
        self._types = list(types)
        sizes = [np.prod(shape, dtype=object) * dtype.itemsize for shape, dtype in types]
        large = [number for number, size in enumerate(sizes) if size >= SMALLEST_KEPT]
        self._kept: dict[int, list[np.ndarray]] = {}
        if sum(sizes[number] for number in large) <= LARGEST_KEPT:
            self._kept = {number: [] for number in large}

    def new(self) -> list[np.ndarray]:
        """Return arrays that share memory with nothing; what is in them is arbitrary."""
        if not self._kept:
            return [np.empty(shape, dtype) for shape, dtype in self._types]
        return [
            self._used_again(number) if number in self._kept else np.empty(shape, dtype)
            for number, (shape, dtype) in enumerate(self._types)
        ]

    def _used_again(self, number: int) -> np.ndarray:
        """Return a view of memory that is kept; while the view lives, the memory is not free."""
        kept = self._kept[number]
        try:
            owner = kept.pop()  # by one thread alone
        except IndexError:
            owner = None
        if owner is None or sys.getrefcount(owner) > _FREE:
            owner = np.empty(*self._types[number])
        result = owner[...]
        if not kept:
            kept.append(owner)
        return result
