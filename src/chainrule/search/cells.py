"""Cells: what a search consists of.

A cell is one fit: the settings of the estimator and the fold of the data. All cells of a search
are known by their place (row of the table of candidates, fold, seed), and across processes and
days by a key, the hash of what they are.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
import json
import numbers
import pickle
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np

from chainrule._errors import InvalidArgumentError

__all__ = ["Cell", "Outcome", "Status", "described", "fingerprint", "in_order", "planned"]

Status: TypeAlias = Literal["done", "diverged", "failed", "missing"]
"""``"missing"`` is a cell that a search was stopped before."""


@dataclass(frozen=True, eq=False)
class Cell:
    """One fit.

    Attributes
    ----------
    row, fold, seed : int
        Its place.
    settings : dict of str to object
        What is set on the estimator: the candidate's values and the seeds.
    """

    row: int
    fold: int
    seed: int
    settings: dict[str, Any]

    @property
    def place(self) -> tuple[int, int, int]:
        """Row, fold and seed."""
        return self.row, self.fold, self.seed

    @cached_property
    def key(self) -> str:
        """What the cell is recognized by in another process."""
        return fingerprint([self.settings, self.fold])


class Outcome(NamedTuple):
    """What became of a cell.

    Attributes
    ----------
    status : {"done", "diverged", "failed"}
        A fit that diverged has scores if some weights were worth keeping.
    test, train : dict of str to float
        Scores by name of the metric, on the samples held out and on those trained with; empty if
        there are none.
    fit_seconds, score_seconds : float
    message : str
        Why it diverged or failed.
    error : Exception or None
        What was raised.
    """

    status: Status
    test: dict[str, float]
    train: dict[str, float]
    fit_seconds: float
    score_seconds: float
    message: str = ""
    error: Exception | None = None


def planned(
    first_row: int,
    candidates: Sequence[Mapping[str, Any]],
    n_folds: int,
    seeds: Sequence[Mapping[str, int]],
) -> list[Cell]:
    """Return the cells of candidates, row by row.

    Parameters
    ----------
    first_row : int
        The row of the first candidate.
    candidates : sequence of dict
    n_folds : int
    seeds : sequence of dict
        What every seed sets, such as ``{"random_state": 1}``; nothing if the fits keep their own.
    """
    return [
        Cell(row, fold, number, {**params, **seed})
        for row, params in enumerate(candidates, first_row)
        for fold in range(n_folds)
        for number, seed in enumerate(seeds)
    ]


def in_order(cells: Iterable[Cell]) -> list[Cell]:
    """Return cells so that those of one structure follow each other.

    Their compiled program is then at hand. What has larger numbers (of units, of epochs) comes
    first: a long fit at the end would leave the other threads with nothing to do.
    """
    return sorted(cells, key=lambda cell: _structure(cell.settings))


def _structure(settings: Mapping[str, Any]) -> tuple[float, str]:
    """Return the size and the text of all that may make another program."""
    structural = {
        name: value
        for name, value in settings.items()
        if not isinstance(value, (float, np.floating)) and not name.endswith("random_state")
    }
    return -sum(map(_size, structural.values())), repr(sorted(structural.items(), key=_name))


def _name(item: tuple[str, Any]) -> str:
    return item[0]


def _size(value: Any) -> float:
    if isinstance(value, (list, tuple)):
        return sum(map(_size, value))
    return float(value) if isinstance(value, numbers.Integral) else 0.0


# -- what things are recognized by ----------------------------------------------------------------


def fingerprint(value: Any) -> str:
    """Return a hash of a value that is the same in every process.

    Raises
    ------
    InvalidArgumentError
        If it holds something that cannot be recognized again.
    """
    text = json.dumps(described(value), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def described(value: Any) -> Any:
    """Return what JSON can hold of a value: numbers and texts as they are, other things by name.

    Raises
    ------
    InvalidArgumentError
        If it cannot be recognized again, as a function without a name.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or value is ... or isinstance(value, (bool, int, float, str)):
        return str(value) if value is ... else value
    if isinstance(value, Mapping):
        return {str(name): described(item) for name, item in value.items()}
    if isinstance(value, np.ndarray) and value.dtype != object:
        data = hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()
        return {"array": str(value.dtype), "shape": list(value.shape), "sha256": data}
    if isinstance(value, (list, tuple, range, np.ndarray)):
        return [described(item) for item in value]
    if hasattr(value, "__qualname__"):
        return {"name": _importable_name(value)}
    return {"kind": _importable_name(type(value)), "state": _state(value)}


def _state(value: Any) -> Any:
    """Return what an object consists of."""
    if hasattr(value, "get_params"):
        return described(value.get_params(deep=False))
    if dataclasses.is_dataclass(value):
        names = [field.name for field in dataclasses.fields(value)]
        return {name: described(getattr(value, name)) for name in names}
    if hasattr(value, "rvs") and hasattr(value, "dist"):
        return described([value.dist.name, value.args, value.kwds])
    if vars(type(value)).get("__reduce__") is None and hasattr(value, "__dict__"):
        return described(vars(value))
    try:
        return hashlib.sha256(pickle.dumps(value)).hexdigest()
    except (pickle.PicklingError, TypeError, AttributeError):
        raise _unrecognizable(value) from None


def _importable_name(thing: Any) -> str:
    """Return the name by which a function or class can be found again."""
    module, path = thing.__module__, thing.__qualname__
    found: Any = importlib.import_module(module) if module else None
    for part in path.split("."):
        found = getattr(found, part, None)
    if found is not thing:
        raise _unrecognizable(thing)
    return f"{module}.{path}"


def _unrecognizable(thing: Any) -> InvalidArgumentError:
    return InvalidArgumentError(
        f"store: {thing!r} could not be recognized when the search is started again; define it by "
        "name in a module, or search without a store."
    )
