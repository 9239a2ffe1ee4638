"""Training from the command line: the built-in sets, files, settings, and how runs end."""

import json
import re

import numpy as np
import pytest

import chainrule as cr
from chainrule import datasets, saving
from chainrule._errors import FileError, InvalidArgumentError
from chainrule.cli import TableModel, _progress
from chainrule.estimators import MLPClassifier, MLPRegressor
from chainrule.training import steps


def accuracy(output, part):
    """Return the accuracy of a part as printed, from its counts."""
    right, total = re.search(
        rf"^{part} accuracy \S+ % \((\S+) of (\S+) correct\)$", output, re.M
    ).groups()
    return int(right.replace(",", "")) / int(total.replace(",", ""))


def table(output):
    """Return the numbers of the confusion table."""
    lines = output.split("Confusion table (row: true class, column: predicted class)\n")[1]
    rows = [line.replace("·", "0").split()[1:] for line in lines.splitlines()[1:]]
    return np.array(rows, dtype=int)


@pytest.fixture(scope="module")
def blobs():
    """Two features around three centres, labelled by name, as lines of a CSV file."""
    generator = np.random.default_rng(0)
    lines = ["width,length,species"]
    for name, centre in {"ash": (0, 0), "elm": (4, 0), "oak": (0, 4)}.items():
        for a, b in generator.normal(centre, 0.5, (30, 2)):
            lines.append(f"{a},{b},{name}")
    return "\n".join(lines)


@pytest.fixture(scope="module")
def line():
    """A straight line with a little noise, far from 0 and in large units."""
    x = np.linspace(1000, 2000, 120)
    y = 5e6 + 300 * x + np.random.default_rng(0).normal(0, 3000, x.size)
    return "x,y\n" + "\n".join(f"{a},{b}" for a, b in zip(x, y, strict=True))


def test_digits_with_its_recipe(run):
    result = run("train", "digits")
    assert result.exit_code == 0
    assert result.stdout.startswith(
        "digits: 1,797 samples, 64 features, 10 classes\n"
        "1,438 samples for training, 359 for testing (shuffled, classes in proportion)\n"
        "Network 64-50-10, logistic, 3,760 parameters\n"
        "Training with loss log_loss, optimizer adam, learning-rate 0.01, l2 0.01, batch-size 100, "
        "epochs 100, seed 0\n"
        "  epoch   1/100  loss "
    )
    assert len(re.findall(r"^  epoch ", result.stdout, re.M)) == 100
    assert accuracy(result.stdout, "Test") >= 0.96
    counts = table(result.stdout)
    assert counts.sum(axis=1).tolist() == [36, 36, 35, 37, 36, 36, 36, 36, 35, 36]
    assert np.trace(counts) == round(accuracy(result.stdout, "Test") * 359)


@pytest.mark.parametrize("gate", ["xor", "or", "and"])
@pytest.mark.parametrize("seed", ["0", "1", "2"])
def test_gates_are_learnt_by_two_hidden_units(run, gate, seed):
    result = run("train", gate, "--seed", seed)
    assert result.exit_code == 0
    assert result.stdout.startswith(
        f"{gate}: 4 samples, 2 features, 2 classes\n"
        "No samples are held out for testing: the result is that of training samples.\n"
        "Network 2-2-1, logistic, 9 parameters\n"
    )
    assert "Training accuracy 100.0 % (4 of 4 correct)" in result.stdout


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_digits_are_trained_as_by_the_estimator(run, tmp_path):
    path = tmp_path / "model"
    run("train", "digits", "--epochs", "3", "--seed", "7", "--save", str(path))
    digits = datasets.load("digits")
    train, _ = datasets.train_test_split(digits, 0.2, seed=7)
    settings = {**digits.recipe.settings, "max_iter": 3}
    expected = MLPClassifier(**settings, random_state=7).fit(train.features, train.target)
    saved = cr.load(path)
    assert isinstance(saved, TableModel)
    assert type(saved.estimator) is MLPClassifier
    for mine, other in zip(saved.estimator.coefs_, expected.coefs_, strict=True):
        np.testing.assert_array_equal(mine, other)
    np.testing.assert_array_equal(
        saved.estimator.predict(digits.features), expected.predict(digits.features)
    )


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_regression_is_trained_as_by_the_estimator(run, tmp_path):
    path = tmp_path / "model"
    run(
        *("train", "diabetes", "--epochs", "3", "--val-size", "0.25", "--early-stopping"),
        *("--hidden", "6,4", "--dropout", "0.1", "--save", str(path)),
    )
    diabetes = datasets.load("diabetes")
    rest, _ = datasets.train_test_split(diabetes, 0.2, seed=0)
    train, held_out = datasets.train_test_split(rest, 0.25, seed=0)
    settings = {
        **diabetes.recipe.settings,
        **{"max_iter": 3, "early_stopping": True, "hidden_layer_sizes": (6, 4), "dropout": 0.1},
    }
    expected = MLPRegressor(**settings, random_state=0).fit(
        train.features, train.target, X_val=held_out.features, y_val=held_out.target
    )
    saved = cr.load(path).estimator
    for mine, other in zip(saved.coefs_, expected.coefs_, strict=True):
        np.testing.assert_array_equal(mine, other)
    assert saved.validation_scores_ == expected.validation_scores_


def test_same_seed_same_output(run):
    first, again, other = (
        run("train", "digits", "--epochs", "2", "--seed", seed).stdout for seed in "334"
    )
    assert first == again
    assert first.split("seed 3")[1] != other.split("seed 4")[1]


def test_file_with_classes(run, csv_file, blobs):
    name = csv_file(blobs)
    result = run(
        *("train", name, "--target", "species", "--hidden", "8,4", "--batch-size", "8"),
        *("--learning-rate", "0.01"),
    )
    assert result.exit_code == 0
    assert "data.csv: 90 samples, 2 features, 3 classes\n" in result.stdout
    assert "Network 2-8-4-3, relu, " in result.stdout
    assert accuracy(result.stdout, "Test") == 1
    assert re.search(r"^ +ash +elm +oak$", result.stdout, re.M)


@pytest.mark.parametrize(
    "options",
    [
        ("--optimizer", "sgd", "--no-nesterovs-momentum", "--activation", "tanh"),
        ("--optimizer", "lbfgs", "--activation", "relu", "--batch-size", "auto"),
        ("--init", "he_normal", "--normalization", "batch", "--l1", "0.001", "--clip-norm", "1"),
        ("--schedule", "cosine", "--activation", "gelu", "--dtype", "float32"),
    ],
)
def test_other_settings(run, csv_file, blobs, options):
    result = run(
        *("train", csv_file(blobs), "--target", "species", "--hidden", "8", "--seed", "1"),
        *("--learning-rate", "0.05", "--l2", "0.001", "--epochs", "40", "--test-size", "0.5"),
        *options,
    )
    assert result.exit_code == 0
    assert "learning-rate 0.05, l2 0.001," in result.stdout
    assert "45 samples for training, 45 for testing" in result.stdout
    assert accuracy(result.stdout, "Test") >= 0.95


def test_regression_is_scored_in_the_units_of_the_target(run, csv_file, line):
    result = run(
        *("train", csv_file(line), "--target", "y", "--optimizer", "lbfgs", "--hidden", "4")
    )
    assert result.exit_code == 0
    assert "data.csv: 120 samples, 1 feature, regression\n" in result.stdout
    mse, mae, r2 = re.search(
        r"^Test mean squared error (\S+), mean absolute error (\S+), R² (\S+)$", result.stdout, re.M
    ).groups()
    # The noise has variance 9e6, the line a standard deviation of about 87,000.
    assert 2e6 < float(mse) < 5e7
    assert 1e3 < float(mae) < 6e3
    assert float(r2) > 0.99


def test_columns_are_dropped(run, csv_file, blobs):
    lines = [f"{line},{'id' if i == 0 else f'tree {i}'},7" for i, line in enumerate(blobs.split())]
    name = csv_file("\n".join([lines[0].replace(",7", ",plot"), *lines[1:]]))
    result = run(
        *("train", name, "--target", "species", "--drop", "id", "--drop", "plot", "--epochs", "1")
    )
    assert "data.csv: 90 samples, 2 features, 3 classes\n" in result.stdout


def test_task_is_what_is_asked_for(run, csv_file):
    name = csv_file("a,b,y\n" + "\n".join(f"{i},{i % 3},{i % 2}" for i in range(20)))
    assert "2 classes" in run("train", name, "--target", "y", "--epochs", "1").stdout
    result = run("train", name, "--target", "y", "--epochs", "1", "--task", "regression")
    assert "data.csv: 20 samples, 2 features, regression\n" in result.stdout
    assert "Test mean squared error" in result.stdout


def test_batches_are_no_larger_than_the_data(run, csv_file, blobs):
    result = run(
        *("train", csv_file(blobs), "--target", "species", "--epochs", "1", "--batch-size", "500")
    )
    assert "batch-size 72, epochs 1, seed 0" in result.stdout


def test_no_test_part(run, csv_file, blobs):
    result = run(
        *("train", csv_file(blobs), "--target", "species", "--test-size", "0", "--epochs", "1")
    )
    assert "No samples are held out" in result.stdout
    assert "Test accuracy" not in result.stdout
    assert table(result.stdout).sum() == 90


def test_a_validation_part_that_is_too_small(run):
    result = run("train", "iris", "--val-size", "0.02")
    assert (result.exit_code, result.stdout) == (3, "")
    assert result.stderr == (
        "Error: --val-size: iris: a test part of size 2 cannot hold each of 3 classes. Make the "
        "part larger, or use more samples.\n"
    )


def test_quiet_prints_the_result_only(run, csv_file, blobs):
    result = run("train", csv_file(blobs), "--target", "species", "--quiet", "--epochs", "1")
    assert [line.split()[:2] for line in result.stdout.splitlines()] == [
        ["Test", "accuracy"],
        ["Training", "accuracy"],
    ]


def test_json_has_the_documented_keys(run, tmp_path):
    path = tmp_path / "model"
    result = run(
        *("train", "iris", "--json", "--epochs", "4", "--val-size", "0.25", "--save", str(path)),
        *("--optimizer", "lbfgs"),
    )
    document = json.loads(result.stdout)
    assert list(document) == [
        *("command", "data", "seed", "split", "message", "scores", "settings", "network"),
        *("stopped", "n_epochs", "history", "saved"),
    ]
    assert document["data"] == {
        "name": "iris",
        "n_samples": 150,
        "n_features": 4,
        "task": "classification",
        "target": "species",
        "classes": ["setosa", "versicolor", "virginica"],
    }
    assert document["split"] == {"test": 30, "validation": 30, "training": 90}
    assert document["settings"]["solver"] == "lbfgs"
    assert document["settings"]["random_state"] == 0
    assert document["network"] == {
        "widths": [4, 50, 3],
        "n_parameters": 403,
        "standardized": False,
    }
    assert document["n_epochs"] == len(document["history"]["train_loss"]) == 4
    assert document["saved"] == str(path)
    # What is said of the test part is true of the network that was saved.
    _, test = datasets.train_test_split(datasets.load("iris"), 0.2, seed=0)
    predicted = cr.load(path).estimator.predict(test.features)
    assert document["scores"]["test"]["accuracy"] == (predicted == test.target).mean()


def test_a_network_that_cannot_be_saved_is_tested_all_the_same(run, tmp_path, monkeypatch):
    def refuse(*arguments, **keywords):
        raise FileError("save: there is no room to write it.")

    monkeypatch.setattr(saving, "save", refuse)
    options = ("train", "iris", "--epochs", "2", "--save", str(tmp_path / "model"))
    result = run(*options, "--quiet")
    assert (result.exit_code, result.stderr) == (3, "Error: save: there is no room to write it.\n")
    assert "Test accuracy" in result.stdout
    document = json.loads(run(*options, "--json").stdout)
    assert document["saved"] is None
    assert document["scores"]["test"]["n_samples"] == 30


def test_divergence_before_the_first_epoch_ends(run):
    result = run("train", "digits", "--optimizer", "sgd", "--learning-rate", "1e200")
    assert result.exit_code == 4
    assert re.search(r"Diverged in epoch 1: in batch \d+ of 15, .* layer [12], ", result.stderr)
    assert result.stderr.startswith("Error: Solver produced non-finite parameter weights.")


def test_divergence_later_keeps_the_best_weights(run, csv_file):
    x = np.linspace(-1, 1, 40)
    name = csv_file("x,y\n" + "\n".join(f"{a},{a * a}" for a in x))
    result = run(
        *("train", name, "--target", "y", "--optimizer", "sgd", "--learning-rate", "1e3"),
        *("--activation", "identity", "--patience", "inf", "--momentum", "0"),
    )
    assert result.exit_code == 4
    assert re.match(
        r"Diverged in epoch \d+: .* and the weights of epoch \d+ are kept", result.stderr
    )
    assert "Test mean squared error" in result.stdout


@pytest.fixture
def interrupted_in_epoch_3(monkeypatch):
    def interrupt(self, record):
        if record.epoch == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(_progress.Progress, "__call__", interrupt)


@pytest.mark.usefixtures("interrupted_in_epoch_3")
def test_interrupt_keeps_the_best_weights_tests_and_saves_them(run, tmp_path):
    path = tmp_path / "model"
    result = run("train", "digits", "--quiet", "--save", str(path))
    assert result.exit_code == 130
    start = "Interrupted after 3 of 100 epochs; the weights of epoch 3 are kept (training loss "
    assert result.stderr.startswith(start)
    assert accuracy(result.stdout, "Test") > 0.5
    assert cr.load(path).estimator.n_iter_ == 3


def test_interrupt_before_the_first_epoch_saves_nothing(run, tmp_path, monkeypatch):
    def interrupt(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(steps, "run_compiled_stretch", interrupt)
    path = tmp_path / "model"
    path.write_text("an older network")
    result = run("train", "digits", "--quiet", "--save", str(path))
    assert (result.exit_code, result.stdout) == (130, "")
    assert result.stderr == (
        "Interrupted after 0 of 100 epochs; the initial weights are kept, no epoch having ended.\n"
    )
    assert path.read_text() == "an older network"


def test_a_run_that_was_interrupted_is_resumed(run, tmp_path):
    whole, parts, checkpoint = (str(tmp_path / name) for name in ("whole", "parts", "checkpoint"))
    run("train", "iris", "--epochs", "8", "--save", whole)
    options = ("train", "iris", "--epochs", "8", "--checkpoint", checkpoint)
    with pytest.MonkeyPatch.context() as patch:
        interrupted_in_epoch_3.__wrapped__(patch)
        assert run(*options).exit_code == 130
    refused = run(*options)
    assert refused.exit_code == 2
    assert "Add --resume to go on from it, or delete it." in " ".join(
        refused.stderr.replace("│", " ").split()
    )
    result = run(*options, "--resume", "--save", parts)
    assert result.exit_code == 0
    assert f"Going on from {checkpoint}\n" in result.stdout
    for mine, other in zip(
        cr.load(whole).estimator.coefs_, cr.load(parts).estimator.coefs_, strict=True
    ):
        np.testing.assert_array_equal(mine, other)


def test_interrupt_outside_training(run, monkeypatch):
    def interrupt(name):
        raise KeyboardInterrupt

    monkeypatch.setattr(datasets, "load", interrupt)
    result = run("train", "digits")
    assert (result.exit_code, result.stdout, result.stderr) == (130, "", "Interrupted.\n")


def test_what_the_library_refuses_is_wrong_usage(run, monkeypatch):
    def refuse(seed):
        raise InvalidArgumentError("random.key: this seed is odd.")

    monkeypatch.setattr(cr.random, "key", refuse)
    result = run("train", "digits", "--quiet")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "Error: random.key: this seed is odd.\n"


def test_starts_are_repeated_until_all_is_learnt(run):
    """One epoch from each start is too little for XOR, so all of them are used."""
    result = run("train", "xor", "--starts", "3", "--epochs", "1")
    lines = [line for line in result.stdout.splitlines() if line.startswith("Start ")]
    assert [re.sub(r"[1-4] of 4", "some", line) for line in lines] == [
        "Start 1 of 3: some training samples are still wrong; starting again from other random "
        "weights.",
        "Start 2 of 3: some training samples are still wrong; starting again from other random "
        "weights.",
        "Start 3 of 3: some training samples are still wrong.",
    ]


def test_warnings_of_the_network_are_notes(run, csv_file, line):
    result = run(
        *("train", csv_file(line), "--target", "y", "--optimizer", "lbfgs", "--batch-size", "10"),
        *("--epochs", "2"),
    )
    assert "Note: solver='lbfgs' takes all samples in every step" in result.stdout
