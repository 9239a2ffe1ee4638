"""The examples: each is run as a reader would run it, and reaches what it promises.

They run with machine code, as they do outside of the tests; in the interpreter some would take
minutes. A warning is an error here, too.
"""

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
NAMES = sorted(path.stem for path in EXAMPLES.glob("*.py"))


@pytest.fixture
def run(tmp_path):
    """Return a function that runs an example, checks its picture and returns what it printed."""

    def run_example(name, *arguments):
        folder = tmp_path / "new" / "folder"
        script = EXAMPLES / f"{name}.py"
        command = [sys.executable, "-W", "error", script, "--output", folder, *arguments]
        environment = os.environ | {
            "CHAINRULE_ENGINE": "native",
            "MPLBACKEND": "agg",
            "PYTHONUTF8": "1",
        }
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, encoding="utf-8"
        )
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        assert [path.name for path in tmp_path.rglob("*.*")] == [f"{name}.png"]
        check_picture(folder / f"{name}.png")
        return done.stdout

    return run_example


def check_picture(path):
    """Check that a picture is large enough to be read, and that much is drawn in it."""
    pixels = matplotlib.image.imread(path)[..., :3]
    height, width, _ = pixels.shape
    assert height >= 600
    assert width >= 900
    is_white = (pixels == 1.0).all(axis=-1)
    assert is_white.any()
    assert np.mean(~is_white) > 0.03
    # Something is drawn in every quarter.
    for half in np.array_split(~is_white, 2, axis=0):
        assert all(quarter.mean() > 0.01 for quarter in np.array_split(half, 2, axis=1))


def row(printed, name):
    """Return the numbers in the line that begins with a name; of percentages, the shares."""
    (line,) = re.findall(rf"^ *{re.escape(name)} (.*)$", printed, flags=re.M)
    words = [word for word in line.split() if re.fullmatch(r"[-+]?[\d.]+(e[-+]\d+)?%?", word)]
    return [float(word.rstrip("%")) / (100 if word.endswith("%") else 1) for word in words]


def last_number(printed, sentence):
    """Return the number that a sentence ends with."""
    (number,) = re.findall(rf"{re.escape(sentence)} (\S+)$", printed, flags=re.M)
    return float(number)


def test_linear_regression(run):
    printed = run("linear_regression")
    assert last_number(printed, "the parameters differ from the closed form by") < 1e-7
    b, w, cost = row(printed, "closed form")
    # The spring has 12 cm and 3 cm/N; the standard errors are 0.25 cm and 0.09 cm/N.
    assert b == pytest.approx(12.0, abs=0.8)
    assert w == pytest.approx(3.0, abs=0.3)
    assert cost < row(printed, "the spring itself")[2] < row(printed, "step 10")[2]


def test_logistic_regression(run):
    printed = run("logistic_regression")
    assert last_number(printed, "differ from scikit-learn's by at most") < 1e-4
    costs, accuracies, _ = zip(
        *(row(printed, way) for way in ("the cost, minimized", "chainrule", "scikit-learn")),
        strict=True,
    )
    assert costs == pytest.approx([costs[-1]] * 3, abs=2e-8)
    assert min(accuracies) > 0.95


def test_gates(run):
    printed = run("gates")
    gates = dict(re.findall(r"^(OR|AND|XOR)\n((?:  .*\n)+)", printed, flags=re.M))
    truth = {"OR": [0, 1, 1, 1], "AND": [0, 0, 0, 1], "XOR": [0, 1, 1, 0]}
    for name, table in gates.items():
        assert row(table, "designed by hand") == truth[name]
        assert row(table, "gradient descent")[:4] == pytest.approx(truth[name], abs=0.01)
        *outputs, mistakes, _ = row(table, "perceptron")
        assert (outputs == truth[name]) == (mistakes == 0) == (name != "XOR")
    assert len(gates) == 3


def test_digits(run):
    printed = run("digits")
    assert last_number(printed, "equations of back-propagation differ by") < 1e-14
    assert last_number(printed, "agree to a relative") < 1e-9
    rows = [
        row(printed, way)
        for way in ("NumPy, cr.grad", "the same, compiled", "nn, optim, training.fit")
    ]
    for first, last, accuracy, seconds in [*rows, row(printed, "MLPClassifier")]:
        assert [first, last] == pytest.approx(rows[0][:2], rel=1e-8)
        assert last < 0.03
        assert accuracy > 0.95
        assert seconds > 0.0


def test_bmi(run):
    printed = run("bmi")
    for group, lowest, highest in (
        ("adults, not the examples", 0.0, 0.5),
        ("children", 2.0, np.inf),
        ("giants", 2.0, np.inf),
    ):
        network, logarithms = row(printed, group)
        assert lowest < network < highest
        assert logarithms < 1e-11
    assert "log bmi = 1.000000 log w -2.000000 log h" in printed


def test_vanishing_gradients(run):
    printed = run("vanishing_gradients")
    ways = (
        "sigmoid, weights of variance 1",
        "sigmoid, Glorot",
        "ReLU, He",
        "ReLU, He, batch normalization",
        "the same with skip connections",
    )
    first, last, accuracy = zip(*(row(printed, way) for way in ways), strict=True)
    shares = np.array(first) / np.array(last)
    assert shares[0] < 0.1
    assert shares[1] < 1e-5
    assert (shares[2:] > 0.1).all()
    assert max(accuracy[:2]) < 0.6
    assert min(accuracy[2:4]) > 0.85
    assert accuracy[4] > 0.92


def test_overfitting(run):
    printed = run("overfitting")
    nothing, *remedies = (
        row(printed, way) for way in ("nothing", "dropout", "L2 penalty", "early stopping")
    )
    assert nothing[0] > 0.95
    assert nothing[3] > 10 * nothing[2]
    for remedy in remedies:
        assert remedy[1] > nothing[1]
        assert remedy[3] < nothing[3] / 2


def test_optimizers(run):
    printed = run("optimizers")
    valley, digits = printed.split("\n\n")
    for name in ("sgd", "momentum", "nesterov", "adagrad", "adam", "rprop"):
        rate, steps, gradients, lowest = row(valley, name)
        assert rate > 0.0
        assert steps == gradients < 20_000
        assert lowest < 1e-6
    assert "never" in valley.split("rmsprop")[1].splitlines()[0]
    for name in ("bfgs", "l-bfgs", "newton-cg", "levenberg-m."):
        steps, gradients, lowest = row(valley, name)
        assert steps <= gradients < 200
        assert lowest < 1e-12
    for name in ("sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "adamw", "rprop"):
        rate, loss, accuracy, _ = row(digits, name)
        assert loss < 0.1
        assert accuracy > 0.93
    for name in ("bfgs", "l-bfgs", "newton-cg"):
        loss, accuracy, _ = row(digits, name)
        assert loss < 0.2
        assert accuracy > 0.88


def test_universal_approximation(run):
    printed = run("universal_approximation")
    assert row(printed, "largest error, of width") == [1, 2, 4, 8, 16, 32]
    curve, surface, step = (
        row(printed, name) for name in ("curve on [0, 1]", "surface on [0, 1]²", "step on [0, 1]")
    )
    for errors in (curve, surface):
        assert errors[0] > 0.3
        assert min(errors[4:]) < 0.005
    # Printed to one digit, 0.5 may be 0.45.
    assert min(step) >= 0.5


def test_search_digits(run):
    printed = run("search_digits", "--epochs", "20", "--seeds", "2")
    assert printed.startswith("98 of 98 fits done")
    held_out, tested = (
        row(printed, name)[0] for name in ("rows held out by the search", "the test part")
    )
    assert held_out > 0.93
    assert tested > 0.91
    assert "within the noise of the best, judged by seeds." in printed
    assert re.search(r"explained: learning_rate_init [5-9]\d%, alpha \d+%$", printed, flags=re.M)


def test_search_width(run):
    printed = run("search_width", "--epochs", "25", "--widths", "1", "10", "100")
    rows = [row(printed, width) for width in ("1", "10", "100")]
    # By counting: 4 inputs, two layers, one output, with biases.
    assert [numbers[0] for numbers in rows[:2]] == [9, 4 * 10 + 10 + 100 + 10 + 10 + 1]
    one, ten, hundred = (numbers[-3] for numbers in rows)
    assert min(ten, hundred) > 0.88
    assert one < ten
    assert last_number(printed.replace("%", ""), "the best of all on the test part:") > 85.0


def test_search_strategies(run):
    small = ("--budget", "8", "--epochs", "5", "--repeats", "1")
    printed = run("search_strategies", *small)
    for name in ("grid", "random", "Bayesian"):
        fits, best, lowest, tested = row(printed, name)
        assert fits == 8
        assert 1.0 > best >= lowest > 0.8
        assert tested > 0.8
    assert "Of the differences in score, " in printed


def test_search_scikit_learn(run):
    printed = run("search_scikit_learn", "--epochs", "15", "--points", "3", "--jobs", "1")
    theirs, ours = (row(printed, name) for name in ("scikit-learn", "chainrule"))
    assert min(theirs[0], ours[0]) > 0.0
    # The same is best, and nearly as good.
    assert ours[3:] == theirs[3:]
    assert ours[1] == pytest.approx(theirs[1], abs=0.06)
    assert last_number(printed, "Half of the cells differ by no more than") < 0.08


def test_same_seed_same_result(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("MPLBACKEND", "agg")
    main = runpy.run_path(str(EXAMPLES / "linear_regression.py"))["main"]
    results = []
    for number, seed in enumerate((0, 0, 1)):
        folder = tmp_path / str(number)
        main(folder, seed)
        picture = (folder / "linear_regression.png").read_bytes()
        results.append((capsys.readouterr().out, picture))
    assert results[0] == results[1]
    assert results[2][0] != results[0][0]
    assert results[2][1] != results[0][1]


def test_readme_and_tests_name_every_example():
    readme = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^\| `(\w+)\.py` \|", readme, flags=re.M)) == NAMES
    assert {name for name in NAMES if f"test_{name}" not in globals()} == set()
