"""What the machine can do at best: how fast it computes, and how fast it copies.

Both are measured when they are asked for, once per process, in milliseconds, by as many threads as
compiled functions may use. Computing is multiplying and adding in registers, without ever waiting
for a result; large matrix products come near that. How fast memory is depends on which memory it
is: few bytes, touched again and again, stay in the caches near the cores. So the rate is that of
copying over and over among as many bytes as are in question.
"""

from __future__ import annotations

import ctypes
import functools
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from llvmlite import ir

from chainrule._threads import get_threads
from chainrule.compiler.native import loading, machine, scalars
from chainrule.compiler.native.loops import INDEX, POINTER, counted
from chainrule.compiler.native.math.arithmetic import Arithmetic, Real, mul_add
from chainrule.compiler.native.vectors import vector_unit

_LEAST_BYTES, _MOST_BYTES = 2**14, 2**26

# What one thread does in one measurement: about a millisecond's work.
_ROUNDS = 2**17
_COPIED_BYTES = 2**24

_REPEATS = 10

_COPY = f"""
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)

define void @{loading.ENTRY}(ptr %to, ptr %from, i64 %nbytes, i64 %times) {{
entry:
  br label %copy

copy:
  %i = phi i64 [ 0, %entry ], [ %next, %copy ]
  call void @llvm.memcpy.p0.p0.i64(ptr %to, ptr %from, i64 %nbytes, i1 false)
  %next = add i64 %i, 1
  %again = icmp ult i64 %next, %times
  br i1 %again, label %copy, label %done

done:
  ret void
}}
"""


def arithmetic_rate(dtype: str) -> float:
    """Return the multiplications and additions per second.

    Parameters
    ----------
    dtype : {"float32", "float64"}
    """
    return _arithmetic_rate(dtype, get_threads())


def copy_rate(nbytes: int) -> float:
    """Return the bytes per second, read and written, of copying among so many bytes.

    Parameters
    ----------
    nbytes : int
        Rounded up to a power of 4, and no more than `_MOST_BYTES`.
    """
    size = _LEAST_BYTES
    while size < min(nbytes, _MOST_BYTES):
        size *= 4
    return _copy_rate(size, get_threads())


@functools.cache
def _arithmetic_rate(dtype: str, threads: int) -> float:
    unit = vector_unit()
    chains, lanes = unit.registers - 4, unit.nbytes // np.dtype(dtype).itemsize
    code = loading.compiled(_multiply_and_add(chains, lanes, np.dtype(dtype)))
    run = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64)(code.address)
    tables = np.full((threads, chains * lanes), 0.1, dtype)
    rate = _rate(lambda table: run(table.ctypes.data, _ROUNDS), tables)
    return 2.0 * chains * lanes * _ROUNDS * rate


def _multiply_and_add(chains: int, lanes: int, dtype: np.dtype[Any]) -> str:
    """Return code that computes ``x = x * y + y`` for some vectors, over and over."""
    vector = ir.VectorType(scalars.memory_type(dtype), lanes)
    arithmetic = Arithmetic(ir.IRBuilder(), vector, machine.has_fma())
    module = ir.Module("chainrule")
    type = ir.FunctionType(ir.VoidType(), [POINTER, INDEX])
    function = ir.Function(module, type, loading.ENTRY)
    table, rounds = function.args
    b = arithmetic.builder
    before = function.append_basic_block("entry")
    b.position_at_end(before)
    places = [b.gep(table, [INDEX(number)], source_etype=vector) for number in range(chains)]
    starts = [b.load(place, typ=vector, align=dtype.itemsize) for place in places]
    y = Real(arithmetic, starts[0])
    with counted(b, rounds, "round"):
        phis = [b.phi(vector) for _ in starts]
        results = [mul_add(Real(arithmetic, phi), y, y).value for phi in phis]
        for phi, start, result in zip(phis, starts, results, strict=True):
            phi.add_incoming(start, before)
            phi.add_incoming(result, b.block)
    for place, result in zip(places, results, strict=True):
        b.store(result, place, align=dtype.itemsize)
    b.ret_void()
    return str(module)


@functools.cache
def _copy_rate(nbytes: int, threads: int) -> float:
    code = loading.compiled(_COPY, optimized=False)  # which would copy once
    word, address = ctypes.c_int64, ctypes.c_void_p
    copy = ctypes.CFUNCTYPE(None, address, address, word, word)(code.address)
    length = nbytes // (2 * threads)
    times = max(1, _COPIED_BYTES // length)
    pairs = np.ones((threads, 2, length), np.uint8)
    rate = _rate(lambda p: copy(p[0].ctypes.data, p[1].ctypes.data, length, times), pairs)
    return 2.0 * length * times * rate


def _rate(work: Callable[[np.ndarray], object], shares: np.ndarray) -> float:
    """Return how often per second some work is done at best, by a thread for every share.

    Each takes its own time, lest one that had to wait for its turn speak for all.
    """

    def seconds(share: np.ndarray) -> float:
        began = time.perf_counter()
        work(share)
        return time.perf_counter() - began

    with ThreadPoolExecutor(len(shares)) as pool:
        times = [list(pool.map(seconds, shares)) for _ in range(_REPEATS)]
    return float(np.sum(1.0 / np.min(times, axis=0)))
