"""The house rule: imports run downward through the layers, and never back up.

The test reads every file of the package. A module that no layer lists fails it,
so that a new one is given its place on purpose.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "src" / "chainrule"

# From the ground up. What stands in one layer may import what stands below it
# and, within the layer, what stands to its left.
LAYERS = (
    ("_source", "_errors", "_threads", "_donation", "_dtypes", "_tree", "_tree_code"),
    ("ir",),
    ("ops",),
    ("frontend",),
    ("transforms",),
    ("compiler",),
    ("control_flow",),
    ("random", "special", "linalg", "sparse"),
    ("nn",),
    ("optim",),
    ("saving",),
    ("training",),
    ("datasets",),
    ("models",),
    ("estimators",),
    ("search",),
    ("plot",),
    ("cli",),
)
ORDER = [module for layer in LAYERS for module in layer]

# Above everything: `testing` is for tests, and the package's own `__init__` puts
# the public names together.
ROOF = ("testing", "__init__")


def module_of(file: Path) -> str:
    """Return the folder or file of the package that a source file belongs to."""
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(tree: ast.Module, package: tuple[str, ...]) -> Iterator[tuple[int, str]]:
    """Yield line and name of each module of the package that a file imports.

    `package` is the dotted path of the package the file is in, for relative
    imports. Imports inside functions count as well. What is imported from the
    package's `__init__` rather than from a module is yielded as ``__init__``.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            paths = [alias.name.split(".") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = list(package[: len(package) - node.level + 1]) if node.level else []
            base += node.module.split(".") if node.module else []
            paths = [[*base, alias.name] for alias in node.names]
        else:
            continue
        for path in paths:
            if path[0] == "chainrule":
                known = len(path) > 1 and path[1] in (*ORDER, *ROOF)
                yield node.lineno, path[1] if known else "__init__"


def test_every_module_has_a_layer_and_every_layer_its_module():
    found = {module_of(path) for path in PACKAGE.rglob("*.py")}
    assert found == {*ORDER, *ROOF}


@pytest.mark.parametrize("module", [*ORDER, "testing"])
def test_imports_run_downward(module):
    allowed = {module, *(ORDER if module == "testing" else ORDER[: ORDER.index(module)])}
    upward = [
        f"{file.relative_to(PACKAGE.parent)}:{line} imports {name}"
        for file in sorted(PACKAGE.rglob("*.py"))
        if module_of(file) == module
        for line, name in imported(
            ast.parse(file.read_text(encoding="utf-8")),
            ("chainrule", *file.relative_to(PACKAGE).parts[:-1]),
        )
        if name not in allowed
    ]
    assert upward == []


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("import chainrule.nn.layers", ["nn"]),
        ("import numpy, chainrule.ops", ["ops"]),
        ("from chainrule import _tree as tree, random", ["_tree", "random"]),
        ("from chainrule.ir.graph import Graph", ["ir"]),
        ("def f():\n    from chainrule.cli import main", ["cli"]),
        ("import chainrule as cr", ["__init__"]),
        ("from chainrule import grad", ["__init__"]),
        ("from . import graph", ["ir"]),
        ("from .graph import Graph", ["ir"]),
        ("from ..ops import unary", ["ops"]),
        ("from .. import ops", ["ops"]),
        ("from numpy import chainrule", []),
    ],
)
def test_imports_are_found(code, expected):
    found = imported(ast.parse(code), ("chainrule", "ir"))
    assert [name for _, name in found] == expected
