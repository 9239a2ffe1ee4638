"""Reading and writing at positions that are themselves data, and orders of elements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from chainrule._errors import GraphError, IndexingError
from chainrule.ir import ArrayType, Op, register
from chainrule.ops.family import is_linear
from chainrule.ops.layout import transpose

INT64 = np.dtype(np.int64)


def _check_indices(name: str, x: ArrayType, indices: Sequence[ArrayType]) -> None:
    if len(indices) > x.ndim:
        raise IndexingError(
            f"{name}: {len(indices)} indices for an array of shape {x.shape}; "
            f"expected at most {x.ndim}."
        )
    for index in indices:
        if index.dtype.kind not in "iu" or index.shape != indices[0].shape:
            raise GraphError(f"{name}: indices must be integers of one shape, got {indices}.")


def _batch_positions(size: int, ndim: int) -> Any:
    """Return 0 … size-1 along the first of ``ndim`` axes, to index a batch axis with."""
    return np.arange(size).reshape((size,) + (1,) * (ndim - 1))


def _spread(index: Any, shape: tuple[int, ...]) -> Any:
    return index if index.shape == shape else np.broadcast_to(index, shape)


class _Gather(Op):
    """``x[i_0, …, i_k]``: integer arrays of one shape index the first axes of x.

    Negative positions count from the end; one out of range raises `IndexError`.
    """

    name = "gather"
    linear = (0,)

    def infer(self, x: ArrayType, *indices: ArrayType) -> ArrayType:
        _check_indices(self.name, x, indices)
        return ArrayType(indices[0].shape + x.shape[len(indices) :], x.dtype)

    def evaluate(self, x: Any, *indices: Any) -> Any:
        return x[indices]

    def tangent(
        self, out: Any, primals: Sequence[Any], tangents: Sequence[Any], **params: Any
    ) -> Any:
        return self(tangents[0], *primals[1:])

    def transpose(self, cotangent: Any, inputs: Sequence[Any], **params: Any) -> Sequence[Any]:
        x, *indices = inputs
        zeros = np.zeros(x.shape, x.type.dtype)
        return scatter(zeros, cotangent, *indices, mode="add"), *[None] * len(indices)

    def batch(self, args: Sequence[Any], batched: Sequence[bool], **params: Any) -> tuple[Any, Any]:
        (x, *indices), (x_batched, *index_batched) = args, batched
        if not any(index_batched):
            count, rank = len(indices), np.ndim(indices[0])
            behind = (*range(1, count + 1), 0, *range(count + 1, x.ndim))
            out = self(transpose(x, axes=behind), *indices)
            front = (rank, *[axis for axis in range(out.ndim) if axis != rank])
            return transpose(out, axes=front), True
        size = next(i.shape[0] for i, is_b in zip(indices, index_batched, strict=True) if is_b)
        shape = next(i.shape for i, is_b in zip(indices, index_batched, strict=True) if is_b)
        spread = [_spread(index, shape) for index in indices]
        if x_batched:
            spread.insert(0, _spread(_batch_positions(size, len(shape)), shape))
        return self(x, *spread), True


_UPDATES = {
    "set": None,
    "add": np.add,
    "multiply": np.multiply,
    "minimum": np.minimum,
    "maximum": np.maximum,
}


class _Scatter(Op):
    """A copy of x with ``updates`` written at ``x[i_0, …, i_k]``, by ``mode``.

    Modes ``add``, ``multiply``, ``minimum`` and ``maximum`` apply every update, also where a
    position occurs twice; ``set`` leaves the last one there.
    """

    name = "scatter"
    linear = (0, 1)

    def infer(self, x: ArrayType, updates: ArrayType, *indices: ArrayType, mode: str) -> ArrayType:
        _check_indices(self.name, x, indices)
        expected = indices[0].shape + x.shape[len(indices) :]
        if updates.shape != expected or updates.dtype != x.dtype:
            raise GraphError(
                f"scatter: expected updates of type {ArrayType(expected, x.dtype)}, got {updates}."
            )
        return x

    def evaluate(self, x: Any, updates: Any, *indices: Any, mode: str) -> Any:
        out = np.array(x)
        ufunc = _UPDATES[mode]
        if ufunc is None:
            out[indices] = updates
        else:
            ufunc.at(out, indices, updates)
        return out

    def tangent(
        self,
        out: Any,
        primals: Sequence[Any],
        tangents: Sequence[Any],
        *,
        mode: str,
    ) -> Any:
        (x, updates, *indices), (dx, du) = primals, tangents[:2]
        dx = np.zeros_like(out) if dx is None else dx
        du = np.zeros(updates.shape, out.dtype) if du is None else du
        if mode in ("add", "set"):
            return self(dx, du, *indices, mode=mode)
        if mode == "multiply":
            return self._product_tangent(x, updates, indices, dx, du)
        # An extremum: all that attain it share its derivative equally.
        at_x = (x == out).astype(out.dtype)
        at_updates = (updates == gather(out, *indices)).astype(out.dtype)
        total = self(dx * at_x, du * at_updates, *indices, mode="add")
        return total / self(at_x, at_updates, *indices, mode="add")

    def _product_tangent(
        self, x: Any, updates: Any, indices: Sequence[Any], dx: Any, du: Any
    ) -> Any:
        """Return the sum over all factors of each one's tangent times the product of the others.

        Updates are sorted by position, so that those of one position stand together; the others
        of each are then what comes before times what comes after. Nothing is divided, so zeros
        are harmless, also to higher derivatives.
        """
        all_updates = self(np.ones_like(x), updates, *indices, mode="multiply")
        rank = len(indices[0].shape)
        flat = [index.astype(INT64).reshape(-1) for index in indices]
        position: Any = 0
        for index, extent in zip(flat, x.shape, strict=False):
            position = position * extent + index % max(extent, 1)
        order = argsort(position, axis=0)
        position = gather(position, order)
        flat = [gather(index, order) for index in flat]
        shape = (flat[0].shape[0], *updates.shape[rank:])
        factors = gather(updates.reshape(shape), order)
        before = _products_before(factors, position)
        after = _products_before(factors[::-1], position[::-1])[::-1]
        others = gather(x, *flat) * before * after
        moved = gather(du.reshape(shape), order)
        return self(dx * all_updates, moved * others, *flat, mode="add")

    def transpose(self, cotangent: Any, inputs: Sequence[Any], *, mode: str) -> Sequence[Any]:
        x, updates, *indices = inputs
        none = [None] * len(indices)
        at_updates = gather(cotangent, *indices) if is_linear(updates) else None
        if mode == "add":
            return cotangent if is_linear(x) else None, at_updates, *none
        if not is_linear(x):
            at_x = None
        else:
            zeros = np.zeros(updates.shape, cotangent.dtype)
            at_x = self(cotangent, zeros, *indices, mode="set")
        if at_updates is not None:
            # Of several updates at one position only the one that stayed gets the cotangent.
            rows = np.arange(int(np.prod(indices[0].shape))).reshape(indices[0].shape)
            blank = np.full(cotangent.shape[: len(indices)], -1)
            stayed = gather(self(blank, rows, *indices, mode="set"), *indices) == rows
            stayed = stayed.reshape(stayed.shape + (1,) * (at_updates.ndim - stayed.ndim))
            at_updates = np.where(stayed, at_updates, 0.0)
        return at_x, at_updates, *none

    def batch(self, args: Sequence[Any], batched: Sequence[bool], *, mode: str) -> tuple[Any, Any]:
        size = next(arg.shape[0] for arg, is_b in zip(args, batched, strict=True) if is_b)
        x, updates, *indices = [
            arg if is_b else np.broadcast_to(arg, (size, *np.shape(arg)))
            for arg, is_b in zip(args, batched, strict=True)
        ]
        shape = indices[0].shape
        position = _spread(_batch_positions(size, len(shape)), shape)
        return self(x, updates, position, *indices, mode=mode), True


def _products_before(factors: Any, group: Any) -> Any:
    """Return, for every row, the product of the rows of its group that stand before it.

    Rows of one group are neighbours. The product grows over windows that double in length.
    """

    def earlier(rows: Any, by: int) -> Any:
        ones = np.ones_like(rows[:by])
        same = (group[by:] == group[:-by]).reshape((-1,) + (1,) * (rows.ndim - 1))
        return np.concatenate([ones, np.where(same, rows[:-by], ones[:1])])

    count = factors.shape[0]
    if count < 2:
        return np.ones_like(factors)
    products, width = earlier(factors, 1), 1
    while width < count:
        products = products * earlier(products, width)
        width *= 2
    return products


class _Argsort(Op):
    """The stable order of the elements along an axis; integers, NaN last."""

    name = "argsort"

    def infer(self, x: ArrayType, *, axis: int) -> ArrayType:
        return ArrayType(x.shape, INT64)

    def evaluate(self, x: Any, *, axis: int) -> Any:
        return np.argsort(x, axis=axis, kind="stable")

    def tangent(self, *_: Any, **__: Any) -> None:
        return None

    def batch(self, args: Sequence[Any], batched: Sequence[bool], *, axis: int) -> tuple[Any, Any]:
        return self(args[0], axis=axis + 1), True


class _Sort(Op):
    """The elements along an axis in ascending order, NaN last; equal ones keep their order.

    The derivative is that of the permutation, which is exact to every order for functions that
    are smooth where elements tie.
    """

    name = "sort"

    def infer(self, x: ArrayType, *, axis: int) -> ArrayType:
        return x

    def evaluate(self, x: Any, *, axis: int) -> Any:
        return np.sort(x, axis=axis, kind="stable")

    def tangent(
        self, out: Any, primals: Sequence[Any], tangents: Sequence[Any], *, axis: int
    ) -> Any:
        return np.take_along_axis(tangents[0], argsort(primals[0], axis=axis), axis)

    def batch(self, args: Sequence[Any], batched: Sequence[bool], *, axis: int) -> tuple[Any, Any]:
        return self(args[0], axis=axis + 1), True


class _Searchsorted(Op):
    """Where values belong in sorted rows: rows ``(…, n)``, values ``(…, m)``, result ``(…, m)``."""

    name = "searchsorted"

    def infer(self, rows: ArrayType, values: ArrayType, *, side: str) -> ArrayType:
        if rows.shape[:-1] != values.shape[:-1] or rows.dtype != values.dtype:
            raise GraphError(f"searchsorted: {rows} and {values} do not fit.")
        return ArrayType(values.shape, INT64)

    def evaluate(self, rows: Any, values: Any, *, side: Literal["left", "right"]) -> Any:
        if rows.ndim == 1:
            return np.searchsorted(rows, values, side=side)
        out = np.empty(values.shape, INT64)
        for where in np.ndindex(rows.shape[:-1]):
            out[where] = np.searchsorted(rows[where], values[where], side=side)
        return out

    def tangent(self, *_: Any, **__: Any) -> None:
        return None

    def batch(self, args: Sequence[Any], batched: Sequence[bool], *, side: str) -> tuple[Any, Any]:
        size = next(arg.shape[0] for arg, is_b in zip(args, batched, strict=True) if is_b)
        spread = [
            arg if is_b else np.broadcast_to(arg, (size, *np.shape(arg)))
            for arg, is_b in zip(args, batched, strict=True)
        ]
        return self(*spread, side=side), True


gather = register(_Gather())
scatter = register(_Scatter())
argsort = register(_Argsort())
sort = register(_Sort())
searchsorted = register(_Searchsorted())
