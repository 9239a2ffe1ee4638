"""From named columns of text to numbers and classes.

Every file reader ends here. Whatever cannot be taken as a number for certain is
refused with its row, line and column: a value quietly skipped or guessed would
come back as a wrong prediction that nobody can trace.
"""

import difflib
import math
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from chainrule._errors import DataError
from chainrule.datasets._dataset import Dataset

Task = Literal["classification", "regression"]
"""What to make of a target: classes, or quantities."""

_MISSING = frozenset({"", "?", "na", "n/a", "nan", "null"})
_MOST_CLASSES = 20


@dataclass(frozen=True)
class Table:
    """Columns of text as a reader found them.

    Parameters
    ----------
    name : str
        Name of the file, for messages.
    columns : tuple of str
        Name of each column, all different.
    values : list of list of str
        For each column its values, stripped of surrounding blanks.
    lines : list of int
        The line of the file on which each row starts.
    """

    name: str
    columns: tuple[str, ...]
    values: list[list[str]]
    lines: list[int]

    def place(self, row: int, column: str) -> str:
        """Say where a value stands, as the user finds it in an editor."""
        return f"{self.name}, row {row + 1} (line {self.lines[row]}), column '{column}'"


def to_dataset(
    table: Table, target: str, *, drop: Sequence[str] = (), task: Task | None = None
) -> Dataset:
    """Turn a table into a data set; `read_csv` says by which rules.

    Parameters
    ----------
    table : Table
    target : str
        Name of the column to predict.
    drop : sequence of str
        Names of columns to leave out.
    task : {"classification", "regression"}, optional
        What to make of the target.

    Returns
    -------
    Dataset

    Raises
    ------
    DataError
        When a name is unknown or a value cannot be used.
    """
    for name in (target, *drop):
        _check_known(table, name)
    if target in drop:
        raise DataError(
            f"{table.name}: column '{target}' is both the target and to be dropped. "
            f"Drop another, or choose another target."
        )
    features = [name for name in table.columns if name != target and name not in drop]
    if not features:
        raise DataError(
            f"{table.name}: no feature is left besides the target '{target}'. "
            f"Keep at least one other column."
        )
    by_name = dict(zip(table.columns, table.values, strict=True))
    _check_missing(table, {name: by_name[name] for name in (*features, target)}, target)
    matrix = np.empty((len(table.lines), len(features)))
    for index, name in enumerate(features):
        matrix[:, index] = _feature(table, name, by_name[name])
    values, class_names = _target(table, target, by_name[target], task)
    return Dataset(
        name=table.name,
        features=matrix,
        target=values,
        feature_names=tuple(features),
        target_name=target,
        class_names=class_names,
        description=f"Read from {table.name}.",
    )


def _check_known(table: Table, name: str) -> None:
    if name in table.columns:
        return
    near = difflib.get_close_matches(name, table.columns, n=1)
    if not near:
        # A name typed in the wrong case can be too far off for the measure above.
        near = [column for column in table.columns if column.casefold() == name.casefold()]
    meant = f" Did you mean '{near[0]}'?" if near else ""
    shown = ", ".join(f"'{column}'" for column in table.columns[:12])
    more = f" and {len(table.columns) - 12} more" if len(table.columns) > 12 else ""
    hint = ""
    if sum(_number(column) is not None for column in table.columns) > len(table.columns) / 2:
        hint = " They look like values: the first line of the file must name the columns."
    raise DataError(
        f"{table.name}: there is no column '{name}'.{meant} The columns are {shown}{more}.{hint}"
    )


def _check_missing(table: Table, columns: dict[str, list[str]], target: str) -> None:
    missing = {
        name: rows
        for name, values in columns.items()
        if (rows := [row for row, value in enumerate(values) if value.casefold() in _MISSING])
    }
    if not missing:
        return
    name, rows = min(missing.items(), key=lambda item: item[1][0])
    value = columns[name][rows[0]]
    written = f" (written '{value}')" if value else ""
    total = sum(len(rows) for rows in missing.values())
    counted = ""
    if total > 1:
        kind = "column" if len(missing) == 1 else "columns"
        listed = ", ".join(f"'{column}'" for column in list(missing)[:6])
        more = f" and {len(missing) - 6} more" if len(missing) > 6 else ""
        counted = f" {total} values are missing in all, in {kind} {listed}{more}."
    remedy = "Fill it in or remove the row" if total == 1 else "Fill them in or remove the rows"
    raise DataError(
        f"{table.place(rows[0], name)}: the value is missing{written}.{counted} {remedy}"
        f"{'.' if name == target else f', or {_leave_out(name)}.'}"
    )


def _leave_out(column: str) -> str:
    return f"leave the column out with --drop {shlex.quote(column)} (in Python, drop=({column!r},))"


def _number(text: str) -> float | None:
    """Return the number that `text` writes, infinity included, or None."""
    if "_" in text:  # Python's own 1_000, which no data file means
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return None if math.isnan(number) else number


def _numbers(table: Table, name: str, texts: list[str], remedy: str) -> np.ndarray:
    """Read a column that must hold finite numbers."""
    numbers = [_number(text) for text in texts]
    wrong = [row for row, number in enumerate(numbers) if number is None]
    if wrong:
        text = texts[wrong[0]]
        place = table.place(wrong[0], name)
        if "," in text and _number(text.replace(",", ".", 1)) is not None:
            raise DataError(
                f"{place}: '{text}' is not a number. Write decimals with a point, and thousands "
                f"without a separator."
            )
        extent = ""
        if len(wrong) == len(texts):
            extent = " Every value of the column is text."
        elif len(wrong) > 1:
            extent = f" {len(wrong)} of the column's {len(texts)} values are text."
        raise DataError(f"{place}: '{text}' is not a number.{extent} {remedy}")
    array = np.array(numbers, dtype=np.float64)
    infinite = np.flatnonzero(~np.isfinite(array))
    if infinite.size:
        row = int(infinite[0])
        raise DataError(
            f"{table.place(row, name)}: '{texts[row]}' is infinite, or too large for float64. "
            f"Correct it or remove the row."
        )
    return array


def _feature(table: Table, name: str, texts: list[str]) -> np.ndarray:
    array = _numbers(
        table,
        name,
        texts,
        f"Features must be numbers: correct it, replace categories by numbers, "
        f"or {_leave_out(name)}.",
    )
    if (array == array[0]).all():
        raise DataError(
            f"{table.name}, column '{name}': every value is {texts[0]}, in all {len(array)} rows "
            f"(lines {table.lines[0]} to {table.lines[-1]}). A constant column tells nothing: "
            f"{_leave_out(name)}."
        )
    return array


def _target(
    table: Table, name: str, texts: list[str], task: Task | None
) -> tuple[np.ndarray, tuple[str, ...] | None]:
    """Return the target's values and, for a classification, the names of its classes."""
    numbers = [_number(text) for text in texts]
    if task is None:
        _check_one_kind(table, name, texts, numbers)
        task = _task(numbers)
    if task == "regression":
        array = _numbers(
            table,
            name,
            texts,
            "The target of a regression must be a number: correct it, or use "
            "--task classification (in Python, task='classification').",
        )
        if (array == array[0]).all():
            raise DataError(
                f"{table.name}, column '{name}': the target is {texts[0]} in all {len(texts)} "
                f"rows. There is nothing to learn from a constant; choose another target."
            )
        return array, None
    labels: list[float] | list[str] = texts
    if None not in numbers:
        labels = _numbers(table, name, texts, "").tolist()
    classes: list[Any] = sorted(set(labels))
    class_names = tuple(map(_class_name, classes))
    if len(classes) == 1:
        raise DataError(
            f"{table.name}, column '{name}': the target has the single class '{class_names[0]}' "
            f"in all {len(texts)} rows. A classification needs at least two; add rows of another "
            f"class, or choose another target."
        )
    index = {label: position for position, label in enumerate(classes)}
    return np.array([index[label] for label in labels], dtype=np.int64), class_names


def _check_one_kind(table: Table, name: str, texts: list[str], numbers: list[float | None]) -> None:
    n_text = numbers.count(None)
    if n_text in (0, len(texts)):
        return
    # Point at whichever kind is rarer: it is the likelier mistake.
    text_is_rare = 2 * n_text <= len(texts)
    row = next(row for row, number in enumerate(numbers) if (number is None) == text_is_rare)
    if text_is_rare:
        found = f"'{texts[row]}' is not a number, while {len(texts) - n_text} of the target's"
    else:
        found = f"'{texts[row]}' is a number, while {n_text} of the target's"
    kind = "numbers" if text_is_rare else "text"
    raise DataError(
        f"{table.place(row, name)}: {found} {len(texts)} values are {kind}. Correct it, or, if "
        f"the column holds names of classes, use --task classification (in Python, "
        f"task='classification')."
    )


def _task(numbers: list[float | None]) -> Task:
    """Decide by the rule that `read_csv` states."""
    if None in numbers:
        return "classification"
    distinct = set(numbers)
    whole = all(number is not None and number.is_integer() for number in distinct)
    few = len(distinct) <= min(_MOST_CLASSES, len(numbers) / 2)
    return "classification" if whole and few else "regression"


def _class_name(label: float | str) -> str:
    if isinstance(label, str):
        return label
    return str(int(label)) if label.is_integer() else repr(label)
