"""Rules given to custom_derivative that break their contract."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule._errors import (
    ArgumentTypeError,
    DtypeError,
    InvalidArgumentError,
    ShapeError,
    TreeError,
    UnsupportedError,
)

Rule = Callable[..., Any]


def relu(jvp: Rule | None = None, vjp: tuple[Rule, Rule] | None = None) -> Any:
    f = cr.custom_derivative(lambda x: np.maximum(x, 0.0))
    if jvp is not None:
        f.def_jvp(jvp)
    if vjp is not None:
        f.def_vjp(*vjp)
    return f


def closing_over(y: Any) -> Any:
    f = cr.custom_derivative(lambda x: x * y)
    f.def_jvp(lambda primals, tangents: (primals[0] * y, tangents[0] * y))
    return f(1.0 * y)


@pytest.mark.parametrize(
    ("f", "kind", "expected"),
    [
        pytest.param(
            lambda: cr.grad(relu())(1.0),
            InvalidArgumentError,
            "custom_derivative(<lambda>): no derivative was given; use def_jvp or def_vjp before "
            "differentiating.",
            id="no_rule",
        ),
        pytest.param(
            lambda: cr.grad(relu(lambda p, t: t[0]))(1.0),
            InvalidArgumentError,
            "custom_derivative(<lambda>): the rule given to def_jvp must return a pair (out, "
            "out_tangent), got an array of type float64[].",
            id="no_pair",
        ),
        pytest.param(
            lambda: cr.grad(relu(lambda p, t: (p[0], np.where(p[0] > 0, 1.0, 0.0))))(1.0),
            InvalidArgumentError,
            "custom_derivative(<lambda>): the tangent that the rule given to def_jvp returns must "
            "be linear in the tangents it is given, got one that does not depend on them; multiply "
            "the derivative by the tangent, or return zeros if there is none.",
            id="derivative_not_multiplied_by_the_tangent",
        ),
        pytest.param(
            lambda: cr.compile(cr.grad(relu(lambda p, t: (p[0], 2.0 * p[0]))))(1.0),
            InvalidArgumentError,
            "custom_derivative(<lambda>): the tangent that the rule given to def_jvp returns must "
            "be linear in the tangents it is given, got one that does not depend on them; multiply "
            "the derivative by the tangent, or return zeros if there is none.",
            id="the_same_compiled",
        ),
        pytest.param(
            lambda: cr.grad(relu(lambda p, t: (p[0], np.ones(3))))(1.0),
            ShapeError,
            "custom_derivative(<lambda>): the rule's tangent must have the type of the function's "
            "result, float64[], got float64[3]; a rule must return the same kind of result as "
            "the function.",
            id="tangent_shape",
        ),
        pytest.param(
            lambda: cr.grad(relu(lambda p, t: (p[0], t[0].astype(np.float32))))(1.0),
            DtypeError,
            "custom_derivative(<lambda>): the rule's tangent must have the type of the function's "
            "result, float64[], got float32[]; a rule must return the same kind of result as the "
            "function.",
            id="tangent_dtype",
        ),
        pytest.param(
            lambda: cr.grad(relu(lambda p, t: (p[0], t)))(1.0),
            TreeError,
            "custom_derivative(<lambda>): the rule's tangent must have the structure of the "
            "function's result, a single value, got (*,); a rule must return the same kind of "
            "result as the function.",
            id="tangent_structure",
        ),
        pytest.param(
            lambda: cr.grad(relu(lambda p, t: (np.ones(3), t[0])))(1.0),
            ShapeError,
            "custom_derivative(<lambda>): the rule's result must have the type of the function's "
            "result, float64[], got float64[3]; a rule must return the same kind of result as the "
            "function.",
            id="result_shape",
        ),
        pytest.param(
            lambda: cr.grad(relu(lambda p, t: (p[0], t[0] * t[0])))(1.0),
            InvalidArgumentError,
            "reverse mode: the product of two tangents is not linear in them, and what a "
            "derivative rule returns must be; correct the rule given to custom_derivative.",
            id="tangent_squared",
        ),
        pytest.param(
            lambda: cr.compile(cr.grad(relu(lambda p, t: (p[0], t[0] * t[0]))))(1.0),
            InvalidArgumentError,
            "reverse mode: the product of two tangents is not linear in them, and what a "
            "derivative rule returns must be; correct the rule given to custom_derivative.",
            id="tangent_squared_traced",
        ),
        pytest.param(
            lambda: cr.grad(relu(lambda p, t: (p[0], np.sin(t[0]))))(1.0),
            InvalidArgumentError,
            "reverse mode: sin of a tangent is not linear in it, and what a derivative rule "
            "returns must be; correct the rule given to custom_derivative.",
            id="tangent_through_sine",
        ),
        pytest.param(
            lambda: cr.grad(relu(lambda p, t: (p[0], t[0] + 1.0)))(1.0),
            InvalidArgumentError,
            "reverse mode: a tangent plus a constant is not linear in it, and what a derivative "
            "rule returns must be; correct the rule given to custom_derivative.",
            id="tangent_plus_constant",
        ),
        pytest.param(
            lambda: cr.grad(relu(vjp=(lambda x: x, lambda r, ct: (ct,))))(1.0),
            InvalidArgumentError,
            "custom_derivative(<lambda>): the first rule given to def_vjp must return a pair "
            "(out, residuals), got float (1.0).",
            id="forward_no_pair",
        ),
        pytest.param(
            lambda: cr.grad(relu(vjp=(lambda x: (x, x), lambda r, ct: ct)))(1.0),
            TreeError,
            "custom_derivative(<lambda>): what the pullback returned must have the structure of "
            "the arguments, (*,), got a single value; return a tuple with one cotangent per "
            "argument.",
            id="pullback_no_tuple",
        ),
        pytest.param(
            lambda: cr.grad(relu(vjp=(lambda x: (x, x), lambda r, ct: [ct])))(1.0),
            TreeError,
            "custom_derivative(<lambda>): what the pullback returned must have the structure of "
            "the arguments, (*,), got [*]; return a tuple with one cotangent per argument.",
            id="pullback_list",
        ),
        pytest.param(
            lambda: cr.grad(relu(vjp=(lambda x: (x, x), lambda r, ct: (np.ones(3),))))(1.0),
            ShapeError,
            "custom_derivative(<lambda>): what the pullback returned must have the type of the "
            "arguments, float64[] at [0], got float64[3]; return a tuple with one cotangent per "
            "argument.",
            id="pullback_shape",
        ),
        pytest.param(
            lambda: cr.jvp(relu(vjp=(lambda x: (x, x), lambda r, ct: (ct,))), (1.0,), (1.0,)),
            UnsupportedError,
            "custom_derivative(<lambda>) has a rule for reverse mode only; give it one with "
            "def_jvp, which serves both modes, or differentiate with cr.grad or cr.vjp.",
            id="forward_mode_of_pullback",
        ),
        pytest.param(
            lambda: cr.grad(closing_over)(2.0),
            InvalidArgumentError,
            "custom_derivative(<lambda>): the function closes over an array in which the "
            "derivative is taken, and its rule cannot know of that; pass the array as an "
            "argument.",
            id="closure",
        ),
        pytest.param(
            lambda: relu()(x=1.0),
            ArgumentTypeError,
            "custom_derivative(<lambda>): arguments must be passed by position, which is how the "
            "rule receives them, got the keyword 'x'.",
            id="keyword",
        ),
        pytest.param(
            lambda: relu()("a"),
            ArgumentTypeError,
            "custom_derivative(<lambda>): argument 0: expected a NumPy array, a Python number, or "
            "a tuple, list, dict, namedtuple or dataclass of these, got str ('a'); let the "
            "function close over it, or name it in static_argnums of cr.compile.",
            id="text_argument",
        ),
        pytest.param(
            lambda: cr.custom_derivative(1.0),
            ArgumentTypeError,
            "custom_derivative: expected a function, got float (1.0); pass the function itself, "
            "not what it returns.",
            id="not_a_function",
        ),
        pytest.param(
            lambda: relu(jvp=1.0),
            ArgumentTypeError,
            "def_jvp: expected a function, got float (1.0); pass the function itself, not what it "
            "returns.",
            id="rule_not_a_function",
        ),
    ],
)
def test_messages(
    f: Callable[[], Any], kind: type[cr.ChainruleError], expected: str, message: Any
) -> None:
    assert message(kind, f) == expected


def test_a_rule_may_return_zeros() -> None:
    floor = cr.custom_derivative(np.floor)
    floor.def_jvp(lambda primals, tangents: (np.floor(primals[0]), np.zeros_like(primals[0])))
    for gradient in (cr.grad(floor), cr.compile(cr.grad(floor)), cr.grad(cr.compile(floor))):
        assert gradient(1.5) == 0.0


def test_the_place_of_a_rule_that_is_not_linear_is_in_the_rule() -> None:
    def rule(primals: Any, tangents: Any) -> Any:
        return primals[0], np.sin(tangents[0])

    with pytest.raises(InvalidArgumentError) as caught:
        cr.grad(relu(rule))(1.0)
    assert caught.value.place is not None
    assert caught.value.place.endswith("in rule: return primals[0], np.sin(tangents[0])")
