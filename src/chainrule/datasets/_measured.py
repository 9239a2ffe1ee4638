"""Measured data sets that are small enough to ship with the package, as they were published."""

from collections.abc import Sequence
from functools import partial
from importlib import resources
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.datasets._dataset import Recipe
from chainrule.datasets._encoder import Encoder
from chainrule.datasets._entry import BuiltIn, Contents

_CLASSIC: dict[str, Any] = {
    "hidden_layer_sizes": (50,),
    "activation": "logistic",
    "learning_rate_init": 0.01,
    "batch_size": 100,
    "max_iter": 100,
    "n_iter_no_change": 100,
}


def _digits() -> Contents:
    names = [f"pixel_{row}_{column}" for row in range(8) for column in range(8)]
    arrays = _arrays("digits.npz")
    encoder = Encoder.of_numbers(names, "digit", "0123456789")
    # Exact in float32, in which networks learn as well and in half the time.
    return arrays["pixels"].astype(np.float32), arrays["labels"].astype(np.int64), encoder


def _stored(
    file_name: str, names: Sequence[str], target_name: str, classes: Sequence[str] | None
) -> Contents:
    arrays = _arrays(file_name)
    encoder = Encoder.of_numbers(names, target_name, classes)
    kind = np.float64 if classes is None else np.int64
    return arrays["features"], arrays["target"].astype(kind), encoder


def _arrays(file_name: str) -> dict[str, npt.NDArray[Any]]:
    with (
        resources.files("chainrule.datasets").joinpath(file_name).open("rb") as file,
        np.load(file, allow_pickle=False) as arrays,
    ):
        return dict(arrays)


_CELLS = (
    "radius",
    "texture",
    "perimeter",
    "area",
    "smoothness",
    "compactness",
    "concavity",
    "concave points",
    "symmetry",
    "fractal dimension",
)
_BREAST_CANCER = (
    *(f"mean {quantity}" for quantity in _CELLS),
    *(f"{quantity} error" for quantity in _CELLS),
    *(f"worst {quantity}" for quantity in _CELLS),
)
_WINE = (
    "alcohol",
    "malic_acid",
    "ash",
    "alcalinity_of_ash",
    "magnesium",
    "total_phenols",
    "flavanoids",
    "nonflavanoid_phenols",
    "proanthocyanins",
    "color_intensity",
    "hue",
    "od280/od315_of_diluted_wines",
    "proline",
)
_IRIS = ("sepal length (cm)", "sepal width (cm)", "petal length (cm)", "petal width (cm)")
_DIABETES = ("age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6")

MEASURED: dict[str, BuiltIn] = {
    "digits": BuiltIn(
        _digits,
        "1,797 handwritten digits as images of 8 × 8 pixels, each a whole number from 0 to 16. "
        "A pixel counts the inked points in a 4 × 4 square of the 32 × 32 scan. Source: "
        "Optical Recognition of Handwritten Digits, test part, by E. Alpaydin and C. Kaynak "
        "(1998), UCI Machine Learning Repository, "
        "https://archive.ics.uci.edu/dataset/80/optical+recognition+of+handwritten+digits, "
        "licence CC BY 4.0.",
        Recipe(_CLASSIC | {"alpha": 0.01}),
    ),
    "breast-cancer": BuiltIn(
        partial(_stored, "breast_cancer.npz", _BREAST_CANCER, "diagnosis", ("malignant", "benign")),
        "569 breast masses, benign or malignant, by 30 measurements of the cell nuclei seen in a "
        "needle aspirate: mean, standard error and mean of the three largest values of ten "
        "quantities. Source: Breast Cancer Wisconsin (Diagnostic), by W. Wolberg, O. Mangasarian, "
        "N. Street and W. Street (1993), UCI Machine Learning Repository, "
        "https://archive.ics.uci.edu/dataset/17/breast+cancer+wisconsin+diagnostic, "
        "licence CC BY 4.0.",
        Recipe(_CLASSIC | {"alpha": 0.1}),
    ),
    "wine": BuiltIn(
        partial(_stored, "wine.npz", _WINE, "cultivar", ("class_0", "class_1", "class_2")),
        "178 Italian wines of three cultivars, by 13 quantities of a chemical analysis. Source: "
        "Wine, by S. Aeberhard and M. Forina (1992), UCI Machine Learning Repository, "
        "https://archive.ics.uci.edu/dataset/109/wine, licence CC BY 4.0.",
        Recipe(_CLASSIC | {"alpha": 0.1}),
    ),
    "iris": BuiltIn(
        partial(_stored, "iris.npz", _IRIS, "species", ("setosa", "versicolor", "virginica")),
        "150 irises of three species, by length and width of their sepals and petals in "
        "centimetres. Source: R. A. Fisher, The use of multiple measurements in taxonomic "
        "problems, Annals of Eugenics 7 (1936), with the values of the paper where the copy in "
        "the UCI Machine Learning Repository (https://archive.ics.uci.edu/dataset/53/iris, "
        "licence CC BY 4.0) departs from it.",
        Recipe(_CLASSIC | {"alpha": 0.1}),
    ),
    "diabetes": BuiltIn(
        partial(_stored, "diabetes.npz", _DIABETES, "progression", None),
        "442 diabetes patients, by age, sex, body mass index, mean blood pressure and six "
        "quantities of their blood serum (cholesterol, LDL, HDL, cholesterol / HDL, logarithm of "
        "triglycerides, sugar), in their own units; to predict is a measure of the progression of "
        "the disease one year later. Source: B. Efron, T. Hastie, I. Johnstone and R. Tibshirani, "
        "Least Angle Regression, Annals of Statistics 32 (2004), "
        "https://www4.stat.ncsu.edu/~boos/var.select/diabetes.html, published without a licence.",
        Recipe(_CLASSIC | {"hidden_layer_sizes": (10,), "alpha": 1.0}),
    ),
}
"""The data sets by name."""
