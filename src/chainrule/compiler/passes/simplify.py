"""Algebraic simplification: a table of patterns and what to write instead.

A pattern is a tuple of an op's name and one pattern per input: a string stands for any value, a
number for a constant all of whose elements are that number. A replacement is written the same way.
A rewrite is made only if it keeps the result's type, so a pattern need not say which shapes it is
good for.

Every rewrite here gives the same bits. ``x + 0`` is not among them (-0 + 0 is 0), nor is ``x * 0``
(infinities), nor anything that changes the order of a sum.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from chainrule import ops
from chainrule.compiler.passes.rebuild import Builder, with_inputs
from chainrule.ir import OPS, Atom, Equation, Graph, Literal, Op, Var
from chainrule.ops.family import Elementwise, broadcast_shapes

Pattern = Any


class Rewrite(NamedTuple):
    """One line of the table."""

    name: str
    pattern: Pattern
    replacement: Pattern


REWRITES = (
    Rewrite("cut gradient", ("stop_gradient", "x"), "x"),
    Rewrite("double negative", ("negative", ("negative", "x")), "x"),
    Rewrite("times one", ("multiply", "x", 1.0), "x"),
    Rewrite("one times", ("multiply", 1.0, "x"), "x"),
    Rewrite("over one", ("divide", "x", 1.0), "x"),
    Rewrite("minus zero", ("subtract", "x", 0.0), "x"),
    Rewrite("times minus one", ("multiply", "x", -1.0), ("negative", "x")),
    Rewrite("minus one times", ("multiply", -1.0, "x"), ("negative", "x")),
    Rewrite("add a negative", ("add", "x", ("negative", "y")), ("subtract", "x", "y")),
    Rewrite("add to a negative", ("add", ("negative", "x"), "y"), ("subtract", "y", "x")),
    Rewrite("subtract a negative", ("subtract", "x", ("negative", "y")), ("add", "x", "y")),
    Rewrite(
        "negatives multiplied",
        ("multiply", ("negative", "x"), ("negative", "y")),
        ("multiply", "x", "y"),
    ),
    Rewrite(
        "negatives divided", ("divide", ("negative", "x"), ("negative", "y")), ("divide", "x", "y")
    ),
    Rewrite("not not", ("invert", ("invert", "x")), "x"),
    Rewrite("same in both branches", ("where", "c", "x", "x"), "x"),
)
"""Rewrites that need no parameters, tried in order on every equation."""

_BY_OP: dict[str, list[Rewrite]] = {}
for _rewrite in REWRITES:
    _BY_OP.setdefault(_rewrite.pattern[0], []).append(_rewrite)


def simplify(graph: Graph) -> Graph:
    """Return the graph with every rewrite made that applies, inputs before what uses them."""
    builder = Builder(graph)
    for equation in graph.equations:
        current = with_inputs(equation, [builder[atom] for atom in equation.inputs])
        if equation.op.multiple:
            builder.keep(current)
            continue
        result = _rewritten(builder, current)
        if result is None:
            builder.keep(current)
        else:
            builder.replace(equation.outputs[0], result)
    return builder.finish()


def _rewritten(builder: Builder, equation: Equation) -> Atom | None:
    """Return what stands for an equation's result after a rewrite, or None without one."""
    wanted = equation.outputs[0].type
    for rewrite in _BY_OP.get(equation.op.name, ()):
        bound: dict[str, Atom] = {}
        if not _matches(builder, rewrite.pattern, equation, bound):
            continue
        if _type_of(rewrite.replacement, bound) == wanted:
            return _build(builder, rewrite.replacement, bound, equation.source)
    for layout_rule in LAYOUT_RULES.get(equation.op.name, ()):
        result = layout_rule(builder, equation)
        if result is not None and result.type == wanted:
            return result
    if isinstance(equation.op, Elementwise):
        return _without_broadcasts(builder, equation)
    return None


def _matches(builder: Builder, pattern: Pattern, equation: Equation, bound: Any) -> bool:
    name, *parts = pattern
    if equation.op.name != name or len(parts) != len(equation.inputs):
        return False
    for part, atom in zip(parts, equation.inputs, strict=True):
        if isinstance(part, str):
            if bound.setdefault(part, atom) is not atom:
                return False
        elif isinstance(part, float):
            if not _is_uniformly(atom, part):
                return False
        else:
            definition = builder.definitions.get(atom) if isinstance(atom, Var) else None
            if definition is None or not _matches(builder, part, definition, bound):
                return False
    return True


def _type_of(pattern: Pattern, bound: dict[str, Atom]) -> Any:
    if isinstance(pattern, str):
        return bound[pattern].type
    name, *parts = pattern
    return OPS[name].infer(*[_type_of(part, bound) for part in parts])


def _build(builder: Builder, pattern: Pattern, bound: dict[str, Atom], source: Any) -> Atom:
    if isinstance(pattern, str):
        return bound[pattern]
    name, *parts = pattern
    inputs = [_build(builder, part, bound, source) for part in parts]
    return builder.emit(OPS[name], inputs, {}, source)


def _is_uniformly(atom: Atom, number: float) -> bool:
    """Tell whether an atom is a constant that repeats a number, with the number's sign."""
    if not isinstance(atom, Literal) or atom.type.dtype.kind != "f" or not _is_repeated(atom):
        return False
    found = float(np.asarray(atom.value).flat[0])
    return found == number and math.copysign(1.0, found) == math.copysign(1.0, number)


# -- rewrites of layout, which look at parameters ------------------------------------------------


def _defined_by(builder: Builder, atom: Atom, op: Op) -> Equation | None:
    definition = builder.definitions.get(atom) if isinstance(atom, Var) else None
    return definition if definition is not None and definition.op is op else None


def _reshape_of_reshape(builder: Builder, equation: Equation) -> Atom | None:
    (x,) = equation.inputs
    if x.type.shape == equation.params["shape"]:
        return x
    inner = _defined_by(builder, x, ops.reshape)
    if inner is None:
        return None
    if inner.inputs[0].type == equation.outputs[0].type:
        return inner.inputs[0]
    return builder.emit(ops.reshape, inner.inputs, equation.params, equation.source)


def _transpose_of_transpose(builder: Builder, equation: Equation) -> Atom | None:
    (x,), axes = equation.inputs, equation.params["axes"]
    if axes == tuple(range(len(axes))):
        return x
    inner = _defined_by(builder, x, ops.transpose)
    if inner is None:
        return None
    combined = tuple([inner.params["axes"][axis] for axis in axes])
    if combined == tuple(range(len(axes))):
        return inner.inputs[0]
    return builder.emit(ops.transpose, inner.inputs, {"axes": combined}, equation.source)


def _broadcast_of_same(builder: Builder, equation: Equation) -> Atom | None:
    (x,) = equation.inputs
    if x.type == equation.outputs[0].type:
        return x
    inner = _defined_by(builder, x, ops.broadcast)
    if inner is None:
        return None
    return builder.emit(ops.broadcast, inner.inputs, equation.params, equation.source)


def _flip_of_flip(builder: Builder, equation: Equation) -> Atom | None:
    inner = _defined_by(builder, equation.inputs[0], ops.flip)
    if inner is not None and set(inner.params["axes"]) == set(equation.params["axes"]):
        return inner.inputs[0]
    return None


def _whole_slice(builder: Builder, equation: Equation) -> Atom | None:
    (x,) = equation.inputs
    return x if x.type == equation.outputs[0].type else None


def _same_dtype(builder: Builder, equation: Equation) -> Atom | None:
    (x,) = equation.inputs
    return x if x.type == equation.outputs[0].type else None


def _dot_of_transpose(builder: Builder, equation: Equation) -> Atom | None:
    """Let a product read a transposed matrix as it is, by other axes."""
    sides = []
    changed = False
    for side, atom in enumerate(equation.inputs):
        contract, shared = equation.params["contract"][side], equation.params["shared"][side]
        inner = _defined_by(builder, atom, ops.transpose)
        if inner is not None and len(contract) + len(shared) >= atom.type.ndim - 1:
            axes = inner.params["axes"]
            contract = tuple([axes[axis] for axis in contract])
            shared = tuple([axes[axis] for axis in shared])
            atom = inner.inputs[0]
            changed = True
        sides.append((atom, contract, shared))
    if not changed:
        return None
    params = {
        "contract": (sides[0][1], sides[1][1]),
        "shared": (sides[0][2], sides[1][2]),
    }
    return builder.emit(ops.dot, [sides[0][0], sides[1][0]], params, equation.source)


LayoutRule = Callable[[Builder, Equation], Atom | None]

LAYOUT_RULES: dict[str, tuple[LayoutRule, ...]] = {
    "reshape": (_reshape_of_reshape,),
    "transpose": (_transpose_of_transpose,),
    "broadcast": (_broadcast_of_same,),
    "flip": (_flip_of_flip,),
    "slice": (_whole_slice,),
    "convert": (_same_dtype,),
    "dot": (_dot_of_transpose,),
}
"""Rewrites that look at parameters, by the op they start from."""


def _without_broadcasts(builder: Builder, equation: Equation) -> Atom | None:
    """Let an elementwise op repeat its arguments itself instead of reading repeated ones."""
    if len(equation.inputs) < 2:
        return None
    narrowed = [_narrowed(builder, atom) for atom in equation.inputs]
    shape = equation.outputs[0].type.shape
    # From the last argument on, since cotangents come first: keep one that has the full shape.
    inputs = list(equation.inputs)
    for position in reversed(range(len(inputs))):
        if narrowed[position] is inputs[position]:
            continue
        trial = [*inputs[:position], narrowed[position], *inputs[position + 1 :]]
        if broadcast_shapes(equation.op.name, [atom.type.shape for atom in trial]) == shape:
            inputs = trial
    if all(a is b for a, b in zip(inputs, equation.inputs, strict=True)):
        return None
    return builder.emit(equation.op, inputs, equation.params, equation.source)


def _narrowed(builder: Builder, atom: Atom) -> Atom:
    """Return what an argument repeats: the input of a broadcast, or a constant's one number."""
    if isinstance(atom, Literal):
        if atom.type.ndim and _is_repeated(atom):
            return Literal(atom.value.flat[0])
        return atom
    inner = _defined_by(builder, atom, ops.broadcast)
    return atom if inner is None else inner.inputs[0]


def _is_repeated(literal: Literal) -> bool:
    value = np.asarray(literal.value)
    return value.size > 0 and not any(value.strides)
