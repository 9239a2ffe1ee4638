"""How close results must be that are the same but for rounding."""

from numpy.testing import assert_allclose


def same(got, expected):
    assert_allclose(got, expected, rtol=1e-12, atol=1e-13)
