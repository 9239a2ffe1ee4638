"""Training by a method that uses curvature: every epoch is an iteration over all samples.

Where `chainrule.training.loop` takes steps of an optimizer, this brings the cost to a minimum by
`chainrule.optim.minimize`, whose line searches need the same function at every trial. So nothing
may be random in the model, and nothing remembered of the batches.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule import _tree as tree
from chainrule import nn
from chainrule._errors import InvalidArgumentError
from chainrule.compiler import compile
from chainrule.frontend import asarray
from chainrule.optim import Method, StopReason, minimize
from chainrule.training.epoch import Loss, Samples, Score, cost, mean_loss, squared_lengths
from chainrule.training.log import Log
from chainrule.training.result import Stopped
from chainrule.training.task import Task

__all__ = ["minimize_cost"]


def total_cost(params: Any, model: Any, samples: Samples, *, loss: Loss) -> Any:
    """Return the mean loss and the penalties of the layers."""
    moved = nn.with_parameters(model, params)
    return cost(loss, moved(samples.X), samples) + nn.penalty(moved)


def measured(
    loss: Loss, score: Score | None, model: Any, before: Any, validation: Samples | None
) -> tuple[Any, Any, Any, Any]:
    """Return penalty, validation loss and score, and how far each part has moved."""
    moved = tree.map(lambda new, old: new - old, nn.parameters(model), nn.parameters(before))
    val_loss = val_score = None
    if validation is not None:
        val_loss = mean_loss(loss, model, validation)
        if score is not None:
            val_score = score(model(validation.X), validation.y, validation.weight)
    return asarray(nn.penalty(model)), val_loss, val_score, np.sqrt(squared_lengths(moved))


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
) -> tuple[Any, Stopped, str]:
    """Return the model after the last iteration, and why the minimization stopped."""
    _check_deterministic(model, task.train.X)
    latest = model

    def after(iteration: int, params: Any, value: float) -> bool:
        nonlocal latest
        moved = nn.with_parameters(model, params)
        penalty, val_loss, val_score, update_norms = _measured_compiled(
            task.loss, task.score, moved, latest, task.validation
        )
        latest = moved
        return log.add(
            model=moved,
            train_loss=value - penalty,
            penalty=penalty,
            val_loss=val_loss,
            val_score=val_score,
            learning_rate=np.nan,
            gradient_norms=None,
            update_norms=update_norms,
        )

    try:
        found = minimize(
            nn.partial(total_cost, loss=task.loss),
            nn.parameters(model),
            model,
            task.train,
            method=method,
            tolerance=tolerance,
            max_iterations=iterations,
            max_evaluations=max_evaluations,
            callback=after,
        )
    except KeyboardInterrupt:
        done = len(log.records)
        return latest, "interrupted", f"interrupted after {done} of {iterations} iterations"
    if found.n_iterations > len(log.records):  # the last one is not followed by a callback
        after(found.n_iterations, found.params, found.value)
    why = f"stopped after {found.n_iterations} iterations: {found.reason.value}"
    return latest, _STOPPED[found.reason], why


_STOPPED: dict[StopReason, Stopped] = {
    StopReason.GRADIENT: "converged",
    StopReason.PRECISION: "converged",
    StopReason.ITERATIONS: "completed",
    StopReason.EVALUATIONS: "completed",
    StopReason.CALLBACK: "callback",
}
