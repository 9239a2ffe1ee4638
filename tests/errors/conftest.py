"""What the tests of messages share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from chainrule import ChainruleError

BUILTINS = (TypeError, ValueError, IndexError, AttributeError, RuntimeError)


@pytest.fixture
def message(request: pytest.FixtureRequest) -> Callable[..., str]:
    """Return a function that calls one and returns the whole message of the error it raises.

    The message must be followed by one place, which is in the test's own file, and the error must
    be one that code knowing only Python's own exceptions would catch.
    """

    def get(kind: type[ChainruleError], f: Callable[[], Any]) -> str:
        with pytest.raises(kind) as caught:
            f()
        assert type(caught.value) is kind
        assert isinstance(caught.value, BUILTINS)
        text, *places = str(caught.value).split("\n  at ")
        assert len(places) == 1
        assert places[0].startswith(f"{request.path.name}:")
        assert text == caught.value.message
        return text

    return get
