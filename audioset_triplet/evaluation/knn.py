"""Weighted k nearest neighbours: classification without training.

Wu et al. 2018 (NPID), section 3.4: the k training clips of the highest cosine s with a clip vote for their classes with
the weight exp(s / temperature). Departure: a class's score is its share of the weights of the k votes, which makes the
scores of different clips comparable; the class with most votes is the same. The paper takes 200 neighbours on ImageNet.

Shapes: q queries, r training clips of a block, D embedding size, C classes.
"""

from typing import Callable, Iterable, Iterator, Tuple

import numpy as np

from audioset_triplet.config.evaluation import KnnConfig
from audioset_triplet.evaluation import metrics
from audioset_triplet.evaluation.metrics import ScoreMetrics
from audioset_triplet.evaluation.splits import Split
from audioset_triplet.progress_bars import progress_bar
from audioset_triplet.store.scores import ClipScores

_QUERY_BYTES = 256 << 20  # query vectors in memory at a time: half a million at D = 128
_COSINES = 1 << 24  # cosines computed at a time (64 MiB)


def evaluate(config: KnnConfig, split: Split) -> ScoreMetrics:
    """The metrics of the votes of the training clips on the evaluated clips.

    Raises:
        UserError: what `metrics.measure` raises.
    """
    return metrics.measure(clip_scores(split, config.neighbours, config.temperature))


def clip_scores(split: Split, k: int, temperature: float) -> ClipScores:
    """The shares of the votes [n, C], between 0 and 1; with fewer than k training clips all of them vote."""
    num_queries = len(split.evaluated.clip_ids)
    scores = np.zeros((num_queries, len(split.classes)), np.float32)
    block = max(1, _QUERY_BYTES // (4 * split.evaluated.info.embedding_size))
    for first in range(0, num_queries, block):
        rows = np.arange(first, min(first + block, num_queries))
        blocks = _training_blocks(split, len(rows))
        scores[rows] = vote_shares(split.evaluated.vectors_at(rows), blocks, split.train_targets, k, temperature)
    return split.clip_scores(scores)


def vote_shares(
    queries: np.ndarray,
    blocks: Iterable[Tuple[np.ndarray, np.ndarray]],
    targets_at: Callable[[np.ndarray], np.ndarray],
    k: int,
    temperature: float,
) -> np.ndarray:
    """The shares of the votes, [q, C], between 0 and 1.

    Args:
        queries: [q, D], of unit length.
        blocks: the training clips: rows [r], and vectors [r, D] of unit length.
        targets_at: rows [q] -> [q, C], 1 where a training clip has a class.
        k: neighbours; with fewer training clips all of them vote.
        temperature: see above.
    """
    nearest, cosines = _nearest(queries, blocks, k)
    weights = np.exp((cosines - cosines.max(axis=1, keepdims=True)) / temperature)  # the largest is 1
    weights /= weights.sum(axis=1, keepdims=True)
    votes = [weights[:, rank, None] * targets_at(nearest[:, rank]) for rank in range(k)]
    return np.sum(votes, axis=0, dtype=np.float32)


def _training_blocks(split: Split, num_queries: int) -> Iterator[Tuple[np.ndarray, np.ndarray]]:
    """The usable training clips, streamed: rows [r] and vectors [r, D]."""
    size = max(1, _COSINES // num_queries)
    with progress_bar(name="neighbours", unit="clips", total=int(split.usable.sum()), leave=False) as progress:
        for rows, vectors in split.train.vector_blocks(split.usable):
            for first in range(0, len(rows), size):
                yield rows[first : first + size], vectors[first : first + size]
            progress.update(len(rows))


def _nearest(
    queries: np.ndarray, blocks: Iterable[Tuple[np.ndarray, np.ndarray]], k: int
) -> Tuple[np.ndarray, np.ndarray]:
    """Rows and cosines [q, k] of the training clips nearest to the queries [q, D], from blocks of rows and vectors.

    With fewer than k clips, the cosines after them are minus infinity.
    """
    nearest = np.zeros((len(queries), k), np.int64)
    highest = np.full((len(queries), k), -np.inf, np.float32)
    for rows, vectors in blocks:
        cosines = queries @ vectors.T
        # Later blocks hold a nearer clip for fewer and fewer queries.
        closer = np.flatnonzero(cosines.max(axis=1) > highest[:, -1])
        cosines = cosines[closer]
        best = np.argpartition(-cosines, min(k, len(rows)) - 1, axis=1)[:, :k]
        both_rows = np.concatenate([nearest[closer], rows[best]], axis=1)
        both = np.concatenate([highest[closer], np.take_along_axis(cosines, best, axis=1)], axis=1)
        top = np.argsort(-both, axis=1, kind="stable")[:, :k]
        nearest[closer] = np.take_along_axis(both_rows, top, axis=1)
        highest[closer] = np.take_along_axis(both, top, axis=1)
    return nearest, highest
