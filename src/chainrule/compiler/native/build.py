"""From a graph to an executable: all stages of native compilation, in order."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.compiler.native import machine, memory
from chainrule.compiler.native.emit import emit_module
from chainrule.compiler.native.expressions import Apply, nodes
from chainrule.compiler.native.fuse import fuse
from chainrule.compiler.native.kernels import Block, Loop, Product
from chainrule.compiler.native.schedule import schedule
from chainrule.ir import Graph


class Statistics(dict[str, Any]):
    """Numbers about a compiled program, shown one a line."""

    def __str__(self) -> str:
        return "\n".join(f"{name}: {value}" for name, value in self.items())


@dataclass(frozen=True, eq=False)
class Executable:
    """Machine code and what it needs to run.

    Attributes
    ----------
    block : Block
        The program as steps.
    constants : list of ndarray
        Contents of the constant buffers, in order.
    arena_bytes : int
        Memory for temporaries.
    code : machine.Code
    stats : Statistics
    """

    block: Block
    constants: list[np.ndarray]
    arena_bytes: int
    code: machine.Code
    stats: Statistics


def build(graph: Graph) -> Executable:
    """Compile a graph, all of whose ops have to be supported.

    Parameters
    ----------
    graph : Graph
        Compiled as it is; the passes have been run before.
    """
    clock = [time.perf_counter()]
    block, buffers = schedule(graph)
    fuse(block)
    clock.append(time.perf_counter())
    offsets, arena_bytes = memory.plan(block)
    clock.append(time.perf_counter())
    module = emit_module(block, offsets, len(graph.inputs), machine.has_fma())
    code = machine.Code(str(module))
    clock.append(time.perf_counter() - sum(code.seconds.values()))
    stages = ("schedule", "memory", "emit")
    seconds = dict(zip(stages, np.diff(clock).tolist(), strict=True)) | code.seconds
    stats = Statistics(_statistics(block, arena_bytes), seconds=seconds)
    return Executable(block, buffers.constants, arena_bytes, code, stats)


def _statistics(block: Block, arena_bytes: int) -> dict[str, Any]:
    steps = list(block.all_steps())
    return {
        "kernels": sum(isinstance(step, Loop) for step in steps),
        "products": sum(isinstance(step, Product) for step in steps),
        "arena_bytes": arena_bytes,
        "flops": _flops(block),
    }


def _flops(block: Block) -> int:
    total = 0
    for step in block.steps:
        if isinstance(step, Loop):
            ops = sum(isinstance(node, Apply) for node in nodes(*step.roots))
            ops += sum(bool(result.combine) for result in step.results)
            total += ops * int(np.prod(step.shape))
        elif isinstance(step, Product):
            s, m, n = step.target.shape
            total += 2 * s * m * n * step.left.shape[2]
        else:
            times = getattr(step, "length", 1)
            total += times * sum(_flops(inner) for inner in getattr(step, "blocks", ()))
    return total
