"""A search for hyper-parameters: beside scikit-learn with joblib, from the shell, and by the cell.

Both get the same samples, the same rows held out, the same settings and two cores, and no network
stops early. What is timed is ``fit`` without fitting the best one again, in a process that has
searched before, so that programs are compiled and scikit-learn's processes started. chainrule goes
through all training samples once more after every epoch and keeps the best weights; it is measured
like that, and without, which is the work that scikit-learn does.

``python -m benchmarks.search {folds,mixed} SETTINGS`` measures in this process what only a new one
can tell, its peak of memory and what compiling takes, and prints JSON; the settings are JSON, too.
"""

from __future__ import annotations

import json
import logging
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from benchmarks.memory import peak_of_process
from benchmarks.peers.limits import scaled, square_rate
from benchmarks.searches import (
    EPOCHS,
    Problem,
    breast_cancer,
    digits,
    iris,
    network,
    our_draws,
    ours,
    seconds_of,
    their_draws,
    theirs,
    without_warnings,
)
from benchmarks.timing import (
    duration,
    process_seconds,
    show,
    show_rows,
    show_verdict,
    side_by_side,
    summarize,
)

ROOT = Path(__file__).parents[1]
TOLERANCE = 0.03
"""By how much the best scores of two libraries may differ, whose random numbers do."""

OURS: dict[str, dict[str, Any]] = {
    "chainrule": {},
    "chainrule, running loss": {"training_loss": "running", "restore_best": False},
}
"""What is set besides."""

PADDED = {"pad_widths_to": 32}
OURS_MIXED: dict[str, dict[str, Any]] = {
    "chainrule": {},
    "chainrule, padded": PADDED,
    "chainrule, padded, running loss": {**PADDED, **OURS["chainrule, running loss"]},
}
"""The same for networks of many widths, which share programs when they are padded."""

THEIRS = "scikit-learn"

FOLDS, SEEDS = 5, 3

DRAWS, TENTH = 1000, 100

OVERHEAD_CELLS = (20, 10)
"""Learning rates and penalties."""

LEAST_SCALING = 1.8
MOST = {
    "shell": 1.5,  # seconds, with an empty cache
    "fold": 1.05,  # time of a fit among 735, relative to one among 49
    "memory": 16 * 2**20,  # bytes that 735 fits may take beyond what 49 take
    "compiling": 0.2,  # share of the time
    "cell": 1e-3,  # seconds outside training
}


def run(rounds: int) -> None:
    """Print all tables."""
    for dtype in ("float32", "float64"):
        _beside_scikit_learn(
            f"Search of 7 x 7 learning rates and penalties, digits 64-50-10, {dtype}, warm",
            digits(dtype),
            10.0,
            rounds,
        )
    _from_shell(rounds)
    _folds(max(2, rounds // 2))
    _beside_scikit_learn(
        "Search of 5 learning rates and 4 widths, breast cancer, 4 features, float32, warm",
        breast_cancer(),
        8.0,
        max(2, rounds // 2),
        by="hidden_layer_sizes",
    )
    _mixed(max(2, rounds // 2))
    _scaling(rounds)
    _overhead(max(3, 2 * rounds))


def _beside_scikit_learn(
    title: str, problem: Problem, factor: float, rounds: int, by: str | None = None
) -> None:
    """Print what the same search takes in both libraries, and a fit by a hyper-parameter."""
    make: dict[str, Callable[[], Any]] = {
        **{name: partial(ours, problem, settings) for name, settings in OURS.items()},
        THEIRS: partial(theirs, problem),
    }
    for name in OURS:
        seconds_of(make[name](), problem)
    seconds_of(theirs(problem, epochs=1), problem)
    names = list(make)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    found: dict[str, Any] = {}
    for turn in range(rounds):
        start = turn % len(names)
        for name in names[start:] + names[:start]:
            found[name] = make[name]()
            seconds[name].append(seconds_of(found[name], problem))
    show(title, summarize(seconds))
    rate = square_rate(problem.X.dtype.name)
    print(
        f"  the limit: {duration(problem.flops / rate)}, {scaled(problem.flops)}flop at "
        f"{scaled(rate)}flop/s (BLAS, both cores)"
    )
    _show_scores({name: search.best_score_ for name, search in found.items()})
    lost = {name: _without_score(search) for name, search in found.items()}
    if any(lost.values()):
        print(f"  fits without a score: {', '.join(f'{name} {n}' for name, n in lost.items())}")
    _show_factors(seconds, factor)
    if by is not None:
        _show_by(by, found)


def _show_by(name: str, found: Mapping[str, Any]) -> None:
    """Print the mean time of a fit by the value of a hyper-parameter."""
    times: dict[str, dict[str, list[float]]] = {}
    for library, search in found.items():
        results = search.cv_results_
        for params, seconds in zip(results["params"], results["mean_fit_time"], strict=True):
            times.setdefault(str(params[name]), {}).setdefault(library, []).append(seconds)
    rows = []
    for value, columns in times.items():
        means = {library: statistics.mean(column) for library, column in columns.items()}
        first = next(iter(means.values()))
        shown = [f"{library} {duration(t)} {t / first:.2f}x" for library, t in means.items()]
        rows.append((value, ", ".join(shown)))
    show_rows(f"The same search, mean time of a fit by {name}", rows)


def _without_score(search: Any) -> int:
    return int(np.isnan(search.cv_results_["mean_test_score"]).sum())


def _show_scores(scores: Mapping[str, float]) -> None:
    disagrees = max(scores.values()) - min(scores.values()) > TOLERANCE
    shown = ", ".join(f"{name} {score:.1%}" for name, score in scores.items())
    print(f"  best score: {shown}{'  DISAGREES' if disagrees else ''}")


def _show_factors(seconds: Mapping[str, list[float]], factor: float) -> None:
    """Print how many times as long scikit-learn takes, and whether that is enough."""
    for name in seconds:
        if name == THEIRS:
            continue
        ratios = [b / a for a, b in zip(seconds[name], seconds[THEIRS], strict=True)]
        ratio = statistics.median(ratios)
        wanted = f"≥ {factor:g}x faster than {THEIRS}"
        show_verdict(wanted, f"{name} {ratio:.2f}x", ratio >= factor)


def _from_shell(rounds: int) -> None:
    """Print what the search on the digits takes as a command, whole process."""
    grid = [f"--grid={name}=1e-5:10:log7" for name in ("eta", "lambda")]
    settings = ["--optimizer=sgd", "--momentum=0", "--batch-size=100", f"--epochs={EPOCHS}"]
    on_and_on = ["--tol=0", f"--patience={EPOCHS}"]
    command = [sys.executable, "-m", "chainrule.cli", "tune", "digits", *grid, *settings]
    seconds: dict[str, list[float]] = {"cold cache": [], "warm cache": []}
    with tempfile.TemporaryDirectory() as folder:
        plot, bytecode, warm = (str(Path(folder, n)) for n in ("heat.svg", "bytecode", "warm"))
        command += [*on_and_on, f"--plot={plot}"]
        process_seconds(command, bytecode=bytecode, cache=warm)  # writes the bytecode
        for turn in range(rounds):
            for name, cache in (("cold", str(Path(folder, str(turn)))), ("warm", warm)):
                took = process_seconds(command, bytecode=bytecode, cache=cache)
                seconds[f"{name} cache"].append(took)
    show("chainrule tune digits, 7 x 7, with a heatmap, whole process", summarize(seconds))
    median = statistics.median(seconds["cold cache"])
    wanted = f"≤ {duration(MOST['shell'])} with a cold cache"
    show_verdict(wanted, duration(median), median <= MOST["shell"])


def _folds(rounds: int) -> None:
    """Print what many fits take and leave in memory, beside few."""
    with tempfile.TemporaryDirectory() as cache:
        answers = [_in_new_process("folds", {}, cache) for _ in range(rounds)]
    few, many = (
        statistics.median(answer[what] / answer[f"{what} fits"] for answer in answers)
        for what in ("few", "many")
    )
    ratio = statistics.median(
        (a["many"] / a["many fits"]) / (a["few"] / a["few fits"]) for a in answers
    )
    grown = statistics.median(answer["grown"] for answer in answers)
    n_few, n_many = (int(answers[0][f"{what} fits"]) for what in ("few", "many"))
    show_rows(
        f"Digits, float32, {FOLDS} folds and {SEEDS} seeds: {n_many} fits in a search",
        [
            (f"time of each of {n_few} fits", f"{duration(few):>9}"),
            (f"time of each of {n_many} fits", f"{duration(many):>9}  {ratio:.2f}x"),
            ("peak of memory after the few", f"{answers[0]['peak'] / 2**20:9.1f} MiB"),
            ("more after the many", f"{grown / 2**20:9.1f} MiB"),
        ],
    )
    most = MOST["fold"]
    show_verdict(f"≤ {most:g}x the time of each", f"{ratio:.2f}x", ratio <= most)
    wanted = f"≤ {MOST['memory'] / 2**20:g} MiB more"
    show_verdict(wanted, f"{grown / 2**20:.1f} MiB", grown <= MOST["memory"])


def folds() -> dict[str, float]:
    """Search few fits and many in this process; return times, the peak of memory, its growth."""
    from sklearn.model_selection import ShuffleSplit, StratifiedKFold

    problem = digits("float32")
    split = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    # Compiles for the numbers of rows that there are.
    one = {name: values[:1] for name, values in problem.space.items()}
    compiled = Problem(problem.X, problem.y, one, problem.settings, split)
    seconds_of(ours(compiled, {}), problem)
    few = ours(problem, {}, cv=ShuffleSplit(1, test_size=0.2, random_state=0))
    before = seconds_of(few, problem)
    peak = peak_of_process()
    many = ours(problem, {}, cv=split, seeds=SEEDS)
    took = seconds_of(many, problem)
    grown = peak_of_process() - peak
    return {
        "few": 0.5 * (before + seconds_of(few, problem)),
        "few fits": few.results_.status.size,
        "many": took,
        "many fits": many.results_.status.size,
        "peak": peak,
        "grown": grown,
    }


def _mixed(rounds: int) -> None:
    """Print what networks of many shapes take, with an empty cache, beside scikit-learn."""
    problem = iris()
    seconds: dict[str, list[float]] = {name: [] for name in (*OURS_MIXED, THEIRS)}
    answers: dict[str, list[dict[str, float]]] = {name: [] for name in OURS_MIXED}
    seconds_of(their_draws(problem, TENTH, epochs=1), problem)
    for _ in range(rounds):
        for name, settings in OURS_MIXED.items():
            with tempfile.TemporaryDirectory() as cache:
                answers[name].append(_in_new_process("mixed", settings, cache))
            seconds[name].append(answers[name][-1]["first"])
        drawn = their_draws(problem, TENTH)
        seconds[THEIRS].append(seconds_of(drawn, problem) * DRAWS / TENTH)
    show(
        f"{DRAWS:,} random networks for irises, 1 to 3 layers of 2 to 64 units, Adam, cold cache",
        summarize(seconds),
        note=f"{THEIRS}: {DRAWS // TENTH} times what the first {TENTH} take, processes started",
    )
    _show_scores({name: a[-1]["score"] for name, a in answers.items()})
    _show_factors(seconds, 10.0)
    for name, column in answers.items():
        share = statistics.median(1.0 - a["second"] / a["first"] for a in column)
        again = duration(statistics.median(a["second"] for a in column))
        found = f"{name} {share:.0%}, {column[0]['programs']} programs, the same again {again}"
        wanted = f"≤ {MOST['compiling']:.0%} for compiling"
        show_verdict(wanted, found, share <= MOST["compiling"])


def mixed(**settings: Any) -> dict[str, float]:
    """Search twice in this process; return both times, how much was compiled, the best score."""
    problem = iris()
    search = our_draws(problem, settings, DRAWS)
    count = _Count()
    logging.getLogger("chainrule").addHandler(count)
    logging.getLogger("chainrule").setLevel(logging.DEBUG)
    with mock.patch.dict(os.environ, CHAINRULE_DEBUG="1"):
        first = seconds_of(search, problem)
    second = seconds_of(search, problem)
    return {
        "first": first,
        "second": second,
        "programs": count.messages,
        "score": search.best_score_,
    }


class _Count(logging.Handler):
    """Counts messages, of which there is one for every program."""

    messages = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.messages += 1


def _scaling(rounds: int) -> None:
    """Print what the search on the digits takes on one thread and on two."""
    import chainrule as cr

    problem = digits("float32")
    before = cr.get_threads()
    seconds: dict[str, list[float]] = {"one thread": [], "two threads": []}
    try:
        for turn in range(rounds + 1):
            for threads, column in enumerate(seconds.values(), start=1):
                cr.set_threads(threads)
                took = seconds_of(ours(problem, {}, n_jobs=threads), problem)
                if turn:
                    column.append(took)
    finally:
        cr.set_threads(before)
    show("The search on the digits, float32, by number of threads", summarize(seconds))
    ratio = statistics.median(a / b for a, b in zip(*seconds.values(), strict=True))
    show_verdict(f"≥ {LEAST_SCALING}x faster on two", f"{ratio:.2f}x", ratio >= LEAST_SCALING)


def _overhead(rounds: int) -> None:
    """Print what a cell takes besides its training, on one thread.

    The calls of `chainrule.training.fit` that a search makes are written down, and made once more
    without the search and without the estimators.
    """
    from sklearn.base import clone
    from sklearn.model_selection import ParameterGrid
    from threadpoolctl import threadpool_limits

    import chainrule as cr
    from chainrule import training

    given = digits("float32")
    rates, penalties = OVERHEAD_CELLS
    space = {
        "learning_rate_init": np.geomspace(1e-4, 1e-1, rates).tolist(),
        "alpha": np.geomspace(1e-4, 1e-1, penalties).tolist(),
    }
    problem = Problem(given.X, given.y, space, given.settings, given.split)
    n_cells = rates * penalties
    train = next(problem.split.split(problem.X))[0]
    X, y = problem.X[train], problem.y[train]
    template = network(problem, max_iter=1)
    search = ours(problem, {"max_iter": 1}, n_jobs=1)
    before = cr.get_threads()
    cr.set_threads(1)
    try:
        with without_warnings(), threadpool_limits(1):
            with mock.patch.object(training, "fit", side_effect=training.fit) as fit:
                search.fit(problem.X, problem.y)
            calls = fit.call_args_list
            assert len(calls) == n_cells
            candidates: dict[str, Callable[[], object]] = {
                "the search": lambda: search.fit(problem.X, problem.y),
                "its estimators fitted by hand": lambda: [
                    clone(template).set_params(**params).fit(X, y)
                    for params in ParameterGrid(space)
                ],
                "training.fit alone": lambda: [
                    training.fit(*call.args, **call.kwargs) for call in calls
                ],
                "training.fit of two epochs": lambda: [
                    training.fit(*call.args, **{**call.kwargs, "epochs": 2}) for call in calls
                ],
            }
            timings = side_by_side(candidates, rounds=rounds)
    finally:
        cr.set_threads(before)
    by_cell = {
        name: timing._replace(
            median=timing.median / n_cells, low=timing.low / n_cells, high=timing.high / n_cells
        )
        for name, timing in timings.items()
    }
    show(f"A cell of {n_cells}, one epoch of the digits each, one thread", by_cell)
    whole, ratios = by_cell["the search"].median, [t.ratio for t in by_cell.values()]
    found = duration(whole * (1.0 - ratios[2]))
    parts = f"{duration(whole * (1.0 - ratios[1]))} of it the search's"
    wanted = f"≤ {duration(MOST['cell'])} outside training"
    show_verdict(wanted, f"{found}, {parts}", whole * (1.0 - ratios[2]) <= MOST["cell"])


def _in_new_process(what: str, settings: Mapping[str, Any], cache: str) -> dict[str, float]:
    finished = subprocess.run(
        [sys.executable, "-m", "benchmarks.search", what, json.dumps(settings)],
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "CHAINRULE_CACHE": "1", "CHAINRULE_CACHE_DIR": cache},
    )
    answer: dict[str, float] = json.loads(finished.stdout)
    return answer


if __name__ == "__main__":
    measure = {"folds": folds, "mixed": mixed}[sys.argv[1]]
    print(json.dumps(measure(**json.loads(sys.argv[2]))))
