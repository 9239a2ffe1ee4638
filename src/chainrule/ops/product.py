"""The product that sums over shared axes: matrix products, inner products, batched or not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule._errors import ShapeError
from chainrule.ir import ArrayType, Op, register
from chainrule.ops.family import is_linear
from chainrule.ops.layout import transpose

Axes = tuple[int, ...]


def _free_axes(ndim: int, contract: Axes, shared: Axes) -> Axes:
    return tuple([axis for axis in range(ndim) if axis not in contract and axis not in shared])


def _arrange(x: Any, order: Axes) -> Any:
    return x if order == tuple(range(len(order))) else transpose(x, axes=order)


class _Dot(Op):
    r"""Sum of products over ``contract`` axes, axis by axis over ``shared`` ones.

    .. math:: z_{s f g} = \sum_c x_{s f c} \, y_{s g c}

    The axes of the result are the shared axes, then the free axes of x, then those of y, each in
    the order in which they stand. Parameters are pairs of axis tuples, one for x and one for y.
    """

    name = "dot"
    linear = (0, 1)

    def infer(
        self, x: ArrayType, y: ArrayType, *, contract: tuple[Axes, Axes], shared: tuple[Axes, Axes]
    ) -> ArrayType:
        for axes in (contract, shared):
            for i, j in zip(*axes, strict=True):
                if x.shape[i] != y.shape[j]:
                    raise ShapeError(
                        f"dot: cannot multiply shapes {x.shape} and {y.shape}: axis {i} of the "
                        f"first has length {x.shape[i]}, axis {j} of the second has "
                        f"{y.shape[j]}, and they must be equal."
                    )
        shape = [x.shape[i] for i in shared[0]]
        shape += [x.shape[i] for i in _free_axes(x.ndim, contract[0], shared[0])]
        shape += [y.shape[j] for j in _free_axes(y.ndim, contract[1], shared[1])]
        return ArrayType(tuple(shape), x.dtype)

    def evaluate(
        self, x: Any, y: Any, *, contract: tuple[Axes, Axes], shared: tuple[Axes, Axes]
    ) -> Any:
        return self.evaluator(contract=contract, shared=shared)(x, y)

    def evaluator(self, **params: Any) -> Any:
        (x_contract, y_contract), (x_shared, y_shared) = params["contract"], params["shared"]
        if not x_shared and len(x_contract) == 1:
            # A plain product of matrices or vectors: NumPy takes transposed views as they are.
            last, first = x_contract[0], y_contract[0]

            def plain(x: Any, y: Any) -> Any:
                if x.ndim <= 2 and y.ndim <= 2:
                    left = x if last == x.ndim - 1 else x.T
                    right = y if first == 0 else y.T
                    return np.dot(left, right)
                return general(x, y)

        def general(x: Any, y: Any) -> Any:
            x_free = _free_axes(x.ndim, x_contract, x_shared)
            y_free = _free_axes(y.ndim, y_contract, y_shared)
            lead = tuple([x.shape[i] for i in x_shared])
            summed = math.prod([x.shape[i] for i in x_contract])
            x_sizes = tuple([x.shape[i] for i in x_free])
            y_sizes = tuple([y.shape[j] for j in y_free])
            left = x.transpose(x_shared + x_free + x_contract)
            right = y.transpose(y_shared + y_contract + y_free)
            product = np.matmul(
                left.reshape((*lead, math.prod(x_sizes), summed)),
                right.reshape((*lead, summed, math.prod(y_sizes))),
            )
            return product.reshape(lead + x_sizes + y_sizes)[()]

        return plain if not x_shared and len(x_contract) == 1 else general

    def tangent(
        self, out: Any, primals: Sequence[Any], tangents: Sequence[Any], **params: Any
    ) -> Any:
        (x, y), (dx, dy) = primals, tangents
        total = None if dx is None else self(dx, y, **params)
        if dy is None:
            return total
        term = self(x, dy, **params)
        return term if total is None else total + term

    def transpose(
        self,
        cotangent: Any,
        inputs: Sequence[Any],
        *,
        contract: tuple[Axes, Axes],
        shared: tuple[Axes, Axes],
    ) -> Sequence[Any]:
        x, y = inputs
        if is_linear(x):
            return self._cotangent(cotangent, x, y, contract, shared, of_first=True), None
        swapped = (contract[1], contract[0]), (shared[1], shared[0])
        return None, self._cotangent(cotangent, y, x, *swapped, of_first=False)

    def _cotangent(
        self,
        cotangent: Any,
        wanted: Any,
        known: Any,
        contract: tuple[Axes, Axes],
        shared: tuple[Axes, Axes],
        *,
        of_first: bool,
    ) -> Any:
        """Return the product of the cotangent with the known factor, in the wanted one's layout."""
        known_ndim = np.ndim(known)
        wanted_free = _free_axes(wanted.ndim, contract[0], shared[0])
        known_free = _free_axes(known_ndim, contract[1], shared[1])
        lead = tuple(range(len(shared[0])))
        after_lead = len(lead) + (len(wanted_free) if of_first else 0)
        known_in_cotangent = tuple(range(after_lead, after_lead + len(known_free)))
        # Axes of the product: shared, the wanted factor's free ones, the contracted ones in the
        # order in which they stand in the known factor. The two arguments' order is kept so that
        # the matrix product comes out in the wanted layout where it can.
        order = np.argsort(contract[1]).tolist()
        wanted_contract = tuple([contract[0][k] for k in order])
        if of_first or lead:
            product = self(
                cotangent,
                known,
                contract=(known_in_cotangent, known_free),
                shared=(lead, shared[1]),
            )
            axes = shared[0] + wanted_free + wanted_contract
        else:
            product = self(
                known,
                cotangent,
                contract=(known_free, known_in_cotangent),
                shared=(shared[1], lead),
            )
            axes = wanted_contract + wanted_free
        return _arrange(product, tuple(np.argsort(axes).tolist()))

    def batch(
        self,
        args: Sequence[Any],
        batched: Sequence[bool],
        *,
        contract: tuple[Axes, Axes],
        shared: tuple[Axes, Axes],
    ) -> tuple[Any, Any]:
        x, y = args

        def shift(axes: Axes, by: bool) -> Axes:
            return tuple([axis + 1 for axis in axes]) if by else axes

        contract = shift(contract[0], batched[0]), shift(contract[1], batched[1])
        shared = shift(shared[0], batched[0]), shift(shared[1], batched[1])
        if all(batched):
            shared = (0, *shared[0]), (0, *shared[1])
            return self(x, y, contract=contract, shared=shared), True
        product = self(x, y, contract=contract, shared=shared)
        # The batch axis is the first free axis of the argument that has it.
        at = len(shared[0])
        if batched[1]:
            at += len(_free_axes(np.ndim(x), contract[0], shared[0]))
        order = (at, *[axis for axis in range(product.ndim) if axis != at])
        return _arrange(product, order), True


dot = register(_Dot())
