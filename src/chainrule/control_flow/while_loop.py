"""`while_loop`: as many steps as a traced condition asks for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule import _tree as tree
from chainrule._errors import ArgumentTypeError, GraphError, ShapeError, UnsupportedError
from chainrule.compiler.interpreter import Program
from chainrule.control_flow.structure import (
    batch_size,
    batched_graph,
    chosen,
    chosen_tangents,
    closed,
    fill,
    jvp_graph,
    settled,
    split,
    spread,
    stable_carry,
    types_of,
)
from chainrule.ir import ArrayType, Graph, Op, evaluate, register
from chainrule.ops.family import BOOL
from chainrule.transforms.batch import batch_graph
from chainrule.transforms.tracing import (
    TracedFunction,
    as_leaf,
    check_callable,
    name_of,
    owned,
    shown,
    trace_function,
)


class _While(Op):
    """Apply ``body`` while ``condition`` holds.

    Inputs are the condition's constants, the body's constants and the initial carry; ``condition``
    takes its constants and the carry, ``body`` its own and the carry, and returns the carry.
    """

    name = "while"
    multiple = True
    linear = "all"

    def infer(
        self,
        *types: ArrayType,
        condition: Graph,
        body: Graph,
        condition_constants: int,
        body_constants: int,
    ) -> tuple[ArrayType, ...]:
        _, _, carry = split(types, condition_constants, body_constants)
        if condition.output_types != (ArrayType((), BOOL),):
            raise GraphError(f"while: the condition puts out {condition.output_types}.")
        if body.output_types != tuple(carry):
            raise GraphError(f"while: the carry changes from {carry} to {body.output_types}.")
        return body.output_types

    def evaluate(self, *arrays: Any, **params: Any) -> tuple[Any, ...]:
        return self.evaluator(**params)(*arrays)

    def evaluator(self, **params: Any) -> Callable[..., tuple[Any, ...]]:
        holds, step = Program(params["condition"]), Program(params["body"])
        first, second = params["condition_constants"], params["body_constants"]

        def run(*arrays: Any) -> tuple[Any, ...]:
            tested, used = arrays[:first], arrays[first : first + second]
            carry = tuple(arrays[first + second :])
            while holds(*tested, *carry)[0]:
                carry = step(*used, *carry)
            return carry

        return run

    def jvp(
        self,
        primals: Sequence[Any],
        tangents: Sequence[Any],
        *,
        condition: Graph,
        body: Graph,
        condition_constants: int,
        body_constants: int,
    ) -> tuple[Any, Any]:
        tested, used, carry = split(primals, condition_constants, body_constants)
        _, used_tangents, carry_tangents = split(tangents, condition_constants, body_constants)
        used_moving = [t is not None for t in used_tangents]
        moving, _, _ = stable_carry(
            [t is not None for t in carry_tangents],
            lambda flags: jvp_graph(body, [*used_moving, *flags]),
        )
        both, _ = jvp_graph(body, [*used_moving, *moving], moving)
        # Inputs of `both`: constants, carry, their tangents. The loop wants constants first.
        constants, values, constant_t, carry_t = split(
            both.inputs, len(used), len(carry), sum(used_moving)
        )
        step = Graph([*constants, *constant_t, *values, *carry_t], both.equations, both.outputs)
        carry_types = types_of(carry)
        test = closed(
            lambda *args: evaluate(condition, args[: len(tested) + len(carry)]),
            [*types_of(tested), *carry_types, *chosen(moving, carry_types)],
            "while_loop",
        )
        results = self(
            *tested,
            *used,
            *chosen(used_moving, used_tangents),
            *carry,
            *chosen_tangents(moving, carry_tangents, carry_types),
            condition=test,
            body=step,
            condition_constants=condition_constants,
            body_constants=body_constants + sum(used_moving),
        )
        return results[: len(carry)], fill(moving, results[len(carry) :])

    def linearize(
        self, primals: Sequence[Any], tangents: Sequence[Any], **params: Any
    ) -> tuple[Any, Any]:
        # The number of steps is not known, so nothing can be kept of them: the linear part runs
        # the loop again, with its tangents.
        outs = self(*primals, **params)
        _, out_tangents = self.jvp(primals, tangents, **params)
        return outs, out_tangents

    def transpose(self, cotangent: Any, inputs: Sequence[Any], **params: Any) -> Sequence[Any]:
        raise UnsupportedError(
            "reverse mode through while_loop: how many steps there are to keep is not known in "
            "advance. Use cr.scan, or cr.fori_loop with Python integers as bounds, for a fixed "
            "number of steps; or differentiate in forward mode (cr.jvp, "
            "cr.jacobian(mode='forward'))."
        )

    def batch(
        self,
        args: Sequence[Any],
        batched: Sequence[bool],
        *,
        condition: Graph,
        body: Graph,
        condition_constants: int,
        body_constants: int,
    ) -> tuple[Any, Any]:
        size = batch_size(args, batched)
        tested_flags, used_flags, start = split(batched, condition_constants, body_constants)
        flags, _, _ = stable_carry(
            start, lambda carry: batched_graph(body, [*used_flags, *carry], size)
        )
        _, (each_decides,) = batched_graph(condition, [*tested_flags, *flags], size)
        if each_decides:
            flags = [True] * len(flags)
        tested, used, carry = split(args, condition_constants, body_constants)
        carry = [
            spread(value, size) if now and not was else value
            for value, was, now in zip(carry, start, flags, strict=True)
        ]
        if not each_decides:
            step, _ = batched_graph(body, [*used_flags, *flags], size, flags)
            test, _ = batched_graph(condition, [*tested_flags, *flags], size)
            results = self(
                *tested,
                *used,
                *carry,
                condition=test,
                body=step,
                condition_constants=condition_constants,
                body_constants=body_constants,
            )
            return results, flags

        # Samples stop at different steps: go on while any of them does, and leave those that
        # have stopped as they are.
        def going(tested_values: Sequence[Any], values: Sequence[Any]) -> Any:
            (decision,), _ = batch_graph(
                condition, [*tested_values, *values], [*tested_flags, *flags]
            )
            return decision

        def step_some(*values: Any) -> list[Any]:
            tested_values, used_values, old = split(values, len(tested), len(used))
            active = going(tested_values, old)
            new, new_flags = batch_graph(body, [*used_values, *old], [*used_flags, *flags])
            return [
                np.where(
                    active.reshape((size,) + (1,) * (np.ndim(b) - 1)),
                    a if has else spread(a, size),
                    b,
                )
                for a, has, b in zip(new, new_flags, old, strict=True)
            ]

        carry_types = types_of(carry)
        step = closed(step_some, [*types_of(tested), *types_of(used), *carry_types], "while_loop")
        test = closed(
            lambda *values: [np.any(going(*split(values, len(tested))))],
            [*types_of(tested), *carry_types],
            "while_loop",
        )
        results = self(
            *tested,
            *tested,
            *used,
            *carry,
            condition=test,
            body=step,
            condition_constants=len(tested),
            body_constants=len(tested) + len(used),
        )
        return results, True


while_op = register(_While())


def while_loop(condition: Callable[[Any], Any], body: Callable[[Any], Any], init: Any) -> Any:
    """Repeat ``carry = body(carry)`` while ``condition(carry)`` holds.

    Parameters
    ----------
    condition : callable
        ``condition(carry)`` is a boolean without axes.
    body : callable
        ``body(carry) -> carry``, keeping structure, shapes and dtypes.
    init : pytree
        The carry at the start.

    Returns
    -------
    pytree
        The first carry for which the condition does not hold.

    Raises
    ------
    ShapeError
        If the condition is not one boolean.
    TreeError, ShapeError, DtypeError
        If the body changes the carry's structure, shapes or dtypes.
    UnsupportedError
        When reverse mode comes to it; forward mode works. Use `scan` or `fori_loop` there.

    Examples
    --------
    >>> import chainrule as cr
    >>> halved = cr.while_loop(lambda x: x > 1.0, lambda x: x / 2.0, 37.0)
    >>> float(halved)
    0.578125
    """
    check_callable("while_loop: condition", condition)
    check_callable("while_loop: body", body)
    what = f"while_loop({name_of(body)})"
    reason = "all steps of a while_loop are one graph"
    structure = tree.Structure(tuple, (), (tree.structure(init),))

    def trace(values: list[Any], weak: list[bool]) -> TracedFunction:
        return trace_function(body, values, structure, what, reason=reason, weak=weak)

    traced, leaves = settled(what, trace, lambda result: result, init)

    def decide(carry: Any) -> Any:
        decision = condition(carry)
        if tree.structure(decision) != tree.LEAF:
            raise ArgumentTypeError(
                f"{what}: the condition must return one boolean, got {shown(decision)}."
            )
        decision = as_leaf(decision, f"{what}: what the condition returned")
        if decision.shape != ():
            raise ShapeError(
                f"{what}: the condition must return one boolean, got shape {decision.shape}; use "
                "np.all or np.any."
            )
        return decision if decision.dtype == BOOL else decision != 0

    test = trace_function(decide, leaves, structure, what, reason=reason)
    results = while_op(
        *test.lifted,
        *traced.lifted,
        *leaves,
        condition=test.graph,
        body=traced.graph,
        condition_constants=len(test.lifted),
        body_constants=len(traced.lifted),
    )
    return tree.unflatten(traced.structure, owned(results, leaves))
