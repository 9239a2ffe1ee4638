"""Checkpoints: a run that is broken off goes on as if nothing had happened.

A checkpoint is a file in which a run keeps all that it goes on from: what the epochs carry along
(model, state of the optimizer, random key; or all that a method knows of the curvature), the best
weights, the records of the epochs, and what callbacks remember. As everything random in training
comes from the key, the run that goes on from there is, bit for bit, the one that was broken off.

The file also says which run it is of, by hashes of data, model, optimizer and settings, so that no
run goes on from another's. What is carried along is written as the list of its leaves; the
containers around them are those that the program has built again by then. So models, losses and
optimizers may be of any kind.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from chainrule import _tree as tree
from chainrule._errors import ArgumentTypeError, InvalidArgumentError
from chainrule.saving import register
from chainrule.saving.files import FilePath, as_path, read_bytes, write_bytes
from chainrule.saving.saved import from_bytes, to_bytes
from chainrule.training.log import Best, Log
from chainrule.training.rank import Rank
from chainrule.training.result import EpochRecord, Stopped

__all__ = ["Checkpoint", "Keeper"]

_SECONDS = 60.0


@dataclass(frozen=True)
class Checkpoint:
    """Where a training run keeps what it has reached, and how often.

    If there is a file of that name, the run that is given the checkpoint goes on from there; a run
    that was finished returns its result at once. A file of another run, with other data, another
    model or other settings, is refused and left as it is. To begin anew, delete it.

    Parameters
    ----------
    path : str or Path
        One for each run. Files are written atomically, so that the run can be killed at any moment.
    every_epochs : int, optional
        Write after every so many epochs, at least 1.
    every_seconds : float, optional
        Write when so much time has gone by, at least 0, at the end of an epoch. With both,
        whichever comes first; with neither, every 60 seconds. It is written before the first epoch,
        at the end of the run and on Ctrl-C in any case.

    Raises
    ------
    InvalidArgumentError, ArgumentTypeError
        If a number is out of its range, or the path is none.

    Examples
    --------
    >>> from chainrule.training import Checkpoint
    >>> Checkpoint("run.safetensors", every_epochs=10)
    Checkpoint(path='run.safetensors', every_epochs=10, every_seconds=None)
    """

    path: FilePath
    every_epochs: int | None = None
    every_seconds: float | None = None

    def __post_init__(self) -> None:
        """Check the numbers."""
        as_path("Checkpoint", self.path)
        epochs, seconds = self.every_epochs, self.every_seconds
        is_count = isinstance(epochs, (int, np.integer)) and not isinstance(epochs, bool)
        if epochs is not None and not (is_count and epochs >= 1):
            raise InvalidArgumentError(
                f"Checkpoint: every_epochs: expected an integer of at least 1, got {epochs!r}."
            )
        is_number = isinstance(seconds, (int, float, np.number)) and not isinstance(seconds, bool)
        if seconds is not None and not (is_number and seconds >= 0):
            raise InvalidArgumentError(
                f"Checkpoint: every_seconds: expected a number of at least 0, got {seconds!r}."
            )

    @property
    def exists(self) -> bool:
        """Whether there is a file to go on from."""
        return as_path("Checkpoint", self.path).exists()

    def _is_due(self, epochs: int, seconds: float) -> bool:
        """Return whether to write, so long after it was written."""
        if self.every_epochs is None and self.every_seconds is None:
            return seconds >= _SECONDS
        by_epochs = self.every_epochs is not None and epochs >= self.every_epochs
        by_time = self.every_seconds is not None and seconds >= self.every_seconds
        return by_epochs or by_time


@register("training.Snapshot")
@dataclass(frozen=True)
class Snapshot:
    """What is in a checkpoint.

    Attributes
    ----------
    run : dict of str to str
        What run it is of, see `chainrule.training.identity`.
    carried : list
        The leaves of what the epochs carry along.
    best : tuple
        Rank, epoch, and the leaves of the model of the best epoch.
    records : dict of str to ndarray
        The records of the epochs, as columns.
    remembered : list
        By the callbacks that remember something.
    ending : tuple of str or None
        Of a run that is over: how it stopped, and why, in words.
    """

    run: dict[str, str]
    carried: list[Any]
    best: tuple[tuple[float, ...], int, list[Any]]
    records: dict[str, Any]
    remembered: list[Any]
    ending: tuple[Stopped, str] | None


class _Moment(NamedTuple):
    """What there is after an epoch: all that a `Snapshot` is made of."""

    carried: Any
    n_records: int
    best: Best
    remembered: list[Any]


class Keeper:
    """Keeps the checkpoint of a run, if it has one.

    Parameters
    ----------
    checkpoint : Checkpoint or None
    run : mapping of str to str
        See `chainrule.training.identity`.
    log : Log
        The records so far, to which those of the file are added.
    callbacks : sequence of callable
        Of those that have ``get_state()`` and ``set_state(state)``, the state is kept as well.

    Attributes
    ----------
    ending : tuple of str or None
        How and why the run has stopped, if it had come to its end already.
    """

    def __init__(
        self,
        checkpoint: Checkpoint | None,
        run: Mapping[str, str],
        log: Log,
        callbacks: Sequence[Any] = (),
    ) -> None:
        if not isinstance(checkpoint, Checkpoint | None):
            raise ArgumentTypeError(
                "fit: checkpoint: expected one such as Checkpoint('run.safetensors'), got "
                f"{type(checkpoint).__name__}."
            )
        self.ending: tuple[Stopped, str] | None = None
        self._checkpoint = checkpoint
        self._run = run
        self._log = log
        self._remembering = [c for c in callbacks if hasattr(c, "get_state")]
        self._latest: _Moment | None = None
        self._written = 0, time.monotonic()

    @property
    def is_at_work(self) -> bool:
        """Whether there is a checkpoint, so that every epoch is to be noted."""
        return self._checkpoint is not None

    def start(self, carried: Any) -> Any:
        """Return what the run goes on from: what it begins with, or what is in the file.

        Raises
        ------
        InvalidArgumentError
            If the file is of another run.
        DataError, FileError
            If it cannot be read, or if there is none and it cannot be written.
        """
        if self._checkpoint is None:
            return carried
        if self._checkpoint.exists:
            carried = self._restored(self._read(), carried)
            self._latest = self._moment(carried)
        else:
            self._latest = self._moment(carried)
            self._write(self._latest, None)  # if that is not possible, now is the time to say so
        self._written = self._latest.n_records, time.monotonic()
        return carried

    def note(self, carried: Any) -> None:
        """Take in what an epoch leaves, when all callbacks have seen it; write it if it is time."""
        if self._checkpoint is None:
            return
        self._latest = self._moment(carried)
        epochs, moment = self._written
        now = time.monotonic()
        if self._checkpoint._is_due(self._latest.n_records - epochs, now - moment):
            self._write(self._latest, None)
            self._written = self._latest.n_records, time.monotonic()

    def finish(self, carried: Any, stopped: Stopped, why: str) -> None:
        """Write what the run has come to; one that was interrupted can be gone on with."""
        if self._latest is None or self.ending is not None:
            return
        if stopped == "interrupted":
            self._write(self._latest, None)
        else:
            self._write(self._moment(carried), (stopped, why))

    def _moment(self, carried: Any) -> _Moment:
        # A copy: what a callback remembers may grow in place before it is written.
        remembered = [copy.deepcopy(callback.get_state()) for callback in self._remembering]
        return _Moment(carried, len(self._log.records), self._log.best, remembered)

    def _write(self, moment: _Moment, ending: tuple[Stopped, str] | None) -> None:
        assert self._checkpoint is not None
        best = moment.best
        snapshot = Snapshot(
            run=dict(self._run),
            carried=tree.leaves(moment.carried),
            best=(tuple(best.rank), best.epoch, tree.leaves(best.model)),
            records=_columns(self._log.records[: moment.n_records]),
            remembered=moment.remembered,
            ending=ending,
        )
        path = as_path("fit: checkpoint", self._checkpoint.path)
        # One run writes it, so what a run that was killed has left is written over.
        write_bytes("fit: checkpoint", path, to_bytes(snapshot), temporary=f".{path.name}.part")
        self._log.start_clock()

    def _read(self) -> Snapshot:
        assert self._checkpoint is not None
        path = as_path("fit: checkpoint", self._checkpoint.path)
        what = f"fit: checkpoint: {path}"
        found = from_bytes(read_bytes("fit: checkpoint", path), what)
        if not isinstance(found, Snapshot):
            raise ArgumentTypeError(
                f"{what}: expected a checkpoint, got a file with {type(found).__name__}; choose "
                "another path."
            )
        differing = [
            name
            for name in (*self._run, *(set(found.run) - set(self._run)))
            if self._run.get(name) != found.run.get(name)
        ]
        if differing:
            raise InvalidArgumentError(
                f"{what}: expected one of this run, got one with other {', '.join(differing)}; "
                "delete it to begin anew, or choose another path."
            )
        return found

    def _restored(self, found: Snapshot, carried: Any) -> Any:
        rank, epoch, leaves = found.best
        model = tree.unflatten(tree.structure(self._log.best.model), leaves)
        self._log.restore(_rows(found.records), Best(Rank(*rank), epoch, model))
        for callback, state in zip(self._remembering, found.remembered, strict=True):
            callback.set_state(state)
        self.ending = found.ending
        return tree.unflatten(tree.structure(carried), found.carried)


_COLUMNS = tuple(name for name in EpochRecord._fields if name != "model")


def _columns(records: Sequence[EpochRecord]) -> dict[str, Any]:
    """Return records as columns, without what was not measured."""
    if not records:
        return {}
    known = [name for name in _COLUMNS if getattr(records[0], name) is not None]
    return {name: np.array([getattr(record, name) for record in records]) for name in known}


def _rows(columns: Mapping[str, Any]) -> list[EpochRecord]:
    """Return what `_columns` has made columns of."""
    if not columns:
        return []
    # Numbers were Python's own, and norms are arrays, one row for each record.
    lists = {
        name: list(column) if column.ndim > 1 else column.tolist()
        for name, column in columns.items()
    }
    empty = dict.fromkeys(EpochRecord._fields)
    return [
        EpochRecord(**{**empty, **dict(zip(lists, row, strict=True))})
        for row in zip(*lists.values(), strict=True)
    ]
