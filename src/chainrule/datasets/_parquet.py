"""Reading a Parquet file, with pyarrow, which is loaded only then."""

from pathlib import Path
from typing import Any

import numpy as np

from chainrule._errors import DataError
from chainrule.datasets._table import Table, Values, as_numbers, as_values

SIGNATURE = b"PAR1"
"""How a Parquet file begins."""


def table_of_parquet(path: Path) -> Table:
    """Return the table that a Parquet file holds.

    Columns may be numbers, booleans, text, and dictionaries of these, such as the categories of
    pandas. What is null is missing.

    Raises
    ------
    DataError
        When pyarrow is not installed, the file is damaged, or a column is of another kind.
    """
    try:
        from pyarrow import parquet
    except ImportError:
        raise DataError(
            f"{path.name}: reading Parquet files needs pyarrow, which is not installed. Install it "
            f"with `pip install 'chainrule[parquet]'`, or save the table as CSV."
        ) from None
    try:
        with path.open("rb") as file:
            table = parquet.ParquetFile(file).read()
        return _table(table, path.name)
    except DataError:
        raise
    except Exception as error:  # what a damaged file may raise, nobody has written down
        raise DataError(
            f"{path.name}: the Parquet file cannot be read, it is damaged or incomplete "
            f"({str(error).rstrip('.')}). Save it again."
        ) from None


def _table(table: Any, file_name: str) -> Table:
    # The index that pandas saves with a frame, unless it has a name, is no data.
    names = [name for name in table.column_names if not name.startswith("__index_level_")]
    if len(set(names)) < len(names) or not names:
        found = "twice the same name" if names else "no columns"
        raise DataError(f"{file_name}: the table has {found}. Give each column one of its own.")
    columns = [_values(table.column(name), f"{file_name}, column '{name}'") for name in names]
    return Table(file_name, tuple(names), columns)


def _values(column: Any, where: str) -> Values:
    from pyarrow import types

    if types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    kind = column.type
    if types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind):
        return as_values(["" if text is None else text.strip() for text in column.to_pylist()])
    if types.is_boolean(kind) or types.is_integer(kind) or types.is_floating(kind):
        if column.null_count:
            column = column.cast("float64")
        return as_numbers(np.array(column.to_numpy()), where)
    raise DataError(
        f"{where}: the values are {kind}; expected numbers, booleans or text. Convert the column, "
        f"or remove it from the file."
    )
