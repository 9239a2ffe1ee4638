"""Compute the polynomial coefficients of `chainrule.compiler.native.math`.

Each line of the table `FITS` names a function g, a weight w and an interval. The polynomial P of
the given degree is the one that makes the largest |w (P - g)| smallest. It is found by Remez's
exchange algorithm (E. Ya. Remez, 1934) in 400-bit arithmetic, and its coefficients are rounded to
the format. The error that is printed is that of the rounded ones. Rounding does little harm because
the functions are written so that a polynomial only supplies what is small beside exact leading
terms.

The weight turns the error of P into the relative error of the function that is computed from it.

mpmath is needed, and nothing of chainrule; it is no dependency of the package, so use an
environment that can be thrown away::

    python -m venv .venv-fit && .venv-fit/bin/pip install mpmath
    .venv-fit/bin/python tools/minimax.py > src/chainrule/compiler/native/math/coefficients.py
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import NamedTuple

import mpmath as mp

mp.mp.prec = 400

Function = Callable[[mp.mpf], mp.mpf]
TINY = mp.mpf(2) ** -24
"""Stands for 0 where a quotient has a limit there; the 400 bits are there for the cancellation."""


class Fit(NamedTuple):
    """What is to be approximated, where, and how well in each format."""

    description: str
    function: Function
    weight: Function
    low: mp.mpf
    high: mp.mpf
    single: int | None
    """The degree in float32, if there is to be one."""
    double: int | None
    """The degree in float64, if there is to be one."""
    double_high: mp.mpf | None = None
    """The end of the interval in float64, if it is another."""


class Split(NamedTuple):
    """A constant as a sum of numbers, the first ones with few bits if products shall be exact."""

    description: str
    value: mp.mpf
    single: Sequence[int]
    """The bits of each part in float32."""
    double: Sequence[int]
    """The bits of each part in float64."""


def square(function: Function) -> Function:
    """Return the function of t = x² that is `function` of x."""
    return lambda t: function(mp.sqrt(t))


HALF_LN2 = mp.log(2) / 2 * (1 + mp.mpf(2) ** -12)
ATANH_END = (mp.sqrt(2) - 1) / (mp.sqrt(2) + 1)
QUARTER_PI_SQUARED = (mp.pi / 4 * (1 + mp.mpf(2) ** -12)) ** 2
ERFC_CENTER = 3


def scaled_erfc(t: mp.mpf) -> mp.mpf:
    """Return (1 + 2 x) exp(x²) erfc(x) where t = (x - c) / (x + c)."""
    x = ERFC_CENTER * (1 + t) / (1 - t)
    return (1 + 2 * x) * mp.exp(x**2) * mp.erfc(x)


def erfc_variable(x: str) -> mp.mpf:
    """Return (x - c) / (x + c)."""
    return (mp.mpf(x) - ERFC_CENTER) / (mp.mpf(x) + ERFC_CENTER)


FITS = {
    "EXP": Fit(
        "exp(r) = 1 + r + r² P(r) for |r| ≤ ln 2 / 2; the error is relative to exp(r) - 1.",
        lambda r: (mp.expm1(r) - r) / r**2,
        lambda r: r**2 / mp.expm1(r),
        -HALF_LN2,
        HALF_LN2,
        4,
        10,
    ),
    "LOG": Fit(
        "log((1 + s) / (1 - s)) = 2 s + s³ P(s²) for |s| ≤ 3 - 2 sqrt(2).",
        square(lambda s: (2 * mp.atanh(s) - 2 * s) / s**3),
        square(lambda s: s**3 / (2 * mp.atanh(s))),
        TINY,
        ATANH_END**2,
        2,
        6,
    ),
    "LOG_TAYLOR": Fit(
        "log(1 + f) = f - f²/2 + f³ P(f) for sqrt(1/2) ≤ 1 + f ≤ sqrt(2).",
        lambda f: (mp.log1p(f) - f + f**2 / 2) / f**3,
        lambda f: f**3 / mp.log1p(f),
        mp.sqrt(0.5) - 1,
        mp.sqrt(2) - 1,
        7,
        None,
    ),
    "LOG_TAIL": Fit(
        "log((1 + s) / (1 - s)) = 2 s + s³ (2/3 + s² P(s²)) for |s| ≤ 3 - 2 sqrt(2).",
        square(lambda s: (2 * mp.atanh(s) - 2 * s - 2 * s**3 / 3) / s**5),
        square(lambda s: s**5 / (2 * mp.atanh(s))),
        TINY,
        ATANH_END**2,
        None,
        6,
    ),
    "EXP_FOR_SINGLE": Fit(
        "exp(r) = 1 + r + r² P(r) for |r| ≤ ln 2 / 2, in float64 for a result in float32.",
        lambda r: (mp.expm1(r) - r) / r**2,
        lambda r: r**2 / mp.expm1(r),
        -HALF_LN2,
        HALF_LN2,
        None,
        5,
    ),
    "LOG_FOR_SINGLE": Fit(
        "log((1 + s) / (1 - s)) = 2 s + s³ P(s²), in float64 for a power in float32.",
        square(lambda s: (2 * mp.atanh(s) - 2 * s) / s**3),
        square(lambda s: s**3 / (2 * mp.atanh(s))),
        TINY,
        ATANH_END**2,
        None,
        3,
    ),
    "SINH": Fit(
        "sinh(x) = x + x³ P(x²) for |x| ≤ 1.",
        square(lambda x: (mp.sinh(x) - x) / x**3),
        square(lambda x: x**3 / mp.sinh(x)),
        TINY,
        mp.mpf(1),
        3,
        6,
    ),
    "SIN": Fit(
        "sin(r) = r + r³ P(r²) for |r| ≤ pi / 4.",
        square(lambda r: (mp.sin(r) - r) / r**3),
        square(lambda r: r**3 / mp.sin(r)),
        TINY,
        QUARTER_PI_SQUARED,
        2,
        5,
    ),
    "COS": Fit(
        "cos(r) = 1 - r²/2 + r⁴ P(r²) for |r| ≤ pi / 4.",
        square(lambda r: (mp.cos(r) - 1 + r**2 / 2) / r**4),
        square(lambda r: r**4 / mp.cos(r)),
        TINY,
        QUARTER_PI_SQUARED,
        2,
        5,
    ),
    "ARCTAN": Fit(
        "atan(t) = t + t³ P(t²) for |t| ≤ tan(pi / 8).",
        square(lambda t: (mp.atan(t) - t) / t**3),
        square(lambda t: t**3 / mp.atan(t)),
        TINY,
        (mp.sqrt(2) - 1) ** 2 * (1 + mp.mpf(2) ** -20),
        4,
        10,
    ),
    "ARCSIN": Fit(
        "asin(x) = x + x³ P(x²) for |x| ≤ 1/2.",
        square(lambda x: (mp.asin(x) - x) / x**3),
        square(lambda x: x**3 / mp.asin(x)),
        TINY,
        mp.mpf("0.25"),
        5,
        12,
    ),
    "ERF": Fit(
        "erf(x) = x + x P(x²) for |x| ≤ 1.",
        square(lambda x: mp.erf(x) / x - 1),
        square(lambda x: x / mp.erf(x)),
        TINY,
        mp.mpf(1),
        6,
        12,
    ),
    "ERF_LARGE": Fit(
        "erf(x) = 1 - exp(-P(x - 2)) for 1 ≤ x ≤ 4, up to 6 in float64.",
        lambda t: -mp.log(mp.erfc(t + 2)),
        lambda t: mp.erfc(t + 2) / mp.erf(t + 2),
        mp.mpf(-1),
        mp.mpf(2),
        6,
        17,
        mp.mpf(4),
    ),
    "ERFC": Fit(
        "erfc(x) = exp(-x²) (1 + P(t)) / (1 + 2 x) with t = (x - 3) / (x + 3), for x ≥ 1/2.",
        lambda t: scaled_erfc(t) - 1,
        lambda t: 1 / scaled_erfc(t),
        erfc_variable("0.5"),
        erfc_variable("10.2"),
        9,
        21,
        erfc_variable("28"),
    ),
    "CBRT": Fit(
        "x^(-1/3) = P(x) for 1 ≤ x ≤ 2.",
        lambda t: 1 / mp.cbrt(t),
        mp.cbrt,
        mp.mpf(1),
        mp.mpf(2),
        2,
        4,
    ),
}
"""Every polynomial of the package."""

SPLITS = {
    "LN2": Split("ln 2; times an exponent the first part is exact.", mp.log(2), (16, 24), (42, 53)),
    "TWO_THIRDS": Split("2 / 3.", mp.mpf(2) / 3, (), (53, 53)),
    "HALF_PI": Split("pi / 2.", mp.pi / 2, (24, 24), (53, 53)),
}
"""Every constant of the package that is given in parts."""


def parts(value: mp.mpf, bits: Sequence[int]) -> list[mp.mpf]:
    """Return numbers of so many bits whose sum is the value."""
    result = []
    for precision in bits:
        with mp.workprec(precision):
            part = +value
        result.append(part)
        value -= part
    return result


def solve(fit: Fit, degree: int) -> list[mp.mpf]:
    """Return the coefficients of the best polynomial, the constant term first."""
    n = degree + 1
    count = 60 * (n + 1)
    middle, radius = (fit.low + fit.high) / 2, (fit.high - fit.low) / 2
    grid = [middle - radius * mp.cos(mp.pi * (i + 0.5) / count) for i in range(count)]
    values = [fit.function(t) for t in grid]
    # The sign of a weight does not matter, but the errors alternate only without it.
    weights = [abs(fit.weight(t)) for t in grid]
    index = [round(i * (count - 1) / n) for i in range(n + 1)]
    for _ in range(30):
        rows = mp.matrix(n + 1, n + 1)
        right = mp.matrix(n + 1, 1)
        for row, i in enumerate(index):
            for j in range(n):
                rows[row, j] = weights[i] * grid[i] ** j
            rows[row, n] = (-1) ** row
            right[row] = weights[i] * values[i]
        solution = mp.lu_solve(rows, right)
        coefficients = [solution[j] for j in range(n)]
        errors = [
            w * (mp.polyval(list(reversed(coefficients)), t) - v)
            for t, v, w in zip(grid, values, weights, strict=True)
        ]
        index = _alternating_extrema(errors, n + 1)
        if max(abs(e) for e in errors) < abs(solution[n]) * mp.mpf("1.001"):
            return coefficients
    raise RuntimeError("Remez's exchange did not converge")


def _alternating_extrema(errors: Sequence[mp.mpf], count: int) -> list[int]:
    """Return the indices of `count` extrema whose signs alternate, the largest error among them."""
    runs: list[int] = []
    for i, error in enumerate(errors):
        if runs and (error > 0) == (errors[runs[-1]] > 0):
            if abs(error) > abs(errors[runs[-1]]):
                runs[-1] = i
        else:
            runs.append(i)
    while len(runs) > count:
        if len(runs) == count + 1:
            runs.pop(0 if abs(errors[runs[0]]) < abs(errors[runs[-1]]) else -1)
            continue
        # Two neighbours go together, so that the signs still alternate.
        pair = min(
            range(len(runs) - 1), key=lambda i: max(abs(errors[runs[i]]), abs(errors[runs[i + 1]]))
        )
        del runs[pair : pair + 2]
    return runs


def rounded(value: mp.mpf, is_single: bool) -> mp.mpf:
    """Return the nearest number of the format."""
    with mp.workprec(24 if is_single else 53):
        return +value


def fitted(fit: Fit, degree: int, is_single: bool) -> tuple[list[mp.mpf], mp.mpf]:
    """Return coefficients of the format, constant term first, and the largest weighted error."""
    known = [rounded(c, is_single) for c in solve(fit, degree)]
    points = [fit.low + (fit.high - fit.low) * (i + mp.mpf("0.5")) / 2000 for i in range(2000)]
    worst = max(
        abs(fit.weight(t) * (mp.polyval(list(reversed(known)), t) - fit.function(t)))
        for t in points
    )
    return known, worst


def shown(value: mp.mpf, is_single: bool) -> str:
    """Return the shortest decimal that reads back as the same number."""
    if not is_single:
        return repr(float(value))
    for digits in range(1, 10):
        text = f"{float(value):.{digits}g}"
        if struct.unpack("f", struct.pack("f", float(text)))[0] == float(value):
            break
    return repr(float(text))


def literals(values: Sequence[mp.mpf], is_single: bool) -> str:
    """Return the numbers as lines of Python."""
    return "".join(f"        {shown(value, is_single)},\n" for value in values)


def fit_source(name: str, fit: Fit) -> str:
    """Return the Python source of one table."""
    formats = []
    for format_name, degree in (("single", fit.single), ("double", fit.double)):
        is_single = format_name == "single"
        if degree is None:
            formats.append(f"    {format_name}=(),")
            continue
        high = fit.high if is_single or fit.double_high is None else fit.double_high
        coefficients, worst = fitted(fit._replace(high=high), degree, is_single)
        formats.append(
            f"    # degree {degree}, error 2^{float(mp.log(worst, 2)):.1f}\n"
            f"    {format_name}=(\n{literals(coefficients, is_single)}    ),"
        )
    return table_source(name, formats, fit.description)


def table_source(name: str, formats: Sequence[str], description: str) -> str:
    """Return the Python source of one `Coefficients`."""
    lines = [f"{name} = Coefficients(", *formats, ")", f'"""{description}"""', ""]
    return "\n".join(lines)


def split_source(name: str, split: Split) -> str:
    """Return the Python source of one constant in parts."""
    formats = []
    for format_name, bits in (("single", split.single), ("double", split.double)):
        if not bits:
            formats.append(f"    {format_name}=(),")
            continue
        values = literals(parts(split.value, bits), format_name == "single")
        formats.append(f"    # {' + '.join(map(str, bits))} bits")
        formats.append(f"    {format_name}=(\n{values}    ),")
    return table_source(name, formats, split.description)


def windows_source() -> str:
    """Return the Python source of the bits of 2 / pi that matter for float32 of each size."""
    rows = []
    for j in range(5):
        unit = mp.mpf(2) ** (-(24 * j + 1) if j else 0)
        value = 2 / mp.pi - unit * mp.floor(2 / mp.pi / unit)
        high, low = parts(value, (53, 53))
        rows.append(f"    ({float(high)!r}, {float(low)!r}),\n")
    return (
        "TWO_OVER_PI = (\n" + "".join(rows) + ")\n"
        '"""2 / pi modulo 1, 2^-25, 2^-49, 2^-73, 2^-97, each in two float64."""\n'
    )


def words_source() -> str:
    """Return the Python source of the bits of 2 / pi, after 54 zeros, in words of 64 bits."""
    with mp.workprec(1400):
        bits = int(mp.floor(2 / mp.pi * mp.mpf(2) ** (19 * 64 - 54)))
    words = [bits >> 64 * (18 - i) & (2**64 - 1) for i in range(19)]
    return (
        "TWO_OVER_PI_WORDS = (\n" + "".join(f"    0x{word:016X},\n" for word in words) + ")\n"
        '"""The bits of 2 / pi after its binary point, with 54 zeros before them."""\n'
    )


HEADER = '''"""Coefficients of polynomials, and constants in parts.

Written by `tools/minimax.py`, which says how they are found; do not edit by hand. A coefficient
stands at the index of its power. Errors are relative to the function unless noted, and those of the
rounded coefficients in exact arithmetic.
"""

from chainrule.compiler.native.math.arithmetic import Coefficients
'''


def main() -> None:
    """Print the module `chainrule.compiler.native.math.coefficients`."""
    print(HEADER)
    tables = [split_source(name, split) for name, split in SPLITS.items()]
    tables += [windows_source(), words_source()]
    tables += [fit_source(name, fit) for name, fit in FITS.items()]
    print("\n".join(tables), end="")


if __name__ == "__main__":
    main()
