"""A grid of 7 x 7 learning rates and penalties for the digits network, 64-50-10.

Every cell trains the network of `benchmarks.peers.work.digits` for 100 epochs from one seed on four
fifths of the rows, in batches of 100 with the 37 that are left over as a smaller one, and is scored
on the others. Searches do that on both cores. JAX has no search; what its users write is one
function for a whole training run, which is either batched over the cells or called for each.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from benchmarks.peers.row import Faster, Row, dense_products, training_flops_of_epoch
from benchmarks.peers.work.digits import BATCH, DIGITS, EPOCHS, WIDTHS

POINTS = 7
DECADES = np.geomspace(1e-5, 10.0, POINTS)
HELD_OUT = 360  # a fifth
TRAINED_WITH = 1797 - HELD_OUT
CORES = 2

SETTINGS: dict[str, Any] = {
    "hidden_layer_sizes": WIDTHS[1:-1],
    "activation": "logistic",
    "solver": "sgd",
    "momentum": 0.0,
    "batch_size": BATCH,
    "max_iter": EPOCHS,
    "tol": 0.0,
    "n_iter_no_change": EPOCHS,  # no early end
    "random_state": 0,
}


def problem(dtype: Any) -> tuple[Any, ...]:
    """Return inputs between 0 and 1, labels, and the rows to train with and held out."""
    with np.load(DIGITS) as file:
        X, y = (file["pixels"] / 16).astype(dtype), file["labels"].astype(np.int64)
    order = np.random.default_rng(0).permutation(len(y))
    return X, y, (order[HELD_OUT:], order[:HELD_OUT])


def chainrule(X: Any, y: Any, fold: Any) -> Callable[[], Any]:
    return _chainrule(X, y, fold)


def chainrule_running(X: Any, y: Any, fold: Any) -> Callable[[], Any]:
    return _chainrule(X, y, fold, training_loss="running", restore_best=False)


def _chainrule(X: Any, y: Any, fold: Any, **settings: Any) -> Callable[[], Any]:
    from chainrule import GridSearch, MLPClassifier

    network = MLPClassifier(**SETTINGS, standardize=False, **settings)
    search = GridSearch(network, _space(), cv=[fold], refit=False)
    return lambda: search.fit(X, y).best_score_


def scikit_learn(X: Any, y: Any, fold: Any) -> Callable[[], Any]:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.model_selection import GridSearchCV
    from sklearn.neural_network import MLPClassifier

    os.environ["PYTHONWARNINGS"] = "ignore"  # of the processes that joblib starts
    warnings.simplefilter("ignore", ConvergenceWarning)
    search = GridSearchCV(MLPClassifier(**SETTINGS), _space(), cv=[fold], refit=False, n_jobs=CORES)
    return lambda: search.fit(X, y).best_score_


def _space() -> dict[str, list[float]]:
    return {"learning_rate_init": DECADES.tolist(), "alpha": DECADES.tolist()}


def cells(dtype: Any) -> tuple[Any, Any]:
    """Return the learning rate and the penalty of every cell."""
    eta, alpha = np.meshgrid(DECADES.astype(dtype), DECADES.astype(dtype))
    return eta.ravel(), alpha.ravel()


def jax_batched(X: Any, y: Any, fold: Any) -> Callable[[], Any]:
    import jax

    run = jax.jit(jax.vmap(_training_in_jax(X, y, fold)))
    arguments = jax.device_put(cells(X.dtype))
    return lambda: np.asarray(run(*arguments)[0]).max()


def jax_on_devices(X: Any, y: Any, fold: Any) -> Callable[[], Any]:
    import jax
    from jax.sharding import AxisType, NamedSharding, PartitionSpec

    jax.config.update("jax_num_cpu_devices", CORES)
    mesh = jax.make_mesh((CORES,), ("cells",), axis_types=(AxisType.Auto,))
    by_cell = PartitionSpec("cells")
    train = jax.vmap(_training_in_jax(X, y, fold))
    run = jax.jit(
        jax.shard_map(train, mesh=mesh, in_specs=by_cell, out_specs=by_cell, check_vma=False)
    )
    # As many for each device: a cell is computed twice.
    padded = [np.append(values, values[-1:]) for values in cells(X.dtype)]
    arguments = jax.device_put(padded, NamedSharding(mesh, by_cell))
    return lambda: np.asarray(run(*arguments)[0]).max()


def jax_one_by_one(X: Any, y: Any, fold: Any) -> Callable[[], Any]:
    import jax

    # Otherwise a device runs one program after the other, whoever calls.
    jax.config.update("jax_cpu_enable_async_dispatch", False)
    run = jax.jit(_training_in_jax(X, y, fold))
    pairs = list(zip(*cells(X.dtype), strict=True))
    pool = ThreadPoolExecutor(CORES)
    return lambda: max(pool.map(lambda pair: float(run(*pair)[0]), pairs))


def _training_in_jax(X: Any, y: Any, fold: Any) -> Callable[[Any, Any], Any]:
    """Return a function of learning rate and penalty to the accuracy and the loss by epoch."""
    import jax
    import jax.numpy as jnp

    train, test = fold
    X_test, y_test = jax.device_put((X[test], y[test]))
    X, y = jax.device_put((X[train], y[train]))
    first_key, run_key = jax.random.split(jax.random.key(0))
    glorot = jax.nn.initializers.glorot_uniform()

    def logits(params: Any, X: Any) -> Any:
        w1, b1, w2, b2 = params
        return jax.nn.sigmoid(X @ w1 + b1) @ w2 + b2

    def loss(params: Any, alpha: Any, X: Any, y: Any) -> Any:
        w1, _, w2, _ = params
        chosen = jnp.take_along_axis(jax.nn.log_softmax(logits(params, X)), y[:, None], axis=1)
        penalty = alpha / (2 * len(y)) * (jnp.sum(w1**2) + jnp.sum(w2**2))
        return penalty - jnp.mean(chosen)

    def train_and_score(eta: Any, alpha: Any) -> Any:
        def step(params: Any, rows: Any) -> Any:
            value, gradient = jax.value_and_grad(loss)(params, alpha, X[rows], y[rows])
            return jax.tree.map(lambda p, g: p - eta * g, params, gradient), value

        def epoch(params: Any, key: Any) -> Any:
            order = jax.random.permutation(key, TRAINED_WITH)
            whole = TRAINED_WITH - TRAINED_WITH % BATCH
            params, losses = jax.lax.scan(step, params, order[:whole].reshape(-1, BATCH))
            params, last = step(params, order[whole:])
            return params, (jnp.sum(losses) * BATCH + last * (TRAINED_WITH - whole)) / TRAINED_WITH

        w1_key, w2_key = jax.random.split(first_key)
        params = (
            glorot(w1_key, WIDTHS[:2], X.dtype),
            jnp.zeros(WIDTHS[1], X.dtype),
            glorot(w2_key, WIDTHS[1:], X.dtype),
            jnp.zeros(WIDTHS[2], X.dtype),
        )
        params, losses = jax.lax.scan(epoch, params, jax.random.split(run_key, EPOCHS))
        return jnp.mean(jnp.argmax(logits(params, X_test), axis=1) == y_test), losses

    return train_and_score


ROWS = {
    "grid": Row(
        title=f"Grid of {POINTS} x {POINTS} for the digits network: {EPOCHS} epochs in every cell",
        problem=problem,
        peers={
            "chainrule": chainrule,
            "chainrule, running loss": chainrule_running,
            "JAX, vmap over cells": jax_batched,
            "JAX, vmap on two devices": jax_on_devices,
            "JAX, jitted, two threads": jax_one_by_one,
            "scikit-learn": scikit_learn,
        },
        tolerance=0.03,
        targets={
            "float32": (Faster(10.0, ("scikit-learn",)), Faster(2.5, ("JAX",))),
            "float64": (Faster(10.0, ("scikit-learn",)), Faster(2.5, ("JAX",))),
        },
        flops=POINTS**2 * EPOCHS * training_flops_of_epoch(TRAINED_WITH, BATCH, WIDTHS, 8, 4),
        products=dense_products(BATCH, WIDTHS),
        most_rounds=3,
        notes="Value: the best accuracy on the rows held out. chainrule goes through the training "
        "rows once more after each epoch and keeps the best weights, but for its second line, "
        "which records the mean loss over the batches as scikit-learn does.",
    )
}
