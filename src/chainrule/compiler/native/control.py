"""Scheduling ops that hold graphs: loops and branches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from chainrule.compiler.native.expressions import Expression, Load
from chainrule.compiler.native.kernels import Branch, Carry, Repeat, Row, While
from chainrule.compiler.native.views import View, whole
from chainrule.ir import Atom, Equation, Graph, Var
from chainrule.ops.family import BOOL

if TYPE_CHECKING:
    from chainrule.compiler.native.schedule import Scheduler


def _nested(
    scheduler: Scheduler, graph: Graph, arguments: Sequence[Expression], targets: Sequence[View]
) -> Any:
    return type(scheduler)(scheduler.memory, graph, arguments, targets).run()


def inline(scheduler: Scheduler, graph: Graph, arguments: Sequence[Atom]) -> list[Expression]:
    """Schedule a graph as a part of the one at hand, and return what its outputs stand for."""
    for var, atom in zip(graph.inputs, arguments, strict=True):
        scheduler.values[var] = scheduler.stored_or_constant(atom)
    scheduler.equations(graph)
    return [scheduler.value(atom) for atom in graph.outputs]


def _inlined(scheduler: Scheduler, equation: Equation) -> None:
    """Ops that are their graph, with a derivative of their own."""
    values = inline(scheduler, equation.params["graph"], equation.inputs)
    for output, value in zip(equation.outputs, values, strict=True):
        scheduler.define(output, value)


def _scan(scheduler: Scheduler, equation: Equation) -> None:
    body: Graph = equation.params["body"]
    num_constants, num_carry = equation.params["num_constants"], equation.params["num_carry"]
    length = equation.params["length"]
    first_x = num_constants + num_carry
    constants = equation.inputs[:num_constants]
    initial = equation.inputs[num_constants:first_x]
    final, ys = equation.outputs[:num_carry], equation.outputs[num_carry:]
    if length == 0:
        for output, atom in zip(final, initial, strict=True):
            scheduler.define(output, scheduler.value(atom))
        for output in ys:
            scheduler.values[output] = Load(scheduler.new(output))
        return

    arguments: list[Expression] = [scheduler.stored_or_constant(atom) for atom in constants]
    carries: list[Carry] = []
    targets: list[View] = []
    stays = []
    for number, (output, atom) in enumerate(zip(final, initial, strict=True)):
        var = body.inputs[num_constants + number]
        if body.outputs[number] is var:
            # Handed on unchanged: a constant of the loop.
            stays.append(number)
            arguments.append(scheduler.stored_or_constant(atom))
            scheduler.define(output, scheduler.value(atom))
            continue
        start = scheduler.stored(atom, contiguous=True)
        result = scheduler.new(output)
        scratch = scheduler.temporary(var.type.dtype, var.type.shape) if length > 1 else result
        # The last step has to write the result.
        even, odd = (result, scratch) if length % 2 else (scratch, result)
        carry = _carry(scheduler, var, start, even, odd)
        carries.append(carry)
        arguments.append(Load(whole(carry.current, var.type.shape)))
        targets.append(whole(carry.next, var.type.shape))
        scheduler.values[output] = Load(result)

    rows: list[Row] = []
    for atom, var in zip(equation.inputs[first_x:], body.inputs[first_x:], strict=True):
        stack = scheduler.stored(atom)
        row = _row(scheduler, stack, var.type.size)
        rows.append(row)
        arguments.append(Load(View(row.pointer, stack.shape[1:], stack.strides[1:])))
    for output in ys:
        stack = scheduler.new(output)
        row = _row(scheduler, stack, output.type.size // length)
        rows.append(row)
        targets.append(View(row.pointer, stack.shape[1:], stack.strides[1:]))
        scheduler.values[output] = Load(stack)

    outputs = [atom for number, atom in enumerate(body.outputs) if number not in stays]
    step = Graph(body.inputs, body.equations, outputs)
    block = _nested(scheduler, step, arguments, targets)
    reverse = equation.params["reverse"]
    scheduler.add(Repeat(length, reverse, tuple(carries), tuple(rows), block))


def _carry(scheduler: Scheduler, var: Var, start: View, even: View, odd: View) -> Carry:
    pointers = [scheduler.memory.buffer("pointer", var.type.dtype, var.type.size) for _ in range(2)]
    return Carry(pointers[0], pointers[1], start, even.memory, odd.memory)


def _row(scheduler: Scheduler, stack: View, size: int) -> Row:
    pointer = scheduler.memory.buffer("pointer", stack.memory.dtype, size, stack.memory)
    return Row(pointer, stack, stack.strides[0])


def _while(scheduler: Scheduler, equation: Equation) -> None:
    condition, body = equation.params["condition"], equation.params["body"]
    first = equation.params["condition_constants"]
    second = first + equation.params["body_constants"]
    tested = [scheduler.stored_or_constant(atom) for atom in equation.inputs[:first]]
    used = [scheduler.stored_or_constant(atom) for atom in equation.inputs[first:second]]
    carries = []
    results = []
    for output, atom in zip(equation.outputs, equation.inputs[second:], strict=True):
        start = scheduler.stored(atom, contiguous=True)
        even, odd = [scheduler.temporary(output.type.dtype, output.type.shape) for _ in range(2)]
        carries.append(_carry(scheduler, output, start, even, odd))
        results.append(scheduler.new(output))
        scheduler.values[output] = Load(results[-1])
    shapes = [output.type.shape for output in equation.outputs]
    now = [Load(whole(c.current, shape)) for c, shape in zip(carries, shapes, strict=True)]
    after = [whole(c.next, shape) for c, shape in zip(carries, shapes, strict=True)]
    flag = scheduler.temporary(BOOL, ())
    scheduler.add(
        While(
            tuple(carries),
            _nested(scheduler, condition, [*tested, *now], [flag]),
            flag,
            _nested(scheduler, body, [*used, *now], after),
            tuple(results),
        )
    )


def _cond(scheduler: Scheduler, equation: Equation) -> None:
    flag, *operands = equation.inputs
    arguments = [scheduler.stored_or_constant(atom) for atom in operands]
    targets = [scheduler.new(output) for output in equation.outputs]
    holds, fails = [
        _nested(scheduler, branch, arguments, targets) for branch in equation.params["branches"]
    ]
    scheduler.add(Branch(scheduler.stored(flag), holds, fails))
    for output, target in zip(equation.outputs, targets, strict=True):
        scheduler.values[output] = Load(target)


HANDLERS = {
    "checkpoint": _inlined,
    "custom_derivative": _inlined,
    "scan": _scan,
    "while": _while,
    "cond": _cond,
}
