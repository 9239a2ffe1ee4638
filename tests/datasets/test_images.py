"""MNIST and Fashion-MNIST: where their files are looked for."""

from __future__ import annotations

import gzip
import re
import struct

import numpy as np
import pytest

from chainrule import datasets
from chainrule._errors import DataError, InvalidArgumentError

GENERATOR = np.random.default_rng(0)
IMAGES = {
    "train": GENERATOR.integers(0, 256, (6, 28, 28)).astype(np.uint8),
    "t10k": GENERATOR.integers(0, 256, (3, 28, 28)).astype(np.uint8),
}
LABELS = {"train": np.array([0, 9, 1, 2, 3, 4], np.uint8), "t10k": np.array([5, 0, 7], np.uint8)}


@pytest.fixture(autouse=True)
def alone(tmp_path, monkeypatch):
    """Let nothing but what a test puts there be found, wherever the test runs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("CHAINRULE_DATA", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / ".keras"))
    monkeypatch.setattr("chainrule.datasets._images.SYSTEM_FOLDER", tmp_path / "system")


def write(folder, packed=True, parts=("train", "t10k")):
    folder.mkdir(parents=True)
    for part in parts:
        for kind, array in (("images-idx3", IMAGES[part]), ("labels-idx1", LABELS[part])):
            head = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
            content = head + array.tobytes()
            name = f"{part}-{kind}-ubyte"
            if packed:
                (folder / f"{name}.gz").write_bytes(gzip.compress(content))
            else:
                (folder / name).write_bytes(content)


@pytest.mark.parametrize(
    ("name", "folder", "packed"),
    [
        ("fashion-mnist", "system/fashion-mnist", True),
        ("fashion-mnist", ".keras/datasets/fashion-mnist", True),
        ("fashion-mnist", "data/FashionMNIST/raw", False),
        ("fashion-mnist", "own/fashion-mnist", True),
        ("mnist", "data/MNIST/raw", False),
        ("mnist", "data/mnist", True),
        ("mnist", "own/mnist", False),
    ],
)
def test_files_are_found_in_the_usual_places(tmp_path, monkeypatch, name, folder, packed):
    monkeypatch.setenv("CHAINRULE_DATA", str(tmp_path / "own"))
    write(tmp_path / folder, packed)
    dataset = datasets.load(name)
    expected = np.concatenate([IMAGES["train"], IMAGES["t10k"]]).reshape(9, 784)
    np.testing.assert_array_equal(dataset.features, expected)
    assert dataset.features.dtype == np.uint8
    assert dataset.target.tolist() == [0, 9, 1, 2, 3, 4, 5, 0, 7]
    assert dataset.feature_names[29] == "pixel_1_1"
    assert len(dataset.class_names) == 10


def test_the_archive_of_keras_is_read(tmp_path):
    folder = tmp_path / ".keras" / "datasets"
    folder.mkdir(parents=True)
    np.savez(
        folder / "mnist.npz",
        x_train=IMAGES["train"],
        y_train=LABELS["train"],
        x_test=IMAGES["t10k"],
        y_test=LABELS["t10k"],
    )
    dataset = datasets.load("mnist", part="test")
    np.testing.assert_array_equal(dataset.features, IMAGES["t10k"].reshape(3, 784))
    assert dataset.target.tolist() == [5, 0, 7]


def test_ones_own_folder_comes_first(tmp_path, monkeypatch):
    write(tmp_path / "data" / "mnist", parts=["train"])
    monkeypatch.setenv("CHAINRULE_DATA", str(tmp_path / "own"))
    LABELS["train"][0] = 8
    write(tmp_path / "own" / "mnist", parts=["train"])
    LABELS["train"][0] = 0
    assert datasets.load("mnist", part="train").target[0] == 8


def test_parts_are_had_alone(tmp_path):
    write(tmp_path / "data" / "mnist")
    assert datasets.load("mnist", part="train").n_samples == 6
    assert datasets.load("mnist", part="test").target.tolist() == [5, 0, 7]
    message = "load: part: expected 'all', 'train' or 'test', got 'val'."
    with pytest.raises(InvalidArgumentError, match=f"^{re.escape(message)}") as caught:
        datasets.load("mnist", part="val")
    assert caught.value.message == message


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "mnist",
            "mnist: its files are not on this machine. To get them, put train-images-idx3-ubyte.gz "
            "and the three others from https://ossci-datasets.s3.amazonaws.com/mnist/ in "
            "./data/mnist.",
        ),
        (
            "fashion-mnist",
            "fashion-mnist: its files are not on this machine. On Debian and Ubuntu, run `apt "
            "install dataset-fashion-mnist`; elsewhere, put train-images-idx3-ubyte.gz and the "
            "three others from https://github.com/zalandoresearch/fashion-mnist in "
            "./data/fashion-mnist.",
        ),
    ],
)
def test_what_is_not_there_is_told_how_to_get(name, message):
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        datasets.load(name)
    assert "70,000" in datasets.describe(name)


def test_other_images_by_that_name_are_refused(tmp_path):
    write(tmp_path / "data" / "mnist", packed=False)
    path = tmp_path / "data" / "mnist" / "train-images-idx3-ubyte"
    path.write_bytes(bytes([0, 0, 8, 2]) + struct.pack(">2I", 1, 2) + b"ab")
    message = (
        "data/mnist/train-images-idx3-ubyte: expected images of 28 × 28 bytes and a label for "
        "each, got shapes (1, 2) in uint8 and (6,). Get the file again."
    )
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        datasets.load("mnist")
