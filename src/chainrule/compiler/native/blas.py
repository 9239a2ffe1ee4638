"""Matrix products by the BLAS that SciPy carries, called by address."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llvmlite import ir

from chainrule.compiler.native import routines, scalars
from chainrule.compiler.native.kernels import Product
from chainrule.compiler.native.matrices import leading_dimension

_POINTER = ir.PointerType()
_INT = ir.IntType(32)

BLOCK = 512
"""Rows and columns that are computed by a call, about. A call copies what it reads, so that what is
gained by having more calls is lost again if they are much smaller."""


def block_size(extent: int) -> int:
    """Return how many rows or columns of a result to compute at once; the last may be fewer."""
    return -(-extent // max(1, round(extent / BLOCK)))


def emit_gemm(
    builder: ir.IRBuilder,
    product: Product,
    pointers: Sequence[ir.Value],
    rows: ir.Value,
    columns: ir.Value,
) -> None:
    """Append a call that computes a block of a product of two matrices.

    The addresses are those of the block's rows of the left factor, its columns of the right one,
    and its first element.

    Fortran's arrays are transposed ours. So it is asked for ``target.T = right.T @ left.T``, and a
    matrix of which it would have to be told that it is transposed is one that is not, and the
    other way round.
    """
    left, right = product.left, product.right
    dtype = product.target.memory.dtype
    k = left.shape[2]
    left_layout, right_layout = leading_dimension(left), leading_dimension(right)
    assert left_layout is not None
    assert right_layout is not None
    module = builder.module
    routine = f"{routines.BLAS}.{'d' if dtype.itemsize == 8 else 's'}gemm"
    gemm = module.globals.get(routine)
    if gemm is None:
        gemm = ir.Function(module, ir.FunctionType(ir.VoidType(), [_POINTER] * 13), routine)
        gemm.attributes.add("nounwind")

    def number(value: int) -> ir.Value:
        return _shared(module, f"int_{value}", _INT(value))

    def variable(value: ir.Value) -> ir.Value:
        with builder.goto_entry_block():
            place = builder.alloca(_INT)
        builder.store(builder.trunc(value, _INT), place)
        return place

    def flag(transposed: bool) -> ir.Value:
        letter = "T" if transposed else "N"
        return _shared(module, f"letter_{letter}", ir.IntType(8)(ord(letter)))

    def factor(value: float) -> ir.Value:
        return _shared(module, f"{dtype}_{value:.0f}", scalars.constant(dtype.type(value)))

    a, b, c = pointers
    arguments = [
        flag(right_layout[0]),
        flag(left_layout[0]),
        variable(columns),
        variable(rows),
        number(k),
        factor(1.0),
        b,
        number(right_layout[1]),
        a,
        number(left_layout[1]),
        factor(0.0),
        c,
        number(max(product.target.shape[2], 1)),
    ]
    builder.call(gemm, arguments)


def _shared(module: ir.Module, name: str, value: Any) -> ir.Value:
    known = module.globals.get(name)
    if known is None:
        known = ir.GlobalVariable(module, value.type, name)
        known.initializer = value
        known.global_constant = True
        known.linkage = "private"
    return known
