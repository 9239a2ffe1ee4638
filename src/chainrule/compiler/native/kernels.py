"""The steps of a program: a handful of kinds, over buffers.

A `Block` is a list of steps that run in order. Most are a `Loop`: for every position of an
iteration space, evaluate expressions and store or accumulate them. A `Nest` runs several loops for
one row after the other. `Product` is a matrix product, `Sort` finds an order, `Call` hands arrays
to a routine of LAPACK's; `Guard` leaves the program when an index was out of range. The others hold
blocks: `Repeat` is ``scan``, `While` and `Branch` are what their names say.

``str(block)`` shows the program as pseudo-code.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, field, replace
from functools import cached_property

from chainrule.compiler.native.expressions import Apply, Expression, Load, Place, nodes
from chainrule.compiler.native.views import Buffer, Shape, View


@dataclass(frozen=True, eq=False)
class Result:
    """What a loop does with one expression.

    Attributes
    ----------
    target : View or Place
        Where it goes, a view of the shape of the iteration space; its strides are 0 along the
        axes that are reduced.
    value : Expression
    combine : str
        How it goes there: ``""`` stores; ``"add"``, ``"multiply"``, ``"maximum"``, ``"minimum"``
        accumulate; ``"argmax"`` and ``"argmin"`` store the position along the reduced axis.
    """

    target: View | Place
    value: Expression
    combine: str = ""

    @property
    def roots(self) -> tuple[Expression, ...]:
        """All expressions to evaluate, those of the place among them."""
        if isinstance(self.target, Place):
            return (self.value, *self.target.indices)
        return (self.value,)

    @property
    def view(self) -> View:
        """Return the view of the target."""
        return self.target.view if isinstance(self.target, Place) else self.target


@dataclass(frozen=True, eq=False)
class Loop:
    """Evaluate expressions over an iteration space.

    Attributes
    ----------
    shape : tuple of int
    reduced : tuple of bool
        The axes over which results that accumulate do so.
    results : tuple of Result
    ordered : bool
        Whether positions must be visited in C order, because later ones read or overwrite what
        earlier ones wrote.
    """

    shape: Shape
    reduced: tuple[bool, ...]
    results: tuple[Result, ...]
    ordered: bool = False

    @property
    def stages(self) -> tuple[Loop, ...]:
        """The loop itself, the only stage of a nest of one."""
        return (self,)

    @cached_property
    def roots(self) -> tuple[Expression, ...]:
        """All expressions to evaluate."""
        return tuple([root for result in self.results for root in result.roots])

    @cached_property
    def nodes(self) -> tuple[Expression, ...]:
        """All expressions and their parts, arguments before what uses them."""
        return tuple(nodes(*self.roots))

    @cached_property
    def ops(self) -> frozenset[str]:
        """The names of the ops applied."""
        return frozenset([node.op for node in self.nodes if isinstance(node, Apply)])

    @cached_property
    def all_views(self) -> tuple[View, ...]:
        """The views that are read through."""
        return tuple([node.view for node in self.nodes if isinstance(node, (Load, Place))])

    @property
    def first_reduced(self) -> int:
        """The first axis that is reduced; the number of axes if none is."""
        return self.reduced.index(True) if True in self.reduced else len(self.shape)

    @property
    def in_registers(self) -> bool:
        """Whether axes are reduced and no kept one is inside, so that each sum is one number."""
        return True in self.reduced and all(self.reduced[self.first_reduced :])

    @property
    def is_sequential(self) -> bool:
        """Whether positions of the outermost axis depend on each other."""
        return self.ordered or self.reduced[0]

    @cached_property
    def _reads(self) -> frozenset[Buffer]:
        return frozenset([view.buffer.root for view in self.all_views if view.buffer is not None])

    @cached_property
    def _writes(self) -> frozenset[Buffer]:
        return frozenset([result.view.memory.root for result in self.results])

    def reads(self) -> Set[Buffer]:
        """Return the memory read."""
        return self._reads

    def writes(self) -> Set[Buffer]:
        """Return the memory written."""
        return self._writes


@dataclass(frozen=True, eq=False)
class Nest:
    """Loops that share their outermost axes: for each position of those, one after the other.

    What one of them writes for a row and only later ones read need not be kept for other rows; it
    lies in buffers of kind "row", which the code has on its stack.

    Attributes
    ----------
    shared : int
        Number of the axes shared.
    stages : tuple of Loop
        Over all axes, those shared and those of their own. Over a shared axis only rows of sums
        are taken: loops whose own axes are all kept.
    """

    shared: int
    stages: tuple[Loop, ...]

    @property
    def roots(self) -> tuple[Expression, ...]:
        """All expressions to evaluate."""
        return tuple([root for stage in self.stages for root in stage.roots])

    @property
    def rows(self) -> tuple[Buffer, ...]:
        """The buffers that hold what belongs to one row, in the order in which they are written."""
        written = [result.view.memory for stage in self.stages for result in stage.results]
        return tuple(dict.fromkeys([buffer for buffer in written if buffer.kind == "row"]))

    @property
    def takes_range(self) -> bool:
        """Whether its code is told over which positions of the outermost axis to run.

        All code is, but for single numbers, for stages that share no axis, and for sums along one
        axis, which are added up in parts whose lengths depend on its extent.
        """
        shape = self.stages[0].shape
        if not self.has_common_axis:
            return False
        return len(shape) > 1 or (len(shape) == 1 and not self.stages[0].in_registers)

    def of_any_length(self) -> Nest:
        """Return the nest with an outermost axis of no particular extent."""
        stages = [replace(loop, shape=(0, *loop.shape[1:])) for loop in self.stages]
        return Nest(self.shared, tuple(stages))

    @property
    def can_be_split(self) -> bool:
        """Whether the positions of the outermost axis may be divided among threads."""
        if not self.has_common_axis or not self.stages[0].shape:
            return False
        return not any(loop.is_sequential for loop in self.stages)

    @property
    def has_common_axis(self) -> bool:
        """Whether the outermost axis is that of all stages; it is not if those shared had length 1.

        An arranged nest has lost such axes.
        """
        return self.shared > 0 or len(self.stages) == 1

    @cached_property
    def _reads(self) -> frozenset[Buffer]:
        return frozenset().union(*[stage.reads() for stage in self.stages])

    @cached_property
    def _writes(self) -> frozenset[Buffer]:
        return frozenset().union(*[stage.writes() for stage in self.stages])

    def reads(self) -> Set[Buffer]:
        """Return the memory read."""
        return self._reads

    def writes(self) -> Set[Buffer]:
        """Return the memory written."""
        return self._writes


@dataclass(frozen=True, eq=False)
class Product:
    """``target[s] = left[s] @ right[s]`` for all s.

    Attributes
    ----------
    left, right, target : View
        Of shapes ``(s, m, k)``, ``(s, k, n)`` and ``(s, m, n)``.
    epilogue : Loop or None
        Over m and n, for s = 1: what to store in place of the product, which is in it a load of
        the target at the same position. Then the target is not written.
    """

    left: View
    right: View
    target: View
    epilogue: Loop | None = None

    @property
    def result(self) -> View:
        """The only matrix of the target."""
        return View(
            self.target.buffer, self.target.shape[1:], self.target.strides[1:], self.target.offset
        )

    def reads(self) -> Set[Buffer]:
        """Return the memory read."""
        factors = {self.left.memory.root, self.right.memory.root}
        if self.epilogue is None:
            return factors
        return factors | (self.epilogue.reads() - {self.target.memory.root})

    def writes(self) -> Set[Buffer]:
        """Return the memory written."""
        return {self.target.memory.root} if self.epilogue is None else self.epilogue.writes()


@dataclass(frozen=True, eq=False)
class Sort:
    """The stable order of every row of a matrix; ``scratch`` is room for three rows of words."""

    source: View
    target: View
    scratch: tuple[Buffer, ...]

    def reads(self) -> Set[Buffer]:
        """Return the memory read."""
        return {self.source.memory.root}

    def writes(self) -> Set[Buffer]:
        """Return the memory written."""
        return {buffer.root for buffer in (self.target.memory, *self.scratch)}


@dataclass(frozen=True, eq=False)
class Call:
    """Call a routine that takes every argument by address, ``count`` times.

    Attributes
    ----------
    routine : str
        Its full name; see `routines`.
    count : int
    arguments : tuple of View, int or str
        The first stride of a view, of shape ``(count, …)``, leads from one call to the next;
        integers have 32 bits, strings are single letters.
    written : tuple of View
        The arguments that the routine may write to.
    """

    routine: str
    count: int
    arguments: tuple[View | int | str, ...]
    written: tuple[View, ...]

    def reads(self) -> Set[Buffer]:
        """Return the memory read."""
        return {a.memory.root for a in self.arguments if isinstance(a, View)}

    def writes(self) -> Set[Buffer]:
        """Return the memory written."""
        return {view.memory.root for view in self.written}


@dataclass(frozen=True, eq=False)
class Guard:
    """Leave the program if a flag is set."""

    flag: View

    def reads(self) -> Set[Buffer]:
        """Return the memory read."""
        return {self.flag.memory.root}

    def writes(self) -> Set[Buffer]:
        """Return nothing."""
        return set()


@dataclass(frozen=True, eq=False)
class Carry:
    """What a loop hands from one step to the next, without copying it.

    The body reads it through the pointer ``current`` and writes its successor through ``next``.
    The first step reads ``initial``; from then on the pointers alternate between ``even``, which
    step 0 writes, and ``odd``.
    """

    current: Buffer
    next: Buffer
    initial: View
    even: Buffer
    odd: Buffer


@dataclass(frozen=True, eq=False)
class Row:
    """A pointer to the row of an array that belongs to the step of a loop."""

    pointer: Buffer
    base: View
    """The first row."""
    stride: int


@dataclass(frozen=True, eq=False)
class Repeat:
    """Run a body ``length`` times."""

    length: int
    reverse: bool
    carries: tuple[Carry, ...]
    rows: tuple[Row, ...]
    body: Block

    @property
    def blocks(self) -> tuple[Block, ...]:
        """The blocks held."""
        return (self.body,)

    def reads(self) -> Set[Buffer]:
        """Return the memory read here or inside."""
        own = {carry.initial.memory.root for carry in self.carries}
        return own | _within(self.blocks, "reads") | self._alternating()

    def writes(self) -> Set[Buffer]:
        """Return the memory written here or inside."""
        return _within(self.blocks, "writes") | self._alternating()

    def _alternating(self) -> set[Buffer]:
        return {buffer.root for carry in self.carries for buffer in (carry.even, carry.odd)}


@dataclass(frozen=True, eq=False)
class While:
    """Run a body as long as a condition's flag is set; copy the carries to ``results`` then."""

    carries: tuple[Carry, ...]
    condition: Block
    flag: View
    body: Block
    results: tuple[View, ...]

    @property
    def blocks(self) -> tuple[Block, ...]:
        """The blocks held."""
        return (self.condition, self.body)

    def reads(self) -> Set[Buffer]:
        """Return the memory read here or inside."""
        own = {carry.initial.memory.root for carry in self.carries}
        return own | _within(self.blocks, "reads") | self._alternating()

    def writes(self) -> Set[Buffer]:
        """Return the memory written here or inside."""
        own = {view.memory.root for view in self.results}
        return own | _within(self.blocks, "writes") | self._alternating()

    def _alternating(self) -> set[Buffer]:
        return {buffer.root for carry in self.carries for buffer in (carry.even, carry.odd)}


@dataclass(frozen=True, eq=False)
class Branch:
    """Run one of two blocks."""

    flag: View
    holds: Block
    fails: Block

    @property
    def blocks(self) -> tuple[Block, ...]:
        """The blocks held."""
        return (self.holds, self.fails)

    def reads(self) -> Set[Buffer]:
        """Return the memory read here or inside."""
        own = {self.flag.memory.root}
        return own | _within(self.blocks, "reads")

    def writes(self) -> Set[Buffer]:
        """Return the memory written here or inside."""
        return _within(self.blocks, "writes")


Kernel = Loop | Nest
"""Steps that loop over positions."""

Step = Loop | Nest | Product | Sort | Call | Guard | Repeat | While | Branch


@dataclass(eq=False)
class Block:
    """Steps that run in order.

    Attributes
    ----------
    steps : list of Step
    buffers : list of Buffer
        Those of the arena that hold what this block computes.
    """

    steps: list[Step] = field(default_factory=list)
    buffers: list[Buffer] = field(default_factory=list)

    def all_steps(self) -> Iterator[Step]:
        """Yield the steps of this block and of those inside."""
        for step in self.steps:
            yield step
            for block in blocks_of(step):
                yield from block.all_steps()

    def __str__(self) -> str:
        from chainrule.compiler.native.printer import format_block

        return format_block(self)


def blocks_of(step: Step) -> tuple[Block, ...]:
    """Return the blocks that a step holds."""
    return step.blocks if isinstance(step, (Repeat, While, Branch)) else ()


def _within(blocks: Sequence[Block], what: str) -> set[Buffer]:
    found: set[Buffer] = set()
    for block in blocks:
        for step in block.steps:
            found |= getattr(step, what)()
    return found
