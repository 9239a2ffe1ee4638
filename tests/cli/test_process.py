"""The command as a process of its own: the script, Ctrl-C, and a narrow encoding."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = [sys.executable, "-m", "chainrule.cli"]


def test_script_is_installed():
    script = Path(sys.executable).with_name("chainrule")
    result = subprocess.run([script, "--version"], capture_output=True, text=True, check=True)
    assert result.stdout.startswith("chainrule ")


@pytest.mark.parametrize("engine", ["native", "interpreter"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "terminate"])
def test_an_interrupted_run_keeps_its_best_weights(number, engine):
    with subprocess.Popen(
        [*COMMAND, "train", "digits", "--epochs", "1000000"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "CHAINRULE_ENGINE": engine},
    ) as process:
        for line in process.stdout:
            if line.startswith("  epoch "):
                process.send_signal(number)
                break
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "\nTest accuracy " in out
    assert re.fullmatch(
        r"Interrupted after \d+ of 1000000 epochs; the weights of epoch \d+ are kept "
        r"\(training loss \S+, the lowest\)\.\n",
        err,
    )


def test_errors_show_no_traceback(tmp_path):
    (tmp_path / "data.csv").write_text("a,y\n1,2\nx,3\n")
    result = subprocess.run(
        [*COMMAND, "train", "data.csv", "--target", "y"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert result.returncode == 3
    assert result.stderr.startswith("Error: data.csv, row 2 (line 3), column 'a': 'x' is not a")
    assert "Traceback" not in result.stderr


def test_output_that_cannot_be_encoded_is_replaced():
    result = subprocess.run(
        [*COMMAND, "datasets"],
        capture_output=True,
        check=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )
    assert b"8 ? 8 pixels" in result.stdout
