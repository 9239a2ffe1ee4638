"""Finite differences, the independent opinion on derivatives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest


def central_difference(f: Callable[[Any], Any], x: Any, step: float = 1e-6) -> Any:
    """Return the derivatives of f at x, one axis after the other, behind the axes of f's result."""
    x = np.asarray(x, float)
    columns = []
    for index in np.ndindex(x.shape):
        shift = np.zeros_like(x)
        shift[index] = step
        columns.append((np.asarray(f(x + shift)) - np.asarray(f(x - shift))) / (2 * step))
    out = np.stack(columns, axis=-1) if columns else np.zeros((*np.shape(f(x)), 0))
    return out.reshape(np.shape(f(x)) + x.shape)


@pytest.fixture
def numerical() -> Callable[..., Any]:
    return central_difference
