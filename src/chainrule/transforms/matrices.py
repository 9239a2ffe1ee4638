"""Whole derivative matrices, and products with second derivatives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule import _tree as tree
from chainrule._errors import DtypeError, InvalidArgumentError
from chainrule.ir import ArrayType, type_of
from chainrule.transforms.batch import batch_graph
from chainrule.transforms.forward import jvp
from chainrule.transforms.gradient import differentiable_leaves, grad, numbers_to_differentiate_in
from chainrule.transforms.reverse import LinearMap, linearize_graph
from chainrule.transforms.tracing import (
    check_callable,
    graph_of,
    is_weak,
    name_of,
    owned,
    positions_of,
    trace_function,
)


def _basis(types: Sequence[ArrayType]) -> list[Any]:
    """Return unit vectors of the product of these spaces, stacked, as one array per space."""
    total = sum(type.size for type in types)
    parts, start = [], 0
    for type in types:
        part = np.zeros((total, type.size), type.dtype)
        part[start : start + type.size] = np.eye(type.size, dtype=type.dtype)
        parts.append(part.reshape(total, *type.shape))
        start += type.size
    return parts


def _columns(linear: LinearMap) -> list[list[Any]]:
    """Return ``blocks[output][input]`` by forward mode: all basis tangents pushed at once."""
    types = linear.input_types
    moving = [t for t, moves in zip(types, linear.moving_inputs, strict=True) if moves]
    outs, flags = batch_graph(
        linear.graph,
        [*linear.residuals, *_basis(moving)],
        [*[False] * len(linear.residuals), *[True] * len(moving)],
    )
    results = iter(zip(outs, flags, strict=True))
    total = sum(type.size for type in moving)
    blocks = []
    for out_type, moves in zip(linear.output_types, linear.moving_outputs, strict=True):
        out, is_batched = next(results) if moves else (np.zeros((), out_type.dtype), False)
        if not is_batched:
            out = np.broadcast_to(out, (total, *out_type.shape))
        stacked = np.moveaxis(out, 0, -1)
        row, start = [], 0
        for type in moving:
            part = stacked[..., start : start + type.size]
            row.append(np.reshape(part, out_type.shape + type.shape))
            start += type.size
        blocks.append(row)
    return blocks


def _rows(linear: LinearMap) -> list[list[Any]]:
    """Return ``blocks[output][input]`` by reverse mode: all basis cotangents pulled at once."""
    types = linear.output_types
    moving_types = [
        t for t, moves in zip(linear.input_types, linear.moving_inputs, strict=True) if moves
    ]
    pulled, lifted = graph_of(
        lambda *cts: [
            np.zeros(type.shape, type.dtype) if ct is None else ct
            for ct, type, moves in zip(
                linear.reverse(cts), linear.input_types, linear.moving_inputs, strict=True
            )
            if moves
        ],
        types,
        "jacobian",
    )
    outs, flags = batch_graph(
        pulled,
        [*lifted, *_basis(types)],
        [*[False] * len(lifted), *[True] * len(types)],
    )
    total = sum(type.size for type in types)
    full = [
        out if is_b else np.broadcast_to(out, (total, *np.shape(out)))
        for out, is_b in zip(outs, flags, strict=True)
    ]
    blocks, start = [], 0
    for out_type in types:
        stop = start + out_type.size
        blocks.append(
            [
                np.reshape(part[start:stop], out_type.shape + type.shape)
                for part, type in zip(full, moving_types, strict=True)
            ]
        )
        start = stop
    return blocks


def jacobian(
    f: Callable[..., Any], argnums: int | Sequence[int] = 0, mode: str = "auto"
) -> Callable[..., Any]:
    r"""Return the function that computes all first derivatives of ``f``.

    .. math:: J_{ij} = \frac{\partial f_i}{\partial x_j}

    Parameters
    ----------
    f : callable
        Written in NumPy; pytrees of floats in and out.
    argnums : int or sequence of int, default 0
        Arguments to differentiate in.
    mode : {"auto", "forward", "reverse"}, default "auto"
        Forward mode costs one pass per input element, reverse mode one per output element (all
        passes run together, batched); "auto" takes the smaller number, forward if they are equal.

    Returns
    -------
    callable
        With the arguments of ``f``. For an array result and an array argument it returns an array
        of shape ``result.shape + argument.shape``; for pytrees, the structure of the result with
        the structure of the argument in place of every leaf.

    Raises
    ------
    DtypeError
        When called, if an argument or a result is not float.
    InvalidArgumentError
        If ``mode`` is none of the three.

    Examples
    --------
    >>> import numpy as np, chainrule as cr
    >>> cr.jacobian(lambda x: x**2)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """
    check_callable("jacobian", f)
    what = f"jacobian({name_of(f)})"
    if mode not in ("auto", "forward", "reverse"):
        raise InvalidArgumentError(
            f"{what}: mode must be 'auto', 'forward' or 'reverse', got {mode!r}."
        )
    numbers = numbers_to_differentiate_in(what, argnums)

    def jacobian_of(*args: Any, **keywords: Any) -> Any:
        positions = positions_of(what, numbers, "argnums", len(args))
        chosen = tuple([args[position] for position in positions])
        leaves, structure = differentiable_leaves(what, positions, chosen)

        def of_chosen(*values: Any) -> Any:
            filled = list(args)
            for position, value in zip(positions, values, strict=True):
                filled[position] = value
            return f(*filled, **keywords)

        weak = [is_weak(leaf) for leaf in tree.leaves(chosen)]
        traced = trace_function(of_chosen, leaves, structure, what, with_values=True, weak=weak)
        for type in traced.graph.output_types:
            if not type.is_float:
                raise DtypeError(
                    f"{what}: the function must return floats, got {type}, which has no derivative."
                )
        skip = len(traced.lifted)
        _, linear = linearize_graph(
            traced.graph,
            [*traced.lifted, *leaves],
            [*[False] * skip, *[True] * len(leaves)],
            what,
        )
        inputs = sum(type_of(leaf).size for leaf in leaves)
        outputs = sum(type.size for type in linear.output_types)
        forward = mode == "forward" or (mode == "auto" and inputs <= outputs)
        blocks = _columns(linear) if forward else _rows(linear)
        rows = []
        for block in blocks:
            by_argument = tree.unflatten(structure, owned(block, ()))
            single = isinstance(argnums, (int, np.integer))
            rows.append(by_argument[0] if single else by_argument)
        return tree.unflatten(traced.structure, rows)

    jacobian_of.__name__ = f"jacobian_of_{name_of(f)}"
    return jacobian_of


def hessian(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    r"""Return the function that computes all second derivatives of ``f``.

    .. math:: H_{ij} = \frac{\partial^2 f}{\partial x_i \, \partial x_j}

    Parameters
    ----------
    f : callable
        Returns a float without axes.
    argnums : int or sequence of int, default 0
        Arguments to differentiate in.

    Returns
    -------
    callable
        With the arguments of ``f``. For an array argument it returns an array of shape
        ``argument.shape + argument.shape``; for a pytree, its structure twice over.

    Notes
    -----
    Forward over reverse: the Jacobian, by forward mode, of the gradient.

    Examples
    --------
    >>> import numpy as np, chainrule as cr
    >>> cr.hessian(lambda x: x[0] ** 2 * x[1])(np.array([3.0, 5.0]))
    array([[10.,  6.],
           [ 6.,  0.]])
    """
    return jacobian(grad(f, argnums), argnums, mode="forward")


def hvp(f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    r"""Return the product of the Hessian of ``f`` with a vector, without forming the Hessian.

    .. math:: H_f(x) \, v = \frac{d}{dt} \nabla f(x + t v) \Big|_{t=0}

    Parameters
    ----------
    f : callable
        Returns a float without axes.
    primals : tuple of pytree
        Arguments x of ``f``; the Hessian is that in all of them.
    tangents : tuple of pytree
        Vector v, of the structure, shapes and dtypes of ``primals``.

    Returns
    -------
    pytree
        As the gradient: that of the argument if there is one, a tuple of them if there are more.

    References
    ----------
    .. [1] Pearlmutter, Fast exact multiplication by the Hessian, Neural Computation 6, 1994.

    Examples
    --------
    >>> import numpy as np, chainrule as cr
    >>> cr.hvp(lambda x: np.sum(x**3), (np.array([1.0, 2.0]),), (np.array([1.0, 0.0]),))
    array([6., 0.])
    """
    argnums: Any = 0 if len(primals) == 1 else tuple(range(len(primals)))
    return jvp(grad(f, argnums), primals, tangents)[1]
