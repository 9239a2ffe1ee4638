"""The seam between graphs and what runs them.

An engine turns a graph into a callable on arrays. The interpreter is one; a native engine enters
this table beside it, and ``engine="auto"`` takes the first that is available.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from chainrule._errors import InvalidArgumentError
from chainrule.compiler.interpreter import Program
from chainrule.ir import Graph

Engine = Callable[[Graph], Callable[..., tuple[Any, ...]]]

ENGINES: dict[str, Engine] = {"interpreter": Program}
"""Engines by name, the preferred first."""


def engine_named(name: str) -> Engine:
    """Return an engine; ``"auto"`` is the preferred one, or that of ``CHAINRULE_ENGINE``.

    Raises
    ------
    InvalidArgumentError
        If there is no engine of that name.
    """
    origin = "engine"
    if name == "auto":
        origin = "the environment variable CHAINRULE_ENGINE"
        name = os.environ.get("CHAINRULE_ENGINE", "") or next(iter(ENGINES))
    if name not in ENGINES:
        known = ", ".join(map(repr, ("auto", *ENGINES)))
        raise InvalidArgumentError(f"compile: {origin} must be one of {known}, got {name!r}.")
    return ENGINES[name]
