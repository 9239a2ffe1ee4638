"""Elementwise functions of one argument.

At a corner the derivative is the mean of the two one-sided derivatives: that of ``abs`` is 0 at 0.
Functions that are piecewise constant (``sign``, ``floor``, …) have derivative zero everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.ir import ArrayType, register
from chainrule.ops.family import BOOL, Bitwise, Elementwise, Unary


class _Negative(Elementwise):
    """``-x``, linear in x."""

    linear = (0,)

    def tangent(
        self, out: Any, primals: Sequence[Any], tangents: Sequence[Any], **params: Any
    ) -> Any:
        return -tangents[0]

    def transpose(self, cotangent: Any, inputs: Sequence[Any], **params: Any) -> Sequence[Any]:
        return (-cotangent,)


negative = register(_Negative("negative", np.negative))

absolute = register(Unary("absolute", np.absolute, lambda x, y: np.sign(x)))
sign = register(Unary("sign", np.sign, None))
floor = register(Unary("floor", np.floor, None))
ceil = register(Unary("ceil", np.ceil, None))
rint = register(Unary("rint", np.rint, None))
signbit = register(Unary("signbit", np.signbit, None, out_dtype=BOOL))

exp = register(Unary("exp", np.exp, lambda x, y: y))
expm1 = register(Unary("expm1", np.expm1, lambda x, y: np.exp(x)))
log = register(Unary("log", np.log, lambda x, y: 1.0 / x))
log1p = register(Unary("log1p", np.log1p, lambda x, y: 1.0 / (1.0 + x)))
sqrt = register(Unary("sqrt", np.sqrt, lambda x, y: 0.5 / y))
cbrt = register(Unary("cbrt", np.cbrt, lambda x, y: 1.0 / (3.0 * y * y)))

sin = register(Unary("sin", np.sin, lambda x, y: np.cos(x)))
cos = register(Unary("cos", np.cos, lambda x, y: -np.sin(x)))
tan = register(Unary("tan", np.tan, lambda x, y: 1.0 + y * y))
arcsin = register(Unary("arcsin", np.arcsin, lambda x, y: 1.0 / np.sqrt((1.0 - x) * (1.0 + x))))
arccos = register(Unary("arccos", np.arccos, lambda x, y: -1.0 / np.sqrt((1.0 - x) * (1.0 + x))))
# 1 / (1 + x²), where x² may be too large for a float.
arctan = register(Unary("arctan", np.arctan, lambda x, y: np.square(1.0 / np.hypot(1.0, x))))
sinh = register(Unary("sinh", np.sinh, lambda x, y: np.cosh(x)))
cosh = register(Unary("cosh", np.cosh, lambda x, y: np.sinh(x)))
tanh = register(Unary("tanh", np.tanh, lambda x, y: 1.0 - y * y))
arcsinh = register(Unary("arcsinh", np.arcsinh, lambda x, y: 1.0 / np.hypot(1.0, x)))
arccosh = register(
    Unary("arccosh", np.arccosh, lambda x, y: 1.0 / (np.sqrt(x - 1.0) * np.sqrt(x + 1.0)))
)
arctanh = register(Unary("arctanh", np.arctanh, lambda x, y: 1.0 / ((1.0 - x) * (1.0 + x))))


def _expit(x: Any) -> Any:
    # exp is only taken of what is not positive: nothing overflows, and small results keep their
    # digits down to the denormals. The numerator is 1 for x >= 0 and the decay below.
    decay = np.exp(-np.abs(x))
    return np.maximum(decay, np.sign(x)) / (decay + 1)


# The logistic function: y (1 - y), where 1 - y is computed as y(-x) to keep its digits for large x.
expit: Unary = register(Unary("expit", _expit, lambda x, y: y * expit(-x)))

invert = register(Bitwise("invert", np.invert))


class _Convert(Elementwise):
    """Another dtype; linear between floats, without derivative otherwise."""

    linear = (0,)

    def infer(self, x: ArrayType, *, dtype: np.dtype[Any]) -> ArrayType:
        return ArrayType(x.shape, dtype)

    def evaluate(self, x: Any, *, dtype: np.dtype[Any]) -> Any:
        return np.asarray(x).astype(dtype)[()]

    def tangent(
        self,
        out: Any,
        primals: Sequence[Any],
        tangents: Sequence[Any],
        *,
        dtype: np.dtype[Any],
    ) -> Any:
        return self(tangents[0], dtype=dtype) if dtype.kind == "f" else None

    def transpose(
        self, cotangent: Any, inputs: Sequence[Any], *, dtype: np.dtype[Any]
    ) -> Sequence[Any]:
        return (self(cotangent, dtype=inputs[0].type.dtype),)


convert = register(_Convert("convert", np.asarray))


class _StopGradient(Elementwise):
    """The value itself, cut off from what it was computed from."""

    def evaluate(self, x: Any) -> Any:
        return x

    def tangent(self, *_: Any, **__: Any) -> None:
        return None


stop_gradient = register(_StopGradient("stop_gradient", np.positive))
