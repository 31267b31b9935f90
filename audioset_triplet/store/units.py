"""The units of clustering: windows of stored embeddings, or whole clips, streamed in the order on disk.

Shapes: R rows, D embedding size.
"""

from typing import Iterator, NamedTuple, Optional, Sequence

import numpy as np

from audioset_triplet.store import embeddings, stored_clips


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
    stored = stored_clips.read_clips(folder, folds)
    if unit == "windows":
        for batch in embeddings.read_batches(folder, folds):
            yield UnitBatch(batch.clip_ids, batch.window_start_seconds, batch.embeddings, batch.weights)
        return
    clip_ids = np.array(stored.clip_ids, object)
    for rows, vectors in stored.vector_blocks():
        yield UnitBatch(clip_ids[rows], None, vectors, vectors.any(axis=1).astype(np.float32))
