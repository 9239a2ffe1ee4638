"""Training by a method that uses curvature: every epoch is an iteration over all samples.

Where `chainrule.training.steps` takes steps of an optimizer, this brings the cost to a minimum by
`chainrule.optim.minimization`, whose line searches need the same function at every trial. So
nothing may be random in the model, and nothing remembered of the batches.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule import _tree as tree
from chainrule import nn
from chainrule._errors import InvalidArgumentError
from chainrule.compiler import compile
from chainrule.frontend import asarray
from chainrule.optim import Method, StopReason
from chainrule.optim.minimization import Descent, State
from chainrule.training import interruption
from chainrule.training.checkpoint import Keeper
from chainrule.training.epoch import (
    Loss,
    Measures,
    Samples,
    Score,
    cost,
    mean_loss,
    squared_lengths,
)
from chainrule.training.log import Log
from chainrule.training.result import Stopped
from chainrule.training.task import Task

__all__ = ["minimize_cost"]


def total_cost(params: Any, model: Any, samples: Samples, *, loss: Loss) -> Any:
    """Return the mean loss and the penalties of the layers."""
    moved = nn.with_parameters(model, params)
    return cost(loss, moved(samples.X), samples) + nn.penalty(moved)


def measured(
    loss: Loss,
    score: Score | None,
    model: Any,
    before: Any,
    gradient: Any,
    validation: Samples | None,
) -> tuple[Any, Any, Any, Any, Any]:
    """Return penalty, validation loss and score, and lengths by part: of gradient and update."""
    moved = tree.map(lambda new, old: new - old, nn.parameters(model), nn.parameters(before))
    val_loss = val_score = None
    if validation is not None:
        val_loss = mean_loss(loss, model, validation)
        if score is not None:
            val_score = score(model(validation.X), validation.y, validation.weight)
    gradient_norms, update_norms = (np.sqrt(squared_lengths(part)) for part in (gradient, moved))
    return asarray(nn.penalty(model)), val_loss, val_score, gradient_norms, update_norms


_measured_compiled = compile(measured, static_argnums=(0, 1))


def _check_deterministic(model: Any, X: Any) -> None:
    """Raise if a model is random in training, or differs there from what it is afterwards."""
    try:
        output, after = nn.observe(model, X[:2])
    except InvalidArgumentError:  # it misses a random key
        changes = True
    else:
        old, new = tree.leaves(model), tree.leaves(after)
        changes = not (
            np.array_equal(output, model(X[:2]))
            and all(np.array_equal(a, b) for a, b in zip(old, new, strict=True))
        )
    if changes:
        raise InvalidArgumentError(
            f"fit: optimizer: expected one that takes steps, such as optim.adam(), for {model!r}, "
            "which is another function in training than afterwards; a line search needs one "
            "function. Or leave out dropout and batch normalization."
        )


def minimize_cost(
    task: Task,
    model: Any,
    method: Method,
    iterations: int,
    tolerance: float | None,
    max_evaluations: int | None,
    log: Log,
    keeper: Keeper,
) -> tuple[Any, int, Stopped, str]:
    """Return the last model, the number of evaluations, and why the minimization stopped."""
    _check_deterministic(model, task.train.X)
    descent = Descent(
        nn.partial(total_cost, loss=task.loss),
        nn.parameters(model),
        (model, task.train),
        method=method,
        tolerance=tolerance,
        max_iterations=iterations,
        max_evaluations=max_evaluations,
    )

    def model_of(state: State) -> Any:
        return nn.with_parameters(model, descent.params(state))

    def add(state: State, before: State) -> bool:
        latest = model_of(state)
        # The gradient is the one that the iteration began with, as it is where steps are taken.
        penalty, val_loss, val_score, gradient_norms, update_norms = _measured_compiled(
            task.loss,
            task.score,
            latest,
            model_of(before),
            descent.gradient(before),
            task.validation,
        )
        measures = Measures(
            float(state.value - penalty),
            float(penalty),
            None if val_loss is None else float(val_loss),
            None if val_score is None else float(val_score),
            math.nan,
            gradient_norms,
            update_norms,
        )
        return log.add(measures, latest, log.lap())

    before = keeper.start(descent.start())
    if keeper.ending is not None:
        return model_of(before), int(before.n_evaluations), *keeper.ending

    def ended(state: State, stopped: Stopped, why: str) -> tuple[Any, int, Stopped, str]:
        keeper.finish(state, stopped, why)
        return model_of(state), int(state.n_evaluations), stopped, why

    try:
        for count, state, reason in descent.iterations(before, len(log.records)):
            interruption.check()
            asks_to_stop = count > len(log.records) and add(state, before)
            before = state
            if reason is None and asks_to_stop:
                reason = StopReason.CALLBACK
            if reason is not None:
                break
            keeper.note(state)
    except KeyboardInterrupt:
        done = len(log.records)
        return ended(before, "interrupted", f"interrupted after {done} of {iterations} iterations")
    assert reason is not None
    why = f"stopped after {count} iterations: {reason.value}"
    return ended(state, _STOPPED[reason], why)


_STOPPED: dict[StopReason, Stopped] = {
    StopReason.GRADIENT: "converged",
    StopReason.PRECISION: "converged",
    StopReason.ITERATIONS: "completed",
    StopReason.EVALUATIONS: "completed",
    StopReason.CALLBACK: "callback",
}
