"""Pytrees: nested containers of arrays, taken apart into leaves and put together again.

Every function of this library takes and returns any nesting of tuple, list, dict, namedtuple and
dataclass. None is a tree without leaves; everything else is a leaf. Taking a tree apart gives the
list of its leaves and its `Structure`, a hashable description from which the same containers can
be built around other leaves. Dictionaries are taken apart in the order of their sorted keys, so
that two dictionaries with equal keys have equal structure, and put together in the order in which
the original was written.

A dataclass is a container of its fields; a field declared with `static_field` is part of the
structure instead (a setting, an activation function), and is neither traced nor differentiated.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np

from chainrule._errors import TreeError

T = TypeVar("T")

__all__ = [
    "Structure",
    "flatten",
    "leaves",
    "leaves_with_path",
    "map",
    "static_field",
    "structure",
    "unflatten",
]


class Structure:
    """The containers of a tree without its leaves: comparable, hashable, able to rebuild.

    Attributes
    ----------
    kind : type or None
        The container type; None for a leaf.
    meta : hashable
        What else tells two containers of this type apart: keys, static fields.
    children : tuple of Structure
    num_leaves : int
    """

    __slots__ = ("_hash", "children", "kind", "meta", "num_leaves", "order")

    def __init__(
        self,
        kind: type | None,
        meta: Any = (),
        children: tuple[Structure, ...] = (),
        order: Any = None,
    ) -> None:
        self.kind = kind
        self.meta = meta
        self.children = children
        self.order = order  # a dictionary's keys as written; not part of equality
        self.num_leaves: int = 1 if kind is None else sum(child.num_leaves for child in children)
        self._hash: int | None = None

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return (
            isinstance(other, Structure)
            and self.kind is other.kind
            and self.num_leaves == other.num_leaves
            and self.meta == other.meta
            and self.children == other.children
        )

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = hash((self.kind, self.meta, self.children))
        return self._hash

    def __str__(self) -> str:
        return "a single value" if self.kind is None else self._rendered()

    def __repr__(self) -> str:
        return f"Structure({self._rendered()})"

    def _rendered(self) -> str:
        return _render(self, iter("*" * self.num_leaves))


LEAF = Structure(None)
_NONE = Structure(type(None))


def _render(node: Structure, marks: Iterator[str]) -> str:
    if node.kind is None:
        return next(marks)
    if node.kind is type(None):
        return "None"
    parts = [_render(child, marks) for child in node.children]
    if issubclass(node.kind, dict):
        return "{" + ", ".join(f"{k!r}: {p}" for k, p in zip(node.meta, parts, strict=True)) + "}"
    if node.kind is tuple:
        return "(" + ", ".join(parts) + ("," if len(parts) == 1 else "") + ")"
    if node.kind is list:
        return "[" + ", ".join(parts) + "]"
    names = getattr(node.kind, "_fields", None) or node.meta[0]
    inner = ", ".join(f"{n}={p}" for n, p in zip(names, parts, strict=True))
    return f"{node.kind.__name__}({inner})"


def _sorted_keys(mapping: dict[Any, Any]) -> tuple[Any, ...]:
    try:
        return tuple(sorted(mapping))
    except TypeError:  # keys of mixed types have no order of their own
        return tuple(sorted(mapping, key=lambda k: (type(k).__name__, repr(k))))


class _DataclassFields:
    """Which fields of a dataclass are children and which are static, read once per class.

    ``plain`` is whether an assignment to a field does no more than put it into the ``__dict__``.
    """

    __slots__ = ("children", "meta", "plain", "static")

    def __init__(self, cls: type) -> None:
        fields = dataclasses.fields(cls)
        self.children = tuple(f.name for f in fields if not f.metadata.get("static"))
        self.static = tuple(f.name for f in fields if f.metadata.get("static"))
        self.meta = (self.children, self.static, (), ())
        self.plain = not has_descriptors(cls, [f.name for f in fields])


# How each type met so far is taken apart; classes outside this table are classified once.
_LEAF_KIND, _NONE_KIND, _TUPLE_KIND, _DICT_KIND, _NAMED_KIND = "leaf", "none", "tuple", "dict", "nt"
_kinds: dict[type, Any] = {
    **dict.fromkeys((np.ndarray, float, int, bool, np.float64, np.float32), _LEAF_KIND),
    type(None): _NONE_KIND,
    tuple: _TUPLE_KIND,
    list: _TUPLE_KIND,
    dict: _DICT_KIND,
    OrderedDict: _DICT_KIND,
    defaultdict: _DICT_KIND,
}


def _classify(cls: type) -> Any:
    if issubclass(cls, tuple) and hasattr(cls, "_fields"):
        kind: Any = _NAMED_KIND
    elif dataclasses.is_dataclass(cls):
        kind = _DataclassFields(cls)
    else:
        kind = _LEAF_KIND
    _kinds[cls] = kind
    return kind


# Structures met before. Taking one out is cheaper than making it, and comparing two that are the
# same object is free; both count in the dispatch of compiled functions.
_interned: dict[Any, Structure] = {}
_MAX_INTERNED = 4096


def _structure(
    cls: type, meta: Any, children: tuple[Structure, ...], order: Any = None
) -> Structure:
    key = (cls, meta, order, *[id(child) for child in children])
    try:
        known = _interned.get(key)
    except TypeError:
        raise TreeError(
            f"static fields of {cls.__name__} must be hashable, got {meta!r}; declare arrays and "
            "lists as ordinary fields."
        ) from None
    if known is None:
        if len(_interned) >= _MAX_INTERNED:
            _interned.clear()  # only a cache: equality does not rest on it
        known = _interned[key] = Structure(cls, meta, children, order)
    return known


def _flatten_into(node: Any, out: list[Any]) -> Structure:
    cls = type(node)
    kind = _kinds.get(cls) or _classify(cls)
    if kind is _LEAF_KIND:
        out.append(node)
        return LEAF
    if kind is _TUPLE_KIND or kind is _NAMED_KIND:
        return _structure(cls, (), _flatten_all(node, out))
    if kind is _DICT_KIND:
        keys = _sorted_keys(node)
        children = _flatten_all([node[k] for k in keys], out)
        factory = node.default_factory if cls is defaultdict else None
        return _structure(cls, keys, children, (tuple(node), factory))
    if kind is _NONE_KIND:
        return _NONE
    children = _flatten_all([getattr(node, name) for name in kind.children], out)
    if not kind.static:
        return _structure(cls, kind.meta, children)
    static = tuple([getattr(node, name) for name in kind.static])
    marks = tuple([exactly(value) for value in static])
    return _structure(cls, (kind.children, kind.static, static, marks), children)


def _flatten_all(nodes: Iterable[Any], out: list[Any]) -> tuple[Structure, ...]:
    """Take several trees apart. Most are leaves, which are not worth a call of their own."""
    structures = []
    for node in nodes:
        kind = _kinds.get(type(node))
        if kind is _LEAF_KIND:
            out.append(node)
            structures.append(LEAF)
        else:
            structures.append(_NONE if kind is _NONE_KIND else _flatten_into(node, out))
    return tuple(structures)


def exactly(value: Any) -> Any:
    """Return what two settings have in common only if they mean the same.

    1, 1.0 and True are equal and do not; neither do 0.0 and -0.0, alone or in tuples.
    """
    if isinstance(value, tuple):
        return type(value), tuple([exactly(item) for item in value])
    return type(value), value.hex() if isinstance(value, float) else value


def _build(node: Structure, source: Iterator[Any]) -> Any:
    cls = node.kind
    if cls is None:
        return next(source)
    if cls is type(None):
        return None
    parts = []
    for child in node.children:  # most are leaves, which are not worth a call of their own
        parts.append(next(source) if child.kind is None else _build(child, source))
    if cls is tuple:
        return tuple(parts)
    if cls is list:
        return parts
    if issubclass(cls, dict):
        written, factory = node.order
        by_key = dict(zip(node.meta, parts, strict=True))
        rebuilt = cls(factory) if cls is defaultdict else cls()
        for key in written:
            rebuilt[key] = by_key[key]
        return rebuilt
    if issubclass(cls, tuple):
        return cls(*parts)
    child_names, static_names, static, _ = node.meta
    # The constructor is bypassed: it may validate or derive fields from what are now other leaves
    # (tangents, types, traced arrays), and a frozen dataclass forbids assignment.
    instance: Any = object.__new__(cls)
    if (_kinds.get(cls) or _classify(cls)).plain:
        # Several times faster than `object.__setattr__`, and the same.
        fields = instance.__dict__
        fields.update(zip(child_names, parts, strict=True))
        fields.update(zip(static_names, static, strict=True))
        return instance
    for name, value in zip(child_names, parts, strict=True):
        object.__setattr__(instance, name, value)
    for name, value in zip(static_names, static, strict=True):
        object.__setattr__(instance, name, value)
    return instance


def has_descriptors(cls: type, names: Iterable[str]) -> bool:
    """Whether an assignment to a field does more than put it into the instance's ``__dict__``."""
    return any(hasattr(inspect.getattr_static(cls, name, None), "__set__") for name in names)


def flatten(tree: Any) -> tuple[list[Any], Structure]:
    """Take a tree apart.

    Parameters
    ----------
    tree : pytree
        Any nesting of tuple, list, dict, namedtuple, dataclass and None.

    Returns
    -------
    leaves : list
        Everything that is not a container, left to right.
    structure : Structure
        The containers, for `unflatten`.

    Examples
    --------
    >>> leaves, structure = flatten({"w": [1.0, 2.0], "b": 3.0})
    >>> leaves
    [3.0, 1.0, 2.0]
    >>> unflatten(structure, [x * 10 for x in leaves])
    {'w': [10.0, 20.0], 'b': 30.0}
    """
    out: list[Any] = []
    return out, _flatten_into(tree, out)


def unflatten(structure: Structure, leaves: Sequence[Any]) -> Any:
    """Build a tree of the given structure around new leaves.

    Raises
    ------
    TreeError
        If the number of leaves is not the structure's.
    """
    if len(leaves) != structure.num_leaves:
        raise TreeError(
            f"tree.unflatten: {structure} holds {structure.num_leaves} leaves, "
            f"got {len(leaves)}; pass one value per leaf."
        )
    return _build(structure, iter(leaves))


def leaves(tree: Any) -> list[Any]:
    """Return the leaves of a tree, left to right."""
    out: list[Any] = []
    _flatten_into(tree, out)
    return out


def structure(tree: Any) -> Structure:
    """Return the structure of a tree."""
    return _flatten_into(tree, [])


def map(f: Callable[..., Any], tree: Any, *rest: Any) -> Any:
    """Apply ``f`` to every leaf, or to the corresponding leaves of several trees.

    Parameters
    ----------
    f : callable
        Called as ``f(leaf, *leaves_of_rest)``.
    tree, *rest : pytree
        Trees of equal structure.

    Returns
    -------
    pytree
        The structure of ``tree`` around the results.

    Raises
    ------
    TreeError
        If a tree in ``rest`` has another structure; the message shows both.

    Examples
    --------
    >>> map(lambda w, g: w - 0.5 * g, {"w": 3.0}, {"w": 2.0})
    {'w': 2.0}
    """
    first, shape = flatten(tree)
    columns = [first]
    for other in rest:
        values, other_shape = flatten(other)
        if other_shape != shape:
            raise TreeError(
                f"tree.map: every tree must have the structure of the first, {shape}, "
                f"got {other_shape}; compare the containers and their keys."
            )
        columns.append(values)
    return _build(shape, iter([f(*row) for row in zip(*columns, strict=True)]))


def leaves_with_path(tree: Any) -> list[tuple[str, Any]]:
    """Return ``(path, leaf)`` pairs, a path being written as Python would: ``['w'][0].bias``."""
    out: list[tuple[str, Any]] = []
    values, shape = flatten(tree)
    _walk_paths(shape, "", iter(values), out)
    return out


def _walk_paths(
    node: Structure, path: str, values: Iterator[Any], out: list[tuple[str, Any]]
) -> None:
    if node.kind is None:
        out.append((path, next(values)))
        return
    if issubclass(node.kind, dict):
        steps = [f"[{key!r}]" for key in node.meta]
    elif node.kind in (tuple, list):
        steps = [f"[{i}]" for i in range(len(node.children))]
    elif issubclass(node.kind, tuple):
        steps = [f".{name}" for name in getattr(node.kind, "_fields", ())]
    else:
        steps = [f".{name}" for name in node.meta[0]] if node.children else []
    for step, child in zip(steps, node.children, strict=True):
        _walk_paths(child, path + step, values, out)


def static_field(**options: Any) -> Any:
    """Declare a dataclass field that belongs to the structure: a setting, not an array.

    Parameters
    ----------
    **options
        As for `dataclasses.field` (``default``, ``default_factory``, ``metadata``, …). The value
        must be hashable.

    Examples
    --------
    >>> @dataclasses.dataclass
    ... class Affine:
    ...     weight: float
    ...     name: str = static_field(default="affine")
    >>> map(lambda w: w + 1, Affine(2.0))
    Affine(weight=3.0, name='affine')
    """
    metadata = {**options.pop("metadata", {}), "static": True}
    return dataclasses.field(metadata=metadata, **options)
