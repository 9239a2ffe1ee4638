"""Rows as lanes: narrow rows transposed between memory and vectors that hold a column each.

A tile has one vector per column, and in each of its lanes an element of another row. To fill it, a
few neighbouring columns of all rows are loaded, put side by side in as many vectors, and exchanged
between those; to write it, the same the other way round. The functions that do so are units of
their own, which are told how far rows are apart and how wide they are: there is one of each kind
for all programs.

Lanes beyond the last row hold what that holds, and are written to where it is.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from llvmlite import ir

from chainrule.compiler.native import vectors
from chainrule.compiler.native.loops import INDEX, POINTER, counted
from chainrule.compiler.native.transposes import transposed
from chainrule.compiler.native.units import declared, unit_name
from chainrule.compiler.native.views import View

_BAND = 16
"""Bytes of a row that are transposed at a time: shuffles of wide vectors keep so many together."""

_TYPES = {1: ir.IntType(8), 2: ir.IntType(16), 4: ir.FloatType(), 8: ir.DoubleType()}
"""What elements are moved as, by their size."""

SIGNATURE = ir.FunctionType(ir.VoidType(), [POINTER, INDEX, INDEX, POINTER, INDEX, POINTER])
"""The address of the first row, how far rows are apart, the lane of the last one, the address of
the tile, the number of columns, which is at least that of a band, and that of room for as many
elements as a tile has."""


@dataclass(frozen=True)
class Form:
    """What the code that fills or writes a tile depends on.

    Attributes
    ----------
    fills : bool
        Whether it fills tiles, or writes them to memory.
    itemsize : int
        Bytes of an element.
    lanes : int
    band : int
        Columns that are transposed at a time, a power of two.
    """

    fills: bool
    itemsize: int
    lanes: int
    band: int

    @property
    def name(self) -> str:
        """The name of the function."""
        return unit_name(SIGNATURE, str(self))

    def declared(self, module: ir.Module) -> ir.Function:
        """Return the function, declared in a module that calls it."""
        return module.globals.get(self.name) or declared(module, SIGNATURE, self.name)


def form_of(view: View, lanes: int, fills: bool) -> Form:
    """Return the form for a view of rows."""
    itemsize = view.memory.dtype.itemsize
    most = min(_BAND // itemsize, view.shape[-1], lanes)
    return Form(fills, itemsize, lanes, 1 << (most.bit_length() - 1))


def emit_tile(function: ir.Function, form: Form) -> None:
    """Append the blocks of the function of a form."""
    _Emission(function, form).run()


class _Emission:
    """One function being written."""

    def __init__(self, function: ir.Function, form: Form) -> None:
        for argument in function.args:
            if argument.type == POINTER:
                argument.add_attribute("noalias")
        self.builder = ir.IRBuilder(function.append_basic_block("entry"))
        self.form = form
        self.type = _TYPES[form.itemsize]
        self.first, self.stride, self.last, self.tile, self.width, self.spare = function.args

    def run(self) -> None:
        """Emit everything."""
        b, form = self.builder, self.form
        is_part = b.icmp_unsigned("<", self.last, INDEX(form.lanes - 1))
        if form.fills:
            with b.if_then(is_part, likely=False):
                self.copy(INDEX(form.lanes))
        first = b.select(is_part, self.spare, self.first)
        stride = b.select(is_part, self.width, self.stride)
        with self.bands() as start:
            self.transpose(first, stride, start)
        if not form.fills:
            with b.if_then(is_part, likely=False):
                self.copy(b.add(self.last, INDEX(1)))
        b.ret_void()

    @contextlib.contextmanager
    def bands(self) -> Iterator[ir.Value]:
        """Emit a loop over bands; yields the first column."""
        b, band = self.builder, INDEX(self.form.band)
        count = b.udiv(b.add(self.width, INDEX(self.form.band - 1)), band)
        latest = b.sub(self.width, band)
        with counted(b, count, "band") as counter:
            start = b.mul(counter, band)
            # The last few columns are as many as others, so some are transposed twice.
            yield b.select(b.icmp_unsigned("<", start, latest), start, latest)

    def copy(self, count: ir.Value) -> None:
        """Emit a loop that copies rows to the spare room, the last one again and again, or back."""
        b = self.builder
        with counted(b, count, "row") as row:
            there = b.select(b.icmp_unsigned("<", row, self.last), row, self.last)
            ends = [
                self.at(self.first, b.mul(there, self.stride)),
                self.at(self.spare, b.mul(row, self.width)),
            ]
            with self.bands() as start:
                source, target = [
                    self.at(end, start) for end in (ends if self.form.fills else ends[::-1])
                ]
                self.store(self.load(source, self.form.band), target)

    def transpose(self, first: ir.Value, stride: ir.Value, start: ir.Value) -> None:
        """Emit the exchange between a band of the rows and its columns."""
        b, band, lanes = self.builder, self.form.band, self.form.lanes
        # Sums of few numbers, so that all addresses are known without much ado.
        steps = [b.mul(stride, INDEX(lane)) for lane in range(min(4, lanes))]
        rows = []
        for group in range(0, lanes, 4):
            base = self.at(self.at(first, b.mul(stride, INDEX(group))), start)
            rows += [self.at(base, step) for step in steps]
        across = self.at(self.tile, b.mul(start, INDEX(lanes)))
        columns = [self.at(across, INDEX(lanes * number)) for number in range(band)]
        if self.form.fills:
            parts = [self.load(row, band) for row in rows]
            groups = [vectors.joined(b, parts[number::band]) for number in range(band)]
            for column, value in zip(columns, transposed(b, groups, lanes), strict=True):
                self.store(value, column)
        else:
            values = transposed(b, [self.load(column, lanes) for column in columns], lanes)
            groups = [vectors.split(b, value, band) for value in values]
            for lane, row in enumerate(rows):
                self.store(groups[lane % band][lane // band], row)

    def at(self, place: ir.Value, step: ir.Value) -> ir.Value:
        """Return the address some elements on."""
        return self.builder.gep(place, [step], inbounds=True, source_etype=self.type)

    def load(self, place: ir.Value, count: int) -> ir.Value:
        """Load neighbours."""
        type = ir.VectorType(self.type, count)
        return self.builder.load(place, typ=type, align=self.form.itemsize)

    def store(self, value: ir.Value, place: ir.Value) -> None:
        """Store neighbours."""
        self.builder.store(value, place, align=self.form.itemsize)
