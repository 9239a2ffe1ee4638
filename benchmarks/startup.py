"""What importing the library costs, beside importing NumPy."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile

from benchmarks.timing import show, show_rows, summarize

_TIMED = "import time; began = time.perf_counter(); import {}; print(time.perf_counter() - began)"
_LOADED = (
    "import sys, numpy; before = set(sys.modules); import chainrule; "
    "print(*sorted({name.partition('.')[0] for name in set(sys.modules) - before}"
    " - sys.stdlib_module_names - {'chainrule', 'numpy'}))"
)


def run(rounds: int) -> None:
    """Time imports in fresh interpreters, by turns, from compiled bytecode as once installed."""
    modules = ("numpy", "chainrule")
    seconds: dict[str, list[float]] = {f"import {name}": [] for name in modules}
    with tempfile.TemporaryDirectory() as bytecode:
        for turn in range(rounds + 1):
            for name in modules:
                took = float(_python(_TIMED.format(name), bytecode))
                if turn:  # the first turn writes the bytecode
                    seconds[f"import {name}"].append(took)
        loaded = _python(_LOADED, bytecode).strip() or "nothing"
    show("Import, in a fresh interpreter", summarize(seconds))
    show_rows("Loaded by `import chainrule` besides NumPy", [("packages", loaded)])


def _python(code: str, bytecode: str) -> str:
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPYCACHEPREFIX"] = bytecode
    command = [sys.executable, "-c", code]
    finished = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    return finished.stdout
