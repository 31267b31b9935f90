"""Folders of clusters, as experiments.cluster assigns them."""

import pathlib
from typing import Optional, Sequence

import numpy as np

from audioset_triplet.store import assignments
from audioset_triplet.store.assignments import AssignmentsInfo


def write(
    folder: pathlib.Path,
    clip_ids: Sequence[str],
    clusters: Sequence[int],
    probabilities: Optional[Sequence[float]] = None,
    model_id: str = "model",
    unit: str = "clips",
) -> str:
    """Writes the clusters of some clips to a folder, and returns it; windows begin at 0."""
    info = AssignmentsInfo(model_id, "front-end", 100, unit, "kmeans", "1")
    surely = np.ones(len(clip_ids)) if probabilities is None else np.asarray(probabilities)
    with assignments.writing(str(folder), info) as writer:
        starts = np.zeros(len(clip_ids)) if unit == "windows" else None
        writer.write(np.array(clip_ids), np.asarray(clusters), surely, starts)
    return str(folder)
