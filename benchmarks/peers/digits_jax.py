"""The digits in JAX, the whole run as one jitted scan of scans."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from serve import BATCH, EPOCHS, ETA, ROWS, STRENGTH, digits, first_weights, serve


def loss(params: Any, X: Any, y: Any) -> Any:
    """Return the mean cross-entropy and the penalty."""
    w1, b1, w2, b2 = params
    z = jax.nn.sigmoid(X @ w1 + b1) @ w2 + b2
    picked = jnp.take_along_axis(jax.nn.log_softmax(z), y[:, None], axis=1)
    return -jnp.mean(picked) + STRENGTH / 2 * (jnp.sum(w1**2) + jnp.sum(w2**2))


@jax.jit
def run(params: Any, X: Any, y: Any, key: Any) -> Any:
    """Train for all epochs."""

    def step(params: Any, rows: Any) -> Any:
        gradient = jax.grad(loss)(params, X[rows], y[rows])
        return jax.tree.map(lambda p, g: p - ETA * g, params, gradient), None

    def epoch(params: Any, key: Any) -> Any:
        rows = jax.random.permutation(key, ROWS).reshape(-1, BATCH)
        params, _ = jax.lax.scan(step, params, rows)
        return params, loss(params, X, y)

    return jax.lax.scan(epoch, params, jax.random.split(key, EPOCHS))


def train(dtype: str) -> Callable[[], float]:
    """Return a function that does one run and returns its last loss."""
    jax.config.update("jax_enable_x64", dtype == "float64")
    X, y = map(jnp.asarray, digits(dtype))
    params, key = tuple(map(jnp.asarray, first_weights(dtype))), jax.random.key(0)
    return lambda: float(run(params, X, y, key)[1][-1])


if __name__ == "__main__":
    serve(train)
