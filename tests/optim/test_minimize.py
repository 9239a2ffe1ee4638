"""Quasi-Newton methods, against problems with known minima and SciPy's methods."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.optimize
from tests.optim.more_garbow_hillstrom import PROBLEMS, Problem

import chainrule as cr
from chainrule import optim
from chainrule.optim import StopReason, line_search, minimization

METHODS = {"bfgs": optim.bfgs(), "lbfgs": optim.lbfgs(), "newton_cg": optim.newton_cg()}


def sum_of_squares(problem: Problem) -> Callable[[Any], Any]:
    return lambda x: np.sum(problem.residuals(x) ** 2)


def is_solved(problem: Problem, value: float) -> bool:
    """Whether a value is that of a known minimum, to what a gradient of 1e-5 can promise."""
    return any(abs(value - m) <= 1e-4 * m + 1e-7 for m in problem.minima)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(("name", "peer"), [("bfgs", "BFGS"), ("lbfgs", "L-BFGS-B")])
def test_as_many_problems_as_scipy_in_no_more_evaluations(name: str, peer: str) -> None:
    options = {"gtol": 1e-5, "maxiter": 2000}
    if peer == "L-BFGS-B":
        options |= {"ftol": 0.0, "maxfun": 10_000}
    solved = []
    counts = []
    for problem in PROBLEMS.values():
        f, start = sum_of_squares(problem), np.array(problem.start, float)
        mine = optim.minimize(f, start, method=METHODS[name], tolerance=1e-5, max_iterations=2000)
        theirs = scipy.optimize.minimize(
            cr.compile(cr.value_and_grad(f)), start, jac=True, method=peer, options=options
        )
        solved.append((is_solved(problem, mine.value), is_solved(problem, theirs.fun)))
        if all(solved[-1]):
            counts.append((mine.n_evaluations, theirs.nfev))
    ours, scipys = np.sum(solved, axis=0)
    assert ours >= max(scipys, 29)
    median, median_of_scipy = np.median(counts, axis=0)
    assert median <= median_of_scipy


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_a_badly_scaled_quadratic(method: Any) -> None:
    scales = np.logspace(-3, 3, 6)
    center = np.arange(6.0)

    def f(x: Any) -> Any:
        return 0.5 * np.sum(scales * (x - center) ** 2)

    found = optim.minimize(f, np.zeros(6), method=method, tolerance=1e-9)
    assert found.converged
    np.testing.assert_allclose(found.params, center, atol=1e-5)


def test_newton_needs_few_iterations_on_a_quadratic() -> None:
    A = np.diag(np.arange(1.0, 9.0)) + 0.1
    b = np.ones(8)
    found = optim.minimize(lambda x: 0.5 * x @ A @ x - b @ x, np.zeros(8), method=optim.newton_cg())
    assert found.n_iterations <= 8
    np.testing.assert_allclose(found.params, np.linalg.solve(A, b), rtol=1e-5)


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_pytrees_keep_structure_and_dtypes(method: Any) -> None:
    def f(p: Any, shift: Any) -> Any:
        return np.sum((p["w"] - shift) ** 4) + (p["b"][0] - 1.0) ** 2

    start = {"w": np.zeros((2, 3), np.float32), "b": [np.float32(0.0)]}
    found = optim.minimize(f, start, np.float32(2.0), method=method)
    assert found.converged
    assert found.params["w"].dtype == found.params["b"][0].dtype == np.float32
    np.testing.assert_allclose(found.params["w"], np.full((2, 3), 2.0), atol=0.2)
    np.testing.assert_allclose(found.params["b"][0], 1.0, atol=1e-2)


def test_other_data_need_no_new_program() -> None:
    def f(x: Any, center: Any) -> Any:
        return np.sum((x - center) ** 2)

    optim.minimize(f, np.zeros(3), np.ones(3))
    traces = minimization._iteration_compiled.num_traces
    found = optim.minimize(f, np.ones(3), np.arange(3.0))
    np.testing.assert_allclose(found.params, np.arange(3.0), atol=1e-6)
    assert minimization._iteration_compiled.num_traces == traces


def test_the_reason_for_stopping_is_the_true_one() -> None:
    rosenbrock = sum_of_squares(PROBLEMS["1 Rosenbrock"])
    start = np.array([-1.2, 1.0])
    seen = []
    short = optim.minimize(rosenbrock, start, max_iterations=3)
    assert (short.reason, short.n_iterations) == (StopReason.ITERATIONS, 3)

    def third(iteration: int, params: Any, value: float) -> bool:
        seen.append((iteration, value))
        return iteration == 3

    asked = optim.minimize(rosenbrock, start, callback=third)
    assert asked.reason is StopReason.CALLBACK
    assert [iteration for iteration, _ in seen] == [1, 2, 3]
    assert seen[-1][1] == asked.value == short.value
    at_the_minimum = optim.minimize(rosenbrock, np.ones(2))
    assert (at_the_minimum.reason, at_the_minimum.n_iterations) == (StopReason.GRADIENT, 0)
    rough = optim.minimize(lambda x: np.sum(np.abs(x - 0.3) + x / 2), np.ones(1), tolerance=1e-9)
    assert rough.reason is StopReason.PRECISION
    np.testing.assert_allclose(rough.params, 0.3, atol=1e-6)


def test_numbers_that_are_not_finite_bound_the_steps() -> None:
    # The logarithm has no value where the first step would go.
    found = optim.minimize(lambda x: np.sum(x - np.log(x)) * 100.0, np.array([0.01, 5.0]))
    assert found.converged
    np.testing.assert_allclose(found.params, 1.0, rtol=1e-6)


def test_what_cannot_be_minimized_is_refused() -> None:
    with pytest.raises(TypeError, match="floats"):
        optim.minimize(lambda x: np.sum(x**2.0), np.array([1, 2]))
    with pytest.raises(ValueError, match="start elsewhere"):
        optim.minimize(lambda x: np.sum(1.0 / x**2), np.array([np.inf]))
    with pytest.raises(TypeError, match="bfgs"):
        optim.minimize(lambda x: np.sum(x**2), np.ones(2), method="bfgs")
    with pytest.raises(ValueError, match="at least 1"):
        optim.lbfgs(0)


@pytest.mark.parametrize("first", [1e-3, 0.1, 1.0, 10.0, 1e3])
@pytest.mark.parametrize("number", range(3))
def test_strong_wolfe_conditions(number: int, first: float) -> None:
    # The first three of the functions that Moré and Thuente test their search with.
    functions: list[Callable[[Any], Any]] = [
        lambda t: -t / (t * t + 2.0),
        lambda t: (t + 0.004) ** 5 - 2.0 * (t + 0.004) ** 4,
        lambda t: (
            np.where(np.abs(t - 1.0) <= 0.01, 0.5 * ((t - 1.0) ** 2 / 0.01 + 0.01), np.abs(t - 1.0))
            + 1.22 / (39 * np.pi) * np.sin(39 * np.pi / 2 * t)
        ),
    ]
    phi = cr.value_and_grad(functions[number])

    def evaluate(t: Any) -> line_search.Trial:
        value, slope = phi(t)
        return line_search.Trial(t, value, slope, slope)

    start = evaluate(np.float64(0.0))
    curvature = 0.1
    found = cr.compile(lambda: line_search.search(evaluate, start, first, curvature))()
    value, slope = phi(found.trial.step)
    decrease = line_search.SUFFICIENT_DECREASE * found.trial.step * start.slope
    assert found.meets_wolfe
    assert value <= start.value + decrease
    assert abs(slope) <= curvature * abs(start.slope)
    assert found.n_evaluations <= 15
