"""The loop as an op: the same graph applied again and again, with a carry.

Its forward derivative is a loop that carries values and tangents together. Its linearization is
two loops, one on the values that puts out what the derivative needs of every step, and one that is
linear in the tangents; transposed, the second runs from the last step to the first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule._errors import GraphError
from chainrule.compiler.interpreter import Program
from chainrule.control_flow.structure import (
    batch_size,
    batched_graph,
    chosen,
    chosen_tangents,
    closed,
    fill,
    jvp_graph,
    linearized_graph,
    split,
    spread,
    stable_carry,
    types_of,
)
from chainrule.ir import ArrayType, Graph, Op, register
from chainrule.ops.family import is_linear
from chainrule.transforms.forward import instantiate, zeros_of
from chainrule.transforms.reverse import LinearMap, transpose_graph


class _Scan(Op):
    """``length`` applications of ``body``: (constants, carry, x) → (carry, y).

    Inputs are the constants, the initial carry and the xs, which have the steps as first axis;
    results are the final carry and the ys, likewise. With ``reverse`` the steps run from last to
    first.
    """

    name = "scan"
    multiple = True
    linear = "all"

    def infer(
        self,
        *types: ArrayType,
        body: Graph,
        num_constants: int,
        num_carry: int,
        length: int,
        reverse: bool,
    ) -> tuple[ArrayType, ...]:
        constants, carry, xs = split(types, num_constants, num_carry)
        for x in xs:
            if not x.shape or x.shape[0] != length:
                raise GraphError(f"scan: expected {length} steps along the first axis, got {x}.")
        rows = [ArrayType(x.shape[1:], x.dtype) for x in xs]
        if (*constants, *carry, *rows) != body.input_types:
            raise GraphError(f"scan: the body takes {body.input_types}, got {types}.")
        out_carry, ys = split(body.output_types, num_carry)
        if out_carry != carry:
            raise GraphError(f"scan: the carry changes type from {carry} to {out_carry}.")
        return (*carry, *[ArrayType((length, *y.shape), y.dtype) for y in ys])

    def evaluate(self, *arrays: Any, **params: Any) -> tuple[Any, ...]:
        return self.evaluator(**params)(*arrays)

    def evaluator(self, **params: Any) -> Callable[..., tuple[Any, ...]]:
        body, length = params["body"], params["length"]
        num_constants, num_carry = params["num_constants"], params["num_carry"]
        step = Program(body)
        y_types = body.output_types[num_carry:]
        order = range(length - 1, -1, -1) if params["reverse"] else range(length)

        def run(*arrays: Any) -> tuple[Any, ...]:
            constants = arrays[:num_constants]
            carry = arrays[num_constants : num_constants + num_carry]
            xs = arrays[num_constants + num_carry :]
            ys = [np.empty((length, *type.shape), type.dtype) for type in y_types]
            for number in order:
                out = step(*constants, *carry, *[x[number] for x in xs])
                carry = out[:num_carry]
                for y, row in zip(ys, out[num_carry:], strict=True):
                    y[number] = row
            return (*carry, *ys)

        return run

    # -- derivatives -----------------------------------------------------------------------------

    def jvp(
        self, primals: Sequence[Any], tangents: Sequence[Any], **params: Any
    ) -> tuple[Any, Any]:
        body: Graph = params["body"]
        num_constants, num_carry = params["num_constants"], params["num_carry"]
        constants, start, xs = split([t is not None for t in tangents], num_constants, num_carry)
        carry, _, outs = stable_carry(
            start, lambda flags: jvp_graph(body, [*constants, *flags, *xs])
        )
        moving = [*constants, *carry, *xs]
        out_moving = [*carry, *outs[num_carry:]]
        both, _ = jvp_graph(body, moving, out_moving)

        def by_role(values: Sequence[Any]) -> list[Any]:
            # jvp_graph has all values, then all tangents; the loop wants constants, then carry,
            # then xs, each followed by their tangents.
            constant, carried, x, constant_t, carried_t, x_t = split(
                values, num_constants, num_carry, len(xs), sum(constants), sum(carry)
            )
            return [*constant, *constant_t, *carried, *carried_t, *x, *x_t]

        final, ys, final_t, ys_t = split(both.outputs, num_carry, len(outs) - num_carry, sum(carry))
        results = self(
            *by_role([*primals, *chosen_tangents(moving, tangents, types_of(primals))]),
            body=Graph(by_role(both.inputs), both.equations, [*final, *final_t, *ys, *ys_t]),
            num_constants=num_constants + sum(constants),
            num_carry=num_carry + sum(carry),
            length=params["length"],
            reverse=params["reverse"],
        )
        final, final_t, ys, ys_t = split(results, num_carry, sum(carry), len(ys))
        return (*final, *ys), fill(out_moving, [*final_t, *ys_t])

    def linearize(
        self, primals: Sequence[Any], tangents: Sequence[Any], **params: Any
    ) -> tuple[Any, Any]:
        constants, start, xs = split(
            [t is not None for t in tangents], params["num_constants"], params["num_carry"]
        )

        def derive(carry: list[bool]) -> tuple[Any, Sequence[bool]]:
            parts = linearized_graph(params["body"], [*constants, *carry, *xs], "scan")
            return parts, parts[1].moving_outputs

        carry, (known, linear), outs = stable_carry(start, derive)
        results, residuals, is_row = self._forward_loop(primals, known, **params)
        moving = [*constants, *carry, *xs]
        out_tangents = self._linear_loop(
            linear,
            residuals,
            is_row,
            chosen_tangents(moving, tangents, types_of(primals)),
            **params,
        )
        return tuple(results), fill([*carry, *outs[len(carry) :]], out_tangents)

    def _forward_loop(
        self, primals: Sequence[Any], known: Graph, **params: Any
    ) -> tuple[list[Any], list[Any], list[bool]]:
        """Run the loop on the values, and keep what its derivative needs of every step.

        A residual that is a constant or an x of the loop is at hand already; each of the others
        is put out as one more y.

        Parameters
        ----------
        known : Graph
            The body with its residuals as further outputs.

        Returns
        -------
        results, residuals : list
        is_row : list of bool
            Residuals that differ from step to step, and have the steps as first axis.
        """
        sizes = params["num_constants"], params["num_carry"]
        constants, _, xs = split(known.inputs, *sizes)
        constant_values, _, x_values = split(primals, *sizes)
        at_hand = dict(zip([*constants, *xs], [*constant_values, *x_values], strict=True))

        outs, residuals = split(known.outputs, len(params["body"].outputs))
        saved = [atom for atom in residuals if atom not in at_hand]
        body = Graph(known.inputs, known.equations, [*outs, *saved])
        results, stacked = split(self(*primals, **{**params, "body": body}), len(outs))
        source = iter(stacked)
        values = [at_hand[atom] if atom in at_hand else next(source) for atom in residuals]
        fixed = set(constants)
        return results, values, [atom not in fixed for atom in residuals]

    def _linear_loop(
        self,
        linear: LinearMap,
        residuals: Sequence[Any],
        is_row: Sequence[bool],
        tangents: Sequence[Any],
        **params: Any,
    ) -> Sequence[Any]:
        """Run the loop on the tangents that move; return those of the results that move.

        Its constants are the residuals that all steps share and the constants' tangents; its xs
        are the other residuals and the xs' tangents.
        """
        num_constants, num_carry = params["num_constants"], params["num_carry"]
        moving = linear.moving_inputs
        is_constant = [not row for row in is_row]
        constants, carry, _ = split(moving, num_constants, num_carry)
        sizes = sum(constants), sum(carry)
        out_moving = [*carry, *linear.moving_outputs[num_carry:]]

        def step(*values: Any) -> list[Any]:
            fixed, constant_t, carry_t, rows, x_t = split(
                values, sum(is_constant), *sizes, sum(is_row)
            )
            sources = {True: iter(rows), False: iter(fixed)}
            at_step = linear._replace(residuals=[next(sources[row]) for row in is_row])
            return chosen(out_moving, at_step.forward(fill(moving, [*constant_t, *carry_t, *x_t])))

        def arranged(of_residuals: Sequence[Any], of_tangents: Sequence[Any]) -> list[Any]:
            constant_t, carry_t, x_t = split(of_tangents, *sizes)
            fixed, rows = chosen(is_constant, of_residuals), chosen(is_row, of_residuals)
            return [*fixed, *constant_t, *carry_t, *rows, *x_t]

        residual_types = [var.type for var in linear.graph.inputs[: len(is_row)]]
        types = arranged(residual_types, chosen(moving, linear.input_types))
        return self(
            *arranged(residuals, tangents),
            body=closed(step, types, "scan"),
            num_constants=sum(is_constant) + sizes[0],
            num_carry=sizes[1],
            length=params["length"],
            reverse=params["reverse"],
        )

    def transpose(
        self, cotangent: Sequence[Any], inputs: Sequence[Any], **params: Any
    ) -> Sequence[Any]:
        body: Graph = params["body"]
        num_constants, num_carry = params["num_constants"], params["num_carry"]
        # The carry of a linear loop is linear. Where it starts with a known value that is a zero
        # put in for an absent tangent, which gets no cotangent.
        linear = [is_linear(value) for value in inputs]
        linear_constants, linear_carry, linear_xs = split(linear, num_constants, num_carry)
        linear = [*linear_constants, *[True] * num_carry, *linear_xs]
        carry_types = list(body.output_types[:num_carry])
        y_given = [ct is not None for ct in cotangent[num_carry:]]
        types = split(body.input_types, num_constants, num_carry)
        sum_types = chosen(linear_constants, types[0])
        known_constants = [not flag for flag in linear_constants]
        known_xs = [not flag for flag in linear_xs]

        def back(*values: Any) -> list[Any]:
            constants, carry_ct, sums, y_ct, rows = split(
                values, sum(known_constants), num_carry, len(sum_types), sum(y_given)
            )
            filled = [
                *fill(known_constants, constants),
                *[None] * num_carry,
                *fill(known_xs, rows),
            ]
            leaving = transpose_graph(body, filled, linear, [*carry_ct, *fill(y_given, y_ct)])
            constant_ct, new_carry, x_ct = split(leaving, num_constants, num_carry)
            new_sums = [
                total if ct is None else total + ct
                for total, ct in zip(sums, chosen(linear_constants, constant_ct), strict=True)
            ]
            return [
                *instantiate(new_carry, carry_types),
                *new_sums,
                *chosen_tangents(linear_xs, x_ct, types[2]),
            ]

        y_types = chosen(y_given, body.output_types[num_carry:])
        transposed = closed(
            back,
            [
                *chosen(known_constants, types[0]),
                *carry_types,
                *sum_types,
                *y_types,
                *chosen(known_xs, types[2]),
            ],
            "scan",
        )
        values = split(inputs, num_constants, num_carry)
        results = self(
            *chosen(known_constants, values[0]),
            *instantiate(cotangent[:num_carry], carry_types),
            *[zeros_of(type) for type in sum_types],
            *chosen(y_given, cotangent[num_carry:]),
            *chosen(known_xs, values[2]),
            body=transposed,
            num_constants=sum(known_constants),
            num_carry=num_carry + len(sum_types),
            length=params["length"],
            reverse=not params["reverse"],
        )
        carry_ct, sums, x_ct = split(results, num_carry, len(sum_types))
        init_ct = [ct if flag else None for ct, flag in zip(carry_ct, linear_carry, strict=True)]
        return [*fill(linear_constants, sums), *init_ct, *fill(linear_xs, x_ct)]

    def batch(self, args: Sequence[Any], batched: Sequence[bool], **params: Any) -> tuple[Any, Any]:
        body: Graph = params["body"]
        num_constants, num_carry = params["num_constants"], params["num_carry"]
        size = batch_size(args, batched)
        constants, start, xs = split(batched, num_constants, num_carry)
        carry, _, outs = stable_carry(
            start, lambda flags: batched_graph(body, [*constants, *flags, *xs], size)
        )
        flags = [*constants, *carry, *xs]
        out_flags = [*carry, *outs[num_carry:]]
        new_body, _ = batched_graph(body, flags, size, out_flags)
        values = []
        for number, (arg, was, now) in enumerate(zip(args, batched, flags, strict=True)):
            if now and not was:
                arg = spread(arg, size)
            elif was and number >= num_constants + num_carry:
                arg = np.moveaxis(arg, 1, 0)  # steps first, samples second
            values.append(arg)
        results = self(*values, **{**params, "body": new_body})
        placed = [
            np.moveaxis(out, 0, 1) if is_b and number >= num_carry else out
            for number, (out, is_b) in enumerate(zip(results, out_flags, strict=True))
        ]
        return tuple(placed), out_flags


scan_op = register(_Scan())
