"""IDX files, written here byte by byte."""

from __future__ import annotations

import gzip
import re
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from chainrule._errors import DataError
from chainrule.datasets import read, read_table
from chainrule.datasets._idx import array_of_idx

# The number of each dtype, and how `struct` writes it.
CODES = {
    np.uint8: (0x08, "B"),
    np.int8: (0x09, "b"),
    np.int16: (0x0B, "h"),
    np.int32: (0x0C, "i"),
    np.float32: (0x0D, "f"),
    np.float64: (0x0E, "d"),
}

IMAGES = np.arange(48, dtype=np.uint8).reshape(4, 3, 4)
LABELS = np.array([7, 3, 7, 3], np.uint8)


def idx(array):
    """Return the bytes of an IDX file."""
    code, letter = CODES[array.dtype.type]
    head = bytes([0, 0, code, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return head + struct.pack(f">{array.size}{letter}", *array.ravel().tolist())


def refused(message):
    return pytest.raises(DataError, match=f"^{re.escape(message)}$")


@st.composite
def any_array(draw):
    dtype = draw(st.sampled_from(sorted(CODES, key=str)))
    shape = draw(array_shapes(min_dims=1, max_dims=4, max_side=5))
    return draw(arrays(dtype, shape))


@settings(deadline=None, derandomize=True)
@given(any_array())
def test_every_array_is_read_as_it_was_written(array):
    found = array_of_idx(idx(array), "data.idx")
    assert found.dtype == array.dtype
    assert found.dtype.isnative
    np.testing.assert_array_equal(found, array)
    found[...] = 0  # an array of one's own


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"),
        ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
        ("train-images.idx3-ubyte", "train-labels.idx1-ubyte"),
        ("train-images-idx3-ubyte", "train-labels-idx1-ubyte.gz"),
        ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte"),
    ],
)
def test_labels_are_found_beside_their_images(tmp_path, images, labels):
    for name, array in ((images, IMAGES), (labels, LABELS)):
        content = gzip.compress(idx(array)) if name.endswith(".gz") else idx(array)
        (tmp_path / name).write_bytes(content)
    dataset = read(tmp_path / images)
    np.testing.assert_array_equal(dataset.features, IMAGES.reshape(4, 12))
    assert dataset.features.dtype == np.uint8
    assert dataset.feature_names[:5] == (
        "pixel_0_0", "pixel_0_1", "pixel_0_2", "pixel_0_3", "pixel_1_0",
    )  # fmt: skip
    assert dataset.class_names == ("3", "7")
    assert dataset.target.tolist() == [1, 0, 1, 0]
    assert dataset.target_name == "label"


def test_labels_are_classes_however_many(tmp_path):
    """Numbers with as many values as rows would be quantities in another file."""
    (tmp_path / "images").write_bytes(idx(IMAGES))
    (tmp_path / "labels").write_bytes(idx(np.arange(4, dtype=np.uint8)))
    assert read(tmp_path / "images").class_names == ("0", "1", "2", "3")
    assert read(tmp_path / "images", task="regression").target.tolist() == [0, 1, 2, 3]


def test_images_without_labels_can_be_predicted(tmp_path):
    path = tmp_path / "new-images"
    path.write_bytes(idx(IMAGES[:1]))
    table = read_table(path)
    assert table.columns[-1] == "pixel_2_3"
    with refused(
        "new-images: the file does not say what is to be predicted. Name the column with --target "
        "COLUMN (in Python, target='COLUMN'); for IDX images, put the file of their labels beside "
        "them."
    ):
        read(path)


def test_a_matrix_has_its_target_in_a_column(tmp_path):
    path = tmp_path / "data.idx2"
    path.write_bytes(idx(np.array([[1, 2, 0.5], [3, 4, 1.5], [5, 6, 2.5]], np.float32)))
    dataset = read(path, -1)
    assert dataset.features.tolist() == [[1, 2], [3, 4], [5, 6]]
    assert dataset.features.dtype == np.float32
    assert dataset.target.tolist() == [0.5, 1.5, 2.5]


def test_labels_are_no_data(tmp_path):
    path = tmp_path / "train-labels"
    path.write_bytes(idx(LABELS))
    with refused(
        "train-labels: these are labels. Name the file of the images; the labels are found beside "
        "it."
    ):
        read(path)


@pytest.mark.parametrize("labels", [LABELS[:3], IMAGES])
def test_labels_of_other_images_are_refused(tmp_path, labels):
    (tmp_path / "images").write_bytes(idx(IMAGES))
    (tmp_path / "labels").write_bytes(idx(labels))
    with refused(
        "labels: expected a label for each of the 4 samples of images, got shape "
        f"{labels.shape}. The files do not belong together."
    ):
        read(tmp_path / "images")


@pytest.mark.parametrize(
    ("keep", "what"),
    [
        (63, "shape (4, 3, 4) in uint8, 64 bytes"),
        (16, "shape (4, 3, 4) in uint8, 64 bytes"),
    ],
)
def test_a_truncated_file_is_refused(tmp_path, keep, what):
    path = tmp_path / "images"
    path.write_bytes(idx(IMAGES)[:keep])
    with refused(
        f"images: the beginning of the file announces {what} in all, and there are {keep}. The "
        "file is damaged or incomplete; get it again."
    ):
        read(path)


@pytest.mark.parametrize("keep", [4, 12, 15])
def test_a_truncated_beginning_is_refused(tmp_path, keep):
    path = tmp_path / "images"
    path.write_bytes(idx(IMAGES)[:keep])
    with refused(
        "images: the beginning of the file announces 3 axes, and it ends before their lengths. The "
        "file is damaged or incomplete; get it again."
    ):
        read(path)


def test_a_file_that_is_too_long_is_refused(tmp_path):
    path = tmp_path / "images"
    path.write_bytes(idx(IMAGES) + b"\0")
    with refused(
        "images: the beginning of the file announces shape (4, 3, 4) in uint8, 64 bytes in all, "
        "and there are 65. The file is damaged or incomplete; get it again."
    ):
        read(path)


def test_lengths_beyond_all_memory_are_refused(tmp_path):
    path = tmp_path / "images"
    path.write_bytes(b"\0\0\x0e\x03" + b"\xff" * 12)
    with pytest.raises(DataError, match=r"^images: the beginning of the file announces shape "):
        read(path)


def test_damaged_compression_is_refused(tmp_path):
    path = tmp_path / "images.gz"
    path.write_bytes(gzip.compress(idx(IMAGES))[:-10])
    with refused(
        "images.gz: the file cannot be unpacked, it is damaged or incomplete (Compressed file "
        "ended before the end-of-stream marker was reached). Get it again."
    ):
        read(path)


@pytest.mark.parametrize("content", [b"", b"\0\0\x07\x01", b"\0\0\x08\x00", b"\1\0\x08\x01", b"ab"])
def test_what_is_no_idx_file(content):
    with refused(
        "data: this is not an IDX file: it does not begin with two zero bytes, a known type and a "
        "number of axes."
    ):
        array_of_idx(content, "data")
