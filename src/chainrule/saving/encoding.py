"""Objects as plain data and arrays, and back.

The plain data are those of JSON. None, booleans, integers, strings, finite floats and lists stand
for themselves; everything else is a JSON object whose ``"$"`` says what it is:

===========  ====================================================================================
``"$"``      holds
===========  ====================================================================================
``float``    ``value``: ``"nan"``, ``"inf"`` or ``"-inf"``
``tuple``    ``items``
``dict``     ``items``, pairs of key and value in their order; keys are of any kind
``array``    ``dtype``, ``shape`` and ``tensor``, the name of the tensor, with ``order``, ``"F"``
             for columns that lie one after the other; or for text and objects ``items``
``scalar``   ``dtype`` and ``value``; or, where that is not all, ``array``, one without axes
``name``     ``name`` of a function or class in the registry
``object``   ``class``, its name in the registry, and ``parts``, by name
===========  ====================================================================================

An array that occurs twice is written once, and is one array again when it is read.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from chainrule._errors import DataError, InvalidArgumentError
from chainrule.saving.container import Tensors
from chainrule.saving.registry import Names, has_fields, is_custom

__all__ = ["Decoder", "Encoder"]

Array: TypeAlias = npt.NDArray[Any]

_NON_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}

# dtypes of safetensors; arrays of others are tensors of their bytes.
_TENSOR_DTYPES = frozenset(
    np.dtype(name).newbyteorder("<").str
    for name in (
        *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
        *("float16", "float32", "float64", "complex64"),
    )
)
_KINDS_OF_BYTES = "biufcmMS"
_KINDS_OF_ITEMS = "OU"
_KINDS_OF_SCALARS = "biufU"


class Encoder:
    """Turns objects into plain data, and collects their arrays.

    Parameters
    ----------
    names : Names

    Attributes
    ----------
    tensors : dict of str to ndarray
        Named by where they are in the object, as Python would write it.
    custom : set of str
        The names of the user's own that occur.
    """

    def __init__(self, names: Names) -> None:
        self.tensors: dict[str, Array] = {}
        self.custom: set[str] = set()
        self._names = names
        # By identity, and kept, so that no other array is given the same identity meanwhile.
        self._written: dict[int, tuple[Array, dict[str, Any]]] = {}

    def encode(self, value: Any, place: str) -> Any:
        """Return a value as plain data.

        Raises
        ------
        InvalidArgumentError
            If it is of a kind that files cannot hold; ``place`` says where it is.
        """
        kind = type(value)
        if value is None or kind in (bool, int, str):
            return value
        if kind is float:
            return value if math.isfinite(value) else {"$": "float", "value": repr(value)}
        if kind is list:
            return self._items(value, place)
        if kind is tuple:
            return {"$": "tuple", "items": self._items(value, place)}
        if kind is dict:
            pairs = [
                [self.encode(key, f"{place} key {key!r}"), self.encode(item, f"{place}[{key!r}]")]
                for key, item in value.items()
            ]
            return {"$": "dict", "items": pairs}
        if kind is np.ndarray:
            return self._array(value, place)
        if isinstance(value, np.generic):
            return {"$": "scalar", **self._scalar(value, place)}
        name = self._names.name_of(value)
        if name is not None:
            return {"$": "name", "name": self._used(name)}
        name = self._names.name_of(kind)
        if name is None:
            raise _cannot_save(value, place)
        parts = self._names.parts(name).of(value)
        encoded = {key: self.encode(part, f"{place}.{key}") for key, part in parts.items()}
        return {"$": "object", "class": self._used(name), "parts": encoded}

    def _scalar(self, value: np.generic, place: str) -> dict[str, Any]:
        item, dtype = value.item(), value.dtype
        # A date is no plain value, a long double is more than one, and a NaN has bits of its own.
        if type(item) in (bool, int, float, str) and dtype.type(item) == value:
            return {"dtype": dtype.str, "value": self.encode(item, place)}
        return {"array": self._array(np.asarray(value), place)}

    def _items(self, values: Any, place: str) -> list[Any]:
        return [self.encode(item, f"{place}[{i}]") for i, item in enumerate(values)]

    def _used(self, name: str) -> str:
        if is_custom(name):
            self.custom.add(name.partition(".")[2])
        return name

    def _array(self, array: Array, place: str) -> dict[str, Any]:
        if id(array) not in self._written:
            self._written[id(array)] = array, self._written_array(array, place)
        return self._written[id(array)][1]

    def _written_array(self, array: Array, place: str) -> dict[str, Any]:
        dtype = array.dtype
        head = {"$": "array", "dtype": dtype.str, "shape": list(array.shape)}
        if dtype.kind in _KINDS_OF_ITEMS:
            return {**head, "items": self._items(array.ravel().tolist(), place)}
        if dtype.kind not in _KINDS_OF_BYTES:
            raise InvalidArgumentError(
                f"save: {place}: expected numbers, booleans, dates, text or objects, got an array "
                f"of dtype {dtype}; convert it first."
            )
        # For products to be the same bits, arrays have to lie in memory as they did.
        by_columns = array.flags.f_contiguous and not array.flags.c_contiguous
        rows = np.ascontiguousarray(array).reshape(array.shape)
        plain = dtype.str in _TENSOR_DTYPES
        while place in self.tensors:
            place += "'"
        self.tensors[place] = rows if plain else rows.reshape(-1).view(np.uint8)
        return {**head, "tensor": place, "order": "F" if by_columns else "C"}


def _cannot_save(value: Any, place: str) -> InvalidArgumentError:
    cls = type(value)
    is_function = callable(value) and hasattr(value, "__name__")
    if is_function:
        got = f"got the function {value.__name__}, which is code, and files hold none"
    else:
        got = f"got one of class {cls.__module__}.{cls.__qualname__}"
    if is_function or has_fields(cls):
        name = value.__name__ if is_function else cls.__name__
        name = name if name.isidentifier() else "its_name"
        remedy = (
            f"for what is yours, write save(path, ..., custom={{{name!r}: {name}}}), and give the "
            "same to load"
        )
    else:
        remedy = "turn it into lists, dicts, arrays or a dataclass"
    return InvalidArgumentError(
        f"save: {place}: expected plain data or an object of chainrule, {got}; {remedy}."
    )


class Decoder:
    """Turns plain data into objects.

    Parameters
    ----------
    tensors : mapping of str to ndarray
    names : Names
    what : str
        The file, for the messages of errors.
    """

    def __init__(self, tensors: Tensors, names: Names, what: str) -> None:
        self._what = what
        self._tensors = tensors
        self._names = names
        self._read: dict[str, Array] = {}
        self._kinds: Mapping[str, Callable[[dict[str, Any]], Any]] = {
            "float": lambda node: _NON_FINITE[node["value"]],
            "tuple": lambda node: tuple(self.decode(node["items"])),
            "dict": lambda node: {self.decode(k): self.decode(v) for k, v in node["items"]},
            "array": self._array,
            "scalar": self._scalar,
            "name": lambda node: self._named(node["name"]),
            "object": self._object,
        }

    def decode(self, node: Any) -> Any:
        """Return the object that plain data stand for.

        Raises
        ------
        DataError
            If a name is unknown.
        KeyError, TypeError, ValueError, AttributeError
            If the data were not made by `Encoder`.
        """
        if isinstance(node, dict):
            return self._kinds[node["$"]](node)
        if isinstance(node, list):
            return [self.decode(item) for item in node]
        return node

    def _named(self, name: str) -> Any:
        try:
            return self._names.named(name)
        except KeyError:
            raise DataError(
                f"{self._what}: expected names that this version of chainrule knows, got {name!r}; "
                "install the version that wrote the file, or a newer one."
            ) from None

    def _object(self, node: dict[str, Any]) -> Any:
        cls = self._named(node["class"])
        parts = {key: self.decode(part) for key, part in node["parts"].items()}
        return self._names.parts(node["class"]).together(cls, parts)

    def _scalar(self, node: dict[str, Any]) -> Any:
        if "array" in node:
            return self.decode(node["array"])[()]
        dtype = np.dtype(node["dtype"])
        if dtype.kind not in _KINDS_OF_SCALARS:
            raise ValueError(f"no scalar is of {dtype}")
        return dtype.type(self.decode(node["value"]))

    def _array(self, node: dict[str, Any]) -> Array:
        dtype, shape = np.dtype(node["dtype"]), tuple(node["shape"])
        if "items" in node:
            return self._array_of_items(dtype, shape, self.decode(node["items"]))
        if dtype.kind not in _KINDS_OF_BYTES:
            raise ValueError(f"no tensor holds {dtype}")
        name = node["tensor"]
        if name not in self._read:
            tensor = self._tensors[name]
            # A copy of its own: aligned, writable, and not holding the whole file in memory.
            array = np.frombuffer(tensor.reshape(-1).view(np.uint8).data, dtype).reshape(shape)
            self._read[name] = array.copy(order="F" if node["order"] == "F" else "C")
        return self._read[name]

    def _array_of_items(self, dtype: Any, shape: tuple[int, ...], items: list[Any]) -> Array:
        if dtype.kind not in _KINDS_OF_ITEMS or math.prod(shape) != len(items):
            raise ValueError(f"{len(items)} items are no {dtype} of shape {shape}")
        array = np.empty(math.prod(shape), dtype)
        array[:] = np.fromiter(items, object, len(items))
        return array.reshape(shape)
