"""Stores outlive processes, and a search outlives its store."""

import json
import signal
import sqlite3
import subprocess
import sys
import time

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_iris
from sklearn.exceptions import FitFailedWarning
from sklearn.neighbors import KNeighborsClassifier

from chainrule import ChainruleError
from chainrule.search import GridSearch, RandomSearch
from chainrule.search.cells import Cell, Outcome
from chainrule.search.store import Store

X, Y = load_iris(return_X_y=True)


class Counting(ClassifierMixin, BaseEstimator):
    """Predicts one class, and writes down that it was fitted."""

    def __init__(self, guess=0, budget=9, log=None):
        self.guess = guess
        self.budget = budget
        self.log = log

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        with open(self.log, "a") as file:
            file.write(f"{self.guess}\n")
        return self

    def predict(self, X):
        return np.full(len(X), self.guess)


def fits(log):
    return sorted(log.read_text().split()) if log.exists() else []


def test_a_second_search_goes_on_with_the_first(tmp_path):
    log, store = tmp_path / "log", tmp_path / "s.db"
    estimator = Counting(log=str(log))
    first = GridSearch(estimator, {"guess": [0, 1, 2]}, cv=2, store=store, refit=False).fit(X, Y)
    assert fits(log) == ["0", "0", "1", "1", "2", "2"]
    second = GridSearch(estimator, {"guess": [0, 1, 2]}, cv=2, store=store, refit=False).fit(X, Y)
    assert len(fits(log)) == 6
    for name, column in first.cv_results_.items():
        np.testing.assert_array_equal(second.cv_results_[name], column)


def test_more_seeds_and_more_draws_are_added(tmp_path):
    log, store = tmp_path / "log", tmp_path / "s.db"
    estimator = Counting(log=str(log))
    space = {"guess": "0:1000000"}
    for n_iter in (3, 5):
        search = RandomSearch(estimator, space, n_iter=n_iter, holdout=0.5, store=store)
        search.set_params(refit=False).fit(X, Y)
        assert len(fits(log)) == n_iter
    assert len(search.results_.candidates) == 5


class Failing(Counting):
    """Fails for one guess, after it has written that down."""

    def fit(self, X, y):
        super().fit(X, y)
        if self.guess == 1:
            raise RuntimeError("not this one")
        return self


def test_what_raised_an_error_is_tried_again(tmp_path):
    log = tmp_path / "log"
    search = GridSearch(
        Failing(log=str(log)), {"guess": [0, 1]}, holdout=0.5, store=tmp_path / "s.db", refit=False
    )
    for _ in range(2):
        with pytest.warns(FitFailedWarning, match="1 of 2 fits done, 1 failed"):
            search.fit(X, Y)
    assert fits(log) == ["0", "1", "1"]
    with pytest.raises(RuntimeError, match="not this one"):
        search.set_params(error_score="raise").fit(X, Y)
    assert counted(tmp_path / "s.db", "owner IS NOT NULL") == 0


def test_halving_goes_on_with_a_store(tmp_path):
    log, store = tmp_path / "log", tmp_path / "s.db"
    space = {"guess": list(range(9))}
    estimator = Counting(log=str(log))
    first, second = (
        GridSearch(estimator, space, holdout=0.5, halving="budget", store=store, refit=False).fit(
            X, Y
        )
        for _ in range(2)
    )
    assert fits(log) == sorted([*map(str, range(9)), "0", "1", "2"])
    assert first.results_.candidates == second.results_.candidates


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"X": X + 1.0}, "data"),
        ({"space": {"n_neighbors": [1, 4]}}, "space"),
        ({"estimator": KNeighborsClassifier(p=1)}, "estimator"),
        ({"cv": 3}, "folds"),
        ({"scoring": "balanced_accuracy"}, "metrics"),
        ({"X": X[:, :2], "cv": 4, "return_train_score": True}, "data, folds and metrics"),
    ],
)
def test_a_store_of_another_search_is_refused(tmp_path, change, what):
    def run(X=X, estimator=None, space=None, cv=2, **settings):
        estimator = estimator or KNeighborsClassifier()
        path = tmp_path / "s.db"
        space = space or {"n_neighbors": [1, 3]}
        GridSearch(estimator, space, cv=cv, store=path, **settings).fit(X, Y)

    run()
    with pytest.raises(ChainruleError) as caught:
        run(**change)
    assert caught.value.message == (
        f"store: {tmp_path / 's.db'} belongs to a search that differs from this one in its {what}; "
        "name another file, or delete that one."
    )


SCRIPT = """
import sys, time
import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from chainrule.search import GridSearch

class Slow(RegressorMixin, BaseEstimator):
    def __init__(self, level=0, seconds=0.0):
        self.level, self.seconds = level, seconds
    def fit(self, X, y):
        time.sleep(self.seconds)
        self.mean_ = self.level * np.mean(y)
        with open(sys.argv[2], "a") as file:
            file.write(f"{self.level}\\n")
        return self
    def predict(self, X):
        return np.full(len(X), self.mean_)

rng = np.random.default_rng(0)
X, y = rng.normal(size=(40, 2)), rng.normal(size=40)
search = GridSearch(
    Slow(seconds=float(sys.argv[3])), {"level": list(range(12))}, holdout=0.5, refit=False,
    n_jobs=2, store=sys.argv[1], error_score="raise", verbose=1,
)
search.fit(X, y)
print(search.results_, repr(search.results_.means().tolist()), search.results_.interrupted)
"""


def started(tmp_path, log, seconds):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    command = [sys.executable, script, tmp_path / "s.db", tmp_path / log, str(seconds)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def counted(store, what):
    with sqlite3.connect(store) as file:
        count = file.execute(f"SELECT count(*) FROM cells WHERE {what}").fetchone()[0]
    file.close()
    return count


def wait_for_outcomes(tmp_path, count):
    """Wait until a search has written down some outcomes, and so begun others."""
    deadline = time.monotonic() + 60.0
    # Its first fit comes after the tables.
    while len(fits(tmp_path / "first")) < 1 or (
        counted(tmp_path / "s.db", "outcome IS NOT NULL") < count
    ):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def finished(process):
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    return out


EVERY_LEVEL = sorted(map(str, range(12)))


def test_a_killed_search_goes_on_where_it_was(tmp_path):
    process = started(tmp_path, "first", 0.1)
    wait_for_outcomes(tmp_path, 4)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    # Claims of the dead process are as if they had run out.
    done = counted(tmp_path / "s.db", "outcome IS NOT NULL")
    assert 4 <= done < 12
    assert counted(tmp_path / "s.db", "owner IS NOT NULL") >= 1
    with sqlite3.connect(tmp_path / "s.db") as file:
        file.execute("UPDATE cells SET until = until - 10.0")
    file.close()
    out = finished(started(tmp_path, "second", 0.1))
    assert out.startswith("12 of 12 fits done")
    assert len(fits(tmp_path / "second")) == 12 - done


def test_two_processes_share_the_work(tmp_path):
    pair = [started(tmp_path, name, 0.2) for name in ("first", "second")]
    first, second = map(finished, pair)
    assert first == second
    assert first.startswith("12 of 12 fits done")
    logs = [fits(tmp_path / name) for name in ("first", "second")]
    assert sorted(logs[0] + logs[1]) == EVERY_LEVEL


def test_a_claim_that_runs_out_is_taken_over(tmp_path, monkeypatch):
    first, second = (Store(tmp_path / "s.db", {}) for _ in range(2))
    cell = Cell(0, 0, 0, {"alpha": 1.0})
    assert first.claim(cell) == "ours"
    assert second.claim(cell) == "elsewhere"
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 9.0)
    assert second.claim(cell) == "elsewhere"
    monkeypatch.setattr(time, "time", lambda: now + 11.0)
    assert second.claim(cell) == "ours"
    assert first.claim(cell) == "elsewhere"
    outcome = Outcome("done", {"score": 0.1}, {}, 1.0, 2.0)
    second.finish(cell, outcome)
    assert first.claim(cell) == outcome
    for store in (first, second):
        store.release()


def test_claims_are_renewed_and_given_back(tmp_path, monkeypatch):
    first, second = (Store(tmp_path / "s.db", {}) for _ in range(2))
    cell = Cell(0, 0, 0, {"alpha": 1.0})
    assert first.claim(cell) == "ours"
    now, clock = time.time(), time.monotonic()
    monkeypatch.setattr(time, "time", lambda: now + 9.0)
    monkeypatch.setattr(time, "monotonic", lambda: clock + 9.0)
    first.renew()
    monkeypatch.setattr(time, "time", lambda: now + 18.0)
    assert second.claim(cell) == "elsewhere"
    first.release()
    assert second.claim(cell) == "ours"
    second.release()


def search_with(path):
    return GridSearch(KNeighborsClassifier(), {"n_neighbors": [1, 3]}, cv=2, store=path)


def expected_scores():
    return search_with(None).fit(X, Y).cv_results_["mean_test_score"]


def goes_on(path, reason):
    with pytest.warns(UserWarning, match="cannot be used") as caught:
        search = search_with(path).fit(X, Y)
    assert [str(warning.message) for warning in caught] == [
        f"store: {path} cannot be used ({reason}); the search goes on in memory, and what it finds "
        "from now on is not kept there."
    ]
    np.testing.assert_array_equal(search.cv_results_["mean_test_score"], expected_scores())


def test_a_damaged_store_does_not_stop_the_search(tmp_path):
    path = tmp_path / "s.db"
    path.write_bytes(b"no database at all" * 100)
    goes_on(path, "file is not a database")
    assert path.read_bytes() == b"no database at all" * 100


def test_a_locked_store_does_not_stop_the_search(tmp_path, monkeypatch):
    path = tmp_path / "s.db"
    search_with(path).fit(X, Y)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    monkeypatch.setattr("chainrule.search.store._PATIENCE", 0.05)
    goes_on(path, "database is locked")
    other.close()


def test_a_full_disk_does_not_stop_the_search(tmp_path, monkeypatch):
    path = tmp_path / "s.db"
    connect = sqlite3.connect

    def small(*args, **settings):
        connection = connect(*args, **settings)
        connection.execute("PRAGMA max_page_count = 6")
        return connection

    monkeypatch.setattr(sqlite3, "connect", small)
    monkeypatch.setattr(
        "chainrule.search.store.json.dumps",
        lambda value, dumps=json.dumps, **how: dumps(value, **how) + " " * 20_000,
    )
    goes_on(path, "database or disk is full")


@pytest.mark.parametrize("path", [5, b"s.db"])
def test_what_is_no_path_is_refused(path):
    with pytest.raises(TypeError) as caught:
        search_with(path).fit(X, Y)
    assert caught.value.message == f"store: expected the path of a file, got {path!r}."


def test_a_missing_folder_is_refused(tmp_path):
    with pytest.raises(ValueError, match="store") as caught:
        search_with(tmp_path / "none" / "s.db").fit(X, Y)
    assert caught.value.message == (
        f"store: the folder {tmp_path / 'none'} does not exist; make it first."
    )


def test_what_cannot_be_recognized_is_refused(tmp_path):
    space = {"metric": [lambda a, b: abs(a - b).sum()]}
    search = GridSearch(KNeighborsClassifier(), space, cv=2, store=tmp_path / "s.db")
    with pytest.raises(ValueError, match="store") as caught:
        search.fit(X, Y)
    assert caught.value.message.endswith(
        "could not be recognized when the search is started again; define it by name in a module, "
        "or search without a store."
    )


def test_ctrl_c_keeps_what_is_done(tmp_path):
    process = started(tmp_path, "first", 0.3)
    wait_for_outcomes(tmp_path, 4)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert "GridSearch was interrupted: " in err
    assert out.rstrip().endswith("True")
    done = int(out.split()[0])
    assert 4 <= done < 12
    assert out.startswith(f"{done} of 12 fits done, {12 - done} missing [")
    assert counted(tmp_path / "s.db", "outcome IS NOT NULL") == done
    assert counted(tmp_path / "s.db", "owner IS NOT NULL") == 0


def test_ctrl_c_ends_training_after_an_epoch(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        """
import numpy as np
from chainrule.search import GridSearch
from chainrule.estimators import MLPRegressor

rng = np.random.default_rng(0)
X, y = rng.normal(size=(200, 2)), rng.normal(size=200)
network = MLPRegressor(hidden_layer_sizes=(3,), max_iter=10**9, n_iter_no_change=10**9)
network.set_params(callbacks=[lambda record: print(flush=True)])
search = GridSearch(network, {"alpha": [0.1, 0.2]}, holdout=0.5, n_jobs=2)
search.fit(X, y)
print(search.results_)
search.best_params_
"""
    )
    process = subprocess.Popen(
        [sys.executable, script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert out.split("\n")[-2] == "0 of 2 fits done, 2 missing"
    assert "Training interrupted" not in err
    assert err.rstrip().splitlines()[-2] == (
        "chainrule.search.base.NothingFoundError: GridSearch has no best_params_: 0 of 2 fits "
        "done, 2 missing. The first reason: it was interrupted before that."
    )
