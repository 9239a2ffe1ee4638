"""What machine code depends on beside what it is the code of: the CPU, and what has made it.

Programs on disk are found by it, so it has to be known without LLVM, which takes longer to load
than all else that a known program needs.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import sys

from chainrule.compiler.native import cache

_CPUINFO = "/proc/cpuinfo"
_OF_CPU = ("vendor_id", "cpu family", "model", "model name", "stepping", "flags")
_FIRST_CPU = 2**14
"""Bytes that hold what Linux says of the first CPU; to be told of hundreds takes time."""


@functools.cache
def surroundings() -> str:
    """Return a hash of what machine code depends on."""
    return cache.key_of(
        cache.LIBRARY,
        f"{sys.implementation.cache_tag} {sys.platform} {object.__basicsize__}",
        _cpu_by_linux() or _cpu_by_llvm(),
        _installed("llvmlite"),
        # How much room a routine of LAPACK's wants is part of a program's code.
        _installed("scipy"),
    )


def _cpu_by_linux() -> str:
    """Return what Linux tells of a CPU of Intel's kind; nothing where it does not."""
    try:
        with open(_CPUINFO, "rb") as file:
            first = file.read(_FIRST_CPU).decode(errors="replace").partition("\n\n")[0]
    except OSError:
        return ""
    fields = dict([part.strip() for part in line.partition(":")[::2]] for line in first.split("\n"))
    found = [fields.get(name, "") for name in _OF_CPU]
    return "\n".join(found) if all(found) else ""


def _cpu_by_llvm() -> str:
    from chainrule.compiler.native import machine

    return machine.description()


def _installed(package: str) -> str:
    """Return what tells an installed package from another version of it, without importing it."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return ""
    status = os.stat(spec.origin)
    return f"{spec.origin} {status.st_size} {status.st_mtime_ns}"
