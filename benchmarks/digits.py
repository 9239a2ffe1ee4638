"""The classic digits network, 64-50-10, against the same arithmetic written by hand in NumPy.

Sigmoid hidden layer, softmax cross-entropy, L2, gradient descent, batches of 100. The hand-written
step is the one that `benchmarks.peers` measures, too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import chainrule as cr
from benchmarks.peers.work.digits import BATCH, ETA, STRENGTH, StepByHand, loss_by_hand
from benchmarks.timing import show, side_by_side
from chainrule import datasets, nn, optim, random
from chainrule.compiler import ENGINES
from chainrule.training.epoch import Samples, TrainingState, run_epoch


def load(dtype: Any) -> Samples:
    """Return the digits with inputs between 0 and 1."""
    digits = datasets.load("digits")
    return Samples((digits.features / 16).astype(dtype), digits.target)


def network(dtype: Any) -> nn.Sequential:
    """Return the network before training."""
    return nn.mlp(random.key(0), (64, 50, 10), activation=nn.sigmoid, dtype=dtype)


def epoch_by_hand(train: Samples, params: list[Any]) -> Callable[[], Any]:
    """Return what does an epoch in place, and returns the loss over all samples after it."""
    whole, rest = divmod(len(train.X), BATCH)
    steps = [StepByHand(BATCH, train.X.dtype)] * whole + [StepByHand(rest, train.X.dtype)]
    generator = np.random.default_rng(0)

    def epoch() -> Any:
        order = generator.permutation(len(train.X))
        for step, rows in zip(steps, np.split(order, range(BATCH, len(order), BATCH)), strict=True):
            step(params, train.X[rows], train.y[rows])
        return loss_by_hand(params, train.X, train.y)

    return epoch


def objective(model: nn.Sequential, X: Any, y: Any) -> Any:
    """Return what a step is to lower."""
    penalty = sum(np.sum(layer.kernel**2) for layer in model.layers)
    return nn.softmax_cross_entropy(model(X), y) + STRENGTH / 2 * penalty


def step(model: nn.Sequential, X: Any, y: Any) -> nn.Sequential:
    """Do the step of `step_by_hand`, with the gradient left to the library."""
    gradient = cr.grad(objective)(model, X, y)
    return cr.tree.map(lambda w, g: w - ETA * g, model, gradient)


def arrays(model: nn.Sequential) -> list[Any]:
    """Return copies of kernel, bias, kernel, bias."""
    return [leaf.copy() for leaf in cr.tree.leaves(model)]


def run(rounds: int) -> None:
    """Print a step and an epoch, in float32 and float64."""
    for dtype in (np.float32, np.float64):
        train, model = load(dtype), network(dtype)
        _step(train, model, rounds)
        _epoch(train, model, rounds)


def _step(train: Samples, model: nn.Sequential, rounds: int) -> None:
    X, y = train.X[:BATCH], train.y[:BATCH]
    by_hand, step_by_hand = arrays(model), StepByHand(BATCH, X.dtype)
    step_by_hand(by_hand, X, y)

    def advancing(engine: str) -> Callable[[], None]:
        compiled = cr.compile(step, engine=engine)
        for mine, theirs in zip(arrays(compiled(model, X, y)), by_hand, strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=1e-3, atol=1e-6)
        state = {"model": model}

        def advance() -> None:
            state["model"] = compiled(state["model"], X, y)

        return advance

    engines = {f"cr.compile(step), {engine}": advancing(engine) for engine in ENGINES}
    show(
        f"Digits 64-50-10, one step, {X.dtype}",
        side_by_side(
            {"by hand, in NumPy": lambda: step_by_hand(by_hand, X, y), **engines}, rounds=rounds
        ),
        note="The interpreter is to stay below 2x.",
    )


def _epoch(train: Samples, model: nn.Sequential, rounds: int) -> None:
    optimizer = optim.chain(optim.l2(STRENGTH), optim.sgd(ETA))

    def advancing(engine: str) -> Callable[[], None]:
        compiled = cr.compile(run_epoch, static_argnums=(0, 1), engine=engine)
        state = {"now": TrainingState(model, optimizer.init(model), random.key(1))}

        def advance() -> None:
            outcome = compiled(
                nn.softmax_cross_entropy, BATCH, state["now"], optimizer, train, None
            )
            state["now"] = outcome.state

        return advance

    engines = {f"chainrule.training, {engine}": advancing(engine) for engine in ENGINES}
    show(
        f"Digits 64-50-10, one epoch with shuffling and evaluation, {train.X.dtype}",
        side_by_side(
            {"by hand, in NumPy": epoch_by_hand(train, arrays(model)), **engines},
            rounds=rounds,
        ),
    )
