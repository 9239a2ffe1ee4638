"""What does not change in a loop is computed before it."""

import numpy as np
from tests.compiler.native.comparing import check

import chainrule as cr


def values(*shape):
    return np.random.default_rng(0).standard_normal(shape)


def parts(program):
    """Return the lines before the first loop, and the others."""
    before, _, after = program.kernels.partition("repeat")
    return before, after


def test_a_transposed_copy_is_made_once():
    w, h = values(16, 16) / 8, values(10, 16)
    program = check(
        lambda w, h: cr.scan(lambda h, _: (h @ w.T, 0.0), h, None, length=4)[0], w, h, ulp=64
    )
    before, after = parts(program)
    assert "16*i1" in before
    assert "16*i1" not in after


def test_what_depends_on_such_a_thing_goes_with_it():
    x, h = values(30), values(30)

    def step(x, h):
        total = np.sum(np.exp(x))
        return h / (total + np.max(np.exp(x) / total))

    program = check(
        lambda x, h: cr.scan(lambda h, _: (step(x, h), 0.0), h, None, length=4)[0], x, h, ulp=64
    )
    before, after = parts(program)
    assert "exp" in before
    assert "exp" not in after


def test_out_of_a_loop_in_a_loop():
    x, h = values(30), values(30)

    def inner(x, h, scale):
        def step(h, _):
            return h / np.sum(np.cosh(scale * x)) + np.max(np.exp(x)), 0.0

        return cr.scan(step, h, None, length=3)[0]

    program = check(
        lambda x, h: cr.scan(lambda h, s: (inner(x, h, s), 0.0), h, np.arange(4.0))[0],
        x,
        h,
        ulp=64,
    )
    before, after = parts(program)
    assert "exp" in before
    assert "cosh" not in before
    outer, _, innermost = after.partition("repeat")
    assert "cosh" in outer
    assert "cosh" not in innermost


def test_rows_and_carries_change():
    xs, h = values(5, 20), values(20)

    def step(h, x):
        return h * np.sum(np.exp(x)) + np.max(h), np.min(np.exp(h))

    program = check(lambda xs, h: cr.scan(step, h, xs), xs, h, ulp=256)
    before, _ = parts(program)
    assert "exp" not in before
