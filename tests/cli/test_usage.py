"""Wrong usage exits with 2 and says which option and why; help and version with 0."""

from importlib.metadata import version
from typing import get_args, get_type_hints

import pytest

from chainrule import datasets, nn
from chainrule.cli import _app, _train


def plain(text):
    """Undo the wrapping and the frame that Typer puts around a message."""
    return " ".join(text.replace("│", " ").split())


def test_help_names_options_and_exit_statuses(run):
    result = run("train", "--help")
    text = plain(result.output)
    assert result.exit_code == 0
    for option in ("--target", "--hidden", "--activation", "--epochs", "--learning-rate", "--seed"):
        assert option in text
    assert (
        "Exit statuses: 0 done, 2 wrong usage, 3 unusable data, 4 the training diverged, "
        "130 interrupted." in text
    )


def test_help_shows_the_defaults_for_a_file(run):
    text = plain(run("train", "--help").output)
    recipe = datasets.Recipe()
    for default in (recipe.activation, recipe.optimizer, recipe.learning_rate, recipe.epochs):
        assert f"[default: ({default})]" in text


def test_version(run):
    result = run("--version")
    assert (result.exit_code, result.output) == (0, f"chainrule {version('chainrule')}\n")


def test_datasets_are_listed(run):
    result = run("datasets")
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert [line for line in lines if line and not line.startswith(" ")] == list(datasets.names())
    assert "CC BY 4.0" in plain(result.output)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["digits", "--hidden", "fifty"],
            "Invalid value for --hidden: 'fifty' is not a list of widths. Write one whole number "
            "above 0 for each hidden layer, as in 50 or 50,20.",
        ),
        (
            ["digits", "--hidden", "50,0"],
            "Invalid value for --hidden: '50,0' is not a list of widths. Write one whole number "
            "above 0 for each hidden layer, as in 50 or 50,20.",
        ),
        (
            ["digits", "--learning-rate", "0"],
            "Invalid value for '--learning-rate': 0.0 is not a number above 0.",
        ),
        (
            ["digits", "--learning-rate", "nan"],
            "Invalid value for '--learning-rate': nan is not a number above 0.",
        ),
        (["digits", "--l2", "-1"], "Invalid value for '--l2': -1.0 is not a number of 0 or more."),
        (
            ["digits", "--test-size", "1"],
            "Invalid value for '--test-size': 1.0 is not a share: 0 or more and below 1.",
        ),
        (
            ["digits", "--target", "digit"],
            "Invalid value for --target: this option is for files; the built-in data set 'digits' "
            "needs none. For a file of that name write ./digits.",
        ),
        (
            ["digits", "--drop", "pixel_0_0"],
            "Invalid value for --drop: this option is for files; the built-in data set 'digits' "
            "needs none. For a file of that name write ./digits.",
        ),
    ],
)
def test_wrong_usage(run, arguments, message):
    result = run("train", *arguments)
    assert result.exit_code == 2
    assert message in plain(result.stderr)
    assert result.stdout == ""


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["digits", "--hiden", "50"],
        ["digits", "--epochs", "0"],
        ["digits", "--epochs", "many"],
        ["digits", "--batch-size", "0"],
        ["digits", "--starts", "0"],
        ["digits", "--seed", "-1"],
        ["digits", "--activation", "sine"],
        ["digits", "--optimizer", "magic"],
        ["digits", "--init", "zeros"],
        ["digits", "--task", "guess"],
    ],
)
def test_what_the_option_parser_refuses(run, arguments):
    result = run("train", *arguments)
    assert result.exit_code == 2
    assert "Usage:" in result.stderr
    assert result.stdout == ""


def test_a_file_needs_a_target(run, csv_file):
    result = run("train", csv_file("a,y\n1,2\n3,4\n"))
    assert result.exit_code == 2
    assert (
        "Invalid value for --target: it is missing. Name the column of data.csv to predict, as in "
        "--target COLUMN." in plain(result.stderr)
    )


def choices(option):
    hints = get_type_hints(_app.train)
    literal = next(part for part in get_args(hints[option]) if get_args(part))
    return set(get_args(literal))


def test_choices_are_those_that_exist():
    elementwise = set(nn.ACTIVATIONS) - {"log_softmax", "softmax"}
    assert choices("activation") == elementwise - {"step"}  # no gradient passes through a step
    assert choices("init") == set(_train._INITIALIZERS)
    assert choices("optimizer") == set(_train._OPTIMIZERS)
    assert choices("task") == set(get_args(datasets.Task))


@pytest.mark.parametrize("name", datasets.names())
def test_recipes_name_what_exists(name):
    recipe = datasets.load(name).recipe
    assert recipe.activation in choices("activation")
    assert recipe.init in choices("init")
    assert recipe.optimizer in choices("optimizer")
