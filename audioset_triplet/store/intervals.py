"""Labelled intervals of clips, in the columns of AudioSet's strong releases: a table, or a Parquet file.

    segment_id          string, the clip, as in the records (`labels.segment_id`)
    start_time_seconds  float64, from the start of the clip
    end_time_seconds    float64
    label               string: id of a class, such as /m/05tny_, or its name

Empty times (null in Parquet) mean the whole clip, where a file may have such rows. A file whose name ends in .parquet
is Parquet; any other is a table, as `tables` reads it, written with tabs, or where the name ends in .csv with commas
and a byte order mark, as spreadsheets open it.
Formats: research.google.com/audioset/download_strong.html.

Shapes: n intervals.
"""

import contextlib
import csv
import dataclasses
import os
from typing import Any, Callable, Dict, Iterator, List, Mapping, NamedTuple, Sequence, TextIO

import numpy as np
import pyarrow as pa

from audioset_triplet import files, tables
from audioset_triplet.errors import UserError
from audioset_triplet.store import parquet

COLUMNS = ("segment_id", "start_time_seconds", "end_time_seconds", "label")
_TIMES = ("start_time_seconds", "end_time_seconds")
_ADVICE = "it needs a line for each clip, interval and label"


@dataclasses.dataclass(frozen=True)
class Intervals:
    """n intervals of clips, each with the label of a class, in the order of their file."""

    clip_ids: np.ndarray  # [n] str objects
    start_seconds: np.ndarray  # [n] float64, from the start of the clip; NaN: the whole clip
    end_seconds: np.ndarray  # [n] float64, not before the start; NaN: the whole clip
    labels: np.ndarray  # [n] str objects

    def __len__(self) -> int:
        return len(self.clip_ids)


@dataclasses.dataclass(frozen=True)
class Rows:
    """What a file holds, with where it stands in the file."""

    intervals: Intervals
    others: Dict[str, List[str]]  # column -> [n]: the requested ones beyond `COLUMNS`
    header: Sequence[str]  # all columns of the file
    where: Callable[[int], str]  # row, from 0 -> `ratings.tsv: line 3`, to begin a message with


def read(
    path: str, columns: Sequence[str] = COLUMNS, whole_clips: bool = False, may_be_empty: Sequence[str] = ()
) -> Rows:
    """The intervals of a file.

    Args:
        path: the file.
        columns: `COLUMNS`, and others that must be there too; in Parquet the others may hold numbers.
        whole_clips: whether rows may have no times.
        may_be_empty: the columns in which a value may be empty.

    Raises:
        UserError: what `tables.read` raises; a damaged Parquet file, or one without these columns; no row; a row
            without clip or label, or whose times are no interval; with the line.
    """
    read_file = _read_parquet if is_parquet(path) else _read_table
    values, (starts, ends), header, where = read_file(path, columns)
    for name, column in values.items():
        values[name] = [text.strip() for text in column]
        if "" in values[name] and name not in may_be_empty:
            raise UserError(f"{where(values[name].index(''))}: {name} is empty: fill it in, or remove the line.")
    if not len(values["segment_id"]):
        raise UserError(f"{path}: holds no row: {_ADVICE}.")
    _check_times(starts, ends, whole_clips, where)
    clip_ids, labels = (_shared(values.pop(name)) for name in ("segment_id", "label"))
    return Rows(Intervals(clip_ids, starts, ends, labels), values, header, where)


def write(path: str, intervals: Intervals, others: Mapping[str, Any] = {}) -> None:
    """The inverse of `read`: Parquet where the name ends in .parquet, else a table.

    The file appears when it is whole, and replaces an older one.

    Args:
        path: the file.
        intervals: the intervals.
        others: column -> [n], the columns behind `COLUMNS`: texts, or for Parquet an array of numbers.
    """
    with files.atomic_path(path) as temporary:
        if is_parquet(path):
            _write_parquet(temporary, intervals, others)
        else:
            is_csv = os.fspath(path).lower().endswith(".csv")
            delimiter, encoding = (",", tables.SPREADSHEET_ENCODING) if is_csv else ("\t", "utf-8")
            with open(temporary, "w", encoding=encoding, newline="") as file:
                _write_table(file, intervals, others, delimiter)


def is_parquet(path: str) -> bool:
    """Whether a file is written and read as Parquet."""
    return os.fspath(path).lower().endswith(".parquet")


def _shared(texts: Sequence[str]) -> np.ndarray:
    """[n] str objects, one object for all equal ones: ids repeat in thousands of rows."""
    known: Dict[str, str] = {}
    array = np.empty(len(texts), object)
    array[:] = [known.setdefault(text, text) for text in texts]
    return array


def _numbers(texts: Sequence[str], column: str, where: Callable[[int], str]) -> np.ndarray:
    """[n] float64; NaN where a text is empty."""
    known: Dict[str, float] = {"": np.nan}  # of a grid, few times repeat
    values = np.empty(len(texts))
    for row, text in enumerate(texts):
        if text not in known:
            known[text] = tables.number(text, column, where(row)) if text.strip() else np.nan
            if text.strip() and not np.isfinite(known[text]):
                raise UserError(f"{where(row)}: {column} is {text.strip()}, which is not finite.")
        values[row] = known[text]
    return values


def _check_times(starts: np.ndarray, ends: np.ndarray, whole_clips: bool, where: Callable[[int], str]) -> None:
    has_none = np.isnan(starts) & np.isnan(ends)
    wrong = np.flatnonzero(~((starts >= 0) & (starts <= ends)) & ~(has_none & whole_clips))
    if wrong.size:
        row = int(wrong[0])
        times = ["nothing" if np.isnan(one[row]) else f"{one[row]:g}" for one in (starts, ends)]
        empty = "; both may be empty, for the whole clip" if whole_clips else ""
        raise UserError(f"{where(row)}: from {times[0]} to {times[1]} is no interval of seconds{empty}.")


class _Read(NamedTuple):
    values: Dict[str, List[str]]  # column -> [n], without the times
    times: List[np.ndarray]  # [n] float64, of the start and of the end
    header: Sequence[str]
    where: Callable[[int], str]


def _read_table(path: str, columns: Sequence[str]) -> _Read:
    table = tables.read_columns(path, columns, _ADVICE)

    def where(row: int) -> str:
        return f"{path}: line {table.lines[row]}"

    values = {name: table[name] for name in columns if name not in _TIMES}
    return _Read(values, [_numbers(table[name], name, where) for name in _TIMES], table.header, where)


def _read_parquet(path: str, columns: Sequence[str]) -> _Read:
    if not os.path.exists(path):
        raise UserError(f"{path}: no such file")
    with _damage_named(path):
        schema = parquet.schema_of(path)
        for name in columns:
            index, kind = schema.get_field_index(name), pa.float64() if name in _TIMES else pa.string()
            if index < 0:
                raise UserError(f"{path}: has no column {name}, only {', '.join(schema.names)}.")
            if schema.field(index).type != kind and not _is_other_number(name, schema.field(index).type):
                raise UserError(f"{path}: column {name} holds {schema.field(index).type}, not {kind}.")
        table = parquet.read(path, list(columns))
    values = {
        name: [text or "" for text in table[name].cast(pa.string()).to_pylist()]
        for name in columns
        if name not in _TIMES
    }
    times = [table[name].to_numpy().astype(np.float64) for name in _TIMES]  # null: NaN
    return _Read(values, times, schema.names, lambda row: f"{path}: row {row + 1}")


def _is_other_number(name: str, kind: pa.DataType) -> bool:
    return name not in COLUMNS and (pa.types.is_floating(kind) or pa.types.is_integer(kind))


def _write_parquet(path: str, intervals: Intervals, others: Mapping[str, Any]) -> None:
    arrays = {
        "segment_id": pa.array(intervals.clip_ids, pa.string()),
        "start_time_seconds": pa.array(intervals.start_seconds, pa.float64(), from_pandas=True),  # NaN: null
        "end_time_seconds": pa.array(intervals.end_seconds, pa.float64(), from_pandas=True),
        "label": pa.array(intervals.labels, pa.string()),
        **{name: pa.array(column, _type_of(column)) for name, column in others.items()},
    }
    parquet.write(pa.table(arrays), path)


def _type_of(column: Any) -> pa.DataType:
    return pa.float64() if isinstance(column, np.ndarray) and column.dtype.kind == "f" else pa.string()


def _write_table(file: TextIO, intervals: Intervals, others: Mapping[str, Any], delimiter: str) -> None:
    times = [_texts(seconds) for seconds in (intervals.start_seconds, intervals.end_seconds)]
    writer = csv.writer(file, delimiter=delimiter, lineterminator="\n")
    writer.writerow([*COLUMNS, *others])
    writer.writerows(zip(intervals.clip_ids, *times, intervals.labels, *others.values()))


def _texts(seconds: np.ndarray) -> List[str]:
    """With three decimals as in AudioSet's files, more where a number has more; empty for NaN."""
    unique, places = np.unique(seconds, return_inverse=True)
    texts = ["" if np.isnan(one) else np.format_float_positional(one, min_digits=3) for one in unique]
    return [texts[place] for place in places]


@contextlib.contextmanager
def _damage_named(path: str) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{path}: damaged, or no Parquet ({str(error).splitlines()[0]}).") from error
