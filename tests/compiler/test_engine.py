"""Which engine runs a graph."""

import logging
import os
import re
import subprocess
import sys

import numpy as np
import pytest

import chainrule as cr
from chainrule._errors import InvalidArgumentError, UnsupportedError
from chainrule.compiler import Program, engine
from chainrule.compiler.native import NativeProgram
from chainrule.ops.family import Unary

SUPPORTED = cr.trace(lambda x: np.sum(np.sin(x)), np.ones(3))
# An op that the native engine has not heard of.
positive = Unary("positive", np.positive, None)
UNSUPPORTED = cr.trace(positive, np.eye(3))


@pytest.fixture
def no_environment(monkeypatch):
    monkeypatch.delenv("CHAINRULE_ENGINE", raising=False)


@pytest.fixture
def without_llvm(monkeypatch, no_environment):
    monkeypatch.setattr(engine, "_has_llvm", lambda: False)
    engine._say_that_llvm_is_missing.cache_clear()
    yield
    engine._say_that_llvm_is_missing.cache_clear()


@pytest.mark.usefixtures("no_environment")
def test_auto_is_native_where_all_ops_can_be_compiled():
    assert isinstance(engine.engine_named("auto")(SUPPORTED), NativeProgram)
    assert isinstance(engine.engine_named("auto")(UNSUPPORTED), Program)


def test_the_environment_decides_for_auto_only(monkeypatch):
    monkeypatch.setenv("CHAINRULE_ENGINE", "interpreter")
    assert isinstance(engine.engine_named("auto")(SUPPORTED), Program)
    assert isinstance(engine.engine_named("native")(SUPPORTED), NativeProgram)


def test_the_environment_is_read_when_a_graph_is_compiled(monkeypatch):
    f = cr.compile(lambda x: x + 1.0)
    monkeypatch.setenv("CHAINRULE_ENGINE", "steam")
    message = (
        "compile: the environment variable CHAINRULE_ENGINE must be one of 'auto', 'native', "
        "'interpreter', got 'steam'."
    )
    with pytest.raises(InvalidArgumentError, match=re.escape(message)):
        f(1.0)


def test_native_refuses_what_it_cannot_compile():
    f = cr.compile(positive, engine="native")
    message = "native: cannot compile op positive; run the graph with engine='interpreter'."
    with pytest.raises(UnsupportedError, match=re.escape(message)):
        f(np.eye(3))


@pytest.mark.usefixtures("without_llvm")
def test_without_llvm_the_interpreter_serves_and_says_so_once(caplog):
    with caplog.at_level(logging.WARNING, logger="chainrule"):
        for _ in range(2):
            assert isinstance(engine.engine_named("auto")(SUPPORTED), Program)
    assert [record.message for record in caplog.records] == [
        "llvmlite is not installed, so compiled functions run in the interpreter"
    ]
    message = (
        "compile: engine 'native' needs llvmlite, which is not installed; run 'pip install "
        "llvmlite', or use engine='interpreter'."
    )
    with pytest.raises(UnsupportedError, match=re.escape(message)):
        engine.engine_named("native")(SUPPORTED)


def test_the_digits_are_trained_alike_by_both_engines():
    """From the shell, as a user would; the last digits of a loss may differ."""

    def losses(name):
        out = subprocess.run(
            [sys.executable, "-m", "chainrule.cli", "train", "digits", "--epochs", "8"],
            env={**os.environ, "CHAINRULE_ENGINE": name},
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        ).stdout
        return [float(text) for text in re.findall(r"loss (\d\.\d+)", out)]

    native, interpreted = losses("native"), losses("interpreter")
    assert len(native) == 8
    np.testing.assert_allclose(native, interpreted, rtol=2e-3)
