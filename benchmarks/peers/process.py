"""Peers at work, each in a process of its own."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.peers.row import library_of

ROOT = Path(__file__).parents[2]
ROUND_SECONDS = 0.2
"""What a peer does at a time is repeated until it takes about so long."""

PAUSE = 0.02
"""Threads of a peer that has answered may spin for some milliseconds before they sleep."""


class PeerError(Exception):
    """A peer could not do the work; the message is its own."""


class Peer:
    """A library at work in a process of its own.

    Parameters
    ----------
    python : str
        The environment of the other libraries. chainrule and NumPy run in that of this process.
    row, name, dtype : str
        What to do, and who does it.
    environment : mapping of str to str, optional
        Added to that of this process.

    Attributes
    ----------
    imported, first : float
        Seconds that importing the library took, and preparing the work and doing it once.
    values : list of list of float
        What the work came to.
    seconds : list of float
        Per call, one entry for every round.
    """

    def __init__(
        self,
        python: str,
        row: str,
        name: str,
        dtype: str,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        own = library_of(name) in ("chainrule", "NumPy")
        self.name = name
        self._stderr = tempfile.TemporaryFile("w+")  # noqa: SIM115, closed with the process
        self._process = subprocess.Popen(
            [sys.executable if own else python, "-m", "benchmarks.peers.serve", row, name, dtype],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            text=True,
            cwd=ROOT,
            env={**os.environ, **_ENVIRONMENT, **_of_dtype(dtype), **(environment or {})},
        )
        answer = self._answer()
        self.imported: float = answer["imported"]
        self.first: float = answer["first"]
        self.values: list[list[float]] = answer["values"]
        self.seconds: list[float] = []
        self._calls = 0

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            self._stderr.seek(0)
            lines = self._stderr.read().strip().splitlines() or ["no message"]
            raise PeerError(f"ended with status {self._process.returncode}: {lines[-1]}")
        answer = json.loads(line)
        if "failed" in answer:
            self.close()
            raise PeerError(answer["failed"])
        return answer

    def call(self, times: int) -> float:
        """Return seconds per call."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{times}\n")
        self._process.stdin.flush()
        seconds: float = self._answer()["seconds"]
        return seconds

    def round(self) -> None:
        """Do the work for a while; the first time, find out how often to do it."""
        if not self._calls:
            self.call(1)
            self._calls = max(1, round(ROUND_SECONDS / self.call(1)))
        self.seconds.append(self.call(self._calls))
        time.sleep(PAUSE)

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()
        self._stderr.close()


# A cache from earlier would make a first call look faster than it is.
_ENVIRONMENT = {"CHAINRULE_CACHE": "0", "JAX_PLATFORMS": "cpu", "TF_CPP_MIN_LOG_LEVEL": "2"}


def _of_dtype(dtype: str) -> dict[str, str]:
    return {"JAX_ENABLE_X64": "1"} if dtype == "float64" else {}
