"""What memory can give.

An operating system may promise more memory than there is, and end the process when it is used. A
compiled program uses all memory it asks for, so what is more than the machine has is refused before
anything is touched: results before they are compiled, temporaries as soon as they are planned.
"""

from __future__ import annotations

import ctypes
import functools
import os
import sys
from pathlib import Path

from chainrule.ir import ArrayType, Graph


def check_sizes(graph: Graph) -> None:
    """Refuse a graph with an array that no machine could hold, whose size overflows.

    Raises
    ------
    MemoryError
        If an array, even one that would not be stored, has more than 2**63 - 1 bytes.
    """
    for equation in graph.equations:
        for var in equation.outputs:
            if _nbytes(var.type) > sys.maxsize:
                place = f" at {equation.source}" if equation.source else ""
                raise MemoryError(
                    f"compile: {equation.op.name}{place} makes an array of type {var.type}, of "
                    f"{_shown(_nbytes(var.type))}, more than can be counted; compute it in parts."
                )
    for inner in graph.subgraphs():
        check_sizes(inner)


def check_total(graph: Graph, arena_bytes: int = 0) -> None:
    """Refuse a program whose results and temporaries are more than the machine has memory.

    Raises
    ------
    MemoryError
    """
    if sum(map(_nbytes, graph.output_types)) + arena_bytes > machine_bytes():
        raise out_of_memory(graph, arena_bytes)


def out_of_memory(graph: Graph, arena_bytes: int) -> MemoryError:
    """Return the error that says what a call asks for."""
    types = graph.output_types
    largest = max(types, key=_nbytes, default=None)
    results = f"results of {_shown(sum(map(_nbytes, types)))}"
    if largest is not None:
        results += f" (the largest of type {largest})"
    return MemoryError(
        f"compile: a call needs memory for {results} and temporaries of {_shown(arena_bytes)}; "
        f"this machine has {_shown(machine_bytes())} in all. Compute in parts, for instance by "
        "cr.scan over blocks of rows."
    )


@functools.cache
def machine_bytes() -> int:
    """Return how much memory this process could have at most."""
    return min(_physical_bytes(), _granted_bytes())


def _physical_bytes() -> int:
    """Return the memory of the machine, with what it may swap out, as far as that is known."""
    if sys.platform == "win32":
        return _windows_bytes()
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return sys.maxsize
    if sys.platform != "linux":
        return sys.maxsize if total <= 0 else 2 * total  # swap files grow as needed
    return total + _swap_bytes()


def _swap_bytes() -> int:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("SwapTotal"))
    except (OSError, ValueError, StopIteration):
        return 0


def _granted_bytes() -> int:
    """Return what a container has been granted."""
    for place in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            return int(Path(place).read_text(encoding="ascii"))
        except (OSError, ValueError):  # there is none, or it says "max"
            continue
    return sys.maxsize


def _windows_bytes() -> int:
    class MemoryStatus(ctypes.Structure):
        _fields_ = (
            ("length", ctypes.c_ulong),
            ("load", ctypes.c_ulong),
            *((name, ctypes.c_ulonglong) for name in ("total", "free", "total_with_swap")),
            *((f"unused{i}", ctypes.c_ulonglong) for i in range(4)),
        )

    status = MemoryStatus(length=ctypes.sizeof(MemoryStatus))
    known = ctypes.CDLL("kernel32").GlobalMemoryStatusEx(ctypes.byref(status))
    return int(status.total_with_swap) if known else sys.maxsize


def _nbytes(type: ArrayType) -> int:
    return type.size * type.dtype.itemsize


def _shown(nbytes: int) -> str:
    """Return a number of bytes in the unit that suits it."""
    for exponent, unit in ((60, "EiB"), (50, "PiB"), (40, "TiB"), (30, "GiB"), (20, "MiB")):
        if nbytes >= 1 << exponent:
            return f"{nbytes / (1 << exponent):.3g} {unit}"
    return f"{nbytes} bytes"
