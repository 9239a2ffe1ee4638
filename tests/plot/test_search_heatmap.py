"""Heatmaps of searches, against scores made up by hand and against scikit-learn's searches."""

import warnings

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV

import chainrule as cr
from chainrule._errors import ArgumentTypeError, InvalidArgumentError, ShapeError
from chainrule.plot import SearchHeatmapDisplay

from .search_results import grid, results_of

ETAS = [1e-3, 1e-2, 1e-1, 1.0]
FUNCTIONS = ["relu", "tanh", "logistic"]


@pytest.fixture
def results():
    """Scores of 3 activations and 4 learning rates by 2 seeds, the best in the middle."""
    means = np.array([[0.1, 0.5, 0.8, 0.3], [0.2, 0.6, 0.9, 0.4], [0.1, 0.4, 0.7, 0.2]])
    test = means.reshape(12, 1, 1) + np.array([-0.01, 0.01])
    train = test + 0.05
    train[3] = 0.99
    return results_of(grid(("f", FUNCTIONS), ("eta", ETAS)), test, train=train)


def texts(display):
    return [[text.get_text() for text in row] for row in display.text_]


def test_cells_stand_on_their_scales(results):
    display = SearchHeatmapDisplay.from_search(results, x="eta", y="f")
    expected = results.means().reshape(3, 4)
    np.testing.assert_allclose(display.scores, expected)
    np.testing.assert_allclose(display.mesh_.get_array(), expected)
    ax = display.ax_
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "linear")
    np.testing.assert_allclose(display.x_axis.edges, 10.0 ** np.arange(-3.5, 1.0))
    assert ax.get_xlim() == pytest.approx((10**-3.5, 10**0.5))
    assert [label.get_text() for label in ax.get_xticklabels()] == ["10⁻³", "10⁻²", "10⁻¹", "10⁰"]
    assert ax.get_xticks() == pytest.approx(ETAS)
    assert [label.get_text() for label in ax.get_yticklabels()] == FUNCTIONS
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("eta", "f")


def test_text_has_mean_and_spread_over_seeds(results):
    display = SearchHeatmapDisplay.from_search(results, x="eta", y="f")
    # The standard deviation of -0.01 and 0.01.
    assert texts(display)[1][2] == "0.900\n±0.014"
    size = {text.get_fontsize() for text in display.text_.ravel()}
    assert len(size) == 1
    assert size.pop() >= 5.5


def test_the_best_has_a_frame(results):
    display = SearchHeatmapDisplay.from_search(results, x="eta", y="f")
    assert display.best == (1, 2)
    for frame in display.best_:
        assert frame.get_xy() == pytest.approx((10**-1.5, 0.5))
        assert frame.get_width() == pytest.approx(10**-0.5 - 10**-1.5)
    assert [frame.get_edgecolor()[:3] for frame in display.best_] == [(0, 0, 0), (1, 1, 1)]
    assert display.note_ is None
    assert display.describe() == (
        "Score of the rows held out over eta (4 values from 0.001 to 1) and f (relu, tanh, "
        "logistic). The best is 0.9 ± 0.014 (over seeds), at eta 0.1 and f tanh; the lowest is 0.1 "
        "± 0.014 (over seeds), at eta 0.001 and f relu."
    )


def test_the_table_has_a_row_for_each_cell(results):
    frame = SearchHeatmapDisplay.from_search(results, x="eta", y="f").to_frame()
    assert list(frame.columns) == ["eta", "f", "score", "spread", "status"]
    assert len(frame) == 12
    best = frame.loc[frame["score"].idxmax()]
    assert (best["eta"], best["f"]) == (0.1, "tanh")


def test_training_keeps_the_frame_of_what_was_held_out(results):
    display = SearchHeatmapDisplay.from_search(results, x="eta", y="f", split="train")
    assert display.best == (1, 2)
    assert display.scores[0, 3] == pytest.approx(0.99)
    assert "The best on the rows held out has 0.95 ± 0.014" in display.describe()
    assert "the highest here is 0.99 ± 0 (over seeds), at eta 1 and f relu" in display.describe()


def test_val_is_another_name_of_what_was_held_out(results):
    one, other = (
        SearchHeatmapDisplay.from_search(results, x="eta", y="f", split=split)
        for split in ("test", "val")
    )
    np.testing.assert_array_equal(one.scores, other.scores)
    assert one.describe() == other.describe()


def test_side_by_side_has_one_scale_of_colours(results):
    train, test = SearchHeatmapDisplay.side_by_side(results, x="eta", y="f")
    assert train.figure_ is test.figure_
    assert train.ax_ is not test.ax_
    for display in (train, test):
        norm = display.mesh_.norm
        assert (norm.vmin, norm.vmax) == pytest.approx((0.1, 0.99))
    assert [d.ax_.get_title() for d in (train, test)] == ["training rows", "rows held out"]
    # Two axes and a scale.
    assert len(test.figure_.axes) == 3


def test_side_by_side_needs_scores_of_training():
    search = results_of(grid(("a", [1, 2]), ("b", [1, 2])), np.ones((4, 1, 1)))
    with pytest.raises(InvalidArgumentError) as caught:
        SearchHeatmapDisplay.side_by_side(search)
    assert caught.value.message == (
        "split: there are no scores of the rows trained with; search with return_train_score=True."
    )


def test_what_diverged_is_hatched_and_what_is_missing_blank():
    test = np.array([0.5, np.nan, 0.7, np.nan, 0.6, np.nan]).reshape(6, 1, 1)
    status = np.array(["done", "diverged", "diverged", "missing", "done", "failed"])
    search = results_of(
        grid(("y", [0.0, 1.0]), ("x", [1.0, 2.0, 3.0])), test, status=status.reshape(6, 1, 1)
    )
    display = SearchHeatmapDisplay.from_search(search, x="x", y="y")
    assert display.status.tolist() == [
        ["done", "diverged", "diverged"],
        ["missing", "done", "failed"],
    ]
    corners = sorted(patch.get_xy() for patch in display.broken_)
    assert corners == [(1.5, -0.5), (2.5, -0.5), (2.5, 0.5)]
    assert {patch.get_hatch() for patch in display.broken_} == {"////"}
    assert texts(display) == [["0.500", "", "0.700"], ["", "0.600", ""]]
    # The score of the hatched cell can be read.
    assert display.text_[0, 2].get_bbox_patch() is not None
    assert display.note_.get_text().replace("\n", " ") == (
        "hatched: 2 cells with a fit that diverged, 1 cell with a fit that failed; blank: 1 cell "
        "not done yet; the best x is at the end of what was tried; the best y is at the end of "
        "what was tried"
    )
    assert display.describe() == (
        "Score of the rows held out over x (3 values from 1 to 3) and y (0, 1). The best is 0.7, "
        "at x 3 and y 0; the lowest is 0.5, at x 1 and y 0. There are 2 cells with a fit that "
        "diverged, 1 cell with a fit that failed and 1 cell not done yet. Warning: the best x, 3, "
        "is the highest that was tried; a better one may lie beyond. Warning: the best y, 0, is "
        "the lowest that was tried; a better one may lie beyond."
    )
    assert display.to_frame()["status"].tolist() == status.tolist()


def test_one_missing_fold_leaves_a_cell_blank():
    test = np.full((4, 2, 1), 0.5)
    test[3, 1] = np.nan
    status = np.full(test.shape, "done", dtype="<U8")
    status[3, 1] = "missing"
    search = results_of(grid(("a", [1, 2]), ("b", [1, 2])), test, status=status)
    display = SearchHeatmapDisplay.from_search(search)
    assert display.status.tolist() == [["done", "done"], ["done", "missing"]]


def test_nothing_but_divergence():
    search = results_of(
        grid(("a", [1.0, 2.0]), ("b", [1.0, 2.0])),
        np.full((4, 1, 1), np.nan),
        status=np.full((4, 1, 1), "diverged"),
    )
    display = SearchHeatmapDisplay.from_search(search)
    assert display.best is None
    assert display.best_ == []
    assert len(display.broken_) == 4
    assert display.describe() == (
        "Score of the rows held out over a (1, 2) and b (1, 2). No cell has a score. There are 4 "
        "cells with a fit that diverged."
    )


def test_a_best_that_is_also_reached_inside_is_not_at_the_border():
    scores = [[0.9, 0.5], [0.9, 0.5], [0.9, 0.4]]
    display = SearchHeatmapDisplay(scores, ["a", "b"], [0.1, 1.0, 10.0], y="lambda").plot()
    assert display.best == (0, 0)
    assert display.note_ is None
    assert "and as high are 2 others" in display.describe()
    scores[1][0] = 0.8
    display = SearchHeatmapDisplay(scores[:2], ["a", "b"], [0.1, 1.0], y="lambda")
    assert display.describe().endswith(
        "Warning: the best lambda, 0.1, is the lowest that was tried; a better one may lie beyond."
    )


def test_of_equal_scores_the_first_candidate_has_the_frame():
    # The search itself would choose its first candidate, which stands in the upper left.
    search = results_of(
        [{"a": 2.0, "b": 1.0}, {"a": 1.0, "b": 1.0}, {"a": 2.0, "b": 2.0}, {"a": 1.0, "b": 2.0}],
        np.full((4, 1, 1), 0.5),
    )
    assert SearchHeatmapDisplay.from_search(search, x="b", y="a").best == (1, 0)


@pytest.fixture
def three():
    candidates = [
        {"a": a, "b": b, "c": c} for a in (1.0, 2.0) for b in (1.0, 2.0) for c in ("u", "v")
    ]
    return results_of(candidates, np.array([1.0, 3, 2, 6, 5, 4, 8, 7]).reshape(8, 1, 1))


@pytest.mark.parametrize(
    ("reduce", "expected", "held"),
    [
        ("best", [[3, 6], [5, 8]], "each the best over c"),
        ("mean", [[2, 4], [4.5, 7.5]], "each the mean over c"),
        ({"c": "v"}, [[3, 6], [4, 7]], "with c v"),
    ],
)
def test_other_hyper_parameters_are_reduced(three, reduce, expected, held):
    display = SearchHeatmapDisplay.from_search(three, x="b", y="a", reduce=reduce)
    np.testing.assert_array_equal(display.scores, expected)
    assert display.note_.get_text().startswith(held)
    assert f"; {held}. The best is" in display.describe()


def test_few_scores_that_are_far_off_do_not_take_all_colours():
    scores = np.array([[0.5, 0.6, 0.7], [0.8, 0.9, -1e9]])
    display = SearchHeatmapDisplay(scores, [1, 2, 3], ["a", "b"]).plot()
    norm = display.mesh_.norm
    # Twenty times as far below the median, 0.65, as that is below the best.
    assert norm.vmin == pytest.approx(0.65 - 20 * 0.25)
    assert norm.vmax == pytest.approx(0.9)
    assert display.mesh_.colorbar.extend == "min"
    assert texts(display)[1][2] == "-1e+09"
    shares = SearchHeatmapDisplay(scores.clip(0.1), [1, 2, 3], ["a", "b"]).plot()
    assert shares.mesh_.norm.vmin == pytest.approx(0.1)
    assert shares.mesh_.colorbar.extend == "neither"


def test_text_can_be_read_on_its_colour():
    display = SearchHeatmapDisplay([[0.0, 1.0]], [1, 2], ["a"]).plot()
    assert [text.get_color() for text in display.text_[0]] == ["white", "black"]


@pytest.mark.parametrize(
    ("n", "expected"), [(4, "0.123"), (14, "0.12"), (40, None)], ids=["large", "small", "tiny"]
)
def test_small_cells_have_fewer_digits_or_none(n, expected):
    from matplotlib.figure import Figure

    ax = Figure(figsize=(5.0, 4.0), layout="compressed").subplots()
    scores = np.full((n, n), 0.1234)
    display = SearchHeatmapDisplay(scores, range(n), range(n)).plot(ax)
    assert (None if display.text_ is None else texts(display)[0][0]) == expected
    if expected:
        display.figure_.draw_without_rendering()
        width = ax.get_window_extent().width / n
        assert display.text_[0, 0].get_window_extent().width < width


def test_uneven_numbers_stand_side_by_side():
    display = SearchHeatmapDisplay(np.ones((1, 4)), [0.0, 1e-5, 0.1, 100.0], ["a"]).plot()
    assert display.ax_.get_xscale() == "linear"
    np.testing.assert_array_equal(display.x_axis.edges, np.arange(5) - 0.5)
    names = [label.get_text() for label in display.ax_.get_xticklabels()]
    assert names == ["0", "10⁻⁵", "0.1", "100"]


def test_layers_are_categories():
    sizes = [(50,), (100,), (50, 50)]
    display = SearchHeatmapDisplay([[0.1, 0.3, 0.2]], sizes, ["relu"], x="hidden").plot()
    names = [label.get_text() for label in display.ax_.get_xticklabels()]
    assert names == ["50", "100", "50-50"]
    assert "Warning" not in display.describe()


def test_long_names_are_slanted_and_inside_the_figure():
    names = [f"a rather long name, number {i}" for i in range(5)]
    display = SearchHeatmapDisplay(np.eye(5), names, names).plot()
    display.figure_.draw_without_rendering()
    assert {label.get_rotation() for label in display.ax_.get_xticklabels()} == {45.0}
    for label in [*display.ax_.get_xticklabels(), *display.ax_.get_yticklabels()]:
        box = label.get_window_extent()
        assert box.x0 >= -1.0
        assert box.y0 >= -1.0


def test_combinations_drawn_at_random_are_points():
    rng = np.random.default_rng(0)
    candidates = [
        {"eta": 10.0 ** rng.uniform(-4, 0), "lambda": 10.0 ** rng.uniform(-5, 1)} for _ in range(30)
    ]
    test = rng.random((30, 1, 1))
    test[4] = np.nan
    status = np.full((30, 1, 1), "done", dtype="<U8")
    status[4] = "diverged"
    search = results_of(candidates, test, status=status)
    display = SearchHeatmapDisplay.from_search(search)
    found = display.mesh_.get_offsets()
    order = np.argsort(test[:, 0, 0])[:-1]  # the last is NaN
    expected = np.array([[c["eta"], c["lambda"]] for c in candidates])[order]
    np.testing.assert_allclose(found, expected)
    assert (display.ax_.get_xscale(), display.ax_.get_yscale()) == ("log", "log")
    assert "There is 1 point with a fit that diverged." in display.describe()
    assert len(display.to_frame()) == 30


def test_a_search_of_ours():
    X, y = load_iris(return_X_y=True)
    network = cr.MLPClassifier((5,), solver="lbfgs", random_state=0)
    space = {"alpha": "1e-3:10:log3", "activation": ["relu", "tanh"]}
    search = cr.GridSearch(network, space, cv=2, n_jobs=1, refit=False).fit(X, y)
    display = SearchHeatmapDisplay.from_search(search, x="alpha", y="activation")
    table = search.cv_results_
    for score, params in zip(table["mean_test_score"], table["params"], strict=True):
        place = ["relu", "tanh"].index(params["activation"]), [1e-3, 0.1, 10].index(params["alpha"])
        assert display.scores[place] == pytest.approx(score)
    row, column = display.best
    best = {"activation": display.y_values[row], "alpha": display.x_values[column]}
    assert best == search.best_params_


def test_a_search_of_scikit_learn():
    X, y = load_iris(return_X_y=True)
    search = GridSearchCV(
        LogisticRegression(max_iter=1000),
        {"C": [0.01, 1.0, 100.0], "fit_intercept": [True, False]},
        scoring=["accuracy", "neg_log_loss"],
        refit="neg_log_loss",
        cv=3,
        return_train_score=True,
    ).fit(X, y)
    display = SearchHeatmapDisplay.from_search(search, x="C", y="fit_intercept")
    table = search.cv_results_
    expected = table["mean_test_neg_log_loss"].reshape(3, 2).T  # C varies slowest
    np.testing.assert_allclose(display.scores, expected)
    np.testing.assert_allclose(
        display.spread, np.sqrt(3 / 2) * table["std_test_neg_log_loss"].reshape(3, 2).T
    )
    assert display.spread_over == "folds"
    place = display.best
    assert display.x_values[place[1]] == search.best_params_["C"]
    trained = SearchHeatmapDisplay.from_search(search, metric="accuracy", split="train")
    # Without x and y, the first name is x: C, which varies slowest.
    np.testing.assert_allclose(trained.scores.T, table["mean_train_accuracy"].reshape(3, 2))


def test_a_fit_that_failed_under_scikit_learn():
    X, y = load_iris(return_X_y=True)
    search = GridSearchCV(
        Ridge(), {"alpha": [1.0, 2.0], "solver": ["svd", "lbfgs"]}, cv=2, refit=False
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # lbfgs needs positive=True
        search.fit(X, y)
    display = SearchHeatmapDisplay.from_search(search, x="alpha", y="solver")
    assert display.status.tolist() == [["done", "done"], ["failed", "failed"]]


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda r: SearchHeatmapDisplay([[1.0, 2.0]], [1, 2, 3], ["a"]),
            ShapeError,
            "SearchHeatmapDisplay: expected scores, spread and status for 1 values of y and 3 of "
            "x, got shapes (1, 2), (1, 3) and (1, 2).",
        ),
        (
            lambda r: SearchHeatmapDisplay([[1.0]], [1], ["a"], status=[["lost"]]),
            InvalidArgumentError,
            "SearchHeatmapDisplay: status: expected done, diverged, failed, missing, untried, got "
            "also lost.",
        ),
        (
            lambda r: SearchHeatmapDisplay.from_search(r, x="eta", y="f", split="tests"),
            InvalidArgumentError,
            "SearchHeatmapDisplay: split: expected 'test', 'val' or 'train', got 'tests'.",
        ),
        (
            lambda r: SearchHeatmapDisplay.from_search(r, x="eta"),
            InvalidArgumentError,
            "SearchHeatmapDisplay: x, y: expected two of the hyper-parameters that were varied "
            "(f, eta), got 'eta' and None.",
        ),
        (
            lambda r: SearchHeatmapDisplay.from_search(cr.LinearRegression().fit([[0.0]], [1.0])),
            ArgumentTypeError,
            "SearchHeatmapDisplay.from_search: expected a fitted search, such as GridSearch, got "
            "LinearRegression.",
        ),
    ],
)
def test_bad_input(results, make, error, message):
    with pytest.raises(error) as caught:
        make(results)
    assert caught.value.message == message
