"""Fitted curves: lines with known slopes, intervals, several on one axes."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import chainrule as cr
from chainrule import nn
from chainrule._errors import InvalidArgumentError, ShapeError
from chainrule.plot import FittedCurveDisplay

RNG = np.random.default_rng(0)
X = RNG.uniform(-2.0, 2.0, (50, 1))
Y = 3.0 * X[:, 0] - 1.0


@pytest.fixture(scope="module", name="line")
def fixture_line():
    return cr.LinearRegression().fit(X, Y)


@pytest.fixture(scope="module", name="gaussian")
def fixture_gaussian():
    noisy = Y + RNG.normal(0.0, 0.5, 50)
    network = cr.MLPRegressor(
        "gaussian", hidden_layer_sizes=(3,), solver="lbfgs", random_state=0, tol=1e-2
    )
    return network.fit(X, noisy)


def test_a_line_is_where_its_formula_says(line):
    display = FittedCurveDisplay.from_estimator(line, X, Y)
    x = display.line_.get_xdata()
    np.testing.assert_allclose(display.line_.get_ydata(), 3.0 * x - 1.0, atol=1e-12)
    assert (x[0], x[-1]) == (X.min(), X.max())
    assert np.isin(X[:, 0], x).all()
    np.testing.assert_array_equal(display.points_.get_offsets(), np.column_stack([X, Y]))
    assert display.band_ is None
    assert display.describe() == (
        f"LinearRegression: a straight line y = 3 x0 - 1, for x0 from {X.min():.4g} to "
        f"{X.max():.4g}. 50 samples are off it by 0 (root mean square), R² 1.000."
    ).replace("by 0 ", f"by {np.sqrt(np.mean((Y - line.predict(X)) ** 2)):.4g} ")


def test_before_and_after_training_on_one_axes(line):
    before = nn.Dense(np.array([[0.0]]), np.array([0.5]))
    first = FittedCurveDisplay.from_model(before, X, Y, label="before")
    second = FittedCurveDisplay.from_estimator(line, X, label="after", ax=first.ax_)
    assert second.figure_ is first.figure_
    assert second.points_ is None
    assert (first.line_.get_ydata() == 0.5).all()
    assert first.line_.get_color() != second.line_.get_color()
    assert first.line_.get_linestyle() != second.line_.get_linestyle()
    legend = [text.get_text() for text in first.ax_.get_legend().get_texts()]
    assert legend == ["samples", "before", "after"]
    assert (first.ax_.get_xlabel(), first.ax_.get_ylabel()) == ("x0", "y")


def test_axes_of_the_callers_are_labelled_unless_they_are_already(line):
    _, (bare, labelled) = plt.subplots(1, 2)
    labelled.set_xlabel("dose in mg")
    for ax in (bare, labelled):
        FittedCurveDisplay.from_estimator(line, X, Y, ax=ax)
    assert (bare.get_xlabel(), bare.get_ylabel()) == ("x0", "y")
    assert (labelled.get_xlabel(), labelled.get_ylabel()) == ("dose in mg", "y")


def test_a_legend_can_be_left_out(line):
    for display in (
        FittedCurveDisplay.from_estimator(line, X, Y, legend=False),
        FittedCurveDisplay.from_model(lambda x: x, X, Y, legend=False),
    ):
        assert display.ax_.get_legend() is None
        assert display.plot().ax_.get_legend() is not None


def test_intervals(gaussian):
    display = FittedCurveDisplay.from_estimator(gaussian, X, Y, coverage=0.8)
    x = display.x[:, None]
    np.testing.assert_array_equal(display.interval, gaussian.predict_interval(x, 0.8))
    np.testing.assert_array_equal(display.prediction, gaussian.predict(x))
    corners = display.band_.get_paths()[0].vertices
    for bound in display.interval.T:
        drawn = {tuple(corner) for corner in corners}
        assert {*zip(display.x, bound, strict=True)} <= drawn
    share = 100 * gaussian.interval_coverage(X, Y, coverage=0.8)
    assert display.describe().endswith(
        f"; {share:.1f} % of them are inside the prediction interval, meant to hold 80 %."
    )
    legend = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert legend[0] == "80 % prediction interval"
    frame = display.to_frame()
    curve = frame[frame["part"] == "curve"]
    np.testing.assert_array_equal(curve[["lower", "upper"]], display.interval)
    samples = frame[frame["part"] == "sample"]
    np.testing.assert_array_equal(samples[["x0", "y"]], np.column_stack([X, Y]))


def test_the_usual_interval_is_drawn_if_there_is_one(gaussian):
    display = FittedCurveDisplay.from_estimator(gaussian, X)
    np.testing.assert_array_equal(display.interval, gaussian.predict_interval(display.x[:, None]))
    plain = cr.MLPRegressor(hidden_layer_sizes=(2,), solver="lbfgs", tol=0.1).fit(X, Y)
    assert FittedCurveDisplay.from_estimator(plain, X).interval is None


def test_several_features_and_targets():
    table = pd.DataFrame({"height": X[:, 0], "weight": RNG.normal(70.0, 5.0, 50)})
    targets = np.column_stack([table["height"] + 2.0 * table["weight"], -table["height"]])
    plane = cr.LinearRegression().fit(table, targets)
    display = FittedCurveDisplay.from_estimator(
        plane, table, targets, feature="height", target=0, label="plane"
    )
    expected = display.x + 2.0 * table["weight"].mean()
    np.testing.assert_allclose(display.prediction, expected, rtol=1e-12)
    np.testing.assert_array_equal(display.samples_y, targets[:, 0])
    assert display.ax_.get_xlabel() == "height"
    other = FittedCurveDisplay.from_estimator(plane, table, feature=0, target=1)
    np.testing.assert_allclose(other.prediction, -other.x, atol=1e-12)
    with pytest.raises(InvalidArgumentError) as caught:
        FittedCurveDisplay.from_estimator(plane, table)
    assert caught.value.message == (
        "FittedCurveDisplay: feature: expected one of the 2 features, got None; the others are "
        "held at their mean."
    )
    with pytest.raises(InvalidArgumentError) as caught:
        FittedCurveDisplay.from_estimator(plane, table, feature=0)
    assert caught.value.message == (
        "FittedCurveDisplay: target: expected a number from 0 to 1, the target to draw of 2, got "
        "None."
    )


def test_a_classifier_of_two_classes_has_a_curve_of_probabilities():
    labels = np.where(X[:, 0] > 0.0, "sick", "healthy")
    classifier = cr.LogisticRegression().fit(X, labels)
    display = FittedCurveDisplay.from_estimator(classifier, X, labels)
    expected = 1.0 / (1.0 + np.exp(-classifier.decision_function(display.x[:, None])))
    np.testing.assert_allclose(display.prediction, expected, rtol=1e-12)
    np.testing.assert_array_equal(display.samples_y, X[:, 0] > 0.0)
    assert display.ax_.get_ylabel() == "probability of sick"
    three = cr.LogisticRegression().fit(X, np.arange(50) % 3)
    with pytest.raises(InvalidArgumentError) as caught:
        FittedCurveDisplay.from_estimator(three, X)
    assert caught.value.message == (
        "FittedCurveDisplay: expected a regressor, or a classifier of two classes with "
        "predict_proba, got LogisticRegression of 3 classes; for regions of classes there is "
        "DecisionBoundaryDisplay."
    )


def test_describe_a_curve():
    x = np.linspace(0.0, 2.0, 5)
    display = FittedCurveDisplay(
        x,
        (x - 1.0) ** 2,
        interval=np.column_stack([(x - 1.0) ** 2 - 0.5, (x - 1.0) ** 2 + 0.5]),
        coverage=0.9,
        samples_x=[0.0, 1.0, 2.0],
        samples_y=[1.0, 1.0, 1.0],
        label="parabola",
        xlabel="time",
    )
    assert display.describe() == (
        "parabola: a curve from 1 to 1, for time from 0 to 2; lowest 0 at 1, highest 1 at 0. "
        "3 samples are off it by 0.5774 (root mean square); 66.7 % of them are inside the "
        "prediction interval, meant to hold 90 %."
    )


def test_a_small_bend_far_from_zero_is_no_line():
    x = np.linspace(0.0, 1.0, 9)
    assert "a curve" in FittedCurveDisplay(x, 1e6 + 0.01 * np.sin(3.0 * x)).describe()
    flat = FittedCurveDisplay(x, np.full(9, 2.0)).describe()
    assert flat == "fit: a straight line y = 0 x + 2, for x from 0 to 1."


def test_one_sample_is_described():
    display = FittedCurveDisplay([0.0, 1.0], [0.0, 1.0], samples_x=[0.5], samples_y=[1.0])
    assert display.describe() == (
        "fit: a curve from 0 to 1, for x from 0 to 1; lowest 0 at 0, highest 1 at 1. 1 sample is "
        "off it by 0.5 (root mean square)."
    )


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda: FittedCurveDisplay([0.0, 1.0], [0.0]),
            ShapeError,
            "FittedCurveDisplay: expected one number per point and per sample, and two of an "
            "interval, got x (2,), prediction (1,), interval (), samples (0,) and (0,).",
        ),
        (
            lambda: FittedCurveDisplay([1.0, 0.0], [0.0, 0.0]),
            InvalidArgumentError,
            "FittedCurveDisplay: x: expected ascending numbers.",
        ),
        (
            lambda: FittedCurveDisplay.from_model(lambda x: x, [1.0, 2.0]),
            ShapeError,
            "FittedCurveDisplay: X: expected shape (n_samples, n_features), got (2,); give one "
            "feature as X.reshape(-1, 1).",
        ),
        (
            lambda: FittedCurveDisplay.from_model(lambda x: x, [["a"]]),
            InvalidArgumentError,
            "FittedCurveDisplay: X: expected numbers, got could not convert string to float: 'a'.",
        ),
        (
            lambda: FittedCurveDisplay.from_model(lambda x: x, [[1.0], [np.nan]]),
            InvalidArgumentError,
            "FittedCurveDisplay: X: expected finite numbers, got [nan] in row 1; leave such "
            "samples out.",
        ),
        (
            lambda: FittedCurveDisplay.from_estimator(
                cr.LinearRegression().fit(X, Y), X, coverage=0.9
            ),
            InvalidArgumentError,
            "FittedCurveDisplay: coverage: expected None for a regressor without prediction "
            "intervals, got 0.9; MLPRegressor(loss='gaussian') learns them.",
        ),
    ],
)
def test_bad_input(make, error, message):
    with pytest.raises(error) as caught:
        make()
    assert caught.value.message == message


def test_an_interval_that_was_not_learned_is_refused(gaussian):
    with pytest.raises(InvalidArgumentError) as caught:
        FittedCurveDisplay.from_estimator(gaussian, X, coverage=1.5)
    assert caught.value.message == ("coverage: expected a number above 0 and below 1, got 1.5.")
