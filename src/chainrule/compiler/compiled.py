"""`compile`: a function traced once per signature; after that an engine runs its graph.

A signature is what a trace depends on: the structure of the arguments, the shape and dtype of
every leaf, which leaves are Python numbers, and the values of static arguments. The first call
with a signature traces the function and prepares the graph; later ones only run it.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from chainrule import _tree as tree
from chainrule._errors import ArgumentTypeError, ChainruleError, InvalidArgumentError
from chainrule.compiler.engine import engine_named
from chainrule.compiler.passes import optimize
from chainrule.frontend.tracer import Tracer
from chainrule.ir import Graph, evaluate
from chainrule.transforms.tracing import (
    argument_numbers,
    as_arguments,
    as_leaf,
    check_callable,
    is_weak,
    name_of,
    owned,
    positions_of,
    shown,
    trace_function,
)

_REASON = "compiled code is made once for all values"


class _Compiled(NamedTuple):
    """One signature's result."""

    traced: Graph  # what other transforms are applied to
    graph: Graph  # what runs
    run: Callable[..., tuple[Any, ...]]
    structure: tree.Structure


class CompiledFunction:
    """What `compile` returns: call it as the function it was made from.

    Attributes
    ----------
    graph : Graph
        What ran in the latest call: the function as it was traced, simplified by the passes of
        `chainrule.compiler.passes`.
    num_traces : int
        How many signatures have been met.
    """

    def __init__(self, f: Callable[..., Any], static_argnums: Sequence[int], engine: str) -> None:
        functools.update_wrapper(self, f, updated=())
        self._f = f
        self._name = f"compile({name_of(f)})"
        self._static = tuple(static_argnums)
        engine_named(engine)  # refuses a wrong name now; chosen for good when a graph is there
        self._engine = engine
        self._cache: dict[Any, _Compiled] = {}
        self._lock = threading.RLock()
        self._latest: _Compiled | None = None

    @property
    def graph(self) -> Graph:
        """The graph of the latest call."""
        if self._latest is None:
            raise InvalidArgumentError(
                f"{self._name}: there is no graph yet; call the function once."
            )
        return self._latest.graph

    @property
    def num_traces(self) -> int:
        """How many signatures have been met, each of which was traced once."""
        return len(self._cache)

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        """Run the compiled function."""
        positions = self._static_positions(len(args))
        static = self._static_values(args, positions)
        # None stands for a static argument: a tree without leaves.
        dynamic = tuple([None if i in positions else a for i, a in enumerate(args)])
        originals, structure = tree.flatten((dynamic, keywords))
        try:
            leaves = [as_leaf(leaf, "") for leaf in originals]
        except ChainruleError:
            as_arguments(dynamic, self._name, keywords)  # raises the same, naming the argument
            raise
        signature = [
            (leaf.shape, leaf.dtype, is_weak(original))
            for leaf, original in zip(leaves, originals, strict=True)
        ]
        key = (structure, tuple(signature), static)
        compiled = self._cache.get(key)
        if compiled is None:
            compiled = self._compile(key, leaves, originals, structure, args)
            if compiled is None:
                return self._inline(leaves, originals, structure, args)
        self._latest = compiled
        if any(isinstance(leaf, Tracer) for leaf in leaves):
            # Inside another transform: the equations become part of the enclosing trace.
            return tree.unflatten(compiled.structure, evaluate(compiled.traced, leaves))
        return tree.unflatten(compiled.structure, owned(compiled.run(*leaves), leaves))

    def _static_positions(self, count: int) -> frozenset[int]:
        if not self._static:
            return frozenset()
        return frozenset(positions_of(self._name, self._static, "static_argnums", count))

    def _static_values(self, args: tuple[Any, ...], positions: frozenset[int]) -> tuple[Any, ...]:
        chosen = []
        for position in sorted(positions):
            value = args[position]
            try:
                hash(value)
            except TypeError:
                is_hashable = False
            else:
                is_hashable = not isinstance(value, Tracer)
            if not is_hashable:
                raise ArgumentTypeError(
                    f"{self._name}: static argument {position} must be a hashable value, got "
                    f"{shown(value)}; pass arrays and lists as other arguments, or a tuple for a "
                    "list."
                )
            chosen.append(tree.exactly(value))
        return tuple(chosen)

    def _traced(
        self, leaves: Sequence[Any], originals: Sequence[Any], structure: Any, args: Any
    ) -> Any:
        positions = self._static_positions(len(args))

        def call(dynamic: Any, keywords: Any) -> Any:
            filled = [args[i] if i in positions else x for i, x in enumerate(dynamic)]
            return self._f(*filled, **keywords)

        return trace_function(
            call,
            leaves,
            structure,
            self._name,
            reason=_REASON,
            weak=[is_weak(original) for original in originals],
        )

    def _compile(
        self, key: Any, leaves: Any, originals: Any, structure: Any, args: Any
    ) -> _Compiled | None:
        with self._lock:
            known = self._cache.get(key)
            if known is not None:
                return known
            traced = self._traced(leaves, originals, structure, args)
            if traced.lifted:
                # It closes over arrays traced by an enclosing transform; those differ from call
                # to call, so there is nothing to keep.
                return None
            graph = optimize(traced.graph)
            compiled = _Compiled(
                traced.graph, graph, engine_named(self._engine)(graph), traced.structure
            )
            self._cache[key] = compiled
            return compiled

    def _inline(self, leaves: Any, originals: Any, structure: Any, args: Any) -> Any:
        traced = self._traced(leaves, originals, structure, args)
        outputs = evaluate(traced.graph, [*traced.lifted, *leaves])
        return tree.unflatten(traced.structure, outputs)

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else functools.partial(self, instance)

    def __repr__(self) -> str:
        return f"<compiled {name_of(self._f)}, {self.num_traces} signatures>"


def compile(
    f: Callable[..., Any], static_argnums: int | Sequence[int] = (), engine: str = "auto"
) -> CompiledFunction:
    """Return a function that traces ``f`` once per signature and then runs the graph.

    Parameters
    ----------
    f : callable
        Written in NumPy; pytrees in and out. It must be free of side effects, and what it closes
        over is fixed when it is traced: arrays are copied then.
    static_argnums : int or sequence of int, optional
        Arguments that steer the computation instead of being part of it: hashable values, for
        each of which the function is traced anew. ``if``, ``range`` and shapes may depend on them.
    engine : {"auto", "native", "interpreter"}, default "auto"
        What runs the graph. "native" makes machine code of it, which takes tenths of a second the
        first time and is kept on disk (see `chainrule.compiler.native.cache`); its results differ
        from NumPy's in the last digits. "interpreter" calls NumPy op by op. "auto" is the engine
        that the environment variable ``CHAINRULE_ENGINE`` names, otherwise "native" if all ops of
        the graph can be compiled and "interpreter" if not.

    Returns
    -------
    CompiledFunction
        Callable as ``f``. It can be differentiated, batched, and called from several threads.

    Raises
    ------
    ConcretizationError
        When called, if ``f`` needs the value of a traced array, as in ``if x > 0:``.
    InvalidArgumentError
        If there is no such engine, or ``static_argnums`` names an argument that is not there.

    Examples
    --------
    >>> import numpy as np, chainrule as cr
    >>> step = cr.compile(cr.grad(lambda w, x: np.mean((x @ w) ** 2)))
    >>> step(np.ones(2), np.eye(2))
    array([1., 1.])
    >>> print(step.num_traces)
    1
    """
    check_callable("compile", f)
    numbers = argument_numbers(f"compile({name_of(f)})", static_argnums, "static_argnums")
    return CompiledFunction(f, numbers, engine)
