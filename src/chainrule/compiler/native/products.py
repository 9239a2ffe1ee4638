"""Matrix products by code made for their shape.

The result is computed in tiles of some rows by a few vectors of columns, which stay in registers
while the factors' common axis is run through: for every position on it, a few vectors of the right
factor are loaded, and each row's number of the left factor is multiplied by all of them. So the
right factor's rows have to be contiguous, and the left factor's strides may be anything.

A product is one function of a range of rows. It is made for a number of columns and a dtype; all
else (the common axis, the strides) it is told when it runs, so that another batch size or another
layer before needs no new code.

If the product has an epilogue, that is computed of the tile's vectors, and stored in their place.

Every element is the sum of its products in order, each added with one rounding if the CPU can. It
does not matter to which tile a row belongs. So the last tile of a range, if rows are missing,
starts earlier and computes some rows again, and any division of the rows gives the same bits.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from llvmlite import ir

from chainrule.compiler.native import scalars, vectors
from chainrule.compiler.native.compilation import VECTORS
from chainrule.compiler.native.descriptions import describe
from chainrule.compiler.native.expressions import Apply, Constant, Expression, Load
from chainrule.compiler.native.kernels import Loop, Product, Result
from chainrule.compiler.native.loops import (
    INDEX,
    POINTER,
    affine,
    counted,
    element,
    numbers_of,
    table,
)
from chainrule.compiler.native.math.arithmetic import Arithmetic, Real, mul_add
from chainrule.compiler.native.units import Units
from chainrule.compiler.native.vectors import Piece, VectorUnit
from chainrule.compiler.native.views import Buffer, Shape, View

MOST_ROWS = 12
"""Rows of a tile; more would gain nothing."""

Tile = list[list[ir.Value]]
"""A vector for every row and every piece of it."""


@dataclass(frozen=True)
class Form:
    """What the code of a product depends on, beside its epilogue.

    Attributes
    ----------
    dtype : numpy.dtype
    columns : int
    rows : int
        Of a tile.
    panel : int
        How many columns are worked on at once.
    unit : VectorUnit
    has_fma : bool
    """

    dtype: np.dtype[Any]
    columns: int
    rows: int
    panel: int
    unit: VectorUnit
    has_fma: bool


def form_of(product: Product, unit: VectorUnit, has_fma: bool) -> Form:
    """Return the form of the code that computes a product.

    Two thirds of the registers hold the tile, the others what it is multiplied by. The wider a
    tile, the fewer the loads of the left factor; the higher, those of the right one. If there are
    few rows it is wide, and the right factor is read in one go.
    """
    _, m, n = product.target.shape
    dtype = product.target.memory.dtype
    room = unit.registers * 2 // 3
    panel = max(unit.registers // 8, room // m) * (unit.nbytes // dtype.itemsize)
    across = len(vectors.pieces(min(n, panel), dtype.itemsize, unit))
    return Form(dtype, n, _tile_rows(m, max(1, room // across)), panel, unit, has_fma)


def _tile_rows(rows: int, most: int) -> int:
    """Return the height of a tile: so that few rows are computed twice, and then as high as can be.

    A tile that is a third lower than it might be is as fast.
    """
    most = min(most, MOST_ROWS, rows)
    least = max(1, most * 2 // 3)
    return min(range(most, least - 1, -1), key=lambda height: -(-rows // height) * height)


# -- from outside --------------------------------------------------------------------------------

EXTENTS = 4
"""Length of the common axis; strides of the left factor down and along it; the right one's down."""


@dataclass(frozen=True, eq=False)
class Rows:
    """A function that computes rows of a product.

    It takes the addresses of the first elements of the factors, that of the extents, those of the
    buffers, and the rows to start and to stop at.

    Attributes
    ----------
    function : llvmlite.ir.Function
    extents : llvmlite.ir.Value
        The address of the product's `EXTENTS`.
    buffers : list of Buffer
        What its epilogue reads and writes. If there is none it is that of the result, in place of
        whose address that of the result's first element is to be given.
    least : int
        It must not be called for fewer rows.
    """

    function: ir.Function
    extents: ir.Value
    buffers: list[Buffer]
    least: int


def rows_of(product: Product, units: Units, module: ir.Module, has_fma: bool) -> Rows:
    """Return the function that computes rows of a product, declared in a module."""
    form, own = form_of(product, vectors.vector_unit(), has_fma), product.result
    if product.epilogue is None:
        # The matrix starts where the function is told.
        own = replace(own, offset=0)
        loop = Loop(own.shape, (False, False), (Result(own, Load(own)),))
    else:
        loop = product.epilogue
    description, buffers = describe(form, own, loop.results)

    def emit(function: ir.Function) -> None:
        emit_product(function, form, _Epilogue(loop, own, buffers))

    type = ir.FunctionType(ir.VoidType(), [POINTER] * (3 + len(buffers)) + [INDEX] * 2)
    function = units.function(module, f"product {description}", type, emit, VECTORS)
    return Rows(function, table(module, _extents(product)), buffers, form.rows)


def _extents(product: Product) -> list[int]:
    left, right = product.left, product.right
    return [left.shape[2], left.strides[1], left.strides[2], right.strides[1]]


# -- inside --------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Epilogue:
    """What is stored of a product.

    Attributes
    ----------
    loop : Loop
    product : View
        Where the loop reads the product.
    buffers : list of Buffer
        Those whose addresses the function is given, in order.
    """

    loop: Loop
    product: View
    buffers: list[Buffer]


def emit_product(function: ir.Function, form: Form, epilogue: _Epilogue) -> None:
    """Append the blocks of a product's function."""
    b = ir.IRBuilder(function.append_basic_block("entry"))
    left, right, extents, *others, start, stop = function.args
    numbers = numbers_of(b, extents, EXTENTS)

    def panel(columns: int, first: ir.Value) -> None:
        pieces = vectors.pieces(columns, form.dtype.itemsize, form.unit)
        store = _Store(b, form, pieces, first, epilogue, others)
        begin = element(b, right, first, form.dtype)
        _Panel(b, form, pieces, (left, begin), numbers, store).emit(start, stop)

    whole, rest = divmod(form.columns, form.panel)
    if whole:
        with counted(b, whole, "panel") as counter:
            panel(form.panel, b.mul(counter, INDEX(form.panel)))
    if rest:
        panel(rest, INDEX(whole * form.panel))
    b.ret_void()


class _Panel:
    """Some neighbouring columns of a product being written."""

    def __init__(
        self,
        builder: ir.IRBuilder,
        form: Form,
        pieces: list[Piece],
        factors: tuple[ir.Value, ir.Value],
        extents: Sequence[ir.Value],
        store: _Store,
    ) -> None:
        self.builder = builder
        self.form = form
        self.dtype = form.dtype
        self.pieces = pieces
        self.left, self.right = factors
        self.length, self.down, self.along, self.right_down = extents
        self.store = store

    def emit(self, start: ir.Value, stop: ir.Value) -> None:
        """Emit the loop over tiles; the last one starts early enough to be a whole one."""
        b, height = self.builder, INDEX(self.form.rows)
        last = b.sub(stop, height)
        count = b.udiv(b.sub(b.add(b.sub(stop, start), height), INDEX(1)), height)
        with counted(b, count, "tile") as counter:
            row = b.add(start, b.mul(counter, height))
            row = b.select(b.icmp_unsigned("<", row, last), row, last)
            self.store.emit(row, self.tile(row))

    def tile(self, row: ir.Value) -> Tile:
        """Emit the sums of a tile."""
        b, number = self.builder, scalars.register_type(self.dtype)
        types = [ir.VectorType(number, piece.lanes) for piece in self.pieces]
        left = element(b, self.left, b.mul(row, self.down), self.dtype)
        steps = [b.mul(self.down, INDEX(i)) for i in range(self.form.rows)]
        before = b.block
        with counted(b, self.length, "k"):
            places = [b.phi(POINTER), b.phi(POINTER)]
            sums = [[b.phi(type) for type in types] for _ in steps]
            across = [self.load(places[1], piece) for piece in self.pieces]
            following: Tile = []
            for step, own in zip(steps, sums, strict=True):
                factor = b.load(element(b, places[0], step, self.dtype), typ=number)
                lengths = dict.fromkeys([piece.lanes for piece in self.pieces])
                factors = {lanes: vectors.repeated(b, factor, lanes) for lanes in lengths}
                pairs = zip(across, own, strict=True)
                following.append([self.mul_add(factors[x.type.count], x, t) for x, t in pairs])
            begins, strides = (left, self.right), (self.along, self.right_down)
            for place, begin, stride in zip(places, begins, strides, strict=True):
                place.add_incoming(begin, before)
                place.add_incoming(element(b, place, stride, self.dtype), b.block)
            for own, new in zip(sums, following, strict=True):
                for total, value in zip(own, new, strict=True):
                    total.add_incoming(scalars.splat(total.type, 0.0), before)
                    total.add_incoming(value, b.block)
        return following

    def load(self, row: ir.Value, piece: Piece) -> ir.Value:
        """Load a piece of a row of the right factor."""
        place = element(self.builder, row, INDEX(piece.start), self.dtype)
        return vectors.load(self.builder, place, piece, self.dtype)

    def mul_add(self, factor: ir.Value, across: ir.Value, total: ir.Value) -> ir.Value:
        """Emit the sum of a total and the product of two vectors."""
        arithmetic = Arithmetic(self.builder, across.type, self.form.has_fma)
        return mul_add(*[Real(arithmetic, value) for value in (factor, across, total)]).value


class _Store:
    """Stores what is made of tiles."""

    def __init__(
        self,
        builder: ir.IRBuilder,
        form: Form,
        pieces: list[Piece],
        column: ir.Value,
        epilogue: _Epilogue,
        addresses: Sequence[ir.Value],
    ) -> None:
        self.builder = builder
        self.form = form
        self.pieces = pieces
        self.column = column
        self.epilogue = epilogue
        self.addresses = dict(zip(epilogue.buffers, addresses, strict=True))

    def emit(self, row: ir.Value, tile: Tile) -> None:
        """Emit the epilogue of the tile that starts at a row."""
        b, loop = self.builder, self.epilogue.loop
        read = [view for view in loop.all_views if view != self.epilogue.product]
        views = dict.fromkeys([*read, *[result.view for result in loop.results]])
        for i, own in enumerate(tile):
            rows = self.rows(views, [b.add(row, INDEX(i)) if i else row, self.column])
            for piece, value in zip(self.pieces, own, strict=True):
                self.piece(piece, rows, value)

    def rows(self, views: Iterable[View], position: list[ir.Value]) -> dict[View, ir.Value]:
        """Return the addresses of the elements at a position."""
        places: dict[tuple[int, Shape], ir.Value] = {}
        rows = {}
        for view in views:
            map = view.offset, view.strides
            if map not in places:
                places[map] = affine(self.builder, *map, position)
            address = self.addresses[view.memory]
            rows[view] = element(self.builder, address, places[map], view.memory.dtype)
        return rows

    def piece(self, piece: Piece, rows: dict[View, ir.Value], own: ir.Value) -> None:
        """Emit the epilogue of a piece of rows that start at some addresses."""
        values: dict[int, ir.Value] = {}
        for node in self.epilogue.loop.nodes:
            values[id(node)] = self.value(node, piece, rows, own, values)
        for result in self.epilogue.loop.results:
            address = self.address(result.view, piece, rows)
            value = values[id(result.value)]
            vectors.store(self.builder, value, address, piece, result.value.dtype)

    def value(
        self,
        node: Expression,
        piece: Piece,
        rows: dict[View, ir.Value],
        own: ir.Value,
        values: dict[int, ir.Value],
    ) -> ir.Value:
        """Emit an expression whose parts have been."""
        b = self.builder
        if isinstance(node, Constant):
            return vectors.repeated(b, scalars.constant(node.value), piece.lanes)
        if isinstance(node, Apply):
            return scalars.emit(
                b,
                node.op,
                node.dtype,
                [argument.dtype for argument in node.arguments],
                [values[id(argument)] for argument in node.arguments],
                self.form.has_fma,
            )
        assert isinstance(node, Load)
        if node.view == self.epilogue.product:
            return own
        address = self.address(node.view, piece, rows)
        if node.view.strides[1]:
            return vectors.load(b, address, piece, node.dtype)
        return vectors.repeated(b, scalars.load(b, address, node.dtype), piece.lanes)

    def address(self, view: View, piece: Piece, rows: dict[View, ir.Value]) -> ir.Value:
        """Return the address at which a piece starts."""
        ahead = piece.start * view.strides[1]
        if not ahead:
            return rows[view]
        return element(self.builder, rows[view], INDEX(ahead), view.memory.dtype)
