"""Measure the error of every float32 function at every float32, and write `docs/accuracy.md`.

Each function of `chainrule.compiler.native.math` is compiled in a loop for this machine and
compared with NumPy's or SciPy's float64. The error is |y - f(x)| in units in the last place of
f(x); below the normal numbers a unit is the smallest denormal number, and an infinity where f(x) is
finite counts as 2^128. For odd and even functions it is checked that both signs give the same bits,
and the error is taken of one.

    python tools/sweep_float32.py                # every function, about half an hour on one core
    python tools/sweep_float32.py exp log        # some; the tables keep the others

float64 functions are sampled besides.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import scipy.special

from chainrule.compiler.native.math.loop import Loop

DOCS = Path(__file__).resolve().parent.parent / "docs"
CHUNK = 1 << 15  # so that the arrays stay in the cache
LIMIT = 2.0**128


def expit(x: Any) -> Any:
    """Return the logistic function in the precision of its argument."""
    decay = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, decay) / (1 + decay)


def logit(x: Any) -> Any:
    """Return the inverse of the logistic function, for what has the digits of a smaller format."""
    odds = np.log1p((2 * x - 1) / (1 - x))
    return np.where(x < 0.25, np.log(x) - np.log1p(-x), odds)


OWN = {"expit": expit, "logit": logit}
"""What NumPy does not have."""

FUNCTIONS: dict[str, tuple[Callable[..., Any], str]] = {
    "exp": (np.exp, ""),
    "expm1": (np.expm1, ""),
    "expit": (scipy.special.expit, ""),
    "sinh": (np.sinh, "odd"),
    "cosh": (np.cosh, "even"),
    "tanh": (np.tanh, "odd"),
    "log": (np.log, ""),
    "log1p": (np.log1p, ""),
    "logit": (logit, ""),
    "sqrt": (np.sqrt, ""),
    "cbrt": (np.cbrt, "odd"),
    "sin": (np.sin, "odd"),
    "cos": (np.cos, "even"),
    "tan": (np.tan, "odd"),
    "arcsin": (np.arcsin, "odd"),
    "arccos": (np.arccos, ""),
    "arctan": (np.arctan, "odd"),
    "arcsinh": (np.arcsinh, "odd"),
    "arccosh": (np.arccosh, ""),
    "arctanh": (np.arctanh, "odd"),
    "erf": (scipy.special.erf, "odd"),
    "erfc": (scipy.special.erfc, ""),
}
"""The reference in float64, and what changing the sign of x does."""


def ulps(y: Any, reference: Any) -> Any:
    """Return the error of float32 `y` in units in the last place of float64 `reference`."""
    if not np.array_equal(np.isnan(y), np.isnan(reference)):
        raise AssertionError("NaN in the wrong place")
    y = y.astype(np.float64)
    if not np.isfinite(y).all():
        y, reference = np.clip(y, -LIMIT, LIMIT), np.clip(reference, -LIMIT, LIMIT)
    # The exponent of the unit, from that of the number.
    exponent = reference.view(np.int64) >> 52
    exponent &= 0x7FF
    np.maximum(exponent, 1023 - 126, out=exponent)
    np.minimum(exponent, 1023 + 127, out=exponent)
    # The inverse of the unit 2^(exponent - 1023 - 23).
    np.subtract(2 * 1023 + 23, exponent, out=exponent)
    exponent <<= 52
    y -= reference
    y *= exponent.view(np.float64)
    return np.abs(y, out=y)


def sweep(name: str) -> tuple[float, float]:
    """Return the largest error of a function, and where."""
    reference, symmetry = FUNCTIONS[name]
    loop = Loop(name, "float32")
    sign = np.uint32(0x80000000)
    worst, where = 0.0, 0.0
    for start in range(0, 2**31 if symmetry else 2**32, CHUNK):
        bits = np.arange(start, start + CHUNK, dtype=np.uint64).astype(np.uint32)
        x = bits.view(np.float32)
        y = loop(x)
        with np.errstate(all="ignore"):
            error = ulps(y, reference(x.astype(np.float64)))
        largest = float(np.fmax.reduce(error))  # leaves NaN out
        if largest > worst:
            worst, where = largest, float(x[error == largest][0])
        if symmetry:
            mirrored = loop((bits | sign).view(np.float32)).view(np.uint32)
            expected = y.view(np.uint32) ^ (sign if symmetry == "odd" else np.uint32(0))
            if not np.all((mirrored == expected) | np.isnan(y)):
                raise AssertionError(f"{name} is not {symmetry}")
    return worst, where


def sample_float64(name: str, n: int = 1 << 20) -> tuple[float, float]:
    """Return the largest error of a float64 function at samples, and where, by long double."""
    reference = OWN[name] if name in OWN else getattr(np, name)
    loop = Loop(name, "float64")
    rng = np.random.default_rng(0)
    worst, where = 0.0, 0.0
    bits = rng.integers(0, 2**64, 2 * n, dtype=np.uint64)
    # Not uniform over an interval alone, where all small numbers would end in zero bits.
    sizes = [size * rng.uniform(-1, 1, n) ** 3 for size in (0.3, 1.1, 3, 20, 750, 1e6)]
    near_one = [1 + rng.uniform(-size, size, n) for size in (1e-6, 1e-2)]
    for x in (bits.view(np.float64), *sizes, *near_one):
        with np.errstate(all="ignore"):
            exact = reference(x.astype(np.longdouble))
            nearest = exact.astype(np.float64)
        ordinary = np.isfinite(nearest)
        x, exact, nearest = x[ordinary], exact[ordinary], nearest[ordinary]
        error = np.abs(loop(x) - exact) / np.spacing(np.abs(nearest))
        if error.size and not error.max() <= worst:
            worst, where = float(error.max()), float(x[error.argmax()])
    return worst, where


Results = dict[str, tuple[float, float]]


def read_rows(section: str) -> Results:
    """Return the rows of a table that was written before."""
    rows = re.findall(r"^\| (\w+) \| ([\d.]+) \| (\S+) \|$", section, re.MULTILINE)
    return {name: (float(error), float(where)) for name, error, where in rows}


def rows(results: Results, digits: int) -> str:
    """Return the rows of a table."""
    return "\n".join(
        f"| {name} | {results[name][0]:.3f} | {results[name][1]:.{digits}g} |"
        for name in FUNCTIONS
        if name in results
    )


PAGE = """# Accuracy of compiled functions

Compiled code computes elementary functions itself, in float32 and float64. This page says how far
from the exact values the results are, in units in the last place of the exact result. A correctly
rounded function has 0.500.

## float32: every number

The largest error over all 4,294,967,296 float32, and an argument where it occurs. An overflow that
comes too early or too late would show as a large error; a NaN in the wrong place, or an odd or even
function that is not so to the bit, stops the measurement.

| function | largest error | at |
|---|---|---|
{single}

## float64: samples

The largest error among ten million arguments: numbers of every size, denormal ones included, and
more of them between -0.3 and 0.3, -1.1 and 1.1, … up to 10^6, and close to 1. The exact value is
that of an 80-bit long double, whose own error is below 0.001 of these units.

| function | largest error | at |
|---|---|---|
{double}

erf and erfc are not in NumPy's long double; the tests hold them, like the others and the functions
of two arguments, to less than 2 at thousands of arguments of every size and near every threshold.

sin, cos and tan are as accurate for arguments of any size.

## Others

What is not in the tables is computed by SciPy's own functions, in float64 whatever comes in:
erfcx, erfinv, ndtri, log_ndtr, the gamma function, its logarithm and digamma, betaln, and Bessel
functions. So float64 results are SciPy's to the bit, and float32 results are those rounded, which
SciPy's own may not be. Polygamma functions of order 1 and higher are summed as SciPy does it; the
powers in the sum cost about as many units in the last place as the order. Solvers and
decompositions of matrices are those of the LAPACK that SciPy carries. NumPy carries another copy,
and results agree to rounding, signs of singular vectors and eigenvectors included; but in float32,
where a sign may depend on the last bit, they may differ.

float16 is rounded after every op, from a float32 that has the accuracy above: it is correctly
rounded but for results that lie within 2^-11 of a unit of the middle between two numbers. Sums,
products and matrix products of float16 add up float32 and round once.

Written by `python tools/sweep_float32.py`, which says how it measures. Run it again to reproduce
the tables, or with names of functions to do some.
"""


def main(names: list[str]) -> None:
    """Measure these functions, or all, and write the page."""
    page = DOCS / "accuracy.md"
    _, *sections = (page.read_text(encoding="utf-8") if page.exists() else "").split("\n## ")
    single, double = (read_rows(section) for section in [*sections, "", ""][:2])
    for name in names or FUNCTIONS:
        began = time.perf_counter()
        single[name] = sweep(name)
        if hasattr(np, name) or name in OWN:
            double[name] = sample_float64(name)
        print(name, *single[name], *double.get(name, ()), f"{time.perf_counter() - began:.0f} s")
        sys.stdout.flush()
        text = PAGE.format(single=rows(single, 9), double=rows(double, 17))
        page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
