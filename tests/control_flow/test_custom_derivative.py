"""custom_derivative: the rule is used, and only where a derivative is taken."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr


def make(kind: str) -> Any:
    """Return f(x, y) = x² y with three times its true derivative, to tell the rule by."""

    def plain(x: Any, y: Any) -> Any:
        return x**2 * y

    f = cr.custom_derivative(plain)
    if kind == "jvp":

        @f.def_jvp
        def rule(primals: Any, tangents: Any) -> Any:
            (x, y), (dx, dy) = primals, tangents
            return plain(x, y), 3 * (2 * x * y * dx + x**2 * dy)

    else:
        f.def_vjp(
            lambda x, y: (plain(x, y), (x, y)),
            lambda kept, ct: (3 * 2 * kept[0] * kept[1] * ct, np.sum(3 * kept[0] ** 2 * ct)),
        )
    return f


KINDS = ["jvp", "vjp"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("wrap", [lambda f: f, cr.compile])
def test_value_and_gradient(kind: str, wrap: Any) -> None:
    f = make(kind)
    assert wrap(f)(2.0, 5.0) == 20.0
    assert wrap(cr.grad(f, argnums=(0, 1)))(2.0, 5.0) == (60.0, 12.0)
    assert wrap(cr.grad(lambda x: f(x, 5.0) + f(1.0, x)))(2.0) == 60.0 + 3.0


@pytest.mark.parametrize("kind", KINDS)
def test_under_vmap(kind: str) -> None:
    f = make(kind)
    x, y = np.array([1.0, 2.0, 3.0]), np.array([5.0, 7.0, 11.0])
    np.testing.assert_array_equal(cr.vmap(f)(x, y), x**2 * y)
    np.testing.assert_array_equal(cr.vmap(cr.grad(f))(x, y), 6 * x * y)
    np.testing.assert_array_equal(cr.vmap(cr.grad(f, 1), (0, None))(x, 5.0), 3 * x**2)
    total = cr.grad(lambda a: np.sum(cr.vmap(f, in_axes=(0, None))(a, 5.0)))(x)
    np.testing.assert_array_equal(total, 30 * x)
    twice = cr.vmap(cr.vmap(cr.grad(f), (None, 0)), (0, None))(x, y)
    np.testing.assert_array_equal(twice, 6 * x[:, None] * y)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("wrap", [lambda f: f, cr.compile])
def test_in_scan(kind: str, wrap: Any) -> None:
    f = make(kind)

    def loss(x: Any) -> Any:
        return cr.scan(lambda c, y: (c + f(x, y), None), 0.0, np.array([1.0, 2.0]))[0]

    assert wrap(loss)(2.0) == 12.0
    assert wrap(cr.grad(loss))(2.0) == 36.0
    checkpointed = wrap(
        cr.grad(
            lambda x: cr.scan(lambda c, y: (c + f(x, y), None), 0.0, np.ones(5), checkpoint=2)[0]
        )
    )
    assert checkpointed(2.0) == 60.0


@pytest.mark.parametrize("kind", KINDS)
def test_in_cond_and_checkpoint(kind: str) -> None:
    f = make(kind)
    assert cr.grad(lambda x: cr.cond(x > 0, lambda v: f(v, 5.0), lambda v: v, x))(2.0) == 60.0
    assert cr.grad(cr.checkpoint(lambda x: f(x, 5.0)))(2.0) == 60.0


def test_forward_mode_of_a_jvp_rule() -> None:
    f = make("jvp")
    assert cr.jvp(f, (2.0, 5.0), (1.0, 0.0)) == (20.0, 60.0)
    assert cr.jvp(f, (2.0, 5.0), (0.0, 1.0)) == (20.0, 12.0)
    assert cr.jacobian(f, mode="forward")(2.0, 5.0) == 60.0
    assert cr.linearize(f, 2.0, 5.0)[1](1.0, 1.0) == 72.0


@pytest.mark.parametrize("kind", KINDS)
def test_second_derivatives_come_from_the_rule(kind: str) -> None:
    f = make(kind)
    assert cr.grad(cr.grad(f))(2.0, 5.0) == 30.0  # of 6 x y
    assert cr.grad(cr.grad(f), argnums=1)(2.0, 5.0) == 12.0


def test_a_rule_that_calls_the_function_itself() -> None:
    @cr.custom_derivative
    def exponential(x: Any) -> Any:
        return np.exp(x)

    @exponential.def_jvp
    def rule(primals: Any, tangents: Any) -> Any:
        y = exponential(*primals)
        return y, y * tangents[0]

    f: Any = exponential
    for _ in range(4):
        f = cr.grad(f)
        assert f(0.5) == np.exp(0.5)


def test_trees() -> None:
    f = cr.custom_derivative(lambda p, q: {"out": p["a"] * q[0], "count": 3})
    f.def_vjp(
        lambda p, q: ({"out": p["a"] * q[0], "count": 3}, (p["a"], q[0])),
        lambda kept, ct: ({"a": kept[1] * ct["out"]}, [kept[0] * ct["out"]]),
    )
    gradient = cr.grad(lambda p, q: f(p, q)["out"], argnums=(0, 1))({"a": 2.0}, [5.0])
    assert gradient == ({"a": 5.0}, [2.0])


def test_none_stands_for_a_zero_cotangent() -> None:
    f = cr.custom_derivative(lambda x, n, p: x * n + p["b"])
    f.def_vjp(lambda x, n, p: (x * n + p["b"], n), lambda n, ct: (ct * n, None, None))
    gradient = cr.grad(f, argnums=(0, 2))(2.0, 3, {"b": np.ones(())})
    assert gradient == (3.0, {"b": 0.0})


def test_numbers_as_tangents_take_the_dtype_of_the_result() -> None:
    f = cr.custom_derivative(np.sign)
    f.def_jvp(lambda primals, tangents: (np.sign(primals[0]), 0.0))
    out, tangent = cr.jvp(f, (np.float32(2.0),), (np.float32(1.0),))
    assert (out, tangent) == (1.0, 0.0)
    assert tangent.dtype == np.float32


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_python_numbers_do_not_widen_an_array(kind: str, dtype: Any) -> None:
    f = make(kind)
    x = np.array([1.0, 2.0], dtype)
    assert cr.compile(f)(x, 5.0).dtype == f(x, 5.0).dtype == dtype
    dx, dy = cr.grad(lambda a, b: np.sum(f(a, b)), argnums=(0, 1))(x, 5.0)
    np.testing.assert_array_equal(dx, np.array([30.0, 60.0], dtype), strict=True)
    assert dy == 15.0
    assert dy.dtype == np.float64


def test_without_a_trace_it_is_the_function() -> None:
    calls = []

    def plain(x: Any) -> Any:
        calls.append(type(x))
        return x

    assert cr.custom_derivative(plain)(2) == 2
    assert calls == [int]


def test_name_and_doc() -> None:
    @cr.custom_derivative
    def softened(x: Any) -> Any:
        """Soften."""
        return x

    assert (softened.__name__, softened.__doc__) == ("softened", "Soften.")


def test_implicit_function() -> None:
    # x(a) with x³ + x = a; x'(a) = 1 / (3x² + 1), whatever loop finds x.
    @cr.custom_derivative
    def solve(a: Any) -> Any:
        return cr.fori_loop(0, 60, lambda i, x: x - (x**3 + x - a) / (3 * x**2 + 1), a)

    @solve.def_jvp
    def rule(primals: Any, tangents: Any) -> Any:
        x = solve(*primals)
        return x, tangents[0] / (3 * x**2 + 1)

    x = 1.5
    a = x**3 + x
    assert cr.grad(solve)(a) == pytest.approx(1 / (3 * x**2 + 1), rel=1e-14)
    assert cr.grad(cr.grad(solve))(a) == pytest.approx(-6 * x / (3 * x**2 + 1) ** 3, rel=1e-13)
    np.testing.assert_allclose(cr.vmap(cr.grad(solve))(np.array([a, 2.0])), [4 / 31, 0.25])


def test_a_function_without_a_rule_can_be_evaluated() -> None:
    assert cr.custom_derivative(lambda x: x)(1.0) == 1.0
