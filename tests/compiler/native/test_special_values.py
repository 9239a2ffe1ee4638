"""NaN, infinities, signed zeros, denormals, and the corners of integer arithmetic."""

import math

import numpy as np
import pytest
from tests.compiler.native.comparing import check

import chainrule as cr
from chainrule import ops
from chainrule.compiler.native import NativeProgram
from chainrule.compiler.native.scalars import EMITTERS

FLOATS = (np.float32, np.float64)
INTEGERS = (np.int8, np.int32, np.int64, np.uint8, np.uint64)


def special(dtype):
    limits = np.finfo(dtype)
    positive = [0.0, limits.smallest_subnormal, limits.tiny, 0.3, 0.5, 1.0, 1.5, 2.5, 7.0, 1e10]
    values = [*positive, limits.max, np.inf, np.nan]
    return np.array([*values, *[-value for value in values]], dtype)


def pairs(dtype):
    values = special(dtype)
    return values[:, None], values[None, :]


def same_bits(program, graph, *args):
    """Compare with signs of zeros, which comparing numbers does not see."""
    with np.errstate(all="ignore"):
        for got, expected in zip(program(*args), cr.ir.evaluate(graph, args), strict=True):
            np.testing.assert_array_equal(np.isnan(got), np.isnan(expected))
            known = ~np.isnan(expected)
            np.testing.assert_array_equal(np.signbit(got)[known], np.signbit(expected)[known])


@pytest.mark.parametrize("dtype", FLOATS)
def test_exact_floats(dtype):
    def function(x, y):
        ones = [ops.absolute, ops.ceil, ops.floor, ops.rint, ops.negative, ops.sqrt, ops.sign]
        twos = [ops.add, ops.subtract, ops.multiply, ops.divide, ops.remainder, ops.floor_divide]
        return [op(x) for op in ones] + [op(x, y) for op in twos]

    x, y = pairs(dtype)
    program = check(function, x, y)
    same_bits(program, program.graph, x, y)


@pytest.mark.parametrize("dtype", FLOATS)
def test_comparisons_and_choices_of_floats(dtype):
    def function(x, y):
        twos = [ops.equal, ops.less, ops.less_equal, ops.maximum, ops.minimum]
        return [op(x, y) for op in twos] + [ops.signbit(x), ops.where(x < y, x, y), x != y]

    check(function, *pairs(dtype))


# Those of one argument; their accuracy is tested where they are written.
ELEMENTARY = (
    "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctanh", "cbrt", "cos", "cosh", "erf",
    "erfc", "exp", "expit", "expm1", "log", "log1p", "sin", "sinh", "tan", "tanh",
)  # fmt: skip


@pytest.mark.parametrize("dtype", FLOATS)
def test_elementary_functions(dtype):
    x = special(dtype)
    # NumPy's own float32 sine of large numbers and others' last places are not exact either.
    x = x[~(np.abs(x) > 1e9) | ~np.isfinite(x)]
    check(lambda x: [cr.ir.OPS[name](x) for name in ELEMENTARY], x, ulp=8)


@pytest.mark.parametrize("dtype", FLOATS)
def test_elementary_functions_of_two(dtype):
    x, y = pairs(dtype)
    check(
        lambda x, y: [
            ops.power(x, y), ops.arctan2(x, y), ops.hypot(x, y), ops.xlogy(x, y),
            ops.logaddexp(x, y),
        ],
        x, y, ulp=8,
    )  # fmt: skip


def corner_integers(dtype):
    limits = np.iinfo(dtype)
    values = {limits.min, limits.min + 1, limits.max, limits.max - 1, 0, 1, 2, 3, 7, 100}
    if limits.min < 0:
        values |= {-1, -2, -3, -7, -100}
    return np.array(sorted(values), dtype)


@pytest.mark.parametrize("dtype", INTEGERS)
def test_integers(dtype):
    x = corner_integers(dtype)

    def function(x, y):
        twos = [
            ops.add, ops.subtract, ops.multiply, ops.floor_divide, ops.remainder, ops.maximum,
            ops.minimum, ops.equal, ops.less, ops.less_equal, ops.bitwise_and, ops.bitwise_or,
            ops.bitwise_xor, ops.left_shift, ops.right_shift,
        ]  # fmt: skip
        ones = [ops.absolute, ops.invert, ops.negative, ops.sign]
        return [op(x, y) for op in twos] + [op(x) for op in ones]

    check(function, x[:, None], x[None, :])


def test_booleans():
    x = np.array([False, True])

    def function(x, y):
        twos = [
            ops.add, ops.multiply, ops.maximum, ops.minimum, ops.equal, ops.less, ops.less_equal,
            ops.bitwise_and, ops.bitwise_or, ops.bitwise_xor,
        ]  # fmt: skip
        return [*[op(x, y) for op in twos], ops.invert(x), ops.where(x, y, x)]

    check(function, x[:, None], x[None, :])


@pytest.mark.parametrize("dtype", [*FLOATS, *INTEGERS, np.bool_])
def test_conversions(dtype):
    if np.dtype(dtype).kind == "f":
        # What does not fit has no defined value; these fit into the narrowest signed type.
        x = np.array([0.0, -0.0, 0.5, -0.5, 1.5, 2.5, -2.5, 100.9, -100.9], dtype)
        unsigned = np.abs(x)
    else:
        x = np.array([False, True]) if dtype is np.bool_ else corner_integers(dtype)
        unsigned = x
    signed = [np.bool_, np.int8, np.int16, np.int32, np.int64, *FLOATS]
    check(
        lambda x, y: (
            [ops.convert(x, dtype=np.dtype(to)) for to in signed]
            + [
                ops.convert(y, dtype=np.dtype(to))
                for to in (np.uint8, np.uint16, np.uint32, np.uint64)
            ]
        ),
        x,
        unsigned,
    )


@pytest.mark.parametrize("dtype", FLOATS)
def test_conversion_of_what_does_not_fit(dtype):
    """As the CPU does it: the smallest number there is."""
    x = np.array([np.nan, np.inf, -np.inf, 1e30, -1e30], dtype)
    program = NativeProgram(cr.trace(lambda x: [x.astype(np.int64), x.astype(np.int32)], x))
    assert [set(out.tolist()) for out in program(x)] == [{-(2**63)}, {-(2**31)}]


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("extent", [3, 40])
def test_reductions_keep_nan_and_infinities(dtype, extent):
    x = np.ones((6, extent), dtype)
    x[1, 1], x[2, 1], x[3, 0], x[3, 1], x[4, :], x[5, :] = np.nan, np.inf, np.inf, -np.inf, -0.0, 0
    x[5, 1] = -np.inf

    def function(x):
        return [
            f(part, axis=axis)
            for part, axis in ((x, 1), (x.T, 0))
            for f in (np.sum, np.max, np.min, np.prod, np.argmax, np.argmin)
        ]

    program = check(function, x)
    assert np.signbit(program(x)[0][4])


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("count", [511, 512, 513, 65536, 65537, 200_003])
def test_long_sums_are_as_exact_as_numpy_s(dtype, count):
    x = np.random.default_rng(0).random(count).astype(dtype)
    total, largest, mean = NativeProgram(cr.trace(lambda x: (np.sum(x), np.max(x), np.mean(x)), x))(
        x
    )
    exact = math.fsum(x.tolist())
    assert abs(total - exact) <= 4 * np.finfo(dtype).eps * exact
    assert abs(mean - exact / count) <= 4 * np.finfo(dtype).eps
    assert largest == x.max()


def test_nothing_to_reduce():
    x = np.ones((3, 0))
    check(lambda x: [np.sum(x, 1), np.prod(x, 1), np.sum(x), np.any(x, 1), np.sum(x, 0)], x)


def test_emitters_are_ops():
    assert set(EMITTERS) <= set(cr.ir.OPS)
