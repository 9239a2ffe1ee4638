"""Calls of routines that take every argument by address, as those of LAPACK do."""

from __future__ import annotations

from collections.abc import Callable

from llvmlite import ir

from chainrule.compiler.native.kernels import Call
from chainrule.compiler.native.loops import INDEX, POINTER, counted, element
from chainrule.compiler.native.views import View


def emit_call(builder: ir.IRBuilder, call: Call, first_element: Callable[[View], ir.Value]) -> None:
    """Append the calls of a step.

    Parameters
    ----------
    builder : llvmlite.ir.IRBuilder
    call : Call
    first_element : callable
        Returns the address at which an array starts.
    """
    module = builder.module
    function = module.globals.get(call.routine)
    if function is None:
        type = ir.FunctionType(ir.VoidType(), [POINTER] * len(call.arguments))
        function = ir.Function(module, type, call.routine)
        function.attributes.add("nounwind")
    addresses = [
        first_element(argument) if isinstance(argument, View) else _by_address(module, argument)
        for argument in call.arguments
    ]
    with counted(builder, call.count, "call") as counter:
        places = []
        for argument, address in zip(call.arguments, addresses, strict=True):
            if isinstance(argument, View):
                moved = builder.mul(counter, INDEX(argument.strides[0]))
                address = element(builder, address, moved, argument.memory.dtype)
            places.append(address)
        builder.call(function, places)


def _by_address(module: ir.Module, value: int | str) -> ir.Value:
    """Return the address of a constant: a 32-bit integer, or a letter."""
    number = ir.IntType(32)(value) if isinstance(value, int) else ir.IntType(8)(ord(value))
    name = f"argument_{number.type}_{value}"
    known = module.globals.get(name)
    if known is None:
        known = ir.GlobalVariable(module, number.type, name)
        known.initializer = number
        known.global_constant = True
        known.linkage = "private"
    return known
