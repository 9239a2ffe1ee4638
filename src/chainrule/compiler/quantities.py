"""Numbers as people read them: three digits and a prefix."""

from __future__ import annotations


def amount(number: float) -> str:
    """Write how many of something there are, for the unit to follow.

    Examples
    --------
    >>> amount(640_000), amount(12)
    ('640 k', '12 ')
    """
    steps = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
    factor, prefix = next((step for step in steps if abs(number) >= step[0]), (1.0, ""))
    return f"{_digits(number / factor)} {prefix}"


def duration(seconds: float) -> str:
    """Write how long something takes.

    Examples
    --------
    >>> duration(4.123e-6), duration(0.25)
    ('4.12 us', '250 ms')
    """
    for factor, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, "us")):
        if abs(seconds) >= factor:
            return f"{_digits(seconds / factor)} {unit}"
    return f"{seconds * 1e9:.0f} ns"


def _digits(number: float) -> str:
    return f"{number:.3g}" if abs(number) < 999.5 else f"{number:.0f}"
