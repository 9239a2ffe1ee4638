"""What is printed, line by line."""

import io

import numpy as np
import pytest
from rich.console import Console

from chainrule.cli import _report
from chainrule.cli._report import Report, confusion_lines


@pytest.fixture(autouse=True)
def terminal_of_80_columns(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")


def test_confusion_table():
    truth = np.array([0, 0, 0, 1, 1, 2])
    predicted = np.array([0, 0, 1, 1, 1, 0])
    assert confusion_lines(truth, predicted, ("cat", "dog", "newt")) == [
        "Confusion table (row: true class, column: predicted class)",
        "         cat   dog  newt",
        "   cat     2     1     ·",
        "   dog     ·     2     ·",
        "  newt     1     ·     ·",
    ]


def test_confusions_too_wide_for_the_terminal_are_listed():
    names = tuple(f"a class with a long name, {i}" for i in range(4))
    truth = np.array([0, 1, 1, 1, 2, 3])
    predicted = np.array([3, 2, 2, 1, 2, 3])
    assert confusion_lines(truth, predicted, names) == [
        "Commonest mistakes",
        "  2 × a class with a long name, 1 taken for a class with a long name, 2",
        "  1 × a class with a long name, 0 taken for a class with a long name, 3",
    ]
    assert confusion_lines(truth, truth, names) == ["No class was taken for another."]


@pytest.mark.parametrize(
    ("n_epochs", "shown"),
    [(1, [1]), (3, [1, 2, 3]), (100, [1, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100])],
)
def test_lines_of_progress(n_epochs, shown, capsys):
    report = Report(quiet=False, no_color=True)
    report.start_progress(n_epochs)
    for number in range(1, n_epochs + 1):
        report.epoch(number, n_epochs, 1 / number)
    report.end_progress()
    width = len(str(n_epochs))
    assert capsys.readouterr().out.splitlines() == [
        f"  epoch {number:>{width}}/{n_epochs}  loss {1 / number:.4f}" for number in shown
    ]


def test_progress_bar_in_a_terminal(monkeypatch):
    file = io.StringIO()
    monkeypatch.setattr(
        _report, "Console", lambda **options: Console(file=file, force_terminal=True, **options)
    )
    report = Report(quiet=False, no_color=True)
    report.start_progress(20)
    for number in range(1, 21):
        report.epoch(number, 20, 0.125)
    report.end_progress()
    assert "20/20" in file.getvalue()
    assert "loss 0.125" in file.getvalue()
    assert "  epoch 1/20" not in file.getvalue()


def test_quiet_leaves_the_result(capsys):
    report = Report(quiet=True, no_color=True)
    report.start_progress(2)
    report.note("a note")
    report.epoch(1, 2, 0.5)
    report.end_progress()
    report.result("the result")
    assert capsys.readouterr().out == "the result\n"


def test_long_lines_are_not_wrapped(capsys):
    Report(quiet=False, no_color=True).result("word " * 40)
    assert capsys.readouterr().out == "word " * 40 + "\n"


@pytest.mark.parametrize(
    ("loss", "shown"), [(0.25, "0.2500"), (1e200, "1e+200"), (1.23456e-7, "1.235e-07"), (0.0, "0")]
)
def test_losses_of_any_size_are_readable(loss, shown, capsys):
    report = Report(quiet=False, no_color=True)
    report.start_progress(1)
    report.epoch(1, 1, loss)
    report.end_progress()
    assert capsys.readouterr().out == f"  epoch 1/1  loss {shown}\n"
