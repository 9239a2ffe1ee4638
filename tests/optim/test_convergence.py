"""Every optimizer reaches the minimum of three functions, compiled once and in its dtype."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import optim
from chainrule.optim import schedules

SCALES = np.array([1.0, 1000.0])


def parabola(w: Any) -> Any:
    return np.sum((w - 3.0) ** 2)


def rosenbrock(w: Any) -> Any:
    return (1.0 - w[0]) ** 2 + 100.0 * (w[1] - w[0] ** 2) ** 2


def badly_scaled(w: Any) -> Any:
    """A quadratic whose curvatures are a factor of a thousand apart."""
    return 0.5 * np.sum(SCALES.astype(w.dtype) * w**2)


STARTS = {parabola: [-1.0, 8.0], rosenbrock: [-1.2, 1.0], badly_scaled: [1.0, 1.0]}
MINIMA = {parabola: [3.0, 3.0], rosenbrock: [1.0, 1.0], badly_scaled: [0.0, 0.0]}


def everywhere(params: Any) -> Any:
    return True


def decaying(rate: float, steps: int) -> optim.Schedule:
    return schedules.exponential(rate, factor=0.5, every=steps / 20)


def halved(optimizer: optim.Optimizer) -> optim.Optimizer:
    """Return another optimizer of the same kind, with all its numbers halved but for counts."""
    return cr.tree.map(lambda x: x if isinstance(x, int) else 0.5 * x, optimizer)


# Steps and optimizer for the parabola, Rosenbrock's function and the badly scaled quadratic.
RUNS = {
    "sgd": [
        (200, optim.sgd(0.1)),
        (20_000, optim.sgd(1.5e-3)),
        (8_000, optim.sgd(1.5e-3)),
    ],
    "momentum": [
        (400, optim.momentum(0.02)),
        (5_000, optim.momentum(1e-3)),
        (1_000, optim.momentum(1e-3, 0.95)),
    ],
    "nesterov": [
        (400, optim.nesterov(0.02)),
        (5_000, optim.nesterov(1e-3)),
        (1_000, optim.nesterov(1e-3, 0.95)),
    ],
    "adagrad": [
        (400, optim.adagrad(2.0)),
        (20_000, optim.adagrad(1.0)),
        (400, optim.adagrad(0.5)),
    ],
    # Where steps are of the size of the learning rate, it has to go to zero.
    "rmsprop": [
        (2_000, optim.rmsprop(schedules.cosine(0.1, steps=2_000))),
        (20_000, optim.rmsprop(decaying(0.05, 20_000))),
        (1_000, optim.rmsprop(decaying(0.02, 1_000))),
    ],
    "adam": [
        (1_000, optim.adam(0.1)),
        (5_000, optim.adam(0.02)),
        (1_500, optim.adam(0.02)),
    ],
    "adamw": [
        (1_000, optim.adamw(0.1, weight_decay=0.0, on=everywhere)),
        (5_000, optim.adamw(0.02, weight_decay=0.0, on=everywhere)),
        (1_500, optim.adamw(0.02, on=everywhere)),  # decay and minimum agree on zero
    ],
    "rprop": [
        (200, optim.rprop()),
        (10_000, optim.rprop(smallest_step=0.0)),
        (200, optim.rprop()),
    ],
    "clipped": [
        (400, optim.chain(optim.clip_by_global_norm(1.0), optim.sgd(0.1))),
        (5_000, optim.chain(optim.clip_by_value(10.0), optim.momentum(1e-3))),
        (1_000, optim.chain(optim.clip_by_global_norm(10.0), optim.momentum(1e-3, 0.95))),
    ],
    "max_norm": [
        (200, optim.max_norm(optim.sgd(0.1), 10.0, on=everywhere)),
        (5_000, optim.max_norm(optim.momentum(1e-3), 2.0, on=everywhere)),
        (1_000, optim.max_norm(optim.nesterov(1e-3, 0.95), 0.5, on=everywhere)),
    ],
}
CASES = [
    pytest.param(function, *run, id=f"{name}-{function.__name__}")
    for name, runs in RUNS.items()
    for function, run in zip(STARTS, runs, strict=True)
]


def train(function: Any, steps: int, optimizer: Any, w: Any) -> Any:
    def step(carry: Any, _: Any) -> Any:
        w, state = carry
        return optimizer.update(cr.grad(function)(w), state, w), None

    (w, _), _ = cr.scan(step, (w, optimizer.init(w)), np.zeros(steps))
    return w


@pytest.mark.parametrize(("function", "steps", "optimizer"), CASES)
def test_minimum_is_reached(function, steps, optimizer):
    compiled = cr.compile(train, static_argnums=(0, 1), engine="interpreter")
    w = compiled(function, steps, optimizer, np.array(STARTS[function]))
    np.testing.assert_allclose(w, MINIMA[function], atol=1e-4)


@pytest.mark.parametrize(("function", "steps", "optimizer"), CASES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_other_numbers_need_no_new_program_and_keep_the_dtype(function, steps, optimizer, dtype):
    compiled = cr.compile(train, static_argnums=(0, 1), engine="interpreter")
    start = np.array(STARTS[function], dtype)
    first = compiled(function, 20, optimizer, start)
    second = compiled(function, 20, halved(optimizer), start)
    assert compiled.num_traces == 1
    assert first.dtype == second.dtype == dtype
    assert not np.array_equal(first, second)
    state = optimizer.init(start)
    after = optimizer.update(cr.grad(function)(start), state, start)[1]
    for mine, theirs in zip(cr.tree.leaves(after), cr.tree.leaves(state), strict=True):
        assert np.asarray(mine).dtype == np.asarray(theirs).dtype
