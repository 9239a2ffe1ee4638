"""The CPU at hand as LLVM sees it."""

from __future__ import annotations

import functools
from typing import Any

from llvmlite import binding as llvm

from chainrule.compiler.native import image


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
def has_float16() -> bool:
    """Whether the CPU converts from float16 and back; no library is there to do it."""
    found = llvm.get_host_cpu_features()
    return bool(found.get("f16c", "aarch64" in llvm.get_process_triple()))


def description() -> str:
    """Return what tells this CPU from any other, and this LLVM."""
    version = ".".join(map(str, llvm.llvm_version_info))
    names = llvm.get_process_triple(), llvm.get_host_cpu_name()
    return " ".join([*names, features(), version])


@functools.cache
def _initialize() -> None:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()


def target_machine(level: int) -> Any:
    """Return LLVM's description of this CPU.

    Parameters
    ----------
    level : {0, 1, 2, 3}
        How hard to try when instructions are chosen.
    """
    _initialize()
    # Code for images may lie anywhere, and is less than 2 GiB; see `linking`.
    options = {"reloc": "pic", "codemodel": "small"} if image.ARE_MADE else {"jit": True}
    return llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=features(), opt=level, **options
    )
