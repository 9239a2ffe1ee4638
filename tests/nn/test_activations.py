"""Activations against their definitions, worked numbers and known derivatives."""

from __future__ import annotations

import math

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn

POINTS = np.array([-30.0, -2.0, -0.5, 0.25, 1.0, 40.0])

# Each by its textbook formula in plain Python: value and derivative at a number.
FORMULAS = {
    "identity": (lambda z: z, lambda z: 1.0),
    "relu": (lambda z: max(z, 0.0), lambda z: float(z > 0)),
    "sigmoid": (
        lambda z: 1 / (1 + math.exp(-z)),
        lambda z: math.exp(-z) / (1 + math.exp(-z)) ** 2,
    ),
    "tanh": (math.tanh, lambda z: 1 / math.cosh(z) ** 2),
}


@pytest.mark.parametrize("name", sorted(FORMULAS))
def test_values_and_derivatives_follow_the_formula(name):
    value, derivative = FORMULAS[name]
    activation = nn.ACTIVATIONS[name]
    np.testing.assert_allclose(activation(POINTS), [value(z) for z in POINTS], rtol=1e-14)
    gradient = cr.grad(lambda z: np.sum(activation(z)))(POINTS)
    np.testing.assert_allclose(gradient, [derivative(z) for z in POINTS], rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", sorted(nn.ACTIVATIONS))
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_is_kept_and_nan_is_not_lost(name, dtype):
    z = np.array([[1.0, np.nan, -2.0]], dtype)
    output = nn.ACTIVATIONS[name](z)
    assert output.dtype == dtype
    assert np.isnan(output[0, 1])


def test_sigmoid_does_not_overflow():
    with np.errstate(all="raise", under="ignore"):
        np.testing.assert_array_equal(nn.sigmoid(np.array([-1e4, 1e4])), [0.0, 1.0])


def test_relu_has_derivative_zero_at_the_corner():
    assert cr.grad(nn.relu)(0.0) == 0.0


def test_softmax_of_worked_logits():
    # e^0 : e^ln2 : e^ln5 = 1 : 2 : 5; a shift of all logits changes nothing.
    logits = np.log(np.array([[1.0, 2.0, 5.0]])) + np.array([[0.0], [1e4]])
    np.testing.assert_allclose(nn.softmax(logits), [[0.125, 0.25, 0.625]] * 2, rtol=1e-11)
