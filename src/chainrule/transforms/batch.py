"""vmap: a function of one sample becomes a function of many, without a loop.

The function is traced once, on the types of a single sample. Then its graph is run with arrays
that have one more axis, the first, and every op's batching rule says what it does with those.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule import _tree as tree
from chainrule._errors import InvalidArgumentError, ShapeError
from chainrule._source import working_on
from chainrule.ir import ArrayType, Graph, Literal, Var, type_of
from chainrule.transforms.tracing import (
    as_arguments,
    call_argument_name,
    check_callable,
    is_weak,
    name_of,
    owned,
    trace_function,
)


def batch_graph(
    graph: Graph, values: Sequence[Any], batched: Sequence[bool]
) -> tuple[list[Any], list[bool]]:
    """Run a graph on inputs some of which have a batch axis in front.

    Returns
    -------
    outputs : list
    batched : list of bool
        Which outputs have the batch axis.
    """
    environment: dict[Var, Any] = dict(zip(graph.inputs, values, strict=True))
    has_axis = {var for var, is_b in zip(graph.inputs, batched, strict=True) if is_b}
    with working_on() as current:
        for equation in graph.equations:
            current.source = equation.source
            op = equation.op
            inputs = [
                atom.value if isinstance(atom, Literal) else environment[atom]
                for atom in equation.inputs
            ]
            flags = [atom in has_axis for atom in equation.inputs]
            if any(flags):
                results, result_flags = op.batch(inputs, flags, **equation.params)
            else:
                results, result_flags = op(*inputs, **equation.params), False
            if not op.multiple:
                results, result_flags = (results,), (result_flags,)
            elif isinstance(result_flags, bool):
                result_flags = (result_flags,) * len(results)
            environment.update(zip(equation.outputs, results, strict=True))
            has_axis.update(
                var for var, is_b in zip(equation.outputs, result_flags, strict=True) if is_b
            )
    outputs = [
        atom.value if isinstance(atom, Literal) else environment[atom] for atom in graph.outputs
    ]
    return outputs, [atom in has_axis for atom in graph.outputs]


def spread_prefix(prefix: Any, structure: tree.Structure, what: str) -> list[Any]:
    """Return one entry per leaf from a tree that may stop short of the leaves.

    Raises
    ------
    InvalidArgumentError
        If the prefix branches where the structure does not.
    """
    is_axis = isinstance(prefix, (int, np.integer)) and not isinstance(prefix, bool)
    if prefix is None or is_axis:
        return [prefix] * structure.num_leaves
    if isinstance(prefix, dict):
        entries: Any = [prefix.get(key, _MISSING) for key in structure.meta]
        fits = structure.kind is not None and issubclass(structure.kind, dict)
        fits = fits and len(prefix) == len(structure.meta) and _MISSING not in entries
    elif isinstance(prefix, (tuple, list)):
        entries = list(prefix)
        fits = structure.kind is not None and len(entries) == len(structure.children)
    else:
        fits = False
        if not isinstance(prefix, str):
            _, own = tree.flatten(prefix)
            fits = own.kind is not None and own.kind is structure.kind
        if fits:
            entries = [getattr(prefix, name) for name in structure.meta[0]]
    if not fits:
        raise InvalidArgumentError(
            f"{what} must be an integer, None, or a tree of these that follows {structure}, got "
            f"{prefix!r}."
        )
    return [
        axis
        for entry, child in zip(entries, structure.children, strict=True)
        for axis in spread_prefix(entry, child, what)
    ]


_MISSING = object()


def vmap(f: Callable[..., Any], in_axes: Any = 0, out_axes: Any = 0) -> Callable[..., Any]:
    """Turn a function of one sample into a function of a batch.

    Parameters
    ----------
    f : callable
        Written in NumPy for single samples; pytrees in and out.
    in_axes : int, None, or tree of these, default 0
        Which axis of each argument counts the samples; None for arguments that are the same for
        all. A tuple has one entry per argument; an entry may itself be a tree that follows the
        argument's structure.
    out_axes : int, None, or tree of these, default 0
        Where the results' batch axis goes; None for results that do not depend on the batch.

    Returns
    -------
    callable
        With the arguments of ``f``, each with a batch axis where ``in_axes`` says so. Keyword
        arguments are batched along axis 0.

    Raises
    ------
    InvalidArgumentError
        If ``in_axes`` does not fit the arguments, names an axis that is not there, or maps
        nothing; or if ``out_axes`` is None for a result that is batched.
    ShapeError
        If batch axes differ in length.

    Examples
    --------
    >>> import numpy as np, chainrule as cr
    >>> rows = np.arange(6.0).reshape(3, 2)
    >>> cr.vmap(lambda row, w: row @ w, in_axes=(0, None))(rows, np.ones(2))
    array([1., 5., 9.])
    """
    check_callable("vmap", f)
    what = f"vmap({name_of(f)})"

    def batched(*args: Any, **keywords: Any) -> Any:
        leaves, structure = as_arguments(args, what, keywords)
        axes = [
            *_input_axes(what, in_axes, structure.children[0]),
            *[0] * structure.children[1].num_leaves,
        ]
        names = [call_argument_name(path) for path, _ in tree.leaves_with_path((args, keywords))]
        size, fronted, types = _front(what, leaves, axes, names)
        weak = [
            axis is None and is_weak(leaf)
            for leaf, axis in zip(tree.leaves((args, keywords)), axes, strict=True)
        ]

        def call(positional: Any, named: Any) -> Any:
            return f(*positional, **named)

        traced = trace_function(
            call,
            leaves,
            structure,
            what,
            reason="vmap computes all samples at once, so there is no single value",
            types=types,
            weak=weak,
        )
        flags = [axis is not None for axis in axes]
        outputs, out_flags = batch_graph(
            traced.graph,
            [*traced.lifted, *fronted],
            [*[False] * len(traced.lifted), *flags],
        )
        targets = spread_prefix(out_axes, traced.structure, f"{what}: out_axes")
        placed = [
            _place(what, out, is_b, axis, size)
            for out, is_b, axis in zip(outputs, out_flags, targets, strict=True)
        ]
        return tree.unflatten(traced.structure, owned(placed, leaves))

    batched.__name__ = f"batched_{name_of(f)}"
    batched.__doc__ = f"{name_of(f)}, batched.\n\n{getattr(f, '__doc__', None) or ''}"
    return batched


def _input_axes(what: str, in_axes: Any, structure: tree.Structure) -> list[Any]:
    if isinstance(in_axes, (tuple, list)) and len(in_axes) != len(structure.children):
        raise InvalidArgumentError(
            f"{what}: in_axes must have one entry per positional argument, which are "
            f"{len(structure.children)}, got {len(in_axes)}; write None for those that are not "
            "batched."
        )
    if isinstance(in_axes, list):
        in_axes = tuple(in_axes)
    return spread_prefix(in_axes, structure, f"{what}: in_axes")


def _front(
    what: str, leaves: Sequence[Any], axes: Sequence[Any], names: Sequence[str]
) -> tuple[int, list[Any], list[ArrayType]]:
    """Return the batch size, the leaves with their batch axis in front, one sample's types."""
    size, first = None, ""
    fronted, types = [], []
    for leaf, axis, name in zip(leaves, axes, names, strict=True):
        type = type_of(leaf)
        if axis is None:
            fronted.append(leaf)
            types.append(type)
            continue
        if not -type.ndim <= axis < type.ndim:
            raise InvalidArgumentError(
                f"{what}: in_axes asks for axis {axis} of {name}, which has shape {type.shape}; "
                "use an axis it has, or None to leave it unbatched."
            )
        axis %= type.ndim
        extent = type.shape[axis]
        if size is None:
            size, first = extent, name
        elif extent != size:
            raise ShapeError(
                f"{what}: batch axes must be equally long, got {size} for {first} and {extent} "
                f"for {name}; check in_axes, and write None for what is not batched."
            )
        fronted.append(leaf if axis == 0 else np.moveaxis(leaf, axis, 0))
        types.append(ArrayType(type.shape[:axis] + type.shape[axis + 1 :], type.dtype))
    if size is None:
        raise InvalidArgumentError(
            f"{what}: in_axes must give at least one argument an axis, got None for all; call the "
            "function directly if there is no batch."
        )
    return size, fronted, types


def _place(what: str, out: Any, is_batched: bool, axis: Any, size: int) -> Any:
    if axis is None:
        if is_batched:
            raise InvalidArgumentError(
                f"{what}: out_axes is None for a result that differs from sample to sample; "
                "give it an axis."
            )
        return out
    if not is_batched:
        out = np.broadcast_to(out, (size, *np.shape(out)))
    if not -out.ndim <= axis < out.ndim:
        raise InvalidArgumentError(
            f"{what}: out_axes asks for axis {axis} of a result of shape {out.shape}, batch axis "
            f"included; use an axis from {-out.ndim} to {out.ndim - 1}."
        )
    return out if axis in (0, -out.ndim) else np.moveaxis(out, 0, axis)
