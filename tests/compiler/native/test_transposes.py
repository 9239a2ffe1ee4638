"""Copies that transpose, exactly as NumPy's."""

import itertools

import numpy as np
import pytest
from tests.compiler.native.comparing import check

import chainrule as cr
from chainrule.compiler.native import NativeProgram, vectors


def numbered(shape, dtype):
    return np.arange(np.prod(shape)).reshape(shape).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, np.uint8, np.bool_])
@pytest.mark.parametrize(
    "shape", [(1, 40), (3, 40), (40, 3), (4, 4), (16, 16), (10, 50), (33, 70), (129, 257)], ids=str
)
def test_matrices(shape, dtype):
    check(lambda x: x.T, numbered(shape, dtype))


@pytest.mark.parametrize("axes", list(itertools.permutations(range(4))), ids=str)
def test_more_axes(axes):
    check(lambda x: np.transpose(x, axes), numbered((5, 17, 6, 9), np.float32))


def test_parts_of_an_array():
    check(lambda x: x[3:, ::-1].T, numbered((40, 30), np.float64))
    check(lambda x: x[:, ::2].T, numbered((40, 30), np.float64))


@pytest.mark.parametrize("unit", [vectors.AVX, vectors.SSE], ids=str)
def test_shorter_vectors(unit, monkeypatch):
    monkeypatch.setattr(vectors, "vector_unit", lambda: unit)
    check(lambda x: x.T, numbered((13, 22), np.float32))


def test_large_ones_go_by_blocks():
    program = NativeProgram(cr.trace(lambda x: x.T, np.ones((64, 64), np.float32)))
    assert "shufflevector" in program.llvm
