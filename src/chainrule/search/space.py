"""What a search may choose from, for every hyper-parameter it varies.

A space is given as a mapping from names to one of

- values, such as ``[10, 50, 100]``;
- a text, such as ``"1e-5:10:log7"``: seven values from 1e-5 to 10 with equal ratios,
  ``"0:0.5:lin6"``: six with equal distances, ``"0.1:10:log"``: any number between, or
  ``"relu,tanh"``: a list;
- ``...``: what the declaration of the hyper-parameter says a search usually takes;
- a `Span`, which is what a text with colons stands for;
- a distribution of SciPy, for a search at random.

What a text does not say comes from the declaration: whether it is an integer, and on what scale it
is chosen. Every value is held against the declaration before anything is trained.
"""

from __future__ import annotations

import difflib
import itertools
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np

from chainrule._errors import ArgumentTypeError, InvalidArgumentError
from chainrule.models.declaration import (
    Boolean,
    Declared,
    Hyperparameter,
    Integer,
    Kind,
    PerLayer,
    Real,
    hyperparameters,
)

__all__ = ["Choice", "Dimension", "Distribution", "Space", "Span", "prepared_spaces"]

_SPAN = re.compile(r"(?P<low>[^:,]+):(?P<high>[^:,]+)(:(?P<scale>log|lin)?(?P<count>\d+)?)?")
_WIDTHS = re.compile(r"\d+(-\d+)+")
_NAMED = {"None": None, "True": True, "False": False}

_DIGITS = 12
"""Significant digits of the values of a grid: as many as make a decade read as one."""

_GRID = 7
"""How many values of a span a grid takes if it is not told."""


@dataclass(frozen=True)
class Span:
    """The numbers from one to another.

    Parameters
    ----------
    low, high : float
        Both belong to it; ``low < high``.
    scale : {"linear", "log"}, default="linear"
        On which they are spread evenly. A logarithmic one begins above 0.
    count : int, optional
        How many values of it are chosen from, at least 2; None for all numbers between, of which
        a grid takes seven.
    integer : bool, default=False
        Whether to round.

    Raises
    ------
    InvalidArgumentError
        If the bounds are not finite or not in order, a logarithmic scale reaches 0, whole numbers
        are wanted between bounds that are none, or the count is below 2.
    ArgumentTypeError
        If a bound is no number, or the count no whole one.

    Examples
    --------
    >>> Span(1e-3, 10, "log", 5).values()
    (0.001, 0.01, 0.1, 1.0, 10.0)
    >>> Span(1, 1000, "log", 4, integer=True).values()
    (1, 10, 100, 1000)
    """

    low: float
    high: float
    scale: Literal["linear", "log"] = "linear"
    count: int | None = None
    integer: bool = False

    def __post_init__(self) -> None:
        """Check the bounds."""
        if not all(isinstance(end, (int, float, np.number)) for end in (self.low, self.high)):
            raise ArgumentTypeError(
                f"expected a range from one number to another, got {self.low!r} to {self.high!r}."
            )
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise InvalidArgumentError(
                f"expected a range from a lower to a higher number, got {self.low:g} to "
                f"{self.high:g}."
            )
        if self.scale not in ("linear", "log"):
            raise InvalidArgumentError(f"expected scale 'linear' or 'log', got {self.scale!r}.")
        if self.scale == "log" and self.low <= 0:
            raise InvalidArgumentError(
                f"expected a logarithmic range above 0, got {self.low:g} to {self.high:g}; begin "
                "at a small positive number, or list 0 with the other values."
            )
        if self.integer and (self.low % 1 or self.high % 1):
            raise InvalidArgumentError(
                f"expected whole numbers as the ends of a range of them, got {self.low:g} to "
                f"{self.high:g}."
            )
        count: Any = self.count
        if count is not None and not isinstance(count, (int, np.integer)):
            raise ArgumentTypeError(f"expected a whole number of values of a range, got {count!r}.")
        if self.count is not None and self.count < 2:
            raise InvalidArgumentError(
                f"expected at least 2 values of a range, got {self.count}; for one value write it "
                "alone."
            )

    def values(self) -> tuple[float, ...]:
        """Return the values of the grid, in order and each once."""
        count = self.count or _GRID
        return tuple(dict.fromkeys(self.at(i / (count - 1)) for i in range(count)))

    def at(self, share: float) -> float:
        """Return the number at a share of the way, from 0 at the low end to 1 at the high end."""
        if self.scale == "log":
            value = self.low * (self.high / self.low) ** share
        else:
            value = self.low + share * (self.high - self.low)
        if self.integer:
            return round(value)
        return min(max(float(f"{value:.{_DIGITS}g}"), float(self.low)), float(self.high))

    def rvs(self, random_state: np.random.RandomState) -> float:
        """Return a number drawn evenly on the scale, by the name that SciPy has for it."""
        return self.at(random_state.uniform())

    def sampled(self) -> Any:
        """Return what is drawn from: a list, or an object with ``rvs``."""
        return self if self.count is None else list(self.values())


@dataclass(frozen=True)
class Choice:
    """Single values, none of which is nearer to another.

    Parameters
    ----------
    options : tuple
        At least one.
    """

    options: tuple[Any, ...]

    def __post_init__(self) -> None:
        """Check that there is something to choose from."""
        if not self.options:
            raise InvalidArgumentError("expected at least one value to try, got none.")

    def values(self) -> tuple[Any, ...]:
        """Return the values, in the order given."""
        return self.options

    def sampled(self) -> Any:
        """Return what is drawn from."""
        return list(self.options)


@dataclass(frozen=True)
class Distribution:
    """A distribution of SciPy, such as ``scipy.stats.loguniform(1e-4, 1)``."""

    frozen: Any

    def values(self) -> tuple[Any, ...]:
        """Raise, since a distribution has no end of values."""
        raise InvalidArgumentError(
            "a grid needs a list or a range such as '1e-5:10:log7', and a distribution has no "
            "values to list; use RandomSearch."
        )

    def sampled(self) -> Any:
        """Return what is drawn from."""
        return self.frozen


Dimension: TypeAlias = Span | Choice | Distribution


@dataclass(frozen=True)
class Space:
    """What is chosen from, by name of the hyper-parameter.

    Attributes
    ----------
    dimensions : dict of str to Span, Choice or Distribution
    declared : dict of str to (str, Hyperparameter)
        The name of the estimator it belongs to and what is declared, where anything is.
    """

    dimensions: dict[str, Dimension]
    declared: dict[str, tuple[str, Hyperparameter]]

    def __iter__(self) -> Iterator[str]:
        return iter(self.dimensions)

    def grid(self) -> Iterator[dict[str, Any]]:
        """Yield all combinations of values, in the order of scikit-learn's ``ParameterGrid``."""
        names = sorted(self.dimensions)
        values = [self._named(name, self.dimensions[name].values) for name in names]
        for combination in itertools.product(*values):
            yield dict(zip(names, combination, strict=True))

    def choices(self) -> dict[str, Any]:
        """Return what is drawn from: lists, and what has ``rvs`` as SciPy's distributions do."""
        return {name: dimension.sampled() for name, dimension in self.dimensions.items()}

    def scale(self, name: str) -> Literal["linear", "log"] | None:
        """Return the scale on which a hyper-parameter is chosen, as far as is known."""
        dimension = self.dimensions[name]
        if isinstance(dimension, Span):
            return dimension.scale
        return _declared_scale(self.declared[name][1]) if name in self.declared else None

    def check(self, params: Mapping[str, Any]) -> None:
        """Raise for a value that the declaration does not allow."""
        for name, (owner, declared) in self.declared.items():
            self._named(name, lambda d=declared, v=params[name], o=owner: d.check(v, o))

    @staticmethod
    def _named(name: str, function: Any) -> Any:
        """Call a function, and put the name of the hyper-parameter in front of its complaint."""
        try:
            return function()
        except ArgumentTypeError as error:
            raise ArgumentTypeError(f"space: {name}: {error.message}") from None
        except InvalidArgumentError as error:
            raise InvalidArgumentError(f"space: {name}: {error.message}") from None


def prepared_spaces(estimator: Any, given: Any) -> tuple[Space, ...]:
    """Return what hyper-parameters are chosen from, checked against their declarations.

    Parameters
    ----------
    estimator : estimator
        One of ours, or any of scikit-learn's; names of estimators inside others are written as in
        ``mlp__alpha``.
    given : mapping of str to values, text, ``...``, Span or distribution; or a sequence of these
        Each mapping is a space of its own.

    Returns
    -------
    tuple of Space

    Raises
    ------
    InvalidArgumentError
        For a name that the estimator does not have (the nearest is offered), a range that makes
        no sense, or a value outside what is declared.
    ArgumentTypeError
        If it is no mapping, or what is given for a name is neither values nor a range.
    """
    mappings = [given] if isinstance(given, Mapping) else given
    is_sequence = isinstance(mappings, Sequence) and not isinstance(mappings, str)
    if not is_sequence or not all(isinstance(mapping, Mapping) for mapping in mappings):
        raise ArgumentTypeError(
            "space: expected a mapping from names of hyper-parameters to values, or a list of "
            f"such, got {type(given).__name__}; for instance {{'alpha': [1e-4, 1e-2]}}."
        )
    if not mappings or not all(mappings):
        raise InvalidArgumentError(
            "space: expected at least one hyper-parameter to vary, got none."
        )
    return tuple(_prepared(estimator, mapping) for mapping in mappings)


def _prepared(estimator: Any, given: Mapping[str, Any]) -> Space:
    space = Space({}, {})
    for name, what in given.items():
        owner = _owner(estimator, name)
        declared = None
        if isinstance(owner, Declared):
            declared = hyperparameters(type(owner))[name.rpartition("__")[2]]
            space.declared[name] = (type(owner).__name__, declared)
        space.dimensions[name] = space._named(name, lambda w=what, d=declared: _dimension(w, d))
    for name, (kind, declared) in space.declared.items():
        for value in _extremes(space.dimensions[name]):
            space._named(name, lambda d=declared, v=value, k=kind: d.check(v, k))
    return space


def _extremes(dimension: Dimension) -> Sequence[Any]:
    """Return the values that must be allowed for all to be: those listed, or the ends."""
    if isinstance(dimension, Choice):
        return dimension.options
    return (dimension.at(0.0), dimension.at(1.0)) if isinstance(dimension, Span) else ()


def _owner(estimator: Any, name: str) -> Any:
    """Return the estimator, inside another perhaps, that has the hyper-parameter."""
    is_plain = isinstance(estimator, Declared) and not hasattr(estimator, "get_params")
    known = hyperparameters(type(estimator)) if is_plain else estimator.get_params()
    if name not in known:
        near = difflib.get_close_matches(str(name), known, n=1)
        meant = f" Did you mean {near[0]!r}?" if near else ""
        raise InvalidArgumentError(
            f"space: {type(estimator).__name__} has no hyper-parameter {name!r}.{meant} It has "
            f"{', '.join(sorted(known))}."
        )
    path = name.rpartition("__")[0]
    return estimator.get_params()[path] if path else estimator


def _dimension(what: Any, declared: Hyperparameter | None) -> Dimension:
    if isinstance(what, (Span, Choice, Distribution)):
        return what
    if what is ...:
        return _usual(declared)
    if isinstance(what, str):
        return _read(what, declared)
    if hasattr(what, "rvs"):
        return Distribution(what)
    if isinstance(what, np.ndarray):
        return Choice(tuple(what.tolist()))
    if isinstance(what, (Sequence, range)):
        return Choice(tuple(what))
    raise ArgumentTypeError(
        f"expected a list of values or a range such as '1e-5:10:log7', got {what!r}."
    )


def _usual(declared: Hyperparameter | None) -> Dimension:
    """Return what a search takes that is not told what to choose from."""
    if declared is not None and declared.search is not None:
        return _read(declared.search, declared)
    if declared is not None and declared.accepts == (Boolean(),):
        return Choice((False, True))
    raise InvalidArgumentError(
        "nothing is declared of what a search usually takes; list values, or give a range such as "
        "'1e-5:10:log7'."
    )


def _read(text: str, declared: Hyperparameter | None) -> Dimension:
    """Return what a text stands for."""
    if ":" not in text:
        parts = [part.strip() for part in text.split(",")]
        return Choice(tuple(_value(part, declared) for part in parts if part))
    span = _SPAN.fullmatch(text.strip())
    if span is None:
        raise InvalidArgumentError(
            f"expected a range such as '1e-5:10:log7' or '0:0.5:lin6', got {text!r}."
        )
    low, high = _number(span["low"]), _number(span["high"])
    given: dict[str, Literal["linear", "log"]] = {"lin": "linear", "log": "log"}
    return Span(
        low,
        high,
        given.get(span["scale"]) or _declared_scale(declared) or "linear",
        None if span["count"] is None else int(span["count"]),
        integer=isinstance(low, int) and isinstance(high, int) and _is_integer(declared),
    )


def _declared_scale(declared: Hyperparameter | None) -> Literal["linear", "log"] | None:
    """Return the scale of the range that is declared for searches."""
    usual = None if declared is None or declared.search is None else _SPAN.match(declared.search)
    if usual is None:
        return None
    return "log" if usual["scale"] == "log" else "linear"


def _is_integer(declared: Hyperparameter | None) -> bool:
    """Return whether numbers are integers, as far as is known."""
    kinds: list[Kind] = [] if declared is None else list(declared.accepts)
    kinds += [inner for kind in kinds if isinstance(kind, PerLayer) for inner in kind.of]
    numbers = [kind for kind in kinds if isinstance(kind, (Integer, Real))]
    return all(isinstance(kind, Integer) for kind in numbers)


def _number(text: str) -> float:
    for convert in (int, float):
        try:
            return convert(text)
        except ValueError:
            continue
    raise InvalidArgumentError(f"expected a number, got {text.strip()!r}.")


def _value(text: str, declared: Hyperparameter | None) -> Any:
    """Return the value that a text names: a number, a word, or widths as in 64-32."""
    if declared is not None and any(kind.accepts(text) for kind in declared.accepts):
        return text
    if text in _NAMED:
        return _NAMED[text]
    if _WIDTHS.fullmatch(text):
        return tuple(int(part) for part in text.split("-"))
    try:
        return _number(text)
    except InvalidArgumentError:
        return text
