"""Linear algebra beyond `numpy.linalg`: the triangular solvers of `scipy.linalg`.

`numpy.linalg` itself works on traced arrays. The functions of `scipy.linalg` take no part in
NumPy's protocols; these are counterparts under the same names, for arrays traced or not. They
accept stacks of matrices.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule import ops
from chainrule._errors import InvalidArgumentError
from chainrule.frontend.linalg import linear_system, solution_of, square_matrix

__all__ = ["cho_factor", "cho_solve", "solve_triangular"]

_TRANSPOSED = {0: False, "N": False, 1: True, "T": True, 2: True, "C": True}


def solve_triangular(
    a: Any, b: Any, trans: int | str = 0, lower: bool = False, unit_diagonal: bool = False
) -> Any:
    r"""Solve :math:`T x = b` or :math:`T^T x = b` for a triangular matrix.

    The counterpart of `scipy.linalg.solve_triangular` for arrays traced or not.

    .. math:: \dot x = T^{-1} (\dot b - \dot T x)

    where only the triangle that is read moves.

    Parameters
    ----------
    a : array_like of shape (..., n, n)
        T; the other triangle is ignored.
    b : array_like of shape (n,) or (..., n, k)
        Right-hand sides. Leading axes broadcast against those of ``a``.
    trans : {0, 'N', 1, 'T', 2, 'C'}, default 0
        0 or 'N' for T, the others for its transpose.
    lower : bool, default False
        Which triangle to read.
    unit_diagonal : bool, default False
        Whether to take the diagonal as ones and not to read it.

    Returns
    -------
    ndarray or traced array of shape (n,) or (..., n, k)

    Raises
    ------
    LinAlgError
        If ``a`` is not square, or has a zero on its diagonal.
    ShapeError
        If ``b`` does not have n rows.
    InvalidArgumentError
        If ``trans`` is none of the above.

    References
    ----------
    .. [1] Giles, Collected matrix derivative results for forward and reverse mode algorithmic
       differentiation, 2008, section 2.3.

    Examples
    --------
    >>> import numpy as np, chainrule as cr
    >>> cr.linalg.solve_triangular(
    ...     np.array([[2.0, 0.0], [1.0, 1.0]]), np.array([4.0, 5.0]), lower=True
    ... )
    array([2., 3.])
    """
    name = "cr.linalg.solve_triangular"
    if trans not in _TRANSPOSED:
        raise InvalidArgumentError(
            f"{name}: expected trans to be 0, 1, 2, 'N', 'T' or 'C', got {trans!r}."
        )
    a, b, is_vector = linear_system(name, a, b)
    x = ops.linalg.triangular_solve(
        a,
        b,
        lower=bool(lower),
        transposed=_TRANSPOSED[trans],
        unit_diagonal=bool(unit_diagonal),
    )
    return solution_of(x, is_vector)


def cho_factor(a: Any, lower: bool = False) -> tuple[Any, bool]:
    """Factor a positive definite matrix for `cho_solve`.

    The counterpart of `scipy.linalg.cho_factor` for arrays traced or not; unlike SciPy's, the
    triangle that is not part of the factor holds zeros.

    Parameters
    ----------
    a : array_like of shape (..., n, n)
        Symmetric positive definite; one triangle is read.
    lower : bool, default False
        Whether to read the lower triangle and return a lower triangular factor.

    Returns
    -------
    c : ndarray or traced array of shape (..., n, n)
        The factor: ``c @ c.T`` is ``a`` if ``lower``, ``c.T @ c`` otherwise.
    lower : bool
        As given.

    Raises
    ------
    LinAlgError
        If ``a`` is not square, or not positive definite.

    Examples
    --------
    >>> import numpy as np, chainrule as cr
    >>> factor = cr.linalg.cho_factor(np.array([[4.0, 2.0], [2.0, 2.0]]))
    >>> cr.linalg.cho_solve(factor, np.array([6.0, 4.0]))
    array([1., 1.])
    """
    x = square_matrix("cr.linalg.cho_factor", a)
    return np.linalg.cholesky(x, upper=not lower), bool(lower)


def cho_solve(c_and_lower: tuple[Any, bool], b: Any) -> Any:
    """Solve linear systems with a matrix factored by `cho_factor`.

    The counterpart of `scipy.linalg.cho_solve` for arrays traced or not.

    Parameters
    ----------
    c_and_lower : tuple of (array_like of shape (..., n, n), bool)
        Triangular factor, and whether it is the lower one.
    b : array_like of shape (n,) or (..., n, k)
        Right-hand sides.

    Returns
    -------
    ndarray or traced array of shape (n,) or (..., n, k)

    Raises
    ------
    LinAlgError
        If the factor is not square, or has a zero on its diagonal.
    ShapeError
        If ``b`` does not have n rows.

    Examples
    --------
    >>> import numpy as np, chainrule as cr
    >>> cr.linalg.cho_solve((np.array([[2.0, 0.0], [1.0, 1.0]]), True), np.array([6.0, 4.0]))
    array([1., 1.])
    """
    c, lower = c_and_lower
    c, x, is_vector = linear_system("cr.linalg.cho_solve", c, b)
    for transposed in (not lower, bool(lower)):
        x = ops.linalg.triangular_solve(
            c, x, lower=bool(lower), transposed=transposed, unit_diagonal=False
        )
    return solution_of(x, is_vector)
