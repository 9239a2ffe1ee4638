"""Training that is asked to leave off by another thread.

Ctrl-C reaches the main thread of a process alone. What trains in other threads looks between two
calls of compiled code whether it has been asked to stop, and then ends as it would at Ctrl-C.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from contextvars import ContextVar

__all__ = ["check", "stops_with"]

_request: ContextVar[threading.Event | None] = ContextVar("request to stop", default=None)


@contextlib.contextmanager
def stops_with(event: threading.Event) -> Iterator[None]:
    """Have all training in this thread, until the context is left, stop once the event is set."""
    token = _request.set(event)
    try:
        yield
    finally:
        _request.reset(token)


def check() -> None:
    """Raise `KeyboardInterrupt` if this thread has been asked to stop."""
    event = _request.get()
    if event is not None and event.is_set():
        raise KeyboardInterrupt
