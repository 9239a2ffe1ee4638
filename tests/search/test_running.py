"""Cells give what fits alone give; threads, progress, and cells that come to nothing."""

import gc
import threading
import time
import warnings

import joblib
import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.exceptions import FitFailedWarning
from sklearn.metrics import r2_score
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_info

import chainrule as cr
from chainrule.estimators import MLPClassifier, MLPRegressor
from chainrule.search import GridSearch, NothingFoundError, RandomSearch
from chainrule.search.cells import Cell, in_order, planned

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = load_iris(return_X_y=True)


def network(**settings):
    return MLPClassifier((4,), **{"max_iter": 6, "random_state": 0, **settings})


SPACE = {
    "hidden_layer_sizes": [(3,), (5, 3)],
    "learning_rate_init": [1e-3, 1e-1],
    "dropout": [0.0, 0.3],
}


def kept_losses(estimator):
    """A metric that any difference in the training shows in."""
    return float(np.sum(np.concatenate([w.ravel() for w in estimator.coefs_])) + estimator.loss_)


def sum_of_weights(estimator, X, y):
    return kept_losses(estimator)


@pytest.mark.parametrize("n_jobs", [1, 2, 5])
def test_a_cell_is_what_the_estimator_gives_alone(n_jobs):
    folds = StratifiedKFold(2)
    search = GridSearch(
        network(), SPACE, cv=folds, seeds=2, scoring=sum_of_weights, n_jobs=n_jobs, refit=False
    ).fit(X, Y)
    for row, params in enumerate(search.results_.candidates):
        for fold, (train, _) in enumerate(folds.split(X, Y)):
            for seed in range(2):
                alone = clone(network()).set_params(**params, random_state=seed)
                alone.fit(X[train], Y[train])
                found = search.results_.test["score"][row, fold, seed]
                assert found == kept_losses(alone)


def test_the_order_of_candidates_changes_nothing():
    turned = {name: values[::-1] for name, values in SPACE.items()}
    first, second = (
        GridSearch(network(), space, cv=2, scoring=sum_of_weights, refit=False).fit(X, Y)
        for space in (SPACE, turned)
    )
    np.testing.assert_array_equal(first.results_.means(), second.results_.means()[::-1])


def test_a_pipeline_and_a_regression_are_what_they_are_alone():
    data, target = load_diabetes(return_X_y=True)
    folds = KFold(2)
    estimator = make_pipeline(
        StandardScaler(), MLPRegressor(hidden_layer_sizes=(4,), max_iter=6, random_state=0)
    )
    space = {"mlpregressor__alpha": [1e-4, 10.0], "standardscaler__with_std": [True, False]}
    search = GridSearch(estimator, space, cv=folds, return_train_score=True).fit(data, target)
    for row, params in enumerate(search.results_.candidates):
        for fold, (train, test) in enumerate(folds.split(data)):
            alone = clone(estimator).set_params(**params).fit(data[train], target[train])
            for part, rows in (("test", test), ("train", train)):
                expected = r2_score(target[rows], alone.predict(data[rows]))
                found = search.results_.scores(split=part)[row, fold, 0]
                assert found == pytest.approx(expected, rel=1e-12)


SEEN = []


class Watching(ClassifierMixin, BaseEstimator):
    """Tells by whom it was fitted, and with what."""

    def __init__(self, number=0):
        self.number = number

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        blas = {info["num_threads"] for info in threadpool_info() if info["user_api"] == "blas"}
        SEEN.append((threading.current_thread(), X, cr.get_threads(), blas))
        return self

    def predict(self, X):
        return np.zeros(len(X))


@pytest.fixture
def seen():
    SEEN.clear()
    yield SEEN
    SEEN.clear()
    gc.collect()


@pytest.mark.parametrize(("n_jobs", "share"), [(1, 4), (2, 2), (3, 1), (4, 1), (-1, 1), (-3, 2)])
def test_threads_are_shared_among_cells_and_given_back(seen, n_jobs, share):
    before = cr.get_threads()
    cr.set_threads(4)
    try:
        GridSearch(Watching(), {"number": list(range(8))}, cv=2, n_jobs=n_jobs, refit=False).fit(
            X, Y
        )
        assert {found[2] for found in seen} == {share}
        assert all(found[3] == {share} for found in seen)
        assert cr.get_threads() == 4
    finally:
        cr.set_threads(before)
    assert threading.main_thread() not in {found[0] for found in seen}


def test_all_cells_of_a_fold_see_the_same_rows(seen):
    search = GridSearch(Watching(), {"number": list(range(5))}, cv=3, refit=False)
    search.fit(X, Y)
    assert len(seen) == 15
    assert len({id(found[1]) for found in seen}) == 3


def test_joblib_says_how_many_threads(seen):
    with joblib.parallel_config(backend="threading", n_jobs=1):
        GridSearch(Watching(), {"number": [0, 1, 2, 3]}, cv=2, refit=False).fit(X, Y)
    assert len({found[0] for found in seen}) == 1


def test_a_search_inside_a_cell_has_one_thread(seen):
    inner = GridSearch(Watching(), {"number": [0, 1, 2]}, cv=2, refit=False)
    outer = GridSearch(
        inner, {"error_score": [0.0, 1.0]}, cv=2, refit=False, scoring=lambda *_: 0.0
    )
    outer.fit(X, Y)
    assert len(seen) == 24
    assert outer.results_.means().tolist() == [0.0, 0.0]


def test_cells_of_one_structure_follow_each_other_and_large_ones_come_first():
    candidates = [
        {"hidden_layer_sizes": widths, "alpha": alpha}
        for alpha in (0.1, 0.2)
        for widths in ((3,), (100, 10), (5,))
    ]
    cells = in_order(planned(0, candidates, 1, [{}]))
    assert [cell.settings["hidden_layer_sizes"] for cell in cells] == [
        *[(100, 10)] * 2,
        *[(5,)] * 2,
        *[(3,)] * 2,
    ]
    assert [cell.settings["alpha"] for cell in cells] == [0.1, 0.2] * 3


def test_keys_tell_cells_apart():
    def key(settings, fold=0):
        return Cell(0, fold, 0, settings).key

    assert key({"alpha": 0.1, "solver": "sgd"}) == key({"solver": "sgd", "alpha": 0.1})
    different = [
        key({"alpha": 0.1}),
        key({"alpha": 0.1}, fold=1),
        key({"alpha": 0.2}),
        key({"alpha": np.nextafter(0.1, 1)}),
        key({"beta": 0.1}),
        key({"alpha": "0.1"}),
        key({"alpha": None}),
        key({"alpha": cr.nn.relu}),
        key({"alpha": cr.nn.tanh}),
        key({"alpha": cr.optim.adam(0.1)}),
        key({"alpha": cr.optim.adam(0.2)}),
        key({"alpha": cr.optim.momentum(0.2)}),
        key({"alpha": network()}),
        key({"alpha": network(alpha=1.0)}),
    ]
    assert len(set(different)) == len(different)
    assert key({"alpha": cr.optim.adam(0.1)}) == key({"alpha": cr.optim.adam(0.1)})


# -- seeds ----------------------------------------------------------------------------------------


def test_seeds_are_counted_up_from_the_random_state():
    search = GridSearch(
        network(random_state=7), {"alpha": [0.1]}, holdout=0.3, seeds=3, scoring=sum_of_weights
    ).fit(X, Y)
    (train, _), *_ = search._splits(X, Y, {})
    expected = [
        kept_losses(network(random_state=state, alpha=0.1).fit(X[train], Y[train]))
        for state in (7, 8, 9)
    ]
    assert search.results_.test["score"][0, 0].tolist() == expected
    assert search.cv_results_["split0_test_score"][0] == pytest.approx(np.mean(expected), rel=1e-15)
    assert search.best_estimator_.random_state == 7


# -- progress -------------------------------------------------------------------------------------


def test_a_callback_is_told_of_every_cell():
    told = []
    search = GridSearch(
        network(), {"learning_rate_init": [1e-3, 1e-1]}, cv=3, callback=told.append
    ).fit(X, Y)
    assert [progress.done for progress in told] == [1, 2, 3, 4, 5, 6]
    last = told[-1]
    assert (last.total, last.diverged, last.failed) == (6, 0, 0)
    assert last.best_score == pytest.approx(search.best_score_, rel=1e-12)
    assert last.best_params == search.best_params_
    assert last.seconds_left == 0.0
    assert "6/6 fits, best 0." in str(last)
    assert f"(learning_rate_init={search.best_params_['learning_rate_init']:g})" in str(last)
    assert 0.0 < told[0].seconds_left < 1000.0


def test_verbose_prints_lines(capsys):
    GridSearch(network(), {"alpha": [0.1, 1.0]}, holdout=0.3, verbose=1).fit(X, Y)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("1/2 fits")
    assert lines[-1].startswith("2/2 fits, best 0.")


# -- cells that come to nothing -------------------------------------------------------------------


def test_diverged_cells_are_marked_and_not_fatal():
    space = {"learning_rate_init": [0.01, 1e200], "solver": ["sgd"]}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        search = GridSearch(network(), space, cv=2, refit=False).fit(X, Y)
    status = search.results_.status[:, :, 0].tolist()
    assert status == [["done", "done"], ["diverged", "diverged"]]
    assert np.isnan(search.cv_results_["mean_test_score"][1])
    assert search.best_params_["learning_rate_init"] == 0.01
    assert list(search.results_.messages) == [(1, 0, 0), (1, 1, 0)]
    assert "diverged in epoch 1" in search.results_.messages[1, 0, 0].lower()
    assert str(search.results_) == "2 of 4 fits done, 2 diverged"


class DivergesLate(MLPClassifier):
    """As a network that diverged after epochs that were worth keeping."""

    def fit(self, X, y):
        super().fit(X, y)
        self.stopped_, self.message_ = "diverged", "Diverged in epoch 3."
        return self


def test_what_was_kept_of_a_diverged_fit_has_a_score():
    estimator = make_pipeline(StandardScaler(), DivergesLate((4,), max_iter=3, random_state=0))
    search = GridSearch(estimator, {"divergeslate__alpha": [0.1]}, cv=2, refit=False).fit(X, Y)
    assert (search.results_.status == "diverged").all()
    assert np.isfinite(search.results_.means()).all()
    assert set(search.results_.messages.values()) == {"Diverged in epoch 3."}


def test_a_search_of_which_nothing_came_says_so():
    search = GridSearch(network(solver="sgd"), {"learning_rate_init": [1e200, 1e201]}, cv=2)
    with pytest.warns(FitFailedWarning) as caught:
        search.fit(X, Y)
    assert len(caught) == 1
    reason = search.results_.messages[0, 0, 0]
    assert str(caught[0].message) == (
        "GridSearch: 0 of 4 fits done, 4 diverged. Their scores are nan; results_.messages has the "
        f"reasons, the first of which is: {reason}"
    )
    assert search.cv_results_["rank_test_score"].tolist() == [1, 1]
    for ask in (lambda: search.predict(X), lambda: search.best_params_):
        with pytest.raises(NothingFoundError) as error:
            ask()
        assert error.value.message.endswith(
            f": 0 of 4 fits done, 4 diverged. The first reason: {reason}"
        )
    assert isinstance(error.value, AttributeError)
    assert "nan" in str(search.results_.ranking())
    assert search.results_.importance() == {"learning_rate_init": 0.0}


def test_errors_are_raised_if_that_is_asked_for():
    space = {"batch_size": [10], "solver": ["rprop"]}
    search = GridSearch(network(), space, cv=2, error_score="raise")
    with pytest.raises(ValueError, match="expected 'auto' for solver='rprop', got 10"):
        search.fit(X, Y)
    assert not hasattr(search, "results_")


def test_an_error_ends_the_fits_beside_it():
    """They would go on for hours, and leave off after an epoch."""
    epochs, under_way = [], threading.Event()

    def note(record):
        epochs.append(record.epoch)
        under_way.set()

    def fail(record):
        under_way.wait()
        raise RuntimeError("enough")

    long = {"max_iter": [10**9], "n_iter_no_change": [np.inf], "callbacks": [(note,)]}
    search = GridSearch(
        network(), [long, {"callbacks": [(fail,)]}], holdout=0.3, n_jobs=2, error_score="raise"
    )
    with pytest.raises(RuntimeError, match="enough"):
        search.fit(X, Y)
    n_epochs = len(epochs)
    time.sleep(0.05)
    assert len(epochs) == n_epochs < 10**9


def fails_for_two(y, predicted):
    if 2 in y:
        raise RuntimeError("no twos, please")
    return 1.0


def test_a_metric_that_fails_is_told_with_its_fold():
    scoring = {"accuracy": "accuracy", "own": lambda e, X, y: fails_for_two(y, e.predict(X))}
    search = GridSearch(
        network(), {"alpha": [0.1]}, cv=2, scoring=scoring, refit="accuracy", error_score=-5.0
    )
    with pytest.warns(FitFailedWarning, match="0 of 2 fits done, 2 failed"):
        search.fit(X, Y)
    assert search.cv_results_["mean_test_own"].tolist() == [-5.0]
    assert search.cv_results_["mean_test_accuracy"][0] > 0.0
    assert set(search.results_.messages.values()) == {
        "scoring: MetricError: RuntimeError: no twos, please"
    }


def test_nothing_is_kept_of_an_earlier_fit():
    search = GridSearch(network(), {"alpha": [0.1]}, cv=2).fit(X, Y)
    search.set_params(estimator__solver="sgd", estimator__learning_rate_init=1e200)
    with pytest.warns(FitFailedWarning):
        search.fit(X, Y)
    assert not hasattr(search, "best_estimator_")


def test_a_random_search_is_the_same_for_a_seed():
    def run(n_jobs):
        space = {"alpha": ..., "hidden_layer_sizes": "2:6:log"}
        return RandomSearch(
            network(), space, n_iter=4, holdout=0.3, random_state=1, n_jobs=n_jobs, refit=False
        ).fit(X, Y)

    first, second = run(1), run(2)
    assert first.results_.candidates == second.results_.candidates
    np.testing.assert_array_equal(first.results_.means(), second.results_.means())
