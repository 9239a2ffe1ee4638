"""What the command line prints, and how.

Results and notes are plain lines on standard output, the same in a terminal and in a file; with
``--quiet`` the results alone. With ``--json`` there is one JSON document and nothing else. Errors
go to standard error. Whoever reads may stop reading (``| head``): the rest is not printed then,
and the command goes on, since what it saves is still wanted.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import numpy as np
import typer

__all__ = ["Report", "print_error", "write_out"]


def write_out(text: str) -> None:
    """Write to standard output, to which perhaps nobody listens any more."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        # What else is written, here and at the exit, goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def print_error(message: str, no_color: bool) -> None:
    """Write to standard error, in bold red on a terminal."""
    typer.echo(_styled(message, "error", sys.stderr, no_color), err=True)


class Report:
    """Prints the course and the result of a command.

    Parameters
    ----------
    json : bool
        Whether to print nothing but one JSON document.
    quiet : bool
        Whether to leave out everything but the result.
    no_color : bool
        Whether to print without colours, in a terminal too.
    """

    def __init__(self, *, json: bool = False, quiet: bool = False, no_color: bool = False) -> None:
        self._json = json
        self._no_color = no_color
        self.shows_course = not (json or quiet)

    def result(self, line: str = "", style: str | None = None) -> None:
        """Print a line of the result."""
        if not self._json:
            write_out(_styled(line, style, sys.stdout, self._no_color) + "\n")

    def note(self, line: str = "", style: str | None = None) -> None:
        """Print a line about the course of things, unless quiet."""
        if self.shows_course:
            self.result(line, style)

    def raw(self, text: str) -> None:
        """Print a result that is text of its own form, such as CSV."""
        if not self._json:
            write_out(text)

    def problem(self, line: str) -> None:
        """Print why something did not end as it should, on standard error."""
        print_error(line, self._no_color)

    def document(self, document: dict[str, Any]) -> None:
        """Print the result as JSON, if that is asked for."""
        if self._json:
            write_out(as_json(document) + "\n")


def as_json(document: dict[str, Any]) -> str:
    """Return a document as JSON; numbers that are not finite are null, as JSON has none."""
    return json.dumps(_plain(document), ensure_ascii=False, allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not np.isfinite(value) else value


_STYLES: dict[str, dict[str, Any]] = {
    "bold": {"bold": True},
    "error": {"bold": True, "fg": "red"},
    "warning": {"fg": "yellow"},
}


def _styled(text: str, style: str | None, stream: Any, no_color: bool) -> str:
    plain = no_color or "NO_COLOR" in os.environ or not stream.isatty()
    return text if plain or style is None or not text else typer.style(text, **_STYLES[style])
