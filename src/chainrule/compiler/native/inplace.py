"""Results that are computed where they are to be, over arguments given away or over themselves.

A result that would be computed in the arena and then copied is computed in its place from the
start, see `write_through`.

An output and the input whose memory it takes are one array at run time. The steps have been made
as if they were two. That is right as long as everything that reads the input has been done before
the output is first written, or happens in the very loop that writes it, at the same positions;
`overwrite` looks whether it is so. If not, the output is computed in the arena, and copied over the
input when all is done. What a loop carries from step to step is written over itself under the same
condition, see `carry_in_place`.
"""

from __future__ import annotations

from dataclasses import replace

from chainrule.compiler.native.expressions import Expression, Load, Place, nodes, replaced_in
from chainrule.compiler.native.kernels import (
    Block,
    Carry,
    Guard,
    Loop,
    Repeat,
    Result,
    Step,
    blocks_of,
)
from chainrule.compiler.native.schedule import Memory
from chainrule.compiler.native.views import Buffer, View, whole
from chainrule.ir import Graph

Donated = tuple[tuple[int, int], ...]
"""Numbers of inputs, each with that of the output which takes its memory."""


def write_through(block: Block) -> None:
    """Let temporaries that are only copied into an output be that output."""
    for step in list(block.steps):
        copied = _copied(step)
        if copied is None:
            continue
        source, target = copied
        position = block.steps.index(step)
        others = [other for other in block.steps if other is not step]
        if (
            source in block.buffers
            and target.kind == "output"
            and not any(target in other.reads() | other.writes() for other in others)
            and not any(source in other.reads() | other.writes() for other in others[position:])
        ):
            source.kind, source.number = target.kind, target.number
            block.buffers.remove(source)
            del block.steps[position]


def _copied(step: Step) -> tuple[Buffer, Buffer] | None:
    """Return from where to where a step copies all of an array, if it does nothing else."""
    if not isinstance(step, Loop) or step.ordered or any(step.reduced) or len(step.results) > 1:
        return None
    (result,) = step.results
    value, place = result.value, result.target
    if result.combine or not isinstance(value, Load) or not isinstance(place, View):
        return None
    if value.view.buffer is None or not (_is_all(value.view) and _is_all(place)):
        return None
    return value.view.memory, place.memory


def _is_all(view: View) -> bool:
    return view.is_contiguous and view.offset == 0 and view.size == view.memory.size


def overwrite(block: Block, memory: Memory, graph: Graph, donated: Donated) -> None:
    """Make the steps of a program right for outputs that are inputs, in place."""
    for number, output in donated:
        source = _buffer(block, "input", number)
        target = _buffer(block, "output", output)
        if source is None or target is None:
            continue  # an input that nothing reads, and all outputs are written
        # A guard that fails leaves arguments as they are.
        if _can_fail_after_writing(block, target) or not _write_over(block, source, target):
            shape = graph.output_types[output].shape
            block.steps.append(_copy(whole(target, shape), whole(source, shape)))
            memory.make_temporary(target)
            block.buffers.append(target)


SHORTEST = 4
"""Loops of fewer steps do not carry in place: what they start from has to be copied first."""


def carry_in_place(block: Block) -> None:
    """Let loops write what they carry over itself where they can: it spares memory and caches."""
    for position, step in reversed(list(enumerate(block.steps))):
        for inner in blocks_of(step):
            carry_in_place(inner)
        if not isinstance(step, Repeat) or step.length < SHORTEST:
            continue
        carries = []
        copies = []
        for carry in step.carries:
            if _write_over(step.body, carry.current, carry.next):
                result = whole(carry.even if step.length % 2 else carry.odd, carry.initial.shape)
                copies.append(_copy(carry.initial, result))
                carry = Carry(carry.current, carry.next, result, result.memory, result.memory)
            carries.append(carry)
        block.steps[position : position + 1] = [*copies, replace(step, carries=tuple(carries))]


def _copy(source: View, target: View) -> Loop:
    return Loop(target.shape, (False,) * len(target.shape), (Result(target, Load(source)),))


def _buffer(block: Block, kind: str, number: int) -> Buffer | None:
    for step in block.steps:
        for buffer in step.reads() | step.writes():
            if (buffer.kind, buffer.number) == (kind, number):
                return buffer
    return None


def _first_writing(block: Block, buffer: Buffer) -> int:
    return next(i for i, step in enumerate(block.steps) if buffer in step.writes())


def _can_fail_after_writing(block: Block, buffer: Buffer) -> bool:
    after = Block(block.steps[_first_writing(block, buffer) :])
    return any(isinstance(step, Guard) for step in after.all_steps())


def _write_over(block: Block, source: Buffer, target: Buffer) -> bool:
    """Let the target be written where the source is, if nothing is lost by it."""
    steps = block.steps
    first = _first_writing(block, target)
    if any(source in step.reads() for step in steps[first + 1 :]):
        return False
    step = steps[first]
    if source in step.reads():
        if not (isinstance(step, Loop) and _reads_where_it_writes(step, source, target)):
            return False
        # Under one name, since pointers with two are taken not to overlap.
        steps[first] = _reading(step, source, target)
        if _copied(steps[first]) == (target, target):
            del steps[first]
    return True


def _reads_where_it_writes(loop: Loop, source: Buffer, target: Buffer) -> bool:
    # Others may come to a position more than once.
    if loop.ordered or any(loop.reduced):
        return False
    written = [result for result in loop.results if result.view.memory.root is target]
    result, place = written[0], written[0].target
    return (
        len(written) == 1
        and isinstance(place, View)
        and place.is_contiguous
        and not result.combine
        and all(
            isinstance(node, Load) and _same_positions(node.view, place)
            for node in nodes(*loop.roots)
            if isinstance(node, (Load, Place))
            and node.view.buffer is not None
            and node.view.buffer.root is source
        )
    )


def _same_positions(one: View, other: View) -> bool:
    return (one.shape, one.strides, one.offset) == (other.shape, other.strides, other.offset)


def _reading(loop: Loop, source: Buffer, target: Buffer) -> Loop:
    """Return a loop that reads the target in place of the source."""

    def change(node: Expression) -> Expression | None:
        if isinstance(node, Load) and node.view.buffer is source:
            return Load(View(target, node.view.shape, node.view.strides, node.view.offset))
        return None

    roots = iter(replaced_in(loop.roots, change))
    results = []
    for result in loop.results:
        value, place = next(roots), result.target
        if isinstance(place, Place):
            indices = tuple([next(roots) for _ in place.indices])
            place = Place(place.view, indices, place.extents, place.strides)
        results.append(Result(place, value, result.combine))
    return Loop(loop.shape, loop.reduced, tuple(results), loop.ordered)
