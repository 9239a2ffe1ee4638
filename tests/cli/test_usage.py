"""Wrong usage exits with 2 and says which option and why; help and version with 0."""

import json
from importlib.metadata import version

import pytest

from chainrule import datasets
from chainrule.cli._options import DECLARED, option_name
from chainrule.models import NetworkClassifier, NetworkRegressor

COMMANDS = ["train", "check", "lr-find", "predict", "evaluate", "summary", "datasets"]


def plain(text):
    """Undo the wrapping and the frame that Typer puts around a message."""
    return " ".join(text.replace("│", " ").split())


def test_help_names_options_meanings_and_exit_statuses(run):
    result = run("train", "--help")
    text = plain(result.output)
    assert result.exit_code == 0
    for name, declared in DECLARED.items():
        assert option_name(name) in text
        assert declared[0].meaning.split(":")[0] in text
    for option in ("--target", "--seed", "--json", "--save", "--checkpoint", "--resume"):
        assert option in text
    assert (
        "Exit statuses: 0 done, 2 wrong usage, 3 unusable data or files, 4 the training diverged, "
        "130 interrupted." in text
    )


def test_help_shows_the_declared_defaults(run):
    text = plain(run("train", "--help").output)
    assert "[default: (relu)]" in text
    assert "[default: (classes: log_loss; numbers: squared_error)]" in text


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_have_help_and_the_options_for_output(run, command):
    result = run(command, "--help")
    assert result.exit_code == 0
    for option in ("--json", "--quiet", "--no-color"):
        assert option in result.output


def test_version(run):
    result = run("--version")
    assert (result.exit_code, result.output) == (0, f"chainrule {version('chainrule')}\n")


def test_datasets_are_listed(run):
    result = run("datasets")
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert [line for line in lines if line and not line.startswith(" ")] == list(datasets.names())
    assert "CC BY 4.0" in plain(result.output)
    assert run("datasets", "--quiet").output.split() == list(datasets.names())
    listed = json.loads(run("datasets", "--json").output)["datasets"]
    assert [one["name"] for one in listed] == list(datasets.names())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["digits", "--hidden", "fifty"],
            "Invalid value for '--hidden': expected a whole number of 1 or more or one for each "
            "layer, with commas between, got 'fifty'.",
        ),
        (
            ["digits", "--learning-rate", "0"],
            "Invalid value for '--learning-rate': expected a number above 0, got '0'.",
        ),
        (
            ["digits", "--activation", "reluu"],
            "or one for each layer, with commas between, got 'reluu'. Did you mean 'relu'?",
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
        (
            ["digits", "--resume"],
            "Invalid value for --resume: expected --checkpoint FILE beside it, the file to go on "
            "from.",
        ),
        (
            ["xor", "--checkpoint", "run"],
            "Invalid value for --checkpoint: expected a single start, got 20. Add --starts 1.",
        ),
        (
            ["digits", "--save", "nowhere/model"],
            "Invalid value for --save: nowhere/model cannot be written. Expected a file in a "
            "folder that is there and may be written to.",
        ),
    ],
)
def test_wrong_usage(run, arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
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
        ["digits", "--optimizer", "magic"],
        ["digits", "--init", "he"],
        ["digits", "--task", "guess"],
        ["digits", "--test-size", "1"],
        ["digits", "--val-size", "-0.1"],
    ],
)
def test_what_the_option_parser_refuses(run, arguments):
    result = run("train", *arguments)
    assert result.exit_code == 2
    assert "Usage:" in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["digits", "--hidden", "50,0"], "hidden_layer_sizes must be > 0, got [50, 0]."),
        (
            ["iris", "--loss", "gaussian"],
            "--loss: expected hinge, log_loss, perceptron or squared_error for a classification, "
            "got gaussian, which is for a regression.",
        ),
        (
            ["iris", "--activation", "relu,tanh"],
            "mlp: activation: expected one value, or one for each of 1 layers, got 2.",
        ),
    ],
)
def test_what_the_network_refuses(run, arguments, message):
    result = run("train", *arguments)
    assert (result.exit_code, result.stdout, result.stderr) == (2, "", f"Error: {message}\n")


@pytest.mark.parametrize("command", ["train", "lr-find"])
def test_a_file_needs_a_target(run, csv_file, command):
    result = run(command, csv_file("a,y\n1,2\n3,4\n"))
    assert result.exit_code == 2
    assert (
        "Invalid value for --target: it is missing. Name the column of data.csv to predict, as in "
        "--target COLUMN." in plain(result.stderr)
    )


@pytest.mark.parametrize("name", ["digits", "diabetes", "xor", "moons", "spirals"])
def test_recipes_name_what_exists(name):
    dataset = datasets.load(name)
    kind = NetworkRegressor if dataset.class_names is None else NetworkClassifier
    kind(**dataset.recipe.settings)._check_hyperparameters()
