"""What is printed, line by line."""

import io
import json

import numpy as np
import pytest

from chainrule.cli import _progress
from chainrule.cli._progress import Progress
from chainrule.cli._report import Report
from chainrule.training import EpochRecord


class Terminal(io.StringIO):
    """Something that says it is a terminal."""

    def isatty(self):
        return True


def record(epoch, loss, *, val_loss=None, val_score=None, is_best=True):
    return EpochRecord(epoch, loss, val_loss, is_best, 0.1, None, val_score, 0.1, None, None, 0.0)


def shown(report, records, n_epochs, capsys):
    with Progress(report, n_epochs, no_color=True) as progress:
        for one in records:
            progress(one)
    return capsys.readouterr().out.splitlines()


def test_a_line_for_every_epoch(capsys):
    records = [record(1, 0.5), record(2, 0.25), record(3, 0.75, is_best=False)]
    assert shown(Report(), records, 10, capsys) == [
        "  epoch  1/10  loss 0.5000  best 0.5000 (epoch 1)",
        "  epoch  2/10  loss 0.2500  best 0.2500 (epoch 2)",
        "  epoch  3/10  loss 0.7500  best 0.2500 (epoch 2)",
    ]


def test_the_best_is_that_of_the_validation_samples(capsys):
    records = [
        record(1, 0.5, val_loss=0.6, val_score=0.9),
        record(2, 0.4, val_loss=0.7, val_score=0.8, is_best=False),
    ]
    assert shown(Report(), records, 2, capsys) == [
        "  epoch 1/2  loss 0.5000  val_loss 0.6000  val_score 0.9000  best 0.9000 (epoch 1)",
        "  epoch 2/2  loss 0.4000  val_loss 0.7000  val_score 0.8000  best 0.9000 (epoch 1)",
    ]


@pytest.mark.parametrize(
    ("loss", "text"), [(0.25, "0.2500"), (1e200, "1e+200"), (1.23456e-7, "1.235e-07"), (0.0, "0")]
)
def test_losses_of_any_size_are_readable(loss, text, capsys):
    lines = shown(Report(), [record(1, loss)], 1, capsys)
    assert lines == [f"  epoch 1/1  loss {text}  best {text} (epoch 1)"]


@pytest.mark.parametrize("how", ["quiet", "json"])
def test_nothing_of_the_course_when_it_is_not_wanted(how, capsys):
    report = Report(**{how: True})
    assert shown(report, [record(1, 0.5)], 1, capsys) == []
    report.note("a note")
    report.result("the result")
    report.document({"key": 1})
    expected = "the result\n" if how == "quiet" else '{"key": 1}\n'
    assert capsys.readouterr().out == expected


def test_a_bar_in_a_terminal(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(_progress.sys, "stdout", terminal)
    monkeypatch.setenv("COLUMNS", "120")
    with Progress(Report(), 20, no_color=True) as progress:
        for number in range(1, 21):
            progress(record(number, 0.125))
    assert "20/20" in terminal.getvalue()
    assert "loss 0.1250  best 0.1250 (epoch 20)" in terminal.getvalue()
    assert "  epoch  1/20" not in terminal.getvalue()


def test_colours_in_a_terminal_unless_unwanted(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    for no_color, environment, expected in (
        (False, None, "\x1b[1mbold\x1b[0m\n"),
        (True, None, "bold\n"),
        (False, "1", "bold\n"),
    ):
        terminal = Terminal()
        monkeypatch.setattr("sys.stdout", terminal)
        if environment is not None:
            monkeypatch.setenv("NO_COLOR", environment)
        Report(no_color=no_color).result("bold", "bold")
        assert terminal.getvalue() == expected


def test_long_lines_are_not_wrapped(capsys):
    Report().result("word " * 40)
    assert capsys.readouterr().out == "word " * 40 + "\n"


def test_json_of_numpy_and_of_what_is_not_finite(capsys):
    document = {
        "array": np.arange(3),
        "scalar": np.float32(0.5),
        "tuple": (1, None, True),
        "nan": [np.nan, np.inf, -np.inf],
        "text": "é",
        1: "a key that is no text",
    }
    Report(json=True).document(document)
    out = capsys.readouterr().out
    assert json.loads(out) == {
        "array": [0, 1, 2],
        "scalar": 0.5,
        "tuple": [1, None, True],
        "nan": [None, None, None],
        "text": "é",
        "1": "a key that is no text",
    }
    assert "é" in out
