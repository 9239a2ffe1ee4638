"""How searches proceed: successive halving, and Optuna's samplers."""

import re
import subprocess
import sys

import numpy as np
import pytest
from scipy.stats import loguniform
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.datasets import load_iris
from sklearn.linear_model import ElasticNet
from sklearn.model_selection import ParameterSampler
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from chainrule import ChainruleError
from chainrule.estimators import MLPClassifier
from chainrule.search import BayesSearch, GridSearch, RandomSearch, Span
from chainrule.search.proposals import by_halving, drawn, rungs
from chainrule.search.space import prepared_spaces

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = load_iris(return_X_y=True)


def network(**settings):
    return MLPClassifier((4,), **{"max_iter": 9, "random_state": 0, **settings})


@pytest.mark.parametrize(
    ("n_candidates", "most", "expected"),
    [
        (27, 27, [(27, 3), (9, 9), (3, 27)]),
        (28, 81, [(28, 3), (10, 9), (4, 27), (2, 81)]),
        (9, 100, [(9, 33), (3, 100)]),
        (1000, 5, [(1000, 1), (334, 5)]),
        (3, 100, [(3, 100)]),
        (1, 1, [(1, 1)]),
    ],
)
def test_rungs(n_candidates, most, expected):
    assert rungs(n_candidates, most) == expected


def test_halving_keeps_the_best_third():
    candidates = [{"a": i} for i in range(9)]
    proposals = by_halving(candidates, "epochs", 9)
    first = proposals.send(None)
    assert first.candidates == [{"a": i, "epochs": 3} for i in range(9)]
    assert first.more == {"iter": [0] * 9, "n_resources": [3] * 9}
    scores = np.array([0.1, np.nan, 0.5, 0.5, 0.9, 0.2, 0.5, np.nan, 0.3])
    second = proposals.send(scores)
    assert [params["a"] for params in second.candidates] == [4, 2, 3]
    assert second.more == {"iter": [1] * 3, "n_resources": [9] * 3}
    with pytest.raises(StopIteration):
        proposals.send(np.zeros(3))


RATES = {"learning_rate_init": "1e-4:1:log9"}


def test_halving_gives_what_fits_of_that_length_give():
    search = GridSearch(network(), RATES, holdout=0.3, halving=True).fit(X, Y)
    assert search.cv_results_["iter"].tolist() == [0] * 9 + [1] * 3
    assert search.cv_results_["n_resources"].tolist() == [3] * 9 + [9] * 3
    (train, test), *_ = search._splits(X, Y, {})
    for params, score in zip(
        search.cv_results_["params"], search.cv_results_["mean_test_score"], strict=True
    ):
        alone = network(**params).fit(X[train], Y[train])
        assert score == alone.score(X[test], Y[test])
    assert search.best_index_ >= 9
    assert search.best_params_["max_iter"] == 9
    survivors = {p["learning_rate_init"] for p in search.cv_results_["params"][9:]}
    order = np.argsort(-search.cv_results_["mean_test_score"][:9], kind="stable")
    grid = [p["learning_rate_init"] for p in search.cv_results_["params"][:9]]
    assert survivors == {grid[place] for place in order[:3]}


def test_halving_at_random_in_a_pipeline_with_several_metrics():
    pipeline = make_pipeline(StandardScaler(), network())
    search = RandomSearch(
        pipeline,
        {"mlpclassifier__alpha": ...},
        n_iter=9,
        halving=True,
        holdout=0.3,
        random_state=0,
        scoring=["accuracy", "neg_log_loss"],
        refit="neg_log_loss",
    ).fit(X, Y)
    losses = search.cv_results_["mean_test_neg_log_loss"]
    assert search.best_index_ == 9 + np.argmax(losses[9:])
    assert search.best_estimator_[-1].max_iter == 9


def test_halving_goes_by_the_first_metric_if_none_is_named():
    def height_of_two(estimator, X, y):
        return {"height": estimator.learning_rate_init, "other": -1.0}

    search = GridSearch(
        network(), RATES, holdout=0.3, halving=True, scoring=height_of_two, refit=False
    ).fit(X, Y)
    assert search.results_.metric == "height"
    last = [params["learning_rate_init"] for params in search.cv_results_["params"][9:]]
    assert last == pytest.approx([1.0, 10**-0.5, 0.1])


@pytest.mark.parametrize(
    ("after", "row", "done"),
    [(10, 9, "10 of 12 fits done, 2 missing"), (9, 8, "9 of 9 fits done, and 3 more were never b")],
)
def test_a_halving_that_is_stopped_has_the_best_of_what_came_furthest(after, row, done):
    def stop(progress):
        if progress.done == after:
            raise KeyboardInterrupt

    def height(estimator, X, y):
        return estimator.learning_rate_init

    search = GridSearch(
        network(), RATES, holdout=0.3, halving=True, scoring=height, n_jobs=1, callback=stop
    )
    with pytest.warns(UserWarning, match=f"GridSearch was interrupted: {done}"):
        search.fit(X, Y)
    assert search.best_index_ == search.results_.ranking().lines[0].row == row
    assert search.best_params_["learning_rate_init"] == search.best_score_ == 1.0
    assert search.best_estimator_.n_iter_ == (9 if after == 10 else 3)


def test_nothing_of_a_rung_that_was_only_begun_is_the_best():
    def stop(progress):
        if progress.done == 19:
            raise KeyboardInterrupt

    search = GridSearch(
        network(), RATES, holdout=0.3, seeds=2, halving=True, n_jobs=1, callback=stop
    )
    with pytest.warns(UserWarning, match="19 of 24 fits done, 5 missing"):
        search.fit(X, Y)
    first = search.cv_results_["mean_test_score"][:9]
    assert search.best_index_ == np.argmax(first)
    assert search.best_score_ == first.max()
    curve = search.results_.curve("learning_rate_init")
    assert curve.rows[curve.best] == search.best_index_


def test_something_else_may_be_spent():
    search = GridSearch(
        network(), {"alpha": "1e-4:1:log4"}, holdout=0.3, halving="n_iter_no_change"
    ).fit(X, Y)
    assert search.cv_results_["n_resources"].tolist() == [3] * 4 + [10] * 2


@pytest.mark.parametrize(
    ("estimator", "space", "halving", "message"),
    [
        (
            network(),
            {"max_iter": [1, 2]},
            True,
            "halving: max_iter is varied by the space, and is what halving decides about; leave "
            "one of both out.",
        ),
        (
            StandardScaler(),
            {"with_mean": [True]},
            True,
            "halving: expected the name of what StandardScaler is to spend; it has no max_iter, "
            "got True.",
        ),
        (
            network(),
            {"alpha": [1.0]},
            "epochs",
            "halving: expected the name of what MLPClassifier is to spend, one of max_iter, got "
            "'epochs'.",
        ),
        (
            network(),
            {"alpha": [1.0]},
            "tol",
            "halving: tol: expected an integer of at least 1, got 0.0001.",
        ),
    ],
)
def test_halving_refuses_what_makes_no_sense(estimator, space, halving, message):
    with pytest.raises(ChainruleError) as caught:
        GridSearch(estimator, space, halving=halving, scoring=lambda *_: 1.0).fit(X, Y)
    assert caught.value.message == message


# -- at random ------------------------------------------------------------------------------------

LISTS = [{"alpha": list(range(1, 31)), "l1_ratio": [k / 10 for k in range(10)]}, {"tol": [1, 2, 3]}]
MANY = [{name: list(range(1, 1001)) for name in ("alpha", "tol", "max_iter")}]
MIXED = [{"alpha": loguniform(1e-3, 1.0), "l1_ratio": [0.1, 0.5]}, {"tol": [1, 2, 3]}]


@pytest.mark.parametrize(
    ("spaces", "count"),
    [*((LISTS, n) for n in (1, 3, 4, 150, 299, 300, 301, 303)), (MANY, 40), (MIXED, 40)],
)
def test_draws_are_those_of_scikit_learn(spaces, count):
    for seed in range(3):
        found = drawn(prepared_spaces(ElasticNet(), spaces), count, seed)
        assert found == list(ParameterSampler(spaces, count, random_state=seed))


def test_no_more_is_drawn_than_there_is():
    found = drawn(prepared_spaces(ElasticNet(), LISTS), 1000, 0)
    assert len(found) == len({tuple(sorted(params.items())) for params in found}) == 303
    search = RandomSearch(network(), {"alpha": [0.1, 1.0]}, n_iter=5, holdout=0.3)
    message = (
        "RandomSearch: there are only 2 combinations, fewer than n_iter=5; each is tried once."
    )
    with pytest.warns(UserWarning, match=f"^{re.escape(message)}$"):
        search.fit(X, Y)
    assert len(search.results_.candidates) == 2


# -- Optuna ---------------------------------------------------------------------------------------


class Parabola(RegressorMixin, BaseEstimator):
    """An estimator whose score is a function of its settings."""

    def __init__(self, x=0.0, n=1, kind="bad"):
        self.x = x
        self.n = n
        self.kind = kind

    def fit(self, X, y):
        return self

    def predict(self, X):
        return np.zeros(len(X))


def height(estimator, X, y):
    return -((estimator.x - 2.0) ** 2) - abs(estimator.n - 30) - 20 * (estimator.kind == "bad")


SPACE = {"x": "-10.0:10.0", "n": Span(1, 1000, "log", integer=True), "kind": ["bad", "good"]}


def bayes(**settings):
    settings = {"n_iter": 60, "scoring": height, "holdout": 0.5, "random_state": 0, **settings}
    return BayesSearch(Parabola(), SPACE, **settings)


def test_a_bayesian_search_finds_a_maximum_that_chance_does_not():
    found = bayes().fit(X, Y)
    by_chance = RandomSearch(
        Parabola(), SPACE, n_iter=60, scoring=height, holdout=0.5, random_state=0
    ).fit(X, Y)
    assert found.best_score_ > by_chance.best_score_
    assert found.best_score_ > -3.0
    assert found.best_params_["kind"] == "good"
    assert isinstance(found.best_params_["n"], int)
    assert isinstance(found.best_params_["x"], float)


def test_a_seed_gives_the_same_proposals_on_any_number_of_threads():
    one, two = (bayes(n_jobs=n, n_iter=14).fit(X, Y) for n in (1, 2))
    assert one.results_.candidates == two.results_.candidates


def test_a_store_remembers_the_seed(tmp_path):
    settings = {"random_state": None, "store": tmp_path / "s.db", "n_iter": 6}
    one, two = (bayes(**settings).fit(X, Y) for _ in range(2))
    assert one.results_.candidates == two.results_.candidates


def test_any_sampler_may_propose():
    import optuna

    values = {"x": [3, -1, 2.0], "n": [10, 30]}
    search = BayesSearch(
        Parabola(),
        values,
        n_iter=40,
        sampler=optuna.samplers.RandomSampler(seed=0),
        scoring=height,
        holdout=0.5,
    ).fit(X, Y)
    tried = {(params["x"], params["n"]) for params in search.results_.candidates}
    assert tried == {(x, n) for x in values["x"] for n in values["n"]}
    assert search.best_params_ == {"x": 2.0, "n": 30}


def test_values_need_not_be_texts_or_numbers():
    space = {"hidden_layer_sizes": [(3,), (2, 2)], "activation": [np.tanh, "relu"]}
    search = BayesSearch(network(), space, n_iter=4, holdout=0.3, random_state=0).fit(X, Y)
    assert search.best_params_["hidden_layer_sizes"] in space["hidden_layer_sizes"]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning")
def test_failures_are_told_to_the_sampler():
    space = {"learning_rate_init": [0.01, 1e200], "solver": ["sgd"]}
    search = BayesSearch(network(), space, n_iter=8, holdout=0.3, random_state=0).fit(X, Y)
    assert (search.results_.status == "diverged").any()
    assert search.best_params_["learning_rate_init"] == 0.01


def test_it_is_quiet(capsys):
    bayes(n_iter=2).fit(X, Y)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("space", "settings", "message"),
    [
        (
            [{"x": [1]}, {"n": [1]}],
            {},
            "space: expected one mapping for a Bayesian search, got 2; search them one by one.",
        ),
        (SPACE, {"n_iter": 0}, "n_iter: expected an integer of at least 1, got 0."),
        (
            {"x": __import__("scipy.stats").stats.norm()},
            {},
            "space: x: expected values or a range such as '1e-5:10:log' for a Bayesian search, got "
            "a distribution; use RandomSearch.",
        ),
    ],
)
def test_a_bayesian_search_refuses_what_makes_no_sense(space, settings, message):
    search = bayes(**settings).set_params(space=space)
    with pytest.raises(ChainruleError) as caught:
        search.fit(X, Y)
    assert caught.value.message == message


def test_without_optuna_it_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ImportError, match="Optuna") as caught:
        bayes().fit(X, Y)
    assert caught.value.message == (
        "BayesSearch needs Optuna, which is not installed: pip install 'chainrule[bayes]'."
    )


@pytest.mark.parametrize(
    ("statement", "unwanted"),
    [
        ("chainrule.BayesSearch, chainrule.GridSearch", {"optuna", "distributed", "dask"}),
        (
            "import chainrule.search.exploring, chainrule.search.running, chainrule.search.space",
            {"sklearn", "joblib", "pandas"},
        ),
    ],
)
def test_what_is_heavy_is_not_loaded_before_it_is_needed(statement, unwanted):
    code = f"import sys, chainrule\n{statement}\nassert not {unwanted} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
