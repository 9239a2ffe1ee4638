"""Reading a CSV file.

This file turns bytes into rows of text and refuses what is not a table: a binary
file, a wrong encoding, broken quotes, a row with too many values. What the text
means is decided in `_columns`.
"""

import codecs
import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from chainrule._errors import DataError
from chainrule.datasets._columns import Table, Task, to_dataset
from chainrule.datasets._dataset import Dataset

_DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab"}
_SNIFFED_RECORDS = 20

# How files that people mistake for CSV begin, and what they are.
_SIGNATURES = {
    b"PK\x03\x04": ("an Excel workbook or a zip archive", "Save the sheet as CSV."),
    b"\xd0\xcf\x11\xe0": ("an old Excel workbook", "Save the sheet as CSV."),
    b"PAR1": ("a Parquet file", "Save the table as CSV."),
    b"\x1f\x8b": ("compressed with gzip", "Unpack it first."),
    codecs.BOM_UTF16_LE: ("text in UTF-16", "Save it as UTF-8."),
    codecs.BOM_UTF16_BE: ("text in UTF-16", "Save it as UTF-8."),
}


def read_csv(
    path: str | Path,
    target: str,
    *,
    drop: tuple[str, ...] = (),
    task: Task | None = None,
) -> Dataset:
    r"""Read a data set from a CSV file.

    The first line names the columns. Values are separated by comma, semicolon or
    tab, whichever divides the first lines evenly; a value that contains the
    separator stands in double quotes. The file is UTF-8, with or without a byte
    order mark. Blank lines are skipped. Apart from the target, every column that
    is not dropped is a feature and must hold finite numbers, not all the same.

    The task follows from the target column, unless `task` names it:

    - text makes a classification, with the classes in alphabetical order;
    - whole numbers make a classification, with the classes in ascending order,
      when there are at most 20 different ones and each is seen twice or more on
      average;
    - other numbers make a regression;
    - a mixture of text and numbers is refused, since a mistyped number would turn
      a regression into a classification unseen.

    Parameters
    ----------
    path : str or Path
        The file.
    target : str
        Name of the column to predict.
    drop : tuple of str
        Names of columns to leave out. They are not looked at.
    task : {"classification", "regression"}, optional
        What to make of the target column.

    Returns
    -------
    Dataset

    Raises
    ------
    DataError
        When the file cannot be read, is not a table, or holds a value that
        cannot be used. The message names the file, the row with its line, the
        column, and what to do.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from chainrule.datasets import read_csv
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "heights.csv")
    ...     size = path.write_text("height,weight\n1.62,58.5\n1.75,70\n1.80,82\n")
    ...     heights = read_csv(path, target="weight")
    >>> heights.feature_names, heights.target
    (('height',), array([58.5, 70. , 82. ]))
    """
    path = Path(path)
    text = _decode(_read_bytes(path), path.name)
    return to_dataset(_parse(text, path.name), target, drop=drop, task=task)


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file. Check the path.") from None
    except IsADirectoryError:
        raise DataError(f"{path}: this is a folder. Name a CSV file in it.") from None
    except OSError as error:
        raise DataError(
            f"{path}: the file cannot be read ({error.strerror}). Check its permissions."
        ) from None


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


def _parse(text: str, name: str) -> Table:
    if not text.strip():
        raise DataError(
            f"{name}: the file is empty. It needs a line of column names and rows of values."
        )
    delimiter = _sniff(text, name)
    records = _records(text, delimiter, name)
    header = next(records)
    columns = _check_header(header, name)
    lines: list[int] = []
    rows: list[list[str]] = []
    for record in records:
        if len(record.values) != len(columns):
            raise DataError(_ragged(record, len(rows) + 1, columns, delimiter, name))
        lines.append(record.line)
        rows.append(record.values)
    if len(rows) < 2:
        found = "a single row" if rows else "no rows"
        raise DataError(
            f"{name}: the file has column names but {found} of values. Add at least two."
        )
    return Table(name, columns, [list(column) for column in zip(*rows, strict=True)], lines)


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


def _sniff(text: str, name: str) -> str:
    """Return the delimiter that divides the first records evenly, in most values."""
    found: list[tuple[bool, int, str]] = []
    failure: DataError | None = None
    for delimiter in _DELIMITERS:
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
    if not found:
        raise failure or DataError(
            f"{name}, line 1: no comma, semicolon or tab divides this line in columns. A CSV file "
            f"starts with a line of column names, and needs a target and a feature at least."
        )
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
        f"{_DELIMITERS[delimiter]} in double quotes."
    )
