"""What `np.linalg` and `cr.linalg` refuse, and in which words."""

import re

import numpy as np
import pytest
import scipy.linalg
from numpy.testing import assert_allclose

import chainrule as cr

rng = np.random.default_rng(3)
SQUARE = rng.normal(size=(3, 3)) + 2.0 * np.eye(3)
STACK = rng.normal(size=(2, 3, 3)) + 2.0 * np.eye(3)
TALL = rng.normal(size=(4, 2))
VECTOR = rng.normal(size=3)
COLUMNS = rng.normal(size=(3, 2))


def traced(f, *args):
    """Run with everything traced, and no values known."""
    return cr.compile(f, engine="interpreter")(*args)


@pytest.mark.parametrize(
    ("f", "a", "message"),
    [
        (
            np.linalg.inv,
            TALL,
            "np.linalg.inv: expected a square matrix in the last two axes, got shape (4, 2).",
        ),
        (
            np.linalg.det,
            VECTOR,
            "np.linalg.det: expected a matrix or a stack of matrices, got an array of shape (3,).",
        ),
        (
            np.linalg.svd,
            VECTOR,
            "np.linalg.svd: expected a matrix or a stack of matrices, got an array of shape (3,); "
            "add an axis with [:, None] or [None, :].",
        ),
        (
            lambda a: np.linalg.solve(a, np.ones(4)),
            SQUARE,
            "np.linalg.solve: a matrix of shape (3, 3) needs right-hand sides of 3 rows, got shape "
            "(4,). (Only an array of one axis is a vector; others are matrices.)",
        ),
        (
            lambda a: np.linalg.norm(a, "nuc"),
            VECTOR,
            "np.linalg.norm: expected a number as ord for vectors, got 'nuc'; "
            "'fro' and 'nuc' are for matrices.",
        ),
        (
            lambda a: np.linalg.norm(a, 3),
            SQUARE,
            "np.linalg.norm: expected ord 'fro', 'nuc', 1, -1, 2, -2, inf or -inf for matrices, "
            "got 3.",
        ),
        (
            lambda a: np.linalg.norm(a, 2),
            STACK,
            "np.linalg.norm: a norm with ord=2 is that of a vector (one axis) or a matrix (two), "
            "got 3 axes of an array of shape (2, 3, 3); name one or two with axis=, or use "
            "np.linalg.vector_norm for all elements as one vector.",
        ),
        (
            lambda a: np.linalg.eigh(a, "X"),
            SQUARE,
            "np.linalg.eigh: expected UPLO 'L' or 'U', got 'X'.",
        ),
        (
            lambda a: np.linalg.qr(a, "raw"),
            SQUARE,
            "np.linalg.qr: expected mode 'reduced', 'complete' or 'r' on traced arrays, got 'raw'.",
        ),
        (
            lambda a: np.linalg.qr(a, "complete"),
            TALL,
            "np.linalg.qr: with mode='complete' the extra columns of Q for a matrix of shape (4, 2)"
            " are not determined by it and have no derivative; use mode='reduced'.",
        ),
        (
            lambda a: np.linalg.multi_dot([a, a]),
            TALL,
            "np.linalg.multi_dot: array 0 has 2 columns, array 1 has 4 rows; they must be equal.",
        ),
        (
            np.linalg.eig,
            SQUARE,
            "np.linalg.eig is not supported on traced arrays; its results are complex in general; "
            "for a symmetric matrix use np.linalg.eigh or np.linalg.eigvalsh, for the eigenvalue "
            "of largest magnitude a power iteration.",
        ),
        (
            lambda a: np.linalg.pinv(a, a[0, 0]),
            SQUARE,
            "np.linalg.pinv: the tolerance must be a number that is known while tracing, got "
            "Tracer.",
        ),
        (
            lambda a: np.linalg.inv(a.astype(np.float16)),
            SQUARE,
            "np.linalg.inv: expected float32 or float64, got float16; convert it with "
            ".astype(np.float32).",
        ),
        (
            lambda a: np.linalg.cond(a[:0]),
            SQUARE,
            "np.linalg.cond: a matrix without elements, of shape (0, 3), has no condition number.",
        ),
        (
            lambda a: cr.linalg.solve_triangular(a, a, trans="x"),
            SQUARE,
            "cr.linalg.solve_triangular: expected trans to be 0, 1, 2, 'N', 'T' or 'C', got 'x'.",
        ),
        (
            lambda a: scipy.linalg.solve_triangular(a, np.ones(3)),
            SQUARE,
            "scipy.linalg.solve_triangular is not supported on traced arrays; "
            "use cr.linalg.solve_triangular.",
        ),
        (
            lambda a: scipy.linalg.solve_triangular(np.eye(3), a),
            SQUARE,
            "scipy.linalg.solve_triangular is not supported on traced arrays; "
            "use cr.linalg.solve_triangular.",
        ),
        (
            scipy.linalg.cholesky,
            SQUARE,
            "scipy.linalg.cholesky is not supported on traced arrays; use np.linalg.cholesky, "
            "with upper=True for SciPy's default.",
        ),
        (
            lambda a: scipy.linalg.cho_solve((np.eye(3), True), a),
            SQUARE,
            "scipy.linalg.cho_solve is not supported on traced arrays; use cr.linalg.cho_solve.",
        ),
        (
            scipy.linalg.det,
            SQUARE,
            "scipy.linalg.det is not supported on traced arrays; use np.linalg.det.",
        ),
        (
            scipy.linalg.expm,
            SQUARE,
            "scipy.linalg.expm is not supported on traced arrays; use np.linalg where it has the "
            "function, and cr.linalg for triangular systems.",
        ),
    ],
)
def test_errors_while_tracing(f, a, message):
    with pytest.raises(cr.ChainruleError, match=re.escape(message)) as caught:
        traced(f, a)
    first_line = str(caught.value).split("\n")[0]
    assert first_line == message


SINGULAR = np.array([[1.0, 2.0], [2.0, 4.0]])
NO_VECTORS = (
    "derivative of eigenvectors: eigenvalues 0 and 1 are equal to within rounding, so that the "
    "eigenvectors are not determined and have no derivative. Derivatives of the eigenvalues alone "
    "exist, by np.linalg.eigvalsh or np.linalg.svdvals; of second order they exist only where all "
    "differ."
)
SINGULAR_MESSAGE = (
    "solve: a matrix of shape (2, 2) is singular: it has no inverse, and a system with it no "
    "unique solution. np.linalg.pinv and np.linalg.lstsq allow for that."
)


@pytest.mark.parametrize(
    ("f", "a", "message"),
    [
        (np.linalg.inv, SINGULAR, SINGULAR_MESSAGE),
        (lambda a: np.linalg.slogdet(a)[1], SINGULAR, SINGULAR_MESSAGE),
        (
            np.linalg.cholesky,
            np.diag([1.0, -2.0]),
            "cholesky: expected positive definite matrices of shape (2, 2), but its smallest "
            "eigenvalue is -2. Check that the matrix is symmetric; if it is a covariance, add a "
            "small multiple of the identity to it.",
        ),
        (
            np.linalg.cholesky,
            np.diag([-np.inf, 1.0]),
            "cholesky: expected positive definite matrices of shape (2, 2), but it contains values "
            "that are not finite. Check that the matrix is symmetric; if it is a covariance, add a "
            "small multiple of the identity to it.",
        ),
        (lambda a: np.linalg.eigh(a)[1], np.eye(2), NO_VECTORS),
        (
            lambda a: np.linalg.svd(a)[0],
            np.eye(2),
            "derivative of singular vectors: singular values 0 and 1 are equal to within rounding, "
            "so that the singular vectors are not determined and have no derivative. Derivatives "
            "of the singular values alone exist, by np.linalg.eigvalsh or np.linalg.svdvals; of "
            "second order they exist only where all differ.",
        ),
        (
            lambda a: np.linalg.svd(a)[0],
            np.zeros((2, 2)),
            "derivative of singular vectors: singular values 0 and 1 are equal to within rounding, "
            "so that the singular vectors are not determined and have no derivative. Derivatives "
            "of the singular values alone exist, by np.linalg.eigvalsh or np.linalg.svdvals; of "
            "second order they exist only where all differ.",
        ),
        (
            lambda a: np.linalg.svd(a, full_matrices=False)[0],
            np.array([[1.0, 0.0], [0.0, 0.0], [0.0, 0.0]]),
            "derivative of singular vectors: singular value 1 is zero to within rounding, so that "
            "the singular vectors are not determined and have no derivative. Derivatives of the "
            "singular values alone exist, by np.linalg.eigvalsh or np.linalg.svdvals; of second "
            "order they exist only where all differ.",
        ),
        (
            lambda a: np.linalg.svd(a)[0],
            TALL,
            "np.linalg.svd: with full_matrices=True the extra singular vectors of a matrix of "
            "shape (4, 2) are not determined by it and have no derivative; use "
            "full_matrices=False.",
        ),
        (
            lambda a: np.linalg.qr(a)[0],
            SINGULAR * 0,
            "triangular_solve: element 0 on the diagonal of a triangular matrix of shape (2, 2) is "
            "zero, so that the matrix is singular. In the derivative of a QR factorization it "
            "means that the matrix has not full rank, and there is no derivative.",
        ),
    ],
)
def test_errors_of_values(f, a, message):
    with pytest.raises(cr.ChainruleError) as caught:
        cr.grad(lambda a: f(a).sum())(a)
    assert str(caught.value).split("\n")[0] == message
    if "full_matrices" not in message:
        assert isinstance(caught.value, np.linalg.LinAlgError)


def test_values_exist_where_derivatives_do_not():
    """Full decompositions can be computed, and equal eigenvalues differentiated."""
    assert_allclose(traced(np.linalg.svd, TALL)[0], np.linalg.svd(TALL)[0])
    for f in (
        lambda a: np.linalg.eigvalsh(a).sum(),
        lambda a: np.linalg.eigh(a)[0].sum(),
        lambda a: np.linalg.norm(a, "nuc"),
    ):
        assert_allclose(cr.grad(f)(np.eye(3)), np.eye(3), atol=1e-15)


def test_third_derivatives_of_det_are_refused():
    f = cr.grad(lambda a: (cr.hessian(np.linalg.det)(a) ** 2).sum())
    message = (
        "np.linalg.det: derivatives of third and higher order are not provided; write the "
        "determinant as sign * np.exp(logarithm) with both from np.linalg.slogdet, which has them "
        "for matrices that are not singular."
    )
    with pytest.raises(cr.ChainruleError, match=re.escape(message)):
        f(SQUARE)

    def det(a):
        sign, logarithm = np.linalg.slogdet(a)
        return sign * np.exp(logarithm)

    third = cr.grad(lambda a: (cr.hessian(det)(a) ** 2).sum())(SQUARE)
    check = cr.jvp(lambda a: (cr.hessian(det)(a) ** 2).sum(), (SQUARE,), (COLUMNS @ COLUMNS.T,))[1]
    assert_allclose(np.vdot(third, COLUMNS @ COLUMNS.T), check, rtol=1e-9)
