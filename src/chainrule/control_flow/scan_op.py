"""The loop as an op: the same graph applied again and again, with a carry.

Its forward derivative is a loop that carries values and tangents together. Its linearization is
two loops, one on the values that puts out what the derivative needs of every step, and one that is
linear in the tangents; transposed, the second runs from the last step to the first.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule._errors import GraphError
from chainrule.compiler.interpreter import Program
from chainrule.control_flow.structure import (
    batch_size,
    batched_graph,
    chosen,
    closed,
    fill,
    jvp_graph,
    split,
    spread,
)
from chainrule.ir import ArrayType, Graph, Op, Var, register, type_of
from chainrule.ops.family import is_linear
from chainrule.transforms.forward import zeros_of
from chainrule.transforms.reverse import linearize_graph, transpose_graph


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

    def _moving_carry(
        self, moving: list[bool], num_constants: int, num_carry: int, step: Callable[..., Any]
    ) -> tuple[list[bool], Any]:
        """Find which parts of the carry move, given which inputs do; ``step`` tells one round.

        A part moves if it does at the start or some step makes it move, so the set only grows.
        """
        while True:
            result, out_moving = step(moving)
            carry = moving[num_constants : num_constants + num_carry]
            grown = [a or b for a, b in zip(carry, out_moving[:num_carry], strict=True)]
            if grown == carry:
                return moving, result
            moving = moving[:num_constants] + grown + moving[num_constants + num_carry :]

    def jvp(
        self, primals: Sequence[Any], tangents: Sequence[Any], **params: Any
    ) -> tuple[Any, Any]:
        body = params["body"]
        num_constants, num_carry = params["num_constants"], params["num_carry"]

        def step(flags: list[bool]) -> tuple[Any, list[bool]]:
            return None, jvp_graph(body, flags)[1]

        start = [t is not None for t in tangents]
        moving, _ = self._moving_carry(start, num_constants, num_carry, step)
        _, natural = jvp_graph(body, moving)
        out_moving = moving[num_constants : num_constants + num_carry] + natural[num_carry:]
        both, _ = jvp_graph(body, moving, out_moving)
        # jvp_graph takes all values, then all tangents; scan wants constants, carry, xs together.
        kinds = split(range(len(body.inputs)), num_constants, num_carry)
        count = len(body.inputs)
        tangent_slot = dict(zip(chosen(moving, range(count)), itertools.count(count), strict=False))
        order = [
            slot
            for kind in kinds
            for slot in (*kind, *[tangent_slot[i] for i in kind if moving[i]])
        ]
        outs = len(body.outputs)
        out_slot = dict(zip(chosen(out_moving, range(outs)), itertools.count(outs), strict=False))
        out_kinds = split(range(outs), num_carry)
        out_order = [
            slot
            for kind in out_kinds
            for slot in (*kind, *[out_slot[i] for i in kind if out_moving[i]])
        ]
        merged = Graph(
            [both.inputs[i] for i in order], both.equations, [both.outputs[i] for i in out_order]
        )
        filled = [
            zeros_of(type_of(p)) if moves and t is None else t
            for p, t, moves in zip(primals, tangents, moving, strict=True)
        ]
        values = [*primals, *chosen(moving, filled)]
        results = self(
            *[values[i] for i in order],
            body=merged,
            num_constants=num_constants + sum(moving[:num_constants]),
            num_carry=num_carry + sum(moving[num_constants : num_constants + num_carry]),
            length=params["length"],
            reverse=params["reverse"],
        )
        unsorted = dict(zip(out_order, results, strict=True))
        return (
            tuple([unsorted[i] for i in range(outs)]),
            [unsorted[out_slot[i]] if out_moving[i] else None for i in range(outs)],
        )

    def linearize(
        self, primals: Sequence[Any], tangents: Sequence[Any], **params: Any
    ) -> tuple[Any, Any]:
        body: Graph = params["body"]
        num_constants, num_carry = params["num_constants"], params["num_carry"]
        linear_of: dict[str, Any] = {}

        def split_step(moving: list[bool]) -> tuple[Graph, list[bool]]:
            def known(*values: Any) -> list[Any]:
                outs, linear = linearize_graph(body, values, moving, "scan")
                linear_of["map"] = linear
                linear_of["residuals"] = [residual.variable for residual in linear.residuals]
                return [*outs, *linear.residuals]

            graph = closed(known, body.input_types, "scan")
            return graph, list(linear_of["map"].moving_outputs)

        start = [t is not None for t in tangents]
        moving, known = self._moving_carry(start, num_constants, num_carry, split_step)
        linear = linear_of["map"]

        # Where each residual is to be had: constants and xs are at hand already, the rest is put
        # out by the forward loop as one more y.
        position = {var: number for number, var in enumerate(known.inputs)}
        outs = len(body.outputs)
        residuals = known.outputs[outs:]
        # -1 for a residual that is no input, and so less than any input's number.
        sources = [position.get(r, -1) if isinstance(r, Var) else -1 for r in residuals]
        is_constant = [0 <= source < num_constants for source in sources]
        is_x = [source >= num_constants + num_carry for source in sources]
        stacked = [not (c or x) for c, x in zip(is_constant, is_x, strict=True)]
        forward = Graph(
            known.inputs, known.equations, [*known.outputs[:outs], *chosen(stacked, residuals)]
        )
        results = self(*primals, **{**params, "body": forward})
        saved = iter(results[outs:])
        constant_residuals = [primals[source] for source in chosen(is_constant, sources)]
        row_residuals = [
            primals[source] if x else next(saved)
            for source, c, x in zip(sources, is_constant, is_x, strict=True)
            if not c
        ]

        # The loop in the tangents, its residuals sorted into constants and xs.
        residual_types = [atom.type for atom in residuals]
        is_row = [not c for c in is_constant]
        moving_parts = split(moving, num_constants, num_carry)
        type_parts = split(body.input_types, num_constants, num_carry)
        tangent_types = [
            chosen(flags, types) for flags, types in zip(moving_parts, type_parts, strict=True)
        ]
        carry_moving = moving_parts[1]
        y_moving = list(linear.moving_outputs[num_carry:])

        def linear_step(*values: Any) -> list[Any]:
            constant_res, constant_t, carry_t, row_res, x_t = split(
                values,
                sum(is_constant),
                len(tangent_types[0]),
                len(tangent_types[1]),
                sum(is_row),
            )
            by_kind = {True: iter(row_res), False: iter(constant_res)}
            ordered = [next(by_kind[row]) for row in is_row]
            outs_t = linear._replace(residuals=ordered).forward(
                fill(moving, [*constant_t, *carry_t, *x_t])
            )
            return [
                *chosen(carry_moving, outs_t[:num_carry]),
                *chosen(y_moving, outs_t[num_carry:]),
            ]

        linear_body = closed(
            linear_step,
            [
                *chosen(is_constant, residual_types),
                *tangent_types[0],
                *tangent_types[1],
                *chosen(is_row, residual_types),
                *tangent_types[2],
            ],
            "scan",
        )
        filled = [
            zeros_of(type_of(p)) if moves and t is None else t
            for p, t, moves in zip(primals, tangents, moving, strict=True)
        ]
        tangent_parts = split(filled, num_constants, num_carry)
        out_tangents = self(
            *constant_residuals,
            *chosen(moving_parts[0], tangent_parts[0]),
            *chosen(carry_moving, tangent_parts[1]),
            *row_residuals,
            *chosen(moving_parts[2], tangent_parts[2]),
            body=linear_body,
            num_constants=sum(is_constant) + len(tangent_types[0]),
            num_carry=len(tangent_types[1]),
            length=params["length"],
            reverse=params["reverse"],
        )
        return tuple(results[:outs]), fill([*carry_moving, *y_moving], out_tangents)

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
        carry_cotangents = [
            zeros_of(type) if ct is None else ct
            for ct, type in zip(cotangent[:num_carry], carry_types, strict=True)
        ]
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
            zeroed = [
                zeros_of(type) if ct is None else ct
                for ct, type in zip(
                    [*new_carry, *chosen(linear_xs, x_ct)],
                    [*carry_types, *chosen(linear_xs, types[2])],
                    strict=True,
                )
            ]
            return [*zeroed[:num_carry], *new_sums, *zeroed[num_carry:]]

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
            *carry_cotangents,
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

        def step(flags: list[bool]) -> tuple[Any, list[bool]]:
            return None, batched_graph(body, flags, size)[1]

        flags, _ = self._moving_carry(list(batched), num_constants, num_carry, step)
        carry_flags = flags[num_constants : num_constants + num_carry]
        _, natural = batched_graph(body, flags, size)
        out_flags = carry_flags + natural[num_carry:]
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
