"""Random numbers as functions of a key.

A key is an array of two 64-bit words. Every function here returns the same numbers for the same
key, compiled or not, batched or not. (What is computed from the bits by a logarithm or a cosine,
as normal numbers are, may differ in the last digit between engines.) Use every key once, and
`split` to get more::

    key = cr.random.key(0)
    weights_key, noise_key = cr.random.split(key)

The bits come from the Threefry-2x64 generator (see `chainrule.ops.random_bits`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule import ops
from chainrule._errors import ArgumentTypeError, InvalidArgumentError, ShapeError
from chainrule.frontend.conversion import asarray
from chainrule.frontend.tracer import Tracer
from chainrule.ops.family import broadcast_shapes
from chainrule.ops.random_bits import KEY_WORDS, UINT64

__all__ = [
    "bernoulli",
    "bits",
    "categorical",
    "choice",
    "exponential",
    "fold_in",
    "gumbel",
    "integers",
    "key",
    "laplace",
    "normal",
    "permutation",
    "split",
    "truncated_normal",
    "uniform",
]

Shape = int | Sequence[int]


def key(seed: Any) -> Any:
    """Return the key of a seed.

    Parameters
    ----------
    seed : int or traced integer
        From -2**63 to 2**64 - 1; equal seeds give equal keys, different seeds different ones.

    Returns
    -------
    ndarray of shape (2,), uint64

    Raises
    ------
    ArgumentTypeError, InvalidArgumentError
        If the seed is no integer, or out of range.

    Examples
    --------
    >>> key(7)
    array([0, 7], dtype=uint64)
    """
    if isinstance(seed, Tracer):
        if seed.dtype.kind not in "iu" or seed.ndim:
            raise ArgumentTypeError(f"random.key: expected an integer as seed, got {seed.type}.")
        return np.stack([(seed < 0).astype(UINT64), seed.astype(UINT64)])
    if isinstance(seed, (bool, np.bool_)) or not isinstance(seed, (int, np.integer)):
        raise ArgumentTypeError(
            f"random.key: expected an integer as seed, got {type(seed).__name__} ({seed!r:.40})."
        )
    if not -(2**63) <= int(seed) < 2**64:
        raise InvalidArgumentError(
            f"random.key: the seed must be at least -2**63 and less than 2**64, got {seed}."
        )
    return np.array([seed < 0, int(seed) % 2**64], UINT64)


def _checked(what: str, key: Any) -> Any:
    shape, dtype = getattr(key, "shape", None), getattr(key, "dtype", None)
    if shape != (KEY_WORDS,) or dtype != UINT64:
        raise ArgumentTypeError(
            f"random.{what}: the first argument must be a key, made by cr.random.key(seed) or "
            f"cr.random.split(key), got {type(key).__name__}"
            + (f" of shape {shape} and dtype {dtype}." if shape is not None else f" ({key!r:.40}).")
        )
    return key


def _as_shape(what: str, shape: Shape) -> tuple[int, ...]:
    extents = tuple(shape) if isinstance(shape, (tuple, list)) else (shape,)
    if not all(isinstance(e, (int, np.integer)) and e >= 0 for e in extents):
        raise InvalidArgumentError(
            f"random.{what}: shape must be a non-negative integer or a tuple of such, not traced, "
            f"got {shape!r}."
        )
    return tuple([int(e) for e in extents])


def _as_integer(what: str, name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        got = value.type if isinstance(value, Tracer) else f"{type(value).__name__} ({value!r:.40})"
        raise ArgumentTypeError(f"random.{what}: {name} must be an integer, not traced, got {got}.")
    return int(value)


def _as_float(what: str, dtype: Any) -> np.dtype[Any]:
    try:
        found = np.dtype(dtype)
    except TypeError:
        found = None
    if found is None or found.kind != "f" or found.itemsize > 8:
        raise ArgumentTypeError(
            f"random.{what}: dtype must be float16, float32 or float64, got {found or dtype!r}."
        )
    return found


def split(key: Any, n: int = 2) -> Any:
    """Return ``n`` new keys from one, which is then used up.

    Parameters
    ----------
    key : ndarray of shape (2,)
    n : int, default 2

    Returns
    -------
    ndarray of shape (n, 2), uint64
        Can be unpacked: ``a, b = split(key)``.
    """
    count = _as_integer("split", "n", n)
    if count < 0:
        raise InvalidArgumentError(f"random.split: n must not be negative, got {n}.")
    return ops.random_bits(_checked("split", key), shape=(count, KEY_WORDS))


def fold_in(key: Any, number: Any) -> Any:
    """Return a new key from a key and a number, such as that of an epoch or a step.

    Parameters
    ----------
    key : ndarray of shape (2,)
    number : int or traced integer

    Returns
    -------
    ndarray of shape (2,), uint64
        Different for different numbers.
    """
    _checked("fold_in", key)
    if not isinstance(number, Tracer):
        number = np.asarray(number)
    if number.dtype.kind not in "iu" or number.shape != ():
        raise ArgumentTypeError(
            f"random.fold_in: expected one integer, got {number.dtype} of shape {number.shape}."
        )
    # One encryption under the key separates this stream from those of `split` and the draws,
    # and adding distinct numbers to its result gives distinct keys.
    base = ops.random_bits(key ^ np.array([1 << 63, 0], UINT64), shape=(KEY_WORDS,))
    mixed = base ^ np.stack([number.astype(UINT64), np.zeros((), UINT64)])
    return ops.random_bits(mixed, shape=(KEY_WORDS,))


def bits(key: Any, shape: Shape = ()) -> Any:
    """Return random 64-bit words.

    Parameters
    ----------
    key : ndarray of shape (2,)
    shape : int or sequence of int

    Returns
    -------
    ndarray of uint64
    """
    return ops.random_bits(_checked("bits", key), shape=_as_shape("bits", shape))


def uniform(
    key: Any, shape: Shape = (), low: Any = 0.0, high: Any = 1.0, dtype: Any = np.float64
) -> Any:
    r"""Return numbers drawn uniformly from :math:`[\mathrm{low}, \mathrm{high})`.

    Parameters
    ----------
    key : ndarray of shape (2,)
    shape : int or sequence of int, default ()
    low, high : float or array, default 0 and 1
        Broadcast to ``shape``; may be traced, and then derivatives pass through them, and rounding
        may give ``high`` itself.
    dtype : dtype, default float64
        float16, float32 or float64. All multiples of the spacing at 1/2 are equally likely.

    Returns
    -------
    ndarray of ``shape`` and ``dtype``

    Raises
    ------
    ShapeError
        If a bound does not broadcast to ``shape``.
    InvalidArgumentError
        If a known ``low`` is greater than ``high``, or their difference is not finite in ``dtype``.

    Examples
    --------
    >>> import chainrule as cr
    >>> cr.random.uniform(cr.random.key(0), 3).round(4).shape
    (3,)
    """
    found = _as_float("uniform", dtype)
    shape = _as_shape("uniform", shape)
    digits = np.finfo(found).nmant + 1
    words = ops.random_bits(_checked("uniform", key), shape=shape) >> np.uint64(64 - digits)
    unit = words.astype(found) * found.type(2.0**-digits)
    if _is_number(low, 0.0) and _is_number(high, 1.0):
        return unit
    for name, end in (("low", low), ("high", high)):
        if broadcast_shapes(f"random.uniform: {name}", [np.shape(end), shape]) != shape:
            raise ShapeError(
                f"random.uniform: {name} must broadcast to the shape {shape} of the result, got "
                f"shape {np.shape(end)}."
            )
    known = not isinstance(low, Tracer) and not isinstance(high, Tracer)
    if known and not np.all(np.less_equal(low, high)):
        raise InvalidArgumentError(
            f"random.uniform: low must not be greater than high, got {low} and {high}."
        )
    low, high = _as_dtype(low, found), _as_dtype(high, found)
    with np.errstate(over="ignore", invalid="ignore"):
        span = high - low
    if known and not np.all(np.isfinite(span)):
        raise InvalidArgumentError(
            f"random.uniform: high - low must be finite in {found}, got {low} and {high}."
        )
    values = low + unit * span
    # Rounding can reach the upper end; the interval is open there.
    return np.minimum(values, np.nextafter(high, low)) if known else values


def _is_number(x: Any, value: float) -> bool:
    return isinstance(x, (int, float)) and x == value


def _as_dtype(x: Any, dtype: np.dtype[Any]) -> Any:
    return x.astype(dtype) if hasattr(x, "astype") else dtype.type(x)


def _open_unit(what: str, key: Any, shape: Shape, dtype: Any) -> Any:
    """Return uniform numbers strictly between 0 and 1, symmetric about 1/2."""
    found = _as_float(what, dtype)
    digits = np.finfo(found).nmant
    words = ops.random_bits(_checked(what, key), shape=_as_shape(what, shape))
    words = words >> np.uint64(64 - digits)
    return (words.astype(found) + found.type(0.5)) * found.type(2.0**-digits)


def normal(key: Any, shape: Shape = (), dtype: Any = np.float64) -> Any:
    r"""Return numbers drawn from the standard normal distribution.

    .. math:: z = \sqrt{-2 \log u}\, \cos(2 \pi v)

    Parameters
    ----------
    key : ndarray of shape (2,)
    shape : int or sequence of int, default ()
    dtype : dtype, default float64

    Returns
    -------
    ndarray of ``shape`` and ``dtype``
        For mean m and standard deviation s: ``m + s * normal(...)``.

    References
    ----------
    .. [1] Box and Muller, A note on the generation of random normal deviates, Annals of
       Mathematical Statistics 29, 1958.
    """
    found = _as_float("normal", dtype)
    shape = _as_shape("normal", shape)
    count = math.prod(shape)
    half = (count + 1) // 2
    # Every pair of uniform numbers gives a pair of normal ones, in float64 so that the tails of
    # narrower dtypes are as long as they can show.
    unit = _open_unit("normal", key, (2, half), np.float64)
    radius, angle = np.sqrt(-2.0 * np.log(unit[0])), (2.0 * np.pi) * unit[1]
    pairs = np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])
    return pairs[:count].reshape(shape).astype(found)


def truncated_normal(
    key: Any, low: float, high: float, shape: Shape = (), dtype: Any = np.float64
) -> Any:
    """Return numbers of the standard normal distribution restricted to an interval.

    Parameters
    ----------
    key : ndarray of shape (2,)
    low, high : float
        Ends of the interval; ``low < high``.
    shape : int or sequence of int, default ()
    dtype : dtype, default float64

    Returns
    -------
    ndarray of ``shape`` and ``dtype``

    Notes
    -----
    By inversion of the distribution function, in logarithms, which reach as far into the tails as
    the numbers do; computed when called, so arguments are not traced.
    """
    if not low < high:
        raise InvalidArgumentError(
            f"random.truncated_normal: low must be less than high, got {low} and {high}."
        )
    from scipy import special

    found = _as_float("truncated_normal", dtype)
    if isinstance(key, Tracer):
        raise ArgumentTypeError(
            "random.truncated_normal: the key must not be traced; draw before compiling."
        )
    # On the side where the tail is thin, where probabilities keep their digits.
    flip = low > 0
    a, b = (-high, -low) if flip else (low, high)
    start, stop = special.log_ndtr(a), special.log_ndtr(b)
    unit = _open_unit("truncated_normal", key, shape, np.float64)
    ratio = np.exp(start - stop)
    values = np.clip(special.ndtri_exp(stop + np.log(ratio + unit * (1.0 - ratio))), a, b)
    return (-values if flip else values).astype(found)


def bernoulli(key: Any, p: Any = 0.5, shape: Shape | None = None) -> Any:
    """Return booleans that are true with probability ``p``.

    Parameters
    ----------
    key : ndarray of shape (2,)
    p : float or array, default 0.5
        From 0 to 1.
    shape : int or sequence of int, optional
        By default that of ``p``.

    Returns
    -------
    ndarray of bool

    Raises
    ------
    InvalidArgumentError
        If a known ``p`` is not between 0 and 1.
    """
    if not isinstance(p, Tracer):
        outside = np.extract(~((np.asarray(p) >= 0) & (np.asarray(p) <= 1)), p)
        if outside.size:
            raise InvalidArgumentError(
                f"random.bernoulli: probabilities must be from 0 to 1, got {outside[0]}."
            )
    shape = np.shape(p) if shape is None else shape
    return uniform(key, shape) < p


def integers(key: Any, low: int, high: int, shape: Shape = ()) -> Any:
    r"""Return integers drawn uniformly from :math:`\mathrm{low}, \dots, \mathrm{high} - 1`.

    Parameters
    ----------
    key : ndarray of shape (2,)
    low, high : int
        ``low < high``, at most :math:`2^{53}` apart.
    shape : int or sequence of int, default ()

    Returns
    -------
    ndarray of int64

    Notes
    -----
    No value is more likely than another by more than a factor of :math:`1 + n\,2^{-53}` for a
    range of n.
    """
    low, high = _as_integer("integers", "low", low), _as_integer("integers", "high", high)
    if not 0 < high - low <= 2**53:
        raise InvalidArgumentError(
            f"random.integers: expected low < high, at most 2**53 apart, got {low} and {high}."
        )
    if low < -(2**63) or high > 2**63:
        raise InvalidArgumentError(
            f"random.integers: the numbers must fit int64, got {low} and {high}."
        )
    offset = np.floor(uniform(key, shape) * float(high - low)).astype(np.int64)
    return low + np.minimum(offset, high - low - 1)


def permutation(key: Any, x: Any) -> Any:
    """Return a random permutation.

    Parameters
    ----------
    key : ndarray of shape (2,)
    x : int or array
        An integer n permutes 0 … n-1; an array is permuted along its first axis.

    Returns
    -------
    ndarray
        Of shape ``(n,)``, int64; or of the shape and dtype of ``x``.
    """
    is_count = not isinstance(x, (Tracer, np.ndarray, list, tuple))
    if is_count:
        count = _as_integer("permutation", "a count", x)
        if count < 0:
            raise InvalidArgumentError(f"random.permutation: cannot permute {count} numbers.")
    else:
        x = x if isinstance(x, Tracer) else np.asarray(x)
        if not x.ndim:
            raise ShapeError("random.permutation: the array must have an axis, got shape ().")
        count = x.shape[0]
    # Sorting 64-bit words: two of them are equal with probability count² / 2^65.
    order = np.argsort(bits(key, count), kind="stable")
    if is_count:
        return order
    return (asarray(x) if isinstance(key, Tracer) else x)[order]


def choice(key: Any, n: int, shape: Shape = (), replace: bool = True) -> Any:
    """Return positions drawn from 0 … n-1, with or without replacement.

    Parameters
    ----------
    key : ndarray of shape (2,)
    n : int
    shape : int or sequence of int, default ()
    replace : bool, default True
        Without replacement at most n can be drawn.

    Returns
    -------
    ndarray of int64
    """
    extents = _as_shape("choice", shape)
    if _as_integer("choice", "n", n) < 1:
        raise InvalidArgumentError(f"random.choice: n must be at least 1, got {n}.")
    if replace:
        return integers(key, 0, n, extents)
    count = math.prod(extents)
    if count > n:
        raise InvalidArgumentError(
            f"random.choice: cannot draw {count} of {n} without replacement; use replace=True "
            "or draw fewer."
        )
    return permutation(key, n)[:count].reshape(extents)


def exponential(key: Any, shape: Shape = (), dtype: Any = np.float64) -> Any:
    r"""Return numbers of the exponential distribution with mean 1: :math:`-\log u`."""
    return -np.log(_open_unit("exponential", key, shape, dtype))


def gumbel(key: Any, shape: Shape = (), dtype: Any = np.float64) -> Any:
    r"""Return numbers of the standard Gumbel distribution: :math:`-\log(-\log u)`."""
    return -np.log(-np.log(_open_unit("gumbel", key, shape, dtype)))


def laplace(key: Any, shape: Shape = (), dtype: Any = np.float64) -> Any:
    r"""Return numbers of the Laplace distribution with mean 0 and scale 1."""
    centred = _open_unit("laplace", key, shape, dtype) - 0.5
    return -np.sign(centred) * np.log1p(-2.0 * np.abs(centred))


def categorical(key: Any, logits: Any, axis: int = -1) -> Any:
    """Return categories drawn with probabilities ``softmax(logits)`` along an axis.

    Parameters
    ----------
    key : ndarray of shape (2,)
    logits : array of float
        Unnormalized log-probabilities.
    axis : int, default -1
        Axis of the categories, which the result lacks.

    Returns
    -------
    ndarray of int64

    References
    ----------
    .. [1] Gumbel, Statistical Theory of Extreme Values, 1954: the position of the maximum of
       logits plus Gumbel noise has this distribution.
    """
    return np.argmax(logits + gumbel(key, np.shape(logits)), axis=axis)
