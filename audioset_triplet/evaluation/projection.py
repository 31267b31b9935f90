"""Embeddings in two dimensions (t-SNE), for a map of the clips."""

import dataclasses
import os

import numpy as np

from audioset_triplet.evaluation.retrieval import clips_of_classes
from audioset_triplet.store.stored_clips import Clips

# Enough to see the shape of a data set; t-SNE takes about ten seconds for them, and a page with more is slow to draw.
MAX_CLIPS = 2000
NO_CLASS = -1


@dataclasses.dataclass(frozen=True)
class Projection:
    """m clips in two dimensions."""

    rows: np.ndarray  # [m] of the clips, ascending
    points: np.ndarray  # [m, 2]; no unit, only nearness has a meaning
    labels: np.ndarray  # int64 [m]: the rarest class of each clip, or NO_CLASS


def project_clips(clips: Clips, seed: int) -> Projection:
    """All clips, or MAX_CLIPS drawn at random, in two dimensions."""
    order = np.argsort(np.array(clips.clip_ids))
    rows = np.sort(np.random.default_rng(seed).permutation(order)[:MAX_CLIPS])
    sizes = {label: len(members) for label, members in clips_of_classes(clips).items()}
    labels = [min(clips.labels[row], key=lambda label: (sizes[label], label), default=NO_CLASS) for row in rows]
    return Projection(rows, project(clips.vectors_at(rows), seed), np.array(labels, np.int64))


def project(vectors: np.ndarray, seed: int) -> np.ndarray:
    """t-SNE: unit vectors [n, D] -> [n, 2], the same for the same seed."""
    # Read when scikit-learn loads OpenMP: threads that wait in a loop slow t-SNE down several times on a busy machine.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from sklearn.manifold import TSNE

    spread = np.ptp(vectors, axis=0)
    if len(vectors) < 3 or not spread.any():  # t-SNE needs three points, not all equal
        return np.random.default_rng(seed).normal(size=(len(vectors), 2))
    # Principal components keep the large distances meaningful, which a random start does not.
    start = "pca" if np.count_nonzero(spread) >= 2 else "random"
    perplexity = min(30.0, (len(vectors) - 1) / 3)
    return TSNE(2, perplexity=perplexity, init=start, random_state=seed).fit_transform(vectors.astype(np.float32))
