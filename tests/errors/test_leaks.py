"""Traced arrays that outlive the function they belong to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule._errors import (
    LeakedTracerError,
)


class Model:
    hidden: Any = None


def leaked() -> Any:
    """Return a traced array whose trace has ended."""

    def loss(x: Any) -> Any:
        Model.hidden = x * 2
        return np.sum(x)

    cr.grad(loss)(np.ones(2))
    return Model.hidden


def leaked_truth() -> Any:
    def loss(x: Any) -> Any:
        Model.hidden = x > 0
        return x

    cr.grad(loss)(1.0)
    return Model.hidden


@pytest.mark.parametrize(
    ("f", "kind", "expected"),
    [
        pytest.param(
            lambda: leaked() + 1,
            LeakedTracerError,
            "a traced array of type float64[2] was used after grad(loss) had ended; traced arrays "
            "stand for values only while the function runs. Return the value from the function "
            "instead of keeping it in a global, an attribute or a list outside.",
            id="used",
        ),
        pytest.param(
            lambda: leaked() == 1.0,
            LeakedTracerError,
            "a traced array of type float64[2] was used after grad(loss) had ended; traced arrays "
            "stand for values only while the function runs. Return the value from the function "
            "instead of keeping it in a global, an attribute or a list outside.",
            id="compared",
        ),
        pytest.param(
            lambda: leaked()[0],
            LeakedTracerError,
            "a traced array of type float64[2] was used after grad(loss) had ended; traced arrays "
            "stand for values only while the function runs. Return the value from the function "
            "instead of keeping it in a global, an attribute or a list outside.",
            id="indexed",
        ),
        pytest.param(
            lambda: bool(leaked_truth()),
            LeakedTracerError,
            "a traced array of type bool[] was used after grad(loss) had ended; traced arrays "
            "stand for values only while the function runs. Return the value from the function "
            "instead of keeping it in a global, an attribute or a list outside.",
            id="as_truth",
        ),
        pytest.param(
            lambda: np.asarray(leaked()),
            LeakedTracerError,
            "a traced array of type float64[2] was used after grad(loss) had ended; traced arrays "
            "stand for values only while the function runs. Return the value from the function "
            "instead of keeping it in a global, an attribute or a list outside.",
            id="as_array",
        ),
        pytest.param(
            lambda: float(leaked()),
            LeakedTracerError,
            "a traced array of type float64[2] was used after grad(loss) had ended; traced arrays "
            "stand for values only while the function runs. Return the value from the function "
            "instead of keeping it in a global, an attribute or a list outside.",
            id="as_number",
        ),
        pytest.param(
            lambda: leaked().sum(),
            LeakedTracerError,
            "a traced array of type float64[2] was used after grad(loss) had ended; traced arrays "
            "stand for values only while the function runs. Return the value from the function "
            "instead of keeping it in a global, an attribute or a list outside.",
            id="method",
        ),
        pytest.param(
            lambda: list(leaked()),
            LeakedTracerError,
            "a traced array of type float64[2] was used after grad(loss) had ended; traced arrays "
            "stand for values only while the function runs. Return the value from the function "
            "instead of keeping it in a global, an attribute or a list outside.",
            id="iterated",
        ),
        pytest.param(
            lambda: cr.grad(lambda x: leaked()[0])(1.0),
            LeakedTracerError,
            "a traced array of type float64[2] was used after grad(loss) had ended; traced arrays "
            "stand for values only while the function runs. Return the value from the function "
            "instead of keeping it in a global, an attribute or a list outside.",
            id="returned_by_grad",
        ),
        pytest.param(
            lambda: cr.grad(lambda x: np.sum(x * leaked()))(np.ones(2)),
            LeakedTracerError,
            "a traced array of type float64[2] was used after grad(loss) had ended; traced arrays "
            "stand for values only while the function runs. Return the value from the function "
            "instead of keeping it in a global, an attribute or a list outside.",
            id="used_in_later_trace",
        ),
        pytest.param(
            lambda: cr.grad(np.sum)(leaked()),
            LeakedTracerError,
            "a traced array of type float64[2] was used after grad(loss) had ended; traced arrays "
            "stand for values only while the function runs. Return the value from the function "
            "instead of keeping it in a global, an attribute or a list outside.",
            id="argument_of_grad",
        ),
        pytest.param(
            lambda: cr.compile(np.sum)(leaked()),
            LeakedTracerError,
            "a traced array of type float64[2] was used after grad(loss) had ended; traced arrays "
            "stand for values only while the function runs. Return the value from the function "
            "instead of keeping it in a global, an attribute or a list outside.",
            id="argument_of_compiled",
        ),
        pytest.param(
            lambda: cr.vmap(lambda x: x)(leaked()),
            LeakedTracerError,
            "a traced array of type float64[2] was used after grad(loss) had ended; traced arrays "
            "stand for values only while the function runs. Return the value from the function "
            "instead of keeping it in a global, an attribute or a list outside.",
            id="argument_of_vmap",
        ),
        pytest.param(
            lambda: cr.jvp(np.sum, (np.ones(2),), (leaked(),)),
            LeakedTracerError,
            "a traced array of type float64[2] was used after grad(loss) had ended; traced arrays "
            "stand for values only while the function runs. Return the value from the function "
            "instead of keeping it in a global, an attribute or a list outside.",
            id="argument_of_jvp",
        ),
        pytest.param(
            lambda: cr.compile(lambda x: leaked())(1.0),
            LeakedTracerError,
            "a traced array of type float64[2] was used after grad(loss) had ended; traced arrays "
            "stand for values only while the function runs. Return the value from the function "
            "instead of keeping it in a global, an attribute or a list outside.",
            id="returned_from_compiled",
        ),
        pytest.param(
            lambda: np.ones(1)[leaked_truth()],
            LeakedTracerError,
            "a traced array of type bool[] was used after grad(loss) had ended; traced arrays "
            "stand for values only while the function runs. Return the value from the function "
            "instead of keeping it in a global, an attribute or a list outside.",
            id="mask",
        ),
    ],
)
def test_messages(
    f: Callable[[], Any], kind: type[cr.ChainruleError], expected: str, message: Any
) -> None:
    assert message(kind, f) == expected


def test_it_can_still_be_printed() -> None:
    assert repr(leaked()) == "Traced(float64[2])"
    assert f"{leaked()}" == "Traced(float64[2])"
    assert leaked().shape == (2,)


def test_a_trace_that_failed_has_ended_too(message: Any) -> None:
    def failing(x: Any) -> Any:
        Model.hidden = x
        raise KeyError

    with pytest.raises(KeyError):
        cr.grad(failing)(1.0)
    assert message(LeakedTracerError, lambda: Model.hidden + 1).startswith(
        "a traced array of type float64[] was used after grad(failing) had ended;"
    )
