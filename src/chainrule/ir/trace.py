"""Recording: a `Trace` turns calls of ops on traced arrays into equations.

Traces nest, one for every transform at work. An op is recorded by the innermost trace among its
arguments; a traced array of an enclosing trace is *lifted*, that is, it becomes one more input of
the graph. Two things follow. Work that does not depend on the inner trace's inputs ends up outside
of it by itself. And nested derivatives cannot be confused with each other, because what an inner
trace has not been given as its own input it can only see as a constant.

A trace whose inputs have values can look at the value of anything it has recorded, which is what
lets an uncompiled ``grad(f)`` run ``if x > 0:``. Values are computed when asked for, not before.
"""

from __future__ import annotations

import contextlib
import threading
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
        self.branch_depth = -1  # the innermost trace that records a branch of a `cond`


_stack = _Stack()


def current_trace() -> Trace | None:
    """Return the innermost trace now recording in this thread, or None."""
    return _stack.traces[-1] if _stack.traces else None


def recording_trace(args: Sequence[Any]) -> Trace | None:
    """Return the trace that has to record an op on these arguments, or None if none is traced."""
    found: Trace | None = None
    for arg in args:
        if isinstance(arg, Traced):
            trace = arg.owner
            if found is None or trace.depth > found.depth:
                found = trace
            if not trace.is_open:
                raise leaked(arg)
    if found is not None and found.depth < _stack.branch_depth:
        # What a branch computes must stay in the branch, even if it could be hoisted: it may
        # be there precisely because it must not be computed otherwise.
        return _stack.traces[_stack.branch_depth]
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
    depth : int
        How many traces enclose this one.
    name : str
        What is being traced, for messages: ``grad(loss)``.
    abstract_reason : str
        Why values are not available, for messages; unused where they are.
    """

    tracer_type: type[Traced] = Traced

    __slots__ = (
        "_evaluated",
        "_lifted",
        "_values",
        "abstract_reason",
        "depth",
        "equations",
        "inputs",
        "is_open",
        "name",
    )

    def __init__(self, depth: int, name: str, abstract_reason: str) -> None:
        self.depth = depth
        self.name = name
        self.abstract_reason = abstract_reason
        self.inputs: list[Var] = []
        self.equations: list[Equation] = []
        self.is_open = True
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
            return Literal(value)
        if value.owner is self:
            return value.variable
        if not value.owner.is_open:
            raise leaked(value)
        known = self._lifted.get(value.variable)
        if known is None:
            known = (value, Var(value.type))
            self._lifted[value.variable] = known
        return known[1]

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


@contextlib.contextmanager
def new_trace(
    name: str, abstract_reason: str = "it is being traced", is_branch: bool = False
) -> Iterator[Trace]:
    """Open a trace inside those now open in this thread, and close it afterwards.

    Parameters
    ----------
    name, abstract_reason : str
        See `Trace`.
    is_branch : bool
        Whether to record also the ops whose arguments are all from enclosing traces.
    """
    trace = Trace(len(_stack.traces), name, abstract_reason)
    branch_before = _stack.branch_depth
    _stack.traces.append(trace)
    if is_branch:
        _stack.branch_depth = trace.depth
    try:
        yield trace
    finally:
        trace.is_open = False
        _stack.branch_depth = branch_before
        _stack.traces.pop()
