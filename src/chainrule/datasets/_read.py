"""One reader for every kind of file: the content says which kind it is.

The name matters in three places only. An ending that names another kind than the content is a sign
of a damaged or mistaken file, and is refused; ``.tsv`` says that tabs separate the values; and the
labels of IDX images are found by the name of their file.
"""

import operator
import re
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from chainrule._errors import ArgumentTypeError, DataError, InvalidArgumentError
from chainrule.datasets._arrays import NPY_SIGNATURE, ZIP_SIGNATURE, table_of_npy, table_of_npz
from chainrule.datasets._columns import to_dataset
from chainrule.datasets._content import beginning_of, content_of
from chainrule.datasets._csv import DELIMITERS, table_of_text
from chainrule.datasets._dataset import Dataset
from chainrule.datasets._idx import is_idx, table_of_idx
from chainrule.datasets._parquet import SIGNATURE as PARQUET_SIGNATURE
from chainrule.datasets._parquet import table_of_parquet
from chainrule.datasets._table import Table, Task

_BINARY = {
    ".parquet": ("a Parquet file", PARQUET_SIGNATURE),
    ".npy": ("a NumPy array", NPY_SIGNATURE),
    ".npz": ("an archive of NumPy arrays", ZIP_SIGNATURE),
}


def read(
    path: str | Path,
    target: str | int | None = None,
    *,
    drop: Sequence[str | int] = (),
    task: Task | None = None,
) -> Dataset:
    r"""Read a data set from a file: CSV, TSV, Parquet, NumPy or IDX.

    Text files, and IDX files, may be compressed with gzip.

    - **CSV and TSV**: the first line names the columns. Values are separated by comma, semicolon
      or tab, whichever divides the first lines evenly (in a file ``.tsv`` or ``.tab``, by tabs); a
      value that contains the separator stands in double quotes. The file is UTF-8, with or without
      a byte order mark. Blank lines are skipped.
    - **Parquet**: columns of numbers, booleans and text. Needs pyarrow:
      ``pip install 'chainrule[parquet]'``.
    - **.npy**: a matrix, whose columns are named ``"0"``, ``"1"``, ...; or a structured array,
      which names them itself.
    - **.npz**: a matrix ``X``, whose columns are named likewise, and a target ``y``.
    - **IDX**, the format of MNIST: images, with the labels in the file beside it whose name has
      ``labels`` for ``images``.

    Apart from the target, every column that is not dropped is a feature. A column of numbers is
    taken as it is and must be finite. A column of text is taken as categories (at most 100, each
    seen twice or more on average), and becomes one feature for each, 0 or 1. Numbers mixed with
    text are refused, and so are features that are all constant.

    Features are uint8 if all of the file's are bytes; otherwise float32 if the dtypes of all
    columns fit in (categories, floats of up to 32 bit, integers of up to 16 bit); otherwise
    float64, as the numbers of a text file always are.

    The task follows from the target column, unless `task` names it:

    - text makes a classification, with the classes in alphabetical order;
    - whole numbers make a classification, with the classes in ascending order,
      when there are at most 20 different ones and each is seen twice or more on
      average, and always as the labels of an IDX file;
    - other numbers make a regression;
    - a mixture of text and numbers is refused, since a mistyped number would turn
      a regression into a classification unseen.

    Parameters
    ----------
    path : str or Path
        The file.
    target : str or int, optional
        Name of the column to predict, or its index, negative from the end. Not needed for a file
        that says so itself: IDX images with labels, and ``.npz`` with ``y``.
    drop : sequence of (str or int)
        Names or indices of columns to leave out. They are not looked at.
    task : {"classification", "regression"}, optional
        What to make of the target column.

    Returns
    -------
    Dataset

    Raises
    ------
    DataError
        When the file cannot be read, is not a table, or holds a value that
        cannot be used. The message names the file, the row with its line (rows
        count from 1), the column, and what to do.
    InvalidArgumentError, ArgumentTypeError
        When `task` or `drop` is none of the above.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from chainrule.datasets import read
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "heights.csv")
    ...     size = path.write_text("height,weight\n1.62,58.5\n1.75,70\n1.80,82\n")
    ...     heights = read(path, target="weight")
    >>> heights.feature_names, heights.target
    (('height',), array([58.5, 70. , 82. ]))
    """
    if task is not None and task not in get_args(Task):
        raise InvalidArgumentError(
            f"read: task: expected 'classification', 'regression' or None, got {task!r}."
        )
    if isinstance(drop, str):
        raise ArgumentTypeError(
            f"read: drop: expected a sequence of columns such as ({drop!r},), got {drop!r}."
        )
    table = read_table(path)
    target = table.target if target is None else target
    if target is None:
        raise DataError(
            f"{table.name}: the file does not say what is to be predicted. Name the column with "
            f"--target COLUMN (in Python, target='COLUMN'); for IDX images, put the file of their "
            f"labels beside them."
        )
    dropped = tuple(_column(table, which) for which in drop)
    return to_dataset(table, _column(table, target), drop=dropped, task=task)


def read_table(path: str | Path) -> Table:
    """Read the columns of a file as they are, for an `Encoder` to be applied to.

    Parameters
    ----------
    path : str or Path
        A file of any kind that `read` takes, with or without a target.

    Returns
    -------
    Table

    Raises
    ------
    DataError
        When the file cannot be read, or is not a table.
    """
    path = Path(path)
    beginning = beginning_of(path)
    ending = path.suffix.casefold()
    kind, signature = _BINARY.get(ending, ("", b""))
    if not beginning.startswith(signature):
        raise DataError(
            f"{path.name}: this is not {kind}, as its name says: it does not begin like one. Get "
            f"or save the file again, or give it the ending of what it is."
        )
    if beginning.startswith(PARQUET_SIGNATURE):
        return table_of_parquet(path)
    if beginning.startswith(NPY_SIGNATURE):
        return table_of_npy(path)
    if ending == ".npz":
        return table_of_npz(path)
    content = content_of(path)
    if is_idx(content):
        return table_of_idx(path, content)
    tabs = path.name.casefold().removesuffix(".gz").endswith((".tsv", ".tab"))
    return table_of_text(content, path.name, "\t" if tabs else DELIMITERS)


def _column(table: Table, which: str | int) -> str:
    """Return the name of a column given by its name or index."""
    if isinstance(which, str):
        if table.matrix is None or not re.fullmatch(r"-\d+", which):
            return which
        which = int(which)
    try:
        return table.columns[operator.index(which)]
    except IndexError:
        raise DataError(
            f"{table.name}: there is no column {which} among {len(table.columns)}. Columns are "
            f"counted from 0, and from the end as -1, -2 and so on."
        ) from None
