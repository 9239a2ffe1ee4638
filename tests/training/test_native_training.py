"""Whole epochs as machine code, of every kind of layer, loss and optimizer, as interpreted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim, random
from chainrule.training import TrainingState
from chainrule.training.epoch import Samples, run_epoch

GENERATOR = np.random.default_rng(0)
X = GENERATOR.normal(size=(26, 4))
Y = GENERATOR.normal(size=(26, 2))
WEIGHT = GENERATOR.uniform(0.5, 2.0, 26)

# What each loss takes for outputs (26, 2).
TARGETS: dict[str, Any] = {
    **dict.fromkeys(nn.LOSSES, Y),
    "gaussian_loss": Y[:, 0],
    "hinge_loss": Y > 0,
    "perceptron_loss": Y > 0,
    "poisson_loss": np.floor(np.abs(3 * Y)),
    "sigmoid_cross_entropy": Y > 0,
    "softmax_cross_entropy": (Y[:, 0] > 0).astype(int),
}

OPTIMIZERS = {
    "sgd": optim.sgd(optim.schedules.warm_up(optim.schedules.cosine(0.1, steps=9), steps=3)),
    "nesterov": optim.chain(optim.l1(0.01), optim.clip_by_value(0.5), optim.nesterov(0.05)),
    "momentum": optim.momentum(optim.schedules.step(0.1, every=2)),
    "adagrad": optim.adagrad(optim.schedules.inverse_scaling(0.1)),
    "rmsprop": optim.rmsprop(optim.schedules.exponential(0.01, factor=0.5)),
    "adam": optim.max_norm(optim.adam(optim.schedules.one_cycle(0.05, steps=9)), 0.8),
    "adamw": optim.chain(optim.clip_by_global_norm(0.3), optim.adamw(0.05)),
    "rprop": optim.rprop(),
}


def network(**settings: Any) -> nn.Sequential:
    return nn.mlp(random.key(0), (4, 6, 6, 2), **settings)


def assert_equal_epochs(model: Any, loss: Any, optimizer: Any, y: Any, batch_size: int = 8) -> None:
    """Compare two epochs natively with the same interpreted."""

    def epoch(state: Any, optimizer: Any, train: Any) -> Any:
        return run_epoch(loss, batch_size, state, optimizer, train, None)

    outcomes = []
    for engine in ("interpreter", "native"):
        compiled = cr.compile(epoch, engine=engine)
        state = TrainingState.start(model, optimizer, random.key(1))
        for _ in range(2):
            outcome = compiled(state, optimizer, Samples(X, y, WEIGHT))
            state = outcome.state
        assert outcome.finite
        outcomes.append(outcome)
    for mine, theirs in zip(*map(cr.tree.leaves, outcomes), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("loss", sorted(nn.LOSSES))
def test_losses(loss):
    assert_equal_epochs(network(), nn.LOSSES[loss], optim.sgd(0.05), TARGETS[loss])


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_optimizers(name):
    batch_size = 26 if name == "rprop" else 8
    assert_equal_epochs(network(), nn.mean_squared_error, OPTIMIZERS[name], Y, batch_size)


@pytest.mark.parametrize("name", sorted(set(nn.ACTIVATIONS) - {"step", "softmax", "log_softmax"}))
def test_activations(name):
    model = network(activation=nn.ACTIVATIONS[name])
    assert_equal_epochs(model, nn.mean_squared_error, optim.sgd(0.05), Y)


@pytest.mark.parametrize("normalization", ["batch", "layer"])
def test_layers(normalization):
    model = network(
        activation=nn.silu, normalization=normalization, input_dropout=0.1, dropout=0.3,
        residual=True, l1=0.01, l2=0.1,
    )  # fmt: skip
    model = nn.Sequential((nn.Standardize.fit(X), *model.layers))
    # Biases in front of a batch normalization have no effect: Adam would blow up their rounding.
    assert_equal_epochs(model, nn.half_squared_error, optim.momentum(0.01), Y)
