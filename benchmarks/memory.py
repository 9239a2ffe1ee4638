"""Peak memory of reverse mode through a long scan, keeping what it needs or recomputing it."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np

import chainrule as cr
from benchmarks.timing import duration, show_rows

WIDTH, STEPS = 64, 10_000


def recurrence(checkpoint: bool) -> Callable[[Any, Any], Any]:
    """Return a loss at the end of ``h <- tanh(w h + x)``, repeated."""

    def loss(w: Any, xs: Any) -> Any:
        def body(h: Any, x: Any) -> tuple[Any, None]:
            return np.tanh(w * h + x), None

        h, _ = cr.scan(body, np.zeros(WIDTH), xs, checkpoint=checkpoint)
        return np.sum(h**2)

    return loss


def run(rounds: int) -> None:
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
