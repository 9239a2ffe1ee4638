"""Logistic regression on 100,000 rows of 100 features: full batch, and mini-batches of 100.

scikit-learn is left out because it does not do this arithmetic: `LogisticRegression` runs L-BFGS
or Newton's method to convergence, and `SGDClassifier` takes a step for every single row.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.peers.row import Faster, Row

SAMPLES, FEATURES = 100_000, 100
STEPS, ETA = 50, 1.0
BATCH, EPOCHS, BATCH_ETA = 100, 2, 0.1


def problem(dtype: Any) -> tuple[Any, ...]:
    """Return features, labels 0 and 1 as floats, and the order of rows, batch by batch."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((SAMPLES, FEATURES), np.float32).astype(dtype, copy=False)
    noise = rng.logistic(size=SAMPLES)
    y = (X @ rng.normal(size=FEATURES) + noise > 0).astype(dtype)
    order = np.stack([rng.permutation(SAMPLES) for _ in range(EPOCHS)]).reshape(-1, BATCH)
    return X, y, order


def chainrule_full(X: Any, y: Any, order: Any) -> Callable[[], Any]:
    import chainrule as cr

    loss = _loss_in_chainrule()

    @cr.compile
    def run(params: Any, X: Any, y: Any) -> Any:
        def step(params: Any, _: None) -> Any:
            gradient = cr.grad(loss)(params, X, y)
            return cr.tree.map(lambda p, g: p - ETA * g, params, gradient), None

        params, _ = cr.scan(step, params, None, length=STEPS)
        return loss(params, X, y), params

    first = np.zeros(FEATURES, X.dtype), np.zeros((), X.dtype)
    return lambda: _flat(run(first, X, y))


def chainrule_batches(X: Any, y: Any, order: Any) -> Callable[[], Any]:
    import chainrule as cr

    loss = _loss_in_chainrule()

    @cr.compile
    def run(params: Any, X: Any, y: Any, order: Any) -> Any:
        def step(params: Any, rows: Any) -> Any:
            gradient = cr.grad(loss)(params, X[rows], y[rows])
            return cr.tree.map(lambda p, g: p - BATCH_ETA * g, params, gradient), None

        params, _ = cr.scan(step, params, order)
        return loss(params, X, y), params

    first = np.zeros(FEATURES, X.dtype), np.zeros((), X.dtype)
    return lambda: _flat(run(first, X, y, order))


def _loss_in_chainrule() -> Callable[[Any, Any, Any], Any]:
    from chainrule import nn

    def loss(params: Any, X: Any, y: Any) -> Any:
        w, b = params
        return nn.sigmoid_cross_entropy(X @ w + b, y)

    return loss


def jax_full(X: Any, y: Any, order: Any) -> Callable[[], Any]:
    import jax
    import jax.numpy as jnp

    loss = _loss_in_jax()

    @jax.jit
    def run(params: Any, X: Any, y: Any) -> Any:
        def step(params: Any, _: None) -> Any:
            gradient = jax.grad(loss)(params, X, y)
            return jax.tree.map(lambda p, g: p - ETA * g, params, gradient), None

        params, _ = jax.lax.scan(step, params, None, length=STEPS)
        return loss(params, X, y), params

    X, y = jax.device_put((X, y))
    first = jnp.zeros(FEATURES, X.dtype), jnp.zeros((), X.dtype)
    return lambda: _flat(run(first, X, y))


def jax_batches(X: Any, y: Any, order: Any) -> Callable[[], Any]:
    import jax
    import jax.numpy as jnp

    loss = _loss_in_jax()

    @jax.jit
    def run(params: Any, X: Any, y: Any, order: Any) -> Any:
        def step(params: Any, rows: Any) -> Any:
            gradient = jax.grad(loss)(params, X[rows], y[rows])
            return jax.tree.map(lambda p, g: p - BATCH_ETA * g, params, gradient), None

        params, _ = jax.lax.scan(step, params, order)
        return loss(params, X, y), params

    X, y, order = jax.device_put((X, y, order))
    first = jnp.zeros(FEATURES, X.dtype), jnp.zeros((), X.dtype)
    return lambda: _flat(run(first, X, y, order))


def _loss_in_jax() -> Callable[[Any, Any, Any], Any]:
    import jax
    import jax.numpy as jnp

    def loss(params: Any, X: Any, y: Any) -> Any:
        w, b = params
        z = X @ w + b
        return jnp.mean(jax.nn.softplus(z) - y * z)

    return loss


def torch_full_eager(X: Any, y: Any, order: Any) -> Callable[[], Any]:
    return _torch(X, y, [slice(None)] * STEPS, ETA, compiled=False)


def torch_full_compiled(X: Any, y: Any, order: Any) -> Callable[[], Any]:
    return _torch(X, y, [slice(None)] * STEPS, ETA, compiled=True)


def torch_batches_eager(X: Any, y: Any, order: Any) -> Callable[[], Any]:
    return _torch(X, y, order, BATCH_ETA, compiled=False)


def torch_batches_compiled(X: Any, y: Any, order: Any) -> Callable[[], Any]:
    return _torch(X, y, order, BATCH_ETA, compiled=True)


def _torch(X: Any, y: Any, batches: Any, eta: float, compiled: bool) -> Callable[[], Any]:
    import torch

    X, y = torch.from_numpy(X), torch.from_numpy(y)
    batches = torch.from_numpy(batches) if isinstance(batches, np.ndarray) else batches
    w = torch.zeros(FEATURES, dtype=X.dtype, requires_grad=True)
    b = torch.zeros((), dtype=X.dtype, requires_grad=True)
    cross_entropy = torch.nn.BCEWithLogitsLoss()

    def loss(X: Any, y: Any) -> Any:
        return cross_entropy(X @ w + b, y)

    if compiled:
        loss = torch.compile(loss, dynamic=False)

    def run() -> Any:
        with torch.no_grad():
            w.zero_()
            b.zero_()
        optimizer = torch.optim.SGD([w, b], lr=eta, fused=True)
        for rows in batches:
            optimizer.zero_grad(set_to_none=True)
            loss(X[rows], y[rows]).backward()
            optimizer.step()
        with torch.no_grad():
            return _flat((loss(X, y), (w, b)))

    return run


def numpy_full(X: Any, y: Any, order: Any) -> Callable[[], Any]:
    step = StepByHand(SAMPLES, X.dtype)

    def run() -> Any:
        w, b = np.zeros(FEATURES, X.dtype), np.zeros((), X.dtype)
        for _ in range(STEPS):
            step(w, b, X, y, ETA)
        return _flat((_loss_by_hand(w, b, X, y), (w, b)))

    return run


def numpy_batches(X: Any, y: Any, order: Any) -> Callable[[], Any]:
    step, rows_of_batch = StepByHand(BATCH, X.dtype), np.empty((BATCH, FEATURES), X.dtype)

    def run() -> Any:
        w, b = np.zeros(FEATURES, X.dtype), np.zeros((), X.dtype)
        for rows in order:
            X.take(rows, axis=0, out=rows_of_batch, mode="clip")  # mode "raise" makes a copy
            step(w, b, rows_of_batch, y[rows], BATCH_ETA)
        return _flat((_loss_by_hand(w, b, X, y), (w, b)))

    return run


class StepByHand:
    """A step of gradient descent in place, with arrays that are used again in every step."""

    def __init__(self, rows: int, dtype: Any) -> None:
        self._residual = np.empty(rows, dtype)
        self._gradient = np.empty(FEATURES, dtype)

    def __call__(self, w: Any, b: Any, X: Any, y: Any, eta: float) -> None:
        r, gradient = self._residual, self._gradient
        np.matmul(X, w, out=r)
        r += b
        np.negative(r, out=r)
        np.exp(r, out=r)
        r += 1.0
        np.reciprocal(r, out=r)
        r -= y
        np.matmul(r, X, out=gradient)
        gradient *= eta / len(X)
        w -= gradient
        b -= r.sum() * (eta / len(X))


def _loss_by_hand(w: Any, b: Any, X: Any, y: Any) -> Any:
    z = X @ w + b
    return np.mean(np.logaddexp(0, z) - y * z)


def _flat(result: Any) -> tuple[Any, ...]:
    """Return loss, weights and bias as NumPy arrays."""
    loss, (w, b) = result
    return np.asarray(loss), *(
        np.asarray(p.detach() if hasattr(p, "detach") else p) for p in (w, b)
    )


_ALL = ("JAX", "NumPy", "PyTorch")
_PASSES = 4.0 * SAMPLES * FEATURES  # X times w, and its transpose times the residuals
_NOTES = (
    "Values: the last loss and the weights. scikit-learn's estimators do other arithmetic: L-BFGS "
    "to convergence, or a step for every row."
)

ROWS = {
    "logistic": Row(
        title=f"Logistic regression, 100,000 x 100: {STEPS} steps of full-batch gradient descent",
        problem=problem,
        peers={
            "chainrule": chainrule_full,
            "JAX, one jitted scan": jax_full,
            "NumPy, by hand": numpy_full,
            "PyTorch, eager": torch_full_eager,
            "PyTorch, compiled": torch_full_compiled,
        },
        tolerance=1e-3,
        targets={"float32": (Faster(1.0, _ALL),)},
        flops=STEPS * _PASSES,
        numbers_read=(STEPS + 1) * SAMPLES * FEATURES,
        notes=f"{_NOTES} The limit reads the features once a step.",
    ),
    "logistic-batches": Row(
        title=f"Logistic regression, 100,000 x 100: {EPOCHS} epochs in batches of {BATCH}",
        problem=problem,
        peers={
            "chainrule": chainrule_batches,
            "JAX, one jitted scan": jax_batches,
            "NumPy, by hand": numpy_batches,
            "PyTorch, eager": torch_batches_eager,
            "PyTorch, compiled": torch_batches_compiled,
        },
        tolerance=1e-3,
        targets={"float32": (Faster(1.0, _ALL),)},
        flops=EPOCHS * _PASSES,
        numbers_read=(EPOCHS + 1) * SAMPLES * FEATURES,
        notes=_NOTES,
    ),
}
