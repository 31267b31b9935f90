"""Metrics of rankings, from scores and relevance."""

import numpy as np


def average_precision(scores: np.ndarray, relevant: np.ndarray) -> float:
    """Average precision: the mean of the precision at every relevant item, from the highest score down.

    Not interpolated. Items of equal score are one step: each of them sees the precision at the end of the tie, so that
    the order in which they were given does not matter. (As `sklearn.metrics.average_precision_score`.)

    Args:
        scores: [n], finite.
        relevant: [n], bool; at least one is true.

    Returns:
        A number in (0, 1].
    """
    scores, relevant = np.asarray(scores), np.asarray(relevant, bool)
    if scores.ndim != 1 or scores.shape != relevant.shape:
        raise ValueError(f"scores {scores.shape} and relevance {relevant.shape} are not two vectors of one length")
    if not np.isfinite(scores).all() or not relevant.any():
        raise ValueError("average precision needs finite scores and at least one relevant item")
    order = np.argsort(scores)[::-1]
    scores, relevant = scores[order], relevant[order]
    ends = np.append(np.flatnonzero(scores[1:] != scores[:-1]), len(scores) - 1)  # the last item of each tie
    hits = np.cumsum(relevant)[ends]
    precisions = hits / (ends + 1)
    return float(np.dot(precisions, np.diff(hits, prepend=0)) / hits[-1])
