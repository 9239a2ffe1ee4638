"""Pictures of all candidates of a search: parallel coordinates, importance, ranking."""

import numpy as np
import pytest

from chainrule._errors import ArgumentTypeError, InvalidArgumentError, ShapeError
from chainrule.plot import (
    ParallelCoordinatesDisplay,
    ParameterImportanceDisplay,
    SearchRankingDisplay,
)

from .search_results import grid, results_of

CANDIDATES = [
    {"eta": 0.01, "f": "relu", "n": 10},
    {"eta": 1.0, "f": "tanh", "n": 20},
    {"eta": 0.1, "f": "relu", "n": 40},
    {"eta": 0.1, "f": "tanh"},
]
SCORES = np.array([0.2, 0.8, 0.5, np.nan])


# -- parallel coordinates -------------------------------------------------------------------------


def test_lines_meet_the_axes_at_their_values():
    display = ParallelCoordinatesDisplay(CANDIDATES, SCORES).plot()
    # eta is logarithmic, f a category, n linear, and the last axis is the score's.
    expected = np.array(
        [
            [0.0, 0.0, 0.0, 0.0],
            [1.0, 1.0, 1.0 / 3.0, 1.0],
            [0.5, 0.0, 1.0, 0.5],
            [0.5, 1.0, np.nan, np.nan],
        ]
    )
    np.testing.assert_allclose(display.heights, expected)
    segments = display.lines_.get_segments()
    np.testing.assert_allclose(segments[0][:, 1], expected[0])  # the best is drawn last
    np.testing.assert_allclose(segments[-1][:, 1], expected[1])
    np.testing.assert_allclose(display.lines_.get_array(), [0.2, 0.5, 0.8])
    assert len(display.broken_lines_.get_paths()) == 1
    np.testing.assert_allclose(display.best_line_.get_ydata(), expected[1])
    names = [label.get_text() for label in display.ax_.get_xticklabels()]
    assert names == ["eta", "f", "n", "score"]
    texts = [text.get_text() for text in display.text_]
    assert texts[:8] == ["0.01", "0.1", "1", "relu", "tanh", "10", "20", "40"]
    assert texts[8:] == ["0.2", "0.35", "0.5", "0.65", "0.8"]


def test_a_score_that_is_far_off_does_not_take_the_whole_axis():
    display = ParallelCoordinatesDisplay(
        [{"a": float(i)} for i in range(4)], [-1e9, 0.5, 0.6, 0.7]
    ).plot()
    # The median is 0.55; the axis ends twenty times as far below as the best is above.
    np.testing.assert_allclose(display.heights[:, 1], [0, 2.95 / 3.15, 3.05 / 3.15, 1.0])
    assert display.text_[-5].get_text() == "≤ -2.45"


def test_the_best_in_words():
    display = ParallelCoordinatesDisplay(CANDIDATES, SCORES)
    assert display.describe() == (
        "4 candidates over eta (3 values from 0.01 to 1), f (relu, tanh) and n (3 values from 10 "
        "to 40), with a score from 0.2 to 0.8. The best has eta 1, f tanh, n 20. 1 candidate has "
        "no score."
    )
    frame = display.to_frame()
    assert list(frame.columns) == ["eta", "f", "n", "score"]
    assert frame["f"].tolist() == ["relu", "tanh", "relu", "tanh"]


def test_what_the_best_have_in_common():
    candidates = [{"eta": 10.0**-k, "f": "relu" if k % 2 else "tanh"} for k in range(40)]
    scores = [float(k) if k % 2 else -1.0 for k in range(40)]
    display = ParallelCoordinatesDisplay(candidates, scores).plot()
    assert "The best 4 have eta 1e-39 to 1e-33, f relu." in display.describe()
    # Of many values on a logarithmic axis, decades are written.
    assert "10⁻³⁵" in {text.get_text() for text in display.text_}


def test_nothing_has_a_score():
    display = ParallelCoordinatesDisplay(CANDIDATES, np.full(4, np.nan)).plot()
    assert display.best_line_ is None
    assert len(display.broken_lines_.get_paths()) == 4
    assert display.describe().endswith("None has a score.")


def test_parallel_coordinates_of_a_search_show_the_last_rung():
    search = results_of(
        [{"a": 1.0}, {"a": 2.0}, {"a": 3.0}, {"a": 3.0}],
        np.array([0.1, 0.2, 0.3, 0.9]).reshape(4, 1, 1),
        rung=np.array([0, 0, 0, 1]),
    )
    display = ParallelCoordinatesDisplay.from_search(search)
    assert display.scores.tolist() == [0.9]


# -- importance -----------------------------------------------------------------------------------


def test_bars_are_the_shares_of_the_variance():
    # Scores are 2 a + b: the variance of a is four times that of b, and there is nothing else.
    candidates = grid(("a", [0.0, 1.0]), ("b", [0.0, 1.0]))
    scores = np.array([2 * c["a"] + c["b"] for c in candidates]).reshape(4, 1, 1)
    display = ParameterImportanceDisplay.from_search(results_of(candidates, scores))
    assert [bar.get_width() for bar in display.bars_] == pytest.approx([0.8, 0.2, 0.0])
    assert [text.get_text() for text in display.text_] == ["80 %", "20 %", "0 %"]
    names = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert names == ["a", "b", "in combination"]
    assert display.describe() == (
        "Of the differences in score, a explains 80 %, b 20 %, each by itself; combinations of "
        "them 0 %."
    )
    assert display.to_frame()["parameter"].tolist() == ["a", "b"]


def test_importance_where_nothing_differs():
    display = ParameterImportanceDisplay({"a": 0.0, "b": 0.0}).plot()
    assert display.combined == 0.0
    assert display.describe() == "The score is the same for all values of a, b."


# -- ranking --------------------------------------------------------------------------------------


@pytest.fixture
def ranked():
    """Three seeds; the second is behind by less than their noise, the third by much more."""
    noise = np.array([-0.01, 0.0, 0.01])
    means = np.array([0.5, 0.9, 0.895, np.nan]).reshape(4, 1, 1)
    return results_of([{"eta": 10.0**-k} for k in range(4)], means + noise)


def test_ranking_says_what_is_within_the_noise(ranked):
    display = SearchRankingDisplay.from_search(ranked)
    frame = display.to_frame()
    assert frame.index.tolist() == [1, 2, 0, 3]
    assert frame["rank"].tolist() == [1, 2, 3, 4]
    assert frame["within_noise"].tolist() == [True, True, False, False]
    assert frame["behind"].tolist()[:3] == pytest.approx([0.0, 0.005, 0.4])
    assert frame["eta"].tolist() == [0.1, 0.01, 1.0, 0.001]
    assert display.describe() == (
        "4 candidates by score. The best, 0.9 ± 0.01, has eta 0.1. 1 other is within the noise of "
        "it, judged by seeds. The first that is worse is behind by 0.4: eta 1. 1 candidate has no "
        "score."
    )


def test_ranking_is_drawn_from_the_best_down(ranked):
    display = SearchRankingDisplay.from_search(ranked)
    names = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert names == ["eta 0.1", "eta 0.01", "eta 1"]
    assert display.ax_.yaxis_inverted()
    alike, worse = display.markers_[True], display.markers_[False]
    np.testing.assert_allclose(alike.get_xdata(), [0.9, 0.895])
    np.testing.assert_allclose(worse.get_xdata(), [0.5])
    assert worse.get_markerfacecolor() == "white"
    (segments,) = [bar.get_segments() for bar in display.bars_[2]]
    np.testing.assert_allclose(segments[0][:, 0], [0.89, 0.91])
    assert SearchRankingDisplay.from_search(ranked, n_shown=1).markers_.keys() == {True}


def test_one_fit_each_tells_nothing_of_noise():
    search = results_of([{"a": 1.0}, {"a": 2.0}], np.array([0.1, 0.2]).reshape(2, 1, 1))
    display = SearchRankingDisplay.from_search(search)
    assert display.describe() == (
        "2 candidates by score. The best, 0.2, has a 2. Each was fitted once: how much chance "
        "there is in it is not known."
    )
    assert display.to_frame()["within_noise"].tolist() == [None, None]


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda: ParallelCoordinatesDisplay(CANDIDATES, [1.0]),
            ShapeError,
            "ParallelCoordinatesDisplay: expected one score for each of 4 candidates, got shape "
            "(1,).",
        ),
        (
            lambda: ParallelCoordinatesDisplay(CANDIDATES, SCORES, scales={"mu": "log"}),
            InvalidArgumentError,
            "ParallelCoordinatesDisplay: scales: expected names of eta, f, n, got mu.",
        ),
        (
            lambda: ParameterImportanceDisplay({"a": 0.9, "b": -0.2}),
            InvalidArgumentError,
            "ParameterImportanceDisplay: expected shares from 0 to 1, got {'a': 0.9, 'b': -0.2}.",
        ),
        (
            lambda: SearchRankingDisplay([1, 2]),
            ArgumentTypeError,
            "SearchRankingDisplay: expected a Ranking, got list.",
        ),
        (
            lambda: SearchRankingDisplay.from_search(
                results_of([{"a": 1.0}], np.ones((1, 1, 1))), n_shown=0
            ),
            InvalidArgumentError,
            "SearchRankingDisplay: n_shown: expected an integer of at least 1, got 0.",
        ),
    ],
)
def test_bad_input(make, error, message):
    with pytest.raises(error) as caught:
        make()
    assert caught.value.message == message
