"""`custom_derivative`: a function with a derivative of one's own; and `stop_gradient`."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule import _tree as tree
from chainrule import ops
from chainrule._errors import ArgumentTypeError, InvalidArgumentError, UnsupportedError
from chainrule._source import users_code
from chainrule.compiler.interpreter import Program
from chainrule.control_flow.structure import (
    batch_size,
    batched_graph,
    check_same,
    present,
    split,
    spread,
    types_of,
)
from chainrule.frontend.tracer import Tracer
from chainrule.ir import ArrayType, Graph, Op, register, type_of
from chainrule.ops.family import is_linear
from chainrule.transforms.batch import batch_graph
from chainrule.transforms.forward import zeros_of
from chainrule.transforms.tracing import (
    as_arguments,
    as_leaf,
    as_leaves,
    check_callable,
    graph_of,
    is_weak,
    name_of,
    shown,
    trace_function,
)

Flat = Callable[..., Any]


class _Rules:
    """The rules of one custom function, on flat lists of arrays.

    ``jvp(primals, tangents) -> (outputs, output tangents)``, or the pair
    ``forward(primals) -> (outputs, residuals)`` and
    ``pullback(residuals, cotangents) -> cotangents``.
    """

    def __init__(
        self,
        name: str,
        jvp: Flat | None = None,
        forward: Flat | None = None,
        pullback: Flat | None = None,
    ) -> None:
        self.name = name
        self.jvp = jvp
        self.forward = forward
        self.pullback = pullback

    def __repr__(self) -> str:
        return "jvp" if self.jvp is not None else "vjp"

    def batched(self, size: int) -> _Rules:
        """Return the rules for arguments that all have a batch axis in front."""
        return _Rules(
            self.name,
            None if self.jvp is None else _batched_pair(self.jvp, size),
            None if self.forward is None else _batched_pair(self.forward, size),
            None if self.pullback is None else _batched_pullback(self.pullback, size),
        )


def _run_batched(f: Flat, values: Sequence[Any], size: int) -> list[Any]:
    types = [ArrayType(type.shape[1:], type.dtype) for type in types_of(values)]
    graph, lifted = graph_of(f, types, "vmap")
    outs, flags = batch_graph(
        graph, [*lifted, *values], [*[False] * len(lifted), *[True] * len(values)]
    )
    return [o if f else spread(o, size) for o, f in zip(outs, flags, strict=True)]


def _batched_pair(rule: Flat, size: int) -> Flat:
    """Batch a rule that returns two lists."""

    def run(*lists: Sequence[Any]) -> Any:
        sizes = [len(part) for part in lists]
        first: list[int] = []

        def flat(*values: Any) -> list[Any]:
            *parts, last = split(values, *sizes[:-1])
            outs, more = rule(*parts, last)
            first.append(len(outs))
            return [*outs, *more]

        results = _run_batched(flat, [value for part in lists for value in part], size)
        return results[: first[0]], results[first[0] :]

    return run


def _batched_pullback(rule: Flat, size: int) -> Flat:
    def run(residuals: Sequence[Any], cotangents: Sequence[Any]) -> Any:
        count = len(residuals)
        return _run_batched(
            lambda *values: rule(values[:count], values[count:]),
            [*residuals, *cotangents],
            size,
        )

    return run


class _Custom(Op):
    """A graph whose derivative is not taken from its equations but from given rules."""

    name = "custom_derivative"
    multiple = True

    def infer(self, *types: ArrayType, graph: Graph, rules: _Rules) -> tuple[ArrayType, ...]:
        return graph.output_types

    def evaluate(self, *arrays: Any, graph: Graph, rules: _Rules) -> tuple[Any, ...]:
        return Program(graph)(*arrays)

    def evaluator(self, **params: Any) -> Callable[..., tuple[Any, ...]]:
        return Program(params["graph"])

    def jvp(
        self, primals: Sequence[Any], tangents: Sequence[Any], *, graph: Graph, rules: _Rules
    ) -> tuple[Any, Any]:
        if rules.jvp is None:
            raise UnsupportedError(
                f"{rules.name} has a rule for reverse mode only; give it one with def_jvp, which "
                "serves both modes, or differentiate with cr.grad or cr.vjp."
            )
        directions = [
            zeros_of(type_of(p)) if t is None else t for p, t in zip(primals, tangents, strict=True)
        ]
        return rules.jvp(primals, directions)

    def linearize(
        self, primals: Sequence[Any], tangents: Sequence[Any], *, graph: Graph, rules: _Rules
    ) -> tuple[Any, Any]:
        if rules.forward is None:
            return self.jvp(primals, tangents, graph=graph, rules=rules)
        outs, residuals = rules.forward(primals)
        moving = tuple([t is not None for t in tangents])
        out_moving = [type.is_float for type in graph.output_types]
        results = iter(
            pullback_op(
                *residuals,
                *present(tangents),
                rules=rules,
                num_residuals=len(residuals),
                moving=moving,
                out_types=tuple([type for type in graph.output_types if type.is_float]),
                all_types=graph.output_types,
            )
        )
        return outs, [next(results) if flag else None for flag in out_moving]

    def batch(
        self, args: Sequence[Any], batched: Sequence[bool], *, graph: Graph, rules: _Rules
    ) -> tuple[Any, Any]:
        size = batch_size(args, batched)
        values = [a if is_b else spread(a, size) for a, is_b in zip(args, batched, strict=True)]
        every = [True] * len(values)
        new_graph, _ = batched_graph(graph, every, size, [True] * len(graph.outputs))
        return self(*values, graph=new_graph, rules=rules.batched(size)), True


class _Pullback(Op):
    """A derivative of which only the transpose is known: the pullback a user has written."""

    name = "custom_pullback"
    multiple = True
    linear = "all"

    def infer(self, *types: ArrayType, **params: Any) -> tuple[ArrayType, ...]:
        return params["out_types"]

    def evaluate(self, *arrays: Any, **params: Any) -> tuple[Any, ...]:
        raise self._forward_only(params["rules"])

    def evaluator(self, **params: Any) -> Any:
        raise self._forward_only(params["rules"])

    @staticmethod
    def _forward_only(rules: _Rules) -> UnsupportedError:
        return UnsupportedError(
            f"{rules.name} has a rule for reverse mode only; give it one with def_jvp, which "
            "serves both modes, or differentiate with cr.grad or cr.vjp."
        )

    def jvp(self, primals: Any, tangents: Any, **params: Any) -> Any:
        raise self._forward_only(params["rules"])

    def transpose(
        self, cotangent: Sequence[Any], inputs: Sequence[Any], **params: Any
    ) -> Sequence[Any]:
        count = params["num_residuals"]
        arriving = iter(cotangent)
        cotangents = []
        for type in params["all_types"]:
            ct = next(arriving) if type.is_float else None
            cotangents.append(zeros_of(type) if ct is None else ct)
        leaving = params["rules"].pullback(inputs[:count], cotangents)
        moved = [ct for ct, moves in zip(leaving, params["moving"], strict=True) if moves]
        return [
            *[None] * count,
            *[
                ct if is_linear(value) else None
                for ct, value in zip(moved, inputs[count:], strict=True)
            ],
        ]

    def batch(self, args: Sequence[Any], batched: Sequence[bool], **params: Any) -> Any:
        size = batch_size(args, batched)
        values = [a if is_b else spread(a, size) for a, is_b in zip(args, batched, strict=True)]

        def widened(types: Sequence[ArrayType]) -> tuple[ArrayType, ...]:
            return tuple([ArrayType((size, *type.shape), type.dtype) for type in types])

        return (
            self(
                *values,
                **{
                    **params,
                    "rules": params["rules"].batched(size),
                    "out_types": widened(params["out_types"]),
                    "all_types": widened(params["all_types"]),
                },
            ),
            True,
        )


custom_op = register(_Custom())
pullback_op = register(_Pullback())


def _can_be_linear(given: Sequence[Any], found: Sequence[Any]) -> bool:
    """Tell, as far as traces show it, whether tangents depend on the given ones or are zero."""
    owners = {direction.owner.number for direction in given if isinstance(direction, Tracer)}
    known = [direction for direction in given if not isinstance(direction, Tracer)]
    if len(owners) != 1 or any(np.any(direction) for direction in known):
        return True
    (number,) = owners
    return all(
        tangent.owner.number >= number if isinstance(tangent, Tracer) else not np.any(tangent)
        for tangent in found
    )


class custom_derivative:  # noqa: N801 - a decorator, written as `property` is
    r"""A function whose derivative is given instead of derived.

    Use it where the derivative is known in a better form than the chain rule finds: implicit
    functions, cancellations, limits at special points, functions that are not NumPy's.

    Parameters
    ----------
    f : callable
        Written in NumPy, with positional arguments; pytrees in and out.

    Raises
    ------
    InvalidArgumentError
        When it is differentiated, if no rule was given, if a rule returns something of another
        structure or type than it should, or if ``f`` closes over an array in which one
        differentiates (pass it as an argument).

    Notes
    -----
    Give either rule:

    ``def_jvp(rule)``
        ``rule(primals, tangents) -> (out, out_tangent)``, two tuples in. The tangent must be
        linear in ``tangents``; both modes and all orders follow from it.
    ``def_vjp(forward, pullback)``
        ``forward(*args) -> (out, residuals)`` and ``pullback(residuals, cotangent) -> tuple`` with
        one cotangent per argument, None for a zero. Reverse mode only.

    Examples
    --------
    >>> import numpy as np, chainrule as cr
    >>> @cr.custom_derivative
    ... def log1pexp(x):
    ...     return np.logaddexp(0.0, x)
    >>> @log1pexp.def_jvp
    ... def rule(primals, tangents):
    ...     (x,), (dx,) = primals, tangents
    ...     return log1pexp(x), dx / (1.0 + np.exp(-x))
    >>> float(cr.grad(log1pexp)(0.0))
    0.5
    """

    def __init__(self, f: Callable[..., Any]) -> None:
        check_callable("custom_derivative", f)
        functools.update_wrapper(self, f)
        self._f = f
        self._jvp: Callable[..., Any] | None = None
        self._vjp: tuple[Callable[..., Any], Callable[..., Any]] | None = None

    def def_jvp(self, rule: Callable[..., Any]) -> Callable[..., Any]:
        """Give the forward rule; can be used as a decorator."""
        check_callable("def_jvp", rule)
        self._jvp = rule
        return rule

    def def_vjp(self, forward: Callable[..., Any], pullback: Callable[..., Any]) -> None:
        """Give the pair of rules for reverse mode."""
        check_callable("def_vjp: forward", forward)
        check_callable("def_vjp: pullback", pullback)
        self._vjp = (forward, pullback)

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        """Evaluate the function."""
        what = f"custom_derivative({name_of(self._f)})"
        if keywords:
            raise ArgumentTypeError(
                f"{what}: arguments must be passed by position, which is how the rule receives "
                f"them, got the keyword {next(iter(keywords))!r}."
            )
        leaves, structure = as_arguments(args, what)
        if not any(isinstance(leaf, Tracer) for leaf in leaves):
            return self._f(*args)
        if self._jvp is None and self._vjp is None:
            raise InvalidArgumentError(
                f"{what}: no derivative was given; use def_jvp or def_vjp before differentiating."
            )
        weak = [is_weak(leaf) for leaf in tree.leaves(args)]
        traced = trace_function(self._f, leaves, structure, what, with_values=True, weak=weak)
        skip = len(traced.lifted)
        rules = self._flat_rules(what, structure, traced.structure, traced.graph, skip, weak)
        results = custom_op(*traced.lifted, *leaves, graph=traced.graph, rules=rules)
        return tree.unflatten(traced.structure, list(results))

    def _flat_rules(
        self,
        what: str,
        structure: tree.Structure,
        out_structure: tree.Structure,
        graph: Graph,
        skip: int,
        weak: Sequence[bool],
    ) -> _Rules:
        in_types = graph.input_types[skip:]

        def refuse_lifted(directions: Sequence[Any]) -> None:
            if any(isinstance(d, Tracer) or np.any(d) for d in directions[:skip]):
                raise InvalidArgumentError(
                    f"{what}: the function closes over an array in which the derivative is "
                    "taken, and its rule cannot know of that; pass the array as an argument."
                )

        def checked(value: Any, name: str) -> list[Any]:
            found, found_structure = as_leaves(value, f"{what}: {name}")
            if found_structure == out_structure:
                numbers = [is_weak(leaf) for leaf in tree.leaves(value)]
                found = _in_dtypes(found, numbers, graph.output_types)
            check_same(
                what,
                "the function's result",
                (out_structure, graph.output_types),
                name,
                (found_structure, types_of(found)),
                "a rule must return the same kind of result as the function",
            )
            return found

        def jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
            refuse_lifted(tangents)
            assert self._jvp is not None
            with users_code():
                pair = self._jvp(
                    tree.unflatten(structure, _as_numbers(primals[skip:], weak)),
                    tree.unflatten(structure, _as_numbers(tangents[skip:], weak)),
                )
            if not (isinstance(pair, tuple) and len(pair) == 2):
                raise InvalidArgumentError(
                    f"{what}: the rule given to def_jvp must return a pair (out, out_tangent), "
                    f"got {shown(pair)}."
                )
            found = checked(pair[1], "the rule's tangent")
            if not _can_be_linear(tangents, found):
                raise InvalidArgumentError(
                    f"{what}: the tangent that the rule given to def_jvp returns must be linear in "
                    "the tangents it is given, got one that does not depend on them; multiply the "
                    "derivative by the tangent, or return zeros if there is none."
                )
            return checked(pair[0], "the rule's result"), found

        def forward(primals: Sequence[Any]) -> Any:
            assert self._vjp is not None
            with users_code():
                pair = self._vjp[0](*tree.unflatten(structure, _as_numbers(primals[skip:], weak)))
            if not (isinstance(pair, tuple) and len(pair) == 2):
                raise InvalidArgumentError(
                    f"{what}: the first rule given to def_vjp must return a pair "
                    f"(out, residuals), got {shown(pair)}."
                )
            residuals, residual_structure = as_leaves(pair[1], f"{what}: residuals")
            numbers = [is_weak(leaf) for leaf in tree.leaves(pair[1])]
            kept.append((residual_structure, numbers))
            return checked(pair[0], "the rule's result"), residuals

        kept: list[tuple[tree.Structure, list[bool]]] = []
        zeros = [zeros_of(type) for type in in_types]

        def pullback(residuals: Sequence[Any], cotangents: Sequence[Any]) -> list[Any]:
            assert self._vjp is not None
            residual_structure, numbers = kept[-1]
            with users_code():
                result = self._vjp[1](
                    tree.unflatten(residual_structure, _as_numbers(residuals, numbers)),
                    tree.unflatten(out_structure, list(cotangents)),
                )
            if isinstance(result, tuple) and len(result) == len(structure.children):
                result = tuple(
                    [
                        zero if part is None else part
                        for part, zero in zip(result, tree.unflatten(structure, zeros), strict=True)
                    ]
                )
            found, found_structure = as_leaves(result, f"{what}: what the pullback returned")
            if found_structure == structure:
                converted = [
                    given or is_weak(leaf)
                    for given, leaf in zip(weak, tree.leaves(result), strict=True)
                ]
                found = _in_dtypes(found, converted, in_types)
            check_same(
                what,
                "the arguments",
                (structure, in_types),
                "what the pullback returned",
                (found_structure, types_of(found)),
                "return a tuple with one cotangent per argument",
            )
            return [*[None] * skip, *found]

        if self._jvp is not None:
            return _Rules(what, jvp=jvp)
        return _Rules(what, forward=forward, pullback=pullback)


def _as_numbers(values: Sequence[Any], flags: Sequence[bool]) -> list[Any]:
    """Return values as the Python numbers that the flagged ones stand for, traced or not."""
    return [
        value
        if not flag
        else Tracer(value.owner, value.variable, weak=True)
        if isinstance(value, Tracer)
        else value.item()
        for value, flag in zip(values, flags, strict=True)
    ]


def _in_dtypes(
    leaves: Sequence[Any], flags: Sequence[bool], types: Sequence[ArrayType]
) -> list[Any]:
    """Return the flagged leaves in the float dtypes that are wanted."""
    return [
        leaf.astype(type.dtype) if flag and type.is_float and leaf.dtype != type.dtype else leaf
        for leaf, flag, type in zip(leaves, flags, types, strict=True)
    ]


def stop_gradient(x: Any) -> Any:
    """Return ``x`` as a constant: derivatives do not pass through it.

    Parameters
    ----------
    x : pytree

    Returns
    -------
    pytree
        Equal to ``x``.

    Examples
    --------
    >>> import chainrule as cr
    >>> float(cr.grad(lambda x: x * cr.stop_gradient(x))(3.0))
    3.0
    """
    return tree.map(lambda leaf: ops.stop_gradient(as_leaf(leaf, "stop_gradient")), x)
