"""Arguments of the transforms: what can be differentiated in, and what else can be passed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule._errors import (
    ArgumentTypeError,
    DtypeError,
    InvalidArgumentError,
    ShapeError,
    TreeError,
)

KEPT = np.float32(1.0)


@pytest.mark.parametrize(
    ("f", "kind", "expected"),
    [
        pytest.param(
            lambda: cr.grad(lambda x: x * 2)(3),
            DtypeError,
            "grad(<lambda>): argument 0 is to be differentiated in and must be a float, got the "
            "int 3; write 3.0, or choose other arguments with argnums.",
            id="int",
        ),
        pytest.param(
            lambda: cr.grad(lambda p: p["w"] * 2 + p["b"])({"w": 3, "b": 2.0}),
            DtypeError,
            "grad(<lambda>): argument 0['w'] is to be differentiated in and must be a float, got "
            "the int 3; write 3.0, or choose other arguments with argnums.",
            id="int_in_dict",
        ),
        pytest.param(
            lambda: cr.grad(lambda p: p[0])([True, 1.0]),
            DtypeError,
            "grad(<lambda>): argument 0[0] is to be differentiated in and must be a float, got "
            "the bool True; write 1.0, or choose other arguments with argnums.",
            id="bool_in_list",
        ),
        pytest.param(
            lambda: cr.grad(np.sum)(np.arange(3)),
            DtypeError,
            "grad(sum): argument 0 is to be differentiated in and must be a float, got dtype "
            "int64; convert it with .astype(float), or choose other arguments with argnums.",
            id="int_array",
        ),
        pytest.param(
            lambda: cr.grad(lambda x, y: x, argnums=1)(1.0, np.arange(3)),
            DtypeError,
            "grad(<lambda>): argument 1 is to be differentiated in and must be a float, got dtype "
            "int64; convert it with .astype(float), or choose other arguments with argnums.",
            id="int_array_in_second",
        ),
        pytest.param(
            lambda: cr.grad(lambda x: x * 2.0)(np.int32(3)),
            DtypeError,
            "grad(<lambda>): argument 0 is to be differentiated in and must be a float, got dtype "
            "int32; convert it with .astype(float), or choose other arguments with argnums.",
            id="int_scalar",
        ),
        pytest.param(
            lambda: cr.jacobian(lambda x: x * 2.0)(3),
            DtypeError,
            "jacobian(<lambda>): argument 0 is to be differentiated in and must be a float, got "
            "the int 3; write 3.0, or choose other arguments with argnums.",
            id="int_in_jacobian",
        ),
        pytest.param(
            lambda: cr.grad(np.argmax)(np.ones(3)),
            DtypeError,
            "grad(argmax): the function must return a float, got int64, which has no derivative; "
            "it may come from a comparison, argmax or a conversion to integers.",
            id="int_result",
        ),
        pytest.param(
            lambda: cr.grad(lambda x: x > 0)(1.0),
            DtypeError,
            "grad(<lambda>): the function must return a float, got bool, which has no derivative; "
            "it may come from a comparison, argmax or a conversion to integers.",
            id="bool_result",
        ),
        pytest.param(
            lambda: cr.jacobian(np.argmax)(np.ones(2)),
            DtypeError,
            "jacobian(argmax): the function must return floats, got int64[], which has no "
            "derivative.",
            id="int_result_of_jacobian",
        ),
        pytest.param(
            lambda: cr.grad(lambda x: x)(1j),
            DtypeError,
            "grad(<lambda>): argument 0: expected a real array or number, got the complex number "
            "1j; complex numbers are not supported yet, keep real and imaginary parts apart.",
            id="complex_number",
        ),
        pytest.param(
            lambda: cr.grad(np.sum)(np.ones(2) * 1j),
            DtypeError,
            "grad(sum): argument 0: expected a boolean, integer or float (16 to 64 bit) dtype, "
            "got complex128; complex numbers are not supported yet; keep real and imaginary parts "
            "apart.",
            id="complex_array",
        ),
        pytest.param(
            lambda: cr.compile(lambda x: x)({"a": 1j}),
            DtypeError,
            "compile(<lambda>): argument 0['a']: expected a real array or number, got the complex "
            "number 1j; complex numbers are not supported yet, keep real and imaginary parts "
            "apart.",
            id="complex_in_dict",
        ),
        pytest.param(
            lambda: cr.compile(lambda x: 1j)(1.0),
            DtypeError,
            "compile(<lambda>): what the function returned: expected a real array or number, got "
            "the complex number 1j; complex numbers are not supported yet, keep real and "
            "imaginary parts apart.",
            id="complex_result",
        ),
        pytest.param(
            lambda: cr.grad(lambda x: x * 1j)(1.0),
            DtypeError,
            "multiply: expected a boolean, integer or float (16 to 64 bit) dtype, got complex128; "
            "complex numbers are not supported yet; keep real and imaginary parts apart.",
            id="complex_arithmetic",
        ),
        pytest.param(
            lambda: cr.grad(lambda x: x.astype(complex))(1.0),
            DtypeError,
            "astype: expected a boolean, integer or float (16 to 64 bit) dtype, got complex128; "
            "complex numbers are not supported yet; keep real and imaginary parts apart.",
            id="astype_complex",
        ),
        pytest.param(
            lambda: cr.grad(lambda x: x)(np.array([object()])),
            DtypeError,
            "grad(<lambda>): argument 0: expected a boolean, integer or float (16 to 64 bit) "
            "dtype, got object; encode text and objects as numbers first, or pass it as a static "
            "argument.",
            id="objects",
        ),
        pytest.param(
            lambda: cr.compile(lambda x: x)(np.array(["a"])),
            DtypeError,
            "compile(<lambda>): argument 0: expected a boolean, integer or float (16 to 64 bit) "
            "dtype, got <U1; encode text and objects as numbers first, or pass it as a static "
            "argument.",
            id="text_array",
        ),
        pytest.param(
            lambda: cr.compile(lambda x: x)(np.array(["2020-01-01"], "datetime64[D]")),
            DtypeError,
            "compile(<lambda>): argument 0: expected a boolean, integer or float (16 to 64 bit) "
            "dtype, got datetime64[D]; convert it to a number dtype first.",
            id="dates",
        ),
        pytest.param(
            lambda: cr.compile(lambda x: x)(2**70),
            InvalidArgumentError,
            "compile(<lambda>): argument 0: expected an integer of at most 64 bits, got "
            "1180591620717411303424; write it as a float.",
            id="huge_int",
        ),
        pytest.param(
            lambda: cr.grad(lambda x: x)("fast"),
            ArgumentTypeError,
            "grad(<lambda>): argument 0: expected a NumPy array, a Python number, or a tuple, "
            "list, dict, namedtuple or dataclass of these, got str ('fast'); let the function "
            "close over it, or name it in static_argnums of cr.compile.",
            id="text",
        ),
        pytest.param(
            lambda: cr.compile(lambda x, mode: x)(1.0, "fast"),
            ArgumentTypeError,
            "compile(<lambda>): argument 1: expected a NumPy array, a Python number, or a tuple, "
            "list, dict, namedtuple or dataclass of these, got str ('fast'); let the function "
            "close over it, or name it in static_argnums of cr.compile.",
            id="text_for_compiled",
        ),
        pytest.param(
            lambda: cr.compile(lambda x, mode: x)(1.0, mode="fast"),
            ArgumentTypeError,
            "compile(<lambda>): argument 'mode': expected a NumPy array, a Python number, or a "
            "tuple, list, dict, namedtuple or dataclass of these, got str ('fast'); let the "
            "function close over it, or name it in static_argnums of cr.compile.",
            id="text_by_keyword",
        ),
        pytest.param(
            lambda: cr.vmap(lambda x, mode: x)(np.ones(2), "fast"),
            ArgumentTypeError,
            "vmap(<lambda>): argument 1: expected a NumPy array, a Python number, or a tuple, "
            "list, dict, namedtuple or dataclass of these, got str ('fast'); let the function "
            "close over it, or name it in static_argnums of cr.compile.",
            id="text_for_vmap",
        ),
        pytest.param(
            lambda: cr.vjp(lambda x, mode: x, 1.0, "fast"),
            ArgumentTypeError,
            "vjp(<lambda>): argument 1: expected a NumPy array, a Python number, or a tuple, "
            "list, dict, namedtuple or dataclass of these, got str ('fast'); let the function "
            "close over it, or name it in static_argnums of cr.compile.",
            id="text_for_vjp",
        ),
        pytest.param(
            lambda: cr.stop_gradient("fast"),
            ArgumentTypeError,
            "stop_gradient: expected a NumPy array, a Python number, or a tuple, list, dict, "
            "namedtuple or dataclass of these, got str ('fast'); let the function close over it, "
            "or name it in static_argnums of cr.compile.",
            id="text_for_stop_gradient",
        ),
        pytest.param(
            lambda: cr.compile(lambda x: x)({1.0}),
            ArgumentTypeError,
            "compile(<lambda>): argument 0: expected a NumPy array, a Python number, or a tuple, "
            "list, dict, namedtuple or dataclass of these, got set ({1.0}); let the function "
            "close over it, or name it in static_argnums of cr.compile.",
            id="set_of_numbers",
        ),
        pytest.param(
            lambda: cr.compile(lambda x: "done")(1.0),
            ArgumentTypeError,
            "compile(<lambda>): what the function returned: expected a NumPy array, a Python "
            "number, or a tuple, list, dict, namedtuple or dataclass of these, got str ('done').",
            id="text_returned",
        ),
        pytest.param(
            lambda: cr.compile(lambda x: {"a": [x, "done"]})(1.0),
            ArgumentTypeError,
            "compile(<lambda>): what the function returned['a'][1]: expected a NumPy array, a "
            "Python number, or a tuple, list, dict, namedtuple or dataclass of these, got str "
            "('done').",
            id="text_returned_in_dict",
        ),
        pytest.param(
            lambda: cr.grad(lambda x: x + "a")(1.0),
            ArgumentTypeError,
            "add: expected arrays and numbers, got str ('a').",
            id="text_in_arithmetic",
        ),
        pytest.param(
            lambda: cr.grad(lambda x: x + None)(1.0),
            ArgumentTypeError,
            "add: expected arrays and numbers, got NoneType (None).",
            id="none_in_arithmetic",
        ),
        pytest.param(
            lambda: cr.grad(lambda x: x * np.array([object()]))(1.0),
            DtypeError,
            "multiply: expected a boolean, integer or float (16 to 64 bit) dtype, got object; "
            "encode text and objects as numbers first, or pass it as a static argument.",
            id="object_in_arithmetic",
        ),
        pytest.param(
            lambda: cr.grad(np.sin(1.0)),
            ArgumentTypeError,
            "grad: expected a function, got float64 (np.float64(0.8414709848078965)); pass the "
            "function itself, not what it returns.",
            id="not_a_function_for_grad",
        ),
        pytest.param(
            lambda: cr.vmap(np.ones(2)),
            ArgumentTypeError,
            "vmap: expected a function, got an array of type float64[2]; pass the function "
            "itself, not what it returns.",
            id="not_a_function_for_vmap",
        ),
        pytest.param(
            lambda: cr.compile(None),
            ArgumentTypeError,
            "compile: expected a function, got None; pass the function itself, not what it "
            "returns.",
            id="not_a_function_for_compile",
        ),
        pytest.param(
            lambda: cr.jvp(1.0, (1.0,), (1.0,)),
            ArgumentTypeError,
            "jvp: expected a function, got float (1.0); pass the function itself, not what it "
            "returns.",
            id="not_a_function_for_jvp",
        ),
        pytest.param(
            lambda: cr.vjp("f", 1.0),
            ArgumentTypeError,
            "vjp: expected a function, got str ('f'); pass the function itself, not what it "
            "returns.",
            id="not_a_function_for_vjp",
        ),
        pytest.param(
            lambda: cr.linearize(1.0, 1.0),
            ArgumentTypeError,
            "linearize: expected a function, got float (1.0); pass the function itself, not what "
            "it returns.",
            id="not_a_function_for_linearize",
        ),
        pytest.param(
            lambda: cr.jacobian(1.0),
            ArgumentTypeError,
            "jacobian: expected a function, got float (1.0); pass the function itself, not what "
            "it returns.",
            id="not_a_function_for_jacobian",
        ),
        pytest.param(
            lambda: cr.trace(1.0),
            ArgumentTypeError,
            "trace: expected a function, got float (1.0); pass the function itself, not what it "
            "returns.",
            id="not_a_function_for_trace",
        ),
        pytest.param(
            lambda: cr.grad(lambda x: x, argnums=1)(1.0),
            InvalidArgumentError,
            "grad(<lambda>): argnums names argument 1, the function was called with 1 positional "
            "argument; pass the arguments it names by position.",
            id="argnums_too_large",
        ),
        pytest.param(
            lambda: cr.grad(lambda x, y: x, argnums=-3)(1.0, 2.0),
            InvalidArgumentError,
            "grad(<lambda>): argnums names argument -3, the function was called with 2 positional "
            "arguments; pass the arguments it names by position.",
            id="argnums_too_small",
        ),
        pytest.param(
            lambda: cr.grad(lambda x: x, argnums="x"),
            ArgumentTypeError,
            "grad(<lambda>): argnums must be an integer or a tuple of integers, the positions of "
            "arguments, got 'x'.",
            id="argnums_text",
        ),
        pytest.param(
            lambda: cr.grad(lambda x: x, argnums=0.0),
            ArgumentTypeError,
            "grad(<lambda>): argnums must be an integer or a tuple of integers, the positions of "
            "arguments, got 0.0.",
            id="argnums_float",
        ),
        pytest.param(
            lambda: cr.grad(lambda x, y: x, argnums=True),
            ArgumentTypeError,
            "grad(<lambda>): argnums must be an integer or a tuple of integers, the positions of "
            "arguments, got True.",
            id="argnums_bool",
        ),
        pytest.param(
            lambda: cr.grad(lambda x, y: x * y, argnums=(0, 0))(1.0, 2.0),
            InvalidArgumentError,
            "grad(<lambda>): argnums names an argument twice, got (0, 0) in a call with 2 "
            "positional arguments; name each once.",
            id="argnums_twice",
        ),
        pytest.param(
            lambda: cr.jacobian(lambda x, y: x * y, argnums=(1, -1))(1.0, 2.0),
            InvalidArgumentError,
            "jacobian(<lambda>): argnums names an argument twice, got (1, -1) in a call with 2 "
            "positional arguments; name each once.",
            id="argnums_twice_from_both_ends",
        ),
        pytest.param(
            lambda: cr.grad(lambda x: x, argnums=()),
            InvalidArgumentError,
            "grad(<lambda>): argnums must name at least one argument, got ().",
            id="argnums_empty",
        ),
        pytest.param(
            lambda: cr.grad(lambda x: x)(x=1.0),
            InvalidArgumentError,
            "grad(<lambda>): argnums names argument 0, the function was called with 0 positional "
            "arguments; pass the arguments it names by position.",
            id="by_keyword",
        ),
        pytest.param(
            lambda: cr.grad(lambda x: x, has_aux=True)(1.0),
            InvalidArgumentError,
            "grad(<lambda>): with has_aux=True the function must return a pair (value, aux), got "
            "an array of type float64[].",
            id="aux_missing",
        ),
        pytest.param(
            lambda: cr.grad(lambda x: (x, 1, 2), has_aux=True)(1.0),
            InvalidArgumentError,
            "grad(<lambda>): with has_aux=True the function must return a pair (value, aux), got "
            "tuple ((Traced(float64[], value=1.), 1, 2)).",
            id="aux_triple",
        ),
        pytest.param(
            lambda: cr.grad(lambda x: [x, 1], has_aux=True)(1.0),
            InvalidArgumentError,
            "grad(<lambda>): with has_aux=True the function must return a pair (value, aux), got "
            "list ([Traced(float64[], value=1.), 1]).",
            id="aux_list",
        ),
        pytest.param(
            lambda: cr.grad(lambda x: (x, 1))(1.0),
            ShapeError,
            "grad(<lambda>): the function must return one float without axes, got (*, *); to "
            "return more than the value, use has_aux=True.",
            id="aux_undeclared",
        ),
        pytest.param(
            lambda: cr.grad(lambda x: ((x, x), 1), has_aux=True)(1.0),
            ShapeError,
            "grad(<lambda>): the function must return one float without axes, got (*, *); sum "
            "what it returns, or use cr.jacobian or cr.vjp.",
            id="aux_pair_of_values",
        ),
        pytest.param(
            lambda: cr.jacobian(lambda x: x, mode="backward"),
            InvalidArgumentError,
            "jacobian(<lambda>): mode must be 'auto', 'forward' or 'reverse', got 'backward'.",
            id="jacobian_mode",
        ),
        pytest.param(
            lambda: cr.Dual(np.arange(3)),
            ArgumentTypeError,
            "Dual: the value must be float, got int64; convert it with .astype(float).",
            id="dual_int",
        ),
        pytest.param(
            lambda: cr.Dual("a"),
            ArgumentTypeError,
            "Dual: value: expected arrays and numbers, got str ('a').",
            id="dual_text",
        ),
        pytest.param(
            lambda: cr.Dual(1j),
            DtypeError,
            "Dual: value: expected a boolean, integer or float (16 to 64 bit) dtype, got "
            "complex128; complex numbers are not supported yet; keep real and imaginary parts "
            "apart.",
            id="dual_complex",
        ),
        pytest.param(
            lambda: cr.tree.map(lambda a, b: a, {"a": 1}, {"b": 1}),
            TreeError,
            "tree.map: every tree must have the structure of the first, {'a': *}, got {'b': *}; "
            "compare the containers and their keys.",
            id="tree_map",
        ),
        pytest.param(
            lambda: cr.tree.unflatten(cr.tree.structure((1, 2)), [1]),
            TreeError,
            "tree.unflatten: (*, *) holds 2 leaves, got 1; pass one value per leaf.",
            id="unflatten",
        ),
        pytest.param(
            lambda: cr.compile(lambda x: cr.asarray(["a"]))(1.0),
            DtypeError,
            "cr.asarray: expected a boolean, integer or float (16 to 64 bit) dtype, got <U1; "
            "encode text and objects as numbers first, or pass it as a static argument.",
            id="asarray_of_text",
        ),
    ],
)
def test_messages(
    f: Callable[[], Any], kind: type[cr.ChainruleError], expected: str, message: Any
) -> None:
    assert message(kind, f) == expected


def test_arguments_that_are_not_differentiated_can_be_anything() -> None:
    assert cr.grad(lambda x, mode: x * 2 if mode == "double" else x)(1.0, "double") == 2.0
    assert cr.grad(lambda x, **options: x * options["factor"])(1.0, factor=3) == 3.0
