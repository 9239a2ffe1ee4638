"""Levenberg and Marquardt's method, against certified values and problems with known minima."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.optim.more_garbow_hillstrom import PROBLEMS

from chainrule import optim
from chainrule.optim import FitReason, levenberg_marquardt

NIST = json.loads((Path(__file__).parent / "data" / "nist_nonlinear.json").read_text())


def rational(b: Any, x: Any, top: int) -> Any:
    """Return a polynomial of ``top`` coefficients over 1 + b x + c x² + …"""
    above = sum(b[i] * x**i for i in range(top))
    return above / (1.0 + sum(b[top + i] * x ** (i + 1) for i in range(len(b) - top)))


def gauss(b: Any, x: Any) -> Any:
    first = b[2] * np.exp(-((x - b[3]) ** 2) / b[4] ** 2)
    return b[0] * np.exp(-b[1] * x) + first + b[5] * np.exp(-((x - b[6]) ** 2) / b[7] ** 2)


def enso(b: Any, x: Any) -> Any:
    turn = 2.0 * np.pi * x
    total = b[0] + b[1] * np.cos(turn / 12.0) + b[2] * np.sin(turn / 12.0)
    for i in (3, 6):
        total = total + b[i + 1] * np.cos(turn / b[i]) + b[i + 2] * np.sin(turn / b[i])
    return total


def lanczos(b: Any, x: Any) -> Any:
    return sum(b[i] * np.exp(-b[i + 1] * x) for i in (0, 2, 4))


def chwirut(b: Any, x: Any) -> Any:
    return np.exp(-b[0] * x) / (b[1] + b[2] * x)


MODELS = {
    "Bennett5": lambda b, x: b[0] * (b[1] + x) ** (-1.0 / b[2]),
    "BoxBOD": lambda b, x: b[0] * (1.0 - np.exp(-b[1] * x)),
    "Chwirut1": chwirut,
    "Chwirut2": chwirut,
    "DanWood": lambda b, x: b[0] * x ** b[1],
    "ENSO": enso,
    "Eckerle4": lambda b, x: b[0] / b[1] * np.exp(-0.5 * ((x - b[2]) / b[1]) ** 2),
    "Gauss1": gauss,
    "Gauss2": gauss,
    "Gauss3": gauss,
    "Hahn1": lambda b, x: rational(b, x, 4),
    "Kirby2": lambda b, x: rational(b, x, 3),
    "Lanczos1": lanczos,
    "Lanczos2": lanczos,
    "Lanczos3": lanczos,
    "MGH09": lambda b, x: b[0] * (x**2 + x * b[1]) / (x**2 + x * b[2] + b[3]),
    "MGH10": lambda b, x: b[0] * np.exp(b[1] / (x + b[2])),
    "MGH17": lambda b, x: b[0] + b[1] * np.exp(-x * b[3]) + b[2] * np.exp(-x * b[4]),
    "Misra1a": lambda b, x: b[0] * (1.0 - np.exp(-b[1] * x)),
    "Misra1b": lambda b, x: b[0] * (1.0 - (1.0 + b[1] * x / 2.0) ** -2.0),
    "Misra1c": lambda b, x: b[0] * (1.0 - (1.0 + 2.0 * b[1] * x) ** -0.5),
    "Misra1d": lambda b, x: b[0] * b[1] * x / (1.0 + b[1] * x),
    # Its certified fit is that of the logarithm.
    "Nelson": lambda b, x: b[0] - b[1] * x[:, 0] * np.exp(-b[2] * x[:, 1]),
    "Rat42": lambda b, x: b[0] / (1.0 + np.exp(b[1] - b[2] * x)),
    "Rat43": lambda b, x: b[0] / (1.0 + np.exp(b[1] - b[2] * x)) ** (1.0 / b[3]),
    "Roszman1": lambda b, x: b[0] - b[1] * x - np.arctan(b[2] / (x - b[3])) / np.pi,
    "Thurber": lambda b, x: rational(b, x, 4),
}


def digits_agreeing(found: Any, expected: Any) -> float:
    """Return the least number of decimal digits in which two arrays agree."""
    error = np.max(np.abs(np.asarray(found) - expected) / np.abs(expected))
    return float("inf") if error == 0 else float(-np.log10(error))


def fitted(name: str, start: str) -> Any:
    record, model = NIST[name], MODELS[name]
    x, y = np.array(record["x"]), np.array(record["y"])
    if name == "Nelson":
        y = np.log(y)

    def residuals(b: Any, x: Any, y: Any) -> Any:
        return model(b, x) - y

    return optim.least_squares(residuals, np.array(record[start]), x, y)


@pytest.mark.parametrize("name", sorted(NIST))
def test_certified_values_from_the_nearer_start(name: str) -> None:
    fit, record = fitted(name, "start_2"), NIST[name]
    assert fit.converged
    assert digits_agreeing(fit.params, record["certified"]) >= 7
    if name != "Lanczos1":  # whose residuals are zero but for rounding, and so are the errors
        assert digits_agreeing(fit.standard_errors, record["standard_deviations"]) >= 6
        assert digits_agreeing(fit.sum_of_squares, record["sum_of_squares"]) >= 9


@pytest.mark.parametrize("name", sorted(set(NIST) - {"BoxBOD", "MGH10"}))
def test_certified_values_from_the_farther_start(name: str) -> None:
    # BoxBOD has another minimum on the way, and MGH10 takes more than 1,000 iterations.
    assert digits_agreeing(fitted(name, "start_1").params, NIST[name]["certified"]) >= 6


@pytest.mark.parametrize("name", sorted(PROBLEMS))
def test_a_known_minimum_is_reached(name: str) -> None:
    problem = PROBLEMS[name]
    fit = optim.least_squares(problem.residuals, np.array(problem.start, float))
    assert fit.converged
    assert any(abs(fit.sum_of_squares - m) <= 1e-5 * m + 1e-12 for m in problem.minima)


def test_covariance_is_that_of_linear_regression() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 3)) * [1.0, 10.0, 0.1]
    y = X @ [1.0, 2.0, 3.0] + rng.normal(size=30)
    fit = optim.least_squares(lambda b, X, y: X @ b - y, np.zeros(3), X, y)
    solution, (total,), _, _ = np.linalg.lstsq(X, y, rcond=None)
    np.testing.assert_allclose(fit.params, solution, rtol=1e-9)
    np.testing.assert_allclose(fit.covariance, total / 27 * np.linalg.inv(X.T @ X), rtol=1e-8)


def test_pytrees_keep_structure_and_dtypes() -> None:
    t = np.linspace(0.0, 3.0, 20, dtype=np.float32)
    y = 2.0 * np.exp(-1.5 * t)

    def residuals(p: Any, t: Any, y: Any) -> Any:
        return (p["a"] * np.exp(-p["k"][0] * t) - y).reshape(4, 5)

    start = {"a": np.float32(1.0), "k": (np.ones((), np.float32),)}
    fit = optim.least_squares(residuals, start, t, y)
    assert fit.params["k"][0].dtype == np.float32
    np.testing.assert_allclose([fit.params["a"], fit.params["k"][0]], [2.0, 1.5], rtol=1e-5)


def test_other_data_need_no_new_program() -> None:
    def residuals(b: Any, x: Any, y: Any) -> Any:
        return b[0] * x + b[1] - y

    x = np.arange(5.0)
    optim.least_squares(residuals, np.zeros(2), x, x)
    traces = levenberg_marquardt._iteration_compiled.num_traces
    fit = optim.least_squares(residuals, np.ones(2), x, 3.0 * x + 1.0)
    np.testing.assert_allclose(fit.params, [3.0, 1.0], rtol=1e-10)
    assert levenberg_marquardt._iteration_compiled.num_traces == traces


def test_what_cannot_be_fitted_is_refused() -> None:
    with pytest.raises(ValueError, match="2 res"):
        optim.least_squares(lambda b: b[:2], np.ones(3))
    with pytest.raises(ValueError, match="finite"):
        optim.least_squares(lambda b: np.sqrt(b), np.array([-1.0]))
    with pytest.raises(TypeError, match="floats"):
        optim.least_squares(lambda b: b, np.array([1]))
    fit = optim.least_squares(lambda b: np.stack([b[0] + b[1] - 1.0] * 3), np.ones(2))
    np.testing.assert_allclose(fit.params.sum(), 1.0, rtol=1e-12)
    with pytest.raises(ValueError, match="fewer combinations"):
        print(fit.covariance)
    assert fit.reason is not FitReason.ITERATIONS
