"""The traced array: what stands in for an array while a function is being traced.

A `Tracer` looks like a NumPy array (shape, dtype, operators, methods) and takes part in NumPy's
protocols, so plain NumPy code runs on it unchanged and leaves its equations in the trace. What
would need the array's value, or change it in place, raises an error that says what to write
instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from chainrule._errors import (
    ArgumentTypeError,
    ChainruleError,
    ConcretizationError,
    MissingAttributeError,
    MutationError,
    UnknownIntegerError,
)
from chainrule._source import user_frame
from chainrule.frontend import dispatch
from chainrule.frontend.conversion import as_dtype
from chainrule.frontend.indexing import read
from chainrule.frontend.plain_arrays import no_array, subscript_at, without_value
from chainrule.ir import Trace, Traced, leaked


def _operator(ufunc: np.ufunc, swapped: bool = False) -> Callable[[Tracer, Any], Any]:
    """Return the method for a binary operator; two Python numbers give a Python number."""

    def apply(self: Tracer, other: Any) -> Any:
        if not _takes_part(other):
            return NotImplemented
        pair = (other, self) if swapped else (self, other)
        result = dispatch.call_ufunc(ufunc, "__call__", pair, {})
        if self.weak and (type(other) in (int, float, bool) or getattr(other, "weak", False)):
            result.weak = True
        return result

    return apply


def _takes_part(other: Any) -> bool:
    """Tell whether an operand is for NumPy's rules, or has an operator of its own to try."""
    if isinstance(other, (Tracer, np.ndarray, np.generic, int, float, bool, list, tuple)):
        return True
    return getattr(other, "__array_ufunc__", None) is None or isinstance(other, complex)


def _in_place(symbol: str, method: Callable[[Tracer, Any], Any]) -> Callable[[Tracer, Any], Any]:
    """Return the method for ``x += y``: allowed for numbers, which nothing else can refer to."""

    def apply(self: Tracer, other: Any) -> Any:
        if self.ndim == 0:
            return method(self, other)
        raise MutationError(
            f"x {symbol}= v on a traced array of shape {self.shape}: NumPy would change the "
            "array in place, under every name it has, and a traced array cannot be changed. "
            f"Write x = x {symbol} v."
        )

    return apply


def _method(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the array method that is the NumPy function with the array as first argument."""

    def apply(self: Tracer, *args: Any, **keywords: Any) -> Any:
        return dispatch.call_function(function, (self, *args), keywords)

    apply.__name__ = function.__name__
    apply.__doc__ = f"See `numpy.{function.__name__}`."
    return apply


def _changing_method(name: str, instead: str) -> Callable[..., Any]:
    def apply(self: Tracer, *args: Any, **keywords: Any) -> Any:
        raise MutationError(
            f"x.{name}() changes an array in place, and a traced array cannot be changed; "
            f"use {instead}."
        )

    return apply


class Tracer(Traced):
    """A traced array. Users receive these in the functions they hand to a transform.

    Notes
    -----
    It supports the attributes, operators and methods of `numpy.ndarray` that make sense for an
    array whose value is not yet known.
    """

    __slots__ = ()
    __array_priority__ = 1000
    __hash__ = object.__hash__

    # -- what NumPy asks -------------------------------------------------------------------------

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *args: Any, **keywords: Any) -> Any:
        out = keywords.get("out")
        if out is not None and any(isinstance(target, np.ndarray) for target in out):
            raise MutationError(
                f"np.{ufunc.__name__} was to write a traced result into a NumPy array, as in "
                "X += traced or out=X; the array would lose track of where the numbers come "
                f"from. Write X = X + traced, or result = np.{ufunc.__name__}(...)."
            )
        if any(not _takes_part(arg) for arg in args):
            return NotImplemented
        return dispatch.call_ufunc(ufunc, method, args, keywords)

    def __array_function__(
        self, function: Callable[..., Any], types: Any, args: Any, keywords: Any
    ) -> Any:
        return dispatch.call_function(function, args, keywords)

    def __array__(self, *args: Any, **keywords: Any) -> Any:
        raise no_array(self, subscript_at(user_frame()))

    # -- attributes ------------------------------------------------------------------------------

    @property
    def itemsize(self) -> int:
        """Bytes of one element."""
        return self.type.dtype.itemsize

    @property
    def nbytes(self) -> int:
        """Bytes of all elements."""
        return self.type.size * self.type.dtype.itemsize

    @property
    def T(self) -> Any:  # noqa: N802 - NumPy's name
        """The array with its axes in reverse order."""
        return self.transpose()

    @property
    def mT(self) -> Any:  # noqa: N802 - NumPy's name
        """The array with its last two axes exchanged."""
        return dispatch.call_function(np.matrix_transpose, (self,), {})

    @property
    def real(self) -> Tracer:
        """The array itself; traced arrays are real."""
        return self

    @property
    def imag(self) -> Any:
        """Zeros; traced arrays are real."""
        return np.zeros(self.shape, self.dtype)

    @property
    def flat(self) -> Any:
        """The elements in one row."""
        return self.reshape(-1)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        advice = (
            "the array's memory does not exist while the function is traced"
            if name in ("data", "base", "strides", "flags", "ctypes", "tobytes", "view")
            else f"use np.{name}(x)"
            if hasattr(np, name)
            else "see numpy.ndarray for what arrays have"
        )
        raise MissingAttributeError(f"a traced array has no attribute {name!r}; {advice}.")

    # -- operators -------------------------------------------------------------------------------

    __add__ = _operator(np.add)
    __radd__ = _operator(np.add, swapped=True)
    __sub__ = _operator(np.subtract)
    __rsub__ = _operator(np.subtract, swapped=True)
    __mul__ = _operator(np.multiply)
    __rmul__ = _operator(np.multiply, swapped=True)
    __truediv__ = _operator(np.true_divide)
    __rtruediv__ = _operator(np.true_divide, swapped=True)
    __floordiv__ = _operator(np.floor_divide)
    __rfloordiv__ = _operator(np.floor_divide, swapped=True)
    __mod__ = _operator(np.remainder)
    __rmod__ = _operator(np.remainder, swapped=True)
    __pow__ = _operator(np.power)
    __rpow__ = _operator(np.power, swapped=True)
    __matmul__ = _operator(np.matmul)
    __rmatmul__ = _operator(np.matmul, swapped=True)
    __and__ = _operator(np.bitwise_and)
    __rand__ = _operator(np.bitwise_and, swapped=True)
    __or__ = _operator(np.bitwise_or)
    __ror__ = _operator(np.bitwise_or, swapped=True)
    __xor__ = _operator(np.bitwise_xor)
    __rxor__ = _operator(np.bitwise_xor, swapped=True)
    __lshift__ = _operator(np.left_shift)
    __rlshift__ = _operator(np.left_shift, swapped=True)
    __rshift__ = _operator(np.right_shift)
    __rrshift__ = _operator(np.right_shift, swapped=True)
    __eq__ = _operator(np.equal)
    __ne__ = _operator(np.not_equal)
    __lt__ = _operator(np.less)
    __le__ = _operator(np.less_equal)
    __gt__ = _operator(np.greater)
    __ge__ = _operator(np.greater_equal)

    __iadd__ = _in_place("+", __add__)
    __isub__ = _in_place("-", __sub__)
    __imul__ = _in_place("*", __mul__)
    __itruediv__ = _in_place("/", __truediv__)
    __ifloordiv__ = _in_place("//", __floordiv__)
    __imod__ = _in_place("%", __mod__)
    __ipow__ = _in_place("**", __pow__)
    __imatmul__ = _in_place("@", __matmul__)
    __iand__ = _in_place("&", __and__)
    __ior__ = _in_place("|", __or__)
    __ixor__ = _in_place("^", __xor__)
    __ilshift__ = _in_place("<<", __lshift__)
    __irshift__ = _in_place(">>", __rshift__)

    def __divmod__(self, other: Any) -> Any:
        return dispatch.call_ufunc(np.divmod, "__call__", (self, other), {})

    def __rdivmod__(self, other: Any) -> Any:
        return dispatch.call_ufunc(np.divmod, "__call__", (other, self), {})

    def __neg__(self) -> Any:
        return self._keeping_weak(np.negative)

    def __pos__(self) -> Any:
        return self

    def __abs__(self) -> Any:
        return self._keeping_weak(np.absolute)

    def __invert__(self) -> Any:
        return dispatch.call_ufunc(np.invert, "__call__", (self,), {})

    def _keeping_weak(self, ufunc: np.ufunc) -> Any:
        result = dispatch.call_ufunc(ufunc, "__call__", (self,), {})
        result.weak = self.weak
        return result

    # -- indexing and iteration ------------------------------------------------------------------

    def __getitem__(self, index: Any) -> Any:
        return read(self, index)

    def __setitem__(self, index: Any, value: Any) -> None:
        raise MutationError(
            "x[index] = value on a traced array: traced arrays cannot be changed in place. "
            "Write x = cr.at(x)[index].set(value); for x[index] += value there is "
            "cr.at(x)[index].add(value), and .multiply, .min and .max."
        )

    def __len__(self) -> int:
        if self.ndim == 0:
            raise ArgumentTypeError(f"len(x): a traced number of type {self.type} has no length.")
        return self.shape[0]

    def __iter__(self) -> Iterator[Any]:
        if self.ndim == 0:
            raise ArgumentTypeError(
                f"iteration over a traced number of type {self.type}, which has no axis; give it "
                "one with np.atleast_1d(x)."
            )
        return iter([self[i] for i in range(self.shape[0])])

    def __contains__(self, item: Any) -> bool:
        return bool((self == item).any())

    # -- values, where there are any -------------------------------------------------------------

    def __bool__(self) -> bool:
        return bool(
            self._value(
                "its truth value is asked for (by if, while, and, or, not, in, assert)",
                "Use np.where(condition, a, b) to choose element by element, "
                "cr.cond(condition, f, g, *args) to choose what to compute, and cr.while_loop or "
                "cr.fori_loop to repeat",
            )
        )

    def __index__(self) -> int:
        if self.dtype.kind not in "iu" or self.ndim:
            raise ArgumentTypeError(
                f"only an integer without axes can serve as an index or a count, got {self.type}; "
                "convert it with .astype(np.int64)."
            )
        if self.owner.value_of(self.variable) is None:
            doing = subscript_at(user_frame())
            raise UnknownIntegerError(
                self._unknown(
                    "a Python integer is asked for (by range, a shape, a list)",
                    "Use cr.fori_loop to repeat a traced number of times, and indices of fixed "
                    "length, as in x[start + np.arange(length)]",
                )
                if doing is None
                else without_value(doing, self)
            )
        return int(self.owner.value_of(self.variable))

    def __int__(self) -> int:
        if self.dtype.kind == "f":
            raise self._lost("int(x)", "np.trunc(x), with .astype(np.int64) for an integer")
        return int(self._value("int(x) asks for it", "Use the traced integer as it is"))

    def __float__(self) -> float:
        if subscript_at(user_frame()) == "store":
            raise ConcretizationError(without_value("store", self))
        raise self._lost(
            "float(x), or a function of Python's math module,",
            "NumPy's function (np.exp for math.exp), or the array as it is",
        )

    def __complex__(self) -> complex:
        raise self._lost("complex(x)", "real arithmetic; complex numbers are not supported")

    def __round__(self, digits: int = 0) -> Any:
        raise self._lost("round(x)", "np.round(x)")

    def __trunc__(self) -> Any:
        raise self._lost("math.trunc(x)", "np.trunc(x)")

    def __floor__(self) -> Any:
        raise self._lost("math.floor(x)", "np.floor(x)")

    def __ceil__(self) -> Any:
        raise self._lost("math.ceil(x)", "np.ceil(x)")

    def item(self, *args: Any) -> Any:
        """Refuse: a Python number would be cut off from what it was computed from."""
        raise self._lost("x.item()", "the array as it is, or x[()]")

    def tolist(self) -> Any:
        """Refuse: Python numbers would be cut off from what they were computed from."""
        raise self._lost("x.tolist()", "iteration over the array")

    def _lost(self, what: str, instead: str) -> ChainruleError:
        if not self.owner.is_open:
            return leaked(self)
        return ConcretizationError(
            f"{what} on a traced array of type {self.type} would turn it into a plain Python "
            "number, which carries no derivative and cannot be compiled or batched. "
            f"Use {instead}."
        )

    def _value(self, why: str, advice: str) -> Any:
        value = self.owner.value_of(self.variable)
        if value is None:
            raise ConcretizationError(self._unknown(why, advice))
        return value

    def _unknown(self, why: str, advice: str) -> str:
        return (
            f"a traced array of type {self.type} has no value inside {self.owner.name} "
            f"({self.owner.abstract_reason}), and {why}. {advice}; an argument that only "
            "steers the computation can be named in static_argnums of cr.compile."
        )

    # -- methods ---------------------------------------------------------------------------------

    all = _method(np.all)
    any = _method(np.any)
    argmax = _method(np.argmax)
    argmin = _method(np.argmin)
    argpartition = _method(np.argpartition)
    argsort = _method(np.argsort)
    choose = _method(np.choose)
    clip = _method(np.clip)
    cumprod = _method(np.cumprod)
    cumsum = _method(np.cumsum)
    diagonal = _method(np.diagonal)
    dot = _method(np.dot)
    max = _method(np.max)
    mean = _method(np.mean)
    min = _method(np.min)
    nonzero = _method(np.nonzero)
    prod = _method(np.prod)
    ptp = _method(np.ptp)
    ravel = _method(np.ravel)
    repeat = _method(np.repeat)
    round = _method(np.round)
    searchsorted = _method(np.searchsorted)
    squeeze = _method(np.squeeze)
    std = _method(np.std)
    sum = _method(np.sum)
    swapaxes = _method(np.swapaxes)
    take = _method(np.take)
    trace = _method(np.trace)
    var = _method(np.var)

    fill = _changing_method("fill", "np.full_like(x, value)")
    itemset = _changing_method("itemset", "cr.at(x)[index].set(value)")
    partition = _changing_method("partition", "np.partition(x, kth)")
    put = _changing_method("put", "cr.at(x)[index].set(values)")
    resize = _changing_method("resize", "np.reshape(x, shape)")
    sort = _changing_method("sort", "np.sort(x)")

    def compress(self, condition: Any, axis: Any = None, **keywords: Any) -> Any:
        """See `numpy.compress`."""
        return dispatch.call_function(np.compress, (condition, self, axis), keywords)

    def astype(self, dtype: Any, copy: bool = True, **keywords: Any) -> Any:
        """Return the array in another dtype."""
        dispatch.supported_keywords("ndarray.astype", keywords)
        return as_dtype(self, np.dtype(dtype))

    def copy(self, order: str = "C") -> Tracer:
        """Return the array itself, which nothing can change."""
        return self

    def __copy__(self) -> Tracer:
        return self

    def __deepcopy__(self, memo: Any) -> Tracer:
        return self

    def __reduce__(self) -> Any:
        raise ConcretizationError(
            f"a traced array of type {self.type} cannot be pickled or sent elsewhere; it "
            "stands for a value only while the function is traced."
        )

    def flatten(self, order: str = "C") -> Any:
        """Return the elements in one row."""
        return dispatch.call_function(np.ravel, (self,), {"order": order})

    def reshape(self, *shape: Any, order: str = "C", copy: Any = None) -> Any:
        """Return the elements in another shape; one extent may be -1."""
        extents = shape[0] if len(shape) == 1 else shape
        return dispatch.call_function(np.reshape, (self, extents), {"order": order})

    def transpose(self, *axes: Any) -> Any:
        """Return the array with its axes permuted, reversed without arguments."""
        order = axes[0] if len(axes) == 1 else (axes or None)
        return dispatch.call_function(np.transpose, (self, order), {})

    def conj(self) -> Tracer:
        """Return the array itself; traced arrays are real."""
        return self

    conjugate = conj

    # -- text ------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        value = self.owner.value_of(self.variable) if self.owner.is_open else None
        if value is None or np.size(value) > 8:
            return f"Traced({self.type})"
        text = np.array2string(np.asarray(value), separator=", ")
        return f"Traced({self.type}, value={text})"

    def __format__(self, spec: str) -> str:
        return repr(self)


Trace.tracer_type = Tracer
