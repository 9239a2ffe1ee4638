"""Whatever a file holds, it is read, or refused as unusable data."""

from __future__ import annotations

import contextlib
import gzip
import io
import struct
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chainrule._errors import DataError
from chainrule.datasets import Dataset, read, read_table


def saved(save, *args, **keywords):
    file = io.BytesIO()
    save(file, *args, **keywords)
    return file.getvalue()


FRAME = pd.DataFrame({"a": [1.5, 2.5, 3.5, 4.5], "b": ["p", "q", "p", "q"], "y": [0, 1, 0, 1]})
ARRAY = FRAME[["a", "y"]].to_numpy()
GOOD = {
    "csv": FRAME.to_csv(index=False).encode(),
    "tsv": FRAME.to_csv(index=False, sep="\t").encode(),
    "csv.gz": gzip.compress(FRAME.to_csv(index=False).encode(), mtime=0),
    "parquet": saved(lambda file: FRAME.to_parquet(file)),
    "npy": saved(np.save, FRAME.to_records(index=False).astype("f8,U1,i8")),
    "npz": saved(np.savez, X=ARRAY[:, :1], y=ARRAY[:, 1]),
    "idx": b"\0\0\x0e\x02" + struct.pack(">2I", 4, 2) + struct.pack(">8d", *ARRAY.ravel()),
}
TARGETS = {"npy": "f2", "npz": None, "idx": "1"}


@pytest.mark.parametrize("kind", GOOD)
def test_the_same_data_are_read_from_every_kind_of_file(tmp_path, kind):
    path = tmp_path / f"data.{kind}"
    path.write_bytes(GOOD[kind])
    dataset = read(path, TARGETS.get(kind, "y"))
    assert dataset.features[:, 0].tolist() == [1.5, 2.5, 3.5, 4.5]
    if dataset.n_features > 1:
        assert dataset.features[:, 1:].tolist() == [[1, 0], [0, 1], [1, 0], [0, 1]]
    assert dataset.target.tolist() == [0, 1, 0, 1]
    assert dataset.class_names == ("0", "1")


@st.composite
def damaged(draw):
    """Return the ending and the bytes of a file with some bytes changed, and perhaps cut off."""
    kind = draw(st.sampled_from(sorted(GOOD)))
    content = bytearray(GOOD[kind])
    for _ in range(draw(st.integers(0, 4))):
        content[draw(st.integers(0, len(content) - 1))] = draw(st.integers(0, 255))
    keep = draw(st.integers(0, len(content)) | st.just(len(content)))
    return kind, bytes(content[:keep])


ANYTHING = st.tuples(st.sampled_from(sorted(GOOD)), st.binary(max_size=60))


@given(damaged() | ANYTHING)
@example(("npy", b"\x93NUMPY\x01\x00\xff\xff"))
@settings(max_examples=300, deadline=None, derandomize=True)
def test_any_bytes_are_a_data_set_or_refused(tmp_path_factory, file):
    kind, content = file
    path = tmp_path_factory.getbasetemp() / f"damaged.{kind}"
    path.write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for target in ("y", 0, None):
            with contextlib.suppress(DataError):
                assert isinstance(read(path, target), Dataset)


def test_a_table_is_as_wide_as_its_file(tmp_path):
    path = tmp_path / "data.csv"
    path.write_bytes(GOOD["csv"])
    table = read_table(path)
    assert table.columns == ("a", "b", "y")
    assert table.n_rows == 4
    assert table["b"] == ["p", "q", "p", "q"]
    assert table.target is None
