r"""Schedules: learning rates that change from step to step.

Wherever an optimizer takes a learning rate it takes a schedule as well. The step counter is part of
the optimizer's state and the formula part of the compiled step, so a schedule costs nothing between
steps, and a run that goes on from a saved state goes on with the right rate.

A schedule is called with the number of steps taken so far, from 0, where a step is an update, not
an epoch: with n samples in batches of m, an epoch has ``ceil(n / m)`` of them. Its numbers are
leaves of a tree, as all numbers of an optimizer are. A function of one's own from step to rate,
written in NumPy, serves as a schedule too.

>>> from chainrule import optim
>>> rate = optim.schedules.warm_up(optim.schedules.cosine(0.1, steps=1000), steps=100)
>>> optimizer = optim.momentum(rate)
>>> [round(float(rate(step)), 4) for step in (0, 99, 600, 1100)]
[0.001, 0.1, 0.05, 0.0]
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from chainrule import _tree as tree
from chainrule.optim._hyperparameters import check_range

__all__ = [
    "SCHEDULES",
    "Schedule",
    "constant",
    "cosine",
    "exponential",
    "inverse_scaling",
    "one_cycle",
    "step",
    "warm_up",
]


@dataclass(frozen=True, repr=False)
class Schedule:
    """A formula and its numbers.

    Parameters
    ----------
    formula : callable
        ``(step, *numbers) -> rate``.
    numbers : tuple
        Numbers, or schedules that the formula uses.
    """

    formula: Callable[..., Any] = tree.static_field()
    numbers: tuple[Any, ...] = ()

    def __call__(self, step: Any) -> Any:
        """Return the learning rate of a step, counted from 0."""
        return self.formula(step, *self.numbers)

    def __repr__(self) -> str:
        name = getattr(self.formula, "__name__", repr(self.formula)).lstrip("_")
        return f"{name}({', '.join(repr(number) for number in self.numbers)})"


Rate: TypeAlias = float | Schedule | Callable[[Any], Any]
"""A learning rate: one number, or what gives the number of every step."""


def as_rate(what: str, rate: Any) -> Any:
    """Return a learning rate as an optimizer keeps it: a checked number, or a `Schedule`."""
    if isinstance(rate, Schedule):
        return rate
    if callable(rate):
        return Schedule(rate)
    check_range(what, rate, 0.0)
    return rate


def constant(rate: float) -> Schedule:
    r"""Return the same rate for every step, as a plain number does.

    .. math:: \eta_t = \eta

    Parameters
    ----------
    rate : float
        ``eta``, at least 0.

    Returns
    -------
    Schedule

    Raises
    ------
    InvalidArgumentError
        If the rate is negative or not finite.

    Examples
    --------
    >>> constant(0.1)(1000)
    0.1
    """
    check_range("constant: rate", rate, 0.0)
    return Schedule(_constant, (rate,))


def step(rate: float, *, factor: float = 0.1, every: int) -> Schedule:
    r"""Return a rate that drops by a factor at regular intervals.

    .. math:: \eta_t = \eta_0 \, \gamma^{\lfloor t / n \rfloor}

    Parameters
    ----------
    rate : float
        ``eta_0``, at least 0.
    factor : float, default=0.1
        ``gamma``, above 0.
    every : int
        ``n``, the number of steps between two drops, at least 1.

    Returns
    -------
    Schedule

    Raises
    ------
    InvalidArgumentError
        If a number is outside its range.

    Examples
    --------
    >>> [round(float(step(1.0, factor=0.5, every=10)(t)), 4) for t in (0, 9, 10, 25)]
    [1.0, 1.0, 0.5, 0.25]
    """
    check_range("step: rate", rate, 0.0)
    check_range("step: factor", factor, 0.0, open_low=True)
    check_range("step: every", every, 1)
    return Schedule(_step, (rate, factor, every))


def exponential(rate: float, *, factor: float, every: float = 1) -> Schedule:
    r"""Return a rate that falls exponentially, by a factor in a number of steps.

    .. math:: \eta_t = \eta_0 \, \gamma^{t / n}

    Where a decay constant is given instead, ``eta_0 exp(-k t)``, it is ``k = -log(gamma) / n``.

    Parameters
    ----------
    rate : float
        ``eta_0``, at least 0.
    factor : float
        ``gamma``, above 0.
    every : float, default=1
        ``n``, at least 1.

    Returns
    -------
    Schedule

    Raises
    ------
    InvalidArgumentError
        If a number is outside its range.

    Examples
    --------
    >>> [round(float(exponential(1.0, factor=0.25, every=10)(t)), 4) for t in (0, 5, 10)]
    [1.0, 0.5, 0.25]
    """
    check_range("exponential: rate", rate, 0.0)
    check_range("exponential: factor", factor, 0.0, open_low=True)
    check_range("exponential: every", every, 1)
    return Schedule(_exponential, (rate, factor, every))


def inverse_scaling(rate: float, *, power: float = 0.5, every: float = 1) -> Schedule:
    r"""Return a rate that falls as a power of the number of steps.

    .. math:: \eta_t = \frac{\eta_0}{(1 + t / n)^p}

    With ``power=1`` this is the rate ``t_0 / (t + t_1)`` of Robbins and Monro, where ``n = t_1``
    and ``eta_0 = t_0 / t_1``. scikit-learn's ``"invscaling"`` counts samples instead of steps and
    changes the rate once per epoch.

    Parameters
    ----------
    rate : float
        ``eta_0``, at least 0.
    power : float, default=0.5
        ``p``, at least 0. Above 0.5 and up to 1, stochastic gradient descent converges on convex
        problems.
    every : float, default=1
        ``n``, above 0.

    Returns
    -------
    Schedule

    Raises
    ------
    InvalidArgumentError
        If a number is outside its range.

    References
    ----------
    Robbins and Monro, "A stochastic approximation method", 1951.

    Examples
    --------
    >>> [round(float(inverse_scaling(1.0, every=100)(t)), 4) for t in (0, 300, 9900)]
    [1.0, 0.5, 0.1]
    """
    check_range("inverse_scaling: rate", rate, 0.0)
    check_range("inverse_scaling: power", power, 0.0)
    check_range("inverse_scaling: every", every, 0.0, open_low=True)
    return Schedule(_inverse_scaling, (rate, power, every))


def cosine(rate: float, *, steps: int, final: float = 0.0) -> Schedule:
    r"""Return a rate that falls along half a cosine, and then stays.

    .. math:: \eta_t = \eta_T + \tfrac12 (\eta_0 - \eta_T)
              \left( 1 + \cos \frac{\pi \min(t, T)}{T} \right)

    Parameters
    ----------
    rate : float
        ``eta_0``, at least 0.
    steps : int
        ``T``, at least 1.
    final : float, default=0.0
        ``eta_T``, at least 0.

    Returns
    -------
    Schedule

    Raises
    ------
    InvalidArgumentError
        If a number is outside its range.

    References
    ----------
    Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017,
    equation 5, without the restarts.

    Examples
    --------
    >>> [round(float(cosine(1.0, steps=100)(t)), 4) for t in (0, 50, 100, 200)]
    [1.0, 0.5, 0.0, 0.0]
    """
    check_range("cosine: rate", rate, 0.0)
    check_range("cosine: steps", steps, 1)
    check_range("cosine: final", final, 0.0)
    return Schedule(_cosine, (rate, steps, final))


def warm_up(rate: float | Schedule, *, steps: int) -> Schedule:
    r"""Return a rate that rises linearly at first and then follows another schedule.

    .. math:: \eta_t = \frac{t + 1}{n} \, \eta'_0 \text{ for } t < n, \qquad
              \eta_t = \eta'_{t - n} \text{ for } t \ge n

    Parameters
    ----------
    rate : float or Schedule
        ``eta'``, what follows.
    steps : int
        ``n``, at least 1: the length of the rise.

    Returns
    -------
    Schedule

    Raises
    ------
    InvalidArgumentError
        If a number is outside its range.

    References
    ----------
    Goyal et al., "Accurate, large minibatch SGD: training ImageNet in 1 hour", 2017, section 2.2.

    Examples
    --------
    >>> [round(float(warm_up(0.1, steps=4)(t)), 4) for t in (0, 1, 3, 4, 100)]
    [0.025, 0.05, 0.1, 0.1, 0.1]
    """
    check_range("warm_up: steps", steps, 1)
    after = as_rate("warm_up: rate", rate)
    return Schedule(_warm_up, (after if isinstance(after, Schedule) else constant(after), steps))


def one_cycle(
    peak: float, *, steps: int, rise: float = 0.3, initial: float = 0.04, final: float = 4e-6
) -> Schedule:
    r"""Return a rate that rises to a peak and falls far below where it began, along cosines.

    .. math:: \eta_0 = a \, \eta_{\max} \;\longrightarrow\; \eta_{r (T - 1)} = \eta_{\max}
              \;\longrightarrow\; \eta_{T - 1} = b \, \eta_{\max}

    Of the paper's policy it is the learning rate alone; momentum stays what it is. The defaults are
    those of PyTorch's ``OneCycleLR``, whose peak is at step ``r T - 1``.

    Parameters
    ----------
    peak : float
        ``eta_max``, at least 0.
    steps : int
        ``T``, the number of steps of the whole run, at least 2; the rate then stays.
    rise : float, default=0.3
        ``r``, the share of the steps until the peak, above 0 and below 1.
    initial, final : float, default=0.04 and 4e-6
        ``a`` and ``b``, at least 0.

    Returns
    -------
    Schedule

    Raises
    ------
    InvalidArgumentError
        If a number is outside its range.

    References
    ----------
    Smith and Topin, "Super-convergence: very fast training of neural networks using large learning
    rates", 2018.

    Examples
    --------
    >>> [round(float(one_cycle(1.0, steps=11)(t)), 4) for t in (0, 3, 10)]
    [0.04, 1.0, 0.0]
    """
    check_range("one_cycle: peak", peak, 0.0)
    check_range("one_cycle: steps", steps, 2)
    check_range("one_cycle: rise", rise, 0.0, 1.0, open_low=True)
    check_range("one_cycle: initial", initial, 0.0)
    check_range("one_cycle: final", final, 0.0)
    return Schedule(_one_cycle, (peak, steps, rise, initial, final))


SCHEDULES: dict[str, Callable[..., Schedule]] = {
    "constant": constant,
    "cosine": cosine,
    "exponential": exponential,
    "inverse_scaling": inverse_scaling,
    "one_cycle": one_cycle,
    "step": step,
    "warm_up": warm_up,
}
"""The functions that make schedules by name."""


def _constant(step: Any, rate: Any) -> Any:
    return rate


def _step(step: Any, rate: Any, factor: Any, every: Any) -> Any:
    return rate * factor ** np.floor(step / every)


def _exponential(step: Any, rate: Any, factor: Any, every: Any) -> Any:
    return rate * factor ** (step / every)


def _inverse_scaling(step: Any, rate: Any, power: Any, every: Any) -> Any:
    return rate / (1.0 + step / every) ** power


def _cosine(step: Any, rate: Any, steps: Any, final: Any) -> Any:
    return _along_cosine(rate, final, step / steps)


def _warm_up(step: Any, after: Schedule, steps: Any) -> Any:
    return after(np.maximum(step - steps, 0)) * np.minimum((step + 1) / steps, 1.0)


def _one_cycle(step: Any, peak: Any, steps: Any, rise: Any, initial: Any, final: Any) -> Any:
    progress = step / (steps - 1)
    up = _along_cosine(initial * peak, peak, progress / rise)
    down = _along_cosine(peak, final * peak, (progress - rise) / (1.0 - rise))
    return np.where(progress < rise, up, down)


def _along_cosine(start: Any, end: Any, progress: Any) -> Any:
    angle = math.pi * np.clip(progress, 0.0, 1.0)
    return end + 0.5 * (start - end) * (1.0 + np.cos(angle))
