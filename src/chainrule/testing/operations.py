"""`check_op`: every rule of one op, held against the others and against NumPy."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule._errors import InvalidArgumentError
from chainrule.compiler import compile
from chainrule.ir import OPS, Op, type_of, typecheck
from chainrule.testing.gradients import check_grads
from chainrule.transforms import trace, vmap


def check_op(
    op: Op | str,
    samples: Sequence[Sequence[Any]],
    params: dict[str, Any] | None = None,
    *,
    reference: Callable[..., Any] | None = None,
    ulp: float = 4.0,
    scale: float = 0.0,
    order: int = 2,
    modes: Sequence[str] = ("forward", "reverse"),
) -> None:
    """Check the rules of an op: type, value, batching, derivatives, and compilation.

    Parameters
    ----------
    op : Op or str
        The op, or its name in `chainrule.ir.OPS`.
    samples : sequence of tuple of ndarray
        Arguments to try, all of the same types. Together they are also the batch for which the
        batching rule is held against a loop, for every choice of batched arguments, so there
        should be at least two.
    params : dict, optional
        Parameters of the op.
    reference : callable, optional
        ``reference(*arrays, **params)`` is what the result should be, computed by other means.
    ulp : float, default 4
        How far results may be apart, in units in the last place.
    scale : float, default 0
        Results smaller than this are compared as if they were of this size. For sums, in which
        large terms may cancel.
    order : int, default 2
        Up to which order to check derivatives with `check_grads`, at the first sample; 0 for not
        at all. It does nothing where no argument or no result is a float.
    modes : sequence of {"forward", "reverse"}, default both
        Modes in which to check them.

    Raises
    ------
    AssertionError
        If a rule fails; says which, and for which arguments.
    InvalidArgumentError
        If there is no op of that name, or no sample.

    Examples
    --------
    >>> import math, numpy as np, chainrule as cr
    >>> samples = [(np.array([0.5, 1.0]),), (np.array([-2.0, 3.0]),)]
    >>> cr.testing.check_op("sin", samples, reference=np.vectorize(math.sin))
    """
    if isinstance(op, str):
        if op not in OPS:
            raise InvalidArgumentError(
                f"check_op: there is no op called {op!r}; chainrule.ir.OPS lists them all."
            )
        op = OPS[op]
    if not samples:
        raise InvalidArgumentError(f"check_op({op.name}): give at least one sample of arguments.")
    check = _Check(op, params or {}, ulp, scale)
    for sample in samples:
        check.types(sample)
        check.values(sample, reference)
        check.strided(sample)
    check.compiled(samples[0])
    check.batches(samples)
    if order and check.is_differentiable(samples[0]):
        check.derivatives(samples[0], order, modes)


class _Check:
    """An op under fixed parameters, and the tolerance for its results."""

    def __init__(self, op: Op, params: dict[str, Any], ulp: float, scale: float) -> None:
        self.op = op
        self.params = params
        self.ulp = ulp
        self.scale = scale

    def apply(self, *args: Any) -> Any:
        """Compute or record the op."""
        return self.op(*args, **self.params)

    def results(self, *args: Any) -> tuple[Any, ...]:
        """Return the op's results, also if there is only one, as a tuple."""
        out = self.apply(*args)
        return tuple(out) if self.op.multiple else (out,)

    def types(self, args: Sequence[Any]) -> None:
        """Compare the inferred type with that of the result."""
        inferred = self.op.infer(*[type_of(arg) for arg in args], **self.params)
        expected = list(inferred) if self.op.multiple else [inferred]
        got = [type_of(out) for out in self.results(*args)]
        assert got == expected, self._message("infer", args, f"expected {got}, got {expected}.")

    def values(self, args: Sequence[Any], reference: Callable[..., Any] | None) -> None:
        """Compare the value with the reference, and see that the arguments stay as they are."""
        before = [np.array(arg) for arg in args]
        got = self.results(*args)
        for number, (old, new) in enumerate(zip(before, args, strict=True)):
            assert np.array_equal(old, new, equal_nan=old.dtype.kind == "f"), self._message(
                "evaluate", args, f"it changed argument {number}."
            )
        if reference is None:
            return
        expected = reference(*args, **self.params)
        self._compare("evaluate", args, got, expected if self.op.multiple else (expected,))

    def strided(self, args: Sequence[Any]) -> None:
        """Compare with the result for arrays that are not contiguous."""
        self._compare(
            "evaluate for strided arrays",
            args,
            self.results(*[_strided(arg) for arg in args]),
            self.results(*args),
        )

    def compiled(self, args: Sequence[Any]) -> None:
        """Check the traced graph, and compare what the interpreter makes of it, bit for bit."""
        typecheck(trace(self.apply, *args))
        got = compile(self.apply, engine="interpreter")(*args)
        self._compare(
            "compile(engine='interpreter')",
            args,
            got if self.op.multiple else (got,),
            self.results(*args),
            ulp=0.0,
        )

    def batches(self, samples: Sequence[Sequence[Any]]) -> None:
        """Compare `vmap` with a loop, for every choice of batched arguments and two axes."""
        first = samples[0]
        for flags in itertools.product([False, True], repeat=len(first)):
            if not any(flags):
                continue
            mixed = [
                [own if is_b else shared for own, shared, is_b in zip(s, first, flags, strict=True)]
                for s in samples
            ]
            rows = [self.results(*row) for row in mixed]
            expected = [np.stack(column) for column in zip(*rows, strict=True)]
            for axis in (0, -1):
                stacked = [
                    np.stack([row[i] for row in mixed], axis) if is_b else first[i]
                    for i, is_b in enumerate(flags)
                ]
                got = vmap(self.apply, tuple([axis if is_b else None for is_b in flags]))(*stacked)
                self._compare(
                    f"batch with axes {axis} of {flags}",
                    first,
                    got if self.op.multiple else (got,),
                    expected,
                )

    def is_differentiable(self, args: Sequence[Any]) -> bool:
        """Tell whether floats go in and come out."""
        movable = any(type_of(arg).is_float for arg in args)
        return movable and any(type_of(out).is_float for out in self.results(*args))

    def derivatives(self, args: Sequence[Any], order: int, modes: Sequence[str]) -> None:
        """Compare the derivatives in the floats among the arguments with finite differences."""
        apply = self.apply

        def function(*values: Any) -> Any:
            return apply(*values)

        function.__name__ = self.op.name
        check_grads(function, tuple(args), order, modes)

    def _compare(
        self,
        rule: str,
        args: Sequence[Any],
        got: Sequence[Any],
        expected: Sequence[Any],
        ulp: float | None = None,
    ) -> None:
        assert len(got) == len(expected), self._message(
            rule, args, f"expected {len(expected)} results, got {len(got)}."
        )
        ulp = self.ulp if ulp is None else ulp
        for one, other in zip(got, expected, strict=True):
            problem = _difference(np.asarray(one), np.asarray(other), ulp, self.scale)
            assert not problem, self._message(rule, args, problem)

    def _message(self, rule: str, args: Sequence[Any], problem: str) -> str:
        shown = ", ".join(f"{key}={value!r:.40}" for key, value in self.params.items())
        types = ", ".join(str(type_of(arg)) for arg in args)
        return f"check_op: {self.op.name}[{shown}]({types}), {rule}: {problem}"


def _strided(x: Any) -> Any:
    """Return an equal array whose elements lie apart in memory, backwards, columns first."""
    array = np.asarray(x)
    if array.ndim == 0:
        return x
    *rest, last = array.shape
    view = np.zeros((2 * last, *reversed(rest)), array.dtype)[::-2].T
    view[...] = array
    return view


def _difference(got: np.ndarray, expected: np.ndarray, ulp: float, scale: float) -> str:
    """Return how two arrays differ, or nothing if they agree to within ``ulp``."""
    if got.shape != expected.shape:
        return f"expected shape {expected.shape}, got {got.shape}."
    if got.dtype.kind != "f":
        close = got == expected
        apart = np.zeros(got.shape)
    else:
        with np.errstate(all="ignore"):
            wanted = expected.astype(got.dtype)
            unit = np.spacing(np.maximum(np.abs(wanted), got.dtype.type(scale)))
            apart = np.abs(got.astype(np.float64) - expected) / unit
            close = (apart <= ulp) | (got == wanted) | (np.isnan(got) & np.isnan(wanted))
    if close.all():
        return ""
    where = tuple(int(i) for i in np.argwhere(~close)[0])
    at = f" at {list(where)}" if where else ""
    off = f", {apart[where]:.3g} ulp apart where {ulp:g} are allowed" if apart[where] else ""
    return f"expected {expected[where]!r}, got {got[where]!r}{at}{off}."
