"""NaN, infinities, signed zeros, denormals, and the corners of integer arithmetic."""

import math

import numpy as np
import pytest
import scipy.special
from tests.compiler.native.comparing import check

import chainrule as cr
from chainrule import ops
from chainrule.compiler.native import NativeProgram
from chainrule.compiler.native.scalars import EMITTERS
from chainrule.compiler.native.special_functions import ROUTINES

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


@pytest.mark.parametrize("dtype", FLOATS)
def test_special_functions(dtype):
    names = ("erfcx", "erfinv", "gamma", "gammaln", "log_ndtr", "logit", "ndtri")
    poles = np.array([-1, -2, -7, -0.5, -6.5, 1e-30, 0.999], dtype)
    x = np.concatenate([special(dtype), poles])

    def function(x):
        ordered = [
            ops.bessel_i(x, order=n) + ops.bessel_ie(x, order=n) * ops.bessel_j(x, order=n)
            for n in (0, 1, 2)
        ]
        return [cr.ir.OPS[name](x) for name in names] + ordered

    check(function, x[np.abs(x) != 1e10], ulp=16)


def test_scipy_s_functions_are_called():
    """In float64 results are SciPy's, to the bit."""
    x = np.concatenate([special(np.float64), np.linspace(-30, 30, 999), np.linspace(0, 1, 99)])
    orders = [getattr(ops, name) for name in ("bessel_i", "bessel_ie", "bessel_j")]

    def function(x):
        ones = [cr.ir.OPS[name](x) for name in sorted(set(ROUTINES) & set(cr.ir.OPS) - {"betaln"})]
        return [
            *ones,
            ops.polygamma(x, order=0),
            *[op(x, order=n) for op in orders for n in range(4)],
        ]

    check(function, x)
    check(ops.betaln, x[:, None], x[None, ::9])


def test_calls_keep_no_loop_from_being_vectorized():
    x = np.linspace(0.5, 3.0, 64)
    program = check(lambda x: np.exp(x) * np.tanh(x) + scipy.special.gammaln(np.log1p(x)), x, ulp=8)
    (line,) = [line for line in program.kernels.split("\n") if "gammaln" in line]
    assert not any(name in line for name in ("exp", "tanh", "log1p"))


@pytest.mark.parametrize("dtype", FLOATS)
def test_polygamma(dtype):
    """Also left of zero, where the sum that defines it starts, and at its poles."""
    x = special(dtype)
    x = np.concatenate([x[~(x < -1e9)], np.array([-3, -20.3, -0.999, 8.99, 9.01, 1e8, 3e8], dtype)])
    check(lambda x: [ops.polygamma(x, order=n) for n in (0, 1, 2, 5, 30)], x, ulp=128)


@pytest.mark.parametrize("dtype", FLOATS)
def test_special_functions_of_two(dtype):
    check(ops.betaln, *pairs(dtype), ulp=8)


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


@pytest.mark.parametrize("dtype", INTEGERS)
def test_powers_of_integers(dtype):
    x = corner_integers(dtype)
    y = x[x >= 0]
    check(ops.power, x[:, None], y[None, :])
    check(lambda x: ops.power(x, dtype(3)), x)


def test_negative_powers_of_integers_are_refused():
    x = np.array([1, 2])
    program = NativeProgram(cr.trace(ops.power, x, x))
    np.testing.assert_array_equal(program(x, np.array([3, 0]))[0], [1, 1])
    with pytest.raises(ValueError, match="negative integer powers are not allowed"):
        program(x, np.array([3, -1]))


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
    """But for SciPy's functions of an order, which are what one op becomes by its order."""
    assert set(EMITTERS) - {*ROUTINES, "zeta"} <= set(cr.ir.OPS)
