"""The error for a traced array that was to become a plain NumPy array.

NumPy asks for a plain array, or a plain integer, in the same way whatever the user wrote:
``np.array([x, y])``, ``X[i]`` or ``X[0] = x``. What to write instead differs, so the error has to
know which of them it was. The user's frame tells: it is stopped at one bytecode instruction, and
that one is for ``a[b]``, for ``a[b] = c``, or for something else, such as a call.
"""

from __future__ import annotations

import dis
import opcode
from types import FrameType

from chainrule._errors import ChainruleError, ConcretizationError
from chainrule._source import scipy_function
from chainrule.frontend import dispatch
from chainrule.ir import Traced, leaked

_STORE = (
    "a NumPy array was to be changed by a traced array of type {type}, as in X[0] = traced or "
    "X[traced] = value: it would lose track of where its numbers come from. Write "
    "X = cr.at(X)[index].set(value), or build the array with np.stack or np.concatenate."
)
_SUBSCRIPT = (
    "a NumPy array from outside the traced function was indexed by a traced array of type {type}, "
    "as in X[i]: NumPy would need the value of the index. Write cr.asarray(X)[i], or pass X to the "
    "function as an argument; for a slice, write cr.asarray(X)[i + np.arange(length)]."
)
_MASK = (
    "a NumPy array from outside the traced function was indexed by a traced mask of type {type}, "
    "as in X[mask]: NumPy would need the value of the mask. Write np.where(mask, X, other) or, "
    "where the mask has a value (it has in a grad that is not compiled), cr.asarray(X)[mask]."
)
_CONVERSION = (
    "a traced array of type {type} was to become a plain NumPy array, as np.array, np.asarray, "
    "np.full and np.float64 make: it would lose track of where its numbers come from. Write "
    "np.stack([x, y]) for np.array([x, y]), cr.asarray(x) for np.asarray(x), "
    "np.broadcast_to(x, shape) for np.full(shape, x), x.astype(dtype) for dtype(x)."
)


def no_array(traced: Traced, doing: str | None) -> ChainruleError:
    """Return the error for a conversion by NumPy; ``doing`` is what `subscript_at` found."""
    if not traced.owner.is_open:
        return leaked(traced)
    called = scipy_function()
    if called is not None:
        return dispatch.refusal(called)
    return ConcretizationError(without_value(doing, traced))


def without_value(doing: str | None, traced: Traced) -> str:
    """Return what the error says, worded for what the user's line does."""
    if doing == "subscript":
        text = _MASK if traced.dtype.kind == "b" else _SUBSCRIPT
    else:
        text = _STORE if doing == "store" else _CONVERSION
    return text.format(type=traced.type)


def subscript_at(frame: FrameType | None) -> str | None:
    """Tell whether a frame is at ``a[b]`` ("subscript"), at ``a[b] = c`` ("store") or neither."""
    if frame is None:
        return None
    code = frame.f_code.co_code
    name = dis.opname[code[frame.f_lasti]]
    if name in ("STORE_SUBSCR", "STORE_SLICE"):
        return "store"
    # From Python 3.14 on, one instruction serves all binary operators, a[b] among them.
    if name == "BINARY_OP":
        return "subscript" if _is_subscript_operator(code[frame.f_lasti + 1]) else None
    return "subscript" if name in ("BINARY_SUBSCR", "BINARY_SLICE") else None


def _is_subscript_operator(argument: int) -> bool:
    operators = getattr(opcode, "_nb_ops", ())
    return argument < len(operators) and operators[argument][0] == "NB_SUBSCR"
