"""Generated programs, and their gradients, mean the same natively."""

import numpy as np
from hypothesis import HealthCheck, assume, given, settings
from tests.properties.programs import programs

import chainrule as cr
from chainrule.compiler.native import NativeProgram, supports
from chainrule.ir import evaluate

quietly = settings(
    max_examples=60,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)


def assert_same(graph, args):
    program = NativeProgram(graph)
    # Results may be float64 and yet computed from float32.
    tolerance = 2e-4 if any(arg.dtype == np.float32 for arg in args) else 1e-10
    with np.errstate(all="ignore"):
        expected = evaluate(graph, args)
    for one, other in zip(program(*args), expected, strict=True):
        assert (one.dtype, np.shape(one)) == (other.dtype, np.shape(other))
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)


@quietly
@given(programs())
def test_values(program):
    graph = cr.trace(program.traced, *program.args)
    assume(supports(graph))
    assert_same(graph, program.args)


@quietly
@given(programs(("float64",)))
def test_gradients(program):
    def loss(*args):
        return sum(np.sum(out * 1.0) for out in program.traced(*args))

    floats = tuple(i for i, arg in enumerate(program.args) if arg.dtype.kind == "f")
    graph = cr.trace(cr.value_and_grad(loss, argnums=floats), *program.args)
    assume(supports(graph))
    assert_same(graph, program.args)
