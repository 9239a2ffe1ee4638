"""Arrays long enough for the vector part of every loop, and for what is left over after it."""

import numpy as np
import pytest
from tests.compiler.native.comparing import check

from chainrule import ops

COUNT = 1003
DTYPES = ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
          "float32", "float64")  # fmt: skip
FLOATS = DTYPES[-2:]


def values(dtype, seed=0, count=COUNT):
    rng = np.random.default_rng(seed)
    dtype = np.dtype(dtype)
    if dtype.kind == "f":
        x = rng.normal(size=count) * 10.0 ** rng.integers(-3, 4, count)
        x[rng.integers(0, count, 20)] = np.nan
        x[rng.integers(0, count, 20)] = np.inf
        x[rng.integers(0, count, 20)] = -0.0
        return x.astype(dtype)
    if dtype.kind == "b":
        return rng.integers(0, 2, count).astype(bool)
    limits = np.iinfo(dtype)
    x = rng.integers(limits.min, limits.max, count, dtype, endpoint=True)
    x[::3] = rng.integers(0, 5, len(x[::3]))
    return x


ANY = [ops.add, ops.multiply, ops.maximum, ops.minimum, ops.equal, ops.less, ops.less_equal]
NUMBERS = [ops.subtract]
INTEGERS = [
    ops.floor_divide, ops.remainder, ops.left_shift, ops.right_shift, ops.bitwise_and,
    ops.bitwise_or, ops.bitwise_xor,
]  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES)
def test_exact_ops(dtype):
    def function(x, y, c):
        twos = list(ANY)
        ones = [lambda x: ops.where(c, x, y[::-1]), lambda x: x[::-1], lambda x: x[::2]]
        if dtype != "bool":
            twos += NUMBERS
            ones += [ops.negative, ops.absolute, ops.sign]
        if np.dtype(dtype).kind in "iu":
            twos += INTEGERS
        if np.dtype(dtype).kind == "f":
            twos += [ops.divide, ops.floor_divide, ops.remainder]
            ones += [ops.sqrt, ops.floor, ops.ceil, ops.rint, ops.signbit]
        else:
            ones += [ops.invert]
        return [op(x, y) for op in twos] + [op(x) for op in ones]

    check(function, values(dtype), values(dtype, 1), values("bool", 2))


@pytest.mark.parametrize("dtype", DTYPES)
def test_conversions(dtype):
    x = values(dtype)
    if np.dtype(dtype).kind == "f":
        x = np.nan_to_num(x, posinf=3.0) % 100  # what fits into every type
    check(lambda x: [ops.convert(x, dtype=np.dtype(to)) for to in DTYPES], x)


@pytest.mark.parametrize("dtype", DTYPES)
def test_reductions_and_orders(dtype):
    x = values(dtype)

    def function(x, flat, order):
        results = [x[:], np.max(flat), np.min(flat), np.argmax(flat), np.argmin(flat)]
        for axis in (0, 1):
            results += [ops.reduce_max(x, axes=(axis,)), ops.reduce_min(x, axes=(axis,))]
            results += [ops.argmax(x, axis=axis), ops.argmin(x, axis=axis)]
            results += [ops.sort(x, axis=axis), ops.argsort(x, axis=axis)]
            if np.dtype(dtype).kind != "f":
                results += [ops.reduce_sum(x, axes=(axis,)), ops.reduce_prod(x, axes=(axis,))]
                results += [ops.cumsum(x, axis=axis), ops.cumprod(x, axis=axis)]
        results += [ops.sort(flat, axis=0), ops.argsort(flat, axis=0), flat[order]]
        for mode in ("set", "add", "multiply", "minimum", "maximum"):
            if np.dtype(dtype).kind != "f":
                results.append(ops.scatter(flat, flat[::-1], order % 50, mode=mode))
        return results

    check(function, x[:1000].reshape(40, 25), x, np.random.default_rng(0).permutation(COUNT) - 5)


@pytest.mark.parametrize("dtype", FLOATS)
def test_sums(dtype):
    x = np.random.default_rng(0).normal(size=(37, 53)).astype(dtype)
    check(
        lambda x: [
            np.sum(x), np.sum(x, 0), np.sum(x, 1), np.sum(x.T, 0), np.sum(x[:, ::2], 1),
            np.sum(x[::-1], 0), np.cumsum(x, 0), np.cumsum(x, 1), np.sum(x * x[::-1], 1),
            np.mean(x, 0), np.var(x, 1), np.sum(x.reshape(37, 53, 1) * x[0], (0, 2)),
        ],
        x, ulp=64, scale=1.0,
    )  # fmt: skip


@pytest.mark.parametrize("dtype", FLOATS)
def test_scattered_sums_are_in_order(dtype):
    """The same bits as NumPy: updates of one position are added one after the other."""
    rows = np.random.default_rng(0).integers(0, 7, COUNT)
    x = np.random.default_rng(1).normal(size=COUNT).astype(dtype)
    check(lambda x, rows: ops.scatter(np.zeros(7, dtype), x, rows, mode="add"), x, rows)


def test_random_bits():
    keys = np.random.default_rng(0).integers(0, 2**63, (3, 2)).astype(np.uint64)
    check(lambda keys: ops.random_bits(keys, shape=(COUNT,)), keys)
    check(lambda keys: ops.random_bits(keys[:, ::-1], shape=(17, 5)).transpose(2, 0, 1), keys)
