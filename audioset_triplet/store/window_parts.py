"""Parquet parts of a folder that holds a vector for every window of its clips, of one kind: embeddings, or scores.

    KIND-00000-of-00013.parquet, ...    a part for each shard of `experiments.embed`
    KIND-00000.parquet, ...             of writers that write one part after the other

    clip_id               string
    recording_id          string
    window_start_seconds  float32
    COLUMN                fixed_size_list<float32>, the vector
    weight                float32, positive: weight of the window in its clip (`frontend.loudness`)
    labels                list<int64>
    label_names           list<string>, parallel to labels
    fold                  int64, -1: none

The file metadata is a `PartInfo`, which says what the vectors are. All rows of a clip are together in one part.

Shapes: R rows (windows), W windows of a clip, D size of a vector.
"""

import contextlib
import dataclasses
import glob
import os
import re
from typing import Any, Dict, Iterator, List, Sequence, Set, Tuple, Type

import numpy as np
import pyarrow as pa

from audioset_triplet.clips import ClipInfo
from audioset_triplet.errors import UserError
from audioset_triplet.store import parquet
from audioset_triplet.store.part_info import Info, PartInfo, check_same_model

_BATCH_BYTES = 16 << 20  # vectors held in memory while reading
_PART_NAME = re.compile(r"([a-z]+)-(\d+)(-of-\d+)?\.parquet")


@dataclasses.dataclass(frozen=True)
class WindowRows:
    """R windows, in the order on disk, without their vectors."""

    clip_ids: np.ndarray  # [R] str objects
    recording_ids: np.ndarray  # [R] str objects
    window_start_seconds: np.ndarray  # [R] float32
    weights: np.ndarray  # [R] float32
    labels: List[Tuple[int, ...]]
    label_names: List[Tuple[str, ...]]
    folds: np.ndarray  # [R] int64


def window_rows(batch: pa.RecordBatch) -> Dict[str, Any]:
    """The fields of `WindowRows`, of a batch with all columns."""
    return {
        "clip_ids": batch["clip_id"].to_numpy(zero_copy_only=False),
        "recording_ids": batch["recording_id"].to_numpy(zero_copy_only=False),
        "window_start_seconds": batch["window_start_seconds"].to_numpy(),
        "weights": batch["weight"].to_numpy(),
        "labels": [tuple(labels) for labels in batch["labels"].to_pylist()],
        "label_names": [tuple(names) for names in batch["label_names"].to_pylist()],
        "folds": batch["fold"].to_numpy(),
    }


def build_schema(info: PartInfo) -> pa.Schema:
    """The columns of a part, with `info` as metadata."""
    return pa.schema(
        [
            pa.field("clip_id", pa.string()),
            pa.field("recording_id", pa.string()),
            pa.field("window_start_seconds", pa.float32()),
            pa.field(info.COLUMN, pa.list_(pa.float32(), info.vector_size)),
            pa.field("weight", pa.float32()),
            pa.field("labels", pa.list_(pa.int64())),
            pa.field("label_names", pa.list_(pa.string())),
            pa.field("fold", pa.int64()),
        ],
        metadata=info.to_metadata(),
    )


def record_batch(
    clip: ClipInfo, window_start_seconds: np.ndarray, vectors: np.ndarray, weights: np.ndarray, schema: pa.Schema
) -> pa.RecordBatch:
    """The rows of a clip from its window starts [W], vectors [W, D] and weights [W]."""
    count = len(vectors)
    flat = pa.array(np.ascontiguousarray(vectors).reshape(-1))
    return pa.RecordBatch.from_arrays(
        [
            pa.array([clip.clip_id] * count, pa.string()),
            pa.array([clip.recording_id] * count, pa.string()),
            pa.array(np.asarray(window_start_seconds, np.float32)),
            pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1]),
            pa.array(np.asarray(weights, np.float32)),
            pa.array([list(clip.labels)] * count, pa.list_(pa.int64())),
            pa.array([list(clip.label_names)] * count, pa.list_(pa.string())),
            pa.array([clip.fold] * count, pa.int64()),
        ],
        schema=schema,
    )


def matrix(batch: pa.RecordBatch, column: str) -> np.ndarray:
    """The vectors [R, D] of a batch; `flatten` respects the offset of a sliced array, `values` would not."""
    return batch[column].flatten().to_numpy().reshape(batch.num_rows, -1)


def check_weights(batch: pa.RecordBatch, where: str) -> None:
    """Raises a UserError that names the first clip with a window whose weight is not a positive number."""
    weights = batch["weight"].to_numpy(zero_copy_only=False)
    wrong = np.flatnonzero(~((weights > 0) & np.isfinite(weights)))  # NaN counts as wrong
    if wrong.size:
        row = int(wrong[0])
        raise UserError(
            f"{where}: a window of clip {batch['clip_id'][row]} has the weight {weights[row]}, not a positive number; "
            "remove the file and run experiments.embed again."
        )


def part_paths(folder: str, kind: str) -> List[str]:
    """The finished parts of a folder, in the order of their numbers."""
    return sorted(glob.glob(os.path.join(glob.escape(folder), f"{kind}-*.parquet")), key=part_number)


def part_number(path: str) -> int:
    return int(_parsed_name(path)[2])


def is_shard(path: str) -> bool:
    """Whether a part is the file of a shard, which no writer but its job touches."""
    return bool(_parsed_name(path)[3])


def require_kind(folder: str, kind: str) -> None:
    """Raises a UserError if a folder that exists holds parts of another kind."""
    for match in filter(None, map(_PART_NAME.fullmatch, sorted(os.listdir(folder)))):
        if match[1] != kind:
            raise UserError(f"{folder}: holds {match[1]}, not {kind}; choose another folder.")


def _parsed_name(path: str) -> "re.Match[str]":
    kind = os.path.basename(path).split("-")[0]
    match = _PART_NAME.fullmatch(os.path.basename(path))
    if match is None:
        raise UserError(f"{path}: not a file name of experiments.embed ({kind}-00000.parquet); move it away.")
    return match


def clip_ids(path: str) -> List[str]:
    """The ids of the clips of a part, in order.

    Raises:
        UserError: a damaged file.
    """
    with damage_named(path):
        return parquet.read(path, ["clip_id"])["clip_id"].unique().to_pylist()


def read_info(path: str, kind: Type[Info]) -> Info:
    """The metadata of a part.

    Raises:
        UserError: a damaged file, or one that was not written by this project, or by a version without weights of
        windows.
    """
    with damage_named(path):
        schema = parquet.schema_of(path)
    try:
        info = kind.from_metadata(schema.metadata or {})
    except KeyError as missing:
        raise UserError(f"{path}: has no {missing.args[0].decode()} in its metadata; not written by embed.") from None
    except (TypeError, ValueError) as error:  # no text, no number
        raise UserError(f"{path}: damaged ({error}); remove it and run experiments.embed again.") from error
    if "weight" not in schema.names:
        raise UserError(
            f"{path}: has no weights of windows; an older version of experiments.embed wrote it, whose clip vectors "
            "are not comparable with those of this one: embed again, into another folder."
        )
    require_columns(path, schema, build_schema(info))
    return info


def read_folder_info(folder: str, kind: Type[Info]) -> Info:
    """The metadata of a folder.

    Raises:
        UserError: no such folder, no part of the kind in it, a damaged part, or parts of several models or front ends.
    """
    if os.path.isfile(folder):
        raise UserError(f"{folder}: is a file; give the folder of {kind.KIND} that it is in.")
    if not os.path.isdir(folder):
        raise UserError(f"{folder}: no such folder of {kind.KIND}; experiments.embed writes one.")
    paths = part_paths(folder, kind.KIND)
    if not paths:
        require_kind(folder, kind.KIND)
        raise UserError(f"{folder}: holds no {kind.KIND}-*.parquet; experiments.embed --what={kind.KIND} writes them.")
    first = read_info(paths[0], kind)
    for path in paths[1:]:
        check_same_model(first, paths[0], read_info(path, kind), path)
    return first


def part_batches(
    path: str, kind: Type[PartInfo], folds: Sequence[int] = (), columns: Sequence[str] = ()
) -> Iterator[pa.RecordBatch]:
    """Streams the rows of one part, in the order in which they were written; at most 16 MiB of vectors at a time.

    Args:
        path: the part.
        kind: what its vectors are.
        folds: only clips of these folds; empty: all.
        columns: only these; empty: all.

    Raises:
        UserError: a damaged part, an invalid vector, or a weight that is not positive.
    """
    info = read_info(path, kind)
    batch_size = max(1, _BATCH_BYTES // (4 * info.vector_size))
    needed = sorted({*columns, "clip_id", "fold"}) if columns else None
    with damage_named(path):
        for batch in parquet.batches(path, batch_size, needed):
            if folds:
                batch = batch.filter(pa.array(np.isin(batch["fold"].to_numpy(), folds)))
            if batch["clip_id"].null_count or batch["fold"].null_count:
                raise UserError(f"{path}: a row has no clip_id or no fold; remove it and run experiments.embed again.")
            if batch.num_rows:
                if not columns or "weight" in columns:
                    check_weights(batch, path)
                if not columns or info.COLUMN in columns:
                    info.check(matrix(batch, info.COLUMN), batch["clip_id"], path)
                yield batch


def folds(paths: Sequence[str], kind: Type[PartInfo]) -> Set[int]:
    """The folds of all clips of some parts."""
    batches = (batch for path in paths for batch in part_batches(path, kind, (), ["fold"]))
    return {fold for batch in batches for fold in batch["fold"].to_pylist()}


def require_columns(path: str, schema: pa.Schema, expected: pa.Schema) -> None:
    """Raises a UserError that names the first expected column that a file lacks, or has with another type."""
    for field in expected:
        index = schema.get_field_index(field.name)
        if index < 0:
            raise UserError(f"{path}: has no column {field.name}, only {', '.join(schema.names)}; remove or remake it.")
        if not field.type.equals(schema.field(index).type):
            raise UserError(
                f"{path}: column {field.name} holds {schema.field(index).type}, not {field.type}; remove or remake it."
            )


@contextlib.contextmanager
def damage_named(path: str) -> Iterator[None]:
    """Turns an error of pyarrow about a damaged file into a UserError that names the file."""
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{path}: damaged ({reason}); remove it and run experiments.embed again.") from error
