"""Counts: primitives, lines in each part of the package, tests, and the time the tests take."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.timing import duration, show_rows
from chainrule.ir.op import OPS

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "chainrule"


def run(with_suite: bool) -> None:
    """Print the counts; run the tests only when asked to, for it takes minutes."""
    show_rows("Primitives", [("registered", str(len(OPS)))])
    parts = sorted(path for path in PACKAGE.iterdir() if path.is_dir() or path.suffix == ".py")
    rows = [(part.name, _lines(part)) for part in parts]
    rows = [(name, lines) for name, lines in rows if lines]
    rows.append(("all", sum(lines for _, lines in rows)))
    show_rows("Lines, docstrings and comments included", [(n, f"{count:6,}") for n, count in rows])
    show_rows("Tests", _tests(with_suite))


def _lines(part: Path) -> int:
    files = part.rglob("*.py") if part.is_dir() else [part]
    return sum(len(file.read_text(encoding="utf-8").splitlines()) for file in files)


def _tests(with_suite: bool) -> list[tuple[str, str]]:
    collected = _pytest("--collect-only", "-qq", "-p", "no:cacheprovider")
    per_file = re.findall(r": (\d+)$", collected, flags=re.MULTILINE)
    rows = [("collected", f"{sum(map(int, per_file)):,}")]
    if with_suite:
        began = time.perf_counter()
        last_line = _pytest("-q", "-n", "2").strip().splitlines()[-1]
        rows.append(("on two cores", f"{duration(time.perf_counter() - began)}: {last_line}"))
    return rows


def _pytest(*arguments: str) -> str:
    command = [sys.executable, "-m", "pytest", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout
