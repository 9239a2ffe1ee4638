"""``CHAINRULE_DEBUG``: what `compile` makes, told as it is made.

The variable is read whenever a function is compiled, so it can be set in a session that runs. What
there is to tell goes to the logger ``chainrule`` if somebody listens to its debug messages, and
otherwise to standard error.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from chainrule._errors import InvalidArgumentError
from chainrule.compiler.interpreter import Program
from chainrule.compiler.quantities import amount, duration
from chainrule.ir import ArrayType, Graph

if TYPE_CHECKING:
    from chainrule.compiler.native import NativeProgram

VARIABLE = "CHAINRULE_DEBUG"

_MOST = 4
_TYPES_SHOWN = 4
_PARTS_OF_COMPILE = frozenset({"parse", "optimize", "generate"})


def debug_level() -> int:
    """Return how much is to be told: from nothing, 0, to everything, 4.

    Raises
    ------
    InvalidArgumentError
        If ``CHAINRULE_DEBUG`` says none of these.
    """
    value = os.environ.get(VARIABLE) or "0"
    if value not in map(str, range(_MOST + 1)):
        raise InvalidArgumentError(
            f"the environment variable {VARIABLE} must be a number from 0 to {_MOST}, got "
            f"{value!r}; 1 is a line for every function compiled, 2 also graph and kernels, 3 "
            "also LLVM code, 4 also assembly."
        )
    return int(value)


def tell(
    level: int, name: str, graph: Graph, run: Program | NativeProgram, seconds: dict[str, float]
) -> None:
    """Tell what has been compiled.

    Parameters
    ----------
    level : int
        See `debug_level`.
    name : str
        The function.
    graph : Graph
    run : Program or NativeProgram
        What runs the graph.
    seconds : dict
        Time by stage.
    """
    texts = [_summary(name, graph, run, seconds)] if level >= 1 else []
    if level >= 2:
        texts.append(str(graph))
    if isinstance(run, Program):
        texts += [run.source] if level >= 2 else []
    else:
        texts += [run.kernels] if level >= 2 else []
        texts += [run.llvm] if level >= 3 else []
        texts += [run.asm] if level >= 4 else []
    if texts:
        _write("\n".join(texts))


def _summary(
    name: str, graph: Graph, run: Program | NativeProgram, seconds: dict[str, float]
) -> str:
    head = f"{name}({_short(graph.input_types)})"
    stages = {stage: took for stage, took in seconds.items() if stage not in _PARTS_OF_COMPILE}
    took = ", ".join(f"{stage} {1000 * took:.1f}" for stage, took in stages.items())
    times = f"in {duration(sum(stages.values()))} (ms: {took})"
    if isinstance(run, Program):
        return f"{head}: {len(graph.equations)} ops for the interpreter, {times}"
    stats = run.stats
    counts = ", ".join(f"{stats[what]} {what}" for what in ("kernels", "products", "calls"))
    amounts = f"arena {amount(stats['arena_bytes'])}B, {amount(stats['flops'])}flop"
    origin = "compiled" if "compile" in stages else "taken from the cache"
    return f"{head}: {counts}, {amounts}, {origin} {times}"


def _short(types: Sequence[ArrayType]) -> str:
    shown = [str(type) for type in types[:_TYPES_SHOWN]]
    more = len(types) - len(shown)
    return ", ".join([*shown, f"{more} more"] if more else shown)


def _write(text: str) -> None:
    logger = logging.getLogger("chainrule")
    if logger.hasHandlers() and logger.isEnabledFor(logging.DEBUG):
        logger.debug(text)
    else:
        print(f"chainrule: {text}", file=sys.stderr)
