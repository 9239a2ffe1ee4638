"""Large arrays: what memory, and not arithmetic, sets the limit of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.peers.row import Bandwidth, Row

LENGTH = 10_000_000
ROWS_OF_SOFTMAX, CLASSES = 10_000, 1_000
BLOCK = 16_384  # numbers; a few such arrays fit into the cache of a core


def vector(dtype: Any) -> tuple[Any, ...]:
    """Return ten million numbers between 0 and 1."""
    return (np.random.default_rng(0).random(LENGTH, np.float32).astype(dtype, copy=False),)


def matrix(dtype: Any) -> tuple[Any, ...]:
    """Return logits."""
    shape = (ROWS_OF_SOFTMAX, CLASSES)
    return ((10 * np.random.default_rng(0).random(shape, np.float32)).astype(dtype, copy=False),)


def chain(exp: Any, sqrt: Any, absolute: Any, maximum: Any, x: Any) -> Any:
    """Return ten ops, one after the other; the functions are the library's."""
    y = 1.5 * x + 0.25
    y = absolute(y * y - x)
    return 2.0 * maximum(exp(-sqrt(y)), 0.5)


def chain_chainrule(x: Any) -> Callable[[], Any]:
    import chainrule as cr

    run = cr.compile(lambda x: chain(np.exp, np.sqrt, np.abs, np.maximum, x))
    return lambda: run(x)


def chain_jax(x: Any) -> Callable[[], Any]:
    import jax
    import jax.numpy as jnp

    run = jax.jit(lambda x: chain(jnp.exp, jnp.sqrt, jnp.abs, jnp.maximum, x))
    x = jax.device_put(x)
    return lambda: jax.block_until_ready(run(x))


def chain_torch_eager(x: Any) -> Callable[[], Any]:
    import torch

    x = torch.from_numpy(x)

    def run() -> Any:
        with torch.inference_mode():
            y = x.mul(1.5).add_(0.25)
            y = y.square_().sub_(x).abs_().sqrt_()
            return y.neg_().exp_().clamp_(min=0.5).mul_(2.0)

    return run


def chain_torch_compiled(x: Any) -> Callable[[], Any]:
    import torch

    def maximum(y: Any, least: float) -> Any:
        return torch.clamp(y, min=least)

    compiled = torch.compile(
        lambda x: chain(torch.exp, torch.sqrt, torch.abs, maximum, x), dynamic=False
    )
    x = torch.from_numpy(x)

    def run() -> Any:
        with torch.inference_mode():
            return compiled(x)

    return run


def chain_numpy(x: Any) -> Callable[[], Any]:
    out = np.empty_like(x)

    def run() -> Any:
        for start in range(0, len(x), BLOCK):
            given, y = x[start : start + BLOCK], out[start : start + BLOCK]
            np.multiply(given, 1.5, out=y)
            np.add(y, 0.25, out=y)
            np.multiply(y, y, out=y)
            np.subtract(y, given, out=y)
            np.abs(y, out=y)
            np.sqrt(y, out=y)
            np.negative(y, out=y)
            np.exp(y, out=y)
            np.maximum(y, 0.5, out=y)
            np.multiply(y, 2.0, out=y)
        return out

    return run


def softmax_chainrule(x: Any) -> Callable[[], Any]:
    import chainrule as cr

    run = cr.compile(lambda x: cr.special.softmax(x, axis=1))
    return lambda: run(x)


def softmax_jax(x: Any) -> Callable[[], Any]:
    import jax

    run, x = jax.jit(jax.nn.softmax), jax.device_put(x)
    return lambda: jax.block_until_ready(run(x))


def softmax_torch_eager(x: Any) -> Callable[[], Any]:
    return _torch(x, compiled=False, name="softmax", dim=1)


def softmax_torch_compiled(x: Any) -> Callable[[], Any]:
    return _torch(x, compiled=True, name="softmax", dim=1)


def softmax_numpy(x: Any) -> Callable[[], Any]:
    out, rows = np.empty_like(x), BLOCK // CLASSES

    def run() -> Any:
        for start in range(0, len(x), rows):
            given, y = x[start : start + rows], out[start : start + rows]
            np.subtract(given, given.max(axis=1, keepdims=True), out=y)
            np.exp(y, out=y)
            np.divide(y, y.sum(axis=1, keepdims=True), out=y)
        return out

    return run


def sum_chainrule(x: Any) -> Callable[[], Any]:
    import chainrule as cr

    run = cr.compile(lambda x: np.sum(x))
    return lambda: run(x)


def sum_jax(x: Any) -> Callable[[], Any]:
    import jax
    import jax.numpy as jnp

    run, x = jax.jit(jnp.sum), jax.device_put(x)
    return lambda: jax.block_until_ready(run(x))


def sum_torch_eager(x: Any) -> Callable[[], Any]:
    return _torch(x, compiled=False, name="sum")


def sum_torch_compiled(x: Any) -> Callable[[], Any]:
    return _torch(x, compiled=True, name="sum")


def sum_numpy(x: Any) -> Callable[[], Any]:
    return lambda: np.sum(x)


def _torch(x: Any, compiled: bool, name: str, **settings: Any) -> Callable[[], Any]:
    import torch

    def called(x: Any) -> Any:
        return getattr(torch, name)(x, **settings)

    function = torch.compile(called, dynamic=False) if compiled else called
    x = torch.from_numpy(x)

    def run() -> Any:
        with torch.inference_mode():
            return function(x)

    return run


_TARGETS = {"float32": (Bandwidth(0.8),)}

ROWS = {
    "chain": Row(
        title="Ten elementwise ops on 10 million numbers",
        problem=vector,
        peers={
            "chainrule": chain_chainrule,
            "JAX": chain_jax,
            "NumPy, in blocks": chain_numpy,
            "PyTorch, eager": chain_torch_eager,
            "PyTorch, compiled": chain_torch_compiled,
        },
        tolerance=1e-5,
        targets=_TARGETS,
        numbers_read=LENGTH,
        numbers_written=LENGTH,
    ),
    "softmax": Row(
        title="Softmax over rows, 10,000 x 1,000",
        problem=matrix,
        peers={
            "chainrule": softmax_chainrule,
            "JAX": softmax_jax,
            "NumPy, in blocks": softmax_numpy,
            "PyTorch, eager": softmax_torch_eager,
            "PyTorch, compiled": softmax_torch_compiled,
        },
        tolerance=1e-5,
        targets=_TARGETS,
        numbers_read=ROWS_OF_SOFTMAX * CLASSES,
        numbers_written=ROWS_OF_SOFTMAX * CLASSES,
    ),
    "sum": Row(
        title="Sum of 10 million numbers",
        problem=vector,
        peers={
            "chainrule": sum_chainrule,
            "JAX": sum_jax,
            "NumPy": sum_numpy,
            "PyTorch, eager": sum_torch_eager,
            "PyTorch, compiled": sum_torch_compiled,
        },
        tolerance=1e-5,
        targets=_TARGETS,
        numbers_read=LENGTH,
    ),
}
