"""Cells on a Dask cluster: the same results, and nothing lost with a worker that is killed."""

import gc
import os
import signal
import time
import warnings

import joblib
import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_iris

from chainrule.estimators import MLPClassifier
from chainrule.search import GridSearch

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    # The cluster's own, about ports and about workers that are gone.
    pytest.mark.filterwarnings("ignore::UserWarning:distributed"),
]

X, Y = load_iris(return_X_y=True)


@pytest.fixture(scope="module")
def client():
    from distributed import Client, LocalCluster

    cluster = LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    )
    with cluster, Client(cluster) as client:
        yield client
    # The cluster leaves a socket to the garbage collector, which is to find it here.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        del cluster, client
        gc.collect()


def grid(n_values, **settings):
    estimator = MLPClassifier((4,), max_iter=20, random_state=0)
    space = {"learning_rate_init": f"1e-3:1:log{n_values}"}
    return GridSearch(estimator, space, cv=2, refit=False, **settings)


def test_the_results_are_those_of_threads(client):
    expected = grid(3).fit(X, Y)
    with joblib.parallel_config(backend="dask"):
        found = grid(3).fit(X, Y)
    np.testing.assert_array_equal(found.results_.test["score"], expected.results_.test["score"])


class Slow(ClassifierMixin, BaseEstimator):
    """Takes its time, and tells in which process."""

    def __init__(self, folder=None, level=0):
        self.folder = folder
        self.level = level

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        time.sleep(0.1)
        with open(os.path.join(self.folder, str(os.getpid())), "a") as file:
            file.write(f"{self.level}\n")
        return self

    def predict(self, X):
        return np.full(len(X), self.level % 3)


def test_a_killed_worker_loses_nothing(client, tmp_path):
    killed = []

    def kill(progress):
        if progress.done >= 6 and not killed:
            killed.append(next(iter(client.run(os.getpid).values())))
            os.kill(killed[0], signal.SIGKILL)

    search = GridSearch(
        Slow(str(tmp_path)), {"level": list(range(24))}, holdout=0.3, refit=False, callback=kill
    )
    with joblib.parallel_config(backend="dask"):
        search.fit(X, Y)
    assert killed
    assert str(search.results_) == "24 of 24 fits done"
    expected = GridSearch(Slow(str(tmp_path)), {"level": [0, 1, 2]}, holdout=0.3, refit=False)
    by_level = expected.fit(X, Y).results_.means()
    np.testing.assert_array_equal(search.results_.means(), np.tile(by_level, 8))
    pids = {int(name) for name in os.listdir(tmp_path)} - {os.getpid()}
    assert killed[0] in pids
    assert len(pids) >= 2
