"""Arrays that are given away: their memory is taken for a result, and they can be used no more.

Whether nobody else uses an array's memory cannot be seen from an array that owns it: somebody may
hold the array itself. It can be seen of memory that belongs to a hidden owner. `private` makes
arrays of that kind, and only the memory of such arrays is taken, if nothing but the one array
refers to the owner; a view of the array would. What was taken is put into a new array, and of the
old one nothing is left but an object that raises an error in whatever it is used for, so an array
that has been given away is never taken for one with numbers.
"""

from __future__ import annotations

import sys
from typing import Any, NoReturn

import numpy as np

from chainrule._errors import DonatedArrayError


def private(array: np.ndarray) -> np.ndarray:
    """Return a view of an array that nothing else may refer to, so that its memory can be taken."""
    return array[...]


def _references(array: np.ndarray) -> int:
    """Return how many references there are to the owner of an array's memory, and a few more."""
    return sys.getrefcount(array.base)


# Found out rather than counted, since versions of Python differ.
_FEWEST_REFERENCES = _references(private(np.empty(1)))


def can_be_taken(array: np.ndarray) -> bool:
    """Whether nothing but this array refers to its memory."""
    owner = array.base
    return (
        type(array) is np.ndarray
        and type(owner) is np.ndarray
        and owner.flags.owndata
        and owner.flags.writeable
        and array.flags.carray
        and _references(array) <= _FEWEST_REFERENCES + 1  # the variable here
    )


def give_away(array: np.ndarray, name: str) -> None:
    """Make an array whose memory has been taken one that cannot be used.

    Parameters
    ----------
    array : ndarray
        A view of memory that it does not own.
    name : str
        To whom it has been given, for messages.
    """
    what_is_left = GivenAway(name, array.base)
    # What unpickling does: it replaces everything about an array at once.
    state: Any = (1, (), np.dtype(object), False, [what_is_left])
    array.__setstate__(state)


class GivenAway:
    """What is in an array that has been given away.

    It keeps the memory alive as long as somebody may look at it through the old array's buffer.
    """

    def __init__(self, name: str, memory: Any) -> None:
        self._name = name
        self._memory = memory

    def refuse(self, *args: Any) -> NoReturn:
        """Raise `DonatedArrayError`."""
        raise DonatedArrayError(
            f"{self._name}: an array was used that had been given away with donate_argnums; its "
            "memory holds the result now. Use what the call returned, or pass a copy."
        )

    def __repr__(self) -> str:
        return f"<given away to {self._name}>"

    __bool__ = __int__ = __float__ = __complex__ = __index__ = refuse
    __lt__ = __le__ = __gt__ = __ge__ = __eq__ = __ne__ = refuse
    __neg__ = __pos__ = __abs__ = __invert__ = __round__ = conjugate = refuse
    __add__ = __sub__ = __mul__ = __truediv__ = __floordiv__ = __mod__ = __pow__ = refuse
    __radd__ = __rsub__ = __rmul__ = __rtruediv__ = __rfloordiv__ = __rmod__ = __rpow__ = refuse
    __matmul__ = __rmatmul__ = __and__ = __rand__ = __or__ = __ror__ = __xor__ = __rxor__ = refuse


def check_not_given_away(array: np.ndarray) -> None:
    """Raise `DonatedArrayError` if an array has been given away."""
    if array.dtype == object and array.shape == () and isinstance(array.item(), GivenAway):
        array.item().refuse()
