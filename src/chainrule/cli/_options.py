"""Hyper-parameters as options of the command line.

Nothing is written down twice: which there are, what values they take, their defaults and what they
mean is read from the declaration of `chainrule.models`. What is added here are shorter names for
some, how values are read from text, and which are left to options of other kinds.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Annotated, Any

import typer

from chainrule._errors import InvalidArgumentError
from chainrule.models import (
    Declared,
    Hyperparameter,
    NetworkClassifier,
    NetworkRegressor,
    hyperparameters,
)
from chainrule.models.declaration import Boolean, Integer, Kind, Nothing, OneOf, PerLayer, Real

__all__ = ["DECLARED", "checked", "option_name", "parser_of", "shown", "with_hyperparameters"]

_SHORTER = {
    "alpha": "l2",
    "hidden_layer_sizes": "hidden",
    "kernel_init": "init",
    "learning_rate": "schedule",
    "learning_rate_init": "learning-rate",
    "max_iter": "epochs",
    "n_iter_no_change": "patience",
    "random_state": "seed",
    "solver": "optimizer",
}

_ELSEWHERE = frozenset(
    {"callbacks", "random_state", "validation_fraction", "verbose", "warm_start"}
)
"""What --seed, --val-size, --quiet and --checkpoint stand for, and functions."""

Declarations = tuple[Hyperparameter, ...]


def _declared() -> Mapping[str, Declarations]:
    """Return what is declared of each hyper-parameter: once, or apart for classes and numbers."""
    of_classes, of_numbers = hyperparameters(NetworkClassifier), hyperparameters(NetworkRegressor)
    found: dict[str, Declarations] = {}
    for name in {**of_classes, **of_numbers}:
        both = [declared[name] for declared in (of_classes, of_numbers) if name in declared]
        found[name] = (both[0],) if both[0] == both[-1] else tuple(both)
    return {name: declared for name, declared in found.items() if name not in _ELSEWHERE}


DECLARED = _declared()
"""The hyper-parameters that are options, by their declared names."""


def option_name(name: str) -> str:
    """Return the option that a hyper-parameter is set by, such as ``--hidden``."""
    return f"--{_SHORTER.get(name, name.replace('_', '-'))}"


def shown(value: Any) -> str:
    """Return a value as it is written on the command line."""
    if isinstance(value, (tuple, list)):
        return ",".join(shown(item) for item in value) if value else "none"
    if value is None or isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else f"{value:g}"


# -- values --------------------------------------------------------------------------------------

_UNREADABLE = object()
"""Stands for a value that a text does not write."""


def _read(kind: Kind, text: str) -> Any:
    """Return the value of a kind that a text writes, or `_UNREADABLE`."""
    value: Any = _UNREADABLE
    match kind:
        case OneOf():
            value = next((known for known in kind.values if str(known) == text), _UNREADABLE)
        case Boolean():
            value = {"true": True, "false": False}.get(text, _UNREADABLE)
        case Nothing():
            value = None if text == "none" else _UNREADABLE
        case Integer() | Real():
            try:
                value = int(text) if isinstance(kind, Integer) else float(text)
            except ValueError:
                return _UNREADABLE
        case PerLayer():
            parts = [] if text == "none" else text.split(",")
            return tuple(_read_any(kind.of, part.strip()) for part in parts)
    return value if value is not _UNREADABLE and kind.accepts(value) else _UNREADABLE


def _read_any(kinds: tuple[Kind, ...], text: str) -> Any:
    """Return the value that a text writes, of the first kind that takes it."""
    for kind in kinds:
        value = _read(kind, text)
        unread = _UNREADABLE in value if isinstance(value, tuple) else value is _UNREADABLE
        if not unread:
            return value
    return _UNREADABLE


def _kinds(declarations: Declarations) -> tuple[Kind, ...]:
    """Return what values may be, one for all layers before one for each."""
    kinds = [kind for declared in declarations for kind in declared.accepts]
    return tuple(sorted(kinds, key=lambda kind: isinstance(kind, PerLayer)))


def _names(kinds: tuple[Kind, ...]) -> list[str]:
    return [value for kind in kinds if isinstance(kind, OneOf) for value in map(str, kind.values)]


def _parser(kinds: tuple[Kind, ...]) -> Callable[[str], Any]:
    def parse(text: str) -> Any:
        value = _read_any(kinds, text.strip())
        if value is _UNREADABLE:
            near = difflib.get_close_matches(text, _names(kinds), n=1)
            meant = f" Did you mean '{near[0]}'?" if near else ""
            raise typer.BadParameter(f"expected {_range(kinds)}, got '{text}'.{meant}")
        return value

    return parse


def parser_of(name: str) -> Callable[[str], Any]:
    """Return what reads the value of a hyper-parameter from text."""
    return _parser(_kinds(DECLARED[name]))


def _range(kinds: tuple[Kind, ...]) -> str:
    """Return in words what can be written."""
    words: list[str] = []
    for kind in kinds:
        match kind:
            case OneOf():
                words += [str(value) for value in kind.values if not isinstance(value, type)]
            case Boolean():
                words += ["true", "false"]
            case Nothing():
                words.append("none")
            case Integer() | Real():
                words.append(_interval(kind))
            case PerLayer() if words:
                words.append("one for each layer, with commas between")
            case PerLayer():
                words.append(f"{_range(kind.of)} for each, with commas between")
    words = list(dict.fromkeys(words))
    return " or ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else words[0]


def _interval(kind: Integer | Real) -> str:
    what = "a whole number" if isinstance(kind, Integer) else "a number"
    bounds = {
        (float("-inf"), float("inf")): "",
        (0.0, float("inf")): " above 0" if kind.closed == "neither" else " of 0 or more",
        (1, float("inf")): " of 1 or more",
    }
    closed = kind.closed in ("left", "both")
    span = (
        f" {kind.low:g} to below {kind.high:g}"
        if closed
        else f" {kind.low:g} and below {kind.high:g}"
    )
    return what + bounds.get((kind.low, kind.high), f" {'from' if closed else 'above'}{span}")


# -- options -------------------------------------------------------------------------------------


def _option(name: str, declarations: Declarations) -> Any:
    """Return the annotation of an option for a hyper-parameter."""
    kinds = _kinds(declarations)
    of = ("classes: ", "numbers: ") if len(declarations) > 1 else ("",)
    defaults = "; ".join(
        f"{which}{shown(declared.default)}"
        for which, declared in zip(of, declarations, strict=True)
    )
    meaning = declarations[0].meaning
    keywords: dict[str, Any] = {"show_default": defaults, "rich_help_panel": "Hyper-parameters"}
    if kinds == (Boolean(),):
        flag = option_name(name)
        off = f"--no-{flag[2:]}"
        return Annotated[bool | None, typer.Option(f"{flag}/{off}", help=meaning, **keywords)]
    named = "" if name == option_name(name)[2:].replace("-", "_") else f" ({name})"
    return Annotated[
        str | None,
        typer.Option(
            option_name(name),
            help=f"{meaning}{named} Expects {_range(kinds)}.",
            parser=_parser(kinds),
            metavar="VALUE",
            **keywords,
        ),
    ]


def with_hyperparameters(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of all hyper-parameters; it gets them as ``settings``, a dict.

    Only those are in it that the user has set.
    """

    @wraps(command)
    def with_options(**arguments: Any) -> None:
        settings = {name: arguments.pop(name) for name in DECLARED}
        given = {name: value for name, value in settings.items() if value is not None}
        command(**arguments, settings=given)

    own = [
        p
        for p in inspect.signature(command, eval_str=True).parameters.values()
        if p.name != "settings"
    ]
    options = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=_option(name, declarations),
        )
        for name, declarations in DECLARED.items()
    ]
    parameters = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own] + options
    # Typer reads options from the signature. Python looks for one among a function's attributes,
    # which the type of functions does not list.
    with_options.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    with_options.__annotations__ = {p.name: p.annotation for p in parameters}
    return with_options


def checked(settings: Mapping[str, Any], model: type[Declared]) -> None:
    """Refuse what this kind of network does not take, in the words of the command line."""
    declared = hyperparameters(model)
    tasks = ["a classification", "a regression"]
    task, other = tasks if model is NetworkClassifier else tasks[::-1]
    for name, value in settings.items():
        if name not in declared:
            raise InvalidArgumentError(f"{option_name(name)}: expected {other}, got {task}.")
        kinds = _kinds((declared[name],))
        if not any(kind.accepts(value) for kind in kinds):
            raise InvalidArgumentError(
                f"{option_name(name)}: expected {_range(kinds)} for {task}, got {shown(value)}, "
                f"which is for {other}."
            )
