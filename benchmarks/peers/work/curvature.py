"""Second derivatives of networks with three layers and tanh.

A product of the Hessian of a loss with a vector, the whole Hessian in all weights, and the
Laplacian of a network with two inputs, as in solving differential equations by networks.

PyTorch's Hessians are not measured compiled: `torch.compile` takes up to a minute for them, and
what it makes is slower.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from benchmarks.peers.row import Faster, Row, dense_flops

HVP_WIDTHS, HVP_ROWS = (32, 64, 64, 1), 1000
HESSIAN_WIDTHS, HESSIAN_ROWS = (8, 16, 16, 1), 100
FIELD_WIDTHS, POINTS = (2, 64, 64, 1), 4096


def _weights(rng: Any, widths: tuple[int, ...], dtype: Any) -> tuple[Any, ...]:
    weights = []
    for fan_in, fan_out in pairwise(widths):
        weights.append((rng.normal(size=(fan_in, fan_out)) / np.sqrt(fan_in)).astype(dtype))
        weights.append((0.1 * rng.normal(size=fan_out)).astype(dtype))
    return tuple(weights)


def hvp_problem(dtype: Any) -> tuple[Any, ...]:
    """Return inputs, targets, weights and a vector of their shapes."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(HVP_ROWS, HVP_WIDTHS[0])).astype(dtype)
    y = np.sin(X[:, :1])
    return X, y, _weights(rng, HVP_WIDTHS, dtype), _weights(rng, HVP_WIDTHS, dtype)


def hessian_problem(dtype: Any) -> tuple[Any, ...]:
    """Return inputs, targets, and all weights in one vector."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(HESSIAN_ROWS, HESSIAN_WIDTHS[0])).astype(dtype)
    weights = _weights(rng, HESSIAN_WIDTHS, dtype)
    return X, np.sin(X[:, :1]), np.concatenate([w.ravel() for w in weights])


def field_problem(dtype: Any) -> tuple[Any, ...]:
    """Return points in the plane and the weights."""
    rng = np.random.default_rng(0)
    points = rng.uniform(-1.0, 1.0, size=(POINTS, 2)).astype(dtype)
    return points, _weights(rng, FIELD_WIDTHS, dtype)


def unravel(vector: Any) -> list[Any]:
    """Cut a vector into the weights of the Hessian's network; for arrays of every library."""
    weights, start = [], 0
    for fan_in, fan_out in pairwise(HESSIAN_WIDTHS):
        middle, end = start + fan_in * fan_out, start + (fan_in + 1) * fan_out
        weights += [vector[start:middle].reshape(fan_in, fan_out), vector[middle:end]]
        start = end
    return weights


def network(tanh: Callable[[Any], Any], weights: Any, x: Any) -> Any:
    """Return the network's output; ``tanh`` is the library's."""
    w1, b1, w2, b2, w3, b3 = weights
    return tanh(tanh(x @ w1 + b1) @ w2 + b2) @ w3 + b3


def hvp_chainrule(X: Any, y: Any, weights: Any, vector: Any) -> Callable[[], Any]:
    import chainrule as cr

    @cr.compile
    def run(weights: Any, vector: Any, X: Any, y: Any) -> Any:
        def loss(weights: Any) -> Any:
            return np.mean((network(np.tanh, weights, X) - y) ** 2)

        return cr.hvp(loss, (weights,), (vector,))

    return lambda: run(weights, vector, X, y)


def hvp_jax(X: Any, y: Any, weights: Any, vector: Any) -> Callable[[], Any]:
    import jax
    import jax.numpy as jnp

    @jax.jit
    def run(weights: Any, vector: Any, X: Any, y: Any) -> Any:
        def loss(weights: Any) -> Any:
            return jnp.mean((network(jnp.tanh, weights, X) - y) ** 2)

        return jax.jvp(jax.grad(loss), (weights,), (vector,))[1]

    arguments = jax.device_put((weights, vector, X, y))
    return lambda: jax.block_until_ready(run(*arguments))


def hvp_torch_eager(X: Any, y: Any, weights: Any, vector: Any) -> Callable[[], Any]:
    return _hvp_torch(X, y, weights, vector, compiled=False)


def hvp_torch_compiled(X: Any, y: Any, weights: Any, vector: Any) -> Callable[[], Any]:
    return _hvp_torch(X, y, weights, vector, compiled=True)


def _hvp_torch(X: Any, y: Any, weights: Any, vector: Any, compiled: bool) -> Callable[[], Any]:
    import torch

    def run(weights: Any, vector: Any, X: Any, y: Any) -> Any:
        def loss(weights: Any) -> Any:
            return torch.mean((network(torch.tanh, weights, X) - y) ** 2)

        return torch.func.jvp(torch.func.grad(loss), (weights,), (vector,))[1]

    if compiled:
        run = torch.compile(run, dynamic=False)
    weights, vector = (tuple(map(torch.from_numpy, tree)) for tree in (weights, vector))
    X, y = torch.from_numpy(X), torch.from_numpy(y)
    return lambda: run(weights, vector, X, y)


def hessian_chainrule(X: Any, y: Any, vector: Any) -> Callable[[], Any]:
    import chainrule as cr

    @cr.compile
    def run(vector: Any, X: Any, y: Any) -> Any:
        def loss(vector: Any) -> Any:
            return np.mean((network(np.tanh, unravel(vector), X) - y) ** 2)

        return cr.hessian(loss)(vector)

    return lambda: run(vector, X, y)


def hessian_jax(X: Any, y: Any, vector: Any) -> Callable[[], Any]:
    import jax
    import jax.numpy as jnp

    @jax.jit
    def run(vector: Any, X: Any, y: Any) -> Any:
        def loss(vector: Any) -> Any:
            return jnp.mean((network(jnp.tanh, unravel(vector), X) - y) ** 2)

        return jax.hessian(loss)(vector)

    arguments = jax.device_put((vector, X, y))
    return lambda: jax.block_until_ready(run(*arguments))


def hessian_torch(X: Any, y: Any, vector: Any) -> Callable[[], Any]:
    import torch

    def run(vector: Any, X: Any, y: Any) -> Any:
        def loss(vector: Any) -> Any:
            return torch.mean((network(torch.tanh, unravel(vector), X) - y) ** 2)

        return torch.func.hessian(loss)(vector)

    vector, X, y = map(torch.from_numpy, (vector, X, y))
    return lambda: run(vector, X, y)


def laplacian_chainrule(points: Any, weights: Any) -> Callable[[], Any]:
    import chainrule as cr

    @cr.compile
    def run(weights: Any, points: Any) -> Any:
        def at(point: Any) -> Any:
            gradient = cr.grad(lambda p: network(np.tanh, weights, p)[0])
            unit = np.eye(2, dtype=points.dtype)
            return sum(cr.jvp(gradient, (point,), (unit[i],))[1][i] for i in range(2))

        return cr.vmap(at)(points)

    return lambda: run(weights, points)


def laplacian_chainrule_trace(points: Any, weights: Any) -> Callable[[], Any]:
    import chainrule as cr

    @cr.compile
    def run(weights: Any, points: Any) -> Any:
        hessian = cr.hessian(lambda p: network(np.tanh, weights, p)[0])
        return cr.vmap(lambda point: np.trace(hessian(point)))(points)

    return lambda: run(weights, points)


def laplacian_jax(points: Any, weights: Any) -> Callable[[], Any]:
    import jax
    import jax.numpy as jnp

    @jax.jit
    def run(weights: Any, points: Any) -> Any:
        def at(point: Any) -> Any:
            gradient = jax.grad(lambda p: network(jnp.tanh, weights, p)[0])
            unit = jnp.eye(2, dtype=points.dtype)
            return sum(jax.jvp(gradient, (point,), (unit[i],))[1][i] for i in range(2))

        return jax.vmap(at)(points)

    arguments = jax.device_put((weights, points))
    return lambda: jax.block_until_ready(run(*arguments))


def laplacian_jax_trace(points: Any, weights: Any) -> Callable[[], Any]:
    import jax
    import jax.numpy as jnp

    @jax.jit
    def run(weights: Any, points: Any) -> Any:
        hessian = jax.hessian(lambda p: network(jnp.tanh, weights, p)[0])
        return jax.vmap(lambda point: jnp.trace(hessian(point)))(points)

    arguments = jax.device_put((weights, points))
    return lambda: jax.block_until_ready(run(*arguments))


def laplacian_torch(points: Any, weights: Any) -> Callable[[], Any]:
    import torch

    def run(weights: Any, points: Any) -> Any:
        hessian = torch.func.hessian(lambda p: network(torch.tanh, weights, p)[0])
        return torch.func.vmap(lambda point: torch.trace(hessian(point)))(points)

    weights, points = tuple(map(torch.from_numpy, weights)), torch.from_numpy(points)
    return lambda: run(weights, points)


def _layers(rows: int, widths: tuple[int, ...]) -> list[float]:
    return [dense_flops(rows, pair) for pair in pairwise(widths)]


def _hvp_flops(rows: int, widths: tuple[int, ...], vectors: int = 1) -> float:
    """Return the work of the products in the derivative of a gradient in some directions.

    A product of two matrices that both depend on the weights has two in its derivative. The first
    layer's inputs do not, and it passes nothing back; the gradient of the weights themselves is
    not asked for.
    """
    first, *later = _layers(rows, widths)
    return first + 2 * sum(later) + vectors * (2 * first + 6 * sum(later))


def _forward_laplacian_flops(rows: int, widths: tuple[int, ...]) -> float:
    """Return the work of carrying value, two slopes and the Laplacian through the layers.

    It is the least of the known ways; the slopes and the Laplacian of the first layer are no work.
    """
    first, *later = _layers(rows, widths)
    return first + 4 * sum(later)


_HESSIAN_SIZE = sum((a + 1) * b for a, b in pairwise(HESSIAN_WIDTHS))

ROWS = {
    "hvp": Row(
        title="Hessian times vector, loss of a tanh network 32-64-64-1 on 1,000 rows",
        problem=hvp_problem,
        peers={
            "chainrule": hvp_chainrule,
            "JAX, jvp of grad": hvp_jax,
            "PyTorch, torch.func": hvp_torch_eager,
            "PyTorch, torch.func compiled": hvp_torch_compiled,
        },
        tolerance=1e-4,
        targets={"float32": (Faster(1.0, ("JAX",)),)},
        flops=_hvp_flops(HVP_ROWS, HVP_WIDTHS),
        products=((HVP_ROWS, 64, 32), (HVP_ROWS, 64, 64), (64, 64, HVP_ROWS), (32, 64, HVP_ROWS)),
    ),
    "hessian": Row(
        title=f"Hessian, loss of a tanh network 8-16-16-1 ({_HESSIAN_SIZE} weights) on 100 rows",
        problem=hessian_problem,
        peers={
            "chainrule": hessian_chainrule,
            "JAX, jax.hessian": hessian_jax,
            "PyTorch, torch.func": hessian_torch,
        },
        tolerance=1e-4,
        targets={"float32": (Faster(1.0, ("JAX",)),)},
        flops=_hvp_flops(HESSIAN_ROWS, HESSIAN_WIDTHS, _HESSIAN_SIZE),
        products=((HESSIAN_ROWS, 16, 16), (16, 16, HESSIAN_ROWS)),
        notes="The limit is that of products with all unit vectors, which symmetry could halve.",
    ),
    "laplacian": Row(
        title="Laplacian of a tanh network 2-64-64-1 at 4,096 points",
        problem=field_problem,
        peers={
            "chainrule": laplacian_chainrule,
            "chainrule, trace of hessian": laplacian_chainrule_trace,
            "JAX, jvp of grad": laplacian_jax,
            "JAX, trace of hessian": laplacian_jax_trace,
            "PyTorch, torch.func": laplacian_torch,
        },
        tolerance=1e-4,
        targets={"float32": (Faster(1.0, ("JAX",)),)},
        flops=_forward_laplacian_flops(POINTS, FIELD_WIDTHS),
        products=((POINTS, 64, 64),),
        notes="The limit is that of a forward Laplacian, which no peer computes.",
    ),
}
