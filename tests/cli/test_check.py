"""What `chainrule check` finds, on tables in which it is known."""

import json

import numpy as np
import pytest

GENERATOR = np.random.default_rng(0)
N = 60
X = GENERATOR.normal(size=N).round(3)
LABELS = ["a" if i % 3 else "b" for i in range(N)]


def csv(**columns):
    """Return columns as the text of a CSV file, `x` and the target `y` first."""
    columns = {"x": X, **columns, "y": columns.get("y", LABELS)}
    rows = zip(*columns.values(), strict=True)
    return "\n".join(",".join(map(str, row)) for row in [tuple(columns), *rows]) + "\n"


@pytest.fixture
def found(run, csv_file):
    """Run the command, and return the status and the findings on all columns."""

    def check(content, *options):
        result = run("check", csv_file(content), "--target", "y", "--json", *options)
        document = json.loads(result.stdout)
        return result.exit_code, [(one["level"], one["message"]) for one in document["findings"]]

    return check


def test_nothing_suspicious(found, run):
    assert found(csv()) == (0, [])
    output = run("check", "data.csv", "--target", "y").stdout
    assert output.startswith("data.csv: 60 rows, 2 columns\ncolumn      kind        missing")
    assert output.endswith("\nNothing suspicious was found.\n")
    assert "Target 'y': classification, 2 classes\n  a: 40 (66.7 %)\n  b: 20 (33.3 %)\n" in output
    assert (
        "A network gets 1 feature, as they are, of suitable size already; 1-100-1 by default, with "
        "301 parameters; 20 % of the samples are held out for testing.\n"
    ) in output


def test_columns_are_described(run, csv_file):
    colours = [["red", "green"][i % 2] for i in range(N)]
    mixed = ["1" if i else "one" for i in range(N)]
    text = csv(colour=colours, mixed=mixed, gap=["NA" if i == 4 else 5 + i % 2 for i in range(N)])
    result = run("check", csv_file(text), "--target", "y", "--json")
    document = json.loads(result.stdout)
    x, colour, mixture, gap, y = document["columns"]
    assert x == {
        **{"name": "x", "kind": "numbers", "missing": 0, "distinct": len(set(X))},
        **{"min": X.min(), "max": X.max()},
        **{"mean": pytest.approx(X.mean()), "std": pytest.approx(X.std())},
    }
    assert colour == {
        **{"name": "colour", "kind": "categories", "missing": 0, "distinct": 2},
        "commonest": [["red", 30], ["green", 30]],
    }
    assert (mixture["kind"], mixture["distinct"]) == ("mixed", 2)
    assert (gap["kind"], gap["missing"], gap["distinct"]) == ("numbers", 1, 2)
    assert y["commonest"] == [["a", 40], ["b", 20]]
    assert result.exit_code == 3


LEAVE_OUT = "If it is not known when predictions are made, leave it out with --drop"


@pytest.mark.parametrize(
    ("columns", "level", "message"),
    [
        (
            {"row": range(100, 100 + N)},
            "warning",
            "'row' is different in every row, as a number or name of the row is. Learned by heart, "
            "it tells nothing about other rows: leave it out with --drop row.",
        ),
        (
            {"code": [7 if label == "a" else 3 for label in LABELS]},
            "warning",
            "'code' is the target under another name: every value of one stands for one of the "
            f"other. {LEAVE_OUT} code.",
        ),
        (
            {"my hint": [9 if label == "a" else i % 4 for i, label in enumerate(LABELS)]},
            "warning",
            "'my hint' alone tells the target: all rows with the same value have the same target. "
            f"{LEAVE_OUT} 'my hint'.",
        ),
        (
            {"y": (3 * X + 0.5).round(4), "z": (30 * X + 12).round(3)},
            "warning",
            f"'x' is the target in other units: their correlation is 1. {LEAVE_OUT} x.",
        ),
        (
            {"x2": X},
            "note",
            "'x2' says the same as 'x' in every row. One of them is enough: --drop x2.",
        ),
        (
            {"big": (1e5 * GENERATOR.normal(size=N)).round()},
            "note",
            None,
        ),
        (
            {"y": ["b" if i == 3 or i == 5 else "a" for i in range(N)]},
            "warning",
            "Class 'a' has 58 samples, 'b' 2: always to say 'a' is right in 96.7 %. Consider "
            "--class-weight balanced, and look at precision and recall of each class.",
        ),
    ],
)
def test_suspicious_columns(found, columns, level, message):
    status, findings = found(csv(**columns))
    assert status == 0
    if message is None:
        assert findings[0][1].startswith("The scales of the features differ by a factor of 1")
        assert findings[0][1].endswith("from 'x' to 'big'. The network standardizes them.")
    else:
        assert (level, message) in findings


def test_rows_twice(found):
    lines = csv().splitlines()
    status, findings = found("\n".join([*lines, lines[4], lines[4], lines[7]]))
    assert status == 0
    assert findings == [
        (
            "warning",
            "3 rows equal to another in all columns. If they are copies, remove them: a copy in "
            "the test part makes the result look better than it is.",
        )
    ]
    other = {"a": "b", "b": "a"}[LABELS[3]]
    _, findings = found("\n".join([*lines, f"{X[3]},{other}"]))
    assert findings == [
        (
            "note",
            "1 row equal to another in all features, but with another target: no network can be "
            "right about both.",
        )
    ]


def test_problems_are_all_told_and_exit_with_3(found):
    gaps = ["" if i in (2, 5) else i % 7 for i in range(N)]
    holes = ["?" if i == 5 else i % 5 for i in range(N)]
    status, findings = found(csv(gaps=gaps, holes=holes, same=["1"] * N))
    assert status == 3
    assert findings == [
        (
            "problem",
            "3 values missing, in 2 rows: 'gaps' (2), 'holes' (1). Fill them in, remove the rows, "
            "or leave the columns out with --drop.",
        ),
        ("note", "Always the same, so that they tell nothing: 'same'."),
    ]
    dropped = [part for name in ("gaps", "holes", "same") for part in ("--drop", name)]
    assert found(csv(gaps=gaps, holes=holes, same=["1"] * N), *dropped) == (0, [])


def test_a_wrong_target_is_a_problem_and_the_columns_are_shown(run, csv_file):
    result = run("check", csv_file(csv()), "--target", "why")
    assert result.exit_code == 3
    assert "data.csv: 60 rows, 2 columns\n" in result.stdout
    assert "Problem: data.csv: there is no column 'why'." in result.stdout


def test_without_a_target_there_are_the_columns(run, csv_file):
    result = run("check", csv_file(csv()))
    assert result.exit_code == 0
    assert "y       categories" in result.stdout
    assert result.stdout.endswith("Note: To see what a network would get, add --target COLUMN.\n")


@pytest.mark.parametrize(
    ("rows", "counted"), [("", "0 rows"), ("1,2\n", "1 row")], ids=["none", "one"]
)
@pytest.mark.parametrize("target", [(), ("--target", "b")])
def test_too_few_rows(run, csv_file, rows, counted, target):
    result = run("check", csv_file("a,b\n" + rows), *target)
    assert result.exit_code == 3
    assert f"Problem: The file has {counted} of values. Add at least two.\n" in result.stdout
    assert result.stdout.count("Problem") == 1


def test_built_in_sets(run):
    result = run("check", "digits", "--json")
    document = json.loads(result.stdout)
    assert result.exit_code == 0
    assert list(document) == [
        *("command", "data", "n_rows", "columns", "target", "classes", "findings", "network")
    ]
    assert len(document["columns"]) == 65
    assert document["network"] == {
        **{"widths": [64, 50, 10], "n_parameters": 3760, "standardized": True, "test_size": 0.2}
    }
    assert sum(one["n_samples"] for one in document["classes"]) == 1797
    assert [one["columns"] for one in document["findings"]] == [
        ["pixel_0_0", "pixel_4_0", "pixel_4_7"]
    ]
    assert "(40 columns between the 20th and the last 5)" in run("check", "digits").stdout
