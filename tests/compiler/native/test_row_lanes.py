"""Nests of narrow rows, several of which are worked on at a time: which, and what comes out."""

import numpy as np
import pytest
import scipy.special
from tests.compiler.native.comparing import check

import chainrule as cr
from chainrule import nn, special
from chainrule.compiler.native import NativeProgram, compilation, vectors
from chainrule.compiler.native.fuse import fuse
from chainrule.compiler.native.kernels import Kernel
from chainrule.compiler.native.nests import arrange
from chainrule.compiler.native.row_lanes import forms_of, has_few_rows, lanes_of
from chainrule.compiler.native.schedule import schedule
from chainrule.compiler.passes import optimize

UNITS = {"avx512": vectors.AVX512, "avx": vectors.AVX, "sse": vectors.SSE, "neon": vectors.NEON}


def compiled(function, *args):
    return NativeProgram(optimize(cr.trace(function, *args)))


def lanes(function, *args):
    """Return how many rows at a time each kernel works on."""
    block, _ = schedule(optimize(cr.trace(function, *args)))
    fuse(block)
    return [lanes_of(arrange(step)) for step in block.all_steps() if isinstance(step, Kernel)]


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def softmax(x):
    return special.softmax(x, axis=-1)


def layer_norm(x):
    centred = x - np.mean(x, axis=-1, keepdims=True)
    return centred / np.sqrt(np.mean(centred**2, axis=-1, keepdims=True) + 1e-5)


def argmax(x):
    return np.argmax(x, axis=-1)


@pytest.fixture
def avx512(monkeypatch):
    monkeypatch.setattr(vectors, "vector_unit", lambda: vectors.AVX512)


@pytest.fixture(params=UNITS)
def unit(request, monkeypatch):
    """Code for the vectors of some CPU; LLVM makes do with those there are."""
    monkeypatch.setattr(vectors, "vector_unit", lambda: UNITS[request.param])
    monkeypatch.setattr(compilation, "_known", {})
    monkeypatch.setenv("CHAINRULE_CACHE", "0")


@pytest.mark.usefixtures("avx512")
@pytest.mark.parametrize(
    ("function", "args", "expected"),
    [
        (softmax, (np.zeros((100, 10), np.float32),), [16]),
        (softmax, (np.zeros((100, 10)),), [8]),
        (softmax, (np.zeros((4, 25, 10), np.float32),), [16]),
        (layer_norm, (np.zeros((100, 17), np.float32),), [16]),
        (argmax, (np.zeros((100, 3), np.float32),), [16]),
        (argmax, (np.zeros((100, 10), np.int64),), [8]),
        # Written out position by position, or longer than a vector and a half.
        (softmax, (np.zeros((100, 4), np.float32),), [0]),
        (softmax, (np.zeros((100, 50), np.float32),), [0]),
        # No lane idles, and nothing is dear.
        (layer_norm, (np.zeros((100, 16), np.float32),), [0]),
        (softmax, (np.zeros((100, 16), np.float32),), [16]),
        # One sum is found across a vector in no time.
        (lambda x: np.sum(x, axis=1), (np.zeros((100, 10)),), [0]),
        # Too few rows, or one.
        (softmax, (np.zeros((7, 10), np.float32),), [0]),
        (softmax, (np.zeros((8, 10), np.float32),), [16]),
        (softmax, (np.zeros((1, 10), np.float32),), [0]),
        # Rows that do not lie side by side.
        (lambda x: softmax(x[:, ::2]), (np.zeros((100, 20), np.float32),), [0]),
        (lambda x: softmax(x[:, :10]), (np.zeros((100, 20), np.float32),), [16]),
    ],
)
def test_which_rows_are_narrow(function, args, expected):
    assert lanes(function, *args) == expected


@pytest.mark.usefixtures("avx512")
def test_few_rows_are_known_as_such():
    def nest(rows):
        block, _ = schedule(optimize(cr.trace(softmax, np.zeros((rows, 10), np.float32))))
        fuse(block)
        return arrange(block.steps[0])

    assert [has_few_rows(nest(rows)) for rows in (2, 7, 8, 100)] == [True, True, False, False]
    assert forms_of(nest(7)) == set()
    assert {form.fills for form in forms_of(nest(8))} == {True, False}


@pytest.mark.usefixtures("unit")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("columns", [2, 3, 5, 6, 9, 10, 12, 16, 17, 24])
def test_any_number_of_rows_and_columns(columns, dtype):
    eps = np.finfo(dtype).eps
    for rows in (2, 8, 15, 16, 17, 50):
        x = (3 * normal(rows, columns)).astype(dtype)
        (got,) = compiled(softmax, x)(x)
        np.testing.assert_allclose(got, scipy.special.softmax(x, axis=-1), rtol=32 * eps)
        (got,) = compiled(argmax, x)(x)
        np.testing.assert_array_equal(got, np.argmax(x, axis=-1))
        exact = x.astype(np.float64)
        centred = exact - exact.mean(axis=1, keepdims=True)
        expected = centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-5)
        (got,) = compiled(layer_norm, x)(x)
        np.testing.assert_allclose(got, expected, rtol=64 * eps, atol=64 * eps)


@pytest.mark.usefixtures("unit")
@pytest.mark.parametrize("columns", [5, 10])
def test_gradients_of_a_cross_entropy(columns):
    rows = 37
    x, bias = normal(rows, columns), normal(columns, seed=1)
    labels = np.arange(rows) * 7 % columns

    def gradients(x, bias, labels):
        return cr.value_and_grad(lambda p: nn.softmax_cross_entropy(p[0] + p[1], labels))((x, bias))

    p = scipy.special.softmax(x + bias, axis=1)
    value = -np.mean(np.log(p[np.arange(rows), labels]))
    p[np.arange(rows), labels] -= 1.0
    expected = value, p / rows, p.sum(axis=0) / rows
    got = compiled(gradients, x, bias, labels)(x, bias, labels)
    for one, other in zip(got, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-15)


def test_a_row_comes_out_the_same_beside_any_others():
    x = normal(100, 10).astype(np.float32)
    (all_rows,) = compiled(softmax, x)(x)
    for start, stop in ((0, 16), (3, 22), (41, 100)):
        (some,) = compiled(softmax, x[start:stop])(x[start:stop])
        np.testing.assert_array_equal(some, all_rows[start:stop])


def test_the_first_of_equal_values_and_the_first_nan():
    x = normal(40, 11).astype(np.float32)
    x[::4, 3:] = x[::4, 2:3]
    x[1::4, 5] = x[1::4, 8] = np.nan
    x[2::4] = -np.inf
    (largest, smallest) = compiled(lambda x: (np.argmax(x, axis=1), np.argmin(x, axis=1)), x)(x)
    np.testing.assert_array_equal(largest, np.argmax(x, axis=1))
    np.testing.assert_array_equal(smallest, np.argmin(x, axis=1))


def test_what_belongs_to_a_row_lies_anywhere():
    def scaled(x, mask, scales, rows, table):
        weights = np.where(mask, softmax(x + table[rows][:, None]), 0.0)
        total = np.sum(weights, axis=1, keepdims=True)
        positions = np.arange(len(x))
        return weights / total * scales[:, 1:2], total[:, 0] * scales[::-1, 0], total[positions, 0]

    rng = np.random.default_rng(5)
    x, scales = normal(37, 10), normal(37, 3)
    mask = rng.random((37, 10)) < 0.8
    check(scaled, x, mask, scales, rng.integers(-4, 4, 37), normal(4), ulp=64, scale=1.0)


def test_rows_of_parts_of_arrays():
    def parts(x):
        inner = x[1:-1, 3:13]
        return softmax(inner), softmax(inner[::-1]), argmax(inner[::2]), softmax(x[:, :10])[::3]

    check(parts, normal(41, 20), ulp=64)


def test_results_of_many_kinds():
    def kinds(x):
        p = softmax(x)
        largest = np.max(p, axis=1, keepdims=True)
        return p == largest, (100 * p).astype(np.int8), p.astype(np.float32), largest[:, 0] > 0.5

    check(kinds, normal(50, 9), ulp=8)


def test_sums_of_all_kinds_down_the_columns():
    def sums(x):
        p = softmax(x)
        return np.sum(p, axis=0), np.max(p, axis=0), np.min(p, axis=0), np.prod(p + 0.5, axis=0)

    check(sums, normal(45, 10), ulp=256)


def test_in_place():
    step = cr.compile(lambda x: softmax(2.0 * x), donate_argnums=(0,), engine="native")
    x = normal(45, 10)
    expected = x
    state = x
    for _ in range(4):
        expected = scipy.special.softmax(2.0 * expected, axis=1)
        state = step(state)
    np.testing.assert_allclose(state, expected, rtol=1e-13)


def test_on_any_number_of_threads():
    x, labels = normal(3001, 10).astype(np.float32), np.arange(3001) % 10

    def gradient(x, labels):
        return cr.grad(lambda p: nn.softmax_cross_entropy(p[0] + p[1], labels))((x, x[0]))

    program = compiled(gradient, x, labels)
    before = cr.get_threads()
    try:
        cr.set_threads(1)
        alone = program(x, labels)
        cr.set_threads(4)
        for one, other in zip(alone, program(x, labels), strict=True):
            np.testing.assert_array_equal(one, other)
    finally:
        cr.set_threads(before)
