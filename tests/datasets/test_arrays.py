"""NumPy's files: matrices, structured arrays, X and y."""

from __future__ import annotations

import re

import numpy as np
import pytest

from chainrule._errors import ArgumentTypeError, DataError, InvalidArgumentError
from chainrule.datasets import read, read_table

MATRIX = np.array([[1.0, 7.0, 0.5], [2.0, 7.0, 1.5], [3.0, 7.0, 2.5]])


@pytest.fixture
def npy(tmp_path):
    def save(array, name="data.npy", **options):
        path = tmp_path / name
        np.save(path, array, **options)
        return path

    return save


@pytest.fixture
def npz(tmp_path):
    def save(**arrays):
        path = tmp_path / "data.npz"
        np.savez(path, **arrays)
        return path

    return save


def refused(message):
    return pytest.raises(DataError, match=f"^{re.escape(message)}$")


@pytest.mark.parametrize("target", [2, "2", -1, "-1", np.int64(2)])
def test_target_of_a_matrix_is_a_column_by_number(npy, target):
    dataset = read(npy(MATRIX), target)
    np.testing.assert_array_equal(dataset.features, MATRIX[:, :2])
    np.testing.assert_array_equal(dataset.target, MATRIX[:, 2])
    assert dataset.feature_names == ("0", "1")
    assert dataset.target_name == "2"


def test_columns_of_a_matrix_are_dropped_by_number(npy):
    dataset = read(npy(MATRIX), "-1", drop=["0"])
    np.testing.assert_array_equal(dataset.features, MATRIX[:, [1]])
    assert read(npy(MATRIX), 0, drop=[1]).feature_names == ("2",)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize(
    ("dtype", "expected"),
    [
        ("u1", np.uint8),
        (">f4", np.float32),
        ("f2", np.float32),
        ("?", np.float32),
        (">i2", np.float32),
        ("<i4", np.float64),
        (">f8", np.float64),
    ],
)
def test_dtype_of_features(npz, dtype, expected, order):
    X = np.array([[0, 1], [1, 1], [1, 0]], dtype, order=order)
    dataset = read(npz(X=X, y=[0.5, 1.5, 2.5]))
    assert dataset.features.dtype == expected
    assert dataset.features.dtype.isnative
    assert dataset.features.flags.c_contiguous
    np.testing.assert_array_equal(dataset.features, X)


def test_structured_array_names_its_columns(npy):
    kinds = [("size", "f4"), ("kind", "U3"), ("group", "S2"), ("y", "i8")]
    rows = [(1.5, "a", b"p", 0), (2.5, "b", b"q", 1), (3.5, "a", b"q", 0), (4.5, "b", b"p", 1)]
    dataset = read(npy(np.array(rows, kinds)), "y")
    assert dataset.feature_names == ("size", "kind=a", "kind=b", "group=p", "group=q")
    np.testing.assert_array_equal(dataset.features[:, 0], [1.5, 2.5, 3.5, 4.5])
    np.testing.assert_array_equal(dataset.features[:, 1], [1, 0, 1, 0])
    np.testing.assert_array_equal(dataset.features[:, 4], [0, 1, 1, 0])
    assert dataset.features.dtype == np.float32
    assert dataset.class_names == ("0", "1")


def test_features_and_target_of_an_archive(npz):
    X = np.arange(24, dtype=np.uint8).reshape(4, 2, 3)
    dataset = read(npz(X=X, y=np.array(["b", "a", "b", "a"])))
    np.testing.assert_array_equal(dataset.features, X.reshape(4, 6))
    assert dataset.features.dtype == np.uint8
    assert dataset.feature_names == ("0_0", "0_1", "0_2", "1_0", "1_1", "1_2")
    assert (dataset.class_names, dataset.target.tolist()) == (("a", "b"), [1, 0, 1, 0])


def test_target_of_an_archive_may_be_a_column_or_another(npz):
    path = npz(x=MATRIX, Y=[[1.5], [2.5], [4.5]])
    np.testing.assert_array_equal(read(path).target, [1.5, 2.5, 4.5])
    np.testing.assert_array_equal(read(path, "0", drop=["y"]).target, [1, 2, 3])


def test_new_data_need_no_target(npz, npy):
    encoder = read(npz(X=MATRIX, y=[1.5, 2.5, 4.5])).encoder
    np.testing.assert_array_equal(encoder.features(read_table(npy(MATRIX))), MATRIX)


def test_constant_columns_of_a_matrix_are_taken(npy):
    """A pixel may be black in all images."""
    assert read(npy(MATRIX), 2).features[:, 1].tolist() == [7, 7, 7]


def test_the_matrix_is_taken_as_it_is(npz):
    path = npz(X=np.ones((5, 3), np.float32), y=np.arange(5) + 0.5)
    table = read_table(path)
    assert np.shares_memory(read(path).encoder.features(table), table.matrix)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (np.nan, "the value is missing. Fill it in or remove the row, or leave the column out with "
        "--drop 1 (in Python, drop=('1',))."),
        (-np.inf, "'-inf' is infinite, or too large for float64. Correct it or remove the row."),
    ],
)  # fmt: skip
def test_what_is_not_finite_is_placed(npy, value, found):
    X = np.ones((9000, 3))
    X[:, 0] = np.arange(9000) + 0.5
    X[8500, 1] = value
    with refused(f"data.npy, row 8501, column '1': {found}"):
        read(npy(X), 0)


def test_python_objects_are_never_loaded(npy, npz):
    message = (
        "{}: the file holds Python objects, which run code when they are loaded. Save arrays of "
        "numbers or text: np.asarray(values, dtype=np.float64)."
    )
    with refused(message.format("data.npy")):
        read(npy(np.array([{}, {}]), allow_pickle=True), 0)
    with refused(message.format("data.npz")):
        read(npz(X=np.array([[{}], [{}]]), y=np.zeros(2)), 0)


@pytest.mark.parametrize("kind", ["c8", "m8[s]", "M8[s]"])
def test_other_dtypes(npy, kind):
    with refused(
        f"data.npy: the values are {np.dtype(kind)}; expected booleans, integers, or floats of 16 "
        "to 64 bit. Convert them before saving."
    ):
        read(npy(np.zeros((3, 2), kind)), 0)


@pytest.mark.parametrize(
    "text", [np.array([b"\xff", b"a"]), np.array([2**21, 65], "u4").view("U1")]
)
def test_text_that_is_no_unicode(npy, text):
    rows = np.zeros(2, [("a", "f8"), ("b", text.dtype)])
    rows["b"].view(f"V{text.dtype.itemsize}")[:] = text.view(f"V{text.dtype.itemsize}")
    with refused("data.npy, column 'b': the text is not Unicode. Save it as UTF-8."):
        read(npy(rows), "a")


@pytest.mark.parametrize("shape", [(), (3,), (0, 2), (3, 0)])
def test_other_shapes(npy, shape):
    with refused(
        f"data.npy: expected an array of shape (n_rows, n_columns), got shape {shape}. Save one "
        "row for each sample."
    ):
        read(npy(np.zeros(shape)), 0)


def test_other_shapes_of_structured_arrays(npy):
    with refused("data.npy: expected a structured array of shape (n_rows,), got (2, 2)."):
        read(npy(np.zeros((2, 2), [("a", "f8")])), 0)
    with refused(
        "data.npy, column 'a': expected one value in each row, got an array of shape (3,)."
    ):
        read(npy(np.zeros(2, [("a", "f8", 3)])), 0)


def test_targets_must_be_as_many(npz):
    with refused("data.npz: expected one target for each of 3 rows, got shape (2,)."):
        read(npz(X=MATRIX, y=np.zeros(2)))


def test_an_archive_without_features(npz):
    with refused(
        "data.npz: there is no array X among those of the file, train, test. Save features and "
        "target as np.savez(path, X=..., y=...)."
    ):
        read(npz(train=MATRIX, test=MATRIX))


def test_the_target_must_be_known(npz, npy):
    with refused(
        "data.npz: the file does not say what is to be predicted. Name the column with --target "
        "COLUMN (in Python, target='COLUMN'); for IDX images, put the file of their labels beside "
        "them."
    ):
        read(npz(X=MATRIX))
    with refused(
        "data.npy: there is no column 3 among 3. Columns are counted from 0, and from the end as "
        "-1, -2 and so on."
    ):
        read(npy(MATRIX), 3)
    with refused("data.npy: there is no column 'y'. The columns are '0', '1', '2'."):
        read(npy(MATRIX), "y")


@pytest.mark.parametrize(
    ("ending", "kind"),
    [("npy", "a NumPy array"), ("npz", "an archive of NumPy arrays")],
)
def test_another_file_by_that_name(tmp_path, ending, kind):
    path = tmp_path / f"data.{ending}"
    path.write_text("a,y\n1,2\n")
    with refused(
        f"data.{ending}: this is not {kind}, as its name says: it does not begin like one. Get or "
        "save the file again, or give it the ending of what it is."
    ):
        read(path, "y")


@pytest.mark.parametrize("keep", [20, 100, 140])
@pytest.mark.parametrize("ending", ["npy", "npz"])
def test_a_truncated_file_is_refused(npy, npz, ending, keep):
    path = npy(MATRIX) if ending == "npy" else npz(X=MATRIX, y=np.arange(3))
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(
        DataError,
        match=rf"^data\.{ending}: the file cannot be read, it is damaged or incomplete \([^\n]*\)\."
        r" Save it again\.$",
    ):
        read(path, 0)


def test_arguments_that_make_no_sense(npy):
    with pytest.raises(InvalidArgumentError) as caught:
        read(npy(MATRIX), 0, task="ranking")
    assert caught.value.message == (
        "read: task: expected 'classification', 'regression' or None, got 'ranking'."
    )
    with pytest.raises(ArgumentTypeError) as caught:
        read(npy(MATRIX), 0, drop="12")
    assert caught.value.message == (
        "read: drop: expected a sequence of columns such as ('12',), got '12'."
    )
