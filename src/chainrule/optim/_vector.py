"""Parameters as one vector, for methods of linear algebra."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule import _tree as tree
from chainrule._errors import DtypeError, InvalidArgumentError
from chainrule.transforms.tracing import as_leaf


@dataclass(frozen=True)
class Layout:
    """How the leaves of a tree lie in one vector."""

    structure: tree.Structure
    shapes: tuple[tuple[int, ...], ...]
    dtypes: tuple[Any, ...]

    @property
    def dtype(self) -> Any:
        """That of the vector."""
        return np.result_type(*self.dtypes)

    def joined(self, params: Any) -> Any:
        """Return a tree as a vector."""
        return np.concatenate([np.ravel(leaf).astype(self.dtype) for leaf in tree.leaves(params)])

    def parted(self, vector: Any) -> Any:
        """Return a vector as a tree."""
        leaves = []
        start = 0
        for shape, dtype in zip(self.shapes, self.dtypes, strict=True):
            stop = start + math.prod(shape)
            leaves.append(vector[start:stop].reshape(shape).astype(dtype))
            start = stop
        return tree.unflatten(self.structure, leaves)


def layout_of(what: str, params: Any) -> Layout:
    """Return how a tree lies in one vector.

    Raises
    ------
    DtypeError
        If a leaf is not of floats; ``what`` names the function for the message.
    InvalidArgumentError
        If there are no numbers at all.
    """
    shapes, dtypes = [], []
    for path, leaf in tree.leaves_with_path(params):
        array = as_leaf(leaf, f"{what}: params{path}")
        if array.dtype.kind != "f":
            raise DtypeError(
                f"{what}: params{path}: expected floats, got {array.dtype}; convert it with "
                "astype(float)."
            )
        shapes.append(array.shape)
        dtypes.append(array.dtype)
    if not math.fsum(math.prod(shape) for shape in shapes):
        raise InvalidArgumentError(f"{what}: expected parameters to move, got none.")
    return Layout(tree.structure(params), tuple(shapes), tuple(dtypes))
