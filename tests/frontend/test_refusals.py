"""What is not supported, or makes no sense, says so: the message, whole, of each."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr

X = np.array([1.0, 2.0, 4.0])
A = np.ones((2, 3))


def message(f: Any, *args: Any) -> str:
    with pytest.raises(cr.ChainruleError) as caught:
        cr.jvp(f, args, tuple(np.ones_like(a) for a in args))
    text, _, place = str(caught.value).partition("\n  at ")
    assert "test_refusals.py" in place
    return text


@pytest.mark.parametrize(
    ("f", "expected"),
    [
        (
            np.fft.fft,
            "np.fft.fft is not supported on traced arrays; Fourier transforms are not supported "
            "yet; compute them before tracing, or multiply by the matrices "
            "np.cos(2 * np.pi * f * t) and np.sin(2 * np.pi * f * t).",
        ),
        (
            np.unique,
            "np.unique is not supported on traced arrays; the shape of its result depends on the "
            "values of the array; compute it before tracing.",
        ),
        (
            lambda x: np.put_along_axis(x, np.array([0]), 1.0, 0),
            "np.put_along_axis is not supported on traced arrays; it changes an array in place; "
            "use cr.at(x)[rows, index].set(values) with rows = np.arange(len(x))[:, None], or "
            "np.where.",
        ),
        (
            lambda x: np.apply_along_axis(np.sum, 0, x),
            "np.apply_along_axis is not supported on traced arrays; write the function for one "
            "slice and map it over an axis with cr.vmap.",
        ),
        (
            lambda x: np.add.at(x, [0], 1.0),
            "np.add.at is not supported on traced arrays; it changes an array in place; use "
            "cr.at(x)[index].add(values).",
        ),
        (
            np.subtract.reduce,
            "np.subtract.reduce is not supported on traced arrays; write it with supported NumPy "
            "functions, or give it a derivative of its own with cr.custom_derivative.",
        ),
        (
            np.logaddexp.reduce,
            "np.logaddexp.reduce is not supported on traced arrays; use scipy.special.logsumexp.",
        ),
        (
            lambda x: np.full_like(np.zeros(2), x[0]),
            "np.copyto is not supported on traced arrays; it changes an array in place; use "
            "cr.at(x)[index].set(values), which returns a copy, and for np.full or np.full_like "
            "with a traced value np.broadcast_to(value, shape).",
        ),
        (
            lambda x: np.add(x, 1.0, where=x > 0),
            "np.add: the keyword 'where' is not supported on traced arrays; select with "
            "np.where(condition, result, other).",
        ),
        (
            lambda x: np.sum(x, out=np.zeros(())),
            "np.sum: the keyword 'out' is not supported on traced arrays; use the returned array "
            "instead.",
        ),
        (
            lambda x: np.quantile(x, 0.5, weights=X),
            "np.quantile: the keyword 'weights' is not supported on traced arrays; leave it out.",
        ),
        (
            lambda x: np.quantile(x, 0.5, method="inverted_cdf"),
            "np.quantile: method 'inverted_cdf' is not supported on traced arrays; expected one "
            "of 'linear', 'interpolated_inverted_cdf', 'hazen', 'weibull', 'median_unbiased', "
            "'normal_unbiased', 'lower', 'higher', 'nearest', 'midpoint'.",
        ),
        (
            lambda x: np.quantile(x, 1.5),
            "np.quantile: expected q from 0 to 1, got 1.5.",
        ),
        (
            lambda x: np.pad(x, 1, "mean"),
            "np.pad: 'mean' is not supported on traced arrays; expected 'constant', 'edge', "
            "'reflect', 'symmetric', 'wrap'. Other borders can be joined on with np.concatenate.",
        ),
        (
            lambda x: np.ravel(x, "K"),
            "np.ravel: order 'K' follows the layout in memory, which a traced array does not "
            "have; expected 'C' or 'F'.",
        ),
        (
            lambda x: np.sum(x, axis=1),
            "np.sum: axis 1 does not exist: expected -1 to 0 for an array with 1 axes.",
        ),
        (
            lambda x: np.sum(x[0], axis=0),
            "np.sum: axis 0 does not exist: the array has no axes; reshape it with np.atleast_1d "
            "first.",
        ),
        (
            lambda x: np.sum(x, axis=(0, -1)),
            "np.sum: axis (0, -1) names an axis twice.",
        ),
        (
            lambda x: np.sum(x, axis=0.5),
            "np.sum, axis: expected an integer, got 0.5.",
        ),
        (
            lambda x: x @ A,
            "np.matmul (x @ y): cannot multiply shapes (3,) and (2, 3): axis 0 of the first has "
            "length 3, axis 0 of the second has 2, and they must be equal. Check the order of the "
            "factors, or transpose one with .T.",
        ),
        (
            lambda x: x @ 2.0,
            "np.matmul (x @ y): expected at least one axis each, got shapes (3,) and (); use * to "
            "multiply by a number.",
        ),
        (
            lambda x: np.concatenate([x, A]),
            "np.concatenate: array 1 has shape (2, 3), the first has (3,); all need the same "
            "number of axes. Add one of length 1 with x[..., None] or x[None].",
        ),
        (
            lambda x: np.stack([x, x[:2]]),
            "np.stack: array 1 has shape (2,), the first has (3,); all must have the same shape. "
            "np.concatenate joins along an axis they have.",
        ),
        (
            lambda x: np.reshape(x, (2, -1)),
            "np.reshape: an array of shape (3,) has 3 elements, which do not divide evenly into "
            "shape (2, -1).",
        ),
        (
            lambda x: np.split(x, 2),
            "np.split: axis 0 has length 3, which does not divide into 2 equal parts; "
            "np.array_split makes parts of nearly equal length.",
        ),
        (
            lambda x: np.squeeze(x, 0),
            "np.squeeze: axis 0 of an array of shape (3,) has length 3; only axes of length 1 can "
            "be removed.",
        ),
        (
            lambda x: np.take(x, [0, 3]),
            "np.take: position 3 is out of range for axis 0, which has length 3.",
        ),
        (
            lambda x: np.take(x, [True, False]),
            "np.take: expected integers as positions, got bool; convert them with "
            ".astype(np.int64), or select by a mask with np.where.",
        ),
        (
            lambda x: np.max(x[:0]),
            "np.max: an array of shape (0,) has no element along axes (0,) to choose from; "
            "expected at least one, or initial=.",
        ),
        (
            lambda x: np.argmax(x[:0]),
            "np.argmax: an array of shape (0,) has no element to choose from along its axes; "
            "expected at least one.",
        ),
        (
            lambda x: np.median(x[:0]),
            "np.median: an array of shape (0,) has no element along axes (0,); expected at least "
            "one.",
        ),
        (
            lambda x: np.einsum("ij,j->i", x, x),
            "np.einsum: in 'ij,j->i' array 0 has 2 named axes, its shape (3,) has 1; '...' stands "
            "for axes without a name.",
        ),
        (
            lambda x: np.einsum("i,i->", x, x[:2]),
            "np.einsum: in 'i,i->' 'i' has length 3 and 2; axes named alike must be equal. The "
            "shapes are (3,), (2,).",
        ),
        (
            lambda x: np.einsum("i->j", x),
            "np.einsum: in 'i->j' the result names 'j', which no array has.",
        ),
        (
            lambda x: np.select([x], [x]),
            "np.select: condition 0 has dtype float64; expected bool. Compare it with something, "
            "as in x != 0.",
        ),
        (
            lambda x: np.average(x, weights=[1.0, 2.0]),
            "np.average: expected weights of shape (3,), got (2,).",
        ),
        (
            lambda x: np.digitize(0.5, x),
            "np.digitize: with traced bins it cannot be told whether they ascend; use "
            "np.searchsorted(bins, x, side='right').",
        ),
        (
            lambda x: np.cross(x, x[:2]),
            "np.cross: expected vectors of length 3, got 3 and 2; in the plane write "
            "x[..., 0] * y[..., 1] - x[..., 1] * y[..., 0].",
        ),
        (
            lambda x: np.interp(0.5, x, x[:2]),
            "np.interp: expected xp and fp with one axis of one length and at least one point, "
            "got shapes (3,) and (2,).",
        ),
        (
            lambda x: x.choose([1, 2]),
            "np.choose is not supported on traced arrays; use np.select, or "
            "np.take_along_axis(np.stack(choices), x[None], axis=0)[0].",
        ),
    ],
)
def test_message(f: Any, expected: str) -> None:
    assert message(lambda x: f(x), X) == expected


def test_a_shape_that_depends_on_values_needs_their_values() -> None:
    def positive(x: Any) -> Any:
        return np.compress(x > 0, x)

    x = np.array([-1.0, 2.0])
    np.testing.assert_array_equal(cr.jvp(positive, (x,), (x,))[0], [2.0])
    with pytest.raises(cr.ChainruleError) as caught:
        cr.vmap(positive)(x[None])
    assert str(caught.value).startswith(
        "np.compress: the condition must be known while the function is traced, since the shape "
        "of the result depends on it; inside vmap(positive) it is not: "
    )


def is_numpys(function: Any) -> bool:
    return type(function).__name__ == "_ArrayFunctionDispatcher"


# Of dates and of text, which cannot be traced.
FOREIGN = {"busday_count", "busday_offset", "is_busday", "datetime_as_string"}


@pytest.mark.parametrize(
    "name", [n for n in dir(np) if is_numpys(getattr(np, n)) and n not in FOREIGN]
)
def test_every_function_is_either_supported_or_comes_with_advice(name: str) -> None:
    from chainrule.frontend import dispatch

    function = getattr(np, name)
    full = dispatch.full_name(function)
    assert (function in dispatch.FUNCTIONS) != (full in dispatch.ADVICE)
