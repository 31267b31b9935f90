"""The windows of a store that may be asked about next: of each class those that score highest and nearest to a half,
and windows drawn at random; from one pass over the store, whose memory grows with the windows of a part alone.

Shapes: R windows of a batch, C classes.
"""

from typing import Callable, Dict, List, NamedTuple, Optional, Sequence

import numpy as np

from audioset_triplet.detection.archive_counts import ArchiveCounts
from audioset_triplet.evaluation.rated_quality import Counts
from audioset_triplet.store import embedding_parts, embeddings
from audioset_triplet.store.embedding_parts import StoreInfo
from audioset_triplet.store.heads import Head
from audioset_triplet.store.questions import RANDOM, TOP, UNCERTAIN

_COLUMNS = ("window_start_seconds", StoreInfo.COLUMN)


class Stopped(Exception):
    """The pass was stopped."""


class Row(NamedTuple):
    """A window of a pool."""

    clip_id: str
    start_seconds: float
    score: Optional[float]


class Pools(NamedTuple):
    """What may be asked, and what the archive holds."""

    of_class: Dict[str, Dict[str, List[Row]]]  # name of a class -> top, uncertain -> windows, the first to ask first
    random: List[Row]
    counts: List[Counts]  # of each class


class _Best:
    """The windows with the smallest keys so far."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._limit = np.inf
        self._columns: List[np.ndarray] = [np.zeros(0), np.empty(0, object), np.zeros(0), np.zeros(0)]

    def offer(self, keys: np.ndarray, clip_ids: np.ndarray, starts: np.ndarray, scores: np.ndarray) -> None:
        """Takes those of the windows [R] that belong to the best."""
        rows = np.flatnonzero(keys < self._limit)
        if rows.size:
            new = (keys[rows], clip_ids[rows], starts[rows], scores[rows])
            columns = [np.concatenate(pair) for pair in zip(self._columns, new)]
            order = np.argsort(columns[0], kind="stable")[: self._size]
            self._columns = [column[order] for column in columns]
            self._limit = self._columns[0][-1] if len(order) == self._size else np.inf

    def rows(self) -> List[Row]:
        """The windows, that with the smallest key first."""
        _, clip_ids, starts, scores = self._columns
        values = zip(clip_ids, starts.tolist(), scores.tolist())
        return [Row(clip_id, start, None if np.isnan(score) else score) for clip_id, start, score in values]


def fill(folder: str, head: Optional[Head], size: int, seed: int, show: Callable[[float], bool]) -> Pools:
    """The pools of a store.

    Args:
        folder: the store.
        head: what scores it; None: only the windows drawn at random are filled.
        size: windows of a pool.
        seed: of the draw.
        show: is told the share of the store that was read, from 0 to 1; the pass goes on as long as it says so.

    Raises:
        Stopped: `show` said to.
        UserError: a damaged part.
    """
    classes: Sequence[str] = head.info.classes if head else ()
    counts = ArchiveCounts(head) if head else None
    best = {name: {TOP: _Best(size), UNCERTAIN: _Best(size)} for name in classes}
    drawn = _Best(size)
    paths = embedding_parts.part_paths(folder)
    for number, path in enumerate(paths):
        random = np.random.default_rng([seed, number])
        for batch in embeddings.part_batches(path, (), _COLUMNS if head else _COLUMNS[:1]):
            if not show(number / len(paths)):
                raise Stopped
            clip_ids = batch["clip_id"].to_numpy(zero_copy_only=False)
            starts = batch["window_start_seconds"].to_numpy().astype(np.float64)
            drawn.offer(random.random(len(starts)), clip_ids, starts, np.full(len(starts), np.nan))
            if head is None or counts is None:
                continue
            scores = head.scores(embedding_parts.matrix(batch)).astype(np.float64)
            counts.take(clip_ids, starts, scores)
            for column, name in enumerate(classes):
                of_class = scores[:, column]
                best[name][TOP].offer(-of_class, clip_ids, starts, of_class)
                best[name][UNCERTAIN].offer(np.abs(2 * of_class - 1), clip_ids, starts, of_class)
        if counts:
            counts.end_part()
    of_class_rows = {name: {source: one.rows() for source, one in of.items()} for name, of in best.items()}
    return Pools(of_class_rows, drawn.rows(), counts.counts if counts else [])


def of_source(pools: Pools, label: str, source: str) -> List[Row]:
    """The pool of a class and a source; empty for a class without a head, but for random windows."""
    return pools.random if source == RANDOM else pools.of_class.get(label, {}).get(source, [])
