"""One epoch of training as one compiled call.

An epoch shuffles the rows, scans over mini-batches (gather, gradient, update), takes a last
smaller step with the rows that are left over, and evaluates the model it ends with. All of that is
one function of arrays, `run_epoch`, compiled once for given shapes: outside it, an epoch costs one
dispatch. The optimizer is an argument, so its numbers are too.

What the state between two epochs consists of is what it takes to go on: the model, the state of
the optimizer and a random key. Nothing is changed in place; whoever keeps a state keeps it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from chainrule import _tree as tree
from chainrule import random
from chainrule.compiler import compile
from chainrule.control_flow import scan
from chainrule.frontend import asarray
from chainrule.optim import Optimizer
from chainrule.transforms import grad

Loss = Callable[[Any, Any], Any]

EVALUATION_ROWS = 8192
"""Rows evaluated at a time, so that memory does not grow with the data."""


class Samples(NamedTuple):
    """Inputs and targets with one row per sample."""

    X: Any
    y: Any


class TrainingState(NamedTuple):
    """What training goes on from.

    Attributes
    ----------
    model : pytree
    optimizer_state : pytree
    key : key
        From which the next epoch draws its order and the keys of its steps.
    """

    model: Any
    optimizer_state: Any
    key: Any


class EpochOutcome(NamedTuple):
    """What an epoch leaves: the state, losses after its last step, and whether all is finite."""

    state: TrainingState
    train_loss: Any
    val_loss: Any | None
    finite: Any


class Batches(NamedTuple):
    """The order of an epoch.

    Attributes
    ----------
    rows : ndarray of int of shape (n_full, batch_size)
    keys : ndarray of shape (n_full, ...)
        One random key for every full batch.
    rest : ndarray of int of shape (n_samples - n_full * batch_size,)
        The rows left over.
    rest_key : key
    """

    rows: Any
    keys: Any
    rest: Any
    rest_key: Any


def draw_batches(key: Any, n_samples: int, batch_size: int) -> Batches:
    """Shuffle the rows and cut them into batches."""
    n_full = n_samples // batch_size
    order_key, step_key = random.split(key, 2)
    order = random.permutation(order_key, n_samples)
    keys = random.split(step_key, n_full + 1)
    return Batches(
        rows=order[: n_full * batch_size].reshape(n_full, batch_size),
        keys=keys[:n_full],
        rest=order[n_full * batch_size :],
        rest_key=keys[n_full],
    )


def take(samples: Samples, rows: Any) -> Samples:
    """Return the given rows, which may be traced where the samples are not."""
    return tree.map(lambda array: asarray(array)[rows], samples)


def gradient(loss: Loss, model: Any, batch: Samples, key: Any) -> Any:
    """Return the gradient of the mean loss of a batch, of the structure of the model."""
    return grad(lambda m: loss(m(batch.X, key=key, training=True), batch.y))(model)


def take_step(
    loss: Loss, optimizer: Optimizer, model: Any, optimizer_state: Any, batch: Samples, key: Any
) -> tuple[Any, Any]:
    """Return the model and the state of the optimizer after one step."""
    return optimizer.update(gradient(loss, model, batch, key), optimizer_state, model)


def mean_loss(loss: Loss, model: Any, samples: Samples) -> Any:
    """Return the mean loss over samples of any number, in evaluation mode."""
    n_samples = samples.X.shape[0]
    n_blocks, n_rest = divmod(n_samples, EVALUATION_ROWS)
    n_blocked = n_blocks * EVALUATION_ROWS
    total: Any = 0.0
    if n_blocks:

        def block_loss(_: tuple[()], block: Samples) -> tuple[tuple[()], Any]:
            return (), loss(model(block.X), block.y)

        def blocked(array: Any) -> Any:
            return array[:n_blocked].reshape(n_blocks, EVALUATION_ROWS, *array.shape[1:])

        _, losses = scan(block_loss, (), tree.map(blocked, samples))
        total = np.sum(losses) * EVALUATION_ROWS
    if n_rest:
        rest = take(samples, slice(n_blocked, None)) if n_blocks else samples
        total = total + loss(model(rest.X), rest.y) * n_rest
    return total / n_samples


def all_finite(params: Any) -> Any:
    """Return whether every number of a tree is finite."""
    finite: Any = True
    for leaf in tree.leaves(params):
        finite = np.logical_and(finite, np.all(np.isfinite(leaf)))
    return finite


def run_epoch(
    loss: Loss,
    batch_size: int,
    state: TrainingState,
    optimizer: Optimizer,
    train: Samples,
    validation: Samples | None,
) -> EpochOutcome:
    """Return what an epoch leaves.

    Parameters
    ----------
    loss : callable
        ``(output, target) -> mean over the rows given``. Static.
    batch_size : int
        Static. With all rows in one batch, they are taken in their own order.
    state : TrainingState
    optimizer : Optimizer
    train : Samples
    validation : Samples or None

    Returns
    -------
    EpochOutcome
    """
    model, optimizer_state, key = state
    n_samples = train.X.shape[0]
    keys = random.split(key, 2)
    next_key, epoch_key = keys[0], keys[1]

    if batch_size == n_samples:
        model, optimizer_state = take_step(
            loss, optimizer, model, optimizer_state, train, epoch_key
        )
    else:
        batches = draw_batches(epoch_key, n_samples, batch_size)

        def step(carry: tuple[Any, Any], batch: tuple[Any, Any]) -> tuple[tuple[Any, Any], None]:
            rows, step_key = batch
            return take_step(loss, optimizer, *carry, take(train, rows), step_key), None

        carry = (model, optimizer_state)
        carry, _ = scan(step, carry, (batches.rows, batches.keys))
        if n_samples % batch_size:
            carry, _ = step(carry, (batches.rest, batches.rest_key))
        model, optimizer_state = carry

    train_loss = mean_loss(loss, model, train)
    val_loss = None if validation is None else mean_loss(loss, model, validation)
    finite = np.logical_and(all_finite(model), np.isfinite(train_loss))
    if val_loss is not None:
        finite = np.logical_and(finite, np.isfinite(val_loss))
    return EpochOutcome(
        TrainingState(model, optimizer_state, next_key), train_loss, val_loss, finite
    )


run_compiled_epoch = compile(run_epoch, static_argnums=(0, 1))
