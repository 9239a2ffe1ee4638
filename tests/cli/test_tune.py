"""`chainrule tune`: what it finds is what fitting by hand finds, and what it says is so."""

import itertools
import json
import sqlite3
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

import chainrule
from chainrule import datasets
from chainrule.cli._evaluation import cross_validation, held_out
from chainrule.models import NetworkClassifier

SMALL = ("--hidden", "6", "--epochs", "8")


def tuned(run, *arguments):
    result = run("tune", *arguments, "--json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def by_hand(fold, seed, **settings):
    """Return the accuracy of a network on the rows of iris that are held out."""
    iris = datasets.load("iris")
    rest, _ = datasets.train_test_split(iris, 0.2, seed=0)
    train, test = rest.take(fold(rest).train), rest.take(fold(rest).test)
    common = {**iris.recipe.settings, "hidden_layer_sizes": 6, "max_iter": 8}
    network = NetworkClassifier(**common | settings, random_state=seed)
    network.batch_size = min(network.batch_size, train.n_samples)
    network.fit(train.features, train.target)
    return float(np.mean(network.predict(test.features) == test.target))


def test_scores_are_those_of_networks_fitted_by_hand(run):
    document = tuned(run, "iris", *SMALL, "--grid", "eta=0.001,0.1", "--grid", "lambda=1e-4:1:log2")
    assert document["space"] == {"eta": [0.001, 0.1], "lambda": [0.0001, 1.0]}
    assert document["fits"] == {"done": 4, "diverged": 0, "failed": 0, "missing": 0}
    found = {tuple(c["params"].values()): c["score"] for c in document["candidates"]}
    for eta, penalty in itertools.product([0.001, 0.1], [0.0001, 1.0]):
        expected = by_hand(
            lambda rest: held_out(rest, 0.2, 0)[0], 0, learning_rate_init=eta, alpha=penalty
        )
        assert found[eta, penalty] == expected


def test_folds_and_seeds(run):
    document = tuned(
        run, "iris", *SMALL, "--grid", "learning-rate=0.1", "--cv", "3", "--seeds", "2"
    )
    assert (document["n_folds"], document["n_seeds"]) == (3, 2)
    (only,) = document["candidates"]
    scores = np.array(
        [
            [
                by_hand(
                    lambda rest, k=k: cross_validation(rest, 3, 0)[k], seed, learning_rate_init=0.1
                )
                for seed in (0, 1)
            ]
            for k in range(3)
        ]
    )
    assert only["score"] == pytest.approx(scores.mean())
    assert only["spread"] == pytest.approx(scores.mean(axis=0).std(ddof=1))


def test_folds_hold_each_sample_out_once_and_keep_classes_in_proportion():
    digits = datasets.load("digits")
    folds = cross_validation(digits, 5, seed=3)
    rows = np.concatenate([fold.test for fold in folds])
    np.testing.assert_array_equal(np.sort(rows), np.arange(digits.n_samples))
    counts = np.array([np.bincount(digits.target[fold.test]) for fold in folds])
    assert np.ptp(counts, axis=0).max() <= 1
    for fold in folds:
        assert not set(fold.train) & set(fold.test)
        assert len(fold.train) + len(fold.test) == digits.n_samples
    assert folds[0].test.tolist() != cross_validation(digits, 5, seed=4)[0].test.tolist()


def test_the_best_is_what_train_makes_of_the_same_options(run, tmp_path):
    path = tmp_path / "best.model"
    document = tuned(
        run,
        *("iris", *SMALL, "--save", str(path), "--random", "3", "--seed", "5"),
        *("--grid", "eta=1e-3:0.3:log", "--grid", "lambda=1e-4:1:log"),
    )
    trained = run("train", "iris", *SMALL, *document["options"].split(), "--seed", "5", "--json")
    assert json.loads(trained.stdout)["scores"] == document["scores"]
    model = chainrule.load(path)
    iris = datasets.load("iris")
    _, test = datasets.train_test_split(iris, 0.2, seed=5)
    names = np.array(iris.class_names)[test.target]
    right = np.mean(model.predict(test.features) == names)
    assert right == document["scores"]["test"]["accuracy"]
    assert run("summary", str(path)).exit_code == 0
    assert run("evaluate", str(path), "iris", "--quiet").exit_code == 0


def test_the_table_and_the_result(run):
    arguments = ("iris", *SMALL, "--grid", "eta=1e-5:0.1:log3", "--cv", "2", "--seeds", "2")
    result = run("tune", *arguments)
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[:4] == [
        "iris: 120 samples to search with",
        "30 others are held out for testing the best",
        "Each combination is scored by 2-fold cross-validation",
        "3 combinations of eta: 12 fits",
    ]
    assert [line.split()[1] for line in lines if line.startswith("  fit ")][-1] == "12/12"
    head = lines.index("rank  accuracy       ±  as good    eta")
    ranks = [line.split()[0] for line in lines[head + 1 : head + 4]]
    assert ranks == ["1", "2", "3"]
    assert "Warning: the best eta, 0.1, is the highest that was tried; a better one may lie" in (
        result.stdout
    )
    quiet = run("tune", *arguments, "--quiet").stdout.splitlines()
    assert quiet[0].startswith("Best --learning-rate 0.1: accuracy 0.")
    assert [line.split()[0] for line in quiet] == ["Best", "Test", "Training"]
    assert quiet[1] in lines


def test_values_are_written_as_for_train(run):
    document = tuned(
        run,
        *("iris", "--epochs", "3", "--grid", "hidden=5,6-4,none", "--grid", "clip-norm=none,1"),
        *("--grid", "standardize=true,false"),
    )
    assert document["space"] == {
        "hidden": [5, [6, 4], []],
        "clip-norm": [None, 1.0],
        "standardize": [True, False],
    }


@pytest.mark.parametrize(
    ("name", "declared"),
    [
        ("eta", "learning_rate_init"),
        ("lambda", "alpha"),
        ("λ", "alpha"),
        ("l2", "alpha"),
        ("learning-rate", "learning_rate_init"),
        ("learning_rate_init", "learning_rate_init"),
        ("hidden", "hidden_layer_sizes"),
        ("max_iter", "max_iter"),
        ("dropout", "dropout"),
    ],
)
def test_names(name, declared):
    from chainrule.cli._space import read_space

    value = 0.5 if isinstance(getattr(NetworkClassifier, declared), float) else 5
    varied = read_space([f"{name}={value}"], {}, NetworkClassifier)
    assert dict(varied.labels) == {declared: name}


def test_random_and_bayesian_searches_try_so_many(run):
    grid = ("--grid", "eta=1e-4:0.1:log", "--grid", "activation=relu,tanh")
    for option in ("--random", "--bayes"):
        one, same = (tuned(run, "iris", *SMALL, *grid, option, "5") for _ in range(2))
        assert len(one["candidates"]) == 5
        etas = [candidate["params"]["eta"] for candidate in one["candidates"]]
        assert len(set(etas)) == 5
        assert all(1e-4 <= eta <= 0.1 for eta in etas)
        assert same["candidates"] == one["candidates"]
    assert one["warnings"] == []
    drawn = [
        tuned(run, "iris", *SMALL, *grid, "--random", "5", "--seed", seed)["space"]["eta"]
        for seed in "01"
    ]
    assert drawn[0] != drawn[1]


def test_a_score_that_is_not_defined_is_said(run, tmp_path):
    table = tmp_path / "flat.csv"
    table.write_text("x,y\n" + "".join(f"{k}.5,{2.5 + (k == 8)}\n" for k in range(40)))
    options = ("--task", "regression", "--target", "y", "--epochs", "2", "--grid", "eta=0.1")
    result = run("tune", str(table), *options)
    assert result.exit_code == 2
    assert "1 combination of eta: 1 fit\n" in result.stdout
    assert "R² says nothing: all samples held out have the same target." in result.stderr


def test_nothing_is_drawn_twice_where_there_are_only_so_many(run):
    document = tuned(run, "iris", *SMALL, "--grid", "eta=0.001:0.1:log4", "--random", "9")
    assert sorted(c["params"]["eta"] for c in document["candidates"]) == pytest.approx(
        np.geomspace(0.001, 0.1, 4)
    )


@pytest.mark.parametrize(
    ("grid", "kind"),
    [
        (["eta=0.01,0.1"], "ValidationCurveDisplay"),
        (["eta=0.01,0.1", "lambda=0.1,1"], "SearchHeatmapDisplay"),
        (["eta=0.01,0.1", "lambda=0.1,1", "momentum=0.5,0.9"], "ParallelCoordinatesDisplay"),
    ],
)
def test_pictures(run, tmp_path, grid, kind):
    path = tmp_path / "picture.svg"
    options = [part for text in grid for part in ("--grid", text)]
    document = tuned(run, "iris", *SMALL, *options, "--plot", str(path))
    assert document["plot"] == str(path)
    root = ET.fromstring(path.read_text(encoding="utf-8"))
    assert root.find(".//{http://purl.org/dc/elements/1.1/}title").text == kind
    words = {node.text for node in root.iter("{http://www.w3.org/2000/svg}text")}
    assert {text.partition("=")[0] for text in grid} <= words
    assert any("accuracy" in word for word in words if word)


def test_a_search_goes_on_where_it_stopped(run, tmp_path):
    store = tmp_path / "search.db"
    arguments = ("iris", *SMALL, "--grid", "eta=0.001:0.1:log3", "--store", str(store))
    first = tuned(run, *arguments)
    connection = sqlite3.connect(store)
    with connection:
        assert connection.execute("SELECT count(*) FROM cells").fetchone() == (3,)
        # As if one had not been done, and the others had other scores.
        key, outcome = connection.execute("SELECT key, outcome FROM cells LIMIT 1").fetchone()
        changed = json.loads(outcome)
        changed[1]["accuracy"] = 0.125
        connection.execute("UPDATE cells SET outcome = ?", [json.dumps(changed)])
        connection.execute("DELETE FROM cells WHERE key = ?", [key])
    connection.close()
    again = tuned(run, *arguments)
    scores = sorted(candidate["score"] for candidate in again["candidates"])
    assert scores[:2] == [0.125, 0.125]
    assert scores[2] in {candidate["score"] for candidate in first["candidates"]}
    other = run("tune", *arguments, "--cv", "2")
    assert other.exit_code == 2
    differs = f"store: {store} belongs to a search that differs from this one in its folds;"
    assert differs in other.stderr


def test_more_draws_are_added_to_a_store(run, tmp_path):
    options = ("iris", *SMALL, "--grid", "eta=0.001:0.1:log", "--store", str(tmp_path / "s.db"))
    few, more = (tuned(run, *options, "--random", count) for count in ("2", "3"))
    assert set(few["space"]["eta"]) < set(more["space"]["eta"])
    connection = sqlite3.connect(tmp_path / "s.db")
    assert connection.execute("SELECT count(*) FROM cells").fetchone() == (3,)
    connection.close()


def test_what_is_said_of_a_store_that_is_none_is_a_note(run, tmp_path):
    (tmp_path / "s.db").write_text("this is no database, and is much longer than its header")
    options = ("iris", *SMALL, "--grid", "eta=0.1", "--store", str(tmp_path / "s.db"))
    result = run("tune", *options)
    assert result.exit_code == 0
    assert "Note: store: " in result.stdout
    assert "1 of 1 fits done" in result.stdout


def test_a_regression_is_scored_by_r2(run):
    document = tuned(run, "diabetes", "--epochs", "5", "--grid", "eta=0.01,0.1")
    assert document["metric"] == "R²"
    assert document["candidates"][0]["score"] < 1.0
    assert set(document["scores"]["test"]) == {"n_samples", "r2", "mse", "mae"}


def test_every_fit_diverged(run, tmp_path):
    path = tmp_path / "picture.svg"
    result = run(
        *("tune", "diabetes", "--optimizer", "sgd", "--epochs", "10", "--grid", "eta=1e30,1e40"),
        *("--plot", str(path)),
    )
    assert result.exit_code == 4
    assert "0 of 2 fits done, 2 diverged" in result.stdout
    assert result.stderr == (
        "Every fit diverged. Try smaller learning rates, --clip-norm, or another --optimizer.\n"
    )
    assert path.exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no such device")
def test_a_full_disk_takes_the_picture_only(run, tmp_path):
    (tmp_path / "heat.svg").symlink_to("/dev/full")
    arguments = ("iris", *SMALL, "--grid", "eta=0.01,0.1", "--json")
    result = run(
        *("tune", *arguments, "--plot", str(tmp_path / "heat.svg")),
        *("--save", str(tmp_path / "best.model")),
    )
    assert result.exit_code == 3
    assert result.stderr == (
        f"Error: --plot: {tmp_path / 'heat.svg'} could not be written: No space left on device.\n"
    )
    assert json.loads(result.stdout)["saved"] == str(tmp_path / "best.model")
    assert (tmp_path / "best.model").exists()


def test_settings_that_exclude_each_other(run):
    result = run("tune", "iris", "--optimizer", "rprop", "--grid", "batch-size=10,20")
    assert (result.exit_code, result.stdout.count("rank")) == (2, 0)
    assert "Error: batch_size: expected 'auto' for solver='rprop', got 10" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "expected at least one, such as --grid eta=1e-5:10:log7."),
        (["--grid", "etta=1,2"], "there is no hyper-parameter 'etta'. Did you mean 'eta'?"),
        (
            ["--grid", "learning_rate=0.1"],
            "there is no hyper-parameter 'learning_rate'. Did you mean 'learning-rate'?",
        ),
        (["--grid", "eta"], "such as eta=1e-5:10:log7, got 'eta'."),
        (["--grid", "eta=0:1:log3"], "eta: expected a logarithmic range above 0, got 0 to 1;"),
        (["--grid", "eta=1:1"], "eta: expected a range from a lower to a higher number, got 1 to"),
        (["--grid", "eta=-1:1:lin3"], "eta: The 'learning_rate_init' parameter"),
        (["--grid", "activation=tahn"], "got 'tahn'. Did you mean 'tanh'?"),
        (["--grid", "eta=0.1", "--grid", "learning-rate=1"], "learning-rate is varied twice."),
        (
            ["--grid", "eta=0.1", "--learning-rate", "1"],
            "eta is set by --learning-rate already; leave one of both out.",
        ),
        (["--grid", "eta=0.1", "--cv", "3", "--holdout", "0.2"], "expected --cv or --holdout, got"),
        (["--grid", "eta=0.1", "--random", "3", "--bayes", "2"], "expected --random or --bayes, g"),
        (["--grid", "eta=0.1", "--holdout", "1.5"], "a share above 0 and below 1, got 1.5."),
        (["--grid", "eta=0.1", "--plot", "a.docx"], "ends in .svg, .pdf, .png, got a.docx."),
        (["--grid", "eta=0.1", "--store", "no/such/f.db"], "no/such/f.db cannot be written."),
        (["--grid", "eta=0.1", "--seeds", "0"], "than or equal to 1"),
        (["--grid", "eta=0.1", "--cv", "1"], "than or equal to 2"),
        (["--grid", "loss=gaussian"], "--loss: expected"),
    ],
)
def test_wrong_usage(run, arguments, message):
    result = run("tune", "iris", *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    shown = " ".join(result.stderr.replace("│", " ").split())
    assert message in shown


def test_folds_that_data_do_not_have(run, csv_file):
    rows = "".join(f"{i},{'a' if i < 3 else 'b'}\n" for i in range(30))
    name = csv_file("x,y\n" + rows)
    options = ("--target", "y", "--test-size", "0", "--grid", "eta=0.1")
    result = run("tune", name, *options, "--cv", "5")
    assert (result.exit_code, result.stdout) == (3, "")
    assert result.stderr == (
        "Error: --cv: expected at least 5 samples of each class, one for each fold, got 3 of 'a'; "
        "use fewer folds or --holdout.\n"
    )
    assert run("tune", name, *options, "--cv", "3", "--epochs", "2").exit_code == 0
    missing = run("tune", "no.csv", "--target", "y", "--grid", "eta=0.1")
    assert missing.exit_code == 3


def test_demo_trains_and_draws(run, tmp_path, monkeypatch):
    from chainrule.cli import _demo

    monkeypatch.setattr(_demo, "GRID", ("eta=0.01,1", "lambda=1e-3,1"))
    monkeypatch.setattr(_demo, "SETTINGS", {**_demo.SETTINGS, "max_iter": 3})
    path = tmp_path / "heat.svg"
    result = run("demo", "--plot", str(path))
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith("$ chainrule train digits\ndigits: 1,797 samples")
    assert "4 combinations of eta, lambda: 4 fits" in result.stdout
    assert "SearchHeatmapDisplay" in path.read_text(encoding="utf-8")
