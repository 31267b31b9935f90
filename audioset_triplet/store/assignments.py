"""Cluster assignments of clips or windows on disk: assignments.parquet, and clusters.parquet beside it.

    assignments.parquet     one row per clip or window, in the order of the embeddings

    clip_id                 string
    window_start_seconds    float32; null for whole clips
    cluster                 int32, from 0 to num_clusters - 1
    probability             float32, of this cluster

    clusters.parquet        one row per cluster that has members, the largest first

    cluster                 int32
    num_members             int64
    mean_probability        float32
    top_clip_ids            list<string>, the most probable members, the highest probability first
    top_window_starts       list<float32>, parallel to them; null for whole clips
    top_probabilities       list<float32>, parallel to them

The metadata of both are the fields of `AssignmentsInfo`. A file gets its name when it is complete.

Shapes: n rows, K clusters.
"""

import collections
import contextlib
import dataclasses
import os
from typing import Iterator, Optional, Tuple

import numpy as np
import pyarrow as pa

from audioset_triplet import files
from audioset_triplet.errors import UserError
from audioset_triplet.store import parquet, window_parts

_ASSIGNMENTS = [
    pa.field("clip_id", pa.string()),
    pa.field("window_start_seconds", pa.float32()),
    pa.field("cluster", pa.int32()),
    pa.field("probability", pa.float32()),
]
_CLUSTERS = [
    pa.field("cluster", pa.int32()),
    pa.field("num_members", pa.int64()),
    pa.field("mean_probability", pa.float32()),
    pa.field("top_clip_ids", pa.list_(pa.string())),
    pa.field("top_window_starts", pa.list_(pa.float32())),
    pa.field("top_probabilities", pa.list_(pa.float32())),
]


@dataclasses.dataclass(frozen=True)
class AssignmentsInfo:
    """What was assigned, by which clustering."""

    model_id: str  # of the embeddings
    front_end_id: str
    num_clusters: int  # K, with those without members
    unit: str  # of a row: windows or clips
    method: str  # entropy or kmeans
    code_version: str


@dataclasses.dataclass(frozen=True)
class Assignments:
    """n clips or windows with their clusters."""

    clip_ids: np.ndarray  # [n] str objects
    window_start_seconds: np.ndarray  # [n] float32, NaN for whole clips
    clusters: np.ndarray  # [n] int32
    probabilities: np.ndarray  # [n] float32
    info: AssignmentsInfo


def path_in(folder: str) -> str:
    return os.path.join(folder, "assignments.parquet")


class AssignmentWriter:
    """Writes the assignments.parquet of a folder block by block; made by `writing`."""

    def __init__(self, part: parquet.Writer, info: AssignmentsInfo) -> None:
        self._part, self._info = part, info

    def write(
        self,
        clip_ids: np.ndarray,
        clusters: np.ndarray,
        probabilities: np.ndarray,
        window_start_seconds: Optional[np.ndarray] = None,
    ) -> None:
        """Appends rows: clip ids [r], clusters [r] in [0, K), probabilities [r] in (0, 1], and of windows starts [r].

        Raises:
            ValueError: another shape, a cluster or a probability out of its range, whole clips with starts or windows
                without starts.
        """
        clusters, probabilities = np.asarray(clusters, np.int32), np.asarray(probabilities, np.float32)
        if not len(clip_ids) == len(clusters) == len(probabilities):
            raise ValueError(f"{len(clip_ids)} clips, {len(clusters)} clusters, {len(probabilities)} probabilities")
        if (window_start_seconds is None) != (self._info.unit == "clips"):
            raise ValueError("windows have starts, whole clips have none")
        problem = _problem(clusters, probabilities, self._info.num_clusters)
        if problem:
            raise ValueError(problem)
        if window_start_seconds is None:
            starts = pa.nulls(len(clusters), pa.float32())
        else:
            starts = pa.array(np.asarray(window_start_seconds, np.float32))
        columns = [pa.array(clip_ids, pa.string()), starts, pa.array(clusters), pa.array(probabilities)]
        self._part.write_table(pa.Table.from_arrays(columns, schema=self._part.schema))


@contextlib.contextmanager
def writing(folder: str, info: AssignmentsInfo) -> Iterator[AssignmentWriter]:
    """A writer of a folder's assignments.parquet. The file appears when the block ends without an exception.

    It replaces an older one. The folder is made if it is missing.
    """
    os.makedirs(folder, exist_ok=True)
    with files.atomic_path(path_in(folder)) as temporary, _failure_named(path_in(folder)):
        with parquet.writer(temporary, _schema(_ASSIGNMENTS, info), ["clip_id"]) as part:
            yield AssignmentWriter(part, info)


def read(folder: str) -> Assignments:
    """The assignments of a folder.

    Raises:
        UserError: no such file; a damaged one, or another format; a clip or window in two rows.
    """
    path = path_in(folder)
    if not os.path.exists(path):
        raise UserError(f"{folder}: holds no assignments.parquet; experiments.cluster --task=assign writes one.")
    try:
        table = parquet.read(path)
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{path}: damaged ({str(error).splitlines()[0]}); assign again.") from error
    info = _info(table.schema, path)
    if [field.name for field in _ASSIGNMENTS] != table.schema.names:
        raise UserError(f"{path}: has the columns {', '.join(table.schema.names)}; not written by experiments.cluster.")
    window_parts.require_columns(path, table.schema, pa.schema(_ASSIGNMENTS))
    if any(table[name].null_count for name in ("clip_id", "cluster", "probability")):
        raise UserError(f"{path}: a row lacks a value; assign again.")
    columns = {name: table[name].to_numpy() for name in table.schema.names}
    starts = columns["window_start_seconds"].astype(np.float32)
    problem = _problem(columns["cluster"], columns["probability"], info.num_clusters)
    if problem:
        raise UserError(f"{path}: {problem}; assign again.")
    assignments = Assignments(columns["clip_id"], starts, columns["cluster"], columns["probability"], info)
    if len(set(_row_keys(assignments))) < len(starts):
        duplicate = collections.Counter(_row_keys(assignments)).most_common(1)[0][0][0]
        raise UserError(f"{path}: clip {duplicate} stands in two rows; assign again.")
    return assignments


def require_same_rows(first: Assignments, first_name: str, second: Assignments, second_name: str) -> None:
    """Raises a UserError unless both assign the same clips or windows: only then their metrics are comparable."""
    if set(_row_keys(first)) != set(_row_keys(second)):
        raise UserError(
            f"{first_name} and {second_name} assign different clips or windows ({len(first.clip_ids)} and "
            f"{len(second.clip_ids)} {first.info.unit} and {second.info.unit}): assign the same embeddings for both."
        )


def write_clusters(folder: str, assignments: Assignments, top: int) -> None:
    """Writes the clusters.parquet of a folder, with the `top` most probable members of each cluster."""
    order = np.lexsort([-assignments.probabilities, assignments.clusters])
    clusters, starts, counts = np.unique(assignments.clusters[order], return_index=True, return_counts=True)
    if len(clusters):
        sums = np.add.reduceat(assignments.probabilities[order].astype(np.float64), starts)
    else:
        sums = np.zeros(0)
    by_size = np.argsort(-counts, kind="stable")
    top_rows = [order[starts[index] : starts[index] + min(top, counts[index])] for index in by_size]
    is_clip = assignments.info.unit == "clips"
    columns = [
        pa.array(clusters[by_size], pa.int32()),
        pa.array(counts[by_size], pa.int64()),
        pa.array((sums / counts)[by_size], pa.float32()),
        pa.array([assignments.clip_ids[rows] for rows in top_rows], pa.list_(pa.string())),
        pa.array(
            [[None] * len(rows) if is_clip else assignments.window_start_seconds[rows] for rows in top_rows],
            pa.list_(pa.float32()),
        ),
        pa.array([assignments.probabilities[rows] for rows in top_rows], pa.list_(pa.float32())),
    ]
    path = os.path.join(folder, "clusters.parquet")
    with files.atomic_path(path) as temporary, _failure_named(path):
        parquet.write(pa.Table.from_arrays(columns, schema=_schema(_CLUSTERS, assignments.info)), temporary)


def _schema(fields: list, info: AssignmentsInfo) -> pa.Schema:
    return pa.schema(fields, metadata={name: str(value) for name, value in dataclasses.asdict(info).items()})


def _info(schema: pa.Schema, path: str) -> AssignmentsInfo:
    metadata = schema.metadata or {}
    try:
        values = {field.name: metadata[field.name.encode()].decode() for field in dataclasses.fields(AssignmentsInfo)}
        return AssignmentsInfo(**{**values, "num_clusters": int(values["num_clusters"])})
    except KeyError as missing:
        name = missing.args[0].decode()
        raise UserError(f"{path}: has no {name} in its metadata; not written by experiments.cluster.") from None
    except ValueError as error:  # no text, no number
        raise UserError(f"{path}: damaged ({error}); assign again.") from error


def _problem(clusters: np.ndarray, probabilities: np.ndarray, num_clusters: int) -> str:
    """What is wrong with some rows, as text; empty: nothing."""
    if not ((clusters >= 0) & (clusters < num_clusters)).all():
        return f"clusters from {clusters.min()} to {clusters.max()}, not within 0 to {num_clusters - 1}"
    if not ((probabilities > 0) & (probabilities <= 1)).all():  # NaN counts as wrong
        return f"probabilities from {probabilities.min()} to {probabilities.max()}, not above 0 and up to 1"
    return ""


def _row_keys(assignments: Assignments) -> Iterator[Tuple[str, float]]:
    """Clip id and window start of each row, which identify it."""
    return zip(assignments.clip_ids, np.nan_to_num(assignments.window_start_seconds, nan=-1.0).tolist())


@contextlib.contextmanager
def _failure_named(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:  # a full disk: the message of Arrow names no file
        raise UserError(f"{path}: cannot be written: {error}") from error
