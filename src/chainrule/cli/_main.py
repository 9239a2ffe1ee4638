"""The beginning and the end of the process.

Until the work of a command begins, modules are loaded and options are read. There is nothing yet
that would have to be tidied up, so Ctrl-C ends the process on the spot, wherever it is; and nothing
of what is made is garbage, so that Python need not look for any.
"""

from __future__ import annotations

import atexit
import gc
import io
import os
import signal
import sys
from typing import NoReturn

from chainrule.cli._exit import INTERRUPTED

__all__ = ["begin_work", "main"]


def main() -> None:
    """Run the command line with the arguments of this process."""
    # What ignores Ctrl-C, as a job in the background does, goes on ignoring it.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _leave)
    # Batch schedulers end a job this way; it deserves the same care as Ctrl-C.
    signal.signal(signal.SIGTERM, _leave)
    gc.disable()
    # All memory is given back at once; to look through it for cycles first is time lost.
    atexit.register(gc.freeze)
    # A name that the terminal cannot show must not stop a training run.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # not where a test has put its own
            stream.reconfigure(errors="replace")
    from chainrule.cli._app_search import app

    app()


def begin_work() -> None:
    """Let Ctrl-C interrupt what is done from now on, and Python collect its garbage."""
    if signal.getsignal(signal.SIGTERM) is not _leave:
        return  # the process is not the command's own
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is _leave:
            signal.signal(number, signal.default_int_handler)
    gc.freeze()
    gc.enable()


def _leave(*_: object) -> NoReturn:
    os.write(2, b"Interrupted.\n")
    os._exit(INTERRUPTED)
