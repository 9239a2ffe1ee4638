"""Running the command line inside the test process."""

import pytest
from typer.testing import CliRunner

from chainrule.cli import app


@pytest.fixture
def run():
    """Run `chainrule` with these arguments and return the exit status and the output."""

    def invoke(*arguments):
        result = CliRunner(env={"COLUMNS": "100", "NO_COLOR": "1"}).invoke(app, arguments)
        if not isinstance(result.exception, SystemExit | None):
            raise result.exception
        return result

    return invoke


@pytest.fixture
def csv_file(tmp_path, monkeypatch):
    """Write a CSV file in the current folder and return its name."""
    monkeypatch.chdir(tmp_path)

    def write(content, name="data.csv"):
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        return name

    return write
