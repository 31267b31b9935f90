"""The windows of some clips of a store, with their vectors, in memory.

Shapes: W windows of a clip, D embedding size.
"""

from typing import Dict, Iterable, List, NamedTuple

import numpy as np

from audioset_triplet.store import embedding_parts, embeddings, window_parts


class StoredWindows(NamedTuple):
    """The windows of a clip."""

    start_seconds: np.ndarray  # [W] float32
    vectors: np.ndarray  # [W, D] float32, unit norm
    weights: np.ndarray  # [W] float32
    recording_ids: np.ndarray  # [W] str objects, all the same


def of_clips(folder: str, clip_ids: Iterable[str]) -> Dict[str, StoredWindows]:
    """Clip id -> its windows; a clip that the store does not hold is missing.

    Raises:
        UserError: a damaged part.
    """
    names = set(clip_ids)
    pieces: Dict[str, List[StoredWindows]] = {}
    columns = ["recording_id", "window_start_seconds", "embedding", "weight"]
    for path in embedding_parts.part_paths(folder):
        if names.isdisjoint(window_parts.clip_ids(path)):
            continue
        for batch in embeddings.part_batches(path, (), columns):
            ids, recording_ids = (batch[name].to_numpy(zero_copy_only=False) for name in ("clip_id", "recording_id"))
            starts, weights = batch["window_start_seconds"].to_numpy(), batch["weight"].to_numpy()
            vectors = embedding_parts.matrix(batch)
            for name in names.intersection(ids):
                rows = ids == name
                windows = StoredWindows(starts[rows], vectors[rows], weights[rows], recording_ids[rows])
                pieces.setdefault(name, []).append(windows)
    return {name: StoredWindows(*map(np.concatenate, zip(*of_clip))) for name, of_clip in pieces.items()}


def hop_seconds(start_seconds: np.ndarray) -> float:
    """From the start of a window of a clip to that of the next; infinite where there is one only.

    Windows that were left out, such as silent ones, do not matter as long as most are there.
    """
    return float(np.median(np.diff(np.sort(start_seconds)))) if len(start_seconds) > 1 else np.inf
