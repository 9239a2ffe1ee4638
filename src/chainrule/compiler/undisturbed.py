"""Python while something is compiled: it looks for no garbage, and changes threads often."""

from __future__ import annotations

import contextlib
import gc
import sys
import threading
from collections.abc import Iterator

TURN = 1e-4
"""Seconds after which Python lets another thread go on, instead of 5 ms. The threads that compile
ask for the interpreter's lock many times, and would stand idle for as long each time."""

_lock = threading.Lock()
_compiling = 0
_before = True, 0.0


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Let threads take short turns, and put off the search for garbage.

    That is set off again and again by what is written here, and each time looks at every object of
    the process, which takes as long as all the rest. Where several threads compile, all is as
    before when the last of them has finished.
    """
    global _before, _compiling
    with _lock:
        if not _compiling:
            _before = gc.isenabled(), sys.getswitchinterval()
            gc.disable()
            sys.setswitchinterval(TURN)
        _compiling += 1
    try:
        yield
    finally:
        with _lock:
            _compiling -= 1
            if not _compiling:
                was_enabled, interval = _before
                sys.setswitchinterval(interval)
                if was_enabled:
                    gc.enable()
