"""From one kernel to one LLVM function.

The function takes a pointer per buffer, and pointers are known not to overlap. The loops over the
axes that the stages of a nest share are opened once; inside of them one stage follows the other.
"""

from __future__ import annotations

from llvmlite import ir

from chainrule.compiler.native import scalars
from chainrule.compiler.native.kernels import Nest
from chainrule.compiler.native.loops import INDEX, POINTER, Axes
from chainrule.compiler.native.row_lanes import Blocks, LaneStage
from chainrule.compiler.native.rows import padded
from chainrule.compiler.native.short_rows import ShortStage, row_pieces
from chainrule.compiler.native.stages import Stage
from chainrule.compiler.native.views import Buffer

ROW_ALIGNMENT = 64
"""Alignment in bytes of a row on the stack, that of the widest vectors."""


def emit_nest(
    function: ir.Function, nest: Nest, buffers: list[Buffer], has_fma: bool, ranged: bool = False
) -> None:
    """Append the blocks of an arranged nest to a function.

    Parameters
    ----------
    function : llvmlite.ir.Function
    nest : Nest
    buffers : list of Buffer
        Those whose pointers the function takes, in order.
    has_fma : bool
        Whether the CPU has a fused multiply-add.
    ranged : bool
        Whether the function takes two numbers after the pointers, and runs through the positions
        of the outermost axis from the first number up to the second. See `Nest.can_be_split`.
    """
    pointer_arguments = function.args[: len(buffers)]
    for argument, buffer in zip(pointer_arguments, buffers, strict=True):
        argument.add_attribute("noalias")
        argument.name = str(buffer)
    pointers = dict(zip(buffers, pointer_arguments, strict=True))
    limits = function.args[len(buffers) :] if ranged else None
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    axes = Axes(builder, limits)
    blocks = Blocks(builder, axes, nest)
    for buffer in nest.rows:
        type = scalars.memory_type(buffer.dtype)
        if blocks.lanes:
            column = ir.VectorType(type, blocks.lanes)
            row = builder.alloca(ir.ArrayType(column, buffer.size), name=str(buffer))
        else:
            row = builder.alloca(ir.ArrayType(type, padded(buffer.size)), name=str(buffer))
            row.align = ROW_ALIGNMENT
        pointers[buffer] = builder.gep(row, [INDEX(0), INDEX(0)], inbounds=True)
        pointers[buffer].type = POINTER  # not that of one element, since vectors lie there too
    stages: list[Stage] = []
    for loop in nest.stages:
        own = builder, nest, loop, pointers, axes, has_fma
        pieces = row_pieces(nest, loop)
        if blocks.lanes:
            stages.append(LaneStage(*own, blocks=blocks))
        else:
            stages.append(ShortStage(*own, pieces=pieces) if pieces else Stage(*own))

    def rows(depth: int) -> None:
        if depth == nest.shared:
            for stage in stages:
                stage.begin(depth)
                stage.run()
                stage.end(depth)
            return
        for stage in stages:
            stage.begin(depth)
        extent = nest.stages[0].shape[depth]
        with (
            blocks.open(extent) if blocks.lanes and depth == nest.shared - 1 else axes.open(extent)
        ):
            rows(depth + 1)
        for stage in stages:
            stage.end(depth)

    rows(0)
    builder.ret_void()
