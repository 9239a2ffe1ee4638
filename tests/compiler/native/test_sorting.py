"""Orders of rows: every length at which another way is taken, and rows that make it hard."""

import numpy as np
import pytest
from tests.compiler.native.comparing import check

LENGTHS = (1, 2, 47, 48, 49, 64, 1000, 2047, 2048, 5000)
DTYPES = (np.float16, np.float32, np.float64, np.int8, np.uint16, np.int64, np.uint64, np.bool_)
RNG = np.random.default_rng(11)


def rows(dtype, length):
    """Rows of random numbers, of few different ones, in order, and with the same first bits."""
    dtype = np.dtype(dtype)
    words = RNG.integers(0, 2**64, (3, length), np.uint64)
    if dtype.kind == "f":
        words = RNG.standard_normal((3, length)) * 100
        words[1, ::7], words[1, ::5], words[1, ::3] = np.nan, -0.0, 0.0
    spread = words.astype(dtype)
    few = RNG.integers(0, 3, (1, length)).astype(dtype)
    # Equal but for the first and the last bits.
    near = RNG.integers(0, 5, (1, length)).astype(np.uint64)
    ends = RNG.integers(0, 2, (1, length)).astype(np.uint64) << np.uint64(63)
    apart = (near | ends).view(np.float64 if dtype.kind == "f" else np.uint64).astype(dtype)
    in_order = np.sort(spread[:1], axis=-1)
    return np.concatenate([spread, few, apart, in_order, in_order[:, ::-1]])


@pytest.mark.parametrize("dtype", DTYPES)
def test_orders_are_stable(dtype):
    xs = [rows(dtype, length) for length in LENGTHS]

    def function(*xs):
        results = []
        for x in xs:
            results += [np.sort(x, axis=-1), np.argsort(x, axis=-1, kind="stable")]
            results.append(np.argsort(x[:, ::-1], axis=0, kind="stable"))
        return results

    check(function, *xs)
