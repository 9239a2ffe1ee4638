"""The steps of a program: a handful of kinds, over buffers.

A `Block` is a list of steps that run in order. Most are a `Loop`: for every position of an
iteration space, evaluate expressions and store or accumulate them. `Product` is a matrix product
for BLAS, `Sort` finds an order; `Guard` leaves the program when an index was out of range. The
others hold blocks: `Repeat` is ``scan``, `While` and `Branch` are what their names say.

``str(block)`` shows the program as pseudo-code.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from chainrule.compiler.native.expressions import Expression, Place, views
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
    def roots(self) -> tuple[Expression, ...]:
        """All expressions to evaluate."""
        return tuple([root for result in self.results for root in result.roots])

    def reads(self) -> set[Buffer]:
        """Return the memory read."""
        return {view.buffer.root for view in views(*self.roots) if view.buffer is not None}

    def writes(self) -> set[Buffer]:
        """Return the memory written."""
        return {result.view.memory.root for result in self.results}


@dataclass(frozen=True, eq=False)
class Product:
    """``target[s] = left[s] @ right[s]`` for all s, by BLAS.

    The views have shapes ``(s, m, k)``, ``(s, k, n)`` and ``(s, m, n)``.
    """

    left: View
    right: View
    target: View

    def reads(self) -> set[Buffer]:
        """Return the memory read."""
        return {self.left.memory.root, self.right.memory.root}

    def writes(self) -> set[Buffer]:
        """Return the memory written."""
        return {self.target.memory.root}


@dataclass(frozen=True, eq=False)
class Sort:
    """The stable order of every row of a matrix; ``scratch`` is room for three rows of words."""

    source: View
    target: View
    scratch: tuple[Buffer, ...]

    def reads(self) -> set[Buffer]:
        """Return the memory read."""
        return {self.source.memory.root}

    def writes(self) -> set[Buffer]:
        """Return the memory written."""
        return {buffer.root for buffer in (self.target.memory, *self.scratch)}


@dataclass(frozen=True, eq=False)
class Guard:
    """Leave the program if a flag is set."""

    flag: View

    def reads(self) -> set[Buffer]:
        """Return the memory read."""
        return {self.flag.memory.root}

    def writes(self) -> set[Buffer]:
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

    def reads(self) -> set[Buffer]:
        """Return the memory read here or inside."""
        own = {carry.initial.memory.root for carry in self.carries}
        return own | _within(self.blocks, "reads") | self._alternating()

    def writes(self) -> set[Buffer]:
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

    def reads(self) -> set[Buffer]:
        """Return the memory read here or inside."""
        own = {carry.initial.memory.root for carry in self.carries}
        return own | _within(self.blocks, "reads") | self._alternating()

    def writes(self) -> set[Buffer]:
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

    def reads(self) -> set[Buffer]:
        """Return the memory read here or inside."""
        own = {self.flag.memory.root}
        return own | _within(self.blocks, "reads")

    def writes(self) -> set[Buffer]:
        """Return the memory written here or inside."""
        return _within(self.blocks, "writes")


Step = Loop | Product | Sort | Guard | Repeat | While | Branch


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
