"""The names of classes and functions in files.

What stands in a file by name is looked up in a table that is written in the library's own source.
So a file can name a `Dense` and a `relu` and nothing that is not in the table: reading one imports
nothing that the file chooses, calls nothing, and builds instances without their constructors.

Names are for ever. A class that is renamed or moved keeps its name here.
"""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from chainrule._errors import InvalidArgumentError

__all__ = ["Names", "Parts", "register"]

T = TypeVar("T")

_CUSTOM = "custom"
_LAYERS = ("nn", "optim", "training", "datasets", "models", "estimators", "cli")
"""Packages that register names which begin like theirs; imported when a file has such a name."""


@dataclass(frozen=True)
class Parts:
    """How instances of a class are taken apart and put together.

    Attributes
    ----------
    of : callable
        From an instance to its parts by name.
    together : callable
        From the class and the parts by name to an instance; raises `TypeError` or `ValueError` for
        parts that do not fit.
    """

    of: Callable[[Any], Mapping[str, Any]]
    together: Callable[[Any, dict[str, Any]], Any]


def _fields_of(instance: Any) -> dict[str, Any]:
    return {field.name: getattr(instance, field.name) for field in dataclasses.fields(instance)}


def _with_fields(cls: Any, parts: dict[str, Any]) -> Any:
    """Build a dataclass without its constructor, which may check or convert what came."""
    names = {field.name for field in dataclasses.fields(cls)}
    missing, unknown = names - parts.keys() - _defaults(cls).keys(), parts.keys() - names
    if missing or unknown:
        raise TypeError(f"{cls.__name__} misses {missing or 'nothing'}, has no {unknown or 'more'}")
    instance = object.__new__(cls)
    for name, value in {**_defaults(cls), **parts}.items():
        object.__setattr__(instance, name, value)
    return instance


def _with_attributes(cls: Any, parts: dict[str, Any]) -> Any:
    instance = object.__new__(cls)
    vars(instance).update({**_defaults(cls), **parts})
    return instance


def _defaults(cls: Any) -> dict[str, Any]:
    """Return the values of fields that are younger than the file."""
    return {
        field.name: field.default
        for field in dataclasses.fields(cls)
        if field.default is not dataclasses.MISSING
    }


def _with_items(cls: Any, parts: dict[str, Any]) -> Any:
    values = {**cls._field_defaults, **parts}
    if values.keys() != {*cls._fields}:
        raise TypeError(f"{cls.__name__} has {', '.join(cls._fields)}, not {', '.join(values)}")
    return cls._make(values[name] for name in cls._fields)


FIELDS = Parts(_fields_of, _with_fields)
ATTRIBUTES = Parts(lambda instance: dict(vars(instance)), _with_attributes)
ITEMS = Parts(lambda instance: instance._asdict(), _with_items)


def has_fields(cls: type) -> bool:
    """Return whether instances of a class consist of parts that have names."""
    return dataclasses.is_dataclass(cls) or (issubclass(cls, tuple) and hasattr(cls, "_fields"))


def _parts_of(cls: Any) -> Parts:
    if not has_fields(cls):
        raise InvalidArgumentError(
            f"saving: {cls.__name__}: expected a dataclass or a NamedTuple, whose parts have names."
        )
    if issubclass(cls, tuple):
        return ITEMS
    # What is not frozen may have gained attributes besides its fields, as estimators do.
    gains = cls.__dictoffset__ and not cls.__dataclass_params__.frozen
    return ATTRIBUTES if gains else FIELDS


class Names:
    """A table of names, both ways.

    Parameters
    ----------
    above : Names, optional
        Where to look for what is not in this table.
    """

    def __init__(self, above: Names | None = None) -> None:
        self._above = above
        self._objects: dict[str, Any] = {}
        self._names: dict[int, str] = {}  # by identity: equal functions may be different ones
        self._parts: dict[str, Parts] = {}

    def add(self, name: str, value: Any, parts: Parts | None = None) -> None:
        """Enter a class or a function."""
        if name in self._objects:
            raise InvalidArgumentError(f"saving: {name!r} is the name of something else already.")
        if isinstance(value, type) and value.__module__ != "numpy":
            self._parts[name] = parts or _parts_of(value)
        self._objects[name] = value
        self._names.setdefault(id(value), name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._objects)

    def name_of(self, value: Any) -> str | None:
        """Return the name of a class or function, or None if it has none."""
        found = self._names.get(id(value))
        return self._above.name_of(value) if found is None and self._above else found

    def named(self, name: str) -> Any:
        """Return what has a name; raise `KeyError` if nothing has."""
        home, _, within = name.partition(".")
        if name not in self._objects and self._above:
            return self._above.named(name)
        if name not in self._objects and home in _LAYERS:
            package = importlib.import_module(f"chainrule.{home}")
            getattr(package, within, None)  # it may be loaded when it is asked for
        return self._objects[name]

    def parts(self, name: str) -> Parts:
        """Return how instances of the class of a name are taken apart; raise `KeyError`."""
        if name not in self._parts and self._above:
            return self._above.parts(name)
        return self._parts[name]


LIBRARY = Names()


def register(name: str, parts: Parts | None = None) -> Callable[[T], T]:
    """Give a class or function of this library its name in files.

    Parameters
    ----------
    name : str
        Beginning with the package that registers it, such as ``"nn.Dense"``; for ever.
    parts : Parts, optional
        How instances of a class are taken apart; by default field by field, for dataclasses and
        NamedTuples, and with all attributes, for dataclasses that are not frozen. New fields need
        a default, which is what they are when an older file is read.

    Returns
    -------
    callable
        A decorator, which returns what it is given.

    Raises
    ------
    InvalidArgumentError
        If the name is taken, or a class has no fields.
    """

    def registered(value: T) -> T:
        LIBRARY.add(name, value, parts)
        return value

    return registered


def with_custom(what: str, custom: Mapping[str, Any] | None) -> Names:
    """Return the library's names, and those that a user gives to classes and functions."""
    names = Names(above=LIBRARY)
    for name, value in (custom or {}).items():
        if not isinstance(name, str) or not name.isidentifier() or not callable(value):
            raise InvalidArgumentError(
                f"{what}: custom: expected functions and classes by names such as 'my_loss', got "
                f"{name!r}: {value!r}."
            )
        names.add(f"{_CUSTOM}.{name}", value)
    return names


def is_custom(name: str) -> bool:
    """Return whether a name in a file is one that a user has given."""
    return name.startswith(f"{_CUSTOM}.")
