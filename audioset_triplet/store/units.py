"""The units of clustering: windows of stored embeddings, or whole clips, streamed in the order on disk.

Shapes: R rows, D embedding size.
"""

from typing import Iterator, NamedTuple, Optional, Sequence

import numpy as np

from audioset_triplet.store import embedding_parts, embeddings, stored_clips


class UnitBatch(NamedTuple):
    """R clips or windows."""

    clip_ids: np.ndarray  # [R] str objects
    window_start_seconds: Optional[np.ndarray]  # [R] float32; None: whole clips
    vectors: np.ndarray  # [R, D] float32, unit norm
    weights: np.ndarray  # [R] float32: of a window in its clip; of a clip 1, or 0 if its windows cancel out


def read(folder: str, unit: str, folds: Sequence[int] = ()) -> Iterator[UnitBatch]:
    """Streams a folder of embeddings.

    Args:
        folder: what `EmbeddingWriter` wrote.
        unit: `clips` (the vectors of `Clips.vectors_at`) or `windows`.
        folds: only clips of these folds; empty: all.

    Raises:
        UserError: what `stored_clips.read_clips` and `StoredClips.windows` raise.
    """
    stored_clips.read_clips(folder, folds)  # for its checks
    for path in embedding_parts.part_paths(folder):
        yield from read_part(path, unit, folds)


def read_part(path: str, unit: str, folds: Sequence[int] = ()) -> Iterator[UnitBatch]:
    """Streams one part of a folder, as `read`; perhaps nothing."""
    if unit == "windows":
        for batch in embeddings.part_batches(path, folds):
            starts, weights = batch["window_start_seconds"].to_numpy(), batch["weight"].to_numpy()
            clip_ids = batch["clip_id"].to_numpy(zero_copy_only=False)
            yield UnitBatch(clip_ids, starts, embedding_parts.matrix(batch), weights)
        return
    stored = stored_clips.read_parts([path], folds, path)
    clip_ids = np.array(stored.clip_ids, object)
    for rows, vectors in stored.vector_blocks():
        yield UnitBatch(clip_ids[rows], None, vectors, vectors.any(axis=1).astype(np.float32))
