"""Whole programs: networks and their gradients, loops, branches, indexing, random numbers."""

import numpy as np
import pytest
from tests.compiler.native.comparing import check

import chainrule as cr
from chainrule import nn, optim, random
from chainrule.compiler.native import NativeProgram
from chainrule.training.epoch import Samples, TrainingState, run_epoch

RNG = np.random.default_rng(0)
X = RNG.normal(size=(20, 6))


def network(x, w1, b1, w2, b2):
    h = np.tanh(x @ w1 + b1)
    return h @ w2 + b2


WEIGHTS = [RNG.normal(size=shape) for shape in [(6, 30), (30,), (30, 4), (4,)]]
Y = RNG.integers(0, 4, 20)


def cross_entropy(weights, x, y):
    return nn.softmax_cross_entropy(network(x, *weights), y)


def test_gradients_of_a_network():
    leaves = [*WEIGHTS, X, Y]
    check(
        lambda *args: cr.value_and_grad(cross_entropy)(list(args[:4]), *args[4:]), *leaves,
        ulp=64, scale=1.0,
    )  # fmt: skip


def test_hessian_vector_product():
    direction = [RNG.normal(size=w.shape) for w in WEIGHTS]

    def hvp(*args):
        weights, along = list(args[:4]), list(args[4:8])
        return cr.jvp(cr.grad(lambda w: cross_entropy(w, *args[8:])), (weights,), (along,))[1]

    check(hvp, *WEIGHTS, *direction, X, Y, ulp=256, scale=1.0)


def test_vmap_of_a_gradient():
    def each(w, x):
        return cr.vmap(lambda row: cr.grad(lambda v: np.sum(np.sin(v @ row)))(w))(x)

    check(each, RNG.normal(size=(5, 6)), X, ulp=16, scale=1.0)


# -- loops ---------------------------------------------------------------------------------------

LENGTHS = [0, 1, 2, 3, 8]


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("length", LENGTHS)
def test_scan(length, reverse):
    def body(carry, x):
        a, b, count, fixed = carry
        new = np.tanh(a + x[:3] * b + fixed)
        return (new, a, count + 1, fixed), (new * 2, a, x[::-1], count, 3.0)

    def function(a, b, xs, fixed):
        carry = (a, b, 0, fixed)
        return cr.scan(body, carry, xs, reverse=reverse)

    check(function, X[0, :3], X[1, :3], X[:length], X[2, :3], ulp=8, scale=1.0)


@pytest.mark.parametrize("length", LENGTHS)
def test_scan_that_swaps_and_ignores(length):
    """Carries that are handed on unchanged, exchanged, repeated, constant, or the row itself."""

    def body(carry, x):
        a, b, c, d, _ = carry
        return (b, a, c, np.float64(7.0), x), (a, a, d)

    def function(a, xs):
        return cr.scan(body, (a, a + 1, a + 2, a + 3, a + 4), xs)

    check(function, np.float64(1.5), X[:length, 0].copy())


def test_scan_over_transposed_rows_and_with_a_strided_start():
    def function(x):
        return cr.scan(lambda c, row: (c + row, c * row), x[:, 1], x.T)

    check(function, X, ulp=4, scale=1.0)


def test_scan_over_rows_without_elements():
    def function(xs):
        return cr.scan(lambda c, x: (c + 1, (x * 2, np.sum(x))), 0, np.sin(xs))

    check(function, np.zeros((3, 0)))
    check(cr.vmap(lambda x: cr.scan(lambda c, r: (c + r, c), 0.0, x)[1]), np.zeros((0, 3)))


def test_nested_scans():
    def outer(carry, row):
        inner, ys = cr.scan(lambda c, x: (np.cos(c + x), c * carry), carry, row)
        return inner, (ys, inner)

    check(lambda c, x: cr.scan(outer, c, x), np.float64(0.3), X, ulp=16, scale=1.0)


def test_gradient_of_a_recurrent_network():
    def loss(w, u, h, xs):
        def step(h, x):
            h = np.tanh(h @ w + x @ u)
            return h, np.sum(h**2)

        h, losses = cr.scan(step, h, xs)
        return np.sum(losses) + np.sum(h)

    arguments = RNG.normal(size=(8, 8)), RNG.normal(size=(6, 8)), np.zeros((5, 8)), None
    xs = RNG.normal(size=(7, 5, 6))
    check(
        lambda w, u, h, xs: cr.grad(loss, argnums=(0, 1, 2, 3))(w, u, h, xs),
        *arguments[:3], xs, ulp=256, scale=1.0,
    )  # fmt: skip


def test_gradient_with_checkpoints():
    def loss(c, xs):
        return cr.scan(lambda c, x: (np.sin(c + x), None), c, xs, checkpoint=3)[0]

    check(lambda c, xs: cr.grad(loss, (0, 1))(c, xs), np.float64(0.2), X[:, 0].copy(), ulp=16)


def test_while_loop():
    def function(x):
        return cr.while_loop(lambda c: c[0] < 50.0, lambda c: (c[0] * 1.7 + c[1], c[1] + 1), (x, 0))

    for start in (1.0, 49.0, 60.0):
        check(function, np.float64(start))


def test_while_loop_inside_a_scan():
    def step(carry, x):
        root = cr.while_loop(lambda r: np.abs(r * r - x) > 1e-9, lambda r: (r + x / r) / 2, 1.0 + x)
        return carry + root, root

    check(lambda xs: cr.scan(step, np.float64(0.0), xs), np.abs(X[:, 0]), ulp=8)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_branches(sign):
    def function(x, y):
        out = cr.cond(
            np.sum(x) > 0,
            lambda a, b: (np.sin(a), b, a, 3.0),
            lambda a, b: (a @ np.ones((6, 6)), a * b, b, b.sum()),
            x,
            y,
        )
        return out, cr.cond(np.sum(x) > 0, lambda a: a, lambda a: -a, out[0])

    check(function, sign * np.abs(X), X, ulp=8, scale=1.0)


def test_a_branch_inside_a_loop_and_its_gradient():
    def loss(c, xs):
        def step(c, x):
            return cr.cond(x > 0, lambda c: np.sin(c) + x, lambda c: c * x, c), c

        return cr.scan(step, c, xs)[0]

    check(lambda c, xs: cr.value_and_grad(loss, (0, 1))(c, xs), np.float64(0.4), X[:, 1].copy(),
          ulp=16)  # fmt: skip


# -- indexing ------------------------------------------------------------------------------------


def test_gather_and_scatter():
    rows = np.array([[3, -1], [0, 3]])

    def function(x, rows, values):
        taken = x[rows] * 2
        out = cr.grad(lambda x: np.sum(np.sin(x[rows]) * taken))(x)
        return taken, out, x[rows[0], rows[1]], cr.ops.scatter(x, values, rows[0], mode="set")

    check(function, X, rows, RNG.normal(size=(2, 6)), ulp=4)


@pytest.mark.parametrize("bad", [20, -21, 2**40])
def test_index_out_of_range(bad):
    program = NativeProgram(cr.trace(lambda x, i: np.sum(x[i] * 2), X, np.array([0, 1])))
    with pytest.raises(IndexError, match="out of bounds"):
        program(X, np.array([0, bad]))
    np.testing.assert_allclose(program(X, np.array([0, 1])), [np.sum(X[:2] * 2)])


def test_index_out_of_range_in_a_loop():
    def function(x, rows):
        return cr.scan(lambda c, i: (c + x[i], None), np.zeros(6), rows)[0]

    program = check(function, X, np.array([3, 4, -2]), ulp=4, scale=1.0)
    with pytest.raises(IndexError, match="out of bounds"):
        program(X, np.array([3, 20, 1]))


# -- random numbers, training --------------------------------------------------------------------


def test_random_numbers_are_the_same():
    def function(key):
        keys = random.split(key, 3)
        return random.permutation(keys[0], 100), random.uniform(keys[1], (7, 5)), keys[2]

    check(function, random.key(5))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("optimizer", [optim.sgd(0.3), optim.adam(0.01)])
def test_an_epoch(dtype, optimizer):
    model = nn.mlp(random.key(0), (6, 30, 4), activation=nn.sigmoid, dtype=dtype)
    train = Samples(X.astype(dtype), Y)
    state = TrainingState(model, optimizer.init(model), random.key(1))
    arguments = (state, optimizer, train)
    compiled = cr.compile(run_epoch, static_argnums=(0, 1), engine="interpreter")
    expected = compiled(nn.softmax_cross_entropy, 8, *arguments, None)
    program = NativeProgram(compiled.graph)
    got = program(*[np.asarray(leaf) for leaf in cr.tree.leaves(arguments)])
    tolerance = 2e-5 if dtype is np.float32 else 1e-12
    for one, other in zip(got, cr.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)


def test_a_training_step_is_ten_loops_and_five_products():
    """Sigmoid, softmax, L2, descent: forward and backward as one would write them by hand."""
    model = nn.mlp(random.key(0), (64, 50, 10), activation=nn.sigmoid, dtype=np.float32)
    x, y = RNG.random((100, 64)).astype(np.float32), RNG.integers(0, 10, 100)

    def step(model):
        def loss(model):
            penalty = sum(np.sum(layer.kernel**2) for layer in model.layers)
            return nn.softmax_cross_entropy(model(x), y) + 1e-4 * penalty

        return cr.tree.map(lambda w, g: w - 0.5 * g, model, cr.grad(loss)(model))

    program = NativeProgram(cr.trace(step, model))
    assert program.stats["products"] == 5
    assert program.stats["kernels"] <= 10
    assert program.stats["arena_bytes"] <= 5 * 100 * 50 * 4


def test_a_gather_is_checked_once_and_fused():
    def function(x, y, rows):
        return np.sum(np.sin(x[rows]) * y[rows], axis=1)

    program = check(function, X, X + 1, np.array([3, 0, 3]), ulp=4)
    assert program.stats["kernels"] == 2  # the check, and the rest
    assert program.kernels.count("leave") == 1
