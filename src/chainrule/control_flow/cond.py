"""`cond`: one of two graphs, chosen by a traced truth value."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule import _tree as tree
from chainrule._dtypes import promotion_key, result_dtype
from chainrule._errors import GraphError, ShapeError
from chainrule.compiler.interpreter import Program
from chainrule.control_flow.structure import (
    batch_size,
    batched_graph,
    check_same,
    chosen,
    chosen_tangents,
    closed,
    either,
    fill,
    jvp_graph,
    linearized_graph,
    split,
)
from chainrule.frontend.conversion import as_array, as_dtype
from chainrule.frontend.tracer import Tracer
from chainrule.ir import ArrayType, Graph, Op, Var, evaluate, register, type_of
from chainrule.ops.family import BOOL, is_linear
from chainrule.transforms.forward import zeros_of
from chainrule.transforms.reverse import transpose_graph
from chainrule.transforms.tracing import (
    TracedFunction,
    as_leaf,
    as_leaves,
    check_callable,
    is_weak,
    name_of,
    trace_function,
)


class _Cond(Op):
    """``branches[0]`` where the first input, a boolean, holds; ``branches[1]`` where not.

    Both branches take the other inputs and have results of the same types.
    """

    name = "cond"
    multiple = True
    linear = "all"

    def infer(self, *types: ArrayType, branches: tuple[Graph, Graph]) -> tuple[ArrayType, ...]:
        first, second = branches
        if types[0] != ArrayType((), BOOL):
            raise GraphError(f"cond: expected a boolean, got {types[0]}.")
        for branch in branches:
            if branch.input_types != types[1:]:
                raise GraphError(f"cond: a branch takes {branch.input_types}, got {types[1:]}.")
        if first.output_types != second.output_types:
            raise GraphError(
                f"cond: branches put out {first.output_types} and {second.output_types}."
            )
        return first.output_types

    def evaluate(self, *arrays: Any, branches: tuple[Graph, Graph]) -> tuple[Any, ...]:
        return Program(branches[0] if arrays[0] else branches[1])(*arrays[1:])

    def evaluator(self, **params: Any) -> Callable[..., tuple[Any, ...]]:
        holds, fails = [Program(branch) for branch in params["branches"]]
        return lambda condition, *arrays: (holds if condition else fails)(*arrays)

    def jvp(
        self, primals: Sequence[Any], tangents: Sequence[Any], *, branches: tuple[Graph, Graph]
    ) -> tuple[Any, Any]:
        moving = [t is not None for t in tangents[1:]]
        out_moving = either(*[jvp_graph(branch, moving)[1] for branch in branches])
        both = tuple([jvp_graph(branch, moving, out_moving)[0] for branch in branches])
        results = self(*primals, *chosen(moving, tangents[1:]), branches=both)
        count = len(out_moving)
        return results[:count], fill(out_moving, results[count:])

    def linearize(
        self, primals: Sequence[Any], tangents: Sequence[Any], *, branches: tuple[Graph, Graph]
    ) -> tuple[Any, Any]:
        moving = [t is not None for t in tangents[1:]]
        types = branches[0].input_types
        known, maps = zip(
            *[linearized_graph(branch, moving, "cond") for branch in branches], strict=True
        )
        count = len(branches[0].outputs)
        residual_types = [list(graph.output_types[count:]) for graph in known]

        # Each branch puts out its own residuals, and zeros in place of the other's.
        padded = []
        for number, graph in enumerate(known):
            blank = [zeros_of(type) for type in residual_types[1 - number]]

            def whole(
                *values: Any, graph: Graph = graph, blank: Any = blank, first: bool = number == 0
            ) -> list[Any]:
                results = evaluate(graph, values)
                outs, own = results[:count], results[count:]
                return [*outs, *own, *blank] if first else [*outs, *blank, *own]

            padded.append(closed(whole, types, "cond"))
        results = self(*primals, branches=tuple(padded))
        residuals = results[count:]

        out_moving = either(*[linear.moving_outputs for linear in maps])
        sizes = [len(part) for part in residual_types]
        linear_branches = []
        for number, linear in enumerate(maps):

            def apply(*values: Any, linear: Any = linear, number: int = number) -> list[Any]:
                *own, directions = split(values, *sizes)
                outs = linear._replace(residuals=own[number]).forward(fill(moving, directions))
                return chosen(out_moving, outs)

            linear_branches.append(
                closed(
                    apply,
                    [*residual_types[0], *residual_types[1], *chosen(moving, types)],
                    "cond",
                )
            )
        out_tangents = self(
            primals[0],
            *residuals,
            *chosen(moving, tangents[1:]),
            branches=tuple(linear_branches),
        )
        return results[:count], fill(out_moving, out_tangents)

    def transpose(
        self, cotangent: Sequence[Any], inputs: Sequence[Any], *, branches: tuple[Graph, Graph]
    ) -> Sequence[Any]:
        condition, *operands = inputs
        linear = [is_linear(value) for value in operands]
        known = [not flag for flag in linear]
        given = [ct is not None for ct in cotangent]
        types = branches[0].input_types

        def transposed(branch: Graph) -> Graph:
            def back(*args: Any) -> list[Any]:
                values, arriving = split(args, sum(known))
                leaving = transpose_graph(
                    branch, fill(known, values), linear, fill(given, arriving)
                )
                return chosen_tangents(linear, leaving, types)

            return closed(
                back, [*chosen(known, types), *chosen(given, branch.output_types)], "cond"
            )

        results = self(
            condition,
            *chosen(known, operands),
            *chosen(given, cotangent),
            branches=tuple([transposed(branch) for branch in branches]),
        )
        return [None, *fill(linear, results)]

    def batch(
        self, args: Sequence[Any], batched: Sequence[bool], *, branches: tuple[Graph, Graph]
    ) -> tuple[Any, Any]:
        size = batch_size(args, batched)
        condition, *operands = args
        flags = list(batched[1:])
        if not batched[0]:
            wanted = either(*[batched_graph(branch, flags, size)[1] for branch in branches])
            both = [batched_graph(branch, flags, size, wanted)[0] for branch in branches]
            return self(condition, *operands, branches=tuple(both)), wanted
        if size == 0:
            types = branches[0].output_types
            return tuple([np.zeros((0, *type.shape), type.dtype) for type in types]), True
        # Samples choose differently: each branch is run for all of them, unless none takes it,
        # and each sample picks its result. A branch must not see a sample that does not take it,
        # since it may be there to keep a division by zero away; such a sample is replaced by one
        # that does take the branch.
        sides = []
        for branch, taken in zip(branches, (condition, ~condition), strict=True):
            example = np.argmax(taken)
            stand_ins = [
                np.where(_per_sample(taken, x), x, x[example]) if is_b else x
                for x, is_b in zip(operands, flags, strict=True)
            ]
            every = [True] * len(branch.outputs)
            run, _ = batched_graph(branch, flags, size, every)
            blank = closed(
                lambda *_, run=run: [zeros_of(type) for type in run.output_types],
                run.input_types,
                "cond",
            )
            sides.append(self(np.any(taken), *stand_ins, branches=(run, blank)))
        picked = [
            np.where(_per_sample(condition, yes), yes, no) for yes, no in zip(*sides, strict=True)
        ]
        return tuple(picked), True


def _per_sample(flags: Any, values: Any) -> Any:
    """Return one flag per sample in a shape that broadcasts against the samples."""
    return flags.reshape(flags.shape + (1,) * (np.ndim(values) - 1))


cond_op = register(_Cond())


def cond(
    condition: Any,
    when_true: Callable[..., Any],
    when_false: Callable[..., Any],
    *operands: Any,
) -> Any:
    """Compute one of two functions, chosen by a truth value that may be traced.

    Parameters
    ----------
    condition : bool, or array without axes
        Chooses ``when_true`` if true (for numbers: if not zero).
    when_true, when_false : callable
        Functions of ``operands``, with results of equal structure, shapes and dtypes; a Python
        number takes on the dtype of the other's result, as in arithmetic. What the one not chosen
        would compute is not computed, except under `vmap` with a condition that differs from
        sample to sample: then both are.
    *operands : pytree

    Returns
    -------
    pytree
        What the chosen function returns.

    Raises
    ------
    ShapeError
        If the condition has axes.
    TreeError, ShapeError, DtypeError
        If the two results differ in type.

    Examples
    --------
    >>> import numpy as np, chainrule as cr
    >>> @cr.compile
    ... def root(x):
    ...     return cr.cond(x > 0, np.sqrt, np.zeros_like, x)
    >>> float(root(4.0)), float(root(-4.0)), float(cr.grad(root)(4.0))
    (2.0, 0.0, 0.25)
    """
    check_callable("cond: when_true", when_true)
    check_callable("cond: when_false", when_false)
    what = f"cond({name_of(when_true)}, {name_of(when_false)})"
    condition = as_leaf(condition, f"{what}: condition")
    if type_of(condition).shape != ():
        raise ShapeError(
            f"{what}: the condition must have no axes, got shape {type_of(condition).shape}; "
            "use np.where(condition, a, b) to choose element by element."
        )
    if not isinstance(condition, Tracer):
        return (when_true if condition else when_false)(*operands)
    if condition.dtype != BOOL:
        condition = condition != 0
    leaves, structure = as_leaves(operands, f"{what}: operands")
    weak = [is_weak(leaf) for leaf in tree.leaves(operands)]
    reason = "a branch is traced before it is known which one is taken"

    def trace(f: Callable[..., Any]) -> TracedFunction:
        return trace_function(f, leaves, structure, what, reason=reason, weak=weak, is_branch=True)

    first, second = trace(when_true), trace(when_false)
    adapted = _adapted(when_true, first, second), _adapted(when_false, second, first)
    first = first if adapted[0] is None else trace(adapted[0])
    second = second if adapted[1] is None else trace(adapted[1])
    check_same(
        what,
        "what when_true returns",
        (first.structure, first.graph.output_types),
        "what when_false returns",
        (second.structure, second.graph.output_types),
        "both branches must return the same kind of result",
    )
    graphs, lifted = _with_common_inputs(first, second)
    results = cond_op(condition, *lifted, *leaves, branches=graphs)
    return tree.unflatten(first.structure, list(results))


def _adapted(
    f: Callable[..., Any], own: TracedFunction, other: TracedFunction
) -> Callable[..., Any] | None:
    """Return a branch with its Python numbers in the dtype of the other one's results.

    None if there is nothing to change.
    """
    if own.structure != other.structure:
        return None
    targets = []
    for type, is_number, wanted, weak in zip(
        own.graph.output_types, own.weak, other.graph.output_types, other.weak, strict=True
    ):
        keys = promotion_key(type.dtype, is_number), promotion_key(wanted.dtype, weak)
        fits = is_number and type.shape == wanted.shape and result_dtype(*keys) == wanted.dtype
        targets.append(wanted.dtype if fits and type.dtype != wanted.dtype else None)
    if not any(target is not None for target in targets):
        return None

    def branch(*operands: Any) -> Any:
        leaves, structure = tree.flatten(f(*operands))
        return tree.unflatten(
            structure,
            [
                leaf if target is None else as_dtype(as_array(leaf, "cond"), target)
                for leaf, target in zip(leaves, targets, strict=True)
            ],
        )

    return branch


def _with_common_inputs(first: Any, second: Any) -> tuple[tuple[Graph, Graph], list[Any]]:
    """Let both branches take what either of them lifted from enclosing traces."""
    lifted = list({value.variable: value for value in (*first.lifted, *second.lifted)}.values())
    graphs = []
    for traced in (first, second):
        count = len(traced.lifted)
        own = {
            value.variable: var
            for value, var in zip(traced.lifted, traced.graph.inputs[:count], strict=True)
        }
        inputs = [own.get(value.variable) or Var(value.type) for value in lifted]
        graphs.append(
            Graph(
                [*inputs, *traced.graph.inputs[count:]],
                traced.graph.equations,
                traced.graph.outputs,
            )
        )
    return (graphs[0], graphs[1]), lifted
