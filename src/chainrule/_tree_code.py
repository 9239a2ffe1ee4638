"""Python code for trees of one structure.

`_tree` takes any tree apart. What it has to find out on the way, which container comes next and
which fields it has, is known when the structure is; code that has been written for it does the same
several times faster. That is how compiled functions are called.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from chainrule._tree import Structure, exactly, has_descriptors


class Writer:
    """Writes the body of a function that takes trees apart and builds others.

    The function returns ``NotImplemented`` as soon as a tree has not the structure it was written
    for. Containers are told apart exactly as `Structure` does.

    Attributes
    ----------
    lines : list of str
        The body so far.
    names : dict
        The objects that it refers to.
    """

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.names: dict[str, Any] = {}
        self._variables = itertools.count()

    def constant(self, value: Any) -> str:
        """Return a name for an object."""
        name = f"c{len(self.names)}"
        self.names[name] = value
        return name

    def give_up_on_errors(self) -> None:
        """Let everything written so far give up where it would raise an exception."""
        tried = [f"    {line}" for line in self.lines] or ["    pass"]
        self.lines = ["try:", *tried, "except Exception: return NotImplemented"]

    def function(self, name: str, arguments: str) -> Callable[..., Any]:
        """Return the function that has been written."""
        body = "".join(f"    {line}\n" for line in self.lines)
        source = f"def {name}({arguments}):\n{body}"
        exec(compile(source, f"<chainrule {name}>", "exec"), self.names)
        written: Callable[..., Any] = self.names[name]
        return written

    def variable(self, expression: str) -> str:
        """Write an assignment to a new variable, and return that."""
        name = f"v{next(self._variables)}"
        self.lines.append(f"{name} = {expression}")
        return name

    def require(self, condition: str) -> None:
        """Write that the function gives up unless a condition holds."""
        self.lines.append(f"if not ({condition}): return NotImplemented")

    def require_setting(self, value: str, known: Any) -> None:
        """Write that it gives up unless a setting means the same as one known before."""
        name = self.constant(known)
        same = f"{self.constant(_is_same_setting)}({value}, {name}, {hash(known)})"
        self.require(f"{value} is {name} or {same}" if _never_changes(known) else same)

    def take(self, node: Structure, tree: str) -> list[str]:
        """Write how a tree is taken apart, and return the variables of its leaves."""
        cls = node.kind
        if cls is None:
            return [tree]
        if cls is type(None):
            self.require(f"{tree} is None")
            return []
        self.require(f"type({tree}) is {self.constant(cls)}")
        if issubclass(cls, dict):
            self.require(f"len({tree}) == {len(node.children)}")
            missing = self.constant(object())
            # Not by [], which makes an entry in a defaultdict.
            children = [
                self.variable(f"{tree}.get({self.constant(key)}, {missing})") for key in node.meta
            ]
        elif issubclass(cls, (tuple, list)):
            children = self.unpacked(tree, len(node.children))
        else:
            child_names, static_names, static, _ = node.meta
            for name, value in zip(static_names, static, strict=True):
                self.require_setting(self.variable(f"{tree}.{name}"), value)
            children = [self.variable(f"{tree}.{name}") for name in child_names]
        return [
            leaf
            for child, variable in zip(node.children, children, strict=True)
            for leaf in self.take(child, variable)
        ]

    def unpacked(self, sequence: str, count: int) -> list[str]:
        """Write how a sequence of known length is unpacked, and return the variables."""
        names = [f"v{next(self._variables)}" for _ in range(count)]
        self.lines.append(f"[{', '.join(names)}] = {sequence}")
        return names

    def build(self, node: Structure, leaves: Iterator[str]) -> str:
        """Write how a tree is built around leaves, and return its variable."""
        cls = node.kind
        if cls is None:
            return next(leaves)
        if cls is type(None):
            return "None"
        parts = [self.build(child, leaves) for child in node.children]
        listed = ", ".join(parts)
        if cls is tuple:
            return self.variable(f"({listed}{',' * (len(parts) == 1)})")
        if cls is list:
            return self.variable(f"[{listed}]")
        if issubclass(cls, dict):
            written, factory = node.order
            by_key = dict(zip(node.meta, parts, strict=True))
            entries = ", ".join(f"{self.constant(key)}: {by_key[key]}" for key in written)
            if cls is dict:
                return self.variable(f"{{{entries}}}")
            first = f"{self.constant(factory)}, " if cls is defaultdict else ""
            return self.variable(f"{self.constant(cls)}({first}{{{entries}}})")
        if issubclass(cls, tuple):
            return self.variable(f"{self.constant(cls)}({listed})")
        return self._dataclass(cls, node.meta, parts)

    def _dataclass(self, cls: type, meta: Any, parts: Sequence[str]) -> str:
        child_names, static_names, static, _ = meta
        fields = dict(zip(child_names, parts, strict=True))
        fields.update(zip(static_names, map(self.constant, static), strict=True))
        instance = self.variable(f"{self.constant(object.__new__)}({self.constant(cls)})")
        if not has_descriptors(cls, fields):
            # Several times faster than `object.__setattr__`, and the same.
            place = self.variable(f"{instance}.__dict__")
            self.lines += [f"{place}[{name!r}] = {value}" for name, value in fields.items()]
        else:
            assign = self.constant(object.__setattr__)
            self.lines += [f"{assign}({instance}, {n!r}, {v})" for n, v in fields.items()]
        return instance


def _never_changes(setting: Any) -> bool:
    """Whether a setting equals itself for good, being immutable or compared by identity."""
    if isinstance(setting, tuple):
        return type(setting) is tuple and all(map(_never_changes, setting))
    cls: Any = type(setting)
    plain: Any = object
    is_itself = cls.__eq__ is plain.__eq__ and cls.__hash__ is plain.__hash__
    return is_itself or cls in (str, bytes, int, float, bool, type(None))


def _is_same_setting(value: Any, known: Any, known_hash: int) -> bool:
    """Whether a setting would be found in a dictionary under a known one."""
    return hash(value) == known_hash and value == known and exactly(value) == exactly(known)
