"""A data set whose parts do not fit together is refused."""

import re
from dataclasses import replace

import numpy as np
import pytest

from chainrule._errors import DataError
from chainrule.datasets import Encoder, load

XOR = load("xor")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"features": np.zeros(4)},
            "xor: features must be an array of shape (n_samples, n_features) in uint8, float32 or "
            "float64, got float64 of shape (4,).",
        ),
        (
            {"features": np.zeros((4, 2), dtype=int)},
            "xor: features must be an array of shape (n_samples, n_features) in uint8, float32 or "
            "float64, got int64 of shape (4, 2).",
        ),
        (
            {"target": np.zeros(3, dtype=int)},
            "xor: target must have shape (4,), one value for each row of features, got (3,).",
        ),
        (
            {"encoder": Encoder.of_numbers(["x1"], "y", ["0", "1"])},
            "xor: 2 features need as many names, got 1.",
        ),
        (
            {"target": np.zeros(4)},
            "xor: the target of a classification must be int64, got float64.",
        ),
        (
            {"encoder": Encoder.of_numbers(["x1", "x2"], "y")},
            "xor: the target of a regression must be float64, got int64.",
        ),
        (
            {"features": np.full((4, 2), np.inf)},
            "xor: every feature and target value must be finite.",
        ),
        (
            {"target": np.array([0, 1, 2, 0])},
            "xor: class indices must be 0 to 1, got 0 to 2.",
        ),
    ],
)
def test_parts_must_fit(changes, message):
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        replace(XOR, **changes)


def test_take_keeps_rows_in_the_order_asked_for():
    taken = XOR.take([3, 1])
    assert taken.features.tolist() == [[1, 1], [0, 1]]
    assert taken.target.tolist() == [0, 1]
    assert (taken.n_samples, taken.n_features) == (2, 2)
    assert taken.class_names == XOR.class_names
