"""The data sets that are known by name.

Each is a function that builds arrays, with words about them and settings that suit them; its entry
in one of the tables put together here is all it takes to be found.
"""

import difflib
import inspect
from typing import Any

from chainrule._errors import DataError, InvalidArgumentError
from chainrule.datasets._dataset import Dataset
from chainrule.datasets._entry import BuiltIn
from chainrule.datasets._generated import GATES, SHAPES
from chainrule.datasets._images import IMAGES
from chainrule.datasets._measured import MEASURED

_BUILT_IN: dict[str, BuiltIn] = {**MEASURED, **IMAGES, **SHAPES, **GATES}


def load(name: str, **options: Any) -> Dataset:
    """Return a built-in data set.

    Parameters
    ----------
    name : str
        One of `names()`.
    n : int, default=200
        Of ``"moons"``, ``"circles"`` and ``"spirals"``: number of samples, at least 4.
    noise : float
        Of the same: standard deviation of what is added to each coordinate, at least 0. By default
        0.1, 0.05 and 0.03.
    seed : int, default=0
        Of the same: decides the noise.
    part : {"all", "train", "test"}, default="all"
        Of ``"mnist"`` and ``"fashion-mnist"``: which of the 60,000 training and 10,000 test
        samples. All are in this order.

    Returns
    -------
    Dataset
        A new copy at every call, so that changing its arrays harms nobody.

    Raises
    ------
    DataError
        When there is no data set of that name, or its files are not on this machine.
    InvalidArgumentError
        When an option is not one of the data set's, or is out of range.

    Examples
    --------
    >>> from chainrule.datasets import load
    >>> load("digits").features.shape
    (1797, 64)
    >>> load("moons", n=500, noise=0.2).features.shape
    (500, 2)
    """
    entry = _entry(name)
    known = inspect.signature(entry.build).parameters
    for option in options:
        if option not in known:
            takes = f"it takes {', '.join(known)}" if known else "it takes none"
            raise InvalidArgumentError(
                f"load: the data set '{name}' has no option '{option}'; {takes}."
            )
    features, target, encoder = entry.build(**options)
    return Dataset(name, features, target, encoder, entry.description, entry.recipe)


def names() -> tuple[str, ...]:
    """Return the names that `load` knows, in the order in which to list them.

    Returns
    -------
    tuple of str

    Examples
    --------
    >>> from chainrule.datasets import names
    >>> print(*names())
    digits breast-cancer wine iris diabetes mnist fashion-mnist moons circles spirals xor or and
    """
    return tuple(_BUILT_IN)


def describe(name: str) -> str:
    """Return what a built-in data set is, where it comes from, and under which licence.

    Nothing is loaded, so it works for data sets whose files are not on this machine.

    Parameters
    ----------
    name : str
        One of `names()`.

    Returns
    -------
    str

    Raises
    ------
    DataError
        When there is no data set of that name.
    """
    return _entry(name).description


def _entry(name: str) -> BuiltIn:
    if name in _BUILT_IN:
        return _BUILT_IN[name]
    near = difflib.get_close_matches(name, _BUILT_IN, n=1)
    meant = f" Did you mean '{near[0]}'?" if near else ""
    raise DataError(
        f"There is no built-in data set '{name}'.{meant} There are {', '.join(names())}."
    )
