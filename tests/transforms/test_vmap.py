"""vmap, against the loop it replaces, and what goes with the axes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr

ROWS = np.arange(12.0).reshape(4, 3)


def test_a_loop_over_rows() -> None:
    def f(row: Any, w: Any) -> Any:
        return np.sin(row) @ w

    w = np.array([1.0, -1.0, 0.5])
    expected = [np.sin(row) @ w for row in ROWS]
    np.testing.assert_allclose(cr.vmap(f, in_axes=(0, None))(ROWS, w), expected, rtol=1e-15)
    np.testing.assert_allclose(cr.vmap(lambda row: f(row, w))(ROWS), expected, rtol=1e-15)


@pytest.mark.parametrize("axis", [0, 1, 2, -1, -2, -3])
@pytest.mark.parametrize("out_axis", [0, 1, -1])
def test_any_axis_in_and_out(axis: int, out_axis: int) -> None:
    x = np.arange(24.0).reshape(2, 3, 4)
    slices = np.moveaxis(x, axis, 0)
    expected = np.stack([np.cumsum(s.sum(0)) for s in slices], axis=out_axis)
    found = cr.vmap(lambda s: np.cumsum(s.sum(0)), in_axes=axis, out_axes=out_axis)(x)
    np.testing.assert_array_equal(found, expected)


def test_axes_for_every_leaf() -> None:
    x, y = np.arange(6.0).reshape(2, 3), np.array([10.0, 20.0])
    f = cr.vmap(
        lambda p, q: (p["a"] + p["b"][0], q), in_axes=({"a": 1, "b": [None]}, 0), out_axes=(1, 0)
    )
    first, second = f({"a": x, "b": [y]}, np.arange(3))
    np.testing.assert_array_equal(first, x + y[:, None])
    np.testing.assert_array_equal(second, [0, 1, 2])
    nested = cr.vmap(lambda pair: pair[0] * pair[1], in_axes=[(0, None)])((y, 2.0))
    np.testing.assert_array_equal(nested, 2 * y)


def test_keywords_are_batched_along_the_first_axis() -> None:
    f = cr.vmap(lambda x, scale: x * scale, in_axes=0)
    np.testing.assert_array_equal(f(ROWS[:, 0], scale=np.arange(4)), ROWS[:, 0] * np.arange(4))


def test_results_that_do_not_depend_on_the_sample() -> None:
    repeated, once = cr.vmap(lambda x: (3.0, 3.0), out_axes=(0, None))(np.ones(4))
    np.testing.assert_array_equal(repeated, np.full(4, 3.0))
    assert once == 3.0


def test_nested() -> None:
    x, y = np.arange(3.0), np.arange(4.0)
    table = cr.vmap(cr.vmap(lambda a, b: a - b, in_axes=(None, 0)), in_axes=(0, None))(x, y)
    np.testing.assert_array_equal(table, x[:, None] - y)
    pairwise = cr.vmap(lambda row: cr.vmap(lambda other: np.sum((row - other) ** 2))(ROWS))(ROWS)
    np.testing.assert_allclose(pairwise, ((ROWS[:, None] - ROWS) ** 2).sum(-1))


def test_gradient_per_sample() -> None:
    w = np.array([1.0, 2.0, 3.0])
    gradients = cr.vmap(cr.grad(lambda v, x: (x @ v) ** 2), in_axes=(None, 0))(w, ROWS)
    np.testing.assert_allclose(gradients, 2 * (ROWS @ w)[:, None] * ROWS)


def test_gradient_of_a_batch() -> None:
    w = np.array([1.0, 2.0, 3.0])
    gradient = cr.grad(lambda v: np.mean(cr.vmap(lambda x: (x @ v) ** 2)(ROWS)))(w)
    np.testing.assert_allclose(gradient, np.mean(2 * (ROWS @ w)[:, None] * ROWS, axis=0))


def test_jacobian_per_sample() -> None:
    matrices = cr.vmap(cr.jacobian(lambda x: x[0] * x))(ROWS)
    expected = [np.eye(3) * row[0] + np.outer(row, [1, 0, 0]) for row in ROWS]
    np.testing.assert_array_equal(matrices, expected)


def test_empty_and_single_batches() -> None:
    assert cr.vmap(np.sum)(np.zeros((0, 3))).shape == (0,)
    np.testing.assert_array_equal(cr.vmap(np.sum)(ROWS[:1]), [3.0])


@pytest.mark.parametrize("dtype", [np.int32, np.float16, np.float32, np.bool_])
def test_dtypes_are_kept(dtype: Any) -> None:
    x = np.ones((2, 3), dtype)
    assert cr.vmap(lambda row: row[::-1])(x).dtype == dtype
    assert cr.vmap(lambda row, s: row * s, in_axes=(0, None))(x, 2).dtype == (x * 2).dtype


def test_results_own_their_memory() -> None:
    x = np.ones((2, 3))
    same, spread = cr.vmap(lambda row: (row, np.arange(3.0)))(x)
    for result in (same, spread):
        assert result.flags.writeable
        assert not np.shares_memory(result, x)
    spread[0, 0] = 9.0
    assert spread[1, 0] == 0.0


def test_indices_differ_from_sample_to_sample() -> None:
    picked = cr.vmap(lambda row, i: row[i])(ROWS, np.array([2, 0, 1, 1]))
    np.testing.assert_array_equal(picked, [2.0, 3.0, 7.0, 10.0])
    written = cr.vmap(lambda row, i: cr.at(row)[i].set(-1.0))(ROWS, np.array([2, 0, 1, 1]))
    expected = ROWS.copy()
    expected[np.arange(4), [2, 0, 1, 1]] = -1.0
    np.testing.assert_array_equal(written, expected)


def test_name_and_doc() -> None:
    def predict(x: Any) -> Any:
        """Predict."""
        return x

    assert cr.vmap(predict).__name__ == "batched_predict"
    assert cr.vmap(predict).__doc__ == "predict, batched.\n\nPredict."


def test_trace_and_draw_a_batched_function() -> None:
    graph = cr.trace(cr.vmap(lambda x: np.sum(x**2)), ROWS)
    assert [e.op.name for e in graph.equations] == ["multiply", "reduce_sum"]
    assert graph.output_types[0].shape == (4,)
