"""How good a head is that learned from ratings: numbers of each class, from its scores out of fold.

Shapes: n ratings of a class, C classes.
"""

import dataclasses
from typing import Any, Dict, List, Optional, Sequence

import numpy as np

from audioset_triplet.evaluation import ranking, rated_precision
from audioset_triplet.evaluation.rated_precision import PrecisionCurve
from audioset_triplet.store.heads import Head, ScoredRatings


@dataclasses.dataclass(frozen=True)
class Threshold:
    """A threshold, and how precise what reaches it is."""

    score: float
    precision: Optional[float]  # estimated; None: unknown
    low: Optional[float]  # lower and upper end of the interval
    high: Optional[float]


@dataclasses.dataclass(frozen=True)
class ClassQuality:
    """What is known of a class of a head, or of one for which there is no head yet."""

    name: str
    num_present: int  # ratings
    num_absent: int
    num_random: int  # of intervals that were drawn at random
    average_precision: Optional[float] = None  # of the ratings, out of fold; None: see `problem`
    auc: Optional[float] = None
    ratings: Optional[ScoredRatings] = None  # those that have scores
    curve: Optional[PrecisionCurve] = None
    threshold: Optional[Threshold] = None  # the lowest that reaches the precision that is asked for; None: none does
    problem: str = ""  # why it has no head, cannot be measured, or does not reach the precision
    num_windows: Optional[int] = None  # of the archive, at or above the threshold

    def numbers(self) -> Dict[str, Any]:
        """Flat values for results.json, without those that are not known."""
        values: Dict[str, Any] = {name: getattr(self, name) for name in ("num_present", "num_absent", "num_random")}
        values.update(average_precision=self.average_precision, auc=self.auc, num_windows=self.num_windows)
        if self.threshold:
            one = self.threshold
            values.update(threshold=one.score, precision=one.precision, precision_low=one.low, precision_high=one.high)
        return {name: value for name, value in values.items() if value is not None}


def archive_edges(head: Head) -> List[np.ndarray]:
    """The distinct scores of the ratings of each class, ascending: between them windows of the archive are counted."""
    of_classes = (head.ratings.of_class(column).scores for column in range(len(head.info.classes)))
    return [np.unique(scores[np.isfinite(scores)]) for scores in of_classes]


def measure(
    head: Head, precision: float, confidence: float, counts: Optional[Sequence[np.ndarray]] = None
) -> List[ClassQuality]:
    """The quality of each class of a head, in their order.

    Args:
        head: with its ratings.
        precision: the precision that is asked for.
        confidence: with which it is to be reached.
        counts: [k] windows of the archive between the edges of each class (`archive_edges`); None: not counted yet,
            and all ratings weigh the same.
    """
    return [
        _of_class(head, column, precision, confidence, None if counts is None else counts[column])
        for column in range(len(head.info.classes))
    ]


def _of_class(
    head: Head, column: int, precision: float, confidence: float, counts: Optional[np.ndarray]
) -> ClassQuality:
    of_class = head.ratings.of_class(column)
    known = ClassQuality(
        head.info.classes[column],
        num_present=int(of_class.is_present.sum()),
        num_absent=int((~of_class.is_present).sum()),
        num_random=int(of_class.is_random.sum()),
    )
    has_score = np.isfinite(of_class.scores)
    scored = ScoredRatings(*(values[has_score] for values in vars(of_class).values()))
    if not scored.is_present.any() or scored.is_present.all():
        kind = "not present" if scored.is_present.any() else "present"
        problem = f"cannot be measured: it needs ratings of two recordings that are {kind}"
        return dataclasses.replace(known, problem=problem)
    weights = None if counts is None else rated_precision.archive_weights(scored.scores, counts)
    curve = rated_precision.precision_curve(scored.scores, scored.is_present, confidence, weights)
    lowest = curve.lowest(precision)
    problem, threshold, num_windows = "", None, None
    if lowest is None:
        best = int(curve.lows.argmax())
        problem = (
            f"no threshold reaches a precision of {precision:g}: the highest lower end is {curve.lows[best]:.2f}, "
            f"where the estimate is {curve.precisions[best]:.2f} (threshold {curve.thresholds[best]:.2f})"
        )
    else:
        values = (curve.thresholds, curve.precisions, curve.lows, curve.highs)
        threshold = Threshold(*(float(one[lowest]) for one in values))
        if counts is not None:
            num_windows = int(counts[np.unique(scored.scores) >= threshold.score].sum())
    ranked = ranking.rank(scored.scores, scored.is_present)
    return dataclasses.replace(
        known,
        average_precision=ranked.average_precision(),
        auc=ranked.roc_auc(),
        ratings=scored,
        curve=curve,
        threshold=threshold,
        problem=problem,
        num_windows=num_windows,
    )
