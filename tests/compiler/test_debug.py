"""CHAINRULE_DEBUG: what is told when a function is compiled."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule._errors import InvalidArgumentError

X = np.ones((4, 3))

SUMMARY = (
    r"chainrule: compile\(project\)\(float64\[4, 3\], float64\[3, 2\]\): 1 kernels, 1 products, "
    r"0 calls, arena 64 B, 56 flop, (compiled|taken from the cache) in [\d.]+ [mu]?s "
    r"\(ms: trace [\d.]+, passes [\d.]+, find [\d.]+, .*load [\d.]+\)"
)


def project(x, w):
    return np.tanh(x @ w)


def told(level: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """Compile and call twice; return what is on standard error."""
    monkeypatch.setenv("CHAINRULE_DEBUG", level)
    f = cr.compile(project, engine="native")
    for _ in range(2):
        np.testing.assert_allclose(f(X, np.ones((3, 2))), np.tanh(np.full((4, 2), 3.0)))
    out, err = capsys.readouterr()
    assert out == ""
    return err


@pytest.mark.parametrize("level", ["", "0"])
def test_nothing_is_told_unless_asked(level, monkeypatch, capsys):
    assert told(level, monkeypatch, capsys) == ""


def test_a_line_for_every_signature(monkeypatch, capsys):
    assert re.fullmatch(SUMMARY + "\n", told("1", monkeypatch, capsys))


def test_each_level_tells_more(monkeypatch, capsys):
    marks = {
        2: ("graph(a: float64[4, 3], b: float64[3, 2])", "input0[1, 4, 3] @ input1[1, 3, 2]"),
        3: ("define i32 @",),
        4: ("run:",),
    }
    for level in (2, 3, 4):
        text = told(str(level), monkeypatch, capsys)
        assert re.match(SUMMARY + "\n", text)
        for needed, wanted in marks.items():
            for mark in wanted:
                assert (mark in text) == (level >= needed), (level, mark)


def test_whether_the_cache_had_it(tmp_path: Path, monkeypatch, capsys):
    monkeypatch.setenv("CHAINRULE_CACHE_DIR", str(tmp_path / "cache"))
    first, second = [told("1", monkeypatch, capsys) for _ in range(2)]
    assert ", compiled in " in first
    assert ", emit " in first
    assert ", taken from the cache in " in second
    assert ", emit " not in second


def test_many_arguments_are_cut_short(monkeypatch, capsys):
    monkeypatch.setenv("CHAINRULE_DEBUG", "1")
    cr.compile(lambda xs: sum(xs), engine="native")([X[0]] * 6)
    shown = ", ".join(["float64[3]"] * 4)
    assert f"compile(<lambda>)({shown}, 2 more): " in capsys.readouterr().err


def test_the_interpreter_shows_its_source(monkeypatch, capsys):
    monkeypatch.setenv("CHAINRULE_DEBUG", "4")
    cr.compile(project, engine="interpreter")(X, np.ones((3, 2)))
    text = capsys.readouterr().err
    head = r"chainrule: compile\(project\)\(float64\[4, 3\], float64\[3, 2\]\): 2 ops for the "
    assert re.match(head + r"interpreter, in [\d.]+ [mu]s \(ms: trace [\d.]+, passes", text)
    assert "graph(a: float64[4, 3]" in text
    assert "def run(" in text


def test_the_variable_is_read_at_every_compilation(monkeypatch, capsys):
    f = cr.compile(project, engine="native")
    f(X, np.ones((3, 2)))
    monkeypatch.setenv("CHAINRULE_DEBUG", "1")
    f(X, np.ones((3, 2)))
    assert capsys.readouterr().err == ""
    f(X, np.ones((3, 5)))
    assert "compile(project)(float64[4, 3], float64[3, 5])" in capsys.readouterr().err


def test_who_listens_to_the_logger_gets_it_instead(monkeypatch, capsys, caplog):
    caplog.set_level(logging.DEBUG, "chainrule")
    assert told("1", monkeypatch, capsys) == ""
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("chainrule", logging.DEBUG)
    assert record.getMessage().startswith("compile(project)(float64[4, 3], float64[3, 2]): ")


@pytest.mark.parametrize("value", ["5", "-1", "on", "1.0", " 1"])
def test_other_values_are_refused(value, monkeypatch):
    monkeypatch.setenv("CHAINRULE_DEBUG", value)
    message = (
        f"the environment variable CHAINRULE_DEBUG must be a number from 0 to 4, got {value!r}; "
        "1 is a line for every function compiled, 2 also graph and kernels, 3 also LLVM code, 4 "
        "also assembly."
    )
    f = cr.compile(project, engine="native")
    with pytest.raises(InvalidArgumentError, match=f"^{re.escape(message)}"):
        f(X, np.ones((3, 2)))
    monkeypatch.delenv("CHAINRULE_DEBUG")
    assert f(X, np.ones((3, 2))).shape == (4, 2)
