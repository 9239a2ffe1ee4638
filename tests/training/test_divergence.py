"""Runs that stop being finite: epoch, batch and layer are named, finite weights are kept."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np

import chainrule as cr
from chainrule import nn, optim, random
from chainrule.training import FitResult, TrainingState, fit
from chainrule.training.divergence import find_cause
from chainrule.training.epoch import Samples

REMEDY = (
    " A lower learning rate, inputs scaled to about unit variance or smaller initial weights "
    "usually help."
)


def assert_finite(params: Any) -> None:
    assert all(np.isfinite(leaf).all() for leaf in cr.tree.leaves(params))


def diverging_fit(**changes: Any) -> FitResult:
    X = np.random.default_rng(0).normal(size=(20, 2))
    arguments: dict[str, Any] = {
        "model": nn.mlp(random.key(0), (2, 3, 1), activation=nn.identity),
        "loss": nn.mean_squared_error,
        "optimizer": optim.sgd(10.0),
        "X": X,
        "y": X.sum(axis=1),
        "epochs": 50,
        "batch_size": 8,
        "key": random.key(1),
        **changes,
    }
    return fit(**arguments)


def test_growing_weights_end_the_run():
    result = diverging_fit()
    assert result.stopped == "diverged"
    n_finite = len(result.history)
    assert n_finite < 50
    assert np.isfinite(result.history.train_loss).all()
    assert_finite(result.model)
    assert_finite(result.last)
    told = re.match(r"Diverged in epoch (\d+): .*layer [12], Dense\(", result.message)
    assert told
    assert int(told[1]) == n_finite + 1
    assert result.message.endswith("." + REMEDY)


def test_a_first_epoch_that_diverges_keeps_the_initial_weights():
    model = nn.mlp(random.key(0), (2, 3, 1), activation=nn.identity)
    result = diverging_fit(model=model, optimizer=optim.sgd(1e200))
    assert (result.stopped, result.best_epoch, len(result.history)) == ("diverged", 0, 0)
    np.testing.assert_array_equal(result.model.layers[0].kernel, model.layers[0].kernel)
    assert result.message.startswith("Diverged in epoch 1: in batch 2 of 3, ")
    assert "; the initial weights are kept, no epoch having ended." in result.message


def test_the_run_up_to_the_divergence_is_that_of_a_shorter_run():
    result = diverging_fit()
    shorter = diverging_fit(epochs=len(result.history))
    assert shorter.stopped == "completed"
    np.testing.assert_array_equal(result.history.train_loss, shorter.history.train_loss)
    np.testing.assert_array_equal(
        result.last.model.layers[1].kernel, shorter.last.model.layers[1].kernel
    )


def cause(model: Any, X: Any, y: Any, loss: Any = nn.mean_squared_error, rate: float = 1.0) -> str:
    """Return what is found in an epoch that is one full batch."""
    optimizer = optim.sgd(rate)
    state = TrainingState(model, optimizer.init(model), random.key(0))
    with np.errstate(all="ignore"):
        return find_cause(loss, len(X), state, optimizer, Samples(X, y), None)


def dense(kernel: float, activation: Any = nn.identity) -> nn.Dense:
    return nn.Dense(np.array([[kernel]]), np.zeros(1), activation)


ONE, ZERO = np.ones((2, 1)), np.zeros((2, 1))


def test_pre_activations_that_overflow():
    # ReLU of -infinity is 0: the outputs of the layer do not show it.
    model = nn.Sequential((dense(1e200), dense(-1e200, nn.relu), dense(np.nan)))
    assert cause(model, ONE, ZERO) == (
        "in batch 1 of 1, the pre-activations of layer 2, Dense(1 -> 1, relu), were not finite"
    )


def test_outputs_that_are_not_finite():
    @dataclass(frozen=True)
    class Logarithm(nn.Layer):
        scale: Any

        def __call__(self, x: Any, *, key: Any = None, training: bool = False) -> Any:
            return self.scale * np.log(x)

        def __repr__(self) -> str:
            return "Logarithm()"

    model = nn.Sequential((dense(1.0), Logarithm(np.ones(1))))
    assert cause(model, ZERO, ONE) == (
        "in batch 1 of 1, the outputs of layer 2, Logarithm(), were not finite"
    )


def test_a_loss_that_overflows():
    # The square of the error is infinite, its derivative is not.
    found = cause(nn.Sequential((dense(1e160),)), ONE, ZERO, rate=1e-200)
    assert found == (
        "when the training loss was evaluated, the loss was not finite for outputs of layer 1, "
        "Dense(1 -> 1, identity), as large as 1.0e+160"
    )


def test_gradients_that_overflow_on_the_way_back():
    # Outputs of 1e150 and a loss of 1e300, but dC/dW1 = 2e150 * 1e150 * 1e160.
    model = nn.Sequential((dense(1e-160), dense(1e150)))
    found = cause(model, np.full((2, 1), 1e160), ZERO, rate=1e-300)
    assert found == (
        "in batch 1 of 1, the gradient of kernel in layer 1, Dense(1 -> 1, identity), was not "
        "finite"
    )


def test_an_update_that_overflows():
    found = cause(nn.Sequential((dense(0.0),)), ONE, np.full((2, 1), 1e10), rate=1e300)
    assert found == (
        "in batch 1 of 1, the update made kernel in layer 1, Dense(1 -> 1, identity), not finite"
    )


def test_a_model_that_is_no_sequential_is_searched_by_path():
    @dataclass
    class Product:
        w: Any

        def __call__(self, x: Any, *, key: Any = None, training: bool = False) -> Any:
            return x * self.w

    found = cause(Product(np.zeros(1)), ONE, np.full((2, 1), 1e10), rate=1e300)
    assert found == "in batch 1 of 1, the update made w not finite"
    found = cause(Product(np.full(1, 1e200)), np.full((2, 1), 1e200), ZERO)
    assert found == "in batch 1 of 1, the outputs of the model were not finite"
