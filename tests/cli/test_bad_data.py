"""Data that cannot be used: exit status 3, the place and the remedy, no traceback."""

import pytest

from chainrule import datasets


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "a,y\n1,2\n,3\n",
            "data.csv, row 2 (line 3), column 'a': the value is missing. Fill it in or remove the "
            "row, or leave the column out with --drop a (in Python, drop=('a',)).",
        ),
        (
            "a,y\n1,2\nhigh,3\n",
            "data.csv, row 2 (line 3), column 'a': 'high' is not a number. A feature is made of "
            "numbers, or of text alone, which stands for categories: correct it, or leave the "
            "column out with --drop a (in Python, drop=('a',)).",
        ),
        (
            "b,y\n5,2\n5,3\n",
            "data.csv: every feature is the same in all 2 rows, so that there is nothing to tell "
            "rows apart by: 'b'. Add a column that varies.",
        ),
        (
            "a,y\n1,yes\n2,yes\n",
            "data.csv, column 'y': the target has the single class 'yes' in all 2 rows. A "
            "classification needs at least two; add rows of another class, or choose another "
            "target.",
        ),
        (
            "a,why\n1,2\n2,3\n",
            "data.csv: there is no column 'y'. The columns are 'a', 'why'.",
        ),
        (
            "",
            "data.csv: the file is empty. It needs a line of column names and rows of values.",
        ),
        (
            b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
            "data.csv, line 3: this is not a CSV file but binary data (it holds a zero byte). "
            "Save the table as CSV.",
        ),
        (
            "a,y\n1,x\n2,x\n3,z\n4,x\n5,x\n",
            "data.csv: class 'z' has a single sample, and a split needs one for training and one "
            "for testing. Add samples, remove the class, or merge it with another.",
        ),
    ],
)
def test_unusable_file(run, csv_file, content, message):
    result = run("train", csv_file(content), "--target", "y")
    assert (result.exit_code, result.stderr, result.stdout) == (3, f"Error: {message}\n", "")


@pytest.mark.parametrize(
    ("name", "meant"), [("digts", " Did you mean 'digits'?"), ("nowhere.csv", "")]
)
def test_no_such_data(run, name, meant):
    result = run("train", name)
    assert (result.exit_code, result.stderr, result.stdout) == (
        3,
        f"Error: {name}: there is no such file, nor a built-in data set of that name.{meant} "
        f"Built-in are {', '.join(datasets.names())}.\n",
        "",
    )


def test_markup_in_a_name_is_printed_as_it_is(run, csv_file):
    result = run("train", csv_file("[bold]a,y\n1,2\nx,3\n", "[red].csv"), "--target", "y")
    assert result.exit_code == 3
    assert result.stderr.startswith("Error: [red].csv, row 2 (line 3), column '[bold]a': 'x' is")
