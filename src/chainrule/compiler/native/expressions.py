"""What a kernel computes for each position of its iteration space: trees of elementwise ops.

The leaves are constants and loads through views. A change of layout applied to a whole expression
is applied to its views and leaves the ops alone, so a transposed sum is the sum of transposed
loads. Expressions are shared where values are: the same object twice is one value computed once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.compiler.native.views import View

INDEX = np.dtype(np.int64)


@dataclass(frozen=True, eq=False)
class Constant:
    """The same number at every position."""

    value: Any  # a NumPy scalar

    @property
    def dtype(self) -> np.dtype[Any]:
        """Data type of the number."""
        return self.value.dtype


@dataclass(frozen=True, eq=False)
class Load:
    """An element of a buffer; of a view without a buffer, the affine function itself."""

    view: View

    @property
    def dtype(self) -> np.dtype[Any]:
        """Data type of the elements."""
        return INDEX if self.view.buffer is None else self.view.buffer.dtype


@dataclass(frozen=True, eq=False)
class Apply:
    """An elementwise op."""

    op: str
    arguments: tuple[Expression, ...]
    dtype: np.dtype[Any]


@dataclass(frozen=True, eq=False)
class Place:
    """An element whose place depends on data.

    It lies ``sum(indices * strides)`` elements after that of ``view``; a negative index counts
    from the end of its axis. Indices are known to be in range.
    """

    view: View
    indices: tuple[Expression, ...]
    extents: tuple[int, ...]
    strides: tuple[int, ...]

    @property
    def dtype(self) -> np.dtype[Any]:
        """Data type of the elements."""
        return self.view.memory.dtype


Expression = Constant | Load | Apply | Place

Relayout = Callable[[View], View | None]

# Ops that cost about as much as a load: computing them again beats storing them.
_CHEAP = frozenset(
    {
        "absolute",
        "add",
        "bitwise_and",
        "bitwise_or",
        "bitwise_xor",
        "ceil",
        "convert",
        "equal",
        "floor",
        "invert",
        "less",
        "less_equal",
        "maximum",
        "minimum",
        "multiply",
        "negative",
        "rint",
        "sign",
        "signbit",
        "stop_gradient",
        "subtract",
        "where",
    }
)
CHEAP_NODES = 8
"""Expressions up to this size, all ops cheap, are computed anew by everything that uses them."""

MAX_NODES = 96
"""Expressions grow no further than this."""


def children(expression: Expression) -> tuple[Expression, ...]:
    """Return the expressions that this one is made of."""
    if isinstance(expression, Apply):
        return expression.arguments
    return expression.indices if isinstance(expression, Place) else ()


def nodes(*roots: Expression) -> Iterator[Expression]:
    """Yield each expression in some others once, arguments before what uses them."""
    seen: set[int] = set()
    stack = [(root, False) for root in reversed(roots)]
    while stack:
        node, ready = stack.pop()
        if ready:
            yield node
        elif id(node) not in seen:
            seen.add(id(node))
            stack.append((node, True))
            stack += [(child, False) for child in reversed(children(node))]


def replaced_in(
    roots: tuple[Expression, ...], change: Callable[[Expression], Expression | None]
) -> tuple[Expression, ...]:
    """Return expressions with some parts replaced; ``change`` returns None for the rest.

    What contains a replaced part is built anew once, so that sharing is kept.
    """
    results: dict[int, Expression] = {}
    for node in nodes(*roots):
        result = change(node)
        if result is None:
            below = tuple([results[id(child)] for child in children(node)])
            if all(a is b for a, b in zip(below, children(node), strict=True)):
                result = node
            elif isinstance(node, Apply):
                result = Apply(node.op, below, node.dtype)
            else:
                assert isinstance(node, Place)
                result = Place(node.view, below, node.extents, node.strides)
        results[id(node)] = result
    return tuple([results[id(root)] for root in roots])


def relayout_all(roots: Sequence[Expression], change: Relayout) -> list[Expression] | None:
    """Return expressions with their layout changed, or None if a view cannot be."""
    results: dict[int, Expression] = {}
    for node in nodes(*roots):
        if isinstance(node, (Load, Place)):
            view = change(node.view)
            if view is None:
                return None
            if isinstance(node, Load):
                results[id(node)] = Load(view)
            else:
                indices = tuple([results[id(child)] for child in node.indices])
                results[id(node)] = Place(view, indices, node.extents, node.strides)
        elif isinstance(node, Apply):
            arguments = tuple([results[id(child)] for child in node.arguments])
            results[id(node)] = Apply(node.op, arguments, node.dtype)
        else:
            results[id(node)] = node
    return [results[id(root)] for root in roots]


def relayout(root: Expression, change: Relayout) -> Expression | None:
    """Return an expression with its layout changed, or None if a view cannot be."""
    changed = relayout_all((root,), change)
    return None if changed is None else changed[0]


def views(*roots: Expression) -> list[View]:
    """Return the views an expression reads through."""
    return [node.view for node in nodes(*roots) if isinstance(node, (Load, Place))]


def count(root: Expression) -> int:
    """Return the number of ops and loads."""
    return sum(1 for node in nodes(root) if not isinstance(node, Constant))


def is_light(root: Expression) -> bool:
    """Whether no op in an expression is dear."""
    return all(
        node.op in _CHEAP if isinstance(node, Apply) else not isinstance(node, Place)
        for node in nodes(root)
    )


def is_cheap(root: Expression) -> bool:
    """Whether to compute an expression again rather than to store it."""
    return is_light(root) and count(root) <= CHEAP_NODES
