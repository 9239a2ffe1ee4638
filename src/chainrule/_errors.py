"""The exceptions the library raises.

Every one subclasses `ChainruleError` and the built-in exception that fits, so that ``except
ValueError`` keeps working for people who never heard of this module. A message says what was done
(operation and argument), what was expected, what came, and what to do about it. An error finds for
itself the line of the user's own code on which it happened, and shows it below the message.
"""

from __future__ import annotations

import numpy as np

from chainrule._source import user_source


class ChainruleError(Exception):
    """Base class of every exception this library raises on purpose.

    Attributes
    ----------
    place : str or None
        The user's line on which it happened, such as ``model.py:12, in forward: z = a @ W``; in a
        derivative, the line being differentiated.
    """

    _shows_place = True

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        source = user_source() if self._shows_place else None
        self.place = None if source is None else str(source)

    @property
    def message(self) -> str:
        """What went wrong, without the place."""
        return super().__str__()

    def __str__(self) -> str:
        return self.message if self.place is None else f"{self.message}\n  at {self.place}"


class InvalidArgumentError(ChainruleError, ValueError):
    """An argument has the right type and a value that makes no sense here."""


class DivergenceError(InvalidArgumentError):
    """Training has led to numbers that are not finite, before there was anything to keep."""


class ArgumentTypeError(ChainruleError, TypeError):
    """An argument has a type the function cannot work with."""


class ShapeError(ChainruleError, ValueError):
    """Shapes do not fit each other or the operation."""


class DtypeError(ChainruleError, TypeError):
    """A dtype is unsupported, or cannot be differentiated."""


class TreeError(ChainruleError, ValueError):
    """Two nested containers that should have the same structure do not."""


class IndexingError(ChainruleError, IndexError):
    """An index is out of range or of an unsupported kind."""


class MissingAttributeError(ChainruleError, AttributeError):
    """A traced array lacks an attribute or a method."""


class ConcretizationError(ChainruleError, TypeError):
    """Plain Python asked for the value of an array that is still being traced."""


class UnknownIntegerError(ChainruleError, ValueError):
    """Plain Python or NumPy asked for the value of an integer that is still being traced.

    Not a `TypeError`, which NumPy would take for "this is no integer" and replace by its own.
    """


class MutationError(ChainruleError, TypeError):
    """An array being traced was to be changed in place."""


class LeakedTracerError(ChainruleError, RuntimeError):
    """A traced array was used after the function it belongs to had returned."""


class DonatedArrayError(ChainruleError, RuntimeError):
    """An array was used after it had been given away to a compiled function."""


class UnsupportedError(ChainruleError, NotImplementedError):
    """A function, keyword or derivative that this library does not provide.

    What users meet, and may catch, as `NotImplementedError`: the built-in for what could exist.
    """


class LinAlgError(ChainruleError, np.linalg.LinAlgError):
    """A matrix is singular, not positive definite, or of a shape that does not fit."""


class CapacityError(ChainruleError, MemoryError):
    """What is asked for needs more memory than the machine has; nothing was tried."""


class GraphError(ChainruleError, TypeError):
    """A graph breaks its own rules; a bug in this library or in a hand-made graph."""


class DataError(ChainruleError, ValueError):
    """Input data (a file, a table, a target) cannot be used as it stands."""

    _shows_place = False  # the data is at fault, not a line of code


class FileError(ChainruleError, OSError):
    """A file cannot be read or written; ``errno`` says what the system says."""

    _shows_place = False


class MissingFileError(FileError, FileNotFoundError):
    """There is no such file, or no folder for it."""


class FileAccessError(FileError, PermissionError):
    """The permission to read or write a file is missing."""
