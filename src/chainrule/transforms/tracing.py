"""From a function on pytrees to a graph on arrays, and back at the boundary."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule import _tree as tree
from chainrule._dtypes import WEAK_DTYPES, check_plain, check_supported, is_supported
from chainrule._errors import (
    ArgumentTypeError,
    ChainruleError,
    DtypeError,
    InvalidArgumentError,
)
from chainrule.frontend.tracer import Tracer
from chainrule.ir import ArrayType, Graph, leaked, new_trace, type_of

GRAD_REASON = "what it is computed from has none, as inside compile, vmap or scan"


def name_of(f: Callable[..., Any]) -> str:
    """Return a function's name for messages."""
    while isinstance(f, functools.partial):
        f = f.func
    return getattr(f, "__name__", type(f).__name__)


def check_callable(what: str, f: Any) -> None:
    """Refuse what is not a function, at the time it is handed over.

    Raises
    ------
    ArgumentTypeError
        If it cannot be called; ``what`` names the transform and the argument.
    """
    if not callable(f):
        raise ArgumentTypeError(
            f"{what}: expected a function, got {shown(f)}; pass the function itself, not what it "
            "returns."
        )


def shown(value: Any) -> str:
    """Return a value for messages: its type, and a short text for what is not an array."""
    if isinstance(value, (Tracer, np.ndarray)):
        return f"an array of type {type_of(value)}"
    if value is None:
        return "None"
    return f"{type(value).__name__} ({value!r:.60})"


def as_leaf(leaf: Any, what: str) -> Any:
    """Return a leaf as a NumPy array or scalar or a traced array.

    Raises
    ------
    ArgumentTypeError
        If it is neither an array nor a number, or a masked array or a matrix; ``what`` says which
        leaf it is.
    DtypeError
        If it is an array of a dtype that cannot be traced.
    """
    if type(leaf) is np.ndarray and is_supported(leaf.dtype):
        return leaf
    if isinstance(leaf, Tracer):
        if not leaf.owner.is_open:
            raise leaked(leaf)
        return leaf
    if type(leaf) in WEAK_DTYPES:
        try:
            return WEAK_DTYPES[type(leaf)].type(leaf)
        except OverflowError:
            raise InvalidArgumentError(
                f"{what}: expected an integer of at most 64 bits, got {leaf}; write it as a float."
            ) from None
    if isinstance(leaf, np.ndarray):
        check_plain(leaf, what)
        check_supported(leaf.dtype, what)
        return np.asarray(leaf)
    if isinstance(leaf, np.generic):
        check_supported(leaf.dtype, what)
        return leaf
    if isinstance(leaf, complex):
        raise DtypeError(
            f"{what}: expected a real array or number, got the complex number {leaf}; complex "
            "numbers are not supported yet, keep real and imaginary parts apart."
        )
    if hasattr(leaf, "__array__"):
        advice = "; convert it with np.asarray"
    elif "returned" in what:
        advice = ""
    else:
        advice = "; let the function close over it, or name it in static_argnums of cr.compile"
    raise ArgumentTypeError(
        f"{what}: expected a NumPy array, a Python number, or a tuple, list, dict, namedtuple or "
        f"dataclass of these, got {shown(leaf)}{advice}."
    )


def as_leaves(value: Any, what: str) -> tuple[list[Any], tree.Structure]:
    """Flatten a pytree and check every leaf, naming a bad one by its path."""
    return _checked(value, lambda path: what + path)


def as_arguments(args: Any, what: str, keywords: Any = None) -> tuple[list[Any], tree.Structure]:
    """Flatten arguments, ``args`` or ``(args, keywords)``, naming a bad one by number or name.

    Parameters
    ----------
    args : tuple
    what : str
        The transform, for messages.
    keywords : dict, optional
    """
    if keywords is None:
        return _checked(args, lambda path: f"{what}: {argument_name(path)}")
    return _checked((args, keywords), lambda path: f"{what}: {call_argument_name(path)}")


def argument_numbers(what: str, numbers: Any, keyword: str) -> tuple[int, ...]:
    """Return the numbers of arguments that a keyword such as ``argnums`` names, as a tuple.

    Raises
    ------
    ArgumentTypeError
        If it is neither an integer nor a sequence of integers.
    """
    several = isinstance(numbers, Sequence) and not isinstance(numbers, str)
    found = tuple(numbers) if several else (numbers,)
    if any(isinstance(n, bool) or not isinstance(n, (int, np.integer)) for n in found):
        raise ArgumentTypeError(
            f"{what}: {keyword} must be an integer or a tuple of integers, the positions of "
            f"arguments, got {numbers!r}."
        )
    return found


def positions_of(what: str, numbers: Sequence[int], keyword: str, count: int) -> list[int]:
    """Return the positions that numbers, which may count from the end, mean in a call.

    Raises
    ------
    InvalidArgumentError
        If there is no such argument, or one is named twice.
    """
    for number in numbers:
        if not -count <= number < count:
            raise InvalidArgumentError(
                f"{what}: {keyword} names argument {number}, the function was called with {count} "
                f"positional argument{'s' * (count != 1)}; pass the arguments it names by position."
            )
    positions = [number % count for number in numbers]
    if len(set(positions)) < len(positions):
        raise InvalidArgumentError(
            f"{what}: {keyword} names an argument twice, got {tuple(numbers)} in a call with "
            f"{count} positional argument{'s' * (count != 1)}; name each once."
        )
    return positions


def argument_name(path: str) -> str:
    """Return how messages call a leaf of the tuple of arguments: ``argument 1['w']``."""
    number, _, rest = path[1:].partition("]")
    return f"argument {number}{rest}"


def call_argument_name(path: str) -> str:
    """Return how messages call a leaf of the pair of arguments and keywords."""
    return argument_name(path[3:])


def _checked(value: Any, name: Callable[[str], str]) -> tuple[list[Any], tree.Structure]:
    leaves, structure = tree.flatten(value)
    try:
        return [as_leaf(leaf, "") for leaf in leaves], structure
    except (ArgumentTypeError, DtypeError, InvalidArgumentError):
        for path, leaf in tree.leaves_with_path(value):
            as_leaf(leaf, name(path))
        raise


def is_weak(leaf: Any) -> bool:
    """Tell whether a leaf is a Python number, or traced from one."""
    return leaf.weak if isinstance(leaf, Tracer) else type(leaf) in WEAK_DTYPES


def graph_of(
    f: Callable[..., Sequence[Any]],
    types: Sequence[ArrayType],
    name: str,
    *,
    reason: str = GRAD_REASON,
    values: Sequence[Any] | None = None,
    weak: Sequence[bool] | None = None,
    is_branch: bool = False,
) -> tuple[Graph, list[Any]]:
    """Trace a function of flat arguments and results.

    Parameters
    ----------
    f : callable
        Takes one traced array per type, returns a sequence of results.
    types : sequence of ArrayType
    name, reason : str
        What is traced, and why values are unknown, for messages.
    values : sequence of array, optional
        What the inputs stand for; lets ``if`` look at values.
    weak : sequence of bool, optional
        Which inputs stand for Python numbers.
    is_branch : bool
        See `chainrule.ir.new_trace`.

    Returns
    -------
    graph : Graph
    lifted : list
        Traced arrays of enclosing traces that are the graph's first inputs.
    """
    with new_trace(name, reason, is_branch) as trace:
        tracers = [
            trace.new_input(
                type,
                None if values is None else values[i],
                False if weak is None else weak[i],
            )
            for i, type in enumerate(types)
        ]
        try:
            outputs = f(*tracers)
        except ValueError as error:
            # Of X[0] = traced NumPy says "setting an array element with a sequence", and keeps
            # what the traced array has said as the cause.
            if isinstance(error.__cause__, ChainruleError):
                raise error.__cause__ from None
            raise
        return trace.finish(outputs)


class TracedFunction(NamedTuple):
    """A function on pytrees as a graph: ``graph(*lifted, *leaves)``."""

    graph: Graph
    lifted: list[Any]
    structure: tree.Structure  # of the result
    weak: list[bool]  # which leaves of the result are Python numbers


def trace_function(
    f: Callable[..., Any],
    leaves: Sequence[Any],
    structure: tree.Structure,
    name: str,
    *,
    reason: str = GRAD_REASON,
    with_values: bool = False,
    types: Sequence[ArrayType] | None = None,
    weak: Sequence[bool] | None = None,
    is_branch: bool = False,
) -> TracedFunction:
    """Trace ``f(*args)``, where ``args`` is the tuple of ``structure`` around ``leaves``.

    Parameters
    ----------
    with_values : bool
        Whether the traced arrays know the leaves as their values.
    types : sequence of ArrayType, optional
        Types of the inputs where they are not the leaves' own.
    """
    result_structure: list[tree.Structure] = []
    result_weak: list[bool] = []

    def flat(*tracers: Any) -> list[Any]:
        result = f(*tree.unflatten(structure, tracers))
        out_leaves, out_structure = as_leaves(result, f"{name}: what the function returned")
        result_structure.append(out_structure)
        result_weak.extend(is_weak(leaf) for leaf in tree.leaves(result))
        return out_leaves

    graph, lifted = graph_of(
        flat,
        [type_of(leaf) for leaf in leaves] if types is None else types,
        name,
        reason=reason,
        values=leaves if with_values else None,
        weak=weak,
        is_branch=is_branch,
    )
    return TracedFunction(graph, lifted, result_structure[0], result_weak)


def owned(outputs: Sequence[Any], inputs: Sequence[Any]) -> list[Any]:
    """Return results that share no memory with the inputs, with constants or with each other.

    What a user receives is a writable array of its own, or a NumPy scalar if it has no axes.
    """
    seen = {id(value) for value in inputs}
    result: list[Any] = []
    for value in outputs:
        if isinstance(value, Tracer):
            result.append(value)
            continue
        if not isinstance(value, np.ndarray):
            result.append(value)
        elif value.ndim == 0:
            result.append(value[()])
        elif value.base is not None or id(value) in seen or not value.flags.writeable:
            result.append(np.array(value))
        else:
            seen.add(id(value))
            result.append(value)
    return result


def trace(f: Callable[..., Any], *args: Any) -> Graph:
    """Return the graph of ``f(*args)``: what the function computes, as data.

    Parameters
    ----------
    f : callable
        Written in NumPy; takes and returns pytrees of arrays.
    *args : pytree
        Examples of the arguments. Only their shapes and dtypes matter.

    Returns
    -------
    Graph
        Its inputs are the leaves of ``args``. ``print`` it, or draw it with ``to_svg`` or
        ``to_dot``; a notebook shows it drawn.

    Examples
    --------
    >>> import numpy as np, chainrule as cr
    >>> print(cr.trace(lambda x: np.sum(np.sin(x) * 2.0), np.ones(3)))
    graph(a: float64[3]) -> float64[]
      b: float64[3] = sin a
      c: float64[3] = multiply b 2.0
      d: float64[] = reduce_sum[axes=(0,)] c
      return d
    """
    check_callable("trace", f)
    leaves, structure = as_arguments(args, f"trace({name_of(f)})")
    weak = [is_weak(leaf) for leaf in tree.leaves(args)]
    traced = trace_function(
        f,
        leaves,
        structure,
        f"trace({name_of(f)})",
        reason="trace knows shapes and dtypes only",
        weak=weak,
    )
    return traced.graph
