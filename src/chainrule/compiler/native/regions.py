"""What a program does so that other threads help it, and so that it can be interrupted.

A step in chunks becomes a task, a function of a context and the number of a chunk, and a call of
the pool (see `threads`), which runs the task for all chunks. The context is a table of addresses.

A program has a budget, in estimated nanoseconds. What it does in loops is counted against that, and
when it is spent, the program looks for signals; see ``pool.ll``.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence

from llvmlite import ir

from chainrule.compiler.native import threads
from chainrule.compiler.native.chunks import Chunks
from chainrule.compiler.native.loops import INDEX, POINTER

Values = Sequence[ir.Value]

Body = Callable[[ir.IRBuilder, Values, ir.Value, ir.Value], None]
"""Emits what a chunk does: told a builder, addresses, and the positions to start and to stop at."""

_BIT = ir.IntType(1)
_VOID = ir.VoidType()
_TASK = ir.FunctionType(_VOID, [POINTER, INDEX])
_REGION = ir.FunctionType(_BIT, [POINTER, POINTER, INDEX, INDEX, POINTER])


class Regions:
    """The chunks and looks of one program.

    Parameters
    ----------
    builder : llvmlite.ir.IRBuilder
        Of the program's function.
    entry : llvmlite.ir.IRBuilder
        Of the function's first block, for what has to be there once.
    """

    def __init__(self, builder: ir.IRBuilder, entry: ir.IRBuilder) -> None:
        self.builder = builder
        self.entry = entry
        self._budget: ir.Value | None = None
        self._interrupted: ir.Block | None = None
        self._num_tasks = 0
        self._times = 1
        self._in_all = 0
        self._most_chunks = 1

    def run(self, chunks: Chunks, pointers: Values, body: Body, calls_blas: bool = False) -> None:
        """Emit all chunks of a step.

        Parameters
        ----------
        chunks : Chunks
        pointers : sequence of llvmlite.ir.Value
            The addresses that are needed.
        body : callable
            See `Body`.
        calls_blas : bool
        """
        if calls_blas:
            self.hold_blas()
        stop = None
        if chunks.count == 1:
            body(self.builder, pointers, INDEX(0), INDEX(chunks.extent))
        else:
            stop = self._in_chunks(chunks, pointers, body)
        if calls_blas:
            self.release_blas()
        if stop is not None:
            self._leave_if(stop)

    def hold_blas(self) -> None:
        """Emit that BLAS is to use one thread from now on."""
        self._call(threads.HOLD_BLAS)

    def release_blas(self) -> None:
        """Emit that BLAS may use as many threads as before."""
        self._call(threads.RELEASE_BLAS)

    def _in_chunks(self, chunks: Chunks, pointers: Values, body: Body) -> ir.Value:
        b = self.builder
        context = self.entry.alloca(POINTER, len(pointers))
        for number, pointer in enumerate(pointers):
            b.store(pointer, _entry_of(b, context, number))
        task = self._task(chunks, len(pointers), body)
        self._in_all += self._times * chunks.count * chunks.work
        self._most_chunks = max(self._most_chunks, chunks.count)
        routine = threads.IN_ORDER if chunks.in_order else threads.IN_PARALLEL
        function = _declared(b.module, routine, _REGION)
        return b.call(
            function, [task, context, INDEX(chunks.count), INDEX(chunks.work), self.budget]
        )

    def _call(self, name: str) -> None:
        self.builder.call(_declared(self.builder.module, name, ir.FunctionType(_VOID, [])), [])

    def _task(self, chunks: Chunks, num_pointers: int, body: Body) -> ir.Function:
        task = ir.Function(self.builder.module, _TASK, f"task{self._num_tasks}")
        self._num_tasks += 1
        task.linkage = "internal"
        task.attributes.add("nounwind")
        context, number = task.args
        b = ir.IRBuilder(task.append_basic_block("entry"))
        pointers = [b.load(_entry_of(b, context, i), typ=POINTER) for i in range(num_pointers)]
        start = b.mul(number, INDEX(chunks.size))
        is_last = b.icmp_unsigned("==", number, INDEX(chunks.count - 1))
        stop = b.select(is_last, INDEX(chunks.extent), b.add(start, INDEX(chunks.size)))
        body(b, pointers, start, stop)
        b.ret_void()
        return task

    @contextlib.contextmanager
    def repeated(self, times: int) -> Iterator[None]:
        """Take it that what is emitted inside runs so many times."""
        self._times *= times
        yield
        self._times //= times

    def finish(self) -> None:
        """Emit, at the start of the program, that threads will be wanted, if they will.

        Steps too short to wake a thread for may be worth it together.
        """
        wanted = min(self._in_all // threads.WORTH_WAKING, self._most_chunks - 1)
        if wanted:
            type = ir.FunctionType(_VOID, [INDEX])
            function = _declared(self.entry.module, threads.GET_READY, type)
            self.entry.call(function, [INDEX(wanted)])

    # -- signals ---------------------------------------------------------------------------------

    @property
    def budget(self) -> ir.Value:
        """The address of what is left of the budget."""
        if self._budget is None:
            self._budget = self.entry.alloca(INDEX)
            self.entry.store(INDEX(threads.BETWEEN_LOOKS), self._budget)
        return self._budget

    def count(self, work: float) -> None:
        """Emit that some work has been done, and a look for signals if it is time for one."""
        b = self.builder
        rest = b.sub(b.load(self.budget, typ=INDEX), INDEX(max(1, int(work))))
        b.store(rest, self.budget)
        look, go_on = [b.append_basic_block(name) for name in ("look", "go_on")]
        b.cbranch(b.icmp_signed("<", rest, INDEX(0)), look, go_on)
        b.position_at_end(look)
        type = ir.FunctionType(_BIT, [POINTER])
        function = _declared(b.module, threads.LOOK_FOR_SIGNALS, type)
        self._leave_if(b.call(function, [self.budget]))
        b.branch(go_on)
        b.position_at_end(go_on)

    def _leave_if(self, stop: ir.Value) -> None:
        b = self.builder
        if self._interrupted is None:
            self._interrupted = b.append_basic_block("interrupted")
            status = b.function.function_type.return_type
            ir.IRBuilder(self._interrupted).ret(status(threads.INTERRUPTED))
        after = b.append_basic_block("after")
        b.cbranch(stop, self._interrupted, after)
        b.position_at_end(after)


def _entry_of(builder: ir.IRBuilder, context: ir.Value, number: int) -> ir.Value:
    return builder.gep(context, [INDEX(number)], inbounds=True, source_etype=POINTER)


def _declared(module: ir.Module, name: str, type: ir.FunctionType) -> ir.Function:
    function = module.globals.get(name)
    if function is None:
        function = ir.Function(module, type, name)
        function.attributes.add("nounwind")
    return function
