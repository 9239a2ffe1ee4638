"""Forward mode: a graph evaluated together with its directional derivative.

Every equation is followed by its derivative rule, which turns the tangents of the inputs into the
tangent of the output. A tangent that is absent is zero, and stays absent as long as it can.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule import _tree as tree
from chainrule._errors import DtypeError, ShapeError, TreeError
from chainrule._source import working_on
from chainrule.frontend.tracer import Tracer
from chainrule.ir import ArrayType, Graph, Literal, Var, type_of
from chainrule.transforms.tracing import (
    as_leaf,
    as_leaves,
    check_callable,
    is_weak,
    name_of,
    owned,
    shown,
    trace_function,
)


def push_forward(
    graph: Graph,
    primals: Sequence[Any],
    tangents: Sequence[Any],
    *,
    linearize: bool = False,
) -> tuple[list[Any], list[Any]]:
    """Evaluate a graph and its derivative in one direction.

    Parameters
    ----------
    graph : Graph
    primals : sequence of array or traced array
        Inputs.
    tangents : sequence of array, traced array or None
        Direction; None for inputs that do not move.
    linearize : bool
        Whether ops that hold graphs compute first all that the primals determine.

    Returns
    -------
    outputs, output_tangents : list
        A tangent of None is zero.
    """
    values: dict[Var, Any] = dict(zip(graph.inputs, primals, strict=True))
    moving: dict[Var, Any] = {
        var: tangent
        for var, tangent in zip(graph.inputs, tangents, strict=True)
        if tangent is not None
    }
    with working_on() as current:
        for equation in graph.equations:
            current.source = equation.source
            op = equation.op
            inputs = [
                atom.value if isinstance(atom, Literal) else values[atom]
                for atom in equation.inputs
            ]
            directions = [
                None if isinstance(atom, Literal) else moving.get(atom) for atom in equation.inputs
            ]
            if all(direction is None for direction in directions):
                outs, out_tangents = op(*inputs, **equation.params), None
            else:
                rule = op.linearize if linearize else op.jvp
                outs, out_tangents = rule(inputs, directions, **equation.params)
            if op.multiple:
                values.update(zip(equation.outputs, outs, strict=True))
                for var, tangent in zip(equation.outputs, out_tangents or (), strict=False):
                    if tangent is not None:
                        moving[var] = tangent
            else:
                values[equation.outputs[0]] = outs
                if out_tangents is not None:
                    moving[equation.outputs[0]] = out_tangents
    outputs = [atom.value if isinstance(atom, Literal) else values[atom] for atom in graph.outputs]
    output_tangents = [
        None if isinstance(atom, Literal) else moving.get(atom) for atom in graph.outputs
    ]
    return outputs, output_tangents


def zeros_of(type: ArrayType) -> Any:
    """Return the zero of a type."""
    return np.zeros(type.shape, type.dtype)[()]


def instantiate(tangents: Sequence[Any], types: Sequence[ArrayType]) -> list[Any]:
    """Return tangents with None replaced by zeros."""
    return [
        zeros_of(type) if tangent is None else tangent
        for tangent, type in zip(tangents, types, strict=True)
    ]


def check_tangents(
    what: str, primals: Sequence[Any], tangents: Sequence[Any], names: Sequence[str]
) -> list[Any]:
    """Return tangents in the dtypes of their primals; None for primals that are no floats.

    Parameters
    ----------
    what : str
        The transform, for messages.
    primals, tangents : sequence of array
    names : sequence of str
        What messages call each tangent.

    Raises
    ------
    ShapeError, DtypeError
        If a tangent has another shape or dtype than its primal.
    """
    checked: list[Any] = []
    for primal, tangent, name in zip(primals, tangents, names, strict=True):
        weak, tangent = is_weak(tangent), as_leaf(tangent, f"{what}: {name}")
        expected, got = type_of(primal), type_of(tangent)
        if expected.shape != got.shape:
            raise ShapeError(
                f"{what}: {name} must have the shape {expected.shape} of its value, "
                f"got {got.shape}."
            )
        if not expected.is_float:
            if isinstance(tangent, Tracer) or np.any(tangent):
                raise DtypeError(
                    f"{what}: {name} belongs to a value of dtype {expected.dtype}, which has no "
                    "derivative; it must be zero, or the value a float."
                )
            checked.append(None)
            continue
        if expected.dtype != got.dtype:
            if not weak and np.result_type(expected.dtype, got.dtype) != expected.dtype:
                raise DtypeError(
                    f"{what}: {name} must have the dtype {expected.dtype} of its value, "
                    f"got {got.dtype}; convert it with .astype."
                )
            tangent = tangent.astype(expected.dtype)
        checked.append(tangent)
    return checked


def jvp(f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    r"""Evaluate a function and its derivative in one direction: forward mode.

    .. math:: (f(x), \; J_f(x) \, v)

    Parameters
    ----------
    f : callable
        Function of ``len(primals)`` arguments, written in NumPy; pytrees in and out.
    primals : tuple of pytree
        Where to evaluate, x.
    tangents : tuple of pytree
        Direction v: the same structure, shapes and dtypes as ``primals``. For integers and
        booleans it must be zero.

    Returns
    -------
    out, tangent : pytree
        ``f(*primals)`` and its derivative along v, of equal structure. The cost is a small
        multiple of that of ``f``, and the memory does not grow with its length.

    Raises
    ------
    TreeError, ShapeError, DtypeError
        If ``tangents`` does not fit ``primals``.

    References
    ----------
    .. [1] Griewank and Walther, Evaluating Derivatives, 2nd ed., SIAM, 2008, chapter 3.1.

    Examples
    --------
    >>> import numpy as np, chainrule as cr
    >>> out, tangent = cr.jvp(np.sin, (0.0,), (2.0,))
    >>> float(out), float(tangent)
    (0.0, 2.0)
    """
    check_callable("jvp", f)
    what = f"jvp({name_of(f)})"
    primals, tangents = _as_tuple(what, primals, "primals"), _as_tuple(what, tangents, "tangents")
    leaves, structure = as_leaves(primals, f"{what}: primals")
    raw_tangents, tangent_structure = tree.flatten(tangents)
    if structure != tangent_structure:
        raise TreeError(
            f"{what}: tangents must have the structure of primals, {structure}, "
            f"got {tangent_structure}; give every value a tangent, zeros if it does not move."
        )
    names = ["tangents" + path for path, _ in tree.leaves_with_path(tangents)]
    directions = check_tangents(what, leaves, raw_tangents, names)
    weak = [is_weak(leaf) for leaf in tree.leaves(primals)]
    traced = trace_function(f, leaves, structure, what, with_values=True, weak=weak)
    outs, out_tangents = push_forward(
        traced.graph,
        [*traced.lifted, *leaves],
        [*[None] * len(traced.lifted), *directions],
    )
    out_tangents = instantiate(out_tangents, traced.graph.output_types)
    everything = owned([*outs, *out_tangents], [*leaves, *directions])
    return (
        tree.unflatten(traced.structure, everything[: len(outs)]),
        tree.unflatten(traced.structure, everything[len(outs) :]),
    )


def _as_tuple(what: str, value: Any, name: str) -> tuple[Any, ...]:
    if not isinstance(value, (tuple, list)):
        raise TreeError(
            f"{what}: {name} must be a tuple with one entry per argument, got "
            f"{shown(value)}; for one argument x write (x,)."
        )
    return tuple(value)
