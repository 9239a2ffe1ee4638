"""A peer's side: ``python -m benchmarks.peers.serve ROW PEER DTYPE``.

Imports the library, prepares the work and does it once, which is the cold start. Then, for every
line that comes in, does it as often as the line says. Every answer is a line of JSON.
"""

from __future__ import annotations

import gc
import importlib
import json
import sys
import time
from typing import Any

import numpy as np

from benchmarks.peers.row import MODULES, library_of
from benchmarks.peers.work import ROWS


def main() -> None:
    answers, sys.stdout = sys.stdout, sys.stderr  # libraries may print

    def answer(**fields: Any) -> None:
        print(json.dumps(fields), file=answers, flush=True)

    name, peer, dtype = sys.argv[1:]
    row = ROWS[name]
    problem = row.problem(np.dtype(dtype))
    try:
        began = time.perf_counter()
        importlib.import_module(MODULES[library_of(peer)])
        imported = time.perf_counter()
        run = row.peers[peer](*problem)
        result = run()
        answer(
            imported=imported - began,
            first=time.perf_counter() - imported,
            values=[digest(array) for array in as_arrays(result)],
        )
        gc.disable()
        for line in sys.stdin:
            calls = int(line)
            began = time.perf_counter()
            for _ in range(calls):
                run()
            answer(seconds=(time.perf_counter() - began) / calls)
            gc.collect()
    except Exception as error:
        answer(failed=f"{type(error).__name__}: {first_line(error)}")


def as_arrays(result: Any) -> list[Any]:
    """Return results as NumPy arrays, from whatever library they are."""
    several = isinstance(result, (tuple, list))
    return [np.asarray(array, np.float64) for array in (result if several else [result])]


def digest(array: Any) -> list[float]:
    """Return numbers that tell arrays apart: up to 32 evenly spaced ones, mean, mean square."""
    flat = array.ravel()
    chosen = flat[np.linspace(0, flat.size - 1, min(flat.size, 32)).astype(int)]
    return [*chosen.tolist(), float(flat.mean()), float((flat**2).mean())]


def first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), "")


if __name__ == "__main__":
    main()
