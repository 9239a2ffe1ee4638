"""What the control-flow ops share: graphs derived from graphs, and checks of their types."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule._errors import DtypeError, ShapeError, TreeError
from chainrule._tree import Structure, flatten, leaves_with_path, unflatten
from chainrule.ir import ArrayType, Graph, type_of
from chainrule.transforms.batch import batch_graph
from chainrule.transforms.forward import instantiate, push_forward
from chainrule.transforms.reverse import LinearMap, linearize_graph
from chainrule.transforms.tracing import TracedFunction, as_leaves, graph_of, is_weak


def split(values: Sequence[Any], *sizes: int) -> list[list[Any]]:
    """Cut a sequence into parts of the given sizes, and what remains."""
    parts, start = [], 0
    for size in sizes:
        parts.append(list(values[start : start + size]))
        start += size
    parts.append(list(values[start:]))
    return parts


def present(values: Sequence[Any]) -> list[Any]:
    """Return what is not None."""
    return [value for value in values if value is not None]


def fill(flags: Sequence[bool], values: Sequence[Any]) -> list[Any]:
    """Put values where the flags are set, None elsewhere."""
    source = iter(values)
    return [next(source) if flag else None for flag in flags]


def chosen(flags: Sequence[bool], values: Sequence[Any]) -> list[Any]:
    """Return the values whose flags are set."""
    return [value for value, flag in zip(values, flags, strict=True) if flag]


def either(first: Sequence[bool], second: Sequence[bool]) -> list[bool]:
    """Return the flags that are set in one or the other."""
    return [a or b for a, b in zip(first, second, strict=True)]


def chosen_tangents(
    flags: Sequence[bool], tangents: Sequence[Any], types: Sequence[ArrayType]
) -> list[Any]:
    """Return the tangents (or cotangents) whose flags are set, with zeros for absent ones."""
    return instantiate(chosen(flags, tangents), chosen(flags, types))


def stable_carry(
    start: Sequence[bool], derive: Callable[[list[bool]], tuple[Any, Sequence[bool]]]
) -> tuple[list[bool], Any, list[bool]]:
    """Find which parts of a loop's carry move (or are batched) in some step.

    A part does if it does at the start or if a step makes it do so; the set only grows, and it is
    complete when one more step adds nothing to it.

    Parameters
    ----------
    start : sequence of bool
        Parts that move before the first step.
    derive : callable
        Derives something from the loop's body for a carry that moves so; returns it and which of
        the body's outputs, the carry first, move then.

    Returns
    -------
    carry : list of bool
        Parts that move.
    derived : object
        What ``derive`` made for this carry.
    out_flags : list of bool
        Outputs of the body that move with this carry.
    """
    carry = list(start)
    while True:
        derived, out_flags = derive(carry)
        grown = either(carry, out_flags[: len(carry)])
        if grown == carry:
            return carry, derived, list(out_flags)
        carry = grown


def closed(f: Callable[..., Sequence[Any]], types: Sequence[ArrayType], name: str) -> Graph:
    """Trace a function that refers to nothing but its arguments."""
    graph, lifted = graph_of(f, types, name)
    if lifted:
        raise AssertionError(f"{name}: a derived graph refers to a value outside of it")
    return graph


def jvp_graph(
    graph: Graph, moving: Sequence[bool], out_moving: Sequence[bool] | None = None
) -> tuple[Graph, list[bool]]:
    """Return the graph of values and tangents: inputs, moving tangents → outputs, tangents.

    Parameters
    ----------
    moving : sequence of bool
        Inputs that have a tangent.
    out_moving : sequence of bool, optional
        Outputs that must have one, zero if need be; by default those that do move.

    Returns
    -------
    graph : Graph
    out_moving : list of bool
    """
    count = len(graph.inputs)
    result: list[bool] = []

    def both(*args: Any) -> list[Any]:
        values, directions = args[:count], fill(moving, args[count:])
        outs, tangents = push_forward(graph, values, directions)
        flags = [t is not None for t in tangents] if out_moving is None else list(out_moving)
        result.extend(flags)
        return [*outs, *chosen_tangents(flags, tangents, graph.output_types)]

    types = graph.input_types
    return closed(both, [*types, *chosen(moving, types)], "jvp"), result


def linearized_graph(graph: Graph, moving: Sequence[bool], name: str) -> tuple[Graph, LinearMap]:
    """Split a graph's derivative into what the values determine and what is linear.

    Returns
    -------
    known : Graph
        Inputs → outputs, residuals of the linear map.
    linear : LinearMap
        To be given the values of the residuals, which here are those of a trace that has ended.
    """
    maps: list[LinearMap] = []

    def values(*args: Any) -> list[Any]:
        outs, linear = linearize_graph(graph, args, moving, name)
        maps.append(linear)
        return [*outs, *linear.residuals]

    known = closed(values, graph.input_types, name)
    return known, maps[0]


def batched_graph(
    graph: Graph, batched: Sequence[bool], size: int, out_batched: Sequence[bool] | None = None
) -> tuple[Graph, list[bool]]:
    """Return a graph for inputs that have a batch axis in front where flagged.

    Parameters
    ----------
    out_batched : sequence of bool, optional
        Outputs that must have the axis, repeated along it if need be; by default those that do.
    """
    result: list[bool] = []

    def run(*args: Any) -> list[Any]:
        outs, flags = batch_graph(graph, args, batched)
        wanted = flags if out_batched is None else list(out_batched)
        result.extend(wanted)
        return [
            spread(out, size) if want and not has else out
            for out, has, want in zip(outs, flags, wanted, strict=True)
        ]

    types = [
        ArrayType((size, *type.shape), type.dtype) if is_b else type
        for type, is_b in zip(graph.input_types, batched, strict=True)
    ]
    return closed(run, types, "vmap"), result


def batch_size(args: Sequence[Any], batched: Sequence[bool]) -> int:
    """Return the length of the batch axis."""
    return next(arg.shape[0] for arg, is_b in zip(args, batched, strict=True) if is_b)


def spread(value: Any, size: int) -> Any:
    """Repeat a value along a new first axis."""
    return np.broadcast_to(value, (size, *np.shape(value)))


def check_same(
    what: str,
    before_name: str,
    before: tuple[Structure, Sequence[ArrayType]],
    after_name: str,
    after: tuple[Structure, Sequence[ArrayType]],
    remedy: str,
) -> None:
    """Refuse two pytrees that should be of one structure and of the same types.

    Raises
    ------
    TreeError, ShapeError, DtypeError
        With the path of the first leaf that differs, and both types.
    """
    (structure, types), (other_structure, other_types) = before, after
    if structure != other_structure:
        raise TreeError(
            f"{what}: {after_name} must have the structure of {before_name}, {structure}, "
            f"got {other_structure}; {remedy}."
        )
    paths = [path for path, _ in leaves_with_path(unflatten(structure, list(types)))]
    for path, type, other in zip(paths, types, other_types, strict=True):
        if type != other:
            error = ShapeError if type.shape != other.shape else DtypeError
            raise error(
                f"{what}: {after_name} must have the type of {before_name}, {type}"
                f"{' at ' + path if path else ''}, got {other}; {remedy}."
            )


def settled(
    what: str,
    trace: Callable[[list[Any], list[bool]], TracedFunction],
    carry_of: Callable[[Structure], Structure],
    init: Any,
) -> tuple[TracedFunction, list[Any]]:
    """Trace a loop's step, with Python numbers in the carry in the dtype the step gives them.

    Parameters
    ----------
    what : str
        The loop, for messages.
    trace : callable
        Traces the step for the leaves of a carry, given which of them are Python numbers.
    carry_of : callable
        Finds the carry in the structure of the step's result.
    init : pytree
        The carry at the start.

    Returns
    -------
    traced : TracedFunction
    leaves : list
        Of the carry at the start, in their final dtypes.

    Raises
    ------
    TreeError, ShapeError, DtypeError
        If the step changes the carry's structure, shapes or dtypes.
    """
    leaves, structure = as_leaves(init, f"{what}: init")
    weak = [is_weak(leaf) for leaf in flatten(init)[0]]
    while True:
        traced = trace(leaves, weak)
        out_structure = carry_of(traced.structure)
        before = types_of(leaves)
        after = list(traced.graph.output_types[: out_structure.num_leaves])
        if out_structure == structure:
            changed = [
                w and a.shape == b.shape and a.dtype != b.dtype
                for w, a, b in zip(weak, before, after, strict=True)
            ]
            if any(changed):
                leaves = [
                    leaf.astype(b.dtype) if c else leaf
                    for leaf, b, c in zip(leaves, after, changed, strict=True)
                ]
                weak = [w and not c for w, c in zip(weak, changed, strict=True)]
                continue
            if any(weak):
                # Once more, as all steps but the first see it: with arrays.
                weak = [False] * len(leaves)
                continue
        check_same(
            what,
            "the carry it was given",
            (structure, before),
            "the carry that the body returns",
            (out_structure, after),
            "make the body return what it was given, or start with the type it returns",
        )
        return traced, leaves


def types_of(values: Sequence[Any]) -> list[ArrayType]:
    """Return the types of values."""
    return [type_of(value) for value in values]
