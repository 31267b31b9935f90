"""Metrics of rankings, from scores and relevance. Items of equal score tie: their order does not matter."""

import dataclasses

import numpy as np
from scipy import special


@dataclasses.dataclass(frozen=True)
class Ranking:
    """Items from the highest score down, in steps of one score each: what all metrics of them are made of.

    Two kinds of items are needed for a ROC curve, and a relevant one for average precision.
    """

    hits: np.ndarray  # [steps] int64: relevant items that score at least as high
    false_alarms: np.ndarray  # [steps] int64: irrelevant ones

    def average_precision(self) -> float:
        """The mean of the precision at every relevant item; a number in (0, 1].

        Not interpolated. Each item of a tie sees the precision at the end of the tie. (As
        `sklearn.metrics.average_precision_score`.)
        """
        if not self.hits[-1]:
            raise ValueError("average precision needs at least one relevant item")
        precisions = self.hits / (self.hits + self.false_alarms)
        return float(np.dot(precisions, np.diff(self.hits, prepend=0)) / self.hits[-1])

    def roc_auc(self) -> float:
        """The area under the ROC curve; a number in [0, 1].

        The share of (relevant, irrelevant) pairs in the right order; a tie counts half.
        """
        self._require_both_kinds()
        # In integers: false alarms of a step rank below the hits of earlier steps and tie with those of their own.
        twice_right = np.dot(np.diff(self.false_alarms, prepend=0), 2 * self.hits - np.diff(self.hits, prepend=0))
        return float(twice_right / (2 * int(self.hits[-1]) * int(self.false_alarms[-1])))

    def equal_error_rate(self) -> float:
        """The error rate where the false acceptance rate equals the false rejection rate; a number in [0, 1].

        Between two successive thresholds both rates are interpolated linearly, along the straight line between their
        two points of the ROC curve. 0.5 where all scores are equal.
        """
        self._require_both_kinds()
        # From "accept nothing" to "accept everything".
        accepts = np.concatenate([[0], self.false_alarms / self.false_alarms[-1]])
        rejects = 1 - np.concatenate([[0], self.hits / self.hits[-1]])
        gaps = accepts - rejects  # rises from -1 to 1
        after = int(np.argmax(gaps >= 0))
        share = gaps[after - 1] / (gaps[after - 1] - gaps[after])
        return float(accepts[after - 1] + share * (accepts[after] - accepts[after - 1]))

    def _require_both_kinds(self) -> None:
        if not self.hits[-1] or not self.false_alarms[-1]:
            raise ValueError("a ROC curve needs at least one relevant item and one irrelevant")


def rank(scores: np.ndarray, relevant: np.ndarray) -> Ranking:
    """Ranks items.

    Args:
        scores: [n], finite.
        relevant: [n], bool.
    """
    scores, relevant = np.asarray(scores), np.asarray(relevant, bool)
    if scores.ndim != 1 or scores.shape != relevant.shape:
        raise ValueError(f"scores {scores.shape} and relevance {relevant.shape} are not two vectors of one length")
    if not len(scores) or not np.isfinite(scores).all():
        raise ValueError("a ranking needs scores, all of them finite")
    order = np.argsort(scores)[::-1]
    scores, relevant = scores[order], relevant[order]
    ends = np.append(np.flatnonzero(scores[1:] != scores[:-1]), len(scores) - 1)  # the last item of each tie
    hits = np.cumsum(relevant, dtype=np.int64)[ends]
    return Ranking(hits, ends + 1 - hits)


def average_precision(scores: np.ndarray, relevant: np.ndarray) -> float:
    """`Ranking.average_precision` of scores [n], finite, and relevance [n], bool, true at least once."""
    return rank(scores, relevant).average_precision()


def roc_auc(scores: np.ndarray, relevant: np.ndarray) -> float:
    """`Ranking.roc_auc` of scores [n], finite, and relevance [n], bool, both true and false."""
    return rank(scores, relevant).roc_auc()


def equal_error_rate(scores: np.ndarray, relevant: np.ndarray) -> float:
    """`Ranking.equal_error_rate` of scores [n], finite, and relevance [n], bool, both true and false."""
    return rank(scores, relevant).equal_error_rate()


def d_prime(auc: float) -> float:
    """The separation of two unit normal distributions with this ROC AUC: sqrt(2) times the normal quantile of it.

    Hershey et al. 2017, section 4. Infinite at 1 and at 0 (negative).
    """
    return float(np.sqrt(2) * special.ndtri(auc))
