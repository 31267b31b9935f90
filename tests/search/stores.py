"""Small stores to search in, and their windows as plain rows."""

import pathlib
from typing import Any, Dict, List

import numpy as np

from audioset_triplet.clips import ClipInfo
from audioset_triplet.store import embeddings
from audioset_triplet.store.embeddings import EmbeddingWriter

HOP_SECONDS = 0.96


def write(folder: pathlib.Path, clips: Dict[str, np.ndarray], clips_per_part: int = 100, **info: Any) -> pathlib.Path:
    """Clips in their order, from their windows [W, D], which need no unit length.

    The recording of the clip `talks/3/a` is 3, its fold 3 modulo 4, and its class 3 modulo 3.
    """
    size = next(iter(clips.values())).shape[1]
    rows_per_part = clips_per_part * max(map(len, clips.values()))
    model = info.get("model", "model")
    with EmbeddingWriter(str(folder), model, "front-end", size, rows_per_part) as writer:
        for clip_id, vectors in clips.items():
            recording = int(clip_id.split("/")[1])
            number = recording % 3
            clip = ClipInfo(clip_id, f"recording{recording}", (number,), (f"class {number}",), recording % 4)
            unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
            weights = np.random.default_rng(recording).uniform(0.1, 1, len(unit))
            writer.write(clip, HOP_SECONDS * np.arange(len(unit)), unit, weights)
    return folder


def coarse(size: int, num_clips: int = 40, seed: int = 0) -> Dict[str, np.ndarray]:
    """Clips of two folders in no order, one to seven windows each, of coarse numbers: many windows are equal."""
    random = np.random.default_rng(seed)
    names = [f"{('music', 'talks')[number % 2]}/{number % 11}/{number:02d}@10" for number in range(num_clips)]
    return {
        name: random.integers(-1, 2, [random.integers(1, 8), size]) + [[3] + [0] * (size - 1)]
        for name in random.permutation(names).tolist()
    }


def rows(folder: pathlib.Path) -> List[Dict[str, Any]]:
    """Every window: clip_id, recording_id, fold, start, vector."""
    found = []
    for batch in embeddings.read_batches(str(folder)):
        columns = (batch.clip_ids, batch.recording_ids, batch.folds, batch.window_start_seconds, batch.embeddings)
        names = ("clip_id", "recording_id", "fold", "start", "vector")
        found += [dict(zip(names, row)) for row in zip(*columns)]
    return found
