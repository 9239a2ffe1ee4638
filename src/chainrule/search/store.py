"""Results that outlive the process: an SQLite file that outcomes are written to one by one.

A search that is started again finds there what is done. Several processes may share a file: each
claims a cell before it begins it, and renews its claims every second; those of a process that has
died run out and are taken over. What the file belongs to (data, space, estimator, folds, metrics)
is written down as hashes, and another search is refused.

A search does not end because of its store. If the file is locked, damaged or on a full disk, it
goes on in memory and says so once.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import time
import uuid
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal, TypeVar

from chainrule._errors import ArgumentTypeError, InvalidArgumentError
from chainrule.search.cells import Cell, Outcome

__all__ = ["Store"]

_LEASE = 10.0
"""Seconds that a claim lasts without being renewed."""

_PATIENCE = 5.0
"""Seconds to wait for another process that is writing."""

_FORMAT = "1"

_TABLES = """
CREATE TABLE IF NOT EXISTS search (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS cells (
    key TEXT PRIMARY KEY, owner TEXT, until REAL, outcome TEXT, settings TEXT, fold INTEGER
);
"""

_CLAIM = """
INSERT INTO cells (key, owner, until) VALUES (:key, :owner, :until)
ON CONFLICT (key) DO UPDATE SET owner = :owner, until = :until
WHERE outcome IS NULL AND (owner IS NULL OR until < :now OR owner = :owner)
"""

_FINISH = """
INSERT INTO cells (key, outcome, settings, fold) VALUES (:key, :outcome, :settings, :fold)
ON CONFLICT (key) DO UPDATE SET
    owner = NULL, until = NULL, outcome = :outcome, settings = :settings, fold = :fold
"""

_GIVE_BACK = "UPDATE cells SET owner = NULL, until = NULL WHERE owner = ?"

T = TypeVar("T")


class Store:
    """A file of outcomes. It is used by one thread.

    Parameters
    ----------
    path : str or path
        Made if it does not exist.
    belongs_to : mapping of str to str
        Hashes of what the outcomes depend on, by name.

    Raises
    ------
    InvalidArgumentError
        If the file belongs to another search, or its folder does not exist.
    ArgumentTypeError
        If the path is none.
    """

    def __init__(self, path: str | os.PathLike[str], belongs_to: Mapping[str, str]) -> None:
        if not isinstance(path, (str, os.PathLike)):
            raise ArgumentTypeError(f"store: expected the path of a file, got {path!r}.")
        self._path = Path(path)
        if not self._path.parent.is_dir():
            raise InvalidArgumentError(
                f"store: the folder {self._path.parent} does not exist; make it first."
            )
        self._owner = uuid.uuid4().hex
        self._claims: set[str] = set()
        self._renewed = time.monotonic()
        self._connection: sqlite3.Connection | None = None
        self._try(lambda: self._open(belongs_to), None)

    @property
    def works(self) -> bool:
        """Whether outcomes are still written to the file."""
        return self._connection is not None

    def finished(self) -> dict[str, Outcome]:
        """Return the outcomes in the file, by key of the cell."""

        def read(connection: sqlite3.Connection) -> dict[str, Outcome]:
            rows = connection.execute("SELECT key, outcome FROM cells WHERE outcome IS NOT NULL")
            return {key: _read(text) for key, text in rows}

        return self._with(read, {})

    def claim(self, cell: Cell) -> Outcome | Literal["ours", "elsewhere"]:
        """Return a cell's outcome if there is one, or whether the cell is ours to run."""

        def claimed(connection: sqlite3.Connection) -> Outcome | Literal["ours", "elsewhere"]:
            key, now = cell.key, time.time()
            changed = connection.execute(
                _CLAIM, {"key": key, "owner": self._owner, "until": now + _LEASE, "now": now}
            )
            if changed.rowcount:
                self._claims.add(key)
                return "ours"
            row = connection.execute("SELECT outcome FROM cells WHERE key = ?", (key,)).fetchone()
            return "elsewhere" if row[0] is None else _read(row[0])

        return self._with(claimed, "ours")

    def finish(self, cell: Cell, outcome: Outcome) -> None:
        """Write down what became of a cell; one that raised an error is left to be tried again."""

        def write(connection: sqlite3.Connection) -> None:
            self._claims.discard(cell.key)
            if outcome.error is not None:
                connection.execute(_GIVE_BACK + " AND key = ?", (self._owner, cell.key))
                return
            connection.execute(
                _FINISH,
                {
                    "key": cell.key,
                    "outcome": json.dumps(outcome),
                    # For those who look into the file with other tools.
                    "settings": json.dumps(cell.settings, default=repr),
                    "fold": cell.fold,
                },
            )

        self._with(write, None)

    def renew(self) -> None:
        """Say that the claims are alive, if that is due."""
        if not self._claims or time.monotonic() - self._renewed < 0.1 * _LEASE:
            return

        def write(connection: sqlite3.Connection) -> None:
            until = time.time() + _LEASE
            command = "UPDATE cells SET until = ? WHERE owner = ?"
            connection.execute(command, (until, self._owner))

        self._renewed = time.monotonic()
        self._with(write, None)

    def release(self) -> None:
        """Give back the claims and close the file."""
        self._with(lambda connection: connection.execute(_GIVE_BACK, (self._owner,)), None)
        self._close()

    def remembered(self, name: str, value: str) -> str:
        """Return what was written down under a name first, by whichever process."""

        def write(connection: sqlite3.Connection) -> str:
            connection.execute("INSERT OR IGNORE INTO search VALUES (?, ?)", (name, value))
            query = "SELECT value FROM search WHERE name = ?"
            return str(connection.execute(query, (name,)).fetchone()[0])

        return self._with(write, value)

    def _open(self, belongs_to: Mapping[str, str]) -> None:
        connection = sqlite3.connect(self._path, timeout=_PATIENCE, isolation_level=None)
        self._connection = connection
        # Writers and readers do not wait for each other, nor anybody for the disk.
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.executescript(_TABLES)
        wanted = {"format": _FORMAT, **belongs_to}
        found = {name: self.remembered(name, value) for name, value in wanted.items()}
        different = [name for name, value in wanted.items() if self.works and found[name] != value]
        if different:
            self._close()
            raise InvalidArgumentError(
                f"store: {self._path} belongs to a search that differs from this one in its "
                f"{_listed(different)}; name another file, or delete that one."
            )

    def _with(self, function: Callable[[sqlite3.Connection], T], otherwise: T) -> T:
        """Return what a function makes of the connection, or a value if there is none any more."""
        connection = self._connection
        if connection is None:
            return otherwise
        return self._try(lambda: function(connection), otherwise)

    def _try(self, function: Callable[[], T], otherwise: T) -> T:
        try:
            return function()
        except (sqlite3.Error, OSError) as error:
            self._close()
            warnings.warn(
                f"store: {self._path} cannot be used ({error}); the search goes on in memory, and "
                "what it finds from now on is not kept there.",
                UserWarning,
                stacklevel=2,
            )
            return otherwise

    def _close(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None


def _read(text: str) -> Outcome:
    return Outcome(*json.loads(text))


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
