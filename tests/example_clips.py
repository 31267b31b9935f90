"""Folders of embeddings that are drawn around one centre per class."""

import zlib
from typing import List, Optional, Sequence

import numpy as np

from audioset_triplet.clips import ClipInfo
from audioset_triplet.store.embeddings import EmbeddingWriter


def make_infos(num_clips: int, num_classes: int, num_folds: int = 2) -> List[ClipInfo]:
    """One label per clip, classes in turn, two clips of one fold to a recording."""
    return [
        ClipInfo(
            clip_id=f"clip{row:05d}",
            recording_id=f"recording{row // (2 * num_folds)}_{row % num_folds}",
            labels=(row // num_folds % num_classes,),
            label_names=(f"class {row // num_folds % num_classes}",),
            fold=1 + row % num_folds,
        )
        for row in range(num_clips)
    ]


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def windows_of(clips: Sequence[ClipInfo], noise: float, size: int, num_windows: int) -> np.ndarray:
    """[n, W, D] unit vectors: the mean of the centres of the clip's classes, plus noise per clip and per window."""
    num_classes = 1 + max((label for clip in clips for label in clip.labels), default=0)
    centres = unit(np.random.default_rng(0).normal(size=(num_classes, size)))
    random = np.random.default_rng(zlib.crc32("".join(clip.clip_id for clip in clips).encode()))
    means = np.stack([centres[list(clip.labels)].sum(axis=0) if clip.labels else np.zeros(size) for clip in clips])
    of_clips = noise / np.sqrt(size) * random.normal(size=(len(clips), 1, size))
    of_windows = noise / np.sqrt(size) * random.normal(size=(len(clips), num_windows, size))
    return unit(means[:, None] + of_clips + of_windows)


def write(
    folder: object,
    clips: Sequence[ClipInfo],
    noise: float = 0.5,
    size: int = 16,
    num_windows: int = 3,
    model_id: str = "model",
    rows_per_part: int = 100,
    weights: Optional[np.ndarray] = None,
) -> np.ndarray:
    """Writes the windows [n, W, D] of some clips with their weights [n, W] to a folder, and returns the windows."""
    windows = windows_of(clips, noise, size, num_windows).astype(np.float32)
    with EmbeddingWriter(str(folder), model_id, "front-end", size, rows_per_part) as writer:
        for row, clip in enumerate(clips):
            own = None if weights is None else weights[row]
            writer.write(clip, 0.96 * np.arange(num_windows), windows[row], own)
    return windows
