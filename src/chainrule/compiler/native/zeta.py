"""Hurwitz's zeta function, the sum of (q + k)^-s over k = 0, 1, …, as a function of its own.

The first terms are added up until q + k exceeds 9, the rest comes from the Euler-Maclaurin formula,
as in the Cephes library, which SciPy's is taken from. For q < 0 that defines what is returned; the
function is infinite at q = 0, -1, …
"""

from __future__ import annotations

import math

from llvmlite import ir

_DOUBLE = ir.DoubleType()
_INTEGER = ir.IntType(64)

# (2 k)! / B_2k
_DENOMINATORS = (
    12.0,
    -720.0,
    30240.0,
    -1209600.0,
    47900160.0,
    -1.8924375803183791606e9,
    7.47242496e10,
    -2.950130727918164224e12,
    1.1646782814350067249e14,
    -4.5979787224074726105e15,
    1.8152105401943546773e17,
    -7.1661652561756670113e18,
)

_FAR = 1e8
"""From here on two terms of the asymptotic series are enough."""


def zeta_function(module: ir.Module) -> ir.Function:
    """Return the function ``zeta(s, q)`` of doubles, s = 2, 3, …, appended if need be."""
    known = module.globals.get("zeta")
    if known is not None:
        return known
    function = ir.Function(module, ir.FunctionType(_DOUBLE, [_DOUBLE] * 2), "zeta")
    function.linkage = "internal"
    function.attributes.add("nounwind")
    function.attributes.add("noinline")
    s, q = function.args
    entry, near, far = [function.append_basic_block(name) for name in ("entry", "near", "far")]
    b = ir.IRBuilder(entry)
    b.cbranch(b.fcmp_ordered(">", q, _DOUBLE(_FAR)), far, near)

    b.position_at_end(far)
    power = _inverse_power(b, q, b.fsub(s, _DOUBLE(1.0)))
    integral = b.fdiv(_DOUBLE(1.0), b.fsub(s, _DOUBLE(1.0)))
    b.ret(b.fmul(b.fadd(integral, b.fdiv(_DOUBLE(0.5), q)), power))

    b.position_at_end(near)
    floor = module.declare_intrinsic("llvm.floor", [_DOUBLE])
    is_pole = b.and_(
        b.fcmp_ordered("<=", q, _DOUBLE(0.0)), b.fcmp_ordered("==", q, b.call(floor, [q]))
    )
    pole, regular = [function.append_basic_block(name) for name in ("pole", "regular")]
    b.cbranch(is_pole, pole, regular)
    b.position_at_end(pole)
    b.ret(_DOUBLE(math.inf))
    b.position_at_end(regular)
    w, last, total = _first_terms(b, s, q)
    b.ret(_with_the_rest(b, s, w, last, total))
    return function


def _inverse_power(b: ir.IRBuilder, x: ir.Value, n: ir.Value) -> ir.Value:
    """Return x^-n for a whole n ≥ 1, by squaring 1 / x: n is the same for all, and mostly 2."""
    before = b.block
    start, exponent = b.fdiv(_DOUBLE(1.0), x), b.fptosi(n, _INTEGER)
    body, end = [b.function.append_basic_block(name) for name in ("square", "power")]
    b.branch(body)
    b.position_at_end(body)
    square, product, rest = b.phi(_DOUBLE), b.phi(_DOUBLE), b.phi(_INTEGER)
    is_odd = b.trunc(rest, ir.IntType(1))
    multiplied = b.select(is_odd, b.fmul(product, square), product)
    shifted = b.lshr(rest, _INTEGER(1))
    for phi, first, following in (
        (square, start, b.fmul(square, square)),
        (product, _DOUBLE(1.0), multiplied),
        (rest, exponent, shifted),
    ):
        phi.add_incoming(first, before)
        phi.add_incoming(following, body)
    b.cbranch(b.icmp_unsigned("!=", shifted, _INTEGER(0)), body, end)
    b.position_at_end(end)
    return multiplied


def _first_terms(b: ir.IRBuilder, s: ir.Value, q: ir.Value) -> tuple[ir.Value, ir.Value, ir.Value]:
    """Add up terms; return the number whose power came last, that power, and the sum.

    There are at least ten terms, and as many as lead past 9.
    """
    before = b.block
    body, end = [b.function.append_basic_block(name) for name in ("term", "rest")]
    b.branch(body)
    b.position_at_end(body)
    a, total, count = b.phi(_DOUBLE), b.phi(_DOUBLE), b.phi(_DOUBLE)
    for phi, start in ((a, q), (total, _DOUBLE(0.0)), (count, _DOUBLE(0.0))):
        phi.add_incoming(start, before)
    power = _inverse_power(b, a, s)
    added, following = b.fadd(total, power), b.fadd(a, _DOUBLE(1.0))
    counted = b.fadd(count, _DOUBLE(1.0))
    for phi, value in ((a, following), (total, added), (count, counted)):
        phi.add_incoming(value, b.block)
    too_few = b.fcmp_ordered("<", counted, _DOUBLE(10.0))
    b.cbranch(b.or_(too_few, b.fcmp_ordered("<=", a, _DOUBLE(9.0))), body, end)
    b.position_at_end(end)
    return a, power, added


def _with_the_rest(
    b: ir.IRBuilder, s: ir.Value, w: ir.Value, last: ir.Value, total: ir.Value
) -> ir.Value:
    """Add what the Euler-Maclaurin formula says of the terms from the last one on."""
    total = b.fadd(total, b.fdiv(b.fmul(last, w), b.fsub(s, _DOUBLE(1.0))))
    total = b.fsub(total, b.fmul(_DOUBLE(0.5), last))
    factor, power = s, last
    for k, denominator in enumerate(_DENOMINATORS):
        power = b.fdiv(power, w)
        term = b.fdiv(b.fmul(factor, power), _DOUBLE(denominator))
        total = b.fadd(total, term)
        for i in (2 * k + 1, 2 * k + 2):
            factor = b.fmul(factor, b.fadd(s, _DOUBLE(float(i))))
        power = b.fdiv(power, w)
    return total
