"""The training loop.

`fit` prepares the data, then calls one compiled function per epoch (see
`chainrule.training.epoch`). Between two calls it does what must not be compiled: it keeps the
best weights, tells the callbacks, and notices Ctrl-C and numbers that are no longer finite.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from chainrule import _tree as tree
from chainrule import optim
from chainrule._errors import ArgumentTypeError, InvalidArgumentError
from chainrule.optim import Optimizer
from chainrule.training.divergence import find_cause
from chainrule.training.epoch import Loss, TrainingState, run_compiled_epoch
from chainrule.training.preparation import (
    prepared_count,
    prepared_model,
    prepared_samples,
    try_out,
)
from chainrule.training.result import EpochRecord, FitResult, History, Stopped

__all__ = ["Callback", "fit"]

Callback: TypeAlias = Callable[[EpochRecord], bool | None]
"""Called after every epoch; training stops when it returns True."""

_REMEDY = (
    "A lower learning rate, inputs scaled to about unit variance or smaller initial weights "
    "usually help."
)


def fit(
    model: Any,
    loss: Loss,
    optimizer: Optimizer,
    X: Any,
    y: Any,
    *,
    epochs: int,
    batch_size: int | None = None,
    key: Any,
    X_val: Any = None,
    y_val: Any = None,
    l2: float = 0.0,
    callbacks: Sequence[Callback] = (),
) -> FitResult:
    r"""Train a model.

    Every epoch visits the rows once, in a new random order, in batches. Each step follows the
    gradient of

    .. math:: C = \frac{1}{|B|} \sum_{i \in B} \text{loss}(\text{model}(x_i), y_i)
              + \frac{\lambda}{2} \sum_{\text{weights}} w^2

    over the batch ``B``. If ``batch_size`` does not divide the number of rows, the rows left over
    make a last, smaller batch: its gradient is the mean over the rows it has, and its step is as
    long as any other. Losses are means over samples, so that each sample counts the same in them.

    The result has the best weights, not the last: see `FitResult`. The same arguments give the
    same result, bit for bit.

    Parameters
    ----------
    model : pytree
        Callable as ``model(x, key=..., training=...)``, such as `chainrule.nn.Sequential`. It is
        not changed.
    loss : callable
        ``loss(output, target)`` returns the mean over the rows given, such as
        `chainrule.nn.softmax_cross_entropy`. Functions defined once, in a module, let the
        compiled epoch be used again.
    optimizer : Optimizer
        Such as ``optim.adam(1e-3)``.
    X : array-like of shape (n_samples, ...)
        Must be finite. Floats are converted to the float dtype of the model.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Targets as the loss wants them. Floats are converted to the float dtype of the model.
    epochs : int
        At least 1.
    batch_size : int, optional
        From 1 to ``n_samples``. None takes all rows in one batch, in their own order.
    key : key
        From `chainrule.random.key`: decides the order of the rows, and all that is random in the
        model.
    X_val, y_val : array-like, optional
        Validation samples. They decide which weights are the best and nothing else.
    l2 : float, default=0.0
        ``lambda``, at least 0: puts `chainrule.optim.l2` in front of the optimizer.
    callbacks : sequence of callable
        Each is called after every epoch with an `EpochRecord`, and may return True to stop.

    Returns
    -------
    FitResult
        Also after Ctrl-C (``stopped="interrupted"``) and when weights or losses stop being
        finite (``stopped="diverged"``).

    Raises
    ------
    InvalidArgumentError, ShapeError, ArgumentTypeError
        If an argument makes no sense, the numbers of rows differ, data is not finite, or the
        loss refuses a target; before any training.

    Examples
    --------
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
    model = prepared_model(model)
    dtype = np.result_type(*{leaf.dtype for leaf in tree.leaves(model)})
    train = prepared_samples("X", "y", X, y, dtype)
    if (X_val is None) != (y_val is None):
        missing = "X_val" if X_val is None else "y_val"
        raise InvalidArgumentError(f"fit: {missing} is missing; give X_val and y_val together.")
    validation = None if X_val is None else prepared_samples("X_val", "y_val", X_val, y_val, dtype)
    try_out(model, loss, train, "y")
    if validation is not None:
        try_out(model, loss, validation, "y_val")
    epochs = prepared_count("epochs", epochs)
    batch_size = prepared_count("batch_size", len(train.X) if batch_size is None else batch_size)
    if batch_size > len(train.X):
        raise InvalidArgumentError(
            f"fit: batch_size: expected at most the {len(train.X)} rows of X, got {batch_size}; "
            "None takes all rows in one batch."
        )
    if not isinstance(optimizer, Optimizer):
        raise ArgumentTypeError(
            f"fit: optimizer: expected an optimizer such as optim.sgd(0.1), got {optimizer!r}."
        )
    if l2 != 0:
        optimizer = optim.chain(optim.l2(l2), optimizer)

    state = TrainingState(model, optimizer.init(model), key)
    best = _Best(np.inf, 0, model)
    rows: list[tuple[int, float, float | None, float]] = []
    stopped: Stopped = "completed"
    why = f"all {epochs} epochs done"
    try:
        for epoch in range(1, epochs + 1):
            began = time.perf_counter()
            # What overflows is reported below, with its place, instead of as a warning.
            with np.errstate(all="ignore"):
                outcome = run_compiled_epoch(loss, batch_size, state, optimizer, train, validation)
            if not outcome.finite:
                stopped = "diverged"
                with np.errstate(all="ignore"):
                    cause = find_cause(loss, batch_size, state, optimizer, train, validation)
                why = f"diverged in epoch {epoch}: {cause}"
                break
            state = outcome.state
            train_loss = float(outcome.train_loss)
            val_loss = None if outcome.val_loss is None else float(outcome.val_loss)
            monitored = train_loss if val_loss is None else val_loss
            is_best = monitored < best.loss
            if is_best:
                best = _Best(monitored, epoch, state.model)
            seconds = time.perf_counter() - began
            rows.append((epoch, train_loss, val_loss, seconds))
            record = EpochRecord(epoch, train_loss, val_loss, is_best, seconds, state.model)
            answers = [callback(record) for callback in callbacks]
            if any(answers):
                stopped, why = "callback", f"stopped by a callback after epoch {epoch}"
                break
    except KeyboardInterrupt:
        stopped, why = "interrupted", f"interrupted after {len(rows)} of {epochs} epochs"

    kept = _kept(best, validation is not None)
    if stopped == "diverged" and rows:
        kept = f"the last finite weights are those of epoch {len(rows)}, and {kept}"
    message = f"{why[0].upper()}{why[1:]}; {kept}."
    if stopped == "diverged":
        message = f"{message} {_REMEDY}"
    return FitResult(
        model=best.model,
        history=History.from_rows(rows),
        stopped=stopped,
        message=message,
        best_epoch=best.epoch,
        last=state,
    )


class _Best(NamedTuple):
    """The lowest loss so far, its epoch, and the model after it."""

    loss: float
    epoch: int
    model: Any


def _kept(best: _Best, has_validation: bool) -> str:
    if not best.epoch:
        return "the initial weights are kept, no epoch having ended"
    which = "validation" if has_validation else "training"
    return f"the weights of epoch {best.epoch} are kept ({which} loss {best.loss:.4g}, the lowest)"
