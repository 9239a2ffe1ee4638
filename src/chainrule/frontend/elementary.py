"""Elementwise functions that are no ufuncs, and questions about elements and dtypes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule import ops
from chainrule._errors import DtypeError
from chainrule.frontend.axes import as_integer
from chainrule.frontend.conversion import (
    BOOL,
    FLOAT64,
    as_array,
    as_dtype,
    as_float,
)
from chainrule.frontend.dispatch import implements


@implements(np.round, np.around)
def round_(a: Any, decimals: Any = 0) -> Any:
    """Round to a number of decimals, halves to even; the derivative is zero."""
    x = as_array(a, "np.round")
    places = as_integer(decimals, "np.round, decimals")
    if x.dtype == BOOL:
        if places:
            raise DtypeError(
                f"np.round: expected numbers to round to {places} decimals, got booleans; convert "
                "them with .astype."
            )
        x = as_dtype(x, np.dtype(np.float16))
    if x.dtype.kind != "f":
        return x if places >= 0 else as_dtype(round_(as_dtype(x, FLOAT64), places), x.dtype)
    if places == 0:
        return ops.rint(x)
    scale = x.dtype.type(10.0 ** abs(places))
    if places > 0:
        return ops.divide(ops.rint(ops.multiply(x, scale)), scale)
    return ops.multiply(ops.rint(ops.divide(x, scale)), scale)


@implements(np.fix)
def fix(x: Any) -> Any:
    """Round towards zero."""
    return np.trunc(x)


@implements(np.nan_to_num)
def nan_to_num(
    x: Any, copy: Any = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None
) -> Any:
    """Replace NaN and infinities; the derivative there is zero."""
    x = as_array(x, "np.nan_to_num")
    if x.dtype.kind != "f":
        return x
    limits = np.finfo(x.dtype)
    high = as_array(limits.max if posinf is None else posinf, "np.nan_to_num")
    low = as_array(limits.min if neginf is None else neginf, "np.nan_to_num")
    number = as_array(nan, "np.nan_to_num")
    replaced = np.where(np.isnan(x), as_dtype(number, x.dtype), x)
    replaced = np.where(x == np.inf, as_dtype(high, x.dtype), replaced)
    return np.where(x == -np.inf, as_dtype(low, x.dtype), replaced)


# 1 - y²/3! + y⁴/5! - …, which for |y| < 1 is exact to double precision.
_SINC_SERIES = [(-1) ** k / math.factorial(2 * k + 1) for k in range(10)]


@implements(np.sinc)
def sinc(x: Any) -> Any:
    """Return sin(πx) / (πx), and 1 at 0; near 0 by its series, whose derivatives are exact."""
    y = math.pi * as_float(x, "np.sinc")
    small = np.abs(y) < 1.0
    squared = np.where(small, y * y, 0.0)
    series: Any = _SINC_SERIES[-1]
    for coefficient in _SINC_SERIES[-2::-1]:
        series = series * squared + coefficient
    away = np.where(small, 1.0, y)
    return np.where(small, series, np.sin(away) / away)
