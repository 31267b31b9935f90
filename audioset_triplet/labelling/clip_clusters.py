"""Clusters of whole clips, as `experiments.cluster --unit=clips` assigns them."""

import dataclasses
import functools
import hashlib
from typing import Any, Dict, List, Mapping, Sequence, Set, Tuple

import numpy as np

from audioset_triplet.errors import UserError
from audioset_triplet.store import assignments


@dataclasses.dataclass(frozen=True)
class ClipClusters:
    """n clips, each in one cluster."""

    folder: str
    clip_ids: List[str]
    numbers: np.ndarray  # [n] int, the cluster of each clip
    probabilities: np.ndarray  # [n] float32, of its cluster
    model_id: str  # of the embeddings that were clustered
    method: str
    num_clusters: int  # some may have no member

    @functools.cached_property
    def facts(self) -> Dict[str, Any]:
        """What identifies this clustering, as JSON."""
        lines = sorted(f"{number} {clip_id!r}" for clip_id, number in zip(self.clip_ids, self.numbers))
        digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]
        return {
            "model_id": self.model_id,
            "method": self.method,
            "num_clusters": self.num_clusters,
            "digest": digest,
        }

    def of_clips(self, clip_ids: Set[str]) -> "ClipClusters":
        """The clusters of some clips alone; a UserError if none of them has one."""
        rows = [row for row, clip_id in enumerate(self.clip_ids) if clip_id in clip_ids]
        if not rows:
            raise UserError(f"{self.folder}: none of its clips can be queried: choose other --train_folds.")
        return self.at(np.array(rows))

    def at(self, rows: np.ndarray) -> "ClipClusters":
        """The clusters of the clips at some rows, in the order of the rows."""
        ids = [self.clip_ids[row] for row in rows]
        return dataclasses.replace(
            self, clip_ids=ids, numbers=self.numbers[rows], probabilities=self.probabilities[rows]
        )

    @functools.cached_property
    def num_used(self) -> int:
        """How many clusters have a clip."""
        return len(np.unique(self.numbers))

    def propagated(self, labels: Mapping[int, Tuple[int, ...]]) -> List[Tuple[int, ...]]:
        """[n] the labels of each clip's cluster; empty where `labels` (cluster -> class indices) has none."""
        return [labels.get(number, ()) for number in self.numbers.tolist()]

    def rows_of(self, clip_ids: Sequence[str]) -> np.ndarray:
        """The rows of these clips; a UserError if one has no cluster."""
        rows = {clip_id: row for row, clip_id in enumerate(self.clip_ids)}
        missing = [clip_id for clip_id in clip_ids if clip_id not in rows]
        if missing:
            raise UserError(
                f"{self.folder}: {len(missing)} of {len(clip_ids)} clips have no cluster, such as {missing[0]}: assign "
                "all of them."
            )
        return np.array([rows[clip_id] for clip_id in clip_ids])


def read(folder: str) -> ClipClusters:
    """The clusters of whole clips.

    Raises:
        UserError: what `assignments.read` raises, or assignments of windows.
    """
    assigned = assignments.read(folder)
    info = assigned.info
    if info.unit != "clips":
        raise UserError(
            f"{folder}: holds clusters of {info.unit}, and whole clips are queried: cluster clips "
            "(experiments.cluster --unit=clips)."
        )
    return ClipClusters(
        folder=folder,
        clip_ids=assigned.clip_ids.tolist(),
        numbers=assigned.clusters,
        probabilities=assigned.probabilities,
        model_id=info.model_id,
        method=info.method,
        num_clusters=info.num_clusters,
    )
