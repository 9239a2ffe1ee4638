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


def peer(kind: Any, X: Any, y: Any, **settings: Any) -> Any:
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
        return kind(**{**common, **settings}).fit(X, y)


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
        # Adam's epsilon stands in different places, so it is made too small to matter.
        ("adam", {"learning_rate_init": 0.01, "epsilon": 1e-14}, optim.adam(0.01, epsilon=1e-14)),
    ],
    ids=["sgd", "momentum", "adam"],
)
@pytest.mark.parametrize(
    ("kind", "classes", "loss"),
    [
        (MLPClassifier, 3, nn.softmax_cross_entropy),
        (MLPClassifier, 2, nn.sigmoid_cross_entropy),
        (MLPRegressor, 0, lambda a, y: nn.mean_squared_error(a, y) / 2),
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
