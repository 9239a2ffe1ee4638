"""The learning-rate finder from the command line."""

import csv
import json

import numpy as np
import pytest

from chainrule import datasets
from chainrule.models import NetworkClassifier


def test_it_is_the_search_of_the_network(run, tmp_path):
    path = tmp_path / "curve.csv"
    result = run("lr-find", "iris", "--seed", "2", "--hidden", "9", "--json", "--save", str(path))
    assert result.exit_code == 0
    document = json.loads(result.stdout)
    assert list(document) == [
        *("command", "data", "seed", "n_samples", "suggestion", "message", "curve", "saved")
    ]
    iris = datasets.load("iris")
    train, _ = datasets.train_test_split(iris, 0.2, seed=2)
    settings = {**iris.recipe.settings, "hidden_layer_sizes": 9, "random_state": 2}
    search = NetworkClassifier(**settings).find_learning_rate(train.features, train.target)
    assert document["suggestion"] == search.suggestion
    assert document["curve"]["loss"] == search.losses.tolist()
    with path.open(encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    assert header == ["learning_rate", "loss", "smoothed_loss"]
    np.testing.assert_array_equal(np.array(rows, float)[:, 0], search.rates)


def test_the_curve_is_drawn_and_the_option_printed(run):
    result = run("lr-find", "iris")
    lines = result.stdout.splitlines()
    assert lines[0].startswith("iris: 120 training samples, ")
    assert lines[1].split() == ["rate", "loss"]
    assert max(line.count("#") for line in lines) == 50
    assert lines[-1].startswith("--learning-rate ")
    quiet = run("lr-find", "iris", "--quiet").stdout
    assert quiet == lines[-1] + "\n"
    suggestion = json.loads(run("lr-find", "iris", "--json").stdout)["suggestion"]
    assert float(quiet.split()[1]) == pytest.approx(suggestion, rel=0.05)


@pytest.mark.parametrize("solver", ["lbfgs", "rprop"])
def test_solvers_without_batches_are_refused(run, solver):
    result = run("lr-find", "iris", "--optimizer", solver)
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"got {solver!r}." in result.stderr
