"""`chainrule train` from the command to the printed result."""

import re

import numpy as np
import pytest

from chainrule import datasets, random
from chainrule._errors import InvalidArgumentError
from chainrule.cli import _report
from chainrule.cli._train import _Task


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


def test_digits_with_the_defaults(run):
    result = run("train", "digits")
    assert result.exit_code == 0
    assert result.stdout.startswith(
        "digits: 1,797 samples, 64 features, 10 classes\n"
        "1,438 samples for training, 359 for testing (shuffled, classes in proportion)\n"
        "Each feature scaled to mean 0 and standard deviation 1 over the training samples\n"
        "Network 64-50-10, sigmoid, glorot initialization, 3,760 parameters\n"
    )
    assert accuracy(result.stdout, "Test") >= 0.95
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
        "No samples are held out: the result is that on the training samples.\n"
        "Each feature scaled to mean 0 and standard deviation 1 over the training samples\n"
        "Network 2-2-1, sigmoid, "
    )
    assert "Training accuracy 100.0 % (4 of 4 correct)" in result.stdout


def test_same_seed_same_output(run):
    first, again, other = (
        run("train", "digits", "--epochs", "2", "--seed", seed).stdout for seed in "334"
    )
    assert first == again
    assert first.split("seed 3")[1] != other.split("seed 4")[1]


def test_file_with_classes(run, csv_file, blobs):
    name = csv_file(blobs)
    result = run("train", name, "--target", "species", "--hidden", "8,4", "--batch-size", "8")
    assert result.exit_code == 0
    assert "data.csv: 90 samples, 2 features, 3 classes\n" in result.stdout
    assert "Network 2-8-4-3, sigmoid, " in result.stdout
    assert accuracy(result.stdout, "Test") == 1
    assert re.search(r"^ +ash +elm +oak$", result.stdout, re.M)


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam"])
@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_other_settings(run, csv_file, blobs, optimizer, activation):
    result = run(
        *("train", csv_file(blobs), "--target", "species", "--hidden", "8", "--init", "he"),
        *("--activation", activation, "--optimizer", optimizer, "--learning-rate", "0.05"),
        *("--batch-size", "10", "--l2", "0.001", "--epochs", "40", "--test-size", "0.5"),
    )
    assert result.exit_code == 0
    assert (
        f"Minimizing softmax cross-entropy with L2 0.001 by {optimizer}, learning rate 0.05, "
        "40 epochs in batches of 10, seed 0\n" in result.stdout
    )
    assert "45 samples for training, 45 for testing" in result.stdout
    assert accuracy(result.stdout, "Test") >= 0.95


def test_regression_is_scored_in_the_units_of_the_target(run, csv_file, line):
    result = run("train", csv_file(line), "--target", "y", "--epochs", "200")
    assert result.exit_code == 0
    assert "data.csv: 120 samples, 1 feature, regression\n" in result.stdout
    mse, r2 = re.search(r"^Test mean squared error (\S+), R² (\S+)$", result.stdout, re.M).groups()
    # The noise has variance 9e6, the line a standard deviation of about 87,000.
    assert 2e6 < float(mse) < 5e7
    assert float(r2) > 0.99


def test_batch_larger_than_the_data(run, csv_file, blobs):
    result = run("train", csv_file(blobs), "--target", "species", "--epochs", "1")
    assert "1 epoch in batches of 72, seed 0" in result.stdout


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


def test_no_test_part(run, csv_file, blobs):
    result = run(
        *("train", csv_file(blobs), "--target", "species", "--test-size", "0", "--epochs", "1")
    )
    assert "No samples are held out" in result.stdout
    assert "Test accuracy" not in result.stdout
    assert table(result.stdout).sum() == 90


def test_quiet_prints_the_result_only(run, csv_file, blobs):
    result = run("train", csv_file(blobs), "--target", "species", "--quiet", "--epochs", "1")
    assert [line.split()[:2] for line in result.stdout.splitlines()] == [
        ["Test", "accuracy"],
        ["Training", "accuracy"],
    ]


def test_divergence(run):
    result = run("train", "digits", "--optimizer", "sgd", "--learning-rate", "1e200")
    assert result.exit_code == 4
    where = r"^Diverged in epoch \d+: in batch \d+ of 15, .* layer [12], "
    assert re.search(where, result.stderr)
    assert "Test accuracy" in result.stdout


def test_interrupt_keeps_the_best_weights_and_tests_them(run, monkeypatch):
    def interrupt(self, number, n_epochs, loss):
        if number == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(_report.Report, "epoch", interrupt)
    result = run("train", "digits", "--quiet")
    assert result.exit_code == 130
    start = "Interrupted after 3 of 100 epochs; the weights of epoch 3 are kept (training loss "
    assert result.stderr.startswith(start)
    assert accuracy(result.stdout, "Test") > 0.5


def test_interrupt_outside_training(run, monkeypatch):
    def interrupt(name):
        raise KeyboardInterrupt

    monkeypatch.setattr(datasets, "load", interrupt)
    result = run("train", "digits")
    assert (result.exit_code, result.stdout, result.stderr) == (130, "", "Interrupted.\n")


def test_what_the_library_refuses_is_wrong_usage(run, monkeypatch):
    def refuse(seed):
        raise InvalidArgumentError("random.key: this seed is odd.")

    monkeypatch.setattr(random, "key", refuse)
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


def test_scores_agree_with_scikit_learn():
    from sklearn.metrics import accuracy_score, mean_squared_error, r2_score

    generator = np.random.default_rng(1)
    truth, predicted = generator.normal(50, 5, (2, 40))
    regression = datasets.Dataset("r", np.zeros((40, 1)), truth, ("x",), "y", None)
    assert _Task.of(regression).score(truth, predicted) == (
        f"mean squared error {mean_squared_error(truth, predicted):.4g}, "
        f"R² {r2_score(truth, predicted):.4f}"
    )
    labels, guesses = generator.integers(0, 3, (2, 40))
    classification = datasets.Dataset("c", np.zeros((40, 1)), labels, ("x",), "y", ("a", "b", "c"))
    right = accuracy_score(labels, guesses)
    assert _Task.of(classification).score(labels, guesses) == (
        f"accuracy {100 * right:.1f} % ({round(40 * right)} of 40 correct)"
    )


def test_r2_of_a_constant_target_is_undefined():
    train = datasets.Dataset("r", np.zeros((2, 1)), np.array([1.0, 2.0]), ("x",), "y", None)
    assert _Task.of(train).score(np.array([3.0]), np.array([2.0])) == (
        "mean squared error 1, R² undefined (the target is constant)"
    )
