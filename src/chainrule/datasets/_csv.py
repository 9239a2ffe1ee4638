"""Reading a CSV or TSV file.

This file turns bytes into columns of text and refuses what is not a table: a binary
file, a wrong encoding, broken quotes, a row with too many values. What the text
means is decided in `_columns`.
"""

import codecs
import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from chainrule._errors import DataError
from chainrule.datasets._table import Table, all_finite, as_values

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab"}
_SNIFFED_RECORDS = 20

# How files that people mistake for CSV begin, and what they are.
_SIGNATURES = {
    b"PK\x03\x04": ("an Excel workbook or a zip archive", "Save the sheet as CSV."),
    b"\xd0\xcf\x11\xe0": ("an old Excel workbook", "Save the sheet as CSV."),
    codecs.BOM_UTF16_LE: ("text in UTF-16", "Save it as UTF-8."),
    codecs.BOM_UTF16_BE: ("text in UTF-16", "Save it as UTF-8."),
}


def table_of_text(content: bytes, name: str, delimiters: Iterable[str] = DELIMITERS) -> Table:
    """Return the table that the bytes of a CSV or TSV file are.

    Parameters
    ----------
    content : bytes
    name : str
        Name of the file, for messages.
    delimiters : iterable of str, optional
        What may separate values: the one that divides the first lines evenly does.

    Returns
    -------
    Table

    Raises
    ------
    DataError
        When it is no table, with the line where it stops being one.
    """
    return _parse(_decode(content, name), name, tuple(delimiters))


def _decode(content: bytes, name: str) -> str:
    for signature, (kind, remedy) in _SIGNATURES.items():
        if content.startswith(signature):
            raise DataError(f"{name}: this is not a CSV file but {kind}. {remedy}")
    if b"\0" in content:
        line = content.count(b"\n", 0, content.index(b"\0")) + 1
        raise DataError(
            f"{name}, line {line}: this is not a CSV file but binary data (it holds a zero byte). "
            f"Save the table as CSV."
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # `error.object` lacks the byte order mark, if there was one.
        before = error.object[: error.start]
        byte = error.object[error.start]
        line = before.count(b"\n") + 1
        column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8")) + 1
        raise DataError(
            f"{name}, line {line}, character {column}: byte 0x{byte:02x} is not "
            f"UTF-8. Save the file as UTF-8."
        ) from None


@dataclass(frozen=True)
class _Record:
    """The values of one row and the line of the file on which it starts."""

    line: int
    values: list[str]


def _parse(text: str, name: str, delimiters: tuple[str, ...] = tuple(DELIMITERS)) -> Table:
    if not text.strip():
        raise DataError(
            f"{name}: the file is empty. It needs a line of column names and rows of values."
        )
    delimiter = _sniff(text, name, delimiters)
    records = _records(text, delimiter, name)
    header = next(records)
    columns = _check_header(header, name)
    plain = _numbers_alone(text, header, delimiter)
    if plain is not None:
        return Table(name, columns, list(plain[0].T), plain[1])
    lines: list[int] = []
    rows: list[list[str]] = []
    for record in records:
        if len(record.values) != len(columns):
            raise DataError(_ragged(record, len(rows) + 1, columns, delimiter, name))
        lines.append(record.line)
        rows.append(record.values)
    texts = [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in columns]
    return Table(name, columns, [as_values(column) for column in texts], lines)


def _numbers_alone(
    text: str, header: _Record, delimiter: str
) -> tuple[npt.NDArray[np.float64], list[int]] | None:
    """Return the rows below the header and their lines, if all is finite numbers without quotes.

    NumPy reads such a file many times faster, in a fraction of the memory. Whatever it stumbles
    over is left to the slower way, which knows what is wrong and where.
    """
    if any(line_end in value for value in header.values for line_end in "\r\n"):
        return None
    body = io.StringIO(text, newline=None)
    numbered = enumerate(body, start=1)
    lines = [number for number, line in numbered if number > header.line and line.strip()]
    body.seek(0)
    for _ in range(header.line):
        body.readline()
    if not lines:
        return None
    try:
        rows = np.loadtxt(body, delimiter=delimiter, comments=None, ndmin=2)
    except ValueError:
        return None
    fits = rows.shape == (len(lines), len(header.values)) and all_finite(rows)
    return (rows, lines) if fits else None


def _records(text: str, delimiter: str, name: str) -> Iterator[_Record]:
    """Yield the rows that are not blank."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    start = 1
    while True:
        try:
            values = next(reader, None)
        except csv.Error as error:
            raise DataError(
                f"{name}, row starting on line {start}: the quotes are broken ({error}). Close "
                f'every quote, and write a quote inside a quoted value twice: "".'
            ) from None
        if values is None:
            return
        values = [value.strip() for value in values]
        if values not in ([], [""]):
            yield _Record(start, values)
        start = reader.line_num + 1


def _sniff(text: str, name: str, delimiters: tuple[str, ...]) -> str:
    """Return the delimiter that divides the first records evenly, in most values."""
    found: list[tuple[bool, int, str]] = []
    failure: DataError | None = None
    for delimiter in delimiters:
        widths: list[int] = []
        try:
            for record in _records(text, delimiter, name):
                widths.append(len(record.values))
                if len(widths) == _SNIFFED_RECORDS:
                    break
        except DataError as error:
            # Quotes next to another delimiter look broken to this one.
            failure = failure or error
        if widths and widths[0] > 1:
            found.append((len(set(widths)) == 1, widths[0], delimiter))
    if failure is not None and not found:
        raise failure
    if not found:
        return delimiters[0]  # a single column
    return max(found, key=lambda candidate: candidate[:2])[2]


def _check_header(header: _Record, name: str) -> tuple[str, ...]:
    names = header.values
    where = f"{name}, line {header.line}"
    for position, column in enumerate(names, start=1):
        if not column:
            raise DataError(
                f"{where}: column {position} of {len(names)} has no name. Name it, or remove the "
                f"column (a row number or a separator at the end of each line)."
            )
    seen: dict[str, int] = {}
    for position, column in enumerate(names, start=1):
        if column in seen:
            raise DataError(
                f"{where}: columns {seen[column]} and {position} are both named '{column}'. "
                f"Rename or remove one."
            )
        seen[column] = position
    return tuple(names)


def _ragged(record: _Record, row: int, columns: tuple[str, ...], delimiter: str, name: str) -> str:
    got, expected = len(record.values), len(columns)
    where = f"{name}, row {row} (line {record.line})"
    values = "1 value" if got == 1 else f"{got} values"
    if got < expected:
        return (
            f"{where}: {values} where {expected} columns are named; the row ends before column "
            f"'{columns[got]}'. Fill in or remove the row."
        )
    return (
        f"{where}: {values} where {expected} columns are named; the first one too many, after "
        f"column '{columns[-1]}', is '{record.values[expected]}'. Put a value that contains a "
        f"{DELIMITERS[delimiter]} in double quotes."
    )
