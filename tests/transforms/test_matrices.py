"""jacobian, hessian and hvp, against matrices worked by hand and finite differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr

MODES = ["auto", "forward", "reverse"]


@pytest.mark.parametrize("mode", MODES)
def test_spherical_coordinates(mode: str) -> None:
    def f(p: Any) -> Any:
        r, theta, phi = p
        return np.stack(
            [r * np.sin(theta) * np.cos(phi), r * np.sin(theta) * np.sin(phi), r * np.cos(theta)]
        )

    p = np.array([2.0, 0.6, 1.1])
    r, (s, c), (sp, cp) = 2.0, (np.sin(0.6), np.cos(0.6)), (np.sin(1.1), np.cos(1.1))
    expected = [[s * cp, r * c * cp, -r * s * sp], [s * sp, r * c * sp, r * s * cp], [c, -r * s, 0]]
    matrix = cr.jacobian(f, mode=mode)(p)
    np.testing.assert_allclose(matrix, expected, atol=1e-15)
    assert np.linalg.det(matrix) == pytest.approx(r**2 * s)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (0,)])
def test_shapes(mode: str, shape: tuple[int, ...], numerical: Any) -> None:
    x = np.linspace(0.5, 1.5, int(np.prod(shape))).reshape(shape)

    def f(a: Any) -> Any:
        return np.stack([np.sin(a), a**2]) * np.sum(a)

    matrix = cr.jacobian(f, mode=mode)(x)
    assert matrix.shape == (2, *shape, *shape)
    np.testing.assert_allclose(matrix, numerical(f, x), atol=1e-8)


@pytest.mark.parametrize("mode", MODES)
def test_pytrees(mode: str) -> None:
    def f(p: Any, x: Any) -> Any:
        return {"line": p["a"] * x + p["b"], "slope": p["a"] ** 2}

    x = np.array([1.0, 2.0, 3.0])
    result = cr.jacobian(f, mode=mode)({"a": 5.0, "b": 7.0}, x)
    np.testing.assert_array_equal(result["line"]["a"], x)
    np.testing.assert_array_equal(result["line"]["b"], 1.0)
    assert result["slope"] == {"a": 10.0, "b": 0.0}


@pytest.mark.parametrize("mode", MODES)
def test_argnums(mode: str) -> None:
    x, y = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    dx, dy = cr.jacobian(lambda a, b: a * b, argnums=(0, 1), mode=mode)(x, y)
    np.testing.assert_array_equal(dx, np.diag(y))
    np.testing.assert_array_equal(dy, np.diag(x))
    np.testing.assert_array_equal(cr.jacobian(lambda a, b: a * b, 1, mode)(x, y), np.diag(x))
    (only,) = cr.jacobian(lambda a, b: a * b, (1,), mode)(x, y)
    np.testing.assert_array_equal(only, np.diag(x))


@pytest.mark.parametrize("mode", MODES)
def test_results_that_do_not_depend_on_the_argument(mode: str) -> None:
    result = cr.jacobian(lambda x: (np.ones(2), x), mode=mode)(np.ones(3))
    np.testing.assert_array_equal(result[0], np.zeros((2, 3)))
    np.testing.assert_array_equal(result[1], np.eye(3))


@pytest.mark.parametrize("mode", MODES)
def test_dtype_and_memory(mode: str) -> None:
    matrix = cr.jacobian(lambda x: x, mode=mode)(np.ones(3, np.float32))
    assert matrix.dtype == np.float32
    assert matrix.flags.writeable
    np.testing.assert_array_equal(matrix, np.eye(3))


def test_auto_takes_the_cheaper_mode() -> None:
    def rows(matrix: Any) -> int:
        graph = cr.trace(matrix, np.ones(3))
        return max(e.outputs[0].type.shape[0] for e in graph.equations if e.outputs[0].type.ndim)

    def tall(x: Any) -> Any:
        return np.concatenate([np.sin(x), np.cos(x), x])

    def wide(x: Any) -> Any:
        return np.sum(np.sin(x), keepdims=True)

    assert str(cr.trace(cr.jacobian(tall), np.ones(3))) == str(
        cr.trace(cr.jacobian(tall, mode="forward"), np.ones(3))
    )
    assert str(cr.trace(cr.jacobian(wide), np.ones(3))) == str(
        cr.trace(cr.jacobian(wide, mode="reverse"), np.ones(3))
    )


def test_rosenbrock() -> None:
    def f(p: Any) -> Any:
        x, y = p
        return (1 - x) ** 2 + 100 * (y - x**2) ** 2

    x, y = 0.7, -0.3
    p = np.array([x, y])
    gradient = [-2 * (1 - x) - 400 * x * (y - x**2), 200 * (y - x**2)]
    matrix = np.array([[2 - 400 * (y - 3 * x**2), -400 * x], [-400 * x, 200.0]])
    v = np.array([0.5, -2.0])
    np.testing.assert_allclose(cr.grad(f)(p), gradient, rtol=1e-14)
    np.testing.assert_allclose(cr.hessian(f)(p), matrix, rtol=1e-14)
    np.testing.assert_allclose(cr.hvp(f, (p,), (v,)), matrix @ v, rtol=1e-14)


def test_hessian_of_several_arguments() -> None:
    def f(x: Any, y: Any) -> Any:
        return np.sum(x**2) * y**3

    x, y = np.array([1.0, 2.0]), 2.0
    (xx, xy), (yx, yy) = cr.hessian(f, argnums=(0, 1))(x, y)
    np.testing.assert_allclose(xx, 2 * 8 * np.eye(2))
    np.testing.assert_allclose(xy, 2 * x * 3 * 4)
    np.testing.assert_allclose(yx, 2 * x * 3 * 4)
    np.testing.assert_allclose(yy, 5 * 6 * 2.0)
    np.testing.assert_allclose(cr.hessian(f, 1)(x, y), 60.0)
    hx, hy = cr.hvp(f, (x, y), (np.array([1.0, 0.0]), 1.0))
    np.testing.assert_allclose(hx, xx[:, 0] + xy)
    np.testing.assert_allclose(hy, yx[0] + yy)


def test_hessian_of_a_tree() -> None:
    matrix = cr.hessian(lambda p: p["a"] ** 2 * p["b"])({"a": 3.0, "b": 5.0})
    assert matrix == {"a": {"a": 10.0, "b": 6.0}, "b": {"a": 6.0, "b": 0.0}}


def test_third_derivatives() -> None:
    third = cr.jacobian(cr.hessian(lambda x: x[0] ** 2 * x[1] ** 2))(np.array([3.0, 5.0]))
    expected = np.zeros((2, 2, 2))
    expected[0, 0, 1] = expected[0, 1, 0] = expected[1, 0, 0] = 4 * 5.0
    expected[1, 1, 0] = expected[1, 0, 1] = expected[0, 1, 1] = 4 * 3.0
    np.testing.assert_allclose(third, expected)


def test_hessian_is_symmetric_and_right(numerical: Any) -> None:
    rng = np.random.default_rng(0)
    w, x = rng.normal(size=(4, 3)), rng.normal(size=3)

    def f(v: Any) -> Any:
        return np.log(np.sum(np.exp(np.tanh(w @ v))))

    matrix = cr.hessian(f)(x)
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-15)
    np.testing.assert_allclose(matrix, numerical(cr.grad(f), x), atol=1e-8)
