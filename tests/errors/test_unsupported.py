"""What NumPy and SciPy have and this library does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.linalg
import scipy.optimize
import scipy.special

import chainrule as cr
from chainrule._errors import (
    UnsupportedError,
)

X = np.eye(2) + 1.0
plus_one = np.frompyfunc(lambda a: a + 1, 1, 1)


def grad(f: Callable[[Any], Any]) -> Any:
    return cr.grad(lambda x: np.sum(f(x)))(X)


@pytest.mark.parametrize(
    ("f", "kind", "expected"),
    [
        pytest.param(
            lambda: grad(lambda x: np.fft.fft(x)),
            UnsupportedError,
            "np.fft.fft is not supported on traced arrays; Fourier transforms are not supported "
            "yet; compute them before tracing, or multiply by the matrices np.cos(2 * np.pi * f * "
            "t) and np.sin(2 * np.pi * f * t).",
            id="fft",
        ),
        pytest.param(
            lambda: grad(lambda x: np.unique(x)),
            UnsupportedError,
            "np.unique is not supported on traced arrays; the shape of its result depends on the "
            "values of the array; compute it before tracing.",
            id="unique",
        ),
        pytest.param(
            lambda: grad(lambda x: np.linalg.eig(x)),
            UnsupportedError,
            "np.linalg.eig is not supported on traced arrays; its results are complex in general; "
            "for a symmetric matrix use np.linalg.eigh or np.linalg.eigvalsh, for the eigenvalue "
            "of largest magnitude a power iteration.",
            id="eig",
        ),
        pytest.param(
            lambda: grad(lambda x: scipy.optimize.minimize(lambda v: v @ v, x[0]).x),
            UnsupportedError,
            "scipy.optimize.minimize is not supported on traced arrays; write it with supported "
            "NumPy functions, or give it a derivative of its own with cr.custom_derivative.",
            id="scipy_minimize",
        ),
        pytest.param(
            lambda: grad(lambda x: scipy.linalg.expm(x)),
            UnsupportedError,
            "scipy.linalg.expm is not supported on traced arrays; use np.linalg where it has the "
            "function, and cr.linalg for triangular systems.",
            id="scipy_expm",
        ),
        pytest.param(
            lambda: grad(lambda x: scipy.special.zeta(x)),
            UnsupportedError,
            "scipy.special.zeta is not supported on traced arrays; write it with supported NumPy "
            "functions, or give it a derivative of its own with cr.custom_derivative.",
            id="scipy_special",
        ),
        pytest.param(
            lambda: grad(lambda x: plus_one(x)),
            UnsupportedError,
            "<lambda> (vectorized) is not supported on traced arrays; write it with supported "
            "NumPy functions, or give it a derivative of its own with cr.custom_derivative.",
            id="frompyfunc",
        ),
        pytest.param(
            lambda: grad(lambda x: np.add(x, 1.0, where=x > 0)),
            UnsupportedError,
            "np.add: the keyword 'where' is not supported on traced arrays; select with "
            "np.where(condition, result, other).",
            id="where_of_ufunc",
        ),
        pytest.param(
            lambda: grad(lambda x: np.add(x, 1.0, dtype=np.float32)),
            UnsupportedError,
            "np.add: the keyword 'dtype' is not supported on traced arrays; convert with "
            ".astype(dtype).",
            id="dtype_of_ufunc",
        ),
        pytest.param(
            lambda: grad(lambda x: np.add(x, 1.0, casting="unsafe")),
            UnsupportedError,
            "np.add: the keyword 'casting' is not supported on traced arrays; leave it out.",
            id="casting_of_ufunc",
        ),
        pytest.param(
            lambda: grad(lambda x: np.add.reduceat(x, [0, 1])),
            UnsupportedError,
            "np.add.reduceat is not supported on traced arrays; use "
            "cr.at(np.zeros(groups))[group].add(x), or a slice each.",
            id="reduceat",
        ),
        pytest.param(
            lambda: grad(lambda x: np.save("x", x)),
            UnsupportedError,
            "np.save is not supported on traced arrays; return the array from the traced function "
            "and save it there.",
            id="save",
        ),
    ],
)
def test_messages(
    f: Callable[[], Any], kind: type[cr.ChainruleError], expected: str, message: Any
) -> None:
    assert message(kind, f) == expected


def test_refusals_are_not_implemented_errors() -> None:
    with pytest.raises(NotImplementedError):
        grad(np.fft.fft)
