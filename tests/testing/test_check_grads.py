"""`check_grads` passes what is right and finds what is wrong, and says where."""

import re
from collections import namedtuple

import numpy as np
import pytest

import chainrule as cr
from chainrule.testing import check_grads
from chainrule.testing.differences import derivative_at_zero


def with_rule(f, rule):
    """Return a function of one argument whose derivative is what ``rule(x) * dx`` says."""
    g = cr.custom_derivative(f)
    g.def_jvp(lambda primals, tangents: (f(*primals), rule(*primals) * tangents[0]))
    return g


def raises(error, message):
    return pytest.raises(error, match=re.escape(message))


# -- finite differences --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "x", "expected"),
    [
        (np.exp, 1.0, np.e),
        (np.sin, 100.0, np.cos(100.0)),
        (lambda x: x**7, 1.0, 7.0),
        (np.log, 0.01, 100.0),  # the larger steps leave the domain
        (np.abs, 0.0, 0.0),
        (lambda x: 3.0 * x, 5.0, 3.0),
        (np.sqrt, 0.01, 5.0),
    ],
)
def test_finite_differences_are_accurate(f, x, expected):
    got = derivative_at_zero(lambda t: np.array([f(x + t)]), 0.05)
    np.testing.assert_allclose(got, [expected], rtol=1e-8, atol=1e-12)


def test_finite_differences_take_the_best_step_for_each_element():
    got = derivative_at_zero(lambda t: np.array([np.sin(300 * t), np.exp(1e-3 * t)]), 0.05)
    np.testing.assert_allclose(got, [300.0, 1e-3], rtol=1e-6)


def test_finite_differences_outside_of_the_domain_are_nan():
    assert np.isnan(derivative_at_zero(lambda t: np.log(np.array([-1.0 + t])), 0.02)).all()


# -- what is right -------------------------------------------------------------------------------

Pair = namedtuple("Pair", ["a", "b"])


@pytest.mark.parametrize("modes", [("forward",), ("reverse",), ("forward", "reverse")])
@pytest.mark.parametrize("order", [1, 2, 3])
def test_right_derivatives_pass(modes, order):
    assert check_grads(lambda x, y: np.sin(x) * np.exp(y), (0.4, np.ones(2)), order, modes) is None


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
def test_every_float_dtype_has_its_tolerance(dtype):
    check_grads(lambda x: np.sin(x) * x, (np.array([0.5, -1.0], dtype),))


def test_trees_integers_and_several_results():
    def f(p, index, pairs):
        return {"y": p["w"][index] * pairs.a, "n": index + 1}, [pairs.b**2, np.argmax(p["w"])]

    args = {"w": np.array([1.0, 2.0, 4.0])}, np.array([2, 0]), Pair(3.0, np.float32(0.5))
    check_grads(f, args)


def test_python_numbers_stay_python_numbers():
    # A Python number leaves float32 alone; a float64 scalar would not.
    check_grads(lambda x, s: x * s, (np.ones(2, np.float32), 2.0))


def test_empty_arrays():
    check_grads(lambda x: np.sum(x * x), (np.zeros((0, 2)),))


def test_corners_have_the_mean_of_both_sides():
    check_grads(np.abs, (0.0,), order=1)
    check_grads(lambda x: np.maximum(x, 0.0), (np.zeros(2),), order=1)


def test_points_at_the_edge_of_a_domain():
    check_grads(np.log, (0.01,))
    check_grads(np.arcsin, (0.99,), order=1)


def test_a_larger_tolerance_accepts_a_crude_derivative():
    crude = with_rule(np.sin, lambda x: 1.0 - x**2 / 2)
    check_grads(crude, (0.3,), order=1, rtol=1e-2)
    with pytest.raises(AssertionError):
        check_grads(crude, (0.3,), order=1, rtol=1e-5, atol=1e-5)


# -- what is wrong -------------------------------------------------------------------------------


def test_a_wrong_derivative_is_found_in_both_modes():
    wrong = with_rule(np.sin, np.sin)
    for mode in ("forward", "reverse"):
        with raises(
            AssertionError, f"check_grads(sin): wrong derivative of order 1 ({mode}) in argument 0"
        ):
            check_grads(wrong, (0.3,), modes=(mode,))


def test_a_wrong_second_derivative_is_found():
    # The first derivative has the right value but is cut off from x.
    half = with_rule(np.sin, lambda x: cr.stop_gradient(np.cos(x)))
    check_grads(half, (0.3,), order=1)
    for inner in ("forward", "reverse"):
        with raises(AssertionError, f"of order 2 ({inner} over {inner}) in argument 0"):
            check_grads(half, (0.3,), order=2, modes=(inner,))


def test_the_message_names_argument_and_element():
    wrong = with_rule(lambda b: b * np.arange(3.0), lambda b: np.array([0.0, 1.0, 3.0]))

    def loss(x, p):
        return {"y": np.outer(x, wrong(p["b"]))}

    with pytest.raises(AssertionError) as caught:
        check_grads(loss, (np.array([1.0, 2.0]), {"a": 1.0, "b": 2.0}))
    assert re.fullmatch(
        r"check_grads\(loss\): wrong derivative of order 1 \(forward\) in argument 1\['b'\]: "
        r"expected \S+ by finite differences, got \S+ for result\['y'\]\[0, 2\]; they differ by "
        r"\S+, the tolerance is \S+\.",
        str(caught.value),
    )
    with raises(AssertionError, "(reverse) in argument 1['b']: expected"):
        check_grads(loss, (np.array([1.0, 2.0]), {"a": 1.0, "b": 2.0}), modes=("reverse",))


def test_a_derivative_that_is_not_a_number_is_wrong():
    bad = with_rule(np.sin, lambda x: np.nan * x)
    with raises(AssertionError, "got nan"):
        check_grads(bad, (0.3,), order=1)


def test_a_function_that_jumps_is_refused():
    with raises(AssertionError, "order 1"):
        check_grads(np.floor, (2.0,))


# -- misuse --------------------------------------------------------------------------------------


def f(x):
    return np.sin(x)


@pytest.mark.parametrize(
    ("args", "keywords", "error", "message"),
    [
        ((3, (1.0,)), {}, TypeError, "check_grads: f must be callable, got int."),
        (
            (f, np.ones(2)), {}, TypeError,
            "check_grads(f): args must be a tuple with one entry per argument, got ndarray; for "
            "one argument write (x,).",
        ),
        (
            (f, (1.0,)), {"order": 0}, ValueError,
            "check_grads(f): order must be a positive integer, got 0.",
        ),
        (
            (f, (1.0,)), {"order": True}, ValueError,
            "check_grads(f): order must be a positive integer, got True.",
        ),
        (
            (f, (1.0,)), {"modes": "forward"}, ValueError,
            "check_grads(f): modes must be a sequence of 'forward' and 'reverse', got 'forward'.",
        ),
        (
            (f, (1.0,)), {"modes": ("fwd",)}, ValueError,
            "check_grads(f): modes must be a sequence of 'forward' and 'reverse', got ('fwd',).",
        ),
        (
            (f, (1.0,)), {"modes": ()}, ValueError,
            "check_grads(f): modes must be a sequence of 'forward' and 'reverse', got ().",
        ),
        (
            (f, (1, np.array([2, 3]))), {}, TypeError,
            "check_grads(f): no argument holds a float that could move, only int64[], int64[2]; "
            "convert one with .astype(float).",
        ),
        (
            (f, ()), {}, TypeError,
            "check_grads(f): no argument holds a float that could move, only nothing; convert one "
            "with .astype(float).",
        ),
    ],
)  # fmt: skip
def test_misuse(args, keywords, error, message):
    with pytest.raises(error) as caught:
        check_grads(*args, **keywords)
    assert str(caught.value).splitlines()[0] == message
    assert isinstance(caught.value, cr.ChainruleError)


def test_an_argument_that_is_no_array_is_named():
    with raises(TypeError, "check_grads(f): argument [1]['name']: expected a NumPy array"):
        check_grads(f, (1.0, {"name": "a"}))
