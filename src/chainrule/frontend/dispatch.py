"""How NumPy's functions find their meaning on traced arrays.

NumPy hands every call with a traced argument to the tracer: ufuncs through ``__array_ufunc__``,
other functions through ``__array_function__``. Both look the function up in a table that the
modules of this package fill with `implements` and `implements_ufunc`. What is not in a table is
refused by name; nothing is ever converted to a plain array behind the user's back.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from chainrule._errors import ChainruleError, UnsupportedError
from chainrule._source import scipy_function

Function = TypeVar("Function", bound=Callable[..., Any])

FUNCTIONS: dict[Callable[..., Any], Callable[..., Any]] = {}
"""Implementations of NumPy's functions."""

UFUNCS: dict[str, Callable[..., Any]] = {}
"""Implementations of ufuncs, of NumPy's and of scipy.special's, by name."""

UFUNC_METHODS: dict[tuple[str, str], Callable[..., Any]] = {}
"""Implementations of ufunc methods by ufunc and method: ``("add", "reduce")``."""

ADVICE: dict[str, str] = {}
"""What to use instead of a function that is not supported, by its name."""

# Keywords that NumPy's functions take and that mean nothing, or the default, on traced arrays.
_IGNORED_VALUES: dict[str, tuple[Any, ...]] = {
    "out": (None,),
    "where": (True, np._NoValue),
    "dtype": (None,),
    "initial": (np._NoValue, None),
    "subok": (True, False),
    "order": ("K", "C", "A", None),
    "casting": ("same_kind",),
    "overwrite_input": (False,),
    "like": (None,),
    "device": (None, "cpu"),
    "keepdims": (np._NoValue,),
    "correction": (np._NoValue,),
    "mean": (np._NoValue,),
}

_KEYWORD_ADVICE = {
    "out": "use the returned array instead",
    "where": "select with np.where(condition, result, other)",
    "dtype": "convert with .astype(dtype)",
    "initial": "combine it with the result: np.maximum(np.max(x), initial), np.sum(x) + initial",
}


def implements(*functions: Callable[..., Any]) -> Callable[[Function], Function]:
    """Register an implementation of NumPy functions.

    The implementation names its parameters as NumPy does, and leaves out those it does not
    support: such a keyword is refused unless it has its default value.
    """

    def register(implementation: Function) -> Function:
        for function in functions:
            FUNCTIONS[function] = implementation
        return implementation

    return register


def implements_ufunc(*names: str) -> Callable[[Function], Function]:
    """Register an implementation of the ufuncs of these names, from NumPy or `scipy.special`."""

    def register(implementation: Function) -> Function:
        for name in names:
            UFUNCS[name] = implementation
        return implementation

    return register


def _positional_names(function: Callable[..., Any]) -> list[str] | None:
    """Return the names of what can be passed by position, or None if there is no limit."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except ValueError:
        return None
    if any(p.kind is inspect.Parameter.VAR_POSITIONAL for p in parameters):
        return None
    by_position = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [p.name for p in parameters if p.kind in by_position]


@functools.cache
def _with_numpys_signature(
    function: Callable[..., Any], implementation: Callable[..., Any]
) -> Callable[..., Any]:
    """Make an implementation take arguments as NumPy's function does, refusing what it lacks.

    Signatures are read when a function is first called, since reading all of them would take
    longer than the rest of the import.
    """
    parameters = inspect.signature(implementation).parameters
    known = set(parameters)
    if any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values()):
        return implementation
    name = full_name(function)
    theirs, ours = _positional_names(function), _positional_names(implementation)
    # As far as the names agree, positions mean the same; what comes later goes by name. Without a
    # limit on either side, positions mean the same throughout.
    same, later = sys.maxsize, list[str]()
    if theirs is not None and ours is not None:
        pairs = enumerate(zip(theirs, ours, strict=False))
        same = next((i for i, (a, b) in pairs if a != b), min(len(theirs), len(ours)))
        later = theirs[same:]

    @functools.wraps(implementation)
    def call(*args: Any, **keywords: Any) -> Any:
        if len(args) > same:
            keywords = dict(zip(later, args[same:], strict=False)) | keywords
            args = args[:same]
        if not known.issuperset(keywords):
            keywords = supported_keywords(name, keywords, known)
        return implementation(*args, **keywords)

    return call


def supported_keywords(
    name: str, keywords: dict[str, Any], known: set[str] | frozenset[str] = frozenset()
) -> dict[str, Any]:
    """Return the keywords that are known, refusing others that say something.

    ``name`` is that of the function as users write it.

    Raises
    ------
    UnsupportedError
        If a keyword that is not known has a value that matters.
    """
    kept = {}
    for key, value in keywords.items():
        if key in known:
            kept[key] = value
        elif not any(value is ignored for ignored in _IGNORED_VALUES.get(key, ())):
            advice = _KEYWORD_ADVICE.get(key, "leave it out")
            raise UnsupportedError(
                f"{name}: the keyword {key!r} is not supported on traced arrays; {advice}."
            )
    return kept


def full_name(function: Callable[..., Any]) -> str:
    """Return a function's name as users write it: ``np.linalg.norm``, ``scipy.special.erf``."""
    name = getattr(function, "__name__", str(function))
    module = getattr(function, "__module__", None) or ""
    if isinstance(function, np.ufunc) and getattr(np, name, None) is not function:
        module = "scipy.special" if _is_scipy_special(function) else ""
    return f"{module}.{name}".removeprefix(".").replace("numpy.", "np.", 1)


def _is_scipy_special(ufunc: np.ufunc) -> bool:
    special = sys.modules.get("scipy.special")
    return special is not None and getattr(special, ufunc.__name__, None) is ufunc


def refusal(name: str) -> ChainruleError:
    """Return the error for a function that has no meaning on traced arrays here.

    Advice is looked up under the function's name, then under its module's. Of a function that one
    of SciPy's calls on its way, the latter's name is given, which is what the user wrote.
    """
    name = scipy_function() or name
    advice = ADVICE.get(name) or ADVICE.get(
        name.rpartition(".")[0],
        "write it with supported NumPy functions, or give it a derivative of its own with "
        "cr.custom_derivative",
    )
    return UnsupportedError(f"{name} is not supported on traced arrays; {advice}.")


@functools.lru_cache(maxsize=1024)
def ufunc_implementation(ufunc: np.ufunc) -> Callable[..., Any] | None:
    """Return the implementation of a ufunc, or None.

    Ufuncs are known by name; a foreign one that merely shares a name is told apart by identity.
    """
    name = ufunc.__name__
    if getattr(np, name, None) is ufunc or _is_scipy_special(ufunc):
        return UFUNCS.get(name)
    # np.absolute is called "absolute", np.conj "conjugate", np.pow "power": aliases are the same
    # object as the ufunc of that name, so only foreign ufuncs are left here.
    return None


def call_ufunc(ufunc: np.ufunc, method: str, args: tuple[Any, ...], keywords: Any) -> Any:
    """Carry out a ufunc, or one of its methods, on traced arrays."""
    if method == "__call__":
        implementation = ufunc_implementation(ufunc)
        name = ufunc.__name__
    else:
        name = f"{ufunc.__name__}.{method}"
        implementation = UFUNC_METHODS.get((ufunc.__name__, method))
        if method == "outer" and ufunc_implementation(ufunc) is not None:
            implementation = functools.partial(_outer, ufunc)
    if implementation is None:
        raise refusal(full_name(ufunc).removesuffix(ufunc.__name__) + name)
    if keywords and method == "__call__":
        supported_keywords(full_name(ufunc), keywords)
        keywords = {}
    return implementation(*args, **keywords)


def _outer(ufunc: np.ufunc, x: Any, y: Any, **keywords: Any) -> Any:
    """Apply a ufunc to all pairs of elements."""
    supported_keywords(f"np.{ufunc.__name__}.outer", keywords)
    return ufunc(np.reshape(x, np.shape(x) + (1,) * np.ndim(y)), y)


def call_function(function: Callable[..., Any], args: Any, keywords: Any) -> Any:
    """Carry out a NumPy function on traced arrays."""
    implementation = FUNCTIONS.get(function)
    if implementation is None:
        raise refusal(full_name(function))
    return _with_numpys_signature(function, implementation)(*args, **keywords)
