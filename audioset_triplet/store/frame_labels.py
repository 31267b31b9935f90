"""Which windows of a clip have which of its labels, on disk: one Parquet file, a row per window and label of a clip.

    clip_id               string
    window_start_seconds  float32, in the clip
    label                 int64, class index
    label_name            string
    score                 float32 in [0, 1], of the window for the label, divided by the largest one in the clip
    is_kept               bool, whether the window has the label: score >= threshold

The rows of a clip are together, in the order of windows, and of labels within a window. All windows of a clip are
there for each of its labels, so that another threshold is another comparison. The file metadata are the fields of
`FrameLabelInfo`. `labelling.refinement` makes such files.

Both directions are streams: all of AudioSet is 52 million rows.

Shapes: n clips, R rows.
"""

import contextlib
import dataclasses
import hashlib
import os
import typing
from typing import Dict, Iterator, List, Sequence, Set

import numpy as np
import pyarrow as pa

from audioset_triplet import files
from audioset_triplet.clips import add_class_names
from audioset_triplet.errors import UserError
from audioset_triplet.store import parquet, window_parts

_COLUMNS = [
    pa.field("clip_id", pa.string()),
    pa.field("window_start_seconds", pa.float32()),
    pa.field("label", pa.int64()),
    pa.field("label_name", pa.string()),
    pa.field("score", pa.float32()),
    pa.field("is_kept", pa.bool_()),
]
_REPEATING = ["clip_id", "window_start_seconds", "label", "label_name"]
_ROWS_PER_GROUP = 1 << 18  # also how many are held in memory; 200 groups for all of AudioSet
_ADVICE = "make it again with experiments.refine_labels"


@dataclasses.dataclass(frozen=True)
class FrameLabelInfo:
    """What the labels were made from."""

    model_id: str  # of the classifier whose scores they are
    front_end_id: str
    threshold: float
    window_seconds: float
    hop_seconds: float  # from a window to the next one
    code_version: str


@dataclasses.dataclass(frozen=True)
class FrameLabelBatch:
    """The rows of n whole clips."""

    clip_ids: List[str]  # [n]
    clip_rows: np.ndarray  # [R] int64, ascending: the clip of each row, from 0 to n - 1
    window_start_seconds: np.ndarray  # [R] float32
    labels: np.ndarray  # [R] int64
    scores: np.ndarray  # [R] float32
    is_kept: np.ndarray  # [R] bool
    class_names: Dict[int, str]  # of these labels at least


def path_in(folder: str) -> str:
    """The path of frame_labels.parquet."""
    return os.path.join(folder, "frame_labels.parquet")


def concatenate(batches: Sequence[FrameLabelBatch]) -> FrameLabelBatch:
    """The rows of several batches of different clips, one batch after the other."""
    first_clips = np.cumsum([0, *(len(batch.clip_ids) for batch in batches)])
    return FrameLabelBatch(
        clip_ids=[clip_id for batch in batches for clip_id in batch.clip_ids],
        clip_rows=np.concatenate([batch.clip_rows + first for batch, first in zip(batches, first_clips)]),
        window_start_seconds=np.concatenate([batch.window_start_seconds for batch in batches]),
        labels=np.concatenate([batch.labels for batch in batches]),
        scores=np.concatenate([batch.scores for batch in batches]),
        is_kept=np.concatenate([batch.is_kept for batch in batches]),
        class_names={label: name for batch in batches for label, name in batch.class_names.items()},
    )


class FrameLabelWriter:
    """Writes a file in large groups of rows; made by `writing`."""

    def __init__(self, part: parquet.Writer) -> None:
        self._part = part
        self._pending: List[FrameLabelBatch] = []
        self._num_pending = 0

    def write(self, batch: FrameLabelBatch) -> None:
        """Appends the rows of some clips, however few.

        Raises:
            ValueError: rows in another order than the format's, scores that are not in [0, 1], or arrays of several
                lengths; these rows or some before them.
        """
        self._pending.append(batch)
        self._num_pending += len(batch.clip_rows)
        if self._num_pending >= _ROWS_PER_GROUP:
            self.flush()

    def flush(self) -> None:
        """Writes what is held in memory."""
        if self._pending:
            batch = concatenate(self._pending)
            self._pending, self._num_pending = [], 0
            self._part.write_table(_table(batch, self._part.schema))


@contextlib.contextmanager
def writing(path: str, info: FrameLabelInfo) -> Iterator[FrameLabelWriter]:
    """A writer of a file, which appears when the block ends without an exception and replaces an older one."""
    metadata = {name: str(value) for name, value in dataclasses.asdict(info).items()}
    try:
        with files.atomic_path(path) as temporary:
            with parquet.writer(temporary, pa.schema(_COLUMNS, metadata=metadata), _REPEATING) as part:
                writer = FrameLabelWriter(part)
                yield writer
                writer.flush()
    except OSError as error:  # a full disk: the message of Arrow names no file
        raise UserError(f"{path}: cannot be written: {error}") from error


def read_info(path: str) -> FrameLabelInfo:
    """The metadata of a file.

    Raises:
        UserError: no such file, a damaged one, or one of another kind.
    """
    with _damage_named(path):
        schema = parquet.schema_of(path)
    metadata, types = schema.metadata or {}, typing.get_type_hints(FrameLabelInfo)
    try:
        info = FrameLabelInfo(**{name: kind(metadata[name.encode()].decode()) for name, kind in types.items()})
    except KeyError as missing:
        name = missing.args[0].decode()
        raise UserError(f"{path}: has no {name} in its metadata; not a file of experiments.refine_labels.") from None
    except ValueError as error:  # no text, no number
        raise UserError(f"{path}: damaged ({error}); {_ADVICE}.") from error
    window_parts.require_columns(path, schema, pa.schema(_COLUMNS))
    return info


def read_batches(path: str) -> Iterator[FrameLabelBatch]:
    """Streams a file in whole clips, in the order in which they were written.

    Raises:
        UserError: what `read_info` raises; a row that lacks a value, a clip in two places, rows in another order, a
            score that is not in [0, 1], or a class with two names.
    """
    read_info(path)
    seen: Set[str] = set()
    class_names: Dict[int, str] = {}
    for table in _whole_clips(path):
        batch = _batch(table, class_names, path)
        problem = _problem(batch)
        again = seen.intersection(batch.clip_ids) or len(set(batch.clip_ids)) < len(batch.clip_ids)
        if again:
            problem = "a clip has rows in two places"
        if problem:
            raise UserError(f"{path}: {problem}; {_ADVICE}.")
        seen.update(batch.clip_ids)
        yield batch


def digest(path: str) -> str:
    """16 hexadecimal digits that depend on the bytes of a file alone: the first of its SHA-256."""
    hashed = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            hashed.update(block)
    return hashed.hexdigest()[:16]


def _table(batch: FrameLabelBatch, schema: pa.Schema) -> pa.Table:
    arrays = (batch.window_start_seconds, batch.labels, batch.scores, batch.is_kept)
    if any(len(array) != len(batch.clip_rows) for array in arrays):
        raise ValueError(f"arrays of {[len(array) for array in (batch.clip_rows, *arrays)]} rows")
    problem = _problem(batch)
    if problem:
        raise ValueError(problem)
    known, rows_of_names = np.unique(batch.labels, return_inverse=True)
    names = pa.array([batch.class_names[label] for label in known.tolist()], pa.string())
    columns = [
        pa.array(batch.clip_ids, pa.string()).take(pa.array(batch.clip_rows)),
        pa.array(np.asarray(batch.window_start_seconds, np.float32)),
        pa.array(np.asarray(batch.labels, np.int64)),
        names.take(pa.array(rows_of_names)),
        pa.array(np.asarray(batch.scores, np.float32)),
        pa.array(np.asarray(batch.is_kept, np.bool_)),
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def _whole_clips(path: str) -> Iterator[pa.Table]:
    """The rows of a file, each clip whole in one table."""
    pending = pa.schema(_COLUMNS).empty_table()
    with _damage_named(path):
        for record_batch in parquet.batches(path, _ROWS_PER_GROUP, [field.name for field in _COLUMNS]):
            table = pa.Table.from_batches([record_batch]).replace_schema_metadata()
            if any(column.null_count for column in table.columns):
                raise UserError(f"{path}: a row lacks a value; {_ADVICE}.")
            table = pa.concat_tables([pending, table])
            last = _clip_starts(table)[-1]  # its rows may go on in the next batch
            pending = table.slice(last)
            if last:
                yield table.slice(0, last)
    if pending.num_rows:
        yield pending


def _clip_starts(table: pa.Table) -> np.ndarray:
    """The first row of each clip, ascending, of a table with rows."""
    ids = table["clip_id"].combine_chunks().dictionary_encode()
    codes = ids.indices.to_numpy()
    return np.flatnonzero(np.r_[True, codes[1:] != codes[:-1]])


def _batch(table: pa.Table, class_names: Dict[int, str], path: str) -> FrameLabelBatch:
    """The rows of a table; adds the classes that are new."""
    starts = _clip_starts(table)
    named = table.select(["label", "label_name"]).group_by(["label", "label_name"]).aggregate([])
    add_class_names(class_names, zip(named["label"].to_pylist(), named["label_name"].to_pylist()), path)
    begins = np.zeros(table.num_rows, np.int64)
    begins[starts[1:]] = 1
    return FrameLabelBatch(
        clip_ids=table["clip_id"].take(pa.array(starts)).to_pylist(),
        clip_rows=np.cumsum(begins),
        window_start_seconds=table["window_start_seconds"].to_numpy(),
        labels=table["label"].to_numpy(),
        scores=table["score"].to_numpy(),
        is_kept=table["is_kept"].to_numpy(),
        class_names=class_names,
    )


def _problem(batch: FrameLabelBatch) -> str:
    """What is wrong with some rows, as text; empty: nothing."""
    clips, starts, labels = batch.clip_rows, batch.window_start_seconds, batch.labels
    if not np.array_equal(np.unique(clips), np.arange(len(batch.clip_ids))) or (np.diff(clips) < 0).any():
        return "the rows of a clip are not together"
    if not ((starts >= 0) & np.isfinite(starts)).all():
        return "a window begins before its clip, or at no finite time"
    same_clip, same_window = np.diff(clips) == 0, (np.diff(starts) == 0)
    if (same_clip & ((np.diff(starts) < 0) | (same_window & (np.diff(labels) <= 0)))).any():
        return "the rows of a clip are not in the order of windows and labels, each once"
    if not ((batch.scores >= 0) & (batch.scores <= 1)).all():  # NaN counts as wrong
        return f"scores from {batch.scores.min()} to {batch.scores.max()}, not within 0 to 1"
    return ""


@contextlib.contextmanager
def _damage_named(path: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such file of frame labels; experiments.refine_labels writes one.") from error
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{path}: damaged, or no file of frame labels ({str(error).splitlines()[0]}).") from error
