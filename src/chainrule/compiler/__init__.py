"""Running graphs: the engines, and `compile`, which keeps what they prepare."""

from chainrule.compiler.compiled import CompiledFunction, compile
from chainrule.compiler.engine import ENGINES
from chainrule.compiler.interpreter import Program

__all__ = ["ENGINES", "CompiledFunction", "Program", "compile"]
