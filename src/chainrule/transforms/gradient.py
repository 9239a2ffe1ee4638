"""grad: reverse mode for functions with one float as result.

The rest of reverse mode is `linearize_graph` and the transposed map it returns; what is here is
what a gradient asks of its arguments and of the function's result, and says if it does not get it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule import _tree as tree
from chainrule._dtypes import is_supported
from chainrule._errors import DtypeError, InvalidArgumentError, ShapeError
from chainrule.frontend.tracer import Tracer
from chainrule.ir import ArrayType, type_of
from chainrule.transforms.forward import instantiate
from chainrule.transforms.reverse import linearize_graph
from chainrule.transforms.tracing import (
    argument_numbers,
    as_leaves,
    check_callable,
    is_weak,
    name_of,
    owned,
    positions_of,
    shown,
    trace_function,
)


def value_and_grad(
    f: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False
) -> Callable[..., tuple[Any, Any]]:
    """Return a function that computes the value of ``f`` and its gradient together.

    Parameters
    ----------
    f : callable
        Returns a float without axes; with ``has_aux`` a pair of that and anything else.
    argnums : int or sequence of int, default 0
        Argument or arguments to differentiate in. Each is a pytree of floats.
    has_aux : bool, default False
        Whether ``f`` returns ``(value, aux)``; ``aux`` is not differentiated. What it holds
        besides arrays is returned as it is.

    Returns
    -------
    callable
        With the arguments of ``f``; returns ``(value, gradient)``, or ``((value, aux),
        gradient)``. The gradient has the structure, shapes and dtypes of the argument; a tuple of
        these if ``argnums`` is a sequence.

    Raises
    ------
    ShapeError
        When called, if the value has axes.
    DtypeError
        When called, if an argument to differentiate in is not float, or the value is not.
    InvalidArgumentError
        When called, if ``argnums`` names an argument that is not there.

    Examples
    --------
    >>> import numpy as np, chainrule as cr
    >>> value, gradient = cr.value_and_grad(lambda w: np.sum(w**2))(np.array([1.0, 2.0]))
    >>> float(value), gradient
    (5.0, array([2., 4.]))
    """
    check_callable("grad", f)
    what = f"grad({name_of(f)})"
    numbers = numbers_to_differentiate_in(what, argnums)

    def value_and_gradient(*args: Any, **keywords: Any) -> tuple[Any, Any]:
        positions = positions_of(what, numbers, "argnums", len(args))
        chosen = tuple([args[position] for position in positions])
        leaves, structure = differentiable_leaves(what, positions, chosen)
        weak = [is_weak(leaf) for leaf in tree.leaves(chosen)]
        aux_rest: list[_AuxRest] = []

        def of_chosen(*values: Any) -> Any:
            filled = list(args)
            for position, chosen_value in zip(positions, values, strict=True):
                filled[position] = chosen_value
            result = f(*filled, **keywords)
            if not has_aux:
                return result
            if not (isinstance(result, tuple) and len(result) == 2):
                raise InvalidArgumentError(
                    f"{what}: with has_aux=True the function must return a pair (value, aux), "
                    f"got {shown(result)}."
                )
            value, aux = result
            arrays, rest = _split_aux(aux)
            aux_rest.append(rest)
            return value, arrays

        traced = trace_function(of_chosen, leaves, structure, what, with_values=True, weak=weak)
        _check_scalar(what, traced.structure, traced.graph.output_types, has_aux)
        outputs, linear = linearize_graph(
            traced.graph,
            [*traced.lifted, *leaves],
            [*[False] * len(traced.lifted), *[True] * len(leaves)],
            what,
        )
        one = np.ones((), traced.graph.output_types[0].dtype)[()]
        cotangents = [one, *[None] * (len(outputs) - 1)]
        gradient = instantiate(
            linear.reverse(cotangents)[len(traced.lifted) :], [type_of(leaf) for leaf in leaves]
        )
        owned_values = owned([*outputs, *gradient], leaves)
        out = tree.unflatten(traced.structure, owned_values[: len(outputs)])
        if has_aux:
            out = out[0], _join_aux(out[1], aux_rest[0])
        by_argument = tree.unflatten(structure, owned_values[len(outputs) :])
        return out, by_argument[0] if isinstance(argnums, (int, np.integer)) else by_argument

    return _described(value_and_gradient, f, "Value and gradient")


def grad(
    f: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False
) -> Callable[..., Any]:
    r"""Return the gradient of a function with one float as result.

    .. math:: \nabla f(x) = \left( \frac{\partial f}{\partial x_i} \right)_i

    Parameters
    ----------
    f, argnums, has_aux
        See `value_and_grad`.

    Returns
    -------
    callable
        With the arguments of ``f``; returns the gradient, or ``(gradient, aux)`` with
        ``has_aux``.

    Raises
    ------
    ShapeError, DtypeError, InvalidArgumentError
        See `value_and_grad`.

    Notes
    -----
    Python's ``if`` and ``while`` may look at values here; the gradient is that of the path taken.
    Derivatives of any order: ``grad(grad(f))``.

    Examples
    --------
    >>> import numpy as np, chainrule as cr
    >>> cr.grad(lambda w: np.sum(w**2))(np.array([1.0, 2.0]))
    array([2., 4.])
    >>> bool(cr.grad(cr.grad(np.sin))(0.5) == -np.sin(0.5))
    True
    """
    both = value_and_grad(f, argnums, has_aux)

    def gradient(*args: Any, **keywords: Any) -> Any:
        out, result = both(*args, **keywords)
        return (result, out[1]) if has_aux else result

    return _described(gradient, f, "Gradient")


def _described(derived: Callable[..., Any], f: Callable[..., Any], what: str) -> Callable[..., Any]:
    derived.__name__ = f"{derived.__name__}_of_{name_of(f)}"
    derived.__qualname__ = derived.__name__
    derived.__doc__ = f"{what} of {name_of(f)}.\n\n{getattr(f, '__doc__', None) or ''}"
    return derived


class _AuxRest(NamedTuple):
    """Auxiliary results without their arrays."""

    structure: tree.Structure
    leaves: list[Any]
    is_array: list[bool]


def _split_aux(aux: Any) -> tuple[list[Any], _AuxRest]:
    leaves, structure = tree.flatten(aux)
    is_array = [
        isinstance(leaf, Tracer)
        or (isinstance(leaf, (np.ndarray, np.generic)) and is_supported(leaf.dtype))
        for leaf in leaves
    ]
    arrays = [leaf for leaf, flag in zip(leaves, is_array, strict=True) if flag]
    return arrays, _AuxRest(structure, leaves, is_array)


def _join_aux(arrays: Sequence[Any], rest: _AuxRest) -> Any:
    source = iter(arrays)
    return tree.unflatten(
        rest.structure,
        [
            next(source) if flag else leaf
            for leaf, flag in zip(rest.leaves, rest.is_array, strict=True)
        ],
    )


def numbers_to_differentiate_in(what: str, argnums: Any) -> tuple[int, ...]:
    """Return ``argnums`` as a tuple.

    Raises
    ------
    ArgumentTypeError, InvalidArgumentError
        If it holds anything but integers, or nothing.
    """
    numbers = argument_numbers(what, argnums, "argnums")
    if not numbers:
        raise InvalidArgumentError(f"{what}: argnums must name at least one argument, got ().")
    return numbers


def differentiable_leaves(
    what: str, positions: Sequence[int], chosen: tuple[Any, ...]
) -> tuple[list[Any], tree.Structure]:
    """Return the leaves of the arguments to differentiate in, and the structure of their tuple.

    Raises
    ------
    DtypeError
        If a leaf is not a float.
    """
    parts = [
        as_leaves(value, f"{what}: argument {position}")
        for position, value in zip(positions, chosen, strict=True)
    ]
    for position, value, (leaves, _) in zip(positions, chosen, parts, strict=True):
        for (path, original), leaf in zip(tree.leaves_with_path(value), leaves, strict=True):
            if not type_of(leaf).is_float:
                got = (
                    f"the {type(original).__name__} {original!r}"
                    if isinstance(original, (bool, int))
                    else f"dtype {type_of(leaf).dtype}"
                )
                remedy = (
                    f"write {float(original)!r}"
                    if isinstance(original, int)
                    else "convert it with .astype(float)"
                )
                raise DtypeError(
                    f"{what}: argument {position}{path} is to be differentiated in and must be "
                    f"a float, got {got}; {remedy}, or choose other arguments with argnums."
                )
    _, structure = tree.flatten(chosen)
    return [leaf for leaves, _ in parts for leaf in leaves], structure


def _check_scalar(
    what: str, structure: tree.Structure, types: Sequence[ArrayType], has_aux: bool
) -> None:
    value = structure.children[0] if has_aux else structure
    if value.kind is not None:
        hint = (
            "a return statement may be missing"
            if value.num_leaves == 0
            else "sum what it returns, or use cr.jacobian or cr.vjp"
            if has_aux
            else "to return more than the value, use has_aux=True"
        )
        raise ShapeError(
            f"{what}: the function must return one float without axes, got {value}; {hint}."
        )
    type = types[0]
    if type.shape != ():
        raise ShapeError(
            f"{what}: the function must return one float without axes, got shape {type.shape}; "
            "sum or average it, or use cr.jacobian for the derivative of every element."
        )
    if not type.is_float:
        raise DtypeError(
            f"{what}: the function must return a float, got {type.dtype}, which has no "
            "derivative; it may come from a comparison, argmax or a conversion to integers."
        )
