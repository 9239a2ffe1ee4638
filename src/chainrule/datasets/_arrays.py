"""Reading NumPy's own files, `.npy` and `.npz`.

Pickled objects are never loaded: unpickling a file runs whatever code it names.
"""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule._errors import DataError
from chainrule.datasets._table import Table, Values, as_column, as_numbers

NPY_SIGNATURE = b"\x93NUMPY"
"""How an `.npy` file begins."""

ZIP_SIGNATURE = b"PK"
"""How an `.npz` file begins, which is a zip archive."""


def table_of_npy(path: Path) -> Table:
    """Return the table of an `.npy` file: a matrix, or a structured array with a name per column.

    Raises
    ------
    DataError
        When the file is damaged, or holds something else.
    """
    array = _loaded(path)
    assert isinstance(array, np.ndarray)  # as the beginning of the file says
    if array.dtype.names is None:
        return table_of_matrix(array, path.name)
    if array.ndim != 1:
        raise DataError(
            f"{path.name}: expected a structured array of shape (n_rows,), got {array.shape}."
        )
    names = array.dtype.names
    columns = [_field(array[name], f"{path.name}, column '{name}'") for name in names]
    return Table(path.name, names, columns)


def table_of_npz(path: Path) -> Table:
    """Return the table of an `.npz` file: features X and, if it is there, the target y.

    Raises
    ------
    DataError
        When the file is damaged, or has no array X.
    """
    arrays = load_npz(path)
    by_name = {name.casefold(): array for name, array in arrays.items()}
    if "x" not in by_name:
        raise DataError(
            f"{path.name}: there is no array X among those of the file, "
            f"{', '.join(arrays) or 'which is empty'}. Save features and target as "
            f"np.savez(path, X=..., y=...)."
        )
    return table_of_matrix(by_name["x"], path.name, target=by_name.get("y"))


def load_npz(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays of an `.npz` file by name."""
    arrays = _loaded(path)
    if isinstance(arrays, np.ndarray):
        raise DataError(f"{path.name}: this is a single array; expected an archive of arrays.")
    return arrays


def table_of_matrix(
    X: npt.NDArray[Any],
    name: str,
    *,
    target: npt.NDArray[Any] | None = None,
    target_name: str = "y",
    prefix: str = "",
) -> Table:
    """Return the table of an array of rows, whose columns are named by their indices.

    Parameters
    ----------
    X : ndarray of shape (n_rows, ...)
        With three axes or more, each row is one sample of several axes, such as an image.
    name : str
        Name of the file.
    target : ndarray of shape (n_rows,) or (n_rows, 1), optional
    target_name : str, default="y"
    prefix : str, default=""
        Put in front of the indices.
    """
    if X.ndim < 2 or X.size == 0:
        raise DataError(
            f"{name}: expected an array of shape (n_rows, n_columns), got shape {X.shape}. Save "
            f"one row for each sample."
        )
    matrix = as_numbers(X.reshape(len(X), -1), name)
    indices = np.ndindex(*X.shape[1:])
    columns = tuple(prefix + "_".join(map(str, index)) for index in indices)
    values: list[Values] = list(matrix.T)
    if target is None:
        return Table(name, columns, values, matrix=matrix)
    if target.shape not in ((len(X),), (len(X), 1)):
        raise DataError(
            f"{name}: expected one target for each of {len(X)} rows, got shape {target.shape}."
        )
    labels = as_column(target.reshape(-1), f"{name}, {target_name}")
    return Table(
        name, (*columns, target_name), [*values, labels], matrix=matrix, target=target_name
    )


def _field(values: npt.NDArray[Any], where: str) -> Values:
    if values.ndim != 1:
        raise DataError(
            f"{where}: expected one value in each row, got an array of shape {values.shape[1:]}."
        )
    return as_column(values, where)


def _loaded(path: Path) -> npt.NDArray[Any] | dict[str, npt.NDArray[Any]]:
    """Return the array of a file, or those of an archive."""
    try:
        with path.open("rb") as file:
            content = np.load(file, allow_pickle=False)
            return content if isinstance(content, np.ndarray) else dict(content)
    except Exception as error:  # what a damaged file may raise, nobody has written down
        if "allow_pickle" in str(error):
            raise DataError(
                f"{path.name}: the file holds Python objects, which run code when they are loaded. "
                f"Save arrays of numbers or text: np.asarray(values, dtype=np.float64)."
            ) from None
        raise DataError(
            f"{path.name}: the file cannot be read, it is damaged or incomplete ({error}). Save it "
            f"again."
        ) from None
