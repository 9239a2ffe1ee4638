"""``chainrule train digits`` from the shell, against a scikit-learn script that does the same."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from benchmarks.timing import show, show_rows, summarize

CHAINRULE = [sys.executable, "-m", "chainrule.cli", "train", "digits"]
SCRIPT = Path(__file__).with_name("train_digits.py")


def measure_command(python: str, rounds: int) -> None:
    """Run both by turns, and print the times from start to end of the process."""
    names = (
        "chainrule train digits, cold cache",
        "chainrule train digits, warm cache",
        "scikit-learn script",
    )
    seconds: dict[str, list[float]] = {name: [] for name in names}
    said = {}
    with tempfile.TemporaryDirectory() as folder:
        warm = {"CHAINRULE_CACHE_DIR": str(Path(folder) / "warm")}
        _run(CHAINRULE, warm)
        for turn in range(rounds):
            cold = {"CHAINRULE_CACHE_DIR": str(Path(folder) / f"cold-{turn}")}
            for name, command, environment in (
                (names[0], CHAINRULE, cold),
                (names[1], CHAINRULE, warm),
                (names[2], [python, str(SCRIPT)], {}),
            ):
                took, said[name] = _run(command, environment)
                seconds[name].append(took)
    show("Training on the digits from the shell, whole process", summarize(seconds))
    lines = {name: re.search(r"Test accuracy.*", output) for name, output in said.items()}
    show_rows("What they say", [(name, m[0] if m else "nothing") for name, m in lines.items()])


def _run(command: list[str], environment: Mapping[str, str]) -> tuple[float, str]:
    began = time.perf_counter()
    finished = subprocess.run(
        command,
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "CHAINRULE_CACHE": "1", **environment},
    )
    return time.perf_counter() - began, finished.stdout
