"""float16: every number for functions of one argument, and sums that are rounded once."""

import numpy as np
import pytest
from tests.compiler.native.comparing import assert_close, check

import chainrule as cr
from chainrule import ops
from chainrule.compiler.native import NativeProgram, machine, unsupported

HALF = np.dtype(np.float16)
EVERY = np.arange(2**16, dtype=np.uint16).view(HALF)
# Signalling NaN apart, of which the C library's pow(NaN, 0) is not 1.
SOME = np.append(EVERY[::251][np.isfinite(EVERY[::251])], np.array([np.inf, -np.inf, np.nan], HALF))
RNG = np.random.default_rng(5)

EXACT = ("absolute", "ceil", "floor", "negative", "rint", "sign", "signbit", "sqrt")
ROUNDED = (
    "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctanh", "cbrt", "cos", "cosh", "exp",
    "expm1", "log", "log1p", "sin", "sinh", "tan", "tanh",
)  # fmt: skip


@pytest.mark.parametrize("name", EXACT)
def test_exact_functions_of_every_number(name):
    check(cr.ir.OPS[name], EVERY)


@pytest.mark.parametrize("name", ROUNDED)
def test_functions_of_every_number(name):
    """float32 rounded to float16: two results differ where both are close to a midpoint."""
    program = NativeProgram(cr.trace(cr.ir.OPS[name], EVERY))
    with np.errstate(all="ignore"):
        exact = getattr(np, name)(EVERY.astype(np.float64)).astype(HALF)
    (got,) = program(EVERY)
    assert_close([got], [exact], ulp=1)
    assert np.mean((got == exact) | np.isnan(exact)) > 0.999


def test_arithmetic():
    def function(x, y):
        twos = [
            ops.add, ops.subtract, ops.multiply, ops.divide, ops.remainder, ops.floor_divide,
            ops.equal, ops.less, ops.less_equal, ops.maximum, ops.minimum,
        ]  # fmt: skip
        return [*[op(x, y) for op in twos], ops.where(x < y, x, y), x * y + x]

    check(function, SOME[:, None], SOME[None, :])
    check(lambda x, y: [ops.power(x, y), ops.hypot(x, y), ops.arctan2(x, y), ops.logaddexp(x, y)],
          SOME[:, None], SOME[None, :], ulp=1)  # fmt: skip


@pytest.mark.parametrize("source", [np.float64, np.float32, np.int64, np.uint8, np.bool_])
def test_conversions(source):
    """Those from float64 are rounded once, also where float32 would be a midpoint."""
    x = EVERY[np.isfinite(EVERY)].astype(np.float64)
    between = (x[:-1] + x[1:]) / 2
    moved = [between * (1 + sign * 2.0**-k) for sign in (-1, 1) for k in (53, 40, 30, 25, 11)]
    numbers = np.concatenate(
        [x, between, *moved, [65519.0, 65520.0, 1e300, 5e-324, np.inf, np.nan]]
    )
    numbers = np.concatenate([numbers, -numbers])
    numbers = numbers[np.abs(np.nan_to_num(numbers)) < 100] if source is np.uint8 else numbers
    with np.errstate(all="ignore"):
        if source is not np.float64:
            numbers = np.abs(numbers) if source is np.uint8 else numbers
            numbers = numbers[np.isfinite(numbers) & (np.abs(numbers) < 1e9)]
        check(lambda x: x.astype(HALF), numbers.astype(source))
        finite = EVERY[np.abs(EVERY.astype(np.float32)) < 100]
        check(lambda x: x.astype(source), np.abs(finite) if source is np.uint8 else finite)


@pytest.mark.parametrize("shape", [(), (1,), (0, 3), (3, 0), (5, 7), (40, 300)])
def test_reductions(shape):
    x = RNG.uniform(0.5, 1.5, shape).astype(HALF)
    axis = -1 if shape else None
    if x.size:
        check(
            lambda x: [np.max(x), np.min(x), np.argmax(x), np.argmin(x), np.max(x, axis)],
            x,
        )
    program = NativeProgram(cr.trace(lambda x: [np.sum(x, axis), np.prod(x, axis), np.sum(x)], x))
    wide = x.astype(np.float64)
    exact = [np.sum(wide, axis), np.prod(wide, axis), np.sum(wide)]
    with np.errstate(all="ignore"):
        expected = [np.asarray(value).astype(HALF) for value in exact]
    assert_close(program(x), expected, ulp=1)


def test_running_sums_are_rounded_each_time():
    x = RNG.uniform(-1, 1, (3, 50)).astype(HALF)
    check(lambda x: [np.cumsum(x, 1), np.cumsum(x, 0), np.cumprod(x, 1)], x)


def test_products_and_order():
    x, y = RNG.uniform(-1, 1, (2, 30, 30)).astype(HALF)
    exact = (x.astype(np.float64) @ y.astype(np.float64)).astype(HALF)
    program = NativeProgram(cr.trace(lambda x, y: x @ y, x, y))
    assert_close(program(x, y), [exact], ulp=2, scale=0.1)
    check(lambda x: [np.sort(x, 0), np.argsort(x, 1), np.argsort(x, 1, kind="stable")], EVERY[None])
    check(lambda x: np.sort(x, 1), x)


def test_layouts_and_loops():
    x = RNG.uniform(-1, 1, (6, 4)).astype(HALF)
    index = np.array([3, 0, 0])

    def function(x, index):
        state, each = cr.scan(lambda c, row: (np.tanh(c + row), c * row), x[0], x)
        return [x.T[index], x.reshape(3, 8)[:, ::-1], state, each, np.concatenate([x, x + x])]

    check(function, x, index, ulp=2)
    op = cr.ir.OPS["scatter"]
    modes = ("set", "add", "multiply", "minimum", "maximum")
    check(lambda x, i: [op(x, x[:3] * 2, i, mode=mode) for mode in modes], x, index)


def test_what_a_cpu_without_the_instructions_does(monkeypatch):
    graph = cr.trace(lambda x: x + x, SOME)
    assert unsupported(graph) == []
    monkeypatch.setattr(machine, "has_float16", lambda: False)
    assert unsupported(graph) == ["float16, which this CPU cannot convert"]
