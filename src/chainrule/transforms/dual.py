r"""Dual numbers: forward mode one can hold in one's hand.

A dual number is :math:`a + b\varepsilon` with :math:`\varepsilon^2 = 0`. Computing with it carries
the derivative along: :math:`f(a + b\varepsilon) = f(a) + f'(a)\, b\, \varepsilon`. `Dual` does so
for every NumPy function the library knows, by the same derivative rules as everything else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from chainrule import _tree as tree
from chainrule._errors import ArgumentTypeError, ConcretizationError, ShapeError
from chainrule.frontend.conversion import as_array, as_dtype
from chainrule.transforms.forward import jvp


class Dual(NDArrayOperatorsMixin):
    r"""The dual number (or array of them) :math:`a + b\varepsilon`, :math:`\varepsilon^2 = 0`.

    Parameters
    ----------
    value : array_like of float
        a, any shape.
    tangent : array_like of float, optional
        b, of the shape of ``value``; zeros by default.

    Attributes
    ----------
    value, tangent : ndarray or NumPy scalar

    Raises
    ------
    ShapeError
        If the shapes differ.

    References
    ----------
    .. [1] Clifford, Preliminary sketch of biquaternions, Proc. London Math. Soc. 4, 1873.

    Examples
    --------
    >>> import numpy as np, chainrule as cr
    >>> x = cr.Dual(3.0, 1.0)
    >>> x * x + 1.0
    Dual(10.0, 6.0)
    >>> np.sqrt(cr.Dual(4.0, 1.0))
    Dual(2.0, 0.25)
    """

    __slots__ = ("tangent", "value")

    def __init__(self, value: Any, tangent: Any = None) -> None:
        self.value = as_array(float(value) if type(value) is int else value, "Dual: value")[()]
        if self.value.dtype.kind != "f":
            raise ArgumentTypeError(
                f"Dual: the value must be float, got {self.value.dtype}; convert it with "
                ".astype(float)."
            )
        given = np.zeros_like(self.value) if tangent is None else tangent
        self.tangent = as_dtype(as_array(given, "Dual: tangent"), self.value.dtype)[()]
        if self.tangent.shape != self.value.shape:
            raise ShapeError(
                f"Dual: value and tangent must have one shape, got {self.value.shape} and "
                f"{self.tangent.shape}."
            )

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *args: Any, **keywords: Any) -> Any:
        return _apply(getattr(ufunc, method), args, keywords)

    def __array_function__(
        self, function: Callable[..., Any], types: Any, args: Any, keywords: Any
    ) -> Any:
        return _apply(function, args, keywords)

    def __array__(self, *args: Any, **keywords: Any) -> Any:
        raise ConcretizationError(
            "a dual number was to become a plain NumPy array, as np.array and np.asarray make: it "
            "would lose its tangent. Write np.stack([x, y]) for np.array([x, y])."
        )

    def __float__(self) -> float:
        raise ConcretizationError(
            "float(x), or a function of Python's math module, on a dual number would lose its "
            "tangent. Use NumPy's function (np.exp for math.exp), or x.value."
        )

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array."""
        return np.shape(self.value)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return np.ndim(self.value)

    def __len__(self) -> int:
        return len(self.value)

    def __getitem__(self, index: Any) -> Dual:
        return Dual(self.value[index], self.tangent[index])

    def __repr__(self) -> str:
        value, tangent = (
            f"{part!s}" if np.ndim(part) == 0 else np.array2string(part, separator=", ")
            for part in (self.value, self.tangent)
        )
        return f"Dual({value}, {tangent})"


def _apply(function: Callable[..., Any], args: Any, keywords: Any) -> Any:
    """Call a NumPy function on duals: one `jvp` in all of them."""
    leaves, structure = tree.flatten((args, keywords))
    places = [i for i, leaf in enumerate(leaves) if isinstance(leaf, Dual)]

    def of_duals(*values: Any) -> Any:
        filled = list(leaves)
        for place, value in zip(places, values, strict=True):
            filled[place] = value
        positional, named = tree.unflatten(structure, filled)
        return function(*positional, **named)

    out, tangent = jvp(
        of_duals,
        tuple([leaves[place].value for place in places]),
        tuple([leaves[place].tangent for place in places]),
    )
    return tree.map(_as_dual, out, tangent)


def _as_dual(value: Any, tangent: Any) -> Any:
    return Dual(value, tangent) if value.dtype.kind == "f" else value
