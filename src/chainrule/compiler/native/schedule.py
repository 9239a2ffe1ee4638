"""From a graph to steps over buffers.

Equations are taken in order, and each value becomes an `Expression`. Elementwise ops and changes
of layout only build expressions; nothing is computed before something needs the value in memory: a
reduction, a matrix product, a loop, a result, or a second reader to whom it would be dear to
compute it again. Then the expression becomes one `Loop`.

Everything is written where it is wanted: results of the program straight into the output arrays,
the rows a ``scan`` puts out into their stack, its carry into the buffer from which the next step
reads it.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.compiler.native import (
    control,
    expansions,
    lapack,
    layouts,
    matrices,
    searching,
    sorting,
    special_functions,
)
from chainrule.compiler.native.expressions import (
    INDEX,
    MAX_NODES,
    Apply,
    Constant,
    Expression,
    Load,
    count,
    is_cheap,
    is_light,
    relayout,
    views,
)
from chainrule.compiler.native.kernels import Block, Guard, Loop, Result, Step
from chainrule.compiler.native.views import (
    Buffer,
    Shape,
    View,
    broadcast,
    c_strides,
    sliced,
    whole,
)
from chainrule.ir import Atom, Equation, Graph, Literal, Var
from chainrule.ops.family import BOOL, Elementwise


class Memory:
    """The buffers of one program.

    Attributes
    ----------
    constants : list of ndarray
        Contents of the constant buffers, in order.
    """

    def __init__(self) -> None:
        self.constants: list[np.ndarray] = []
        self._numbers: dict[str, itertools.count[int]] = {}
        self._views: dict[int, tuple[Any, View]] = {}

    def buffer(
        self, kind: str, dtype: np.dtype[Any], size: int, of: Buffer | None = None
    ) -> Buffer:
        """Return a new buffer."""
        number = next(self._numbers.setdefault(kind, itertools.count()))
        return Buffer(dtype, size, kind, number, of)

    def make_temporary(self, buffer: Buffer) -> None:
        """Move what has been an output into the arena."""
        counter = self._numbers.setdefault("arena", itertools.count())
        buffer.kind, buffer.number = "arena", next(counter)

    def constant(self, value: Any) -> Expression:
        """Return what stands for a constant; what it merely repeats is kept once."""
        array = np.asarray(value)
        if array.size == 0:
            return Constant(array.dtype.type(0))
        if not any(array.strides):
            return Constant(array.reshape(-1)[0])
        known = self._views.get(id(value))
        if known is None:
            compact = _compact(array)
            if compact.size == 1:
                return Constant(compact.reshape(-1)[0])
            buffer = self.buffer("constant", array.dtype, compact.size)
            # The code reads the memory for as long as it lives, so it must not change.
            is_fixed = compact.base is None and not compact.flags.writeable
            is_readable = compact.flags.c_contiguous and compact.flags.aligned
            self.constants.append(
                compact if is_fixed and is_readable else np.array(compact, order="C")
            )
            # The value is kept too, lest another take over its id.
            known = value, broadcast(whole(buffer, compact.shape), array.shape)
            self._views[id(value)] = known
        return Load(known[1])


def _compact(array: np.ndarray) -> np.ndarray:
    """Return the array with axes along which it merely repeats cut to length 1."""
    bits = array.view(np.dtype(f"u{array.dtype.itemsize}"))  # -0 is not 0, and NaN is itself
    for axis in range(array.ndim):
        first = tuple([slice(0, 1) if i == axis else slice(None) for i in range(array.ndim)])
        if array.strides[axis] == 0 or np.array_equal(
            bits, np.broadcast_to(bits[first], bits.shape)
        ):
            array, bits = array[first], bits[first]
    return array


class Scheduler:
    """Turns one graph into a block.

    Parameters
    ----------
    memory : Memory
    graph : Graph
    arguments : sequence of Expression
        What the inputs stand for.
    targets : sequence of View
        Where the outputs go: whole buffers.
    """

    def __init__(
        self,
        memory: Memory,
        graph: Graph,
        arguments: Sequence[Expression],
        targets: Sequence[View],
    ) -> None:
        self.memory = memory
        self.graph = graph
        self.block = Block()
        self.values: dict[Var, Expression] = dict(zip(graph.inputs, arguments, strict=True))
        self.uses: Counter[Var] = Counter()
        self._checked: set[tuple[View, int]] = set()
        self._all_targets = list(targets)
        self._targets: dict[Var, View] = {}
        for atom, target in zip(graph.outputs, targets, strict=True):
            if isinstance(atom, Var):
                self._targets.setdefault(atom, target)

    def run(self) -> Block:
        """Return the block that computes the outputs."""
        self.equations(self.graph)
        for atom, target in zip(self.graph.outputs, self._all_targets, strict=True):
            value = self.value(atom)
            if not (isinstance(value, Load) and value.view == target):
                self.store(target, value)
        return self.block

    def equations(self, graph: Graph) -> None:
        """Schedule the equations of the graph, or of one that is inlined into it."""
        for equation in graph.equations:
            self.uses.update(atom for atom in equation.inputs if isinstance(atom, Var))
        self.uses.update(atom for atom in graph.outputs if isinstance(atom, Var))
        for equation in graph.equations:
            handler = HANDLERS.get(equation.op.name)
            expansion = expansions.expansion_of(equation)
            if expansion is not None:
                values = expansions.expand(self, equation, expansion)
                for output, value in zip(equation.outputs, values, strict=True):
                    self.define(output, value)
            elif handler is not None:
                handler(self, equation)
            elif isinstance(equation.op, Elementwise):
                self.elementwise(equation)
            else:
                raise AssertionError(f"{equation.op.name} is not compiled; `unsupported` says so")

    # -- values ----------------------------------------------------------------------------------

    def value(self, atom: Atom) -> Expression:
        """Return the expression that a variable or constant stands for."""
        if isinstance(atom, Literal):
            return self.memory.constant(atom.value)
        return self.values[atom]

    def define(self, var: Var, value: Expression) -> None:
        """Let a variable stand for an expression, stored if that is better or wanted."""
        is_leaf = isinstance(value, (Constant, Load))
        repeated = self.uses[var] > 1 and not is_leaf and not is_cheap(value)
        if (
            var in self._targets
            or repeated
            or count(value) > MAX_NODES
            or (not is_light(value) and self._has_company(value, var.type.shape))
        ):
            target = self.new(var)
            self.store(target, value)
            value = Load(target)
        self.values[var] = value

    def _has_company(self, value: Expression, shape: Shape) -> bool:
        """Whether a loop can take an expression in that already reads some of what it reads.

        What is dear is best computed there, where its arguments are in registers and related
        functions share their work, and not where it is used.
        """
        needed = {view.buffer.root for view in views(value) if view.buffer is not None}
        for step in reversed(self.block.steps):
            if isinstance(step, Loop) and step.shape == shape and needed & step.reads():
                return True
            if isinstance(step, Guard) or needed & step.writes():
                return isinstance(step, Loop) and step.shape == shape
        return False

    def stored(self, atom: Atom, contiguous: bool = False) -> View:
        """Return a view of a value in memory, computing it if it is not there."""
        value = self.value(atom)
        view = value.view if isinstance(value, Load) else None
        if view and view.buffer and (view.is_contiguous or not contiguous):
            return view
        target = self.temporary(atom.type.dtype, atom.type.shape)
        self.store(target, value)
        if isinstance(atom, Var):
            self.values[atom] = Load(target)
        return target

    def stored_or_constant(self, atom: Atom) -> Expression:
        """Return a value as something that can be read again and again at no cost."""
        value = self.value(atom)
        return value if isinstance(value, Constant) else Load(self.stored(atom))

    def spread(self, atom: Atom, shape: Shape) -> Expression:
        """Return a value broadcast to a shape."""
        value = self.value(atom)
        if atom.type.shape == shape or isinstance(value, Constant):
            return value
        if not is_light(value) and not _repeats_innermost(atom.type.shape, shape):
            value = Load(self.stored(atom))
        changed = relayout(value, lambda view: broadcast(view, shape))
        assert changed is not None
        return changed

    # -- memory ----------------------------------------------------------------------------------

    def temporary(self, dtype: np.dtype[Any], shape: Shape) -> View:
        """Return a new array in the arena."""
        return whole(self.buffer(dtype, math.prod(shape)), shape)

    def buffer(self, dtype: np.dtype[Any], size: int) -> Buffer:
        """Return a new buffer in the arena."""
        buffer = self.memory.buffer("arena", dtype, size)
        self.block.buffers.append(buffer)
        return buffer

    def new(self, var: Var) -> View:
        """Return where to write a variable: its place among the outputs, or a new array."""
        target = self._targets.pop(var, None)
        return self.temporary(var.type.dtype, var.type.shape) if target is None else target

    # -- steps -----------------------------------------------------------------------------------

    def add(self, step: Step) -> None:
        """Append a step."""
        self.block.steps.append(step)

    def store(self, target: View, value: Expression) -> None:
        """Append the loop that writes an expression."""
        if target.size:
            shape = target.shape
            self.add(Loop(shape, (False,) * len(shape), (Result(target, value),)))

    def reduce(self, target: View, value: Expression, shape: Shape, axes: Any, how: str) -> None:
        """Append the loop that combines an expression of a shape over some axes."""
        reduced = tuple([axis in axes for axis in range(len(shape))])
        if 0 in shape:
            self.store(target, Constant(identity(how, value.dtype)))
            return
        kept = iter(target.strides)
        strides = tuple([0 if flag else next(kept) for flag in reduced])
        spread = View(target.buffer, shape, strides, target.offset)
        if target.size:
            self.add(Loop(shape, reduced, (Result(spread, value, how),)))

    def check_range(self, index: Expression, shape: Shape, extent: int) -> None:
        """Append the steps that leave the program if an index is out of range."""
        if isinstance(index, Load):
            if (index.view, extent) in self._checked:
                return
            self._checked.add((index.view, extent))
        if index.dtype != INDEX:
            index = Apply("convert", (index,), INDEX)
        below = Apply("less", (index, Constant(INDEX.type(-extent))), BOOL)
        above = Apply("less", (Constant(INDEX.type(extent - 1)), index), BOOL)
        self.leave_if(Apply("bitwise_or", (below, above), BOOL), shape)

    def leave_if(self, wrong: Expression, shape: Shape) -> None:
        """Append the steps that leave the program if an expression is true anywhere."""
        flag = self.temporary(BOOL, ())
        if shape:
            self.reduce(flag, wrong, shape, range(len(shape)), "maximum")
        else:
            self.store(flag, wrong)
        self.add(Guard(flag))

    def elementwise(self, equation: Equation) -> None:
        """Let the result of an elementwise op stand for an expression."""
        (output,) = equation.outputs
        arguments = [self.spread(atom, output.type.shape) for atom in equation.inputs]
        if equation.op.name == "stop_gradient" or (
            equation.op.name == "convert" and arguments[0].dtype == output.type.dtype
        ):
            self.define(output, arguments[0])
        else:
            self.define(output, Apply(equation.op.name, tuple(arguments), output.type.dtype))


def identity(how: str, dtype: np.dtype[Any]) -> Any:
    """Return the number that combining over nothing gives."""
    if how == "add":
        return dtype.type(0)
    if how == "multiply":
        return dtype.type(1)
    is_largest = how in ("maximum", "argmax")
    if dtype.kind == "f":
        return dtype.type(-np.inf if is_largest else np.inf)
    if dtype.kind == "b":
        return dtype.type(not is_largest)
    limits = np.iinfo(dtype)
    return dtype.type(limits.min if is_largest else limits.max)


def _repeats_innermost(old: Shape, new: Shape) -> bool:
    """Whether only axes inside of those that vary are repeated: then nothing is computed twice."""
    aligned = (1,) * (len(new) - len(old)) + old
    varying = [axis for axis, extent in enumerate(aligned) if extent > 1]
    repeated = [
        axis for axis, (a, b) in enumerate(zip(aligned, new, strict=True)) if a == 1 and b > 1
    ]
    return not varying or not repeated or repeated[0] > varying[-1]


# -- reductions ----------------------------------------------------------------------------------

_REDUCTIONS = {
    "reduce_sum": "add",
    "reduce_prod": "multiply",
    "reduce_max": "maximum",
    "reduce_min": "minimum",
}


def _reduction(scheduler: Scheduler, equation: Equation) -> None:
    (x,), (output,), axes = equation.inputs, equation.outputs, equation.params["axes"]
    if not axes:
        scheduler.define(output, scheduler.value(x))
        return
    target = scheduler.new(output)
    how = _REDUCTIONS[equation.op.name]
    scheduler.reduce(target, scheduler.value(x), x.type.shape, axes, how)
    scheduler.values[output] = Load(target)


def _position(scheduler: Scheduler, equation: Equation) -> None:
    (x,), (output,) = equation.inputs, equation.outputs
    target = scheduler.new(output)
    axes = (equation.params["axis"],)
    scheduler.reduce(target, scheduler.value(x), x.type.shape, axes, equation.op.name)
    scheduler.values[output] = Load(target)


def _running(scheduler: Scheduler, equation: Equation) -> None:
    """Store the first element as it is, then each from the one before it, in order."""
    (x,), (output,), axis = equation.inputs, equation.outputs, equation.params["axis"]
    target = scheduler.new(output)
    scheduler.values[output] = Load(target)
    shape = x.type.shape
    value = scheduler.value(x)

    def part(start: int, stop: int) -> Any:
        limits = [(0, extent, 1) for extent in shape]
        limits[axis] = (start, stop, 1)
        return lambda view: sliced(view, limits)

    def part_of(start: int, stop: int) -> Expression:
        changed = relayout(value, part(start, stop))
        assert changed is not None
        return changed

    if not target.size:
        return
    scheduler.store(part(0, 1)(target), part_of(0, 1))
    if shape[axis] > 1:
        after = part(1, shape[axis])(target)
        before = Load(part(0, shape[axis] - 1)(target))
        op = "add" if equation.op.name == "cumsum" else "multiply"
        combined = Apply(op, (before, part_of(1, shape[axis])), output.type.dtype)
        result = Result(after, combined)
        scheduler.add(Loop(after.shape, (False,) * len(shape), (result,), ordered=True))


def _power(scheduler: Scheduler, equation: Equation) -> None:
    """Integers have no negative powers: the interpreter raises the error."""
    _, y = equation.inputs
    dtype = y.type.dtype
    if dtype.kind == "i" and y.type.size and not (isinstance(y, Literal) and np.all(y.value >= 0)):
        exponent = scheduler.stored_or_constant(y)
        is_negative = Apply("less", (exponent, Constant(dtype.type(0))), BOOL)
        scheduler.leave_if(is_negative, y.type.shape)
    scheduler.elementwise(equation)


# -- counters ------------------------------------------------------------------------------------


def _random_bits(scheduler: Scheduler, equation: Equation) -> None:
    (key,), (output,), shape = equation.inputs, equation.outputs, equation.params["shape"]
    keys = scheduler.stored(key)
    lead = len(output.type.shape) - len(shape)

    def word(number: int) -> Expression:
        strides = keys.strides[:lead] + (0,) * len(shape)
        return Load(
            View(keys.buffer, output.type.shape, strides, keys.offset + number * keys.strides[-1])
        )

    counter = View(None, output.type.shape, (0,) * lead + c_strides(shape))
    arguments = (word(0), word(1), Load(counter))
    scheduler.define(output, Apply("random_bits", arguments, output.type.dtype))


Handler = Callable[[Scheduler, Equation], None]

HANDLERS: dict[str, Handler] = {
    **dict.fromkeys(_REDUCTIONS, _reduction),
    "argmax": _position,
    "argmin": _position,
    "cumsum": _running,
    "cumprod": _running,
    "power": _power,
    "random_bits": _random_bits,
    **layouts.HANDLERS,
    **matrices.HANDLERS,
    **sorting.HANDLERS,
    **searching.HANDLERS,
    **special_functions.HANDLERS,
    **lapack.HANDLERS,
    **expansions.HANDLERS,
    **control.HANDLERS,
}
"""How ops other than elementwise ones are scheduled."""


def schedule(graph: Graph) -> tuple[Block, Memory]:
    """Return a graph as steps, and its memory.

    Parameters
    ----------
    graph : Graph
        Inputs become the input buffers, in order, and outputs the output buffers.
    """
    memory = Memory()
    arguments = [
        Load(whole(memory.buffer("input", type.dtype, type.size), type.shape))
        for type in graph.input_types
    ]
    targets = [
        whole(memory.buffer("output", type.dtype, type.size), type.shape)
        for type in graph.output_types
    ]
    return Scheduler(memory, graph, arguments, targets).run(), memory
