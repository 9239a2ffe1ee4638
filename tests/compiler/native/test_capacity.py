"""What is too large for memory is refused, in words, before anything is computed."""

from __future__ import annotations

import re
import sys
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.compiler.native import capacity

LONG = np.ones(2**22)


def refused(f: Any, *args: Any) -> str:
    with pytest.raises(MemoryError) as caught:
        cr.compile(f, engine="native")(*args)
    return str(caught.value)


@pytest.fixture
def small_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capacity, "machine_bytes", lambda: 2**20)


@pytest.fixture
def endless_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capacity, "machine_bytes", lambda: sys.maxsize)


def test_results_larger_than_the_machine() -> None:
    message = refused(lambda x: x[:, None] * x, LONG)
    expected = (
        r"compile: a call needs memory for results of 128 TiB \(the largest of type "
        r"float64\[4194304, 4194304\]\) and temporaries of 0 bytes; this machine has [\d.]+ GiB in "
        r"all\. Compute in parts, for instance by cr\.scan over blocks of rows\."
    )
    assert re.fullmatch(expected, message)


def test_temporaries_larger_than_the_machine() -> None:
    message = refused(lambda x: np.sum(np.sort(x[:, None] * x, axis=0)), LONG)
    assert (
        "results of 8 bytes (the largest of type float64[]) and temporaries of 256 TiB" in message
    )


def test_nothing_is_computed_before(small_machine: None) -> None:
    x = np.ones(2**16)
    f = cr.compile(lambda x: (x * 2.0, x * 3.0, x * 4.0), donate_argnums=0, engine="native")
    with pytest.raises(MemoryError, match=r"results of 1\.5 MiB"):
        f(x)
    np.testing.assert_array_equal(x, 1.0)
    np.testing.assert_array_equal(cr.compile(np.negative, engine="native")(x), -x)


def test_what_the_system_refuses(endless_machine: None) -> None:
    """No system has 128 TiB to give, whatever it promises."""
    message = refused(lambda x: x[:, None] * x, LONG)
    assert message.startswith("compile: a call needs memory for results of 128 TiB")


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (
            lambda x: x[:, None, None] * x[:, None] * x,
            "array of type float64[4194304, 4194304, 4194304], of 512 EiB, more than",
        ),
        (
            lambda x: np.sum(x[:, None, None] * x[:, None] * x),
            "array of type float64[4194304, 4194304, 4194304], of 512 EiB, more than",
        ),
        (
            lambda x: np.broadcast_to(x, (2**38, 2**22)),
            "array of type float64[274877906944, 4194304], of 8 EiB, more than can be counted",
        ),
        (
            lambda x: cr.scan(
                lambda c, _: (c, x[:, None, None] * x[:, None] * x * c), 1.0, None, length=3
            )[0],
            "array of type float64[4194304, 4194304, 4194304], of 512 EiB, more than",
        ),
    ],
)
def test_sizes_that_overflow(function: Any, message: str) -> None:
    found = refused(function, LONG)
    assert message in found
    assert "test_capacity.py" in found  # the line on which it happens


def test_the_largest_size_that_can_be_counted_is_only_too_large() -> None:
    assert "results of 4 EiB" in refused(lambda x: np.broadcast_to(x, (2**37, 2**22)), LONG)


def test_the_machine_has_more_than_this_process_uses() -> None:
    assert 2**26 < capacity.machine_bytes() <= sys.maxsize
