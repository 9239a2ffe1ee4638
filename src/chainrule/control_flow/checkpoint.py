"""`checkpoint`: a function of which reverse mode keeps the arguments only."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from chainrule import _tree as tree
from chainrule.compiler.interpreter import Program
from chainrule.control_flow.structure import (
    batch_size,
    batched_graph,
    chosen,
    closed,
    fill,
    jvp_graph,
    types_of,
)
from chainrule.ir import ArrayType, Graph, Op, register
from chainrule.ops.family import is_linear
from chainrule.transforms.reverse import linearize_graph, transpose_graph
from chainrule.transforms.tracing import as_arguments, is_weak, name_of, trace_function


class _Checkpoint(Op):
    """A graph evaluated as one op, whose derivative starts again from the inputs."""

    name = "checkpoint"
    multiple = True
    linear = "all"

    def infer(self, *types: ArrayType, graph: Graph) -> tuple[ArrayType, ...]:
        return graph.output_types

    def evaluate(self, *arrays: Any, graph: Graph) -> tuple[Any, ...]:
        return Program(graph)(*arrays)

    def evaluator(self, **params: Any) -> Callable[..., tuple[Any, ...]]:
        return Program(params["graph"])

    def jvp(
        self, primals: Sequence[Any], tangents: Sequence[Any], *, graph: Graph
    ) -> tuple[Any, Any]:
        moving = [t is not None for t in tangents]
        both, out_moving = jvp_graph(graph, moving)
        results = self(*primals, *chosen(moving, tangents), graph=both)
        count = len(graph.outputs)
        return results[:count], fill(out_moving, results[count:])

    def linearize(
        self, primals: Sequence[Any], tangents: Sequence[Any], *, graph: Graph
    ) -> tuple[Any, Any]:
        moving = [t is not None for t in tangents]
        out_moving: list[bool] = []
        count = len(graph.inputs)

        def derivative(*args: Any) -> list[Any]:
            # The primal values are computed again here, in the linear part.
            _, linear = linearize_graph(graph, args[:count], moving)
            out_moving.extend(linear.moving_outputs)
            return chosen(out_moving, linear.forward(fill(moving, args[count:])))

        types = graph.input_types
        again = closed(derivative, [*types, *chosen(moving, types)], "checkpoint")
        outs = self(*primals, graph=graph)
        out_tangents = self(*primals, *chosen(moving, tangents), graph=again)
        return outs, fill(out_moving, out_tangents)

    def transpose(
        self, cotangent: Sequence[Any], inputs: Sequence[Any], *, graph: Graph
    ) -> Sequence[Any]:
        linear = [is_linear(value) for value in inputs]
        known = [not flag for flag in linear]
        given = [ct is not None for ct in cotangent]
        reached: list[bool] = []

        def back(*args: Any) -> list[Any]:
            values = fill(known, args[: sum(known)])
            arriving = fill(given, args[sum(known) :])
            leaving = transpose_graph(graph, values, linear, arriving)
            reached.extend(ct is not None for ct in leaving)
            return chosen(reached, leaving)

        types = [*chosen(known, graph.input_types), *chosen(given, graph.output_types)]
        transposed = closed(back, types, "checkpoint")
        results = self(*chosen(known, inputs), *chosen(given, cotangent), graph=transposed)
        return fill(reached, results)

    def batch(
        self, args: Sequence[Any], batched: Sequence[bool], *, graph: Graph
    ) -> tuple[Any, Any]:
        new_graph, flags = batched_graph(graph, batched, batch_size(args, batched))
        return self(*args, graph=new_graph), flags


checkpoint_op = register(_Checkpoint())


def checkpoint(f: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``f`` with a derivative that keeps its arguments and computes the rest again.

    Reverse mode keeps intermediate values from the forward run for the way back. Of a function
    marked so it keeps only the arguments, and runs it once more when the way back comes to it:
    less memory for more time.

    Parameters
    ----------
    f : callable
        Written in NumPy; pytrees in and out.

    Returns
    -------
    callable
        With the arguments and results of ``f``.

    References
    ----------
    .. [1] Griewank and Walther, Algorithm 799: revolve, ACM TOMS 26, 2000.

    Examples
    --------
    >>> import numpy as np, chainrule as cr
    >>> gradient = cr.grad(cr.checkpoint(lambda x: np.sin(np.sin(x))))(1.0)
    >>> round(float(gradient), 6) == round(float(np.cos(np.sin(1.0)) * np.cos(1.0)), 6)
    True
    """

    @functools.wraps(f)
    def checkpointed(*args: Any) -> Any:
        what = f"checkpoint({name_of(f)})"
        leaves, structure = as_arguments(args, what)
        weak = [is_weak(leaf) for leaf in tree.leaves(args)]
        traced = trace_function(
            f, leaves, structure, what, with_values=True, types=types_of(leaves), weak=weak
        )
        results = checkpoint_op(*traced.lifted, *leaves, graph=traced.graph)
        return tree.unflatten(traced.structure, list(results))

    return checkpointed
