"""Views: what moves elements is never computed wrongly, and mostly not computed at all."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.compiler.native.comparing import check

from chainrule.compiler.native import views
from chainrule.compiler.native.kernels import Loop


def elements(view, memory):
    """Return what a view shows of an array in memory."""
    return np.array(
        [
            memory[view.offset + sum(i * s for i, s in zip(index, view.strides, strict=True))]
            for index in np.ndindex(view.shape)
        ]
    ).reshape(view.shape)


@settings(derandomize=True, deadline=None, database=None, max_examples=300)
@given(st.data())
def test_views_are_what_numpy_makes(data):
    shape = tuple(data.draw(st.lists(st.sampled_from([1, 2, 3, 4]), max_size=4)))
    memory = np.arange(int(np.prod(shape)))
    array, view = memory.reshape(shape), views.whole(None, shape)
    for _ in range(data.draw(st.integers(1, 5))):
        kind = data.draw(st.sampled_from(["transpose", "slice", "flip", "broadcast", "reshape"]))
        rank = array.ndim
        if kind == "transpose":
            axes = data.draw(st.permutations(range(rank)))
            array, view = array.transpose(axes), views.transposed(view, axes)
        elif kind == "slice":
            limits = [
                (data.draw(st.integers(0, extent - 1)), extent, data.draw(st.integers(1, 3)))
                for extent in array.shape
            ]
            array = array[tuple([slice(*limit) for limit in limits])]
            view = views.sliced(view, limits)
        elif kind == "flip":
            axes = [axis for axis in range(rank) if data.draw(st.booleans())]
            array, view = np.flip(array, axes), views.flipped(view, axes)
        elif kind == "broadcast" and array.size < 200:
            wide = (2, *[3 if extent == 1 else extent for extent in array.shape])
            array, view = np.broadcast_to(array, wide), views.broadcast(view, wide)
        elif kind == "reshape":
            pool = [(-1,), (array.size,), (1, -1), (2, -1), (-1, 3), (2, 2, -1), (-1, 1, 2)]
            wanted = data.draw(st.sampled_from(pool))
            if array.size % abs(int(np.prod(wanted))):
                continue
            new = array.reshape(wanted)
            changed = views.reshaped(view, new.shape)
            # Exactly where NumPy can do it without a copy.
            if changed is None:
                assert not np.shares_memory(new, array)
                continue
            array, view = new, changed
        np.testing.assert_array_equal(elements(view, memory), array)


def test_reshape_without_copies_where_numpy_needs_none():
    view = views.transposed(views.whole(None, (2, 3, 4)), (2, 0, 1))
    assert views.reshaped(view, (4, 6)) == views.View(None, (4, 6), (1, 4))
    assert views.reshaped(view, (2, 2, 6)).strides == (2, 1, 4)
    assert views.reshaped(view, (24,)) is None
    assert views.reshaped(views.whole(None, (0, 3)), (3, 0)).size == 0


X = np.arange(24.0).reshape(2, 3, 4)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: (x + 1).T,
        lambda x: (x.T * 2).reshape(6, 4),
        lambda x: np.flip(x, 1)[:, ::2] + x[:, 1:, ::-1],
        lambda x: np.broadcast_to(x[:, :1], (5, 2, 3, 4)).reshape(10, 12) * 1.5,
        lambda x: x.transpose(2, 0, 1).reshape(4, 6) @ x.reshape(6, 4),
        lambda x: np.pad(np.concatenate([x, x[:1] * 2], 0), 1)[1:, 1:],
        lambda x: np.roll(x, 1, 2) + np.tile(x[:, :, :2], 2),
        lambda x: np.stack([x.sum(0).T, np.max(x, 0).T]),
        lambda x: np.cumsum(np.cumprod(1 + x[::-1] / 50, 2), 0),
        lambda x: np.cumsum(x.T, axis=1)[::-1],
        lambda x: np.sort(-x, axis=1) + np.argsort(x, axis=0),
        lambda x: x[:, [0, 2]] + x[np.array([0, -1]), np.array([1, 2])][:, None],
        lambda x: (x, x, x.reshape(-1), x[0]),
        lambda x: (np.ones(3), 2.0, np.zeros((0, 2))),
    ],
)
def test_functions(function):
    check(function, X, ulp=4)


def test_what_moves_elements_costs_no_kernel():
    program = check(lambda x: np.flip(x.T[1:, :, ::-1] * 2, 0).reshape(3, 3, 1, 2)[::2] + 1, X)
    assert program.stats["kernels"] == 1
    program = check(lambda x, y: x.T @ y[::-1].T, np.ones((30, 20)), np.ones((40, 30)), ulp=4)
    steps = program._executable.block.steps
    assert [type(step) for step in steps].count(Loop) == 1  # the flipped factor


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int32])
@pytest.mark.parametrize(
    ("x", "y", "equation"),
    [
        ((30, 20), (20, 25), "ij,jk->ik"),
        ((20, 30), (20, 25), "ji,jk->ik"),
        ((30, 20), (25, 20), "ij,kj->ik"),
        ((20, 30), (25, 20), "ji,kj->ik"),
        ((5, 30, 20), (5, 20, 25), "sij,sjk->sik"),
        ((30, 5, 20), (20, 25, 5), "isj,jks->sik"),
        ((7, 6, 20), (20, 8, 9), "abj,jcd->abcd"),
        ((30, 4, 5), (4, 5, 25), "ijk,jkl->il"),
        ((500,), (500,), "i,i->"),
        ((40, 500), (500,), "ij,j->i"),
        ((500, 40), (500,), "ji,j->i"),
        ((300,), (20,), "i,j->ij"),
        ((3, 4), (4, 5), "ij,jk->ik"),
        ((0, 4), (4, 5), "ij,jk->ik"),
        ((3, 0), (0, 5), "ij,jk->ik"),
    ],
)
def test_products(dtype, x, y, equation):
    rng = np.random.default_rng(0)
    x, y = [rng.integers(-9, 9, shape).astype(dtype) for shape in (x, y)]
    check(lambda x, y: np.einsum(equation, x, y), x, y)


def test_one_matrix_as_both_factors_and_products_of_slices():
    x = np.random.default_rng(0).normal(size=(40, 40))
    check(lambda x: (x @ x, x @ x.T, x[3:33, 5:] @ x[5:, 1:31], x[::2] @ x[:, ::2]), x, ulp=64)
