"""The CPU at hand as LLVM sees it, and machine code loaded to be called."""

from __future__ import annotations

import functools
import re
import sys
import threading
from collections.abc import Sequence
from typing import Any

import llvmlite
from llvmlite import binding as llvm

from chainrule.compiler.native import cache, routines

ENTRY = "run"
"""The name of the function that is called; see `emit`."""

# Where CPython keeps the address of an array's elements: right after the head of the object.
DATA_OFFSET = object.__basicsize__

ALIGNMENT = 64
"""The arena, and every array in it, starts at a multiple of so many bytes."""

_lock = threading.Lock()


@functools.cache
def features() -> str:
    """Return what the CPU can do, in LLVM's notation; vectors are to be as wide as they can."""
    found = str(llvm.get_host_cpu_features().flatten())
    return f"{found},-prefer-256-bit" if "x86_64" in llvm.get_process_triple() else found


@functools.cache
def has_fma() -> bool:
    """Whether the CPU multiplies and adds with one rounding."""
    found = llvm.get_host_cpu_features()
    return bool(found.get("fma", "aarch64" in llvm.get_process_triple()))


@functools.cache
def has_float16() -> bool:
    """Whether the CPU converts from float16 and back; no library is there to do it."""
    found = llvm.get_host_cpu_features()
    return bool(found.get("f16c", "aarch64" in llvm.get_process_triple()))


@functools.cache
def surroundings() -> str:
    """Return a hash of what machine code depends on beside what it is the code of."""
    return cache.key_of(
        cache.LIBRARY,
        f"{sys.implementation.cache_tag} {DATA_OFFSET}",
        llvm.get_process_triple(),
        llvm.get_host_cpu_name(),
        features(),
        ".".join(map(str, llvm.llvm_version_info)),
        llvmlite.__version__,
        routines.version(),
    )


@functools.cache
def initialize() -> None:
    """Get LLVM ready to make and to load code for this CPU."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()


def target_machine(level: int) -> Any:
    """Return LLVM's description of this CPU.

    Parameters
    ----------
    level : {0, 1, 2, 3}
        How hard to try when instructions are chosen.
    """
    return llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=features(), opt=level, jit=True
    )


class Code:
    """Object code that can be called.

    Parameters
    ----------
    objects : sequence of bytes
        One of them has the function `ENTRY`.

    Attributes
    ----------
    address : int
        Where that function is.
    """

    def __init__(self, objects: Sequence[bytes]) -> None:
        # Names stand in object code as they are, whatever its format.
        named = {name for code in objects for name in re.findall(rb"scipy\.[\w.]+", code)}
        routines.make_available(sorted(name.decode() for name in named))
        with _lock:
            initialize()
            self._engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), target_machine(0))
            for code in objects:
                self._engine.add_object_file(llvm.ObjectFileRef.from_data(code))
            self._engine.finalize_object()
            self.address: int = self.address_of(ENTRY)

    def address_of(self, name: str) -> int:
        """Return where a function is."""
        found: int = self._engine.get_function_address(name)
        return found


def compiled(text: str, optimized: bool = True) -> Code:
    """Return the code of a module in LLVM's assembly language that depends on nothing else."""
    key = cache.key_of("module", text, surroundings(), str(optimized))
    code = cache.load(key)
    if code is None:
        # Takes longer to import than code that is known to load.
        from chainrule.compiler.native.compilation import DRIVER, LOOPS, object_code

        initialize()
        code, _ = object_code(text, LOOPS if optimized else DRIVER)
        cache.store(key, code)
    return Code([code])
