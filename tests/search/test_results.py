"""What results are reduced to: surfaces, curves, ranking, importance; held against SciPy."""

import numpy as np
import pytest
import scipy.stats
from sklearn.ensemble import RandomForestRegressor

from chainrule import ChainruleError
from chainrule.search.cells import Outcome
from chainrule.search.importance import _of_tree, main_effects
from chainrule.search.ranking import ranked
from chainrule.search.results import collected
from chainrule.search.views import scale_of


def results(candidates, scores, scales=None, status=None, rung=None, **settings):
    """Results with scores of shape (n_candidates, n_folds, n_seeds)."""
    scores = np.asarray(scores, float)
    outcomes = {
        place: Outcome(
            (status or {}).get(place, "done"),
            {"score": scores[place]} if np.isfinite(scores[place]) else {},
            {"score": scores[place] + 0.1} if np.isfinite(scores[place]) else {},
            1.0,
            0.5,
        )
        for place in np.ndindex(scores.shape)
        if (status or {}).get(place) != "missing"
    }
    names = list(dict.fromkeys(name for params in candidates for name in params))
    return collected(
        candidates,
        outcomes,
        scores.shape[1:],
        ("score",),
        "score",
        np.nan,
        scales=scales or dict.fromkeys(names, "linear"),
        rung=np.zeros(len(candidates), int) if rung is None else np.asarray(rung),
        test_share=0.25,
        interrupted=False,
        **settings,
    )


GRID = [{"x": x, "y": y, "kind": kind} for x in (1, 2, 4) for y in (10, 20) for kind in "ab"]
SCORES = np.random.default_rng(0).normal(size=(12, 2, 3))
SCALES = {"x": "log", "y": "linear", "kind": "categories"}


def test_a_surface_shows_the_best_of_what_it_has_no_axis_for():
    found = results(GRID, SCORES, SCALES)
    surface = found.surface("x", "y")
    means = SCORES.mean(axis=(1, 2)).reshape(3, 2, 2)
    np.testing.assert_allclose(surface.mean, means.max(axis=2).T, rtol=1e-14)
    assert (surface.x_values, surface.y_values) == ((1, 2, 4), (10, 20))
    assert (surface.x_scale, surface.y_scale) == ("log", "linear")
    for (line, column), row in np.ndenumerate(surface.rows):
        params = GRID[row]
        assert (params["x"], params["y"]) == (
            surface.x_values[column],
            surface.y_values[line],
        )
        by_seed = SCORES[row].mean(axis=0)
        assert surface.spread[line, column] == pytest.approx(np.std(by_seed, ddof=1), rel=1e-12)
    assert surface.best == np.unravel_index(np.argmax(surface.mean), (2, 3))
    assert surface.spread_over == "seeds"
    best = surface.x_values[surface.best[1]]
    assert ("x" in surface.at_border) == (best in (1, 4))
    assert "y" in surface.at_border


def test_a_surface_of_means_and_of_a_slice():
    found = results(GRID, SCORES, SCALES)
    means = SCORES.mean(axis=(1, 2)).reshape(3, 2, 2)
    averaged = found.surface("x", "y", reduce="mean")
    np.testing.assert_allclose(averaged.mean, means.mean(axis=2).T, rtol=1e-14)
    assert (averaged.rows == -1).all()
    sliced = found.surface("x", "y", reduce={"kind": "b"}, split="train")
    np.testing.assert_allclose(sliced.mean, means[:, :, 1].T + 0.1, rtol=1e-14)


def test_the_best_on_test_rows_is_shown_for_training_rows_too():
    found = results([{"x": 1}, {"x": 1}], [[[0.9]], [[0.5]]])
    found.train["score"][:] = [[[0.1]], [[0.8]]]
    assert found.curve("x", split="train").mean.tolist() == [0.1]


def test_a_curve_over_categories_keeps_their_order():
    found = results(GRID, SCORES, SCALES)
    curve = found.curve("kind")
    assert curve.values == ("a", "b")
    assert curve.scale == "categories"
    means = SCORES.mean(axis=(1, 2)).reshape(6, 2)
    np.testing.assert_allclose(curve.mean, means.max(axis=0), rtol=1e-14)
    assert curve.best == int(np.argmax(curve.mean))


def test_holes_and_diverged_cells_are_marked():
    scores = np.array([[[0.5]], [[np.nan]], [[0.7]]])
    candidates = [{"x": 1, "y": 1}, {"x": 2, "y": 1}, {"x": 2, "y": 2}]
    found = results(candidates, scores, status={(1, 0, 0): "diverged"})
    surface = found.surface("x", "y")
    np.testing.assert_array_equal(surface.mean, [[0.5, np.nan], [np.nan, 0.7]])
    np.testing.assert_array_equal(surface.diverged, [[False, True], [False, False]])
    np.testing.assert_array_equal(surface.rows, [[0, 1], [-1, 2]])
    assert surface.best == (1, 1)
    assert surface.spread_over is None
    assert str(found) == "2 of 3 fits done, 1 diverged"


def test_with_halving_what_came_furthest_stands_for_a_point():
    found = results([{"x": 1}, {"x": 2}, {"x": 1}], [[[0.9]], [[0.8]], [[0.6]]], rung=[0, 0, 1])
    curve = found.curve("x")
    assert curve.mean.tolist() == [0.6, 0.8]
    assert curve.rows.tolist() == [2, 1]
    assert curve.best == 0
    assert [line.row for line in found.ranking().lines] == [2]


def test_what_is_left_of_a_halving_that_was_stopped():
    candidates = [{"x": 1}, {"x": 2}, {"x": 3}, {"x": 2}]
    scores = [[[0.5]], [[0.9]], [[0.7]], [[np.nan]]]
    found = results(candidates, scores, rung=[0, 0, 0, 1], status={(3, 0, 0): "missing"})
    assert found.final.tolist() == [True, True, True, False]
    assert [line.row for line in found.ranking().lines] == [1, 2, 0]
    curve = found.curve("x")
    assert curve.mean.tolist() == [0.5, 0.9, 0.7]
    assert curve.best == 1


def test_of_equal_points_the_best_is_that_of_the_first_candidate():
    pairs = [(3, 2), (1, 2), (3, 1), (1, 1), (2, 2)]
    scores = [[[s]] for s in (0.1, 0.8, 0.8, 0.8, 0.3)]
    found = results([{"x": x, "y": y} for x, y in pairs], scores)
    surface = found.surface("x", "y")
    assert (surface.x_values[surface.best[1]], surface.y_values[surface.best[0]]) == (1, 2)
    curve = found.curve("x", reduce={"y": 2})
    assert curve.values[curve.best] == 1
    assert found.curve("y").best == 1


def test_what_became_of_each_point():
    candidates = [{"x": x, "y": y} for x in (1, 2, 3) for y in (1, 2)][:-1]
    kinds = ["done", "missing", "failed", "diverged", "done"]
    scores = [[[0.5]], [[np.nan]], [[np.nan]], [[0.4]], [[0.3]]]
    found = results(candidates, scores, status={(i, 0, 0): k for i, k in enumerate(kinds)})
    surface = found.surface("x", "y")
    assert surface.status.tolist() == [
        ["done", "failed", "done"],
        ["missing", "diverged", "untried"],
    ]
    assert surface.diverged.tolist() == [[False, True, False], [False, True, False]]
    over_y = found.curve("x", reduce="mean")
    assert over_y.status.tolist() == ["missing", "diverged", "done"]
    assert over_y.mean.tolist() == [0.5, 0.4, 0.3]


def test_values_are_told_apart_as_python_does():
    array = np.array([1.0, 2.0])
    tried = [True, 1, 1.0, (2, 3), [2, 3], {"a": 1}, {"a": 1}, array, array.copy(), "1", None]
    found = results([{"x": value} for value in tried], [[[0.0]]] * len(tried), {"x": "categories"})
    rows = found.curve("x", reduce="mean").rows
    assert len(found.values("x")) == len(rows) == 8
    assert [place for place, row in enumerate(rows) if row == -1] == [1, 4, 5]


@pytest.mark.parametrize(
    ("values", "declared", "expected"),
    [
        ([1, 2, 3], None, "linear"),
        ([0.1, 1.0, 10.0], None, "log"),
        ([0.0, 10.0], "log", "linear"),
        ([0.1, 0.2], "log", "log"),
        ([0.1, 100.0], "linear", "linear"),
        (["a", "b"], None, "categories"),
        ([1, None], None, "categories"),
        ([True, False], None, "categories"),
        ([(1,), (2,)], None, "categories"),
        ([1.0, np.inf], None, "categories"),
    ],
)
def test_scales(values, declared, expected):
    assert scale_of(values, declared) == expected


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (
            lambda r: r.curve("z"),
            "expected a hyper-parameter that was varied (x, y, kind), got 'z'.",
        ),
        (lambda r: r.surface("x", "x"), "x, y: expected two hyper-parameters, got 'x' twice."),
        (lambda r: r.means("f1"), "metric: expected one of score, got 'f1'."),
        (lambda r: r.means(split="val"), "split: expected 'test' or 'train', got 'val'."),
        (
            lambda r: r.curve("x", reduce="worst"),
            "reduce: expected 'best', 'mean' or a dict of values of hyper-parameters, got 'worst'.",
        ),
        (
            lambda r: r.curve("x", reduce={"y": 15}),
            "reduce: y: expected one of the values that were tried, 10, 20, got 15.",
        ),
    ],
)
def test_what_is_not_there_is_refused(ask, message):
    with pytest.raises(ChainruleError) as caught:
        ask(results(GRID, SCORES, SCALES))
    assert caught.value.message == message


def test_scores_of_training_rows_must_have_been_asked_for():
    found = results(GRID, SCORES, SCALES)
    found.train.clear()
    with pytest.raises(ChainruleError) as caught:
        found.means(split="train")
    assert caught.value.message == (
        "split: there are no scores of the rows trained with; search with return_train_score=True."
    )


# -- ranking --------------------------------------------------------------------------------------


def test_noise_between_seeds_is_judged_as_by_welch():
    rng = np.random.default_rng(1)
    scores = rng.normal(size=(40, 1, 4)) * rng.uniform(0.1, 1.0, size=(40, 1, 1))
    table = ranked([{}] * 40, scores, np.arange(40), 0.25)
    assert table.noise == "seeds"
    best = table.lines[0].row
    for line in table.lines[1:]:
        p = scipy.stats.ttest_ind(scores[best, 0], scores[line.row, 0], equal_var=False).pvalue
        assert line.within_noise == (p >= 0.05)
    verdicts = {line.within_noise for line in table.lines}
    assert verdicts == {True, False}


def test_folds_that_are_harder_are_no_noise():
    folds = np.array([0.0, 10.0, 20.0])[:, None]
    noise = 0.01 * np.array([[-1.0, 1.0], [1.0, -1.0], [-1.0, 1.0]])
    table = ranked([{}, {}], np.stack([folds + noise, folds - 0.1 + noise]), np.arange(2), 0.5)
    assert [line.within_noise for line in table.lines] == [True, False]
    # Variance of each mean over 3 folds and 2 seeds, and their 2 * 3 * (2 - 1) degrees of freedom.
    standard_error = np.sqrt(2 * (3 * 2 * 0.01**2 / 2 / 9))
    limit = scipy.stats.t.ppf(0.975, 6) * standard_error
    for behind, expected in ((0.99 * limit, True), (1.01 * limit, False)):
        shifted = np.stack([folds + noise, folds - behind + noise])
        assert ranked([{}, {}], shifted, np.arange(2), 0.5).lines[1].within_noise == expected


def test_noise_between_folds_is_judged_as_by_nadeau_and_bengio():
    rng = np.random.default_rng(2)
    scores = rng.normal(size=(30, 5, 1)) + rng.normal(size=(30, 1, 1))
    table = ranked([{}] * 30, scores, np.arange(30), 0.25)
    best = table.lines[0].row
    for line in table.lines[1:]:
        d = (scores[best] - scores[line.row])[:, 0]
        t = d.mean() / np.sqrt((1 / 5 + 1 / 4) * d.var(ddof=1))
        assert line.within_noise == (2 * scipy.stats.t.sf(t, 4) >= 0.05)
    assert {line.within_noise for line in table.lines} == {True, False}


def test_a_single_fit_says_nothing_about_noise():
    params = [{"alpha": 0.001}, {"alpha": 10.0, "solver": "sgd"}, {"alpha": 1.0}]
    table = ranked(params, np.array([[[0.5]], [[0.75]], [[np.nan]]]), np.arange(3), 0.25)
    assert [line.within_noise for line in table.lines] == [None] * 3
    assert str(table).splitlines() == [
        "rank  score   ±    behind  alpha  solver",
        "1     0.7500  nan  0.0000  10     sgd",
        "2     0.5000  nan  0.2500  0.001",
        "3     nan     nan  nan     1",
        "One fit for each: how much chance there is in the scores is not known.",
    ]


def test_equal_scores_have_equal_ranks():
    scores = np.array([0.5, 0.7, 0.7, 0.1]).reshape(4, 1, 1) + np.zeros((1, 1, 2))
    table = ranked([{}] * 4, scores, np.arange(4), 0.25)
    assert [(line.rank, line.row) for line in table.lines] == [(1, 1), (1, 2), (3, 0), (4, 3)]
    assert [line.within_noise for line in table.lines] == [True, True, False, False]
    assert "2 of 4 within the noise of the best, judged by seeds." in str(table)


# -- importance -----------------------------------------------------------------------------------


def test_main_effects_of_a_grid_by_hand():
    # f = a_i + b_j + c_ij with means of zero: the variances of a and b, over that of f.
    a, b = np.array([-3.0, 0.0, 3.0]), np.array([-1.0, 1.0])
    c = np.array([[0.5, -0.5], [-1.0, 1.0], [0.5, -0.5]])
    scores = (a[:, None] + b + c).ravel() + 7.0
    codes = np.array([(i, j) for i in range(3) for j in range(2)])
    np.testing.assert_allclose(main_effects(codes, scores), [6.0 / 7.5, 1.0 / 7.5], rtol=1e-12)


def test_main_effects_of_scattered_points_are_near_those_of_the_function():
    rng = np.random.default_rng(3)
    codes = np.column_stack([rng.permutation(300) for _ in range(3)])
    x = codes / 299.0
    scores = 3.0 * x[:, 0] + x[:, 1]
    # Variances 9 / 12 and 1 / 12.
    np.testing.assert_allclose(main_effects(codes, scores), [0.9, 0.1, 0.0], atol=0.05)


def test_main_effects_of_a_tree_are_those_of_its_predictions_at_all_combinations():
    rng = np.random.default_rng(4)
    codes = np.column_stack([rng.integers(0, n, 25) for n in (6, 4, 5)])
    forest = RandomForestRegressor(1, random_state=0).fit(codes, rng.normal(size=25))
    columns = [np.sort(column) for column in codes.T]
    grid = np.stack(np.meshgrid(*columns, indexing="ij"), axis=-1).reshape(-1, 3)
    at = forest.predict(grid).reshape(25, 25, 25)
    expected = [at.mean(axis=axes).var() for axes in ((1, 2), (0, 2), (0, 1))]
    effects, total = _of_tree(forest.estimators_[0].tree_, codes)
    np.testing.assert_allclose(effects, expected, rtol=1e-10)
    assert total == pytest.approx(at.var(), rel=1e-10)


def test_main_effects_add_up_to_no_more_than_the_whole():
    rng = np.random.default_rng(5)
    for size in (3, 5, 12, 40):
        codes = np.column_stack([rng.permutation(size) for _ in range(2)])
        effects = main_effects(codes, codes @ [3.0, 1.0])
        assert effects.min() >= 0.0
        assert 0.5 < effects.sum() <= 1.0 + 1e-12


def test_equal_scores_have_no_importance():
    assert main_effects(np.array([[0], [1]]), np.array([2.0, 2.0])).tolist() == [0.0]


def test_importance_is_sorted_and_leaves_out_what_has_no_score():
    scores = np.array([[[0.1]], [[0.2]], [[0.8]], [[0.9]], [[np.nan]]])
    candidates = [{"x": x, "y": y} for x in (1, 2) for y in (1, 2)] + [{"x": 9, "y": 1}]
    found = results(candidates, scores)
    importance = found.importance()
    assert list(importance) == ["x", "y"]
    np.testing.assert_allclose(list(importance.values()), [0.98, 0.02], rtol=1e-12)
