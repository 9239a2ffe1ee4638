"""cond and while_loop: which branch runs, how often, and what it does to derivatives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.ops import sin


def root(x: Any) -> Any:
    return cr.cond(x > 0, np.sqrt, np.zeros_like, x)


def test_values_and_derivatives() -> None:
    for f in (root, cr.compile(root)):
        assert (f(4.0), f(-4.0)) == (2.0, 0.0)
        assert (cr.grad(f)(4.0), cr.grad(f)(-4.0)) == (0.25, 0.0)
        assert cr.jvp(f, (4.0,), (2.0,)) == (2.0, 0.5)
        assert cr.grad(cr.grad(f))(4.0) == -1 / 32


def test_conditions_of_any_kind() -> None:
    def choose(condition: Any) -> Any:
        return cr.cond(condition, lambda: 1.0, lambda: 2.0)

    for condition in (True, np.True_, np.array(True), 3, 0.5):
        assert choose(condition) == 1.0
        assert cr.compile(choose)(condition) == 1.0
    for condition in (False, np.False_, 0, 0.0):
        assert choose(condition) == 2.0
        assert cr.compile(choose)(condition) == 2.0


def test_trees_of_operands_and_results() -> None:
    f = cr.compile(
        lambda c, p: cr.cond(c, lambda q: (q["a"], [q["b"]]), lambda q: (q["b"], [q["a"]]), p)
    )
    assert f(True, {"a": 1.0, "b": 2.0}) == (1.0, [2.0])
    assert f(False, {"a": 1.0, "b": 2.0}) == (2.0, [1.0])


def test_branches_that_close_over_different_arrays() -> None:
    def f(c: Any, x: Any, y: Any, z: Any) -> Any:
        return cr.cond(c > 0, lambda: x * y, lambda: y * z**2)

    gradient = cr.grad(f, argnums=(1, 2, 3))
    for g in (gradient, cr.compile(gradient)):
        assert g(1.0, 2.0, 3.0, 5.0) == (3.0, 2.0, 0.0)
        assert g(-1.0, 2.0, 3.0, 5.0) == (0.0, 25.0, 30.0)


@pytest.fixture
def evaluated(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Count the evaluations of the sine, wherever it stands."""
    seen: list[Any] = []
    function = sin.function

    def counting(x: Any) -> Any:
        seen.append(x)
        return function(x)

    monkeypatch.setattr(sin, "function", counting)
    monkeypatch.setenv("CHAINRULE_ENGINE", "interpreter")  # the engine that calls it
    return seen


def test_the_branch_not_taken_is_not_evaluated(evaluated: list[Any]) -> None:
    f = cr.compile(lambda x: cr.cond(x > 0, np.sin, lambda v: v * 2, x))
    f(1.0)
    assert len(evaluated) == 1
    f(-1.0)
    assert len(evaluated) == 1
    cr.grad(f)(-1.0)
    assert len(evaluated) == 1
    cr.compile(cr.grad(f))(-1.0)
    assert len(evaluated) == 1


def test_work_within_a_branch_is_not_hoisted_out_of_it(evaluated: list[Any]) -> None:
    def f(x: Any) -> Any:
        return cr.cond(x > 0, lambda: np.sin(x), lambda: x)

    cr.compile(f)(-1.0)
    assert evaluated == []
    cr.scan(lambda c, x: (cr.cond(x > 0, lambda: np.sin(x), lambda: x), None), 0.0, -np.ones(3))
    assert evaluated == []


def test_vmap_over_the_operands_alone_takes_one_branch(evaluated: list[Any]) -> None:
    f = cr.compile(lambda c, xs: cr.vmap(lambda x: cr.cond(c, np.sin, np.negative, x))(xs))
    np.testing.assert_array_equal(f(False, np.ones(3)), -1.0)
    assert evaluated == []
    np.testing.assert_array_equal(f(True, np.ones(3)), np.sin(1.0))
    assert len(evaluated) == 1


def test_vmap_over_the_condition() -> None:
    x = np.array([4.0, -4.0, 9.0, 0.0])
    np.testing.assert_array_equal(cr.vmap(root)(x), [2.0, 0.0, 3.0, 0.0])
    np.testing.assert_array_equal(cr.vmap(root)(-np.ones(3)), 0.0)


def test_vmapped_gradients_are_not_poisoned_by_the_other_branch() -> None:
    def safe(x: Any) -> Any:
        return cr.cond(x != 0, lambda v: np.sin(v) / v, np.ones_like, x)

    x = np.array([0.0, 1.0, 2.0])
    expected = [0.0, *[np.cos(v) / v - np.sin(v) / v**2 for v in (1.0, 2.0)]]
    with np.errstate(all="raise"):
        np.testing.assert_allclose(cr.vmap(cr.grad(safe))(x), expected, rtol=1e-14)
        np.testing.assert_allclose(cr.compile(cr.vmap(cr.grad(safe)))(x), expected, rtol=1e-14)
        total = cr.grad(lambda v: np.sum(cr.vmap(safe)(v)))(x)
    np.testing.assert_allclose(total, expected, rtol=1e-14)


def test_a_branch_within_a_branch() -> None:
    def f(x: Any) -> Any:
        return cr.cond(
            x > 0,
            lambda v: cr.cond(v > 1, lambda u: u**2, lambda u: u, v),
            lambda v: -v,
            x,
        )

    x = np.array([3.0, 0.5, -2.0])
    np.testing.assert_array_equal([f(v) for v in x], [9.0, 0.5, 2.0])
    np.testing.assert_array_equal(cr.vmap(f)(x), [9.0, 0.5, 2.0])
    np.testing.assert_array_equal(cr.vmap(cr.grad(f))(x), [6.0, 1.0, -1.0])


@pytest.mark.parametrize("number", [0, 0.5, True])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_a_python_number_takes_the_dtype_of_the_other_branch(number: Any, dtype: Any) -> None:
    def f(x: Any) -> Any:
        return cr.cond(x > 0, lambda v: {"a": v * 2}, lambda v: {"a": number}, x)["a"]

    def swapped(x: Any) -> Any:
        return cr.cond(x <= 0, lambda v: number, lambda v: v * 2, x)

    for g in (cr.compile(f), cr.compile(swapped)):
        for x, expected in ((dtype(1.5), 3.0), (dtype(-1.5), number)):
            assert g(x) == expected
            assert g(x).dtype == dtype
        assert cr.grad(g)(dtype(1.5)) == 2.0
        assert cr.grad(g)(dtype(-1.5)) == 0.0


def test_two_python_numbers_meet_in_the_wider_dtype() -> None:
    f = cr.compile(lambda x: cr.cond(x > 0, lambda: 1, lambda: 0.5))
    assert (f(1.0), f(-1.0)) == (1.0, 0.5)
    assert f(1.0).dtype == np.float64


def halvings(x: Any) -> Any:
    """Return how often x can be halved before it is at most 1, and what is left."""
    return cr.while_loop(lambda s: s[1] > 1.0, lambda s: (s[0] + 1, s[1] / 2), (0, x))


def test_while_loop() -> None:
    for f in (halvings, cr.compile(halvings)):
        assert f(37.0) == (6, 37 / 64)
        assert f(0.5) == (0, 0.5)


def test_while_loop_forward_derivative() -> None:
    for f in (halvings, cr.compile(halvings)):
        (count, rest), (count_tangent, tangent) = cr.jvp(f, (37.0,), (1.0,))
        assert (count, rest) == (6, 37 / 64)
        assert (count_tangent, tangent) == (0, 1 / 64)
    matrix = cr.jacobian(lambda x: halvings(x)[1] ** 2, mode="forward")(37.0)
    assert matrix == pytest.approx(2 * 37 / 64**2)


def test_newtons_method_and_its_derivative() -> None:
    def square_root(a: Any) -> Any:
        return cr.while_loop(lambda x: abs(x * x - a) > 1e-14, lambda x: (x + a / x) / 2, a)

    out, tangent = cr.jvp(square_root, (2.0,), (1.0,))
    assert out == pytest.approx(np.sqrt(2.0), rel=1e-14)
    assert tangent == pytest.approx(0.5 / np.sqrt(2.0), rel=1e-9)


def test_vmapped_while_loop_with_different_numbers_of_steps() -> None:
    x = np.array([37.0, 0.5, 2.0, 1000.0])
    counts, rest = cr.vmap(halvings)(x)
    np.testing.assert_array_equal(counts, [6, 0, 1, 10])
    np.testing.assert_array_equal(rest, x / 2.0**counts)
    _, (_, tangents) = cr.jvp(cr.vmap(halvings), (x,), (np.ones(4),))
    np.testing.assert_array_equal(tangents, 1 / 2.0**counts)
    compiled = cr.compile(cr.vmap(halvings))(x)
    np.testing.assert_array_equal(compiled[0], counts)


def test_vmapped_while_loop_with_one_number_of_steps() -> None:
    def f(x: Any) -> Any:
        return cr.while_loop(lambda s: s[0] < 3, lambda s: (s[0] + 1, s[1] * x), (0, 1.0))[1]

    x = np.array([2.0, 3.0])
    np.testing.assert_array_equal(cr.vmap(f)(x), x**3)


def test_while_loop_with_closures() -> None:
    def f(limit: Any, factor: Any) -> Any:
        return cr.while_loop(lambda x: x < limit, lambda x: x * factor, 1.0)

    assert cr.compile(f)(10.0, 3.0) == 27.0
    assert cr.jvp(f, (10.0, 3.0), (1.0, 1.0)) == (27.0, 27.0)  # d(f^3)/df = 3 f^2
    limits = np.array([2.0, 10.0, 100.0])
    np.testing.assert_array_equal(cr.vmap(f, in_axes=(0, None))(limits, 3.0), [3.0, 27.0, 243.0])


def test_while_loop_inside_scan_and_scan_inside_while_loop() -> None:
    total, _ = cr.scan(lambda c, x: (c + halvings(x)[0], None), 0, np.array([37.0, 2.0]))
    assert total == 7

    def body(state: Any) -> Any:
        n, x = state
        return n + 1, cr.scan(lambda c, _: (c * 2, None), x, None, length=2)[0]

    assert cr.while_loop(lambda s: s[1] < 50.0, body, (0, 1.0)) == (3, 64.0)


@pytest.mark.parametrize(
    ("init", "dtype"), [(1, np.float64), (1.0, np.float64), (np.float32(1), np.float32)]
)
def test_python_numbers_in_the_carry(init: Any, dtype: Any) -> None:
    result = cr.while_loop(lambda x: x < 9, lambda x: x * 2.5, init)
    assert result.dtype == dtype
    assert result == 2.5**3
