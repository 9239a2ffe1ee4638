"""Curves over one hyper-parameter, against scores made up by hand and scikit-learn's."""

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

from chainrule._errors import InvalidArgumentError, ShapeError
from chainrule.plot import ValidationCurveDisplay

from .search_results import grid, results_of

ETAS = [1e-2, 1e-1, 1.0, 10.0]


@pytest.fixture
def results():
    test = np.array([0.5, 0.9, 0.7, 0.2]).reshape(4, 1, 1) + np.array([-0.02, 0.0, 0.02])
    train = np.array([0.5, 0.95, 0.99, 0.3]).reshape(4, 1, 1) + np.array([-0.01, 0.0, 0.01])
    return results_of([{"eta": eta} for eta in ETAS], test, train=train)


def test_lines_bands_and_the_best(results):
    display = ValidationCurveDisplay.from_search(results)
    held_out, training = display.lines_
    np.testing.assert_allclose(held_out.get_xdata(), ETAS)
    np.testing.assert_allclose(held_out.get_ydata(), [0.5, 0.9, 0.7, 0.2])
    np.testing.assert_allclose(training.get_ydata(), [0.5, 0.95, 0.99, 0.3])
    band = display.bands_[0].get_paths()[0].vertices
    # The standard deviation of -0.02, 0 and 0.02 is 0.02.
    at = band[band[:, 0] == 0.1][:, 1]
    assert (at.min(), at.max()) == pytest.approx((0.88, 0.92))
    assert display.best_line_.get_xdata()[0] == 0.1
    assert display.ax_.get_xscale() == "log"
    names = [label.get_text() for label in display.ax_.get_xticklabels()]
    assert names == ["10⁻²", "10⁻¹", "10⁰", "10¹"]
    legend = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert legend == ["rows held out", "training rows", "best: 0.1"]
    assert display.note_.get_text() == "± a standard deviation over seeds"
    assert display.describe() == (
        "Score over eta (4 values from 0.01 to 10). Rows held out: best 0.9 ± 0.02 (over seeds) at "
        "eta 0.1, lowest 0.2 ± 0.02 (over seeds) at eta 10. Training rows: 0.95 ± 0.01 (over "
        "seeds) at eta 0.1, highest 0.99 ± 0.01 (over seeds) at eta 1."
    )
    frame = display.to_frame()
    assert list(frame.columns) == [
        *("eta", "test_score", "test_spread", "train_score", "train_spread", "diverged")
    ]
    assert frame["test_score"].tolist() == pytest.approx([0.5, 0.9, 0.7, 0.2])


def test_the_value_that_is_marked_is_that_of_the_best_candidate():
    etas = [1.0, 0.1, 0.01, 0.1, 1.0]
    scores = np.array([0.8, 0.9, 0.95, 0.7, 0.7]).reshape(5, 1, 1)
    halved = results_of([{"eta": eta} for eta in etas], scores, rung=np.array([0, 0, 0, 1, 1]))
    # 0.01 went no further, and of the two others the first was 0.1 on the last rung.
    assert ValidationCurveDisplay.from_search(halved).best_line_.get_xdata()[0] == 0.1
    tied = results_of([{"eta": eta} for eta in etas[:2]], np.full((2, 1, 1), 0.5))
    assert ValidationCurveDisplay.from_search(tied).best_line_.get_xdata()[0] == 1.0


def test_categories_are_points_with_bars():
    sizes = [(10,), (10, 10), (100,)]
    display = ValidationCurveDisplay(
        sizes, [0.2, 0.4, 0.3], test_spread=[0.1, 0.1, 0.1], x="hidden"
    ).plot()
    assert display.lines_[0].get_linestyle() == "None"
    (segments,) = [bar.get_segments() for bar in display.bands_[0][2]]
    np.testing.assert_allclose(segments[1], [[1, 0.3], [1, 0.5]])
    names = [label.get_text() for label in display.ax_.get_xticklabels()]
    assert names == ["10", "10-10", "100"]
    assert display.best_line_.get_xdata()[0] == 1


def test_broken_fits_and_the_end_of_the_range():
    display = ValidationCurveDisplay(
        [0.1, 1.0, 10.0], [0.9, np.nan, 0.5], diverged=[False, True, True], x="eta"
    ).plot()
    assert display.describe() == (
        "Score over eta (3 values from 0.1 to 10). Rows held out: best 0.9 at eta 0.1, lowest 0.5 "
        "at eta 10. Fits diverged or failed at 2 values. Warning: the best eta, 0.1, is the lowest "
        "that was tried; a better one may lie beyond."
    )
    assert display.note_.get_text() == "the best eta is at the end of what was tried"
    crosses = [line for line in display.ax_.lines if line.get_label() == "diverged or failed"]
    np.testing.assert_allclose(crosses[0].get_xdata(), [1.0, 10.0])
    nothing = ValidationCurveDisplay([0.1, 1.0], [np.nan, np.nan]).plot()
    assert nothing.best_line_ is None
    assert nothing.describe() == "Score over x (0.1, 1). No value has a score."


def test_a_score_that_is_far_off_does_not_hide_the_others():
    display = ValidationCurveDisplay([0.1, 1.0, 10.0, 100.0], [0.5, 0.6, 0.7, -1e9]).plot()
    low, high = display.ax_.get_ylim()
    assert (low, high) == pytest.approx((-2.45 - 0.1575, 0.7 + 0.1575))


def test_other_hyper_parameters_are_reduced():
    test = np.array([1.0, 3, 4, 2]).reshape(4, 1, 1)
    search = results_of(grid(("a", [1.0, 2.0]), ("b", [1.0, 2.0])), test)
    curves = [
        ValidationCurveDisplay.from_search(search, x="a", reduce=reduce)
        for reduce in ("best", "mean", {"b": 2.0})
    ]
    assert [curve.scores["test"].tolist() for curve in curves] == [[3, 4], [2, 3], [3, 2]]
    assert [curve.held for curve in curves] == [
        *("each the best over b", "each the mean over b", "with b 2")
    ]


def test_a_search_of_scikit_learn():
    X, y = load_iris(return_X_y=True)
    search = GridSearchCV(
        LogisticRegression(max_iter=1000), {"C": [0.001, 1.0, 100.0]}, cv=4, return_train_score=True
    ).fit(X, y)
    display = ValidationCurveDisplay.from_search(search)
    np.testing.assert_allclose(display.scores["test"], search.cv_results_["mean_test_score"])
    np.testing.assert_allclose(display.scores["train"], search.cv_results_["mean_train_score"])
    np.testing.assert_allclose(
        display.spreads["test"], np.sqrt(4 / 3) * search.cv_results_["std_test_score"]
    )


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda: ValidationCurveDisplay([1, 2], [0.5]),
            ShapeError,
            "ValidationCurveDisplay: expected a score for each of 2 values, got shapes (1,), (2,), "
            "(2,).",
        ),
        (
            lambda: ValidationCurveDisplay.from_search(
                results_of(grid(("a", [1]), ("b", [1, 2])), np.ones((2, 1, 1)))
            ),
            InvalidArgumentError,
            "ValidationCurveDisplay: x: expected one of the hyper-parameters that were varied (a, "
            "b), got None.",
        ),
    ],
)
def test_bad_input(make, error, message):
    with pytest.raises(error) as caught:
        make()
    assert caught.value.message == message
