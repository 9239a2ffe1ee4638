"""Loops and branches under transforms composed in many orders."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from tests.stress.comparing import same

import chainrule as cr
from chainrule.testing import check_grads

rng = np.random.default_rng(8)
X = rng.uniform(-1.0, 1.0, (4, 3))
V = rng.uniform(-1.0, 1.0, 3)
MODES = ("forward", "reverse")


def rollout(w, x0, inputs, checkpoint=False):
    """A small recurrent network: the sum of squares of its states."""

    def step(state, x):
        new = np.tanh(state @ w + x)
        return new, np.sum(new**2)

    state, energies = cr.scan(step, x0, inputs, checkpoint=checkpoint)
    return np.sum(energies) + np.sum(state)


def rollout_by_loop(w, x0, inputs):
    state, total = x0, 0.0
    for x in inputs:
        state = np.tanh(state @ w + x)
        total = total + np.sum(state**2)
    return total + np.sum(state)


RECURRENT = rng.uniform(-0.7, 0.7, (2, 2)), rng.uniform(-1, 1, 2), rng.uniform(-1, 1, (7, 2))


@pytest.mark.parametrize("checkpoint", [False, True, 1, 2, 3, 7, 9])
def test_scan_in_every_transform(checkpoint):
    def f(*args):
        return rollout(*args, checkpoint=checkpoint)

    gradient = cr.grad(rollout_by_loop, argnums=(0, 1, 2))
    expected = gradient(*RECURRENT)
    of_scan = cr.grad(f, argnums=(0, 1, 2))
    for g in (of_scan, cr.compile(of_scan), cr.grad(cr.compile(f), argnums=(0, 1, 2))):
        for got, wanted in zip(g(*RECURRENT), expected, strict=True):
            same(got, wanted)
    smaller = [0.5 * a for a in RECURRENT]
    batch = [np.stack(pair) for pair in zip(RECURRENT, smaller, strict=True)]
    each = zip(cr.vmap(of_scan)(*batch), expected, gradient(*smaller), strict=True)
    for got, first, second in each:
        same(got, np.stack([first, second]))


@pytest.mark.parametrize("checkpoint", [False, 3])
def test_second_derivatives_of_scan(checkpoint):
    def f(w):
        return rollout(w, *RECURRENT[1:], checkpoint=checkpoint)

    expected = cr.hessian(lambda w: rollout_by_loop(w, *RECURRENT[1:]))(RECURRENT[0])
    for outer in MODES:
        for inner in MODES:
            got = cr.jacobian(cr.jacobian(f, mode=inner), mode=outer)(RECURRENT[0])
            same(got, expected)
    check_grads(f, RECURRENT[:1])


def test_jacobian_of_grad_of_scan_in_all_arguments():
    def f(p):
        return rollout(p["w"], p["start"], RECURRENT[2])

    point = {"w": RECURRENT[0], "start": RECURRENT[1]}
    got = cr.jacobian(cr.grad(f))(point)
    same(got["w"]["start"], np.moveaxis(got["start"]["w"], 0, -1))
    check_grads(f, (point,))


def test_scan_inside_scan():
    def table(x):
        def row(c, a):
            c, out = cr.scan(lambda d, b: (d * np.cos(a * b), d), c, x)
            return c + a, out

        return np.sum(cr.scan(row, x[0], x)[1])

    def by_loops(x):
        c, total = x[0], 0.0
        for a in x:
            for b in x:
                total, c = total + c, c * np.cos(a * b)
            c = c + a
        return total

    same(cr.grad(table)(V), cr.grad(by_loops)(V))
    same(cr.hessian(table)(V), cr.hessian(by_loops)(V))
    same(cr.vmap(cr.grad(table))(X), np.stack([cr.grad(by_loops)(x) for x in X]))


def clipped_walk(x):
    """A scan whose step branches on the carry."""

    def step(c, row):
        c = cr.cond(c > 0.0, lambda c: np.sin(c) - row, lambda c: c * c + 2.0 * row, c)
        return c, c * row

    c, ys = cr.scan(step, x[0], x)
    return c + np.sum(ys)


def clipped_walk_by_loop(x):
    c, total = x[0], 0.0
    for row in x:
        c = np.sin(c) - row if c > 0.0 else c * c + 2.0 * row
        total = total + c * row
    return c + total


def test_vmap_of_scan_of_cond():
    rows = rng.uniform(-1.0, 1.0, (6, 5))
    same(cr.vmap(clipped_walk)(rows), [clipped_walk_by_loop(row) for row in rows])
    expected = np.stack([cr.grad(clipped_walk_by_loop)(row) for row in rows])
    for f in (cr.vmap(cr.grad(clipped_walk)), cr.compile(cr.vmap(cr.grad(clipped_walk)))):
        same(f(rows), expected)
    same(cr.grad(lambda x: np.sum(cr.vmap(clipped_walk)(x)))(rows), expected)
    second = np.stack([cr.hessian(clipped_walk_by_loop)(row) for row in rows])
    same(cr.vmap(cr.hessian(clipped_walk))(rows), second)
    check_grads(clipped_walk, (rows[0],))


def test_cond_keeps_the_other_branch_out_under_every_transform():
    def f(x):
        return cr.cond(x > 0.0, lambda x: np.log(x), lambda x: x * 2.0, x)

    points = np.array([2.0, -1.0, 0.0, 4.0])  # the logarithm of the others would warn
    with np.errstate(all="raise"):
        same(cr.vmap(cr.compile(f))(points), [np.log(2.0), -2.0, 0.0, np.log(4.0)])
        same(cr.vmap(cr.grad(f))(points), [0.5, 2.0, 2.0, 0.25])
        same(cr.compile(cr.grad(f))(-3.0), 2.0)
        same(cr.vmap(cr.grad(cr.grad(f)))(points), [-0.25, 0.0, 0.0, -0.0625])


def test_while_loop_forward_and_batched():
    def root(a):
        """Newton's iteration for the square root."""
        return cr.while_loop(
            lambda s: np.abs(s * s - a) > 1e-13 * a, lambda s: 0.5 * (s + a / s), a
        )

    values = np.array([0.5, 2.0, 30.0])
    same(cr.vmap(root)(values), np.sqrt(values))
    slope = cr.vmap(lambda a: cr.jvp(root, (a,), (1.0,))[1])
    assert_allclose(slope(values), 0.5 / np.sqrt(values), rtol=1e-6)
    assert_allclose(cr.compile(slope)(values), 0.5 / np.sqrt(values), rtol=1e-6)


def test_linearize_and_vjp_inside_scan():
    def newton(x, target):
        """Solve sin(x) + x = target with derivatives taken inside the loop."""

        def step(x, _):
            value, slope = cr.linearize(lambda x: np.sin(x) + x, x)
            return x - (value - target) / slope(1.0), cr.vjp(np.sin, x)[1](1.0)[0]

        x, slopes = cr.scan(step, x, None, length=12)
        return x, slopes

    x, slopes = newton(0.1, 1.5)
    same(np.sin(x) + x, 1.5)
    same(slopes[-1], np.cos(x))
    # The derivative of the solution, by the implicit function theorem.
    same(cr.grad(lambda t: newton(0.1, t)[0])(1.5), 1.0 / (np.cos(x) + 1.0))
    same(cr.compile(cr.grad(lambda t: newton(0.1, t)[0]))(1.5), 1.0 / (np.cos(x) + 1.0))
    targets = np.array([0.3, 1.5])
    roots = np.array([newton(0.1, t)[0] for t in targets])
    same(cr.vmap(lambda t: newton(0.1, t)[0])(targets), roots)


def test_gradient_descent_inside_a_differentiated_scan():
    # d/dη of the point reached by n steps on a quadratic: x_n = (1 - 2 η)^n x_0.
    def reached(rate):
        def step(x, _):
            return x - rate * cr.grad(lambda x: np.sum(x * x))(x), None

        return np.sum(cr.scan(step, V, None, length=5)[0])

    same(reached(0.1), 0.8**5 * np.sum(V))
    same(cr.grad(reached)(0.1), -10 * 0.8**4 * np.sum(V))
    same(cr.grad(cr.grad(reached))(0.1), 80 * 0.8**3 * np.sum(V))
    same(cr.compile(cr.vmap(cr.grad(reached)))(np.array([0.1, 0.2])),
         [-10 * 0.8**4 * np.sum(V), -10 * 0.6**4 * np.sum(V)])  # fmt: skip


# Loops whose carry, results or constants are unusual, as functions of one array.
ODD_LOOPS = {
    "the carry starts as a constant of the loop": lambda x: cr.scan(
        lambda c, r: (c * x + r, c * x), x, np.arange(3.0)
    ),
    "what it runs over is a constant too": lambda x: cr.scan(
        lambda c, r: (c * np.sum(x) + r, c), 0.3, x
    ),
    "one part of the carry is not used": lambda x: cr.scan(
        lambda c, r: ((c[0], c[1] * r), None), (x, 1.0), x
    ),
    "parts change places": lambda x: cr.scan(
        lambda c, r: ((c[1], c[0]), c[0] * r), (np.sin(x), x * x), x
    ),
    "parts start to move one after another": lambda x: cr.scan(
        lambda c, _: ((x, c[0], c[1]), c[2]), (np.zeros(3), np.zeros(3), np.ones(3)), None, length=5
    ),
    "the carry is overwritten by a constant": lambda x: cr.scan(
        lambda c, r: (np.ones(3), c * x), x, x
    ),
    "integers and booleans are carried along": lambda x: cr.scan(
        lambda c, r: ((c[0] + 1, c[1] | (r > 0), c[2] * r + c[0]), c[2] * c[1]), (0, False, 0.5), x
    ),
    "rows are put out as they are": lambda x: cr.scan(lambda c, r: (c, (r, c, r)), 0.0, x),
    "there are no steps": lambda x: cr.scan(
        lambda c, r: (c * r, c), x, np.zeros((0, 3)), checkpoint=2
    ),
    "an equation is solved in every step": lambda x: cr.scan(
        lambda c, r: (
            np.linalg.solve(cr.jacobian(lambda z: z**3 + np.roll(z, 1))(c) + 3 * np.eye(3), c),
            c,
        ),
        x,
        x,
    ),
}


@pytest.mark.parametrize("name", ODD_LOOPS)
def test_odd_loops(name):
    f = ODD_LOOPS[name]
    check_grads(f, (V,))

    def total(x):
        return sum(np.sum(out * 1.0) for out in cr.tree.leaves(f(x)))

    batch = np.stack([V, 0.5 * V])
    expected = np.stack([cr.grad(total)(row) for row in batch])
    same(cr.vmap(cr.grad(total))(batch), expected)
    same(cr.compile(cr.vmap(cr.grad(total)))(batch), expected)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: cr.cond(x[0] > 0.0, np.sin, np.cos, x),
        lambda x: cr.scan(lambda c, r: (c + r, c * r), 0.0, x)[1],
        lambda x: cr.checkpoint(np.sort)(x),
        lambda x: x[np.array([0, -1, 0])] / np.max(x),
        lambda x: np.linalg.solve(np.outer(x, x) + np.eye(3), x),
    ],
)
def test_batches_of_no_samples(f):
    nothing = np.zeros((0, 3))
    assert cr.vmap(f)(nothing).shape == (0, 3)
    assert cr.vmap(cr.jacobian(f))(nothing).shape == (0, 3, 3)
    assert cr.compile(cr.vmap(f))(nothing).shape == (0, 3)


def test_an_error_while_tracing_leaves_nothing_behind():
    with pytest.raises(ZeroDivisionError):
        cr.grad(lambda x: x * cr.vmap(lambda y: y / (1 // 0))(X).sum())(1.0)
    same(cr.grad(np.sin)(0.0), 1.0)
