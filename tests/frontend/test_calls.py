"""Every call of the tables beside this file: value and dtype, derivatives, batching, layout.

A call is an expression in the names of `VALUES`. Every name that it uses becomes an argument; the
float ones are differentiated.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import chainrule as cr

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


def values_of_names() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(7)
    return {
        "s": np.asarray(0.7),
        "x": rng.normal(size=6),
        "y": rng.normal(size=6),
        "p": rng.uniform(0.5, 2.0, size=6),
        "A": rng.normal(size=(3, 4)),
        "B": rng.normal(size=(4, 3)),
        "C": rng.normal(size=(3, 4)),
        "Q": rng.normal(size=(4, 4)),
        "T": rng.normal(size=(2, 3, 4)),
        "S": rng.normal(size=(2, 4, 3)),
        "V": rng.normal(size=(2, 3)),
        "E": np.zeros((0, 3)),
        "O": rng.normal(size=(1, 1)),
        "N": np.array(
            [[np.nan, 0.5, -1.2, 2.0], [0.1, np.nan, np.nan, -0.4], [1.0, 2.5, -0.3, 0.9]]
        ),
        "M": np.array([[True, False, True, True], [False, False, True, False], [True] * 4]),
        "I": np.array([[2, 0, 1, 1], [1, 2, 0, 2], [0, 1, 1, 0]]),
        "i": np.array([3, 0, 2, 2]),
    }


VALUES = values_of_names()


class Call(NamedTuple):
    """An expression and the names in it that stand for arrays."""

    text: str
    names: tuple[str, ...]

    def __call__(self, *arrays: Any) -> Any:
        """Evaluate the expression with arrays for its names."""
        scope = {"np": np, **dict(zip(self.names, arrays, strict=True))}
        return eval(self.text, scope)

    @property
    def values(self) -> list[np.ndarray]:
        return [VALUES[name] for name in self.names]


def calls(name: str) -> list[Call]:
    """Return the calls of a file with one of them a line."""
    found = []
    for line in (Path(__file__).parent / "calls" / f"{name}.txt").read_text().splitlines():
        code = compile(line, "<call>", "eval")
        words = list(dict.fromkeys(re.findall(r"[A-Za-z]+", line)))
        used = set(code.co_names) | {
            name
            for constant in code.co_consts
            if hasattr(constant, "co_names")
            for name in constant.co_names
        }
        found.append(Call(line, tuple(w for w in words if w in VALUES and w in used)))
    return found


# Elements only move, or are computed one by one as NumPy does it: equal to the last bit.
EXACT = calls("exact")
# Sums, in whatever order, or other steps than NumPy's to the same result.
CLOSE = calls("close")
# Results that are integers, truth values, dtypes or piecewise constant: no derivative.
DISCRETE = calls("discrete")
FLOATS = [*EXACT, *CLOSE]
ALL = [*FLOATS, *DISCRETE]


def by_text(calls: list[Call]) -> Any:
    return pytest.mark.parametrize("call", calls, ids=lambda call: call.text)


def leaves(result: Any) -> list[Any]:
    return list(result) if isinstance(result, (tuple, list)) else [result]


def assert_same(got: Any, expected: Any, tolerance: float) -> None:
    got, expected = leaves(got), leaves(expected)
    assert len(got) == len(expected)
    for one, other in zip(got, expected, strict=True):
        if isinstance(other, (np.dtype, bool, int)):
            assert one == other
            continue
        assert np.shape(one) == np.shape(other)
        assert np.asarray(one).dtype == np.asarray(other).dtype
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance, equal_nan=True)


def tolerance_of(call: Call) -> float:
    return 1e-13 if call in CLOSE else 0.0


def traced(call: Call, arrays: list[Any], names: set[str] | None = None) -> Any:
    """Run a call with some of its arrays traced and return plain values."""
    chosen = [i for i, name in enumerate(call.names) if names is None or name in names]
    results: list[Any] = []

    def run(*tracers: Any) -> list[Any]:
        mixed = list(arrays)
        for i, tracer in zip(chosen, tracers, strict=True):
            mixed[i] = tracer
        results.extend(leaves(call(*mixed)))
        return [r for r in results if not isinstance(r, (np.dtype, bool, int, tuple))]

    # A pullback that is never called: what it keeps is what lets traced arrays show values.
    plain = cr.vjp(run, *[arrays[i] for i in chosen])[0]
    values = iter(plain)
    return [r if isinstance(r, (np.dtype, bool, int, tuple)) else next(values) for r in results]


@by_text(ALL)
def test_values_and_dtypes_are_numpys(call: Call) -> None:
    assert_same(traced(call, call.values), call(*call.values), tolerance_of(call))


# NumPy does not ask a traced array when it stands only in these arguments.
UNSEEN = {
    ("np.pad(x, (2, 1), constant_values=s)", "s"),
    ("np.take(A, i)", "i"),
    ("np.take(A, I[:, :2], axis=0)", "I"),
    ("np.full_like(A, s)", "s"),
    ("np.full_like(x, A[0, 0], shape=(2, 2))", "A"),
    ("A[M]", "M"),
    ("A.dot(B)", "B"),
    ("np.interp(x, [-1.0, 0.0, 1.0], [1.0, 2.0, 0.0], left=-5.0, right=s)", "s"),
}


@by_text([call for call in ALL if len(call.names) > 1])
def test_plain_arrays_stand_next_to_traced_ones(call: Call) -> None:
    for name in call.names:
        if (call.text, name) in UNSEEN:
            with pytest.raises(cr.ChainruleError):
                traced(call, call.values, {name})
            continue
        with_one = traced(call, call.values, {name})
        assert_same(with_one, call(*call.values), tolerance_of(call))


@by_text(ALL)
def test_layout_in_memory_does_not_matter(call: Call) -> None:
    turned = [v.T[..., ::-1].copy()[..., ::-1].T if v.ndim else v for v in call.values]
    assert_same(traced(call, turned), call(*call.values), tolerance_of(call))


def scalar_of(call: Call) -> tuple[Any, list[np.ndarray]]:
    """Return a scalar function of the call's float arrays, and these arrays."""
    floats = [i for i, value in enumerate(call.values) if value.dtype.kind == "f"]
    rng = np.random.default_rng(1)
    expected = leaves(call(*call.values))
    weights = [np.where(np.isnan(r), 0.0, rng.normal(size=np.shape(r))) for r in expected]

    def scalar(*arrays: Any) -> Any:
        mixed: list[Any] = list(call.values)
        for i, array in zip(floats, arrays, strict=True):
            mixed[i] = array
        total = 0.0
        for result, weight in zip(leaves(call(*mixed)), weights, strict=True):
            total = total + np.sum(np.where(weight == 0.0, 0.0, result) * weight)
        return total

    return scalar, [call.values[i] for i in floats]


def is_float64(call: Call) -> bool:
    return all(np.asarray(r).dtype == np.float64 for r in leaves(call(*call.values)))


@by_text([call for call in FLOATS if is_float64(call)])
def test_derivatives_agree_with_finite_differences(call: Call) -> None:
    scalar, xs = scalar_of(call)
    rng = np.random.default_rng(2)
    vs = [rng.normal(size=x.shape) for x in xs]
    step = 1e-3
    plain = [
        scalar(*[x + k * step * v for x, v in zip(xs, vs, strict=True)]) for k in (-2, -1, 0, 1, 2)
    ]
    first = np.dot([1, -8, 0, 8, -1], plain) / (12 * step)
    second = np.dot([-1, 16, -30, 16, -1], plain) / (12 * step**2)

    def forward(*arrays: Any) -> Any:
        return cr.jvp(scalar, arrays, tuple(vs))[1]

    def reverse(*arrays: Any) -> Any:
        gradients = cr.grad(scalar, argnums=tuple(range(len(xs))))(*arrays)
        return sum(np.sum(g * v) for g, v in zip(gradients, vs, strict=True))

    scale = max(1.0, *[abs(value) for value in plain])
    assert forward(*xs) == pytest.approx(first, rel=1e-8, abs=1e-9 * scale)
    assert reverse(*xs) == pytest.approx(first, rel=1e-8, abs=1e-9 * scale)
    twice = {
        "forward over forward": cr.jvp(forward, tuple(xs), tuple(vs))[1],
        "forward over reverse": cr.jvp(reverse, tuple(xs), tuple(vs))[1],
        "reverse over forward": sum(
            np.sum(g * v)
            for g, v in zip(cr.grad(forward, argnums=tuple(range(len(xs))))(*xs), vs, strict=True)
        ),
    }
    for value in twice.values():
        assert value == pytest.approx(second, rel=1e-5, abs=1e-7 * scale)


def batch_of(value: np.ndarray) -> np.ndarray:
    """Return three arrays of the same kind, the first being the one given."""
    if value.dtype.kind == "f":
        shift = np.random.default_rng(3).normal(size=(2, *value.shape))
        others = value * (1.0 + 0.1 * np.abs(shift))
    else:
        others = np.stack([value[::-1], np.sort(value, axis=0)])
    return np.concatenate([value[None], others.astype(value.dtype)])


# What has a result of the same shape only for the mask or the condition it was given.
BY_VALUE = ("nonzero", "where(M)", "argwhere", "A[M]", "extract", "compress")


def has_plain_result(call: Call) -> bool:
    return any(isinstance(r, (np.dtype, bool, int, tuple)) for r in leaves(call(*call.values)))


def can_be_batched(call: Call) -> bool:
    return not has_plain_result(call) and not any(part in call.text for part in BY_VALUE)


def assert_batch_is_loop(call: Call, chosen: set[str]) -> None:
    pairs = list(zip(call.names, call.values, strict=True))
    batches = [batch_of(value) if name in chosen else value for name, value in pairs]
    rows = [
        [
            batch[k] if name in chosen else batch
            for name, batch in zip(call.names, batches, strict=True)
        ]
        for k in range(3)
    ]
    expected = [leaves(call(*row)) for row in rows]
    stacked = [np.stack(parts) for parts in zip(*expected, strict=True)]
    axes = tuple(0 if name in chosen else None for name in call.names)
    got = cr.vmap(lambda *arrays: leaves(call(*arrays)), in_axes=axes)(*batches)
    assert_same(got, stacked, max(tolerance_of(call), 1e-13))


@by_text([call for call in ALL if can_be_batched(call)])
def test_a_batch_is_a_loop(call: Call) -> None:
    assert_batch_is_loop(call, set(call.names))


@by_text([call for call in ALL if len(call.names) > 1 and can_be_batched(call)])
def test_a_batch_of_some_arguments_is_a_loop(call: Call) -> None:
    for name in call.names:
        if (call.text, name) not in UNSEEN:
            assert_batch_is_loop(call, {name})


@by_text([call for call in FLOATS if can_be_batched(call) and is_float64(call)])
def test_derivatives_of_a_batch_are_those_of_its_rows(call: Call) -> None:
    scalar, xs = scalar_of(call)
    batches = [batch_of(x) for x in xs]
    gradient = cr.grad(scalar, argnums=tuple(range(len(xs))))
    rows = [gradient(*[batch[k] for batch in batches]) for k in range(3)]
    expected = [np.stack(parts) for parts in zip(*rows, strict=True)]
    assert_same(cr.vmap(gradient)(*batches), expected, 1e-11)


DTYPES = ["float32", "float16", "int64", "int8", "uint8", "bool"]
REFUSALS = (TypeError, ValueError, IndexError, OverflowError)
TOLERANCE = {"float32": 2e-5, "float16": 2e-2}


@pytest.mark.parametrize("dtype", DTYPES)
@by_text(FLOATS)
def test_other_dtypes_become_what_numpy_makes_of_them(call: Call, dtype: str) -> None:
    arrays = [
        np.where(np.isnan(v), 1.0, np.abs(v) * 3).astype(dtype) if v.dtype.kind == "f" else v
        for v in call.values
    ]
    try:
        expected = call(*arrays)
    except REFUSALS:
        with pytest.raises(REFUSALS):
            traced(call, arrays)
        return
    worst = max(TOLERANCE.get(str(np.asarray(r).dtype), 1e-13) for r in leaves(expected))
    assert_same(traced(call, arrays), expected, max(worst, TOLERANCE.get(dtype, 0.0)))


@by_text([call for call in FLOATS if is_float64(call)])
def test_single_precision_stays_single_in_derivatives(call: Call) -> None:
    def as_single(value: np.ndarray) -> np.ndarray:
        return value.astype(np.float32) if value.dtype.kind == "f" else value

    singles = [as_single(value) for value in call.values]
    floats = [i for i, value in enumerate(singles) if value.dtype.kind == "f"]

    def results(*arrays: Any) -> list[Any]:
        mixed: list[Any] = list(singles)
        for i, array in zip(floats, arrays, strict=True):
            mixed[i] = array
        return leaves(call(*mixed))

    primals = tuple(singles[i] for i in floats)
    out, tangents = cr.jvp(results, primals, tuple(np.ones_like(x) for x in primals))
    assert [t.dtype for t in tangents] == [r.dtype for r in out]
    _, pullback = cr.vjp(results, *primals)
    for cotangent, primal in zip(pullback([np.ones_like(r) for r in out]), primals, strict=True):
        assert cotangent.dtype == primal.dtype
        assert cotangent.shape == primal.shape
