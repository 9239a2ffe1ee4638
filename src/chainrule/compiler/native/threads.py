"""Threads for compiled programs, parked in native code, and the way signals reach a long run.

The pool itself is native code, in ``pool.ll``: threads that live in it take chunks of a program's
loops and products, and go to sleep when there have been none for a while. Nothing of Python runs in
them, and Python knows nothing of them. The pool is loaded with the first program that could use it,
and its threads are started by the first run that is worth one.
"""

from __future__ import annotations

import ctypes
import functools
import os
import platform
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from chainrule import _threads
from chainrule.compiler.native import loading, routines, symbols

_PREFIX = "chainrule.pool."
IN_PARALLEL = f"{_PREFIX}in_parallel"
IN_ORDER = f"{_PREFIX}in_order"
GET_READY = f"{_PREFIX}get_ready"
LOOK_FOR_SIGNALS = f"{_PREFIX}look_for_signals"
HOLD_BLAS = f"{_PREFIX}hold_blas"
RELEASE_BLAS = f"{_PREFIX}release_blas"

INTERRUPTED = 2
"""What a program returns when a signal's handler has raised an exception, which Python then has."""

BETWEEN_LOOKS = 20_000_000
"""Estimated nanoseconds of work between two looks for signals."""

WORTH_WAKING = 100_000
"""Estimated nanoseconds of work for which it is worth to wake a thread that sleeps."""

SPIN_SECONDS = 50e-6
"""How long a thread waits for work before it sleeps: longer than what one thread does between two
steps for all. Where cores are short, to wait longer would take time from those that work."""

_SPINS_MEASURED = 1000

# Instructions that tell the CPU that a loop spins, and their argument.
_X86, _ARM = ("llvm.x86.sse2.pause", ""), ("llvm.aarch64.isb", "i32 15")
_PAUSES = {"x86_64": _X86, "amd64": _X86, "aarch64": _ARM, "arm64": _ARM}

_lock = threading.Lock()


def make_available(called: Iterable[str]) -> bool:
    """Load the pool, if it is among the functions that are going to be called; return whether."""
    own = [name for name in called if name.startswith(_PREFIX)]
    with _lock:
        if own:
            _pool()
        if HOLD_BLAS in own:
            _controlled_blas()
    return bool(own)


@functools.cache
def _pool() -> loading.Code:
    """Return the pool, which has to stay loaded for as long as there are threads in it."""
    pool = loading.Code(made())

    def function(name: str, *types: Any) -> Any:
        return ctypes.CFUNCTYPE(None, *types)(pool.address_of(_PREFIX + name))

    limit = _threads.shared_count()
    # Threads of the pool read it until the process ends, and so later than Python would keep it.
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(limit))
    spin = function("spin", ctypes.c_int64)
    spins = _SPINS_MEASURED * SPIN_SECONDS / min(_seconds(spin) for _ in range(3))
    set_up = function("set_up", ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)
    set_up(ctypes.addressof(limit), threading.main_thread().ident, int(spins))
    if hasattr(os, "register_at_fork"):
        forget_threads = function("forget_threads", ctypes.c_int64)
        os.register_at_fork(after_in_child=lambda: forget_threads(threading.get_ident()))
    for name in (IN_PARALLEL, IN_ORDER, GET_READY, LOOK_FOR_SIGNALS, HOLD_BLAS, RELEASE_BLAS):
        symbols.define(name, pool.address_of(name))
    return pool


def _seconds(spin: Any) -> float:
    began = time.perf_counter()
    spin(_SPINS_MEASURED)
    return time.perf_counter() - began


@functools.cache
def _controlled_blas() -> ctypes.CDLL | None:
    """Let the pool set how many threads SciPy's BLAS has, if it is OpenBLAS; return the library."""
    for library in _blas_libraries():
        for prefix in ("scipy_", ""):
            names = [f"{prefix}openblas_{verb}_num_threads" for verb in ("get", "set")]
            if all(hasattr(library, name) for name in names):
                control = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)
                addresses = [symbols.address_of(getattr(library, name)) for name in names]
                control(_pool().address_of(f"{_PREFIX}control_blas"))(*addresses)
                return library
    return None


def _blas_libraries() -> Iterator[ctypes.CDLL]:
    """Yield what BLAS may be found in: what SciPy's module has loaded, and what SciPy carries."""
    module = routines.extension(routines.BLAS)
    yield ctypes.CDLL(module.__file__)
    site = Path(module.__file__).parents[2]
    for path in sorted(site.glob("scipy.libs/*openblas*")):
        yield ctypes.CDLL(str(path))


def made() -> loading.Linkable:
    """Return the pool's code."""
    return loading.made(assembly(), optimized=False)  # there is next to nothing to gain


def assembly() -> str:
    """Return the pool in LLVM's assembly language."""
    return _platform() + Path(__file__).with_name("pool.ll").read_text(encoding="utf-8")


def _platform() -> str:
    """Return what the pool's code takes for given: two functions, and some numbers."""
    architecture = platform.machine().lower()
    declared = called = ""
    if architecture in _PAUSES:
        name, argument = _PAUSES[architecture]
        declared = f"declare void @{name}({argument.partition(' ')[0]})"
        called = f"call void @{name}({argument})"
    long = f"i{8 * ctypes.sizeof(ctypes.c_ulong)}"
    return f"""\
@worth_waking = internal constant i64 {WORTH_WAKING}
@between_looks = internal constant i64 {BETWEEN_LOOKS}

{declared}
declare {long} @PyThread_get_thread_ident()

define internal void @pause() alwaysinline {{
  {called}
  ret void
}}

; The number has the size of a C long, which differs.
define internal i64 @this_thread() {{
  %thread = call {long} @PyThread_get_thread_ident()
  %place = alloca i64
  store i64 0, ptr %place
  store {long} %thread, ptr %place
  %number = load i64, ptr %place
  ret i64 %number
}}

"""
