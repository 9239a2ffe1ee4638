"""Functions with some of their settings decided."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chainrule import _tree as tree
from chainrule._errors import ArgumentTypeError

__all__ = ["partial"]


@dataclass(frozen=True, repr=False)
class Partial:
    """The callable that `partial` makes."""

    function: Callable[..., Any] = tree.static_field()
    settings: tuple[tuple[str, Any], ...] = tree.static_field()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function with the settings, over which keyword arguments given here win."""
        return self.function(*args, **{**dict(self.settings), **kwargs})

    def __repr__(self) -> str:
        name = getattr(self.function, "__name__", repr(self.function))
        return f"{name}({', '.join(f'{key}={value!r}' for key, value in self.settings)})"


def partial(function: Callable[..., Any], **settings: Any) -> Partial:
    """Return an activation or a loss with other settings than its defaults.

    It is `functools.partial`, but two of equal function and settings are equal. Compiled programs
    are kept by the functions they were made of, so a network with ``partial(leaky_relu,
    negative_slope=0.2)`` finds its program again, where a lambda written anew does not.

    Parameters
    ----------
    function : callable
        Such as `chainrule.nn.leaky_relu` or `chainrule.nn.huber_loss`.
    **settings
        Keyword arguments; hashable values, so tuples for lists.

    Returns
    -------
    callable

    Raises
    ------
    ArgumentTypeError
        If a value is not hashable.

    Examples
    --------
    >>> from chainrule import nn
    >>> nn.partial(nn.leaky_relu, negative_slope=0.2)
    leaky_relu(negative_slope=0.2)
    >>> _ == nn.partial(nn.leaky_relu, negative_slope=0.2)
    True
    """
    for key, value in settings.items():
        try:
            hash(value)
        except TypeError:
            raise ArgumentTypeError(
                f"partial: {key}: expected a value that can be hashed, got {type(value).__name__}; "
                "write a number, a string or a tuple."
            ) from None
    return Partial(function, tuple(sorted(settings.items())))
