"""scan and fori_loop, against Python's loops."""

from __future__ import annotations

import tracemalloc
from typing import Any, NamedTuple

import numpy as np
import pytest

import chainrule as cr

XS = np.array([0.5, -1.0, 2.0, 1.5])


def python_scan(body: Any, init: Any, xs: Any, reverse: bool = False) -> tuple[Any, Any]:
    carry, ys = init, [None] * len(xs)
    for i in reversed(range(len(xs))) if reverse else range(len(xs)):
        carry, ys[i] = body(carry, xs[i])
    return carry, np.array(ys)


def step(c: Any, x: Any) -> Any:
    c = np.sin(c) * x + c
    return c, c * x


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("wrap", [lambda f: f, cr.compile])
def test_against_a_loop(reverse: bool, wrap: Any) -> None:
    f = wrap(lambda c, xs: cr.scan(step, c, xs, reverse=reverse))
    carry, ys = f(0.3, XS)
    expected_carry, expected_ys = python_scan(step, 0.3, XS, reverse)
    assert carry == pytest.approx(expected_carry, rel=1e-15)
    np.testing.assert_allclose(ys, expected_ys, rtol=1e-15)


@pytest.mark.parametrize("reverse", [False, True])
def test_gradient_against_the_unrolled_loop(reverse: bool) -> None:
    def loss(scan: Any) -> Any:
        def f(c: Any, xs: Any, w: Any) -> Any:
            carry, ys = scan(lambda c, x: step(c, x * w), c, xs)
            return carry**2 + sum(ys[i] for i in range(4))

        return f

    def unrolled(body: Any, c: Any, xs: Any) -> Any:
        ys = [None] * 4
        for i in reversed(range(4)) if reverse else range(4):
            c, ys[i] = body(c, xs[i])
        return c, ys

    looped = loss(lambda body, c, xs: cr.scan(body, c, xs, reverse=reverse))
    args = (0.3, XS, 1.2)
    found = cr.grad(looped, argnums=(0, 1, 2))(*args)
    expected = cr.grad(loss(unrolled), argnums=(0, 1, 2))(*args)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-13)
    tangents = (0.7, XS[::-1], -0.4)
    np.testing.assert_allclose(
        cr.jvp(looped, args, tangents), cr.jvp(loss(unrolled), args, tangents), rtol=1e-13
    )
    second = cr.hessian(looped, argnums=(0, 2))(*args)
    np.testing.assert_allclose(
        second, cr.hessian(loss(unrolled), argnums=(0, 2))(*args), rtol=1e-12
    )


def test_linear_recurrence_by_hand() -> None:
    # c_n = w^n c_0, so dc_n/dw = n w^(n-1) c_0 and dc_n/dc_0 = w^n.
    def f(w: Any, c: Any) -> Any:
        return cr.scan(lambda c, _: (w * c, None), c, None, length=5)[0]

    assert f(2.0, 3.0) == 96.0
    assert cr.grad(f)(2.0, 3.0) == 5 * 16 * 3.0
    assert cr.grad(f, 1)(2.0, 3.0) == 32.0
    assert cr.grad(cr.grad(f))(2.0, 3.0) == 5 * 4 * 8 * 3.0


@pytest.mark.parametrize("length", [0, 1])
@pytest.mark.parametrize("checkpoint", [False, True, 3])
def test_short_loops(length: int, checkpoint: Any) -> None:
    def f(c: Any, xs: Any) -> Any:
        carry, ys = cr.scan(step, c, xs, checkpoint=checkpoint)
        return carry + np.sum(ys)

    xs = XS[:length]
    expected = 0.3 if length == 0 else (np.sin(0.3) * 0.5 + 0.3) * 1.5
    assert f(0.3, xs) == pytest.approx(expected)
    derivative = 1.0 if length == 0 else (np.cos(0.3) * 0.5 + 1) * 1.5
    assert cr.grad(f)(0.3, xs) == pytest.approx(derivative)
    assert cr.grad(f, 1)(0.3, xs).shape == (length,)
    _, ys = cr.scan(step, 0.3, xs, checkpoint=checkpoint)
    assert ys.shape == (length,)


class State(NamedTuple):
    position: Any
    velocity: Any


def test_trees_in_carry_xs_and_ys() -> None:
    def body(state: State, forces: Any) -> Any:
        velocity = state.velocity + forces["f"][0]
        new = State(state.position + velocity, velocity)
        return new, {"energy": velocity**2, "nothing": None}

    xs = {"f": [np.array([1.0, -2.0, 0.5])]}
    final, ys = cr.scan(body, State(0.0, 1.0), xs)
    assert final == State(2.0 + 0.0 + 0.5, 0.5)
    np.testing.assert_array_equal(ys["energy"], [4.0, 0.0, 0.25])
    assert ys["nothing"] is None
    gradient = cr.grad(lambda s: cr.scan(body, s, xs)[0].position)(State(0.0, 1.0))
    assert gradient == State(1.0, 3.0)


def test_nothing_but_steps() -> None:
    carry, ys = cr.scan(lambda c, x: (c * 2, c), 1.0, None, length=4)
    assert carry == 16.0
    np.testing.assert_array_equal(ys, [1.0, 2.0, 4.0, 8.0])
    carry, ys = cr.scan(lambda c, x: (None, x), None, np.arange(3))
    assert carry is None
    np.testing.assert_array_equal(ys, [0, 1, 2])


@pytest.mark.parametrize(
    ("init", "xs", "dtype"),
    [
        (0, np.arange(3), np.int64),
        (0, np.arange(3.0), np.float64),
        (0.0, np.ones(3, np.float32), np.float32),
        (0, np.ones(3, np.float16), np.float16),
        (False, np.arange(3), np.int64),
        (0.0, np.arange(3), np.float64),
        (np.float64(0), np.ones(3, np.float32), np.float64),
        (np.float32(0), np.ones(3, np.float32), np.float32),
    ],
)
def test_python_numbers_in_the_carry_take_the_dtype_the_body_gives(
    init: Any, xs: Any, dtype: Any
) -> None:
    carry, ys = cr.scan(lambda c, x: (c + x, c), init, xs)
    assert carry.dtype == dtype
    assert ys.dtype == dtype
    assert carry == xs.sum()


def test_dtypes_that_depend_on_each_other_settle() -> None:
    def body(c: Any, x: Any) -> Any:
        _, b, d = c
        return (b, d, d + x), None

    (a, b, d), _ = cr.scan(body, (0, 0, 0), np.ones(3))
    assert [v.dtype for v in (a, b, d)] == [np.float64] * 3
    assert (a, b, d) == (1.0, 2.0, 3.0)


def test_work_outside_the_loop_is_done_once() -> None:
    calls = []
    graph = cr.trace(lambda x: cr.scan(lambda c, t: (c + np.exp(x) * t, None), 0.0, XS)[0], 1.0)
    assert [e.op.name for e in graph.equations] == ["exp", "scan"]
    cr.scan(lambda c, t: (calls.append(1) or c, None), 0.0, np.ones(100))
    assert len(calls) <= 2  # the body is traced, not run


@pytest.mark.parametrize("checkpoint", [True, 1, 2, 3, 4, 7, 10, 100])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("length", [10, 7])
def test_checkpoints_change_nothing_but_memory(checkpoint: Any, reverse: bool, length: int) -> None:
    rng = np.random.default_rng(0)
    xs, w = {"x": rng.normal(size=(length, 2))}, rng.normal(size=(2, 2))

    def f(c: Any, xs: Any, w: Any, checkpoint: Any = False) -> Any:
        def body(c: Any, row: Any) -> Any:
            c = np.tanh(w @ c + row["x"])
            return c, (c, np.sum(c))

        carry, (ys, sums) = cr.scan(body, c, xs, reverse=reverse, checkpoint=checkpoint)
        return np.sum(carry) + np.sum(ys**2 * np.arange(length)[:, None]) + np.sum(sums), ys

    c = np.ones(2)
    derive = cr.value_and_grad(f, argnums=(0, 1, 2), has_aux=True)
    (value, ys), gradients = derive(c, xs, w, checkpoint)
    (expected, expected_ys), expected_gradients = derive(c, xs, w)
    assert value == pytest.approx(expected, rel=1e-14)
    np.testing.assert_allclose(ys, expected_ys, rtol=1e-14)
    for a, b in zip(cr.tree.leaves(gradients), cr.tree.leaves(expected_gradients), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


def peak(f: Any, *args: Any) -> int:
    f(*args)
    tracemalloc.start()
    try:
        f(*args)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_checkpoints_save_memory() -> None:
    width, length = 200, 400

    def loss(w: Any, checkpoint: Any) -> Any:
        def body(c: Any, _: Any) -> Any:
            return np.sin(np.cos(c * w) + np.tanh(c)), None

        return np.sum(cr.scan(body, np.ones(width), None, length, checkpoint=checkpoint)[0])

    gradients = {
        kind: cr.compile(cr.grad(lambda w, kind=kind: loss(w, kind)), engine="interpreter")
        for kind in (False, True, 50)
    }
    w = np.full(width, 0.5)
    used = {kind: peak(f, w) for kind, f in gradients.items()}
    row = 8 * width
    assert used[False] > 2 * length * row  # several values of every step
    assert used[True] < used[False] / 5  # √400 = 20 carries, and 20 steps at a time
    assert used[50] < used[False] / 3


def test_a_function_marked_as_checkpoint_keeps_its_arguments_only() -> None:
    def deep(x: Any) -> Any:
        for _ in range(60):
            x = np.sin(x)
        return x

    x = np.linspace(0.1, 1.0, 2000)
    plain, marked = (
        cr.compile(cr.grad(lambda v, f=f: np.sum(f(f(f(v))))), engine="interpreter")
        for f in (deep, cr.checkpoint(deep))
    )
    np.testing.assert_allclose(plain(x), marked(x), rtol=1e-13)
    assert peak(marked, x) < peak(plain, x) / 2


def test_checkpoint_with_closures_trees_and_other_transforms() -> None:
    w = np.array([2.0, 3.0])

    def f(scale: Any, p: Any) -> Any:
        inner = cr.checkpoint(lambda q: {"out": np.sum(np.sin(q["x"]) * w) * scale})
        return inner(p)["out"]

    p = {"x": np.array([0.1, 0.2])}
    gradient = cr.grad(f, argnums=(0, 1))(1.5, p)
    assert gradient[0] == pytest.approx(np.sin(0.1) * 2 + np.sin(0.2) * 3)
    np.testing.assert_allclose(gradient[1]["x"], 1.5 * np.cos(p["x"]) * w)
    square = cr.checkpoint(lambda x: x**2)
    assert cr.jvp(square, (3.0,), (1.0,)) == (9.0, 6.0)
    assert cr.grad(cr.grad(square))(3.0) == 2.0
    np.testing.assert_array_equal(cr.vmap(cr.grad(square))(np.arange(3.0)), [0.0, 2.0, 4.0])


def test_vmapped_loops() -> None:
    inits = np.array([0.1, 0.2, 0.3])
    rows = np.arange(12.0).reshape(3, 4) / 10
    carries, ys = cr.vmap(lambda c, xs: cr.scan(step, c, xs))(inits, rows)
    for i in range(3):
        carry, y = python_scan(step, inits[i], rows[i])
        assert carries[i] == pytest.approx(carry)
        np.testing.assert_allclose(ys[i], y)
    shared, _ = cr.vmap(lambda c: cr.scan(step, c, XS))(inits)
    np.testing.assert_allclose(shared, [python_scan(step, c, XS)[0] for c in inits])
    gradients = cr.vmap(cr.grad(lambda c: cr.scan(step, c, XS)[0]))(inits)
    expected = [cr.grad(lambda c: cr.scan(step, c, XS)[0])(c) for c in inits]
    np.testing.assert_allclose(gradients, expected)


def test_a_loop_in_a_loop() -> None:
    def outer(c: Any, row: Any) -> Any:
        return cr.scan(lambda a, x: (a * x, None), c, row)[0], c

    rows = np.array([[1.0, 2.0], [3.0, 4.0]])
    carry, ys = cr.scan(outer, 1.0, rows)
    assert carry == 24.0
    np.testing.assert_array_equal(ys, [1.0, 2.0])
    gradient = cr.grad(lambda r: cr.scan(outer, 1.0, r)[0])(rows)
    np.testing.assert_allclose(gradient, 24.0 / rows)


def test_results_own_their_memory() -> None:
    init, xs = np.ones(2), np.ones((3, 2))
    carry, ys = cr.scan(lambda c, x: (c, x), init, xs)
    for result in (carry, ys):
        assert result.flags.writeable
        assert not np.shares_memory(result, init)
        assert not np.shares_memory(result, xs)


def test_fori_loop() -> None:
    assert cr.fori_loop(2, 5, lambda i, c: c * i, 1.0) == 24.0
    assert cr.fori_loop(5, 2, lambda i, c: c * i, 7.0) == 7.0
    assert cr.fori_loop(-2, np.int32(1), lambda i, c: c + i, 0) == -3
    assert cr.grad(lambda x: cr.fori_loop(0, 3, lambda i, c: c * x, 1.0))(2.0) == 12.0


def test_fori_loop_with_traced_bounds() -> None:
    f = cr.compile(lambda n, x: cr.fori_loop(0, n, lambda i, c: c * x, 1.0))
    assert [f(n, 2.0) for n in (0, 1, 5)] == [1.0, 2.0, 32.0]
    assert f.num_traces == 1
    assert cr.jvp(f, (5, 2.0), (0, 1.0)) == (32.0, 80.0)
    powers = cr.vmap(f, in_axes=(0, None))(np.array([3, 0, 2]), 2.0)
    np.testing.assert_array_equal(powers, [8.0, 1.0, 4.0])
    lower = cr.compile(lambda i: cr.fori_loop(i, 5, lambda k, c: c + k, 0))
    assert lower(2) == 2 + 3 + 4
