"""What the machine can do: its rate in matrix products, its memory bandwidth, limits from both.

A limit is the floating-point work over the best measured rate of a product, plus the bytes that
have to come from memory over the measured bandwidth. No program that does the work can be much
faster; one that overlaps the two, or whose data stays in the caches after all, can be a little.
"""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np

from benchmarks.peers.row import Row

SIDE = 2048
BYTES = 2**28  # many times what any cache holds
REPEATS = 10


class Limit(NamedTuple):
    """The least time for a row.

    Attributes
    ----------
    seconds : float
    words : str
        How it was found.
    seconds_at_own_shapes : float
        The same at the rate that BLAS reaches in the products of the row, one after the other.
    """

    seconds: float
    words: str
    seconds_at_own_shapes: float


def limit_of(row: Row, dtype: np.dtype[Any]) -> Limit:
    """Return the limit of a row on this machine."""
    compute = compute_at_own_shapes = transfer = 0.0
    words = []
    if row.flops:
        large, own = square_rate(dtype.name), products_rate(row.products, dtype)
        rate = max(large, own)
        where = f"{SIDE} x {SIDE}" if rate == large else "the row's own shapes"
        compute, compute_at_own_shapes = row.flops / rate, row.flops / (own or rate)
        words.append(f"{scaled(row.flops)}flop at {scaled(rate)}flop/s (BLAS, {where})")
    moved = (row.numbers_read + row.numbers_written) * dtype.itemsize
    if moved:
        kind = "copy" if row.numbers_written else "read"
        transfer = moved / bandwidth(kind)
        words.append(f"{scaled(moved)}B at {scaled(bandwidth(kind))}B/s ({kind})")
    return Limit(compute + transfer, ", ".join(words), compute_at_own_shapes + transfer)


@functools.cache
def square_rate(dtype: str) -> float:
    """Return the flop per second of a large matrix product by NumPy's BLAS, on all cores."""
    a, b, out = np.ones((3, SIDE, SIDE), dtype)
    return 2.0 * SIDE**3 / _least(lambda: np.matmul(a, b, out=out))


def products_rate(shapes: tuple[tuple[int, int, int], ...], dtype: np.dtype[Any]) -> float:
    """Return the flop per second of products (m, n, k) by BLAS, done again and again."""
    work = seconds = 0.0
    for m, n, k in shapes:
        # A stack of products calls BLAS without Python between them.
        times = max(1, round(1e7 / (m * n * k)))
        a = np.broadcast_to(np.ones((m, k), dtype), (times, m, k))
        b = np.broadcast_to(np.ones((k, n), dtype), (times, k, n))
        out = np.empty((times, m, n), dtype)
        seconds += _least(functools.partial(np.matmul, a, b, out=out)) / times
        work += 2.0 * m * n * k
    return work / seconds if shapes else 0.0


@functools.cache
def bandwidth(kind: str) -> float:
    """Return the bytes per second of reading, or of copying (read and written), on all cores."""
    given, taken = np.ones((2, BYTES // 4), np.float32)
    cores = os.cpu_count() or 1
    parts = list(zip(np.array_split(given, cores), np.array_split(taken, cores), strict=True))

    def read(part: tuple[Any, Any]) -> None:
        np.dot(part[0], part[0])

    def copy(part: tuple[Any, Any]) -> None:
        np.copyto(part[1], part[0])

    work = {"read": read, "copy": copy}[kind]
    with ThreadPoolExecutor(cores) as pool:
        seconds = _least(lambda: list(pool.map(work, parts)))
    return (2 if kind == "copy" else 1) * given.nbytes / seconds


def _least(function: Callable[[], object]) -> float:
    times = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        function()
        times.append(time.perf_counter() - began)
    return min(times)


def scaled(number: float) -> str:
    """Write a number with three digits and a prefix, for the unit to follow."""
    for factor, prefix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= factor:
            return f"{number / factor:.3g} {prefix}"
    return f"{number:.3g} "
