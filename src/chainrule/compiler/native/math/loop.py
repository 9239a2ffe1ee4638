"""One function in a loop over arrays, compiled for this machine: for tests and measurements."""

from __future__ import annotations

import ctypes
from typing import Any

import llvmlite.binding as llvm
import numpy as np
from llvmlite import ir

from chainrule.compiler.native.math import MATH, MATH2

_TYPES = {"float32": ir.FloatType(), "float64": ir.DoubleType()}


class Loop:
    """A function of `MATH` or `MATH2` applied to every element of contiguous arrays.

    Parameters
    ----------
    name : str
        The name of the op.
    dtype : str
        ``"float32"`` or ``"float64"``.
    has_fma : bool
        Whether the code may use fused multiply-adds.
    """

    def __init__(self, name: str, dtype: str, *, has_fma: bool = True) -> None:
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        machine = llvm.Target.from_default_triple().create_target_machine(
            cpu=llvm.get_host_cpu_name(),
            # Vectors are to be as wide as they can.
            features=f"{llvm.get_host_cpu_features().flatten()},-prefer-256-bit",
            opt=3,
            jit=True,
        )
        self.dtype = np.dtype(dtype)
        self.arity = 2 if name in MATH2 else 1
        self.module = llvm.parse_assembly(str(_module(name, _TYPES[dtype], has_fma)))
        self.module.triple = llvm.get_process_triple()
        self.module.data_layout = str(machine.target_data)
        options = llvm.create_pipeline_tuning_options(speed_level=3)
        options.loop_vectorization = True
        builder = llvm.create_pass_builder(machine, options)
        builder.getModulePassManager().run(self.module, builder)
        self.assembly = machine.emit_assembly(self.module)
        # Keeps the code in memory.
        self._engine = llvm.create_mcjit_compiler(self.module, machine)
        address = self._engine.get_function_address("loop")
        self._function = ctypes.CFUNCTYPE(
            None, ctypes.c_int64, *[ctypes.c_void_p] * (self.arity + 1)
        )(address)

    def __call__(self, *arguments: Any, out: Any = None) -> Any:
        """Return the function of the arrays."""
        arrays = [np.ascontiguousarray(a, self.dtype) for a in arguments]
        if out is None:
            out = np.empty_like(arrays[0])
        self._function(out.size, *[a.ctypes.data for a in arrays], out.ctypes.data)
        return out


def _module(name: str, type: ir.Type, has_fma: bool) -> ir.Module:
    module = ir.Module("math")
    arity = 2 if name in MATH2 else 1
    size = ir.IntType(64)
    function = ir.Function(
        module,
        ir.FunctionType(ir.VoidType(), [size, *[type.as_pointer()] * (arity + 1)]),
        "loop",
    )
    function.attributes.add("nounwind")
    for argument in function.args[1:]:
        argument.add_attribute("noalias")
    entry = function.append_basic_block("entry")
    body = function.append_basic_block("body")
    end = function.append_basic_block("end")
    builder = ir.IRBuilder(entry)
    count, *inputs, out = function.args
    builder.cbranch(builder.icmp_signed(">", count, size(0)), body, end)
    builder.position_at_end(body)
    i = builder.phi(size)
    i.add_incoming(size(0), entry)
    values = [builder.load(builder.gep(pointer, [i])) for pointer in inputs]
    if arity == 1:
        result = MATH[name](builder, *values, has_fma=has_fma)
    else:
        result = MATH2[name](builder, *values, has_fma=has_fma)
    builder.store(result, builder.gep(out, [i]))
    following = builder.add(i, size(1), flags=["nuw", "nsw"])
    i.add_incoming(following, body)
    builder.cbranch(builder.icmp_signed("<", following, count), body, end)
    builder.position_at_end(end)
    builder.ret_void()
    return module
