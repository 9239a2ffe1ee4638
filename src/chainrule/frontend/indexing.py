"""Indexing traced arrays, and `at`, the functional form of assignment by index.

An index is worked through in two steps. Slices, integers, ``None`` and ``...`` come first and
become slices and reshapes. What is left are integer arrays on some axes; those axes are moved to
the front, gathered together, and the axes of the result put where NumPy puts them.
"""

from __future__ import annotations

import operator
from typing import Any, NamedTuple

import numpy as np

from chainrule import ops
from chainrule._dtypes import result_dtype
from chainrule._errors import (
    ArgumentTypeError,
    ConcretizationError,
    DtypeError,
    IndexingError,
    ShapeError,
)
from chainrule.frontend.conversion import as_array, as_dtype, as_operand, asarray, key_of
from chainrule.ir import Traced
from chainrule.ops.family import broadcast_shapes

INT64 = np.dtype(np.int64)


class _Plan(NamedTuple):
    """An index, worked out for one shape."""

    limits: tuple[tuple[int, int, int], ...]  # (start, stop, step) on every axis, steps positive
    flips: tuple[int, ...]  # axes then reversed
    shape: tuple[int, ...]  # shape then: integers' axes dropped, None's added
    advanced: tuple[int, ...]  # axes of that shape that integer arrays index
    arrays: tuple[Any, ...]  # these arrays, broadcast against each other
    position: int  # where the arrays' axes stand in the result


def _is_array_index(item: Any) -> bool:
    if isinstance(item, (bool, np.bool_)):
        return True
    return isinstance(item, (Traced, np.ndarray, list))


def _expand_masks(item: Any) -> list[Any]:
    """Return a mask as one integer array per axis it covers, any other index as it is."""
    if isinstance(item, Traced):
        if item.dtype.kind == "b":
            value = item.owner.value_of(item.variable)
            if value is None:
                raise ConcretizationError(
                    f"x[mask] with a traced mask of shape {item.shape}: the number of elements it "
                    "selects, and so the result's shape, is not known while tracing. Use "
                    "np.where(mask, x, other), or sum(np.where(mask, x, 0))."
                )
            return list(np.nonzero(np.asarray(value)))
        if item.dtype.kind not in "iu":
            raise DtypeError(
                f"x[index]: an index must be integer or boolean, got {item.type}; "
                "round and convert it with .astype(np.int64)."
            )
        return [item]
    if isinstance(item, list) and any(isinstance(element, Traced) for element in item):
        return [as_array(item, "x[index]")]
    array = np.asarray(item)
    if array.dtype.kind == "b":
        return list(np.nonzero(array))
    if array.size == 0 and isinstance(item, list):
        array = array.astype(INT64)
    if array.dtype.kind not in "iu":
        raise DtypeError(
            f"x[index]: an index must be integer or boolean, got {array.dtype}; "
            "round and convert it with .astype(np.int64)."
        )
    return [array]


def _mask_shapes(item: Any) -> tuple[int, ...] | None:
    """Return the extents a mask covers, None for other indices."""
    if isinstance(item, Traced):
        return item.shape if item.dtype.kind == "b" else None
    if isinstance(item, list) and any(isinstance(element, Traced) for element in item):
        return None
    array = np.asarray(item)
    return array.shape if array.dtype.kind == "b" else None


def _as_slice_limit(value: Any) -> Any:
    if isinstance(value, Traced) and value.owner.value_of(value.variable) is None:
        raise ConcretizationError(
            "x[start:stop] with a traced bound: the result's shape is not known while tracing. "
            "For a window of fixed length use x[start + np.arange(length)]."
        )
    return value


def _checked(array: Any, extent: int, axis: int) -> Any:
    """Refuse a concrete index out of range now, while the user's line is known."""
    if isinstance(array, Traced):
        return array if array.dtype == INT64 else as_dtype(array, INT64)
    if array.size and not (-extent <= array.min() and array.max() < extent):
        worst = array.max() if array.max() >= extent else array.min()
        raise IndexingError(
            f"x[index]: index {worst} is out of range for axis {axis}, which has length {extent}."
        )
    return array


class _Pick(NamedTuple):
    """An integer or an integer array, which picks from one axis."""

    written: int  # which of the written indices it comes from
    place: int  # how many axes of the plan's shape stand before it
    array: Any  # None for an integer, whose axis is dropped


class _Planner:
    """The plan of an index on an array of one shape, growing by one written index at a time.

    ``unnamed`` is the number of axes that ``...`` stands for.
    """

    def __init__(self, shape: tuple[int, ...], unnamed: int) -> None:
        self.extents = shape
        self.unnamed = unnamed
        self.axis = 0  # the next index is for this axis
        self.written = 0
        self.limits: list[tuple[int, int, int]] = []
        self.flips: list[int] = []
        self.shape: list[int] = []
        self.picks: list[_Pick] = []

    def add(self, item: Any) -> None:
        """Work in the next of the written indices."""
        if item is None:
            self.shape.append(1)
        elif item is Ellipsis:
            for _ in range(self.unnamed):
                self._keep_axis()
        elif isinstance(item, slice):
            self._add_slice(item)
        elif _is_array_index(item):
            self._add_array(item)
        else:
            self._add_integer(item)
        self.written += 1

    def _keep_axis(self) -> None:
        extent = self.extents[self.axis]
        self.limits.append((0, extent, 1))
        self.shape.append(extent)
        self.axis += 1

    def _pick(self, array: Any) -> None:
        self.picks.append(_Pick(self.written, len(self.shape), array))

    def _add_slice(self, item: slice) -> None:
        bounds = slice(*map(_as_slice_limit, (item.start, item.stop, item.step)))
        start, stop, step = bounds.indices(self.extents[self.axis])
        length = len(range(start, stop, step))
        if step > 0:
            self.limits.append((start, max(start, stop), step))
        else:
            last = start + (length - 1) * step
            self.limits.append((last, start + 1, -step) if length else (0, 0, 1))
            self.flips.append(self.axis)
        self.shape.append(length)
        self.axis += 1

    def _add_integer(self, item: Any) -> None:
        try:
            position = operator.index(item)
        except TypeError:
            raise ArgumentTypeError(
                "x[index]: expected integers, slices, '...', None or integer arrays, "
                f"got {type(item).__name__}."
            ) from None
        extent = self.extents[self.axis]
        if not -extent <= position < extent:
            raise IndexingError(
                f"x[index]: index {position} is out of range for axis {self.axis}, "
                f"which has length {extent}."
            )
        position %= extent
        self.limits.append((position, position + 1, 1))
        self._pick(None)
        self.axis += 1

    def _add_array(self, item: Any) -> None:
        covered = _mask_shapes(item)
        if covered == ():
            # x[True] adds an axis of length 1, x[False] one of length 0.
            self._pick(np.zeros(int(bool(item)), INT64))
            self.shape.append(1)
            return
        for axis, extent in enumerate(covered or (), self.axis):
            if self.extents[axis] != extent:
                raise IndexingError(
                    f"x[mask]: axis {axis} has length {self.extents[axis]}, "
                    f"the mask {extent}; they must be equal."
                )
        for array in _expand_masks(item):
            self._pick(_checked(array, self.extents[self.axis], self.axis))
            self._keep_axis()

    def plan(self) -> _Plan:
        """Return the plan of the indices added."""
        advanced = [pick for pick in self.picks if pick.array is not None]
        arrays = _broadcast([pick.array for pick in advanced])
        return _Plan(
            limits=tuple(self.limits),
            flips=tuple(self.flips),
            shape=tuple(self.shape),
            advanced=tuple([pick.place for pick in advanced]),
            arrays=arrays,
            position=_position_of_arrays(self.picks) if arrays else 0,
        )


def _position_of_arrays(picks: list[_Pick]) -> int:
    """Return where the axes of the index arrays stand in the result, by NumPy's rule.

    Arrays written next to each other leave their axes where the first of them stands, others in
    front of all. Next to arrays NumPy counts an integer as one more array, although its own axis
    is gone already.
    """
    written = sorted({pick.written for pick in picks})
    together = written == list(range(written[0], written[-1] + 1))
    return picks[0].place if together else 0


def _broadcast(arrays: list[Any]) -> tuple[Any, ...]:
    if not arrays:
        return ()
    shape = broadcast_shapes("x[index]: index arrays", [np.shape(a) for a in arrays])
    return tuple([a if a.shape == shape else np.broadcast_to(a, shape) for a in arrays])


def _axes_named(item: Any) -> int:
    """Return how many axes of the array one written index is for."""
    if item is None or item is Ellipsis:
        return 0
    covered = _mask_shapes(item) if _is_array_index(item) else None
    return 1 if covered is None else len(covered)


def _plan(shape: tuple[int, ...], index: Any) -> _Plan:
    items = list(index) if isinstance(index, tuple) else [index]
    named = sum([_axes_named(item) for item in items])
    ellipses = sum([item is Ellipsis for item in items])
    if ellipses > 1:
        raise IndexingError("x[index]: an index can hold one '...', got more.")
    if named > len(shape):
        raise IndexingError(
            f"x[index]: too many indices: the array has shape {shape}, the index covers "
            f"{named} axes."
        )
    if not ellipses:
        items.append(Ellipsis)
    planner = _Planner(shape, unnamed=len(shape) - named)
    for item in items:
        planner.add(item)
    return planner.plan()


def _apply_basic(x: Any, plan: _Plan) -> Any:
    if plan.limits != tuple([(0, extent, 1) for extent in x.shape]):
        x = ops.slice_(x, limits=plan.limits)
    if plan.flips:
        x = ops.flip(x, axes=plan.flips)
    return x if x.shape == plan.shape else ops.reshape(x, shape=plan.shape)


def read(x: Any, index: Any) -> Any:
    """Return ``x[index]`` of a traced array, by NumPy's rules.

    Raises
    ------
    IndexingError
        If an index is out of range, or there are more indices than axes.
    ConcretizationError
        If the result's shape depends on traced values (a traced mask or slice bound).
    """
    if isinstance(x, Traced) and isinstance(index, Traced) and index.dtype.kind in "iu":
        return ops.gather(x, index) if x.ndim else _plan(x.shape, index)
    plan = _plan(x.shape, index)
    basic = _apply_basic(x, plan)
    if not plan.arrays:
        return basic
    rest = [axis for axis in range(basic.ndim) if axis not in plan.advanced]
    front = (*plan.advanced, *rest)
    moved = basic if front == tuple(range(basic.ndim)) else ops.transpose(basic, axes=front)
    gathered = ops.gather(moved, *plan.arrays)
    rank = np.ndim(plan.arrays[0])
    order = (
        *range(rank, rank + plan.position),
        *range(rank),
        *range(rank + plan.position, gathered.ndim),
    )
    return gathered if plan.position == 0 else ops.transpose(gathered, axes=order)


_METHODS = {
    "set": "set",
    "add": "add",
    "multiply": "multiply",
    "minimum": "min",
    "maximum": "max",
}


class _At:
    """What `at` returns: an array waiting for an index."""

    def __init__(self, x: Any) -> None:
        self._x = x

    def __getitem__(self, index: Any) -> _AtIndex:
        return _AtIndex(self._x, index)


class _AtIndex:
    """An array and an index, waiting for what to do there."""

    def __init__(self, x: Any, index: Any) -> None:
        self._x = x
        self._index = index

    def set(self, values: Any) -> Any:
        """Return a copy with ``x[index] = values``; of repeated positions the last one stays."""
        return self._update("set", values)

    def add(self, values: Any) -> Any:
        """Return a copy with the values added, once for every time a position is named."""
        return self._update("add", values)

    def multiply(self, values: Any) -> Any:
        """Return a copy multiplied by the values, once for every time a position is named."""
        return self._update("multiply", values)

    def min(self, values: Any) -> Any:
        """Return a copy with the smaller of element and values."""
        return self._update("minimum", values)

    def max(self, values: Any) -> Any:
        """Return a copy with the larger of element and values."""
        return self._update("maximum", values)

    def get(self) -> Any:
        """Return ``x[index]``."""
        return self._x[self._index]

    def _update(self, mode: str, values: Any) -> Any:
        x = as_array(self._x, "cr.at")
        # Positions are worked out by indexing an array of positions: whatever the index means
        # for reading, it means the same for writing.
        numbers = np.arange(x.size).reshape(x.shape)
        index = self._index
        if _is_traced_index(index):
            numbers = asarray(numbers)
        positions = read(numbers, index)
        what = f"cr.at(x)[index].{_METHODS[mode]}"
        operand = as_operand(values, what)
        values = as_array(values, what)
        # A NumPy scalar is rounded to a narrower float, as in x[index] = value, but a float is not
        # made an integer.
        is_rounded = values.ndim == 0 and np.can_cast(values.dtype, x.dtype, "same_kind")
        if result_dtype(key_of(operand), x.dtype) != x.dtype and not is_rounded:
            raise DtypeError(
                f"{what}: values of dtype {values.dtype} do not fit into an array of dtype "
                f"{x.dtype}; convert one of them with .astype."
            )
        values = as_dtype(values, x.dtype)
        if broadcast_shapes(what, [values.shape, positions.shape]) != positions.shape:
            raise ShapeError(
                f"{what}: values of shape {values.shape} do not fit into an index of shape "
                f"{positions.shape}; they must broadcast to it."
            )
        values = np.broadcast_to(values, positions.shape)
        flat = ops.scatter(
            np.reshape(x, -1), np.reshape(values, -1), np.reshape(positions, -1), mode=mode
        )
        return np.reshape(flat, x.shape)


def _is_traced_index(index: Any) -> bool:
    items = index if isinstance(index, tuple) else (index,)
    return any(isinstance(item, Traced) for item in items)


def at(x: Any) -> _At:
    """Change elements of an array without changing the array: ``at(x)[index].set(values)``.

    Parameters
    ----------
    x : array_like
        A NumPy array or a traced one; it stays as it is.

    Returns
    -------
    object
        Index it as you would the array, then call ``set(values)``, ``add(values)``,
        ``multiply(values)``, ``min(values)`` or ``max(values)``; each returns the changed copy.
        Values broadcast to the indexed shape.

    Examples
    --------
    >>> import numpy as np, chainrule as cr
    >>> cr.at(np.zeros(4))[1:3].set(5.0)
    array([0., 5., 5., 0.])
    >>> cr.at(np.zeros(3))[np.array([0, 0, 2])].add(1.0)
    array([2., 0., 1.])
    """
    return _At(x)
