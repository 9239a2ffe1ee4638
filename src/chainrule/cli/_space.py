"""What `--grid` says: which hyper-parameters are varied, and what is tried of each.

A text such as ``eta=1e-5:10:log7`` names a hyper-parameter as `chainrule train` does, or by the
letter it has in formulas, and gives a range, as `chainrule.search` reads it, or values with commas
between, each written as for `train`; layers of a network are then joined by hyphens.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import typer

from chainrule._errors import ChainruleError
from chainrule.cli._options import DECLARED, checked, option_name, parser_of, shown
from chainrule.models import NetworkClassifier, NetworkRegressor
from chainrule.search.space import Space, prepared_spaces

__all__ = ["Varied", "read_space", "written"]

_LETTERS = {
    "eta": "learning_rate_init",
    "η": "learning_rate_init",
    "lambda": "alpha",
    "λ": "alpha",
}

_WIDTHS = re.compile(r"\d+(-\d+)+")


@dataclass(frozen=True)
class Varied:
    """The hyper-parameters that a search varies.

    Parameters
    ----------
    space : Space
        By their declared names.
    labels : dict of str to str
        What the user calls them.
    """

    space: Space
    labels: Mapping[str, str]

    def labelled(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Return values by the names that the user has given, in that order."""
        return {label: params[name] for name, label in self.labels.items() if name in params}


def read_space(
    texts: Sequence[str],
    fixed: Mapping[str, Any],
    kind: type[NetworkClassifier] | type[NetworkRegressor],
) -> Varied:
    """Return what is to be tried.

    Parameters
    ----------
    texts : sequence of str
        Of `--grid`.
    fixed : dict of str to object
        Settings that other options give.
    kind : type
        Of the network.

    Raises
    ------
    typer.BadParameter
        For a name that does not exist (the nearest is offered) or is set otherwise, or a range or
        value that makes no sense.
    """
    if not texts:
        raise typer.BadParameter(
            "expected at least one, such as --grid eta=1e-5:10:log7.", param_hint="--grid"
        )
    given: dict[str, Any] = {}
    labels: dict[str, str] = {}
    for text in texts:
        label, equals, what = (part.strip() for part in text.partition("="))
        if not (equals and what):
            raise typer.BadParameter(
                f"expected a name and what to try, such as eta=1e-5:10:log7, got '{text}'.",
                param_hint="--grid",
            )
        name = _declared_name(label)
        if name in given:
            raise typer.BadParameter(f"{label} is varied twice.", param_hint="--grid")
        if name in fixed:
            raise typer.BadParameter(
                f"{label} is set by {option_name(name)} already; leave one of both out.",
                param_hint="--grid",
            )
        labels[name] = label
        given[name] = what if ":" in what else _values(name, label, what)
    return Varied(_prepared(kind, given, labels), labels)


def written(value: Any) -> str:
    """Return a value as it is written in a list of values.

    >>> written((64, 32)), written(0.1), written(None)
    ('64-32', '0.1', 'none')
    """
    return shown(value).replace(",", "-")


def _declared_name(label: str) -> str:
    """Return the hyper-parameter that is meant."""
    known = _names()
    if label not in known:
        near = difflib.get_close_matches(label, known, n=1)
        meant = f" Did you mean '{near[0]}'?" if near else ""
        raise typer.BadParameter(
            f"there is no hyper-parameter '{label}'.{meant} There are "
            f"{', '.join(option_name(name)[2:] for name in DECLARED)}.",
            param_hint="--grid",
        )
    return known[label]


def _names() -> dict[str, str]:
    """Return all names by which a hyper-parameter may be called.

    The declared ones are known too, but for those that differ by a hyphen alone from the option of
    another.
    """
    options = {option_name(name)[2:]: name for name in DECLARED}
    declared = {n: n for n in DECLARED if options.get(n.replace("_", "-"), n) == n}
    return declared | _LETTERS | options


def _values(name: str, label: str, text: str) -> list[Any]:
    parse = parser_of(name)
    found = []
    for part in text.split(","):
        written = part.strip()
        if _WIDTHS.fullmatch(written):
            written = written.replace("-", ",")
        try:
            found.append(parse(written))
        except typer.BadParameter as error:
            raise typer.BadParameter(f"{label}: {error.message}", param_hint="--grid") from None
    return found


def _prepared(kind: type[Any], given: Mapping[str, Any], labels: Mapping[str, str]) -> Space:
    """Return the space, checked against what is declared."""
    for name, what in given.items():
        checked({name: what[0]} if isinstance(what, list) else {}, kind)
    try:
        (space,) = prepared_spaces(kind(), given)
    except ChainruleError as error:
        message = error.message.removeprefix("space: ")
        for name, label in labels.items():
            message = message.replace(f"{name}: ", f"{label}: ", 1)
        raise typer.BadParameter(message, param_hint="--grid") from None
    return space
