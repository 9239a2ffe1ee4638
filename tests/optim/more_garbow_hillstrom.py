"""Test problems of Moré, Garbow and Hillstrom: residuals whose sum of squares is to be minimized.

The numbers of the problems are those of the paper, "Testing unconstrained optimization software",
ACM Transactions on Mathematical Software 7, 1981. It gives the lowest sums of squares, too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np


class Problem(NamedTuple):
    """Residuals, where to start, and the sums of squares at the known minima."""

    residuals: Callable[[Any], Any]
    start: Any
    minima: tuple[float, ...]


def rosenbrock(x: Any) -> Any:
    return np.stack([10.0 * (x[1] - x[0] ** 2), 1.0 - x[0]])


def freudenstein_roth(x: Any) -> Any:
    a, b = x[0], x[1]
    return np.stack([a - 13.0 + ((5.0 - b) * b - 2.0) * b, a - 29.0 + ((b + 1.0) * b - 14.0) * b])


def powell_badly_scaled(x: Any) -> Any:
    return np.stack([1e4 * x[0] * x[1] - 1.0, np.exp(-x[0]) + np.exp(-x[1]) - 1.0001])


def brown_badly_scaled(x: Any) -> Any:
    return np.stack([x[0] - 1e6, x[1] - 2e-6, x[0] * x[1] - 2.0])


def beale(x: Any) -> Any:
    return np.array([1.5, 2.25, 2.625]) - x[0] * (1.0 - x[1] ** np.array([1.0, 2.0, 3.0]))


def jennrich_sampson(x: Any) -> Any:
    i = np.arange(1.0, 11.0)
    return 2.0 + 2.0 * i - (np.exp(i * x[0]) + np.exp(i * x[1]))


def helical_valley(x: Any) -> Any:
    angle = np.arctan2(x[1], x[0]) / (2.0 * np.pi)
    theta = np.where(angle < -0.25, angle + 1.0, angle)
    return np.stack([10.0 * (x[2] - 10.0 * theta), 10.0 * (np.hypot(x[0], x[1]) - 1.0), x[2]])


def bard(x: Any) -> Any:
    y = [0.14, 0.18, 0.22, 0.25, 0.29, 0.32, 0.35, 0.39, 0.37, 0.58, 0.73, 0.96, 1.34, 2.1, 4.39]
    u = np.arange(1.0, 16.0)
    v = 16.0 - u
    return np.array(y) - (x[0] + u / (v * x[1] + np.minimum(u, v) * x[2]))


def gaussian(x: Any) -> Any:
    half = [0.0009, 0.0044, 0.0175, 0.0540, 0.1295, 0.2420, 0.3521]
    t = (8.0 - np.arange(1.0, 16.0)) / 2.0
    return x[0] * np.exp(-x[1] * (t - x[2]) ** 2 / 2.0) - np.array([*half, 0.3989, *half[::-1]])


def meyer(x: Any) -> Any:
    y = [34780, 28610, 23650, 19630, 16370, 13720, 11540, 9744]
    y += [8261, 7030, 6005, 5147, 4427, 3820, 3307, 2872]
    t = 45.0 + 5.0 * np.arange(1.0, 17.0)
    return x[0] * np.exp(x[1] / (t + x[2])) - np.array(y, float)


def gulf(x: Any) -> Any:
    t = np.arange(1.0, 100.0) / 100.0
    y = 25.0 + (-50.0 * np.log(t)) ** (2.0 / 3.0)
    return np.exp(-(np.abs(y - x[1]) ** x[2]) / x[0]) - t


def box(x: Any) -> Any:
    t = 0.1 * np.arange(1.0, 11.0)
    return np.exp(-t * x[0]) - np.exp(-t * x[1]) - x[2] * (np.exp(-t) - np.exp(-10.0 * t))


def powell_singular(x: Any) -> Any:
    a, b, c, d = (x[i::4] for i in range(4))
    return np.concatenate(
        [a + 10 * b, np.sqrt(5) * (c - d), (b - 2.0 * c) ** 2, np.sqrt(10) * (a - d) ** 2]
    )


def wood(x: Any) -> Any:
    a, b, c, d = x[0], x[1], x[2], x[3]
    ninety, ten = np.sqrt(90.0), np.sqrt(10.0)
    return np.stack(
        [
            10.0 * (b - a * a),
            1.0 - a,
            ninety * (d - c * c),
            1.0 - c,
            ten * (b + d - 2.0),
            (b - d) / ten,
        ]
    )


def kowalik_osborne(x: Any) -> Any:
    y = [0.1957, 0.1947, 0.1735, 0.16, 0.0844, 0.0627, 0.0456, 0.0342, 0.0323, 0.0235, 0.0246]
    u = np.array([4, 2, 1, 0.5, 0.25, 0.167, 0.125, 0.1, 0.0833, 0.0714, 0.0625])
    return np.array(y) - x[0] * (u * u + u * x[1]) / (u * u + u * x[2] + x[3])


def brown_dennis(x: Any) -> Any:
    t = np.arange(1.0, 21.0) / 5.0
    return (x[0] + t * x[1] - np.exp(t)) ** 2 + (x[2] + x[3] * np.sin(t) - np.cos(t)) ** 2


def osborne_1(x: Any) -> Any:
    y = [844, 908, 932, 936, 925, 908, 881, 850, 818, 784, 751, 718, 685, 658, 628, 603, 580]
    y += [558, 538, 522, 506, 490, 478, 467, 457, 448, 438, 431, 424, 420, 414, 411, 406]
    t = 10.0 * np.arange(33.0)
    return np.array(y) / 1e3 - (x[0] + x[1] * np.exp(-t * x[3]) + x[2] * np.exp(-t * x[4]))


def biggs(x: Any) -> Any:
    t = 0.1 * np.arange(1.0, 14.0)
    y = np.exp(-t) - 5.0 * np.exp(-10.0 * t) + 3.0 * np.exp(-4.0 * t)
    return x[2] * np.exp(-t * x[0]) - x[3] * np.exp(-t * x[1]) + x[5] * np.exp(-t * x[4]) - y


def watson(x: Any) -> Any:
    n = x.shape[0]
    t = np.arange(1.0, 30.0)[:, None] / 29.0
    powers = t ** np.arange(n)
    slopes = np.arange(1.0, n) * powers[:, : n - 1]
    most = slopes @ x[1:] - (powers @ x) ** 2 - 1.0
    return np.concatenate([most, np.stack([x[0], x[1] - x[0] ** 2 - 1.0])])


def extended_rosenbrock(x: Any) -> Any:
    odd, even = x[::2], x[1::2]
    return np.concatenate([10.0 * (even - odd**2), 1.0 - odd])


def penalty_1(x: Any) -> Any:
    return np.concatenate([np.sqrt(1e-5) * (x - 1.0), np.sum(x * x, keepdims=True) - 0.25])


def penalty_2(x: Any) -> Any:
    n = x.shape[0]
    i = np.arange(2.0, n + 1)
    y = np.exp(i / 10.0) + np.exp((i - 1.0) / 10.0)
    root = np.sqrt(1e-5)
    return np.concatenate(
        [
            x[:1] - 0.2,
            root * (np.exp(x[1:] / 10.0) + np.exp(x[:-1] / 10.0) - y),
            root * (np.exp(x[1:] / 10.0) - np.exp(-0.1)),
            np.sum(np.arange(n, 0.0, -1.0) * x * x, keepdims=True) - 1.0,
        ]
    )


def variably_dimensioned(x: Any) -> Any:
    total = np.sum(np.arange(1.0, x.shape[0] + 1) * (x - 1.0), keepdims=True)
    return np.concatenate([x - 1.0, total, total**2])


def trigonometric(x: Any) -> Any:
    n = x.shape[0]
    return n - np.sum(np.cos(x)) + np.arange(1.0, n + 1) * (1.0 - np.cos(x)) - np.sin(x)


def brown_almost_linear(x: Any) -> Any:
    n = x.shape[0]
    return np.concatenate([x[:-1] + np.sum(x) - (n + 1.0), np.prod(x, keepdims=True) - 1.0])


def _grid(n: int) -> tuple[float, Any]:
    h = 1.0 / (n + 1)
    return h, h * np.arange(1.0, n + 1)


def discrete_boundary_value(x: Any) -> Any:
    h, t = _grid(x.shape[0])
    padded = np.pad(x, 1)
    return 2.0 * x - padded[:-2] - padded[2:] + h * h * (x + t + 1.0) ** 3 / 2.0


def discrete_integral(x: Any) -> Any:
    h, t = _grid(x.shape[0])
    cubes = (x + t + 1.0) ** 3
    below = np.tril(np.ones((len(t), len(t))))
    left, right = below @ (t * cubes), (1.0 - below) @ ((1.0 - t) * cubes)
    return x + h * ((1.0 - t) * left + t * right) / 2.0


def broyden_tridiagonal(x: Any) -> Any:
    padded = np.pad(x, 1)
    return (3.0 - 2.0 * x) * x - padded[:-2] - 2.0 * padded[2:] + 1.0


def broyden_banded(x: Any) -> Any:
    i = np.arange(x.shape[0])
    distance = i[:, None] - i
    band = ((distance <= 5) & (distance >= -1) & (distance != 0)).astype(float)
    return x * (2.0 + 5.0 * x * x) + 1.0 - band @ (x * (1.0 + x))


def chebyquad(x: Any) -> Any:
    n = x.shape[0]
    shifted = 2.0 * x - 1.0
    before, now = np.ones_like(x), shifted
    means = []
    for i in range(1, n + 1):
        integral = 0.0 if i % 2 else -1.0 / (i * i - 1.0)
        means.append(np.mean(now) - integral)
        before, now = now, 2.0 * shifted * now - before
    return np.stack(means)


def _start_of_boundary_value(n: int) -> Any:
    _, t = _grid(n)
    return t * (t - 1.0)


PROBLEMS: dict[str, Problem] = {
    "1 Rosenbrock": Problem(rosenbrock, [-1.2, 1.0], (0.0,)),
    "2 Freudenstein and Roth": Problem(freudenstein_roth, [0.5, -2.0], (0.0, 48.9843)),
    "3 Powell, badly scaled": Problem(powell_badly_scaled, [0.0, 1.0], (0.0,)),
    "4 Brown, badly scaled": Problem(brown_badly_scaled, [1.0, 1.0], (0.0,)),
    "5 Beale": Problem(beale, [1.0, 1.0], (0.0,)),
    "6 Jennrich and Sampson": Problem(jennrich_sampson, [0.3, 0.4], (124.362,)),
    "7 helical valley": Problem(helical_valley, [-1.0, 0.0, 0.0], (0.0,)),
    "8 Bard": Problem(bard, [1.0, 1.0, 1.0], (8.21487e-3, 17.4286)),
    "9 Gauss": Problem(gaussian, [0.4, 1.0, 0.0], (1.12793e-8,)),
    "10 Meyer": Problem(meyer, [0.02, 4000.0, 250.0], (87.9458,)),
    "11 Gulf": Problem(gulf, [5.0, 2.5, 0.15], (0.0,)),
    "12 Box": Problem(box, [0.0, 10.0, 20.0], (0.0,)),
    "13 Powell, singular": Problem(powell_singular, [3.0, -1.0, 0.0, 1.0], (0.0,)),
    "14 Wood": Problem(wood, [-3.0, -1.0, -3.0, -1.0], (0.0,)),
    "15 Kowalik and Osborne": Problem(
        kowalik_osborne, [0.25, 0.39, 0.415, 0.39], (3.07505e-4, 1.02734e-3)
    ),
    "16 Brown and Dennis": Problem(brown_dennis, [25.0, 5.0, -5.0, -1.0], (85822.2,)),
    "17 Osborne 1": Problem(osborne_1, [0.5, 1.5, -1.0, 0.01, 0.02], (5.46489e-5,)),
    "18 Biggs": Problem(biggs, [1.0, 2.0, 1.0, 1.0, 1.0, 1.0], (5.65565e-3, 0.0)),
    "20 Watson": Problem(watson, np.zeros(6), (2.28767e-3,)),
    "21 Rosenbrock, extended": Problem(extended_rosenbrock, [-1.2, 1.0] * 10, (0.0,)),
    "22 Powell, extended": Problem(powell_singular, [3.0, -1.0, 0.0, 1.0] * 4, (0.0,)),
    "23 penalty I": Problem(penalty_1, np.arange(1.0, 11.0), (7.08765e-5,)),
    "24 penalty II": Problem(penalty_2, np.full(4, 0.5), (9.37629e-6,)),
    "25 variably dimensioned": Problem(variably_dimensioned, 1 - np.arange(1, 11) / 10, (0.0,)),
    "26 trigonometric": Problem(trigonometric, np.full(10, 0.1), (0.0, 2.79506e-5)),
    "27 Brown, almost linear": Problem(brown_almost_linear, np.full(10, 0.5), (0.0, 1.0)),
    "28 discrete boundary value": Problem(
        discrete_boundary_value, _start_of_boundary_value(10), (0.0,)
    ),
    "29 discrete integral": Problem(discrete_integral, _start_of_boundary_value(10), (0.0,)),
    "30 Broyden, tridiagonal": Problem(broyden_tridiagonal, np.full(10, -1.0), (0.0,)),
    "31 Broyden, banded": Problem(broyden_banded, np.full(10, -1.0), (0.0,)),
    "35 Chebyquad": Problem(chebyquad, np.arange(1, 9) / 9, (3.51687e-3,)),
}
