"""The documents: their examples run, and their lists are those of the code."""

import doctest
import re
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule.frontend import dispatch

DOCS = Path(__file__).parents[1] / "docs"
DOCUMENTS = sorted(DOCS.glob("*.md"))


def section(name, title):
    text = (DOCS / name).read_text(encoding="utf-8")
    return text.split(f"\n## {title}\n")[1].split("\n## ")[0]


def listed(text):
    return set(re.findall(r"`([a-z][\w.]*)`", text))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_examples_run(document):
    blocks = re.findall(
        r"```(?:python|pycon)\n(>>>.*?)```", document.read_text(encoding="utf-8"), flags=re.S
    )
    text = "\n".join(blocks)
    test = doctest.DocTestParser().get_doctest(text, {}, document.name, str(document), 0)
    assert doctest.DocTestRunner().run(test).failed == 0


def test_functions_listed_are_those_supported():
    paragraphs = section("numpy.md", "Functions").strip().split("\n\n")
    found = {"np." + name for text in paragraphs if text.startswith("**") for name in listed(text)}
    functions = {dispatch.full_name(function) for function in dispatch.FUNCTIONS}
    ufuncs = {"np." + name for name in dispatch.UFUNCS if hasattr(np, name)}
    assert found - {"np.np.linalg"} == functions | ufuncs


def test_scipy_functions_listed_are_those_supported():
    import scipy.special

    first = section("numpy.md", "Functions of SciPy").strip().split("\n\n")[1]
    missing_in_numpy = {name for name in dispatch.UFUNCS if not hasattr(np, name)}
    assert listed(first) - {"i0"} == missing_in_numpy
    assert all(hasattr(scipy.special, name) or hasattr(cr.special, name) for name in listed(first))


CORNERS = [
    (np.abs, 0.0, 0.0),
    (lambda x: np.maximum(x, 0.0), 0.0, 0.5),
    (lambda x: np.minimum(x, 0.0), 0.0, 0.5),
    (lambda x: np.clip(x, 0.0, 1.0), 1.0, 0.5),
    (lambda x: np.max(np.stack([x, x, x, x * 0.0])), 2.0, 1.0),
    (lambda x: np.max(np.stack([x, 2.0, 2.0, 2.0])), 2.0, 0.25),
    (np.sign, 0.0, 0.0),
    (lambda x: x**0, 0.0, 0.0),
    (lambda y: 0.0**y, 2.0, 0.0),
    (lambda x: np.hypot(x, x), 0.0, 0.0),
    (lambda x: np.linalg.norm(np.stack([x, 2.0 * x])), 0.0, 0.0),
    (lambda x: np.std(np.stack([x, x])), 1.0, 0.0),
    (lambda x: np.median(np.stack([1.0, x, 1.0, 1.0])), 1.0, 0.5),
    (lambda x: np.sort(np.stack([x, 1.0, 1.0]))[0], 1.0, 1.0),
    (lambda x: cr.special.xlogy(x, 3.0), 0.0, np.log(3.0)),
    (lambda x: np.prod(np.stack([x, 0.0, 3.0])), 0.0, 0.0),
    (lambda x: np.prod(np.stack([x, 2.0, 3.0])), 0.0, 6.0),
]


@pytest.mark.parametrize(("f", "x", "expected"), CORNERS)
def test_corners_are_as_written(f, x, expected):
    assert cr.grad(f)(x) == expected
    assert cr.jvp(f, (x,), (1.0,))[1] == expected


def test_networks_listed_are_those_that_exist():
    def first_cells(title):
        return set(re.findall(r"^\| `(\w+)` \|", section("networks.md", title), flags=re.M))

    assert first_cells("Activations") == set(cr.nn.ACTIVATIONS)
    assert first_cells("Losses") == set(cr.nn.LOSSES)
    assert first_cells("Optimizers") | {"max_norm"} <= set(cr.optim.__all__)
    mentioned = listed(section("networks.md", "Optimizers"))
    assert set(cr.optim.SCHEDULES) <= mentioned
    initializers = listed(section("networks.md", "Initializers").replace("(", "`"))
    assert set(cr.nn.INITIALIZERS) | {"constant"} <= initializers
