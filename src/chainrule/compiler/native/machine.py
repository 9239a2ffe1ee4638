"""LLVM for the CPU at hand: optimization, code, and its address."""

from __future__ import annotations

import functools
import itertools
import threading
import time
from typing import Any

import llvmlite
from llvmlite import binding as llvm

from chainrule.compiler.native import blas, cache
from chainrule.compiler.native.emit import ENTRY

_lock = threading.Lock()


@functools.cache
def features() -> str:
    """Return what the CPU can do, in LLVM's notation; vectors are to be as wide as they can."""
    found = str(llvm.get_host_cpu_features().flatten())
    return f"{found},-prefer-256-bit" if "x86_64" in llvm.get_process_triple() else found


@functools.cache
def has_fma() -> bool:
    """Whether the CPU multiplies and adds with one rounding."""
    found = llvm.get_host_cpu_features()
    return bool(found.get("fma", "aarch64" in llvm.get_process_triple()))


@functools.cache
def _initialize() -> None:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    blas.make_available()


def _target_machine() -> Any:
    return llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=features(), opt=3, jit=True
    )


def _surroundings() -> tuple[str, ...]:
    """Return what object code depends on beside the program."""
    return (
        llvm.get_process_triple(),
        llvm.get_host_cpu_name(),
        features(),
        ".".join(map(str, llvm.llvm_version_info)),
        llvmlite.__version__,
    )


def _optimize(module: Any, machine: Any) -> None:
    options = llvm.create_pipeline_tuning_options(speed_level=3)
    options.loop_vectorization = True
    options.slp_vectorization = True
    builder = llvm.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)


def _parsed(text: str, machine: Any) -> Any:
    module = llvm.parse_assembly(text)
    module.triple = llvm.get_process_triple()
    module.data_layout = str(machine.target_data)
    module.verify()
    return module


class Code:
    """A module made into machine code, or taken from the cache if it has been made before.

    Parameters
    ----------
    text : str
        The module, as LLVM's assembly language.

    Attributes
    ----------
    address : int
        Where the entry point is.
    seconds : dict
        Time by stage: ``parse``, ``optimize`` and ``generate`` if the code was made, and ``load``.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.seconds: dict[str, float] = {}
        with _lock:
            _initialize()
            began = time.perf_counter()
            machine = _target_machine()
            key = cache.key_of(text, *_surroundings())
            code = cache.load(key)
            if code is None:
                code = self._compiled(machine)
                cache.store(key, code)
                began = time.perf_counter()
            self._engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
            self._engine.add_object_file(llvm.ObjectFileRef.from_data(code))
            self._engine.finalize_object()
            self.address: int = self._engine.get_function_address(ENTRY)
            self.seconds["load"] = time.perf_counter() - began

    def _compiled(self, machine: Any) -> bytes:
        """Return the object code, adding to ``seconds``."""
        clock = [time.perf_counter()]
        module = _parsed(self.text, machine)
        clock.append(time.perf_counter())
        _optimize(module, machine)
        clock.append(time.perf_counter())
        code = machine.emit_object(module)
        clock.append(time.perf_counter())
        stages = ("parse", "optimize", "generate")
        for stage, (start, stop) in zip(stages, itertools.pairwise(clock), strict=True):
            self.seconds[stage] = stop - start
        return bytes(code)

    def assembly(self) -> str:
        """Return the machine code as assembly language, made once more to be read."""
        with _lock:
            machine = _target_machine()
            module = _parsed(self.text, machine)
            _optimize(module, machine)
            return str(machine.emit_assembly(module))
