"""The classic digits network, 64-50-10: a whole training run, and one row through it.

Sigmoid hidden layer, softmax cross-entropy, L2, gradient descent in batches of 100 of 1,400 rows,
shuffled anew in each of 100 epochs, with the loss over all rows after each.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers.row import (
    Faster,
    NearLimit,
    Row,
    Within,
    dense_flops,
    dense_products,
    training_flops,
)

EPOCHS, BATCH, ROWS_USED = 100, 100, 1400
WIDTHS = (64, 50, 10)
ETA, STRENGTH = 0.5, 1e-4
DIGITS = Path(__file__).parents[3] / "src" / "chainrule" / "datasets" / "digits.npz"


def problem(dtype: Any) -> tuple[Any, ...]:
    """Return inputs between 0 and 1, labels, and the first weights."""
    with np.load(DIGITS) as file:
        X, y = file["pixels"] / 16, file["labels"]
    rng = np.random.default_rng(0)
    w1, w2 = 0.1 * rng.normal(size=(64, 50)), 0.1 * rng.normal(size=(50, 10))
    weights = tuple(a.astype(dtype) for a in (w1, np.zeros(50), w2, np.zeros(10)))
    return X[:ROWS_USED].astype(dtype), y[:ROWS_USED].astype(np.int64), weights


def chainrule(X: Any, y: Any, weights: Any) -> Callable[[], Any]:
    import chainrule as cr

    def loss(params: Any, X: Any, y: Any) -> Any:
        w1, b1, w2, b2 = params
        z = cr.special.expit(X @ w1 + b1) @ w2 + b2
        picked = cr.special.log_softmax(z, axis=1)[np.arange(len(y)), y]
        return -np.mean(picked) + STRENGTH / 2 * (np.sum(w1**2) + np.sum(w2**2))

    @cr.compile
    def run(params: Any, X: Any, y: Any, key: Any) -> Any:
        def step(params: Any, rows: Any) -> Any:
            gradient = cr.grad(loss)(params, X[rows], y[rows])
            return cr.tree.map(lambda p, g: p - ETA * g, params, gradient), None

        def epoch(params: Any, key: Any) -> Any:
            rows = cr.random.permutation(key, ROWS_USED).reshape(-1, BATCH)
            params, _ = cr.scan(step, params, rows)
            return params, loss(params, X, y)

        return cr.scan(epoch, params, cr.random.split(key, EPOCHS))

    key = cr.random.key(0)
    return lambda: run(weights, X, y, key)[1][-1]


def jax(X: Any, y: Any, weights: Any) -> Callable[[], Any]:
    import jax
    import jax.numpy as jnp

    def loss(params: Any, X: Any, y: Any) -> Any:
        w1, b1, w2, b2 = params
        z = jax.nn.sigmoid(X @ w1 + b1) @ w2 + b2
        picked = jnp.take_along_axis(jax.nn.log_softmax(z), y[:, None], axis=1)
        return -jnp.mean(picked) + STRENGTH / 2 * (jnp.sum(w1**2) + jnp.sum(w2**2))

    @jax.jit
    def run(params: Any, X: Any, y: Any, key: Any) -> Any:
        def step(params: Any, rows: Any) -> Any:
            gradient = jax.grad(loss)(params, X[rows], y[rows])
            return jax.tree.map(lambda p, g: p - ETA * g, params, gradient), None

        def epoch(params: Any, key: Any) -> Any:
            rows = jax.random.permutation(key, ROWS_USED).reshape(-1, BATCH)
            params, _ = jax.lax.scan(step, params, rows)
            return params, loss(params, X, y)

        return jax.lax.scan(epoch, params, jax.random.split(key, EPOCHS))

    X, y, weights = jax.device_put((X, y, weights))
    key = jax.random.key(0)
    return lambda: np.asarray(run(weights, X, y, key)[1])[-1]


def torch_eager(X: Any, y: Any, weights: Any) -> Callable[[], Any]:
    return _torch(X, y, weights, compiled=False)


def torch_compiled(X: Any, y: Any, weights: Any) -> Callable[[], Any]:
    return _torch(X, y, weights, compiled=True)


def _torch(X: Any, y: Any, weights: Any, compiled: bool) -> Callable[[], Any]:
    import torch

    X, y = torch.from_numpy(X), torch.from_numpy(y)
    model, cross_entropy = _torch_model(weights), torch.nn.CrossEntropyLoss()
    kernels = [model[0].weight, model[2].weight]

    def loss(X: Any, y: Any) -> Any:
        return cross_entropy(model(X), y)

    if compiled:
        loss = torch.compile(loss, dynamic=False)

    def run() -> Any:
        _set_torch_weights(model, weights)
        optimizer = torch.optim.SGD(
            [
                {"params": kernels, "weight_decay": STRENGTH},
                {"params": [model[0].bias, model[2].bias], "weight_decay": 0.0},
            ],
            lr=ETA,
            fused=True,
        )
        losses = []
        for _ in range(EPOCHS):
            for rows in torch.randperm(ROWS_USED).view(-1, BATCH):
                optimizer.zero_grad(set_to_none=True)
                loss(X[rows], y[rows]).backward()
                optimizer.step()
            with torch.no_grad():
                penalty = STRENGTH / 2 * sum((w**2).sum() for w in kernels)
                losses.append(loss(X, y) + penalty)
        return losses[-1]

    return run


def _torch_model(weights: Any) -> Any:
    import torch

    dtype = torch.from_numpy(weights[0]).dtype
    model = torch.nn.Sequential(
        torch.nn.Linear(64, 50), torch.nn.Sigmoid(), torch.nn.Linear(50, 10)
    ).to(dtype)
    _set_torch_weights(model, weights)
    return model


def _set_torch_weights(model: Any, weights: Any) -> None:
    import torch

    with torch.no_grad():
        for parameter, value in zip(model.parameters(), weights, strict=True):
            parameter.copy_(torch.from_numpy(value.T))  # PyTorch's kernels are (out, in)


def numpy(X: Any, y: Any, weights: Any) -> Callable[[], Any]:
    def run() -> Any:
        params, train = [w.copy() for w in weights], StepByHand(BATCH, X.dtype)
        generator, losses = np.random.default_rng(0), []
        for _ in range(EPOCHS):
            for rows in generator.permutation(ROWS_USED).reshape(-1, BATCH):
                train(params, X[rows], y[rows])
            penalty = STRENGTH / 2 * (np.vdot(params[0], params[0]) + np.vdot(params[2], params[2]))
            losses.append(loss_by_hand(params, X, y) + penalty)
        return losses[-1]

    return run


class StepByHand:
    """A step of gradient descent in place, with arrays that are used again in every step."""

    def __init__(self, rows: int, dtype: Any) -> None:
        self._picked = np.arange(rows)
        self._hidden = np.empty((rows, 50), dtype)
        self._output = np.empty((rows, 10), dtype)
        self._delta = np.empty((rows, 50), dtype)
        self._slope = np.empty((rows, 50), dtype)
        self._gradients = [np.empty(shape, dtype) for shape in ((64, 50), (50, 10))]
        self._decay = 1.0 - ETA * STRENGTH

    def __call__(self, params: list[Any], X: Any, y: Any) -> None:
        w1, b1, w2, b2 = params
        a, p, delta, slope = self._hidden, self._output, self._delta, self._slope
        np.matmul(X, w1, out=a)
        a += b1
        sigmoid_by_hand(a)
        np.matmul(a, w2, out=p)
        p += b2
        p -= p.max(axis=1, keepdims=True)
        np.exp(p, out=p)
        p *= ETA / len(X) / p.sum(axis=1, keepdims=True)  # the learning rate goes in here, once
        p[self._picked, y] -= ETA / len(X)
        np.matmul(p, w2.T, out=delta)
        np.subtract(1.0, a, out=slope)
        slope *= a
        delta *= slope
        for w, b, inputs, d, change in (
            (w2, b2, a, p, self._gradients[1]),
            (w1, b1, X, delta, self._gradients[0]),
        ):
            np.matmul(inputs.T, d, out=change)
            w *= self._decay
            w -= change
            b -= d.sum(axis=0)


def sigmoid_by_hand(z: Any) -> Any:
    """Return the logistic function, in place; NumPy's exp makes it faster than SciPy's expit."""
    np.negative(z, out=z)
    np.exp(z, out=z)
    z += 1.0
    return np.reciprocal(z, out=z)


def loss_by_hand(params: list[Any], X: Any, y: Any) -> Any:
    """Return the mean cross-entropy."""
    w1, b1, w2, b2 = params
    z = sigmoid_by_hand(X @ w1 + b1) @ w2 + b2
    top = z.max(axis=1)
    return np.mean(np.log(np.exp(z - top[:, None]).sum(axis=1)) + top - z[np.arange(len(y)), y])


def scikit_learn(X: Any, y: Any, weights: Any) -> Callable[[], Any]:
    model = _scikit_learn_model(X, y)

    def run() -> Any:
        _set_scikit_learn_weights(model, weights)
        return model.fit(X, y).loss_

    return run


def _scikit_learn_model(X: Any, y: Any) -> Any:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    warnings.simplefilter("ignore", ConvergenceWarning)
    model = MLPClassifier(
        (50,),
        activation="logistic",
        solver="sgd",
        batch_size=BATCH,
        max_iter=EPOCHS,
        learning_rate_init=ETA,
        momentum=0.0,
        alpha=STRENGTH * BATCH,  # its penalty is per sample of a batch
        tol=0.0,
        n_iter_no_change=10**9,  # no early end
        warm_start=True,
        random_state=0,
    )
    return model.partial_fit(X, y, classes=np.arange(10))


def _set_scikit_learn_weights(model: Any, weights: Any) -> None:
    w1, b1, w2, b2 = (w.copy() for w in weights)
    model.coefs_, model.intercepts_ = [w1, w2], [b1, b2]


ROWS = {
    "digits": Row(
        title="Digits 64-50-10, sigmoid, SGD, batch 100: the whole run of 100 epochs",
        problem=problem,
        peers={
            "chainrule": chainrule,
            "JAX, one jitted scan": jax,
            "NumPy, by hand": numpy,
            "PyTorch, eager": torch_eager,
            "PyTorch, compiled": torch_compiled,
            "scikit-learn": scikit_learn,
        },
        tolerance=0.05,
        targets={
            "float32": (
                Faster(2.5, ("JAX", "NumPy")),
                Faster(10.0, ("PyTorch, eager", "scikit-learn")),
                NearLimit(1.6),
            ),
            "float64": (Faster(2.5, ("JAX", "NumPy")),),
        },
        # Of a unit: bias, four of the sigmoid or softmax, three of the derivative. Of a parameter:
        # penalty and step, an op and a multiplication each.
        flops=EPOCHS * (ROWS_USED // BATCH) * training_flops(BATCH, WIDTHS, 8, 4)
        + EPOCHS * (dense_flops(ROWS_USED, WIDTHS) + 5 * ROWS_USED * sum(WIDTHS[1:])),
        products=dense_products(BATCH, WIDTHS),
        notes="Value: the last loss. Everybody shuffles with a generator of his own, so losses "
        "agree roughly. scikit-learn's is the mean over the batches of the last epoch.",
    )
}


def one_row(dtype: Any) -> tuple[Any, Any]:
    """Return a row of the digits and the weights."""
    X, _, weights = problem(dtype)
    return X[:1], weights


def infer_chainrule(x: Any, weights: Any) -> Callable[[], Any]:
    import chainrule as cr

    @cr.compile
    def predict(params: Any, x: Any) -> Any:
        w1, b1, w2, b2 = params
        return cr.special.softmax(cr.special.expit(x @ w1 + b1) @ w2 + b2, axis=1)

    return lambda: predict(weights, x)


def infer_jax(x: Any, weights: Any) -> Callable[[], Any]:
    import jax

    @jax.jit
    def predict(params: Any, x: Any) -> Any:
        w1, b1, w2, b2 = params
        return jax.nn.softmax(jax.nn.sigmoid(x @ w1 + b1) @ w2 + b2)

    weights = jax.device_put(weights)
    return lambda: np.asarray(predict(weights, x))


def infer_torch_eager(x: Any, weights: Any) -> Callable[[], Any]:
    return _infer_torch(x, weights, compiled=False)


def infer_torch_compiled(x: Any, weights: Any) -> Callable[[], Any]:
    return _infer_torch(x, weights, compiled=True)


def _infer_torch(x: Any, weights: Any, compiled: bool) -> Callable[[], Any]:
    import torch

    model = torch.nn.Sequential(_torch_model(weights), torch.nn.Softmax(dim=1)).eval()
    predict = torch.compile(model, dynamic=False) if compiled else model

    def run() -> Any:
        with torch.inference_mode():
            return predict(torch.from_numpy(x)).numpy()

    return run


def infer_numpy(x: Any, weights: Any) -> Callable[[], Any]:
    w1, b1, w2, b2 = weights

    def run() -> Any:
        z = sigmoid_by_hand(x @ w1 + b1) @ w2
        z += b2
        z -= z.max()
        np.exp(z, out=z)
        z /= z.sum()
        return z

    return run


def infer_scikit_learn(x: Any, weights: Any) -> Callable[[], Any]:
    X, y, _ = problem(x.dtype)
    model = _scikit_learn_model(X[:100], y[:100])
    _set_scikit_learn_weights(model, weights)
    return lambda: model.predict_proba(x)


INFERENCE = {
    "inference": Row(
        title="Digits 64-50-10: probabilities for one row, NumPy arrays in and out",
        problem=one_row,
        peers={
            "chainrule": infer_chainrule,
            "JAX": infer_jax,
            "NumPy, by hand": infer_numpy,
            "PyTorch, eager": infer_torch_eager,
            "PyTorch, compiled": infer_torch_compiled,
            "scikit-learn": infer_scikit_learn,
        },
        tolerance=1e-5,
        targets={"float32": (Within(10e-6),)},
        flops=dense_flops(1, WIDTHS),
        products=((1, 50, 64), (1, 10, 50)),
    )
}
