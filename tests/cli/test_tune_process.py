"""`chainrule tune` as a process of its own: Ctrl-C, and what is loaded."""

import os
import signal
import sqlite3
import subprocess
import sys

import pytest

COMMAND = [sys.executable, "-m", "chainrule.cli"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "terminate"])
def test_what_was_done_is_shown_and_kept(number, tmp_path):
    # One fit that is done at once beside one that would take hours.
    grid = ["--grid", "epochs=1,1000000", "--grid", "eta=0.01"]
    with subprocess.Popen(
        [
            *(*COMMAND, "tune", "digits", "--patience", "inf", *grid),
            *("--store", "search.db", "--plot", "heat.svg", "--save", "best.model"),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "CHAINRULE_THREADS": "2"},
    ) as process:
        for line in process.stdout:
            if line.startswith("  fit 1/2 "):
                process.send_signal(number)
                break
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err == "Interrupted: what is shown is of the fits that were done.\n"
    assert "1 of 2 fits done, 1 missing\n" in out
    assert "\nBest --epochs 1 --learning-rate 0.01: accuracy 0." in out
    assert "\nTest accuracy " in out
    assert "1 cell not done yet" in (tmp_path / "heat.svg").read_text(encoding="utf-8")
    assert (tmp_path / "best.model").exists()
    connection = sqlite3.connect(tmp_path / "search.db")
    done = "SELECT count(*) FROM cells WHERE outcome IS NOT NULL AND owner IS NULL"
    assert connection.execute(done).fetchone() == (1,)
    assert connection.execute("SELECT count(owner) FROM cells").fetchone() == (0,)
    connection.close()


def test_neither_scikit_learn_nor_windows_are_loaded(tmp_path):
    code = (
        "import sys\n"
        "from chainrule.cli import app\n"
        "grid = ['--grid', 'eta=0.01,0.1', '--grid', 'lambda=0.1,1']\n"
        "for how in ([], ['--random', '2'], ['--cv', '2', '--seeds', '2']):\n"
        "    arguments = ['tune', 'iris', '--epochs', '2', '--quiet', '--plot', 'a.svg', *grid]\n"
        "    app([*arguments, *how], standalone_mode=False)\n"
        "heavy = {'sklearn', 'scipy.stats', 'pandas', 'joblib', 'matplotlib.pyplot'}\n"
        "print(sorted(heavy & {*sys.modules}))\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert result.stdout.endswith("[]\n")


def test_nothing_is_loaded_to_draw_with_where_nothing_is_drawn():
    code = (
        "import sys\n"
        "from chainrule.cli import app\n"
        "arguments = ['tune', 'iris', '--epochs', '2', '--quiet', '--grid', 'eta=0.01,0.1']\n"
        "app(arguments, standalone_mode=False)\n"
        "print('matplotlib' in sys.modules)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.endswith("\nFalse\n")


def test_what_is_drawn_with_is_loaded_while_the_search_runs(tmp_path):
    code = (
        "import sys, time\n"
        "from chainrule.cli import _tune, app\n"
        "run = _tune.Exploration.run\n"
        "def waiting(*arguments):\n"
        "    run(*arguments)\n"
        "    end = time.monotonic() + 60.0\n"
        "    while 'matplotlib.figure' not in sys.modules and time.monotonic() < end:\n"
        "        time.sleep(0.01)\n"
        "    print('matplotlib.figure' in sys.modules)\n"
        "_tune.Exploration.run = waiting\n"
        "arguments = ['tune', 'iris', '--epochs', '2', '--quiet', '--grid', 'eta=0.01,0.1']\n"
        "app([*arguments, '--plot', 'a.svg'], standalone_mode=False)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert result.stdout.startswith("True\n")
