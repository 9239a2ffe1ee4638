"""What an op is: one class holding every rule of one primitive, and the table of all of them.

Calling an op with plain arrays computes with NumPy. Calling it with at least one traced array
records an equation instead. All else is in the rules:

``infer(*types, **params)``
    The type of the result, or an error if the arguments do not fit.
``evaluate(*arrays, **params)``
    The result, by NumPy. This defines what is right.
``jvp(primals, tangents, **params)``
    The derivative, forward: the result and its tangent. A tangent of None is a zero. Most ops
    write only ``tangent(out, primals, tangents, **params)``, the second half of that pair.
``transpose(cotangent, inputs, **params)``
    For an op that is linear in some arguments: the cotangents of these. A `LinearInput` stands
    in for each of them in ``inputs``; the other entries are values.
``batch(args, batched, **params)``
    The op on arguments some of which have one more axis, always the first. Returns the result,
    and whether it has that axis.

Rules are written in plain NumPy wherever NumPy has the function, since NumPy applied to traced
arrays records the ops it stands for. That is what makes every rule differentiable in its turn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from chainrule._errors import InvalidArgumentError
from chainrule.ir.graph import ArrayType
from chainrule.ir.trace import recording_trace

OPS: dict[str, Op] = {}
"""Every registered op by name."""


class LinearInput:
    """Stands for a linear argument in a transpose rule: its type is known, its value is not."""

    __slots__ = ("type",)

    def __init__(self, type: ArrayType) -> None:
        self.type = type

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the argument."""
        return self.type.shape

    @property
    def ndim(self) -> int:
        """Number of axes of the argument."""
        return len(self.type.shape)

    def __array_ufunc__(self, *args: Any, **keywords: Any) -> Any:
        raise not_linear("the product of two tangents is not linear in them")

    def __rmul__(self, other: Any) -> Any:
        return self.__array_ufunc__()


def not_linear(why: str) -> InvalidArgumentError:
    """Return the error for a derivative rule that does not depend linearly on its tangents."""
    return InvalidArgumentError(
        f"reverse mode: {why}, and what a derivative rule returns must be; correct the rule given "
        "to custom_derivative."
    )


class Op:
    """Base class of the primitives; see the module's docstring for the rules.

    Attributes
    ----------
    name : str
    linear : tuple of int or "all"
        Arguments in which the op is linear when the others are fixed.
    multiple : bool
        Whether the op has several results; rules then return tuples where others return one.
    """

    name: str
    linear: tuple[int, ...] | str = ()
    multiple: bool = False

    def __call__(self, *args: Any, **params: Any) -> Any:
        """Record the op if an argument is traced; compute it otherwise."""
        trace = recording_trace(args)
        if trace is None:
            return self.evaluate(*args, **params)
        return trace.record(self, args, params)

    def infer(self, *types: ArrayType, **params: Any) -> Any:
        """Return the type of the result (a tuple of types if ``multiple``)."""
        raise self._without("infer")

    def evaluate(self, *arrays: Any, **params: Any) -> Any:
        """Return the result, computed by NumPy."""
        raise self._without("evaluate")

    def evaluator(self, **params: Any) -> Callable[..., Any]:
        """Return a function of the arrays alone that computes what `evaluate` does.

        The interpreter calls it once per equation when it prepares a graph. An op whose parameters
        can be worked out ahead of the arrays does so here.
        """
        if not params:
            return self.evaluate
        evaluate = self.evaluate
        return lambda *arrays: evaluate(*arrays, **params)

    def jvp(
        self, primals: Sequence[Any], tangents: Sequence[Any], **params: Any
    ) -> tuple[Any, Any]:
        """Return the result and its tangent; None is the zero tangent on both sides."""
        out = self(*primals, **params)
        return out, self.tangent(out, primals, tangents, **params)

    def tangent(
        self, out: Any, primals: Sequence[Any], tangents: Sequence[Any], **params: Any
    ) -> Any:
        """Return the tangent of ``out``, the result that `jvp` has already computed."""
        raise self._without("tangent")

    def linearize(
        self, primals: Sequence[Any], tangents: Sequence[Any], **params: Any
    ) -> tuple[Any, Any]:
        """Return result and tangent, computing from the primals all that can be known from them.

        The same as `jvp` but for ops that hold graphs: those split in two here, one op on the
        primals alone and one that is linear in the tangents.
        """
        return self.jvp(primals, tangents, **params)

    def transpose(self, cotangent: Any, inputs: Sequence[Any], **params: Any) -> Sequence[Any]:
        """Return one cotangent per argument, None for those that are not linear or get zero."""
        raise self._without("transpose")

    def batch(self, args: Sequence[Any], batched: Sequence[bool], **params: Any) -> tuple[Any, Any]:
        """Return the result for batched arguments and whether it is batched."""
        raise self._without("batch")

    def _without(self, rule: str) -> NotImplementedError:
        # `register` sees to the rules that every op needs, so this is met for those that an op
        # rightly lacks: a transpose if it is not linear, a tangent if it writes `jvp` whole.
        return NotImplementedError(f"op {self.name} has no rule {rule!r}")

    def __repr__(self) -> str:
        return f"<op {self.name}>"


_REQUIRED = ("infer", "evaluate", "batch")

AnyOp = TypeVar("AnyOp", bound=Op)


def register(op: AnyOp) -> AnyOp:
    """Enter an op into the table, refusing one with a missing rule or a name already taken.

    Raises
    ------
    TypeError
        At import, naming the op and the rules it lacks.
    """
    cls = type(op)
    missing = [rule for rule in _REQUIRED if getattr(cls, rule) is getattr(Op, rule)]
    if cls.jvp is Op.jvp and cls.tangent is Op.tangent:
        missing.append("jvp or tangent")
    if op.linear and cls.transpose is Op.transpose:
        missing.append("transpose")
    if missing:
        raise TypeError(f"op {op.name} lacks the rules: {', '.join(missing)}")
    if op.name in OPS:
        raise TypeError(f"two ops are called {op.name}")
    OPS[op.name] = op
    return op
