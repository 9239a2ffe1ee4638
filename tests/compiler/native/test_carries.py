"""What loops carry is written over itself where nothing is lost by it, and nowhere else."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.compiler import Program
from chainrule.compiler.native import NativeProgram
from chainrule.compiler.native.kernels import Repeat

X = np.random.default_rng(0).normal(size=(6, 5))
ROWS = np.random.default_rng(1).normal(size=(9, 6, 5))


def carried(function, *args):
    """Return which carries are in place, having compared the results with the interpreter's."""
    graph = cr.trace(function, *args)
    program = NativeProgram(graph)
    before = [np.array(arg) for arg in args]
    for _ in range(2):
        for mine, theirs in zip(program(*args), Program(graph)(*args), strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=1e-12, atol=1e-12)
    for arg, copy in zip(args, before, strict=True):
        np.testing.assert_array_equal(arg, copy)
    steps = program._executable.block.all_steps()
    (loop,) = [step for step in steps if isinstance(step, Repeat)]
    return [carry.even is carry.odd for carry in loop.carries]


def scanned(step):
    return lambda x, rows: cr.scan(lambda carry, row: (step(carry, row), None), x, rows)[0]


@pytest.mark.parametrize("length", [4, 9])
def test_an_elementwise_update_is_in_place(length):
    assert carried(scanned(lambda x, row: np.cos(x) + row), X, ROWS[:length]) == [True]


def test_a_short_loop_alternates():
    assert carried(scanned(lambda x, row: np.cos(x) + row), X, ROWS[:3]) == [False]


def test_momentum_and_weights_are_both_in_place():
    def step(carry, row):
        w, m = carry
        m = 0.9 * m + np.sin(w) * row
        return w - 0.1 * m, m

    assert carried(lambda w, m, rows: scanned(step)((w, m), rows), X, X + 1, ROWS) == [True, True]


@pytest.mark.parametrize(
    "step",
    [
        lambda x, row: x[::-1] + row,
        lambda x, row: np.roll(x, 1, axis=1) * row,
        lambda x, row: x - np.mean(x, axis=0) + row,
        lambda x, row: np.tanh(x @ (x.T @ row)),
        lambda x, row: np.sort(x, axis=0) + row,
    ],
    ids=["reversed", "rolled", "centered", "products", "sorted"],
)
def test_what_other_positions_need_is_kept(step):
    carried(scanned(step), X, ROWS)


def test_a_transposed_carry_alternates():
    square = ROWS[:, :5, :]
    assert carried(scanned(lambda x, row: x.T + row), X[:5], square) == [False]


def test_two_carries_change_places():
    def step(carry, row):
        a, b = carry
        return b * 1.5, a + row

    carried(lambda a, b, rows: scanned(step)((a, b), rows), X, X - 1, ROWS)


def test_a_carry_that_is_also_put_out_is_kept():
    def run(x, rows):
        return cr.scan(lambda carry, row: (np.tanh(carry + row), carry * 2.0), x, rows)

    carried(run, X, ROWS)


def test_a_nested_loop_carries_in_place_within_another():
    def outer(x, row):
        return cr.fori_loop(0, 5, lambda _, y: np.sin(y) + row, x), None

    graph = cr.trace(lambda x, rows: cr.scan(outer, x, rows)[0], X, ROWS)
    (mine,), (theirs,) = NativeProgram(graph)(X, ROWS), Program(graph)(X, ROWS)
    np.testing.assert_allclose(mine, theirs, rtol=1e-12)
