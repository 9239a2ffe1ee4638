"""Which arrays of a model are weights, for what acts on weights and leaves biases alone.

L2 regularization shrinks the kernels of a network and not its biases. The shape of an array does
not tell the two apart (a perceptron's weights are a vector, the biases of several networks trained
side by side are a matrix), so the layer says it, where it declares its fields: a field with the
metadata `WEIGHT` holds weights, any other array does not.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from chainrule import _tree as tree
from chainrule._errors import InvalidArgumentError

__all__ = ["WEIGHT", "weight_mask"]


WEIGHT: Mapping[str, bool] = MappingProxyType({"weight": True})
"""Metadata of a dataclass field that holds weights.

>>> @dataclasses.dataclass(frozen=True)
... class Affine:
...     slope: float = dataclasses.field(metadata=WEIGHT)
...     intercept: float
>>> weight_mask(Affine(2.0, 1.0))
Affine(slope=True, intercept=False)
"""


def weight_mask(params: Any) -> Any:
    """Return a tree of the structure of ``params``: True where a leaf is a weight.

    Parameters
    ----------
    params : pytree
        A model, or any tree that holds layers.

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
    marks = list(_marks(structure, False))
    if not any(marks):
        raise InvalidArgumentError(
            f"weight_mask: expected a model whose layers declare their weights, got {structure}; "
            "declare them with field(metadata=nn.WEIGHT) in a dataclass, or say which leaves are "
            "weights with a function, as in "
            "optim.l2(strength, on=lambda params: {'w': True, 'b': False})."
        )
    return tree.unflatten(structure, marks)


def _marks(node: tree.Structure, inherited: bool) -> Iterator[bool]:
    if node.kind is None:
        yield inherited
        return
    declared: set[str] = set()
    names: tuple[str, ...] = ("",) * len(node.children)
    if dataclasses.is_dataclass(node.kind):
        declared = {f.name for f in dataclasses.fields(node.kind) if f.metadata.get("weight")}
        names = node.meta[0]
    for name, child in zip(names, node.children, strict=True):
        yield from _marks(child, inherited or name in declared)
