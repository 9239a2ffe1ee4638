"""Reading IDX files, the format of MNIST, plain or compressed with gzip.

A file is two zero bytes, one that names the dtype, one that counts the axes, the length of each
axis in four bytes, and the values, all with the most significant byte first. Images and their
labels are two files whose names differ in a word: ``train-images-idx3-ubyte.gz`` and
``train-labels-idx1-ubyte.gz``.

References
----------
LeCun, Cortes and Burges, "The MNIST database of handwritten digits", section "File formats".
"""

import math
import re
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule._errors import DataError
from chainrule.datasets._arrays import table_of_matrix
from chainrule.datasets._content import content_of
from chainrule.datasets._table import Table

_DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def is_idx(content: bytes) -> bool:
    """Return whether bytes begin as an IDX file does."""
    return len(content) >= 4 and content[:2] == b"\0\0" and content[2] in _DTYPES and content[3] > 0


def array_of_idx(content: bytes, name: str) -> npt.NDArray[Any]:
    """Return the array that the bytes of an IDX file hold, in this machine's byte order.

    Raises
    ------
    DataError
        When they do not begin as an IDX file, or are not as many as their beginning says.
    """
    if not is_idx(content):
        raise DataError(
            f"{name}: this is not an IDX file: it does not begin with two zero bytes, a known type "
            f"and a number of axes."
        )
    dtype, start = np.dtype(_DTYPES[content[2]]), 4 + 4 * content[3]
    if len(content) < start:
        raise DataError(
            f"{name}: the beginning of the file announces {content[3]} axes, and it ends before "
            f"their lengths. The file is damaged or incomplete; get it again."
        )
    shape = struct.unpack(f">{content[3]}I", content[4:start])
    expected = start + math.prod(shape) * dtype.itemsize
    if len(content) != expected:
        raise DataError(
            f"{name}: the beginning of the file announces shape {shape} in {dtype.name}, "
            f"{expected} bytes in all, and there are {len(content)}. The file is damaged or "
            f"incomplete; get it again."
        )
    array = np.frombuffer(content, dtype, offset=start).reshape(shape)
    return array.astype(dtype.newbyteorder("="))  # a copy, which may be written to


def table_of_idx(path: Path, content: bytes) -> Table:
    """Return the table of an IDX file, with the labels of the file beside it if there is one."""
    X = array_of_idx(content, path.name)
    if X.ndim == 1 and "labels" in path.name:
        raise DataError(
            f"{path.name}: these are labels. Name the file of the images; the labels are found "
            f"beside it."
        )
    prefix = "pixel_" if X.ndim == 3 else ""
    labels_path = _labels_beside(path)
    if labels_path is None:
        return table_of_matrix(X, path.name, prefix=prefix)
    labels = array_of_idx(content_of(labels_path), labels_path.name)
    if labels.shape != X.shape[:1]:
        raise DataError(
            f"{labels_path.name}: expected a label for each of the {len(X)} samples of "
            f"{path.name}, got shape {labels.shape}. The files do not belong together."
        )
    table = table_of_matrix(X, path.name, target=labels, target_name="label", prefix=prefix)
    return replace(table, task="classification")


def _labels_beside(path: Path) -> Path | None:
    """Return the file with the labels of these images, compressed alike or not."""
    if "images" not in path.name:
        return None
    name = re.sub(r"idx\d", "idx1", path.name.replace("images", "labels")).removesuffix(".gz")
    candidates = (path.with_name(name), path.with_name(f"{name}.gz"))
    return next((candidate for candidate in candidates if candidate.is_file()), None)
