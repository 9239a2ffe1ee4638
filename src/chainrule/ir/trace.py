"""Recording: a `Trace` turns calls of ops on traced arrays into equations.

Traces nest, one for every transform at work. An op is recorded by the innermost trace among its
arguments; a traced array of an enclosing trace is *lifted*, that is, it becomes one more input of
the graph. Two things follow. Work that does not depend on the inner trace's inputs ends up outside
of it by itself. And nested derivatives cannot be confused with each other, because what an inner
trace has not been given as its own input it can only see as a constant.

A trace whose inputs have values can look at the value of anything it has recorded, which is what
lets an uncompiled ``grad(f)`` run ``if x > 0:``. Values are computed when asked for, not before.

A plain array that meets a traced one becomes a constant of the graph, and a copy is kept of it: the
graph runs later, when the function may have used the same array for something else.
"""

from __future__ import annotations

import contextlib
import itertools
import threading
import weakref
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule._errors import LeakedTracerError
from chainrule._source import user_source
from chainrule.ir.graph import ArrayType, Atom, Equation, Graph, Literal, Var, live_part

if TYPE_CHECKING:
    from chainrule.ir.op import Op


class Traced:
    """A value in a trace. The class users meet, `chainrule.frontend.Tracer`, derives from it."""

    __slots__ = ("owner", "type", "variable", "weak")

    owner: Trace
    type: ArrayType
    variable: Var
    weak: bool  # whether it stands for a Python number, which takes on the dtype it meets

    def __init__(self, owner: Trace, variable: Var, weak: bool = False) -> None:
        self.owner = owner
        self.variable = variable
        self.type = variable.type
        self.weak = weak

    @property
    def shape(self) -> tuple[int, ...]:
        """Extents of the axes."""
        return self.type.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Data type of the elements."""
        return self.type.dtype

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.type.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return self.type.size


class _Stack(threading.local):
    def __init__(self) -> None:
        self.traces: list[Trace] = []
        self.branch: Trace | None = None  # the innermost that records a branch of a `cond`


_stack = _Stack()
_numbers = itertools.count()


def current_trace() -> Trace | None:
    """Return the innermost trace now recording in this thread, or None."""
    return _stack.traces[-1] if _stack.traces else None


def recording_trace(args: Sequence[Any]) -> Trace | None:
    """Return the trace that has to record an op on these arguments, or None if none is traced."""
    found: Trace | None = None
    for arg in args:
        if isinstance(arg, Traced):
            trace = arg.owner
            if found is None or trace.number > found.number:
                found = trace
            if not trace.is_open:
                raise leaked(arg)
    branch = _stack.branch
    if found is not None and branch is not None and found.number < branch.number:
        # What a branch computes must stay in the branch, even if it could be hoisted: it may
        # be there precisely because it must not be computed otherwise.
        return branch
    return found


def leaked(value: Traced) -> LeakedTracerError:
    """Return the error for a traced array that outlived its trace."""
    return LeakedTracerError(
        f"a traced array of type {value.type} was used after {value.owner.name} had ended; "
        "traced arrays stand for values only while the function runs. Return the value from the "
        "function instead of keeping it in a global, an attribute or a list outside."
    )


class Trace:
    """A graph in the making.

    Parameters
    ----------
    name : str
        What is being traced, for messages: ``grad(loss)``.
    abstract_reason : str
        Why values are not available, for messages; unused where they are.
    shares_constants : bool
        Whether plain arrays are kept as they are, since nothing will change them.

    Attributes
    ----------
    number : int
        Counts all traces in the order in which they are opened, so that of two which enclose one
        another the inner has the larger; also if a thread has opened it.
    """

    tracer_type: type[Traced] = Traced

    __slots__ = (
        "_constants",
        "_evaluated",
        "_lifted",
        "_values",
        "abstract_reason",
        "equations",
        "inputs",
        "is_open",
        "name",
        "number",
        "shares_constants",
    )

    def __init__(self, name: str, abstract_reason: str, shares_constants: bool = False) -> None:
        self.number = next(_numbers)
        self.name = name
        self.abstract_reason = abstract_reason
        self.inputs: list[Var] = []
        self.equations: list[Equation] = []
        self.is_open = True
        self.shares_constants = shares_constants
        self._constants: dict[int, tuple[weakref.ref[Any], Literal]] = {}
        self._lifted: dict[Var, tuple[Traced, Var]] = {}
        self._values: dict[Var, Any] = {}
        self._evaluated = 0

    # -- recording -------------------------------------------------------------------------------

    def new_input(self, type: ArrayType, value: Any = None, weak: bool = False) -> Any:
        """Add an input; ``value`` is the array it stands for, if that is known."""
        var = Var(type)
        self.inputs.append(var)
        if value is not None:
            self._values[var] = value
        return self.tracer_type(self, var, weak)

    def atom(self, value: Any) -> Atom:
        """Return what stands for ``value`` in this trace's equations, lifting it if need be."""
        if not isinstance(value, Traced):
            return self._constant(value)
        if value.owner is self:
            return value.variable
        if not value.owner.is_open:
            raise leaked(value)
        known = self._lifted.get(value.variable)
        if known is None:
            known = (value, Var(value.type))
            self._lifted[value.variable] = known
        return known[1]

    def _constant(self, value: Any) -> Literal:
        """Return a literal that stays what it is now; an array used again is copied once."""
        if not isinstance(value, np.ndarray) or self.shares_constants or _is_fixed(value):
            return Literal(value)
        known = self._constants.get(id(value))
        if known is not None and known[0]() is value and _same_bits(known[1].value, value):
            return known[1]
        literal = Literal(_fixed_copy(value))
        self._constants[id(value)] = weakref.ref(value), literal
        return literal

    def record(self, op: Op, args: Sequence[Any], params: dict[str, Any]) -> Any:
        """Append an equation and return the traced array (or tuple of them) it puts out."""
        atoms = [self.atom(arg) for arg in args]
        source = user_source()
        inferred = op.infer(*[atom.type for atom in atoms], **params)
        make = self.tracer_type
        if op.multiple:
            outputs = [Var(type) for type in inferred]
            self.equations.append(Equation(op, atoms, params, outputs, source))
            return tuple([make(self, var) for var in outputs])
        output = Var(inferred)
        self.equations.append(Equation(op, atoms, params, (output,), source))
        return make(self, output)

    def finish(self, outputs: Sequence[Any]) -> tuple[Graph, list[Traced]]:
        """Return the graph of ``outputs`` and the lifted values, which are its first inputs.

        Equations that no output depends on are left out.
        """
        atoms = [self.atom(value) for value in outputs]
        equations, needed = live_part(self.equations, atoms)
        lifted = [(outer, var) for outer, var in self._lifted.values() if var in needed]
        inputs = [var for _, var in lifted] + self.inputs
        return Graph(inputs, equations, atoms), [outer for outer, _ in lifted]

    # -- values ----------------------------------------------------------------------------------

    def value_of(self, var: Var) -> Any:
        """Return the array a variable stands for, or None if this trace cannot know it.

        Raises
        ------
        LeakedTracerError
            If the trace has ended.
        """
        if not self.is_open:
            raise leaked(self.tracer_type(self, var))
        if var not in self._values:
            for outer, inner in self._lifted.values():
                if inner not in self._values:
                    value = outer.owner.value_of(outer.variable)
                    if value is not None:
                        self._values[inner] = value
            while self._evaluated < len(self.equations):
                self._evaluate(self.equations[self._evaluated])
                self._evaluated += 1
        value = self._values.get(var)
        return value.owner.value_of(value.variable) if isinstance(value, Traced) else value

    def _evaluate(self, equation: Equation) -> None:
        values = []
        for atom in equation.inputs:
            value = atom.value if isinstance(atom, Literal) else self._values.get(atom)
            if isinstance(value, Traced):
                value = value.owner.value_of(value.variable)
            if value is None:
                return
            values.append(value)
        results = equation.op.evaluate(*values, **equation.params)
        if not equation.op.multiple:
            results = (results,)
        self._values.update(zip(equation.outputs, results, strict=True))


def _is_fixed(array: Any) -> bool:
    """Tell whether neither an array nor any that it is a view of can be written to."""
    while isinstance(array, np.ndarray):
        if array.flags.writeable:
            return False
        array = array.base
    return array is None


def _fixed_copy(array: Any) -> Any:
    """Return a read-only copy; of one number repeated, as cotangents of sums are, only its one."""
    if array.size and not any(array.strides):
        return np.broadcast_to(array.flat[0], array.shape)
    copy = np.array(array)
    copy.setflags(write=False)
    return copy


def _same_bits(x: Any, y: Any) -> bool:
    """Compare arrays of one dtype bit by bit, so that 0.0 is not -0.0 and nan is nan."""
    words = f"u{x.dtype.itemsize}"
    return np.array_equal(x.view(words), y.view(words))


@contextlib.contextmanager
def new_trace(
    name: str,
    abstract_reason: str = "it is being traced",
    is_branch: bool = False,
    shares_constants: bool = False,
) -> Iterator[Trace]:
    """Open a trace inside those now open in this thread, and close it afterwards.

    Parameters
    ----------
    name, abstract_reason, shares_constants
        See `Trace`.
    is_branch : bool
        Whether to record also the ops whose arguments are all from enclosing traces.
    """
    trace = Trace(name, abstract_reason, shares_constants)
    branch_before = _stack.branch
    _stack.traces.append(trace)
    if is_branch:
        _stack.branch = trace
    try:
        yield trace
    finally:
        trace.is_open = False
        _stack.branch = branch_before
        _stack.traces.pop()
