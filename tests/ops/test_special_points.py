"""Derivatives where functions have corners, ties, zeros or limits, by one convention.

At a corner the derivative is the mean of the two one-sided ones; elements that tie for an extremum
share its derivative equally. Forward and reverse mode agree, in numbers and in what is finite.
"""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import chainrule as cr

INF = np.inf


def derivatives(f, x):
    """Return f'(x) for a number, in both modes, after seeing that they agree."""
    forward = cr.jvp(f, (x,), (np.ones_like(x),))[1]
    reverse = cr.vjp(f, x)[1](np.ones_like(x))[0]
    assert_array_equal(forward, reverse)
    return forward


def gradient(f, x):
    """Return the gradient of a function of an array, in both modes."""
    reverse = cr.jacobian(f, mode="reverse")(x)
    assert_array_equal(reverse, cr.jacobian(f, mode="forward")(x))
    return reverse


CORNERS = {
    "absolute": (np.abs, 0.0, 0.0),
    "fabs": (np.fabs, 0.0, 0.0),
    "sign": (np.sign, 0.0, 0.0),
    "floor at an integer": (np.floor, 2.0, 0.0),
    "relu": (lambda x: np.maximum(x, 0.0), 0.0, 0.5),
    "relu, other side": (lambda x: np.maximum(0.0, x), 0.0, 0.5),
    "negative part": (lambda x: np.minimum(x, 0.0), 0.0, 0.5),
    "maximum of equals": (lambda x: np.maximum(x, x), 3.0, 1.0),
    "maximum of x and -x": (lambda x: np.maximum(x, -x), 0.0, 0.0),
    "clip at its lower end": (lambda x: np.clip(x, 1.0, 2.0), 1.0, 0.5),
    "clip at its upper end": (lambda x: np.clip(x, 1.0, 2.0), 2.0, 0.5),
    "power 0 at 0": (lambda x: x**0, 0.0, 0.0),
    "power 0.0 at 0": (lambda x: x**0.0, 0.0, 0.0),
    "power 1 at 0": (lambda x: x**1.0, 0.0, 1.0),
    "power 2 at 0": (lambda x: x**2, 0.0, 0.0),
    "power 3 at 0": (lambda x: x**3, 0.0, 0.0),
    "power 3 at a negative base": (lambda x: x**3, -2.0, 12.0),
    "power -2 at a negative base": (lambda x: x**-2, -2.0, 0.25),
    "base 0 in the exponent": (lambda y: np.power(0.0, y), 2.0, 0.0),
    "base 1 in the exponent": (lambda y: np.power(1.0, y), 2.0, 0.0),
    "hypot at the origin": (lambda x: np.hypot(x, 0.0), 0.0, 0.0),
    "x x at 0": (lambda x: x * x, 0.0, 0.0),
    "logistic, far left": (lambda x: 1.0 / (1.0 + np.exp(-x)), -40.0, np.exp(-40.0)),
    "tanh, far right": (np.tanh, 400.0, 0.0),
    "logaddexp, far apart": (lambda x: np.logaddexp(x, 0.0), 1000.0, 1.0),
    "logaddexp, far apart the other way": (lambda x: np.logaddexp(x, 0.0), -1000.0, 0.0),
    "logaddexp of infinities": (lambda x: np.logaddexp(x, -INF), -INF, 0.5),
    "logaddexp with minus infinity": (lambda x: np.logaddexp(x, -INF), 2.0, 1.0),
    "arctan, far": (np.arctan, 1e200, 0.0),
    "arctan2, close to the origin": (lambda x: np.arctan2(1e-200, x), 1e-200, -5e199),
    "arctan2, far from it": (lambda x: np.arctan2(1e200, x), 1e200, -5e-201),
    "arccosh, far": (np.arccosh, 1e200, 1e-200),
    "arcsinh, far": (np.arcsinh, 1e200, 1e-200),
    "where away from the pole": (
        lambda x: np.where(x > 0.0, np.log(np.where(x > 0.0, x, 1.0)), 0.0), 0.0, 0.0,
    ),
    "remainder": (lambda x: x % 2.0, 3.5, 1.0),
    "remainder in the divisor": (lambda y: 7.0 % y, 2.0, -3.0),
    "remainder, negative": (lambda x: x % 2.0, -3.5, 1.0),
}  # fmt: skip


@pytest.mark.parametrize("name", CORNERS)
def test_corners(name):
    f, x, expected = CORNERS[name]
    with np.errstate(under="ignore"):
        assert_allclose(derivatives(f, x), expected, rtol=1e-14, atol=0)


POLES = {
    "sqrt": (np.sqrt, 0.0, INF),
    "log": (np.log, 0.0, INF),
    "cbrt": (np.cbrt, 0.0, INF),
    "arcsin": (np.arcsin, 1.0, INF),
    "arccos": (np.arccos, -1.0, -INF),
    "arctanh": (np.arctanh, 1.0, INF),
    "arccosh": (np.arccosh, 1.0, INF),
    "power 0.5": (lambda x: x**0.5, 0.0, INF),
}


@pytest.mark.parametrize("name", POLES)
def test_poles_are_infinite_with_the_right_sign(name):
    f, x, expected = POLES[name]
    with np.errstate(divide="ignore"):
        assert derivatives(f, x) == expected


def test_ties_share_equally():
    x = np.array([2.0, 5.0, 5.0, 1.0, 5.0])
    assert_allclose(gradient(np.max, x), [0, 1 / 3, 1 / 3, 0, 1 / 3])
    assert_allclose(gradient(np.min, -x), [0, 1 / 3, 1 / 3, 0, 1 / 3])
    assert_allclose(gradient(lambda x: np.maximum(x, 5.0), x), np.diag([0, 0.5, 0.5, 0, 0.5]))
    rows = np.array([[1.0, 1.0], [0.0, 3.0]])
    assert_allclose(gradient(lambda x: np.max(x, 1).sum(), rows), [[0.5, 0.5], [0, 1]])
    assert_allclose(gradient(np.max, np.array([INF, INF, 0.0])), [0.5, 0.5, 0])


def test_equal_elements_keep_their_order_when_sorted():
    x = np.array([3.0, 1.0, 3.0, 2.0])
    weights = np.array([1.0, 10.0, 100.0, 1000.0])
    got = gradient(lambda x: np.sort(x) @ weights, x)
    assert_allclose(got, [100.0, 1.0, 1000.0, 10.0])


def test_products_with_zeros():
    for x in ([2.0, 0.0, 5.0], [0.0, 0.0, 5.0], [0.0, 0.0, 0.0], [2.0, 3.0, 5.0]):
        x = np.array(x)
        others = [x[1] * x[2], x[0] * x[2], x[0] * x[1]]
        assert_allclose(gradient(np.prod, x), others)
        pairs = np.array([[0, x[2], x[1]], [x[2], 0, x[0]], [x[1], x[0], 0]])
        assert_allclose(cr.hessian(np.prod)(x), pairs)
        running = np.array([[1, 0, 0], [x[1], x[0], 0], others])
        assert_allclose(gradient(np.cumprod, x), running)


@pytest.mark.parametrize("x", [[2.0, 0.0, 5.0], [0.0, 0.0, 5.0], [2.0, 3.0, 5.0]])
def test_scattered_products_with_zeros(x):
    """Several factors at one position are a product like any other."""
    x = np.array(x)

    def f(x):
        return cr.at(np.full(2, 7.0))[np.array([1, 1, 1])].multiply(x)[1]

    assert_allclose(gradient(f, x), 7.0 * np.array([x[1] * x[2], x[0] * x[2], x[0] * x[1]]))
    pairs = 7.0 * np.array([[0, x[2], x[1]], [x[2], 0, x[0]], [x[1], x[0], 0]])
    assert_allclose(cr.hessian(f)(x), pairs)


def test_the_extremum_of_what_is_not_a_number_has_no_derivative():
    x = np.array([1.0, np.nan, 2.0])
    for f in (np.max, np.min):
        assert np.isnan(gradient(f, x)).all()


def test_the_corner_of_a_norm_has_no_curvature():
    assert_array_equal(cr.hessian(lambda x: np.hypot(x[0], x[1]))(np.zeros(2)), np.zeros((2, 2)))
    assert_array_equal(cr.hessian(np.linalg.norm)(np.zeros(2)), np.zeros((2, 2)))


def test_scattered_extrema_share_ties():
    x = np.array([1.0, 4.0])
    updates = np.array([4.0, 4.0, 0.0])
    index = np.array([1, 1, 0])

    def f(x, updates):
        return cr.at(x)[index].max(updates).sum()

    by_x, by_updates = cr.grad(f, argnums=(0, 1))(x, updates)
    assert_allclose(by_x, [1.0, 1 / 3])
    assert_allclose(by_updates, [1 / 3, 1 / 3, 0.0])


def test_second_derivatives_at_zero():

    def second(f):
        return cr.grad(cr.grad(f))(0.0)

    assert second(lambda x: x**2) == 2.0
    assert second(lambda x: x**2.0) == 2.0
    assert second(lambda x: x**3) == 0.0
    assert second(lambda x: x**1.0) == 0.0
    assert second(lambda x: x**0.0) == 0.0
    assert second(np.abs) == 0.0
    assert second(np.cos) == -1.0
    assert cr.grad(cr.grad(cr.grad(lambda x: x**3)))(0.0) == 6.0


def test_an_operand_that_is_not_differentiated_in_does_no_harm():
    """The derivative in the exponent would be the logarithm of a negative number."""
    assert cr.grad(lambda x: np.power(x, 3.0))(-2.0) == 12.0
    assert_array_equal(
        cr.grad(lambda x: np.sum(x ** np.array([0.0, 1.0, 2.0])))(np.zeros(3)), [0.0, 1.0, 0.0]
    )


def test_gradients_keep_relative_precision_in_the_tails():
    assert_allclose(derivatives(lambda x: np.logaddexp(x, 0.0), -40.0), np.exp(-40.0), rtol=1e-12)
    assert_allclose(derivatives(lambda x: np.logaddexp(0.0, -x), 40.0), -np.exp(-40.0), rtol=1e-12)


@pytest.mark.parametrize(
    ("shape", "axes"), [((0,), (0,)), ((2, 0), (1,)), ((0, 2), (1,)), ((2, 0), (0, 1))]
)
def test_products_over_nothing_have_an_empty_gradient(shape, axes):
    x = np.zeros(shape)
    got = cr.grad(lambda x: np.sum(np.prod(x, axis=axes)))(x)
    assert got.shape == shape


@pytest.mark.parametrize(
    "f",
    [
        np.linalg.inv,
        np.linalg.cholesky,
        np.linalg.det,
        lambda a: np.linalg.solve(a, a),
        lambda a: np.linalg.eigh(a)[0],
        lambda a: np.linalg.svd(a, full_matrices=False)[1],
        lambda a: np.linalg.qr(a)[1],
    ],
)
def test_an_empty_stack_of_matrices(f):
    x = np.zeros((0, 3, 3))
    got = cr.grad(lambda a: np.sum(f(a)))(x)
    assert got.shape == x.shape
