"""Matrix products by the BLAS that SciPy carries, called by address."""

from __future__ import annotations

import ctypes
import importlib.machinery
import importlib.util
import os
import sys
from typing import Any

from llvmlite import binding as llvm
from llvmlite import ir

from chainrule.compiler.native import scalars
from chainrule.compiler.native.layouts import leading_dimension
from chainrule.compiler.native.views import View

_POINTER = ir.PointerType()
_INT = ir.IntType(32)


def make_available() -> None:
    """Tell LLVM where the routines are."""
    name_of = ctypes.pythonapi.PyCapsule_GetName
    name_of.restype, name_of.argtypes = ctypes.c_char_p, [ctypes.py_object]
    pointer_of = ctypes.pythonapi.PyCapsule_GetPointer
    pointer_of.restype, pointer_of.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    for routine in ("sgemm", "dgemm"):
        capsule = _routines().__pyx_capi__[routine]
        llvm.add_symbol(f"chainrule_{routine}", pointer_of(capsule, name_of(capsule)))


def _routines() -> Any:
    """Return SciPy's module of BLAS routines.

    It is loaded on its own: importing `scipy.linalg`, of which it is a part but which it does not
    need, takes longer than compiling a network.
    """
    import scipy

    name = "scipy.linalg.cython_blas"
    if name in sys.modules:
        return sys.modules[name]
    folder = os.path.join(os.path.dirname(scipy.__file__), "linalg")
    spec = importlib.machinery.PathFinder.find_spec(name, [folder])
    if spec is None or spec.loader is None:
        return importlib.import_module(name)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def emit_gemm(
    builder: ir.IRBuilder,
    left: View,
    right: View,
    target: View,
    pointers: tuple[ir.Value, ir.Value, ir.Value],
) -> None:
    """Append a call that multiplies the matrices the pointers point to.

    Fortran's arrays are transposed ours. So it is asked for ``target.T = right.T @ left.T``, and a
    matrix of which it would have to be told that it is transposed is one that is not, and the
    other way round.
    """
    dtype = target.memory.dtype
    _, m, n = target.shape
    k = left.shape[2]
    left_layout, right_layout = leading_dimension(left), leading_dimension(right)
    assert left_layout is not None
    assert right_layout is not None
    module = builder.module
    routine = "chainrule_dgemm" if dtype.itemsize == 8 else "chainrule_sgemm"
    gemm = module.globals.get(routine)
    if gemm is None:
        gemm = ir.Function(module, ir.FunctionType(ir.VoidType(), [_POINTER] * 13), routine)
        gemm.attributes.add("nounwind")

    def number(value: int) -> ir.Value:
        return _shared(module, f"int_{value}", _INT(value))

    def flag(transposed: bool) -> ir.Value:
        letter = "T" if transposed else "N"
        return _shared(module, f"letter_{letter}", ir.IntType(8)(ord(letter)))

    def factor(value: float) -> ir.Value:
        return _shared(module, f"{dtype}_{value:.0f}", scalars.constant(dtype.type(value)))

    a, b, c = pointers
    arguments = [
        flag(right_layout[0]),
        flag(left_layout[0]),
        number(n),
        number(m),
        number(k),
        factor(1.0),
        b,
        number(right_layout[1]),
        a,
        number(left_layout[1]),
        factor(0.0),
        c,
        number(max(n, 1)),
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
