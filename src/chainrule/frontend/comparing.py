"""Comparisons of whole arrays, with a tolerance or without."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.frontend.conversion import FLOAT64, as_array, as_dtype, as_operand, promoted
from chainrule.frontend.dispatch import implements
from chainrule.frontend.shaping import spread


@implements(np.isposinf)
def isposinf(x: Any) -> Any:
    """Tell whether plus infinity."""
    return as_array(x, "np.isposinf") == np.inf


@implements(np.isneginf)
def isneginf(x: Any) -> Any:
    """Tell whether minus infinity."""
    return as_array(x, "np.isneginf") == -np.inf


@implements(np.isclose)
def isclose(a: Any, b: Any, rtol: Any = 1e-05, atol: Any = 1e-08, equal_nan: Any = False) -> Any:
    """Tell where two arrays agree up to a tolerance."""
    x, y = promoted(as_operand(a, "np.isclose"), as_operand(b, "np.isclose"))
    if np.result_type(x, y).kind != "f":
        x, y = [as_dtype(z, FLOAT64) for z in (x, y)]
    near = (np.abs(x - y) <= atol + rtol * np.abs(y)) & np.isfinite(y)
    close = near | (x == y)
    return close | ((x != x) & (y != y)) if equal_nan else close


@implements(np.allclose)
def allclose(a: Any, b: Any, rtol: Any = 1e-05, atol: Any = 1e-08, equal_nan: Any = False) -> Any:
    """Tell whether two arrays agree up to a tolerance everywhere; a traced truth value."""
    return np.all(isclose(a, b, rtol, atol, equal_nan))


def _all_equal(x: Any, y: Any, equal_nan: Any = False) -> Any:
    equal = x == y
    return np.all(equal | ((x != x) & (y != y)) if equal_nan else equal)


@implements(np.array_equal)
def array_equal(a1: Any, a2: Any, equal_nan: Any = False) -> Any:
    """Tell whether two arrays have one shape and equal elements; a traced truth value."""
    x, y = as_array(a1, "np.array_equal"), as_array(a2, "np.array_equal")
    return x.shape == y.shape and _all_equal(x, y, equal_nan)


@implements(np.array_equiv)
def array_equiv(a1: Any, a2: Any) -> Any:
    """Tell whether two arrays are equal once broadcast; a traced truth value."""
    x, y = as_array(a1, "np.array_equiv"), as_array(a2, "np.array_equiv")
    try:
        shape = np.broadcast_shapes(x.shape, y.shape)
    except ValueError:
        return False
    return _all_equal(spread(x, shape), spread(y, shape))
