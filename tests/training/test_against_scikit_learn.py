"""Whole runs against scikit-learn's multi-layer perceptron, from equal initial weights."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor

from chainrule import nn, optim, random
from chainrule.training import fit

N, EPOCHS, ALPHA = 40, 25, 0.7


def peer(kind: Any, X: Any, y: Any, sample_weight: Any = None, **settings: Any) -> Any:
    """Fit scikit-learn's estimator by full-batch steps in the given order."""
    common: dict[str, Any] = {
        "hidden_layer_sizes": (5, 4),
        "batch_size": N,
        "shuffle": False,
        "alpha": ALPHA,
        "random_state": 0,
        "n_iter_no_change": 10_000,
        "nesterovs_momentum": False,
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return kind(**{**common, **settings}).fit(X, y, sample_weight=sample_weight)


def as_model(estimator: Any, activation: Any) -> nn.Sequential:
    pairs = list(zip(estimator.coefs_, estimator.intercepts_, strict=True))
    activations = [activation] * (len(pairs) - 1) + [nn.identity]
    return nn.Sequential(
        tuple(nn.Dense(w, b, f) for (w, b), f in zip(pairs, activations, strict=True))
    )


@pytest.mark.parametrize(
    ("solver", "settings", "optimizer"),
    [
        ("sgd", {"learning_rate_init": 0.1, "momentum": 0.0}, optim.sgd(0.1)),
        ("sgd", {"learning_rate_init": 0.1, "momentum": 0.8}, optim.momentum(0.1, beta=0.8)),
        (
            "sgd",
            {"learning_rate_init": 0.1, "momentum": 0.8, "nesterovs_momentum": True},
            optim.nesterov(0.1, beta=0.8),
        ),
        # Adam's epsilon stands in different places, so it is made too small to matter.
        ("adam", {"learning_rate_init": 0.01, "epsilon": 1e-14}, optim.adam(0.01, epsilon=1e-14)),
    ],
    ids=["sgd", "momentum", "nesterov", "adam"],
)
@pytest.mark.parametrize(
    ("kind", "classes", "loss"),
    [
        (MLPClassifier, 3, nn.softmax_cross_entropy),
        (MLPClassifier, 2, nn.sigmoid_cross_entropy),
        (MLPRegressor, 0, nn.half_squared_error),
    ],
    ids=["softmax", "sigmoid", "squared"],
)
@pytest.mark.parametrize(
    ("name", "activation"), [("logistic", nn.sigmoid), ("tanh", nn.tanh), ("relu", nn.relu)]
)
def test_same_weights_after_a_run(
    solver, settings, optimizer, kind, classes, loss, name, activation
):
    generator = np.random.default_rng(1)
    X = generator.normal(size=(N, 6))
    y = np.arange(N) % classes if classes else generator.normal(size=N)
    settings = {**settings, "solver": solver, "activation": name}

    # A run that moves nothing gives the initial weights, as the seed decides them.
    start = peer(kind, X, y, **{**settings, "learning_rate_init": 1e-300, "max_iter": 1})
    end = peer(kind, X, y, **settings, max_iter=EPOCHS)
    result = fit(
        as_model(start, activation),
        loss,
        optimizer,
        X,
        y,
        epochs=EPOCHS,
        key=random.key(0),
        l2=ALPHA / N,
    )
    for layer, w, b in zip(result.last.model.layers, end.coefs_, end.intercepts_, strict=True):
        np.testing.assert_allclose(layer.kernel, w, rtol=1e-8, atol=1e-10)
        np.testing.assert_allclose(layer.bias, b, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("n_outputs", [1, 3])
def test_same_weights_with_weights_of_samples_and_several_outputs(n_outputs):
    generator = np.random.default_rng(2)
    X, y = generator.normal(size=(N, 6)), generator.normal(size=(N, n_outputs))
    weight = generator.uniform(0.1, 3.0, N)
    settings = {"solver": "sgd", "momentum": 0.0, "activation": "tanh", "alpha": 0.0}
    targets = y[:, 0] if n_outputs == 1 else y

    start = peer(MLPRegressor, X, targets, **settings, learning_rate_init=1e-300, max_iter=1)
    end = peer(
        MLPRegressor, X, targets, weight, **settings, learning_rate_init=0.1, max_iter=EPOCHS
    )
    result = fit(
        as_model(start, nn.tanh),
        nn.half_squared_error,
        optim.sgd(0.1),
        X,
        targets,
        epochs=EPOCHS,
        key=random.key(0),
        sample_weight=weight,
    )
    for layer, w, b in zip(result.last.model.layers, end.coefs_, end.intercepts_, strict=True):
        np.testing.assert_allclose(layer.kernel, w, rtol=1e-8, atol=1e-10)
        np.testing.assert_allclose(layer.bias, b, rtol=1e-8, atol=1e-10)
