"""Emitters of elementwise ops, given vectors instead of scalars."""

import ctypes

import numpy as np
import pytest

pytest.importorskip("llvmlite")

from llvmlite import ir

import chainrule as cr
from chainrule.compiler.native import loading, machine, scalars
from chainrule.compiler.native.compilation import VECTORS, object_code
from chainrule.compiler.native.linking import linked

COUNT = 4
INT32 = np.dtype(np.int32)
BOOL = np.dtype(np.bool_)

FLOAT_ARGUMENTS = ([0.25, 0.5, 0.75, 0.875], [0.5, 0.125, 0.75, 0.25])
ABOVE_ONE = ([1.5, 2.25, 7.0, 30.0], [0.5, 2.0, 3.5, 0.25])
INTEGERS = ([-7, 0, 5, 100], [2, 3, 1, 4])
TRUTHS = ([True, False, True, False], [True, True, False, False])

BY_NAME = {
    "arccosh": ABOVE_ONE, "power": ABOVE_ONE, "gammaln": ABOVE_ONE, "betaln": ABOVE_ONE,
}  # fmt: skip
DISCRETE = {"bitwise_and", "bitwise_or", "bitwise_xor", "invert", "left_shift", "right_shift"}
OF_TRUTHS = {"add", "multiply", "maximum", "minimum", "equal", "less", "less_equal", "where"}
NAMES = sorted(set(scalars.EMITTERS) & set(cr.ir.OPS) - {"convert", "random_bits"})
ONES = {"absolute", "ceil", "floor", "invert", "negative", "rint", "sign", "signbit"}


def run_on_vectors(op, dtype, arguments):
    """Return what an emitter's code gives for arrays of `COUNT` elements."""
    module = ir.Module()
    pointer = ir.PointerType()
    function = ir.Function(
        module, ir.FunctionType(ir.VoidType(), [pointer] * (len(arguments) + 1)), "f"
    )
    b = ir.IRBuilder(function.append_basic_block())

    def vector(dtype):
        return ir.VectorType(scalars.memory_type(dtype), COUNT)

    values = []
    for argument, place in zip(arguments, function.args, strict=False):
        value = b.load(place, typ=vector(argument.dtype), align=1)
        if argument.dtype == BOOL:
            value = b.icmp_unsigned("!=", value, scalars.splat(value.type, 0))
        values.append(value)
    sources = [argument.dtype for argument in arguments]
    result = scalars.emit(b, op, dtype, sources, values, has_fma=machine.has_fma())
    if dtype == BOOL:
        result = b.zext(result, vector(dtype))
    b.store(result, function.args[-1], align=1)
    b.ret_void()
    text = str(module)
    code = loading.Code(linked([object_code(text, VECTORS)[0]]))
    address = code.address_of("f")
    out = np.empty(COUNT, dtype)
    ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * (len(arguments) + 1))(address)(
        *[argument.ctypes.data for argument in arguments], out.ctypes.data
    )
    return out


def cases():
    for name in NAMES:
        arity = 1 if name in ONES | set(scalars.MATH) or name in SPECIAL else 2
        for dtype in map(np.dtype, (np.float16, np.float32, np.float64, INT32, BOOL)):
            if dtype.kind == "f" and name in DISCRETE:
                continue
            if dtype.kind == "i" and (name in scalars.FLOATS_ONLY or name.startswith("x")):
                continue
            if dtype.kind == "b" and name not in OF_TRUTHS:
                continue
            if dtype == np.float16 and name in scalars.ROUTINES:
                continue
            yield pytest.param(name, dtype, arity, id=f"{name}-{dtype}")


SPECIAL = {"erfcx", "erfinv", "gamma", "gammaln", "log_ndtr", "ndtri"}


@pytest.mark.parametrize(("name", "dtype", "arity"), list(cases()))
def test_vectors(name, dtype, arity):
    by_kind = {"f": BY_NAME.get(name, FLOAT_ARGUMENTS), "i": INTEGERS, "b": TRUTHS}
    arguments = [np.array(values, dtype) for values in by_kind[dtype.kind][:arity]]
    if name == "where":
        arguments = [np.array(TRUTHS[0]), *arguments]
    expected = np.asarray(cr.ir.OPS[name].evaluate(*arguments))
    if expected.dtype.kind == "f":
        expected = expected.astype(dtype)  # SciPy knows no float16
    got = run_on_vectors(name, expected.dtype, arguments)
    if dtype.kind == "f":
        np.testing.assert_allclose(got, expected, rtol=4 * np.finfo(dtype).eps)
    else:
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("source", [np.float16, np.float32, np.float64, np.int32, np.uint8, BOOL])
@pytest.mark.parametrize("target", [np.float16, np.float32, np.float64, np.int64, np.uint64, BOOL])
def test_conversions_of_vectors(source, target):
    x = np.array([0, 1, 2.75, 100]).astype(source)
    got = run_on_vectors("convert", np.dtype(target), [x])
    np.testing.assert_array_equal(got, x.astype(target))


def test_random_words_of_vectors():
    key = np.array([123, 456], np.uint64)
    words = [np.full(COUNT, word) for word in key]
    counters = np.arange(COUNT, dtype=np.int64)
    got = run_on_vectors("random_bits", np.dtype(np.uint64), [*words, counters])
    np.testing.assert_array_equal(got, cr.ir.OPS["random_bits"].evaluate(key, shape=(COUNT,)))
