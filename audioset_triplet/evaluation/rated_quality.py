"""How good a head is that learned from ratings: numbers of each class, from its scores out of fold.

Shapes: n ratings of a class, C classes.
"""

import dataclasses
from typing import Any, Dict, List, NamedTuple, Optional, Sequence

import numpy as np

from audioset_triplet.evaluation import ranking, rated_precision
from audioset_triplet.evaluation.rated_precision import PrecisionCurve
from audioset_triplet.store.heads import Head, ScoredRatings


class Estimate(NamedTuple):
    """A precision, and the lower and upper end of its interval."""

    precision: float
    low: float
    high: float


class Threshold(NamedTuple):
    """A threshold, and how precise what reaches it is; None: not known."""

    score: float
    events: Optional[Estimate]
    windows: Optional[Estimate]


class Counts(NamedTuple):
    """What the archive holds of a class, between its edges (`archive_edges`)."""

    windows: np.ndarray  # [k] int64 (`rated_precision.count_windows`)
    events: np.ndarray  # [e, e] int64 (`rated_precision.count_events`)


class Edges(NamedTuple):
    """Scores of the ratings of a class, ascending, between which the archive is counted."""

    windows: np.ndarray  # [k]
    events: np.ndarray  # [e] the thresholds of rated events

    def count_windows(self, scores: np.ndarray, bases: np.ndarray) -> Counts:
        """Counts windows and the events that they are peaks of, by scores [R] and bases [R] (`detection.peaks`)."""
        events = rated_precision.count_events(self.events, scores, bases)
        return Counts(rated_precision.count_windows(self.windows, scores), events)


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
    window_curve: Optional[PrecisionCurve] = None
    event_curve: Optional[PrecisionCurve] = None
    threshold: Optional[Threshold] = None  # the lowest that reaches the precision asked for; None: none does
    problem: str = ""  # why it has no head, cannot be measured, or does not reach the precision
    num_windows: Optional[int] = None  # of the archive, at or above the threshold
    num_events: Optional[int] = None

    def at(self, score: float) -> Threshold:
        """A threshold with its precision: that of the lowest rated score at or above it."""
        return Threshold(score, _estimate(self.event_curve, score), _estimate(self.window_curve, score))

    def numbers(self) -> Dict[str, Any]:
        """Flat values for results.json, without those that are not known."""
        values: Dict[str, Any] = {name: getattr(self, name) for name in ("num_present", "num_absent", "num_random")}
        values.update({name: getattr(self, name) for name in ("average_precision", "auc", "num_windows", "num_events")})
        if self.threshold:
            values["threshold"] = self.threshold.score
            for kind in ("events", "windows"):
                known = getattr(self.threshold, kind)
                values.update({f"{kind}/{name}": value for name, value in (known._asdict() if known else {}).items()})
        return {name: value for name, value in values.items() if value is not None}


def _estimate(curve: Optional[PrecisionCurve], score: float) -> Optional[Estimate]:
    if curve is None or not (curve.thresholds >= score).any():
        return None
    place = int((curve.thresholds >= score).sum()) - 1
    return Estimate(*(float(values[place]) for values in (curve.precisions, curve.lows, curve.highs)))


def archive_edges(head: Head) -> List[Edges]:
    """The edges of each class."""
    return [
        Edges(
            np.unique(_with_scores(head.ratings.of_class(column)).scores),
            np.unique(head.events.of_class(column).thresholds),
        )
        for column in range(len(head.info.classes))
    ]


def _with_scores(ratings: ScoredRatings) -> ScoredRatings:
    has_score = np.isfinite(ratings.scores)
    return ScoredRatings(*(values[has_score] for values in vars(ratings).values()))


def measure(
    head: Head, precision: float, confidence: float, counts: Optional[Sequence[Counts]] = None
) -> List[ClassQuality]:
    """The quality of each class of a head, in their order.

    Args:
        head: with its ratings.
        precision: the precision that is asked for, of events and of windows.
        confidence: with which it is to be reached.
        counts: of the archive; None: not counted yet, and all ratings weigh the same.
    """
    return [
        _of_class(head, column, precision, confidence, None if counts is None else counts[column])
        for column in range(len(head.info.classes))
    ]


def _of_class(head: Head, column: int, precision: float, confidence: float, counts: Optional[Counts]) -> ClassQuality:
    of_class = head.ratings.of_class(column)
    known = ClassQuality(
        head.info.classes[column],
        num_present=int(of_class.is_present.sum()),
        num_absent=int((~of_class.is_present).sum()),
        num_random=int(of_class.is_random.sum()),
    )
    scored = _with_scores(of_class)
    if not scored.is_present.any() or scored.is_present.all():
        kind = "not present" if scored.is_present.any() else "present"
        problem = f"cannot be measured: it needs ratings of two recordings that are {kind}"
        return dataclasses.replace(known, problem=problem)
    ranked = ranking.rank(scored.scores, scored.is_present)
    events = head.events.of_class(column)
    weights = None if counts is None else rated_precision.archive_weights(scored.scores, counts.windows)
    window_curve = rated_precision.precision_curve(scored.scores, scored.is_present, confidence, weights)
    event_curve = rated_precision.event_curve(events, confidence, counts.events if counts else None)
    measured = dataclasses.replace(
        known,
        average_precision=ranked.average_precision(),
        auc=ranked.roc_auc(),
        ratings=scored,
        window_curve=window_curve,
        event_curve=event_curve,
    )
    curve = rated_precision.lower_of(event_curve, window_curve)
    lowest = curve.lowest(precision)
    if lowest is None:
        best = int(curve.lows.argmax())
        problem = (
            f"no threshold reaches a precision of {precision:g}: the highest lower end is {curve.lows[best]:.2f}, "
            f"where the estimate is {curve.precisions[best]:.2f} (threshold {curve.thresholds[best]:.2f})"
        )
        return dataclasses.replace(measured, problem=problem)
    threshold = measured.at(float(curve.thresholds[lowest]))
    if counts is not None:
        edges = np.unique(events.thresholds)
        place = int(np.searchsorted(edges, threshold.score))
        measured = dataclasses.replace(
            measured,
            num_windows=int(counts.windows[np.unique(scored.scores) >= threshold.score].sum()),
            num_events=int(counts.events[place:, : place + 1].sum()),
        )
    return dataclasses.replace(measured, threshold=threshold)
