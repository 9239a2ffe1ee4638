"""Where in the user's own code something happened.

Every equation remembers the line that caused it, and every error names it. The line is found by
walking up the stack past this library, NumPy and SciPy. While a transform works on an equation it
sets that equation's line as the current one, so that an error in a derivative points to the line
being differentiated.
"""

from __future__ import annotations

import contextlib
import functools
import linecache
import os
import sys
import threading
from collections.abc import Iterator
from types import FrameType, FunctionType
from typing import NamedTuple

import numpy as np

_PACKAGE = os.path.dirname(os.path.abspath(__file__)) + os.sep
_NUMPY = os.path.dirname(os.path.abspath(np.__file__)) + os.sep
_SCIPY = os.path.join(os.path.dirname(os.path.dirname(_NUMPY)), "scipy") + os.sep

# Of the standard library, what calls on behalf of this package.
_PASSED_THROUGH = (contextlib.__file__, functools.__file__)

_internal: dict[str, bool] = {}


class Source(NamedTuple):
    """A line of code: file, line number, name of the function it stands in."""

    filename: str
    line: int
    function: str

    def __str__(self) -> str:
        text = linecache.getline(self.filename, self.line).strip()
        name = os.path.basename(self.filename)
        place = f"{name}:{self.line}, in {self.function}"
        return f"{place}: {text}" if text else place


class _Current(threading.local):
    source: Source | None = None


_current = _Current()


def _is_internal(filename: str) -> bool:
    internal = filename.startswith((_PACKAGE, _NUMPY, _SCIPY, "<frozen", "<chainrule"))
    internal = internal or filename in _PASSED_THROUGH
    _internal[filename] = internal
    return internal


def user_frame() -> FrameType | None:
    """Return the innermost stack frame that is neither this library's nor NumPy's."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        filename = frame.f_code.co_filename
        internal = _internal.get(filename)
        if not (_is_internal(filename) if internal is None else internal):
            return frame
        frame = frame.f_back
    return None


def scipy_function() -> str | None:
    """Return the name of the SciPy function that the user's line is calling, if it is calling one.

    It is looked for by its public name, since SciPy wraps many functions in others.
    """
    found = None
    frame: FrameType | None = sys._getframe(1)
    end = user_frame()
    while frame is not None and frame is not end:
        if frame.f_code.co_filename.startswith(_SCIPY):
            wrapped = [
                value for value in frame.f_locals.values() if isinstance(value, FunctionType)
            ]
            named = [(frame.f_globals.get("__name__", ""), frame.f_code.co_name)]
            named += [(function.__module__, function.__name__) for function in wrapped]
            for module, name in named:
                package = ".".join(module.split(".")[:2])
                if not package.startswith("scipy._") and hasattr(sys.modules.get(package), name):
                    found = f"{package}.{name}"
                    break
        frame = frame.f_back
    return found


def user_source() -> Source | None:
    """Return the line of user code now running, or the one a transform is working on."""
    if _current.source is not None:
        return _current.source
    frame = user_frame()
    if frame is None:
        return None
    return Source(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name)


@contextlib.contextmanager
def users_code() -> Iterator[None]:
    """Let the user's own code run within a transform's work: what it does happens on its lines."""
    with working_on() as current:
        current.source = None
        yield


@contextlib.contextmanager
def working_on() -> Iterator[_Current]:
    """Let a transform say which line it works on, by setting ``.source`` of what this yields."""
    before = _current.source
    try:
        yield _current
    finally:
        _current.source = before
