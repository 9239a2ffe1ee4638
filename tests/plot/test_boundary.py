"""Decision boundaries, against predictions at the points of the grid."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

import chainrule as cr
from chainrule import nn, random
from chainrule._errors import InvalidArgumentError, ShapeError
from chainrule.plot import DecisionBoundaryDisplay

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 2))
LABELS = np.select([X[:, 0] > 0.5, X[:, 1] > 0.0], ["right", "top"], "rest")


@pytest.fixture(scope="module", name="classifier")
def fixture_classifier():
    return cr.LogisticRegression().fit(X, LABELS)


def test_regions_are_what_is_predicted(classifier):
    display = DecisionBoundaryDisplay.from_estimator(classifier, X, LABELS, grid_resolution=30)
    grid = np.stack([display.xx0.ravel(), display.xx1.ravel()], axis=1)
    np.testing.assert_allclose(
        display.response.reshape(900, 3), classifier.predict_proba(grid), rtol=1e-12
    )
    frame = display.to_frame()
    np.testing.assert_array_equal(frame["prediction"], classifier.predict(grid))
    np.testing.assert_array_equal(frame[["x0", "x1"]], grid)
    wrong = np.sum(classifier.predict(X) != LABELS)
    assert display.describe().endswith(
        f"Of 60 samples, {wrong} lie in the region of another class."
    )
    # The plane goes 6 % of the range beyond the samples.
    low, high = X[:, 0].min(), X[:, 0].max()
    assert display.ax_.get_xlim() == pytest.approx(
        (low - 0.06 * (high - low), high + 0.06 * (high - low))
    )


def test_points_are_the_samples_of_each_class(classifier):
    display = DecisionBoundaryDisplay.from_estimator(classifier, X, LABELS, grid_resolution=10)
    assert [points.get_label() for points in display.points_] == ["rest", "right", "top"]
    for label, points in zip(classifier.classes_, display.points_, strict=True):
        np.testing.assert_array_equal(points.get_offsets(), X[label == LABELS])


def test_colours_are_those_of_the_regions(classifier):
    from matplotlib.colors import to_rgb

    display = DecisionBoundaryDisplay.from_estimator(classifier, X, LABELS, grid_resolution=20)
    colors = np.array([to_rgb(points.get_facecolor()[0]) for points in display.points_])
    image = np.asarray(display.surface_.get_array())
    # Each pixel is its class's colour, mixed with white: on the line between the two.
    codes = display.response.argmax(axis=2)
    strength = (1.0 - image).sum(axis=2) / (1.0 - colors[codes]).sum(axis=2)
    np.testing.assert_allclose(image, 1.0 - strength[..., None] * (1.0 - colors[codes]), atol=1e-12)
    assert strength.min() >= 0.15 - 1e-12
    assert strength.max() == pytest.approx(0.55)


def test_the_line_is_where_a_linear_classifier_changes_its_mind():
    classifier = cr.LogisticRegression().fit(X, X @ [1.0, 2.0] > 0.3)
    display = DecisionBoundaryDisplay.from_estimator(classifier, X, grid_resolution=50)
    (lines,) = display.boundary_
    (points,) = (path.vertices for path in lines.get_paths())
    # Between points of the grid, probabilities are taken to be linear.
    np.testing.assert_allclose(classifier.decision_function(points), 0.0, atol=2e-3)
    assert np.ptp(points[:, 0]) > 1.0


def test_other_features_are_held_at_their_mean():
    wide = np.hstack([X, RNG.normal(5.0, 1.0, (60, 1))])
    frame = pd.DataFrame(wide, columns=["length", "width", "mass"])
    classifier = cr.LogisticRegression().fit(frame, LABELS)
    display = DecisionBoundaryDisplay.from_estimator(
        classifier, frame, LABELS, features=("mass", "length"), grid_resolution=10
    )
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("mass", "length")
    rows = pd.DataFrame(
        {
            "length": display.xx1.ravel(),
            "width": wide[:, 1].mean(),
            "mass": display.xx0.ravel(),
        }
    )
    np.testing.assert_allclose(
        display.response.reshape(100, 3), classifier.predict_proba(rows), rtol=1e-12
    )
    assert "; 1 other feature is held at the mean." in display.describe()


@pytest.mark.parametrize("kind", [pd.DataFrame, pl.DataFrame])
def test_data_frames_of_either_kind(kind):
    frame = kind({"a": X[:, 0], "b": X[:, 1]})
    classifier = cr.LogisticRegression().fit(frame, LABELS)
    display = DecisionBoundaryDisplay.from_estimator(classifier, frame, grid_resolution=5)
    assert display.feature_names == ("a", "b")


def test_describe():
    xx0, xx1 = np.meshgrid([0.0, 1.0, 2.0, 3.0], [0.0, 1.0])
    display = DecisionBoundaryDisplay(
        xx0,
        xx1,
        np.stack([1.5 - xx0, xx0 - 1.5], axis=2),
        classes=["low", "high"],
        feature_names=("dose", "age"),
        samples=[[0.0, 0.0], [3.0, 1.0], [1.0, 1.0]],
        y=["low", "high", "high"],
        predicted=["low", "high", "low"],
        n_held=3,
    )
    assert display.describe() == (
        "What is predicted for dose from 0 to 3 and age from 0 to 1; 3 others are held at the "
        "mean. Share of the plane: low 50 %, high 50 %. Of 3 samples, 1 lies in the region of "
        "another class."
    )


def test_what_the_colours_stand_for_can_be_left_out():
    network, line = cr.LogisticRegression().fit(X, LABELS), cr.LinearRegression().fit(X, X[:, 0])
    for display in (
        DecisionBoundaryDisplay.from_estimator(network, X, LABELS, legend=False),
        DecisionBoundaryDisplay.from_model(lambda x: x, X, X.argmax(axis=1), legend=False),
        DecisionBoundaryDisplay.from_estimator(line, X, legend=False),
    ):
        assert display.ax_.get_legend() is None
        assert display.figure_.axes == [display.ax_]
        display.plot()
        assert (display.ax_.get_legend() is None) == (len(display.figure_.axes) == 2)


def test_a_perceptron_and_a_chosen_response():
    gate = cr.Perceptron().fit(X, LABELS)
    display = DecisionBoundaryDisplay.from_estimator(gate, X, LABELS, grid_resolution=8)
    grid = np.stack([display.xx0.ravel(), display.xx1.ravel()], axis=1)
    np.testing.assert_allclose(
        display.response.reshape(64, 3), gate.decision_function(grid), rtol=1e-12
    )
    hard = DecisionBoundaryDisplay.from_estimator(
        gate, X, grid_resolution=8, response_method="predict"
    )
    expected = gate.predict(grid)[:, None] == gate.classes_
    np.testing.assert_array_equal(hard.response.reshape(64, 3), expected)


def test_a_regressor_has_heights():
    heights = X @ [2.0, -1.0] + 3.0
    line = cr.LinearRegression().fit(X, heights)
    display = DecisionBoundaryDisplay.from_estimator(line, X, heights, grid_resolution=6)
    np.testing.assert_allclose(
        display.response, 2.0 * display.xx0 - display.xx1 + 3.0, rtol=0.0, atol=1e-12
    )
    np.testing.assert_array_equal(display.points_[0].get_array(), heights)
    frame = display.to_frame()
    np.testing.assert_array_equal(frame["prediction"], display.response.ravel())
    low, high = (display.response.flat[i] for i in (display.response.argmin(), -1))
    assert f"The prediction goes from {low:.4g} at " in display.describe()
    assert high < display.response.max()


def test_plain_models():
    model = nn.Dense(np.array([[1.0], [-1.0]]), np.array([0.25]))
    display = DecisionBoundaryDisplay.from_model(model, X, (X @ [1.0, -1.0] > -0.25) * 1)
    assert display.describe().endswith("Of 60 samples, 0 lie in the region of another class.")
    np.testing.assert_allclose(display.response[..., 1], display.xx0 - display.xx1 + 0.25)
    three = nn.mlp(random.key(0), (2, 4, 3))
    display = DecisionBoundaryDisplay.from_model(
        three, X, LABELS, classes=["rest", "right", "top"], grid_resolution=4
    )
    grid = np.stack([display.xx0.ravel(), display.xx1.ravel()], axis=1)
    np.testing.assert_array_equal(display.response.reshape(16, 3), three(grid))


def test_a_constant_feature_still_spans_a_plane(classifier):
    flat = np.column_stack([X[:, 0], np.full(60, 2.0)])
    display = DecisionBoundaryDisplay.from_estimator(classifier, flat, grid_resolution=4)
    assert display.ax_.get_ylim() == (1.5, 2.5)


WIDE = RNG.normal(size=(60, 3))


@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        (
            WIDE,
            {},
            "DecisionBoundaryDisplay: features: expected two of the 3 features, such as (0, 1), "
            "got None; a plane has two axes, and all other features are held at their mean.",
        ),
        (
            WIDE,
            {"features": (1, 1)},
            "DecisionBoundaryDisplay: features: expected two of the 3 features, such as (0, 1), "
            "got (1, 1); a plane has two axes, and all other features are held at their mean.",
        ),
        (
            WIDE,
            {"features": (0, "mass")},
            "features: expected names or numbers (from 0) of the 3 features x0, x1, x2, got "
            "'mass'.",
        ),
        (
            WIDE,
            {"features": (0, 3)},
            "features: expected names or numbers (from 0) of the 3 features x0, x1, x2, got 3.",
        ),
        (
            WIDE[:, :1],
            {},
            "DecisionBoundaryDisplay: X: expected at least two features, got 1; for a curve over "
            "one feature there is FittedCurveDisplay.",
        ),
        (
            WIDE,
            {"features": (0, 1), "grid_resolution": 1},
            "DecisionBoundaryDisplay: grid_resolution: expected an integer of at least 2, got 1.",
        ),
        (
            WIDE,
            {"features": (0, 1), "response_method": "score"},
            "response_method: expected 'auto' or one of predict_proba, decision_function, predict "
            "that LogisticRegression has, got 'score'.",
        ),
        (
            WIDE,
            {"features": (0, 1), "y": np.array(["rest", "left"] * 30)},
            "DecisionBoundaryDisplay: y: expected the classes ['rest', 'right', 'top'], got also "
            "left.",
        ),
    ],
)
def test_bad_input(data, options, message):
    classifier = cr.LogisticRegression().fit(data, LABELS)
    with pytest.raises(InvalidArgumentError) as caught:
        DecisionBoundaryDisplay.from_estimator(classifier, data, **options)
    assert caught.value.message == message


def test_bad_shapes(classifier):
    with pytest.raises(ShapeError) as caught:
        DecisionBoundaryDisplay.from_estimator(classifier, X, LABELS[:5], grid_resolution=4)
    assert caught.value.message == (
        "DecisionBoundaryDisplay: y: expected one for each of 60 samples, got shape (5,)."
    )
    with pytest.raises(ShapeError) as caught:
        DecisionBoundaryDisplay(np.zeros((2, 2)), np.zeros((2, 2)), np.zeros((3, 2)))
    assert caught.value.message == (
        "DecisionBoundaryDisplay: expected xx0, xx1 and response over one grid, got shapes (2, 2), "
        "(2, 2) and (3, 2)."
    )


def test_several_labels_or_targets_are_refused():
    both = np.stack([X[:, 0] > 0, X[:, 1] > 0], axis=1) * 1
    network = cr.MLPClassifier((3,), solver="lbfgs", random_state=0, tol=0.1).fit(X, both)
    with pytest.raises(InvalidArgumentError) as caught:
        DecisionBoundaryDisplay.from_estimator(network, X)
    assert caught.value.message == (
        "DecisionBoundaryDisplay: expected one class per sample, got a classifier of several "
        "labels; draw one for each label."
    )
    plane = cr.LinearRegression().fit(X, both)
    with pytest.raises(InvalidArgumentError) as caught:
        DecisionBoundaryDisplay.from_estimator(plane, X)
    assert caught.value.message == (
        "DecisionBoundaryDisplay: expected one target, got 2; fit one regressor for each."
    )


def test_unfitted_estimators():
    from sklearn.exceptions import NotFittedError

    with pytest.raises(NotFittedError, match="This LogisticRegression instance is not fitted yet"):
        DecisionBoundaryDisplay.from_estimator(cr.LogisticRegression(), X)


def test_the_highest_response_decides_ties():
    xx0, xx1 = np.meshgrid([0.0, 1.0], [0.0, 1.0])
    display = DecisionBoundaryDisplay(xx0, xx1, np.zeros((2, 2, 3))).plot()
    assert set(display.to_frame()["prediction"]) == {0}
    assert display.boundary_ == []
