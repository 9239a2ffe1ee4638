"""`check_grads`: derivatives of a function against finite differences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule import _tree as tree
from chainrule._errors import ArgumentTypeError, DtypeError, InvalidArgumentError
from chainrule.ir import type_of
from chainrule.testing.differences import derivative_at_zero
from chainrule.transforms import jvp, vjp
from chainrule.transforms.tracing import as_leaves, name_of

_MODES = ("forward", "reverse")

# By bytes per number: what finite differences can tell apart, and the step at which they do.
_TOLERANCE = {2: 1e-1, 4: 5e-3, 8: 1e-6}
_STEP = {2: 0.5, 4: 0.25, 8: 0.02}


def check_grads(
    f: Callable[..., Any],
    args: Sequence[Any],
    order: int = 2,
    modes: Sequence[str] = ("forward", "reverse"),
    *,
    rtol: float | None = None,
    atol: float | None = None,
    step: float | None = None,
    seed: int = 0,
) -> None:
    r"""Check the derivatives of a function at a point against finite differences.

    With a random direction v in the arguments and a random u in the results, forward mode must
    give the difference quotient along v, and reverse mode must satisfy

    .. math:: \langle J v, u \rangle = \langle v, J^{\mathsf T} u \rangle

    Higher orders are checked as derivatives of the derivatives: for order 2, all of forward over
    forward, forward over reverse, and so on.

    Parameters
    ----------
    f : callable
        Written in NumPy; pytrees in and out. Integers and booleans among them do not move.
    args : tuple of pytree
        Where to check. The point should be one at which ``f`` is smooth; at a corner, finite
        differences give the mean of the two one-sided derivatives.
    order : int, default 2
        Highest order of derivatives, at least 1.
    modes : sequence of {"forward", "reverse"}, default both
        Modes to check. For higher orders they are combined in every way.
    rtol, atol : float, optional
        A derivative may be off by ``atol + rtol * abs(expected)``. Both are by default 1e-6 if all
        floats are float64, 5e-3 if some are float32, 0.1 if some are float16.
    step : float, optional
        The largest step of the finite differences, relative to the size of each argument, but
        absolute for elements smaller than 1. Default: 0.02, 0.25 or 0.5, by dtype as above.
    seed : int, default 0
        Of the random directions.

    Raises
    ------
    AssertionError
        If a derivative is wrong: in shape, dtype or value. Says which order, modes and argument,
        what was expected and what came.
    InvalidArgumentError, ArgumentTypeError, DtypeError
        If ``order``, ``modes`` or ``args`` make no sense, or there is no float to move.

    Examples
    --------
    >>> import numpy as np, chainrule as cr
    >>> cr.testing.check_grads(lambda x, y: np.sin(x) * y, (0.3, np.ones(2)))
    >>> wrong = cr.custom_derivative(np.sin)
    >>> @wrong.def_jvp
    ... def rule(primals, tangents):
    ...     return np.sin(primals[0]), np.sin(primals[0]) * tangents[0]
    >>> cr.testing.check_grads(wrong, (0.3,), order=1, modes=("forward",))
    Traceback (most recent call last):
    ...
    AssertionError: check_grads(sin): wrong derivative of order 1 (forward) in argument 0:
    expected 0.120... by finite differences, got 0.0371... for result; they differ by 0.083, the
    tolerance is 1.12e-06.
    """
    what = f"check_grads({name_of(f)})"
    if not callable(f):
        raise ArgumentTypeError(f"check_grads: f must be callable, got {type(f).__name__}.")
    if not isinstance(args, (tuple, list)):
        raise ArgumentTypeError(
            f"{what}: args must be a tuple with one entry per argument, got "
            f"{type(args).__name__}; for one argument write (x,)."
        )
    if isinstance(order, bool) or not isinstance(order, (int, np.integer)) or order < 1:
        raise InvalidArgumentError(f"{what}: order must be a positive integer, got {order!r}.")
    if isinstance(modes, str) or not modes or not set(modes) <= set(_MODES):
        raise InvalidArgumentError(
            f"{what}: modes must be a sequence of 'forward' and 'reverse', got {modes!r}."
        )
    leaves, _ = as_leaves(tuple(args), f"{what}: argument ")
    widths = [leaf.dtype.itemsize for leaf in leaves if leaf.dtype.kind == "f"]
    if not widths:
        raise DtypeError(
            f"{what}: no argument holds a float that could move, only "
            f"{', '.join(str(type_of(leaf)) for leaf in leaves) or 'nothing'}; convert one with "
            ".astype(float)."
        )
    outputs = [np.asarray(leaf) for leaf in tree.leaves(f(*args))]
    width = min([*widths, *[out.dtype.itemsize for out in outputs if out.dtype.kind == "f"]])
    settings = _Settings(
        modes=tuple(modes),
        rtol=_TOLERANCE[width] if rtol is None else rtol,
        atol=_TOLERANCE[width] if atol is None else atol,
        step=_STEP[width] if step is None else step,
        random=np.random.default_rng(seed),
    )
    _check(f, tuple(args), int(order), settings, what, ())


class _Settings:
    """What stays the same through all orders."""

    def __init__(
        self,
        modes: tuple[str, ...],
        rtol: float,
        atol: float,
        step: float,
        random: np.random.Generator,
    ) -> None:
        self.modes = modes
        self.rtol = rtol
        self.atol = atol
        self.step = step
        self.random = random


def _check(
    f: Callable[..., Any],
    args: tuple[Any, ...],
    order: int,
    settings: _Settings,
    what: str,
    inner: tuple[str, ...],
) -> None:
    """Check the first derivative of ``f``, then as many derivatives of that as are left.

    ``inner`` are the modes that have made ``f`` from the user's function, the latest first.
    """
    direction = _random_like(args, settings.random)
    cotangent = _random_like(f(*args), settings.random)
    for mode in settings.modes:
        label = f"{what}: wrong derivative of order {len(inner) + 1} ({_over((mode, *inner))})"
        check = _check_forward if mode == "forward" else _check_reverse
        problem = check(f, args, direction, cotangent, settings)
        if problem:
            place, problem = _narrowed(check, f, args, direction, cotangent, settings, problem)
            raise AssertionError(f"{label} in {place}: {problem}")
        if order > 1:
            derived = _derived(f, mode, direction, cotangent)
            _check(derived, args, order - 1, settings, what, (mode, *inner))


def _over(modes: Sequence[str]) -> str:
    return " over ".join(modes)


def _derived(f: Callable[..., Any], mode: str, direction: Any, cotangent: Any) -> Any:
    if mode == "forward":
        return lambda *args: jvp(f, args, direction)[1]
    return lambda *args: vjp(f, *args)[1](cotangent)


def _check_forward(
    f: Callable[..., Any], args: Any, direction: Any, cotangent: Any, settings: _Settings
) -> str:
    """Return what is wrong with the derivative along a direction, or nothing."""
    out, got = jvp(f, args, direction)
    problem = _type_problem("the tangent", got, "the result", out)
    if problem:
        return problem
    expected = iter(_difference(f, args, direction, settings))
    for path, leaf in tree.leaves_with_path(got):
        if np.asarray(leaf).dtype.kind != "f":
            continue
        problem = _value_problem(f"result{path}", np.asarray(leaf), next(expected), settings)
        if problem:
            return problem
    return ""


def _check_reverse(
    f: Callable[..., Any], args: Any, direction: Any, cotangent: Any, settings: _Settings
) -> str:
    """Return what is wrong with the transposed derivative of a cotangent, or nothing."""
    _, pullback = vjp(f, *args)
    pulled = pullback(cotangent)
    problem = _type_problem("the cotangent", pulled, "the arguments", args)
    if problem:
        return problem
    got = _inner(_float_leaves(pulled), _float_leaves(direction))
    expected = _inner(_float_leaves(cotangent), _difference(f, args, direction, settings))
    name = "the result along a random direction"
    return _value_problem(name, np.asarray(got), np.asarray(expected), settings)


def _narrowed(
    check: Callable[..., str],
    f: Callable[..., Any],
    args: Any,
    direction: Any,
    cotangent: Any,
    settings: _Settings,
    problem: str,
) -> tuple[str, str]:
    """Return the first leaf of the arguments that is wrong alone, and what is wrong with it."""
    directions, structure = tree.flatten(direction)
    paths = [path for path, _ in tree.leaves_with_path(args)]
    for number, path in enumerate(paths):
        if np.asarray(directions[number]).dtype.kind != "f":
            continue
        single = [d if i == number else d * 0 for i, d in enumerate(directions)]
        found = check(f, args, tree.unflatten(structure, single), cotangent, settings)
        if found:
            position, _, rest = path[1:].partition("]")
            return f"argument {position}{rest}", found
    return "all arguments together", problem


def _difference(
    f: Callable[..., Any], args: Any, direction: Any, settings: _Settings
) -> list[np.ndarray]:
    """Return the derivative of every float in the result along a direction."""
    originals, structure = tree.flatten(args)
    directions = tree.leaves(direction)

    def at(t: float) -> np.ndarray:
        moved = [
            type(x)(x + t * v) if isinstance(x, float) else _moved(x, t, v)
            for x, v in zip(originals, directions, strict=True)
        ]
        results = _float_leaves(f(*tree.unflatten(structure, moved)))
        shapes[:] = [result.shape for result in results]
        flat = [result.reshape(-1).astype(np.float64) for result in results]
        return np.concatenate([*flat, np.zeros(0)])

    shapes: list[tuple[int, ...]] = []
    derivative = derivative_at_zero(at, settings.step)
    parts, start = [], 0
    for shape in shapes:
        stop = start + int(np.prod(shape))
        parts.append(derivative[start:stop].reshape(shape))
        start = stop
    return parts


def _moved(x: Any, t: float, v: Any) -> Any:
    array = np.asarray(x)
    if array.dtype.kind != "f":
        return x
    return (array + t * np.asarray(v, np.float64)).astype(array.dtype)[()]


def _random_like(value: Any, random: np.random.Generator) -> Any:
    """Return a random direction: floats as large as those of ``value`` (at least 1), else 0."""

    def draw(leaf: Any) -> Any:
        array = np.asarray(leaf)
        if array.dtype.kind != "f":
            return np.zeros(array.shape, array.dtype)[()]
        size = np.maximum(np.abs(np.where(np.isfinite(array), array, 1.0)), 1.0)
        return (random.standard_normal(array.shape) * size).astype(array.dtype)[()]

    return tree.map(draw, value)


def _float_leaves(value: Any) -> list[np.ndarray]:
    arrays = [np.asarray(leaf) for leaf in tree.leaves(value)]
    return [array for array in arrays if array.dtype.kind == "f"]


def _inner(a: Sequence[np.ndarray], b: Sequence[np.ndarray]) -> float:
    return float(
        sum(np.vdot(x.astype(np.float64), y.astype(np.float64)) for x, y in zip(a, b, strict=True))
    )


def _type_problem(name: str, got: Any, like_name: str, like: Any) -> str:
    structure = tree.structure(got)
    expected, expected_structure = tree.flatten(like)
    if structure != expected_structure:
        return f"expected {name} to have the structure {expected_structure}, got {structure}."
    for (path, leaf), other in zip(tree.leaves_with_path(got), expected, strict=True):
        if type_of(leaf) != type_of(other):
            return (
                f"expected {name}{path} to be of the type {type_of(other)} of {like_name}, "
                f"got {type_of(leaf)}."
            )
    return ""


def _value_problem(name: str, got: np.ndarray, expected: np.ndarray, settings: _Settings) -> str:
    with np.errstate(invalid="ignore"):
        difference = np.abs(got.astype(np.float64) - expected)
        tolerance = settings.atol + settings.rtol * np.abs(expected)
        wrong = ~(difference <= tolerance)
    if not wrong.any():
        return ""
    where = tuple(int(i) for i in np.argwhere(wrong)[0])
    element = f"{name}[{', '.join(map(str, where))}]" if where else name
    return (
        f"expected {expected[where]:.6g} by finite differences, got {got[where]:.6g} for "
        f"{element}; they differ by {difference[where]:.3g}, the tolerance is "
        f"{tolerance[where]:.3g}."
    )
