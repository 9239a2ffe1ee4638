"""Named columns as a reader finds them, before anything is decided about what they mean.

A column is either an array of numbers or a list of text. Text that writes a finite number in every
row is an array already: whether a file spells its numbers or stores them makes no difference to
what follows.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from chainrule._errors import DataError

Task = Literal["classification", "regression"]
"""What to make of a target: classes, or quantities."""

Values: TypeAlias = npt.NDArray[Any] | list[str]
"""A column: numbers, or text with "" for what is missing."""

BLOCK = 4096
"""Rows looked at at a time, so that no second copy of the data is needed."""

_MISSING = frozenset({"", "?", "na", "n/a", "nan", "null"})


@dataclass(frozen=True, eq=False)
class Table:
    """Columns as a reader found them.

    Parameters
    ----------
    name : str
        Name of the file, for messages.
    columns : tuple of str
        Name of each column, all different.
    values : sequence of (ndarray of shape (n_rows,) or list of str)
        The columns. Numbers are integers, booleans or floats of up to 64 bit.
    lines : list of int, optional
        The line of the file on which each row starts, where a file has lines.
    matrix : ndarray of shape (n_rows, n), optional
        The first n columns as the one array that they come from.
    target : str, optional
        The column that the file itself says is to be predicted.
    task : {"classification", "regression"}, optional
        What the file itself says of its target.
    """

    name: str
    columns: tuple[str, ...]
    values: Sequence[Values]
    lines: list[int] | None = None
    matrix: npt.NDArray[Any] | None = None
    target: str | None = None
    task: Task | None = None

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.values[0])

    @cached_property
    def _positions(self) -> dict[str, int]:
        return {name: position for position, name in enumerate(self.columns)}

    def __contains__(self, column: object) -> bool:
        return column in self._positions

    def __getitem__(self, column: str) -> Values:
        return self.values[self._positions[column]]

    def place(self, row: int, column: str) -> str:
        """Say where a value stands, as the user finds it in an editor; rows count from 1."""
        line = "" if self.lines is None else f" (line {self.lines[row]})"
        return f"{self.name}, row {row + 1}{line}, column '{column}'"

    def in_matrix(self, column: str) -> bool:
        """Return whether a column is one of `matrix`."""
        return self.matrix is not None and self._positions[column] < self.matrix.shape[1]

    def missing(self, names: Iterable[str]) -> dict[str, list[int]]:
        """Return the rows without a value, for those of the named columns that have such."""
        rows = {name: self._missing_in(name) for name in names}
        return {name: found for name, found in rows.items() if found}

    def _missing_in(self, name: str) -> list[int]:
        values = self[name]
        if isinstance(values, list):
            return [row for row, text in enumerate(values) if text.casefold() in _MISSING]
        if values.dtype.kind != "f" or (self.in_matrix(name) and self._matrix_is_finite):
            return []
        return np.flatnonzero(np.isnan(values)).tolist()

    def infinite(self, name: str) -> int | None:
        """Return the first row in which a column of numbers is infinite, if there is one."""
        values = np.asarray(self[name])
        if values.dtype.kind != "f" or (self.in_matrix(name) and self._matrix_is_finite):
            return None
        rows = np.flatnonzero(np.isinf(values))
        return int(rows[0]) if rows.size else None

    @cached_property
    def _matrix_is_finite(self) -> bool:
        return self.matrix is not None and all_finite(self.matrix)


def all_finite(array: npt.NDArray[Any]) -> bool:
    """Return whether every number of an array is finite, without another array of its size."""
    if array.dtype.kind != "f":
        return True
    blocks = range(0, len(array), BLOCK)
    return all(bool(np.isfinite(array[start : start + BLOCK]).all()) for start in blocks)


def number(text: str) -> float | None:
    """Return the number that `text` writes, infinity included, or None."""
    if "_" in text:  # Python's own 1_000, which no data file means
        return None
    try:
        value = float(text)
    except ValueError:
        return None
    return None if math.isnan(value) else value


def as_values(texts: list[str]) -> Values:
    """Return a column of text as float64 if every row writes a finite number, else as it is."""
    numbers = []
    for text in texts:
        value = number(text)
        if value is None or math.isinf(value):
            return texts
        numbers.append(value)
    return np.array(numbers, dtype=np.float64)


def as_column(array: npt.NDArray[Any], where: str) -> Values:
    """Return a one-dimensional array of a file as a column.

    Parameters
    ----------
    array : ndarray of shape (n_rows,)
    where : str
        Name of the file and of the part of it, for the message.

    Raises
    ------
    DataError
        When it holds neither numbers nor text.
    """
    if array.dtype.kind in "SU":
        try:
            texts = array.tolist()
            if array.dtype.kind == "S":
                texts = [text.decode("utf-8") for text in texts]
        except (UnicodeDecodeError, SystemError):  # the latter by NumPy, for what is no character
            raise DataError(f"{where}: the text is not Unicode. Save it as UTF-8.") from None
        return as_values([text.strip() for text in texts])
    return as_numbers(array, where)


def as_numbers(array: npt.NDArray[Any], where: str) -> npt.NDArray[Any]:
    """Return an array of a file in this machine's byte order, having made sure it holds numbers."""
    if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
        raise DataError(
            f"{where}: the values are {array.dtype}; expected booleans, integers, or floats of 16 "
            f"to 64 bit. Convert them before saving."
        )
    return array.astype(array.dtype.newbyteorder("="), copy=False)
