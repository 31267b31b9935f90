"""Metrics of rankings, from scores and relevance. Items of equal score tie: their order does not matter."""

from typing import Tuple

import numpy as np
from scipy import special


def average_precision(scores: np.ndarray, relevant: np.ndarray) -> float:
    """Average precision: the mean of the precision at every relevant item, from the highest score down.

    Not interpolated. Each item of a tie sees the precision at the end of the tie. (As
    `sklearn.metrics.average_precision_score`.)

    Args:
        scores: [n], finite.
        relevant: [n], bool; at least one is true.

    Returns:
        A number in (0, 1].
    """
    hits, false_alarms = _steps(scores, relevant)
    if not hits[-1]:
        raise ValueError("average precision needs at least one relevant item")
    precisions = hits / (hits + false_alarms)
    return float(np.dot(precisions, np.diff(hits, prepend=0)) / hits[-1])


def roc_auc(scores: np.ndarray, relevant: np.ndarray) -> float:
    """Area under the ROC curve: the share of (relevant, irrelevant) pairs in the right order; a tie counts half.

    Args:
        scores: [n], finite.
        relevant: [n], bool; at least one is true and one is not.

    Returns:
        A number in [0, 1].
    """
    hits, false_alarms = _both_kinds(scores, relevant)
    # In integers: the false alarms of each step rank below the hits of earlier steps and tie with those of their own.
    twice_right = np.dot(np.diff(false_alarms, prepend=0), 2 * hits - np.diff(hits, prepend=0))
    return float(twice_right / (2 * int(hits[-1]) * int(false_alarms[-1])))


def d_prime(auc: float) -> float:
    """The separation of two unit normal distributions with this ROC AUC: sqrt(2) times the normal quantile of it.

    Hershey et al. 2017, section 4. Infinite at 1 and at 0 (negative).
    """
    return float(np.sqrt(2) * special.ndtri(auc))


def equal_error_rate(scores: np.ndarray, relevant: np.ndarray) -> float:
    """The error rate at the threshold where the false acceptance rate equals the false rejection rate.

    Between two successive thresholds both rates are interpolated linearly, along the straight line between their two
    points of the ROC curve.

    Args:
        scores: [n], finite.
        relevant: [n], bool; at least one is true and one is not.

    Returns:
        A number in [0, 1]; 0.5 where all scores are equal.
    """
    hits, false_alarms = _both_kinds(scores, relevant)
    accepts = np.concatenate([[0], false_alarms / false_alarms[-1]])  # from "accept nothing" to "accept everything"
    rejects = 1 - np.concatenate([[0], hits / hits[-1]])
    gaps = accepts - rejects  # rises from -1 to 1
    after = int(np.argmax(gaps >= 0))
    share = gaps[after - 1] / (gaps[after - 1] - gaps[after])
    return float(accepts[after - 1] + share * (accepts[after] - accepts[after - 1]))


def _steps(scores: np.ndarray, relevant: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """How many relevant and how many irrelevant items score at least as high as each distinct score, highest first."""
    scores, relevant = np.asarray(scores), np.asarray(relevant, bool)
    if scores.ndim != 1 or scores.shape != relevant.shape:
        raise ValueError(f"scores {scores.shape} and relevance {relevant.shape} are not two vectors of one length")
    if not len(scores) or not np.isfinite(scores).all():
        raise ValueError("a ranking needs scores, all of them finite")
    order = np.argsort(scores)[::-1]
    scores, relevant = scores[order], relevant[order]
    ends = np.append(np.flatnonzero(scores[1:] != scores[:-1]), len(scores) - 1)  # the last item of each tie
    hits = np.cumsum(relevant, dtype=np.int64)[ends]
    return hits, ends + 1 - hits


def _both_kinds(scores: np.ndarray, relevant: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    hits, false_alarms = _steps(scores, relevant)
    if not hits[-1] or not false_alarms[-1]:
        raise ValueError("a ROC curve needs at least one relevant item and one irrelevant")
    return hits, false_alarms
