"""Run the measurements: ``python -m benchmarks [section ...] [--rounds N] [--suite]``.

Nothing else should be running on the machine meanwhile.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys

import numpy as np
import scipy

from benchmarks import (
    accuracy,
    compilation,
    counts,
    differentiation,
    digits,
    dispatch,
    fits,
    memory,
    search,
    startup,
)

SECTIONS = (
    "startup",
    "compilation",
    "dispatch",
    "differentiation",
    "digits",
    "memory",
    "fits",
    "search",
    "accuracy",
    "counts",
)


def main() -> None:
    """Run the sections asked for, or all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="section", help=", ".join(SECTIONS))
    parser.add_argument("--rounds", type=int, default=51, help="how often everything is measured")
    parser.add_argument("--suite", action="store_true", help="time the test suite, too")
    chosen = parser.parse_args()
    if unknown := set(chosen.sections) - set(SECTIONS):
        parser.error(f"no section {', '.join(sorted(unknown))}; there are {', '.join(SECTIONS)}")
    sections = chosen.sections or SECTIONS

    print(
        f"Python {platform.python_version()}, NumPy {np.__version__}, SciPy {scipy.__version__}, "
        f"{platform.machine()}, {os.cpu_count()} cores, {sys.platform}\n"
        "Each line: median, range of the middle half of the rounds, ratio to the first line."
    )
    for section in (startup, compilation):
        if section.__name__.rpartition(".")[2] in sections:
            section.run(max(2, chosen.rounds // 3))
    for section in (dispatch, differentiation, digits, memory):
        if section.__name__.rpartition(".")[2] in sections:
            section.run(chosen.rounds)
    if "fits" in sections:
        fits.run(max(3, chosen.rounds // 10))
    if "search" in sections:
        search.run(max(2, chosen.rounds // 17))
    if "accuracy" in sections:
        accuracy.run(accuracy.SEEDS)
    if "counts" in sections:
        counts.run(chosen.suite)


if __name__ == "__main__":
    main()
