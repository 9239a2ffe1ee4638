"""Activations against their definitions, worked numbers and known derivatives."""

from __future__ import annotations

import math

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule._errors import ArgumentTypeError

POINTS = np.array([-30.0, -2.0, -0.5, 0.25, 1.0, 40.0])


def normal_cdf(z):
    return math.erfc(-z / math.sqrt(2)) / 2


def normal_pdf(z):
    return math.exp(-z * z / 2) / math.sqrt(2 * math.pi)


def logistic(z):
    return 1 / (1 + math.exp(-z))


def gelu_tanh(z):
    """Value and derivative of the approximation, which is not one by the same formula."""
    c = math.sqrt(2 / math.pi)
    t = math.tanh(c * (z + 0.044715 * z**3))
    return z * (1 + t) / 2, (1 + t) / 2 + z * (1 - t * t) * c * (1 + 0.134145 * z**2) / 2


ALPHA, SCALE = 1.6732632423543772848, 1.0507009873554804934  # Klambauer et al.

# Each by its textbook formula in plain Python: value and derivative at a number.
FORMULAS = {
    "elu": (
        lambda z: z if z > 0 else math.expm1(z),
        lambda z: 1.0 if z > 0 else math.exp(z),
    ),
    "gelu": (lambda z: z * normal_cdf(z), lambda z: normal_cdf(z) + z * normal_pdf(z)),
    "gelu_tanh": (lambda z: gelu_tanh(z)[0], lambda z: gelu_tanh(z)[1]),
    "identity": (lambda z: z, lambda z: 1.0),
    "leaky_relu": (lambda z: max(z, z / 100), lambda z: 1.0 if z > 0 else 0.01),
    "relu": (lambda z: max(z, 0.0), lambda z: float(z > 0)),
    "selu": (
        lambda z: SCALE * (z if z > 0 else ALPHA * math.expm1(z)),
        lambda z: SCALE * (1.0 if z > 0 else ALPHA * math.exp(z)),
    ),
    "sigmoid": (logistic, lambda z: math.exp(-z) / (1 + math.exp(-z)) ** 2),
    "silu": (
        lambda z: z * logistic(z),
        lambda z: logistic(z) * (1 + z / (1 + math.exp(z))),
    ),
    "softplus": (lambda z: math.log1p(math.exp(z)), logistic),
    "step": (lambda z: float(z >= 0), lambda z: 0.0),
    "tanh": (math.tanh, lambda z: 1 / math.cosh(z) ** 2),
}


def test_every_elementwise_activation_has_its_formula_here():
    assert set(FORMULAS) == set(nn.ACTIVATIONS) - {"softmax", "log_softmax"}


@pytest.mark.parametrize("name", sorted(FORMULAS))
def test_values_and_derivatives_follow_the_formula(name):
    value, derivative = FORMULAS[name]
    activation = nn.ACTIVATIONS[name]
    expected = [value(z) for z in POINTS]
    np.testing.assert_allclose(activation(POINTS), expected, rtol=1e-14, atol=1e-18)
    gradient = cr.grad(lambda z: np.sum(activation(z)))(POINTS)
    np.testing.assert_allclose(gradient, [derivative(z) for z in POINTS], rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", sorted(nn.ACTIVATIONS))
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_is_kept_and_nan_is_not_lost(name, dtype):
    z = np.array([[1.0, np.nan, -2.0]], dtype)
    with np.errstate(invalid="ignore"):  # NumPy's logaddexp warns of NaN
        output = nn.ACTIVATIONS[name](z)
    assert output.dtype == dtype
    assert np.isnan(output[0, 1])
    assert cr.grad(lambda z: np.sum(nn.ACTIVATIONS[name](z)))(np.abs(z[:, ::2])).dtype == dtype


@pytest.mark.parametrize("name", sorted(FORMULAS))
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_nothing_overflows_in_values_or_derivatives(name, dtype):
    z = np.array([-1e4, 1e4], dtype)
    activation = nn.ACTIVATIONS[name]
    with np.errstate(all="raise", under="ignore"):
        value = activation(z)
        gradient = cr.grad(lambda z: np.sum(activation(z)))(z)
        curvature = cr.grad(lambda z: np.sum(cr.grad(lambda z: np.sum(activation(z)))(z)))(z)
    limits = {
        "elu": (-1.0, 1e4),
        "gelu": (0.0, 1e4),
        "gelu_tanh": (0.0, 1e4),
        "identity": (-1e4, 1e4),
        "leaky_relu": (-100.0, 1e4),
        "relu": (0.0, 1e4),
        "selu": (-SCALE * ALPHA, SCALE * 1e4),
        "sigmoid": (0.0, 1.0),
        "silu": (0.0, 1e4),
        "softplus": (0.0, 1e4),
        "step": (0.0, 1.0),
        "tanh": (-1.0, 1.0),
    }
    np.testing.assert_allclose(value, limits[name], rtol=1e-6)
    slopes = {"identity": (1, 1), "leaky_relu": (0.01, 1), "selu": (0, SCALE)}
    flat = name in ("sigmoid", "step", "tanh")
    np.testing.assert_allclose(gradient, slopes.get(name, (0, 0 if flat else 1)), rtol=1e-6)
    np.testing.assert_array_equal(curvature, [0.0, 0.0])


@pytest.mark.parametrize("name", sorted(set(FORMULAS) - {"step"}))
def test_derivatives_are_those_of_finite_differences(name):
    cr.testing.check_grads(nn.ACTIVATIONS[name], (POINTS[1:-1],))


def test_sigmoid_does_not_overflow():
    with np.errstate(all="raise", under="ignore"):
        np.testing.assert_array_equal(nn.sigmoid(np.array([-1e4, 1e4])), [0.0, 1.0])


@pytest.mark.parametrize(
    ("activation", "expected"),
    [
        (nn.relu, 0.0),
        (nn.leaky_relu, 0.01),
        (nn.elu, 1.0),
        (nn.partial(nn.elu, alpha=0.5), 0.5),
        (nn.selu, SCALE * ALPHA),
        (nn.step, 0.0),
    ],
)
def test_derivative_at_the_corner(activation, expected):
    np.testing.assert_allclose(cr.grad(activation)(0.0), expected, rtol=1e-15)
    np.testing.assert_allclose(cr.jvp(activation, (0.0,), (1.0,))[1], expected, rtol=1e-15)


def test_the_step_is_one_at_its_threshold():
    np.testing.assert_array_equal(nn.step(np.array([-1e-300, -0.0, 0.0])), [0.0, 1.0, 1.0])


def test_gelu_and_its_approximation_are_as_close_as_stated():
    z = np.linspace(-6, 6, 1001)
    difference = np.abs(nn.gelu(z) - nn.gelu_tanh(z)).max()
    assert 1e-4 < difference < 5e-4


def test_selu_keeps_mean_and_variance_of_normal_numbers():
    """The fixed point of which its constants are the solution, by quadrature."""
    points, weights = np.polynomial.hermite_e.hermegauss(200)
    weights = weights / weights.sum()
    values = nn.selu(points)
    mean = np.sum(weights * values)
    np.testing.assert_allclose(mean, 0.0, atol=2e-3)
    np.testing.assert_allclose(np.sum(weights * values**2), 1.0, atol=2e-3)


def test_settings_make_another_activation():
    leaky = nn.partial(nn.leaky_relu, negative_slope=0.2)
    np.testing.assert_array_equal(leaky(np.array([-1.0, 2.0])), [-0.2, 2.0])
    assert repr(leaky) == "leaky_relu(negative_slope=0.2)"
    again = nn.partial(nn.leaky_relu, negative_slope=0.2)
    assert (leaky, hash(leaky)) == (again, hash(again))
    assert leaky != nn.partial(nn.leaky_relu, negative_slope=0.3)
    assert leaky(np.array([-1.0]), negative_slope=0.5) == -0.5


def test_settings_that_cannot_be_hashed():
    with pytest.raises(ArgumentTypeError) as caught:
        nn.partial(nn.quantile_loss, quantiles=[0.1, 0.9])
    assert caught.value.message == (
        "partial: quantiles: expected a value that can be hashed, got list; write a number, a "
        "string or a tuple."
    )


def test_softmax_of_worked_logits():
    # e^0 : e^ln2 : e^ln5 = 1 : 2 : 5; a shift of all logits changes nothing.
    logits = np.log(np.array([[1.0, 2.0, 5.0]])) + np.array([[0.0], [1e4]])
    np.testing.assert_allclose(nn.softmax(logits), [[0.125, 0.25, 0.625]] * 2, rtol=1e-11)
    np.testing.assert_allclose(
        nn.log_softmax(logits), np.log([[0.125, 0.25, 0.625]] * 2), rtol=1e-11
    )


def test_log_softmax_keeps_the_digits_of_small_probabilities():
    np.testing.assert_array_equal(nn.log_softmax(np.array([[0.0, -1e4]])), [[0.0, -1e4]])
