"""grad and value_and_grad, against derivatives worked by hand and finite differences."""

from __future__ import annotations

import dataclasses
import functools
from collections import OrderedDict, defaultdict
from typing import Any, NamedTuple

import numpy as np
import pytest

import chainrule as cr
from chainrule import tree


class Pair(NamedTuple):
    first: Any
    second: Any


@dataclasses.dataclass
class Layer:
    weight: Any
    bias: Any
    power: int = tree.static_field(default=2)


def same(actual: Any, expected: Any) -> None:
    """Compare two trees: containers, types and values."""
    assert tree.structure(actual) == tree.structure(expected)
    for a, b in zip(tree.leaves(actual), tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-14, strict=True)


@pytest.mark.parametrize(
    ("f", "x", "expected"),
    [
        (lambda x: x**3, 2.0, 12.0),
        (lambda x: 1 / x, 4.0, -1 / 16),
        (lambda x: np.exp(2 * x), 0.0, 2.0),
        (lambda x: x * np.log(x), 1.0, 1.0),
        (lambda x: np.sin(x) ** 2 + np.cos(x) ** 2, 0.7, 0.0),
        (lambda x: 3.0 * x - x, 5.0, 2.0),
        (lambda x: 7.0, 5.0, 0.0),
        (lambda x: x, 5.0, 1.0),
        (abs, -3.0, -1.0),
        (lambda x: x**x, 2.0, 4 * (1 + np.log(2))),
        (lambda x: (x > 1) * x**2, 3.0, 6.0),
        (lambda x: np.sqrt(x**2 + 9.0), 4.0, 0.8),
    ],
)
def test_worked_numbers(f: Any, x: float, expected: float) -> None:
    assert cr.grad(f)(x) == pytest.approx(expected, rel=1e-15, abs=1e-15)
    value, derivative = cr.value_and_grad(f)(x)
    assert value == f(x)
    assert derivative == cr.grad(f)(x)


def test_orders_one_to_five_of_a_power() -> None:

    def f(x):
        return x**5

    for expected in (80.0, 160.0, 240.0, 240.0, 120.0, 0.0):
        f = cr.grad(f)
        assert f(2.0) == pytest.approx(expected, rel=1e-14)


def test_quadratic_form() -> None:
    a = np.array([[2.0, 1.0], [0.0, 3.0]])
    x = np.array([1.0, -2.0])
    same(cr.grad(lambda v: v @ a @ v)(x), (a + a.T) @ x)
    same(cr.grad(lambda m: x @ m @ x)(a), np.outer(x, x))


def test_least_squares() -> None:
    rng = np.random.default_rng(0)
    x, y, w = rng.normal(size=(5, 3)), rng.normal(size=5), rng.normal(size=3)
    gradient = cr.grad(lambda v: np.mean((x @ v - y) ** 2))(w)
    np.testing.assert_allclose(gradient, 2 / 5 * x.T @ (x @ w - y), rtol=1e-13)


def test_network_against_finite_differences(numerical: Any) -> None:
    rng = np.random.default_rng(1)
    x, labels = rng.normal(size=(6, 4)), rng.integers(0, 2, 6)
    weights = [rng.normal(size=s) for s in ((4, 3), (3,), (3, 2), (2,))]

    def loss(w1: Any, b1: Any, w2: Any, b2: Any) -> Any:
        z = np.tanh(x @ w1 + b1) @ w2 + b2
        return np.mean(np.log(np.sum(np.exp(z), axis=1)) - z[np.arange(6), labels])

    gradients = cr.grad(loss, argnums=(0, 1, 2, 3))(*weights)
    for i, gradient in enumerate(gradients):

        def of_one(w: Any, i: int = i) -> Any:
            return loss(*weights[:i], w, *weights[i + 1 :])

        np.testing.assert_allclose(gradient, numerical(of_one, weights[i]), atol=2e-9)


def test_argnums() -> None:
    def f(x: Any, y: Any, z: Any) -> Any:
        return x * y**2 * z**3

    args = (2.0, 3.0, 5.0)
    dx, dy, dz = 9 * 125.0, 2 * 2 * 3 * 125.0, 2 * 9 * 3 * 25.0
    assert cr.grad(f)(*args) == dx
    assert cr.grad(f, 1)(*args) == dy
    assert cr.grad(f, argnums=-1)(*args) == dz
    assert cr.grad(f, argnums=np.int64(2))(*args) == dz
    assert cr.grad(f, argnums=(0,))(*args) == (dx,)
    assert cr.grad(f, argnums=(2, 0))(*args) == (dz, dx)
    assert cr.grad(f, argnums=[1, -1])(*args) == (dy, dz)
    assert cr.grad(f, argnums=range(3))(*args) == (dx, dy, dz)


def test_keywords_and_other_arguments_pass_through() -> None:
    def f(x: Any, names: Any, *, scale: float = 1.0, shift: Any = None) -> Any:
        assert names == ("a", "b")
        return scale * x**2 + (0.0 if shift is None else shift)

    assert cr.grad(f)(3.0, ("a", "b")) == 6.0
    assert cr.grad(f)(3.0, ("a", "b"), scale=2.0, shift=1) == 12.0
    assert cr.grad(functools.partial(f, scale=5.0))(1.0, ("a", "b")) == 10.0


@pytest.mark.parametrize(
    "container",
    [
        (2.0, 3.0),
        [2.0, 3.0],
        {"b": 2.0, "a": 3.0},
        Pair(2.0, 3.0),
        Layer(2.0, 3.0),
        OrderedDict(b=2.0, a=3.0),
        defaultdict(float, b=2.0, a=3.0),
        {"x": [2.0, None], "y": (Pair(3.0, ()),)},
        [Layer({"w": 2.0}, [3.0])],
    ],
)
def test_gradients_have_the_containers_of_the_argument(container: Any) -> None:
    leaves, structure = tree.flatten(container)
    gradient = cr.grad(lambda p: tree.leaves(p)[0] ** 2 * tree.leaves(p)[1])(container)
    expected = [np.float64(2 * leaves[0] * leaves[1]), np.float64(leaves[0] ** 2)]
    same(gradient, tree.unflatten(structure, expected))
    assert type(gradient) is type(container)


def test_settings_of_a_dataclass_are_not_differentiated() -> None:
    layer = Layer(np.array([1.0, 2.0]), 3.0, power=3)
    gradient = cr.grad(lambda p: np.sum(p.weight**p.power) + p.bias)(layer)
    same(gradient, Layer(np.array([3.0, 12.0]), np.float64(1.0), power=3))


def test_an_argument_without_arrays() -> None:
    assert cr.grad(lambda p, x: x)(None, 1.0) is None
    assert cr.grad(lambda p, x: x)({}, 1.0) == {}


def test_empty_arrays() -> None:
    same(cr.grad(np.sum)(np.zeros((0, 3))), np.zeros((0, 3)))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_dtypes_are_kept(dtype: Any) -> None:
    x = np.array([0.5, 1.5], dtype)
    value, gradient = cr.value_and_grad(lambda v: np.sum(np.exp(v) * 2.0 + 1) / 3)(x)
    assert value.dtype == dtype
    assert gradient.dtype == dtype
    np.testing.assert_allclose(gradient, np.exp(x) * 2 / 3, rtol=4 * np.finfo(dtype).eps)
    scalar = cr.grad(lambda v: v * 2)(dtype(3.0))
    assert type(scalar) is dtype


def test_python_numbers_do_not_widen_an_array() -> None:
    x = np.ones(2, np.float32)
    dx, ds = cr.grad(lambda a, s: np.sum(a * s), argnums=(0, 1))(x, 2.0)
    assert dx.dtype == np.float32
    assert ds.dtype == np.float64
    np.testing.assert_array_equal(dx, 2.0)
    assert ds == 2.0


def test_gradients_of_arguments_of_different_dtype() -> None:
    x, y = np.ones(2, np.float32), np.full(2, 3.0)
    dx, dy = cr.grad(lambda a, b: np.sum(a * b), argnums=(0, 1))(x, y)
    same((dx, dy), (np.full(2, 3.0, np.float32), np.ones(2)))


def test_numbers_come_back_as_numpy_scalars() -> None:
    value, gradient = cr.value_and_grad(lambda x: {"a": x}["a"] ** 2)(3.0)
    assert type(value) is np.float64
    assert type(gradient) is np.float64
    assert type(cr.grad(lambda x: x)(np.array(3.0))) is np.float64


def test_results_own_their_memory() -> None:
    x, constant = np.ones(3), np.arange(3.0)
    identity, aux = cr.grad(lambda v: (np.sum(v * constant), (v, constant, v)), has_aux=True)(x)
    out, (pulled,) = (lambda pair: (pair[0], pair[1](np.ones(3))))(cr.vjp(lambda v: v, x))
    results = [identity, *aux, out, pulled, cr.grad(np.sum)(x), *cr.jvp(lambda v: v, (x,), (x,))]
    for number, result in enumerate(results):
        assert result.flags.writeable
        assert result.base is None
        for other in (x, constant, *results[:number]):
            assert not np.shares_memory(result, other)
    for result in results:
        result[:] = -1.0
    np.testing.assert_array_equal(x, 1.0)
    np.testing.assert_array_equal(constant, [0.0, 1.0, 2.0])


def test_arguments_are_not_changed() -> None:
    x = np.array([3.0, 1.0, 2.0])
    x.flags.writeable = False
    cr.grad(lambda v: np.sum(np.sort(v) * v))(x)
    np.testing.assert_array_equal(x, [3.0, 1.0, 2.0])


def sum_of_squares_by_buffer(x: Any) -> Any:
    """Return the sum of (i x_i)², picking the elements by a vector that is used again."""
    pick, total = np.zeros(3), 0.0
    for i in range(3):
        pick[:] = 0.0
        pick[i] = i
        total = total + (x @ pick) ** 2
    return total


@pytest.mark.parametrize("transform", [lambda f: f, cr.compile])
def test_arrays_may_be_used_again_for_something_else(transform: Any) -> None:
    f, x = transform(sum_of_squares_by_buffer), np.ones(3)
    np.testing.assert_array_equal(cr.grad(f)(x), [0.0, 2.0, 8.0])
    np.testing.assert_array_equal(cr.jvp(f, (x,), (x,)), (5.0, 10.0))
    np.testing.assert_array_equal(cr.vmap(f)(np.stack([x, 2.0 * x])), [5.0, 20.0])
    np.testing.assert_array_equal(np.diag(cr.hessian(f)(x)), [0.0, 2.0, 8.0])


def test_positions_may_be_used_again_for_something_else() -> None:
    def f(x: Any) -> Any:
        at = np.array([0, 1])
        picked = x[at]
        at[:] = 2
        return np.sum(picked)

    np.testing.assert_array_equal(cr.grad(f)(np.ones(3)), [1.0, 1.0, 0.0])


def test_aux_is_returned_beside_the_gradient() -> None:
    def f(x: Any) -> Any:
        return x**2, {"x": x, "y": 3 * x}

    gradient, aux = cr.grad(f, has_aux=True)(2.0)
    assert gradient == 4.0
    assert aux == {"x": 2.0, "y": 6.0}
    (value, aux), gradient = cr.value_and_grad(f, has_aux=True)(2.0)
    assert (value, gradient) == (4.0, 4.0)
    assert aux == {"x": 2.0, "y": 6.0}


def test_aux_may_hold_anything() -> None:
    marker = object()
    texts = np.array(["a"])
    aux = [1, "text", None, marker, texts, np.arange(2), 2.5, {"c": np.sin}]
    gradient, found = cr.grad(lambda x: (x**2, [x, *aux]), has_aux=True)(3.0)
    assert gradient == 6.0
    assert found[0] == 3.0
    assert found[1:5] == [1, "text", None, marker]
    assert type(found[1]) is int
    assert found[5] is texts
    np.testing.assert_array_equal(found[6], [0, 1])
    assert found[7:] == [2.5, {"c": np.sin}]


def test_aux_under_a_second_derivative() -> None:
    second = cr.grad(lambda x: cr.grad(lambda y: (y**3, (y, "text")), has_aux=True)(x)[0])
    assert second(2.0) == 12.0


def test_if_and_while_follow_the_values() -> None:
    def f(x: Any) -> Any:
        y = x
        while y < 10.0:
            y = y * 2
        if x > 1.0:
            return y
        return -y

    assert cr.grad(f)(3.0) == 4.0
    assert cr.grad(f)(0.5) == -32.0
    assert cr.grad(cr.grad(lambda x: f(x) ** 2))(3.0) == 32.0


def test_names_and_docs_tell_what_it_is() -> None:
    def loss(w: Any) -> Any:
        """Sum the weights."""
        return w

    assert cr.grad(loss).__name__ == "gradient_of_loss"
    assert cr.grad(loss).__doc__ == "Gradient of loss.\n\nSum the weights."


def test_methods_and_callables() -> None:
    class Model:
        factor = 3.0

        def __call__(self, x: Any) -> Any:
            return self.factor * x**2

        def method(self, x: Any) -> Any:
            return self(x)

    assert cr.grad(Model())(2.0) == 12.0
    assert cr.grad(Model().method)(2.0) == 12.0


def test_stop_gradient() -> None:
    assert cr.grad(lambda x: x * cr.stop_gradient(x))(3.0) == 3.0
    assert cr.grad(lambda x: cr.stop_gradient({"a": x, "b": [x]})["b"][0])(3.0) == 0.0
    np.testing.assert_array_equal(cr.stop_gradient(np.arange(3)), [0, 1, 2])
    assert cr.jvp(lambda x: x + cr.stop_gradient(x), (2.0,), (1.0,)) == (4.0, 1.0)
    assert cr.grad(cr.grad(lambda x: cr.stop_gradient(x) * x**2))(3.0) == 6.0
