"""Every op that is compiled, on the arguments of its row in the table of ops."""

import numpy as np
import pytest
from tests.compiler.native.comparing import assert_close
from tests.ops.table import ROWS

import chainrule as cr
from chainrule.compiler.native import NativeProgram
from chainrule.ir import OPS, evaluate

# Sums and products in another order, and functions computed otherwise than NumPy does.
ROUNDED = frozenset(
    row.name
    for row in ROWS
    if row.name
    not in {
        "absolute", "add", "broadcast", "ceil", "concatenate", "convert", "divide", "flip", "floor",
        "floor_divide", "gather", "maximum", "minimum", "multiply", "negative", "pad",
        "reduce_max", "reduce_min", "remainder", "reshape", "rint", "sign", "slice", "sort", "sqrt",
        "stop_gradient", "subtract", "transpose", "where",
    }
)  # fmt: skip


def program_of(row, dtype):
    """Return a graph with all cases of a row, and arguments for it."""
    rng = np.random.default_rng(0)
    op = OPS[row.name]
    cases = [(case.params_for(dtype), row.arguments(case, dtype, rng)) for case in row.cases]

    def function(groups):
        results = []
        for (params, _), group in zip(cases, groups, strict=True):
            result = op(*group, **params)
            results += result if op.multiple else [result]
        return results

    groups = [arguments for _, arguments in cases]
    graph = cr.trace(function, groups)
    return graph, [argument for arguments in groups for argument in arguments]


def rows():
    seen = {}
    for row in ROWS:
        for dtype in row.dtypes:
            number = seen[row.name, dtype] = seen.get((row.name, dtype), 0) + 1
            yield pytest.param(row, dtype, id=f"{row.name}-{dtype}-{number}")


@pytest.mark.parametrize(("row", "dtype"), list(rows()))
def test_op(row, dtype):
    graph, arguments = program_of(row, dtype)
    with np.errstate(all="ignore"):
        expected = evaluate(graph, arguments)
    ulp = max(row.ulp, 4) if row.name in ROUNDED else 0
    assert_close(NativeProgram(graph)(*arguments), expected, ulp, max(row.scale, 1.0))
