"""The words the signatures of this package are written in, and what counts as an array."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = Any
"""A NumPy array; inside a transform, the traced array that stands for one."""

Key: TypeAlias = Any
"""A random key, made by `chainrule.random.key`."""

Shape: TypeAlias = tuple[int, ...]

Activation: TypeAlias = Callable[[Array], Array]
"""From the pre-activations ``z`` of a layer, ``(..., width)``, to its outputs of equal shape."""

Initializer: TypeAlias = Callable[[Key, Shape, Any], Array]
"""``(key, shape, dtype)`` to an array of that shape and dtype."""

Loss: TypeAlias = Callable[..., Array]
"""``(output, target)`` to the mean over samples of what each costs.

To be used with weights of samples, it takes them as ``sample_weight``.
"""


def as_array(value: Any) -> Array:
    """Return an array or traced array as it is, and anything else, such as a list, as an array."""
    return value if hasattr(value, "dtype") else np.asarray(value)
