"""A learning rate found by trying many in a row.

One short run is made in which every step takes a higher rate than the one before, from far too low
to far too high. The loss stays where it is, falls, and then explodes; where it is last low, the
rate is about as high as can still be borne, and a run that is to last should take a lower one. All
steps are one compiled call; what became of the loss is looked at afterwards.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule import _tree as tree
from chainrule import nn, random
from chainrule._errors import ArgumentTypeError, InvalidArgumentError
from chainrule.compiler import compile
from chainrule.control_flow import scan
from chainrule.optim import Optimizer, full_batch_only
from chainrule.training.epoch import Loss, Samples, cost, draw_batches, take
from chainrule.training.preparation import (
    prepared_count,
    prepared_model,
    prepared_samples,
    try_out,
    warn_of_probabilities,
)
from chainrule.transforms import value_and_grad

__all__ = ["LearningRateSearch", "find_learning_rate"]

_SAFETY = 10.0
"""What the highest rate that can be borne is divided by."""

_SLACK = 0.1
"""By what share of the lowest loss another may be higher and count as low: batches differ."""


@dataclass(frozen=True)
class LearningRateSearch:
    """What `find_learning_rate` returns.

    Attributes
    ----------
    rates : ndarray of shape (n_steps,)
        The learning rate of each step up to where the search stopped, ascending.
    losses : ndarray of shape (n_steps,)
        The mean loss of the step's batch, before the step was taken. All are finite.
    smoothed : ndarray of shape (n_steps,)
        The exponential average of the losses, corrected for its start.
    suggestion : float or None
        A tenth of the highest rate at which the smoothed loss was low; None if it rose from the
        start.
    message : str
        The same in words, and why the search stopped.
    """

    rates: npt.NDArray[np.float64]
    losses: npt.NDArray[np.float64]
    smoothed: npt.NDArray[np.float64]
    suggestion: float | None
    message: str

    def columns(self) -> dict[str, npt.NDArray[np.float64]]:
        """Return the columns by name: a table for any data frame."""
        return {"learning_rate": self.rates, "loss": self.losses, "smoothed_loss": self.smoothed}

    def __len__(self) -> int:
        return len(self.rates)


def find_learning_rate(
    model: Any,
    loss: Loss,
    optimizer_factory: Callable[[float], Optimizer],
    X: Any,
    y: Any,
    *,
    key: Any,
    batch_size: int | None = None,
    sample_weight: Any = None,
    lowest: float = 1e-6,
    highest: float = 10.0,
    steps: int = 200,
    smoothing: float = 0.9,
    factor: float = 4.0,
) -> LearningRateSearch:
    r"""Raise the learning rate step by step, and suggest one by what becomes of the loss.

    Step ``t = 0, 1, ..., T - 1`` is taken on a mini-batch with the rate

    .. math:: \eta_t = \eta_{lowest} (\eta_{highest} / \eta_{lowest})^{t / (T - 1)}

    from the weights that the step before has left. The loss ``l`` of the batch before the step is
    smoothed:

    .. math:: s_t = \beta s_{t-1} + (1 - \beta) l_t, \qquad \hat s_t = s_t / (1 - \beta^{t+1})

    The search stops where a loss is not finite, or the smoothed one is higher than its lowest,
    ``m``, by more than ``(factor - 1) |m|``: for a positive loss, above ``factor * m``. What is
    suggested is a tenth of the highest rate at which the smoothed loss was low, up to ``m + |m| /
    10``: at that rate itself it has all but begun to rise. (Its very lowest place is left to chance
    where the loss hardly changes, as before a slow start, or at the end of a fast one.)

    Parameters
    ----------
    model : pytree
        As for `fit`. It is not changed.
    loss : callable
        As for `fit`.
    optimizer_factory : callable
        From a rate to an optimizer, such as `chainrule.optim.adam` or
        ``lambda rate: optim.momentum(rate, beta=0.9)``.
    X : array-like of shape (n_samples, ...)
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
    key : key
        From `chainrule.random.key`: decides the batches, and all that is random in the model.
    batch_size : int, optional
        From 1 to ``n_samples``; the rate found is one for this size. None takes
        ``min(200, n_samples)``.
    sample_weight : array-like of shape (n_samples,), optional
        At least 0.
    lowest, highest : float, default=1e-6 and 10
        The first and the last rate, ``0 < lowest < highest``.
    steps : int, default=200
        ``T``, at least 2. Rows are shuffled anew each time all have been seen.
    smoothing : float, default=0.9
        ``beta``, at least 0 and below 1; 0 does not smooth.
    factor : float, default=4.0
        Above 1.

    Returns
    -------
    LearningRateSearch

    Raises
    ------
    InvalidArgumentError, ShapeError, ArgumentTypeError
        If an argument makes no sense; X, y and the model as `fit` refuses them.

    References
    ----------
    Smith, "Cyclical learning rates for training neural networks", WACV 2017: the range test, with
    rates that rise linearly. Gugger, "How do you find a good learning rate", 2018: rates that rise
    geometrically, the smoothing, the stop, and a tenth of the rate of the lowest loss.

    Examples
    --------
    >>> from chainrule import nn, optim, random
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(500, 3))
    >>> y = X @ np.array([[1.0], [2.0], [3.0]]) + 0.1 * rng.normal(size=(500, 1))
    >>> model = nn.mlp(random.key(0), (3, 20, 1), activation=nn.tanh)
    >>> search = find_learning_rate(
    ...     model, nn.half_squared_error, optim.adam, X, y, key=random.key(1), batch_size=50
    ... )
    >>> 0.003 < search.suggestion < 0.3
    True
    """
    model, dtype = prepared_model(model)
    samples = prepared_samples("", X, y, sample_weight, dtype)
    warn_of_probabilities(model, loss)
    try_out(model, loss, samples, "y")
    n_samples = len(samples.X)
    batch_size = _checked_batch_size(batch_size, n_samples)
    _check_numbers(lowest, highest, steps, smoothing, factor)
    rates = np.geomspace(lowest, highest, prepared_count("steps", steps))
    optimizers = _stacked(optimizer_factory, rates)
    if batch_size < n_samples and full_batch_only(optimizer_factory(lowest)):
        raise InvalidArgumentError(
            f"find_learning_rate: batch_size: expected {n_samples}, all rows, for an optimizer "
            f"that compares gradients from step to step, got {batch_size}."
        )
    rows, keys = _batches(key, n_samples, batch_size, len(rates))
    state = optimizer_factory(lowest).init(nn.parameters(model))
    # Steps after the loss has exploded overflow, which is what they are for.
    with np.errstate(all="ignore"):
        losses = _compiled_sweep(loss, model, state, optimizers, samples, rows, keys)
    return _judged(rates, np.asarray(losses, np.float64), smoothing, factor)


def _checked_batch_size(batch_size: int | None, n_samples: int) -> int:
    size = prepared_count("batch_size", min(200, n_samples) if batch_size is None else batch_size)
    if size > n_samples:
        raise InvalidArgumentError(
            f"find_learning_rate: batch_size: expected at most the {n_samples} rows of X, got "
            f"{size}; None takes {min(200, n_samples)}."
        )
    return size


def _check_numbers(
    lowest: float, highest: float, steps: int, smoothing: float, factor: float
) -> None:
    ranges = (
        ("lowest", lowest, 0.0 < lowest < highest, f"above 0 and below highest, {highest}"),
        ("highest", highest, highest < math.inf, "that is finite"),
        ("steps", steps, steps >= 2, "of at least 2"),
        ("smoothing", smoothing, 0.0 <= smoothing < 1.0, "of at least 0 and below 1"),
        ("factor", factor, 1.0 < factor < math.inf, "above 1, finite"),
    )
    for name, value, fits, wanted in ranges:
        if not fits:
            raise InvalidArgumentError(
                f"find_learning_rate: {name}: expected a number {wanted}, got {value}."
            )


def _stacked(factory: Callable[[float], Optimizer], rates: npt.NDArray[np.float64]) -> Any:
    """Return one optimizer whose numbers are arrays, with an element for each rate."""
    optimizers = [factory(float(rate)) for rate in rates]
    if not isinstance(optimizers[0], Optimizer):
        raise ArgumentTypeError(
            "find_learning_rate: optimizer_factory: expected a function that returns an optimizer "
            f"for a rate, such as optim.adam, got one that returns {optimizers[0]!r}."
        )
    return tree.map(lambda *numbers: np.stack(numbers), *optimizers)


def _batches(key: Any, n_samples: int, batch_size: int, steps: int) -> tuple[Any, Any]:
    """Return the rows of every step, or None if all are taken, and a random key for each."""
    if batch_size == n_samples:
        return None, random.split(key, steps)
    passes = math.ceil(steps / (n_samples // batch_size))
    drawn = [draw_batches(k, n_samples, batch_size) for k in random.split(key, passes)]
    rows = np.concatenate([batches.rows for batches in drawn])[:steps]
    keys = np.concatenate([batches.keys for batches in drawn])[:steps]
    return rows, keys


def _sweep(
    loss: Loss, model: Any, state: Any, optimizers: Any, samples: Samples, rows: Any, keys: Any
) -> Any:
    """Return the loss of each batch before its step."""

    def step(carry: tuple[Any, Any], inputs: tuple[Any, Any, Any]) -> tuple[tuple[Any, Any], Any]:
        model, state = carry
        optimizer, chosen, key = inputs
        batch = samples if chosen is None else take(samples, chosen)

        def of_parameters(params: Any) -> tuple[Any, Any]:
            moved = nn.with_parameters(model, params)
            output, after = nn.observe(moved, batch.X, key=key)
            value = cost(loss, output, batch)
            return value + nn.penalty(moved), (after, value)

        params = nn.parameters(model)
        (_, (after, value)), grads = value_and_grad(of_parameters, has_aux=True)(params)
        params, state = optimizer.update(grads, state, params)
        return (nn.with_parameters(after, params), state), value

    return scan(step, (model, state), (optimizers, rows, keys))[1]


_compiled_sweep = compile(_sweep, static_argnums=(0,))


def _judged(
    rates: npt.NDArray[np.float64], losses: npt.NDArray[np.float64], smoothing: float, factor: float
) -> LearningRateSearch:
    """Cut the run off where it exploded, and say what the rest tells."""
    smoothed: list[float] = []
    average, lowest, end = 0.0, math.inf, "the last rate was reached"
    for number, value in enumerate(losses.tolist(), start=1):
        if not math.isfinite(value):
            end = "the loss was no longer finite"
            break
        average = smoothing * average + (1.0 - smoothing) * value
        corrected = average / (1.0 - smoothing**number)
        if corrected - lowest > (factor - 1.0) * abs(lowest):
            end = f"the smoothed loss was above {factor:g} times its lowest"
            break
        smoothed.append(corrected)
        lowest = min(lowest, corrected)
    n_steps = len(smoothed)
    why = f"The search ended after {n_steps} of {len(rates)} steps, when {end}"
    low = np.flatnonzero(np.array(smoothed) <= lowest + _SLACK * abs(lowest))
    # How many losses the average is about: before so many, it is that of a few batches.
    if not low.size or low[-1] < 1.0 / (1.0 - smoothing):
        message = f"{why}. The loss rose from the start: no rate is suggested. Try lower ones."
        return LearningRateSearch(
            rates[:n_steps], losses[:n_steps], np.array(smoothed), None, message
        )
    suggestion = float(rates[low[-1]]) / _SAFETY
    message = (
        f"{suggestion:.2g} is suggested, a tenth of the highest rate at which the smoothed loss "
        f"was low. {why}."
    )
    if low[-1] == len(rates) - 1:
        message += " It was low to the end: higher rates may be better."
    return LearningRateSearch(
        rates[:n_steps], losses[:n_steps], np.array(smoothed), suggestion, message
    )
