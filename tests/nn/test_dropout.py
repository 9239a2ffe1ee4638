"""Dropout: what it leaves out, when, and that it is seeded."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim, random
from chainrule._errors import InvalidArgumentError
from chainrule.training import fit

ONES = np.ones((200, 50))


@pytest.mark.parametrize("rate", [0.2, 0.5, 0.9])
def test_the_rate_is_the_share_left_out_and_the_mean_is_kept(rate):
    output = nn.Dropout(rate)(ONES, key=random.key(0), training=True)
    dropped = output == 0
    deviation = np.sqrt(rate * (1 - rate) / ONES.size)
    assert abs(dropped.mean() - rate) < 5 * deviation
    np.testing.assert_allclose(output[~dropped], 1 / (1 - rate), rtol=1e-15)
    # Units of a sample, and samples, are dropped independently of each other.
    assert abs(np.mean(dropped[1:] & dropped[:-1]) - rate**2) < 5 * deviation
    assert abs(np.mean(dropped[:, 1:] & dropped[:, :-1]) - rate**2) < 5 * deviation


def test_evaluation_is_the_identity():
    x = np.random.default_rng(0).normal(size=(3, 2))
    assert nn.Dropout(0.5)(x) is x
    assert nn.Dropout(0.5)(x, key=random.key(0)) is x


def test_the_key_decides():
    layer = nn.Dropout(0.5)
    first = layer(ONES, key=random.key(1), training=True)
    np.testing.assert_array_equal(first, layer(ONES, key=random.key(1), training=True))
    assert not np.array_equal(first, layer(ONES, key=random.key(2), training=True))


def test_rate_zero_leaves_nothing_out():
    np.testing.assert_array_equal(nn.Dropout(0.0)(ONES, key=random.key(0), training=True), ONES)


def test_the_gradient_passes_where_the_output_did():
    layer, key = nn.Dropout(0.5), random.key(3)
    gradient = cr.grad(lambda x: np.sum(layer(x, key=key, training=True)))(ONES)
    np.testing.assert_array_equal(gradient, layer(ONES, key=key, training=True))
    x = np.random.default_rng(1).normal(size=(4, 3))
    cr.testing.check_grads(lambda x: layer(x, key=key, training=True), (x,))


@pytest.mark.parametrize("rate", [0.5, np.float64(0.5), np.array(0.5)])
def test_float32_stays_float32(rate):
    output = nn.Dropout(rate)(ONES.astype(np.float32), key=random.key(0), training=True)
    assert output.dtype == np.float32


def test_another_rate_needs_no_new_program():
    compiled = cr.compile(
        lambda layer, x, key: layer(x, key=key, training=True), engine="interpreter"
    )
    for rate in (0.1, 0.8):
        output = compiled(nn.Dropout(rate), ONES, random.key(0))
        np.testing.assert_allclose(output.max(), 1 / (1 - rate), rtol=1e-15)
    assert compiled.num_traces == 1


def test_every_step_of_a_run_drops_others():
    """A step of rate 1 along the gradient of a linear cost shows which inputs were dropped."""
    model = nn.Sequential((nn.Dropout(0.5), nn.Dense(np.zeros((40, 1)), np.zeros(1))))
    moves = []
    before = [model.layers[1].kernel]

    def keep(record):
        moves.append(record.model.layers[1].kernel - before[0])
        before[0] = record.model.layers[1].kernel

    fit(
        model,
        lambda output, target: np.mean(output),
        optim.sgd(1.0),
        np.ones((1, 40)),
        np.zeros((1, 1)),
        epochs=5,
        key=random.key(0),
        callbacks=[keep],
    )
    patterns = np.array(moves)[:, :, 0]
    assert set(patterns.ravel()) == {0.0, -2.0}
    assert len(np.unique(patterns, axis=0)) == 5


@pytest.mark.parametrize("rate", [-0.1, 1.0, 2.0, np.nan])
def test_rates_are_checked(rate):
    with pytest.raises(InvalidArgumentError) as caught:
        nn.Dropout(rate)
    assert caught.value.message == (
        f"Dropout: rate: expected a number of at least 0 and below 1, got {rate}; it is the share "
        "of units that are left out."
    )


def test_a_missing_key_is_missed():
    model = nn.Sequential((nn.Dropout(0.5),))
    with pytest.raises(InvalidArgumentError) as caught:
        model(ONES, training=True)
    assert caught.value.message == (
        "layer 1 of 1: Dropout(0.5): expected a random key in training, got None; call the model "
        "with one, as in model(x, key=random.key(0), training=True)."
    )
