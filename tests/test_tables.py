"""Tables as data sets, people and spreadsheets write them: every value arrives, or a message names the line."""

import codecs
import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audioset_triplet import tables
from audioset_triplet.errors import UserError

COLUMNS = ["filename", "labels"]
ROWS = [["a é.wav", 'Male speech, "loud"'], ["b;c.wav", ""], ["d\te.wav", "one\ntwo"]]


def read(tmp_path, data, columns=COLUMNS):
    path = tmp_path / "list.csv"
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return [[row[column] for column in columns] for row in tables.read(path, columns)]


def written(rows, delimiter=",", line_end="\n"):
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator=line_end, quoting=csv.QUOTE_ALL).writerows(rows)
    return text.getvalue()


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    "mark, encoding",
    [
        (b"", "utf-8"),
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
    ],
)
def test_what_spreadsheets_save_is_read(tmp_path, delimiter, line_end, mark, encoding):
    text = written([COLUMNS, *ROWS], delimiter, line_end)
    assert read(tmp_path, mark + text.encode(encoding)) == ROWS
    assert read(tmp_path, mark + f"sep={delimiter}{line_end}{text}".encode(encoding)) == ROWS


@given(st.lists(st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"])), min_size=3, max_size=3)))
def test_what_is_written_is_read(tmp_path_factory, rows):
    rows = [[f"x{value}" for value in row] for row in rows]  # none begins with a space, which may follow a separator
    columns = ["a", "b", "c"]
    assert read(tmp_path_factory.mktemp("table"), written([columns, *rows]), columns) == rows


@pytest.mark.parametrize(
    "text, rows",
    [
        ("filename,labels\n", []),
        ("filename,labels,,\na,x,,\nb,y\n,,,\n\n  \n", [["a", "x"], ["b", "y"]]),  # as spreadsheets leave them behind
        ("\n\nfilename,labels\na,x", [["a", "x"]]),
        (",filename,labels\n0,a,x\n", [["a", "x"]]),  # pandas' index
        ('filename, labels\na, "x, y"\n', [["a", "x, y"]]),
        ('filename,labels\na,5" pipe\n', [["a", '5" pipe']]),
        ('filename,labels\r\na,"x\r\ny"\rb,z\n', [["a", "x\r\ny"], ["b", "z"]]),  # line ends of all systems
        ("filename,labels\na,#x\n#b,y\n", [["a", "#x"], ["#b", "y"]]),
        (f"filename,labels\na,{'x' * 300_000}\n", [["a", "x" * 300_000]]),
    ],
)
def test_odd_tables_that_lose_nothing_are_read(tmp_path, text, rows):
    assert read(tmp_path, text) == rows


@pytest.mark.parametrize(
    "data, message",
    [
        ("filename,labels\na,x,y\n", r"line 2: has 3 values, and there are 2 columns \(filename, labels\)"),
        ('filename,labels\n"a\nb",x\nc\n', "line 4: has 1 value, and there are 2 columns"),
        ("filename,labels,,\na,x,,y\n", "line 2: has 4 values"),
        ('filename,labels\na,"x\nb,y\n', "line 2: a quote opens that does not close"),
        ('filename,labels\na,"x\nb,y\nc,"z"\n', "line 2: a quote opens that does not close"),
        ('filename,labels\na,"x\nb,y\nc,z"\nd,w\n', "line 2: a quote opens .* before line 3, which looks like a row"),
        ('filename,labels\na,"x"y\n', "line 2: a quote in the middle of a value"),
        ("filename,labels,labels\na,x,y\n", "line 1: two columns have the name 'labels'"),
        ("Filename,labels\n", "line 1: no column 'filename', only Filename, labels; is it 'Filename'"),
        ("file name;labels\n", "line 1: no column 'filename', only file name, labels; is it 'file name'"),
        ("a.wav,dog\n", "line 1: .*only a.wav, dog; the first line has to name the columns"),
        (
            "filename|labels\na|x\n",
            "line 1: no column 'filename', only filename.labels; columns are separated by commas",
        ),
        ("", "is empty: its first line has to name the columns filename, labels"),
        ("\n \n", "is empty"),
        ("filename,labels\na,x\nb,\0\n", "line 3: a NUL character"),
        ("filename,labels\na,x\nb,Kätzchen\n".encode("cp1252"), "line 3: not UTF-8 .*: save it as “CSV UTF-8”"),
        ("filename,labels\na,x\n".encode("utf-16-le"), "line 1: UTF-16 without a byte order mark"),
        (codecs.BOM_UTF16_LE + b"f\0i", "line 1: not UTF-16 .damaged."),
        (b"PK\x03\x04....[Content_Types].xml....xl/workbook.xml", "an Excel workbook .*: save it as “CSV UTF-8”"),
        ('[{"id": "a", "name": "b"}]', "JSON, not a table"),
        ("<!DOCTYPE html>\n<html>", "an HTML page, not a text"),
    ],
)
def test_what_would_lose_something_is_one_line(tmp_path, data, message):
    with pytest.raises(UserError, match=rf"list\.csv: {message}") as caught:
        read(tmp_path, data)
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_a_folder(tmp_path):
    for path, message in ((tmp_path / "none.csv", "no such file"), (tmp_path, "a folder, not a file")):
        with pytest.raises(UserError, match=message):
            tables.read(path, COLUMNS)


def test_numbers_of_a_row(tmp_path):
    path = tmp_path / "list.csv"
    path.write_text('fold,start\n3,0.5\n3.0,"0,5"\n3.5,x\n')
    first, second, third = tables.read(path, ["fold", "start"])
    assert (first.integer("fold"), second.integer("fold"), first.number("start")) == (3, 3, 0.5)
    for read_value, message in (
        (lambda: second.number("start"), "line 3: start is '0,5', not a number: with a point, not a comma"),
        (lambda: third.integer("fold"), "line 4: fold is '3.5', not a whole number"),
        (lambda: third.number("start"), "line 4: start is 'x', not a number"),
    ):
        with pytest.raises(UserError, match=message):
            read_value()


@pytest.mark.parametrize("text", ["\ufeffa,1\r\r\n b é \n", "clip_id\na,1\nb é\n", 'x;"clip_id"\n0;a,1\n0;b é\n'])
def test_a_list_is_a_name_on_each_line_or_a_column(tmp_path, text):
    if text.startswith("clip_id"):
        text = text.replace("a,1", '"a,1"')
    (tmp_path / "list.txt").write_bytes(text.encode())
    assert [line.values for line in tables.read_list(tmp_path / "list.txt", "clip_id")] == [["a,1"], ["b é"]]


def test_names_as_people_write_them():
    names = ["Dog", "dog bark", "Kätzchen", "A", "a"]
    assert [tables.meant(name, names) for name in ("Dog", "dog", " DOG_Bark", "Ka\u0308tzchen", "a", "cat")] == [
        "Dog",
        "Dog",
        "dog bark",
        "Kätzchen",
        "a",
        None,
    ]
    assert tables.closest("dgo bark", names) == "dog bark" and tables.closest("zzz", names) is None


def test_columns_are_those_of_the_rows(tmp_path):
    path = tmp_path / "list.csv"
    path.write_text('a,b,,c\n1,"x,\ny",,2\n\n3,z,,4\n')
    columns = tables.read_columns(path, ["c", "b"])
    assert columns.values == {"c": ["2", "4"], "b": ["x,\ny", "z"]} and columns.header == ["a", "b", "", "c"]
    assert columns.lines == [row.line for row in tables.read(path, ["c"])] == [2, 5] and len(columns) == 2
    for read_some in (tables.read, tables.read_columns):
        with pytest.raises(UserError, match="line 1: no column 'd'"):
            read_some(path, ["d"])
