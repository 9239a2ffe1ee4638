"""The graph: equations in order, each value assigned once and typed.

A `Graph` is what a traced function becomes and what every transform takes and returns. It is plain
data::

    graph(a: float64[3], b: float64[3]) -> float64[]
      c: float64[3] = multiply a b
      d: float64[] = reduce_sum[axes=(0,)] c
      return d

An equation applies one op to *atoms*, which are variables or literals, under fixed parameters.
Graphs nest only as parameters of control-flow ops.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule._dtypes import WEAK_DTYPES
from chainrule._errors import ArgumentTypeError

if TYPE_CHECKING:
    from chainrule._source import Source
    from chainrule.ir.op import Op


class ArrayType:
    """Shape and dtype of a value; all that is known of it while tracing."""

    __slots__ = ("dtype", "shape")

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.shape = shape
        self.dtype = dtype

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        size = 1
        for extent in self.shape:
            size *= extent
        return size

    @property
    def is_float(self) -> bool:
        """Whether a value of this type can carry a derivative."""
        return self.dtype.kind == "f"

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, ArrayType) and self.shape == other.shape and self.dtype == other.dtype
        )

    def __hash__(self) -> int:
        return hash((self.shape, self.dtype))

    def __repr__(self) -> str:
        return f"{self.dtype}[{', '.join(map(str, self.shape))}]"


def type_of(value: Any) -> ArrayType:
    """Return the `ArrayType` of an array, a NumPy scalar, a Python number or a traced array.

    Raises
    ------
    ArgumentTypeError
        If ``value`` is none of these.
    """
    if isinstance(value, (np.ndarray, np.generic)):
        return ArrayType(value.shape, value.dtype)
    weak = WEAK_DTYPES.get(type(value))
    if weak is not None:
        return ArrayType((), weak)
    known = getattr(value, "type", None)
    if isinstance(known, ArrayType):
        return known
    raise ArgumentTypeError(
        f"expected a NumPy array or a Python number, got {type(value).__name__} ({value!r:.60})."
    )


class Var:
    """A value in a graph; identity is what tells two apart."""

    __slots__ = ("type",)

    def __init__(self, type: ArrayType) -> None:
        self.type = type

    def __repr__(self) -> str:
        return f"Var({self.type})"


class Literal:
    """A constant in a graph: an array or a NumPy scalar."""

    __slots__ = ("type", "value")

    def __init__(self, value: Any) -> None:
        if type(value) in WEAK_DTYPES:
            value = WEAK_DTYPES[type(value)].type(value)
        self.value = value
        self.type = ArrayType(value.shape, value.dtype)

    def __repr__(self) -> str:
        return f"Literal({self.value!r})"


Atom = Var | Literal


class Equation:
    """``outputs = op[params](*inputs)``, and the user's line that caused it."""

    __slots__ = ("inputs", "op", "outputs", "params", "source")

    def __init__(
        self,
        op: Op,
        inputs: Sequence[Atom],
        params: dict[str, Any],
        outputs: Sequence[Var],
        source: Source | None,
    ) -> None:
        self.op = op
        self.inputs = tuple(inputs)
        self.params = params
        self.outputs = tuple(outputs)
        self.source = source

    def __repr__(self) -> str:
        from chainrule.ir.printer import format_equation

        return format_equation(self)


class Graph:
    """A function as data: inputs, equations in order, outputs.

    Parameters
    ----------
    inputs : sequence of Var
    equations : sequence of Equation
        Each may use the inputs and what earlier equations put out.
    outputs : sequence of Var or Literal

    Notes
    -----
    ``print(graph)`` shows it as text, `to_dot` and `to_svg` draw it.
    """

    __slots__ = ("equations", "inputs", "outputs")

    def __init__(
        self, inputs: Sequence[Var], equations: Sequence[Equation], outputs: Sequence[Atom]
    ) -> None:
        self.inputs = tuple(inputs)
        self.equations = tuple(equations)
        self.outputs = tuple(outputs)

    @property
    def input_types(self) -> tuple[ArrayType, ...]:
        """Types of the inputs."""
        return tuple(var.type for var in self.inputs)

    @property
    def output_types(self) -> tuple[ArrayType, ...]:
        """Types of the outputs."""
        return tuple(atom.type for atom in self.outputs)

    def subgraphs(self) -> Iterator[Graph]:
        """Yield the graphs held by control-flow equations, not those nested deeper."""
        for equation in self.equations:
            for value in equation.params.values():
                if isinstance(value, Graph):
                    yield value
                elif isinstance(value, tuple):
                    yield from (item for item in value if isinstance(item, Graph))

    def __str__(self) -> str:
        from chainrule.ir.printer import format_graph

        return format_graph(self)

    def __repr__(self) -> str:
        return str(self)

    def to_dot(self) -> str:
        """Return the graph in the DOT language of Graphviz, as text."""
        from chainrule.ir.draw import to_dot

        return to_dot(self)

    def to_svg(self) -> str:
        """Return the graph as an SVG picture, as text; nothing needs to be installed."""
        from chainrule.ir.draw import to_svg

        return to_svg(self)

    def _repr_svg_(self) -> str:
        return self.to_svg()


def live_part(
    equations: Sequence[Equation], outputs: Sequence[Atom]
) -> tuple[list[Equation], set[Var]]:
    """Return the equations that ``outputs`` depend on, in order, and every variable they read."""
    needed = {atom for atom in outputs if isinstance(atom, Var)}
    kept: list[Equation] = []
    for equation in reversed(equations):
        if any(var in needed for var in equation.outputs):
            kept.append(equation)
            needed.update(atom for atom in equation.inputs if isinstance(atom, Var))
    kept.reverse()
    return kept, needed
