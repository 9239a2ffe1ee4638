"""`import chainrule` stays light: what is heavy loads where it is used."""

import subprocess
import sys

import pytest

HEAVY = ("llvmlite", "matplotlib", "rich", "scipy", "sklearn", "typer")


def loaded_after(statement):
    """Run a statement in a fresh interpreter and return what it has loaded."""
    code = f"import sys\n{statement}\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    return set(result.stdout.split())


@pytest.mark.parametrize("module", ["chainrule", "chainrule.datasets"])
def test_import_loads_nothing_heavier_than_numpy(module):
    loaded = loaded_after(f"import {module}")
    assert "numpy" in loaded
    assert loaded.isdisjoint(HEAVY)


def test_the_rest_is_loaded_where_it_is_used():
    """Guards the test above: a heavy module would be seen if it were loaded."""
    assert "typer" in loaded_after("from chainrule.cli import app")
