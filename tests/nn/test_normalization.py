"""Normalizing layers against the papers' formulas, worked numbers and a run by hand."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim, random
from chainrule._errors import DtypeError, InvalidArgumentError, ShapeError
from chainrule.training import fit

X = np.array([[1.0, 2.0], [3.0, -4.0], [8.0, 5.0]])
EPSILON = 1e-5


def batch_norm() -> nn.BatchNorm:
    return nn.BatchNorm(
        scale=np.array([2.0, 0.5]),
        shift=np.array([-1.0, 1.0]),
        mean=np.array([0.5, 0.0]),
        variance=np.array([4.0, 1.0]),
    )


# -- batch normalization -------------------------------------------------------------------------


def test_training_normalizes_by_the_batch():
    layer = batch_norm()
    output = layer(X, training=True)
    mean, variance = X.mean(axis=0), X.var(axis=0)
    expected = layer.scale * (X - mean) / np.sqrt(variance + EPSILON) + layer.shift
    np.testing.assert_allclose(output, expected, rtol=1e-14)
    np.testing.assert_array_equal(output, layer.observe(X)[0])


def test_output_and_gradients_are_those_of_pytorch():
    """Numbers of torch.nn.BatchNorm1d 2.13 in training, for the same scale, shift and upstream."""
    upstream = np.array([[1.0, 2.0], [0.0, -1.0], [3.0, 1.0]])

    def total(layer, x):
        return np.sum(layer(x, training=True) * upstream)

    layer = batch_norm()
    np.testing.assert_allclose(
        layer(X, training=True),
        [
            [-3.038097485635139, 1.133630573231016],
            [-1.6793658285450463, 0.33184713384492004],
            [1.7174633141801854, 1.5345222929240638],
        ],
        rtol=1e-13,
    )
    by_layer, by_x = cr.grad(total, argnums=(0, 1))(layer, X)
    expected = [
        [0.4790391932753244, 0.14317563917498746],
        [-0.6706562815743929, -0.04772532971985736],
        [0.19161708829906868, -0.09545030945513007],
    ]
    np.testing.assert_allclose(by_layer.scale, [3.0571462284527087, 2.9398726110823516], rtol=1e-12)
    np.testing.assert_allclose(by_layer.shift, [4.0, 2.0], rtol=1e-13)
    np.testing.assert_allclose(by_x, expected, rtol=1e-9, atol=1e-12)
    # The running statistics have no part in an output in training.
    np.testing.assert_array_equal(by_layer.mean, [0.0, 0.0])
    np.testing.assert_array_equal(by_layer.variance, [0.0, 0.0])


def test_evaluation_uses_the_running_statistics():
    layer = batch_norm()
    expected = layer.scale * (X - layer.mean) / np.sqrt(layer.variance + EPSILON) + layer.shift
    np.testing.assert_allclose(layer(X), expected, rtol=1e-14)
    np.testing.assert_allclose(layer(X[:1]), expected[:1], rtol=1e-14)


def test_running_statistics_move_towards_those_of_the_batch():
    layer = batch_norm()
    _, after = layer.observe(X)
    np.testing.assert_allclose(after.mean, 0.9 * layer.mean + 0.1 * X.mean(axis=0), rtol=1e-15)
    expected = 0.9 * layer.variance + 0.1 * X.var(axis=0, ddof=1)
    np.testing.assert_allclose(after.variance, expected, rtol=1e-15)
    np.testing.assert_array_equal(layer.mean, [0.5, 0.0])  # the layer given is left alone
    assert after.scale is layer.scale
    _, latest = nn.BatchNorm.init(2, momentum=1.0).observe(X)
    np.testing.assert_allclose(latest.mean, X.mean(axis=0), rtol=1e-15)


def test_all_axes_but_the_last_are_averaged_over():
    layer, x = batch_norm(), np.random.default_rng(0).normal(size=(4, 3, 2))
    flat, after_flat = layer.observe(x.reshape(12, 2))
    output, after = layer.observe(x)
    np.testing.assert_allclose(output.reshape(12, 2), flat, rtol=1e-13)
    np.testing.assert_allclose(after.variance, after_flat.variance, rtol=1e-13)


def test_a_single_row_is_normalized_by_the_running_statistics():
    layer = batch_norm()
    output, after = layer.observe(X[:1])
    np.testing.assert_array_equal(output, layer(X[:1]))
    assert after is layer


def test_gradients_of_batch_norm_are_exact():
    def output(parameters, x):
        return nn.with_parameters(batch_norm(), parameters)(x, training=True)

    cr.testing.check_grads(output, (nn.parameters(batch_norm()), X))


def test_running_statistics_through_a_run_by_hand():
    """Two epochs of two batches each, the statistics carried through the compiled epochs."""
    X, y = np.random.default_rng(1).normal(size=(6, 2)) * 3 + 1, np.zeros((6, 1))
    model = nn.Sequential(
        (nn.BatchNorm.init(2), nn.Dense.init(random.key(0), 2, 1), nn.Dropout(0.2))
    )
    seen = []

    def loss(output, target):
        return nn.mean_squared_error(output, target)

    result = fit(
        model, loss, optim.sgd(0.0), X, y, epochs=2, batch_size=6, key=random.key(1),
        callbacks=[lambda record: seen.append(record.model.layers[0])],
    )  # fmt: skip
    mean, variance = np.zeros(2), np.ones(2)
    for layer in seen:
        mean = 0.9 * mean + 0.1 * X.mean(axis=0)
        variance = 0.9 * variance + 0.1 * X.var(axis=0, ddof=1)
        np.testing.assert_allclose(layer.mean, mean, rtol=1e-13)
        np.testing.assert_allclose(layer.variance, variance, rtol=1e-13)
    np.testing.assert_array_equal(result.last.model.layers[0].scale, [1.0, 1.0])
    # The losses of the history are those of evaluation, by the statistics of the epoch's end.
    last = result.last.model
    np.testing.assert_allclose(
        result.history.train_loss[-1], np.mean((last(X) - y) ** 2), rtol=1e-12
    )


def test_mini_batches_all_count_in_the_running_statistics():
    X = np.arange(10.0)[:, None]
    model = nn.Sequential((nn.BatchNorm.init(1), nn.Dense.init(random.key(0), 1, 1)))
    result = fit(
        model, nn.mean_squared_error, optim.sgd(0.0), X, X, epochs=300, batch_size=4,
        key=random.key(1),
    )  # fmt: skip
    layer = result.last.model.layers[0]
    # Batches of 4, 4 and 2 rows: unbiased, but noisy.
    assert abs(layer.mean[0] - X.mean()) < 2
    assert abs(layer.variance[0] / X.var(ddof=1) - 1) < 0.6


# -- layer normalization -------------------------------------------------------------------------


def test_layer_norm_by_the_formula():
    layer = nn.LayerNorm(scale=np.array([2.0, 0.5, 1.0]), shift=np.array([0.0, 1.0, -1.0]))
    x = np.random.default_rng(2).normal(size=(4, 3)) * 10
    mean, variance = x.mean(axis=1, keepdims=True), x.var(axis=1, keepdims=True)
    expected = layer.scale * (x - mean) / np.sqrt(variance + EPSILON) + layer.shift
    for training in (False, True):
        np.testing.assert_allclose(layer(x, training=training), expected, rtol=1e-13)
    np.testing.assert_allclose(layer(x[1:2]), expected[1:2], rtol=1e-13)
    cr.testing.check_grads(lambda layer, x: layer(x), (layer, x))


# -- standardization -----------------------------------------------------------------------------


def test_standardize_is_fitted_once_and_undone():
    x = np.array([[1.0, 7.0, 0.1], [3.0, 7.0, 0.1], [8.0, 7.0, 0.1]])
    layer = nn.Standardize.fit(x)
    output = layer(x)
    np.testing.assert_allclose(output[:, 0].mean(), 0.0, atol=1e-15)
    np.testing.assert_allclose(output[:, 0].std(), 1.0, rtol=1e-15)
    np.testing.assert_array_equal(output[:, 1:], np.zeros((3, 2)))
    np.testing.assert_allclose(layer.inverse(output), x, rtol=1e-15)
    whole = np.array([[2, 7, 1]])
    np.testing.assert_array_equal(layer(whole), layer(whole.astype(float)))


def test_standardize_is_not_trained():
    X = np.random.default_rng(3).normal(size=(20, 2)) * [100.0, 0.01] + [50.0, 3.0]
    y = X @ [[0.02], [150.0]] - 450.0
    model = nn.Sequential((nn.Standardize.fit(X), nn.Dense.init(random.key(0), 2, 1)))
    result = fit(model, nn.mean_squared_error, optim.adam(0.1), X, y, epochs=400, key=random.key(1))
    layer = result.model.layers[0]
    np.testing.assert_array_equal(layer.mean, X.mean(axis=0))
    np.testing.assert_array_equal(layer.scale, X.std(axis=0))
    # Weights 2 and 1.5 per spread: within reach whatever the units of the inputs are.
    assert result.history.train_loss.min() < 1e-6


def test_inputs_keep_float32():
    layer = nn.Standardize.fit(X)
    assert layer(X.astype(np.float32)).dtype == np.float32
    assert layer.inverse(X.astype(np.float32)).dtype == np.float32
    for made in (nn.BatchNorm.init(2, dtype=np.float32), nn.LayerNorm.init(2, dtype=np.float32)):
        output, after = made.observe(X.astype(np.float32))
        assert output.dtype == np.float32
        assert {leaf.dtype for leaf in cr.tree.leaves(after)} == {np.dtype(np.float32)}


# -- errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "layer", [nn.BatchNorm.init(2), nn.LayerNorm.init(2), nn.Standardize(np.zeros(2), np.ones(2))]
)
def test_widths_that_do_not_fit(layer):
    with pytest.raises(ShapeError) as caught:
        layer(np.zeros((4, 3)))
    assert caught.value.message == (
        f"{type(layer).__name__}(2): expected an input of shape (n_samples, 2), got (4, 3); the "
        "layer was made for 2 features per sample."
    )


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda: nn.BatchNorm.init(2, momentum=0.0),
            InvalidArgumentError,
            "BatchNorm.init: momentum: expected a number above 0 and up to 1, got 0.0; it is the "
            "share of the newest batch.",
        ),
        (
            lambda: nn.BatchNorm.init(2, epsilon=0.0),
            InvalidArgumentError,
            "BatchNorm.init: epsilon: expected a number above 0, finite, got 0.0.",
        ),
        (
            lambda: nn.LayerNorm.init(0),
            InvalidArgumentError,
            "LayerNorm.init: n_features: expected an integer of at least 1, got 0; a layer needs a "
            "unit.",
        ),
        (
            lambda: nn.LayerNorm.init(2, dtype=int),
            DtypeError,
            "LayerNorm.init: expected a float dtype such as np.float32, got int64; only floats can "
            "be trained.",
        ),
        (
            lambda: nn.Standardize.fit(np.zeros(3)),
            ShapeError,
            "Standardize.fit: expected an array of shape (n_samples, n_features) with at least one "
            "sample, got (3,); a single feature is a column, X[:, None].",
        ),
        (
            lambda: nn.Standardize.fit([[1.0, 2.0], [1.0, np.nan]]),
            InvalidArgumentError,
            "Standardize.fit: expected features whose mean and spread are finite in float64 and "
            "whose spread is above 0, got nan and nan in column 1; fill in what is missing and "
            "choose a sensible unit first.",
        ),
    ],
)
def test_bad_settings(make, error, message):
    with pytest.raises(error) as caught:
        make()
    assert caught.value.message == message
