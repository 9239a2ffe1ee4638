"""Saved networks: predictions, tests and summaries, of files with columns in any order."""

import csv
import io
import json

import numpy as np
import pytest

import chainrule as cr
from chainrule import datasets
from chainrule.estimators import MLPRegressor

HEADER = "Größe;Farbe;Gewicht;Süß"


def fruit(n=80, seed=0):
    """Return rows of fruits: sweet if they are red or heavy."""
    generator = np.random.default_rng(seed)
    for _ in range(n):
        size, weight = generator.normal(8, 2), generator.normal(150, 30)
        colour = ["rot", "grün", "blau"][generator.integers(3)]
        sweet = "ja" if colour == "rot" or weight > 160 else "nein"
        yield f"{size:.2f};{colour};{weight:.1f};{sweet}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with a trained classifier and regressor, and files for them."""
    from typer.testing import CliRunner

    from chainrule.cli import app

    folder = tmp_path_factory.mktemp("saved")
    rows = list(fruit())
    (folder / "fruit.csv").write_text("\n".join([HEADER, *rows]), encoding="utf-8")
    new = [row.split(";") for row in fruit(12, seed=1)]
    # Another order, another column, and no target.
    lines = ["Farbe;Nr;Gewicht;Größe", *(f"{c};{i};{w};{s}" for i, (s, c, w, _) in enumerate(new))]
    (folder / "new.csv").write_text("\n".join(lines), encoding="utf-8")
    for arguments in (
        ("fruit.csv", "--target", "Süß", "--save", "fruit.model", "--epochs", "150"),
        ("diabetes", "--save", "diabetes.model", "--loss", "gaussian", "--epochs", "20"),
    ):
        first, *rest = arguments
        data = str(folder / first) if first.endswith(".csv") else first
        rest = [str(folder / one) if one.endswith(".model") else one for one in rest]
        result = CliRunner().invoke(app, ["train", data, "--quiet", *rest])
        assert result.exit_code == 0, result.output
    return folder


@pytest.fixture
def in_folder(folder, monkeypatch):
    monkeypatch.chdir(folder)
    return folder


def read(text):
    header, *rows = csv.reader(io.StringIO(text))
    return header, rows


@pytest.mark.usefixtures("in_folder")
def test_predictions_are_those_of_the_estimator(run):
    result = run("predict", "fruit.model", "new.csv", "--probabilities")
    assert result.exit_code == 0
    header, rows = read(result.stdout)
    assert header == ["Süß", "p(ja)", "p(nein)"]
    model = cr.load("fruit.model")
    new = [row.split(";") for row in fruit(12, seed=1)]
    # The columns as the encoder has them: size, colours in alphabetical order, weight.
    X = np.array([[float(s), c == "blau", c == "grün", c == "rot", float(w)] for s, c, w, _ in new])
    probabilities = model.estimator.predict_proba(X)
    np.testing.assert_array_equal(np.array([row[1:] for row in rows], float), probabilities)
    assert [row[0] for row in rows] == [["ja", "nein"][i] for i in probabilities.argmax(axis=1)]
    assert model.predict("new.csv").tolist() == [row[0] for row in rows]
    np.testing.assert_array_equal(model.predict_proba(X), probabilities)


@pytest.mark.usefixtures("in_folder")
def test_predictions_go_to_a_file_or_to_json(run, tmp_path):
    path = tmp_path / "out.csv"
    plain = run("predict", "fruit.model", "new.csv").stdout
    result = run("predict", "fruit.model", "new.csv", "--output", str(path))
    assert result.stdout == f"12 predictions written to {path}\n"
    assert path.read_text(encoding="utf-8") == plain
    document = json.loads(run("predict", "fruit.model", "new.csv", "--json").stdout)
    assert list(document) == [
        *("command", "model", "data", "n_samples", "target", "classes", "predictions", "output")
    ]
    assert document["predictions"] == {"Süß": [row[0] for row in read(plain)[1]]}


@pytest.mark.usefixtures("in_folder")
def test_intervals_of_a_regression(run):
    header, rows = read(run("predict", "diabetes.model", "diabetes", "--interval", "0.5").stdout)
    assert header == ["progression", "lower", "upper"]
    estimator = cr.load("diabetes.model").estimator
    assert type(estimator) is MLPRegressor
    X = datasets.load("diabetes").features
    found = np.array(rows, float)
    np.testing.assert_array_equal(found[:, 0], estimator.predict(X))
    np.testing.assert_array_equal(found[:, 1:], estimator.predict_interval(X, 0.5))


@pytest.mark.usefixtures("in_folder")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["fruit.model", "new.csv", "--interval", "0.9"],
            "Invalid value for --interval: the model tells classes apart; it has --probabilities.",
        ),
        (
            ["diabetes.model", "diabetes", "--probabilities"],
            "Invalid value for --probabilities: the model is a regression, which gives no "
            "probabilities. Leave the option out.",
        ),
        (
            ["diabetes.model", "diabetes", "--interval", "1.5"],
            "Invalid value for --interval: coverage: expected a number above 0 and below 1, got "
            "1.5.",
        ),
    ],
)
def test_what_a_network_does_not_give(run, arguments, message):
    result = run("predict", *arguments)
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.replace("│", " ").split())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "Größe;Farbe\n1;rot\n",
            "x.csv: there is no column 'Gewicht'. The columns are 'Größe', 'Farbe'.",
        ),
        (
            "größe;Farbe;Gewicht\n1;rot;2\n",
            "x.csv: there is no column 'Größe'. Did you mean 'größe'? The columns are 'größe', "
            "'Farbe', 'Gewicht'.",
        ),
        (
            "Größe;Farbe;Gewicht\n1;rot;2\n1;gelb;2\n",
            "x.csv, row 2 (line 3), column 'Farbe': 'gelb' is no category of the training data, "
            "which has 'blau', 'grün', 'rot'. Correct it, or train with rows of that category.",
        ),
        (
            "Größe;Farbe;Gewicht\n1;rot;\n",
            "x.csv, row 1 (line 2), column 'Gewicht': the value is missing. Fill it in or remove "
            "the row.",
        ),
    ],
)
def test_files_that_do_not_fit(run, folder, csv_file, content, message):
    result = run("predict", str(folder / "fruit.model"), csv_file(content, "x.csv"))
    assert (result.exit_code, result.stdout, result.stderr) == (3, "", f"Error: {message}\n")


@pytest.mark.usefixtures("in_folder")
def test_evaluation_agrees_with_the_estimator(run):
    result = run("evaluate", "fruit.model", "fruit.csv", "--json")
    document = json.loads(result.stdout)
    assert list(document) == ["command", "model", "data", "target", "scores"]
    model = cr.load("fruit.model")
    truth = np.array([row.split(";")[3] for row in fruit()])
    predicted = model.predict("fruit.csv")
    assert document["scores"]["accuracy"] == (predicted == truth).mean()
    assert document["scores"]["confusion"] == [
        [int(((truth == a) & (predicted == b)).sum()) for b in ("ja", "nein")]
        for a in ("ja", "nein")
    ]
    lines = run("evaluate", "fruit.model", "fruit.csv").stdout.splitlines()
    assert lines[0] == "fruit.csv: 80 samples, target 'Süß'"
    assert lines[1].startswith(f"Accuracy {100 * document['scores']['accuracy']:.1f} % (")
    assert lines[3] == "class  samples  precision  recall     f1"


@pytest.mark.usefixtures("in_folder")
def test_evaluation_of_a_regression(run):
    scores = json.loads(run("evaluate", "diabetes.model", "diabetes", "--json").stdout)["scores"]
    diabetes = datasets.load("diabetes")
    estimator = cr.load("diabetes.model").estimator
    assert scores["r2"] == pytest.approx(estimator.score(diabetes.features, diabetes.target))
    output = run("evaluate", "diabetes.model", "diabetes", "--quiet").stdout
    assert output.startswith("Mean squared error ")


@pytest.mark.usefixtures("in_folder")
def test_evaluation_needs_the_target(run):
    result = run("evaluate", "fruit.model", "new.csv")
    assert result.exit_code == 3
    assert result.stderr == (
        "Error: new.csv: there is no column 'Süß'. The columns are 'Farbe', 'Nr', 'Gewicht', "
        "'Größe'.\n"
    )


@pytest.mark.usefixtures("in_folder")
def test_summary(run):
    output = run("summary", "fruit.model").stdout
    assert output.startswith(
        "Predicts 'Süß', 2 classes, from 3 columns\n  Größe\n  Farbe: blau, grün, rot\n  Gewicht\n"
    )
    assert "Dense(5 -> 100, relu)" in output
    assert "701 parameters" in output
    assert "Trained on fruit.csv with epochs 150, seed 0\n" in output
    document = json.loads(run("summary", "fruit.model", "--json").stdout)
    assert list(document) == [
        *("command", "model", "target", "classes", "columns", "settings", "layers", "training")
    ]
    assert document["columns"][1] == {"name": "Farbe", "categories": ["blau", "grün", "rot"]}
    assert document["settings"] == {"max_iter": 150, "random_state": 0}
    assert document["training"]["split"] == {"test": 16, "training": 64}


def test_files_that_are_no_saved_network(run, folder, tmp_path):
    whole = (folder / "fruit.model").read_bytes()
    damaged, other = tmp_path / "damaged", tmp_path / "other"
    damaged.write_bytes(whole[:-100])
    cr.save(other, {"weights": np.ones(3)})
    for path, what in (
        (tmp_path / "missing", "there is no such file."),
        (damaged, "load: "),
        (
            other,
            "expected what `chainrule train --save` has written, got a saved dict, which does not "
            "say what the columns of a file mean. Use chainrule.load in Python.",
        ),
    ):
        result = run("summary", str(path))
        assert (result.exit_code, result.stdout) == (3, "")
        assert result.stderr.startswith("Error: ")
        assert what in result.stderr
        assert len(result.stderr.splitlines()) == 1
