"""Machine code made of LLVM's assembly language, on all cores, and kept for the next program."""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from llvmlite import binding as llvm

from chainrule._threads import get_threads
from chainrule.compiler.native import arguments, cache, loading, machine, threads
from chainrule.compiler.native.surroundings import surroundings


class Effort(NamedTuple):
    """How hard LLVM tries, from 0 to 3: at rewriting a module, and at choosing instructions.

    Rewriting at level 1 is what does not take long, see `_optimize`.
    """

    optimize: int
    generate: int


LOOPS = Effort(3, 3)
"""For loops, which it makes loops over vectors."""

ROWS = Effort(1, 3)
"""For code that is written in vectors, and of which LLVM is only to combine instructions."""

VECTORS = Effort(0, 3)
"""For code that is written in vectors and in the order in which it is to run."""

WRITTEN = Effort(0, 0)
"""For code in which a program spends next to no time: it runs as it is written."""

DRIVER = WRITTEN
"""For what calls units and computes nothing itself."""

_Made = tuple[bytes, dict[str, float]]

_known: dict[str, bytes] = {}
_lock = threading.Lock()
MOST_KNOWN = 4096
"""How many units' code a process remembers; the one first made is forgotten first."""


class Compilation:
    """The object code of one program: taken from the caches where it is known, made where not.

    What has to be made is made by other threads as soon as it is asked for, while the one that
    asks goes on to write what it asks for next.

    Attributes
    ----------
    seconds : dict
        Time by stage, ``parse``, ``optimize`` and ``generate``, of all that had to be made, added
        up over the cores.
    """

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()
        self._found: list[bytes] = []
        self._missing: list[str] = []
        self._team = _Team()

    def get_ready(self) -> None:
        """Ask for the code that runs programs, of which every process needs the same."""
        self._team.do(_get_ready)

    def need(self, name: str, text: Callable[[], str], effort: Effort) -> None:
        """Ask for a unit's code; the name says all about the unit."""
        key = cache.key_of("unit", name, surroundings(), str(effort))
        code = _known.get(key) or cache.load(key)
        if code is None:
            self._missing.append(key)
            self._team.make(text(), effort)
        else:
            self._found.append(code)
            _remember(key, code)

    def finish(self, driver: str) -> list[bytes]:
        """Return the object code of a driver, and that of all units that were asked for."""
        self._team.make(driver, DRIVER)
        made = self._team.finish()
        for key, (code, _) in zip(self._missing, made, strict=False):
            _remember(key, code)
            cache.store(key, code)
        for _, seconds in made:
            self.seconds.update(seconds)
        return [*self._found, *[code for code, _ in made]]


def _get_ready() -> None:
    with contextlib.suppress(Exception):  # whoever needs the code is going to be told
        loading.made(arguments.CODE)
        threads.made()


def _remember(key: str, code: bytes) -> None:
    with _lock:
        _known[key] = code
        if len(_known) > MOST_KNOWN:
            del _known[next(iter(_known))]


class _Team:
    """Threads that make modules into machine code, as many as may be used beside the caller's."""

    def __init__(self) -> None:
        self._left: deque[Callable[[], None]] = deque()
        self._made: dict[int, _Made] = {}
        self._num_modules = 0
        self._errors: list[BaseException] = []
        self._others: list[threading.Thread] = []

    def make(self, text: str, effort: Effort) -> None:
        """Ask for a module's code."""
        number = self._num_modules
        self._num_modules += 1

        def job() -> None:
            self._made[number] = object_code(text, effort)

        self.do(job)

    def do(self, job: Callable[[], None]) -> None:
        """Ask for something to be done before the team has finished."""
        self._left.append(job)
        self._others = [thread for thread in self._others if thread.is_alive()]
        if len(self._others) < get_threads() - 1:
            thread = threading.Thread(target=self._work)
            with contextlib.suppress(RuntimeError):  # about to end, Python starts no threads
                thread.start()
                self._others.append(thread)

    def finish(self) -> list[_Made]:
        """Return the code of all modules in the order in which they were asked for."""
        self._work()
        for thread in self._others:
            thread.join()
        if self._errors:
            raise self._errors[0]
        return [self._made[number] for number in range(self._num_modules)]

    def _work(self) -> None:
        while True:
            try:
                job = self._left.popleft()
            except IndexError:
                return
            try:
                job()
            except BaseException as error:
                self._left.clear()
                self._errors.append(error)


def assembly(text: str, effort: Effort) -> str:
    """Return the machine code of a module as assembly language."""
    target, layout = _target(effort.generate)
    with _parsed(text, layout) as module:
        _optimize(module, target, effort.optimize)
        return str(target.emit_assembly(module))


def object_code(text: str, effort: Effort) -> _Made:
    """Return the machine code of a module, and the time by stage."""
    clock = [time.perf_counter()]
    target, layout = _target(effort.generate)
    with _parsed(text, layout) as module:
        clock.append(time.perf_counter())
        _optimize(module, target, effort.optimize)
        clock.append(time.perf_counter())
        code = _generate(module, target)
        clock.append(time.perf_counter())
    stages = ("parse", "optimize", "generate")
    times = [stop - start for start, stop in itertools.pairwise(clock)]
    return code, dict(zip(stages, times, strict=True))


class _Targets(threading.local):
    """LLVM's descriptions of this CPU, which threads must not share, and which take time to make.

    See `machine.target_machine`.
    """

    def __init__(self) -> None:
        self.by_level: dict[int, tuple[Any, str]] = {}


_targets = _Targets()


def _target(level: int) -> tuple[Any, str]:
    """Return this thread's description of the CPU for a level, and how data are laid out."""
    known = _targets.by_level.get(level)
    if known is None:
        target = machine.target_machine(level)
        known = _targets.by_level[level] = target, str(target.target_data)
    return known


@contextlib.contextmanager
def _parsed(text: str, layout: str) -> Iterator[Any]:
    # Modules of one context must not be worked on at the same time.
    module = llvm.parse_assembly(text, llvm.create_context())
    try:
        module.triple = llvm.get_process_triple()
        module.data_layout = layout
        module.verify()
        yield module
    finally:
        # Before its context, even if a signal's handler raises: the garbage collector, which gets
        # what tracebacks refer to, knows no order.
        module.close()


def _optimize(module: Any, target: Any, level: int) -> None:
    if level == 0:
        return
    options = llvm.create_pipeline_tuning_options(speed_level=level)
    if level == 1:
        passes = llvm.create_new_module_pass_manager()
        passes.add_sroa_pass()
        passes.add_new_gvn_pass()
        passes.add_instruction_combine_pass()
        _run(passes, module, llvm.create_pass_builder(target, options))
        return
    options.loop_vectorization = True
    # Vectors of what is no loop: once they came out as instructions that computed wrong numbers
    # (LLVM 20, two signs of float64 at a time on AVX-512), and they were never seen to pay.
    options.slp_vectorization = False
    builder = llvm.create_pass_builder(target, options)
    _run(builder.getModulePassManager(), module, builder)


def _run(passes: Any, module: Any, builder: Any) -> None:
    _unlocked("LLVMPY_RunNewModulePassManager")(passes, module, builder)


def _generate(module: Any, target: Any) -> bytes:
    """Return a module's machine code: what ``emit_object`` does, but side by side."""
    lib = llvm.ffi.lib
    with llvm.ffi.OutputString() as error:
        memory = _unlocked("LLVMPY_TargetMachineEmitToMemory")(target, module, 1, error)
        if not memory:
            raise RuntimeError(str(error))
    try:
        size = lib.LLVMPY_GetBufferSize(memory)
        return ctypes.string_at(lib.LLVMPY_GetBufferStart(memory), size)
    finally:
        lib.LLVMPY_DisposeMemoryBuffer(memory)


def _unlocked(name: str) -> Any:
    """Return a function of LLVM's that several threads may be in at the same time.

    llvmlite lets one thread at a time into LLVM. LLVM itself asks that only of threads that share
    a context, and ours do not. Where llvmlite keeps what it locks is not part of its interface;
    should it change, threads wait for each other as they do in llvmlite.
    """
    function = getattr(llvm.ffi.lib, name)
    return getattr(function, "_cfn", function)
