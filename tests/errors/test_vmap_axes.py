"""in_axes and out_axes that do not fit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule._errors import (
    InvalidArgumentError,
    ShapeError,
)


@pytest.mark.parametrize(
    ("f", "kind", "expected"),
    [
        pytest.param(
            lambda: cr.vmap(lambda x: x, in_axes=(0, 0))(np.ones(3)),
            InvalidArgumentError,
            "vmap(<lambda>): in_axes must have one entry per positional argument, which are 1, "
            "got 2; write None for those that are not batched.",
            id="too_many",
        ),
        pytest.param(
            lambda: cr.vmap(lambda x, y: x, in_axes=(0,))(np.ones(3), np.ones(3)),
            InvalidArgumentError,
            "vmap(<lambda>): in_axes must have one entry per positional argument, which are 2, "
            "got 1; write None for those that are not batched.",
            id="too_few",
        ),
        pytest.param(
            lambda: cr.vmap(lambda x: x, in_axes=2)(np.ones(3)),
            InvalidArgumentError,
            "vmap(<lambda>): in_axes asks for axis 2 of argument 0, which has shape (3,); use an "
            "axis it has, or None to leave it unbatched.",
            id="out_of_range",
        ),
        pytest.param(
            lambda: cr.vmap(lambda x, y: x, in_axes=(0, 1))(np.ones(3), {"a": np.ones(3)}),
            InvalidArgumentError,
            "vmap(<lambda>): in_axes asks for axis 1 of argument 1['a'], which has shape (3,); "
            "use an axis it has, or None to leave it unbatched.",
            id="out_of_range_in_dict",
        ),
        pytest.param(
            lambda: cr.vmap(lambda x, y: x)(np.ones(3), y=1.0),
            InvalidArgumentError,
            "vmap(<lambda>): in_axes asks for axis 0 of argument 'y', which has shape (); use an "
            "axis it has, or None to leave it unbatched.",
            id="out_of_range_by_keyword",
        ),
        pytest.param(
            lambda: cr.vmap(lambda x, y: x * y)(np.ones((2, 3)), 2.0),
            InvalidArgumentError,
            "vmap(<lambda>): in_axes asks for axis 0 of argument 1, which has shape (); use an "
            "axis it has, or None to leave it unbatched.",
            id="number",
        ),
        pytest.param(
            lambda: cr.vmap(lambda x, y: x)(np.ones(3), {"a": np.ones(4)}),
            ShapeError,
            "vmap(<lambda>): batch axes must be equally long, got 3 for argument 0 and 4 for "
            "argument 1['a']; check in_axes, and write None for what is not batched.",
            id="unequal",
        ),
        pytest.param(
            lambda: cr.vmap(lambda x, y: x)(np.ones(3), y=np.ones(4)),
            ShapeError,
            "vmap(<lambda>): batch axes must be equally long, got 3 for argument 0 and 4 for "
            "argument 'y'; check in_axes, and write None for what is not batched.",
            id="unequal_by_keyword",
        ),
        pytest.param(
            lambda: cr.vmap(lambda x: x, in_axes=None)(np.ones(3)),
            InvalidArgumentError,
            "vmap(<lambda>): in_axes must give at least one argument an axis, got None for all; "
            "call the function directly if there is no batch.",
            id="none_everywhere",
        ),
        pytest.param(
            lambda: cr.vmap(lambda x, y: x, in_axes=(None, None))(np.ones(3), 2.0),
            InvalidArgumentError,
            "vmap(<lambda>): in_axes must give at least one argument an axis, got None for all; "
            "call the function directly if there is no batch.",
            id="none_for_each",
        ),
        pytest.param(
            lambda: cr.vmap(lambda: 1.0)(),
            InvalidArgumentError,
            "vmap(<lambda>): in_axes must give at least one argument an axis, got None for all; "
            "call the function directly if there is no batch.",
            id="no_arguments",
        ),
        pytest.param(
            lambda: cr.vmap(lambda p: p["a"], in_axes=({"b": 0},))({"a": np.ones(3)}),
            InvalidArgumentError,
            "vmap(<lambda>): in_axes must be an integer, None, or a tree of these that follows "
            "{'a': *}, got {'b': 0}.",
            id="other_keys",
        ),
        pytest.param(
            lambda: cr.vmap(lambda x: x, in_axes=0.5)(np.ones(3)),
            InvalidArgumentError,
            "vmap(<lambda>): in_axes must be an integer, None, or a tree of these that follows "
            "(*,), got 0.5.",
            id="float",
        ),
        pytest.param(
            lambda: cr.vmap(lambda x: x, in_axes=True)(np.ones((2, 3))),
            InvalidArgumentError,
            "vmap(<lambda>): in_axes must be an integer, None, or a tree of these that follows "
            "(*,), got True.",
            id="bool",
        ),
        pytest.param(
            lambda: cr.vmap(lambda x: x, in_axes="a")(np.ones(3)),
            InvalidArgumentError,
            "vmap(<lambda>): in_axes must be an integer, None, or a tree of these that follows "
            "(*,), got 'a'.",
            id="text",
        ),
        pytest.param(
            lambda: cr.vmap(lambda x: x, in_axes=((0, 0),))(np.ones(3)),
            InvalidArgumentError,
            "vmap(<lambda>): in_axes must be an integer, None, or a tree of these that follows a "
            "single value, got (0, 0).",
            id="deeper_than_argument",
        ),
        pytest.param(
            lambda: cr.vmap(lambda x: x, out_axes=None)(np.ones(3)),
            InvalidArgumentError,
            "vmap(<lambda>): out_axes is None for a result that differs from sample to sample; "
            "give it an axis.",
            id="out_none",
        ),
        pytest.param(
            lambda: cr.vmap(lambda x: x, out_axes=2)(np.ones(3)),
            InvalidArgumentError,
            "vmap(<lambda>): out_axes asks for axis 2 of a result of shape (3,), batch axis "
            "included; use an axis from -1 to 0.",
            id="out_of_range_out",
        ),
        pytest.param(
            lambda: cr.vmap(lambda x: (x, x), out_axes=(0, 0, 0))(np.ones(3)),
            InvalidArgumentError,
            "vmap(<lambda>): out_axes must be an integer, None, or a tree of these that follows "
            "(*, *), got (0, 0, 0).",
            id="out_tree",
        ),
    ],
)
def test_messages(
    f: Callable[[], Any], kind: type[cr.ChainruleError], expected: str, message: Any
) -> None:
    assert message(kind, f) == expected
