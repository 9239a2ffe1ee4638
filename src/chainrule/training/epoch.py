"""One epoch of training as a function of arrays.

An epoch shuffles the rows, scans over mini-batches (gather, gradient, update), takes a last
smaller step with the rows that are left over, and evaluates the model it ends with. All of that is
one function, `run_epoch`, and the body of a loop that is compiled once for given shapes, see
`chainrule.training.stretch`. The optimizer is an argument, so its numbers are too.

What the state between two epochs consists of is what it takes to go on: the model, the state of
the optimizer and a random key. Nothing is changed in place; whoever keeps a state keeps it. The
model is carried whole: a step moves its parameters by their gradient, and takes over from the
layers what they remember of the batch (`chainrule.nn.observe`), such as running statistics.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from chainrule import _tree as tree
from chainrule import nn, random
from chainrule.control_flow import scan
from chainrule.frontend import asarray
from chainrule.nn.roles import trained_leaves
from chainrule.optim import Chain, Optimizer, Schedule
from chainrule.sparse import SparseMatrix
from chainrule.transforms import grad

Loss = Callable[..., Any]

Score = Callable[[Any, Any, Any], Any]
"""``(output, target, sample_weight)`` to a number that is high for good outputs."""

EVALUATION_ROWS = 2048
"""Rows evaluated at a time, so that memory does not grow with the data."""


class Samples(NamedTuple):
    """Inputs and targets with one row per sample, and the weights of samples if they have any."""

    X: Any
    y: Any
    weight: Any = None


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

    @classmethod
    def start(cls, model: Any, optimizer: Optimizer, key: Any) -> TrainingState:
        """Return the state before the first epoch."""
        return cls(model, optimizer.init(nn.parameters(model)), key)


class Measures(NamedTuple):
    """What is measured of an epoch.

    Attributes
    ----------
    train_loss : float
        After the last step; or while it lasted, see `run_epoch`.
    penalty : float
        Of the layers, at the same time.
    val_loss, val_score : float or None
        After the last step.
    learning_rate : float
        Of the step that would come next; NaN for an optimizer that has none.
    gradient_norms : ndarray of shape (n_parts,)
        The root mean square, over the steps, of the gradient's length in each part of the model,
        see `parts`.
    update_norms : ndarray of shape (n_parts,)
        How far the parameters of each part have come from where they began the epoch.
    """

    train_loss: Any
    penalty: Any
    val_loss: Any | None
    val_score: Any | None
    learning_rate: Any
    gradient_norms: Any
    update_norms: Any


class EpochOutcome(NamedTuple):
    """What an epoch leaves.

    Attributes
    ----------
    state : TrainingState
    measures : Measures
    finite : bool
        Whether all that is carried on and all losses are.
    """

    state: TrainingState
    measures: Measures
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


def draw_batches(key: Any, n_samples: int, batch_size: int, shuffle: bool = True) -> Batches:
    """Shuffle the rows, or keep their order, and cut them into batches."""
    n_full = n_samples // batch_size
    order_key, step_key = random.split(key, 2)
    order = random.permutation(order_key, n_samples) if shuffle else np.arange(n_samples)
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


def cost(loss: Loss, output: Any, samples: Samples) -> Any:
    """Return the mean loss of outputs, by the weights of the samples if they have any."""
    if samples.weight is None:
        return loss(output, samples.y)
    return loss(output, samples.y, sample_weight=samples.weight)


class Step(NamedTuple):
    """What a step comes from and leads to.

    Attributes
    ----------
    model, optimizer_state : pytree
        After it.
    gradient : pytree
        With the structure of the model's parameters.
    loss, penalty : float
        Of the batch, before it.
    """

    model: Any
    optimizer_state: Any
    gradient: Any
    loss: Any
    penalty: Any


def gradient(loss: Loss, model: Any, batch: Samples, key: Any) -> tuple[Any, tuple[Any, Any, Any]]:
    """Return the gradient of the cost of a batch, the model that has seen it, and the cost.

    The cost is the mean loss and the penalties of the layers, returned as such, and the gradient
    has the structure of the model's parameters.
    """

    def of_parameters(params: Any) -> tuple[Any, tuple[Any, Any, Any]]:
        moved = nn.with_parameters(model, params)
        output, after = nn.observe(moved, batch.X, key=key)
        mean, penalty = cost(loss, output, batch), asarray(nn.penalty(moved))
        return mean + penalty, (after, mean, penalty)

    return grad(of_parameters, has_aux=True)(nn.parameters(model))


def take_step(
    loss: Loss, optimizer: Optimizer, model: Any, optimizer_state: Any, batch: Samples, key: Any
) -> Step:
    """Make one step."""
    grads, (after, mean, penalty) = gradient(loss, model, batch, key)
    params, optimizer_state = optimizer.update(grads, optimizer_state, nn.parameters(model))
    return Step(nn.with_parameters(after, params), optimizer_state, grads, mean, penalty)


def parts(model: Any) -> dict[str, Any]:
    """Return by name what the lengths of gradients are measured for.

    These are the layers of a `chainrule.nn.Sequential` that have parameters, named by position;
    any other model is one part, named ``"model"``.
    """
    if not isinstance(model, nn.Sequential):
        return {"model": model}
    named = {f"layer {number}": layer for number, layer in enumerate(model.layers, start=1)}
    return {name: layer for name, layer in named.items() if trained_leaves(*tree.flatten(layer))}


def squared_lengths(params: Any) -> Any:
    """Return the sum of squares of each of the `parts` of a tree of parameters."""
    sums = [sum(np.sum(w * w) for w in tree.leaves(part)) for part in parts(params).values()]
    return np.stack(sums)


def mean_loss(loss: Loss, model: Any, samples: Samples) -> Any:
    """Return the mean loss over samples of any number, in evaluation mode."""
    if isinstance(samples.X, SparseMatrix):  # small as it is, and not to be cut while traced
        return cost(loss, model(samples.X), samples)
    n_samples = samples.X.shape[0]
    n_blocks, n_rest = divmod(n_samples, EVALUATION_ROWS)
    n_blocked = n_blocks * EVALUATION_ROWS

    def sum_of_losses(part: Samples) -> Any:
        return cost(loss, model(part.X), part) * _size(part)

    total: Any = 0.0
    if n_blocks:

        def block_loss(_: tuple[()], block: Samples) -> tuple[tuple[()], Any]:
            return (), sum_of_losses(block)

        def blocked(array: Any) -> Any:
            return array[:n_blocked].reshape(n_blocks, EVALUATION_ROWS, *array.shape[1:])

        _, losses = scan(block_loss, (), tree.map(blocked, samples))
        total = np.sum(losses)
    if n_rest:
        rest = take(samples, slice(n_blocked, None)) if n_blocks else samples
        total = total + sum_of_losses(rest)
    return total / _size(samples)


def outputs(model: Any, X: Any) -> Any:
    """Return the outputs for samples of any number, in evaluation mode."""
    n_blocks = X.shape[0] // EVALUATION_ROWS
    if isinstance(X, SparseMatrix) or not n_blocks:
        return model(X)
    n_blocked = n_blocks * EVALUATION_ROWS

    def block_outputs(_: tuple[()], block: Any) -> tuple[tuple[()], Any]:
        return (), model(block)

    blocks = X[:n_blocked].reshape(n_blocks, EVALUATION_ROWS, *X.shape[1:])
    _, found = scan(block_outputs, (), blocks)
    found = found.reshape(n_blocked, *found.shape[2:])
    if n_blocked == X.shape[0]:
        return found
    return np.concatenate([found, model(X[n_blocked:])])


def _size(samples: Samples) -> Any:
    """Return the number of samples, or the sum of their weights."""
    return samples.X.shape[0] if samples.weight is None else np.sum(samples.weight)


def all_finite(params: Any) -> Any:
    """Return whether every number of a tree is finite."""
    finite: Any = True
    for leaf in tree.leaves(params):
        finite = np.logical_and(finite, np.all(np.isfinite(leaf)))
    return finite


def learning_rate(optimizer: Optimizer, state: Any) -> Any:
    """Return the rate of the step that an optimizer in this state would make next."""
    if isinstance(optimizer, Chain):
        return learning_rate(optimizer.optimizer, state[-1])
    inner = getattr(optimizer, "optimizer", None)
    if inner is not None:
        return learning_rate(inner, state)
    rate = getattr(optimizer, "learning_rate", np.nan)
    return rate(state) if isinstance(rate, Schedule) else rate


def run_epoch(
    loss: Loss,
    batch_size: int,
    state: TrainingState,
    optimizer: Optimizer,
    train: Samples,
    validation: Samples | None,
    shuffle: bool = True,
    score: Score | None = None,
    running: bool = False,
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
    shuffle : bool, default=True
        Static. Whether batches are drawn in a new order.
    score : callable, optional
        ``(output, target, sample_weight) -> number`` of the validation samples. Static.
    running : bool, default=False
        Static. Whether the training loss and the penalty are the means over the steps, each before
        it is made, rather than those of all training samples after the last.

    Returns
    -------
    EpochOutcome
    """
    model, optimizer_state, key = state
    n_samples = train.X.shape[0]
    keys = random.split(key, 2)
    next_key, epoch_key = keys[0], keys[1]

    def measured(step: Step, batch: Samples) -> list[Any]:
        costs = [step.loss, step.penalty] if running else []
        return [squared_lengths(step.gradient), *(value * _size(batch) for value in costs)]

    if batch_size == n_samples:
        step = take_step(loss, optimizer, model, optimizer_state, train, epoch_key)
        model, optimizer_state = step.model, step.optimizer_state
        found, n_steps = measured(step, train), 1
    else:
        batches = draw_batches(epoch_key, n_samples, batch_size, shuffle)

        def advance(carry: Any, batch: Any) -> tuple[Any, list[Any]]:
            rows, step_key = batch
            taken = take(train, rows)
            step = take_step(loss, optimizer, carry[0], carry[1], taken, step_key)
            return (step.model, step.optimizer_state), measured(step, taken)

        carry, found = scan(advance, (model, optimizer_state), (batches.rows, batches.keys))
        found, n_steps = [np.sum(column, axis=0) for column in found], n_samples // batch_size
        if n_samples % batch_size:
            carry, rest = advance(carry, (batches.rest, batches.rest_key))
            found = [column + last for column, last in zip(found, rest, strict=True)]
            n_steps += 1
        model, optimizer_state = carry

    squares, *costs = found
    if running:
        train_loss, penalty = (total / _size(train) for total in costs)
    else:
        train_loss, penalty = mean_loss(loss, model, train), asarray(nn.penalty(model))
    val_loss = None if validation is None else mean_loss(loss, model, validation)
    val_score = None
    if validation is not None and score is not None:
        val_score = score(outputs(model, validation.X), validation.y, validation.weight)
    finite = np.logical_and(all_finite(model), np.isfinite(train_loss))
    if val_loss is not None:
        finite = np.logical_and(finite, np.isfinite(val_loss))
    moved = tree.map(lambda new, old: new - old, nn.parameters(model), nn.parameters(state.model))
    measures = Measures(
        train_loss,
        penalty,
        val_loss,
        val_score,
        learning_rate(optimizer, optimizer_state),
        np.sqrt(squares / n_steps),
        np.sqrt(squared_lengths(moved)),
    )
    return EpochOutcome(TrainingState(model, optimizer_state, next_key), measures, finite)
