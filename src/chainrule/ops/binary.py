"""Elementwise functions of two and three arguments.

Where two arguments of ``maximum`` or ``minimum`` are equal, each gets half of the derivative.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule._errors import GraphError
from chainrule.ir import ArrayType, register
from chainrule.ops.family import (
    BOOL,
    Binary,
    Bitwise,
    Comparison,
    Elementwise,
    broadcast_shapes,
    full_shape,
    is_linear,
    unbroadcast,
)
from chainrule.ops.unary import expit


class _Add(Elementwise):
    """``x + y``, linear in both together."""

    linear = (0, 1)

    def tangent(
        self, out: Any, primals: Sequence[Any], tangents: Sequence[Any], **params: Any
    ) -> Any:
        dx, dy = tangents
        if dx is None or dy is None:
            return full_shape(dy if dx is None else dx, out)
        return dx + dy

    def transpose(self, cotangent: Any, inputs: Sequence[Any], **params: Any) -> Sequence[Any]:
        return [unbroadcast(cotangent, x.shape) if is_linear(x) else None for x in inputs]


class _Subtract(Elementwise):
    """``x - y``, linear in both together."""

    linear = (0, 1)

    def tangent(
        self, out: Any, primals: Sequence[Any], tangents: Sequence[Any], **params: Any
    ) -> Any:
        dx, dy = tangents
        if dx is None or dy is None:
            return full_shape(-dy if dx is None else dx, out)
        return dx - dy

    def transpose(self, cotangent: Any, inputs: Sequence[Any], **params: Any) -> Sequence[Any]:
        x, y = inputs
        return (
            unbroadcast(cotangent, x.shape) if is_linear(x) else None,
            -unbroadcast(cotangent, y.shape) if is_linear(y) else None,
        )


class _Multiply(Binary):
    """``x y``, linear in each."""

    linear = (0, 1)

    def tangent(
        self, out: Any, primals: Sequence[Any], tangents: Sequence[Any], **params: Any
    ) -> Any:
        if primals[0] is primals[1] and tangents[0] is tangents[1]:
            return tangents[0] * (primals[0] + primals[0])  # a square: one product, not two
        return super().tangent(out, primals, tangents)

    def transpose(self, cotangent: Any, inputs: Sequence[Any], **params: Any) -> Sequence[Any]:
        x, y = inputs
        if is_linear(x):
            return unbroadcast(cotangent * y, x.shape), None
        return None, unbroadcast(cotangent * x, y.shape)


class _Divide(Binary):
    """``x / y``, linear in x."""

    linear = (0,)

    def tangent(
        self, out: Any, primals: Sequence[Any], tangents: Sequence[Any], **params: Any
    ) -> Any:
        dx, dy = tangents
        y = primals[1]
        if dy is None:
            return full_shape(dx / y, out)
        if dx is None:
            return full_shape(dy * (-out / y), out)
        return (dx - dy * out) / y

    def transpose(self, cotangent: Any, inputs: Sequence[Any], **params: Any) -> Sequence[Any]:
        x, y = inputs
        return unbroadcast(cotangent / y, x.shape), None


add = register(_Add("add", np.add))
subtract = register(_Subtract("subtract", np.subtract))
multiply = register(_Multiply("multiply", np.multiply, (lambda x, y, z: y, lambda x, y, z: x)))
divide = register(_Divide("divide", np.divide, (None, None)))


def _power_in_base(x: Any, y: Any, z: Any) -> Any:
    # y x^(y-1), which is 0 for y = 0 at every x, also at 0 where 0 · 0^-1 is not a number.
    return np.where(y == 0, 0.0, y * np.power(x, np.where(y == 0, 1.0, y - 1.0)))


def _power_in_exponent(x: Any, y: Any, z: Any) -> Any:
    # x^y log x, whose limit at x = 0 is 0 for y > 0.
    return np.where((x == 0) & (y > 0), 0.0, z * np.log(np.where((x == 0) & (y > 0), 1.0, x)))


power = register(Binary("power", np.power, (_power_in_base, _power_in_exponent)))


def _over_squared_distance(side: Any, x: Any, y: Any) -> Any:
    # side / (x² + y²), where the squares may be too large or too small for a float.
    distance = np.hypot(x, y)
    return side / distance / distance


arctan2 = register(
    Binary(
        "arctan2",
        np.arctan2,
        (
            lambda x, y, z: _over_squared_distance(y, x, y),
            lambda x, y, z: _over_squared_distance(-x, x, y),
        ),
    )
)
# x / z and y / z, and 0 where both are 0, also in the second derivative.
hypot = register(
    Binary(
        "hypot",
        np.hypot,
        (
            lambda x, y, z: x / np.where(z == 0, np.inf, z),
            lambda x, y, z: y / np.where(z == 0, np.inf, z),
        ),
    )
)


def _gap(x: Any, y: Any) -> Any:
    # x - y, but 0 for two equal infinities.
    both = (x == y) & (np.abs(x) == np.inf)
    return np.where(both, 0.0, x) - np.where(both, 0.0, y)


# log(exp x + exp y); the derivatives are the two shares of the sum.
logaddexp = register(
    Binary(
        "logaddexp",
        np.logaddexp,
        (lambda x, y, z: expit(_gap(x, y)), lambda x, y, z: expit(_gap(y, x))),
    )
)
# x mod y = x - y floor(x / y); between jumps the floor is a constant.
remainder = register(
    Binary(
        "remainder",
        np.remainder,
        (lambda x, y, z: np.ones_like(z), lambda x, y, z: -np.floor_divide(x, y)),
    )
)
floor_divide = register(Binary("floor_divide", np.floor_divide, (None, None)))


def _share(chosen: Any, other: Any, z: Any) -> Any:
    """Return 1 where an argument is the extremum, 1/2 where both are, 0 elsewhere."""
    return np.where(chosen == z, np.where(other == z, 0.5, 1.0), 0.0).astype(z.dtype)


_SHARES = (lambda x, y, z: _share(x, y, z), lambda x, y, z: _share(y, x, z))


maximum = register(Binary("maximum", np.maximum, _SHARES))
minimum = register(Binary("minimum", np.minimum, _SHARES))

equal = register(Comparison("equal", np.equal))
less = register(Comparison("less", np.less))
less_equal = register(Comparison("less_equal", np.less_equal))

bitwise_and = register(Bitwise("bitwise_and", np.bitwise_and))
bitwise_or = register(Bitwise("bitwise_or", np.bitwise_or))
bitwise_xor = register(Bitwise("bitwise_xor", np.bitwise_xor))
left_shift = register(Bitwise("left_shift", np.left_shift))
right_shift = register(Bitwise("right_shift", np.right_shift))


class _Where(Elementwise):
    """``x`` where the condition holds, ``y`` elsewhere; linear in both together."""

    linear = (1, 2)

    def infer(self, condition: ArrayType, x: ArrayType, y: ArrayType) -> ArrayType:
        if condition.dtype != BOOL or x.dtype != y.dtype:
            raise GraphError(f"where: dtypes {condition.dtype}, {x.dtype}, {y.dtype} do not fit.")
        return ArrayType(broadcast_shapes(self.name, (condition.shape, x.shape, y.shape)), x.dtype)

    def tangent(
        self, out: Any, primals: Sequence[Any], tangents: Sequence[Any], **params: Any
    ) -> Any:
        condition, (_, dx, dy) = primals[0], tangents
        zero = out.dtype.type(0)
        return full_shape(
            where(condition, zero if dx is None else dx, zero if dy is None else dy), out
        )

    def transpose(self, cotangent: Any, inputs: Sequence[Any], **params: Any) -> Sequence[Any]:
        condition, x, y = inputs
        zero = cotangent.dtype.type(0)
        return (
            None,
            unbroadcast(where(condition, cotangent, zero), x.shape) if is_linear(x) else None,
            unbroadcast(where(condition, zero, cotangent), y.shape) if is_linear(y) else None,
        )


where = register(_Where("where", np.where))
