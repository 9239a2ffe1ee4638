"""Reading CSV and TSV files: what is understood, and what each refusal says."""

import csv
import gzip
import io
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule._errors import DataError
from chainrule.datasets import read as read_file
from chainrule.datasets import read_table
from chainrule.datasets._csv import _parse

MIXED = (
    "A feature is made of numbers, or of text alone, which stands for categories: correct it, or "
    "leave the column out with --drop a (in Python, drop=('a',))."
)


@pytest.fixture
def read(tmp_path):
    """Write a file and read it as a data set."""

    def write_and_read(content, target="y", **options):
        path = tmp_path / "data.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_file(path, target, **options)

    return write_and_read


@pytest.fixture
def refuse(read):
    """Check that reading a file fails with exactly this message."""

    def read_and_match(content, message, target="y", **options):
        with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
            read(content, target, **options)

    return read_and_match


# What is understood ---------------------------------------------------------


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_delimiters_line_ends_and_byte_order_mark(read, delimiter, newline, mark):
    lines = ["a|b|y", "1|2.5|no", "-3e2| .5 |yes"]
    dataset = read(mark + newline.join(lines).replace("|", delimiter))
    assert dataset.features.tolist() == [[1, 2.5], [-300, 0.5]]
    assert dataset.feature_names == ("a", "b")
    assert dataset.class_names == ("no", "yes")
    assert dataset.target.tolist() == [0, 1]


def test_quotes_protect_delimiters_quotes_and_line_ends(read):
    dataset = read('"a, b";"say ""y"""\n1;"one\ntwo"\n2;"three;four"\n', target='say "y"')
    assert dataset.feature_names == ("a, b",)
    assert dataset.class_names == ("one\ntwo", "three;four")


def test_delimiter_is_the_one_that_divides_evenly(read):
    """The header has as many commas as semicolons."""
    dataset = read("size, cm;mass, g;y\n1;2;3.5\n2;3;4\n")
    assert dataset.feature_names == ("size, cm", "mass, g")


def test_blank_lines_are_skipped_and_counted(refuse, read):
    assert read("\n\na,y\n\n1,2.5\n   \n2,3\n\n").features.tolist() == [[1], [2]]
    refuse(
        "\na,y\n\n1,2.5\n\nx,3\n",
        "data.csv, row 2 (line 6), column 'a': 'x' is not a number. " + MIXED,
    )


def test_target_may_stand_anywhere_and_columns_be_dropped(read):
    dataset = read("y,id,a\n1.5,first,3\n2,second,4\n", drop=("id",))
    assert dataset.feature_names == ("a",)
    assert dataset.features.tolist() == [[3], [4]]
    assert dataset.target_name == "y"
    assert dataset.name == "data.csv"


def test_text_may_be_compressed(read):
    assert read(gzip.compress(b"a,y\n1,2.5\n2,3\n")).features.tolist() == [[1], [2]]


@pytest.mark.parametrize("name", ["d.tsv", "d.TAB", "d.tsv.gz"])
def test_tabs_separate_where_the_name_says_so(tmp_path, name):
    content = b"a, b\ty\n1\t2,5 m\n2\t3,5 m\n"
    path = tmp_path / name
    path.write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    table = read_table(path)
    assert table.columns == ("a, b", "y")
    assert table["a, b"].tolist() == [1, 2]
    assert table["y"] == ["2,5 m", "3,5 m"]


def test_path_may_be_text(tmp_path):
    (tmp_path / "d.csv").write_text("a,y\n1,2.5\n2,3\n")
    assert read_file(str(tmp_path / "d.csv"), "y").n_samples == 2


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"))


@settings(deadline=None, derandomize=True)
@given(
    st.lists(st.lists(TEXT, min_size=3, max_size=3), min_size=3, max_size=6),
    st.sampled_from(",;\t"),
)
def test_parsing_undoes_the_standard_writer(rows, delimiter):
    header = ["first", "second", "third"]
    file = io.StringIO(newline="")
    csv.writer(file, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows([header, *rows])
    table = _parse(file.getvalue(), "data.csv")
    assert list(table.columns) == header
    assert [list(row) for row in zip(*table.values, strict=True)] == [
        [value.strip() for value in row] for row in rows
    ]


WRITTEN = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.integers(-(10**20), 10**20).map(str),
    st.sampled_from(["1.", " .5 ", "+3", "-0", "1E5", "00012", '"4"', "1_0", "٣", "0x10", "1d2"]),
)


@settings(deadline=None, derandomize=True)
@given(
    st.lists(st.lists(WRITTEN, min_size=2, max_size=2), min_size=2, max_size=6),
    st.sampled_from(",;\t"),
    st.sampled_from(["\n", "\r\n", "\r", "\n\n"]),
)
def test_numbers_are_those_that_python_reads(rows, delimiter, newline):
    """However many of the values can be read in the fast way."""
    lines = [delimiter.join(row) for row in [["a", "b"], *rows]]
    table = _parse(newline.join(lines), "data.csv")
    for column, texts in zip(table.values, zip(*rows, strict=True), strict=True):
        values = [text.strip('" ') for text in texts]
        try:
            expected = [float("x" if "_" in value else value) for value in values]
        except ValueError:
            expected = values
        assert list(column) == expected
    assert table.lines == [
        1 + len(newline.replace("\r\n", "\n")) * (i + 1) for i in range(len(rows))
    ]


# Classification or regression -----------------------------------------------


@pytest.mark.parametrize(
    ("values", "classes"),
    [
        ("b a b", ("a", "b")),
        ("2 10 2 10", ("2", "10")),  # ascending as numbers, not as text
        ("1.0 0 1 0.0", ("0", "1")),
        ("-1 1 1 -1", ("-1", "1")),
    ],
)
def test_classification(read, values, classes):
    dataset = read("a,y\n" + "".join(f"{i},{v}\n" for i, v in enumerate(values.split())))
    assert dataset.class_names == classes
    assert dataset.target.dtype == np.int64
    named = [classes[index] for index in dataset.target]
    assert named == [v.removesuffix(".0") for v in values.split()]


@pytest.mark.parametrize(
    "values",
    [
        "1.5 2 1.5 2",  # not whole
        "1 2 3 1",  # whole, but more than half as many values as rows
        " ".join(str(i % 21) for i in range(84)),  # whole, but more than twenty
    ],
)
def test_regression(read, values):
    dataset = read("a,y\n" + "".join(f"{i},{v}\n" for i, v in enumerate(values.split())))
    assert dataset.class_names is None
    assert dataset.target.tolist() == [float(v) for v in values.split()]


def test_twenty_whole_numbers_are_classes(read):
    rows = "".join(f"{i},{i % 20}\n" for i in range(40))
    dataset = read("a,y\n" + rows)
    assert dataset.class_names == tuple(str(i) for i in range(20))


def test_task_overrides(read):
    gate = "a,y\n1,0\n2,1\n3,0\n4,1\n"
    assert read(gate).class_names == ("0", "1")
    assert read(gate, task="regression").class_names is None
    assert read("a,y\n1,.5\n2,1.5\n", task="classification").class_names == ("0.5", "1.5")
    assert read("a,y\n1,1\n2,x\n3,x\n", task="classification").class_names == ("1", "x")


# What is refused: the file --------------------------------------------------


def test_no_such_file(tmp_path):
    path = tmp_path / "nowhere.csv"
    message = f"{path}: there is no such file. Check the path."
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        read_file(path, "y")


def test_folder(tmp_path):
    message = f"{tmp_path}: this is a folder. Name a file in it."
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        read_file(tmp_path, "y")


def test_unreadable_file(tmp_path, monkeypatch):
    def forbid(self, mode):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", forbid)
    path = tmp_path / "data.csv"
    message = f"{path}: the file cannot be read (Permission denied). Check its permissions."
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        read_file(path, "y")


@pytest.mark.parametrize("content", ["", "\n\n  \n", "\ufeff"])
def test_empty_file(refuse, content):
    refuse(
        content,
        "data.csv: the file is empty. It needs a line of column names and rows of values.",
    )


@pytest.mark.parametrize(("rows", "found"), [("", "no rows"), ("1,2\n", "a single row")])
def test_too_few_rows(refuse, rows, found):
    refuse(
        "a,y\n" + rows,
        f"data.csv: the file has {found} of values. Add at least two.",
    )


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"PK\x03\x04...", "an Excel workbook or a zip archive. Save the sheet as CSV."),
        (b"\xd0\xcf\x11\xe0...", "an old Excel workbook. Save the sheet as CSV."),
        ("a,y\n1,2\n".encode("utf-16"), "text in UTF-16. Save it as UTF-8."),
    ],
)
def test_other_kinds_of_file(refuse, content, kind):
    refuse(content, f"data.csv: this is not a CSV file but {kind}")


def test_binary(refuse):
    refuse(
        b"a,y\n1,\x002\n",
        "data.csv, line 2: this is not a CSV file but binary data (it holds a zero byte). "
        "Save the table as CSV.",
    )


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_wrong_encoding(refuse, mark):
    refuse(
        mark + "a,y\nä,1\n".encode() + "1,né\n".encode("latin-1"),
        "data.csv, line 3, character 4: byte 0xe9 is not UTF-8. Save the file as UTF-8.",
    )


def test_no_delimiter(refuse):
    refuse(
        "Dear reader\nthis is prose\nof two lines\n",
        "data.csv: there is no column 'y'. The columns are 'Dear reader'. No comma, semicolon or "
        "tab divides the line of their names.",
    )


def test_damaged_compression(refuse):
    refuse(
        gzip.compress(b"a,y\n1,2\n3,4\n")[:-9],
        "data.csv: the file cannot be unpacked, it is damaged or incomplete (Compressed file ended "
        "before the end-of-stream marker was reached). Get it again.",
    )


def test_broken_quotes(refuse):
    refuse(
        'a,y\n1,2\n3,"4\n5,6\n',
        "data.csv, row starting on line 3: the quotes are broken (unexpected end of data). Close "
        'every quote, and write a quote inside a quoted value twice: "".',
    )


# What is refused: the header ------------------------------------------------


def test_unnamed_column(refuse):
    refuse(
        ",a,y\n0,1,2\n1,2,3\n",
        "data.csv, line 1: column 1 of 3 has no name. Name it, or remove the column (a row "
        "number or a separator at the end of each line).",
    )


def test_duplicate_names(refuse):
    refuse(
        "a,b,y, a\n1,2,3,4\n5,6,7,8\n",
        "data.csv, line 1: columns 1 and 4 are both named 'a'. Rename or remove one.",
    )


def test_unknown_target_offers_the_nearest(refuse):
    refuse(
        "age,income,species\n1,2,3\n4,5,6\n",
        "data.csv: there is no column 'speceis'. Did you mean 'species'? "
        "The columns are 'age', 'income', 'species'.",
        target="speceis",
    )
    refuse(
        "age,Y\n1,2\n4,5\n",
        "data.csv: there is no column 'y'. Did you mean 'Y'? The columns are 'age', 'Y'.",
    )


def test_unknown_target_among_many_columns(refuse):
    header = ",".join(f"column{i}" for i in range(14))
    row = ",".join("1" * 14)
    shown = ", ".join(f"'column{i}'" for i in range(12))
    refuse(
        f"{header}\n{row}\n{row}\n",
        f"data.csv: there is no column 'y'. The columns are {shown} and 2 more.",
    )


def test_missing_header_is_suspected(refuse):
    refuse(
        "5.1,3.5,setosa\n4.9,3.0,setosa\n6.2,2.9,virginica\n",
        "data.csv: there is no column 'species'. The columns are '5.1', '3.5', 'setosa'. They "
        "look like values: the first line of the file must name the columns.",
        target="species",
    )


def test_unknown_column_to_drop(refuse):
    refuse(
        "a,y\n1,2\n3,4\n",
        "data.csv: there is no column 'id'. The columns are 'a', 'y'.",
        drop=("id",),
    )


def test_target_cannot_be_dropped(refuse):
    refuse(
        "a,y\n1,2\n3,4\n",
        "data.csv: column 'y' is both the target and to be dropped. Drop another, or choose "
        "another target.",
        drop=("y",),
    )


def test_a_feature_must_be_left(refuse):
    refuse(
        "a,y\n1,2\n3,4\n",
        "data.csv: no feature is left besides the target 'y'. Keep at least one other column.",
        drop=("a",),
    )


# What is refused: rows and values -------------------------------------------


def test_row_too_short(refuse):
    refuse(
        "a,b,y\n1,2,3\n4\n",
        "data.csv, row 2 (line 3): 1 value where 3 columns are named; the row ends before column "
        "'b'. Fill in or remove the row.",
    )


def test_row_too_long(refuse):
    refuse(
        "a,y\n1,2\n1,500,3\n",
        "data.csv, row 2 (line 3): 3 values where 2 columns are named; the first one too many, "
        "after column 'y', is '3'. Put a value that contains a comma in double quotes.",
    )


@pytest.mark.parametrize("written", ["", "NA", "n/a", "NaN", "nan", "?", "NULL"])
def test_missing_value(refuse, written):
    shown = f" (written '{written}')" if written else ""
    refuse(
        f"age,y\n1,2\n{written},3\n",
        f"data.csv, row 2 (line 3), column 'age': the value is missing{shown}. Fill it in or "
        "remove the row, or leave the column out with --drop age (in Python, drop=('age',)).",
    )


def test_missing_values_are_counted_and_the_first_row_named(refuse):
    refuse(
        "a,body mass,y\n1,2,3\n4,?,6\n,8,9\n,,\n",
        "data.csv, row 2 (line 3), column 'body mass': the value is missing (written '?'). 5 "
        "values are missing in all, in columns 'a', 'body mass', 'y'. Fill them in or remove the "
        "rows, or leave the column out with --drop 'body mass' (in Python, drop=('body mass',)).",
    )


def test_missing_target(refuse):
    refuse(
        "a,y\n1,yes\n2,\n3,no\n",
        "data.csv, row 2 (line 3), column 'y': the value is missing. Fill it in or remove the row.",
    )


def test_missing_values_in_a_dropped_column_do_not_matter(read):
    assert read("a,b,y\n1,,2.5\n2,x,3\n", drop=("b",)).n_features == 1


def test_text_in_a_numeric_column(refuse):
    refuse(
        "a,y\n1,2\n3,4\nhigh,5\nlow,6\n",
        "data.csv, row 3 (line 4), column 'a': 'high' is not a number. 2 of the column's 4 values "
        "are text. " + MIXED,
    )


def test_text_that_differs_in_every_row_is_no_category(refuse):
    refuse(
        "name,a,y\nEva,1,2\nKim,3,4\n",
        "data.csv, column 'name': 2 different texts in 2 rows are too many for categories, of "
        "which there may be 100, each seen twice or more on average. Replace them by numbers or "
        "by fewer categories, or leave the column out with --drop name (in Python, "
        "drop=('name',)).",
    )


def test_more_than_a_hundred_texts_are_no_categories(refuse, read):
    def rows(n):
        return "a,y\n" + "".join(f"t{i % n},{i}\n" for i in range(3 * n))

    assert read(rows(100)).n_features == 100
    refuse(
        rows(101),
        "data.csv, column 'a': 101 different texts in 303 rows are too many for categories, of "
        "which there may be 100, each seen twice or more on average. Replace them by numbers or "
        "by fewer categories, or leave the column out with --drop a (in Python, drop=('a',)).",
    )


def test_underscores_are_not_digits(refuse):
    refuse(
        "a,y\n1_000,2\n3,4\n",
        "data.csv, row 1 (line 2), column 'a': '1_000' is not a number. " + MIXED,
    )


def test_decimal_comma(refuse):
    refuse(
        "a;y\n1,5;2\n3;4\n",
        "data.csv, row 1 (line 2), column 'a': '1,5' is not a number. Write decimals with a "
        "point, and thousands without a separator.",
    )


def test_signed_nan_is_not_a_number(refuse):
    refuse(
        "a,y\n-nan,2\n3,4\n",
        "data.csv, row 1 (line 2), column 'a': '-nan' is not a number. " + MIXED,
    )


@pytest.mark.parametrize("written", ["inf", "-Infinity", "1e999"])
def test_infinite_value(refuse, written):
    refuse(
        f"a,y\n1,2.5\n{written},3\n",
        f"data.csv, row 2 (line 3), column 'a': '{written}' is infinite, or too large for "
        "float64. Correct it or remove the row.",
    )


def test_infinite_target(refuse):
    refuse(
        "a,y\n1,2.5\n2,inf\n",
        "data.csv, row 2 (line 3), column 'y': 'inf' is infinite, or too large for float64. "
        "Correct it or remove the row.",
    )


def test_constant_columns_are_taken(read):
    """A pixel may be black in all images."""
    dataset = read("a,b,c,y\n7,1,x,2\n7.0,3,x,4\n")
    assert dataset.feature_names == ("a", "b", "c=x")
    np.testing.assert_array_equal(dataset.features, [[7, 1, 1], [7, 3, 1]])


def test_only_constant_columns(refuse):
    refuse(
        "a,b,y\n7,x,2\n7.0,x,4\n",
        "data.csv: every feature is the same in all 2 rows, so that there is nothing to tell rows "
        "apart by: 'a', 'b'. Add a column that varies.",
    )


def test_target_with_one_class(refuse):
    refuse(
        "a,y\n1,yes\n2,yes\n",
        "data.csv, column 'y': the target has the single class 'yes' in all 2 rows. A "
        "classification needs at least two; add rows of another class, or choose another target.",
    )


def test_constant_target_of_a_regression(refuse):
    refuse(
        "a,y\n1,2.5\n2,2.5\n",
        "data.csv, column 'y': the target is 2.5 in all 2 rows. There is nothing to learn from a "
        "constant; choose another target.",
    )


def test_a_mistyped_number_does_not_make_classes(refuse):
    refuse(
        "a,y\n1,2.5\n2,3.5\n3,4.5x\n4,5.5\n",
        "data.csv, row 3 (line 4), column 'y': '4.5x' is not a number, while 3 of the target's 4 "
        "values are numbers. Correct it, or, if the column holds names of classes, use "
        "--task classification (in Python, task='classification').",
    )
    refuse(
        "a,y\n1,low\n2,high\n3,7\n",
        "data.csv, row 3 (line 4), column 'y': '7' is a number, while 2 of the target's 3 "
        "values are text. Correct it, or, if the column holds names of classes, use "
        "--task classification (in Python, task='classification').",
    )


def test_text_target_of_a_regression(refuse):
    refuse(
        "a,y\n1,2.5\n2,tall\n",
        "data.csv, row 2 (line 3), column 'y': 'tall' is not a number. The target of a regression "
        "must be a number: correct it, or use --task classification (in Python, "
        "task='classification').",
        task="regression",
    )
