"""A simple recurrent network: 100 steps, 64 inputs and 64 units, batch 32, loss and gradient.

PyTorch's loop is not measured compiled: `torch.compile` unrolls it, which takes minutes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.peers.row import Faster, Row, dense_flops

STEPS, BATCH, UNITS = 100, 32, 64


def problem(dtype: Any) -> tuple[Any, ...]:
    """Return inputs and targets by step, and the weights: of inputs, of units, bias."""
    rng = np.random.default_rng(0)
    inputs, targets = rng.normal(size=(2, STEPS, BATCH, UNITS)).astype(dtype)
    w, u = rng.normal(size=(2, UNITS, UNITS)).astype(dtype) / np.asarray(UNITS**0.5, dtype)
    return inputs, np.tanh(targets), (0.5 * w, 0.9 * u, np.zeros(UNITS, dtype))


def chainrule(inputs: Any, targets: Any, weights: Any) -> Callable[[], Any]:
    import chainrule as cr

    def loss(weights: Any, inputs: Any, targets: Any) -> Any:
        w, u, b = weights

        def step(h: Any, x: Any) -> Any:
            h = np.tanh(x + h @ u)
            return h, h

        first = np.zeros((BATCH, UNITS), inputs.dtype)
        _, outputs = cr.scan(step, first, inputs @ w + b)
        return np.mean((outputs - targets) ** 2)

    run = cr.compile(cr.value_and_grad(loss))

    def flat() -> Any:
        value, gradient = run(weights, inputs, targets)
        return value, *gradient

    return flat


def jax(inputs: Any, targets: Any, weights: Any) -> Callable[[], Any]:
    import jax
    import jax.numpy as jnp

    def loss(weights: Any, inputs: Any, targets: Any) -> Any:
        w, u, b = weights

        def step(h: Any, x: Any) -> Any:
            h = jnp.tanh(x + h @ u)
            return h, h

        first = jnp.zeros((BATCH, UNITS), inputs.dtype)
        _, outputs = jax.lax.scan(step, first, inputs @ w + b)
        return jnp.mean((outputs - targets) ** 2)

    run = jax.jit(jax.value_and_grad(loss))
    inputs, targets, weights = jax.device_put((inputs, targets, weights))

    def flat() -> Any:
        value, gradient = jax.block_until_ready(run(weights, inputs, targets))
        return value, *gradient

    return flat


def torch_module(inputs: Any, targets: Any, weights: Any) -> Callable[[], Any]:
    import torch

    inputs, targets = torch.from_numpy(inputs), torch.from_numpy(targets)
    w, u, b = map(torch.from_numpy, weights)
    model = torch.nn.RNN(UNITS, UNITS).to(inputs.dtype)
    with torch.no_grad():
        model.weight_ih_l0.copy_(w.T)
        model.weight_hh_l0.copy_(u.T)
        model.bias_ih_l0.copy_(b)
        model.bias_hh_l0.zero_()
    trained = (model.weight_ih_l0, model.weight_hh_l0, model.bias_ih_l0)

    def run() -> Any:
        model.zero_grad(set_to_none=True)
        loss = torch.nn.functional.mse_loss(model(inputs)[0], targets)
        loss.backward()
        return loss.detach(), *(p.grad.T if p.ndim == 2 else p.grad for p in trained)

    return run


def torch_loop(inputs: Any, targets: Any, weights: Any) -> Callable[[], Any]:
    import torch

    inputs, targets = torch.from_numpy(inputs), torch.from_numpy(targets)
    w, u, b = (torch.from_numpy(a).requires_grad_() for a in weights)

    def run() -> Any:
        w.grad = u.grad = b.grad = None
        h, outputs = torch.zeros(BATCH, UNITS, dtype=inputs.dtype), []
        for x in (inputs @ w + b).unbind():
            h = torch.tanh(torch.addmm(x, h, u))
            outputs.append(h)
        loss = torch.nn.functional.mse_loss(torch.stack(outputs), targets)
        loss.backward()
        return loss.detach(), w.grad, u.grad, b.grad

    return run


def numpy(inputs: Any, targets: Any, weights: Any) -> Callable[[], Any]:
    w, u, b = weights
    h = np.zeros((STEPS + 1, BATCH, UNITS), inputs.dtype)  # what goes into each step
    z, delta = np.empty_like(inputs), np.empty_like(inputs)
    carried = np.empty((BATCH, UNITS), inputs.dtype)

    def run() -> Any:
        np.matmul(inputs, w, out=z)
        np.add(z, b, out=z)
        for t in range(STEPS):
            np.matmul(h[t], u, out=carried)
            np.add(carried, z[t], out=carried)
            np.tanh(carried, out=h[t + 1])
        outputs = h[1:]
        np.subtract(outputs, targets, out=delta)
        loss = np.vdot(delta, delta) / delta.size
        np.multiply(delta, 2.0 / delta.size, out=delta)
        np.multiply(outputs, outputs, out=z)
        np.subtract(1.0, z, out=z)  # the slope of tanh
        delta[-1] *= z[-1]
        for t in range(STEPS - 2, -1, -1):
            np.matmul(delta[t + 1], u.T, out=carried)
            delta[t] += carried
            delta[t] *= z[t]
        flat = delta.reshape(-1, UNITS)
        before, given = h[:-1].reshape(-1, UNITS), inputs.reshape(-1, UNITS)
        return loss, given.T @ flat, before.T @ flat, flat.sum(axis=0)

    return run


ROWS = {
    "recurrent": Row(
        title="Recurrent network, 100 steps, 64 units, batch 32: loss and gradient",
        problem=problem,
        peers={
            "chainrule": chainrule,
            "JAX, scan": jax,
            "NumPy, by hand": numpy,
            "PyTorch, nn.RNN": torch_module,
            "PyTorch, eager loop": torch_loop,
        },
        tolerance=1e-4,
        targets={"float32": (Faster(1.0, ("JAX", "PyTorch")),)},
        # Two products forward, three backward; bias, tanh, its slope (2), error (3), sums (2).
        flops=STEPS * (5 * dense_flops(BATCH, (UNITS, UNITS)) + 9 * BATCH * UNITS),
        products=((BATCH, UNITS, UNITS), (STEPS * BATCH, UNITS, UNITS), (UNITS, UNITS, STEPS)),
        notes="torch.compile unrolls the loop, which takes minutes, and is left out.",
    )
}
