"""Which kernels share rows, which must not, and what comes out, against NumPy and SciPy."""

import numpy as np
import pytest
import scipy.special
from tests.compiler.native.comparing import check

import chainrule as cr
from chainrule import nn, special
from chainrule.compiler.native import NativeProgram, compilation, vectors
from chainrule.compiler.native.expressions import Apply, Load, Place
from chainrule.compiler.native.fuse import fuse
from chainrule.compiler.native.kernels import Kernel, Loop, Nest, Result
from chainrule.compiler.native.rows import shared_axes
from chainrule.compiler.native.schedule import schedule
from chainrule.compiler.native.views import Buffer, View, whole
from chainrule.compiler.passes import optimize

SIZES = (1, 2, 3, 4, 5, 7, 8, 10, 16, 17, 50, 64, 65, 1000)
FLOAT = np.dtype(np.float64)


def compiled(function, *args):
    return NativeProgram(optimize(cr.trace(function, *args)))


def kernels_of(function, *args):
    block, _ = schedule(optimize(cr.trace(function, *args)))
    fuse(block)
    return [step for step in block.all_steps() if isinstance(step, Kernel)]


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def layer_norm(x, gain, shift):
    mean = np.mean(x, axis=-1, keepdims=True)
    variance = np.mean((x - mean) ** 2, axis=-1, keepdims=True)
    return (x - mean) / np.sqrt(variance + 1e-5) * gain + shift


def cross_entropy(x, labels):
    return nn.softmax_cross_entropy(x, labels)


def value_and_gradient(x, labels):
    return cr.value_and_grad(lambda x: cross_entropy(x, labels))(x)


def gradient_and_bias(x, labels):
    return cr.grad(lambda p: cross_entropy(x + p[0] + p[1], labels))((0.0 * x, x[0]))


def layer_norm_gradient(x, gain, shift, cotangent):
    return cr.grad(lambda p: np.sum(layer_norm(*p) * cotangent))((x, gain, shift))


X, LABELS = normal(20, 12), np.arange(20) % 12


@pytest.mark.parametrize(
    ("function", "args", "kernels"),
    [
        (lambda x: special.softmax(x, axis=-1), (X,), 1),
        (lambda x: special.log_softmax(x, axis=-1), (X,), 1),
        (lambda x: special.logsumexp(x, axis=-1), (normal(20, 300),), 1),
        # The logarithms of many short rows are computed side by side.
        (lambda x: special.logsumexp(x, axis=-1), (X,), 2),
        (lambda x: special.softmax(x, axis=-1), (normal(3, 4, 12),), 1),
        (layer_norm, (X, X[0], X[1]), 1),
        (layer_norm_gradient, (X, X[0], X[1], normal(20, 12, seed=1)), 1),
        # The gradient is one; the mean over the samples is the second, its division the third.
        (value_and_gradient, (X, LABELS), 3),
        # Without the value: the gradient with respect to logits and to a bias in one go.
        (gradient_and_bias, (X, LABELS), 1),
    ],
)
def test_kernels_over_the_same_rows_are_one(function, args, kernels):
    program = check(lambda *args: function(*args), *args, ulp=64, scale=1.0)
    assert len(kernels_of(function, *args)) == kernels, program.kernels


def test_what_only_the_nest_reads_takes_no_memory():
    program = compiled(lambda x: special.softmax(x, axis=-1), X)
    assert program.stats["arena_bytes"] == 0
    assert "arena" not in program.kernels


def test_a_nest_is_shown_as_loops_in_a_loop():
    program = compiled(lambda x: special.softmax(x, axis=-1), X)
    assert program.kernels == (
        "for i0<20:\n"
        "  for i1<12 (reduced):\n"
        "    row0[0] = maximum(row0[0], input0[12*i0 + i1])\n"
        "  for i1<12 (reduced):\n"
        "    t0 = exp((input0[12*i0 + i1] - row0[0]))\n"
        "    row1[i1] = t0\n"
        "    row2[0] += t0\n"
        "  for i1<12:\n"
        "    output0[12*i0 + i1] = (row1[i1] / row2[0])"
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("columns", SIZES)
@pytest.mark.parametrize("rows", [1, 3, 37])
def test_softmax_and_logsumexp_are_those_of_scipy(rows, columns, dtype):
    x = (3 * normal(rows, columns)).astype(dtype)
    eps = np.finfo(dtype).eps
    for function, reference in (
        (special.softmax, scipy.special.softmax),
        (special.log_softmax, scipy.special.log_softmax),
        (special.logsumexp, scipy.special.logsumexp),
    ):
        (got,) = compiled(lambda x, f=function: f(x, axis=-1), x)(x)
        expected = reference(x.astype(np.float64), axis=-1)
        np.testing.assert_allclose(got, expected, rtol=32 * eps, atol=32 * eps)
        assert got.dtype == dtype


@pytest.mark.parametrize("columns", SIZES)
def test_rows_that_are_not_finite(columns):
    x = normal(6, columns)
    x[0] = -np.inf
    x[1, -1] = np.nan
    x[2, 0] = np.inf
    x[3, 0] = -np.inf
    x[4] = 1e300
    with np.errstate(all="ignore"):
        for function, reference in (
            (special.softmax, scipy.special.softmax),
            (special.logsumexp, scipy.special.logsumexp),
        ):
            (got,) = compiled(lambda x, f=function: f(x, axis=-1), x)(x)
            np.testing.assert_allclose(got, reference(x, axis=-1), rtol=1e-14)


def test_no_rows():
    x = np.zeros((0, 5))
    (got,) = compiled(lambda x: special.softmax(x, axis=-1), x)(x)
    assert got.shape == (0, 5)


@pytest.mark.parametrize("columns", SIZES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_extrema_are_those_of_numpy(columns, dtype):
    x = normal(40, columns).astype(dtype)
    x[::3, 0] = -0.0
    x[1::3, -1] = 0.0
    x[::3] = np.where(x[::3] > 0, -0.0, x[::3])
    x[5, columns // 2] = -np.nan
    x[7, 0] = np.inf
    x[8, -1] = -np.inf
    x[9] = -np.inf
    x[10] = np.inf
    got = compiled(lambda x: (np.max(x, axis=1), np.min(x, axis=1)), x)(x)
    for one, other in zip(got, (np.max(x, axis=1), np.min(x, axis=1)), strict=True):
        np.testing.assert_array_equal(one, other)
    # The larger of two zeros is the positive one, which NumPy leaves open.
    zeros = np.array([[-0.0, 0.0] * columns, [0.0, -0.0] * columns], dtype)
    largest, smallest = compiled(lambda x: (np.max(x, axis=1), np.min(x, axis=1)), zeros)(zeros)
    assert not np.signbit(largest).any()
    assert np.signbit(smallest).all()


@pytest.mark.parametrize("columns", SIZES)
@pytest.mark.parametrize("dtype", [np.int8, np.int64, np.uint8, np.bool_, np.float16, np.float32])
def test_reductions_over_short_rows(columns, dtype):
    x = np.random.default_rng(3).integers(0, 2 if dtype == np.bool_ else 5, (9, columns))
    x = x.astype(dtype)

    def reductions(x):
        return (
            np.sum(x, axis=1),
            np.max(x, axis=1),
            np.min(x, axis=1),
            np.prod(x, axis=1),
            np.sum(x, axis=0),
            np.max(x, axis=0),
            x * x,
        )

    check(reductions, x, ulp=4, scale=1.0)


@pytest.mark.parametrize("columns", SIZES[1:])
def test_column_sums_within_a_nest(columns):
    x = normal(33, columns)
    labels = np.arange(33) % columns

    def by_hand():
        p = scipy.special.softmax(x + x[0], axis=1)
        p[np.arange(33), labels] -= 1.0
        return p / 33, p.sum(axis=0) / 33

    assert len(kernels_of(gradient_and_bias, x, labels)) == 1
    got = compiled(gradient_and_bias, x, labels)(x, labels)
    for one, other in zip(got, by_hand(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("unit", [vectors.AVX512, vectors.AVX, vectors.NEON])
def test_rows_are_cut_as_the_vectors_of_other_cpus_want_it(unit, monkeypatch):
    # Where the CPU has no such vectors, LLVM makes do with those it has.
    monkeypatch.setattr(vectors, "vector_unit", lambda: unit)
    monkeypatch.setattr(compilation, "_known", {})
    monkeypatch.setenv("CHAINRULE_CACHE", "0")
    for columns in (5, 7, 10, 13, 15):
        x = normal(9, columns)
        x[3, 1] = np.nan
        x[4, -1] = np.inf
        check(lambda x: special.softmax(x, axis=-1), x, ulp=64)
        check(lambda x: special.logsumexp(x, axis=-1), x, ulp=64)
        check(value_and_gradient, normal(9, columns), np.arange(9) % columns, ulp=64, scale=1.0)
        check(lambda x: (np.sum(x, axis=0), np.max(x, axis=1), x > 0), x, ulp=64, scale=1.0)


def test_the_same_bits_every_time():
    x = normal(100, 10).astype(np.float32)
    program = compiled(value_and_gradient, x, np.arange(100) % 10)
    first = program(x, np.arange(100) % 10)
    for _ in range(20):
        for one, other in zip(first, program(x, np.arange(100) % 10), strict=True):
            np.testing.assert_array_equal(one, other)


def test_axes_of_length_one():
    def function(x):
        m = np.max(x, axis=2, keepdims=True)
        e = np.exp(x - m)
        return np.sum(e, axis=1), np.sum(e, axis=(1, 2)), e / np.sum(e, axis=2, keepdims=True)

    for shape in ((1, 5, 7), (5, 1, 7), (5, 7, 1), (1, 1, 9), (1, 40, 30)):
        check(function, normal(*shape), ulp=64, scale=1.0)


# -- what must not be merged ---------------------------------------------------------------------


def test_a_stage_that_reads_another_row_comes_later():
    def next_row(x):
        total = np.sum(np.exp(x), axis=1)
        return np.exp(x) / np.roll(total, 1)[:, None], x * total[::-1, None]

    check(next_row, normal(8, 40), ulp=64)


def test_a_stage_that_reads_columns_comes_later():
    def turned(x):
        e = np.exp(x)
        return e / np.sum(e, axis=1, keepdims=True), e.T / np.sum(e, axis=0)[:, None] + e

    check(turned, normal(6, 6), ulp=64)


def test_sums_over_rows_are_read_after_the_last():
    def centred(x):
        e = np.exp(x)
        totals = np.sum(e / np.sum(e, axis=1, keepdims=True), axis=0)
        return e / np.sum(e, axis=1, keepdims=True) - totals

    check(centred, normal(7, 40), ulp=64)


def test_overlapping_slices_of_one_array():
    def shifted(x):
        joined = np.concatenate([x, 2.0 * x, 3.0 * x], axis=0)
        total = np.sum(joined[1:-1], axis=1)
        return total[:, None] * joined[:-2], joined[2:] / total[:, None]

    check(shifted, normal(5, 40), ulp=64)


def test_rows_of_a_scan_in_place():
    def body(state, x):
        e = np.exp(state - np.max(state, axis=1, keepdims=True))
        p = e / np.sum(e, axis=1, keepdims=True)
        return 0.5 * state + p[::-1] * x, np.sum(p * x, axis=1)

    def run(state, xs):
        return cr.scan(body, state, xs)

    check(run, normal(6, 40), normal(9, 6, 40, seed=1), ulp=1024, scale=1.0)


def test_running_sums_keep_their_order():
    def running(x):
        s = np.cumsum(x, axis=0)
        return np.sum(s, axis=1), s / np.max(np.abs(s), axis=1, keepdims=True)

    check(running, normal(6, 40), ulp=64, scale=1.0)


def test_an_index_out_of_range_leaves_before_anything_is_read():
    def picked(x, rows):
        e = np.exp(x - np.max(x, axis=1, keepdims=True))
        return (e / np.sum(e, axis=1, keepdims=True))[rows]

    x = normal(6, 40)
    check(picked, x, np.array([5, 0, -6]), ulp=64)
    with pytest.raises(IndexError):
        compiled(picked, x, np.array([5, 0]))(x, np.array([5, 6]))


MOVES = [
    lambda u, v: np.max(u, axis=1, keepdims=True) + 0.0 * v,
    lambda u, v: np.sum(u, axis=1, keepdims=True) - v,
    lambda u, v: np.sum(u * v, axis=0, keepdims=True) + v,
    lambda u, v: u - np.min(v, axis=1, keepdims=True),
    lambda u, v: np.tanh(u) * v,
    lambda u, v: u / (1.0 + np.abs(v)),
    lambda u, v: np.exp(-np.abs(u)) - v,
    lambda u, v: u[::-1],
    lambda u, v: u[:, ::-1],
    lambda u, v: np.roll(u, 1, axis=0),
    lambda u, v: np.concatenate([u[1:], v[:1]], axis=0),
    lambda u, v: u.T.reshape(u.shape),
]
"""What a random program is made of: within the row, and across."""


@pytest.mark.parametrize("seed", range(24))
def test_random_programs(seed):
    rng = np.random.default_rng(seed)
    rows, columns = rng.choice([1, 2, 3, 5, 7, 10, 16, 17, 40], 2)
    plan = rng.integers(0, (len(MOVES), 1000, 1000), (9, 3))

    def program(x, y):
        values = [x, y]
        for move, i, j in plan:
            values.append(MOVES[move](values[i % len(values)], values[j % len(values)]))
        return tuple(values[-3:])

    def scanned(x, y):
        def body(carry, row):
            results = program(carry, row)
            return np.tanh(carry + 0.1 * results[-1]), results

        return cr.scan(body, x, np.stack([y, 0.5 * y, -y]))

    x, y = rng.normal(size=(2, rows, columns))
    check(scanned if seed % 3 == 0 else program, x, y, ulp=2**14, scale=float(rows * columns))


ROWS, COLUMNS = 6, 40


def loop(target, value, combine="", shape=(ROWS, COLUMNS), ordered=False):
    strides = target.view.strides if isinstance(target, Place) else target.strides
    reduced = tuple([bool(combine) and stride == 0 for stride in strides])
    return Loop(shape, reduced, (Result(target, value, combine),), ordered)


def arena(number, size=ROWS * COLUMNS):
    return Buffer(FLOAT, size, "arena", number)


A, B, TOTALS = arena(0), arena(1), arena(2, ROWS)
ALL = (ROWS, COLUMNS)
OUT = whole(arena(3), ALL)
DEAR = Apply("exp", (Load(whole(B, ALL)),), FLOAT)
WRITES = loop(whole(A, ALL), DEAR)
SUMS = loop(View(TOTALS, ALL, (1, 0)), DEAR, "add")


@pytest.mark.parametrize(
    ("first", "second", "shared"),
    [
        (WRITES, loop(OUT, Load(whole(A, ALL))), 1),
        (SUMS, loop(OUT, Load(View(TOTALS, ALL, (1, 0)))), 1),
        # In reverse within the row, which stays in the row.
        (WRITES, loop(OUT, Load(View(A, ALL, (COLUMNS, -1), COLUMNS - 1))), 1),
        # The next row, rows in reverse, every row at once, columns for rows.
        (WRITES, loop(OUT, Load(View(A, ALL, (COLUMNS, 1), 1))), None),
        (WRITES, loop(OUT, Load(View(A, ALL, (-COLUMNS, 1), (ROWS - 1) * COLUMNS))), None),
        (WRITES, loop(OUT, Load(View(A, ALL, (0, 1)))), None),
        (WRITES, loop(OUT, Load(View(A, ALL, (1, ROWS)))), None),
        (SUMS, loop(OUT, Load(View(TOTALS, ALL, (0, 0), 3))), None),
        # At a place that data decides on.
        (
            WRITES,
            loop(OUT, Place(View(A, ALL, (0, 1)), (Load(View(None, ALL, (1, 0))),), (6,), (40,))),
            None,
        ),
        # What the first reads of other rows, the second overwrites.
        (
            loop(whole(B, ALL), Load(View(A, ALL, (COLUMNS, 1), 0))),
            loop(View(A, ALL, (COLUMNS, 1), 5), Load(whole(B, ALL))),
            None,
        ),
        # Positions that depend on each other, and sums over everything.
        (WRITES, loop(OUT, Load(whole(A, ALL)), ordered=True), None),
        (WRITES, loop(View(arena(4, 1), ALL, (0, 0)), Load(whole(A, ALL)), "add"), None),
        # Sums down the columns may be taken within the nest, but not be read there.
        (WRITES, loop(View(arena(4, COLUMNS), ALL, (0, 1)), Load(whole(A, ALL)), "add"), 1),
        (
            loop(View(A, ALL, (0, 1)), DEAR, "add"),
            loop(OUT, Load(View(A, ALL, (0, 1)))),
            None,
        ),
    ],
)
def test_only_what_belongs_to_a_row_is_read_for_it(first, second, shared):
    assert shared_axes(first, second) == shared


def test_a_pointer_into_an_array_is_not_the_array():
    pointer = Buffer(FLOAT, COLUMNS, "pointer", 0, of=A)
    through_pointer = loop(OUT, Load(View(pointer, ALL, (COLUMNS, 1))))
    assert shared_axes(WRITES, through_pointer) is None


def test_nests_of_different_rows_stay_apart():
    one = Nest(1, (WRITES, loop(OUT, Load(whole(A, ALL)))))
    shape = (2, 3, COLUMNS)
    other = loop(whole(arena(5), shape), Load(whole(OUT.memory, shape)), shape=shape)
    assert shared_axes(one, Nest(2, (other, other))) is None
