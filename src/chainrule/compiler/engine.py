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
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from chainrule._errors import InvalidArgumentError, UnsupportedError
from chainrule.compiler.interpreter import Program
from chainrule.ir import Graph


class Engine(Protocol):
    """Makes a callable on arrays of a graph."""

    def __call__(
        self, graph: Graph, name: str = "compile", donated: Sequence[int] = ()
    ) -> Callable[..., tuple[Any, ...]]:
        """Return what runs a graph.

        Parameters
        ----------
        graph : Graph
        name : str
            The compiled function, for messages.
        donated : sequence of int
            The inputs whose memory may be taken for outputs.
        """


@functools.cache
def _has_llvm() -> bool:
    return importlib.util.find_spec("llvmlite") is not None


@functools.cache
def _say_that_llvm_is_missing() -> None:
    logging.getLogger("chainrule").warning(
        "llvmlite is not installed, so compiled functions run in the interpreter"
    )


def _interpreter(
    graph: Graph, name: str = "compile", donated: Sequence[int] = ()
) -> Callable[..., tuple[Any, ...]]:
    return Program(graph)


def _native(
    graph: Graph, name: str = "compile", donated: Sequence[int] = ()
) -> Callable[..., tuple[Any, ...]]:
    if not _has_llvm():
        raise UnsupportedError(
            "compile: engine 'native' needs llvmlite, which is not installed; run "
            "'pip install llvmlite', or use engine='interpreter'."
        )
    # LLVM takes longer to load than the rest of the library.
    from chainrule.compiler.native import NativeProgram

    return NativeProgram(graph, name, donated)


def _auto(
    graph: Graph, name: str = "compile", donated: Sequence[int] = ()
) -> Callable[..., tuple[Any, ...]]:
    if not _has_llvm():
        _say_that_llvm_is_missing()
        return Program(graph)
    from chainrule.compiler.native import NativeProgram

    try:
        return NativeProgram(graph, name, donated)
    except UnsupportedError:
        return Program(graph)


ENGINES: dict[str, Engine] = {"native": _native, "interpreter": _interpreter}
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
