"""Losses against scikit-learn's metrics, worked numbers and derivatives known in closed form."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics

import chainrule as cr
from chainrule import nn
from chainrule._errors import DtypeError, InvalidArgumentError, ShapeError


@pytest.fixture
def logits():
    return np.random.default_rng(0).normal(scale=3.0, size=(20, 4))


@pytest.fixture
def labels():
    return np.random.default_rng(1).integers(0, 4, size=20)


def probabilities(logits):
    exponentials = np.exp(logits)
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def test_squared_error_on_worked_numbers():
    output = np.array([[1.0, 2.0], [0.0, 0.0]])
    target = np.array([[0.0, 0.0], [0.0, 4.0]])
    per_sample = nn.mean_squared_error(output, target, reduction="none")
    np.testing.assert_array_equal(per_sample, [2.5, 8.0])
    assert nn.mean_squared_error(output, target) == 5.25
    assert metrics.mean_squared_error(target, output) == 5.25


def test_squared_error_derivative():
    output, target = np.array([[1.0], [2.0]]), np.array([3.0, 5.0])
    gradient = cr.grad(nn.mean_squared_error)(output, target)
    np.testing.assert_allclose(gradient, [[-2.0], [-3.0]], rtol=1e-15)  # 2 (a - y) / n


def test_cross_entropy_is_the_log_loss(logits, labels):
    expected = metrics.log_loss(labels, probabilities(logits), labels=range(4))
    one_hot = np.eye(4)[labels]
    for targets in (labels, labels.astype(np.uint8), one_hot, one_hot.astype(int)):
        np.testing.assert_allclose(nn.softmax_cross_entropy(logits, targets), expected, rtol=1e-13)
    per_sample = nn.softmax_cross_entropy(logits, labels, reduction="none")
    expected = -np.log(probabilities(logits)[np.arange(20), labels])
    np.testing.assert_allclose(per_sample, expected, rtol=1e-12)


def test_cross_entropy_with_soft_labels():
    # Uniform logits over 4 classes cost log 4, whatever the labels.
    soft = np.array([[0.1, 0.2, 0.3, 0.4]])
    cost = nn.softmax_cross_entropy(np.zeros((1, 4)), soft)
    np.testing.assert_allclose(cost, np.log(4.0), rtol=1e-15)


@pytest.mark.parametrize("one_hot", [False, True])
def test_cross_entropy_derivative_is_probability_minus_label(logits, labels, one_hot):
    hot = np.eye(4)[labels]
    gradient = cr.grad(nn.softmax_cross_entropy)(logits, hot if one_hot else labels)
    np.testing.assert_allclose(gradient, (probabilities(logits) - hot) / 20, atol=1e-15)


def test_binary_cross_entropy_is_the_log_loss(logits):
    z = logits[:, 0]
    y = np.random.default_rng(2).integers(0, 2, size=20)
    p = 1 / (1 + np.exp(-z))
    for targets in (y, y.astype(bool), y.astype(float)):
        np.testing.assert_allclose(
            nn.sigmoid_cross_entropy(z, targets), metrics.log_loss(y, p), rtol=1e-13
        )
        np.testing.assert_allclose(
            nn.sigmoid_cross_entropy(z[:, None], targets), metrics.log_loss(y, p), rtol=1e-13
        )
    gradient = cr.grad(nn.sigmoid_cross_entropy)(z, y)
    np.testing.assert_allclose(gradient, (p - y) / 20, atol=1e-16)


def test_binary_cross_entropy_sums_over_outputs():
    costs = nn.sigmoid_cross_entropy(np.zeros((2, 3)), np.ones((2, 3)), reduction="none")
    np.testing.assert_allclose(costs, [3 * np.log(2.0)] * 2, rtol=1e-15)


def test_cross_entropies_are_exact_for_huge_logits():
    with np.errstate(all="raise", under="ignore"):
        assert nn.softmax_cross_entropy(np.array([[1e4, 0.0]]), np.array([1])) == 1e4
        assert nn.softmax_cross_entropy(np.array([[1e4, 0.0]]), np.array([0])) == 0.0
        assert nn.sigmoid_cross_entropy(np.array([-1e4]), np.array([1])) == 1e4
        assert nn.sigmoid_cross_entropy(np.array([1e4]), np.array([1])) == 0.0
        gradient = cr.grad(nn.softmax_cross_entropy)(np.array([[1e4, 0.0]]), np.array([1]))
        np.testing.assert_array_equal(gradient, [[1.0, -1.0]])


@pytest.mark.parametrize("loss", sorted(nn.LOSSES))
def test_float32_stays_float32_whatever_the_target(loss):
    output = np.ones((3, 2), np.float32)
    target = np.array([[1, 0], [0, 1], [1, 0]], np.int64)
    assert nn.LOSSES[loss](output, target).dtype == np.float32
    assert cr.grad(nn.LOSSES[loss])(output, target).dtype == np.float32


def test_traced_label_that_is_no_class_gives_nan():
    compiled = cr.compile(nn.softmax_cross_entropy, engine="interpreter")
    for label in (-1, 3):
        assert np.isnan(compiled(np.zeros((1, 3)), np.array([label])))
    assert compiled(np.zeros((1, 3)), np.array([2])) == np.log(3.0)


def test_targets_are_not_broadcast_against_outputs():
    with pytest.raises(ShapeError) as caught:
        nn.mean_squared_error(np.zeros((5, 2)), np.zeros(5))
    assert caught.value.message == (
        "mean_squared_error: expected a target of the shape of the output, (5, 2), got (5,); "
        "one row per sample and one column per output."
    )
    with pytest.raises(ShapeError):
        nn.sigmoid_cross_entropy(np.zeros(5), np.zeros((5, 1)))


@pytest.mark.parametrize(
    ("shape", "targets", "error", "message"),
    [
        (
            (2, 3),
            np.array([0, 3]),
            InvalidArgumentError,
            "softmax_cross_entropy: expected labels from 0 to 2, the columns of the logits, got "
            "3; renumber them with np.unique(labels, return_inverse=True)[1], or give the model "
            "more outputs.",
        ),
        (
            (2, 3),
            np.array([0.0, 1.0]),
            DtypeError,
            "softmax_cross_entropy: expected integer labels from 0 to 2, got float64; convert "
            "them with labels.astype(int), or text with np.unique(labels, "
            "return_inverse=True)[1].",
        ),
        (
            (2, 3),
            np.array([[1.0, 0.0, 0.0], [0.5, 0.0, 0.0]]),
            InvalidArgumentError,
            "softmax_cross_entropy: expected rows of class probabilities that are not negative "
            "and sum to 1, got [0.5 0.  0. ] in row 1; integer labels of shape (n_samples,) "
            "serve as well.",
        ),
        (
            (2, 3),
            np.array([0, 1, 2]),
            ShapeError,
            "softmax_cross_entropy: expected labels of shape (2,) (integers) or (2, 3) (one-hot) "
            "for logits of shape (2, 3), got (3,); give one label, or one row, per sample.",
        ),
        (
            (2, 1),
            np.array([0, 1]),
            ShapeError,
            "softmax_cross_entropy: expected logits of shape (n_samples, n_classes) with at "
            "least two classes, got (2, 1); for one output per sample use sigmoid_cross_entropy.",
        ),
    ],
)
def test_wrong_labels_are_explained(shape, targets, error, message):
    with pytest.raises(error) as caught:
        nn.softmax_cross_entropy(np.zeros(shape), targets)
    assert caught.value.message == message


def test_binary_labels_are_checked():
    with pytest.raises(InvalidArgumentError) as caught:
        nn.sigmoid_cross_entropy(np.zeros(3), np.array([0, 1, 2]))
    assert caught.value.message == (
        "sigmoid_cross_entropy: expected labels between 0 and 1, got 2; "
        "for more than two classes use softmax_cross_entropy."
    )


def test_unknown_reduction():
    with pytest.raises(InvalidArgumentError) as caught:
        nn.mean_squared_error(np.zeros(1), np.zeros(1), reduction="sum")
    assert caught.value.message == (
        "mean_squared_error: expected reduction 'mean' or 'none', got 'sum'; "
        "'none' returns one number per sample."
    )
