"""Elementary functions as LLVM code: how accurate, what at special values, and that they vectorize.

float32 is held against NumPy's float64, float64 against x87's long double where there is one. Every
float32 is tried by `tools/sweep_float32.py`, whose table is `docs/accuracy.md`.
"""

import functools
import itertools
import re
from pathlib import Path

import numpy as np
import pytest
import scipy.special

pytest.importorskip("llvmlite")

import llvmlite.binding as llvm
from llvmlite import ir

from chainrule.compiler.native.math import MATH, MATH2
from chainrule.compiler.native.math.loop import Loop

LIMIT = 2.0
"""Units in the last place."""

LONG = np.longdouble
needs_long_double = pytest.mark.skipif(
    np.finfo(LONG).nmant < 63, reason="long double has no more digits than float64 here"
)

DTYPES = ("float32", "float64")
NAMES = sorted(MATH)
NAMES2 = sorted(MATH2)


@functools.cache
def loop(name, dtype, has_fma=True):
    return Loop(name, dtype, has_fma=has_fma)


# -- references -----------------------------------------------------------------------------------


def long_expit(x):
    decay = np.exp(-abs(x))
    return np.where(x >= 0, LONG(1), decay) / (1 + decay)


def long_logit(x):
    # 2 x - 1 and 1 - x are exact.
    return np.where(x < 0.25, np.log(x) - np.log1p(-x), np.log1p((2 * x - 1) / (1 - x)))


ROOT_PI = np.sqrt(4 * np.arctan(LONG(1)))


def long_erf(x):
    """The series 2/sqrt(pi) exp(-x²) sum_n 2^n x^(2n+1) / (2n+1)!!, whose terms have one sign."""
    size = np.minimum(abs(x), LONG(7))
    term = total = size
    for n in range(1, 260):
        term = term * (2 * size * size) / (2 * n + 1)
        total = total + term
    return np.copysign(np.where(abs(x) >= 7, 1, 2 / ROOT_PI * np.exp(-size * size) * total), x)


def long_erfc(x):
    """The continued fraction exp(-x²) / sqrt(pi) / (x + (1/2)/(x + 1/(x + (3/2)/(x + …))))."""
    size = np.clip(abs(x), LONG(1.5), LONG(30))
    fraction = size
    for n in range(400, 0, -1):
        fraction = size + LONG(n) / 2 / fraction
    head = size.astype(np.float32).astype(LONG)  # its square is exact
    tail = np.exp(-head * head) * np.exp((head - size) * (head + size)) / fraction / ROOT_PI
    return np.where(abs(x) < 1.5, 1 - long_erf(x), np.where(x < 0, 2 - tail, tail))


LONG_REFERENCES = {
    "expit": long_expit,
    "erf": long_erf,
    "erfc": long_erfc,
    "logit": long_logit,
}
REFERENCES = {name: getattr(scipy.special, name) for name in LONG_REFERENCES}


def reference(name, *arguments):
    """Return the function in the precision of its arguments."""
    table = LONG_REFERENCES if arguments[0].dtype == LONG else REFERENCES
    with np.errstate(all="ignore"):
        return table.get(name, getattr(np, name, None))(*arguments)


def ulps(y, exact):
    """Return the error of y in units in the last place of the exact value."""
    info = np.finfo(y.dtype)
    limit = exact.dtype.type(2) ** info.maxexp
    clipped = np.clip(exact, -limit, limit)
    _, exponent = np.frexp(clipped)
    exponent = np.clip(exponent, info.minexp + 1, info.maxexp) - 1 - info.nmant
    unit = np.ldexp(exact.dtype.type(1), exponent)
    error = abs(np.clip(y.astype(exact.dtype), -limit, limit) - clipped) / unit
    return np.where(
        np.isnan(y) | np.isnan(exact), np.where(np.isnan(y) & np.isnan(exact), 0, np.inf), error
    )


# -- samples --------------------------------------------------------------------------------------

# Where exp overflows, becomes denormal and rounds to zero, the same for its relatives; and where
# one formula takes over from another.
OVERFLOWS = {
    "float32": (88.72284, -87.33655, -103.97208, 89.41599, 10.05, 9.01, 4.0),
    "float64": (709.782712893384, -708.39641853226, -745.133219101941, 710.475860073944, 26.55),
}
SEAMS = (np.log(2) / 4, 0.5, 1.0, 2.0, np.sqrt(2) - 1, np.sqrt(0.5), np.sqrt(2), np.pi / 4)


def samples(dtype, n=4000):
    """Return numbers of all sizes, dense near 0, 1 and thresholds, with multiples of pi / 2."""
    rng = np.random.default_rng(7)
    dtype = np.dtype(dtype)
    bits = np.linspace(0, 2 ** (8 * dtype.itemsize - 1) - 1, n, dtype=np.float64)
    unsigned = np.uint32 if dtype == np.float32 else np.uint64
    every_size = bits.astype(unsigned).view(dtype)
    # Cubed, as uniform numbers would end in zero bits where they are small.
    moderate = [size * rng.uniform(-1, 1, n) ** 3 for size in (0.1, 1, 4, 20, 110, 760)]
    near_one = 1 + rng.choice([-1, 1], n) * 10 ** rng.uniform(-17, 0, n)
    turns = np.rint(2 ** rng.uniform(0, 60, n)).astype(LONG) * (2 * np.arctan(LONG(1)))
    steps = np.arange(-20, 21)
    edges = [
        (np.array(value, dtype).view(unsigned).astype(np.int64) + steps)
        .astype(unsigned)
        .view(dtype)
        for value in (*OVERFLOWS[dtype.name], *SEAMS)
    ]
    positive = np.concatenate([every_size, near_one.astype(dtype), turns.astype(dtype), *edges])
    finite = positive[np.isfinite(positive)]
    return np.concatenate([finite, -finite, np.concatenate(moderate).astype(dtype)])


@np.errstate(all="ignore")
def pairs(name, dtype, n=20000):
    """Return arguments for a function of two, such that many results are neither 0 nor infinite."""
    rng = np.random.default_rng(8)
    x = rng.permutation(np.resize(samples(dtype), n))
    y = rng.permutation(np.resize(samples(dtype), n))
    if name == "power":
        x = np.where(rng.random(n) < 0.2, x, abs(x))
        reach = 100 if dtype == "float32" else 744
        fitting = rng.uniform(-reach, reach, n) / np.log(abs(x).astype(np.float64))
        y = np.where(rng.random(n) < 0.7, fitting, np.rint(rng.uniform(-9, 9, n)))
    else:
        near = x * rng.uniform(0.2, 5, n).astype(dtype)
        y = np.where((rng.random(n) < 0.7) & np.isfinite(near), near, y)
    keep = np.isfinite(x) & np.isfinite(y.astype(dtype))
    return x[keep].astype(dtype), y[keep].astype(dtype)


# -- accuracy -------------------------------------------------------------------------------------


@pytest.mark.parametrize("has_fma", [True, False])
@pytest.mark.parametrize("name", NAMES)
def test_float32_within_two_ulp(name, has_fma):
    x = samples("float32")
    error = ulps(loop(name, "float32", has_fma)(x), reference(name, x.astype(np.float64)))
    assert error.max() <= LIMIT, x[error.argmax()]


@needs_long_double
@pytest.mark.parametrize("has_fma", [True, False])
@pytest.mark.parametrize("name", NAMES)
def test_float64_within_two_ulp(name, has_fma):
    x = samples("float64")
    error = ulps(loop(name, "float64", has_fma)(x), reference(name, x.astype(LONG)))
    assert error.max() <= LIMIT, x[error.argmax()]


@needs_long_double
@pytest.mark.parametrize("has_fma", [True, False])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NAMES2)
def test_two_arguments_within_two_ulp(name, dtype, has_fma):
    x, y = pairs(name, dtype)
    result = loop(name, dtype, has_fma)(x, y)
    exact = reference(name, x.astype(LONG), y.astype(LONG))
    error = ulps(result, exact)
    if name == "logaddexp":
        # Where the two summands cancel, the error is that of the larger one.
        larger = np.maximum(x, y).astype(LONG)
        summand = np.maximum(abs(larger), abs(exact - larger))
        error *= np.minimum(1, abs(exact) / summand)
    assert error.max() <= LIMIT, (x[error.argmax()], y[error.argmax()])


@needs_long_double
def test_reduction_of_the_hardest_angles():
    # The float64 closest to a multiple of pi / 2, relative to its size, is 6381956970095103 · 2^797
    # (J.-M. Muller, Elementary Functions, 3rd ed., §11.3); the next ones are among those of other
    # exponents nearest to n pi / 2.
    x = np.array(
        [np.ldexp(6381956970095103.0, 797), np.ldexp(6411027962775774.0, -48), 22.0, 355.0]
    )
    for name in ("sin", "cos", "tan"):
        error = ulps(loop(name, "float64")(x), reference(name, x.astype(LONG)))
        assert error.max() <= LIMIT


# -- special values -------------------------------------------------------------------------------


def specials(dtype):
    info = np.finfo(dtype)
    tiny = info.smallest_subnormal
    return np.array([0.0, -0.0, np.inf, -np.inf, np.nan, tiny, -tiny, info.max, -info.max], dtype)


def is_exact(value):
    """Whether a result is one that has to be right to the bit."""
    info = np.finfo(value.dtype)
    return ~np.isfinite(value) | (abs(value) < info.tiny) | (value == 1) | (value == -1)


def assert_same_bits(result, expected):
    np.testing.assert_array_equal(result, expected)
    signed = ~np.isnan(expected)
    np.testing.assert_array_equal(np.signbit(result)[signed], np.signbit(expected)[signed])


@pytest.mark.parametrize("has_fma", [True, False])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NAMES)
def test_special_values(name, dtype, has_fma):
    x = specials(dtype)
    # Every reference but NumPy's own is better trusted with more digits.
    wide = np.float64 if dtype == "float32" else LONG
    expected = reference(name, x.astype(wide)).astype(dtype)
    exact = is_exact(expected)
    assert_same_bits(loop(name, dtype, has_fma)(x)[exact], expected[exact])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NAMES2)
def test_special_pairs(name, dtype):
    values = [*specials(dtype), 1, -1, 2, -2, 3, -3, 0.5, -0.5, 2.0**100, -(2.0**100)]
    x, y = np.array(list(itertools.product(values, repeat=2)), dtype).T
    expected = reference(name, x, y)
    exact = is_exact(expected)
    assert_same_bits(loop(name, dtype)(x, y)[exact], expected[exact])


@pytest.mark.parametrize("dtype", DTYPES)
def test_domain_errors_are_nan(dtype):
    outside = {"log": -1, "log1p": -2, "arcsin": 1.5, "arccos": -1.5, "arccosh": 0.5}
    for name, value in {**outside, "arctanh": 1.5, "sqrt": -1}.items():
        assert np.isnan(loop(name, dtype)(np.array([value], dtype)))[0], name


def test_the_measured_errors_are_within_two_ulp():
    page = Path(__file__).parents[3] / "docs" / "accuracy.md"
    single = page.read_text(encoding="utf-8").split("\n## ")[1]
    errors = dict(re.findall(r"^\| (\w+) \| ([\d.]+) \|", single, re.MULTILINE))
    assert sorted(errors) == NAMES
    assert all(float(error) <= LIMIT for error in errors.values())


# -- code -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", [*NAMES, *NAMES2])
def test_the_loop_is_vectorized(name, dtype):
    code = str(loop(name, dtype).module)
    scalar_type = {"float32": "float", "float64": "double"}[dtype]
    assert re.search(rf"load <\d+ x {scalar_type}>", code)
    assert not re.search(r"\bcall (?!.*@llvm\.)", code)


@pytest.mark.parametrize("element", [ir.FloatType(), ir.DoubleType()])
@pytest.mark.parametrize("name", [*NAMES, *NAMES2])
def test_vectors_are_taken(name, element):
    type = ir.VectorType(element, 4)
    emit, arity = (MATH[name], 1) if name in MATH else (MATH2[name], 2)
    function = ir.Function(ir.Module(), ir.FunctionType(type, [type] * arity), "f")
    builder = ir.IRBuilder(function.append_basic_block())
    builder.ret(emit(builder, *function.args))
    llvm.parse_assembly(str(function.module)).verify()


def test_other_types_are_refused():
    function = ir.Function(ir.Module(), ir.FunctionType(ir.VoidType(), [ir.IntType(32)]), "f")
    builder = ir.IRBuilder(function.append_basic_block())
    message = r"^math: expected float or double, or a vector of them, got i32$"
    with pytest.raises(TypeError, match=message):
        MATH["exp"](builder, function.args[0])
