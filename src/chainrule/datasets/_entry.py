"""What is known of a built-in data set before it is loaded."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy.typing as npt

from chainrule.datasets._dataset import Recipe
from chainrule.datasets._encoder import Encoder

Contents: TypeAlias = tuple[npt.NDArray[Any], npt.NDArray[Any], Encoder]
"""Features, target, and what they are called."""


@dataclass(frozen=True)
class BuiltIn:
    """An entry in the table of built-in data sets.

    Parameters
    ----------
    build : callable
        Returns the contents; its parameters are the options of `load`.
    description : str
        What the data are, where they come from, and under which licence.
    recipe : Recipe
        Settings with which a network learns them well.
    """

    build: Callable[..., Contents]
    description: str
    recipe: Recipe = field(default_factory=Recipe)
