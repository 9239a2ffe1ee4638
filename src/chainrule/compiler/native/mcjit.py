"""Object code linked and loaded by LLVM, on machines for which no images are made."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from llvmlite import binding as llvm

from chainrule.compiler.native import machine, symbols

_lock = threading.Lock()


class LoadedByLLVM:
    """Object code in memory, where it stays as long as this object.

    Parameters
    ----------
    contents : sequence of bytes
    called : sequence of str
        The functions elsewhere that may be called.
    """

    def __init__(self, contents: Sequence[bytes], called: Sequence[str]) -> None:
        with _lock:
            for name in called:
                address = symbols.find(name)
                if address is not None:
                    llvm.add_symbol(name, address)
            self._engine = llvm.create_mcjit_compiler(
                llvm.parse_assembly(""), machine.target_machine(0)
            )
            for code in contents:
                self._engine.add_object_file(llvm.ObjectFileRef.from_data(code))
            self._engine.finalize_object()

    def address_of(self, name: str) -> int:
        """Return where a function is."""
        found: int = self._engine.get_function_address(name)
        return found
