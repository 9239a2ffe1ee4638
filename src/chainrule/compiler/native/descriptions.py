"""What a unit of code is, as a text: the same for two that have the same code, and else not.

Any value made of dataclasses, tuples, numbers and dtypes is written out field by field, so a field
that is added to a kind of expression or step is described without anything being done about it.
Two things are written as they matter and not as they are. Buffers are numbered by first
appearance, since a unit is handed pointers and does not know whose. Expressions are referred to by
number where they occur again, since a value that is shared is computed once.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.compiler.native.views import Buffer, View


def describe(*values: Any) -> tuple[str, list[Buffer]]:
    """Return a description of values, and the buffers handed over, in the order of their numbers.

    Rows are not handed over, the unit has them on its stack.
    """
    description = _Description()
    for value in values:
        description.write(value)
    handed = [buffer for buffer in description.buffers if buffer.kind != "row"]
    return "".join(description.parts), handed


class _Description:
    def __init__(self) -> None:
        self.parts: list[str] = []
        self.buffers: dict[Buffer, int] = {}
        self.roots: dict[Buffer, int] = {}
        self.known: dict[int, int] = {}

    def write(self, value: Any) -> None:
        add = self.parts.append
        if value is None or isinstance(value, (bool, int, float, str)):
            add(f"{value!r},")
        elif isinstance(value, (tuple, list)):
            add("(")
            for item in value:
                self.write(item)
            add(")")
        elif isinstance(value, np.dtype):
            add(f"{value.str},")
        elif isinstance(value, np.generic):
            # Its bits: -0 is not 0.
            add(f"{value.dtype.str}:{value.tobytes().hex()},")
        elif isinstance(value, Buffer):
            number = self.buffers.setdefault(value, len(self.buffers))
            # Two buffers may be the same memory, which stages that follow each other have to know.
            root = self.roots.setdefault(value.root, len(self.roots))
            add(f"@{number}/{root}:{value.dtype.str},")
            if value.kind == "row":
                add(f"row {value.size},")
        elif isinstance(value, View):
            # Its shape is that of the loop it belongs to.
            self.write((value.buffer, value.strides, value.offset))
        elif id(value) in self.known:
            add(f"#{self.known[id(value)]},")
        else:
            add(f"{type(value).__name__}(")
            for name in value.__dataclass_fields__:
                self.write(getattr(value, name))
            add(")")
            self.known[id(value)] = len(self.known)
