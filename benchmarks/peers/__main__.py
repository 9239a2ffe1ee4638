"""Measure this library beside others: ``python -m benchmarks.peers PYTHON [row ...]``.

PYTHON has the packages of `requirements.txt`; ``make bench-peers`` makes such an environment and
runs this. Every library does the same work in a process of its own, from the same numbers; rounds
alternate between them, and what they come to is compared. Nothing else should be running.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
import time

import numpy as np

from benchmarks.peers.command import measure_command
from benchmarks.peers.compare import Measured, Verdict, measure, show
from benchmarks.peers.row import MODULES
from benchmarks.peers.starts import Starts, measure_starts, show_starts
from benchmarks.peers.work import ROWS
from benchmarks.timing import duration

OTHERS = ("starts", "command")
"""What is measured beside the rows: cold and warm starts of each, and the command line."""

START_ROUNDS = 3


def main() -> None:
    """Measure what is asked for, or everything, and print a summary."""
    began = time.perf_counter()
    chosen = _arguments()
    _introduce(chosen.python)
    everything = not chosen.rows
    named = [name for name in ROWS if name in chosen.rows or everything]
    measured = []
    for name in named:
        for dtype in chosen.dtype or ROWS[name].targets:
            measured.append(measure(chosen.python, name, ROWS[name], dtype, chosen.rounds))
            show(measured[-1])
    starts = []
    if everything or "starts" in chosen.rows:
        for name in named or ROWS:
            dtype = next(iter(chosen.dtype or ROWS[name].targets))
            starts.append(measure_starts(chosen.python, name, ROWS[name], dtype, START_ROUNDS))
            show_starts(starts[-1])
    if everything or "command" in chosen.rows:
        measure_command(chosen.python, START_ROUNDS)
    if measured:
        _summarize_rows(measured)
    if starts:
        _summarize_starts(starts)
    print(f"\nMeasured in {(time.perf_counter() - began) / 60:.0f} minutes.")
    if any("DISAGREES" in trouble for row in measured for trouble in row.trouble.values()):
        sys.exit("Some libraries came to different results; see above.")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.add_argument("python", help="interpreter of the environment with the other libraries")
    parser.add_argument("rows", nargs="*", metavar="row", help=", ".join((*ROWS, *OTHERS)))
    parser.add_argument("--rounds", type=int, default=7, help="how often everything is measured")
    parser.add_argument("--dtype", nargs="+", choices=("float32", "float64"), help="of all rows")
    chosen = parser.parse_args()
    if unknown := set(chosen.rows) - {*ROWS, *OTHERS}:
        parser.error(
            f"no row {', '.join(sorted(unknown))}; there are {', '.join((*ROWS, *OTHERS))}"
        )
    if chosen.rounds < 2:
        parser.error("--rounds: at least 2, for there to be a spread")
    return chosen


def _introduce(python: str) -> None:
    """Print what is compared, and what of it is missing."""
    if shutil.which(python) is None:
        sys.exit(f"{python}: there is no such interpreter. 'make bench-peers' makes one.")
    asked = "import importlib.metadata as m; print(*(m.version(p) for p in {!r}))"
    names = ("jax", "torch", "scikit-learn")
    answer = subprocess.run(
        [python, "-c", asked.format(names)], capture_output=True, text=True, check=False
    )
    if answer.returncode:
        sys.exit(
            f"{python}: expected an environment with {', '.join(names)}: "
            f"{answer.stderr.strip().splitlines()[-1]}. Run 'make bench-peers', or install "
            "benchmarks/peers/requirements.txt."
        )
    versions = dict(zip(names, answer.stdout.split(), strict=True))
    print(
        f"Python {platform.python_version()}, NumPy {np.__version__}, "
        + ", ".join(f"{name} {version}" for name, version in versions.items())
        + f", {platform.machine()}, {os.cpu_count()} cores, {sys.platform}\n"
        "Each line: median, range of the middle half of the rounds, median of the ratios to "
        "chainrule, mean of what was computed, time to import the library and get a first result."
    )
    if not any(map(shutil.which, ("g++", "clang++", "c++", "cl"))):
        print("torch.compile needs a C++ compiler, which this machine has not.")


def _summarize_rows(measured: list[Measured]) -> None:
    """Print a line for every row as a table in Markdown."""
    others = [library for library in MODULES if library != "chainrule"]
    print("\n## Medians, and times as long as chainrule (the fastest of each library)\n")
    _table_line("work", "dtype", "chainrule", *others, "x limit", "must reach", "reached")
    _table_line(*["---"] * (6 + len(others)))
    for row in measured:
        mine = row.timings.get("chainrule")
        ratios = {name: row.ratio_to(name) for name in others}
        verdicts = row.verdicts()
        _table_line(
            row.row.title,
            row.dtype,
            duration(mine.median) if mine else "none",
            *("" if ratio is None else f"{ratio:.2f}" for ratio in ratios.values()),
            f"{mine.median / row.limit.seconds:.2f}" if mine else "",
            *_cells(verdicts),
        )


def _summarize_starts(starts: list[Starts]) -> None:
    """Print the starts of every row as a table in Markdown."""
    print("\n## Starts: import, and first call beyond a later one\n")
    _table_line("work", "must reach", "reached")
    _table_line("---", "---", "---")
    for row in starts:
        _table_line(row.name, *_cells(row.verdicts()))


def _cells(verdicts: list[Verdict]) -> tuple[str, str]:
    return (
        "; ".join(verdict.wanted for verdict in verdicts),
        "; ".join(f"{'yes' if v.reached else '**no**'}: {v.found}" for v in verdicts),
    )


def _table_line(*cells: str) -> None:
    print("|", " | ".join(cells), "|")


if __name__ == "__main__":
    main()
