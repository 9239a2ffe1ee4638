"""What the columns of a data file mean to a model, so that the next file can be read alike.

An `Encoder` is decided once, from the training file. It holds names and categories only, and is
plain enough to be saved beside the model. Applied to another table it finds its columns by name,
in whatever order they stand, and refuses what the model has never seen: a guess would come back as
a wrong prediction that nobody can trace.
"""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from chainrule._errors import DataError
from chainrule.datasets._table import BLOCK, Table, Values, number


@dataclass(frozen=True)
class Encoder:
    """How columns become features and a target.

    A column of numbers is one feature. A column of categories is one feature for each of them, 1
    in the rows of that category and 0 in the others.

    Parameters
    ----------
    columns : tuple of str
        Names of the columns that are features, in the order in which the model takes them.
    categories : tuple of (tuple of str or None)
        For each column its categories, or None for numbers.
    target_name : str
        Name of the column to predict.
    class_names : tuple of str, optional
        Names of the classes of the target, or None for a regression.

    Raises
    ------
    DataError
        When the parts do not fit together.

    Examples
    --------
    >>> encoder = Encoder(("age", "colour"), (None, ("blue", "red")), "weight")
    >>> encoder.feature_names
    ('age', 'colour=blue', 'colour=red')
    >>> Encoder.from_dict(encoder.to_dict()) == encoder
    True
    """

    columns: tuple[str, ...]
    categories: tuple[tuple[str, ...] | None, ...]
    target_name: str
    class_names: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        """Check that the parts fit together."""
        if len(self.columns) != len(self.categories):
            raise DataError(
                f"an Encoder of {len(self.columns)} columns needs categories, or None, for each, "
                f"got {len(self.categories)}."
            )
        if len({*self.columns, self.target_name}) != len(self.columns) + 1:
            raise DataError(
                "the columns of an Encoder and its target must all have different names, got "
                f"{', '.join(map(repr, self.columns))} and {self.target_name!r}."
            )

    @classmethod
    def of_numbers(
        cls,
        columns: Sequence[str],
        target_name: str,
        class_names: Sequence[str] | None = None,
    ) -> Self:
        """Return the encoder of data whose features are all numbers."""
        classes = None if class_names is None else tuple(class_names)
        return cls(tuple(columns), (None,) * len(columns), target_name, classes)

    @property
    def feature_names(self) -> tuple[str, ...]:
        """A name for each feature: that of its column, with the category if it has any."""
        return tuple(
            name if category is None else f"{name}={category}"
            for name, categories in zip(self.columns, self.categories, strict=True)
            for category in (categories or (None,))
        )

    # -- applied to a table -----------------------------------------------------------------------

    def features(self, table: Table) -> npt.NDArray[Any]:
        """Return the features of a table, found by the names of their columns.

        Parameters
        ----------
        table : Table
            From `chainrule.datasets.read_table`. Columns that are no features are not looked at.

        Returns
        -------
        ndarray of shape (n_rows, n_features)
            In uint8 if all columns are bytes; otherwise in float32 if the dtypes of all columns
            fit in (categories, floats of up to 32 bit, integers of up to 16 bit); otherwise in
            float64.

        Raises
        ------
        DataError
            When a column or a value is missing, a number is infinite, text stands where there
            were numbers or numbers where there was text, or a category is not known. The message
            names the file, the row and the column.
        """
        check_rows(table, 1)
        for name in self.columns:
            check_known(table, name)
        check_complete(table, self.columns)
        pairs = zip(self.columns, self.categories, strict=True)
        parts = [
            _numbers(table, name) if categories is None else _one_hot(table, name, categories)
            for name, categories in pairs
        ]
        dtype = _common_dtype(part.dtype for part in parts)
        matrix = table.matrix
        if matrix is not None and self.columns == table.columns[: matrix.shape[1]]:
            return np.ascontiguousarray(matrix, dtype)
        return _side_by_side(parts, dtype)

    def has_target(self, table: Table) -> bool:
        """Return whether a table has the column to predict."""
        return self.target_name in table

    def target(self, table: Table) -> npt.NDArray[Any]:
        """Return the target of a table.

        Parameters
        ----------
        table : Table

        Returns
        -------
        ndarray of shape (n_rows,)
            int64 indices into `class_names`, or float64 for a regression.

        Raises
        ------
        DataError
            When the column or a value is missing, or is no number or known class.
        """
        check_rows(table, 1)
        name = self.target_name
        check_known(table, name)
        check_complete(table, [name])
        if self.class_names is None:
            return _numbers(table, name).astype(np.float64)
        values, index = table[name], {label: i for i, label in enumerate(self.class_names)}
        codes = [index.get(label, -1) for label in class_labels(values, index)]
        if -1 in codes:
            row = codes.index(-1)
            raise DataError(
                f"{table.place(row, name)}: '{_shown(values, row)}' is no class of the training "
                f"data, which has {listed(self.class_names)}. Correct it, or train with rows of "
                f"that class."
            )
        return np.array(codes, dtype=np.int64)

    # -- saved and loaded -------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """Return the encoder as a dictionary of text, tuples and None, as `json` takes it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, settings: Mapping[str, Any]) -> Self:
        """Return the encoder that `to_dict` gave, perhaps by way of JSON.

        Raises
        ------
        DataError
            When the mapping is not that of an encoder.
        """
        try:
            encoder = cls(
                _texts(settings["columns"]),
                tuple(None if c is None else _texts(c) for c in settings["categories"]),
                _texts([settings["target_name"]])[0],
                None if settings["class_names"] is None else _texts(settings["class_names"]),
            )
        except (KeyError, TypeError):
            raise DataError(
                "expected an encoder with 'columns', 'categories', 'target_name' and "
                "'class_names', all made of text; got something else. The file it comes from is "
                "damaged, or is none of ours."
            ) from None
        return encoder


def _texts(values: Any) -> tuple[str, ...]:
    if not isinstance(values, (list, tuple)) or not all(isinstance(v, str) for v in values):
        raise TypeError
    return tuple(values)


# What a table must have, in training and later ---------------------------------------------------


def check_rows(table: Table, least: int) -> None:
    """Refuse a table with fewer rows than `least`."""
    if table.n_rows < least:
        found = "a single row" if table.n_rows else "no rows"
        wanted = "two" if least == 2 else "one"
        raise DataError(f"{table.name}: the file has {found} of values. Add at least {wanted}.")


def check_known(table: Table, name: str) -> None:
    """Refuse a table without that column, and offer the nearest."""
    if name in table:
        return
    near = difflib.get_close_matches(name, table.columns, n=1)
    if not near:
        # A name typed in the wrong case can be too far off for the measure above.
        near = [column for column in table.columns if column.casefold() == name.casefold()]
    meant = f" Did you mean '{near[0]}'?" if near else ""
    hint = ""
    looks_like_values = sum(number(column) is not None for column in table.columns)
    if table.lines is not None and looks_like_values > len(table.columns) / 2:
        hint = " They look like values: the first line of the file must name the columns."
    if table.lines is not None and len(table.columns) == 1:
        hint = " No comma, semicolon or tab divides the line of their names."
    raise DataError(
        f"{table.name}: there is no column '{name}'.{meant} The columns are "
        f"{listed(table.columns)}.{hint}"
    )


def check_complete(table: Table, names: Sequence[str], remedy: str = "") -> None:
    """Refuse a table with missing values in these columns.

    `remedy` says what else can be done about those of the first one, as in ``", or ..."``.
    """
    missing = table.missing(names)
    if not missing:
        return
    name, rows = min(missing.items(), key=lambda item: item[1][0])
    values = table[name]
    text = values[rows[0]] if isinstance(values, list) else ""
    written = f" (written '{text}')" if text else ""
    total = sum(len(rows) for rows in missing.values())
    counted = ""
    if total > 1:
        kind = "column" if len(missing) == 1 else "columns"
        counted = f" {total} values are missing in all, in {kind} {listed(list(missing))}."
    advice = "Fill it in or remove the row" if total == 1 else "Fill them in or remove the rows"
    raise DataError(
        f"{table.place(rows[0], name)}: the value is missing{written}.{counted} {advice}{remedy}."
    )


def check_finite(table: Table, name: str) -> None:
    """Refuse a column of numbers that has an infinite one, written or stored."""
    values = table[name]
    if isinstance(values, list):
        numbers = [number(text) for text in values]
        row = next((i for i, v in enumerate(numbers) if v is not None and np.isinf(v)), None)
    else:
        row = table.infinite(name)
    if row is not None:
        raise DataError(
            f"{table.place(row, name)}: '{_shown(values, row)}' is infinite, or too large for "
            f"float64. Correct it or remove the row."
        )


# Columns to arrays -------------------------------------------------------------------------------


def class_labels(values: Values, known: Mapping[str, int]) -> list[str]:
    """Return the name of each value's class: its text, or the number that it writes."""
    if isinstance(values, list):
        return [_label(text, known) for text in values]
    distinct, inverse = np.unique(values, return_inverse=True)
    names = [class_name(value) for value in distinct.tolist()]
    return [names[i] for i in inverse.tolist()]


def _label(text: str, known: Mapping[str, int]) -> str:
    value = None if text in known else number(text)
    return text if value is None else class_name(value)


def class_name(value: float) -> str:
    """Return how a number is written as the name of a class: 1 and 1.0 are the same."""
    return str(int(value)) if float(value).is_integer() else repr(value)


def _numbers(table: Table, name: str) -> npt.NDArray[Any]:
    values = table[name]
    check_finite(table, name)
    if isinstance(values, list):
        row = next(row for row, text in enumerate(values) if number(text) is None)
        raise DataError(
            f"{table.place(row, name)}: '{values[row]}' is not a number, and the model was trained "
            f"on numbers there. Correct it or remove the row."
        )
    return values


def _one_hot(table: Table, name: str, categories: tuple[str, ...]) -> npt.NDArray[Any]:
    values = table[name]
    if not isinstance(values, list):
        raise DataError(
            f"{table.name}, column '{name}': the values are numbers, such as {_shown(values, 0)} "
            f"in row 1, and the model was trained on text there: {listed(categories)}. Use the "
            f"column that it was trained on."
        )
    index = {category: position for position, category in enumerate(categories)}
    codes = [index.get(text, -1) for text in values]
    if -1 in codes:
        row = codes.index(-1)
        raise DataError(
            f"{table.place(row, name)}: '{values[row]}' is no category of the training data, which "
            f"has {listed(categories)}. Correct it, or train with rows of that category."
        )
    return np.eye(len(categories), dtype=np.float32)[codes]


def _common_dtype(dtypes: Any) -> np.dtype[Any]:
    """Return the dtype of features, by the rule that `Encoder.features` states."""
    distinct = set(dtypes)
    if distinct == {np.dtype(np.uint8)}:
        return np.dtype(np.uint8)
    return np.result_type(np.float32, *distinct)


def _side_by_side(parts: list[npt.NDArray[Any]], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """Put columns together, some rows at a time, which stay in the cache meanwhile."""
    columns = [part.reshape(len(part), -1) for part in parts]
    ends = np.cumsum([part.shape[1] for part in columns]).tolist()
    joined = np.empty((len(columns[0]), ends[-1]), dtype)
    for start in range(0, len(joined), BLOCK):
        rows = slice(start, start + BLOCK)
        for part, end in zip(columns, ends, strict=True):
            joined[rows, end - part.shape[1] : end] = part[rows]
    return joined


def _shown(values: Values, row: int) -> str:
    return values[row] if isinstance(values, list) else str(values[row])


def listed(names: Sequence[str]) -> str:
    """Return names for a message, the first twelve if there are many."""
    shown = ", ".join(f"'{name}'" for name in names[:12])
    return f"{shown} and {len(names) - 12} more" if len(names) > 12 else shown
