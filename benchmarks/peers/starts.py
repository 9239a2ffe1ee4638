"""Cold and warm starts: a new process imports the library and does the work for the first time.

Cold is without anything kept from before; warm is with what an earlier process left in the
library's cache. JAX is measured cold without its persistent cache, which is off unless asked for,
and warm with it. A start is the import and what the first call takes beyond a later one.
"""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path
from typing import NamedTuple

from benchmarks.peers.compare import Verdict
from benchmarks.peers.process import Peer, PeerError
from benchmarks.peers.row import Row
from benchmarks.timing import duration, show_verdict

CACHES = {
    "chainrule": lambda folder: {"CHAINRULE_CACHE": "1", "CHAINRULE_CACHE_DIR": folder},
    "JAX": lambda folder: {
        "JAX_COMPILATION_CACHE_DIR": folder,
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    },
}
"""The environment that makes a library keep its code in a folder."""


class Start(NamedTuple):
    """Seconds, medians: the import, the first call, and a later one."""

    imported: float
    first: float
    later: float

    @property
    def seconds(self) -> float:
        """What starting took: the import and what a first call takes beyond a later one."""
        return self.imported + max(0.0, self.first - self.later)


class Starts(NamedTuple):
    """Starts of a row by library, or why there are none."""

    name: str
    cold: dict[str, Start]
    warm: dict[str, Start]
    trouble: str

    def verdicts(self) -> list[Verdict]:
        """Return whether this library starts faster, cold and warm."""
        if self.trouble:
            return [Verdict("a start", self.trouble, False)]
        verdicts = []
        for kind, starts in (("cold", self.cold), ("warm", self.warm)):
            mine, theirs = starts["chainrule"].seconds, starts["JAX"].seconds
            found = f"{duration(mine)} against {duration(theirs)}"
            verdicts.append(Verdict(f"{kind} start faster than JAX's", found, mine < theirs))
        return verdicts


def measure_starts(python: str, name: str, row: Row, dtype: str, rounds: int) -> Starts:
    """Start both libraries by turns, cold and warm."""
    cold: dict[str, list[Start]] = {library: [] for library in CACHES}
    warm: dict[str, list[Start]] = {library: [] for library in CACHES}
    try:
        with tempfile.TemporaryDirectory() as folder:
            kept = {library: str(Path(folder) / library) for library in CACHES}
            for library in CACHES:
                _start(python, name, row, dtype, library, kept[library])
            for _ in range(rounds):
                for library in CACHES:
                    cold[library].append(_start(python, name, row, dtype, library, None))
                    warm[library].append(_start(python, name, row, dtype, library, kept[library]))
    except PeerError as error:
        return Starts(name, {}, {}, str(error))
    return Starts(name, _medians(cold), _medians(warm), "")


def _start(python: str, name: str, row: Row, dtype: str, library: str, folder: str | None) -> Start:
    environment = CACHES[library](folder) if folder else {}
    peer_name = row.first_of(library)
    assert peer_name is not None
    peer = Peer(python, name, peer_name, dtype, environment)
    later = peer.call(1)
    peer.close()
    return Start(peer.imported, peer.first, later)


def _medians(starts: dict[str, list[Start]]) -> dict[str, Start]:
    return {
        library: Start(*map(statistics.median, zip(*column, strict=True)))
        for library, column in starts.items()
    }


def show_starts(starts: Starts) -> None:
    """Print the starts of a row."""
    print(f"\nStarts of {starts.name}")
    for kind, by_library in (("cold", starts.cold), ("warm", starts.warm)):
        for library, start in by_library.items():
            print(
                f"  {kind}  {library:<10} {duration(start.seconds):>8}   import "
                f"{duration(start.imported)}, first call {duration(start.first)}, later one "
                f"{duration(start.later)}"
            )
    for wanted, found, reached in starts.verdicts():
        show_verdict(wanted, found, reached)
    print(end="", flush=True)
