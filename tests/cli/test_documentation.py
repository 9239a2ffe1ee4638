"""`docs/command-line.md`: its examples run, and it has every option, default and key."""

import doctest
import json
import re
import shlex
from pathlib import Path

import pytest
from typer.main import get_command

from chainrule.cli import app
from chainrule.cli._exit import DIVERGED, INTERRUPTED, USAGE, WRONG_DATA
from chainrule.cli._options import DECLARED, option_name, shown

PAGE = (Path(__file__).parents[2] / "docs" / "command-line.md").read_text(encoding="utf-8")
COMMANDS = get_command(app).commands


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.S)


def rows(title):
    """Return the rows of the last table of a section, as lists of cells."""
    section = PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]
    table = section.split("|---|")[-1]
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in table.splitlines()
        if line.startswith("| ")
    ]


def test_examples_run(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "new.csv").write_text(blocks("csv")[0], encoding="utf-8")
    checker = doctest.OutputChecker()
    examples = [
        example.partition("\n")
        for block in blocks("console")
        for example in re.split(r"^\$ chainrule ", block, flags=re.M)[1:]
    ]
    assert len(examples) >= 5
    for command, _, expected in examples:
        result = run(*shlex.split(command))
        assert result.exit_code == 0, command
        assert checker.check_output(expected, result.stdout, doctest.ELLIPSIS), result.stdout


def test_every_command_and_option_is_there():
    for name, command in COMMANDS.items():
        assert f"`chainrule {name}" in PAGE
        for parameter in command.params:
            for option in parameter.opts:
                if option.startswith("--") and option != "--help":
                    assert f"`{option}" in PAGE, (name, option)


def test_hyper_parameters_have_their_names_and_defaults():
    expected = [
        [f"`{option_name(name)}`", f"`{name}`", " / ".join(shown(one.default) for one in declared)]
        for name, declared in DECLARED.items()
    ]
    assert rows("train") == expected


def test_exit_statuses():
    statuses = [int(status) for status, _ in rows("Exit statuses")]
    assert statuses == [0, USAGE, WRONG_DATA, DIVERGED, INTERRUPTED]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    from typer.testing import CliRunner

    path = tmp_path_factory.mktemp("documentation") / "model"
    CliRunner().invoke(app, ["train", "iris", "--epochs", "2", "--quiet", "--save", str(path)])
    return str(path)


WITH_JSON = [name for name, c in COMMANDS.items() if any("--json" in p.opts for p in c.params)]


@pytest.mark.parametrize("name", WITH_JSON)
def test_keys_of_json(run, model, name):
    arguments = {
        "train": ["iris", "--epochs", "2"],
        "check": ["iris"],
        "lr-find": ["iris"],
        "tune": ["iris", "--epochs", "2", "--grid", "eta=0.01,0.1"],
        "predict": [model, "iris"],
        "evaluate": [model, "iris"],
        "summary": [model],
        "datasets": [],
    }
    document = json.loads(run(name, *arguments[name], "--json").stdout)
    listed = {command.strip("`"): re.findall(r"`(\w+)`", keys) for command, keys in rows("JSON")}
    assert list(document) == listed[name]
