"""Functions that are compiled on their own, each found again by a description of it.

A program's kernels are units: the program's own function, the driver, only calls them. Two
programs that need the same kernel share its code, and a kernel that has been compiled before, in
this process or in an earlier one, costs no more than looking up its description. What emits a unit
is only called if its code is not known.
"""

from __future__ import annotations

from collections.abc import Callable

from llvmlite import ir

from chainrule.compiler.native import cache
from chainrule.compiler.native.compilation import LOOPS, Effort

Need = Callable[[str, Callable[[], str], Effort], object]
"""Told of every unit: its name, a function that returns its module as text, and what to make of
it."""


class Units:
    """The units that one program calls.

    Parameters
    ----------
    need : callable
        See `Need`; called once per unit.
    """

    def __init__(self, need: Need) -> None:
        self._need = need
        self._names: set[str] = set()

    def function(
        self,
        module: ir.Module,
        description: str,
        type: ir.FunctionType,
        emit: Callable[[ir.Function], None],
        effort: Effort = LOOPS,
    ) -> ir.Function:
        """Return a unit's function, declared in a module.

        Parameters
        ----------
        module : llvmlite.ir.Module
            Of the caller.
        description : str
            Everything the unit's code depends on, but for what `machine` adds: the CPU and the
            versions of LLVM and of this library. See `descriptions.describe`.
        type : llvmlite.ir.FunctionType
        emit : callable
            Appends the unit's blocks to the function it is given, which is alone in a module.
        effort : Effort
            How hard LLVM is to try.
        """
        name = unit_name(type, description)
        known = module.globals.get(name)
        if known is not None:
            return known
        if name not in self._names:
            self._names.add(name)

            def text() -> str:
                own = ir.Module("chainrule")
                emit(declared(own, type, name))
                return str(own)

            self._need(name, text, effort)
        return declared(module, type, name)


def unit_name(type: ir.FunctionType, description: str) -> str:
    """Return the name of the unit of a description."""
    return f"unit_{cache.key_of(str(type), description)[:40]}"


def declared(module: ir.Module, type: ir.FunctionType, name: str) -> ir.Function:
    """Return a unit's function, declared in a module that does not know it yet."""
    function = ir.Function(module, type, name)
    function.attributes.add("nounwind")
    return function
