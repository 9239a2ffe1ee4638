"""Training: `fit` prepares the data, has the model trained, and puts the result together.

There are two ways to train. An optimizer takes steps (`chainrule.training.steps`), a method that
uses curvature searches along lines (`chainrule.training.curvature`). Both tell the log of every
epoch (`chainrule.training.log`), which keeps the best weights.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

from chainrule import optim
from chainrule._errors import ArgumentTypeError, InvalidArgumentError
from chainrule.optim import Method, Optimizer
from chainrule.sparse import SparseMatrix
from chainrule.training.checkpoint import Checkpoint, Keeper
from chainrule.training.curvature import minimize_cost
from chainrule.training.epoch import Loss, Samples, Score, TrainingState
from chainrule.training.identity import identity
from chainrule.training.log import Callback, Log
from chainrule.training.preparation import (
    prepared_count,
    prepared_model,
    prepared_samples,
    try_out,
    warn_of_probabilities,
)
from chainrule.training.result import EpochRecord, FitResult, Stopped
from chainrule.training.steps import take_steps
from chainrule.training.task import Task

__all__ = ["fit"]

_REMEDY = (
    "A lower learning rate, inputs scaled to about unit variance or smaller initial weights "
    "usually help."
)


def fit(
    model: Any,
    loss: Loss,
    optimizer: Optimizer | Method,
    X: Any,
    y: Any,
    *,
    epochs: int,
    batch_size: int | None = None,
    key: Any = None,
    sample_weight: Any = None,
    X_val: Any = None,
    y_val: Any = None,
    sample_weight_val: Any = None,
    l2: float = 0.0,
    shuffle: bool = True,
    score: Score | None = None,
    training_loss: Literal["evaluated", "running"] = "evaluated",
    adjust: Callable[[EpochRecord, Any], Any] | None = None,
    tolerance: float | None = None,
    max_evaluations: int | None = None,
    callbacks: Sequence[Callback] = (),
    checkpoint: Checkpoint | None = None,
    restore_best: bool = True,
) -> FitResult:
    r"""Train a model.

    Every epoch visits the rows once, in a new random order, in batches. Each step follows the
    gradient of

    .. math:: C = \frac{1}{|B|} \sum_{i \in B} \text{loss}(\text{model}(x_i), y_i)
              + \frac{\lambda}{2} \sum_{\text{weights}} w^2

    (and of the penalties that layers have of their own, `chainrule.nn.penalty`) over the batch
    ``B``. If ``batch_size`` does not divide the number of rows, the rows left over make a last,
    smaller batch: its gradient is the mean over the rows it has, and its step is as long as any
    other. Losses are means over samples, so that each sample counts the same in them; with weights
    of samples, all means are weighted, ``sum(w loss) / sum(w)``.

    The result has the best weights, not the last, unless told otherwise: see `FitResult`. The same
    arguments give the same result, bit for bit.

    Parameters
    ----------
    model : pytree
        Callable as ``model(x, key=..., training=...)``, such as `chainrule.nn.Sequential`. It is
        not changed. Or a `TrainingState`, such as ``result.last`` of an earlier run, to go on from.
    loss : callable
        ``loss(output, target)`` returns the mean over the rows given, such as
        `chainrule.nn.softmax_cross_entropy`. Functions defined once, in a module, let the
        compiled epoch be used again.
    optimizer : Optimizer or Method
        Such as ``optim.adam(1e-3)``. `chainrule.optim.rprop` needs all rows in one batch. With a
        method that uses curvature, such as ``optim.lbfgs()``, an epoch is one of its iterations
        over all rows, see `chainrule.optim.minimize`.
    X : array-like of shape (n_samples, ...)
        Must be finite. Floats are converted to the float dtype of the model. Or a
        `chainrule.sparse.SparseMatrix`, for a model that multiplies it, all rows in one batch.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Targets as the loss wants them. Floats are converted to the float dtype of the model.
    epochs : int
        At least 1.
    batch_size : int, optional
        From 1 to ``n_samples``. None takes all rows in one batch, in their own order.
    key : key
        From `chainrule.random.key`: decides the order of the rows, and all that is random in the
        model. A state has its own.
    sample_weight : array-like of shape (n_samples,), optional
        At least 0. The loss must take them as ``sample_weight``, as those of `chainrule.nn` do. For
        weights by class see `chainrule.nn.weights_by_class`.
    X_val, y_val : array-like, optional
        Validation samples. They decide which weights are the best and nothing else.
    sample_weight_val : array-like, optional
        The weights of the validation samples.
    l2 : float, default=0.0
        ``lambda``, at least 0: puts `chainrule.optim.l2` in front of the optimizer.
    shuffle : bool, default=True
        Whether every epoch takes the rows in a new order rather than their own.
    score : callable, optional
        ``score(output, target, sample_weight)``, a number that is high for good outputs. It is
        recorded for the validation samples, and decides which weights are the best.
    training_loss : {"evaluated", "running"}, default="evaluated"
        What is recorded as training loss: the mean over all training samples with the weights the
        epoch ended with, for which the samples are gone through once more; or the mean over the
        batches as they come, each with the weights before its step (and so in training mode, with
        dropout, and the penalty likewise), which costs nothing. The latter cannot be compared with
        a validation loss. Methods that use curvature have the former in any case.
    adjust : callable, optional
        ``adjust(record, optimizer)`` is called after every epoch and returns the optimizer of the
        next, with other numbers perhaps, and of the same kind.
    tolerance : float, optional
        For a method that uses curvature: the largest gradient that is small enough.
    max_evaluations : int, optional
        For a method that uses curvature: of the cost and its gradient.
    callbacks : sequence of callable
        Each is called after every epoch with an `EpochRecord`, and may return True to stop, see
        `Callback`.
    checkpoint : Checkpoint, optional
        A file in which the run keeps what it has reached. If it is there already, the run goes on
        from it, and ends as if it had never been broken off, see `Checkpoint`.
    restore_best : bool, default=True
        Whether the result has the model of the best epoch, rather than of the last.

    Returns
    -------
    FitResult
        Also after Ctrl-C (``stopped="interrupted"``) and when weights or losses stop being
        finite (``stopped="diverged"``).

    Raises
    ------
    InvalidArgumentError, ShapeError, ArgumentTypeError
        If an argument makes no sense, the numbers of rows differ, data is not finite, the loss
        refuses a target, or the checkpoint is of another run; before any training.
    DataError, FileError
        If the checkpoint is damaged, or cannot be read or written.

    Examples
    --------
    >>> import numpy as np
    >>> from chainrule import nn, random
    >>> from chainrule.training import fit
    >>> X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    >>> y = np.array([0, 1, 1, 1])
    >>> model = nn.mlp(random.key(0), (2, 1))
    >>> result = fit(
    ...     model, nn.sigmoid_cross_entropy, optim.sgd(1.0), X, y, epochs=200, key=random.key(1)
    ... )
    >>> result.model(X)[:, 0] > 0
    array([False,  True,  True,  True])
    """
    resumed = model if isinstance(model, TrainingState) else None
    model, dtype = prepared_model(model if resumed is None else resumed.model)
    task = Task(
        loss=loss,
        train=prepared_samples("", X, y, sample_weight, dtype),
        validation=_prepared_validation(X_val, y_val, sample_weight_val, dtype),
        shuffle=shuffle,
        score=score,
        running=_is_running(training_loss),
    )
    warn_of_probabilities(model, loss)
    try_out(model, loss, task.train, "y")
    if task.validation is not None:
        try_out(model, loss, task.validation, "y_val")
    epochs = prepared_count("epochs", epochs)
    n_samples = len(task.train.X)
    batch_size = prepared_count("batch_size", n_samples if batch_size is None else batch_size)
    _check_optimizer(optimizer, batch_size, n_samples)
    if isinstance(task.train.X, SparseMatrix) and batch_size < n_samples:
        raise InvalidArgumentError(
            f"fit: batch_size: expected None for a sparse X, got {batch_size}; its rows differ in "
            "length and are taken together."
        )
    if resumed is None and key is None:
        raise ArgumentTypeError("fit: key: expected a random key such as random.key(0), got None.")

    log = Log(model, callbacks)
    n_evaluations = None
    remembering = (*callbacks, adjust)

    def keeper(state: Any) -> Keeper:
        if checkpoint is None:
            return Keeper(None, {}, log)
        settings = {
            "epochs": epochs,
            "batch_size": batch_size,
            "tolerance": tolerance,
            "max_evaluations": max_evaluations,
        }
        run = identity(task, model, optimizer, state, remembering, **settings)
        return Keeper(checkpoint, run, log, remembering)

    if isinstance(optimizer, Optimizer):
        if l2 != 0:
            optimizer = optim.chain(optim.l2(l2), optimizer)
        state = resumed or TrainingState.start(model, optimizer, key)
        state = state._replace(model=model)
        state, stopped, why = take_steps(
            task, state, optimizer, batch_size, epochs, adjust, log, keeper(state[1:])
        )
    else:
        if l2 != 0:
            raise InvalidArgumentError(
                "fit: l2: expected 0 for a method that uses curvature; give the layers penalties "
                "of their own, as in nn.mlp(..., l2=1e-4)."
            )
        key = resumed.key if resumed else key
        model, n_evaluations, stopped, why = minimize_cost(
            task, model, optimizer, epochs, tolerance, max_evaluations, log, keeper(key)
        )
        state = TrainingState(model, (), key)
    return _result(state, stopped, why, log, restore_best, n_evaluations)


def _prepared_validation(X: Any, y: Any, weight: Any, dtype: Any) -> Samples | None:
    if (X is None) != (y is None):
        missing = "X_val" if X is None else "y_val"
        raise InvalidArgumentError(f"fit: {missing} is missing; give X_val and y_val together.")
    if X is not None:
        return prepared_samples("_val", X, y, weight, dtype)
    if weight is not None:
        raise InvalidArgumentError(
            "fit: sample_weight_val: expected validation samples to go with it; give X_val and "
            "y_val."
        )
    return None


def _is_running(training_loss: str) -> bool:
    if training_loss not in ("evaluated", "running"):
        raise InvalidArgumentError(
            f"fit: training_loss: expected 'evaluated' or 'running', got {training_loss!r}."
        )
    return training_loss == "running"


def _check_optimizer(optimizer: Any, batch_size: int, n_samples: int) -> None:
    if batch_size > n_samples:
        raise InvalidArgumentError(
            f"fit: batch_size: expected at most the {n_samples} rows of X, got {batch_size}; "
            "None takes all rows in one batch."
        )
    if isinstance(optimizer, Optimizer):
        compares = optim.full_batch_only(optimizer)
    elif isinstance(optimizer, Method):
        compares = True
    else:
        raise ArgumentTypeError(
            f"fit: optimizer: expected an optimizer such as optim.sgd(0.1), got {optimizer!r}."
        )
    if compares and batch_size < n_samples:
        raise InvalidArgumentError(
            f"fit: batch_size: expected None for an optimizer that compares gradients from step to "
            f"step, got {batch_size}; those of two mini-batches differ by chance, so take all rows "
            "in one batch or an optimizer such as optim.adam()."
        )


def _result(
    state: TrainingState,
    stopped: Stopped,
    why: str,
    log: Log,
    restore_best: bool,
    n_evaluations: int | None,
) -> FitResult:
    epochs = len(log.records)
    kept = log.kept()
    if epochs and not restore_best:
        kept = f"the weights of epoch {epochs} are kept, the last"
    elif epochs and stopped == "diverged":
        kept = f"the last finite weights are those of epoch {epochs}, and {kept}"
    message = f"{why[0].upper()}{why[1:]}; {kept}."
    if stopped == "diverged":
        message = f"{message} {_REMEDY}"
    return FitResult(
        model=log.best.model if restore_best else state.model,
        history=log.history(),
        stopped=stopped,
        message=message,
        best_epoch=log.best.epoch if restore_best else epochs,
        last=state,
        n_evaluations=n_evaluations,
    )
