"""Peak memory: of reverse mode through a long scan, and of a training run against its plan.

``python -m benchmarks.memory`` does the training run in this process and prints as JSON what it
took; `run` starts such processes, because the peak of a process cannot be set back.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import chainrule as cr
from benchmarks.peers.work import images
from benchmarks.timing import duration, show_rows

WIDTH, STEPS = 64, 10_000
ROOT = Path(__file__).parents[1]


def recurrence(checkpoint: bool) -> Callable[[Any, Any], Any]:
    """Return a loss at the end of ``h <- tanh(w h + x)``, repeated."""

    def loss(w: Any, xs: Any) -> Any:
        def body(h: Any, x: Any) -> tuple[Any, None]:
            return np.tanh(w * h + x), None

        h, _ = cr.scan(body, np.zeros(WIDTH), xs, checkpoint=checkpoint)
        return np.sum(h**2)

    return loss


def run(rounds: int) -> None:
    """Print both tables."""
    _run_scan()
    _run_training()


def _run_scan() -> None:
    """Print the peak of what is allocated during one gradient, its time, and the ratios."""
    generator = np.random.default_rng(0)
    w, xs = generator.normal(size=WIDTH), generator.normal(size=(STEPS, WIDTH))
    rows, measured, gradients = [], [], []
    for checkpoint in (False, True):
        gradient = cr.compile(cr.grad(recurrence(checkpoint)), engine="interpreter")
        gradients.append(gradient(w, xs))
        began = time.perf_counter()
        gradient(w, xs)
        seconds = time.perf_counter() - began
        peak = _peak(lambda gradient=gradient: gradient(w, xs))
        measured.append((peak, seconds))
        rows.append((f"checkpoint={checkpoint}", f"{peak / 2**20:7.2f} MiB  {duration(seconds)}"))
    np.testing.assert_allclose(*gradients, rtol=1e-12)
    (kept, fast), (recomputed, slow) = measured
    rows.append(("ratio", f"{kept / recomputed:7.2f}x less memory, {slow / fast:.2f}x the time"))
    rows.append(("the input, for scale", f"{xs.nbytes / 2**20:7.2f} MiB"))
    show_rows(f"Gradient through a scan of {STEPS:,} steps of {WIDTH} numbers", rows)


def _peak(function: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        function()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


def _run_training() -> None:
    """Print what the plan of a training run says, and what a process really took."""
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "CHAINRULE_CACHE": "1", "CHAINRULE_CACHE_DIR": cache}
        # The first process compiles, which takes more memory than the run; the second does not.
        for _ in range(2):
            finished = subprocess.run(
                [sys.executable, "-m", "benchmarks.memory"],
                check=True,
                capture_output=True,
                text=True,
                cwd=ROOT,
                env=environment,
            )
    found = json.loads(finished.stdout)
    plan = found["arguments"] + found["arena"] + found["results"]
    rows = [(f"plan: {name}", found[name]) for name in ("arguments", "arena", "results")]
    rows.append(("plan: all", plan))
    if found["peak"]:
        grown = found["peak"] - found["before"]
        rows += [
            ("process: before the run, arguments included", found["before"]),
            ("process: peak", found["peak"]),
            ("process: peak beyond arguments and plan", grown - found["arena"] - found["results"]),
        ]
    show_rows(
        "Memory of an epoch of training, 784-512-256-10, Adam, 60,000 rows",
        [(name, f"{nbytes / 2**20:8.2f} MiB") for name, nbytes in rows],
    )
    if not found["peak"]:
        print("  Processes do not report their peak on this platform.")


def training_memory() -> dict[str, int]:
    """Train for an epoch; return the bytes of the plan, and the process's before and at its peak.

    The data is made without temporary arrays, and BLAS has its buffers before the run, so that
    what grows is the run's own.
    """
    from scipy.linalg.blas import sgemm

    from chainrule.compiler.native import NativeProgram
    from chainrule.compiler.passes import optimize

    rng = np.random.default_rng(0)
    X = rng.random((images.SAMPLES, images.WIDTHS[0]), np.float32)
    y = rng.integers(0, images.WIDTHS[-1], images.SAMPLES)
    order = np.arange(images.STEPS * images.BATCH).reshape(images.STEPS, images.BATCH)
    weights = images.first_weights(rng, np.float32)
    square = np.ones((1024, 1024), np.float32)
    sgemm(1.0, square, square)

    arguments = (weights, X, y, order)
    program = NativeProgram(optimize(cr.trace(images.training_run(), *arguments)))
    before = peak_of_process()
    results = program(*cr.tree.leaves(arguments))
    return {
        "arguments": sum(array.nbytes for array in cr.tree.leaves(arguments)),
        "arena": program.stats["arena_bytes"],
        "results": sum(array.nbytes for array in results),
        "before": before,
        "peak": peak_of_process(),
    }


def peak_of_process() -> int:
    """Return the most bytes this process has had in memory, or 0 where that is not known."""
    try:
        import resource
    except ImportError:
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


if __name__ == "__main__":
    print(json.dumps(training_memory()))
