"""`check_op` finds a fault in any rule of an op."""

import re

import numpy as np
import pytest

from chainrule import ops
from chainrule.ir import ArrayType
from chainrule.ops.family import Structural, Unary
from chainrule.testing import check_op

RNG = np.random.default_rng(0)
SAMPLES = [(RNG.uniform(0.5, 2.0, (2, 3)),) for _ in range(2)]


class Square(Unary):
    """Right in every rule; the tests below override one at a time."""

    def __init__(self):
        super().__init__("square", np.square, lambda x, y: 2.0 * x)


class Double(Structural):
    """The same for an op that is linear."""

    name = "double"

    def infer(self, x):
        return x

    def evaluate(self, x):
        return 2.0 * x

    def transpose(self, cotangent, inputs):
        return (self(cotangent),)

    def batch(self, args, batched):
        return self(args[0]), True


def reference(x):
    return x * x


def test_right_ops_pass():
    check_op(Square(), SAMPLES, reference=reference)
    check_op(Double(), SAMPLES, reference=lambda x: x + x)
    assert check_op("sin", SAMPLES) is None


def finds(message):
    return pytest.raises(AssertionError, match="^" + re.escape(message))


def test_wrong_type():
    class Wrong(Square):
        def infer(self, x):
            return ArrayType(x.shape, np.dtype(np.float32))

    with finds("check_op: square[](float64[2, 3]), infer: expected [float64[2, 3]], got [float32"):
        check_op(Wrong(), SAMPLES)


def test_wrong_value():
    with finds("check_op: square[](float64[2, 3]), evaluate: expected"):
        check_op(Square(), SAMPLES, reference=lambda x: x * x * (1.0 + 1e-14))
    with finds("check_op: square[](float64[2, 3]), evaluate: expected shape (3,), got (2, 3)."):
        check_op(Square(), SAMPLES, reference=lambda x: x[0])
    check_op(Square(), SAMPLES, reference=lambda x: x * x * (1.0 + 1e-14), ulp=100)


def test_an_argument_that_is_changed():
    class Wrong(Square):
        def evaluate(self, x):
            return np.square(x, out=x)

    with finds("check_op: square[](float64[2, 3]), evaluate: it changed argument 0."):
        check_op(Wrong(), [(np.array(x),) for (x,) in SAMPLES])


def test_a_result_that_depends_on_the_memory_layout():
    class Wrong(Square):
        def evaluate(self, x):
            start = np.asarray(x).ravel(order="K")  # as the elements lie in memory
            return np.square(start).reshape(x.shape)

    with finds("check_op: square[](float64[2, 3]), evaluate for strided arrays: expected"):
        check_op(Wrong(), SAMPLES)


def test_wrong_evaluator():
    class Wrong(Square):
        def evaluator(self):
            return lambda x: x**2 + 1e-9

    with finds("check_op: square[](float64[2, 3]), compile(engine='interpreter'): expected"):
        check_op(Wrong(), SAMPLES)


def test_wrong_batching():
    class Wrong(Square):
        def batch(self, args, batched):
            return self(args[0][::-1]), True

    with finds("check_op: square[](float64[2, 3]), batch with axes 0 of (True,): expected"):
        check_op(Wrong(), SAMPLES)


def test_batching_that_forgets_an_argument():
    class Wrong(type(ops.add)):
        def batch(self, args, batched):
            return self(*args), True  # a batch axis meets a data axis

    pairs = [(RNG.random(2), RNG.random((2, 2))) for _ in range(2)]
    with finds("check_op: wrong[](float64[2], float64[2, 2]), batch with axes 0 of (True, False)"):
        check_op(Wrong("wrong", np.add), pairs)


def test_wrong_derivative():
    wrong = Unary("square", np.square, lambda x, y: x)
    with finds("check_grads(square): wrong derivative of order 1 (forward) in argument 0"):
        check_op(wrong, SAMPLES)
    check_op(wrong, SAMPLES, order=0)


def test_wrong_second_derivative():
    wrong = Unary("square", np.square, lambda x, y: ops.stop_gradient(2.0 * x))
    check_op(wrong, SAMPLES, order=1)
    with finds("check_grads(square): wrong derivative of order 2 (forward over forward)"):
        check_op(wrong, SAMPLES)


def test_wrong_transpose():
    class Wrong(Double):
        def transpose(self, cotangent, inputs):
            return (cotangent,)

    check_op(Wrong(), SAMPLES, modes=("forward",))
    with finds("check_grads(double): wrong derivative of order 1 (reverse) in argument 0"):
        check_op(Wrong(), SAMPLES)


def test_derivative_of_another_dtype():
    class Wrong(Double):
        def transpose(self, cotangent, inputs):
            return (2.0 * cotangent.astype(np.float32),)

    with finds(
        "check_grads(double): wrong derivative of order 1 (reverse) in argument 0: expected the "
        "cotangent[0] to be of the type float64[2, 3] of the arguments, got float32[2, 3]."
    ):
        check_op(Wrong(), SAMPLES)


def test_misuse():
    with pytest.raises(ValueError, match=r"there is no op called 'sinus'; chainrule\.ir\.OPS"):
        check_op("sinus", SAMPLES)
    with pytest.raises(ValueError, match=r"check_op\(sin\): give at least one sample"):
        check_op("sin", [])
