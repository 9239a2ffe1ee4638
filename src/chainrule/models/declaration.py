"""Hyper-parameters declared once: default, range and meaning in one place.

A model's hyper-parameters are the fields of its class, each made by `hyperparameter`:

    class Ridge(Declared):
        alpha: float = hyperparameter(1.0, Real(0.0), meaning="Strength of the penalty.")

From the declaration come the signature of the constructor (every class that derives from
`Declared` is a dataclass, so scikit-learn finds the names where it looks for them), the check of
the values when the model is fitted, and the ``Parameters`` section of the docstring. Whoever
wants more, such as a search space or the options of a command line, reads `hyperparameters`.

Constructors check nothing and change nothing, which scikit-learn's ``clone`` and ``set_params``
rely on; messages about wrong values are worded as scikit-learn words them.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import math
import numbers
import textwrap
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Literal, Protocol, dataclass_transform

import numpy as np

from chainrule._errors import InvalidArgumentError
from chainrule.saving import save
from chainrule.saving.files import FilePath

__all__ = [
    "Boolean",
    "Declared",
    "Function",
    "Hyperparameter",
    "InstanceOf",
    "Integer",
    "Kind",
    "Nothing",
    "OneOf",
    "PerLayer",
    "RandomState",
    "Real",
    "drawn_seed",
    "hyperparameter",
    "hyperparameters",
    "random_generator",
]


class Kind(Protocol):
    """A set of values; its text completes the sentence "must be ..."."""

    def accepts(self, value: Any) -> bool:
        """Return whether a value belongs to the set."""


def _is_boolean(value: Any) -> bool:
    return isinstance(value, (bool, np.bool_))


@dataclass(frozen=True)
class Interval:
    """What numbers have in common: bounds, of which ``closed`` says which belong to it."""

    low: float = -math.inf
    high: float = math.inf
    closed: Literal["left", "right", "both", "neither"] = "left"

    def _contains(self, value: Any) -> bool:
        above = value >= self.low if self.closed in ("left", "both") else value > self.low
        below = value <= self.high if self.closed in ("right", "both") else value < self.high
        return bool(above and below)

    def _range(self) -> str:
        opening = "[" if self.closed in ("left", "both") else "("
        closing = "]" if self.closed in ("right", "both") else ")"
        return f"{opening}{self.low}, {self.high}{closing}"


class Real(Interval):
    """Real numbers in an interval."""

    def accepts(self, value: Any) -> bool:
        """Return whether a value is a number in the interval."""
        return isinstance(value, numbers.Real) and not _is_boolean(value) and self._contains(value)

    def __str__(self) -> str:
        return f"a float in the range {self._range()}"


class Integer(Interval):
    """Integers in an interval."""

    def accepts(self, value: Any) -> bool:
        """Return whether a value is an integer in the interval."""
        return (
            isinstance(value, numbers.Integral) and not _is_boolean(value) and self._contains(value)
        )

    def __str__(self) -> str:
        return f"an int in the range {self._range()}"


@dataclass(frozen=True, init=False)
class OneOf:
    """Names, or other single values."""

    values: tuple[Any, ...]

    def __init__(self, *values: Any) -> None:
        object.__setattr__(self, "values", values)

    def accepts(self, value: Any) -> bool:
        """Return whether a value is one of them; 1 is not taken for True, nor for 1.0."""
        return any(type(value) is type(known) and value == known for known in self.values)

    def __str__(self) -> str:
        names = sorted(getattr(value, "__name__", repr(value)) for value in self.values)
        return f"a str among {{{', '.join(names)}}}" if len(names) > 1 else names[0]


@dataclass(frozen=True)
class Boolean:
    """True and False."""

    def accepts(self, value: Any) -> bool:
        """Return whether a value is a boolean."""
        return _is_boolean(value)

    def __str__(self) -> str:
        return "an instance of 'bool'"


@dataclass(frozen=True)
class Nothing:
    """None."""

    def accepts(self, value: Any) -> bool:
        """Return whether a value is None."""
        return value is None

    def __str__(self) -> str:
        return "None"


@dataclass(frozen=True)
class Function:
    """Functions, described by what they take and return."""

    signature: str = ""

    def accepts(self, value: Any) -> bool:
        """Return whether a value can be called."""
        return callable(value)

    def __str__(self) -> str:
        return f"a callable {self.signature}".rstrip()


@dataclass(frozen=True)
class InstanceOf:
    """Instances of a class."""

    kind: type

    def accepts(self, value: Any) -> bool:
        """Return whether a value is an instance."""
        return isinstance(value, self.kind)

    def __str__(self) -> str:
        return f"an instance of {self.kind.__name__!r}"


@dataclass(frozen=True)
class PerLayer:
    """Sequences of values, with one for each layer if nothing else is said."""

    of: tuple[Kind, ...]
    words: str = "a sequence with such a value for each layer"

    def accepts(self, value: Any) -> bool:
        """Return whether a value is a sequence of such values."""
        if not isinstance(value, (Sequence, np.ndarray)) or isinstance(value, str):
            return False
        return all(any(kind.accepts(item) for kind in self.of) for item in value)

    def __str__(self) -> str:
        return self.words


@dataclass(frozen=True)
class RandomState:
    """What scikit-learn takes as a seed."""

    def accepts(self, value: Any) -> bool:
        """Return whether a value is a seed."""
        if isinstance(value, numbers.Integral):
            return 0 <= int(value) < 2**32
        return value is None or value is np.random or isinstance(value, np.random.RandomState)

    def __str__(self) -> str:
        return "an int in the range [0, 4294967295], an instance of 'RandomState' or None"


def random_generator(seed: Any) -> np.random.RandomState:
    """Return the generator that a `RandomState` stands for, as in scikit-learn.

    Parameters
    ----------
    seed : int, RandomState or None
        None stands for the generator of NumPy's own functions.
    """
    if isinstance(seed, np.random.RandomState):
        return seed
    if isinstance(seed, numbers.Integral):
        return np.random.RandomState(int(seed))
    return np.random.mtrand._rand


_LARGEST_SEED = 2**31 - 1
_of_thread = threading.local()


def drawn_seed(seed: Any) -> int:
    """Return the first integer below 2**31 - 1 that the generator of a `RandomState` draws.

    Parameters
    ----------
    seed : int, RandomState or None
    """
    if isinstance(seed, numbers.Integral):
        # To make a generator takes longer than all else here: it asks the system for entropy.
        if not hasattr(_of_thread, "generator"):
            _of_thread.generator = np.random.RandomState(0)
        generator = _of_thread.generator
        generator.seed(int(seed))
    else:
        generator = random_generator(seed)
    return int(generator.randint(_LARGEST_SEED))


@dataclass(frozen=True)
class Hyperparameter:
    """What is declared of a hyper-parameter.

    Attributes
    ----------
    name : str
    default : object
    accepts : tuple of Kind
        A value must belong to one of them.
    meaning : str
    search : str or None
        What a search tries that is not told what, as `chainrule.search` reads it: a range with its
        scale, such as ``"1e-5:1:log"``, or values with commas between.
    """

    name: str
    default: Any
    accepts: tuple[Kind, ...]
    meaning: str
    search: str | None = None

    def check(self, value: Any, owner: str) -> None:
        """Raise `InvalidArgumentError` for a value that belongs to none of the kinds."""
        if not any(kind.accepts(value) for kind in self.accepts):
            raise InvalidArgumentError(
                f"The {self.name!r} parameter of {owner} must be {self.range}. "
                f"Got {value!r} instead."
            )

    @property
    def range(self) -> str:
        """The kinds of values in words."""
        words = [str(kind) for kind in self.accepts]
        return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"

    def __str__(self) -> str:
        head = f"{self.name} : {self.range}, default={self.default!r}"
        return f"{head}\n{_paragraph(self.meaning)}"


@functools.cache
def _paragraph(text: str) -> str:
    """Return a text as lines; classes that inherit a hyper-parameter say the same of it."""
    return textwrap.fill(text, 92, initial_indent="    ", subsequent_indent="    ")


def hyperparameter(
    default: Any, *accepts: Kind, meaning: str, search: str | None = None, kw_only: bool = True
) -> Any:
    """Declare a hyper-parameter, as the default of a field.

    Parameters
    ----------
    default : object
        Immutable.
    *accepts : Kind
        What values may be.
    meaning : str
        What it does, in full sentences.
    search : str, optional
        What a search tries that is not told what, see `Hyperparameter`.
    kw_only : bool, default=True
        Whether the constructor takes it by name alone.

    Returns
    -------
    dataclasses.Field
    """
    metadata = {"accepts": accepts, "meaning": meaning, "search": search}
    return dataclasses.field(default=default, metadata=metadata, kw_only=kw_only)


@dataclass_transform(kw_only_default=True, field_specifiers=(hyperparameter,))
class Declared:
    """A model whose hyper-parameters are declared as its fields."""

    _declared: ClassVar[Mapping[str, Hyperparameter]]

    def __init_subclass__(cls, **keywords: Any) -> None:
        """Make the class a dataclass, and put the declarations into its docstring."""
        super().__init_subclass__(**keywords)
        # Comparison by identity stays, and so does the repr of estimators, which is scikit-learn's.
        dataclass(eq=False, repr=False)(cls)
        cls._declared = _declared(cls)
        cls.__doc__ = _with_parameters(inspect.cleandoc(cls.__doc__ or ""), cls._declared)

    def save(self, path: FilePath, *, custom: Mapping[str, Any] | None = None) -> None:
        """Write the hyper-parameters, and all that fitting has found, to one file.

        `chainrule.load` returns the same estimator, which predicts the same and can be trained
        further.

        Parameters
        ----------
        path : str or Path
        custom : dict of str to callable, optional
            Names for functions of one's own among the hyper-parameters, see `chainrule.save`.

        Raises
        ------
        InvalidArgumentError
            If something cannot be saved, such as a function without a name.
        FileError
            If the file cannot be written; an older one of that name is still there.
        """
        save(path, self, custom=custom)

    def _check_hyperparameters(self) -> None:
        for name, declared in self._declared.items():
            value = getattr(self, name)
            if value is not declared.default:
                declared.check(value, type(self).__name__)


def hyperparameters(model: type[Declared]) -> Mapping[str, Hyperparameter]:
    """Return what is declared of a model's hyper-parameters, by name.

    Parameters
    ----------
    model : type
        A class of `chainrule.models` or `chainrule.estimators`.

    Returns
    -------
    mapping of str to Hyperparameter
        In the order of the constructor.

    Examples
    --------
    >>> from chainrule.estimators import MLPClassifier
    >>> alpha = hyperparameters(MLPClassifier)["alpha"]
    >>> alpha.default, str(alpha.accepts[0])
    (0.0001, 'a float in the range [0.0, inf)')
    """
    return model._declared


def _declared(model: Any) -> Mapping[str, Hyperparameter]:
    declared = {
        f.name: Hyperparameter(f.name, f.default, **f.metadata) for f in dataclasses.fields(model)
    }
    ordered = {name: declared[name] for name in inspect.signature(model).parameters}
    return MappingProxyType(ordered)


def _with_parameters(doc: str, declared: Mapping[str, Hyperparameter]) -> str:
    section = "\n".join(["Parameters", "----------", *map(str, declared.values())])
    head, heading, rest = doc.partition("\nAttributes\n")
    return f"{head.rstrip()}\n\n{section}\n{heading}{rest}"
