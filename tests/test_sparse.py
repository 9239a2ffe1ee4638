"""Sparse matrices: products and their derivatives are those of the dense matrix."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse

import chainrule as cr
from chainrule import nn, optim, random
from chainrule._errors import ArgumentTypeError, IndexingError, InvalidArgumentError, ShapeError
from chainrule.sparse import SparseMatrix
from chainrule.training import fit

GENERATOR = np.random.default_rng(0)
DENSE = GENERATOR.normal(size=(7, 5)) * (GENERATOR.uniform(size=(7, 5)) < 0.4)
SPARSE = SparseMatrix.of(scipy.sparse.csc_array(DENSE))


@pytest.mark.parametrize("shape", [(5,), (5, 3)])
def test_products_and_derivatives(shape):
    W = GENERATOR.normal(size=shape)

    def cost(W, A):
        return np.sum(np.sin(A @ W))

    np.testing.assert_allclose(SPARSE @ W, DENSE @ W, rtol=1e-14, atol=1e-15)
    expected = DENSE.T @ np.cos(DENSE @ W)
    for gradient in (cr.grad(cost), cr.compile(cr.grad(cost))):
        np.testing.assert_allclose(gradient(W, SPARSE), expected, rtol=1e-13, atol=1e-14)
    V = GENERATOR.normal(size=shape)
    curved = -DENSE.T @ (np.sin(DENSE @ W) * (DENSE @ V))
    found = cr.hvp(lambda W: cost(W, SPARSE), (W,), (V,))
    np.testing.assert_allclose(found, curved, rtol=1e-13, atol=1e-14)


def test_derivative_by_the_numbers_themselves():
    """d sum(A w) / d A[i, j] is w[j], at the places there are."""
    w = np.arange(1.0, 6.0)

    def total(values):
        A = SparseMatrix(values, SPARSE.rows, SPARSE.columns, SPARSE.shape)
        return np.sum(A @ w)

    np.testing.assert_allclose(cr.grad(total)(SPARSE.values), w[SPARSE.columns], rtol=1e-15)


def test_parts_of_it():
    w = np.arange(1.0, 6.0)
    np.testing.assert_allclose(SPARSE[2:5] @ w, DENSE[2:5] @ w, rtol=1e-14)
    assert len(SPARSE[2:5]) == 3
    assert SPARSE.astype(np.float32).dtype == np.float32


@pytest.mark.parametrize("part", [slice(5, 2), slice(-3, None), slice(2, 99), slice(None)])
def test_rows_in_a_row_are_those_of_numpy(part):
    w = np.arange(5.0)
    np.testing.assert_allclose(SPARSE[part] @ w, DENSE[part] @ w, rtol=1e-14)
    assert SPARSE[part].shape == DENSE[part].shape


@pytest.mark.parametrize("part", [slice(None, None, 2), slice(None, None, -1), 3])
def test_other_parts_are_refused(part):
    with pytest.raises(IndexingError) as caught:
        SPARSE[part]
    assert caught.value.message == (
        f"SparseMatrix: expected a slice of rows without a step, such as A[10:20], got {part!r}."
    )


def test_places_that_come_twice_are_summed_and_nothing_is_changed():
    twice = scipy.sparse.csr_array(([1.0, 2.0], [0, 0], [0, 2]), shape=(1, 2))
    assert SparseMatrix.of(twice).values.tolist() == [3.0]
    assert twice.data.tolist() == [1.0, 2.0]


def test_integers_become_floats_and_complex_numbers_are_refused():
    assert SparseMatrix.of(scipy.sparse.eye_array(2, dtype=int)).dtype == np.float64
    with pytest.raises(ArgumentTypeError) as caught:
        SparseMatrix.of(scipy.sparse.eye_array(2, dtype=complex))
    assert caught.value.message == (
        "SparseMatrix.of: matrix: expected real numbers, got dtype complex128."
    )


def test_shapes_have_to_fit():
    with pytest.raises(ShapeError) as caught:
        SPARSE @ np.ones((4, 2))
    assert caught.value.message == (
        "SparseMatrix: @: expected an array of shape (5,) or (5, k) to multiply one of shape "
        "(7, 5) with, got (4, 2)."
    )


MODEL = nn.mlp(random.key(0), (5, 4, 1))
Y = DENSE @ np.arange(5.0)[:, None]


@pytest.mark.parametrize("optimizer", [optim.adam(0.05), optim.lbfgs()], ids=["adam", "lbfgs"])
def test_networks_are_trained_alike(optimizer):
    """A first layer that multiplies needs no more than that."""

    def trained(X):
        return fit(
            MODEL,
            nn.mean_squared_error,
            optimizer,
            X,
            Y,
            epochs=20,
            key=random.key(1),
            X_val=X[:3],
            y_val=Y[:3],
        )

    sparse, dense = trained(SPARSE), trained(DENSE)
    for name in ("train_loss", "val_loss", "update_norm"):
        np.testing.assert_allclose(
            getattr(sparse.history, name), getattr(dense.history, name), rtol=1e-6, atol=1e-9
        )
    assert sparse.history.train_loss[-1] < 0.5 * sparse.history.train_loss[0]


def test_training_refuses_batches_and_what_is_not_finite():
    with pytest.raises(InvalidArgumentError) as caught:
        fit(
            MODEL, nn.mean_squared_error, optim.sgd(0.1), SPARSE, Y, epochs=1, batch_size=2,
            key=random.key(0),
        )  # fmt: skip
    assert caught.value.message == (
        "fit: batch_size: expected None for a sparse X, got 2; its rows differ in length and are "
        "taken together."
    )
    values = SPARSE.values.copy()
    values[4] = np.inf
    broken = SparseMatrix(values, SPARSE.rows, SPARSE.columns, SPARSE.shape)
    with pytest.raises(InvalidArgumentError) as caught:
        fit(MODEL, nn.mean_squared_error, optim.sgd(0.1), broken, Y, epochs=1, key=random.key(0))
    assert caught.value.message == (
        f"fit: X: expected numbers that are finite in float64, got inf in row {SPARSE.rows[4]}, "
        f"column {SPARSE.columns[4]} (and 0 more); drop these rows or fill them in first."
    )
