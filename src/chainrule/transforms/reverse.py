"""Reverse mode: forward mode, linearized and transposed.

`linearize_graph` runs forward mode with tangents that are traced while the primals are values.
What depends on the primals alone is computed at once; what is left in the trace is the derivative
as a linear graph of the tangents, with the primal values it needs as constants. `transpose_graph`
then walks that graph from its end to its beginning and lets every linear op hand the cotangent of
its result to its arguments. No derivative is written for reverse mode.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule import _tree as tree
from chainrule._errors import (
    TreeError,
)
from chainrule._source import working_on
from chainrule.frontend.tracer import Tracer
from chainrule.ir import (
    ArrayType,
    Graph,
    LinearInput,
    Literal,
    Var,
    evaluate,
    new_trace,
    not_linear,
    type_of,
)
from chainrule.transforms.forward import check_tangents, instantiate, push_forward, zeros_of
from chainrule.transforms.tracing import (
    as_arguments,
    check_callable,
    is_weak,
    name_of,
    owned,
    trace_function,
)


class LinearMap(NamedTuple):
    """A derivative at a point, ready to be applied forward or in reverse.

    Attributes
    ----------
    graph : Graph
        Inputs: residuals, then one tangent per moving input. Outputs: the tangents of those
        outputs that move.
    residuals : list
        Values from enclosing traces that the graph needs.
    moving_inputs, moving_outputs : tuple of bool
        Which of the original inputs and outputs have a tangent.
    input_types, output_types : tuple of ArrayType
        Types of the original inputs and outputs.
    """

    graph: Graph
    residuals: list[Any]
    moving_inputs: tuple[bool, ...]
    moving_outputs: tuple[bool, ...]
    input_types: tuple[ArrayType, ...]
    output_types: tuple[ArrayType, ...]

    def forward(self, tangents: Sequence[Any]) -> list[Any]:
        """Return the output tangents for input tangents (one per original input)."""
        given = [
            t if t is not None else zeros_of(type)
            for t, type, moves in zip(tangents, self.input_types, self.moving_inputs, strict=True)
            if moves
        ]
        results = iter(evaluate(self.graph, [*self.residuals, *given]))
        return [
            next(results) if moves else zeros_of(type)
            for type, moves in zip(self.output_types, self.moving_outputs, strict=True)
        ]

    def reverse(self, cotangents: Sequence[Any]) -> list[Any]:
        """Return one cotangent per original input, None for those that do not move."""
        given = [ct for ct, moves in zip(cotangents, self.moving_outputs, strict=True) if moves]
        count = len(self.residuals)
        linear = [False] * count + [True] * (len(self.graph.inputs) - count)
        results = iter(
            transpose_graph(
                self.graph, [*self.residuals, *self.graph.inputs[count:]], linear, given
            )[count:]
        )
        return [(next(results) if moves else None) for moves in self.moving_inputs]


def linearize_graph(
    graph: Graph, primals: Sequence[Any], moving: Sequence[bool], name: str = "linearize"
) -> tuple[list[Any], LinearMap]:
    """Evaluate a graph, and get its derivative there as a linear graph.

    Parameters
    ----------
    graph : Graph
    primals : sequence of array or traced array
    moving : sequence of bool
        Inputs in which to differentiate; they must be floats.

    Returns
    -------
    outputs : list
    linear : LinearMap
    """
    # The constants of this trace are values computed here.
    with new_trace(name, shares_constants=True) as trace:
        tangents = [
            trace.new_input(var.type) if moves else None
            for var, moves in zip(graph.inputs, moving, strict=True)
        ]
        outputs, out_tangents = push_forward(graph, primals, tangents, linearize=True)
        linear, residuals = trace.finish([t for t in out_tangents if t is not None])
    return outputs, LinearMap(
        linear,
        residuals,
        tuple(moving),
        tuple([t is not None for t in out_tangents]),
        graph.input_types,
        graph.output_types,
    )


def transpose_graph(
    graph: Graph, values: Sequence[Any], linear: Sequence[bool], cotangents: Sequence[Any]
) -> list[Any]:
    """Return the cotangents of a graph's linear inputs.

    Parameters
    ----------
    graph : Graph
        Linear in the inputs marked so. Equations that do not depend on these are evaluated first.
    values : sequence
        Values of the other inputs; what stands at linear ones is ignored.
    linear : sequence of bool
    cotangents : sequence of array, traced array or None
        One per output; None is zero.

    Returns
    -------
    list
        One per input, None where the input is not linear or its cotangent is zero.
    """
    known: dict[Var, Any] = {}
    unknown: set[Var] = set()
    for var, value, is_linear in zip(graph.inputs, values, linear, strict=True):
        if is_linear:
            unknown.add(var)
        else:
            known[var] = value

    linear_equations = []
    with working_on() as current:
        for equation in graph.equations:
            if any(atom in unknown for atom in equation.inputs):
                unknown.update(equation.outputs)
                linear_equations.append(equation)
                continue
            current.source = equation.source
            inputs = [a.value if isinstance(a, Literal) else known[a] for a in equation.inputs]
            results = equation.op(*inputs, **equation.params)
            if equation.op.multiple:
                known.update(zip(equation.outputs, results, strict=True))
            else:
                known[equation.outputs[0]] = results

        sums: dict[Any, Any] = {}

        def add(atom: Any, cotangent: Any) -> None:
            if cotangent is None or atom not in unknown:
                return
            sums[atom] = sums[atom] + cotangent if atom in sums else cotangent

        for atom, cotangent in zip(graph.outputs, cotangents, strict=True):
            add(atom, cotangent)
        for equation in reversed(linear_equations):
            current.source = equation.source
            arriving = [sums.pop(var, None) for var in equation.outputs]
            if all(cotangent is None for cotangent in arriving):
                continue
            inputs = [
                LinearInput(atom.type)
                if atom in unknown
                else atom.value
                if isinstance(atom, Literal)
                else known[atom]
                for atom in equation.inputs
            ]
            op = equation.op
            if not op.linear:
                raise not_linear(f"{op.name} of a tangent is not linear in it")
            if op.name in ("add", "subtract") and any(
                not isinstance(value, (LinearInput, Tracer)) and np.any(value) for value in inputs
            ):
                raise not_linear("a tangent plus a constant is not linear in it")
            leaving = op.transpose(
                arriving if op.multiple else arriving[0], inputs, **equation.params
            )
            for atom, cotangent in zip(equation.inputs, leaving, strict=True):
                add(atom, cotangent)
    return [sums.get(var) for var in graph.inputs]


# -- what users call -----------------------------------------------------------------------------


def _moving(leaves: Sequence[Any]) -> list[bool]:
    return [type_of(leaf).is_float for leaf in leaves]


def _linearize_function(
    f: Callable[..., Any], primals: tuple[Any, ...], what: str
) -> tuple[list[Any], tree.Structure, LinearMap, list[Any], tree.Structure]:
    leaves, structure = as_arguments(primals, what)
    # The derivative is used later, when the caller may have changed the arrays.
    leaves = [np.array(leaf) if isinstance(leaf, np.ndarray) else leaf for leaf in leaves]
    weak = [is_weak(leaf) for leaf in tree.leaves(primals)]
    traced = trace_function(f, leaves, structure, what, with_values=True, weak=weak)
    outputs, linear = linearize_graph(
        traced.graph,
        [*traced.lifted, *leaves],
        [*[False] * len(traced.lifted), *_moving(leaves)],
        what,
    )
    # Among the values that the derivative keeps may be the results themselves.
    outputs = [np.array(out) if isinstance(out, np.ndarray) else out for out in outputs]
    # The map is about the leaves alone: lifted values are constants here.
    skip = len(traced.lifted)
    linear = linear._replace(
        moving_inputs=linear.moving_inputs[skip:], input_types=linear.input_types[skip:]
    )
    return outputs, traced.structure, linear, leaves, structure


def linearize(f: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[..., Any]]:
    r"""Evaluate a function and get its derivative at that point as a linear function.

    Parameters
    ----------
    f : callable
        Written in NumPy; pytrees in and out.
    *primals : pytree
        Where to linearize.

    Returns
    -------
    out : pytree
        ``f(*primals)``.
    derivative : callable
        ``derivative(*tangents)`` is :math:`J_f(x)\,v`, as `jvp` gives it, without evaluating
        ``f`` again.

    Examples
    --------
    >>> import numpy as np, chainrule as cr
    >>> out, derivative = cr.linearize(lambda x: x**3, 2.0)
    >>> float(derivative(1.0)), float(derivative(0.5))
    (12.0, 6.0)
    """
    check_callable("linearize", f)
    what = f"linearize({name_of(f)})"
    outputs, out_structure, linear, leaves, structure = _linearize_function(f, primals, what)

    def derivative(*tangents: Any) -> Any:
        raw, tangent_structure = tree.flatten(tangents)
        if tangent_structure != structure:
            raise TreeError(
                f"{what}: tangents must have the structure of the arguments, {structure}, "
                f"got {tangent_structure}; give every argument a tangent, zeros if it does not "
                "move."
            )
        names = ["tangents" + path for path, _ in tree.leaves_with_path(tangents)]
        directions = check_tangents(what, leaves, raw, names)
        results = owned(linear.forward(directions), directions)
        return tree.unflatten(out_structure, results)

    return tree.unflatten(out_structure, owned(outputs, leaves)), derivative


def vjp(f: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    r"""Evaluate a function and get its pullback: reverse mode.

    .. math:: (f(x), \; u \mapsto J_f(x)^{\mathsf T} u)

    Parameters
    ----------
    f : callable
        Written in NumPy; pytrees in and out.
    *primals : pytree
        Where to evaluate, x.

    Returns
    -------
    out : pytree
        ``f(*primals)``.
    pullback : callable
        Takes a cotangent u of the structure, shapes and dtypes of ``out`` and returns a tuple
        with one cotangent per argument. Cotangents of integers and booleans are zeros. It may be
        called any number of times.

    References
    ----------
    .. [1] Griewank and Walther, Evaluating Derivatives, 2nd ed., SIAM, 2008, chapter 3.2.

    Examples
    --------
    >>> import numpy as np, chainrule as cr
    >>> out, pullback = cr.vjp(lambda x, y: x * y, 3.0, 4.0)
    >>> [float(ct) for ct in pullback(1.0)]
    [4.0, 3.0]
    """
    check_callable("vjp", f)
    what = f"vjp({name_of(f)})"
    outputs, out_structure, linear, leaves, structure = _linearize_function(f, primals, what)

    def pullback(cotangent: Any) -> tuple[Any, ...]:
        raw, cotangent_structure = tree.flatten(cotangent)
        if cotangent_structure != out_structure:
            raise TreeError(
                f"{what}: the cotangent must have the structure of the result, {out_structure}, "
                f"got {cotangent_structure}; give every result a cotangent, zeros if it does not "
                "count."
            )
        names = ["cotangent" + path for path, _ in tree.leaves_with_path(cotangent)]
        arriving = check_tangents(what, outputs, raw, names)
        results = instantiate(linear.reverse(arriving), linear.input_types)
        return tuple(tree.unflatten(structure, owned(results, arriving)))

    return tree.unflatten(out_structure, owned(outputs, leaves)), pullback
