"""The clips of a folder of embeddings: their ids, labels and folds, and one vector for each.

Ids, labels and folds are read at once, embeddings only when they are needed: for two million clips that is some hundred
megabytes and ten gigabytes.

Shapes: n clips, R windows, D embedding size.
"""

import collections
import dataclasses
from typing import Dict, Iterator, List, Optional, Sequence, Tuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from audioset_triplet.clips import add_class_names, none_of_folds
from audioset_triplet.errors import UserError
from audioset_triplet.store import embedding_parts, embeddings, window_parts
from audioset_triplet.store.embedding_parts import StoreInfo


@dataclasses.dataclass(frozen=True)
class Clips:
    """n clips. A row is an index into these lists; `vectors_at` gives the vectors of some rows."""

    clip_ids: List[str]
    recording_ids: List[str]
    labels: List[Tuple[int, ...]]
    folds: np.ndarray  # [n] int64
    class_names: Dict[int, str]
    info: StoreInfo

    @property
    def model_id(self) -> str:
        return self.info.model_id

    def vectors_at(self, rows: np.ndarray) -> np.ndarray:
        """The clip vectors [len(rows), D] float32 of some rows, which are ascending and unique.

        A clip's vector is the weighted sum of its window embeddings, scaled to unit norm (zero if they cancel
        out), as in the SavedModel.
        """
        raise NotImplementedError


@dataclasses.dataclass(frozen=True)
class ClipVectors(Clips):
    """Clips whose vectors are in memory."""

    vectors: np.ndarray  # [n, D] float32

    def vectors_at(self, rows: np.ndarray) -> np.ndarray:
        return self.vectors[rows]


@dataclasses.dataclass(frozen=True)
class StoredClips(Clips):
    """Clips whose embeddings stay on disk; rows are in the order on disk."""

    part_paths: List[str]
    part_folds: List[Tuple[int, ...]]  # the clips of each part are those of these folds; empty: all
    part_rows: np.ndarray  # [parts + 1]: the row of the first clip of each part, and n

    def windows(self, chosen: Optional[np.ndarray] = None) -> Iterator[Tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Streams windows: the row of the clip of each [R], its embedding [R, D] and its weight in the clip [R].

        Args:
            chosen: [n] bool, the clips to read; None: all. Parts without such a clip are not read.

        Raises:
            UserError: a damaged part, or an embedding that is not of unit norm.
        """
        for part in range(len(self.part_paths)):
            first, end = self.part_rows[part : part + 2]
            if first == end or (chosen is not None and not chosen[first:end].any()):
                continue
            row, last_id = first - 1, None
            for batch in embeddings.part_batches(self.part_paths[part], self.part_folds[part], ["embedding", "weight"]):
                rows = row + np.cumsum(_begins_clip(batch["clip_id"], last_id))
                row, last_id = rows[-1], batch["clip_id"][-1].as_py()
                vectors, weights = embedding_parts.matrix(batch), batch["weight"].to_numpy()
                if chosen is not None and not chosen[rows].all():
                    is_chosen = chosen[rows]
                    rows, vectors, weights = rows[is_chosen], vectors[is_chosen], weights[is_chosen]
                if len(rows):
                    yield rows, vectors, weights

    def vector_blocks(self, chosen: Optional[np.ndarray] = None) -> Iterator[Tuple[np.ndarray, np.ndarray]]:
        """Streams clip vectors: pairs of ascending rows [r] and their vectors [r, D]; `chosen` as for `windows`."""
        held_row, held_sum = -1, np.zeros(0)  # the last clip of a batch may continue in the next one
        for rows, vectors, weights in self.windows(chosen):
            starts = np.concatenate([[0], 1 + np.flatnonzero(rows[1:] != rows[:-1])])
            weighted = vectors * weights[:, None]
            block_rows, sums = rows[starts], np.add.reduceat(weighted, starts, axis=0, dtype=np.float64)
            if held_row == block_rows[0]:
                sums[0] += held_sum
            elif held_row >= 0:
                block_rows, sums = np.append(held_row, block_rows), np.concatenate([held_sum[None], sums])
            held_row, held_sum = block_rows[-1], sums[-1]
            if len(block_rows) > 1:
                yield block_rows[:-1], _unit_length(sums[:-1])
        if held_row >= 0:
            yield np.array([held_row]), _unit_length(held_sum[None])

    def vectors_at(self, rows: np.ndarray) -> np.ndarray:
        chosen = np.zeros(len(self.clip_ids), bool)
        chosen[rows] = True
        vectors = np.empty((len(rows), self.info.embedding_size), np.float32)
        for block_rows, block in self.vector_blocks(chosen):
            vectors[np.searchsorted(rows, block_rows)] = block
        return vectors


def read_clips(folder: str, folds: Sequence[int] = ()) -> StoredClips:
    """The clips of a folder, without their embeddings.

    Args:
        folder: what `EmbeddingWriter` wrote.
        folds: only clips of these folds; empty: all.

    Raises:
        UserError: what `embeddings.read_info` raises; a damaged part; a clip that is stored twice; two names for one
            class; no clip of `folds`.
    """
    embeddings.read_info(folder)
    paths = embedding_parts.part_paths(folder)
    clips = read_parts(paths, folds, folder)
    if not clips.clip_ids:
        if not folds:
            raise UserError(f"{folder}: holds no clip; embed some (experiments.embed).")
        raise UserError(none_of_folds(folder, folds, window_parts.folds(paths, StoreInfo)))
    return clips


def read_parts(paths: Sequence[str], folds: Sequence[int], where: str) -> StoredClips:
    """The clips of some parts of one model, perhaps none, without their embeddings.

    Raises:
        UserError: that begins with `where`: a damaged part; a clip that is stored twice; two names for one class.
    """
    columns: Dict[str, list] = {"clip_id": [], "recording_id": [], "labels": [], "fold": []}
    class_names: Dict[int, str] = {}
    known_labels: Dict[Tuple[int, ...], Tuple[int, ...]] = {}  # one tuple for all clips that have the same labels
    part_rows = [0]
    for path in paths:
        last_id = None
        for batch in embeddings.part_batches(path, folds, [*columns, "label_names"]):
            first_windows = batch.filter(pa.array(_begins_clip(batch["clip_id"], last_id)))
            last_id = batch["clip_id"][-1].as_py()
            for name in ("clip_id", "recording_id", "fold"):
                columns[name] += first_windows[name].to_pylist()
            for indices, names in zip(first_windows["labels"].to_pylist(), first_windows["label_names"].to_pylist()):
                labels = tuple(indices)
                columns["labels"].append(known_labels.setdefault(labels, labels))
                add_class_names(class_names, zip(indices, names), where)
        part_rows.append(len(columns["clip_id"]))
    if len(set(columns["clip_id"])) < len(columns["clip_id"]):
        duplicate = collections.Counter(columns["clip_id"]).most_common(1)[0][0]
        raise UserError(f"{where}: clip {duplicate} is stored twice; empty the folder and embed again.")
    return StoredClips(
        clip_ids=columns["clip_id"],
        recording_ids=columns["recording_id"],
        labels=columns["labels"],
        folds=np.array(columns["fold"], np.int64),
        class_names=class_names,
        info=embedding_parts.read_info(paths[0]),
        part_paths=list(paths),
        part_folds=[tuple(folds)] * len(paths),
        part_rows=np.array(part_rows),
    )


def joined(first: StoredClips, second: StoredClips) -> StoredClips:
    """The clips of two stores of one model, one after the other, with the class names of the first."""
    return StoredClips(
        clip_ids=first.clip_ids + second.clip_ids,
        recording_ids=first.recording_ids + second.recording_ids,
        labels=first.labels + second.labels,
        folds=np.concatenate([first.folds, second.folds]),
        class_names=first.class_names,
        info=first.info,
        part_paths=first.part_paths + second.part_paths,
        part_folds=first.part_folds + second.part_folds,
        part_rows=np.concatenate([first.part_rows, first.part_rows[-1] + second.part_rows[1:]]),
    )


def clip_vectors(folder: str, folds: Sequence[int] = ()) -> ClipVectors:
    """The clips of a folder with all of their vectors in memory; raises what `read_clips` and `windows` raise."""
    clips = read_clips(folder, folds)
    values = {field.name: getattr(clips, field.name) for field in dataclasses.fields(Clips)}
    return ClipVectors(**values, vectors=clips.vectors_at(np.arange(len(clips.clip_ids))))


def require_same_clips(first: Clips, first_folder: str, second: Clips, second_folder: str) -> None:
    """Raises a UserError unless both hold the same clips with the same labels: only then metrics are comparable."""
    first_labels = dict(zip(first.clip_ids, first.labels))
    second_labels = dict(zip(second.clip_ids, second.labels))
    missing = sorted(set(first_labels) ^ set(second_labels))
    if missing:
        lacking = second_folder if missing[0] in first_labels else first_folder
        raise UserError(
            f"{first_folder} and {second_folder} hold different clips: {len(missing)} of them are in one alone, "
            f"such as {missing[0]}, which {lacking} lacks; embed the same records for both."
        )
    different = [clip_id for clip_id, labels in first_labels.items() if set(labels) != set(second_labels[clip_id])]
    if different:
        raise UserError(f"{first_folder} and {second_folder} give different labels to clip {different[0]}.")


def _begins_clip(clip_ids: pa.Array, id_before: Optional[str]) -> np.ndarray:
    """[R] bool: which windows are the first of their clip."""
    begins = np.ones(len(clip_ids), bool)
    begins[0] = clip_ids[0].as_py() != id_before
    begins[1:] = pc.not_equal(clip_ids[1:], clip_ids[:-1]).to_numpy(zero_copy_only=False)
    return begins


def _unit_length(sums: np.ndarray) -> np.ndarray:
    return (sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)).astype(np.float32)
