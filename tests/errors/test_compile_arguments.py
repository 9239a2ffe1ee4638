"""Arguments of cr.compile, static and other."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule._errors import (
    ArgumentTypeError,
    InvalidArgumentError,
)
from chainrule.compiler import ENGINES


def scaled(x: Any, n: Any) -> Any:
    return x * n


static = functools.partial(cr.compile, scaled)


@pytest.mark.parametrize(
    ("f", "kind", "expected"),
    [
        pytest.param(
            lambda: static(static_argnums=1)(1.0, [1]),
            ArgumentTypeError,
            "compile(scaled): static argument 1 must be a hashable value, got list ([1]); pass "
            "arrays and lists as other arguments, or a tuple for a list.",
            id="unhashable",
        ),
        pytest.param(
            lambda: static(static_argnums=1)(1.0, np.ones(2)),
            ArgumentTypeError,
            "compile(scaled): static argument 1 must be a hashable value, got an array of type "
            "float64[2]; pass arrays and lists as other arguments, or a tuple for a list.",
            id="array",
        ),
        pytest.param(
            lambda: cr.grad(lambda y: static(static_argnums=1)(1.0, y))(2.0),
            ArgumentTypeError,
            "compile(scaled): static argument 1 must be a hashable value, got an array of type "
            "float64[]; pass arrays and lists as other arguments, or a tuple for a list.",
            id="traced",
        ),
        pytest.param(
            lambda: static(static_argnums=2)(1.0, 1),
            InvalidArgumentError,
            "compile(scaled): static_argnums names argument 2, the function was called with 2 "
            "positional arguments; pass the arguments it names by position.",
            id="out_of_range",
        ),
        pytest.param(
            lambda: static(static_argnums=1)(1.0, n=3),
            InvalidArgumentError,
            "compile(scaled): static_argnums names argument 1, the function was called with 1 "
            "positional argument; pass the arguments it names by position.",
            id="by_keyword",
        ),
        pytest.param(
            lambda: static(static_argnums=(1, -1))(1.0, 2),
            InvalidArgumentError,
            "compile(scaled): static_argnums names an argument twice, got (1, -1) in a call with "
            "2 positional arguments; name each once.",
            id="twice",
        ),
        pytest.param(
            lambda: static(static_argnums="n"),
            ArgumentTypeError,
            "compile(scaled): static_argnums must be an integer or a tuple of integers, the "
            "positions of arguments, got 'n'.",
            id="text",
        ),
        pytest.param(
            lambda: static(static_argnums=True),
            ArgumentTypeError,
            "compile(scaled): static_argnums must be an integer or a tuple of integers, the "
            "positions of arguments, got True.",
            id="bool",
        ),
        pytest.param(
            lambda: static().graph,
            InvalidArgumentError,
            "compile(scaled): there is no graph yet; call the function once.",
            id="no_graph_yet",
        ),
    ],
)
def test_messages(
    f: Callable[[], Any], kind: type[cr.ChainruleError], expected: str, message: Any
) -> None:
    assert message(kind, f) == expected


def test_unknown_engine(message: Any) -> None:
    known = ", ".join(map(repr, ("auto", *ENGINES)))
    assert message(InvalidArgumentError, lambda: static(engine="gpu")) == (
        f"compile: engine must be one of {known}, got 'gpu'."
    )
