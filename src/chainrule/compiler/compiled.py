"""`compile`: a function traced once per signature; after that an engine runs its graph.

A signature is what a trace depends on: the structure of the arguments, the shape and dtype of
every leaf, which leaves are Python numbers, and the values of static arguments. The first call
with a signature traces the function and prepares the graph; later ones only run it.

A call of native code goes through Python code written for its signature, see `_written`: it takes
the arguments apart, hands the arrays over, and builds the result. It gives up if the arguments have
another signature; when those of the latest few calls all have, it is found in the general way.
"""

from __future__ import annotations

import functools
import itertools
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np

from chainrule import _tree as tree
from chainrule._donation import private
from chainrule._dtypes import WEAK_DTYPES
from chainrule._errors import ArgumentTypeError, ChainruleError, InvalidArgumentError
from chainrule._tree_code import Writer
from chainrule.compiler.debug import debug_level, tell
from chainrule.compiler.engine import engine_named
from chainrule.compiler.interpreter import Program
from chainrule.compiler.passes import optimize
from chainrule.compiler.stopwatch import Stopwatch
from chainrule.compiler.undisturbed import undisturbed
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

if TYPE_CHECKING:
    # LLVM takes longer to load than the rest of the library.
    from chainrule.compiler.native import NativeProgram
    from chainrule.compiler.native.profile import Profile

_REASON = "compiled code is made once for all values"

_MOST_RECENT = 4
"""How many shortcuts are tried, so that signatures may take turns."""

_Shortcut = Callable[[tuple[Any, ...], dict[str, Any]], Any]


class _Leaf(NamedTuple):
    """What a trace depends on of a leaf of the arguments."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    weak: bool


class _Arguments(NamedTuple):
    """A call's arguments taken apart."""

    args: tuple[Any, ...]
    originals: Sequence[Any]  # the leaves of what is not static
    leaves: Sequence[Any]  # the same as arrays
    structure: tree.Structure  # of the pair of positional ones and keywords
    signature: tuple[_Leaf, ...]
    key: Any  # what tells signatures apart

    @property
    def is_traced(self) -> bool:
        """Whether the call stands inside another transform."""
        return any(isinstance(leaf, Tracer) for leaf in self.leaves)


@dataclass(eq=False)
class _Compiled:
    """One signature's result."""

    traced: Graph  # what other transforms are applied to
    graph: Graph  # what runs
    run: Callable[..., tuple[Any, ...]]
    structure: tree.Structure  # of the result
    shortcut: _Shortcut | None = None  # made when the signature comes a second time

    @property
    def native(self) -> NativeProgram | None:
        """What runs, if it is machine code."""
        return None if isinstance(self.run, Program) else cast("NativeProgram", self.run)


class CompiledFunction:
    """What `compile` returns: call it as the function it was made from.

    What ran in the latest call can be looked at.

    Attributes
    ----------
    graph : Graph
        The function as it was traced, simplified by the passes of `chainrule.compiler.passes`.
    kernels : str
        The steps of the native code as pseudo-code: loops, matrix products, loops of steps.
    llvm : str
        The native code in LLVM's assembly language, before LLVM has optimized it.
    asm : str
        The machine code as assembly language.
    stats : dict
        Numbers about the native code, see `chainrule.compiler.native.NativeProgram`. Where the
        time of a call goes is measured by `profile`.
    num_traces : int
        How many signatures have been met.

    Examples
    --------
    >>> import numpy as np, chainrule as cr
    >>> f = cr.compile(lambda x: np.sum(np.exp(x) * x), engine="native")
    >>> bool(f(np.zeros(3)) == 0.0)
    True
    >>> print(f.graph)
    graph(a: float64[3]) -> float64[]
      b: float64[3] = exp a
      c: float64[3] = multiply b a
      d: float64[] = reduce_sum[axes=(0,)] c
      return d
    >>> f.stats["kernels"]
    1
    """

    def __init__(
        self,
        f: Callable[..., Any],
        static_argnums: Sequence[int],
        donate_argnums: Sequence[int],
        engine: str,
    ) -> None:
        functools.update_wrapper(self, f, updated=())
        self._f = f
        self._name = f"compile({name_of(f)})"
        self._static = tuple(static_argnums)
        self._donated = tuple(donate_argnums)
        engine_named(engine)  # refuses a wrong name now; chosen for good when a graph is there
        self._engine = engine
        self._cache: dict[Any, _Compiled] = {}
        self._lock = threading.RLock()
        self._latest: _Compiled | None = None
        self._recent: tuple[tuple[_Compiled, _Shortcut], ...] = ()

    @property
    def graph(self) -> Graph:
        """The graph of the latest call."""
        return self._seen("is no graph").graph

    @property
    def kernels(self) -> str:
        """The steps of the latest call's native code as pseudo-code."""
        return self._native("are no kernels").kernels

    @property
    def llvm(self) -> str:
        """The latest call's native code in LLVM's assembly language."""
        return self._native("is no llvm").llvm

    @property
    def asm(self) -> str:
        """The latest call's native code as assembly language of the CPU."""
        return self._native("is no asm").asm

    @property
    def stats(self) -> dict[str, Any]:
        """Numbers about the latest call's native code."""
        return self._native("are no stats").stats

    def _seen(self, missing: str) -> _Compiled:
        """Return what the latest call ran, or say what is missing."""
        if self._latest is None:
            raise InvalidArgumentError(
                f"{self._name}: there {missing} yet; call the function once."
            )
        return self._latest

    def _native(self, missing: str) -> NativeProgram:
        """Return the machine code that the latest call ran, or say what is missing."""
        native = self._seen(missing).native
        if native is None:
            raise InvalidArgumentError(
                f"{self._name}: there {missing}, since the interpreter ran the latest call; "
                "look at graph, or compile with engine='native'."
            )
        return native

    @property
    def num_traces(self) -> int:
        """How many signatures have been met, each of which was traced once."""
        return len(self._cache)

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        """Run the compiled function."""
        for compiled, shortcut in self._recent:
            result = shortcut(args, keywords)
            if result is not NotImplemented:
                if compiled is not self._latest:
                    self._remember(compiled)
                return result
        return self._called(args, keywords)

    def profile(self, *args: Any, **keywords: Any) -> Profile:
        """Run the function again and again, and return where its time goes.

        Every step of the native code is timed, and compared with how fast this machine multiplies
        matrices and copies memory at its best. That takes about half a second, and more if the
        function is slow; what other processes do meanwhile shows in the times. Arguments that the
        function would take the memory of are copied, and so kept.

        Parameters
        ----------
        *args, **keywords
            Those of the function.

        Returns
        -------
        Profile
            Shown by ``print`` as a table with a line for every step, in the order of `kernels`:
            what it is, how often it runs in a call, the time of one run, its share of the time of
            all steps, the floating-point operations and bytes of one run, the time that the
            machine would need for those at least, and how many times as long it took. The
            same as numbers is in ``rows``, a list of `chainrule.compiler.native.profile.Row`;
            ``seconds`` is the time of all steps, ``call_seconds`` that of an ordinary call.

        Raises
        ------
        InvalidArgumentError
            If the interpreter runs the function, or arguments are being traced.

        Examples
        --------
        >>> import numpy as np, chainrule as cr
        >>> f = cr.compile(lambda a, b: np.tanh(a @ b), engine="native")
        >>> profile = f.profile(np.ones((100, 64)), np.ones((64, 50)))
        >>> for row in profile.rows:
        ...     print(f"{row.step}; {row.flops} operations, {row.bytes} bytes")
        input0[100, 64] @ input1[64, 50]; 640000 operations, 116800 bytes
        for i0<100, i1<50: tanh; 5000 operations, 80000 bytes
        """
        call = self._taken_apart(args, keywords)
        compiled = None if call.is_traced else self._compile(call)
        if compiled is None:
            raise InvalidArgumentError(
                f"{self._name}: profile: expected arrays and numbers, got arrays that are being "
                "traced; call it outside of other transforms."
            )
        self._remember(compiled)
        program = self._native("is no profile")
        from chainrule.compiler.native.profile import profile

        def seconds_of_a_call() -> float:
            given = self._to_give_away(args)
            began = time.perf_counter()
            result = self(*given, **keywords)
            seconds = time.perf_counter() - began
            del result  # letting go of it is the caller's time
            return seconds

        def arguments() -> Sequence[Any]:
            return self._taken_apart(self._to_give_away(args), keywords).leaves

        return profile(program, arguments, seconds_of_a_call)

    def _to_give_away(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return arguments with copies in place of those whose memory would be taken."""
        given = positions_of(self._name, self._donated, "donate_argnums", len(args))

        def copy(leaf: Any) -> Any:
            return private(leaf.copy()) if isinstance(leaf, np.ndarray) else leaf

        return tuple([tree.map(copy, a) if i in given else a for i, a in enumerate(args)])

    def _remember(self, compiled: _Compiled) -> None:
        """Make a program that of the latest call, and its shortcut the first to be tried."""
        self._latest = compiled
        if compiled.shortcut is not None:
            others = [pair for pair in self._recent if pair[0] is not compiled]
            self._recent = ((compiled, compiled.shortcut), *others[: _MOST_RECENT - 1])

    def _called(self, args: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        """Run the compiled function, whatever the signature."""
        call = self._taken_apart(args, keywords)
        known = self._cache.get(call.key)
        compiled = known or self._compile(call)
        if compiled is None:
            return self._inline(call)
        if known is not None and compiled.shortcut is None and compiled.native is not None:
            settings = {position: args[position] for position in self._static_positions(len(args))}
            compiled.shortcut = _written(
                compiled.native, compiled.structure, call.structure, call.signature, settings
            )
        self._remember(compiled)
        if call.is_traced:
            # Inside another transform: the equations become part of the enclosing trace.
            return tree.unflatten(compiled.structure, evaluate(compiled.traced, call.leaves))
        results: Sequence[Any] = compiled.run(*call.leaves)
        if compiled.native is None:
            # The interpreter may return an argument, a constant, or a view of either.
            results = owned(results, call.leaves)
        return tree.unflatten(compiled.structure, results)

    def _taken_apart(self, args: tuple[Any, ...], keywords: dict[str, Any]) -> _Arguments:
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
        signature = tuple(
            [
                _Leaf(leaf.shape, leaf.dtype, is_weak(original))
                for leaf, original in zip(leaves, originals, strict=True)
            ]
        )
        key = (structure, signature, static)
        return _Arguments(args, originals, leaves, structure, signature, key)

    def _static_positions(self, count: int) -> frozenset[int]:
        if not self._static:
            return frozenset()
        return frozenset(positions_of(self._name, self._static, "static_argnums", count))

    def _donated_inputs(self, structure: tree.Structure) -> list[int]:
        """Return the numbers of the leaves that are given away."""
        children = structure.children[0].children
        positions = positions_of(self._name, self._donated, "donate_argnums", len(children))
        for position in self._static_positions(len(children)).intersection(positions):
            raise InvalidArgumentError(
                f"{self._name}: argument {position} is named by static_argnums and donate_argnums; "
                "a static argument has no memory to give away."
            )
        starts = list(itertools.accumulate((c.num_leaves for c in children), initial=0))
        return [leaf for i in sorted(positions) for leaf in range(starts[i], starts[i + 1])]

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

    def _traced(self, call: _Arguments) -> Any:
        positions = self._static_positions(len(call.args))

        def function(dynamic: Any, keywords: Any) -> Any:
            filled = [call.args[i] if i in positions else x for i, x in enumerate(dynamic)]
            return self._f(*filled, **keywords)

        return trace_function(
            function,
            call.leaves,
            call.structure,
            self._name,
            reason=_REASON,
            weak=[is_weak(original) for original in call.originals],
        )

    def _compile(self, call: _Arguments) -> _Compiled | None:
        """Return what runs a signature, made if need be, or None if there is nothing to keep."""
        with self._lock, undisturbed():
            known = self._cache.get(call.key)
            if known is not None:
                return known
            level = debug_level()
            watch = Stopwatch()
            traced = self._traced(call)
            if traced.lifted:
                # It closes over arrays traced by an enclosing transform; those differ from call
                # to call.
                return None
            watch.lap("trace")
            graph = optimize(traced.graph)
            watch.lap("passes")
            engine = engine_named(self._engine)
            run = engine(graph, self._name, self._donated_inputs(call.structure))
            compiled = _Compiled(traced.graph, graph, run, traced.structure)
            seconds = watch.seconds
            if compiled.native is not None:
                seconds |= compiled.native.stats["seconds"]
                compiled.native.stats["seconds"] = seconds
            if level:
                tell(level, self._name, graph, compiled.native or cast("Program", run), seconds)
            self._cache[call.key] = compiled
            return compiled

    def _inline(self, call: _Arguments) -> Any:
        traced = self._traced(call)
        outputs = evaluate(traced.graph, [*traced.lifted, *call.leaves])
        return tree.unflatten(traced.structure, outputs)

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else functools.partial(self, instance)

    def __repr__(self) -> str:
        return f"<compiled {name_of(self._f)}, {self.num_traces} signatures>"


def _written(
    program: NativeProgram,
    result: tree.Structure,
    structure: tree.Structure,
    signature: Sequence[_Leaf],
    settings: dict[int, Any],
) -> _Shortcut:
    """Return a function that does what calls with one signature need, and nothing else.

    Parameters
    ----------
    program : NativeProgram
    result : Structure
        Of the result.
    structure : Structure
        Of the arguments, the pair of positional ones and keywords.
    signature : sequence of _Leaf
        Of the leaves of the arguments.
    settings : dict
        The static arguments by position.

    Returns
    -------
    callable
        Called with the arguments and the keywords, it returns the result, or ``NotImplemented`` if
        the signature is another one or the program does not take what it is given as it is.
    """
    positional, named = structure.children
    writer = Writer()
    leaves: list[str] = []
    arguments = writer.unpacked("args", len(positional.children))
    for position, (child, argument) in enumerate(zip(positional.children, arguments, strict=True)):
        if position in settings:
            writer.require_setting(argument, settings[position])
        else:
            leaves += writer.take(child, argument)
    leaves += writer.take(named, "keywords")
    arrays = [_array(writer, *pair) for pair in zip(leaves, signature, strict=True)]
    writer.give_up_on_errors()
    results = writer.variable(f"{writer.constant(program.attempt)}({', '.join(arrays)})")
    writer.require(f"{results} is not None")
    outputs = writer.unpacked(results, result.num_leaves)
    writer.lines.append(f"return {writer.build(result, iter(outputs))}")
    return writer.function("shortcut", "args, keywords")


def _array(writer: Writer, leaf: str, known: _Leaf) -> str:
    """Write how a leaf becomes an array; the program finds out by itself which one it is."""
    if known.shape:
        return leaf
    dtype = writer.constant(known.dtype)
    if known.weak:
        number = next(kind for kind, dtype in WEAK_DTYPES.items() if dtype == known.dtype)
        writer.require(f"type({leaf}) is {writer.constant(number)}")
        return writer.variable(f"{writer.constant(np.array)}({leaf}, {dtype})")
    array, scalar = writer.constant(np.ndarray), writer.constant(known.dtype.type)
    writer.require(f"type({leaf}) is {array} or type({leaf}) is {scalar}")
    return writer.variable(f"{writer.constant(np.asarray)}({leaf})")


def compile(
    f: Callable[..., Any],
    static_argnums: int | Sequence[int] = (),
    engine: str = "auto",
    donate_argnums: int | Sequence[int] = (),
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
    donate_argnums : int or sequence of int, optional
        Arguments that the caller gives away, such as a state of which the function returns the
        next one. Native code writes results of the same shapes and dtypes into their memory, which
        saves asking for new memory, and copying where only parts are changed. It does so if
        nothing but the array refers to its memory, as with arrays that the function has returned
        itself; an array that owns its memory or has views is copied, and left as it is. An array
        whose memory has been taken raises an error when it is used.

    Returns
    -------
    CompiledFunction
        Callable as ``f``. It can be differentiated, batched, and called from several threads
        (with arguments given away, from one thread at a time).

    Raises
    ------
    ConcretizationError
        When called, if ``f`` needs the value of a traced array, as in ``if x > 0:``.
    InvalidArgumentError
        If there is no such engine, ``static_argnums`` or ``donate_argnums`` names an argument that
        is not there, or both name the same. When called, if ``CHAINRULE_DEBUG`` is none of the
        numbers below.
    MemoryError
        When called, if the results or the temporaries of native code are more than this machine
        has memory; before anything is computed.

    Notes
    -----
    With the environment variable ``CHAINRULE_DEBUG`` set to 1, there is a line on standard error
    for every signature that is compiled: how many kernels, products of matrices and calls of
    LAPACK there are, how much memory for temporaries and how many floating-point operations, and
    how long each stage took. With 2 the graph and the kernels follow, with 3 LLVM's assembly
    language, with 4 the CPU's. All of it goes to the logger ``chainrule`` instead if that has a
    handler and lets messages of level ``DEBUG`` pass.

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
    donated = argument_numbers(f"compile({name_of(f)})", donate_argnums, "donate_argnums")
    return CompiledFunction(f, numbers, donated, engine)
