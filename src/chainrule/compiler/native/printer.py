"""Steps as pseudo-code, to be read."""

from __future__ import annotations

from collections.abc import Sequence

from chainrule.compiler.native.expressions import Apply, Constant, Load, Place, nodes
from chainrule.compiler.native.kernels import (
    Block,
    Branch,
    Guard,
    Loop,
    Product,
    Sort,
    Step,
    While,
)
from chainrule.compiler.native.views import Shape, View

_INDENT = "  "

_SYMBOLS = {
    "add": "+",
    "subtract": "-",
    "multiply": "*",
    "divide": "/",
    "equal": "==",
    "less": "<",
    "less_equal": "<=",
    "bitwise_and": "&",
    "bitwise_or": "|",
    "bitwise_xor": "^",
}


def _affine(offset: int, strides: Shape, names: Sequence[str]) -> str:
    terms = [
        name if stride == 1 else f"{stride}*{name}"
        for stride, name in zip(strides, names, strict=True)
        if stride
    ]
    if offset or not terms:
        terms.append(str(offset))
    return _summed(terms)


def _summed(terms: Sequence[str]) -> str:
    return " + ".join(terms).replace("+ -", "- ")


def _place_text(target: View | Place, names: Sequence[str], known: dict[int, str]) -> str:
    if isinstance(target, View):
        place = _affine(target.offset, target.strides, names)
        return place if target.buffer is None else f"{target.buffer}[{place}]"
    terms = [
        known[id(index)] if stride == 1 else f"{stride}*{known[id(index)]}"
        for stride, index in zip(target.strides, target.indices, strict=True)
    ]
    fixed = _affine(target.view.offset, target.view.strides, names)
    return f"{target.view.buffer}[{_summed(terms if fixed == '0' else [*terms, fixed])}]"


def _loop_lines(loop: Loop, indent: str) -> list[str]:
    names = [f"i{axis}" for axis in range(len(loop.shape))]
    space = ", ".join(
        f"{name}<{extent}{' (reduced)' if reduced else ''}"
        for name, extent, reduced in zip(names, loop.shape, loop.reduced, strict=True)
    )
    lines = [f"{indent}for {space}:" if space else f"{indent}once:"]
    known: dict[int, str] = {}
    uses: dict[int, int] = {}
    everything = list(nodes(*loop.roots))
    for node in everything:
        if isinstance(node, Apply):
            for argument in node.arguments:
                uses[id(argument)] = uses.get(id(argument), 0) + 1
    for root in loop.roots:
        uses[id(root)] = uses.get(id(root), 0) + 1
    inner = indent + _INDENT
    for node in everything:
        if isinstance(node, Constant):
            text = repr(node.value.item())
        elif isinstance(node, Load):
            text = _place_text(node.view, names, known)
        elif isinstance(node, Place):
            text = _place_text(node, names, known)
        else:
            arguments = [known[id(argument)] for argument in node.arguments]
            symbol = _SYMBOLS.get(node.op)
            text = f"({f' {symbol} '.join(arguments)})" if symbol else ""
            if node.op == "convert":
                text = f"{node.dtype}({arguments[0]})"
            text = text or f"{node.op}({', '.join(arguments)})"
            if uses.get(id(node), 0) > 1:
                name = f"t{len(lines) - 1}"
                lines.append(f"{inner}{name} = {text}")
                text = name
        known[id(node)] = text
    for result in loop.results:
        target = _place_text(result.target, names, known)
        value = known[id(result.value)]
        symbol = _SYMBOLS.get(result.combine)
        if not result.combine:
            lines.append(f"{inner}{target} = {value}")
        elif symbol:
            lines.append(f"{inner}{target} {symbol}= {value}")
        else:
            lines.append(f"{inner}{target} = {result.combine}({target}, {value})")
    return lines


def _matrix_text(view: View) -> str:
    return f"{view.buffer}{list(view.shape)}"


def _step_lines(step: Step, indent: str) -> list[str]:
    inner = indent + _INDENT
    if isinstance(step, Loop):
        return _loop_lines(step, indent)
    if isinstance(step, Product):
        names = [_matrix_text(view) for view in (step.target, step.left, step.right)]
        return [f"{indent}{names[0]} = {names[1]} @ {names[2]}"]
    if isinstance(step, Sort):
        return [f"{indent}{_matrix_text(step.target)} = order({_matrix_text(step.source)})"]
    if isinstance(step, Guard):
        return [f"{indent}if {step.flag.buffer}: leave"]
    if isinstance(step, Branch):
        return [
            f"{indent}if {step.flag.buffer}[{step.flag.offset}]:",
            *_block_lines(step.holds, inner),
            f"{indent}else:",
            *_block_lines(step.fails, inner),
        ]
    starts = [
        f"{carry.current} = {carry.initial.buffer}, then {carry.even} and {carry.odd}"
        for carry in step.carries
    ]
    if isinstance(step, While):
        return [
            f"{indent}while, with {'; '.join(starts)}:",
            *_block_lines(step.condition, inner),
            f"{inner}if not {step.flag.buffer}: break",
            *_block_lines(step.body, inner),
        ]
    starts += [f"{row.pointer} = row of {row.base.buffer}" for row in step.rows]
    head = f"{indent}repeat {step.length} times{' backwards' if step.reverse else ''}"
    return [f"{head}, with {'; '.join(starts)}:", *_block_lines(step.body, inner)]


def _block_lines(block: Block, indent: str) -> list[str]:
    return [line for step in block.steps for line in _step_lines(step, indent)]


def format_block(block: Block) -> str:
    """Return a block as text."""
    return "\n".join(_block_lines(block, ""))
