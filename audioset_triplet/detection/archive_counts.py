"""Counts the windows and events of an archive between the scores of ratings, for the weights of these.

Shapes: R windows of a batch, C classes.
"""

from typing import List, Tuple

import numpy as np

from audioset_triplet.detection import peaks
from audioset_triplet.evaluation import rated_quality
from audioset_triplet.evaluation.rated_quality import Counts
from audioset_triplet.store.heads import Head


class ArchiveCounts:
    """The counts of each class of a head so far; memory grows with the windows of a part."""

    def __init__(self, head: Head) -> None:
        self._joining = peaks.joining_of(head.info)
        self._edges = rated_quality.archive_edges(head)
        nothing = np.zeros(0)
        self.counts: List[Counts] = [edges.count_windows(nothing, nothing) for edges in self._edges]
        self._batches: List[Tuple[np.ndarray, np.ndarray, np.ndarray]] = []

    def take(self, clip_ids: np.ndarray, start_seconds: np.ndarray, scores: np.ndarray) -> None:
        """Windows of the part: clip ids [R], starts [R] and scores [R, C], in the order on disk."""
        self._batches.append((clip_ids, start_seconds, scores))

    def end_part(self) -> None:
        """Counts the windows of a part, which holds clips whole."""
        if self._batches:
            clip_ids, starts, scores = map(np.concatenate, zip(*self._batches))
            bases = peaks.bases(clip_ids, starts, scores, self._joining)
            for column, edges in enumerate(self._edges):
                pairs = zip(self.counts[column], edges.count_windows(scores[:, column], bases[:, column]))
                self.counts[column] = Counts(*(before + new for before, new in pairs))
            self._batches = []
