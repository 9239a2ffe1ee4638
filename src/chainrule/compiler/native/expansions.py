"""Ops that are compiled as other ops: what they compute, in NumPy.

The NumPy code is traced when a graph is scheduled, and its graph takes the place of the op.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.compiler.native.control import inline
from chainrule.ir import OPS, Equation
from chainrule.transforms.tracing import graph_of

if TYPE_CHECKING:
    from chainrule.compiler.native.schedule import Scheduler

FLOAT16, FLOAT32 = np.dtype(np.float16), np.dtype(np.float32)


def _pinv(a: Any, *, cutoff: float, hermitian: bool) -> Any:
    if not a.size:
        return np.zeros((*a.shape[:-2], a.shape[-1], a.shape[-2]), a.dtype)
    if hermitian:
        eigenvalues, u = np.linalg.eigh(a)
        s, v = np.abs(eigenvalues), u * np.sign(eigenvalues)[..., None, :]
    else:
        u, s, vt = np.linalg.svd(a, full_matrices=False)
        v = vt.mT
    is_large = s > cutoff * np.max(s, axis=-1, keepdims=True)
    inverse = np.where(is_large, 1 / np.where(is_large, s, 1), 0)
    return (v * inverse[..., None, :]) @ u.mT


def _divided_by_gaps(p: Any, x: Any, y: Any, *, own: bool, what: str) -> Any:
    """Return whether a gap is closed, and the quotients."""
    gaps = y[..., None, :] - x[..., :, None]
    if not gaps.size:
        return np.False_, p
    largest = np.maximum(np.max(np.abs(x), axis=-1), np.max(np.abs(y), axis=-1))
    bound = 10 * max(p.shape[-2:]) * np.finfo(p.dtype).eps * largest
    is_closed = np.abs(gaps) <= bound[..., None, None]
    if own:
        diagonal = np.eye(p.shape[-1], dtype=bool)
        is_closed = is_closed & ~diagonal
        gaps = np.where(diagonal, np.inf, gaps)
    return np.any(is_closed), p / gaps.astype(p.dtype)


EXPANSIONS: dict[str, Callable[..., Any]] = {
    "cofactors": OPS["cofactors"].evaluate,
    "pinv": _pinv,
}
"""What some ops compute, as NumPy code that can be traced."""

IN_FLOAT32 = frozenset(
    {
        "argmax",
        "argmin",
        "argsort",
        "dot",
        "reduce_max",
        "reduce_min",
        "reduce_prod",
        "reduce_sum",
        "searchsorted",
        "sort",
    }
)
"""Ops that put many float16 together as float32, and round once in the end."""


def expansion_of(equation: Equation) -> Callable[..., Any] | None:
    """Return NumPy code for an equation, if that is how it is compiled."""
    op, params = equation.op, equation.params
    if op.name in EXPANSIONS:
        return functools.partial(EXPANSIONS[op.name], **params)
    if op.name in IN_FLOAT32 and equation.inputs[0].type.dtype == FLOAT16:
        (output,) = equation.outputs

        def widened(*arguments: Any) -> Any:
            result = op(*[argument.astype(FLOAT32) for argument in arguments], **params)
            return result.astype(output.type.dtype)

        return widened
    return None


def expand(scheduler: Scheduler, equation: Equation, function: Callable[..., Any]) -> list[Any]:
    """Schedule the graph of a function of an equation's inputs; return what it gives."""

    def flat(*arguments: Any) -> list[Any]:
        result = function(*arguments)
        return list(result) if isinstance(result, tuple) else [result]

    types = [atom.type for atom in equation.inputs]
    graph, _ = graph_of(flat, types, equation.op.name)
    return inline(scheduler, graph, equation.inputs)


def _divide_by_gaps(scheduler: Scheduler, equation: Equation) -> None:
    (output,) = equation.outputs
    function = functools.partial(_divided_by_gaps, **equation.params)
    is_closed, quotients = expand(scheduler, equation, function)
    scheduler.leave_if(is_closed, ())
    scheduler.define(output, quotients)


HANDLERS = {"divide_by_gaps": _divide_by_gaps}
