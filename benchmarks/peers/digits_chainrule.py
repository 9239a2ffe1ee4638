"""The digits, the whole run as one compiled function of this library."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from serve import BATCH, EPOCHS, ETA, ROWS, STRENGTH, digits, first_weights, serve

import chainrule as cr


def loss(params: Any, X: Any, y: Any) -> Any:
    """Return the mean cross-entropy and the penalty."""
    w1, b1, w2, b2 = params
    z = cr.special.expit(X @ w1 + b1) @ w2 + b2
    picked = cr.special.log_softmax(z, axis=1)[np.arange(len(y)), y]
    return -np.mean(picked) + STRENGTH / 2 * (np.sum(w1**2) + np.sum(w2**2))


@cr.compile
def run(params: Any, X: Any, y: Any, key: Any) -> Any:
    """Train for all epochs."""

    def step(params: Any, rows: Any) -> Any:
        gradient = cr.grad(loss)(params, X[rows], y[rows])
        return cr.tree.map(lambda p, g: p - ETA * g, params, gradient), None

    def epoch(params: Any, key: Any) -> Any:
        rows = cr.random.permutation(key, ROWS).reshape(-1, BATCH)
        params, _ = cr.scan(step, params, rows)
        return params, loss(params, X, y)

    return cr.scan(epoch, params, cr.random.split(key, EPOCHS))


def train(dtype: str) -> Callable[[], float]:
    """Return a function that does one run and returns its last loss."""
    (X, y), params, key = digits(dtype), tuple(first_weights(dtype)), cr.random.key(0)
    return lambda: float(run(params, X, y, key)[1][-1])


if __name__ == "__main__":
    serve(train)
