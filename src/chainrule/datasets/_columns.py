"""From the columns of a training file to features, a target and the encoder of both.

Every file reader ends here. Whatever cannot be taken as a number or a category for certain is
refused with its row, line and column: a value quietly skipped or guessed would come back as a wrong
prediction that nobody can trace.
"""

import shlex
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from chainrule._errors import DataError
from chainrule.datasets._dataset import Dataset
from chainrule.datasets._encoder import (
    Encoder,
    check_complete,
    check_finite,
    check_known,
    check_rows,
    class_name,
    listed,
)
from chainrule.datasets._table import Table, Task, Values, number

_MOST_CLASSES = 20
_MOST_CATEGORIES = 100


def to_dataset(
    table: Table, target: str, *, drop: Sequence[str] = (), task: Task | None = None
) -> Dataset:
    """Turn a table into a data set; `read` says by which rules.

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
    check_rows(table, 2)
    for name in (target, *drop):
        check_known(table, name)
    if target in drop:
        raise DataError(
            f"{table.name}: column '{target}' is both the target and to be dropped. "
            f"Drop another, or choose another target."
        )
    features = tuple(name for name in table.columns if name != target and name not in drop)
    if not features:
        raise DataError(
            f"{table.name}: no feature is left besides the target '{target}'. "
            f"Keep at least one other column."
        )
    _check_complete(table, features, target)
    categories = tuple(_categories(table, name) for name in features)
    _check_vary(table, features)
    encoder = Encoder(
        columns=features,
        categories=categories,
        target_name=target,
        class_names=_class_names(table, target, task or table.task),
    )
    return Dataset(
        name=table.name,
        features=encoder.features(table),
        target=encoder.target(table),
        encoder=encoder,
        description=f"Read from {table.name}.",
    )


def _check_complete(table: Table, features: Sequence[str], target: str) -> None:
    missing = table.missing((*features, target))
    if missing:
        first = min(missing, key=lambda name: missing[name][0])
        remedy = "" if first == target else f", or {_leave_out(first)}"
        check_complete(table, (*features, target), remedy)


def _leave_out(column: str) -> str:
    return f"leave the column out with --drop {shlex.quote(column)} (in Python, drop=({column!r},))"


def _categories(table: Table, name: str) -> tuple[str, ...] | None:
    """Return the categories of a feature, or None if it is made of numbers."""
    if table.in_matrix(name):  # an image may well have a corner that is always black
        return None
    values = table[name]
    check_finite(table, name)
    if not isinstance(values, list):
        return None
    _check_all_text(table, name, values)
    categories = sorted(set(values))
    if len(categories) > min(_MOST_CATEGORIES, len(values) / 2):
        raise DataError(
            f"{table.name}, column '{name}': {len(categories)} different texts in {len(values)} "
            f"rows are too many for categories, of which there may be {_MOST_CATEGORIES}, each "
            f"seen twice or more on average. Replace them by numbers or by fewer categories, or "
            f"{_leave_out(name)}."
        )
    return tuple(categories)


def _check_all_text(table: Table, name: str, texts: list[str]) -> None:
    """Refuse a feature that mixes numbers with text, or writes numbers in another way."""
    wrong = [row for row, text in enumerate(texts) if number(text) is None]
    _check_decimal_point(table, name, texts, wrong[0])
    if len(wrong) == len(texts):
        return
    raise DataError(
        f"{table.place(wrong[0], name)}: '{texts[wrong[0]]}' is not a number."
        f"{_extent_of_text(texts)} A feature is "
        f"made of numbers, or of text alone, which stands for categories: correct it, or "
        f"{_leave_out(name)}."
    )


def _check_decimal_point(table: Table, name: str, texts: list[str], row: int) -> None:
    text = texts[row]
    if "," in text and number(text.replace(",", ".", 1)) is not None:
        raise DataError(
            f"{table.place(row, name)}: '{text}' is not a number. Write decimals with a point, and "
            f"thousands without a separator."
        )


def _check_vary(table: Table, features: Sequence[str]) -> None:
    """Refuse features that are all the same in all rows, those of a matrix excepted."""
    if not features or any(table.in_matrix(name) or not _same(table[name]) for name in features):
        return
    raise DataError(
        f"{table.name}: every feature is the same in all {table.n_rows} rows, so that there is "
        f"nothing to tell rows apart by: {listed(features)}. Add a column that varies."
    )


def _same(values: Values) -> bool:
    return all(value == values[0] for value in values)


def _class_names(table: Table, name: str, task: Task | None) -> tuple[str, ...] | None:
    """Return the classes of the target in order, or None for a regression."""
    values = table[name]
    if task is None:
        _check_one_kind(table, name, values)
        task = _task(values)
    if task == "regression":
        _check_quantities(table, name, values)
        return None
    if isinstance(values, list) and all(number(text) is not None for text in values):
        check_finite(table, name)
    classes = _classes(values)
    if len(classes) == 1:
        raise DataError(
            f"{table.name}, column '{name}': the target has the single class '{classes[0]}' "
            f"in all {len(values)} rows. A classification needs at least two; add rows of another "
            f"class, or choose another target."
        )
    return classes


def _classes(values: Values) -> tuple[str, ...]:
    if isinstance(values, list):
        return tuple(sorted(set(values)))
    return tuple(class_name(value) for value in np.unique(values).tolist())


def _check_one_kind(table: Table, name: str, values: Values) -> None:
    """Refuse a target that mixes numbers with text."""
    if not isinstance(values, list):
        return
    is_text = [number(text) is None for text in values]
    n_text = sum(is_text)
    if n_text in (0, len(values)):
        return
    # Point at whichever kind is rarer: it is the likelier mistake.
    text_is_rare = 2 * n_text <= len(values)
    row = is_text.index(text_is_rare)
    if text_is_rare:
        found = f"'{values[row]}' is not a number, while {len(values) - n_text} of the target's"
    else:
        found = f"'{values[row]}' is a number, while {n_text} of the target's"
    kind = "numbers" if text_is_rare else "text"
    raise DataError(
        f"{table.place(row, name)}: {found} {len(values)} values are {kind}. Correct it, or, if "
        f"the column holds names of classes, use --task classification (in Python, "
        f"task='classification')."
    )


def _task(values: Values) -> Task:
    """Decide by the rule that `read` states."""
    if isinstance(values, list):
        return "regression" if number(values[0]) is not None else "classification"
    distinct: npt.NDArray[np.float64] = np.unique(values).astype(np.float64)
    whole = bool((distinct == np.floor(distinct)).all())
    few = len(distinct) <= min(_MOST_CLASSES, len(values) / 2)
    return "classification" if whole and few else "regression"


def _check_quantities(table: Table, name: str, values: Values) -> None:
    check_finite(table, name)
    if isinstance(values, list):
        row = next(row for row, text in enumerate(values) if number(text) is None)
        _check_decimal_point(table, name, values, row)
        extent = _extent_of_text(values)
        raise DataError(
            f"{table.place(row, name)}: '{values[row]}' is not a number.{extent} The target of a "
            f"regression must be a number: correct it, or use --task classification (in Python, "
            f"task='classification')."
        )
    if (values == values[0]).all():
        raise DataError(
            f"{table.name}, column '{name}': the target is {class_name(values[0].item())} in all "
            f"{len(values)} rows. There is nothing to learn from a constant; choose another target."
        )


def _extent_of_text(texts: list[str]) -> str:
    """Say how many of a column's values are text, if more than one."""
    n_text = sum(number(text) is None for text in texts)
    if n_text == len(texts):
        return " Every value of the column is text."
    return f" {n_text} of the column's {len(texts)} values are text." if n_text > 1 else ""
