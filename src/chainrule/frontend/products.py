"""Matrix products, inner and outer products: all of them the one op `dot`, with different axes."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule import ops
from chainrule._dtypes import ufunc_dtypes
from chainrule._errors import InvalidArgumentError, ShapeError
from chainrule.frontend.axes import as_integer, one_axis, several_axes
from chainrule.frontend.conversion import as_array, as_dtype, key_of
from chainrule.frontend.dispatch import implements, implements_ufunc
from chainrule.frontend.shaping import permuted, reshaped, spread
from chainrule.ops.family import broadcast_shapes

Axes = tuple[int, ...]


def product_operands(x: Any, y: Any, name: str) -> tuple[Any, Any]:
    """Return two arrays in the dtype in which NumPy would multiply and add them."""
    x, y = as_array(x, name), as_array(y, name)
    dtypes = ufunc_dtypes(np.multiply, (key_of(x), key_of(y)))
    return as_dtype(x, dtypes[0]), as_dtype(y, dtypes[1])


def contracted(x: Any, y: Any, x_axes: Axes, y_axes: Axes) -> Any:
    """Return the sum of products over pairs of axes."""
    return ops.dot(x, y, contract=(x_axes, y_axes), shared=((), ()))


def _refuse_unequal(name: str, x: Any, y: Any, x_axis: int, y_axis: int) -> None:
    if x.shape[x_axis] != y.shape[y_axis]:
        raise ShapeError(
            f"{name}: cannot multiply shapes {x.shape} and {y.shape}: axis {x_axis} of the first "
            f"has length {x.shape[x_axis]}, axis {y_axis} of the second has {y.shape[y_axis]}, "
            "and they must be equal. Check the order of the factors, or transpose one with .T."
        )


@implements_ufunc("matmul")
def matmul(x: Any, y: Any) -> Any:
    """Multiply matrices; axes before the last two broadcast."""
    x, y = product_operands(x, y, "np.matmul (x @ y)")
    if not x.ndim or not y.ndim:
        raise ShapeError(
            "np.matmul (x @ y): expected at least one axis each, got shapes "
            f"{x.shape} and {y.shape}; use * to multiply by a number."
        )
    x_last, y_first = x.ndim - 1, max(y.ndim - 2, 0)
    _refuse_unequal("np.matmul (x @ y)", x, y, x_last, y_first)
    if y.ndim <= 2:
        return contracted(x, y, (x_last,), (y_first,))
    if x.ndim <= 2:
        product = contracted(x, y, (x_last,), (y_first,))
        if x.ndim == 1:
            return product
        last = product.ndim - 1
        return permuted(product, (*range(1, last), 0, last))
    batch = broadcast_shapes("np.matmul (x @ y), leading axes", [x.shape[:-2], y.shape[:-2]])
    x, y = spread(x, batch + x.shape[-2:]), spread(y, batch + y.shape[-2:])
    shared = tuple(range(len(batch)))
    return ops.dot(x, y, contract=((x.ndim - 1,), (y.ndim - 2,)), shared=(shared, shared))


@implements(np.dot)
def dot(a: Any, b: Any) -> Any:
    """Sum products over the last axis of the first and the last but one of the second."""
    x, y = product_operands(a, b, "np.dot")
    if not x.ndim or not y.ndim:
        return ops.multiply(x, y)
    y_axis = max(y.ndim - 2, 0)
    _refuse_unequal("np.dot", x, y, x.ndim - 1, y_axis)
    return contracted(x, y, (x.ndim - 1,), (y_axis,))


@implements(np.vdot)
def vdot(a: Any, b: Any, /) -> Any:
    """Sum the products of all elements of two arrays of one size."""
    x, y = product_operands(a, b, "np.vdot")
    if x.size != y.size:
        raise ShapeError(
            f"np.vdot: expected arrays of one size, got shapes {x.shape} and {y.shape}."
        )
    return contracted(reshaped(x, (x.size,)), reshaped(y, (y.size,)), (0,), (0,))


@implements(np.inner)
def inner(a: Any, b: Any, /) -> Any:
    """Sum products over the last axes of both."""
    x, y = product_operands(a, b, "np.inner")
    if not x.ndim or not y.ndim:
        return ops.multiply(x, y)
    _refuse_unequal("np.inner", x, y, x.ndim - 1, y.ndim - 1)
    return contracted(x, y, (x.ndim - 1,), (y.ndim - 1,))


@implements(np.outer)
def outer(a: Any, b: Any) -> Any:
    """Multiply all elements of one by all elements of the other."""
    x, y = product_operands(a, b, "np.outer")
    return ops.multiply(reshaped(x, (x.size, 1)), reshaped(y, (1, y.size)))


@implements(np.tensordot)
def tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    """Sum products over several axes: a number of them, or a pair of lists of them."""
    x, y = product_operands(a, b, "np.tensordot")
    if np.ndim(axes) == 0 and not isinstance(axes, (tuple, list)):
        count = as_integer(axes, "np.tensordot, axes")
        if not 0 <= count <= min(x.ndim, y.ndim):
            raise InvalidArgumentError(
                f"np.tensordot: cannot sum over {count} axes of arrays of shapes {x.shape} and "
                f"{y.shape}; expected 0 to {min(x.ndim, y.ndim)}."
            )
        x_axes, y_axes = tuple(range(x.ndim - count, x.ndim)), tuple(range(count))
    else:
        x_given, y_given = axes
        x_axes = several_axes(x_given, x.ndim, "tensordot")
        y_axes = several_axes(y_given, y.ndim, "tensordot")
        if len(x_axes) != len(y_axes):
            raise InvalidArgumentError(
                f"np.tensordot: expected as many axes for the second array as for the first, got "
                f"{len(x_axes)} and {len(y_axes)}."
            )
    for x_axis, y_axis in zip(x_axes, y_axes, strict=True):
        _refuse_unequal("np.tensordot", x, y, x_axis, y_axis)
    return contracted(x, y, x_axes, y_axes)


@implements(np.kron)
def kron(a: Any, b: Any) -> Any:
    """Return the Kronecker product: a copy of the second for each element of the first."""
    x, y = product_operands(a, b, "np.kron")
    ndim = max(x.ndim, y.ndim)
    x_shape = (1,) * (ndim - x.ndim) + x.shape
    y_shape = (1,) * (ndim - y.ndim) + y.shape
    ones = (1,) * ndim

    def interleaved(first: Axes, second: Axes) -> Axes:
        return tuple([extent for pair in zip(first, second, strict=True) for extent in pair])

    product = ops.multiply(
        reshaped(x, interleaved(x_shape, ones)), reshaped(y, interleaved(ones, y_shape))
    )
    return reshaped(product, tuple([i * j for i, j in zip(x_shape, y_shape, strict=True)]))


@implements(np.cross)
def cross(
    a: Any, b: Any, axisa: Any = -1, axisb: Any = -1, axisc: Any = -1, axis: Any = None
) -> Any:
    """Return the vector product of vectors of length 3."""
    if axis is not None:
        axisa = axisb = axisc = axis
    x, y = product_operands(a, b, "np.cross")
    x = np.moveaxis(x, one_axis(axisa, x.ndim, "cross"), -1)
    y = np.moveaxis(y, one_axis(axisb, y.ndim, "cross"), -1)
    if x.shape[-1] != 3 or y.shape[-1] != 3:
        raise ShapeError(
            f"np.cross: expected vectors of length 3, got {x.shape[-1]} and {y.shape[-1]}; in the "
            "plane write x[..., 0] * y[..., 1] - x[..., 1] * y[..., 0]."
        )
    parts = [x[..., i] * y[..., j] - x[..., j] * y[..., i] for i, j in ((1, 2), (2, 0), (0, 1))]
    return np.stack(parts, axis=one_axis(axisc, parts[0].ndim + 1, "cross"))


def _refuse_too_few_axes(name: str, x: Any, y: Any, x_least: int, y_least: int) -> None:
    if x.ndim < x_least or y.ndim < y_least:
        raise ShapeError(
            f"np.{name}: expected at least {x_least} and {y_least} axes, got shapes {x.shape} and "
            f"{y.shape}."
        )


@implements_ufunc("vecdot")
def vecdot(x: Any, y: Any) -> Any:
    """Sum products over the last axis; the axes before it broadcast."""
    x, y = product_operands(x, y, "np.vecdot")
    _refuse_too_few_axes("vecdot", x, y, 1, 1)
    _refuse_unequal("np.vecdot", x, y, x.ndim - 1, y.ndim - 1)
    if x.ndim == y.ndim == 1:
        return contracted(x, y, (0,), (0,))
    return matmul(x[..., None, :], y[..., None])[..., 0, 0]


@implements_ufunc("matvec")
def matvec(x: Any, y: Any) -> Any:
    """Multiply matrices by vectors; the axes before broadcast."""
    x, y = product_operands(x, y, "np.matvec")
    _refuse_too_few_axes("matvec", x, y, 2, 1)
    _refuse_unequal("np.matvec", x, y, x.ndim - 1, y.ndim - 1)
    return matmul(x, y[..., None])[..., 0]


@implements_ufunc("vecmat")
def vecmat(x: Any, y: Any) -> Any:
    """Multiply vectors by matrices; the axes before broadcast."""
    x, y = product_operands(x, y, "np.vecmat")
    _refuse_too_few_axes("vecmat", x, y, 1, 2)
    _refuse_unequal("np.vecmat", x, y, x.ndim - 1, y.ndim - 2)
    return matmul(x[..., None, :], y)[..., 0, :]
