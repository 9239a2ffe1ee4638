"""Views of the results of a search: scores over one hyper-parameter or two.

A point of a view stands for all candidates with its values. Which of them is shown, or whether
their mean is, is what it is reduced by.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from chainrule._errors import InvalidArgumentError

if TYPE_CHECKING:
    from chainrule.search.results import SearchResults

__all__ = [
    "Curve",
    "Reduce",
    "Split",
    "Surface",
    "identity",
    "places",
    "points",
    "scale_of",
]

Array: TypeAlias = npt.NDArray[Any]
Split: TypeAlias = Literal["test", "train"]
Reduce: TypeAlias = Literal["best", "mean"] | Mapping[str, Any]

_WORST_FIRST = ("diverged", "failed", "missing", "done")


@dataclass(frozen=True)
class Curve:
    """Scores over one hyper-parameter.

    Attributes
    ----------
    name : str
        Of the hyper-parameter.
    scale : {"linear", "log", "categories"}
    values : tuple
        In order; categories as they were given.
    mean : ndarray of shape (n_values,)
        NaN where nothing was tried or nothing came of it.
    spread : ndarray of shape (n_values,)
        The standard deviation, over what ``spread_over`` says; where candidates are averaged, the
        mean of theirs.
    spread_over : {"seeds", "folds"} or None
    rows : ndarray of int of shape (n_values,)
        The candidate that stands for a value, or -1 where several are averaged.
    status : ndarray of str of shape (n_values,)
        What became of the fits there: ``"diverged"`` or ``"failed"`` if any did, ``"missing"`` if
        the search was stopped before one of them, ``"done"``, or ``"untried"``.
    best : int or None
        The place of the highest mean; among equals that of the candidate which comes first.
    """

    name: str
    scale: str
    values: tuple[Any, ...]
    mean: Array
    spread: Array
    spread_over: str | None
    rows: Array
    status: Array
    best: int | None

    @property
    def diverged(self) -> Array:
        """Where a fit diverged or failed."""
        return np.isin(self.status, ("diverged", "failed"))


@dataclass(frozen=True)
class Surface:
    """Scores over two hyper-parameters.

    Attributes
    ----------
    x, y : str
        The hyper-parameters.
    x_scale, y_scale : {"linear", "log", "categories"}
    x_values, y_values : tuple
        In order; categories as they were given.
    metric : str
    mean : ndarray of shape (n_y, n_x)
        NaN where nothing was tried or nothing came of it.
    spread : ndarray of shape (n_y, n_x)
        The standard deviation, over what ``spread_over`` says; where candidates are averaged, the
        mean of theirs.
    spread_over : {"seeds", "folds"} or None
    rows : ndarray of int of shape (n_y, n_x)
        The candidate that stands for a point, or -1 where several are averaged or none was tried.
    status : ndarray of str of shape (n_y, n_x)
        What became of the fits there: ``"diverged"`` or ``"failed"`` if any did, ``"missing"`` if
        the search was stopped before one of them, ``"done"``, or ``"untried"``.
    best : tuple of int, or None
        Place of the highest mean, as (row, column); among equals that of the candidate which comes
        first.
    at_border : tuple of str
        Those of x and y whose best value is the first or the last of its scale, so that a better
        one may lie outside.
    """

    x: str
    y: str
    x_scale: str
    y_scale: str
    x_values: tuple[Any, ...]
    y_values: tuple[Any, ...]
    metric: str
    mean: Array
    spread: Array
    spread_over: str | None
    rows: Array
    status: Array
    best: tuple[int, int] | None
    at_border: tuple[str, ...]

    @property
    def diverged(self) -> Array:
        """Where a fit diverged or failed."""
        return np.isin(self.status, ("diverged", "failed"))


def points(
    results: SearchResults,
    axes: Sequence[tuple[str, tuple[Any, ...]]],
    metric: str | None,
    split: Split,
    reduce: Reduce,
) -> tuple[dict[str, Array], tuple[int, ...] | None]:
    """Return mean, spread, row and status of every point of the axes, and the place of the best.

    The best has the highest mean; among equals it is the point whose candidate comes first, and
    with halving one of those that came furthest.
    """
    test, means = results.means(metric), results.means(metric, split)
    spreads = results.spreads(metric, split)
    final = results.final
    last = results.rung[final].max(initial=0)
    shape = tuple(len(values) for _, values in axes)
    mean, spread = np.full(shape, np.nan), np.full(shape, np.nan)
    row_of, status = np.full(shape, -1), np.full(shape, "untried", dtype="<U8")
    highest: tuple[float, int] = (-np.inf, 0)
    best = None
    for place, rows in _grouped(results, axes, _candidates_for(results, reduce)).items():
        # With halving, only what came furthest stands for a point.
        furthest = max(rung for rung in results.rung[rows] if rung <= last)
        shown = [row for row in rows if results.rung[row] == furthest]
        if reduce != "mean":
            shown = [max(shown, key=lambda row: np.nan_to_num(test[row], nan=-np.inf))]
        found = set(results.status[shown].ravel().tolist())
        status[place] = next(name for name in _WORST_FIRST if name in found)
        row_of[place] = shown[0] if len(shown) == 1 else -1
        scored = [row for row in shown if np.isfinite(means[row])]
        if scored:
            mean[place], spread[place] = means[scored].mean(), spreads[scored].mean()
            if final[shown[0]] and (mean[place], -shown[0]) > highest:
                highest, best = (mean[place], -shown[0]), place
    return {"mean": mean, "spread": spread, "rows": row_of, "status": status}, best


def _grouped(
    results: SearchResults, axes: Sequence[tuple[str, tuple[Any, ...]]], rows: Sequence[int]
) -> dict[tuple[int, ...], list[int]]:
    """Return the candidates of every point that has any."""
    known = [(name, places(values)) for name, values in axes]
    groups: dict[tuple[int, ...], list[int]] = {}
    for row in rows:
        params = results.candidates[row]
        if all(name in params for name, _ in axes):
            place = tuple(place_of[identity(params[name])] for name, place_of in known)
            groups.setdefault(place, []).append(row)
    return groups


def _candidates_for(results: SearchResults, reduce: Reduce) -> list[int]:
    everything = list(range(len(results.candidates)))
    if reduce in ("best", "mean"):
        return everything
    if not isinstance(reduce, Mapping):
        raise InvalidArgumentError(
            "reduce: expected 'best', 'mean' or a dict of values of hyper-parameters, got "
            f"{reduce!r}."
        )
    wanted = {name: identity(value) for name, value in reduce.items()}
    for name, value in reduce.items():
        if wanted[name] not in places(results.values(name)):
            raise InvalidArgumentError(
                f"reduce: {name}: expected one of the values that were tried, "
                f"{', '.join(map(repr, results.values(name)))}, got {value!r}."
            )
    return [
        row
        for row in everything
        if all(
            name in results.candidates[row] and identity(results.candidates[row][name]) == value
            for name, value in wanted.items()
        )
    ]


def places(values: Sequence[Any]) -> dict[Any, int]:
    """Return the places of values by their identities."""
    return {identity(value): place for place, value in enumerate(values)}


def identity(value: Any) -> Any:
    """Return what is equal for equal values of a hyper-parameter, and can be a key.

    True is not 1, and of what has no hash (but lists, dicts and arrays) each is a value by itself.
    """
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return type(value), tuple(map(identity, value))
    if isinstance(value, Mapping):
        return frozenset((identity(key), identity(item)) for key, item in value.items())
    try:
        hash(value)
    except TypeError:
        return id(value)
    return isinstance(value, (bool, np.bool_)), value


def scale_of(values: Sequence[Any], declared: str | None) -> str:
    """Return the scale of values: as declared, else by what they are.

    Parameters
    ----------
    values : sequence
    declared : {"linear", "log"} or None
        None finds out: positive numbers that reach over a factor of 50 are on a logarithmic scale.
    """
    is_number = [isinstance(v, (int, float, np.number)) and not isinstance(v, bool) for v in values]
    if not all(is_number) or not all(math.isfinite(v) for v in values):
        return "categories"
    low, high = min(values), max(values)
    if declared == "log" or (declared is None and low > 0 and high / low >= 50):
        return "log" if low > 0 else "linear"
    return "linear"
