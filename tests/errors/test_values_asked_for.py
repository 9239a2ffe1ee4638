"""Python asking for a value that a traced array does not have, or must not give away."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule._errors import (
    ArgumentTypeError,
    ConcretizationError,
    MissingAttributeError,
    UnknownIntegerError,
)


def branching(x: Any) -> Any:
    if x > 0:
        return x
    return -x


def looping(x: Any) -> Any:
    while x > 0:
        x = x - 1.0
    return x


def checking(x: Any) -> Any:
    assert x > 0
    return x


def scanned(carry: Any, x: Any) -> Any:
    return carry, branching(x)


@pytest.mark.parametrize(
    ("f", "kind", "expected"),
    [
        pytest.param(
            lambda: cr.compile(branching)(1.0),
            ConcretizationError,
            "a traced array of type bool[] has no value inside compile(branching) (compiled code "
            "is made once for all values), and its truth value is asked for (by if, while, and, "
            "or, not, in, assert). Use np.where(condition, a, b) to choose element by element, "
            "cr.cond(condition, f, g, *args) to choose what to compute, and cr.while_loop or "
            "cr.fori_loop to repeat; an argument that only steers the computation can be named in "
            "static_argnums of cr.compile.",
            id="if_in_compile",
        ),
        pytest.param(
            lambda: cr.vmap(branching)(np.ones(3)),
            ConcretizationError,
            "a traced array of type bool[] has no value inside vmap(branching) (vmap computes all "
            "samples at once, so there is no single value), and its truth value is asked for (by "
            "if, while, and, or, not, in, assert). Use np.where(condition, a, b) to choose "
            "element by element, cr.cond(condition, f, g, *args) to choose what to compute, and "
            "cr.while_loop or cr.fori_loop to repeat; an argument that only steers the "
            "computation can be named in static_argnums of cr.compile.",
            id="if_in_vmap",
        ),
        pytest.param(
            lambda: cr.scan(scanned, 0.0, np.ones(3)),
            ConcretizationError,
            "a traced array of type bool[] has no value inside scan(scanned) (all steps of a scan "
            "are one graph), and its truth value is asked for (by if, while, and, or, not, in, "
            "assert). Use np.where(condition, a, b) to choose element by element, "
            "cr.cond(condition, f, g, *args) to choose what to compute, and cr.while_loop or "
            "cr.fori_loop to repeat; an argument that only steers the computation can be named in "
            "static_argnums of cr.compile.",
            id="if_in_scan",
        ),
        pytest.param(
            lambda: cr.grad(lambda x: cr.cond(x > 0, branching, branching, x))(1.0),
            ConcretizationError,
            "a traced array of type bool[] has no value inside cond(branching, branching) (a "
            "branch is traced before it is known which one is taken), and its truth value is "
            "asked for (by if, while, and, or, not, in, assert). Use np.where(condition, a, b) to "
            "choose element by element, cr.cond(condition, f, g, *args) to choose what to "
            "compute, and cr.while_loop or cr.fori_loop to repeat; an argument that only steers "
            "the computation can be named in static_argnums of cr.compile.",
            id="if_in_cond",
        ),
        pytest.param(
            lambda: cr.while_loop(lambda x: x < 3, branching, 1.0),
            ConcretizationError,
            "a traced array of type bool[] has no value inside while_loop(branching) (all steps "
            "of a while_loop are one graph), and its truth value is asked for (by if, while, and, "
            "or, not, in, assert). Use np.where(condition, a, b) to choose element by element, "
            "cr.cond(condition, f, g, *args) to choose what to compute, and cr.while_loop or "
            "cr.fori_loop to repeat; an argument that only steers the computation can be named in "
            "static_argnums of cr.compile.",
            id="if_in_while_loop",
        ),
        pytest.param(
            lambda: cr.trace(branching, 1.0),
            ConcretizationError,
            "a traced array of type bool[] has no value inside trace(branching) (trace knows "
            "shapes and dtypes only), and its truth value is asked for (by if, while, and, or, "
            "not, in, assert). Use np.where(condition, a, b) to choose element by element, "
            "cr.cond(condition, f, g, *args) to choose what to compute, and cr.while_loop or "
            "cr.fori_loop to repeat; an argument that only steers the computation can be named in "
            "static_argnums of cr.compile.",
            id="if_in_trace",
        ),
        pytest.param(
            lambda: cr.compile(cr.grad(looping))(1.0),
            ConcretizationError,
            "a traced array of type bool[] has no value inside grad(looping) (what it is computed "
            "from has none, as inside compile, vmap or scan), and its truth value is asked for "
            "(by if, while, and, or, not, in, assert). Use np.where(condition, a, b) to choose "
            "element by element, cr.cond(condition, f, g, *args) to choose what to compute, and "
            "cr.while_loop or cr.fori_loop to repeat; an argument that only steers the "
            "computation can be named in static_argnums of cr.compile.",
            id="while_in_compiled_grad",
        ),
        pytest.param(
            lambda: cr.vmap(cr.grad(looping))(np.ones(2)),
            ConcretizationError,
            "a traced array of type bool[] has no value inside grad(looping) (what it is computed "
            "from has none, as inside compile, vmap or scan), and its truth value is asked for "
            "(by if, while, and, or, not, in, assert). Use np.where(condition, a, b) to choose "
            "element by element, cr.cond(condition, f, g, *args) to choose what to compute, and "
            "cr.while_loop or cr.fori_loop to repeat; an argument that only steers the "
            "computation can be named in static_argnums of cr.compile.",
            id="while_in_vmapped_grad",
        ),
        pytest.param(
            lambda: cr.compile(checking)(1.0),
            ConcretizationError,
            "a traced array of type bool[] has no value inside compile(checking) (compiled code "
            "is made once for all values), and its truth value is asked for (by if, while, and, "
            "or, not, in, assert). Use np.where(condition, a, b) to choose element by element, "
            "cr.cond(condition, f, g, *args) to choose what to compute, and cr.while_loop or "
            "cr.fori_loop to repeat; an argument that only steers the computation can be named in "
            "static_argnums of cr.compile.",
            id="assert_in_compile",
        ),
        pytest.param(
            lambda: cr.compile(lambda x: 1.0 in x)(np.ones(2)),
            ConcretizationError,
            "a traced array of type bool[] has no value inside compile(<lambda>) (compiled code "
            "is made once for all values), and its truth value is asked for (by if, while, and, "
            "or, not, in, assert). Use np.where(condition, a, b) to choose element by element, "
            "cr.cond(condition, f, g, *args) to choose what to compute, and cr.while_loop or "
            "cr.fori_loop to repeat; an argument that only steers the computation can be named in "
            "static_argnums of cr.compile.",
            id="membership",
        ),
        pytest.param(
            lambda: cr.compile(lambda x: max(x, 0.0))(1.0),
            ConcretizationError,
            "a traced array of type bool[] has no value inside compile(<lambda>) (compiled code "
            "is made once for all values), and its truth value is asked for (by if, while, and, "
            "or, not, in, assert). Use np.where(condition, a, b) to choose element by element, "
            "cr.cond(condition, f, g, *args) to choose what to compute, and cr.while_loop or "
            "cr.fori_loop to repeat; an argument that only steers the computation can be named in "
            "static_argnums of cr.compile.",
            id="greatest_of",
        ),
        pytest.param(
            lambda: cr.compile(lambda n: list(range(n)))(3),
            UnknownIntegerError,
            "a traced array of type int64[] has no value inside compile(<lambda>) (compiled code "
            "is made once for all values), and a Python integer is asked for (by range, a shape, "
            "a list). Use cr.fori_loop to repeat a traced number of times, and indices of fixed "
            "length, as in x[start + np.arange(length)]; an argument that only steers the "
            "computation can be named in static_argnums of cr.compile.",
            id="range",
        ),
        pytest.param(
            lambda: cr.compile(lambda n: np.zeros(n))(3),
            UnknownIntegerError,
            "a traced array of type int64[] has no value inside compile(<lambda>) (compiled code "
            "is made once for all values), and a Python integer is asked for (by range, a shape, "
            "a list). Use cr.fori_loop to repeat a traced number of times, and indices of fixed "
            "length, as in x[start + np.arange(length)]; an argument that only steers the "
            "computation can be named in static_argnums of cr.compile.",
            id="shape",
        ),
        pytest.param(
            lambda: cr.compile(lambda n: int(n))(3),
            ConcretizationError,
            "a traced array of type int64[] has no value inside compile(<lambda>) (compiled code "
            "is made once for all values), and int(x) asks for it. Use the traced integer as it "
            "is; an argument that only steers the computation can be named in static_argnums of "
            "cr.compile.",
            id="whole_of_integer",
        ),
        pytest.param(
            lambda: cr.grad(lambda x: float(x) ** 2)(1.0),
            ConcretizationError,
            "float(x), or a function of Python's math module, on a traced array of type float64[] "
            "would turn it into a plain Python number, which carries no derivative and cannot be "
            "compiled or batched. Use NumPy's function (np.exp for math.exp), or the array as it "
            "is.",
            id="float",
        ),
        pytest.param(
            lambda: cr.grad(lambda x: int(x) * x)(1.0),
            ConcretizationError,
            "int(x) on a traced array of type float64[] would turn it into a plain Python number, "
            "which carries no derivative and cannot be compiled or batched. Use np.trunc(x), "
            "with .astype(np.int64) for an integer.",
            id="int",
        ),
        pytest.param(
            lambda: cr.grad(lambda x: complex(x))(1.0),
            ConcretizationError,
            "complex(x) on a traced array of type float64[] would turn it into a plain Python "
            "number, which carries no derivative and cannot be compiled or batched. Use real "
            "arithmetic; complex numbers are not supported.",
            id="complex",
        ),
        pytest.param(
            lambda: cr.grad(lambda x: math.exp(x))(1.0),
            ConcretizationError,
            "float(x), or a function of Python's math module, on a traced array of type float64[] "
            "would turn it into a plain Python number, which carries no derivative and cannot be "
            "compiled or batched. Use NumPy's function (np.exp for math.exp), or the array as it "
            "is.",
            id="math_exp",
        ),
        pytest.param(
            lambda: cr.grad(lambda x: math.floor(x))(1.0),
            ConcretizationError,
            "math.floor(x) on a traced array of type float64[] would turn it into a plain Python "
            "number, which carries no derivative and cannot be compiled or batched. Use "
            "np.floor(x).",
            id="math_floor",
        ),
        pytest.param(
            lambda: cr.grad(lambda x: math.ceil(x))(1.0),
            ConcretizationError,
            "math.ceil(x) on a traced array of type float64[] would turn it into a plain Python "
            "number, which carries no derivative and cannot be compiled or batched. Use "
            "np.ceil(x).",
            id="math_ceil",
        ),
        pytest.param(
            lambda: cr.grad(lambda x: math.trunc(x))(1.0),
            ConcretizationError,
            "math.trunc(x) on a traced array of type float64[] would turn it into a plain Python "
            "number, which carries no derivative and cannot be compiled or batched. Use "
            "np.trunc(x).",
            id="math_trunc",
        ),
        pytest.param(
            lambda: cr.grad(lambda x: round(x, 2))(1.0),
            ConcretizationError,
            "round(x) on a traced array of type float64[] would turn it into a plain Python "
            "number, which carries no derivative and cannot be compiled or batched. Use "
            "np.round(x).",
            id="round",
        ),
        pytest.param(
            lambda: cr.grad(lambda x: x.item())(1.0),
            ConcretizationError,
            "x.item() on a traced array of type float64[] would turn it into a plain Python "
            "number, which carries no derivative and cannot be compiled or batched. Use the array "
            "as it is, or x[()].",
            id="item",
        ),
        pytest.param(
            lambda: cr.grad(lambda x: x.tolist())(np.ones(2)),
            ConcretizationError,
            "x.tolist() on a traced array of type float64[2] would turn it into a plain Python "
            "number, which carries no derivative and cannot be compiled or batched. Use iteration "
            "over the array.",
            id="tolist",
        ),
        pytest.param(
            lambda: cr.grad(lambda x: len(x))(1.0),
            ArgumentTypeError,
            "len(x): a traced number of type float64[] has no length.",
            id="length_of_number",
        ),
        pytest.param(
            lambda: cr.grad(lambda x: sum(x))(1.0),
            ArgumentTypeError,
            "iteration over a traced number of type float64[], which has no axis; give it one "
            "with np.atleast_1d(x).",
            id="iteration_over_number",
        ),
        pytest.param(
            lambda: cr.grad(lambda x: x.norm)(1.0),
            MissingAttributeError,
            "a traced array has no attribute 'norm'; see numpy.ndarray for what arrays have.",
            id="attribute",
        ),
        pytest.param(
            lambda: cr.grad(lambda x: x.data)(1.0),
            MissingAttributeError,
            "a traced array has no attribute 'data'; the array's memory does not exist while the "
            "function is traced.",
            id="memory",
        ),
        pytest.param(
            lambda: cr.grad(lambda x: x.interp(1.0))(1.0),
            MissingAttributeError,
            "a traced array has no attribute 'interp'; use np.interp(x).",
            id="method_of_numpy",
        ),
        pytest.param(
            lambda: cr.compile(lambda x, n: x[:n])(np.ones(3), 2),
            ConcretizationError,
            "x[start:stop] with a traced bound: the result's shape is not known while tracing. "
            "For a window of fixed length use x[start + np.arange(length)].",
            id="traced_slice",
        ),
        pytest.param(
            lambda: cr.compile(lambda x: x[x > 0])(np.ones(3)),
            ConcretizationError,
            "x[mask] with a traced mask of shape (3,): the number of elements it selects, and so "
            "the result's shape, is not known while tracing. Use np.where(mask, x, other), or "
            "sum(np.where(mask, x, 0)).",
            id="traced_mask",
        ),
        pytest.param(
            lambda: float(cr.Dual(1.0, 1.0)),
            ConcretizationError,
            "float(x), or a function of Python's math module, on a dual number would lose its "
            "tangent. Use NumPy's function (np.exp for math.exp), or x.value.",
            id="dual_float",
        ),
        pytest.param(
            lambda: math.exp(cr.Dual(1.0, 1.0)),
            ConcretizationError,
            "float(x), or a function of Python's math module, on a dual number would lose its "
            "tangent. Use NumPy's function (np.exp for math.exp), or x.value.",
            id="dual_math",
        ),
        pytest.param(
            lambda: np.array([cr.Dual(1.0, 1.0)]),
            ConcretizationError,
            "a dual number was to become a plain NumPy array, as np.array and np.asarray make: it "
            "would lose its tangent. Write np.stack([x, y]) for np.array([x, y]).",
            id="dual_array",
        ),
    ],
)
def test_messages(
    f: Callable[[], Any], kind: type[cr.ChainruleError], expected: str, message: Any
) -> None:
    assert message(kind, f) == expected


def test_values_can_be_looked_at_where_there_are_some() -> None:
    assert cr.grad(branching)(-2.0) == -1.0
    assert cr.grad(looping)(2.5) == 1.0
    assert cr.grad(lambda x, n: x * int(n))(2.0, 3) == 3.0
    assert cr.grad(lambda x: sum(x * i for i in range(int(np.trunc(x).astype(int)))))(3.5) == 3.0
    assert cr.hessian(lambda x: x**3 if x > 0 else x)(2.0) == 12.0
