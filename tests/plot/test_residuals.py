"""Residuals: the numbers drawn, in words and as a table."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import r2_score

import chainrule as cr
from chainrule._errors import InvalidArgumentError, ShapeError
from chainrule.plot import ResidualsDisplay

RNG = np.random.default_rng(0)
X = RNG.normal(size=(30, 2))


def test_points_are_observed_minus_predicted():
    display = ResidualsDisplay.from_predictions([1.0, 2.0, 4.0], [1.5, 2.0, 3.0])
    (points,) = display.points_
    assert points.get_offsets().tolist() == [[1.5, -0.5], [2.0, 0.0], [3.0, 1.0]]
    assert list(display.zero_line_.get_ydata()) == [0.0, 0.0]
    assert display.ax_.get_legend() is None
    assert display.to_frame().to_dict("list") == {
        "target": ["y0"] * 3,
        "observed": [1.0, 2.0, 4.0],
        "predicted": [1.5, 2.0, 3.0],
        "residual": [-0.5, 0.0, 1.0],
    }


def test_an_estimator_and_its_figures():
    y = X @ [1.0, 2.0] + RNG.normal(0.0, 0.3, 30)
    line = cr.LinearRegression().fit(X, y)
    display = ResidualsDisplay.from_estimator(line, X, y)
    residual = y - line.predict(X)
    np.testing.assert_allclose(display.residuals[:, 0], residual, atol=1e-14)
    order = np.argsort(line.predict(X))
    largest = np.argmax(np.abs(residual))
    assert display.describe() == (
        f"Residuals of 30 samples: mean {display.residuals.mean():.4g}, standard deviation "
        f"{np.std(residual):.4g}, the largest {residual[largest]:.4g} where "
        f"{line.predict(X)[largest]:.4g} was predicted; R² {r2_score(y, line.predict(X)):.3f}; the "
        f"spread is {np.std(residual[order[:15]]):.4g} in the lower half of the predictions and "
        f"{np.std(residual[order[15:]]):.4g} in the upper."
    )


def test_several_targets_are_named():
    y = pd.DataFrame({"mass": [1.0, 2.0], "length": [3.0, 5.0]})
    display = ResidualsDisplay.from_estimator(
        cr.LinearRegression().fit([[0.0], [1.0]], y), [[0.0], [1.0]], y + 1.0
    )
    assert [text.get_text() for text in display.ax_.get_legend().get_texts()] == ["mass", "length"]
    np.testing.assert_allclose(display.points_[1].get_offsets(), [[3.0, 1.0], [5.0, 1.0]])
    assert display.to_frame()["target"].tolist() == ["mass", "mass", "length", "length"]


def test_describe_several_targets():
    display = ResidualsDisplay([[1.0, 5.0], [3.0, 5.0]], [[1.0, 4.0], [2.0, 5.0]])
    assert display.describe() == (
        "Residuals of 2 samples and 2 targets. y0: mean 0.5, standard deviation 0.5, the largest "
        "1 where 2 was predicted; R² 0.500; y1: mean 0.5, standard deviation 0.5, the largest 1 "
        "where 4 was predicted."
    )


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda: ResidualsDisplay([1.0, 2.0], [1.0]),
            ShapeError,
            "ResidualsDisplay: expected y_true and y_pred of one shape, got (2,) and (1,).",
        ),
        (
            lambda: ResidualsDisplay([1.0, np.inf], [1.0, 2.0]),
            InvalidArgumentError,
            "ResidualsDisplay: y_true: expected finite numbers, got inf in row 1; leave such "
            "samples out.",
        ),
        (
            lambda: ResidualsDisplay([], []),
            ShapeError,
            "ResidualsDisplay: y_true: expected shape (n_samples,) or (n_samples, n_columns) with "
            "at least one sample, got (0,).",
        ),
        (
            lambda: ResidualsDisplay([1.0], [1.0], target_names=["a", "b"]),
            ShapeError,
            "ResidualsDisplay: target_names: expected 1 names, one for each target, got ['a', "
            "'b'].",
        ),
        (
            lambda: ResidualsDisplay.from_estimator(
                cr.LogisticRegression().fit(X, X[:, 0] > 0), X, X[:, 0]
            ),
            InvalidArgumentError,
            "ResidualsDisplay.from_estimator: expected a regressor, got LogisticRegression; for "
            "classes there is ConfusionMatrixDisplay.",
        ),
    ],
)
def test_bad_input(make, error, message):
    with pytest.raises(error) as caught:
        make()
    assert caught.value.message == message
