"""Powers of integers, modulo the width of the type, as a function of its own."""

from __future__ import annotations

from llvmlite import ir


def power_function(module: ir.Module, type: ir.IntType) -> ir.Function:
    """Return the function ``power(x, y)`` for y ≥ 0, appended to the module if need be.

    It squares x as often as y has bits, and multiplies the squares that belong to bits set.
    """
    name = f"power_{type}"
    known = module.globals.get(name)
    if known is not None:
        return known
    function = ir.Function(module, ir.FunctionType(type, [type, type]), name)
    function.linkage = "internal"
    function.attributes.add("nounwind")
    x, y = function.args
    entry, body, end = [function.append_basic_block(name) for name in ("entry", "bit", "end")]
    ir.IRBuilder(entry).branch(body)
    b = ir.IRBuilder(body)
    square, rest, product = [b.phi(type) for _ in range(3)]
    is_set = b.trunc(rest, ir.IntType(1))
    multiplied = b.select(is_set, b.mul(product, square), product)
    squared, shifted = b.mul(square, square), b.lshr(rest, type(1))
    for phi, start, following in (
        (square, x, squared),
        (rest, y, shifted),
        (product, type(1), multiplied),
    ):
        phi.add_incoming(start, entry)
        phi.add_incoming(following, body)
    b.cbranch(b.icmp_unsigned("!=", shifted, type(0)), body, end)
    b.position_at_end(end)
    b.ret(multiplied)
    return function
