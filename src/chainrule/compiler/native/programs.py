"""Whole programs in the cache, found by what their graph is.

A program that has been compiled before, in whatever process, needs none of the stages of
compilation: its graph is written as a text, and a hash of that is the name of a file with its
machine code and everything else that running it takes. The text is that of two graphs if and only
if they compute the same: variables are numbered as they appear, constants are given by content,
and the user's lines are left out.
"""

from __future__ import annotations

import pickle
from typing import Any, NamedTuple

import numpy as np

from chainrule.compiler.native import cache
from chainrule.compiler.native.loading import Linkable
from chainrule.ir import ArrayType, Atom, Graph, Literal

MOST_CONSTANT_BYTES = 2**24
"""A graph with more than this in constants is compiled each time rather than read twice."""

# How to differentiate a function says nothing about what it computes.
_NOT_COMPILED = frozenset({"rules"})


class Program(NamedTuple):
    """A compiled graph.

    Attributes
    ----------
    code : Image or Objects
        The driver and the units that it calls.
    arena_bytes : int
        Memory for temporaries.
    constants : list of ndarray
        Contents of the constant buffers, in order.
    statistics : dict
        What is known of the program, but for times.
    """

    code: Linkable
    arena_bytes: int
    constants: list[np.ndarray]
    statistics: dict[str, Any]


def key_of(graph: Graph, surroundings: str) -> str | None:
    """Return the name under which a graph's program is kept, or None if it cannot be.

    Parameters
    ----------
    graph : Graph
    surroundings : str
        What the program depends on beside the graph.
    """
    description = _Description()
    try:
        description.graph(graph)
    except _OpaqueError:
        return None
    return cache.key_of("program", np.__version__, surroundings, "".join(description.parts))


def load(key: str) -> Program | None:
    """Return the program kept under a name, if there is one."""
    contents = cache.load(key)
    # Unpickling runs what it is told to. So does calling the machine code that is in there: the
    # folder is the user's alone, and the contents are what was written.
    return None if contents is None else Program(*pickle.loads(contents))


def store(key: str, program: Program) -> None:
    """Keep a program under a name."""
    cache.store(key, pickle.dumps(tuple(program), protocol=pickle.HIGHEST_PROTOCOL))


class _OpaqueError(Exception):
    """Something in a graph that cannot be written out, or would take too long."""


class _Description:
    """Text about graphs, in parts."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self._numbers: dict[int, int] = {}
        self._bytes = 0

    def graph(self, graph: Graph) -> None:
        add = self.parts.append
        add("graph(")
        for var in graph.inputs:
            self._define(var)
        for equation in graph.equations:
            add(f"){equation.op.name}[")
            for name, value in sorted(equation.params.items()):
                if name not in _NOT_COMPILED:
                    add(f"{name}=")
                    self._value(value)
            add("](")
            for atom in equation.inputs:
                self._atom(atom)
            add(")->(")
            for var in equation.outputs:
                self._define(var)
        add(")return(")
        for atom in graph.outputs:
            self._atom(atom)
        add(")")

    def _define(self, var: Atom) -> None:
        # A graph may be reached twice, and is written with the same numbers then.
        self.parts.append(f"#{self._numbers.setdefault(id(var), len(self._numbers))}:")
        self._type(var.type)

    def _type(self, type: ArrayType) -> None:
        self.parts.append(f"{type.dtype.str}{type.shape},")

    def _atom(self, atom: Atom) -> None:
        if isinstance(atom, Literal):
            self._array(np.asarray(atom.value))
        else:
            self.parts.append(f"#{self._numbers[id(atom)]},")

    def _array(self, array: np.ndarray) -> None:
        # An axis along which an array repeats itself is written once.
        repeated = tuple([stride == 0 for stride in array.strides])
        once = array[tuple([slice(0, 1) if flag else slice(None) for flag in repeated])]
        self._bytes += once.nbytes
        if self._bytes > MOST_CONSTANT_BYTES:
            raise _OpaqueError
        contents = once.tobytes()
        if len(contents) > cache.DIGEST_BYTES:
            contents = cache.digest_of(contents)
        self.parts.append(f"{array.dtype.str}{array.shape}{repeated}{contents.hex()},")

    def _value(self, value: Any) -> None:
        if isinstance(value, Graph):
            self.graph(value)
        elif isinstance(value, (tuple, list)):
            self.parts.append("(")
            for item in value:
                self._value(item)
            self.parts.append(")")
        elif isinstance(value, (np.ndarray, np.generic)):
            self._array(np.asarray(value))
        elif isinstance(value, ArrayType):
            self._type(value)
        elif isinstance(value, np.dtype):
            self.parts.append(f"{value.str},")
        elif value is None or isinstance(value, (bool, int, float, str)):
            self.parts.append(f"{value!r},")
        else:
            raise _OpaqueError
