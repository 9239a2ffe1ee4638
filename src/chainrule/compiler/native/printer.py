"""Steps as pseudo-code, to be read."""

from __future__ import annotations

from collections.abc import Sequence

from chainrule.compiler.native.expressions import Apply, Constant, Load, Place, nodes
from chainrule.compiler.native.kernels import (
    Block,
    Branch,
    Call,
    Guard,
    Kernel,
    Loop,
    Product,
    Sort,
    Step,
    While,
)
from chainrule.compiler.native.math import MATH, MATH2
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


def _kernel_lines(kernel: Kernel, indent: str) -> list[str]:
    if isinstance(kernel, Loop):
        return _loop_lines(kernel, 0, indent)
    shape = kernel.stages[0].shape[: kernel.shared]
    lines = [f"{indent}for {_axes_text(shape, [False] * kernel.shared)}:"]
    for loop in kernel.stages:
        lines += _loop_lines(loop, kernel.shared, indent + _INDENT)
    return lines


def _axes_text(shape: Shape, reduced: Sequence[bool], start: int = 0) -> str:
    return ", ".join(
        f"i{axis}<{extent}{' (reduced)' if flag else ''}"
        for axis, (extent, flag) in enumerate(zip(shape, reduced, strict=True), start)
    )


def _loop_lines(loop: Loop, shared: int, indent: str) -> list[str]:
    """Return a loop as text, within loops over the axes it shares with others."""
    names = [f"i{axis}" for axis in range(len(loop.shape))]
    own = _axes_text(loop.shape[shared:], loop.reduced[shared:], shared)
    inner = indent + _INDENT if own or not shared else indent
    head = [f"{indent}for {own}:"] if own else [] if shared else [f"{indent}once:"]
    lines: list[str] = []
    known: dict[int, str] = {}
    uses: dict[int, int] = {}
    for node in loop.nodes:
        if isinstance(node, Apply):
            for argument in node.arguments:
                uses[id(argument)] = uses.get(id(argument), 0) + 1
    for root in loop.roots:
        uses[id(root)] = uses.get(id(root), 0) + 1
    for node in loop.nodes:
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
                name = f"t{len(lines)}"
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
    return head + lines


def _matrix_text(view: View) -> str:
    return f"{view.buffer}{list(view.shape)}"


def _step_lines(step: Step, indent: str) -> list[str]:
    inner = indent + _INDENT
    if isinstance(step, Kernel):
        return _kernel_lines(step, indent)
    if isinstance(step, Product):
        names = [_matrix_text(view) for view in (step.target, step.left, step.right)]
        line = f"{indent}{names[0]} = {names[1]} @ {names[2]}"
        return [line, *(_kernel_lines(step.epilogue, inner) if step.epilogue else ())]
    if isinstance(step, Sort):
        return [f"{indent}{_matrix_text(step.target)} = order({_matrix_text(step.source)})"]
    if isinstance(step, Call):
        arguments = [str(a.buffer if isinstance(a, View) else a) for a in step.arguments]
        times = f"{step.count} times " if step.count > 1 else ""
        return [f"{indent}{times}{step.routine.rpartition('.')[2]}({', '.join(arguments)})"]
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


def title(step: Step) -> str:
    """Return what a step is in a line: where it runs, and the ops, elementary functions first."""
    if isinstance(step, Product):
        factors = [f"{view.buffer}{list(view.shape[-2:])}" for view in (step.left, step.right)]
        times = f"{step.target.shape[0]} times " if step.target.shape[0] > 1 else ""
        head, ops = times + " @ ".join(factors), _ops(step.epilogue) if step.epilogue else []
    else:
        head = _step_lines(step, "")[0].partition(", with ")[0].removesuffix(":")
        head = head.replace(" (reduced)", "")  # the ops say it
        ops = (_ops(step) or ["copy"]) if isinstance(step, Kernel) else []
    return f"{head}: {', '.join(ops)}" if ops else head


def _ops(kernel: Kernel) -> list[str]:
    names = [node.op for node in nodes(*kernel.roots) if isinstance(node, Apply)]
    results = [result for loop in kernel.stages for result in loop.results]
    names += [{"add": "sum"}.get(r.combine, r.combine) for r in results if r.combine]
    names += ["gather" for node in nodes(*kernel.roots) if isinstance(node, Place)]
    names += ["scatter" for result in results if isinstance(result.target, Place)]
    return sorted(dict.fromkeys(names), key=lambda name: name not in MATH and name not in MATH2)
