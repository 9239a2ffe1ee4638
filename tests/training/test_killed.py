"""Processes that are killed while they train: what they leave is gone on from, bit for bit."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.training import runs

import chainrule as cr

LIVES = 3
KILLED = (
    "sgd with momentum",
    "adam with dropout and batch normalization",
    "rate that adapts, and early stopping",
    "lbfgs",
)


class Program:
    """`runs` as a program, with its files in a folder."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.checkpoint, self.output = folder / "run.safetensors", folder / "result.safetensors"
        self._kind, self._folder = kind, folder
        files = [str(self.checkpoint), str(self.output)]
        self.command = [sys.executable, runs.__file__, kind, *files]

    def killed_at(self, seconds: float) -> tuple[int, bool]:
        """Return the first epoch, and whether it was killed: some time after the second."""
        with subprocess.Popen(self.command, stdout=subprocess.PIPE, text=True) as process:
            first, _ = (int(next(process.stdout)) for _ in range(2))
            time.sleep(seconds)
            process.send_signal(signal.SIGKILL)
        return first, process.returncode == -signal.SIGKILL

    def ends_as_if_never_killed(self, first: int | None = None) -> None:
        ended = subprocess.run(self.command, check=True, capture_output=True, text=True)
        epochs = [int(line) for line in ended.stdout.split()]
        assert epochs == list(range(epochs[0], epochs[-1] + 1))
        assert first in (None, epochs[0])
        assert cr.load(self.output) == runs.content(runs.run(self._kind))
        assert set(self._folder.iterdir()) == {self.checkpoint, self.output}


@pytest.mark.parametrize("kind", KILLED)
def test_a_run_that_is_killed_again_and_again_ends_as_if_it_were_not(kind, tmp_path):
    program, moments = Program(kind, tmp_path), random.Random(kind)
    begun, killed = [], []
    for _ in range(LIVES):
        first, was_killed = program.killed_at(moments.uniform(0.0, 0.02))
        begun.append(first)
        killed.append(was_killed)
        if not was_killed:  # on a machine so busy that the run was over before
            break
        cr.load(program.checkpoint)
        assert not program.output.exists()
    assert killed[0]
    assert begun[0] == 1
    assert begun == sorted(set(begun))
    if all(killed):
        program.ends_as_if_never_killed()
    else:
        assert cr.load(program.output) == runs.content(runs.run(kind))


@pytest.mark.parametrize("call", ["write", "fsync", "replace"])
def test_a_run_that_is_killed_while_it_writes_goes_on_from_the_file_before(call, tmp_path):
    program = Program("sgd with momentum", tmp_path)
    died = subprocess.run([*program.command, call], stdout=subprocess.DEVNULL)
    assert died.returncode == -signal.SIGKILL
    assert len(list(tmp_path.iterdir())) == 2  # the file, and the next that was not done yet
    # Before the first epoch one was written, too; and each is synchronized twice, with its folder.
    program.ends_as_if_never_killed(first=2 if call == "fsync" else 4)
