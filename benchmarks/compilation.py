"""What the first call of a compiled function takes, on a step of the digits network.

``python -m benchmarks.compilation first WIDTH`` makes that call in this process, with the given
hidden width, ``... another WIDTH`` after the call for another width, and ``... stages WIDTH`` goes
through the stages one by one; all print JSON. `run` starts such processes, with an empty cache and
with a filled one.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.timing import duration, show_rows

BATCH, ETA, STRENGTH = 100, 0.5, 1e-4
WIDTH, OTHER_WIDTH = 50, 37
ROOT = Path(__file__).parents[1]
MOST = {"cold": 0.35, "warm": 0.04, "other width": 0.06, "other width, same process": 0.06}
"""Seconds a first call is to stay below: with an empty cache; with a filled one; with one that was
filled by the network of another hidden width; in a process that has trained that one."""


def problem(width: int) -> tuple[Any, ...]:
    """Return weights, inputs and labels of one batch."""
    rng = np.random.default_rng(0)
    shapes = ((64, width), (width,), (width, 10), (10,))
    weights = tuple((0.1 * rng.normal(size=shape)).astype(np.float32) for shape in shapes)
    X = rng.random((BATCH, 64), np.float32)
    return weights, X, rng.integers(0, 10, BATCH)


def step(params: Any, X: Any, y: Any) -> Any:
    """Return the weights after a step of gradient descent."""
    import chainrule as cr

    def loss(params: Any) -> Any:
        w1, b1, w2, b2 = params
        z = cr.special.expit(X @ w1 + b1) @ w2 + b2
        picked = cr.special.log_softmax(z, axis=1)[np.arange(len(y)), y]
        return -np.mean(picked) + STRENGTH / 2 * (np.sum(w1**2) + np.sum(w2**2))

    return cr.tree.map(lambda p, g: p - ETA * g, params, cr.grad(loss)(params))


def first_call(width: int) -> dict[str, float]:
    """Return the seconds that importing took, the first call, and a later one."""
    arguments = problem(width)
    clock = [time.perf_counter()]
    import chainrule as cr

    clock.append(time.perf_counter())
    compiled = cr.compile(step)
    for _ in range(2):
        compiled(*arguments)
        clock.append(time.perf_counter())
    return dict(zip(("import", "first", "later"), np.diff(clock).tolist(), strict=True))


def another(width: int) -> dict[str, float]:
    """Return the same seconds in a process that has called the function for another width."""
    before = first_call(WIDTH)
    return first_call(width) | {"import": before["import"]}


def stages(width: int) -> dict[str, float]:
    """Return the seconds of every stage from the function to machine code."""
    import chainrule as cr
    from chainrule.compiler.native import NativeProgram
    from chainrule.compiler.passes import optimize

    arguments = problem(width)
    clock = [time.perf_counter()]
    traced = cr.trace(step, *arguments)
    clock.append(time.perf_counter())
    graph = optimize(traced)
    clock.append(time.perf_counter())
    program = NativeProgram(graph)
    clock.append(time.perf_counter())
    names = ("trace", "simplify", "native code")
    seconds = dict(zip(names, np.diff(clock).tolist(), strict=True))
    return seconds | {f"  {name}": took for name, took in program.stats["seconds"].items()}


def run(rounds: int) -> None:
    """Print both tables."""
    calls: dict[str, list[dict[str, float]]] = {kind: [] for kind in MOST}
    passes = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as cache:
            calls["cold"].append(_in_new_process("first", WIDTH, cache))
            calls["warm"].append(_in_new_process("first", WIDTH, cache))
            calls["other width"].append(_in_new_process("first", OTHER_WIDTH, cache))
        with tempfile.TemporaryDirectory() as cache:
            calls["other width, same process"].append(
                _in_new_process("another", OTHER_WIDTH, cache)
            )
        with tempfile.TemporaryDirectory() as cache:
            passes.append(_in_new_process("stages", WIDTH, cache))
    rows = []
    for kind, answers in calls.items():
        median = _medians(answers)
        verdict = "reached" if median["first"] <= MOST[kind] else "NOT REACHED"
        rows.append(
            (
                kind,
                f"{duration(median['first']):>8}  to stay below {duration(MOST[kind])}: {verdict}  "
                f"(import {duration(median['import'])}, a later call {duration(median['later'])})",
            )
        )
    show_rows("Digits step, first call in a new process", rows)
    median = _medians(passes)
    show_rows(
        "Digits step, compile time by stage, empty cache (some stages run beside each other)",
        [(name, f"{duration(took):>8}") for name, took in median.items()],
    )


def _in_new_process(what: str, width: int, cache: str) -> dict[str, float]:
    finished = subprocess.run(
        [sys.executable, "-m", "benchmarks.compilation", what, str(width)],
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "CHAINRULE_CACHE": "1", "CHAINRULE_CACHE_DIR": cache},
    )
    seconds: dict[str, float] = json.loads(finished.stdout)
    return seconds


def _medians(answers: list[dict[str, float]]) -> dict[str, float]:
    return {name: statistics.median(answer[name] for answer in answers) for name in answers[0]}


if __name__ == "__main__":
    measure = {"first": first_call, "another": another, "stages": stages}[sys.argv[1]]
    print(json.dumps(measure(int(sys.argv[2]))))
