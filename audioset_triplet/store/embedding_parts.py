"""One Parquet part of a folder of embeddings: its schema, its metadata, and the checks on them.

Shapes: R rows (windows), W windows of a clip, D embedding size.
"""

import contextlib
import dataclasses
import glob
import os
import re
import typing
from typing import Iterator, List, Optional, Sequence

import numpy as np
import pyarrow as pa

from audioset_triplet import files
from audioset_triplet.clips import ClipInfo
from audioset_triplet.errors import UserError
from audioset_triplet.store import parquet

FEATURES_INFO = "features.json"  # beside feature records (`store.features`): their StoreInfo
_NORM_TOLERANCE = 1e-3  # wide enough for embeddings that were computed in bfloat16


@dataclasses.dataclass(frozen=True)
class StoreInfo:
    """The metadata of a part, and of a folder, whose parts differ in the code version alone."""

    model_id: str
    front_end_id: str
    embedding_size: int
    code_version: str


def build_schema(info: StoreInfo) -> pa.Schema:
    """The columns of a part, with `info` as metadata."""
    metadata = {name: str(value) for name, value in dataclasses.asdict(info).items()}
    return pa.schema(
        [
            pa.field("clip_id", pa.string()),
            pa.field("recording_id", pa.string()),
            pa.field("window_start_seconds", pa.float32()),
            pa.field("embedding", pa.list_(pa.float32(), info.embedding_size)),
            pa.field("weight", pa.float32()),
            pa.field("labels", pa.list_(pa.int64())),
            pa.field("label_names", pa.list_(pa.string())),
            pa.field("fold", pa.int64()),
        ],
        metadata=metadata,
    )


def record_batch(
    clip: ClipInfo, window_start_seconds: np.ndarray, embeddings: np.ndarray, weights: np.ndarray, schema: pa.Schema
) -> pa.RecordBatch:
    """The rows of a clip from its window starts [W], embeddings [W, D] and weights [W]."""
    count = len(embeddings)
    flat = pa.array(np.ascontiguousarray(embeddings).reshape(-1))
    return pa.RecordBatch.from_arrays(
        [
            pa.array([clip.clip_id] * count, pa.string()),
            pa.array([clip.recording_id] * count, pa.string()),
            pa.array(np.asarray(window_start_seconds, np.float32)),
            pa.FixedSizeListArray.from_arrays(flat, embeddings.shape[1]),
            pa.array(np.asarray(weights, np.float32)),
            pa.array([list(clip.labels)] * count, pa.list_(pa.int64())),
            pa.array([list(clip.label_names)] * count, pa.list_(pa.string())),
            pa.array([clip.fold] * count, pa.int64()),
        ],
        schema=schema,
    )


def matrix(batch: pa.RecordBatch) -> np.ndarray:
    """The embeddings [R, D] of a batch; `flatten` respects the offset of a sliced array, `values` would not."""
    return batch["embedding"].flatten().to_numpy().reshape(batch.num_rows, -1)


def has_unit_norm(embeddings: np.ndarray) -> np.ndarray:
    """[R] bool: which embeddings [R, D] are finite and of unit norm."""
    return np.abs(np.linalg.norm(embeddings, axis=1) - 1) <= _NORM_TOLERANCE  # NaN is not


def check_unit_norm(embeddings: np.ndarray, clip_ids: Sequence, where: str) -> None:
    """Raises a UserError that names the first clip whose embedding [D] is not finite and of unit norm."""
    wrong = np.flatnonzero(~has_unit_norm(embeddings))
    if wrong.size:
        norm = np.linalg.norm(embeddings[wrong[0]])
        raise UserError(
            f"{where}: an embedding of clip {clip_ids[int(wrong[0])]} has the norm {norm:.4g}, not 1; "
            "embeddings are normalized when they are computed."
        )


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


def part_paths(folder: str) -> List[str]:
    """The finished parts of a folder, in the order of their numbers."""
    return sorted(glob.glob(os.path.join(glob.escape(folder), "embeddings-*.parquet")), key=part_number)


def part_number(path: str) -> int:
    return int(_parsed_name(path)[1])


def is_shard(path: str) -> bool:
    """Whether a part is the file of a shard, which no writer but its job touches."""
    return bool(_parsed_name(path)[2])


def _parsed_name(path: str) -> "re.Match[str]":
    match = re.fullmatch(r"embeddings-(\d+)(-of-\d+)?\.parquet", os.path.basename(path))
    if match is None:
        raise UserError(f"{path}: not a file name of experiments.embed (embeddings-00000.parquet); move it away.")
    return match


def clip_ids(path: str) -> List[str]:
    """The ids of the clips of a part, in order.

    Raises:
        UserError: a damaged file.
    """
    with damage_named(path):
        return parquet.read(path, ["clip_id"])["clip_id"].unique().to_pylist()


def read_info(path: str) -> StoreInfo:
    """The metadata of a part.

    Raises:
        UserError: a damaged file, or one that was not written by this project, or by a version without weights of
        windows.
    """
    with damage_named(path):
        schema = parquet.schema_of(path)
    metadata = schema.metadata or {}
    try:
        values = {field.name: metadata[field.name.encode()].decode() for field in dataclasses.fields(StoreInfo)}
        size = int(values["embedding_size"])
    except KeyError as missing:
        raise UserError(f"{path}: has no {missing.args[0].decode()} in its metadata; not written by embed.") from None
    except ValueError as error:  # no text, no number
        raise UserError(f"{path}: damaged ({error}); remove it and run experiments.embed again.") from error
    if "weight" not in schema.names:
        raise UserError(
            f"{path}: has no weights of windows; an older version of experiments.embed wrote it, whose clip vectors "
            "are not comparable with those of this one: embed again, into another folder."
        )
    info = StoreInfo(values["model_id"], values["front_end_id"], size, values["code_version"])
    require_columns(path, schema, build_schema(info))
    return info


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


def check_same_model(
    first: StoreInfo,
    first_path: str,
    second: StoreInfo,
    second_path: str,
    advice: str = "a folder holds the embeddings of one model; choose another folder",
) -> None:
    """Raises a UserError that names both paths and the field of their metadata that differs."""
    for name in ("model_id", "front_end_id", "embedding_size"):
        ours, theirs = getattr(first, name), getattr(second, name)
        if ours != theirs:
            raise UserError(f"{first_path} has {name} {ours}, but {second_path} has {theirs}: {advice}.")


def check_folder(folder: str, info: StoreInfo) -> None:
    """Raises a UserError if a folder holds embeddings of another model or front end, in either format."""
    for path in part_paths(folder):
        check_same_model(read_info(path), path, info, "this run")
    features_info = read_features_info(folder)
    if features_info:
        check_same_model(features_info, os.path.join(folder, FEATURES_INFO), info, "this run")


def read_features_info(folder: str) -> Optional[StoreInfo]:
    """The metadata of feature records in features.json beside them; None without such a file.

    Raises:
        UserError: a damaged file.
    """
    path = os.path.join(folder, FEATURES_INFO)
    if not os.path.exists(path):
        return None
    values = files.read_json_object(path)
    types = typing.get_type_hints(StoreInfo)
    if values.keys() != types.keys() or not all(isinstance(values[name], kind) for name, kind in types.items()):
        expected = ", ".join(f"{name} ({kind.__name__})" for name, kind in types.items())
        raise UserError(f"{path}: damaged: expected {expected}; choose another folder, or make the features again.")
    return StoreInfo(**values)


@contextlib.contextmanager
def damage_named(path: str) -> Iterator[None]:
    """Turns an error of pyarrow about a damaged file into a UserError that names the file."""
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{path}: damaged ({reason}); remove it and run experiments.embed again.") from error
