"""The one reader of tables: CSV of data sets, of people and of spreadsheets. It is strict, so that no value is lost.

Commas, semicolons or tabs separate the columns, as spreadsheets save them in different countries; a first line `sep=;`
names another separator. The first line names the columns. Each other line has a value for each of them; quotes keep
separators and line breaks in a value, and `""` in them is a quote. Empty lines, and empty columns behind the last, do
not count. Encodings and line ends are those of `text_files`.
"""

import csv
import dataclasses
import difflib
import re
from typing import Iterable, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from audioset_triplet import text_files
from audioset_triplet.errors import UserError
from audioset_triplet.plurals import counted
from audioset_triplet.text_files import Path

SAVE_AS_CSV = "save it as “CSV UTF-8”"
# Of a CSV that people open: with a byte order mark, without which Excel reads it in the code page of its country.
SPREADSHEET_ENCODING = "utf-8-sig"
_DELIMITERS = (",", ";", "\t")
_LONGEST_FIELD = 2**31 - 1
_JSON_START = re.compile(r'\s*(?:\{\s*"|\[\s*[\[{"])')
_MAX_NAMES, _MAX_LENGTH = 12, 60  # in messages
_SEP_LINE = re.compile(r'"?sep=(.|\\t)"?\s*', re.IGNORECASE)


class Line(NamedTuple):
    """A line of a table, or several that a quoted value joins."""

    number: int  # of the first of them in the file, from 1
    values: List[str]


@dataclasses.dataclass(frozen=True)
class Row:
    """A row under the names of the columns."""

    table: str  # path
    line: int
    values: Mapping[str, str]

    def __getitem__(self, column: str) -> str:
        return self.values[column]

    @property
    def where(self) -> str:
        """Such as `list.csv: line 3`, to begin a message with."""
        return f"{self.table}: line {self.line}"

    def number(self, column: str) -> float:
        """The value of a column as a number; a UserError where it is none."""
        return number(self[column], column, self.where)

    def integer(self, column: str) -> int:
        """The value of a column as a whole number (`3`, or `3.0` as some programs write it); a UserError otherwise."""
        value = self.number(column)
        if not value.is_integer():
            raise UserError(f"{self.where}: {column} is {self[column].strip()!r}, not a whole number")
        return int(value)


@dataclasses.dataclass(frozen=True)
class Columns:
    """The rows of a table as lists, one for each column: a million rows fit into memory."""

    table: str  # path
    header: List[str]  # all columns of the table
    lines: List[int]  # of each row
    values: Mapping[str, List[str]]

    def __getitem__(self, column: str) -> List[str]:
        return self.values[column]

    def __len__(self) -> int:
        return len(self.lines)


def number(text: str, column: str, where: str) -> float:
    """A value as a number; a UserError that begins with `where` and names the column where it is none."""
    text = text.strip()
    try:
        return float(text)
    except ValueError as error:
        hint = ": with a point, not a comma" if re.fullmatch(r"[+-]?\d+,\d+", text) else ""
        raise UserError(f"{where}: {column} is {_short(text)!r}, not a number{hint}") from error


def read(path: Path, columns: Sequence[str], advice: str = "") -> List[Row]:
    """The rows of a table whose first line names its columns.

    Args:
        path: the file.
        columns: those that must be there; others may be. Unnamed ones are left out.
        advice: what to do about a missing column.

    Raises:
        UserError: no such file, or no text table; a missing column, or a name of two columns; a row with more or fewer
            values than there are columns; quotes that do not close; with the line.
    """
    header, rows = _open(path, columns, advice)
    return [
        Row(str(path), line.number, {name: value for name, value in zip(header, line.values) if name}) for line in rows
    ]


def read_columns(path: Path, columns: Sequence[str], advice: str = "") -> Columns:
    """As `read`, some columns of a table as lists: for tables of some hundred thousand rows."""
    header, rows = _open(path, columns, advice)
    numbers: List[int] = []
    places = [header.index(column) for column in columns]
    values: List[List[str]] = [[] for _ in columns]
    for line in rows:
        numbers.append(line.number)
        for own, place in zip(values, places):
            own.append(line.values[place])
    return Columns(str(path), header, numbers, dict(zip(columns, values)))


def _open(path: Path, columns: Sequence[str], advice: str) -> Tuple[List[str], Iterator[Line]]:
    """The names of the columns, and the rows, each with a value for each of them."""
    rows = lines(path, columns)
    first = next(rows, None)
    if first is None:
        raise UserError(f"{path}: is empty: its first line has to name the columns {', '.join(columns)}")
    header = [name.strip() for name in first.values]
    while not header[-1]:
        header.pop()
    _check_header(f"{path}: line {first.number}", header, columns, advice)
    return header, (_whole(str(path), line, header) for line in rows)


def lines(path: Path, columns: Sequence[str] = ()) -> Iterator[Line]:
    """The lines of a table, with the one that names the columns, and without empty ones.

    Args:
        path: the file.
        columns: some of the names in the first line, by which the separator is told apart.

    Raises:
        UserError: no such file, or no text table; quotes that do not close; with the line.
    """
    whole = text_files.read(path, SAVE_AS_CSV)
    if _JSON_START.match(whole):
        raise UserError(f"{path}: JSON, not a table: {SAVE_AS_CSV}")
    text = text_files.lines(whole)
    delimiter = _SEP_LINE.fullmatch(text[0]) if text else None
    start = 1 if delimiter else 0
    separator = delimiter[1].replace(r"\t", "\t") if delimiter else _delimiter(text, columns)
    return (line for line in _parsed(str(path), text[start:], start, separator) if any(map(str.strip, line.values)))


def _delimiter(text: Sequence[str], columns: Sequence[str]) -> str:
    """The separator that finds the most of `columns`, then the most values, in the first line that is no comment."""
    first = next((line for line in text if line.strip() and not line.startswith("#")), "")

    def found(delimiter: str) -> Tuple[int, int]:
        values = next(csv.reader([first], delimiter=delimiter, skipinitialspace=True), [])
        return len({value.strip() for value in values} & set(columns)), len(values)

    return max(_DELIMITERS, key=found)  # the first of equal ones


def _parsed(path: str, text: Sequence[str], num_before: int, delimiter: str) -> Iterator[Line]:
    """The lines of a table.

    Args:
        path: for errors.
        text: the lines of the file, with their ends.
        num_before: lines of the file before these.
        delimiter: the separator.
    """
    csv.field_size_limit(_LONGEST_FIELD)
    reader = csv.reader(text, delimiter=delimiter, skipinitialspace=True, strict=True)
    while True:
        first = reader.line_num  # of `text`, from 0
        number = first + num_before + 1
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            fault = "a quote in the middle of a value, or something behind the closing one"
            if "end of data" in str(error):
                fault = "a quote opens that does not close"
            elif reader.line_num > first + 1:
                fault = "a quote opens that does not close before another value"
            raise UserError(f'{path}: line {number}: {fault}: write " as "" in a quoted value') from error
        swallowed = _swallowed(text[first : reader.line_num], values, delimiter)
        if swallowed:
            raise UserError(
                f"{path}: line {number}: a quote opens that does not close before line {number + swallowed}, which "
                "looks like a row of its own: close it, or keep the value on one line"
            )
        yield Line(number, values)


def _swallowed(text: Sequence[str], values: Sequence[str], delimiter: str) -> int:
    """Which of the lines of one row lies within one value, and has as many values as the row has; 0: none.

    An open quote takes in whole rows up to the next quote, without any other sign.
    """
    if len(text) < 2 or len(values) < 2:
        return 0
    inner = {line.rstrip("\r\n") for value in values for line in text_files.lines(value)[1:]}
    for number, line in enumerate(text[1:], 1):
        plain = line.rstrip("\r\n").replace('""', '"')
        if plain in inner or (plain.endswith('"') and plain[:-1] in inner):
            alone = next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])
            if len(alone) == len(values):
                return number
    return 0


def _check_header(where: str, header: Sequence[str], columns: Iterable[str], advice: str) -> None:
    named = [name for name in header if name]
    repeated = next((name for name in named if named.count(name) > 1), None)
    if repeated:
        raise UserError(f"{where}: two columns have the name {repeated!r}: rename one of them")
    missing = next((column for column in columns if column not in named), None)
    if missing:
        close = closest(missing, named)
        if len(named) == 1:
            hint = "; columns are separated by commas, semicolons or tabs"
        elif close:
            hint = f"; is it {_short(close)!r}?"
        else:
            hint = "" if set(columns) & set(named) else "; the first line has to name the columns"
        raise UserError(f"{where}: no column {missing!r}, only {_listed(named)}{hint}{': ' if advice else ''}{advice}")


def _whole(path: str, line: Line, header: Sequence[str]) -> Line:
    values = list(line.values)
    while len(values) > len(header) and not values[-1].strip():
        values.pop()
    if len(values) != len(header):
        what = "put quotes around a value that holds a separator" if len(values) > len(header) else "fill in the rest"
        raise UserError(
            f"{path}: line {line.number}: has {counted(len(values), 'value')}, and there "
            f"{'is' if len(header) == 1 else 'are'} {counted(len(header), 'column')} ({_listed(header)}): {what}"
        )
    return Line(line.number, values)


def _listed(names: Sequence[str]) -> str:
    more = [f"and {len(names) - _MAX_NAMES} more"] if len(names) > _MAX_NAMES else []
    return ", ".join([*map(_short, names[:_MAX_NAMES]), *more])


def _short(text: str) -> str:
    return text if len(text) <= _MAX_LENGTH else f"{text[:_MAX_LENGTH]}…"


def closest(name: str, names: Iterable[str]) -> Optional[str]:
    """The name that may be meant: one that differs by case, spaces or the form of its characters, or a similar one."""
    names = list(names)
    alike = [other for other in names if folded(other) == folded(name)]
    return next(iter(alike or difflib.get_close_matches(name, names, n=1)), None)


def hint(name: str, names: Sequence[str]) -> str:
    """The end of an error about a name that is none of these: which one may be meant, or how they begin."""
    close = closest(name, names)
    return f"; is it {close!r}?" if close else f"; they begin with {', '.join(names[:3])}"


def folded(text: str) -> str:
    """The same for all names that differ by case, spaces, underscores or the form of their characters alone."""
    return re.sub(r"[\s_]+", " ", text_files.composed(text).casefold()).strip()


def meant(name: str, names: Iterable[str]) -> Optional[str]:
    """This one of some names, or the only one that differs by case, spaces or the form of its characters; or None."""
    names = list(names)
    if name in names:
        return name
    alike = [other for other in names if folded(other) == folded(name)]
    return alike[0] if len(alike) == 1 else None


def read_list(path: Path, column: str) -> List[Line]:
    """The names in a text file, one on each line, or those in a column of a table; each `Line` has one value.

    Args:
        path: the file.
        column: its name; the file is a table where the first line has it.

    Raises:
        UserError: no such file, or no text.
    """
    text = text_files.lines(text_files.read(path))
    first = next((line for line in text if line.strip()), "")
    if column in re.split("[,;\t]", first.strip().replace('"', "")):
        return [Line(row.line, [row[column].strip()]) for row in read(path, [column]) if row[column].strip()]
    return [Line(number, [line.strip()]) for number, line in enumerate(text, 1) if line.strip()]
