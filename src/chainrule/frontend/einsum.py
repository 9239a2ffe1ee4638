"""`numpy.einsum`: sums of products named by letters, carried out two arrays at a time.

The subscripts are read once into one label per axis. Axes that ``...`` stands for get labels of
their own. Then a letter that stands twice in one array becomes a diagonal, letters that only one
array has and the result lacks are summed away, and the arrays are multiplied pair by pair, always
the pair with the smallest product next.
"""

from __future__ import annotations

import itertools
import math
import string
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule import ops
from chainrule._errors import InvalidArgumentError, ShapeError
from chainrule.frontend.conversion import as_array, promoted
from chainrule.frontend.dispatch import implements
from chainrule.frontend.shaping import permuted, reshaped

Labels = tuple[Any, ...]  # letters, and integers for the axes of "...", the last being -1


class _Term(NamedTuple):
    """An array and the labels of its axes."""

    array: Any
    labels: Labels


@implements(np.einsum)
def einsum(*operands: Any, optimize: Any = False) -> Any:
    """Sum products over axes named alike; ``optimize`` changes nothing."""
    if not operands:
        raise InvalidArgumentError("np.einsum: expected subscripts and arrays, got nothing.")
    subscripts, arrays = (
        (operands[0], list(operands[1:])) if isinstance(operands[0], str) else _from_lists(operands)
    )
    if not arrays:
        raise InvalidArgumentError(f"np.einsum: expected arrays after {subscripts!r}, got none.")
    arrays = promoted(*[as_array(x, "np.einsum") for x in arrays])
    inputs, output = _parse(subscripts, arrays)
    extents = _extents(subscripts, arrays, inputs)
    terms = [_simplified(x, labels, extents) for x, labels in zip(arrays, inputs, strict=True)]
    while len(terms) > 1:
        first, second = _cheapest_pair(terms, output, extents)
        x, y = terms[first], terms[second]
        rest = [term for i, term in enumerate(terms) if i not in (first, second)]
        terms = [*rest, _multiplied(x, y, _needed(rest, output))]
    array, labels = _summed(terms[0], output)
    return permuted(array, tuple([labels.index(label) for label in output]))


def _from_lists(operands: Sequence[Any]) -> tuple[str, list[Any]]:
    """Return subscripts for the other way to call: each array followed by its list of integers."""
    lists = [*operands[1::2], *(operands[-1:] if len(operands) % 2 else ())]
    letters = string.ascii_uppercase + string.ascii_lowercase

    def spell(labels: Any) -> str:
        return "".join("..." if label is Ellipsis else letters[label] for label in labels)

    count = len(operands) // 2
    subscripts = ",".join(spell(labels) for labels in lists[:count])
    if len(operands) % 2:
        subscripts += "->" + spell(lists[-1])
    return subscripts, list(operands[0 : 2 * count : 2])


def _parse(subscripts: str, arrays: Sequence[Any]) -> tuple[list[Labels], Labels]:
    """Return the labels of every array's axes and of the result's."""
    text = subscripts.replace(" ", "")
    left, arrow, right = text.partition("->")
    parts = left.split(",")
    if len(parts) != len(arrays):
        raise InvalidArgumentError(
            f"np.einsum: {subscripts!r} names {len(parts)} arrays, got {len(arrays)}."
        )
    for part in (*parts, right):
        rest = part.replace("...", "", 1)
        if any(letter not in string.ascii_letters for letter in rest):
            raise InvalidArgumentError(
                f"np.einsum: expected letters, ',', '->' and one '...' per array, got "
                f"{subscripts!r}."
            )
    inputs = [
        _axis_labels(part, x, number, subscripts)
        for number, (part, x) in enumerate(zip(parts, arrays, strict=True))
    ]
    rank = max([-label for label in itertools.chain(*inputs) if isinstance(label, int)], default=0)
    unnamed = tuple(range(-rank, 0))
    if arrow:
        output = _expanded(right, unnamed)
        if "..." not in right and rank:
            raise InvalidArgumentError(
                f"np.einsum: {subscripts!r} has axes under '...' that the result lacks; add '...' "
                "after '->', or name the axes to be summed."
            )
        known = set(itertools.chain(*inputs))
        for label in output:
            if label not in known or output.count(label) > 1:
                raise InvalidArgumentError(
                    f"np.einsum: in {subscripts!r} the result names {label!r}, which "
                    f"{'it names twice' if label in known else 'no array has'}."
                )
        return inputs, output
    letters = [label for label in itertools.chain(*inputs) if isinstance(label, str)]
    return inputs, (*unnamed, *sorted(x for x in set(letters) if letters.count(x) == 1))


def _expanded(part: str, unnamed: Labels) -> Labels:
    before, dots, after = part.partition("...")
    return (*before, *(unnamed if dots else ()), *after)


def _axis_labels(part: str, x: Any, number: int, subscripts: str) -> Labels:
    named = len(part.replace("...", "", 1))
    rank = x.ndim - named
    if rank < 0 or (rank and "..." not in part):
        raise ShapeError(
            f"np.einsum: in {subscripts!r} array {number} has {named} named axes, its shape "
            f"{x.shape} has {x.ndim}; '...' stands for axes without a name."
        )
    return _expanded(part, tuple(range(-rank, 0)))


def _extents(subscripts: str, arrays: Sequence[Any], inputs: Sequence[Labels]) -> dict[Any, int]:
    extents: dict[Any, int] = {}
    for x, labels in zip(arrays, inputs, strict=True):
        for label, extent in zip(labels, x.shape, strict=True):
            known = extents.setdefault(label, extent)
            if known == 1:
                extents[label] = extent
            elif extent not in (1, known):
                name = repr(label) if isinstance(label, str) else "an axis of '...'"
                raise ShapeError(
                    f"np.einsum: in {subscripts!r} {name} has length {known} and {extent}; axes "
                    f"named alike must be equal. The shapes are "
                    f"{', '.join(str(x.shape) for x in arrays)}."
                )
    return extents


def _simplified(x: Any, labels: Labels, extents: dict[Any, int]) -> _Term:
    """Return an array without axes that only broadcast, and without labels that stand twice."""
    kept = [i for i, label in enumerate(labels) if x.shape[i] == extents[label]]
    x = reshaped(x, tuple([x.shape[i] for i in kept]))
    labels = tuple([labels[i] for i in kept])
    while len(set(labels)) < len(labels):
        label = next(label for label in labels if labels.count(label) > 1)
        first = labels.index(label)
        second = labels.index(label, first + 1)
        x = np.diagonal(x, 0, first, second)
        labels = (*[other for i, other in enumerate(labels) if i not in (first, second)], label)
    return _Term(x, labels)


def _needed(terms: Sequence[_Term], output: Labels) -> set[Any]:
    return set(output).union(*[term.labels for term in terms])


def _cheapest_pair(
    terms: Sequence[_Term], output: Labels, extents: dict[Any, int]
) -> tuple[int, int]:
    """Return the pair whose product has the fewest elements, the first of several."""

    def cost(pair: tuple[int, int]) -> int:
        needed = _needed([term for i, term in enumerate(terms) if i not in pair], output)
        labels = set(terms[pair[0]].labels) | set(terms[pair[1]].labels)
        return math.prod([extents[label] for label in labels & needed])

    return min(itertools.combinations(range(len(terms)), 2), key=cost)


def _summed(term: _Term, needed: Any) -> _Term:
    """Sum over the axes that nothing else needs."""
    axes = tuple([i for i, label in enumerate(term.labels) if label not in needed])
    if not axes:
        return term
    labels = tuple([label for label in term.labels if label in needed])
    return _Term(ops.reduce_sum(term.array, axes=axes), labels)


def _multiplied(x: _Term, y: _Term, needed: set[Any]) -> _Term:
    """Multiply two arrays and sum over the axes they share that nothing else needs."""
    x = _summed(x, needed | set(y.labels))
    y = _summed(y, needed | set(x.labels))
    both = [label for label in x.labels if label in y.labels]
    summed = [label for label in both if label not in needed]
    if not summed:
        return _multiplied_elements(x, y)
    shared = [label for label in both if label in needed]

    def axes(labels: Sequence[Any]) -> tuple[tuple[int, ...], tuple[int, ...]]:
        return (
            tuple([x.labels.index(label) for label in labels]),
            tuple([y.labels.index(label) for label in labels]),
        )

    product = ops.dot(x.array, y.array, contract=axes(summed), shared=axes(shared))
    free = [label for label in (*x.labels, *y.labels) if label not in both]
    return _Term(product, (*shared, *free))


def _multiplied_elements(x: _Term, y: _Term) -> _Term:
    labels = (*x.labels, *[label for label in y.labels if label not in x.labels])

    def aligned(term: _Term) -> Any:
        present = [label for label in labels if label in term.labels]
        array = permuted(term.array, tuple([term.labels.index(label) for label in present]))
        extents = dict(zip(term.labels, term.array.shape, strict=True))
        return reshaped(array, tuple([extents.get(label, 1) for label in labels]))

    return _Term(ops.multiply(aligned(x), aligned(y)), labels)
