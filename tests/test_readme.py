"""What the README shows is what happens."""

import doctest
import re
from pathlib import Path

from typer.testing import CliRunner

from chainrule.cli import app

README = Path(__file__).parents[1] / "README.md"


def console(command):
    """Return the output that the README shows for a command, as chunks of whole lines."""
    text = README.read_text(encoding="utf-8")
    shown = text.split(f"```console\n$ {command}\n")[1].split("\n```")[0]
    return re.split(r"^\.\.\.$", shown, flags=re.M)


def test_examples_run():
    blocks = re.findall(r"```pycon\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.S)
    test = doctest.DocTestParser().get_doctest("\n".join(blocks), {}, "README", str(README), 0)
    assert doctest.DocTestRunner().run(test).failed == 0
    assert len(test.examples) > 15


def test_training_the_digits_begins_as_shown():
    """How it ends depends on the last digits of matrix products, and so on the machine."""
    result = CliRunner().invoke(app, ["train", "digits"])
    assert result.stdout.startswith(console("chainrule train digits")[0])


def test_error_is_as_shown(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("plants.csv").write_text("height,species\n1.5,oak\nNA,elm\n", encoding="utf-8")
    result = CliRunner().invoke(app, ["train", "plants.csv", "--target", "species"])
    assert result.exit_code == 3
    assert [result.stderr.rstrip()] == console("chainrule train plants.csv --target species")
