"""What the arrays of a model are for: weights, other parameters, and what is not trained.

A model is a tree of arrays, and not all of them are treated alike. L2 regularization shrinks the
weights of a network and not its biases; the statistics that a normalization keeps of its inputs
are part of the model and are not trained at all. The shape of an array does not tell (a
perceptron's weights are a vector, the biases of several networks trained side by side are a
matrix), so the layer says it, where it declares its fields:

- a field with the metadata `WEIGHT` holds weights,
- a field with the metadata `FIXED` holds what is not trained: statistics, rates, frozen layers,
- any other field holds parameters that are not weights, such as biases.

`parameters` takes a model apart, and `with_parameters` puts it together again:

    model ──parameters──▶ what is trained ──gradient, update──▶ the same, trained
      └──────────────────── with_parameters ◀───────────────────────┘

Optimizers see the parameters alone. So nothing can move what is fixed, and no memory is spent on
its momentum.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from chainrule import _tree as tree
from chainrule._errors import InvalidArgumentError, TreeError

__all__ = ["FIXED", "WEIGHT", "parameters", "weight_mask", "with_parameters"]


WEIGHT: Mapping[str, bool] = MappingProxyType({"weight": True})
"""Metadata of a dataclass field that holds weights.

>>> @dataclasses.dataclass(frozen=True)
... class Affine:
...     slope: float = dataclasses.field(metadata=WEIGHT)
...     intercept: float
>>> weight_mask(Affine(2.0, 1.0))
Affine(slope=True, intercept=False)
"""

FIXED: Mapping[str, bool] = MappingProxyType({"fixed": True})
"""Metadata of a dataclass field that holds what is not trained.

>>> @dataclasses.dataclass(frozen=True)
... class Shifted:
...     slope: float
...     origin: float = dataclasses.field(metadata=FIXED)
>>> parameters(Shifted(2.0, 1.0))
Shifted(slope=2.0, origin=None)
"""


def parameters(model: Any) -> Any:
    """Return what is trained of a model: the model with None in place of every fixed array.

    None is a tree without leaves, so to transforms and optimizers the fixed arrays are not there.

    Parameters
    ----------
    model : pytree
        A model, or any tree that holds layers.

    Returns
    -------
    pytree

    See Also
    --------
    FIXED : how a layer of one's own declares what is not trained.
    with_parameters : the way back.

    Examples
    --------
    >>> from chainrule import nn
    >>> layer = nn.BatchNorm.init(2)
    >>> nn.parameters(layer).mean is None
    True
    """
    leaves, structure = tree.flatten(model)
    fixed = _marks(structure, "fixed")
    kept = [None if is_fixed else leaf for leaf, is_fixed in zip(leaves, fixed, strict=True)]
    return tree.unflatten(structure, kept)


def with_parameters(model: Any, params: Any) -> Any:
    """Return a model with other parameters and the same fixed arrays.

    Parameters
    ----------
    model : pytree
    params : pytree
        Of the structure that ``parameters(model)`` has.

    Returns
    -------
    pytree
        Of the structure of ``model``.

    Raises
    ------
    TreeError
        If ``params`` has another number of arrays than the model has parameters.

    Examples
    --------
    >>> import numpy as np
    >>> from chainrule import nn
    >>> model = nn.Sequential([nn.Standardize.fit(np.array([[0.0], [4.0]])), nn.BatchNorm.init(1)])
    >>> doubled = tree.map(lambda w: 2 * w, nn.parameters(model))
    >>> model = nn.with_parameters(model, doubled)
    >>> model.layers[0].mean, model.layers[1].scale
    (array([2.]), array([2.]))
    """
    leaves, structure = tree.flatten(model)
    fixed = _marks(structure, "fixed")
    values = tree.leaves(params)
    if len(values) != fixed.count(False):
        raise TreeError(
            f"with_parameters: expected the {fixed.count(False)} arrays that are parameters of "
            f"{structure}, got {len(values)}; take them from parameters(model)."
        )
    trained = iter(values)
    merged = [
        leaf if is_fixed else next(trained) for leaf, is_fixed in zip(leaves, fixed, strict=True)
    ]
    return tree.unflatten(structure, merged)


def check_parameters(params: Any) -> None:
    """Raise `InvalidArgumentError` if a tree holds arrays that are not to be trained."""
    fixed = _marks(tree.structure(params), "fixed")
    if True not in fixed:
        return
    path, _ = tree.leaves_with_path(params)[fixed.index(True)]
    raise InvalidArgumentError(
        f"optimizer.init: expected parameters alone, got {path.lstrip('.')}, which is not trained; "
        "write optimizer.init(nn.parameters(model)), and take the gradient in nn.parameters(model) "
        "too."
    )


def weight_mask(params: Any) -> Any:
    """Return a tree of the structure of ``params``: True where a leaf is a weight.

    Parameters
    ----------
    params : pytree
        A model, its `parameters`, or any tree that holds layers.

    Returns
    -------
    pytree of bool

    Raises
    ------
    InvalidArgumentError
        If no field of ``params`` is declared to hold weights.

    See Also
    --------
    WEIGHT : how a layer of one's own declares its weights.
    """
    structure = tree.structure(params)
    marks = _marks(structure, "weight")
    if not any(marks):
        raise InvalidArgumentError(
            f"weight_mask: expected a model whose layers declare their weights, got {structure}; "
            "declare them with field(metadata=nn.WEIGHT) in a dataclass, or tell the optimizer "
            "which leaves are weights, as in on=lambda params: {'w': True, 'b': False}."
        )
    return tree.unflatten(structure, marks)


def trained_leaves(leaves: Sequence[Any], structure: tree.Structure) -> list[Any]:
    """Return those leaves of a model that are parameters."""
    fixed = _marks(structure, "fixed")
    return [leaf for leaf, is_fixed in zip(leaves, fixed, strict=True) if not is_fixed]


@lru_cache(maxsize=4096)
def _marks(structure: tree.Structure, role: str) -> tuple[bool, ...]:
    """Return for every leaf whether it is inside a field with that role."""
    return tuple(_read_marks(structure, role))


def _read_marks(node: tree.Structure, role: str, inherited: bool = False) -> Iterator[bool]:
    if node.kind is None:
        yield inherited
        return
    declared: set[str] = set()
    names: tuple[str, ...] = ("",) * len(node.children)
    if dataclasses.is_dataclass(node.kind):
        declared = {f.name for f in dataclasses.fields(node.kind) if f.metadata.get(role)}
        names = node.meta[0]
    for name, child in zip(names, node.children, strict=True):
        yield from _read_marks(child, role, inherited or name in declared)
