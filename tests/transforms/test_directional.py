"""jvp, vjp, linearize and Dual: one derivative from four sides."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr


def polar(p: Any) -> Any:
    return {"x": p["r"] * np.cos(p["angle"]), "y": p["r"] * np.sin(p["angle"])}


POINT = {"r": 2.0, "angle": np.pi / 6}
C, S = np.cos(np.pi / 6), np.sin(np.pi / 6)


def test_jvp_of_polar_coordinates() -> None:
    out, tangent = cr.jvp(polar, (POINT,), ({"r": 3.0, "angle": 0.5},))
    assert out == pytest.approx({"x": 2 * C, "y": 2 * S})
    assert tangent == pytest.approx({"x": 3 * C - 0.5 * 2 * S, "y": 3 * S + 0.5 * 2 * C})


def test_vjp_of_polar_coordinates() -> None:
    out, pullback = cr.vjp(polar, POINT)
    assert out == pytest.approx({"x": 2 * C, "y": 2 * S})
    (cotangent,) = pullback({"x": 1.0, "y": 0.0})
    assert cotangent == pytest.approx({"r": C, "angle": -2 * S})
    (cotangent,) = pullback({"x": 0.0, "y": 1.0})
    assert cotangent == pytest.approx({"r": S, "angle": 2 * C})


def test_a_pullback_can_be_used_again() -> None:
    out, pullback = cr.vjp(lambda x, y: x * y, np.array([2.0, 3.0]), np.array([5.0, 7.0]))
    first = pullback(np.ones(2))
    first[0][:] = 0.0
    out[:] = 0.0
    for _ in range(2):
        dx, dy = pullback(np.array([1.0, 10.0]))
        np.testing.assert_array_equal(dx, [5.0, 70.0])
        np.testing.assert_array_equal(dy, [2.0, 30.0])


def test_a_derivative_does_not_change_with_the_arrays_it_was_taken_at() -> None:
    x = np.array([1.0, 2.0])
    _, pullback = cr.vjp(lambda v: v**3, x)
    _, derivative = cr.linearize(lambda v: v**3, x)
    x[:] = 100.0
    np.testing.assert_array_equal(pullback(np.ones(2))[0], [3.0, 12.0])
    np.testing.assert_array_equal(derivative(np.ones(2)), [3.0, 12.0])


def test_a_derivative_does_not_change_with_the_arrays_closed_over() -> None:
    matrix, x = np.array([[1.0, 2.0], [3.0, 4.0]]), np.ones(2)
    _, pullback = cr.vjp(lambda v: matrix @ v, x)
    _, derivative = cr.linearize(lambda v: matrix @ v, x)
    matrix[:] = 0.0
    np.testing.assert_array_equal(pullback(np.ones(2))[0], [4.0, 6.0])
    np.testing.assert_array_equal(derivative(np.ones(2)), [3.0, 7.0])


def test_a_derivative_does_not_change_with_the_result() -> None:
    # The derivative of exp is exp itself, which is the result and what the derivative keeps.
    x = np.array([0.0, 1.0])
    out, pullback = cr.vjp(np.exp, x)
    other, derivative = cr.linearize(np.exp, x)
    out -= np.array([1.0, 2.0])
    other[:] = 0.0
    np.testing.assert_array_equal(pullback(np.ones(2))[0], np.exp(x))
    np.testing.assert_array_equal(derivative(np.ones(2)), np.exp(x))


def test_linearize_is_linear_and_agrees_with_jvp() -> None:
    x = np.array([0.3, -1.2])
    u, v = np.array([1.0, 2.0]), np.array([-0.5, 0.25])

    def f(a: Any) -> Any:
        return np.sin(a) * a[::-1]

    out, derivative = cr.linearize(f, x)
    np.testing.assert_array_equal(out, f(x))
    np.testing.assert_allclose(derivative(3 * u + v), 3 * derivative(u) + derivative(v))
    expected = np.cos(x) * u * x[::-1] + np.sin(x) * u[::-1]
    np.testing.assert_allclose(derivative(u), expected, rtol=1e-14)
    np.testing.assert_allclose(cr.jvp(f, (x,), (u,))[1], expected, rtol=1e-14)


def test_forward_and_reverse_are_adjoint() -> None:
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=3), rng.normal(size=(3, 4))
    dx, dw, ct = rng.normal(size=3), rng.normal(size=(3, 4)), rng.normal(size=4)

    def f(a: Any, b: Any) -> Any:
        return np.exp(np.tanh(a) @ b) / (1 + np.sum(a**2))

    _, tangent = cr.jvp(f, (x, w), (dx, dw))
    _, pullback = cr.vjp(f, x, w)
    back = pullback(ct)
    assert np.sum(tangent * ct) == pytest.approx(np.sum(back[0] * dx) + np.sum(back[1] * dw))


def test_integers_have_zero_derivatives_of_their_own_dtype() -> None:
    out, pullback = cr.vjp(lambda n, x: n * x, 3, 2.0)
    assert out == 6.0
    dn, dx = pullback(1.0)
    assert (dn, dx) == (0, 3.0)
    assert dn.dtype == np.int64
    out, tangent = cr.jvp(lambda x: (np.argmax(x), x > 1.0), (np.array([1.0, 2.0]),), (np.ones(2),))
    assert tangent[0] == 0
    assert tangent[0].dtype == np.int64
    assert tangent[1].dtype == np.bool_
    assert not tangent[1].any()


def test_python_numbers_and_lists_of_them() -> None:
    out, tangent = cr.jvp(lambda x: [x[0] * x[1], x[0]], ([2.0, 3.0],), ([1.0, 0.0],))
    assert (out, tangent) == ([6.0, 2.0], [3.0, 1.0])
    assert all(type(value) is np.float64 for value in (*out, *tangent))


def test_no_arguments_and_no_results() -> None:
    assert cr.jvp(lambda: 3.0, (), ()) == (3.0, 0.0)
    out, pullback = cr.vjp(lambda: 3.0)
    assert (out, pullback(1.0)) == (3.0, ())
    assert cr.jvp(lambda x: None, (1.0,), (1.0,)) == (None, None)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_dtypes_are_kept(dtype: Any) -> None:
    x = np.array([1.0, 2.0], dtype)
    for result in (
        *cr.jvp(np.exp, (x,), (x,)),
        cr.vjp(np.exp, x)[1](x)[0],
        cr.linearize(np.exp, x)[1](x),
    ):
        assert result.dtype == dtype


def test_dual_numbers_of_a_polynomial() -> None:
    x = cr.Dual(3.0, 1.0)
    y = 2 * x**3 - x / 4 + 1
    assert y.value == 2 * 27 - 0.75 + 1
    assert y.tangent == 6 * 9 - 0.25
    assert repr(x * x) == "Dual(9.0, 6.0)"
    assert repr(cr.Dual([1.0, 2.0])) == "Dual([1., 2.], [0., 0.])"


def test_dual_numbers_through_numpy() -> None:
    x = cr.Dual(np.array([1.0, 4.0]), np.array([1.0, 0.5]))
    root = np.sqrt(x)
    np.testing.assert_array_equal(root.value, [1.0, 2.0])
    np.testing.assert_array_equal(root.tangent, [0.5, 0.125])
    total = np.sum(np.stack([x, root]), axis=0)
    np.testing.assert_array_equal(total.tangent, [1.5, 0.625])
    np.testing.assert_array_equal((x @ np.array([2.0, 3.0])).tangent, 3.5)
    assert (x[1].value, x[1].tangent) == (4.0, 0.5)
    assert len(x) == 2
    assert x.shape == (2,)
    assert bool(np.all(x > 0))
    np.testing.assert_array_equal(np.argmax(x), 1)


def test_dual_numbers_within_a_gradient() -> None:
    # d/dx of (d/dt (x + t)^2 at t = 0) = d/dx 2x = 2.
    assert cr.grad(lambda x: (cr.Dual(x, 1.0) ** 2).tangent)(3.0) == 2.0


def test_dual_numbers_keep_their_dtype() -> None:
    x = np.exp(cr.Dual(np.ones(2, np.float32), np.ones(2, np.float32)) * 2.0)
    assert x.value.dtype == np.float32
    assert x.tangent.dtype == np.float32
