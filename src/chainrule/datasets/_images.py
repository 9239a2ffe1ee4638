"""MNIST and Fashion-MNIST, found where their files usually lie.

They are too large to ship. Both are published as the same four IDX files, so that only the folder
tells one from the other: the folders that Debian, torchvision and Keras use are looked into, below
each of the places where such folders are kept.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from chainrule._errors import DataError, InvalidArgumentError
from chainrule.datasets._arrays import load_npz
from chainrule.datasets._content import content_of
from chainrule.datasets._dataset import Recipe
from chainrule.datasets._encoder import Encoder
from chainrule.datasets._entry import BuiltIn, Contents
from chainrule.datasets._idx import array_of_idx

Part = Literal["all", "train", "test"]

SYSTEM_FOLDER = Path("/usr/share/datasets")
"""Where Debian's packages of data sets put them."""

_FILES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}


@dataclass(frozen=True)
class _Source:
    """Where a data set may lie, and how to get it.

    Parameters
    ----------
    name : str
    folders : tuple of str
        What the folder of its four files is called.
    archives : tuple of str
        What Keras calls the one file in which it keeps the same.
    remedy : str
        How to get it, up to the words that say where to put files.
    address : str
        Where the files can be had.
    """

    name: str
    folders: tuple[str, ...]
    archives: tuple[str, ...]
    remedy: str
    address: str


def _images(source: _Source, classes: tuple[str, ...], part: Part = "all") -> Contents:
    if part not in ("all", "train", "test"):
        raise InvalidArgumentError(f"load: part: expected 'all', 'train' or 'test', got {part!r}.")
    parts = [_part(source, which) for which in _FILES if part in ("all", which)]
    images = np.concatenate([images for images, _ in parts])
    labels = np.concatenate([labels for _, labels in parts])
    names = [f"pixel_{row}_{column}" for row in range(28) for column in range(28)]
    encoder = Encoder.of_numbers(names, "label", classes)
    return images.reshape(len(images), -1), labels.astype(np.int64), encoder


def _part(source: _Source, part: str) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Return images and labels of the training or the test part."""
    for place in _places():
        for folder in source.folders:
            paths = [_file(place / folder / name) for name in _FILES[part]]
            if paths[0] is not None and paths[1] is not None:
                images, labels = (array_of_idx(content_of(p), p.name) for p in paths if p)
                return _checked(images, labels, paths[0])
        for name in source.archives:
            if (place / name).is_file():
                arrays = load_npz(place / name)
                wanted = [arrays.get(f"{axis}_{part}", np.empty(0)) for axis in "xy"]
                return _checked(wanted[0], wanted[1], place / name)
    raise DataError(
        f"{source.name}: its files are not on this machine. {source.remedy} put "
        f"{_FILES['train'][0]}.gz and the three others from {source.address} in "
        f"./data/{source.name}."
    )


def _places() -> Iterator[Path]:
    """Yield the folders in which the folders of data sets are kept, in order."""
    own = os.environ.get("CHAINRULE_DATA")
    if own:
        yield Path(own)
    yield Path("data")
    yield SYSTEM_FOLDER
    yield Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "datasets"


def _file(path: Path) -> Path | None:
    """Return the path of a file that may be compressed, or None if there is none."""
    packed = path.with_name(f"{path.name}.gz")
    return next((candidate for candidate in (packed, path) if candidate.is_file()), None)


def _checked(
    images: npt.NDArray[Any], labels: npt.NDArray[Any], path: Path
) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    if images.shape[1:] != (28, 28) or images.dtype != np.uint8 or labels.shape != images.shape[:1]:
        raise DataError(
            f"{path}: expected images of 28 × 28 bytes and a label for each, got shapes "
            f"{images.shape} in {images.dtype} and {labels.shape}. Get the file again."
        )
    return images, labels


_FASHION = (
    "T-shirt/top",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
)

_RECIPE = Recipe(
    {"hidden_layer_sizes": (256, 128), "dtype": "float32", "max_iter": 20}, test_size=1 / 7
)

IMAGES: dict[str, BuiltIn] = {
    "mnist": BuiltIn(
        partial(
            _images,
            _Source(
                "mnist",
                ("mnist", "MNIST/raw"),
                ("mnist.npz",),
                "To get them,",
                "https://ossci-datasets.s3.amazonaws.com/mnist/",
            ),
            tuple("0123456789"),
        ),
        "70,000 handwritten digits as images of 28 × 28 pixels from 0 to 255, the last 10,000 of "
        "which are the usual test part. Source: The MNIST database of handwritten digits, by Y. "
        "LeCun, C. Cortes and C. J. C. Burges (1998), made from NIST's Special Databases 1 and 3, "
        "licence CC BY-SA 3.0. Not shipped: its files are looked for on this machine. Option: "
        "part.",
        _RECIPE,
    ),
    "fashion-mnist": BuiltIn(
        partial(
            _images,
            _Source(
                "fashion-mnist",
                ("fashion-mnist", "FashionMNIST/raw"),
                (),
                "On Debian and Ubuntu, run `apt install dataset-fashion-mnist`; elsewhere,",
                "https://github.com/zalandoresearch/fashion-mnist",
            ),
            _FASHION,
        ),
        "70,000 pictures of clothes of ten kinds, with 28 × 28 pixels from 0 to 255, the last "
        "10,000 of which are the usual test part. Source: Fashion-MNIST, by H. Xiao, K. Rasul and "
        "R. Vollgraf (2017), https://github.com/zalandoresearch/fashion-mnist, licence MIT. Not "
        "shipped: its files are looked for on this machine. Option: part.",
        _RECIPE,
    ),
}
"""The sets of images by name."""
