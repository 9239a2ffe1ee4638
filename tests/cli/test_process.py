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
        [*COMMAND, "train", "digits", "--epochs", "1000000", "--patience", "inf"],
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
        r"\(training loss with penalties \S+, the lowest\)\.\n",
        err,
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "terminate"])
@pytest.mark.parametrize(
    "module", ["typer", "pydantic", "chainrule.models", "chainrule.cli._train", "chainrule.random"]
)
def test_an_interrupt_while_modules_are_loaded_shows_no_traceback(number, module):
    code = (
        "import os, sys\n"
        "class Interrupting:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name == {module!r}:\n"
        f"            os.kill(os.getpid(), {int(number)})\n"
        "sys.meta_path.insert(0, Interrupting())\n"
        "from chainrule.cli import main\n"
        "main()\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, "train", "xor"], capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stdout, result.stderr) == (130, "", "Interrupted.\n")


@pytest.mark.skipif(os.name != "posix", reason="shells of other systems start no such jobs")
def test_a_job_in_the_background_goes_on_ignoring_ctrl_c():
    code = (
        "import signal\n"
        "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "from chainrule.cli import main\n"
        "try:\n"
        "    main()\n"
        "finally:\n"
        "    print(signal.getsignal(signal.SIGINT) is signal.SIG_IGN)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, "train", "xor", "--epochs", "2", "--quiet"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.endswith("\nTrue\n")


def test_a_program_that_calls_the_command_keeps_its_signals_and_its_garbage_collection():
    code = (
        "import gc, signal\n"
        "from chainrule.cli import app\n"
        "def state():\n"
        "    numbers = signal.SIGINT, signal.SIGTERM\n"
        "    return gc.isenabled(), gc.get_freeze_count(), *map(signal.getsignal, numbers)\n"
        "gc.disable()\n"
        "before = state()\n"
        "app(['train', 'xor', '--epochs', '2', '--quiet'], standalone_mode=False)\n"
        "print(state() == before)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.endswith("\nTrue\n")


def test_errors_show_no_traceback(tmp_path):
    (tmp_path / "data.csv").write_text("a,y\n1,2\n,3\n")
    result = subprocess.run(
        [*COMMAND, "train", "data.csv", "--target", "y"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert result.returncode == 3
    assert result.stderr.startswith("Error: data.csv, row 2 (line 3), column 'a': the value is mis")
    assert "Traceback" not in result.stderr


def test_output_that_cannot_be_encoded_is_replaced():
    result = subprocess.run(
        [*COMMAND, "datasets"],
        capture_output=True,
        check=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )
    assert b"8 ? 8 pixels" in result.stdout


def test_scikit_learn_is_not_loaded(tmp_path):
    code = (
        "import sys\n"
        "from chainrule.cli import app\n"
        "for arguments in (\n"
        "    ['train', 'digits', '--epochs', '2', '--quiet', '--save', 'model'],\n"
        "    ['evaluate', 'model', 'digits', '--quiet'],\n"
        "):\n"
        "    app(arguments, standalone_mode=False)\n"
        "print(sorted({'sklearn', 'scipy.stats', 'pandas', 'matplotlib'} & {*sys.modules}))\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert result.stdout.endswith("[]\n")


@pytest.mark.skipif(os.name != "posix", reason="there are no such pipes on other systems")
def test_a_reader_that_leaves_disturbs_nobody(tmp_path):
    """As `| head -1` does; what was to be saved is saved all the same."""
    with subprocess.Popen(
        [*COMMAND, "train", "digits", "--epochs", "30", "--save", "model"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    ) as process:
        assert process.stdout.readline().startswith("digits: ")
        process.stdout.close()
        err = process.stderr.read()
        assert process.wait(60) == 0
    assert err == ""
    assert (tmp_path / "model").exists()


def test_no_colours_and_no_bar_when_not_on_a_terminal():
    result = subprocess.run(
        [*COMMAND, "train", "xor", "--epochs", "3", "--starts", "1"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "\x1b" not in result.stdout
    assert "\r" not in result.stdout
    lines = [line for line in result.stdout.splitlines() if line.startswith("  epoch ")]
    assert [line.split()[1] for line in lines] == ["1/3", "2/3", "3/3"]
