"""Positions of elements, and what is selected by them.

The result's shape depends on values, which must therefore be known while the function is traced.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule._errors import ShapeError
from chainrule.frontend.conversion import concrete
from chainrule.frontend.dispatch import implements
from chainrule.frontend.selecting import as_positions, take
from chainrule.frontend.shaping import as_shape


@implements(np.nonzero)
def nonzero(a: Any) -> tuple[Any, ...]:
    """Return the positions of the elements that are not zero, if their values are known."""
    return np.nonzero(concrete(a, "np.nonzero: the array"))


@implements(np.argwhere)
def argwhere(a: Any) -> Any:
    """Return the positions of the elements that are not zero as rows, if values are known."""
    return np.argwhere(concrete(a, "np.argwhere: the array"))


@implements(np.flatnonzero)
def flatnonzero(a: Any) -> Any:
    """Return the positions in one row of the elements that are not zero, if values are known."""
    return np.flatnonzero(concrete(a, "np.flatnonzero: the array"))


@implements(np.compress)
def compress(condition: Any, a: Any, axis: Any = None) -> Any:
    """Return the elements, rows, … for which a condition of known value holds."""
    chosen = concrete(condition, "np.compress: the condition")
    if chosen.ndim != 1:
        raise ShapeError(
            f"np.compress: expected a condition with one axis, got shape {chosen.shape}; "
            "x[mask] takes masks of any shape."
        )
    return take(a, np.flatnonzero(chosen), axis)


@implements(np.extract)
def extract(condition: Any, arr: Any) -> Any:
    """Return the elements for which a condition of known value holds, in one row."""
    chosen = concrete(condition, "np.extract: the condition")
    return take(arr, np.flatnonzero(chosen))


@implements(np.unravel_index)
def unravel_index(indices: Any, shape: Any, order: str = "C") -> tuple[Any, ...]:
    """Return the position along each axis for positions in one row."""
    rest = as_positions(indices, "unravel_index")
    extents = as_shape(shape, "np.unravel_index, shape")
    places = []
    for extent in extents[::-1] if order == "C" else extents:
        places.append(np.remainder(rest, extent))
        rest = np.floor_divide(rest, extent)
    return tuple(places[::-1] if order == "C" else places)
