"""Where the functions are that machine code calls by name.

They are SciPy's (see `routines`), Python's and the C library's, and those that this library has
made itself and put down here: threads, the clock.
"""

from __future__ import annotations

import ctypes
from typing import Any

from chainrule.compiler.native import routines

_own: dict[str, int] = {}


def define(name: str, address: int) -> None:
    """Put down where a function is."""
    _own[name] = address


def find(name: str) -> int | None:
    """Return where a function is, or None if it is not known."""
    if name in _own:
        return _own[name]
    if name.startswith(routines.PREFIX):
        return routines.address(name)
    # Beside the interpreter's own functions this finds those of the libraries that it uses.
    function = getattr(ctypes.pythonapi, name, None)
    return None if function is None else address_of(function)


def address_of(function: Any) -> int:
    """Return the address of a function of a library that `ctypes` has loaded."""
    return ctypes.cast(function, ctypes.c_void_p).value or 0
