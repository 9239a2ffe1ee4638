"""The seam between graphs and what runs them.

An engine turns a graph into a callable on arrays. ``native`` makes machine code of it;
``interpreter`` calls NumPy op by op, knows every op, and defines what is right. ``auto`` is native
where the graph has only ops that can be compiled, and the interpreter where it has not.
"""

from __future__ import annotations

import functools
import importlib.util
import logging
import os
from collections.abc import Callable
from typing import Any

from chainrule._errors import InvalidArgumentError, UnsupportedError
from chainrule.compiler.interpreter import Program
from chainrule.ir import Graph

Engine = Callable[[Graph], Callable[..., tuple[Any, ...]]]


@functools.cache
def _has_llvm() -> bool:
    return importlib.util.find_spec("llvmlite") is not None


@functools.cache
def _say_that_llvm_is_missing() -> None:
    logging.getLogger("chainrule").warning(
        "llvmlite is not installed, so compiled functions run in the interpreter"
    )


def _native(graph: Graph) -> Callable[..., tuple[Any, ...]]:
    if not _has_llvm():
        raise UnsupportedError(
            "compile: engine 'native' needs llvmlite, which is not installed; run "
            "'pip install llvmlite', or use engine='interpreter'."
        )
    # LLVM takes longer to load than the rest of the library.
    from chainrule.compiler.native import NativeProgram

    return NativeProgram(graph)


def _auto(graph: Graph) -> Callable[..., tuple[Any, ...]]:
    if not _has_llvm():
        _say_that_llvm_is_missing()
        return Program(graph)
    from chainrule.compiler.native import NativeProgram, supports

    return NativeProgram(graph) if supports(graph) else Program(graph)


ENGINES: dict[str, Engine] = {"native": _native, "interpreter": Program}
"""Engines by name."""


def engine_named(name: str) -> Engine:
    """Return an engine; ``"auto"`` is that of ``CHAINRULE_ENGINE`` if this is set.

    Raises
    ------
    InvalidArgumentError
        If there is no engine of that name.
    """
    origin = "engine"
    if name == "auto" and os.environ.get("CHAINRULE_ENGINE"):
        origin, name = "the environment variable CHAINRULE_ENGINE", os.environ["CHAINRULE_ENGINE"]
    if name == "auto":
        return _auto
    if name not in ENGINES:
        known = ", ".join(map(repr, ("auto", *ENGINES)))
        raise InvalidArgumentError(f"compile: {origin} must be one of {known}, got {name!r}.")
    return ENGINES[name]
