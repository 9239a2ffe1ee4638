"""`scan`: a loop as one op, whose every step is the same graph.

An epoch is a scan over minibatches, a recurrent network a scan over time, an ODE solver a scan
over steps. Its derivative is a scan again. In reverse mode the loop runs forward once and keeps
of each step only what the derivative needs; the transposed loop then runs from the last step to
the first. With ``checkpoint`` it keeps less and computes the rest again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule import _tree as tree
from chainrule._errors import InvalidArgumentError, ShapeError
from chainrule.control_flow.checkpoint import checkpoint as recomputed
from chainrule.control_flow.scan_op import scan_op
from chainrule.control_flow.structure import settled, types_of
from chainrule.ir import ArrayType, type_of
from chainrule.transforms.tracing import (
    TracedFunction,
    as_leaves,
    check_callable,
    name_of,
    owned,
    shown,
    trace_function,
)


def scan(
    body: Callable[[Any, Any], tuple[Any, Any]],
    init: Any,
    xs: Any,
    length: int | None = None,
    reverse: bool = False,
    checkpoint: bool | int = False,
) -> tuple[Any, Any]:
    r"""Loop with a carry over the first axis of arrays: one op, however many steps.

    .. math:: (c_{t+1}, y_t) = \mathrm{body}(c_t, x_t), \qquad t = 0, \dots, n - 1

    Parameters
    ----------
    body : callable
        ``body(carry, x) -> (carry, y)``; the carry keeps its structure, shapes and dtypes.
    init : pytree
        The carry before the first step.
    xs : pytree or None
        Arrays whose first axis counts the steps; ``body`` gets one slice of each. None for
        nothing but the carry, and then ``length`` is needed.
    length : int, optional
        Number of steps; must agree with ``xs``.
    reverse : bool, default False
        Whether to run from the last step to the first. ``ys`` stay where their ``xs`` are.
    checkpoint : bool or int, default False
        What reverse mode keeps. False: of every step, all that its derivative needs. An integer k:
        only the carry every k steps; what lies between is computed again. True: k = √n, so that
        memory grows as √n, for about one more forward run of time.

    Returns
    -------
    carry : pytree
        After the last step.
    ys : pytree
        What the steps put out, stacked along a new first axis.

    Raises
    ------
    ShapeError
        If first axes differ in length from each other or from ``length``.
    TreeError, ShapeError, DtypeError
        If a step changes the carry's structure, shapes or dtypes. Python numbers in ``init`` take
        on the dtype the body gives them.

    References
    ----------
    .. [1] Griewank and Walther, Algorithm 799: revolve, ACM TOMS 26, 2000, on checkpointing.

    Examples
    --------
    >>> import numpy as np, chainrule as cr
    >>> total, running = cr.scan(lambda c, x: (c + x, c + x), 0.0, np.arange(1.0, 5.0))
    >>> float(total), running
    (10.0, array([ 1.,  3.,  6., 10.]))
    """
    check_callable("scan: body", body)
    what = f"scan({name_of(body)})"
    x_leaves, x_structure = as_leaves(xs, f"{what}: xs")
    steps = _number_of_steps(what, x_leaves, tree.leaves_with_path(xs), length)
    if checkpoint:
        if not isinstance(checkpoint, (bool, int, np.integer)) or checkpoint < 1:
            raise InvalidArgumentError(
                f"{what}: checkpoint must be True, False or a positive number of steps, "
                f"got {checkpoint!r}."
            )
        segment = max(1, math.isqrt(steps)) if checkpoint is True else int(checkpoint)
        return _checkpointed(body, init, xs, steps, reverse, segment)
    traced, leaves = _trace_body(what, body, init, x_leaves, x_structure)
    num_carry = len(leaves)
    results = scan_op(
        *traced.lifted,
        *leaves,
        *x_leaves,
        body=traced.graph,
        num_constants=len(traced.lifted),
        num_carry=num_carry,
        length=steps,
        reverse=bool(reverse),
    )
    carry_structure, y_structure = traced.structure.children
    results = owned(results, [*leaves, *x_leaves])
    return (
        tree.unflatten(carry_structure, results[:num_carry]),
        tree.unflatten(y_structure, results[num_carry:]),
    )


def _number_of_steps(
    what: str, leaves: Sequence[Any], paths: Sequence[tuple[str, Any]], length: int | None
) -> int:
    is_count = isinstance(length, (int, np.integer)) and not isinstance(length, bool)
    if length is not None and not (is_count and length >= 0):
        raise InvalidArgumentError(
            f"{what}: length must be a non-negative integer that is known when the loop is traced, "
            f"got {length!r}."
        )
    if not leaves:
        if length is None:
            raise InvalidArgumentError(
                f"{what}: xs holds no arrays, got length=None; give the number of steps as length."
            )
        return int(length)
    steps = length
    for (path, _), leaf in zip(paths, leaves, strict=True):
        shape = type_of(leaf).shape
        if not shape:
            raise ShapeError(
                f"{what}: xs{path} must have an axis that counts the steps, got a number; pass "
                "what is the same in every step through the carry or a closure."
            )
        if steps is None:
            steps = shape[0]
        elif shape[0] != steps:
            raise ShapeError(
                f"{what}: xs{path} must have {steps} steps along its first axis, got shape {shape}."
            )
    assert steps is not None
    return int(steps)


def _trace_body(
    what: str, body: Callable[..., Any], init: Any, x_leaves: Sequence[Any], x_structure: Any
) -> tuple[Any, list[Any]]:
    """Trace one step; return it and the leaves of the carry at the start."""
    rows = [ArrayType(type.shape[1:], type.dtype) for type in types_of(x_leaves)]
    structure = tree.Structure(tuple, (), (tree.structure(init), x_structure))

    def step(carry: Any, x: Any) -> Any:
        result = body(carry, x)
        if not (isinstance(result, tuple) and len(result) == 2):
            raise InvalidArgumentError(
                f"{what}: the body must return a pair (carry, y), got {shown(result)}; "
                "return None as y if there is nothing to put out."
            )
        return result

    def trace(leaves: list[Any], weak: list[bool]) -> TracedFunction:
        return trace_function(
            step,
            [*leaves, *x_leaves],
            structure,
            what,
            reason="all steps of a scan are one graph",
            types=[*types_of(leaves), *rows],
            weak=[*weak, *[False] * len(rows)],
        )

    return settled(what, trace, lambda result: result.children[0], init)


def _checkpointed(
    body: Callable[..., Any], init: Any, xs: Any, steps: int, reverse: bool, segment: int
) -> tuple[Any, Any]:
    """Run as a scan over segments, each of which reverse mode computes again."""
    whole = steps // segment
    rest = steps - whole * segment

    def run_segment(carry: Any, rows: Any) -> Any:
        return scan(body, carry, rows, segment, reverse)

    def run_whole(carry: Any) -> Any:
        offset = rest if reverse else 0
        grouped = tree.map(
            lambda x: x[offset : offset + whole * segment].reshape((whole, segment, *x.shape[1:])),
            xs,
        )
        carry, ys = scan(recomputed(run_segment), carry, grouped, whole, reverse)
        return carry, tree.map(lambda y: y.reshape((whole * segment, *y.shape[2:])), ys)

    def run_rest(carry: Any) -> Any:
        rows = tree.map(lambda x: x[:rest] if reverse else x[whole * segment :], xs)
        return recomputed(lambda c, r: scan(body, c, r, rest, reverse))(carry, rows)

    if not whole:
        return run_rest(init)
    # The short segment comes at the end of the array, so in a reversed scan at its beginning:
    # either way it runs last.
    carry, ys = run_whole(init)
    if not rest:
        return carry, ys
    carry, last = run_rest(carry)
    pair = (
        (lambda a, b: np.concatenate([b, a])) if reverse else (lambda a, b: np.concatenate([a, b]))
    )
    return carry, tree.map(pair, ys, last)
