"""How a search proceeds: rounds of candidates, each chosen by what became of those before.

A way to search is a generator: it yields rounds, and is sent the mean scores of their candidates.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from chainrule._errors import ArgumentTypeError, ChainruleError, InvalidArgumentError
from chainrule.search.space import Distribution, Space, Span

__all__ = ["Proposals", "Round", "all_at_once", "by_halving", "by_optuna", "drawn", "rungs"]

Scores: TypeAlias = npt.NDArray[np.float64]

FACTOR = 3
"""What successive halving divides by: the ``eta`` of Hyperband, whose authors recommend 3 or 4."""

_AT_ONCE = 4
"""How many candidates a Bayesian search proposes before it hears of their scores.

The same on any number of threads, so that its proposals are, too.
"""


@dataclass(frozen=True)
class Round:
    """Candidates that are tried together.

    Attributes
    ----------
    candidates : list of dict
    more : dict of str to list
        What is to stand beside them in the results, with one value for each.
    """

    candidates: list[dict[str, Any]]
    more: dict[str, list[Any]] = field(default_factory=dict)


Proposals: TypeAlias = Generator[Round, Scores, None]
"""``send(None)`` begins it."""


def all_at_once(candidates: list[dict[str, Any]]) -> Proposals:
    """Try all candidates in one round."""
    yield Round(candidates)


def drawn(spaces: Sequence[Space], n_iter: int, seed: int) -> list[dict[str, Any]]:
    """Return candidates drawn at random, the same as scikit-learn's ``ParameterSampler`` draws.

    Parameters
    ----------
    spaces : sequence of Space
        Each is as likely as another.
    n_iter : int
        How many; fewer if there are not so many. Where there are nothing but lists of values, all
        combinations are equally likely, and none is drawn twice.
    seed : int

    Raises
    ------
    InvalidArgumentError, ArgumentTypeError
        If a value was drawn that the declaration does not allow.
    """
    rng = np.random.RandomState(seed)
    choices = [space.choices() for space in spaces]
    if all(isinstance(choice, list) for names in choices for choice in names.values()):
        sizes = [math.prod(map(len, names.values())) for names in choices]
        places = _distinct(sum(sizes), min(n_iter, sum(sizes)), rng)
        return [_combination(choices, sizes, place) for place in places]
    candidates = []
    for _ in range(n_iter):
        which = int(rng.choice(len(spaces)))
        names = choices[which]
        candidate = {name: _one_of(names[name], rng) for name in sorted(names)}
        spaces[which].check(candidate)
        candidates.append(candidate)
    return candidates


def _one_of(choice: Any, rng: np.random.RandomState) -> Any:
    if isinstance(choice, list):
        return choice[rng.randint(len(choice))]
    return choice.rvs(random_state=rng)


def _distinct(size: int, count: int, rng: np.random.RandomState) -> list[int]:
    """Return so many different numbers below a size, as scikit-learn draws them."""
    if count < 0.01 * size:  # too many to list
        chosen: dict[int, None] = {}
        while len(chosen) < count:
            chosen[int(rng.randint(size))] = None
        return list(chosen)
    if count < 0.99 * size:
        return [int(place) for place in rng.permutation(size)[:count]]
    places = list(range(count))  # all but a few, which are replaced
    for place in range(count, size):
        at = int(rng.randint(place + 1))
        if at < count:
            places[at] = place
    return places


def _combination(
    choices: Sequence[dict[str, Any]], sizes: Sequence[int], place: int
) -> dict[str, Any]:
    """Return what is at a place of all grids, one after the other."""
    which = 0
    while place >= sizes[which]:
        place -= sizes[which]
        which += 1
    names, found = choices[which], {}
    for name in sorted(names, reverse=True):  # the last name changes fastest
        place, at = divmod(place, len(names[name]))
        found[name] = names[name][at]
    return found


def rungs(n_candidates: int, most: int) -> list[tuple[int, int]]:
    """Return how many candidates are tried with how much, from the first rung to the last.

    Parameters
    ----------
    n_candidates : int
    most : int
        What those on the last rung get.

    Returns
    -------
    list of (int, int)
        Each rung has a third of the candidates of the one before, rounded up, and three times as
        much for each of them, until three or fewer are left; there are no more rungs than that the
        first gets at least 1.

    Examples
    --------
    >>> rungs(49, 100)
    [(49, 3), (17, 11), (6, 33), (2, 100)]
    """
    counts = [n_candidates]
    while counts[-1] > FACTOR and FACTOR ** len(counts) <= most:
        counts.append(-(-counts[-1] // FACTOR))
    last = len(counts) - 1
    return [(count, most // FACTOR ** (last - rung)) for rung, count in enumerate(counts)]


def by_halving(candidates: list[dict[str, Any]], resource: str, most: int) -> Proposals:
    """Try all candidates with few epochs, the best third of them with three times as many, etc.

    Successive halving of Jamieson and Talwalkar (2016), "Non-stochastic best arm identification and
    hyperparameter optimization", with the reduction factor 3 of Hyperband (Li et al., 2018). Among
    equal scores the earlier candidate goes on; one without a score does not if another can.

    Parameters
    ----------
    candidates : list of dict
    resource : str
        The hyper-parameter that is spent.
    most : int
        What the last rung gets of it.
    """
    left = candidates
    for rung, (count, amount) in enumerate(rungs(len(candidates), most)):
        tried = [{**params, resource: amount} for params in left[:count]]
        scores = yield Round(tried, {"iter": [rung] * count, "n_resources": [amount] * count})
        order = np.argsort(-np.nan_to_num(scores, nan=-np.inf), kind="stable")
        left = [left[place] for place in order]


def by_optuna(space: Space, n_iter: int, seed: int, sampler: Any) -> Proposals:
    """Let a sampler of Optuna propose candidates, a few at a time.

    Parameters
    ----------
    space : Space
    n_iter : int
        How many in all.
    seed : int
    sampler : optuna.samplers.BaseSampler or None
        None takes the tree-structured Parzen estimator (Bergstra et al., 2011).
    """
    optuna = imported_optuna()
    suggestions = {name: _suggestion(name, space.dimensions[name]) for name in space}
    study = _new_study(optuna, sampler or optuna.samplers.TPESampler(seed=seed))
    for first in range(0, n_iter, _AT_ONCE):
        trials = [study.ask() for _ in range(min(_AT_ONCE, n_iter - first))]
        found = yield Round(
            [{name: suggest(trial) for name, suggest in suggestions.items()} for trial in trials]
        )
        for trial, score in zip(trials, found, strict=True):
            if np.isfinite(score):
                study.tell(trial, float(score))
            else:
                study.tell(trial, state=optuna.trial.TrialState.FAIL)


def imported_optuna() -> Any:
    """Return the module, or say how to get it."""
    try:
        import optuna
    except ImportError:
        raise MissingOptunaError(
            "BayesSearch needs Optuna, which is not installed: pip install 'chainrule[bayes]'."
        ) from None
    return optuna


class MissingOptunaError(ChainruleError, ImportError):
    """Optuna is not installed."""


def _new_study(optuna: Any, sampler: Any) -> Any:
    """Return a study, without the message that there is one."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        return optuna.create_study(direction="maximize", sampler=sampler)
    finally:
        optuna.logging.set_verbosity(before)


def _suggestion(name: str, dimension: Any) -> Callable[[Any], Any]:
    """Return a function of a trial that lets it choose from a dimension."""
    if isinstance(dimension, Distribution):
        raise ArgumentTypeError(
            f"space: {name}: expected values or a range such as '1e-5:10:log' for a Bayesian "
            "search, got a distribution; use RandomSearch."
        )
    if isinstance(dimension, Span) and dimension.count is None:
        bounds, is_log = (dimension.low, dimension.high), dimension.scale == "log"
        if dimension.integer:
            return lambda trial: trial.suggest_int(name, *map(int, bounds), log=is_log)
        return lambda trial: trial.suggest_float(name, *map(float, bounds), log=is_log)
    return _chosen(name, dimension.values())


def _chosen(name: str, values: Sequence[Any]) -> Callable[[Any], Any]:
    """Return a function of a trial that lets it choose among values.

    Numbers are chosen by their place, so that neighbours are known to be near; Optuna itself keeps
    texts and numbers only.
    """
    are_numbers = all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values)
    if are_numbers and len(values) > 1:
        ordered = sorted(values)
        return lambda trial: ordered[trial.suggest_int(name, 0, len(ordered) - 1)]
    places = list(range(len(values)))
    return lambda trial: values[trial.suggest_categorical(name, places)]


def checked_count(name: str, value: Any) -> int:
    """Return a number of candidates."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise InvalidArgumentError(f"{name}: expected an integer of at least 1, got {value!r}.")
    return int(value)
