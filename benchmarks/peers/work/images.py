"""A network for images, 784-512-256-10, ReLU, trained by Adam in batches of 128 of 60,000 rows.

The images are random numbers and their labels what a random linear map makes of them: arithmetic
does not mind. One epoch a run. Everybody is given the same shuffled order.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from benchmarks.peers.row import Faster, NearLimit, Row, dense_products, training_flops

WIDTHS = (784, 512, 256, 10)
SAMPLES, BATCH = 60_000, 128
STEPS = SAMPLES // BATCH
RATE, BETA_1, BETA_2, EPSILON = 1e-3, 0.9, 0.999, 1e-8


def problem(dtype: Any) -> tuple[Any, ...]:
    """Return images, labels, an order of rows in batches, and the first weights."""
    rng = np.random.default_rng(0)
    X = rng.random((SAMPLES, WIDTHS[0]), np.float32).astype(dtype, copy=False)
    X -= 0.5
    y = (X @ rng.normal(size=(WIDTHS[0], WIDTHS[-1])).astype(dtype)).argmax(axis=1)
    order = rng.permutation(SAMPLES)[: STEPS * BATCH].reshape(STEPS, BATCH)
    return X, y, order, first_weights(rng, dtype)


def first_weights(rng: np.random.Generator, dtype: Any) -> tuple[Any, ...]:
    """Return kernels and biases, layer by layer."""
    weights = []
    for fan_in, fan_out in pairwise(WIDTHS):
        kernel = rng.normal(size=(fan_in, fan_out)) * np.sqrt(2.0 / fan_in)
        weights += [kernel.astype(dtype), np.zeros(fan_out, dtype)]
    return tuple(weights)


def training_run() -> Callable[..., Any]:
    """Return the whole run as a function of weights, images, labels and order, to be compiled."""
    import chainrule as cr

    optimizer = cr.optim.adam(RATE, BETA_1, BETA_2, EPSILON)

    def loss(params: Any, X: Any, y: Any) -> Any:
        w1, b1, w2, b2, w3, b3 = params
        z = np.maximum(np.maximum(X @ w1 + b1, 0.0) @ w2 + b2, 0.0) @ w3 + b3
        return -np.mean(cr.special.log_softmax(z, axis=1)[np.arange(len(y)), y])

    def run(params: Any, X: Any, y: Any, order: Any) -> Any:
        def step(carry: Any, rows: Any) -> Any:
            params, state = carry
            value, gradient = cr.value_and_grad(loss)(params, X[rows], y[rows])
            return optimizer.update(gradient, state, params), value

        return cr.scan(step, (params, optimizer.init(params)), order)

    return run


def chainrule(X: Any, y: Any, order: Any, weights: Any) -> Callable[[], Any]:
    import chainrule as cr

    run = cr.compile(training_run())
    return lambda: seen(run(weights, X, y, order)[1])


def jax(X: Any, y: Any, order: Any, weights: Any) -> Callable[[], Any]:
    import jax
    import jax.numpy as jnp

    def loss(params: Any, X: Any, y: Any) -> Any:
        w1, b1, w2, b2, w3, b3 = params
        z = jax.nn.relu(jax.nn.relu(X @ w1 + b1) @ w2 + b2) @ w3 + b3
        return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(z), y[:, None], axis=1))

    @jax.jit
    def run(params: Any, X: Any, y: Any, order: Any) -> Any:
        def step(carry: Any, rows: Any) -> Any:
            params, means, squares, count = carry
            value, gradient = jax.value_and_grad(loss)(params, X[rows], y[rows])
            count += 1
            means = jax.tree.map(lambda m, g: BETA_1 * m + (1 - BETA_1) * g, means, gradient)
            squares = jax.tree.map(lambda v, g: BETA_2 * v + (1 - BETA_2) * g**2, squares, gradient)
            mean_weight, square_weight = 1 - BETA_1**count, 1 - BETA_2**count
            params = jax.tree.map(
                lambda p, m, v: (
                    p - RATE * (m / mean_weight) / (jnp.sqrt(v / square_weight) + EPSILON)
                ),
                params,
                means,
                squares,
            )
            return (params, means, squares, count), value

        zeros = jax.tree.map(jnp.zeros_like, params)
        return jax.lax.scan(step, (params, zeros, zeros, jnp.zeros((), X.dtype)), order)

    X, y, order, weights = jax.device_put((X, y, order, weights))
    return lambda: seen(np.asarray(run(weights, X, y, order)[1]))


def torch_eager(X: Any, y: Any, order: Any, weights: Any) -> Callable[[], Any]:
    return _torch(X, y, order, weights, compiled=False)


def torch_compiled(X: Any, y: Any, order: Any, weights: Any) -> Callable[[], Any]:
    return _torch(X, y, order, weights, compiled=True)


def _torch(X: Any, y: Any, order: Any, weights: Any, compiled: bool) -> Callable[[], Any]:
    import torch

    X, y, order = map(torch.from_numpy, (X, y, order))
    layers = [torch.nn.Linear(a, b) for a, b in pairwise(WIDTHS)]
    relu = torch.nn.ReLU()
    model = torch.nn.Sequential(layers[0], relu, layers[1], relu, layers[2]).to(X.dtype)
    cross_entropy = torch.nn.CrossEntropyLoss()

    def loss(X: Any, y: Any) -> Any:
        return cross_entropy(model(X), y)

    if compiled:
        loss = torch.compile(loss, dynamic=False)

    def run() -> Any:
        with torch.no_grad():
            for parameter, value in zip(model.parameters(), weights, strict=True):
                parameter.copy_(torch.from_numpy(value.T))  # PyTorch's kernels are (out, in)
        optimizer = torch.optim.Adam(
            model.parameters(), lr=RATE, betas=(BETA_1, BETA_2), eps=EPSILON, fused=True
        )
        losses = torch.empty(STEPS, dtype=X.dtype)
        for number, rows in enumerate(order):
            optimizer.zero_grad(set_to_none=True)
            value = loss(X[rows], y[rows])
            value.backward()
            optimizer.step()
            losses[number] = value.detach()
        return seen(losses)

    return run


def seen(losses: Any) -> tuple[Any, Any]:
    """Return what peers must agree on: later losses depend on the last bits of early ones."""
    return losses.mean(), losses[:20]


ROWS = {
    "images": Row(
        title="Network 784-512-256-10, ReLU, Adam, batch 128: an epoch of 60,000 rows",
        problem=problem,
        peers={
            "chainrule": chainrule,
            "JAX, one jitted scan": jax,
            "PyTorch, eager": torch_eager,
            "PyTorch, compiled": torch_compiled,
        },
        tolerance=0.01,
        targets={"float32": (Faster(1.2, ("JAX",)), NearLimit(1.3))},
        # Of a unit: bias and ReLU, forward and backward. Of a parameter: Adam's.
        flops=STEPS * training_flops(BATCH, WIDTHS, 3, 13),
        numbers_read=STEPS * BATCH * WIDTHS[0],
        products=dense_products(BATCH, WIDTHS),
        notes="Value: the mean of the losses of all batches.",
    )
}
