"""Native results held against the interpreter's."""

import numpy as np

import chainrule as cr
from chainrule.compiler.native import NativeProgram
from chainrule.ir import evaluate


def assert_close(got, expected, ulp=0.0, scale=0.0):
    """Compare types and values: equal where ulp is 0 or the dtype exact, within ulps elsewhere."""
    assert len(got) == len(expected)
    for one, other in zip(got, expected, strict=True):
        other = np.asarray(other)
        assert np.shape(one) == other.shape
        assert one.dtype == other.dtype
        if ulp == 0 or other.dtype.kind != "f":
            np.testing.assert_array_equal(one, other)
            continue
        unit = np.finfo(other.dtype).eps
        # Denormals are counted in units of the smallest normal number's last place.
        least = max(scale, float(np.finfo(other.dtype).tiny))
        np.testing.assert_allclose(one, other, rtol=ulp * unit, atol=ulp * unit * least)


def check(function, *args, ulp=0.0, scale=0.0):
    """Trace, compile, run and compare; return the program."""
    graph = cr.trace(function, *args)
    program = NativeProgram(graph)
    with np.errstate(all="ignore"):
        expected = evaluate(graph, args)
    got = program(*args)
    assert_close(got, expected, ulp, scale)
    again = program(*args)
    for one, other in zip(got, again, strict=True):
        np.testing.assert_array_equal(one, other)  # the same bits
        if isinstance(one, np.ndarray) and one.size:
            assert one.flags.writeable
            assert not np.shares_memory(one, other)
            assert not any(np.shares_memory(one, np.asarray(arg)) for arg in args)
            one[...] = 1  # and with no constant of the program, as the next call would show
    for other, once_more in zip(again, program(*args), strict=True):
        np.testing.assert_array_equal(other, once_more)
    return program
