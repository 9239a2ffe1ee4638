"""A clock for machine code to read: that of the operating system, which Python's own is too."""

from __future__ import annotations

import ctypes
import functools
import sys
import time
from typing import Any

from chainrule.compiler.native import loading, symbols

NOW = "chainrule.clock"
"""The function that returns the time: 64 bits, in units of `seconds_per_tick`."""

_POSIX = f"""
declare i32 @clock_gettime(i32, ptr)

define i64 @{loading.ENTRY}() nounwind {{
  %time = alloca [2 x i64]
  call i32 @clock_gettime(i32 $clock, ptr %time)
  %seconds = load i64, ptr %time
  %place = getelementptr i64, ptr %time, i64 1
  %nanoseconds = load i64, ptr %place
  %whole = mul i64 %seconds, 1000000000
  %sum = add i64 %whole, %nanoseconds
  ret i64 %sum
}}
"""

_WINDOWS = f"""
declare i32 @QueryPerformanceCounter(ptr)

define i64 @{loading.ENTRY}() nounwind {{
  %time = alloca i64
  call i32 @QueryPerformanceCounter(ptr %time)
  %ticks = load i64, ptr %time
  ret i64 %ticks
}}
"""


@functools.cache
def make_available() -> loading.Code:
    """Put down where `NOW` is; what is returned keeps it there."""
    code = loading.compiled(_of_the_system())
    symbols.define(NOW, code.address)
    return code


def _of_the_system() -> str:
    """Return the clock's code, and put down where the function is that it calls."""
    library: Any
    if sys.platform == "win32":
        library, name, text = ctypes.WinDLL("kernel32"), "QueryPerformanceCounter", _WINDOWS
    else:
        # That of macOS which is as fine as its processors' counters.
        number = getattr(time, "CLOCK_UPTIME_RAW", time.CLOCK_MONOTONIC)
        library, name, text = (
            ctypes.CDLL(None),
            "clock_gettime",
            _POSIX.replace("$clock", f"{number:d}"),
        )
    symbols.define(name, symbols.address_of(getattr(library, name)))
    return text


def seconds_per_tick() -> float:
    """Return the length of the clock's unit."""
    return time.get_clock_info("perf_counter").resolution if sys.platform == "win32" else 1e-9
