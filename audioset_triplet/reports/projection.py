"""The embedding in two dimensions: where the clips lie, and where the names of their classes fit."""

import dataclasses
import os
from typing import Dict, List

import numpy as np

from audioset_triplet.evaluation.retrieval import clips_of_classes
from audioset_triplet.store.stored_clips import Clips

# Enough to see the shape of a data set; t-SNE takes about ten seconds for them, and a page with more is slow to draw.
MAX_CLIPS = 2000
MAX_NAMES = 60  # more of them hide the clips
WIDTH, HEIGHT, MARGIN = 1000, 700, 36  # of the map, in pixels
_LETTER_WIDTH, _LINE_HEIGHT = 6.9, 15.0  # of a name on it, in pixels


@dataclasses.dataclass(frozen=True)
class ClassOnMap:
    """The clips of a class on the map, and its name where there is room for it."""

    label: int  # -1: clips without a class
    rows: List[int]  # of the clips
    points: np.ndarray  # [len(rows), 2] in pixels
    name_at: np.ndarray  # [2]: the middle of the name, beside the clip in the midst of the class
    name_fits: bool


def project(vectors: np.ndarray, seed: int) -> np.ndarray:
    """t-SNE: unit vectors [n, D] -> [n, 2], the same for the same seed; no unit, only nearness has a meaning."""
    # Read when scikit-learn loads OpenMP: threads that wait in a loop slow t-SNE down several times on a busy machine.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from sklearn.manifold import TSNE

    spread = np.ptp(vectors, axis=0)
    if len(vectors) < 3 or not spread.any():  # nothing to arrange
        return np.random.default_rng(seed).normal(size=(len(vectors), 2))
    # Principal components keep the large distances meaningful, which a random start does not.
    start = "pca" if np.count_nonzero(spread) >= 2 else "random"
    perplexity = min(30.0, (len(vectors) - 1) / 3)
    return TSNE(2, perplexity=perplexity, init=start, random_state=seed).fit_transform(vectors.astype(np.float32))


def lay_out(clips: Clips, class_titles: Dict[int, str], seed: int) -> List[ClassOnMap]:
    """The map of at most MAX_CLIPS clips, drawn by lot; a clip of several classes counts to the rarest of them."""
    order = np.argsort(np.array(clips.clip_ids))
    rows = np.sort(np.random.default_rng(seed).permutation(order)[:MAX_CLIPS])
    points = _fit(project(clips.vectors_at(rows), seed))
    sizes = {label: len(members) for label, members in clips_of_classes(clips).items()}
    grouped: Dict[int, List[int]] = {}
    for position, row in enumerate(rows):
        label = min(clips.labels[row], key=lambda one: (sizes[one], one), default=-1)
        grouped.setdefault(label, []).append(position)
    middles = {label: _middle(points[positions]) for label, positions in grouped.items()}
    names = _place_names(middles, {label: class_titles.get(label, "") for label in grouped}, sizes)
    return [
        ClassOnMap(
            label,
            [int(rows[i]) for i in positions],
            points[positions],
            names.get(label, middles[label] - [0, _LINE_HEIGHT]),
            label in names,
        )
        for label, positions in sorted(grouped.items())
    ]


def _fit(points: np.ndarray) -> np.ndarray:
    """Stretches each axis to the page: t-SNE's axes have no scale of their own."""
    low, high = points.min(axis=0), points.max(axis=0)
    relative = (points - low) / np.maximum(high - low, 1e-9)
    return MARGIN + relative * (np.array([WIDTH, HEIGHT]) - 2 * MARGIN)


def _middle(points: np.ndarray) -> np.ndarray:
    """The point with the smallest sum of distances to the others: unlike a mean, it lies where clips are."""
    distances = np.linalg.norm(points[:, None] - points[None], axis=-1)
    return points[distances.sum(axis=1).argmin()]


def _place_names(
    middles: Dict[int, np.ndarray], titles: Dict[int, str], sizes: Dict[int, int]
) -> Dict[int, np.ndarray]:
    """Label -> middle of its name, for at most MAX_NAMES that do not overlap; the largest classes first."""
    placed: List[np.ndarray] = []
    names: Dict[int, np.ndarray] = {}
    for label in sorted(titles, key=lambda one: (-sizes.get(one, 0), one)):
        if len(names) == MAX_NAMES:
            break
        half = np.array([len(titles[label]) * _LETTER_WIDTH, _LINE_HEIGHT]) / 2
        for offset in ([0, -13], [0, 15], [half[0] + 9, 0], [-half[0] - 9, 0]):  # above, below, right, left
            middle = middles[label] + offset
            box = np.concatenate([middle - half, middle + half])
            free = all((box[2:] < other[:2]).any() or (box[:2] > other[2:]).any() for other in placed)
            inside = (box[:2] >= 0).all() and (box[2:] <= [WIDTH, HEIGHT]).all()
            if titles[label] and free and inside:
                placed.append(box)
                names[label] = middle
                break
    return names
