"""Timing things side by side.

Two timings taken one after the other differ by what else the machine was doing. Here everything
that is to be compared takes turns: in every round each candidate runs for a few milliseconds, in an
order that rotates. What is reported is the median over the rounds with the range of the middle half
of them, and as a ratio the median of the ratios within each round, from which slow changes of the
machine cancel.
"""

from __future__ import annotations

import gc
import os
import statistics
import subprocess
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

ROUND_SECONDS = 0.004


class Timing(NamedTuple):
    """Seconds per call, and how many times the reference's."""

    median: float
    low: float
    high: float
    ratio: float


def side_by_side(
    candidates: dict[str, Callable[[], object]], *, rounds: int = 51
) -> dict[str, Timing]:
    """Time functions against each other; the first is the reference of the ratios.

    Every candidate is called once before anything is measured, which is when compiled functions
    compile.
    """
    names = list(candidates)
    calls = {name: _calls_per_round(candidates[name]) for name in names}
    seconds: dict[str, list[float]] = {name: [] for name in names}
    collecting = gc.isenabled()
    gc.disable()
    try:
        for turn in range(rounds):
            start = turn % len(names)
            for name in names[start:] + names[:start]:
                seconds[name].append(_time(candidates[name], calls[name]))
    finally:
        if collecting:
            gc.enable()
    return summarize(seconds)


def summarize(seconds: dict[str, list[float]]) -> dict[str, Timing]:
    """Turn the seconds of every round into timings; the first entry is the reference."""
    reference = next(iter(seconds.values()))
    return {name: _timing(column, reference) for name, column in seconds.items()}


def process_seconds(command: list[str], *, bytecode: str, cache: str) -> float:
    """Return how long a process takes, from its start to its end.

    The first one writes the bytecode of what it imports, as installing does, and programs that are
    not in the cache.
    """
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    environment |= {
        "PYTHONPYCACHEPREFIX": bytecode,
        "CHAINRULE_CACHE": "1",
        "CHAINRULE_CACHE_DIR": cache,
    }
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env=environment)
    return time.perf_counter() - began


def _timing(column: list[float], reference: list[float]) -> Timing:
    low, median, high = statistics.quantiles(column, n=4, method="inclusive")
    ratios = [mine / theirs for mine, theirs in zip(column, reference, strict=True)]
    return Timing(median, low, high, statistics.median(ratios))


def _calls_per_round(function: Callable[[], object]) -> int:
    function()
    calls = 1
    while (elapsed := _time(function, calls) * calls) < ROUND_SECONDS / 4:
        calls *= 4
    return max(1, round(calls * ROUND_SECONDS / elapsed))


def _time(function: Callable[[], object], calls: int) -> float:
    began = time.perf_counter()
    for _ in range(calls):
        function()
    return (time.perf_counter() - began) / calls


def show(title: str, timings: dict[str, Timing], *, note: str = "") -> None:
    """Print timings as a table."""
    width = max(len(name) for name in timings)
    print(f"\n{title}")
    for name, timing in timings.items():
        spread = f"({duration(timing.low)} to {duration(timing.high)})"
        print(f"  {name:<{width}}  {duration(timing.median):>9}  {spread:<24} {timing.ratio:8.2f}x")
    if note:
        print(f"  {note}")


def show_rows(title: str, rows: Iterable[tuple[str, str]]) -> None:
    """Print names with values that are not timings."""
    rows = list(rows)
    width = max(len(name) for name, _ in rows)
    print(f"\n{title}")
    for name, value in rows:
        print(f"  {name:<{width}}  {value}")


def show_verdict(wanted: str, found: str, reached: bool) -> None:
    """Print what must be reached, and whether it is."""
    print(f"  must be {wanted}: {found}  {'reached' if reached else 'NOT REACHED'}", flush=True)


def duration(seconds: float) -> str:
    """Write a time with three digits in the unit that suits it."""
    for factor, unit in ((1.0, "s"), (1e3, "ms"), (1e6, "µs")):
        if seconds * factor >= 1.0:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"
