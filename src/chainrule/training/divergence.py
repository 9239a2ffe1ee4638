"""Where a training run stopped being finite.

Nothing is watched while training runs well: a compiled epoch only tells, at its end, whether all
is finite. When it is not, the epoch is gone through again, from the state before it and with the
same random key, one step at a time, and at the first step that breaks the quantities are looked at
in the order in which they are computed: pre-activations and outputs layer by layer, the loss,
gradients from the last layer back to the first, and the new parameters.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from chainrule import _tree as tree
from chainrule import random
from chainrule.compiler import compile
from chainrule.nn import Dense, Sequential
from chainrule.optim import Optimizer
from chainrule.training.epoch import (
    Loss,
    Samples,
    TrainingState,
    all_finite,
    cost,
    draw_batches,
    gradient,
    take,
    take_step,
)

__all__ = ["find_cause"]

_compiled_step = compile(take_step, static_argnums=(0,))


def find_cause(
    loss: Loss,
    batch_size: int,
    state: TrainingState,
    optimizer: Optimizer,
    train: Samples,
    validation: Samples | None,
    shuffle: bool = True,
) -> str:
    """Return, in words, what in an epoch was the first not to be finite.

    Parameters
    ----------
    loss, batch_size, optimizer, train, validation, shuffle
        As for `chainrule.training.epoch.run_epoch`.
    state : TrainingState
        The state before the epoch, all finite.

    Returns
    -------
    str
        Such as ``"in batch 3 of 15, the pre-activations of layer 2, Dense(50 -> 10, identity),
        were not finite"``.
    """
    model, optimizer_state, _ = state
    steps = list(_steps(state.key, len(train.X), batch_size, shuffle))
    for number, (rows, key) in enumerate(steps, start=1):
        batch = train if rows is None else take(train, rows)
        step = _compiled_step(loss, optimizer, model, optimizer_state, batch, key)
        after, optimizer_state = step.model, step.optimizer_state
        if not all_finite(after):
            cause = _in_step(loss, model, batch, key, after)
            return f"in batch {number} of {len(steps)}, {cause}"
        model = after
    for name, samples in (("training", train), ("validation", validation)):
        found = None if samples is None else _in_forward_pass(loss, model, samples)
        if found is not None:
            return f"when the {name} loss was evaluated, {found}"
    return "the losses were not finite"


def _steps(key: Any, n_samples: int, batch_size: int, shuffle: bool) -> Iterator[tuple[Any, Any]]:
    """Yield the rows (None for all) and the key of every step of an epoch."""
    epoch_key = random.split(key, 2)[1]
    if batch_size == n_samples:
        yield None, epoch_key
        return
    batches = draw_batches(epoch_key, n_samples, batch_size, shuffle)
    yield from zip(batches.rows, batches.keys, strict=True)
    if n_samples % batch_size:
        yield batches.rest, batches.rest_key


def _in_forward_pass(
    loss: Loss, model: Any, batch: Samples, *, key: Any = None, training: bool = False
) -> str | None:
    where, output = "the model", batch.X
    if isinstance(model, Sequential):
        walk = enumerate(model.walk(batch.X, key=key, training=training), start=1)
        for number, (layer, inputs, outputs) in walk:
            where = f"layer {number}, {layer!r}"
            if isinstance(layer, Dense) and not all_finite(layer.preactivation(inputs)):
                return f"the pre-activations of {where}, were not finite"
            if not all_finite(outputs):
                return f"the outputs of {where}, were not finite"
            output = outputs
    else:
        output = model(batch.X, key=key, training=training)
        if not all_finite(output):
            return "the outputs of the model were not finite"
    if not all_finite(cost(loss, output, batch)):
        largest = max(float(np.max(np.abs(leaf))) for leaf in tree.leaves(output))
        return f"the loss was not finite for outputs of {where}, as large as {largest:.1e}"
    return None


def _in_step(loss: Loss, model: Any, batch: Samples, key: Any, after: Any) -> str:
    cause = _in_forward_pass(loss, model, batch, key=key, training=True)
    if cause is not None:
        return cause
    # Errors are propagated backwards, so the layer nearest the output is where it began.
    broken = _broken_leaves(gradient(loss, model, batch, key)[0])
    if broken:
        return f"the gradient of {_place(broken[-1], model)} was not finite"
    return f"the update made {_place(_broken_leaves(after)[0], model)} not finite"


def _broken_leaves(params: Any) -> list[str]:
    return [path for path, leaf in tree.leaves_with_path(params) if not all_finite(leaf)]


def _place(path: str, model: Any) -> str:
    inside = re.fullmatch(r"\.layers\[(\d+)\]\.?(.*)", path)
    if isinstance(model, Sequential) and inside:
        position = int(inside[1])
        return f"{inside[2]} in layer {position + 1}, {model.layers[position]!r},"
    return path.lstrip(".") or "the parameters"
